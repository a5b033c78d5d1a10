//! One user's session in this app, for handlers that do not use the axum extractors, and below them.

pub(crate) mod back_channel;
pub(crate) mod cookie;
pub(crate) mod key_ring;
pub(crate) mod logout;
pub(crate) mod record;
pub(crate) mod sessions;

use std::fmt;
use std::sync::Arc;

use safeconduct_protocol::encoding;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::record::Record;
use crate::session::sessions::{Change, key_of};
use crate::sign_in::id_token::StoredIdentity;
use crate::sign_in::identity::Identity;
use crate::sign_in::signed_in::SignedIn;
use crate::sign_in::step_up::StepUp;
use crate::store::SessionKey;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::resource::TargetName;
use crate::tokens::stored::Unwanted;

/// The longest name a session carries, in characters.
const LONGEST_NAME: usize = 200;

/// A user who is signed in to this app.
///
/// Who the user is, the server says where the scope `openid` was asked for ([`Session::identity`]). Without it this is the
/// app's own session and no more, and the app may put a name here that it learned from its API.
#[derive(Clone)]
pub struct Session {
    client: Client,
    key: SessionKey,
    csrf_token: String,
    identity: Option<Arc<Identity>>,
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
    /// Begins a session for who just signed in, always under a new cookie. A session that `cookie_header` still names is ended:
    /// nothing of it is carried over, unless this is the same user who stepped up; then what the app keeps with it is.
    ///
    /// The session keeps the tokens, the ID Token, and what userinfo says beyond it; sealed, all that has to fit 16 KiB, which it
    /// does unless a token is itself many kilobytes long.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`], [`ErrorKind::SessionTooLarge`].
    pub async fn start_session(
        &self,
        signed_in: &SignedIn,
        cookie_header: impl AsRef<[u8]>,
    ) -> Result<StartedSession, Error> {
        let before = self.end_all_named(cookie_header.as_ref()).await;
        let (cookie, record) = self.sessions().start(signed_in, &before).await?;
        let name = &self.config().session_cookie;
        let lifetime = self.sessions().cookie_lifetime();
        tracing::info!(session = record.id, "signed in");
        Ok(StartedSession {
            set_cookie: self.config().cookies.set(name, cookie.expose(), lifetime),
            session: Session::new(self, cookie.expose(), record),
        })
    }

    /// The session that the browser's `Cookie` header names, if it is alive. The header is best given as the bytes it came
    /// as: other sites of the same domain may have put anything into it.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: then it is not known whether a user is signed in.
    pub async fn session(&self, cookie_header: impl AsRef<[u8]>) -> Result<Option<Session>, Error> {
        for cookie in self.session_cookies(cookie_header.as_ref()) {
            let Some(key) = key_of(cookie) else { continue };
            if let Some(held) = self.sessions().find(&key).await? {
                self.sessions().touch(&key, &held.record).await;
                return Ok(Some(Session::new(self, cookie, held.record)));
            }
        }
        Ok(None)
    }

    /// As [`Client::start_session`], where there is no browser that keeps a cookie: in the place of the session under `before`.
    #[cfg(feature = "native")]
    pub(crate) async fn start_session_in_place_of(
        &self,
        before: Option<SessionKey>,
        signed_in: &SignedIn,
    ) -> Result<(SessionKey, Session), Error> {
        let ended = match &before {
            Some(key) => self.sessions().end_if(key, |_| true).await?,
            None => None,
        };
        let token = ended.as_ref();
        let token = token.and_then(|record| record.tokens.refresh_token.clone());
        let revoking = token.map(|token| self.revoke(token));
        let (cookie, record) = self.sessions().start(signed_in, ended.as_slice()).await?;
        tracing::info!(session = record.id, "signed in");
        if let Some(revoking) = revoking {
            // The process may end right after this.
            self.wait_for_revocation(revoking).await;
        }
        let session = Session::new(self, cookie.expose(), record);
        Ok((session.key, session))
    }

    /// The session under `key`, if it is alive.
    #[cfg(feature = "native")]
    pub(crate) async fn session_under(&self, key: SessionKey) -> Result<Option<Session>, Error> {
        let Some(held) = self.sessions().find(&key).await? else {
            return Ok(None);
        };
        self.sessions().touch(&key, &held.record).await;
        // There is no form that could carry it.
        let csrf_token = String::new();
        Ok(Some(Session::under(self, key, csrf_token, held.record)))
    }

    /// The `Set-Cookie` value that takes the session's cookie from the browser.
    pub fn clear_session_cookie(&self) -> String {
        self.config().cookies.clear(&self.config().session_cookie)
    }

    /// Ends every session that a browser names, as well as that can be done, and gives what they were.
    pub(crate) async fn end_all_named(&self, cookie_header: &[u8]) -> Vec<Record> {
        let keys: Vec<SessionKey> = self
            .session_cookies(cookie_header)
            .filter_map(key_of)
            .collect();
        let mut ended = Vec::new();
        for key in keys {
            if let Ok(Some(record)) = self.sessions().end_if(&key, |_| true).await {
                let token = record.tokens.refresh_token.clone();
                token.map(|token| self.revoke(token));
                ended.push(record);
            }
        }
        ended
    }

    /// At most three values: a sibling port of localhost may have set the same name.
    fn session_cookies<'h>(
        &self,
        cookie_header: &'h [u8],
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
        let csrf_token = encoding::encode(&csrf_token);
        Self::under(client, SessionKey::of(cookie), csrf_token, record)
    }

    fn under(client: &Client, key: SessionKey, csrf_token: String, record: Record) -> Self {
        let identity = record.identity.as_ref();
        let identity = identity.map(|held| Identity::of(held, client.issuer()));
        Self {
            client: client.clone(),
            key,
            csrf_token,
            identity: identity.map(Arc::new),
            record,
        }
    }

    /// This session's public identifier: fit for logs, useless as a cookie, new at every sign-in.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// What the user allowed this app.
    pub fn scope(&self) -> &Scope {
        &self.record.tokens.scope
    }

    /// Who this is, as the server said: if the scope `openid` was asked for when they signed in.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// As [`SignedIn::posted_user`](crate::SignedIn::posted_user), of the sign-in that this session began with.
    pub fn posted_user(&self) -> Option<&Value> {
        self.record.posted_user.as_ref()
    }

    /// A name to show: the one that the app gave this session, or else the best one that the server said.
    pub fn name(&self) -> Option<&str> {
        let own = self.record.name.as_deref();
        own.or_else(|| self.identity()?.shown_name())
    }

    /// What a form must carry, in a field `csrf_token`, to be taken for this session's own: only this browser was ever shown it.
    pub fn csrf_token(&self) -> &str {
        &self.csrf_token
    }

    pub(crate) fn stored_identity(&self) -> Option<&StoredIdentity> {
        self.record.identity.as_ref()
    }

    pub(crate) fn proof_key(&self) -> Option<&StoredKey> {
        self.record.proof_key.as_ref()
    }

    /// Whether an API that asks for `asked` now would ask in vain: see [`StepUp::was_answered`]. `None` where no user was identified,
    /// who could step up.
    pub(crate) fn has_answered(&self, asked: &StepUp) -> Option<bool> {
        let user = self.identity()?;
        let signed_in = (user.acr(), user.auth_time());
        let (before, began) = (self.record.step_up.as_ref(), self.record.created);
        Some(asked.was_answered(before, signed_in, began, self.client.now()))
    }

    /// Gives this session a name to show, cut at 200 characters.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`], [`ErrorKind::SessionEnded`].
    pub async fn set_name(&mut self, name: &str) -> Result<(), Error> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        self.change(|record| record.name = Some(name.clone())).await
    }

    /// Keeps `value` with this session under `key`. Tokens, claims and values share 12 KiB.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is no JSON; [`ErrorKind::SessionTooLarge`]; [`ErrorKind::SessionStore`] if
    /// the store fails; [`ErrorKind::SessionEnded`].
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

    /// An access token for the first API that is good now, renewed first if it must be. [`Session::authorize`] shows the right one to
    /// whichever API a request goes to.
    ///
    /// # Errors
    /// [`ErrorKind::SessionEnded`] if the user must sign in again; otherwise whatever kept a new token away.
    pub async fn access_token(&self) -> Result<Secret, Error> {
        self.client.fresh_access_token(&self.key, &None, None).await
    }

    /// As [`Session::access_token`], for the API of this name.
    pub(crate) async fn access_token_for(&self, api: &TargetName) -> Result<Secret, Error> {
        self.client.fresh_access_token(&self.key, api, None).await
    }

    /// The access token to try after an API refused `refused`: another one, or the same if a new one would not help.
    pub(crate) async fn access_token_instead_of(
        &self,
        refused: &Secret,
        api: &TargetName,
    ) -> Result<Secret, Error> {
        let refused = Unwanted::Refused(refused.clone());
        let renewed = self
            .client
            .fresh_access_token(&self.key, api, Some(refused));
        renewed.await
    }

    /// Renews the tokens now, though they may be good for long: where what the user may do has just changed, say. Once for
    /// all who ask at the same time; without a refresh token nothing happens.
    ///
    /// # Errors
    /// As [`Session::access_token`].
    pub async fn renew(&self) -> Result<(), Error> {
        let held = Unwanted::Replaced(self.record.tokens.access_token.clone());
        let renewed = self.client.fresh_access_token(&self.key, &None, Some(held));
        renewed.await.map(drop)
    }

    /// Whose session this is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends this session here, then its grant at the server: the refresh token is revoked, as well as that can be done in a
    /// moment. The user stays signed in at the server; [`Session::sign_out`] ends that too. Returns the `Set-Cookie` value that
    /// takes the cookie from the browser.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: the session may still be alive.
    pub async fn end(self) -> Result<String, Error> {
        let ended = self.client.sessions().end_if(&self.key, |_| true).await?;
        tracing::info!(session = self.record.id, "signed out");
        if let Some(token) = ended.and_then(|record| record.tokens.refresh_token) {
            self.client.revoke_and_wait(token).await;
        }
        Ok(self.client.clear_session_cookie())
    }

    /// Ends its grant at the server, and then this session here: who is told that it ended can rely on it.
    ///
    /// # Errors
    /// The server could not be told, and the session is as it was; [`ErrorKind::SessionStore`]: the session may still be here.
    #[cfg(feature = "native")]
    pub(crate) async fn end_at_server_first(self) -> Result<(), Error> {
        if let Some(token) = &self.record.tokens.refresh_token {
            self.client.try_revoke(token).await?;
        }
        self.client.sessions().end_if(&self.key, |_| true).await?;
        tracing::info!(session = self.record.id, "signed out");
        Ok(())
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
