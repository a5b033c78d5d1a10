//! DPoP at the client (RFC 9449): a proof on every request that needs one.
//!
//! The keys and the nonces are `proof_key.rs`'s concern.

use http::header;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use safeconduct_issuer::Answer;
use safeconduct_protocol::secret::Secret;
use url::Url;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::tokens::proof_key::{DPOP, StoredKey, nonce_in};
use crate::tokens::response::{Refused, TokenType};

/// What a server says to a proof without the nonce that it wants (RFC 9449 §8, §9).
const USE_NONCE: &str = "use_dpop_nonce";

impl Client {
    /// The proof that goes with one request, with the nonce that the server gave last.
    pub(crate) fn prove(
        &self,
        key: &StoredKey,
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
        key: Option<&StoredKey>,
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
}

/// Whether `answer` says that the same request with the nonce in it would be taken: in the body at the issuer (RFC 9449 §8),
/// in the challenge at an API (§9).
pub(crate) fn wants_nonce(answer: &Answer) -> bool {
    let in_body = || {
        Refused::read(answer.status, answer.is_json(), &answer.body)
            .is_some_and(|refused| refused.error == USE_NONCE)
    };
    let in_challenge =
        || answer.status == StatusCode::UNAUTHORIZED && is_nonce_wanted(&answer.headers);
    nonce_in(&answer.headers).is_some() && (in_body() || in_challenge())
}

/// Whether a challenge in `headers` asks for a nonce (RFC 9449 §9).
pub(crate) fn is_nonce_wanted(headers: &HeaderMap) -> bool {
    grammar::is_challenged_for(headers, USE_NONCE)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::tokens::proof_key::DPOP_NONCE;

    fn with_nonce(nonce: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DPOP_NONCE, HeaderValue::from_str(nonce).unwrap());
        headers
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
}
