//! Trusting an issuer from outside: which addresses may be spoken to, what the issuer says about itself, its keys, and the pace at
//! which it is asked. What the client library and the guard share; their users never name this crate.
//!
//! - [`Address`]: an https URL, kept byte for byte.
//! - [`Http`]: the one way out, bounded.
//! - [`Discovery`]: the metadata.
//! - [`Keys`]: the keys, and the search for one that is not known.
//! - [`SingleFlight`]: one task for all who wait for it.
//!
//! What a token must say is the rules' concern (`safeconduct_protocol::jose`), and the caller's.

mod address;
mod discovery;
mod fetch_error;
mod http;
mod keys;
mod network;
mod pace;
mod single_flight;

pub use address::{Address, AddressError, is_protected};
pub use discovery::{Discovery, Metadata, endpoint, metadata_locations, read_document};
pub use fetch_error::{FetchError, FetchErrorKind};
pub use http::{
    Adjustment, Answer, Http, HttpSettings, basic, cause, is_busy, read, without_query,
};
pub use keys::{GivenBy, Keys, KeysRead, is_key_unknown};
pub use network::PlainHttp;
pub use reqwest;
pub use single_flight::{Failure, Pending, SingleFlight};
