//! Apps on a user's own computer: command lines and desktops (RFC 8252). The browser is the user's own, the answer comes to
//! a loopback address that is listened at for this one sign-in, and the session is kept in a file ([`TokenFile`]).
//!
//! A sign-in takes the same way as that of a web app, with the same checks: what would be a cookie stays in this process.

mod browser;
mod listener;
mod page;
mod sign_in;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use safeconduct_protocol::loopback::is_loopback_literal;
use url::Url;

pub use crate::store::{TokenFile, state_folder};
pub use browser::{is_browser_here, open_in_browser};
pub use sign_in::{Answers, NativeSignIn};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::sign_in::authorization_request::BeginOptions;
use crate::sign_in::signed_in::SignedIn;
use crate::store::SessionKey;
use listener::Listener;

/// How long a user may take to sign in.
const PATIENCE: Duration = Duration::from_secs(300);

/// The client as an app on a user's own computer, with the one session that it has. Cheap to clone.
#[derive(Clone)]
pub struct Native {
    client: Client,
    redirect: Redirect,
    patience: Duration,
    /// The session, where no file keeps it.
    held: Arc<Mutex<Option<SessionKey>>>,
}

/// Where the answer to a sign-in goes.
#[derive(Clone)]
enum Redirect {
    /// This path of a loopback address, at a port that is free then.
    Loopback(String),
    /// An address whose answers the app gets itself: by a scheme of its own, or at a port that it listens at.
    OfTheApp(String),
}

impl Client {
    /// This client as an app on a user's own computer. Build it without a base URL and without a secret, which such an app
    /// can't keep; with [`ClientBuilder::token_file`](crate::ClientBuilder::token_file) the session outlives the process. At
    /// the server, register `http://127.0.0.1/callback`: the port may be any one (RFC 8252 §7.3).
    pub fn native(&self) -> Native {
        Native {
            client: self.clone(),
            redirect: Redirect::Loopback("/callback".to_owned()),
            patience: PATIENCE,
            held: Arc::default(),
        }
    }
}

impl Native {
    /// The path of the redirect URI, `/callback` unless set.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: it is no plain path.
    pub fn redirect_path(mut self, path: &str) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(plain) || path.contains("..") {
            return Err(Error::configuration(
                "redirect_path must be like /callback: a leading slash, then letters, digits, /, -, . and _",
            ));
        }
        self.redirect = Redirect::Loopback(path.to_owned());
        Ok(self)
    }

    /// The redirect URI has a scheme of the app's own, such as `com.example.notes:/callback` (RFC 8252 §7.1): nothing listens
    /// then, and the app gives what the system hands it to [`Answers::give`]. So does an app that has pages of its own on this computer,
    /// and names the address of one: `http://127.0.0.1:49152/callback`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: the scheme is no domain name of the app's, reversed, nor is it a port of this computer.
    pub fn redirect_uri(mut self, uri: &str) -> Result<Self, Error> {
        let url = Url::parse(uri).ok();
        let own = |url: &Url| {
            let is_own = url.scheme().contains('.') || is_port_of_this_computer(url);
            is_own && url.query().is_none() && url.fragment().is_none()
        };
        if !url.as_ref().is_some_and(own) {
            return Err(Error::configuration(
                "a redirect_uri of the app's own must be like com.example.app:/callback, whose scheme is a domain name, reversed, or like http://127.0.0.1:49152/callback",
            ));
        }
        self.redirect = Redirect::OfTheApp(uri.to_owned());
        Ok(self)
    }

    /// How long a user may take to sign in; five minutes unless set, and ten at most.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The session, if a user is signed in. Nothing is asked of the server.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: then it is not known.
    pub async fn session(&self) -> Result<Option<Session>, Error> {
        match self.current().await? {
            Some(key) => self.client.session_under(key).await,
            None => Ok(None),
        }
    }

    /// Begins a sign-in: listens for the answer, and says where the browser is to go. The session that there may be goes on
    /// until another takes its place.
    ///
    /// # Errors
    /// As [`Client::begin`]; [`ErrorKind::Configuration`] where no port of 127.0.0.1 can be had.
    pub async fn begin(&self, options: &BeginOptions) -> Result<NativeSignIn, Error> {
        let (listener, redirect_uri) = match &self.redirect {
            Redirect::Loopback(path) => {
                let listener = Listener::bind(path).await.map_err(|error| {
                    let told = format!("no port of 127.0.0.1 can be listened at: {error}");
                    Error::configuration(told).with_source(error)
                })?;
                let redirect_uri = listener.redirect_uri();
                (Some(listener), redirect_uri)
            }
            Redirect::OfTheApp(uri) => (None, uri.clone()),
        };
        let options = options.clone().redirect_uri(&redirect_uri);
        let begun = self.client.begin(&options).await?;
        let cookies: Vec<&str> = begun
            .set_cookies
            .iter()
            .filter_map(|cookie| cookie.split(';').next())
            .collect();
        let cookie_header = cookies.join("; ");
        Ok(NativeSignIn::new(
            self.clone(),
            begun.url,
            redirect_uri,
            cookie_header,
            listener,
        ))
    }

    /// Ends the session: its grant at the server, and then what is here. Whether there was one.
    ///
    /// # Errors
    /// The server could not be told, and the session is as it was, to be ended later; [`ErrorKind::SessionStore`]: it may still be there.
    pub async fn sign_out(&self) -> Result<bool, Error> {
        let Some(session) = self.session().await? else {
            return Ok(false);
        };
        session.end_at_server_first().await?;
        Ok(true)
    }

    async fn current(&self) -> Result<Option<SessionKey>, Error> {
        match self.client.token_file() {
            Some(file) => file.current().await.map_err(|error| {
                Error::new(ErrorKind::SessionStore, error.to_string()).with_source(error)
            }),
            None => Ok(*self.held()),
        }
    }

    async fn start_session(&self, signed_in: &SignedIn) -> Result<Session, Error> {
        let before = self.current().await?;
        let client = &self.client;
        let (key, session) = client.start_session_in_place_of(before, signed_in).await?;
        *self.held() = Some(key);
        Ok(session)
    }

    fn held(&self) -> MutexGuard<'_, Option<SessionKey>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an app on this computer may have its pages at this address (RFC 8252 §7.3).
fn is_port_of_this_computer(url: &Url) -> bool {
    let literal = url.host_str().is_some_and(is_loopback_literal);
    url.scheme() == "http" && literal && url.port().is_some() && url.username().is_empty()
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
