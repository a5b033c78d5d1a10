//! What may stand in a `[[clients]]` table, in the words of RFC 7591, and the same words as flags of `safeconduct client`.
//!
//! As in `file.rs`, the comments on the fields are the reference that operators read.

use std::path::PathBuf;

use safeconduct_protocol::client;
use safeconduct_protocol::jose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A client that is declared here. It changes here only: each start makes the database agree with the file. A client that is
/// gone from the file is disabled by `safeconduct serve --prune`; without that word, such a start is refused. Clients made by
/// `safeconduct client create` are left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// The `client_id`.
    pub(crate) id: String,
    /// The name that people see on the consent page. Without it, the id.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Where an answer may be sent, compared byte for byte: `https://app.example.com` and `https://app.example.com/` are two.
    /// `https`; `http` only on this computer, where an app may listen on any port of `127.0.0.1` and `[::1]`, and on the one
    /// that is written here of `localhost`; or a private scheme in reverse domain form (`com.example.app:/callback`).
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    /// What it may ask for at the token endpoint.
    #[serde(default = "grant_types")]
    pub(crate) grant_types: Vec<GrantType>,
    /// The scopes it may ask for.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The file that holds its secret, at least 32 characters; white space at the end is ignored.
    #[serde(default)]
    pub(crate) secret_file: Option<PathBuf>,
    /// Whether the file takes over a client of this id that was made by `safeconduct client create`: what is written here, its secret
    /// included, replaces what is registered. Without it, a file that declares such a client is refused.
    #[serde(default)]
    pub(crate) adopt: bool,
    /// How it proves who it is. Without it: `client_secret_basic` with a secret, `private_key_jwt` with keys, else `none`.
    #[serde(default)]
    pub(crate) token_endpoint_auth_method: Option<AuthMethod>,
    /// The file that holds its public keys as a JWK set, for `private_key_jwt`.
    #[serde(default)]
    pub(crate) jwks_file: Option<PathBuf>,
    /// The same keys written here: `jwks.keys = [{ kty = "EC", … }]`.
    #[serde(default)]
    pub(crate) jwks: Option<serde_json::Value>,
    /// Whether it must use PKCE. `false` only for a client that authenticates and cannot do PKCE.
    #[serde(default = "yes")]
    pub(crate) require_pkce: bool,
    /// The form of its access tokens.
    #[serde(default)]
    pub(crate) access_token_format: AccessTokenFormat,
    /// When its users are asked to allow it.
    #[serde(default)]
    pub(crate) consent: Consent,
    /// What becomes of a grant whose refresh tokens two holders seem to use: a thief in step with the app, or two tabs.
    #[serde(default)]
    pub(crate) refresh_shared: RefreshShared,
    /// What the `aud` of its client assertions must be, for `private_key_jwt`.
    #[serde(default)]
    pub(crate) assertion_audience: AssertionAudience,
    /// How the answers of the authorization endpoint may travel to it: `query`, `form_post`. The first is the default, the
    /// other one it may ask for. `form_post` needs a web server at every redirect URI.
    #[serde(default = "response_modes")]
    pub(crate) response_modes: Vec<ResponseMode>,
    /// Whether it must push its authorization requests to `/par` (RFC 9126). Every client may.
    #[serde(default)]
    pub(crate) require_pushed_authorization_requests: bool,
    /// Whether all of its tokens must be bound to a key by DPoP (RFC 9449). Every client may bind them.
    #[serde(default)]
    pub(crate) dpop_bound_access_tokens: bool,
    /// What its ID Tokens are signed with. `RS256` and `ES256` have keys from the first start; a key for another one is made
    /// when a client is registered for it.
    #[serde(default)]
    pub(crate) id_token_signed_response_alg: SigningAlgorithm,
    /// Which `sub` it knows people by. Changing it changes what everybody is called there.
    #[serde(default)]
    pub(crate) subject_type: SubjectType,
    /// The host name that stands for its sector, for `subject_type = "pairwise"`: clients of one sector know a person by the
    /// same `sub`. Needed where the redirect URIs have several hosts; without it, their one host.
    #[serde(default)]
    pub(crate) sector_identifier: Option<String>,
    /// Where a person may return to after signing out, compared byte for byte; as `redirect_uris` they are `https`, `http` on
    /// loopback, or a private scheme.
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Where it is told that somebody signed out (OpenID Connect Back-Channel Logout): `https`, or `http` on loopback. The
    /// server posts a logout token there.
    #[serde(default)]
    pub(crate) backchannel_logout_uri: Option<String>,
}

/// A grant type of RFC 6749.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum GrantType {
    /// Codes from the authorization endpoint.
    AuthorizationCode,
    /// Fresh tokens without the user.
    RefreshToken,
    /// Tokens for the client itself.
    ClientCredentials,
}

/// How a client proves who it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum AuthMethod {
    /// Its secret in the `Authorization` header.
    ClientSecretBasic,
    /// Its secret in the body of the request.
    ClientSecretPost,
    /// A JWT that it signs.
    PrivateKeyJwt,
    /// It cannot: an app on a phone, a desktop or in a browser.
    None,
}

/// The form of an access token.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccessTokenFormat {
    /// `at+jwt` (RFC 9068), which an API can validate by itself.
    #[default]
    Jwt,
    /// Sealed text, which an API must introspect.
    Opaque,
}

/// When the users of a client are asked to allow it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Consent {
    /// Once for what it asks, and again for what is new.
    #[default]
    Remember,
    /// Every time.
    Always,
    /// Not at all: for your own apps.
    Never,
}

/// What a client assertion must name as its audience.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum AssertionAudience {
    /// The issuer, as one string.
    #[default]
    Issuer,
    /// The URL of the token endpoint or the issuer, each as one string, for clients that cannot do better.
    TokenEndpoint,
}

/// How an answer of the authorization endpoint travels.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In a form that the browser posts to the redirect URI.
    FormPost,
}

/// What becomes of a grant of which many generations of the refresh token in a row were asked for twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefreshShared {
    /// At the fifth there is an event, a warning in the log and a count in the metrics.
    #[default]
    Report,
    /// The same, and at the tenth the grant ends. For apps that refresh from one place.
    Revoke,
}

/// A signature algorithm.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
pub(crate) enum SigningAlgorithm {
    /// RSA with SHA-256, which every library knows.
    #[default]
    #[serde(rename = "RS256")]
    #[value(name = "RS256")]
    Rs256,
    /// ECDSA over P-256.
    #[serde(rename = "ES256")]
    #[value(name = "ES256")]
    Es256,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    #[value(name = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    #[value(name = "EdDSA")]
    EdDsa,
}

/// Which `sub` a client knows people by.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectType {
    /// The same at every client.
    #[default]
    Public,
    /// Another one in each sector, so that two apps can't tell that they serve the same person.
    Pairwise,
}

fn yes() -> bool {
    true
}

fn grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
}

fn response_modes() -> Vec<ResponseMode> {
    vec![ResponseMode::Query]
}

impl From<AuthMethod> for client::AuthenticationMethod {
    fn from(method: AuthMethod) -> Self {
        match method {
            AuthMethod::ClientSecretBasic => Self::ClientSecretBasic,
            AuthMethod::ClientSecretPost => Self::ClientSecretPost,
            AuthMethod::PrivateKeyJwt => Self::PrivateKeyJwt,
            AuthMethod::None => Self::None,
        }
    }
}

impl From<GrantType> for client::GrantType {
    fn from(grant_type: GrantType) -> Self {
        match grant_type {
            GrantType::AuthorizationCode => Self::AuthorizationCode,
            GrantType::RefreshToken => Self::RefreshToken,
            GrantType::ClientCredentials => Self::ClientCredentials,
        }
    }
}

impl From<AccessTokenFormat> for client::AccessTokenFormat {
    fn from(format: AccessTokenFormat) -> Self {
        match format {
            AccessTokenFormat::Jwt => Self::Jwt,
            AccessTokenFormat::Opaque => Self::Opaque,
        }
    }
}

impl From<Consent> for client::ConsentPolicy {
    fn from(consent: Consent) -> Self {
        match consent {
            Consent::Remember => Self::Remember,
            Consent::Always => Self::Always,
            Consent::Never => Self::Never,
        }
    }
}

impl From<RefreshShared> for client::RefreshShared {
    fn from(shared: RefreshShared) -> Self {
        match shared {
            RefreshShared::Report => Self::Report,
            RefreshShared::Revoke => Self::Revoke,
        }
    }
}

impl From<AssertionAudience> for client::AssertionAudience {
    fn from(audience: AssertionAudience) -> Self {
        match audience {
            AssertionAudience::Issuer => Self::Issuer,
            AssertionAudience::TokenEndpoint => Self::TokenEndpoint,
        }
    }
}

impl From<ResponseMode> for client::ResponseMode {
    fn from(mode: ResponseMode) -> Self {
        match mode {
            ResponseMode::Query => Self::Query,
            ResponseMode::FormPost => Self::FormPost,
        }
    }
}

impl From<SigningAlgorithm> for jose::Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Rs256 => Self::Rs256,
            SigningAlgorithm::Es256 => Self::Es256,
            SigningAlgorithm::Ps256 => Self::Ps256,
            SigningAlgorithm::EdDsa => Self::EdDsa,
        }
    }
}

impl From<SubjectType> for safeconduct_protocol::client::SubjectType {
    fn from(subject_type: SubjectType) -> Self {
        match subject_type {
            SubjectType::Public => Self::Public,
            SubjectType::Pairwise => Self::Pairwise,
        }
    }
}
