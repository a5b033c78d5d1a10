//! One declared client: whether its keys fit together, its registration as the server knows it, and its secret.

use std::collections::BTreeSet;
use std::path::PathBuf;

use safeconduct_protocol::client::{BackChannelUri, Client, ClientError, OpenIdRegistration};
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::jose::JwkSet;
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::scope::OPENID;
use safeconduct_protocol::secret::Secret;

use super::check::Findings;
use super::declared::{advice_on_scope, check_scope_list};
use super::layers::At;
use super::problem::Place;
use super::registration::{self, AuthMethod, Consent, GrantType, SubjectType};
use super::secret_file;

/// What a back-channel logout URI must be.
pub(crate) const NO_BACK_CHANNEL: &str =
    "write an https URL, or http on a loopback address, without fragment and user name";

/// A declared client and the files that belong to it.
#[derive(Debug)]
pub(crate) struct DeclaredClient {
    pub(crate) client: Client,
    /// Whether it may take the place of one that was made by command.
    pub(crate) adopt: bool,
    secret_file: Option<PathBuf>,
    /// Where the secret is named, or the client is declared.
    pub(super) place: Place,
}

impl DeclaredClient {
    /// Reads its secret; `None` if it has none.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub(super) fn secret(&self) -> Result<Option<Secret>, (String, String)> {
        let file = self.secret_file.as_deref();
        file.map(secret_file::read_of_client).transpose()
    }
}

/// Judges one client; `None` where something in it is malformed, which the findings then say.
pub(super) fn check(
    client: &registration::Client,
    at: &At,
    known_scopes: &BTreeSet<&str>,
    findings: &mut Findings<'_>,
) -> Option<DeclaredClient> {
    let told_before = findings.problems.0.len();
    check_grant_types(client, at, findings);
    check_authentication(client, at, findings);
    check_client_scopes(client, at, known_scopes, findings);
    check_openid(client, at, findings);
    let place = findings.layers.place(&at.then("secret_file"));
    let secret_file = client
        .secret_file
        .as_deref()
        .map(|path| findings.layers.resolve(&at.then("secret_file"), path));
    let adopt = client.adopt;
    let client = register(client, at, findings)?;
    // The registration's own rules have the last word; most were told above, each at its line.
    if let Err(error) = client.validate()
        && findings.problems.0.len() == told_before
    {
        let at = key_of(&error).map_or_else(|| at.clone(), |key| at.then(key));
        findings.refuse(
            &at,
            format!("the client `{}` can't be registered: {error}", client.id),
            "",
        );
    }
    Some(DeclaredClient {
        client,
        adopt,
        secret_file,
        place,
    })
}

/// The key that a rule of registrations is about, where it is one.
fn key_of(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::Name => Some("name"),
        ClientError::ResponseModes | ClientError::FormPost => Some("response_modes"),
        ClientError::Sector => Some("subject_type"),
        _ => None,
    }
}

/// How `client` authenticates: as it says, or by what it has.
pub(crate) fn auth_method(client: &registration::Client) -> AuthMethod {
    let by_what_it_has = || match (
        &client.secret_file,
        client.jwks.is_some() || client.jwks_file.is_some(),
    ) {
        (Some(_), _) => AuthMethod::ClientSecretBasic,
        (None, true) => AuthMethod::PrivateKeyJwt,
        (None, false) => AuthMethod::None,
    };
    client
        .token_endpoint_auth_method
        .unwrap_or_else(by_what_it_has)
}

fn check_grant_types(client: &registration::Client, at: &At, findings: &mut Findings<'_>) {
    let id = &client.id;
    let grants = at.then("grant_types");
    let may = |grant| client.grant_types.contains(&grant);
    if may(GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
        findings.refuse(
            at,
            format!("the client `{id}` has no redirect URI"),
            "add redirect_uris, or grant_types without authorization_code",
        );
    }
    if !may(GrantType::AuthorizationCode) && !client.redirect_uris.is_empty() {
        findings.refuse(
            &at.then("redirect_uris"),
            format!("the client `{id}` has redirect URIs that nothing uses"),
            "add authorization_code to its grant_types, or leave them out",
        );
    }
    if may(GrantType::RefreshToken) && !may(GrantType::AuthorizationCode) {
        findings.refuse(
            &grants,
            format!("the client `{id}` may refresh but not get anything to refresh"),
            "add authorization_code, or leave out refresh_token",
        );
    }
    if may(GrantType::ClientCredentials) && auth_method(client) == AuthMethod::None {
        findings.refuse(
            &grants,
            format!("the client `{id}` can't authenticate, so it can't use client_credentials"),
            "give it a secret_file or keys",
        );
    }
    if client.consent == Consent::Never && auth_method(client) == AuthMethod::None {
        let advice = "anyone can pose as a client that can't authenticate; ask its users, or give it a secret";
        findings.warn(
            &at.then("consent"),
            format!("nobody is asked before the public client `{id}` gets tokens"),
            advice,
        );
    }
}

fn check_authentication(client: &registration::Client, at: &At, findings: &mut Findings<'_>) {
    let id = &client.id;
    let has_secret = client.secret_file.is_some();
    let has_keys = client.jwks.is_some() || client.jwks_file.is_some();
    let method = at.then("token_endpoint_auth_method");
    match auth_method(client) {
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost if !has_secret => {
            findings.refuse(
                &method,
                format!("the client `{id}` has no secret"),
                "name its secret_file; `openssl rand -hex 32` makes a secret",
            );
        }
        AuthMethod::PrivateKeyJwt if !has_keys => {
            findings.refuse(
                &method,
                format!("the client `{id}` has no keys"),
                "name its jwks_file with its public keys",
            );
        }
        AuthMethod::None if has_secret || has_keys => {
            findings.refuse(
                &method,
                format!("the client `{id}` has a secret or keys that nobody asks for"),
                "leave out token_endpoint_auth_method, or the secret",
            );
        }
        AuthMethod::None if !client.require_pkce => {
            findings.refuse(
                &at.then("require_pkce"),
                format!("the public client `{id}` must use PKCE"),
                "only a client that authenticates can go without (RFC 9700 §2.1.1)",
            );
        }
        _ if has_secret && has_keys => findings.refuse(
            at,
            format!("the client `{id}` has a secret and keys"),
            "keep one of them",
        ),
        _ => {}
    }
    if auth_method(client) == AuthMethod::ClientSecretBasic && id.contains(':') {
        findings.warn(
            &at.then("id"),
            format!("the id of the client `{id}` ends at its colon where it is sent without being form-encoded, as `curl -u` sends it"),
            "choose an id without a colon, or see that the client encodes it (RFC 6749 §2.3.1)",
        );
    }
    if client.jwks.is_some() && client.jwks_file.is_some() {
        findings.refuse(
            &at.then("jwks_file"),
            format!("the keys of the client `{id}` stand in two places"),
            "keep jwks or jwks_file",
        );
    }
    if !client.require_pkce {
        findings.warn(
            &at.then("require_pkce"),
            format!("the client `{id}` may go without PKCE"),
            "an injected code is then stopped only if the client checks what it gets",
        );
    }
}

fn check_client_scopes(
    client: &registration::Client,
    at: &At,
    known: &BTreeSet<&str>,
    findings: &mut Findings<'_>,
) {
    for (index, name) in client.scopes.iter().enumerate() {
        let at = at.then("scopes").item(index);
        if known.contains(name.as_str()) {
            continue;
        }
        let advice = advice_on_scope(name, known);
        findings.refuse(
            &at,
            format!(
                "the client `{}` may ask for the unknown scope `{name}`",
                client.id
            ),
            advice,
        );
    }
}

/// Warns of what is registered and never used: it is probably another key that is wrong.
fn check_openid(client: &registration::Client, at: &At, findings: &mut Findings<'_>) {
    let id = &client.id;
    let signs_in = client.grant_types.contains(&GrantType::AuthorizationCode);
    let has_id_tokens = signs_in && client.scopes.iter().any(|name| name == OPENID);
    for (key, is_there) in [
        (
            "post_logout_redirect_uris",
            !client.post_logout_redirect_uris.is_empty(),
        ),
        (
            "backchannel_logout_uri",
            client.backchannel_logout_uri.is_some(),
        ),
    ] {
        if is_there && !has_id_tokens {
            findings.warn(
                &at.then(key),
                format!("the client `{id}` gets no ID Token, so nothing uses its {key}"),
                "add authorization_code to its grant_types and openid to its scopes, or leave it out",
            );
        }
    }
    if client.require_pushed_authorization_requests && !signs_in {
        findings.warn(
            &at.then("require_pushed_authorization_requests"),
            format!("the client `{id}` makes no authorization request that it could push"),
            "add authorization_code to its grant_types, or leave it out",
        );
    }
    if client.sector_identifier.is_some() && client.subject_type == SubjectType::Public {
        findings.warn(
            &at.then("sector_identifier"),
            format!("the sector of the client `{id}` is not used"),
            "add subject_type = \"pairwise\", or leave it out",
        );
    }
}

/// The client as the server knows it; `None` where something in it is malformed, which the findings then say.
fn register(client: &registration::Client, at: &At, findings: &mut Findings<'_>) -> Option<Client> {
    let id = &client.id;
    let parsed = ClientId::parse(id);
    if parsed.is_none() {
        findings.refuse(
            &at.then("id"),
            format!("`{id}` can't be a client id"),
            "1 to 128 of A-Z a-z 0-9 . _ ~ : / - and not beginning with u-, as user ids do",
        );
    }
    let redirect_uris = register_uris(&client.redirect_uris, &at.then("redirect_uris"), findings);
    let jwks = read_jwks(client, at, findings);
    let names = client.scopes.iter().map(String::as_str);
    let scopes = check_scope_list(names, &at.then("scopes"), findings);
    let openid = register_openid(client, at, findings);
    Some(Client {
        id: parsed?,
        name: client.name.clone().unwrap_or_else(|| id.clone()),
        authentication: auth_method(client).into(),
        jwks,
        assertion_audience: client.assertion_audience.into(),
        redirect_uris,
        grant_types: client.grant_types.iter().copied().map(Into::into).collect(),
        scopes: scopes?,
        require_pkce: client.require_pkce,
        access_token_format: client.access_token_format.into(),
        consent: client.consent.into(),
        refresh_shared: client.refresh_shared.into(),
        response_modes: client
            .response_modes
            .iter()
            .copied()
            .map(Into::into)
            .collect(),
        require_pushed_authorization_requests: client.require_pushed_authorization_requests,
        dpop_bound_access_tokens: client.dpop_bound_access_tokens,
        openid,
    })
}

/// What OpenID Connect adds to a registration, without what is malformed in it.
fn register_openid(
    client: &registration::Client,
    at: &At,
    findings: &mut Findings<'_>,
) -> OpenIdRegistration {
    let uri = client.backchannel_logout_uri.as_deref();
    let backchannel_logout_uri = uri.and_then(BackChannelUri::parse);
    if let (Some(uri), None) = (uri, &backchannel_logout_uri) {
        findings.refuse(
            &at.then("backchannel_logout_uri"),
            format!("the back-channel logout URI `{uri}` can't be called"),
            NO_BACK_CHANNEL,
        );
    }
    OpenIdRegistration {
        id_token_signed_response_alg: client.id_token_signed_response_alg.into(),
        subject_type: client.subject_type.into(),
        sector_identifier: client.sector_identifier.clone(),
        post_logout_redirect_uris: register_uris(
            &client.post_logout_redirect_uris,
            &at.then("post_logout_redirect_uris"),
            findings,
        ),
        backchannel_logout_uri,
    }
}

fn register_uris(uris: &[String], at: &At, findings: &mut Findings<'_>) -> Vec<RedirectUri> {
    let mut registered = Vec::new();
    for (index, uri) in uris.iter().enumerate() {
        match RedirectUri::register(uri) {
            Ok(uri) => registered.push(uri),
            Err(error) => findings.refuse(
                &at.item(index),
                format!("the redirect URI `{uri}` can't be registered"),
                error.to_string(),
            ),
        }
    }
    registered
}

/// The public keys of a client, from its file or written in place.
fn read_jwks(
    client: &registration::Client,
    at: &At,
    findings: &mut Findings<'_>,
) -> Option<JwkSet> {
    let (at, value) = match (&client.jwks_file, &client.jwks) {
        (Some(path), _) => {
            let at = at.then("jwks_file");
            let path = findings.layers.resolve(&at, path);
            let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            match read
                .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
            {
                Ok(value) => (at, value),
                Err(error) => {
                    findings.refuse(
                        &at,
                        format!(
                            "the keys of the client `{}` can't be read: {}: {error}",
                            client.id,
                            path.display()
                        ),
                        "",
                    );
                    return None;
                }
            }
        }
        (None, Some(value)) => (at.then("jwks"), value.clone()),
        (None, None) => return None,
    };
    match serde_json::from_value::<JwkSet>(value) {
        Ok(keys) if !keys.keys.is_empty() => Some(keys),
        Ok(_) => {
            findings.refuse(
                &at,
                format!(
                    "the client `{}` has no key that can verify a signature",
                    client.id
                ),
                "write public keys for ES256, RS256, PS256 or EdDSA",
            );
            None
        }
        Err(error) => {
            findings.refuse(
                &at,
                format!(
                    "the keys of the client `{}` are no JWK set: {error}",
                    client.id
                ),
                "write { keys = [ … ] } with public keys alone (RFC 7517 §5)",
            );
            None
        }
    }
}
