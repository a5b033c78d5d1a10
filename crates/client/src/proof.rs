//! DPoP at the client (RFC 9449): the key that tokens are bound to, a proof on every request that needs one, and the nonces
//! that servers gave.
//!
//! What a proof says is `safeconduct_protocol::dpop`'s concern.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use safeconduct_issuer::Answer;
use safeconduct_protocol::dpop::{ProofKey, Thumbprint};
use safeconduct_protocol::encoding;
use safeconduct_protocol::secret::Secret;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::record::exposed;
use crate::token_request::TokenRequest;
use crate::token_response::{Refused, TokenType};

/// The header of a proof.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header with which a server gives a nonce.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// What a server says to a proof without the nonce that it wants (RFC 9449 §8, §9).
const USE_NONCE: &str = "use_dpop_nonce";
/// How many servers' nonces are remembered: an issuer's and an API's, and room for their moving.
const MOST_ORIGINS: usize = 16;

/// A proof key as it is kept: PKCS#8 in base64url. `Serialize` is for the seal alone; it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct HeldKey(#[serde(serialize_with = "exposed")] Secret);

/// The nonces that servers gave last, by origin, the oldest first.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<VecDeque<(String, String)>>);

impl HeldKey {
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

    fn open(&self) -> Result<ProofKey, Error> {
        let pkcs8 = Zeroizing::new(encoding::decode(self.0.expose()).unwrap_or_default());
        ProofKey::from_pkcs8(&pkcs8)
            .map_err(|_| Error::new(ErrorKind::SessionStore, "a kept proof key is none"))
    }
}

impl Nonces {
    fn of(&self, url: &Url) -> Option<String> {
        let origin = url.origin().ascii_serialization();
        let kept = self.kept();
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
        let mut kept = self.kept();
        kept.retain(|(of, _)| *of != origin);
        if kept.len() >= MOST_ORIGINS {
            kept.pop_front();
        }
        kept.push_back((origin, nonce.to_owned()));
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// The proof that goes with one request, with the nonce that the server gave last.
    pub(crate) fn prove(
        &self,
        key: &HeldKey,
        method: &Method,
        url: &Url,
        access_token: Option<&Secret>,
    ) -> Result<HeaderValue, Error> {
        let nonce = self.nonces().of(url);
        let access_token = access_token.map(Secret::expose);
        let proof = key
            .open()?
            .prove(
                method.as_str(),
                url.as_str(),
                access_token,
                nonce.as_deref(),
                self.now(),
            )
            .map_err(|error| Error::configuration(format!("no proof: {error}")))?;
        let mut proof = HeaderValue::from_str(&proof).expect("a compact JWS fits a header");
        proof.set_sensitive(true);
        Ok(proof)
    }

    /// The headers that show `token` to `url`: as a bearer token, or with a proof of the key it is bound to.
    pub(crate) fn show(
        &self,
        token: &Secret,
        key: Option<&HeldKey>,
        method: &Method,
        url: &Url,
    ) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        let token_type = match key {
            Some(_) => TokenType::Dpop,
            None => TokenType::Bearer,
        };
        let text = format!("{} {}", token_type.scheme(), token.expose());
        let mut authorization = HeaderValue::from_str(&text).map_err(|_| {
            Error::new(
                ErrorKind::TokenResponse,
                "the access token does not fit a header",
            )
        })?;
        authorization.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, authorization);
        if let Some(key) = key {
            headers.insert(DPOP, self.prove(key, method, url, Some(token))?);
        }
        Ok(headers)
    }

    /// Sends what `build` makes to an endpoint of the issuer, proving `key`; once more if the server wants a nonce in the
    /// proof. It is built anew then: a client assertion counts once.
    pub(crate) async fn send_proven(
        &self,
        key: Option<&HeldKey>,
        build: impl Fn() -> Result<TokenRequest, Error>,
    ) -> Result<Answer, Error> {
        let Some(key) = key else {
            return build()?.send(self.http()).await;
        };
        let send = async || {
            let request = build()?;
            let proof = self.prove(key, &Method::POST, request.url(), None)?;
            let request = request.with_proof(proof);
            let answer = request.send(self.http()).await?;
            self.nonces().learn(request.url(), &answer.headers);
            Ok::<_, Error>(answer)
        };
        let answer = send().await?;
        if wants_nonce(&answer) {
            return send().await;
        }
        Ok(answer)
    }
}

/// Whether `answer` says that the same request with the nonce in it would be taken: in the body at the issuer (RFC 9449 §8),
/// in the challenge at an API (§9).
pub(crate) fn wants_nonce(answer: &Answer) -> bool {
    let in_body = || {
        Refused::read(answer.status, answer.is_json(), &answer.body)
            .is_some_and(|refused| refused.error == USE_NONCE)
    };
    let in_challenge = || {
        answer.status == StatusCode::UNAUTHORIZED
            && grammar::is_challenged_for(&answer.headers, USE_NONCE)
    };
    nonce_in(&answer.headers).is_some() && (in_body() || in_challenge())
}

fn nonce_in(headers: &HeaderMap) -> Option<&str> {
    let nonce = headers.get(DPOP_NONCE)?.to_str().ok()?;
    grammar::is_nonce(nonce).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
        assert_eq!(nonces.kept().len(), MOST_ORIGINS);
        assert!(nonces.of(&url("https://99.example/")).is_some());
        nonces.learn(&url("https://long.example/"), &with_nonce(&"n".repeat(513)));
        nonces.learn(&url("https://odd.example/"), &with_nonce("a\"b"));
        assert_eq!(nonces.of(&url("https://long.example/")), None);
        assert_eq!(nonces.of(&url("https://odd.example/")), None);
    }

    #[test]
    fn a_wish_for_a_nonce_comes_with_one() {
        let answer = |status: u16, challenge: &str, body: &str, nonce: bool| {
            let mut headers = if nonce {
                with_nonce("n")
            } else {
                HeaderMap::new()
            };
            headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            headers.insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
            wants_nonce(&Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                body: Bytes::copy_from_slice(body.as_bytes()),
            })
        };
        let body = r#"{"error":"use_dpop_nonce"}"#;
        let challenge = r#"DPoP error="use_dpop_nonce", algs="ES256""#;
        assert!(answer(400, "", body, true) && answer(401, challenge, "", true));
        assert!(!answer(400, "", body, false) && !answer(401, challenge, "", false));
        assert!(!answer(400, "", r#"{"error":"invalid_grant"}"#, true));
        assert!(!answer(200, "", body, true) && !answer(403, challenge, "", true));
    }

    #[test]
    fn a_key_survives_being_kept() {
        let key = HeldKey::generate().unwrap();
        let kept = serde_json::to_string(&key).unwrap();
        let again: HeldKey = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.thumbprint().unwrap(), key.thumbprint().unwrap());
        let broken: HeldKey = serde_json::from_str("\"AAAA\"").unwrap();
        assert_eq!(
            broken.thumbprint().unwrap_err().kind(),
            ErrorKind::SessionStore
        );
    }
}
