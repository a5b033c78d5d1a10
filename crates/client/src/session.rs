//! One person's session in this app, for handlers that do not use the axum extractors, and below them.

use std::fmt;

use safeconduct_protocol::encoding;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::record::Record;
use crate::sessions::{Change, key_of};
use crate::store::SessionKey;
use crate::token_response::Tokens;

/// The longest name a session carries, in characters.
const LONGEST_NAME: usize = 200;

/// Somebody who is signed in to this app.
///
/// It is the app's own session: who the person is at the server is not known until OpenID Connect's `id_token` is asked for, so
/// the app may put a name here that it learned from its API.
#[derive(Clone)]
pub struct Session {
    client: Client,
    key: SessionKey,
    csrf_token: String,
    record: Record,
}

/// A session that began.
pub struct StartedSession {
    /// The session.
    pub session: Session,
    /// The `Set-Cookie` value that gives it to the browser.
    pub set_cookie: String,
}

impl Client {
    /// Begins a session with the tokens of a sign-in, always under a new cookie. A session that `cookie_header` still names is
    /// ended: nothing of it is carried over.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`].
    pub async fn start_session(
        &self,
        tokens: Tokens,
        cookie_header: &str,
    ) -> Result<StartedSession, Error> {
        for key in self.session_keys(cookie_header) {
            if let Ok(Some(Record { tokens, .. })) = self.sessions().end_if(&key, |_| true).await {
                tokens.refresh_token.map(|token| self.revoke(token));
            }
        }
        let (cookie, record) = self.sessions().start(tokens).await?;
        let name = &self.config().session_cookie;
        let lifetime = self.sessions().cookie_lifetime();
        tracing::info!(session = record.id, "signed in");
        Ok(StartedSession {
            set_cookie: self.config().cookies.set(name, cookie.expose(), lifetime),
            session: Session::new(self, cookie.expose(), record),
        })
    }

    /// The session that the browser's `Cookie` header names, if it is alive.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: then nobody knows whether somebody is signed in.
    pub async fn session(&self, cookie_header: &str) -> Result<Option<Session>, Error> {
        for cookie in self.session_cookies(cookie_header) {
            let Some(key) = key_of(cookie) else { continue };
            if let Some(held) = self.sessions().find(&key).await? {
                self.sessions().touch(&key, &held.record).await;
                return Ok(Some(Session::new(self, cookie, held.record)));
            }
        }
        Ok(None)
    }

    /// The `Set-Cookie` value that takes the session's cookie from the browser.
    pub fn clear_session_cookie(&self) -> String {
        self.config().cookies.clear(&self.config().session_cookie)
    }

    fn session_keys(&self, cookie_header: &str) -> Vec<SessionKey> {
        self.session_cookies(cookie_header)
            .filter_map(key_of)
            .collect()
    }

    /// At most three values: a sibling port of localhost may have set the same name.
    fn session_cookies<'h>(
        &self,
        cookie_header: &'h str,
    ) -> impl Iterator<Item = &'h str> + use<'h> {
        let config = self.config();
        config
            .cookies
            .values(cookie_header, &config.session_cookie)
            .take(3)
    }
}

impl Session {
    fn new(client: &Client, cookie: &str, record: Record) -> Self {
        let csrf_token =
            encoding::hmac_sha256(cookie.as_bytes(), b"safeconduct-client sign-out form");
        Self {
            client: client.clone(),
            key: SessionKey::of(cookie),
            csrf_token: encoding::encode(&csrf_token),
            record,
        }
    }

    /// This session's public identifier: fit for logs, useless as a cookie, new at every sign-in.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// What the person allowed this app.
    pub fn scope(&self) -> &Scope {
        &self.record.tokens.scope
    }

    /// The name the app gave this session.
    pub fn name(&self) -> Option<&str> {
        self.record.name.as_deref()
    }

    /// What a form must carry, in a field `csrf_token`, to be taken for this session's own: only this browser was ever shown it.
    pub fn csrf_token(&self) -> &str {
        &self.csrf_token
    }

    /// Gives this session a name to show, cut at 200 characters.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`], [`ErrorKind::SessionEnded`].
    pub async fn set_name(&mut self, name: &str) -> Result<(), Error> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        self.change(|record| record.name = Some(name.clone())).await
    }

    /// Keeps `value` with this session under `key`. Tokens and values share 12 KiB.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is no JSON; [`ErrorKind::SessionStore`] if it is too large, or the store
    /// fails; [`ErrorKind::SessionEnded`].
    pub async fn remember(&mut self, key: &str, value: &impl Serialize) -> Result<(), Error> {
        let value = serde_json::to_value(value)
            .map_err(|error| Error::configuration(format!("`{key}` cannot be kept: {error}")))?;
        self.change(|record| {
            record.data.insert(key.to_owned(), value.clone());
        })
        .await
    }

    /// The value that was kept under `key`, if there is one of that type.
    pub fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.record.data.get(key)?;
        serde_json::from_value(value.clone()).ok()
    }

    /// An access token that is good now, renewed first if it must be.
    ///
    /// # Errors
    /// [`ErrorKind::SessionEnded`] if the person must sign in again; otherwise whatever kept a new token away.
    pub async fn access_token(&self) -> Result<Secret, Error> {
        self.client.fresh_access_token(&self.key, None).await
    }

    /// The access token to try after an API refused `refused`: another one, or the same if a new one would not help.
    pub(crate) async fn access_token_instead_of(&self, refused: &Secret) -> Result<Secret, Error> {
        self.client
            .fresh_access_token(&self.key, Some(refused))
            .await
    }

    /// Whose session this is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends this session here, then at the server: the refresh token is revoked, as well as that can be done in a moment.
    /// Returns the `Set-Cookie` value that takes the cookie from the browser.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: the session may still be alive.
    pub async fn end(self) -> Result<String, Error> {
        let ended = self.client.sessions().end_if(&self.key, |_| true).await?;
        tracing::info!(session = self.record.id, "signed out");
        if let Some(token) = ended.and_then(|record| record.tokens.refresh_token) {
            self.client.revoke_patiently(token).await;
        }
        Ok(self.client.clear_session_cookie())
    }

    async fn change(&mut self, mut change: impl FnMut(&mut Record)) -> Result<(), Error> {
        let changed = self.client.sessions().change(&self.key, |record| {
            change(record);
            true
        });
        match changed.await? {
            Change::Made(record) | Change::Unwanted(record) => self.record = record,
            Change::Gone => return Err(Error::new(ErrorKind::SessionEnded, "the session is gone")),
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("scope", self.scope())
            .finish_non_exhaustive()
    }
}
