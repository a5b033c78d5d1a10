//! Passkeys: what a browser answers for one is judged here (WebAuthn Level 3 §7.1, §7.2). Values in, decision out; which challenge was
//! handed out rides sealed in the form, and what may happen once is decided by the store's write.
//!
//! CBOR and COSE are read by `coset`, signatures are checked by AWS-LC; the steps of the specification, and what we demand beyond them, are
//! ours: a user who was verified, a key that can be found without a name, a count that goes up where a key can't be copied.

mod authenticator_data;
mod ceremony;
mod client_data;
mod name;
mod options;
mod problem;
mod public_key;
mod response;
#[cfg(test)]
mod tests;

pub use self::ceremony::{Ceremony, Purpose};
pub use self::client_data::RelyingParty;
pub use self::name::{PasskeyName, SuggestedName};
pub use self::options::{CredentialDescriptor, creation_options, request_options};
pub use self::problem::PasskeyProblem;
pub use self::public_key::{PasskeyAlgorithm, PasskeyKey};
pub use self::response::{
    AskedOf, Asserted, Assertion, CredentialId, CredentialRecord, MOST_PASSKEYS, NewPasskey,
    Registration, SignCount, USER_HANDLE,
};
