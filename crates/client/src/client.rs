//! The client: who this app is at which issuer, and the few ways it talks to it.
//!
//! How it is put together is `builder.rs`'s concern; what it is for, that of `authorization_request.rs`, `sign_in.rs`,
//! `session.rs`, `logout.rs`, `back_channel.rs` and `client_credentials.rs`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_issuer::{Discovery, Http, Keys};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::seal::Seal;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use tokio::task::JoinHandle;
use url::Url;

use crate::attempt::Attempts;
use crate::authentication::Credentials;
use crate::cookie::Cookies;
use crate::error::{Error, ErrorKind};
use crate::id_token::IdTokenRules;
use crate::login_options::LoginOptions;
use crate::metadata::Metadata;
use crate::proof::{HeldKey, Nonces};
use crate::pushed_request::PushedRequests;
use crate::refresh::Refreshes;
use crate::sessions::Sessions;
use crate::token_request::{Asker, TokenRequest};
use crate::token_response::Tokens;
use crate::user_info::UserInfo;

/// The scope that makes a request one for an identity (OpenID Connect Core §3.1.2.1).
pub(crate) const OPENID: &str = "openid";

/// How long a person who signs out waits for the server to hear of it. It is told in any case.
const PATIENCE_AT_LOGOUT: Duration = Duration::from_secs(3);

/// An app at an issuer. Cheap to clone, and one type whatever it is built with; keep it in your state.
#[derive(Clone)]
pub struct Client(Arc<Parts>);

/// What a client is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) discovery: Discovery<Metadata>,
    pub(crate) keys: Keys<Metadata>,
    pub(crate) nonces: Nonces,
    pub(crate) seal: Arc<Seal>,
    pub(crate) attempts: Attempts,
    pub(crate) sessions: Sessions,
    pub(crate) refreshes: Refreshes,
    pub(crate) clock: Clock,
}

/// What the app said about itself, checked.
pub(crate) struct Config {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) scope: Scope,
    pub(crate) resource: Option<String>,
    /// What this client is registered to get ID Tokens and logout tokens signed with, where the app says so.
    pub(crate) id_token_algorithm: Option<Algorithm>,
    /// Whether a logout token must name its type.
    pub(crate) logout_token_typ_required: bool,
    pub(crate) login: LoginOptions,
    pub(crate) user_info: UserInfo,
    pub(crate) pushed_requests: PushedRequests,
    pub(crate) dpop: bool,
    /// Whether signing out of this app is signing out at the server too.
    pub(crate) logout_at_server: bool,
    pub(crate) site: Option<Site>,
    pub(crate) cookies: Cookies,
    pub(crate) session_cookie: String,
    pub(crate) routes_path: String,
    /// Whether answers come to the app's front page.
    #[cfg(feature = "axum")]
    pub(crate) returns_to_origin: bool,
}

/// Where the app is reached by browsers.
pub(crate) struct Site {
    /// Scheme, host and port, as a browser writes them in `Origin`.
    pub(crate) origin: String,
    pub(crate) redirect_uri: String,
    pub(crate) post_logout_redirect_uri: String,
}

impl Client {
    pub(crate) fn assemble(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Whether `other` is a clone of this client.
    #[cfg(feature = "axum")]
    pub(crate) fn is(&self, other: &Client) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The issuer, exactly as configured.
    pub fn issuer(&self) -> &str {
        &self.0.config.issuer
    }

    /// The identifier this app has at the issuer.
    pub fn client_id(&self) -> &str {
        &self.0.config.client_id
    }

    /// What sign-ins ask for.
    pub fn scope(&self) -> &Scope {
        &self.0.config.scope
    }

    /// The API that tokens are for (RFC 8707), where one is configured.
    pub fn resource(&self) -> Option<&str> {
        self.0.config.resource.as_deref()
    }

    /// Where the issuer sends browsers back to: what must be registered there, character by character.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the client was built without a base URL.
    pub fn redirect_uri(&self) -> Result<&str, Error> {
        self.site().map(|site| site.redirect_uri.as_str())
    }

    /// Where the issuer sends browsers back to after a sign-out: to be registered there as a `post_logout_redirect_uri`, character
    /// by character. What the issuer tells this app of sign-outs elsewhere (`backchannel_logout_uri`) goes to the same base URL,
    /// `/auth/backchannel`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the client was built without a base URL.
    pub fn post_logout_redirect_uri(&self) -> Result<&str, Error> {
        self.site()
            .map(|site| site.post_logout_redirect_uri.as_str())
    }

    /// What the issuer says about itself, from memory while it is fresh.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`], [`ErrorKind::IssuerBusy`], [`ErrorKind::IssuerMetadata`].
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        Ok(self.0.discovery.metadata().await?)
    }

    /// Where a person can end their session at the issuer, if the issuer says so (`end_session_endpoint`), for an app that links
    /// there itself. [`Session::sign_out`](crate::Session::sign_out) leads there with everything that belongs to it.
    ///
    /// # Errors
    /// As [`Client::metadata`].
    pub async fn server_logout_url(&self) -> Result<Option<Url>, Error> {
        Ok(self.metadata().await?.end_session_endpoint.clone())
    }

    pub(crate) fn site(&self) -> Result<&Site, Error> {
        self.0.config.site.as_ref().ok_or_else(|| {
            Error::configuration("signing in needs `.base_url(…)`: where browsers reach this app")
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn http(&self) -> &Http {
        self.0.discovery.http()
    }

    pub(crate) fn keys(&self) -> &Keys<Metadata> {
        &self.0.keys
    }

    pub(crate) fn nonces(&self) -> &Nonces {
        &self.0.nonces
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.0.seal
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(crate) fn refreshes(&self) -> &Refreshes {
        &self.0.refreshes
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn returns_to_origin(&self) -> bool {
        self.0.config.returns_to_origin
    }

    pub(crate) fn routes_path(&self) -> &str {
        &self.0.config.routes_path
    }

    /// Whether sign-ins are for identities, and not for access alone.
    pub(crate) fn is_openid(&self) -> bool {
        self.scope().contains(OPENID)
    }

    /// What the issuer signs this client's ID Tokens and logout tokens with: the one algorithm that the client is registered with
    /// (OpenID Connect Core §3.1.3.7 item 7), RS256 where the app names none. That is the default of a registration; an issuer
    /// that has one algorithm, and it is another, registers nobody with RS256.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the issuer announces others alone.
    pub(crate) fn id_token_algorithm(&self, metadata: &Metadata) -> Result<Algorithm, Error> {
        let announced = metadata.id_token_algorithms.as_deref();
        let registered = match (self.config().id_token_algorithm, announced) {
            (Some(named), _) => named,
            (None, Some([only])) => *only,
            (None, _) => Algorithm::Rs256,
        };
        match announced {
            Some(list) if !list.contains(&registered) => Err(Error::configuration(format!(
                "the issuer does not sign ID Tokens with {registered}; name what this client is registered with (id_token_signed_response_alg): `.id_token_algorithm(…)`"
            ))),
            _ => Ok(registered),
        }
    }

    /// What the ID Token that came with `access_token` is held to.
    pub(crate) fn id_token_rules<'a>(
        &'a self,
        algorithm: Algorithm,
        access_token: &'a Secret,
    ) -> IdTokenRules<'a> {
        IdTokenRules {
            issuer: self.issuer(),
            client_id: self.client_id(),
            algorithm,
            access_token,
        }
    }

    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker {
            issuer: self.issuer(),
            client_id: self.client_id(),
            credentials: &self.0.config.credentials,
            resource: self.resource(),
        }
    }

    /// Sends the token request that `build` makes, with a proof of `key` where tokens are bound to one, and reads the answer.
    /// Life is counted from before the question, never from after the answer.
    pub(crate) async fn ask(
        &self,
        key: Option<&HeldKey>,
        build: impl Fn() -> Result<TokenRequest, Error>,
        asked: &Scope,
    ) -> Result<Tokens, Error> {
        let now = self.now();
        let answer = self.send_proven(key, build).await?;
        Tokens::read(&answer, asked, now)?.bound_as_asked(key.is_some())
    }

    /// Tells the server that a refresh token is not needed any more (RFC 7009), as well as that can be done: it runs on when
    /// the caller is gone, ends with the HTTP time-out, and a failure is logged.
    pub(crate) fn revoke(&self, refresh_token: Secret) -> JoinHandle<()> {
        let client = self.clone();
        tokio::spawn(async move {
            match client.try_revoke(&refresh_token).await {
                Ok(()) => tracing::debug!("the refresh token was revoked"),
                Err(error) => tracing::warn!(%error, "the refresh token could not be revoked"),
            }
        })
    }

    /// As [`Client::revoke`], waiting a little for the outcome.
    pub(crate) async fn revoke_patiently(&self, refresh_token: Secret) {
        let telling = self.revoke(refresh_token);
        if tokio::time::timeout(PATIENCE_AT_LOGOUT, telling)
            .await
            .is_err()
        {
            tracing::warn!(
                "the server is slow to hear of a sign-out; it is told in the background"
            );
        }
    }

    async fn try_revoke(&self, refresh_token: &Secret) -> Result<(), Error> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(());
        };
        let request =
            TokenRequest::for_revocation(endpoint, &self.asker(), refresh_token, self.now())?;
        let answer = request.send(self.http()).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let detail = format!("the revocation endpoint answered {}", answer.status);
        Err(Error::new(ErrorKind::TokenRefused, detail))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("issuer", &self.issuer())
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}
