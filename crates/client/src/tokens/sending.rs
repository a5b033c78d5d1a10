//! Sending requests to the issuer's endpoints: proven where tokens are bound to a key, and read where tokens come back.

use http::Method;
use safeconduct_issuer::Answer;
use safeconduct_protocol::scope::Scope;

use crate::client::Client;
use crate::error::Error;
use crate::tokens::proof::wants_nonce;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::request::{Requester, TokenRequest};
use crate::tokens::resource::TargetName;
use crate::tokens::response::Tokens;

impl Client {
    /// As whom requests are made, and for the first API.
    pub(crate) fn requester(&self) -> Requester<'_> {
        self.requester_for(&None)
    }

    /// As whom requests are made, and for the API of this name.
    pub(crate) fn requester_for(&self, api: &TargetName) -> Requester<'_> {
        let target = self.targets().named(api);
        Requester {
            issuer: self.issuer(),
            client_id: self.client_id(),
            credentials: &self.config().credentials,
            resource: target.and_then(|target| target.indicator.as_deref()),
            more: &self.config().token_parameters,
        }
    }

    /// Sends the token request that `build` makes, with a proof of `key` where tokens are bound to one, and reads the answer.
    /// Life is counted from before the question, never from after the answer.
    pub(crate) async fn ask(
        &self,
        key: Option<&StoredKey>,
        build: impl Fn() -> Result<TokenRequest, Error>,
        asked: &Scope,
    ) -> Result<Tokens, Error> {
        let now = self.now();
        let answer = self.send_proven(key, build).await?;
        Tokens::read(&answer, asked, now)?.bound_as_asked(key.is_some())
    }

    /// Sends what `build` makes to an endpoint of the issuer, proving `key`; once more if the server wants a nonce in the
    /// proof. It is built anew then: a client assertion counts once.
    pub(crate) async fn send_proven(
        &self,
        key: Option<&StoredKey>,
        build: impl Fn() -> Result<TokenRequest, Error>,
    ) -> Result<Answer, Error> {
        let Some(key) = key else {
            return build()?.send(self).await;
        };
        let send = async || {
            let request = build()?;
            let proof = self.prove(key, &Method::POST, request.url(), None)?;
            let request = request.with_proof(proof);
            let answer = request.send(self).await?;
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
