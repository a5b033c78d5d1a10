//! Tokens for the app itself, without a user (RFC 6749 §4.4): kept, shared, and renewed ahead of their end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use safeconduct_issuer::SingleFlight;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

use crate::client::Client;
use crate::error::Error;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::refreshes::LONGEST_PAUSE;
use crate::tokens::request::{Offer, TokenRequest};
use crate::tokens::resource::TargetName;
use crate::tokens::stored::{Need, StoredTokens, Unwanted};

/// A source of access tokens for this app. Cheap to clone; all clones share one token.
#[derive(Clone)]
pub struct ClientCredentials {
    client: Client,
    /// The key that the tokens are bound to, if they are.
    proof_key: Option<Arc<StoredKey>>,
    cached: Arc<Mutex<HashMap<TargetName, Arc<StoredTokens>>>>,
    requests: Arc<SingleFlight<TargetName, Arc<StoredTokens>, Error>>,
}

impl Client {
    /// A source of tokens for this app itself: with the client's scopes and for its first resource, and one for each other resource, with
    /// that one's scopes, when it is first called. With `.dpop(true)` they are bound to a key of this source.
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
        self.token_for(&None).await
    }

    /// As [`ClientCredentials::token`], for the API of this name.
    pub(crate) async fn token_for(&self, api: &TargetName) -> Result<Secret, Error> {
        self.token_unless_refused(api, None).await
    }

    /// As [`ClientCredentials::token`], after an API answered `invalid_token` to the token `refused`: another one, unless that
    /// was done within the last minute.
    ///
    /// # Errors
    /// As [`ClientCredentials::token`].
    pub async fn token_instead_of(&self, refused: &Secret) -> Result<Secret, Error> {
        self.token_for_instead_of(&None, refused).await
    }

    /// As [`ClientCredentials::token_instead_of`], for the API of this name.
    pub(crate) async fn token_for_instead_of(
        &self,
        api: &TargetName,
        refused: &Secret,
    ) -> Result<Secret, Error> {
        let refused = Unwanted::Refused(refused.clone());
        self.token_unless_refused(api, Some(refused)).await
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn proof_key(&self) -> Option<&StoredKey> {
        self.proof_key.as_deref()
    }

    fn cached(&self, api: &TargetName) -> Option<Arc<StoredTokens>> {
        self.lock().get(api).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TargetName, Arc<StoredTokens>>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn token_unless_refused(
        &self,
        api: &TargetName,
        refused: Option<Unwanted>,
    ) -> Result<Secret, Error> {
        let cached = self.cached(api);
        let need = |tokens: &StoredTokens, now: Timestamp| tokens.need(refused.as_ref(), now);
        let now = self.client.now();
        let task = || {
            let (source, api, refused) = (self.clone(), api.clone(), refused.clone());
            async move { source.fetch(&api, refused.as_ref()).await }
        };
        match cached {
            Some(tokens) if need(&tokens, now) == Need::Nothing => Ok(tokens.access_token.clone()),
            Some(tokens) if need(&tokens, now) == Need::Soon => {
                self.requests.start(api.clone(), task);
                Ok(tokens.access_token.clone())
            }
            Some(_) | None => Ok(self
                .requests
                .join(api.clone(), task)
                .await?
                .access_token
                .clone()),
        }
    }

    async fn fetch(
        &self,
        api: &TargetName,
        refused: Option<&Unwanted>,
    ) -> Result<Arc<StoredTokens>, Error> {
        let last = self.cached(api);
        let good =
            |tokens: &Arc<StoredTokens>| tokens.need(refused, self.client.now()) == Need::Nothing;
        if let Some(tokens) = last.clone().filter(good) {
            return Ok(tokens);
        }
        let metadata = self.client.metadata().await?;
        let other = api.as_ref().and_then(|_| self.client.targets().named(api));
        let scope = other.map_or(self.client.scope(), |target| &target.scope);
        let request = || {
            let offer = Offer::ClientCredentials(scope);
            let (endpoint, now) = (&metadata.token_endpoint, self.client.now());
            TokenRequest::for_token(endpoint, &self.client.requester_for(api), &offer, now)
        };
        let answer = self.client.ask(self.proof_key(), request, scope).await;
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
        self.lock().insert(api.clone(), held.clone());
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
