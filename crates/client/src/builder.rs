//! Putting a client together: from code, from the environment, checked before the first request, without any network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use safeconduct_issuer::{Adjustment, Discovery, Http, HttpSettings, Keys, PlainHttp, reqwest};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::cookie;
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::secret::Secret;

use crate::client::{Client, Parts};
use crate::config::{OPENID, PushedRequests, Settings, UserInfo};
use crate::error::Error;
use crate::issuer::authentication::ClientAuthentication;
use crate::session::cookie::Cookies;
use crate::session::key_ring::{KeyRing, secret_variable};
use crate::session::sessions::{Sessions, Storage};
use crate::sign_in::attempt::Attempts;
use crate::sign_in::login_options::LoginOptions;
#[cfg(feature = "native")]
use crate::store::TokenFile;
use crate::store::{MemoryStore, SessionStore};
use crate::tokens::proof_key::Nonces;
use crate::tokens::refreshes::Refreshes;
use crate::tokens::resource::Resource;

/// How this library names itself to issuers and APIs.
const USER_AGENT: &str = concat!("safeconduct-client/", env!("CARGO_PKG_VERSION"));
/// How long a request to the issuer or the API may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session in a file lasts.
#[cfg(feature = "native")]
const YEAR: Duration = Duration::from_hours(365 * 24);

/// What a client will be. Nothing is checked before [`ClientBuilder::build`], which names the first setting that is wrong.
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
    store: Option<Arc<dyn SessionStore>>,
    session_keys: Option<KeyRing>,
    #[cfg(feature = "native")]
    token_file: Option<TokenFile>,
    clock: Clock,
    http_timeout: Duration,
    adjust_http: Option<Arc<Adjustment>>,
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
            settings: Settings::new(issuer.into(), client_id.into()),
            store: None,
            session_keys: None,
            #[cfg(feature = "native")]
            token_file: None,
            clock: Clock::system(),
            http_timeout: HTTP_TIMEOUT,
            adjust_http: None,
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
    builder.settings.base_url = read("SAFECONDUCT_BASE_URL").filter(|value| !value.is_empty());
    builder.settings.secret = secret_variable("SAFECONDUCT_CLIENT_SECRET", read)?;
    builder.session_keys = secret_variable("SAFECONDUCT_SESSION_KEY", read)?
        .map(|text| KeyRing::parse(&text))
        .transpose()?;
    Ok(builder)
}

impl ClientBuilder {
    /// Where browsers reach this app, such as `https://notes.example.com`. Needed for signing in. The redirect_uri to register
    /// is this followed by `/auth/callback`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = Some(url.into());
        self
    }

    /// What to ask for. With `openid` a sign-in tells who the user is (OpenID Connect); without it, it is for access alone. Name
    /// `offline_access` if tokens are to be renewed while the user is away.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.settings.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// An API that tokens are for (RFC 8707). Its tokens are sent to URLs under it and nowhere else. A text names the API and says where
    /// it is; a [`Resource`] may say the two apart.
    ///
    /// Called again, this is another API. The first one's token comes with the sign-in; one for another is fetched when it is first
    /// needed, with the refresh token (`offline_access`). Issuers differ in whether they give tokens for several APIs on one sign-in:
    /// Safeconduct gives them for one.
    pub fn resource(mut self, api: impl Into<Resource>) -> Self {
        self.settings.resources.push(api.into());
        self
    }

    /// Adds a parameter to every request for a token, as some issuers want one: Auth0's `audience` for an app that acts for itself.
    /// What this library says itself is refused. [`LoginOptions::parameter`] is for the sign-in.
    pub fn token_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let added = (name.into(), value.into());
        self.settings.token_parameters.push(added);
        self
    }

    /// The client's secret.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.settings.secret = Some(secret);
        self
    }

    /// The file that holds the client's secret; read by [`ClientBuilder::build`].
    pub fn secret_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.secret_file = Some(path.into());
        self
    }

    /// How the client authenticates, where that is not `client_secret_basic` with a secret and `none` without.
    pub fn authentication(mut self, method: ClientAuthentication) -> Self {
        self.settings.authentication = Some(method);
        self
    }

    /// What this client is registered to get ID Tokens and logout tokens signed with (`id_token_signed_response_alg`): no other
    /// algorithm is taken, whatever else the issuer announces (OpenID Connect Core §3.1.3.7). Unless set it is RS256, the default of
    /// a registration, or the one algorithm of an issuer that has one.
    pub fn id_token_algorithm(mut self, registered: Algorithm) -> Self {
        self.settings.id_token_algorithm = Some(registered);
        self
    }

    /// Who may be named in the `aud` of this client's ID Tokens beside the client itself: the projects or APIs that some issuers name
    /// there. Such a token has to say in `azp` that it is this client's; one that names anybody else is refused.
    pub fn trusted_audiences<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.settings.trusted_audiences = names.into_iter().map(Into::into).collect();
        self
    }

    /// How far ahead of ours the issuer's clock may be: 30 seconds unless set, 60 at most. It moves `iat`, `nbf` and `auth_time`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.settings.leeway = leeway;
        self
    }

    /// For how long an ID Token or logout token is taken past its `exp`, for an issuer whose clock is behind: not at all unless set, 300
    /// seconds at most.
    pub fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.settings.expiry_leeway = leeway;
        self
    }

    /// Whether a logout token must be of the type `logout+jwt`, and not of none or `JWT`, as with issuers that follow the first
    /// drafts of Back-Channel Logout. Unless set, `events` and the absent `nonce` tell it from other tokens, as the specification
    /// has it (§2.4, §4.1); set it where the issuer names the type, and no other token can ever be taken for one.
    pub fn require_logout_token_typ(mut self, required: bool) -> Self {
        self.settings.logout_token_typ_required = required;
        self
    }

    /// Wishes for every sign-in: languages, how recent it must be, … [`BeginOptions::login`](crate::BeginOptions::login) has
    /// those for one.
    pub fn login(mut self, wishes: LoginOptions) -> Self {
        self.settings.login = wishes;
        self
    }

    /// Whether to ask for userinfo at sign-in. Unless set, it is asked if the scope holds `profile`, `email`, `phone` or `address`
    /// and the issuer has the endpoint; if it then gives no answer, the user is signed in with the claims of the ID Token
    /// alone. With `true`, no user is signed in without that answer. About another user it is refused in any case.
    ///
    /// A session keeps up to 4 KiB of userinfo beyond what the ID Token says; of more, the standard claims.
    pub fn userinfo(mut self, asked: bool) -> Self {
        self.settings.user_info = match asked {
            true => UserInfo::Always,
            false => UserInfo::Never,
        };
        self
    }

    /// Whether authorization requests are pushed to the issuer (RFC 9126): where it announces that, unless set.
    pub fn pushed_requests(mut self, when: PushedRequests) -> Self {
        self.settings.pushed_requests = when;
        self
    }

    /// Whether tokens are bound to a key of their own session (DPoP, RFC 9449), so that no one without the key can use them. An issuer that
    /// gives other tokens then is refused, and the API must ask for proofs. Sessions that began before go on as they are.
    pub fn dpop(mut self, bound: bool) -> Self {
        self.settings.dpop = bound;
        self
    }

    /// Whether signing out of this app is signing out at the issuer too, where it can be told (`end_session_endpoint`); it is,
    /// unless set. [`Client::post_logout_redirect_uri`] is to be registered there.
    pub fn logout_at_server(mut self, too: bool) -> Self {
        self.settings.logout_at_server = too;
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

    /// Where an app on a user's own computer keeps its session ([`Client::native`]): instead of a [`ClientBuilder::store`] and
    /// [`ClientBuilder::session_keys`]. The session lasts for a year, unless [`ClientBuilder::session_lifetimes`] says otherwise after
    /// this: how long the tokens are good is the server's to say.
    #[cfg(feature = "native")]
    pub fn token_file(mut self, file: TokenFile) -> Self {
        self.session_keys = Some(file.keys());
        self.store = Some(Arc::new(file.clone()));
        self.token_file = Some(file);
        self.session_lifetimes(YEAR, YEAR)
    }

    /// How long a session lasts without a request (8 hours), and in all (14 days).
    pub fn session_lifetimes(mut self, idle: Duration, absolute: Duration) -> Self {
        self.settings.session_idle = idle;
        self.settings.session_absolute = absolute;
        self
    }

    /// The name of the session cookie. Unless set it is `sc-app-` and eight letters that follow from the issuer, the client id
    /// and the redirect URI, so that apps at one host, on two ports of localhost say, leave each other's alone. On https it is
    /// sent with the prefix `__Host-`.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.settings.cookie_name = Some(name.into());
        self
    }

    /// The path under which the sign-in routes lie, `/auth` unless set. An app with several issuers gives each client its own,
    /// so that each has its own redirect_uri (RFC 9700 §4.4.2.2).
    pub fn routes_path(mut self, path: impl Into<String>) -> Self {
        self.settings.routes_path = path.into();
        self
    }

    /// Has the issuer send users back to the app's origin, without any path (`https://notes.example.com`), because that is the
    /// redirect URI which is registered there. [`Client::layer`] takes the issuer's answer in front of the app's own page at `/`, so
    /// it must be around that page. For one client of an app: each issuer needs a redirect URI of its own.
    pub fn return_to_origin(mut self, yes: bool) -> Self {
        self.settings.returns_to_origin = yes;
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

    /// Changes how connections are made, to issuer and APIs alike: certificates of your own authority, a client certificate, a proxy. What
    /// protects a sign-in is not to be changed by it: redirects are not followed, and the times hold.
    ///
    /// ```no_run
    /// use safeconduct_client::{Client, reqwest::{Certificate, Identity}};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let authority = Certificate::from_pem(&std::fs::read("ca.pem")?)?;
    /// let ours = Identity::from_pem(&std::fs::read("client.pem")?)?;
    /// let login = Client::new("https://id.internal.example", "notes-web")
    ///     .http_settings(move |http| http.add_root_certificate(authority.clone()).identity(ours.clone()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn http_settings(
        mut self,
        adjust: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.adjust_http = Some(Arc::new(adjust));
        self
    }

    /// Lets plain http go to issuer and APIs in a private network, between containers for instance: to names and addresses of RFC 1918, RFC
    /// 6598 and RFC 4193. What a name stands for is looked at with every connection, and one to a public address is refused. Whoever is
    /// in that network can read and change what is sent: tokens, and the keys that they are verified with.
    pub fn allow_http_in_private_network(mut self, yes: bool) -> Self {
        self.settings.plain = match yes {
            true => PlainHttp::InPrivateNetwork,
            false => PlainHttp::OnThisMachine,
        };
        self
    }

    /// Has the issuer answer sign-ins with a form that the browser posts (`response_mode=form_post`), as Apple demands where a scope is
    /// asked for. The cookie of an attempt is `SameSite=None; Secure` then. A browser sends no session's cookie along with such a form: a session that there
    /// was before is neither ended nor carried on.
    pub fn form_post(mut self, yes: bool) -> Self {
        self.settings.form_post = yes;
        self
    }

    /// The client. No request is made: issuer and app may start in any order.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind), naming the setting.
    pub fn build(self) -> Result<Client, Error> {
        let keys = match (self.session_keys, &self.store) {
            (Some(keys), _) => keys,
            (None, None) => KeyRing::generate(),
            (None, Some(_)) => {
                return Err(Error::configuration(
                    "a session store needs `.session_keys(…)`: what its tokens are sealed with",
                ));
            }
        };
        let plain = self.settings.plain;
        let config = self.settings.check()?;
        // An answer that is posted comes from the issuer's site, and the attempt has to come along.
        let attempt_cookies = Cookies {
            cross_site: config.form_post,
            ..config.cookies
        };
        let seal = Arc::new(keys.seal(&config.context));
        let index_context = format!("{}\n{}", config.issuer, config.client_id);
        let storage = Storage {
            store: self.store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            seal: seal.clone(),
            index_keys: keys.index_keys(&index_context).into(),
        };
        let settings = HttpSettings {
            plain,
            adjust: self.adjust_http,
        };
        let http = Http::new(USER_AGENT, self.http_timeout, settings);
        http.check()?;
        let clock = self.clock;
        let openid = config.scope.contains(OPENID);
        let discovery = Discovery::new(config.issuer.clone(), openid, http, clock.clone());
        Ok(Client::assemble(Parts {
            keys: Keys::new(discovery.clone(), clock.clone(), |_| {}),
            discovery,
            nonces: Nonces::default(),
            attempts: Attempts::new(
                seal.clone(),
                attempt_cookies,
                &cookie::mark(&config.context),
            ),
            seal,
            sessions: Sessions::new(storage, config.lifetimes, clock.clone()),
            refreshes: Refreshes::new(clock.clone()),
            #[cfg(feature = "native")]
            token_file: self.token_file,
            config,
            clock,
        }))
    }
}

#[cfg(test)]
mod tests;
