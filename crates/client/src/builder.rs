//! Putting a client together: from code, from the environment, checked before the first request, without any network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_issuer::{Address, Discovery, Http, Keys, is_protected};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::cookie;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::resource::ResourceUri;
use safeconduct_protocol::scope::{self, Scope};
use safeconduct_protocol::secret::Secret;
use url::Url;

use crate::attempt::Attempts;
use crate::authentication::{ClientAuthentication, Credentials};
use crate::client::{Client, Config, OPENID, Parts, Site};
use crate::cookie::Cookies;
use crate::error::Error;
use crate::grammar;
use crate::key_ring::{KeyRing, read_secret_file, secret_variable};
use crate::login_options::LoginOptions;
use crate::proof::Nonces;
use crate::pushed_request::PushedRequests;
use crate::refresh::Refreshes;
use crate::sessions::{Lifetimes, Places, Sessions};
use crate::store::{MemoryStore, SessionStore};
use crate::user_info::UserInfo;

/// How this library names itself to issuers and APIs.
const USER_AGENT: &str = concat!("safeconduct-client/", env!("CARGO_PKG_VERSION"));
/// How long a request to the issuer or the API may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
const HOUR: u64 = 3600;

/// What a client will be. Nothing is checked before [`ClientBuilder::build`], which names the first setting that is wrong.
#[must_use]
pub struct ClientBuilder {
    issuer: String,
    client_id: String,
    base_url: Option<String>,
    scopes: Vec<String>,
    resource: Option<String>,
    secret: Option<Secret>,
    secret_file: Option<PathBuf>,
    authentication: Option<ClientAuthentication>,
    id_token_algorithm: Option<Algorithm>,
    logout_token_typ_required: bool,
    login: LoginOptions,
    user_info: UserInfo,
    pushed_requests: PushedRequests,
    dpop: bool,
    logout_at_server: bool,
    store: Option<Arc<dyn SessionStore>>,
    session_keys: Option<KeyRing>,
    session_idle: Duration,
    session_absolute: Duration,
    cookie_name: Option<String>,
    routes_path: String,
    returns_to_origin: bool,
    clock: Clock,
    http_timeout: Duration,
}

impl Client {
    /// Begins to describe the client `client_id` of `issuer`. The issuer is compared byte for byte with what its metadata
    /// says.
    #[expect(
        clippy::new_ret_no_self,
        reason = "a client is built; the builder is where that starts"
    )]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            issuer: issuer.into(),
            client_id: client_id.into(),
            base_url: None,
            scopes: Vec::new(),
            resource: None,
            secret: None,
            secret_file: None,
            authentication: None,
            id_token_algorithm: None,
            logout_token_typ_required: false,
            login: LoginOptions::new(),
            user_info: UserInfo::default(),
            pushed_requests: PushedRequests::default(),
            dpop: false,
            logout_at_server: true,
            store: None,
            session_keys: None,
            session_idle: Duration::from_secs(8 * HOUR),
            session_absolute: Duration::from_secs(14 * 24 * HOUR),
            cookie_name: None,
            routes_path: "/auth".to_owned(),
            returns_to_origin: false,
            clock: Clock::system(),
            http_timeout: HTTP_TIMEOUT,
        }
    }

    /// Begins to describe a client from the environment: `SAFECONDUCT_ISSUER`, `SAFECONDUCT_CLIENT_ID`,
    /// `SAFECONDUCT_BASE_URL`, and, each directly or as the path in the variable that ends in `_FILE`,
    /// `SAFECONDUCT_CLIENT_SECRET` and `SAFECONDUCT_SESSION_KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if issuer or client id is not set, or a file cannot be read.
    pub fn from_env() -> Result<ClientBuilder, Error> {
        from_variables(&|name| std::env::var(name).ok())
    }
}

fn from_variables(read: &dyn Fn(&str) -> Option<String>) -> Result<ClientBuilder, Error> {
    let required = |name: &str| {
        read(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Error::configuration(format!("set {name}")))
    };
    let mut builder = Client::new(
        required("SAFECONDUCT_ISSUER")?,
        required("SAFECONDUCT_CLIENT_ID")?,
    );
    builder.base_url = read("SAFECONDUCT_BASE_URL").filter(|value| !value.is_empty());
    builder.secret = secret_variable("SAFECONDUCT_CLIENT_SECRET", read)?;
    builder.session_keys = secret_variable("SAFECONDUCT_SESSION_KEY", read)?
        .map(|text| KeyRing::parse(&text))
        .transpose()?;
    Ok(builder)
}

impl ClientBuilder {
    /// Where browsers reach this app, such as `https://notes.example.com`. Needed for signing in. The redirect_uri to register
    /// is this followed by `/auth/callback`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// What to ask for. With `openid` a sign-in tells who the person is (OpenID Connect); without it, it is for access alone. Name
    /// `offline_access` if tokens are to be renewed while the person is away.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The one API that tokens are for (RFC 8707). Tokens are sent to URLs under it and nowhere else.
    pub fn resource(mut self, uri: impl Into<String>) -> Self {
        self.resource = Some(uri.into());
        self
    }

    /// The client's secret.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The file that holds the client's secret; read by [`ClientBuilder::build`].
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.secret_file = Some(path.into());
        self
    }

    /// How the client authenticates, where that is not `client_secret_basic` with a secret and `none` without.
    pub fn authentication(mut self, method: ClientAuthentication) -> Self {
        self.authentication = Some(method);
        self
    }

    /// What this client is registered to get ID Tokens and logout tokens signed with (`id_token_signed_response_alg`): no other
    /// algorithm is taken, whatever else the issuer announces (OpenID Connect Core §3.1.3.7). Unless set it is RS256, the default of
    /// a registration, or the one algorithm of an issuer that has one.
    pub fn id_token_algorithm(mut self, registered: Algorithm) -> Self {
        self.id_token_algorithm = Some(registered);
        self
    }

    /// Whether a logout token must be of the type `logout+jwt`, and not of none or `JWT`, as with issuers that follow the first
    /// drafts of Back-Channel Logout. Unless set, `events` and the absent `nonce` tell it from other tokens, as the specification
    /// has it (§2.4, §4.1); set it where the issuer names the type, and no other token can ever be taken for one.
    pub fn require_logout_token_typ(mut self, required: bool) -> Self {
        self.logout_token_typ_required = required;
        self
    }

    /// Wishes for every sign-in: languages, how recent it must be, … [`BeginOptions::login`](crate::BeginOptions::login) has
    /// those for one.
    pub fn login(mut self, wishes: LoginOptions) -> Self {
        self.login = wishes;
        self
    }

    /// Whether to ask for userinfo at sign-in. Unless set, it is asked if the scope holds `profile`, `email`, `phone` or `address`
    /// and the issuer has the endpoint; if it then gives no answer, the person is signed in with the claims of the ID Token
    /// alone. With `true`, nobody is signed in without that answer. About another person it is refused in any case.
    ///
    /// A session keeps up to 4 KiB of userinfo beyond what the ID Token says; of more, the standard claims.
    pub fn userinfo(mut self, asked: bool) -> Self {
        self.user_info = match asked {
            true => UserInfo::Always,
            false => UserInfo::Never,
        };
        self
    }

    /// Whether authorization requests are pushed to the issuer (RFC 9126): where it announces that, unless set.
    pub fn pushed_requests(mut self, when: PushedRequests) -> Self {
        self.pushed_requests = when;
        self
    }

    /// Whether tokens are bound to a key of their own session (DPoP, RFC 9449), so that nobody else can use them. An issuer that
    /// gives other tokens then is refused, and the API must ask for proofs. Sessions that began before go on as they are.
    pub fn dpop(mut self, bound: bool) -> Self {
        self.dpop = bound;
        self
    }

    /// Whether signing out of this app is signing out at the issuer too, where it can be told (`end_session_endpoint`); it is,
    /// unless set. [`Client::post_logout_redirect_uri`] is to be registered there.
    pub fn logout_at_server(mut self, too: bool) -> Self {
        self.logout_at_server = too;
        self
    }

    /// Where sessions are kept. Without it they are kept in memory and end with the process.
    pub fn store(mut self, store: impl SessionStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// What cookies and stored tokens are sealed with. Needed with a [`ClientBuilder::store`]; every process that shares the
    /// store shares the keys.
    pub fn session_keys(mut self, keys: KeyRing) -> Self {
        self.session_keys = Some(keys);
        self
    }

    /// How long a session lasts without a request (8 hours), and in all (14 days).
    pub fn session_lifetimes(mut self, idle: Duration, absolute: Duration) -> Self {
        self.session_idle = idle;
        self.session_absolute = absolute;
        self
    }

    /// The name of the session cookie. Unless set it is `sc-app-` and eight letters that follow from the issuer, the client id
    /// and the redirect URI, so that apps at one host, on two ports of localhost say, leave each other's alone. On https it is
    /// sent with the prefix `__Host-`.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = Some(name.into());
        self
    }

    /// The path under which the sign-in routes lie, `/auth` unless set. An app with several issuers gives each client its own,
    /// so that each has its own redirect_uri (RFC 9700 §4.4.2.2).
    pub fn routes_path(mut self, path: impl Into<String>) -> Self {
        self.routes_path = path.into();
        self
    }

    /// Has the issuer send people back to the app's origin, without any path (`https://notes.example.com`), because that is the
    /// redirect URI which is registered there. [`Client::layer`] takes the issuer's answer in front of the app's own page at `/`, so
    /// it must be around that page. For one client of an app: each issuer needs a redirect URI of its own.
    pub fn return_to_origin(mut self, yes: bool) -> Self {
        self.returns_to_origin = yes;
        self
    }

    /// The clock to go by; tests bring their own.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a request to the issuer or the API may take in all, ten seconds unless set. Connecting has half of it.
    pub fn http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout;
        self
    }

    /// The client. No request is made: issuer and app may start in any order.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind), naming the setting.
    pub fn build(mut self) -> Result<Client, Error> {
        let issuer = configured("issuer", &self.issuer)?;
        let site = self.site()?;
        let cookies = Cookies {
            secure: site
                .as_ref()
                .is_none_or(|site| site.origin.starts_with("https:")),
        };
        let (keys, context) = (self.keys()?, self.context(site.as_ref()));
        let seal = Arc::new(keys.seal(&context));
        let mark = cookie::mark(&context);
        let cookie_name = self.cookie_name.take();
        let session_cookie = cookie_name.unwrap_or_else(|| format!("sc-app-{mark}"));
        let lifetimes = Lifetimes {
            idle: seconds(self.session_idle)?,
            absolute: seconds(self.session_absolute)?,
        };
        let store = self
            .store
            .take()
            .unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let places = Places {
            store,
            seal: seal.clone(),
            index_keys: keys
                .index_keys(&format!("{}\n{}", self.issuer, self.client_id))
                .into(),
        };
        let http = Http::new(USER_AGENT, self.http_timeout, issuer.is_loopback());
        http.pool()?;
        let clock = self.clock.clone();
        let openid = self.scopes.iter().any(|scope| scope == OPENID);
        let discovery = Discovery::new(issuer, openid, http, clock.clone());
        Ok(Client::assemble(Parts {
            keys: Keys::new(discovery.clone(), clock.clone(), |_| {}),
            discovery,
            nonces: Nonces::default(),
            attempts: Attempts::new(seal.clone(), cookies, &mark),
            seal,
            sessions: Sessions::new(places, lifetimes, clock.clone()),
            refreshes: Refreshes::new(clock.clone()),
            config: self.config(site, cookies, session_cookie)?,
            clock,
        }))
    }

    fn config(
        self,
        site: Option<Site>,
        cookies: Cookies,
        session_cookie: String,
    ) -> Result<Config, Error> {
        if self.client_id.is_empty() || !grammar::is_vschar(&self.client_id) {
            return Err(Error::configuration(
                "client_id must be visible ASCII characters",
            ));
        }
        if session_cookie.is_empty() || !session_cookie.bytes().all(is_name_byte) {
            return Err(Error::configuration(
                "cookie_name may hold letters, digits, - and _",
            ));
        }
        let secret = match (self.secret, self.secret_file) {
            (Some(_), Some(_)) => {
                return Err(Error::configuration(
                    "both a secret and a secret_file are configured",
                ));
            }
            (None, Some(path)) => Some(read_secret_file(&path)?),
            (secret, None) => secret,
        };
        if secret
            .as_ref()
            .is_some_and(|secret| secret.expose().is_empty())
        {
            return Err(Error::configuration("the client secret is empty"));
        }
        if secret
            .as_ref()
            .is_some_and(|secret| !grammar::is_vschar(secret.expose()))
        {
            return Err(Error::configuration(
                "the client secret holds something that no secret has (RFC 6749 A.2): a byte order mark, a line break, or a letter outside ASCII",
            ));
        }
        if let Some(bad) = self.scopes.iter().find(|name| !scope::is_name(name)) {
            return Err(Error::configuration(format!(
                "`{bad}` is not a scope; name them one by one"
            )));
        }
        let resource = self.resource.map(checked_resource).transpose()?;
        Ok(Config {
            issuer: self.issuer,
            client_id: self.client_id,
            credentials: Credentials::new(self.authentication, secret)?,
            scope: Scope::parse(&self.scopes.join(" "))
                .ok_or_else(|| Error::configuration("more than 100 scopes"))?,
            resource,
            id_token_algorithm: self.id_token_algorithm,
            logout_token_typ_required: self.logout_token_typ_required,
            login: self.login,
            user_info: self.user_info,
            pushed_requests: self.pushed_requests,
            dpop: self.dpop,
            logout_at_server: self.logout_at_server,
            site,
            cookies,
            session_cookie,
            routes_path: self.routes_path,
            #[cfg(feature = "axum")]
            returns_to_origin: self.returns_to_origin,
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
        let base = configured("base_url", text)?;
        let url = base.url();
        if url.path() != "/" {
            return Err(Error::configuration(format!(
                "base_url `{text}` must have no path; use `.routes_path(…)` to move the routes"
            )));
        }
        let origin = url.origin().ascii_serialization();
        Ok(Some(Site {
            redirect_uri: match self.returns_to_origin {
                true => origin.clone(),
                false => format!("{origin}{path}/callback"),
            },
            post_logout_redirect_uri: format!("{origin}{path}/logged-out"),
            origin,
        }))
    }

    fn keys(&mut self) -> Result<KeyRing, Error> {
        match (self.session_keys.take(), &self.store) {
            (Some(keys), _) => Ok(keys),
            (None, None) => Ok(KeyRing::generate()),
            (None, Some(_)) => Err(Error::configuration(
                "a session store needs `.session_keys(…)`: what its tokens are sealed with",
            )),
        }
    }

    /// What nothing sealed for this client opens without: where and as whom people were asked to sign in.
    fn context(&self, site: Option<&Site>) -> String {
        let redirect_uri = site.map_or("", |site| site.redirect_uri.as_str());
        format!("{}\n{}\n{redirect_uri}", self.issuer, self.client_id)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Reads an address that the app configures; `name` is the setting, for the message.
fn configured(name: &str, text: &str) -> Result<Address, Error> {
    Address::identifier(text)
        .map_err(|error| Error::configuration(format!("{name} `{text}` {error}")))
}

fn checked_resource(text: String) -> Result<String, Error> {
    let protected = Url::parse(&text).is_ok_and(|url| is_protected(&url) || url.scheme() == "urn");
    if ResourceUri::parse(&text).is_none() || !protected {
        return Err(Error::configuration(format!(
            "resource `{text}` must be an absolute https URI without fragment; http is for loopback only"
        )));
    }
    Ok(text)
}

fn seconds(duration: Duration) -> Result<i64, Error> {
    i64::try_from(duration.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Error::configuration("a session must last at least a second"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::error::ErrorKind;

    fn builder() -> ClientBuilder {
        Client::new("https://id.example.com", "notes-web").base_url("https://notes.example.com/")
    }

    #[test]
    fn the_redirect_uri_follows_from_the_base_url() {
        let client = builder().build().unwrap();
        assert_eq!(
            client.redirect_uri().unwrap(),
            "https://notes.example.com/auth/callback"
        );
        let client = builder().routes_path("/auth/acme").build().unwrap();
        assert_eq!(
            client.redirect_uri().unwrap(),
            "https://notes.example.com/auth/acme/callback"
        );
        assert_eq!(
            client.post_logout_redirect_uri().unwrap(),
            "https://notes.example.com/auth/acme/logged-out"
        );
    }

    #[test]
    fn the_redirect_uri_may_be_the_origin_and_has_no_path_then() {
        let client = builder().return_to_origin(true).build().unwrap();
        assert_eq!(client.redirect_uri().unwrap(), "https://notes.example.com");
    }

    #[rstest]
    #[case::plain_issuer(Client::new("http://id.example.com", "x"))]
    #[case::no_issuer(Client::new("", "x"))]
    #[case::no_client_id(Client::new("https://id.example.com", ""))]
    #[case::plain_base_url(builder().base_url("http://notes.example.com"))]
    #[case::base_url_with_path(builder().base_url("https://example.com/notes"))]
    #[case::routes_path(builder().routes_path("auth"))]
    #[case::routes_path_slash(builder().routes_path("/auth/"))]
    #[case::scope_list(builder().scopes(["a b"]))]
    #[case::plain_resource(builder().resource("http://api.example.com"))]
    #[case::relative_resource(builder().resource("/notes"))]
    #[case::two_secrets(builder().secret(Secret::new("s")).secret_file("/f"))]
    #[case::missing_secret_file(builder().secret_file("/nowhere/at/all"))]
    #[case::empty_secret(builder().secret(Secret::new("")))]
    #[case::secret_of_two_lines(builder().secret(Secret::new("a\nb")))]
    #[case::secret_with_a_byte_order_mark(builder().secret(Secret::new("\u{feff}secret")))]
    #[case::basic_without_secret(builder().authentication(ClientAuthentication::Basic))]
    #[case::none_with_secret(builder().secret(Secret::new("s")).authentication(ClientAuthentication::None))]
    #[case::cookie_name(builder().cookie_name("a b"))]
    #[case::no_life(builder().session_lifetimes(Duration::ZERO, Duration::ZERO))]
    #[case::store_without_keys(builder().store(MemoryStore::new()))]
    fn a_wrong_setting_is_named_before_the_first_request(#[case] builder: ClientBuilder) {
        assert_eq!(
            builder.build().unwrap_err().kind(),
            ErrorKind::Configuration
        );
    }

    #[test]
    fn the_environment_is_enough() {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let read = |name: &str| {
            Some(match name {
                "SAFECONDUCT_ISSUER" => "http://localhost:8420".to_owned(),
                "SAFECONDUCT_CLIENT_ID" => "notes-web".to_owned(),
                "SAFECONDUCT_CLIENT_SECRET" => "a secret of the demo".to_owned(),
                "SAFECONDUCT_BASE_URL" => "http://localhost:8421".to_owned(),
                "SAFECONDUCT_SESSION_KEY" => key.to_owned(),
                _ => return None,
            })
        };
        let client = from_variables(&read)
            .unwrap()
            .store(MemoryStore::new())
            .build()
            .unwrap();
        assert_eq!(
            client.redirect_uri().unwrap(),
            "http://localhost:8421/auth/callback"
        );
        insta::assert_snapshot!(from_variables(&|_| None).err().unwrap(), @"client-misconfigured: set SAFECONDUCT_ISSUER");
    }

    #[test]
    fn a_client_fits_into_any_state() {
        fn fits<T: Clone + Send + Sync + 'static>(_: &T) {}
        let client = builder().secret(Secret::new("hush")).build().unwrap();
        fits(&client);
        assert!(!format!("{client:?}").contains("hush"));
    }
}
