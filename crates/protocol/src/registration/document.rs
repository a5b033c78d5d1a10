//! The document itself: its members, what they are where nothing is said, and how they change.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::{
    client::{
        AccessTokenFormat, AssertionAudience, AuthenticationMethod, Client, ConsentPolicy,
        DeniedUsers, GrantType, OpenIdRegistration, RefreshShared, ResponseMode, SubjectType,
    },
    image::Image,
    jose::{Algorithm, JwkSet},
    redirect_uri::RedirectUri,
};

/// What a client registers. The comments on the members are the reference that operators read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Registration {
    /// The name that people see on the consent page. Without it, the id. For people of another language, beside it:
    /// `"name#de" = "Notizen"`, in a document `client_name#de` (RFC 7591 §2.2).
    #[serde(
        rename = "client_name",
        alias = "name",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(extend("byLanguage" = true)))]
    pub name: Option<String>,
    /// The name for people of other languages.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub names: Names,
    /// Its logo on the consent page: a `data:` URL of an SVG, PNG, JPEG or WebP in base64, of at most 64 KiB. Any other URL is refused:
    /// what people see is served by this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Its privacy policy, which the consent page links to: an `https` URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service, which the consent page links to: an `https` URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Whom its users can ask about it: addresses of mail (`help@example.com`) or `https` URLs. They are shown to a user who may not use it.
    pub contacts: Vec<String>,
    /// Where an answer may be sent, compared byte for byte: `https://app.example.com` and `https://app.example.com/` are two.
    /// `https`; `http` only on this computer, where an app may listen on any port of `127.0.0.1` and `[::1]`, and on the one
    /// that is written here of `localhost`; or a private scheme in reverse domain form (`com.example.app:/callback`).
    pub redirect_uris: Vec<String>,
    /// What it may ask for at the token endpoint. Without it: `authorization_code` and `refresh_token` with a redirect URI, else
    /// nothing but introspection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<GrantType>>,
    /// The scopes it may ask for.
    #[serde(alias = "scope", deserialize_with = "scope_names")]
    pub scopes: Vec<String>,
    /// The groups whose members may use it; one of them is enough. Without any, everybody may. A group that there is not lets nobody in.
    /// Changing them ends what the client was given for its users.
    pub groups: Vec<String>,
    /// What a user is answered who may not use it.
    pub denied_users: DeniedUsers,
    /// How it proves who it is. Without it: `private_key_jwt` with keys, `client_secret_basic` with a secret (`client create` makes one),
    /// else `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthenticationMethod>,
    /// Its public keys, for `private_key_jwt`: `jwks.keys = [{ kty = "EC", … }]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Whether it must use PKCE. `false` only for a client that authenticates and cannot do PKCE.
    pub require_pkce: bool,
    /// The form of its access tokens.
    pub access_token_format: AccessTokenFormat,
    /// When its users are asked to allow it.
    pub consent: ConsentPolicy,
    /// What becomes of a grant whose refresh tokens two holders seem to use: a thief in step with the app, or two tabs.
    pub refresh_shared: RefreshShared,
    /// What the `aud` of its client assertions must be, for `private_key_jwt`.
    pub assertion_audience: AssertionAudience,
    /// How the answers of the authorization endpoint may travel to it: `query`, `form_post`. The first is the default, the
    /// other one it may ask for. `form_post` needs a web server at every redirect URI.
    pub response_modes: Vec<ResponseMode>,
    /// Whether it must push its authorization requests to `/par` (RFC 9126). Every client may.
    pub require_pushed_authorization_requests: bool,
    /// Whether users must prove two factors to sign in to it, whatever the request asks.
    pub require_second_factor: bool,
    /// Whether all of its tokens must be bound to a key by DPoP (RFC 9449). Every client may bind them.
    pub dpop_bound_access_tokens: bool,
    /// What its ID Tokens are signed with. `RS256` and `ES256` have keys from the first start; a key for another one is made
    /// when a client is registered for it.
    pub id_token_signed_response_alg: Algorithm,
    /// Which `sub` it knows people by. Changing it changes what everybody is called there.
    pub subject_type: SubjectType,
    /// The host name that stands for its sector, for `subject_type = "pairwise"`: clients of one sector know a person by the
    /// same `sub`. Needed where the redirect URIs have several hosts; without it, their one host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<String>,
    /// Where a person may return to after signing out, compared byte for byte; as `redirect_uris` they are `https`, `http` on
    /// loopback, or a private scheme.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that somebody signed out (OpenID Connect Back-Channel Logout): `https`, or `http` on loopback. The
    /// server posts a logout token there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether the claims of its scopes stand in its ID Tokens too (OpenID Connect Core §5.4 gives them at UserInfo alone), for apps that ask
    /// nothing there. Claims that would make the token too long stay at UserInfo.
    pub scope_claims_in_id_token: bool,
    /// Whether its signed access tokens carry `groups` (RFC 9068 §2.2.3.1), where it was given the scope `groups`.
    pub groups_in_access_token: bool,
    /// Which groups it is told of, in the claim `groups`: names, and beginnings of names with a `*` behind (`grafana-*`). Without any, all.
    pub groups_claim: Vec<String>,
    /// Whether it is told `admin` for `grafana-admin`: names without what stands before the `*`.
    pub groups_claim_without_prefix: bool,
}

/// How the member begins that holds a name in another language; the language tag follows.
const NAME_IN: &str = "client_name#";

/// Names by language tag, each a member of its own in the document that they are of: `client_name#de` (RFC 7591 §2.2), also `name#de`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub BTreeMap<String, String>);

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.iter();
        serializer.collect_map(names.map(|(tag, name)| (format!("{NAME_IN}{tag}"), name)))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let mut names = BTreeMap::new();
        for (member, value) in members {
            let tag = member
                .split_once('#')
                .filter(|(of, _)| ["client_name", "name"].contains(of));
            if let Some((_, tag)) = tag {
                let name = String::deserialize(value).map_err(de::Error::custom)?;
                names.insert(tag.to_owned(), name);
            }
        }
        Ok(Self(names))
    }
}

impl Registration {
    /// This document with `changes` in it: each names a member, and `null` takes it away (RFC 7396).
    ///
    /// # Errors
    /// A value has another type than its member.
    pub fn changed(&self, changes: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let members = serde_json::to_value(self)?;
        let Value::Object(mut members) = members else {
            unreachable!("a document is an object")
        };
        // Keys that the new method does not use go with the old one.
        let method = changes.get("token_endpoint_auth_method");
        let keys = AuthenticationMethod::PrivateKeyJwt.as_str();
        if method.is_some_and(|method| !method.is_null() && method != keys)
            && !changes.contains_key("jwks")
        {
            members.remove("jwks");
        }
        for (member, value) in changes {
            let member = match member.as_str() {
                "scope" => "scopes".to_owned(),
                "name" => "client_name".to_owned(),
                localized => match localized.strip_prefix("name#") {
                    Some(tag) => format!("{NAME_IN}{tag}"),
                    None => member,
                },
            };
            if value.is_null() {
                members.remove(&member);
            } else {
                members.insert(member, value);
            }
        }
        serde_json::from_value(members.into())
    }
}

impl Default for Registration {
    fn default() -> Self {
        let openid = OpenIdRegistration::default();
        Self {
            name: None,
            names: Names::default(),
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            contacts: Vec::new(),
            redirect_uris: Vec::new(),
            grant_types: None,
            scopes: Vec::new(),
            groups: Vec::new(),
            denied_users: DeniedUsers::default(),
            token_endpoint_auth_method: None,
            jwks: None,
            require_pkce: true,
            access_token_format: AccessTokenFormat::default(),
            consent: ConsentPolicy::default(),
            refresh_shared: RefreshShared::default(),
            assertion_audience: AssertionAudience::default(),
            response_modes: vec![ResponseMode::default()],
            require_pushed_authorization_requests: false,
            require_second_factor: false,
            dpop_bound_access_tokens: false,
            id_token_signed_response_alg: openid.id_token_signed_response_alg,
            subject_type: openid.subject_type,
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

/// A client as a document: registering that gives the same client.
impl From<&Client> for Registration {
    fn from(client: &Client) -> Self {
        let uris = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        let keys = |keys: &JwkSet| serde_json::to_value(keys).unwrap_or_default();
        let openid = &client.openid;
        let back_channel = openid.backchannel_logout_uri.as_ref();
        Self {
            name: Some(client.name.clone()),
            names: Names(client.names.clone()),
            logo_uri: client.about.logo_uri.as_ref().map(Image::to_data_url),
            policy_uri: client.about.policy_uri.clone(),
            tos_uri: client.about.tos_uri.clone(),
            contacts: client.about.contacts.clone(),
            redirect_uris: uris(&client.redirect_uris),
            grant_types: Some(client.grant_types.clone()),
            scopes: client.scopes.names().map(str::to_owned).collect(),
            groups: client.groups.iter().cloned().collect(),
            denied_users: client.denied_users,
            token_endpoint_auth_method: Some(client.authentication),
            jwks: client.jwks.as_ref().map(keys),
            require_pkce: client.require_pkce,
            access_token_format: client.access_token_format,
            consent: client.consent,
            refresh_shared: client.refresh_shared,
            assertion_audience: client.assertion_audience,
            response_modes: client.response_modes.clone(),
            require_pushed_authorization_requests: client.require_pushed_authorization_requests,
            require_second_factor: client.require_second_factor,
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            id_token_signed_response_alg: openid.id_token_signed_response_alg,
            subject_type: openid.subject_type,
            sector_identifier: openid.sector_identifier.clone(),
            post_logout_redirect_uris: uris(&openid.post_logout_redirect_uris),
            backchannel_logout_uri: back_channel.map(|uri| uri.as_str().to_owned()),
            scope_claims_in_id_token: openid.scope_claims_in_id_token,
            groups_in_access_token: openid.groups_in_access_token,
            groups_claim: openid.groups_claim.clone(),
            groups_claim_without_prefix: openid.groups_claim_without_prefix,
        }
    }
}

/// A list of names, or what RFC 7591 has in its place: one text with spaces.
fn scope_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Names::deserialize(deserializer)? {
        Names::List(names) => names,
        Names::Text(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
    })
}
