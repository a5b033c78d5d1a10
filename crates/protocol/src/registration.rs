//! The one form of a client: a metadata document in the words of RFC 7591 §2, with members of our own where that has none.
//! Its `scope` is a list here, `scopes`; both are read.
//! The configuration and the command line make such a document. What a client may be, and the words
//! about what it may not be, are decided here alone.

mod document;

use std::collections::BTreeMap;

use crate::{
    client::{
        AuthenticationMethod, BackChannelUri, Client, ClientInformation, ConsentPolicy, GrantType,
        OpenIdRegistration, ResponseMode, SubjectType, is_web_address,
    },
    ids::ClientId,
    image::Image,
    jose::JwkSet,
    language,
    redirect_uri::RedirectUri,
    scope::{OPENID, Scope},
};

pub use self::document::{Names, Registration};

/// Where the secret of a client comes from, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// It is given beside the document.
    Given,
    /// There is none.
    Nowhere,
    /// The server makes one where the client authenticates with it.
    Generated,
}

/// What is wrong with a registration, or odd about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}\n    {advice}")]
pub struct Finding {
    /// The member that it is about.
    pub member: &'static str,
    /// Which of its items, where it is a list.
    pub item: Option<usize>,
    /// What it is.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    fn new(member: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            member,
            item: None,
            message: message.into(),
            advice: advice.into(),
        }
    }

    fn at(self, item: usize) -> Self {
        Self {
            item: Some(item),
            ..self
        }
    }
}

/// What a name by language looks like.
const NAMES_BY_LANGUAGE: &str =
    "write a language tag behind the #, such as client_name#de, and a name as its value";

/// What the address of a page or endpoint of a client looks like.
const WEB_ADDRESS: &str =
    "write an https URL, or http on a loopback address, without fragment and user name";

/// Whether a scope exists; if not, what to do.
pub type KnowsScope<'a> = dyn Fn(&str) -> Result<(), String> + 'a;

/// The id that a client is to be registered under.
///
/// # Errors
/// `text` is none.
pub fn client_id(text: &str) -> Result<ClientId, Finding> {
    ClientId::parse(text).ok_or_else(|| {
        Finding::new(
            "client_id",
            format!("`{text}` can't be a client id"),
            "1 to 128 of A-Z a-z 0-9 . _ ~ : / - and not beginning with u-, as user ids do",
        )
    })
}

impl Registration {
    /// The client `id` that this document describes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn register(
        &self,
        id: &ClientId,
        secret: SecretOrigin,
        knows_scope: &KnowsScope<'_>,
    ) -> Result<Client, Vec<Finding>> {
        if *id == ClientId::account_pages() {
            let message = format!("`{id}` is what this server calls its account pages");
            let advice = "choose another id";
            return Err(vec![Finding::new("client_id", message, advice)]);
        }
        self.judge(id, secret, knows_scope)
    }

    /// The account pages of this server, described as a client: the one that has their id.
    ///
    /// # Errors
    /// Everything that is wrong with the description.
    pub fn register_account_pages(&self) -> Result<Client, Vec<Finding>> {
        self.judge(&ClientId::account_pages(), SecretOrigin::Generated, &|_| {
            Ok(())
        })
    }

    fn judge(
        &self,
        id: &ClientId,
        secret: SecretOrigin,
        knows_scope: &KnowsScope<'_>,
    ) -> Result<Client, Vec<Finding>> {
        let mut judge = Judge {
            registration: self,
            id,
            findings: Vec::new(),
        };
        let client = Client {
            id: id.clone(),
            name: self.name.clone().unwrap_or_else(|| id.to_string()),
            names: judge.names(),
            authentication: self.authentication(secret),
            jwks: judge.keys(),
            assertion_audience: self.assertion_audience,
            redirect_uris: judge.uris("redirect_uris", &self.redirect_uris),
            grant_types: self.grant_types(),
            scopes: judge.scopes(knows_scope),
            require_pkce: self.require_pkce,
            access_token_format: self.access_token_format,
            consent: self.consent,
            refresh_shared: self.refresh_shared,
            response_modes: self.response_modes.clone(),
            require_pushed_authorization_requests: self.require_pushed_authorization_requests,
            require_second_factor: self.require_second_factor,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            about: ClientInformation {
                logo_uri: judge.logo(),
                policy_uri: judge.page("policy_uri", self.policy_uri.as_deref()),
                tos_uri: judge.page("tos_uri", self.tos_uri.as_deref()),
            },
            openid: OpenIdRegistration {
                id_token_signed_response_alg: self.id_token_signed_response_alg,
                subject_type: self.subject_type,
                sector_identifier: self.sector_identifier.clone(),
                post_logout_redirect_uris: judge
                    .uris("post_logout_redirect_uris", &self.post_logout_redirect_uris),
                backchannel_logout_uri: judge.back_channel(),
            },
        };
        judge.grants(&client);
        judge.authentication(&client, secret);
        judge.people(&client);
        judge.answers(&client);
        if judge.findings.is_empty() {
            Ok(client)
        } else {
            Err(judge.findings)
        }
    }

    /// How the client authenticates: as it says, or by what it has.
    fn authentication(&self, secret: SecretOrigin) -> AuthenticationMethod {
        self.token_endpoint_auth_method
            .unwrap_or(match (&self.jwks, secret) {
                (_, SecretOrigin::Given) => AuthenticationMethod::ClientSecretBasic,
                (Some(_), _) => AuthenticationMethod::PrivateKeyJwt,
                (None, SecretOrigin::Generated) => AuthenticationMethod::ClientSecretBasic,
                (None, SecretOrigin::Nowhere) => AuthenticationMethod::None,
            })
    }

    fn grant_types(&self) -> Vec<GrantType> {
        let by_what_it_has = || match self.redirect_uris.as_slice() {
            [] => Vec::new(),
            _ => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        };
        self.grant_types.clone().unwrap_or_else(by_what_it_has)
    }
}

/// One document under judgement.
struct Judge<'r> {
    registration: &'r Registration,
    id: &'r ClientId,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// Refuses `member`, of which `what` is said behind the client's name.
    fn refuse(&mut self, member: &'static str, what: &str, advice: &str) {
        let message = format!("the client `{}` {what}", self.id);
        self.findings.push(Finding::new(member, message, advice));
    }

    /// The names by language.
    fn names(&mut self) -> BTreeMap<String, String> {
        let names = &self.registration.names.0;
        for (tag, name) in names {
            if !language::is_tag(tag) || name.trim().is_empty() {
                let what = format!("has no name in a language as client_name#{tag}");
                self.refuse("client_name", &what, NAMES_BY_LANGUAGE);
            }
        }
        names.clone()
    }

    fn logo(&mut self) -> Option<Image> {
        match Image::parse(self.registration.logo_uri.as_deref()?) {
            Ok(logo) => return Some(logo),
            Err(what) => self.refuse(
                "logo_uri",
                &format!("has a logo that {what}"),
                "give the image itself: an SVG, PNG, JPEG or WebP of at most 64 KiB, in base64 behind data:image/…;base64,",
            ),
        }
        None
    }

    /// A page of the client's that people are led to.
    fn page(&mut self, member: &'static str, uri: Option<&str>) -> Option<String> {
        let uri = uri?;
        if !is_web_address(uri) {
            let what = format!("has a {member} that leads nowhere: `{uri}`");
            self.refuse(member, &what, WEB_ADDRESS);
        }
        Some(uri.to_owned())
    }

    fn uris(&mut self, member: &'static str, uris: &[String]) -> Vec<RedirectUri> {
        let mut registered = Vec::new();
        for (item, uri) in uris.iter().enumerate() {
            match RedirectUri::register(uri) {
                Ok(uri) => registered.push(uri),
                Err(error) => {
                    let message = format!("the redirect URI `{uri}` can't be registered");
                    let finding = Finding::new(member, message, error.to_string());
                    self.findings.push(finding.at(item));
                }
            }
        }
        registered
    }

    fn back_channel(&mut self) -> Option<BackChannelUri> {
        let uri = self.registration.backchannel_logout_uri.as_deref()?;
        let parsed = BackChannelUri::parse(uri);
        if parsed.is_none() {
            self.findings.push(Finding::new(
                "backchannel_logout_uri",
                format!("the back-channel logout URI `{uri}` can't be called"),
                WEB_ADDRESS,
            ));
        }
        parsed
    }

    fn scopes(&mut self, knows_scope: &KnowsScope<'_>) -> Scope {
        let names = &self.registration.scopes;
        for (item, name) in names.iter().enumerate() {
            if let Err(advice) = knows_scope(name) {
                let message = format!(
                    "the client `{}` may ask for the unknown scope `{name}`",
                    self.id
                );
                let finding = Finding::new("scopes", message, advice);
                self.findings.push(finding.at(item));
            }
        }
        let scopes = Scope::parse(&names.join(" "));
        if scopes.is_none() {
            self.refuse(
                "scopes",
                "has scopes that can't be read",
                "at most 100 names, each of at most 128 characters (RFC 6749 §3.3)",
            );
        }
        scopes.unwrap_or_default()
    }

    fn keys(&mut self) -> Option<JwkSet> {
        let written = self.registration.jwks.clone()?;
        match serde_json::from_value::<JwkSet>(written) {
            Ok(keys) if !keys.keys.is_empty() => return Some(keys),
            Ok(_) => self.refuse(
                "jwks",
                "has no key that can verify a signature",
                "write public keys for ES256, RS256, PS256 or EdDSA",
            ),
            Err(error) => self.findings.push(Finding::new(
                "jwks",
                format!(
                    "the keys of the client `{}` are no JWK set: {error}",
                    self.id
                ),
                "write { keys = [ … ] } with public keys alone (RFC 7517 §5)",
            )),
        }
        None
    }

    fn grants(&mut self, client: &Client) {
        let code = client.may_use(GrantType::AuthorizationCode);
        let has_redirect_uris = !self.registration.redirect_uris.is_empty();
        if code && !has_redirect_uris {
            self.refuse(
                "redirect_uris",
                "has no redirect URI",
                "add redirect_uris, or grant_types without authorization_code",
            );
        }
        if !code && has_redirect_uris {
            self.refuse(
                "redirect_uris",
                "has redirect URIs that nothing uses",
                "add authorization_code to its grant_types, or leave them out",
            );
        }
        if client.may_use(GrantType::RefreshToken) && !code {
            self.refuse(
                "grant_types",
                "may refresh but not get anything to refresh",
                "add authorization_code, or leave out refresh_token",
            );
        }
        if client.is_public() && client.may_use(GrantType::ClientCredentials) {
            self.refuse(
                "grant_types",
                "can't authenticate, so it can't use client_credentials",
                "give it a secret or keys",
            );
        }
        if client.is_public() && client.grant_types.is_empty() {
            self.refuse(
                "grant_types",
                "has no grant type, and can't authenticate",
                "name at least one grant type; only a client with a secret or keys can do without, to introspect",
            );
        }
    }

    fn authentication(&mut self, client: &Client, secret: SecretOrigin) {
        let has_secret = secret == SecretOrigin::Given;
        let has_keys = self.registration.jwks.is_some();
        let method = "token_endpoint_auth_method";
        match client.authentication {
            AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost
                if secret == SecretOrigin::Nowhere =>
            {
                self.refuse(
                    method,
                    "has no secret",
                    "name its secret_file; `openssl rand -hex 32` makes a secret",
                );
            }
            AuthenticationMethod::PrivateKeyJwt if !has_keys => {
                self.refuse(method, "has no keys", "give it a jwks with its public keys");
            }
            AuthenticationMethod::None if has_secret || has_keys => self.refuse(
                method,
                "has a secret or keys that nobody asks for",
                "leave out token_endpoint_auth_method, or the secret",
            ),
            AuthenticationMethod::PrivateKeyJwt if !has_secret => {}
            _ if has_keys => self.refuse("jwks", "has a secret and keys", "keep one of them"),
            _ => {}
        }
        if client.is_public() && !client.require_pkce {
            self.refuse_public_without_pkce();
        }
    }

    fn refuse_public_without_pkce(&mut self) {
        let message = format!("the public client `{}` must use PKCE", self.id);
        self.findings.push(Finding::new(
            "require_pkce",
            message,
            "only a client that authenticates can go without (RFC 9700 §2.1.1)",
        ));
    }

    /// What people see of the client.
    fn people(&mut self, client: &Client) {
        let length = client.name.chars().count();
        if !(1..=100).contains(&length) || client.name.chars().any(char::is_control) {
            self.refuse(
                "client_name",
                "has a name that can't be shown",
                "the name must be 1 to 100 characters without control characters",
            );
        }
        if client.is_public() && client.consent == ConsentPolicy::Never && client.lives_on_device()
        {
            self.refuse(
                "consent",
                "can't authenticate and returns to an app on the person's computer, where any app can borrow its name",
                "leave out consent = never, or give it a secret or keys",
            );
        }
    }

    /// How answers reach the client, and by which `sub` it knows people.
    fn answers(&mut self, client: &Client) {
        let web = |uri: &RedirectUri| {
            uri.as_str().starts_with("https:") || uri.as_str().starts_with("http:")
        };
        if client.response_modes.is_empty() {
            self.refuse(
                "response_modes",
                "has no response mode",
                "response_modes needs at least one of query and form_post",
            );
        }
        if client.response_modes.contains(&ResponseMode::FormPost)
            && !client.redirect_uris.iter().all(web)
        {
            self.refuse(
                "response_modes",
                "is posted to at a redirect URI that no browser posts to",
                "form_post needs redirect URIs that begin with https: or http:",
            );
        }
        let sector = client.openid.sector_identifier.as_deref();
        let is_host =
            |text: &str| url::Host::parse(text).is_ok_and(|host| host.to_string() == text);
        let is_missing = client.openid.subject_type == SubjectType::Pairwise
            && sector.is_none()
            && client.hosts().len() > 1;
        if is_missing || sector.is_some_and(|sector| !is_host(sector)) {
            self.refuse(
                "sector_identifier",
                "has no host name that stands for its sector",
                "subject_type = pairwise needs sector_identifier, a host name, where the redirect URIs have more than one host",
            );
        }
    }
}

/// What is odd about a client: weaker than it could be, or registered and never used, so that another member is probably wrong.
pub fn oddities(client: &Client) -> Vec<Finding> {
    let id = &client.id;
    let signs_in = client.may_use(GrantType::AuthorizationCode);
    let has_id_tokens = signs_in && client.scopes.contains(OPENID);
    let mut odd = Vec::new();
    let mut warn = |is_odd: bool, member, message: String, advice: &str| {
        if is_odd {
            odd.push(Finding::new(member, message, advice));
        }
    };
    warn(
        client.consent == ConsentPolicy::Never && client.is_public(),
        "consent",
        format!("nobody is asked before the public client `{id}` gets tokens"),
        "anyone can pose as a client that can't authenticate; ask its users, or give it a secret",
    );
    warn(
        client.authentication == AuthenticationMethod::ClientSecretBasic
            && id.as_str().contains(':'),
        "client_id",
        format!(
            "the id of the client `{id}` ends at its colon where it is sent without being form-encoded, as `curl -u` sends it"
        ),
        "choose an id without a colon, or see that the client encodes it (RFC 6749 §2.3.1)",
    );
    warn(
        !client.require_pkce,
        "require_pkce",
        format!("the client `{id}` may go without PKCE"),
        "an injected code is then stopped only if the client checks what it gets",
    );
    let openid = &client.openid;
    for (member, is_there) in [
        (
            "post_logout_redirect_uris",
            !openid.post_logout_redirect_uris.is_empty(),
        ),
        (
            "backchannel_logout_uri",
            openid.backchannel_logout_uri.is_some(),
        ),
    ] {
        warn(
            is_there && !has_id_tokens,
            member,
            format!("the client `{id}` gets no ID Token, so nothing uses its {member}"),
            "add authorization_code to its grant_types and openid to its scopes, or leave it out",
        );
    }
    warn(
        client.require_pushed_authorization_requests && !signs_in,
        "require_pushed_authorization_requests",
        format!("the client `{id}` makes no authorization request that it could push"),
        "add authorization_code to its grant_types, or leave it out",
    );
    warn(
        openid.sector_identifier.is_some() && openid.subject_type == SubjectType::Public,
        "sector_identifier",
        format!("the sector of the client `{id}` is not used"),
        "add subject_type = \"pairwise\", or leave it out",
    );
    odd
}
