//! Tokens for the app itself, without a person (RFC 6749 §4.4): kept, shared, and renewed ahead of their end.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use safeconduct_issuer::SingleFlight;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

use crate::client::Client;
use crate::error::Error;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::refreshes::LONGEST_PAUSE;
use crate::tokens::request::{Offer, TokenRequest};
use crate::tokens::stored::{Need, StoredTokens, Unwanted};

/// A source of access tokens for this app. Cheap to clone; all clones share one token.
#[derive(Clone)]
pub struct ClientCredentials {
    client: Client,
    scope: Arc<Scope>,
    /// The key that the tokens are bound to, if they are.
    proof_key: Option<Arc<StoredKey>>,
    cached: Arc<ArcSwapOption<StoredTokens>>,
    requests: Arc<SingleFlight<(), Arc<StoredTokens>, Error>>,
}

impl Client {
    /// A source of tokens for this app itself, with the client's scopes and for its resource. With `.dpop(true)` they are bound to
    /// a key of this source.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if the client has nothing to authenticate with.
    pub fn client_credentials(&self) -> Result<ClientCredentials, Error> {
        if !self.config().credentials.is_confidential() {
            return Err(Error::configuration(
                "client credentials need a client that authenticates: `.secret(…)` or a key",
            ));
        }
        let proof_key = match self.config().dpop {
            true => Some(Arc::new(StoredKey::generate()?)),
            false => None,
        };
        Ok(ClientCredentials {
            client: self.clone(),
            scope: Arc::new(self.scope().clone()),
            proof_key,
            cached: Arc::default(),
            requests: Arc::new(SingleFlight::new(self.clock().clone(), LONGEST_PAUSE)),
        })
    }
}

impl ClientCredentials {
    /// A token that is good now. However many ask at once, the server is asked once. One that is bound to a key is of no use
    /// without proofs: [`ClientCredentials::api`] makes them.
    ///
    /// # Errors
    /// Whatever kept a token away; for a moment all who ask get the same failure.
    pub async fn token(&self) -> Result<Secret, Error> {
        self.token_unless_refused(None).await
    }

    /// As [`ClientCredentials::token`], after an API answered `invalid_token` to the token `refused`: another one, unless that
    /// was done within the last minute.
    ///
    /// # Errors
    /// As [`ClientCredentials::token`].
    pub async fn token_instead_of(&self, refused: &Secret) -> Result<Secret, Error> {
        let refused = Unwanted::Refused(refused.clone());
        self.token_unless_refused(Some(refused)).await
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn proof_key(&self) -> Option<&StoredKey> {
        self.proof_key.as_deref()
    }

    async fn token_unless_refused(&self, refused: Option<Unwanted>) -> Result<Secret, Error> {
        let cached = self.cached.load_full();
        let need = |tokens: &StoredTokens, now: Timestamp| tokens.need(refused.as_ref(), now);
        let now = self.client.now();
        let task = || {
            let (source, refused) = (self.clone(), refused.clone());
            async move { source.fetch(refused.as_ref()).await }
        };
        match cached {
            Some(tokens) if need(&tokens, now) == Need::Nothing => Ok(tokens.access_token.clone()),
            Some(tokens) if need(&tokens, now) == Need::Soon => {
                self.requests.start((), task);
                Ok(tokens.access_token.clone())
            }
            Some(_) | None => Ok(self.requests.join((), task).await?.access_token.clone()),
        }
    }

    async fn fetch(&self, refused: Option<&Unwanted>) -> Result<Arc<StoredTokens>, Error> {
        let last = self.cached.load_full();
        let good =
            |tokens: &Arc<StoredTokens>| tokens.need(refused, self.client.now()) == Need::Nothing;
        if let Some(tokens) = last.clone().filter(good) {
            return Ok(tokens);
        }
        let metadata = self.client.metadata().await?;
        let request = || {
            let offer = Offer::ClientCredentials(&self.scope);
            let (endpoint, now) = (&metadata.token_endpoint, self.client.now());
            TokenRequest::for_token(endpoint, &self.client.requester(), &offer, now)
        };
        let answer = self
            .client
            .ask(self.proof_key(), request, &self.scope)
            .await;
        let tokens =
            answer.inspect_err(|error| tracing::warn!(%error, "no token for the app itself"))?;
        let held = match last.as_deref().cloned() {
            Some(mut held) => {
                held.renew(tokens, refused.is_some());
                held
            }
            None => StoredTokens::new(tokens),
        };
        let held = Arc::new(held);
        self.cached.store(Some(held.clone()));
        Ok(held)
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
