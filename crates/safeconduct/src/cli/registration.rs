//! The flags that say what a client is registered with, for `client create` and `client edit` alike: what is named is set, and
//! what is not named stays as it was, or as it begins.

use std::path::PathBuf;

use safeconduct_protocol::client::{
    AccessTokenFormat as Format, AssertionAudience as Audience, AuthenticationMethod,
    BackChannelUri, Client, ConsentPolicy, OpenIdRegistration, RefreshShared as Shared,
    ResponseMode as Mode,
};
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::jose::JwkSet;
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::scope::Scope;

use super::database::Database;
use super::failure::Failure;
use super::prompt::read_file;
use crate::config::{
    AccessTokenFormat, AssertionAudience, AuthMethod, Consent, GrantType, NO_BACK_CHANNEL,
    RefreshShared, ResponseMode, SigningAlgorithm, SubjectType,
};

/// What a client is registered with.
#[derive(Debug, clap::Args)]
pub(super) struct Registration {
    /// The name that people see on the consent page [at first: the client_id]
    #[arg(long)]
    name: Option<String>,
    /// Where answers may be sent; once for each
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// What it may ask for at the token endpoint; once for each [at first: authorization_code and refresh_token with a redirect URI]
    #[arg(long = "grant-type", value_name = "TYPE", value_enum)]
    grant_types: Vec<GrantType>,
    /// A scope it may ask for; once for each
    #[arg(long = "scope", value_name = "NAME")]
    scopes: Vec<String>,
    /// How it proves who it is [at first: private_key_jwt with --jwks-file, else client_secret_basic]
    #[arg(long, value_name = "METHOD", value_enum)]
    token_endpoint_auth_method: Option<AuthMethod>,
    /// Its public keys, a JWK set
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// What the `aud` of its client assertions must be [at first: issuer]
    #[arg(long, value_name = "AUDIENCE", value_enum)]
    assertion_audience: Option<AssertionAudience>,
    /// The form of its access tokens [at first: jwt]
    #[arg(long, value_name = "FORM", value_enum)]
    access_token_format: Option<AccessTokenFormat>,
    /// When its users are asked to allow it [at first: remember]
    #[arg(long, value_name = "WHEN", value_enum)]
    consent: Option<Consent>,
    /// What becomes of a grant whose refresh tokens two holders seem to use [at first: report]
    #[arg(long, value_name = "WHAT", value_enum)]
    refresh_shared: Option<RefreshShared>,
    /// Let it go without PKCE, because it can't: a weakening, for clients with a secret or keys only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    without_pkce: Option<bool>,
    /// How answers may travel to it, the default first; once for each [at first: query]
    #[arg(long = "response-mode", value_name = "MODE", value_enum)]
    response_modes: Vec<ResponseMode>,
    /// Refuse it authorization requests that it did not push to /par
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    require_pushed_authorization_requests: Option<bool>,
    /// Refuse it tokens that are not bound to a key by DPoP
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    dpop_bound_access_tokens: Option<bool>,
    #[command(flatten)]
    openid: OpenId,
}

/// What only matters to sign-in with OpenID Connect.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "OpenID Connect")]
struct OpenId {
    /// What its ID Tokens are signed with [at first: RS256]
    #[arg(long, value_name = "ALGORITHM", value_enum)]
    id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// Which `sub` it knows people by [at first: public]
    #[arg(long, value_name = "TYPE", value_enum)]
    subject_type: Option<SubjectType>,
    /// The host name of its sector, for pairwise subjects
    #[arg(long, value_name = "HOST")]
    sector_identifier: Option<String>,
    /// Where a person may return to after signing out; once for each
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// Where it is told that somebody signed out
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
}

impl Registration {
    /// A new client, with an id of its own unless one is named.
    ///
    /// # Errors
    /// What can't be registered.
    pub(super) fn create(&self, id: Option<&str>, database: &Database) -> Result<Client, Failure> {
        let id = match id {
            Some(id) => ClientId::parse(id).ok_or_else(|| Failure::Usage(format!("{id} can't be a client id: 1 to 128 of A-Z a-z 0-9 . _ ~ : / - and not beginning with u-")))?,
            None => ClientId::generate(),
        };
        let authentication = match self.jwks_file {
            Some(_) => AuthenticationMethod::PrivateKeyJwt,
            None => AuthenticationMethod::ClientSecretBasic,
        };
        let grant_types: &[GrantType] = match self.redirect_uris.as_slice() {
            [] => &[],
            _ => &[GrantType::AuthorizationCode, GrantType::RefreshToken],
        };
        let beginning = Client {
            name: id.to_string(),
            id,
            authentication,
            jwks: None,
            assertion_audience: Audience::default(),
            redirect_uris: Vec::new(),
            grant_types: grant_types.iter().copied().map(Into::into).collect(),
            scopes: Scope::default(),
            require_pkce: true,
            access_token_format: Format::default(),
            consent: ConsentPolicy::default(),
            refresh_shared: Shared::default(),
            response_modes: vec![Mode::default()],
            require_pushed_authorization_requests: false,
            dpop_bound_access_tokens: false,
            openid: OpenIdRegistration::default(),
        };
        self.change(beginning, database)
    }

    /// `client` with everything that is named.
    ///
    /// # Errors
    /// What can't be registered.
    pub(super) fn change(
        &self,
        mut client: Client,
        database: &Database,
    ) -> Result<Client, Failure> {
        set(&mut client.name, self.name.clone());
        if let Some(uris) = listed(&self.redirect_uris) {
            client.redirect_uris = register_uris(uris)?;
        }
        if !self.grant_types.is_empty() {
            client.grant_types = self.grant_types.iter().copied().map(Into::into).collect();
        }
        if let Some(names) = listed(&self.scopes) {
            client.scopes = known_scopes(names, database)?;
        }
        set(&mut client.authentication, self.token_endpoint_auth_method);
        match &self.jwks_file {
            Some(path) => client.jwks = Some(read_jwks(path)?),
            // Keys that the new method does not use go with the old one.
            None if client.authentication != AuthenticationMethod::PrivateKeyJwt => {
                client.jwks = None;
            }
            None => {}
        }
        set(&mut client.assertion_audience, self.assertion_audience);
        set(&mut client.access_token_format, self.access_token_format);
        set(&mut client.consent, self.consent);
        set(&mut client.refresh_shared, self.refresh_shared);
        set(
            &mut client.require_pkce,
            self.without_pkce.map(|without| !without),
        );
        if !self.response_modes.is_empty() {
            client.response_modes = self
                .response_modes
                .iter()
                .copied()
                .map(Into::into)
                .collect();
        }
        set(
            &mut client.require_pushed_authorization_requests,
            self.require_pushed_authorization_requests,
        );
        set(
            &mut client.dpop_bound_access_tokens,
            self.dpop_bound_access_tokens,
        );
        self.openid.change(&mut client.openid)?;
        client
            .validate()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(client)
    }
}

impl OpenId {
    fn change(&self, openid: &mut OpenIdRegistration) -> Result<(), Failure> {
        set(
            &mut openid.id_token_signed_response_alg,
            self.id_token_signed_response_alg,
        );
        set(&mut openid.subject_type, self.subject_type);
        if let Some(sector) = &self.sector_identifier {
            openid.sector_identifier = Some(sector.clone()).filter(|sector| !sector.is_empty());
        }
        if let Some(uris) = listed(&self.post_logout_redirect_uris) {
            openid.post_logout_redirect_uris = register_uris(uris)?;
        }
        match self.backchannel_logout_uri.as_deref() {
            None => {}
            Some("") => openid.backchannel_logout_uri = None,
            Some(uri) => {
                let parsed = BackChannelUri::parse(uri).ok_or_else(|| {
                    Failure::Usage(format!(
                        "the back-channel logout URI {uri} can't be called\n    {NO_BACK_CHANNEL}"
                    ))
                })?;
                openid.backchannel_logout_uri = Some(parsed);
            }
        }
        Ok(())
    }
}

/// Sets what is named.
fn set<T>(member: &mut T, named: Option<impl Into<T>>) {
    if let Some(value) = named {
        *member = value.into();
    }
}

/// The new list, if any is named; one empty value stands for an empty list.
fn listed(named: &[String]) -> Option<&[String]> {
    match named {
        [] => None,
        [empty] if empty.is_empty() => Some(&[]),
        values => Some(values),
    }
}

fn register_uris(uris: &[String]) -> Result<Vec<RedirectUri>, Failure> {
    let register = |uri: &String| {
        RedirectUri::register(uri).map_err(|error| {
            Failure::Usage(format!(
                "the redirect URI {uri} can't be registered: {error}"
            ))
        })
    };
    uris.iter().map(register).collect()
}

fn known_scopes(names: &[String], database: &Database) -> Result<Scope, Failure> {
    for name in names {
        database
            .checked
            .declared
            .knows_scope(name)
            .map_err(|advice| Failure::Usage(format!("there is no scope {name}\n    {advice}")))?;
    }
    Scope::parse(&names.join(" "))
        .ok_or_else(|| Failure::Usage("a client has at most 100 scopes".to_owned()))
}

fn read_jwks(path: &std::path::Path) -> Result<JwkSet, Failure> {
    serde_json::from_str(&read_file(path)?).map_err(|error| {
        Failure::Usage(format!(
            "{} is no JWK set with public keys: {error}",
            path.display()
        ))
    })
}
