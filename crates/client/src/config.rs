//! What an app says about itself, and the checks on it. No request is made for them.
//!
//! How it is said is `builder.rs`'s concern.

use std::path::PathBuf;
use std::time::Duration;

use safeconduct_issuer::{Address, AddressError, PlainHttp};
use safeconduct_protocol::cookie;
use safeconduct_protocol::jose::{Algorithm, LEEWAY, MAX_EXPIRY_LEEWAY};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;

use crate::error::Error;
use crate::grammar;
use crate::issuer::authentication::{ClientAuthentication, Credentials};
use crate::parameters::{self, Request};
use crate::session::cookie::Cookies;
use crate::session::key_ring::read_secret_file;
use crate::session::sessions::Lifetimes;
use crate::sign_in::id_token::Leeway;
use crate::sign_in::login_options::LoginOptions;
use crate::tokens::resource::{Resource, Targets, scope};

/// The scope that makes a request one for an identity (OpenID Connect Core §3.1.2.1).
pub(crate) const OPENID: &str = "openid";

const HOUR: u64 = 3600;
/// The furthest that an issuer's clock may be ahead of ours, in seconds.
const LONGEST_LEEWAY: i64 = 60;

/// Whether authorization requests are pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushedRequests {
    /// Never. An issuer that requires it cannot be signed in at.
    Never,
    /// If the issuer's metadata names the endpoint. While that endpoint is out of order, requests go the plain way, unless the
    /// issuer requires pushing; what it refuses is refused.
    #[default]
    WhenAdvertised,
    /// Always. Without the endpoint, or while it is out of order, no user signs in.
    Always,
}

/// Whether userinfo is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UserInfo {
    /// If the scopes promise something and the issuer has an endpoint. An endpoint that gives no answer costs the claims, not
    /// the sign-in: with a `resource`, an issuer may give a token that is good at that API alone.
    #[default]
    WhereUseful,
    /// Always; without an answer there is no sign-in.
    Always,
    /// Never.
    Never,
}

/// What the app says, as it says it.
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) base_url: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) token_parameters: Vec<(String, String)>,
    pub(crate) secret: Option<Secret>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) authentication: Option<ClientAuthentication>,
    pub(crate) id_token_algorithm: Option<Algorithm>,
    pub(crate) logout_token_typ_required: bool,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) leeway: Duration,
    pub(crate) expiry_leeway: Duration,
    pub(crate) login: LoginOptions,
    pub(crate) user_info: UserInfo,
    pub(crate) pushed_requests: PushedRequests,
    pub(crate) dpop: bool,
    pub(crate) logout_at_server: bool,
    pub(crate) session_idle: Duration,
    pub(crate) session_absolute: Duration,
    pub(crate) cookie_name: Option<String>,
    pub(crate) routes_path: String,
    pub(crate) returns_to_origin: bool,
    pub(crate) form_post: bool,
    /// How far plain http may go.
    pub(crate) plain: PlainHttp,
}

/// What the app said about itself, checked.
pub(crate) struct Config {
    pub(crate) issuer: Address,
    pub(crate) client_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) scope: Scope,
    /// The APIs that tokens are for.
    pub(crate) targets: Targets,
    /// What every request for a token says beside the usual.
    pub(crate) token_parameters: Vec<(String, String)>,
    /// What this client is registered to get ID Tokens and logout tokens signed with, where the app says so.
    pub(crate) id_token_algorithm: Option<Algorithm>,
    /// Whether a logout token must name its type.
    pub(crate) logout_token_typ_required: bool,
    /// Who may be named in `aud` beside this client.
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) leeway: Leeway,
    pub(crate) login: LoginOptions,
    pub(crate) user_info: UserInfo,
    pub(crate) pushed_requests: PushedRequests,
    pub(crate) dpop: bool,
    /// Whether signing out of this app is signing out at the server too.
    pub(crate) logout_at_server: bool,
    pub(crate) site: Option<Site>,
    pub(crate) cookies: Cookies,
    pub(crate) session_cookie: String,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) routes_path: String,
    /// Whether the issuer answers a sign-in by a form that the browser posts.
    pub(crate) form_post: bool,
    /// Whether answers come to the app's front page.
    #[cfg(feature = "axum")]
    pub(crate) returns_to_origin: bool,
    /// What nothing sealed for this client opens without: where and as whom users are asked to sign in.
    pub(crate) context: String,
}

/// Where the app is reached by browsers.
pub(crate) struct Site {
    /// Scheme, host and port, as a browser writes them in `Origin`.
    pub(crate) origin: String,
    pub(crate) redirect_uri: String,
    pub(crate) post_logout_redirect_uri: String,
}

impl Settings {
    /// What holds where the app says nothing else.
    pub(crate) fn new(issuer: String, client_id: String) -> Self {
        Self {
            issuer,
            client_id,
            base_url: None,
            scopes: Vec::new(),
            resources: Vec::new(),
            token_parameters: Vec::new(),
            secret: None,
            secret_file: None,
            authentication: None,
            id_token_algorithm: None,
            logout_token_typ_required: false,
            trusted_audiences: Vec::new(),
            leeway: Duration::from_secs(LEEWAY.unsigned_abs()),
            expiry_leeway: Duration::ZERO,
            login: LoginOptions::new(),
            user_info: UserInfo::default(),
            pushed_requests: PushedRequests::default(),
            dpop: false,
            logout_at_server: true,
            session_idle: Duration::from_secs(8 * HOUR),
            session_absolute: Duration::from_secs(14 * 24 * HOUR),
            cookie_name: None,
            routes_path: "/auth".to_owned(),
            returns_to_origin: false,
            form_post: false,
            plain: PlainHttp::OnThisMachine,
        }
    }

    /// What the app said, if all of it is right.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind), naming the first setting that is wrong.
    pub(crate) fn check(self) -> Result<Config, Error> {
        let issuer = Address::identifier_over(&self.issuer, self.plain).map_err(|error| {
            let allow = match error {
                AddressError::Insecure => "; for an issuer in a private network there is `.allow_http_in_private_network(true)`",
                _ => "",
            };
            Error::configuration(format!("issuer `{}` {error}{allow}", self.issuer))
        })?;
        let targets = Targets::check(&self.resources, self.plain)?;
        if self.form_post && self.returns_to_origin {
            return Err(Error::configuration(
                "an answer that comes by POST comes to `/auth/callback`: leave `.return_to_origin(true)` or `.form_post(true)` out",
            ));
        }
        self.login.check()?;
        parameters::check(Request::Token, &self.token_parameters)?;
        let site = self.site()?;
        let redirect_uri = site.as_ref().map_or("", |site| &site.redirect_uri);
        let context = format!("{issuer}\n{}\n{redirect_uri}", self.client_id);
        let cookies = Cookies {
            cross_site: false,
            secure: site
                .as_ref()
                .is_none_or(|site| site.origin.starts_with("https:")),
        };
        let default_name = || format!("sc-app-{}", cookie::mark(&context));
        Ok(Config {
            session_cookie: cookie_name(self.cookie_name.unwrap_or_else(default_name))?,
            lifetimes: Lifetimes {
                idle: seconds(self.session_idle)?,
                absolute: seconds(self.session_absolute)?,
            },
            client_id: client_id(self.client_id)?,
            credentials: Credentials::new(
                self.authentication,
                secret(self.secret, self.secret_file)?,
            )?,
            scope: match targets.first() {
                Some(first) => scope(&self.scopes)?.union(&first.scope),
                None => scope(&self.scopes)?,
            },
            targets,
            token_parameters: self.token_parameters,
            id_token_algorithm: self.id_token_algorithm,
            logout_token_typ_required: self.logout_token_typ_required,
            trusted_audiences: trusted_audiences(self.trusted_audiences)?,
            leeway: Leeway {
                ahead: at_most("leeway", self.leeway, LONGEST_LEEWAY)?,
                past_expiry: at_most("expiry_leeway", self.expiry_leeway, MAX_EXPIRY_LEEWAY)?,
            },
            login: self.login,
            user_info: self.user_info,
            pushed_requests: self.pushed_requests,
            dpop: self.dpop,
            logout_at_server: self.logout_at_server,
            issuer,
            site,
            cookies,
            routes_path: self.routes_path,
            form_post: self.form_post,
            #[cfg(feature = "axum")]
            returns_to_origin: self.returns_to_origin,
            context,
        })
    }

    fn site(&self) -> Result<Option<Site>, Error> {
        let path = &self.routes_path;
        if !path.starts_with('/')
            || path.ends_with('/')
            || !path.bytes().all(|b| b == b'/' || is_name_byte(b))
        {
            return Err(Error::configuration(
                "routes_path must be like /auth: a leading slash, no trailing one, letters, digits, - and _",
            ));
        }
        let Some(text) = &self.base_url else {
            return Ok(None);
        };
        let base = address("base_url", text)?;
        if base.url().path() != "/" {
            return Err(Error::configuration(format!(
                "base_url `{text}` must have no path; use `.routes_path(…)` to move the routes"
            )));
        }
        let origin = base.url().origin().ascii_serialization();
        Ok(Some(Site {
            redirect_uri: match self.returns_to_origin {
                true => origin.clone(),
                false => format!("{origin}{path}/callback"),
            },
            post_logout_redirect_uri: format!("{origin}{path}/logged-out"),
            origin,
        }))
    }
}

/// Reads an address; `name` is the setting, for the message.
fn address(name: &str, text: &str) -> Result<Address, Error> {
    Address::identifier(text)
        .map_err(|error| Error::configuration(format!("{name} `{text}` {error}")))
}

fn client_id(text: String) -> Result<String, Error> {
    if text.is_empty() {
        return Err(Error::configuration("client_id is empty"));
    }
    if !grammar::is_vschar(&text) {
        return Err(Error::configuration(
            "client_id holds something that no client_id has (RFC 6749 A.1): a control character, or a letter outside ASCII",
        ));
    }
    Ok(text)
}

fn cookie_name(text: String) -> Result<String, Error> {
    if text.is_empty() {
        return Err(Error::configuration("cookie_name is empty"));
    }
    if !text.bytes().all(is_name_byte) {
        return Err(Error::configuration(
            "cookie_name may hold letters, digits, - and _",
        ));
    }
    Ok(text)
}

fn secret(secret: Option<Secret>, file: Option<PathBuf>) -> Result<Option<Secret>, Error> {
    let secret = match (secret, file) {
        (Some(_), Some(_)) => {
            return Err(Error::configuration(
                "both a secret and a secret_file are configured",
            ));
        }
        (None, Some(path)) => read_secret_file(&path)?,
        (Some(secret), None) => secret,
        (None, None) => return Ok(None),
    };
    if secret.expose().is_empty() {
        return Err(Error::configuration("the client secret is empty"));
    }
    if !grammar::is_vschar(secret.expose()) {
        return Err(Error::configuration(
            "the client secret holds something that no secret has (RFC 6749 A.2): a byte order mark, a line break, or a letter outside ASCII",
        ));
    }
    Ok(Some(secret))
}

fn trusted_audiences(names: Vec<String>) -> Result<Vec<String>, Error> {
    match names.iter().any(String::is_empty) {
        true => Err(Error::configuration(
            "trusted_audiences holds an empty text: name them as they stand in `aud`",
        )),
        false => Ok(names),
    }
}

/// `leeway` in seconds, `most` at the most. `name` is the setting, for the message.
fn at_most(name: &str, leeway: Duration, most: i64) -> Result<i64, Error> {
    let most = Duration::from_secs(most.unsigned_abs());
    match i64::try_from(leeway.as_secs()) {
        Ok(seconds) if leeway <= most => Ok(seconds),
        _ => Err(Error::configuration(format!(
            "{name} is longer than {most:?}: set the clocks right instead"
        ))),
    }
}

fn seconds(duration: Duration) -> Result<i64, Error> {
    match i64::try_from(duration.as_secs()) {
        Ok(0) => Err(Error::configuration(
            "a session must last at least a second",
        )),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(Error::configuration("no session can last that long")),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
