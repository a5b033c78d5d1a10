//! A client as it is registered (RFC 7591 §2): what it may ask for, and how it proves who it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Reason, Refusal},
    ids::{ClientId, Malformed},
    image::Image,
    jose::{Algorithm, JwkSet},
    language::Language,
    loopback::is_loopback,
    redirect_uri::{self, RedirectUri},
    resource::Resources,
    scope::Scope,
};

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The identifier it sends.
    pub id: ClientId,
    /// The name users read on the consent page.
    pub name: String,
    /// The same for users of other languages, by language tag (RFC 7591 §2.2).
    pub names: BTreeMap<String, String>,
    /// How it authenticates at the token endpoint.
    pub authentication: AuthenticationMethod,
    /// The keys that sign its assertions, for `private_key_jwt`.
    pub jwks: Option<JwkSet>,
    /// What `aud` its assertions must carry.
    pub assertion_audience: AssertionAudience,
    /// Where its answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// The grant types it may use.
    pub grant_types: Vec<GrantType>,
    /// The most it may ask for.
    pub scopes: Scope,
    /// The groups whose members may use it, one of which is enough; empty: everybody may.
    pub groups: BTreeSet<String>,
    /// What who may not is answered.
    pub denied_users: DeniedUsers,
    /// Whether an authorization request without PKCE is refused. `false` is a weakening, possible only for a confidential client.
    pub require_pkce: bool,
    /// The form of its access tokens.
    pub access_token_format: AccessTokenFormat,
    /// When users are asked.
    pub consent: ConsentPolicy,
    /// What becomes of a grant whose refresh tokens two holders seem to use in step.
    pub refresh_shared: RefreshShared,
    /// How answers may travel to it; the first is the default.
    pub response_modes: Vec<ResponseMode>,
    /// Whether an authorization request that was not pushed is refused (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// Whether its users must prove two factors, whatever the request asks.
    pub require_second_factor: bool,
    /// Whether tokens that are not bound to a key are refused it (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// What users are shown of it.
    #[serde(flatten)]
    pub about: ClientInformation,
    /// What only matters to sign-in with OpenID Connect.
    #[serde(flatten)]
    pub openid: OpenIdRegistration,
}

/// What a user is answered who may not use a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeniedUsers {
    /// A page of this server, which says so and leads to another account.
    #[default]
    Page,
    /// `access_denied`, at the client.
    Client,
}

/// What users are shown of a client beside its name (RFC 7591 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInformation {
    /// Its logo, which is shown from here and never from elsewhere.
    pub logo_uri: Option<Image>,
    /// Where it says what becomes of what it learns.
    pub policy_uri: Option<String>,
    /// Where it says under which terms it is used.
    pub tos_uri: Option<String>,
    /// Whom to ask about it: addresses of mail and web.
    pub contacts: Vec<String>,
}

/// The part of a registration that OpenID Connect adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdRegistration {
    /// What its ID Tokens are signed with (OpenID Connect Dynamic Client Registration §2).
    pub id_token_signed_response_alg: Algorithm,
    /// Which `sub` it is given.
    pub subject_type: SubjectType,
    /// The host that names its sector, for pairwise subjects; needed where its redirect URIs have several.
    pub sector_identifier: Option<String>,
    /// Where a user may return to after signing out (RP-Initiated Logout §3.1).
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it is told that a session has ended (Back-Channel Logout §2.2).
    pub backchannel_logout_uri: Option<BackChannelUri>,
    /// Whether the claims that its scopes ask for stand in its ID Tokens too, and not at UserInfo alone (Core §5.4).
    pub scope_claims_in_id_token: bool,
    /// Whether its signed access tokens carry the user's groups (RFC 9068 §2.2.3.1).
    pub groups_in_access_token: bool,
    /// Which groups it is told of: names, and beginnings of names that end in `*`; empty: all.
    pub groups_claim: Vec<String>,
    /// Whether it is told the names without what stands before a `*`.
    pub groups_claim_without_prefix: bool,
}

impl OpenIdRegistration {
    /// What the client is told of these groups, in their order.
    pub fn groups_told(&self, groups: &[String]) -> Vec<String> {
        let told = |group: &String| {
            if self.groups_claim.is_empty() {
                return Some(group.clone());
            }
            self.groups_claim.iter().find_map(|pattern| {
                let rest = match pattern.strip_suffix('*') {
                    Some(prefix) => group.strip_prefix(prefix)?,
                    None => return (pattern == group).then(|| group.clone()),
                };
                let is_cut = self.groups_claim_without_prefix && !rest.is_empty();
                Some(if is_cut { rest } else { group }.to_owned())
            })
        };
        groups.iter().filter_map(told).collect()
    }
}

impl Default for OpenIdRegistration {
    fn default() -> Self {
        Self {
            // OpenID Connect's default (Core §15.1).
            id_token_signed_response_alg: Algorithm::Rs256,
            subject_type: SubjectType::default(),
            sector_identifier: None,
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            scope_claims_in_id_token: false,
            groups_in_access_token: false,
            groups_claim: Vec::new(),
            groups_claim_without_prefix: false,
        }
    }
}

/// What becomes of a grant whose refresh tokens were asked for twice in many generations in a row. A thief in step with the owner
/// looks like that, and so do two tabs of one app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefreshShared {
    /// At the fifth there is an event, a warning in the log and a count in the metrics.
    #[default]
    Report,
    /// The same, and at the tenth the grant ends. For apps that refresh from one place.
    Revoke,
}

/// Which `sub` a client is given (OpenID Connect Core §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same at every client.
    #[default]
    Public,
    /// Another one in each sector, so that two apps can't tell that they serve the same user.
    Pairwise,
}

impl SubjectType {
    /// Both, as advertised.
    pub const ALL: [SubjectType; 2] = [Self::Public, Self::Pairwise];

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Pairwise => "pairwise",
        }
    }
}

/// How an authorization response travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser posts to the redirect URI.
    FormPost,
}

impl ResponseMode {
    /// Every mode, as advertised.
    pub const ALL: [ResponseMode; 2] = [Self::Query, Self::FormPost];

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    /// Whether it is the one that needs no saying (OAuth 2.0 Multiple Response Types §5).
    pub(crate) fn is_query(&self) -> bool {
        *self == Self::Query
    }

    /// Reads a `response_mode`; `None` for one this server does not know.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The URL at which a client is told that a session has ended: https, or http on loopback; no fragment, no user name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackChannelUri(String);

/// Whether `text` is the URL of a page or endpoint of a client: `https`, or `http` on loopback, without fragment and user name.
pub fn is_web_address(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    let plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let bare = !text.contains('#') && url.username().is_empty() && url.password().is_none();
    let reachable = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(&url),
        _ => false,
    };
    plain && bare && reachable
}

impl BackChannelUri {
    /// Reads the URL; `None` for one that is never called.
    pub fn parse(text: &str) -> Option<Self> {
        is_web_address(text).then(|| Self(text.to_owned()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BackChannelUri {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("back-channel URL"))
    }
}

impl From<BackChannelUri> for String {
    fn from(uri: BackChannelUri) -> String {
        uri.0
    }
}

/// How a client authenticates (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// Its secret in the `Authorization` header.
    ClientSecretBasic,
    /// Its secret in the body of the request.
    ClientSecretPost,
    /// A JWT that it signs.
    PrivateKeyJwt,
    /// It cannot: an app on a phone, a desktop or in a browser.
    None,
}

impl AuthenticationMethod {
    /// The name as it is sent in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }
}

/// A grant type this server knows (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// Codes from the authorization endpoint.
    AuthorizationCode,
    /// Fresh tokens without the user.
    RefreshToken,
    /// Tokens for the client itself.
    ClientCredentials,
}

impl GrantType {
    /// Every grant type, as advertised.
    pub const ALL: [GrantType; 3] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
    ];

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Reads a `grant_type`; `None` for one this server does not know.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|grant_type| grant_type.as_str() == text)
    }
}

/// What `aud` a client's assertions must carry: audience injection is stopped by accepting the issuer alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, as one string.
    #[default]
    Issuer,
    /// The URL of the token endpoint or the issuer, each as one string, for clients that cannot do better.
    TokenEndpoint,
}

/// The form of a client's access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// `at+jwt` (RFC 9068), which an API can validate by itself.
    #[default]
    Jwt,
    /// Sealed text, which an API must introspect.
    Opaque,
}

/// When users are asked whether they allow a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    /// Once for what it asks, and again for what is new.
    #[default]
    Remember,
    /// Every time.
    Always,
    /// Not at all: for your own apps.
    Never,
}

impl Client {
    /// The name that users read who read `language`.
    pub fn name_in(&self, language: Language) -> &str {
        language.text_of(&self.names).unwrap_or(&self.name)
    }

    /// How answers travel to it where the request does not say.
    pub fn default_response_mode(&self) -> ResponseMode {
        self.response_modes.first().copied().unwrap_or_default()
    }

    /// The sector that pairwise subjects are made for (OpenID Connect Core §8.1): the one registered, or the host of its
    /// redirect URIs, or the client alone where they have none.
    pub fn sector(&self) -> String {
        let registered = self.openid.sector_identifier.clone();
        registered
            .or_else(|| self.hosts().pop_first())
            .unwrap_or_else(|| format!("client:{}", self.id))
    }

    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        let parsed = self.redirect_uris.iter().map(RedirectUri::as_str);
        parsed
            .filter_map(|uri| Some(url::Url::parse(uri).ok()?.host_str()?.to_owned()))
            .collect()
    }

    /// Whether `sent` is one of the addresses that a user may return to after signing out: the same string, but for the port of
    /// a loopback address.
    pub fn may_return_to(&self, sent: &str) -> bool {
        self.openid
            .post_logout_redirect_uris
            .iter()
            .any(|uri| uri.admits(sent))
    }

    /// Whether it has no credentials (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.authentication == AuthenticationMethod::None
    }

    /// Whether it may use `grant_type`.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether PKCE is demanded of it: always, unless `require_pkce = false` stands on a confidential client.
    pub fn needs_pkce(&self) -> bool {
        self.require_pkce || self.is_public()
    }

    /// Whether an Allow may be remembered: not for public clients that live on a device, whose name anybody can borrow (RFC 8252 §8.6).
    pub fn remembers_consent(&self, redirect_uri: &str) -> bool {
        let on_device = self
            .registered(redirect_uri)
            .is_none_or(RedirectUri::stays_on_device);
        self.consent == ConsentPolicy::Remember && !(self.is_public() && on_device)
    }

    /// The registered redirect URI that `sent` is.
    ///
    /// # Errors
    /// `redirect-uri-not-registered`, with the difference to the closest one as private detail.
    pub fn prove_redirect_uri(&self, sent: &str) -> Result<&RedirectUri, Refusal> {
        self.registered(sent).ok_or_else(|| {
            let difference = redirect_uri::difference(&self.redirect_uris, sent);
            Refusal::new(Reason::RedirectUriNotRegistered).because(difference)
        })
    }

    /// Whether it may have tokens for `audience`: the issuer, or a resource that exists and that one of its scopes belongs to.
    pub fn may_target(&self, audience: &str, resources: &Resources, issuer: &str) -> bool {
        match resources.find(audience) {
            Some(resource) => !self.scopes.intersection(&resource.scopes).is_empty(),
            None => audience == issuer,
        }
    }

    fn registered(&self, sent: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|uri| uri.admits(sent))
    }

    /// Whether any of its answers goes to an app on the user's own computer (RFC 8252 §7).
    pub(crate) fn lives_on_device(&self) -> bool {
        self.redirect_uris.iter().any(RedirectUri::stays_on_device)
    }
}
