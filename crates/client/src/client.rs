//! The client: who this app is at which issuer, and the few ways it talks to it.
//!
//! How it is put together is `builder.rs`'s concern; what it is for, that of the folders `sign_in`, `session` and `tokens`.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use safeconduct_issuer::{Answer, Discovery, FetchError, Http, Keys};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::seal::Seal;
use safeconduct_protocol::time::Timestamp;
use url::Url;

use crate::config::{Config, OPENID, Site};
use crate::error::Error;
use crate::issuer::metadata::Metadata;
use crate::session::sessions::Sessions;
use crate::sign_in::attempt::Attempts;
#[cfg(feature = "native")]
use crate::store::TokenFile;
use crate::tokens::proof_key::Nonces;
use crate::tokens::refreshes::Refreshes;
use crate::tokens::resource::Targets;

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
    #[cfg(feature = "native")]
    pub(crate) token_file: Option<TokenFile>,
    pub(crate) clock: Clock,
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
        self.0.config.issuer.as_str()
    }

    /// The identifier this app has at the issuer.
    pub fn client_id(&self) -> &str {
        &self.0.config.client_id
    }

    /// What sign-ins ask for.
    pub fn scope(&self) -> &Scope {
        &self.0.config.scope
    }

    /// The API that the tokens of a sign-in are for (RFC 8707), where one is configured and has such a name.
    pub fn resource(&self) -> Option<&str> {
        self.0.config.targets.first()?.indicator.as_deref()
    }

    pub(crate) fn targets(&self) -> &Targets {
        &self.0.config.targets
    }

    /// Where the issuer sends browsers back to: what must be registered there, character by character.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the client was built without a base URL.
    pub fn redirect_uri(&self) -> Result<&str, Error> {
        self.site().map(|site| site.redirect_uri.as_str())
    }

    /// Where the issuer sends browsers back to after a sign-out: to be registered there as a `post_logout_redirect_uri`, character
    /// by character. What the issuer tells this app of sign-outs elsewhere (`backchannel_logout_uri`) goes to the same base URL,
    /// `/auth/backchannel`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the client was built without a base URL.
    pub fn post_logout_redirect_uri(&self) -> Result<&str, Error> {
        self.site()
            .map(|site| site.post_logout_redirect_uri.as_str())
    }

    /// What the issuer says about itself, from memory while it is fresh.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerUnreachable`](crate::ErrorKind::IssuerUnreachable), [`ErrorKind::IssuerBusy`](crate::ErrorKind::IssuerBusy), [`ErrorKind::IssuerMetadata`](crate::ErrorKind::IssuerMetadata).
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        Ok(self.0.discovery.metadata().await?)
    }

    /// Where a user can end their session at the issuer, if the issuer says so (`end_session_endpoint`), for an app that links
    /// there itself. [`Session::sign_out`](crate::Session::sign_out) leads there with everything that belongs to it.
    ///
    /// # Errors
    /// As [`Client::metadata`].
    pub async fn server_logout_url(&self) -> Result<Option<Url>, Error> {
        Ok(self.metadata().await?.end_session_endpoint.clone())
    }

    /// `answer`, of an endpoint that the metadata names. Where the endpoint gave none, it may have moved: the metadata is read again.
    pub(crate) fn endpoint_answered(
        &self,
        answer: Result<Answer, FetchError>,
    ) -> Result<Answer, FetchError> {
        let is_there = answer.as_ref().is_ok_and(|answer| {
            let status = answer.status;
            status.is_success()
                || status.is_client_error()
                    && !matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
        });
        if !is_there {
            self.0.discovery.distrust();
        }
        answer
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

    #[cfg(feature = "native")]
    pub(crate) fn token_file(&self) -> Option<&TokenFile> {
        self.0.token_file.as_ref()
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

    #[cfg(feature = "axum")]
    pub(crate) fn takes_posted_answers(&self) -> bool {
        self.0.config.form_post
    }

    pub(crate) fn routes_path(&self) -> &str {
        &self.0.config.routes_path
    }

    /// Whether sign-ins are for identities, and not for access alone.
    pub(crate) fn is_openid(&self) -> bool {
        self.scope().contains(OPENID)
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
