//! JOSE as OAuth needs it and no more: compact JWS over a closed list of algorithms, JWK sets, one verifying function.
//!
//! There is no `none`, no HMAC, no JWE and no JSON serialisation: they are not refused by a setting, they are not here. A key
//! in a header is nobody's, but in a proof ([`verify_proof`]), which is about that key. Which claims a kind of token carries
//! belongs to that token; which keys are current, and fetching anybody else's, belongs to the caller.
//!
//! ```
//! use safeconduct_protocol::jose::{Algorithm, Audience, Expectation, KeySet, SigningKey, Typ, verify};
//! use safeconduct_protocol::time::Timestamp;
//!
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let claims = serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "https://api.example.com", "sub": "ada", "exp": 1_800_000_300,
//! });
//! let token = key.sign_jwt("at+jwt", &claims)?;
//!
//! let expect = Expectation::new(
//!     Typ::OneOf(&["at+jwt"]),
//!     &[Algorithm::Es256],
//!     "https://id.example.com",
//!     Audience::Member("https://api.example.com"),
//! );
//! let keys = KeySet::new(vec![key.verification_key()]);
//! let verified = verify(&token, &expect, &keys, Timestamp::from_seconds(1_800_000_000))?;
//! assert_eq!(verified.sub(), Some("ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod error;
mod header;
mod json;
mod jwk;
mod key_set;
mod signing_key;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{JoseError, KeyError, SignError};
pub use header::{Header, MAX_TOKEN, unverified_header, unverified_issuer};
pub use jwk::{Jwk, JwkSet, MAX_KEYS};
pub use key_set::{KeySet, VerificationKey};
pub use signing_key::SigningKey;
pub use verify::{
    Audience, Expectation, LEEWAY, MAX_EXPIRY_LEEWAY, Typ, Verified, verify, verify_proof,
};

/// The JSON object in `text`, read as strictly as a token's: no member twice, at any depth. `None` for anything else.
pub fn json_object(text: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    json::object(text.as_bytes())
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod vectors;
