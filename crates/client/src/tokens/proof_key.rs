//! The keys that tokens are bound to (DPoP, RFC 9449), as they are kept, and the nonces that servers gave for proofs.
//!
//! What a proof says is `safeconduct_protocol::dpop`'s concern; when one is sent, `proof.rs`'s.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::HeaderName;
use safeconduct_protocol::dpop::{ProofKey, Thumbprint};
use safeconduct_protocol::encoding;
use safeconduct_protocol::secret::Secret;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::tokens::stored::exposed;

/// The header of a proof.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header with which a server gives a nonce.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// How many servers' nonces are remembered: an issuer's and an API's, and room for their moving.
const MOST_ORIGINS: usize = 16;

/// A proof key as it is kept: PKCS#8 in base64url. `Serialize` is for the seal alone; it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredKey(#[serde(serialize_with = "exposed")] Secret);

/// The nonces that servers gave last, by origin, the oldest first.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<VecDeque<(String, String)>>);

impl StoredKey {
    /// A new key.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the provider fails.
    pub(crate) fn generate() -> Result<Self, Error> {
        let pkcs8 = ProofKey::generate().to_pkcs8();
        let pkcs8 = pkcs8.map_err(|error| Error::configuration(error.to_string()))?;
        Ok(Self(Secret::new(encoding::encode(&pkcs8))))
    }

    /// What tokens are bound to.
    pub(crate) fn thumbprint(&self) -> Result<Thumbprint, Error> {
        self.open().map(|key| key.thumbprint())
    }

    pub(crate) fn open(&self) -> Result<ProofKey, Error> {
        let pkcs8 = Zeroizing::new(encoding::decode(self.0.expose()).unwrap_or_default());
        ProofKey::from_pkcs8(&pkcs8)
            .map_err(|_| Error::new(ErrorKind::SessionStore, "a kept proof key is none"))
    }
}

impl Nonces {
    pub(crate) fn of(&self, url: &Url) -> Option<String> {
        let origin = url.origin().ascii_serialization();
        let kept = self.entries();
        let mut newest_first = kept.iter().rev();
        newest_first
            .find(|(of, _)| *of == origin)
            .map(|(_, nonce)| nonce.clone())
    }

    /// Remembers the nonce in an answer of `url`, if there is one.
    pub(crate) fn learn(&self, url: &Url, headers: &HeaderMap) {
        let Some(nonce) = nonce_in(headers) else {
            return;
        };
        let origin = url.origin().ascii_serialization();
        let mut kept = self.entries();
        kept.retain(|(of, _)| *of != origin);
        if kept.len() >= MOST_ORIGINS {
            kept.pop_front();
        }
        kept.push_back((origin, nonce.to_owned()));
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nonce in an answer, if there is one that may be sent back.
pub(crate) fn nonce_in(headers: &HeaderMap) -> Option<&str> {
    let nonce = headers.get(DPOP_NONCE)?.to_str().ok()?;
    grammar::is_nonce(nonce).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn with_nonce(nonce: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DPOP_NONCE, HeaderValue::from_str(nonce).unwrap());
        headers
    }

    #[test]
    fn the_last_nonce_of_an_origin_is_sent_to_that_origin() {
        let nonces = Nonces::default();
        assert_eq!(nonces.of(&url("https://a.example/token")), None);
        nonces.learn(&url("https://a.example/token"), &with_nonce("one"));
        nonces.learn(&url("https://b.example/"), &with_nonce("other"));
        nonces.learn(&url("https://a.example/par?x"), &with_nonce("two"));
        nonces.learn(&url("https://a.example/token"), &HeaderMap::new());
        assert_eq!(nonces.of(&url("https://a.example/x")).unwrap(), "two");
        assert_eq!(nonces.of(&url("https://b.example/x")).unwrap(), "other");
        assert_eq!(nonces.of(&url("https://a.example:444/x")), None);
    }

    #[test]
    fn nonces_take_no_more_than_their_room() {
        let nonces = Nonces::default();
        for number in 0..100 {
            let origin = url(&format!("https://{number}.example/"));
            nonces.learn(&origin, &with_nonce("n"));
        }
        assert_eq!(nonces.entries().len(), MOST_ORIGINS);
        assert!(nonces.of(&url("https://99.example/")).is_some());
        nonces.learn(&url("https://long.example/"), &with_nonce(&"n".repeat(513)));
        nonces.learn(&url("https://odd.example/"), &with_nonce("a\"b"));
        assert_eq!(nonces.of(&url("https://long.example/")), None);
        assert_eq!(nonces.of(&url("https://odd.example/")), None);
    }

    #[test]
    fn a_key_survives_being_kept() {
        let key = StoredKey::generate().unwrap();
        let kept = serde_json::to_string(&key).unwrap();
        let again: StoredKey = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.thumbprint().unwrap(), key.thumbprint().unwrap());
        let broken: StoredKey = serde_json::from_str("\"AAAA\"").unwrap();
        assert_eq!(
            broken.thumbprint().unwrap_err().kind(),
            ErrorKind::SessionStore
        );
    }
}
