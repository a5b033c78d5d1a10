//! Keys that clients hold, and the proofs of them that their requests carry (RFC 9449). Flawless ones are made here; what is
//! wrong with the others is each test's own.

use axum::extract::Request;
use http::HeaderValue;
use safeconduct_protocol::dpop::PROOF_TYP;
use safeconduct_protocol::encoding;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::{Answer, Code, Form, TestServer, Tokens};

/// A key that a client makes for itself. Its `kid` is the thumbprint that tokens are bound to.
pub(crate) fn proof_key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// The same request with a proof beside it.
pub(crate) fn with_proof(mut request: Request, proof: &str) -> Request {
    let proof = HeaderValue::from_str(proof).unwrap();
    request.headers_mut().append("dpop", proof);
    request
}

impl TestServer {
    /// What a flawless proof for a request to `endpoint`, a path below the issuer, claims.
    pub(crate) fn proof_claims(
        &self,
        method: &str,
        endpoint: &str,
        access_token: Option<&str>,
    ) -> Value {
        let mut claims = json!({
            "jti": new_id(), "htm": method, "htu": format!("{}{endpoint}", self.issuer()),
            "iat": self.now().seconds(),
        });
        if let Some(token) = access_token {
            claims["ath"] = encoding::sha256_base64url(token.as_bytes()).into();
        }
        claims
    }

    /// A flawless proof of `key`.
    pub(crate) fn prove(
        &self,
        key: &SigningKey,
        method: &str,
        endpoint: &str,
        access_token: Option<&str>,
    ) -> String {
        let claims = self.proof_claims(method, endpoint, access_token);
        key.sign_proof(PROOF_TYP, &claims).unwrap()
    }

    /// `POST /token` by `client`, which proves `key`.
    pub(crate) async fn token_proving(
        &self,
        key: &SigningKey,
        client: &str,
        form: &Form,
    ) -> Answer {
        self.token_with_proof(&self.prove(key, "POST", "/token", None), client, form)
            .await
    }

    /// `POST /token` by `client` with this proof beside it.
    pub(crate) async fn token_with_proof(&self, proof: &str, client: &str, form: &Form) -> Answer {
        let request = self.back_channel("/token", &self.credentials(client), form);
        let answer = self.send(with_proof(request, proof)).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        answer
    }

    /// Redeems a code, as its client does that holds `key`.
    pub(crate) async fn exchange_proving(&self, key: &SigningKey, code: &Code) -> Answer {
        self.token_proving(key, &code.client, &code.exchange())
            .await
    }

    /// Uses a refresh token, as `client` does that holds `key`.
    pub(crate) async fn refresh_proving(
        &self,
        key: &SigningKey,
        client: &str,
        tokens: &Tokens,
    ) -> Answer {
        self.token_proving(key, client, &tokens.refresh()).await
    }

    /// `GET /userinfo` under the `DPoP` scheme, with a flawless proof of `key`.
    pub(crate) async fn userinfo_proving(&self, key: &SigningKey, access_token: &str) -> Answer {
        let proof = self.prove(key, "GET", "/userinfo", Some(access_token));
        let request = self.userinfo_request("DPoP", access_token);
        self.send(with_proof(request, &proof)).await
    }
}
