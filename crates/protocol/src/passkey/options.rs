//! What a page asks the browser for: `PublicKeyCredentialCreationOptionsJSON` and `PublicKeyCredentialRequestOptionsJSON` (WebAuthn
//! Level 3 §5.1.8, §5.1.9).

use serde_json::{Value, json};

use super::{client_data::RelyingParty, public_key::PasskeyAlgorithm, response::CredentialId};

/// How long a browser waits for a user, in milliseconds (§15.1).
const TIMEOUT: u32 = 300_000;

/// A passkey that an account has, to a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialDescriptor {
    /// Its name among all there are.
    pub id: CredentialId,
    /// How it is reached.
    pub transports: Vec<String>,
}

impl CredentialDescriptor {
    fn described(&self) -> Value {
        json!({ "type": "public-key", "id": self.id.to_string(), "transports": self.transports })
    }
}

/// What `create()` is asked for: a key that can be found without a name, and that verifies its user. `handle` is base64url, `known` what
/// the account has already.
pub fn creation_options(
    party: &RelyingParty,
    product: &str,
    challenge: &str,
    handle: &str,
    username: &str,
    known: &[CredentialDescriptor],
) -> Value {
    let algorithms = PasskeyAlgorithm::ALL
        .map(|algorithm| json!({ "type": "public-key", "alg": algorithm.number() }));
    json!({
        "rp": { "id": party.id, "name": product },
        "user": { "id": handle, "name": username, "displayName": username },
        "challenge": challenge,
        "pubKeyCredParams": algorithms,
        "timeout": TIMEOUT,
        "excludeCredentials": known.iter().map(CredentialDescriptor::described).collect::<Vec<_>>(),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
        "extensions": { "credProps": true },
    })
}

/// What `get()` is asked for. `known` is empty where anybody may sign in: a list would tell who has an account.
pub fn request_options(
    party: &RelyingParty,
    challenge: &str,
    known: &[CredentialDescriptor],
) -> Value {
    json!({
        "rpId": party.id,
        "challenge": challenge,
        "timeout": TIMEOUT,
        "allowCredentials": known.iter().map(CredentialDescriptor::described).collect::<Vec<_>>(),
        "userVerification": "required",
    })
}
