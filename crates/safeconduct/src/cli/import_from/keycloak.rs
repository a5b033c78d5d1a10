//! The export of a realm of Keycloak, as `kc.sh export` writes it.

use std::collections::BTreeMap;

use safeconduct_protocol::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::plan::{ForeignClient, ForeignUser, Plan};

/// What stands in place of a secret in the export of the console.
const MASKED: &str = "**********";

/// Clients that every realm has for Keycloak itself.
const BUILT_IN: [&str; 7] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
    "master-realm",
];

/// The scopes that both have, and those that say nothing here.
const SCOPES: [&str; 5] = ["profile", "email", "address", "phone", "offline_access"];
const SILENT_SCOPES: [&str; 7] = [
    "openid",
    "basic",
    "acr",
    "roles",
    "web-origins",
    "microprofile-jwt",
    "service_account",
];

/// Attributes that Keycloak's own mappers give as these claims.
const CLAIMS: [(&str, &str); 12] = [
    ("middleName", "middle_name"),
    ("nickname", "nickname"),
    ("profile", "profile"),
    ("picture", "picture"),
    ("website", "website"),
    ("gender", "gender"),
    ("birthdate", "birthdate"),
    ("zoneinfo", "zoneinfo"),
    ("locale", "locale"),
    ("phoneNumber", "phone_number"),
    ("phoneNumberVerified", "phone_number_verified"),
    ("username", "preferred_username"),
];

/// A realm, or a file of its users.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Realm {
    users: Vec<User>,
    groups: Vec<Group>,
    clients: Vec<Client>,
    identity_providers: Vec<Provider>,
    user_federation_providers: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct User {
    id: Option<String>,
    username: String,
    email: Option<String>,
    email_verified: bool,
    enabled: bool,
    first_name: Option<String>,
    last_name: Option<String>,
    attributes: BTreeMap<String, Vec<String>>,
    groups: Vec<String>,
    realm_roles: Vec<String>,
    client_roles: BTreeMap<String, Vec<String>>,
    required_actions: Vec<String>,
    credentials: Vec<Credential>,
    federated_identities: Vec<Identity>,
    federation_link: Option<String>,
    service_account_client_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Credential {
    #[serde(rename = "type")]
    kind: String,
    secret_data: Option<Secret>,
    credential_data: Option<String>,
    priority: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity {
    identity_provider: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Provider {
    alias: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Group {
    path: String,
    name: String,
    sub_groups: Vec<Group>,
    realm_roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Client {
    client_id: String,
    name: Option<String>,
    enabled: bool,
    protocol: Option<String>,
    secret: Option<Secret>,
    client_authenticator_type: Option<String>,
    redirect_uris: Vec<String>,
    public_client: bool,
    bearer_only: bool,
    standard_flow_enabled: bool,
    implicit_flow_enabled: bool,
    direct_access_grants_enabled: bool,
    service_accounts_enabled: bool,
    consent_required: bool,
    attributes: BTreeMap<String, String>,
    default_client_scopes: Vec<String>,
    optional_client_scopes: Vec<String>,
    protocol_mappers: Vec<Mapper>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            name: None,
            enabled: true,
            protocol: None,
            secret: None,
            client_authenticator_type: None,
            redirect_uris: Vec::new(),
            public_client: false,
            bearer_only: false,
            standard_flow_enabled: true,
            implicit_flow_enabled: false,
            direct_access_grants_enabled: false,
            service_accounts_enabled: false,
            consent_required: false,
            attributes: BTreeMap::new(),
            default_client_scopes: Vec::new(),
            optional_client_scopes: Vec::new(),
            protocol_mappers: Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mapper {
    name: String,
    protocol_mapper: String,
}

/// Takes a realm, or users of it, into the plan.
pub(super) fn read(realm: Realm, plan: &mut Plan<'_>) {
    for provider in &realm.identity_providers {
        let what = "who signs in by this provider links it anew";
        plan.leave("provider", &provider.alias, what);
    }
    if !realm.user_federation_providers.is_empty() {
        let what = "users of a directory come by provisioning (SCIM)";
        plan.leave("realm", "user federation", what);
    }
    for group in realm.groups {
        take_group(group, plan);
    }
    for client in realm.clients {
        take_client(client, plan);
    }
    for user in realm.users {
        take_user(user, plan);
    }
}

fn take_group(group: Group, plan: &mut Plan<'_>) {
    let path = if group.path.is_empty() {
        group.name
    } else {
        group.path
    };
    let name = flat(&path);
    if plan.group(name).is_some() {
        if name.contains('/') {
            let what = "groups are flat: who is in this one is not in the one above it";
            plan.leave("group", name, what);
        }
        for role in group.realm_roles {
            let what = format!("the role {role} of its members: a role is a group here");
            plan.leave("group", name, what);
        }
    }
    for below in group.sub_groups {
        take_group(below, plan);
    }
}

/// `/staff` as a name. What is below another group keeps the whole path.
fn flat(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

fn take_user(user: User, plan: &mut Plan<'_>) {
    if user.service_account_client_id.is_some() {
        // The client itself comes along, and needs no user.
        return;
    }
    let (claims, others) = claims_of(&user);
    for attribute in others {
        let what = "an attribute that is no claim of OpenID Connect";
        plan.leave_of_user("attribute", attribute, what);
    }
    for role in roles_of(&user) {
        let what = "a role: make a group of it and add them";
        plan.leave_of_user("role", &role, what);
    }
    for identity in &user.federated_identities {
        let what = "signed in by this provider: they link it anew on their account page";
        plan.leave_of_user("provider", &identity.identity_provider, what);
    }
    if user.federation_link.is_some() {
        let what = "their password is checked by a directory, and is not in the export";
        plan.leave_of_user("user", "of a directory", what);
    }
    let hash = password_of(&user, plan);
    plan.user(ForeignUser {
        is_known_to_apps: true,
        sub: user.id,
        username: user.username,
        password: None,
        hash,
        claims,
        groups: user
            .groups
            .iter()
            .map(|path| flat(path).to_owned())
            .collect(),
        locked: !user.enabled,
    });
}

/// The hash of their password, and what is said of everything else that they signed in with or had to do.
fn password_of(user: &User, plan: &mut Plan<'_>) -> Option<Secret> {
    let mut passwords: Vec<&Credential> = Vec::new();
    for credential in &user.credentials {
        match credential.kind.as_str() {
            "password" => passwords.push(credential),
            "otp" => plan.leave(
                "user",
                &user.username,
                "the authenticator app: they set one up anew",
            ),
            "webauthn" | "webauthn-passwordless" => plan.leave(
                "user",
                &user.username,
                "a passkey: they add one anew, for it belongs to the old host",
            ),
            "recovery-authn-codes" => {
                plan.leave("user", &user.username, "the recovery codes");
            }
            other => {
                let what = format!("a credential of the kind {other}");
                plan.leave("user", &user.username, what);
            }
        }
    }
    let mut is_usable = true;
    for action in &user.required_actions {
        match action.as_str() {
            "UPDATE_PASSWORD" => {
                is_usable = false;
                let what = "had to choose another password, and comes without the old one: safeconduct user recover";
                plan.leave("user", &user.username, what);
            }
            "VERIFY_EMAIL" if !user.email_verified => {}
            "CONFIGURE_TOTP"
            | "webauthn-register"
            | "webauthn-register-passwordless"
            | "CONFIGURE_RECOVERY_AUTHN_CODES" => {
                let what = "had to set up a second factor: a group can demand one";
                plan.leave("user", &user.username, what);
            }
            other => {
                let what =
                    format!("had to do {other} at the next sign-in, which is not asked here");
                plan.leave("user", &user.username, what);
            }
        }
    }
    passwords.sort_by_key(|credential| credential.priority.unwrap_or(i64::MAX));
    let first = passwords.first().filter(|_| is_usable)?;
    let secret = first.secret_data.as_ref().map(Secret::expose);
    let object = json!({"credentialData": first.credential_data, "secretData": secret});
    Some(Secret::new(object.to_string()))
}

/// The claims of a user, and the names of attributes that are none.
fn claims_of(user: &User) -> (Vec<(&'static str, Value)>, Vec<&str>) {
    let mut claims: Vec<(&'static str, Value)> = Vec::new();
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(email) = filled(&user.email) {
        claims.push(("email", email.into()));
        claims.push(("email_verified", user.email_verified.into()));
    }
    let names = [filled(&user.first_name), filled(&user.last_name)];
    let whole: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    if !whole.is_empty() {
        claims.push(("name", whole.join(" ").into()));
    }
    let [given, family] = names;
    claims.extend(given.map(|name| ("given_name", name.into())));
    claims.extend(family.map(|name| ("family_name", name.into())));
    let mut others = Vec::new();
    for (attribute, values) in &user.attributes {
        let claim = CLAIMS.iter().find(|(name, _)| name == attribute);
        match (claim, values.first()) {
            (_, None) => {}
            (Some((_, claim @ "phone_number_verified")), Some(value)) => {
                claims.push((claim, (value == "true").into()));
            }
            (Some((_, claim)), Some(value)) => claims.push((claim, value.clone().into())),
            (None, Some(_)) => others.push(attribute.as_str()),
        }
    }
    (claims, others)
}

/// The roles that somebody gave them.
fn roles_of(user: &User) -> Vec<String> {
    let own = |role: &&String| {
        !role.starts_with("default-roles-")
            && !["offline_access", "uma_authorization"].contains(&role.as_str())
    };
    let of_realm = user.realm_roles.iter().filter(own).cloned();
    let of_clients = user.client_roles.iter();
    let of_clients = of_clients.filter(|(client, _)| !BUILT_IN.contains(&client.as_str()));
    let of_clients = of_clients
        .flat_map(|(client, roles)| roles.iter().map(move |role| format!("{client}/{role}")));
    of_realm.chain(of_clients).collect()
}

fn take_client(client: Client, plan: &mut Plan<'_>) {
    let id = client.client_id.as_str();
    if BUILT_IN.contains(&id) {
        return;
    }
    if client
        .protocol
        .as_deref()
        .is_some_and(|protocol| protocol != "openid-connect")
    {
        return plan.leave("client", id, "speaks SAML");
    }
    if client.bearer_only {
        let what = "only takes tokens: declare it as an API under [resources]";
        return plan.leave("client", id, what);
    }
    if !client.enabled {
        return plan.leave("client", id, "is disabled");
    }
    let mut members = Map::new();
    if let Some(name) = client
        .name
        .as_deref()
        .filter(|name| !name.is_empty() && !name.starts_with("${"))
    {
        members.insert("client_name".to_owned(), name.into());
    }
    members.insert("redirect_uris".to_owned(), redirects(&client, plan).into());
    members.insert("grant_types".to_owned(), grants(&client, plan).into());
    members.insert("scopes".to_owned(), scopes(&client, plan).into());
    let method = method(&client, plan);
    members.insert("token_endpoint_auth_method".to_owned(), method.into());
    if !client.consent_required && !client.public_client {
        members.insert("consent".to_owned(), "never".into());
    }
    logout(&client, plan, &mut members);
    say_the_rest(&client, plan);
    let masked = client
        .secret
        .as_ref()
        .is_some_and(|secret| secret.expose() == MASKED);
    let without = match masked {
        true => "gets a new secret: its own is masked, as the console exports it",
        false => "gets a new secret: there is none in the export",
    };
    plan.client(
        ForeignClient {
            id: client.client_id,
            members,
            secret: client.secret.filter(|_| !masked),
        },
        without,
    );
}

/// Those that name one address. A wildcard is no address.
fn redirects(client: &Client, plan: &mut Plan<'_>) -> Vec<String> {
    let (wild, exact): (Vec<_>, Vec<_>) = client
        .redirect_uris
        .iter()
        .cloned()
        .partition(|uri| uri.contains('*'));
    for uri in wild {
        let what = format!(
            "the redirect URI {uri}: name each address, for none is compared by its beginning"
        );
        plan.leave("client", &client.client_id, what);
    }
    exact
}

fn grants(client: &Client, plan: &mut Plan<'_>) -> Vec<&'static str> {
    let id = &client.client_id;
    if client.implicit_flow_enabled {
        plan.leave("client", id, "the implicit flow: use codes (RFC 9700)");
    }
    if client.direct_access_grants_enabled {
        let what = "passwords of users sent by the client: use codes (RFC 9700)";
        plan.leave("client", id, what);
    }
    let mut grants = Vec::new();
    if client.standard_flow_enabled {
        grants.extend(["authorization_code", "refresh_token"]);
    }
    if client.service_accounts_enabled {
        grants.push("client_credentials");
    }
    grants
}

fn scopes(client: &Client, plan: &mut Plan<'_>) -> Vec<String> {
    let mut scopes = Vec::new();
    if client.standard_flow_enabled {
        scopes.push("openid".to_owned());
    }
    let named = client
        .default_client_scopes
        .iter()
        .chain(&client.optional_client_scopes);
    for scope in named {
        if SCOPES.contains(&scope.as_str()) {
            scopes.push(scope.clone());
        } else if !SILENT_SCOPES.contains(&scope.as_str()) {
            let what = format!("the scope {scope}: declare it under [scopes], then client edit");
            plan.leave("client", &client.client_id, what);
        }
    }
    scopes
}

fn method(client: &Client, plan: &mut Plan<'_>) -> &'static str {
    match client.client_authenticator_type.as_deref() {
        _ if client.public_client => "none",
        None | Some("client-secret") => "client_secret_basic",
        Some(other) => {
            let what =
                format!("how it authenticates ({other}): it gets a secret, register its keys");
            plan.leave("client", &client.client_id, what);
            "client_secret_basic"
        }
    }
}

fn logout(client: &Client, plan: &mut Plan<'_>, members: &mut Map<String, Value>) {
    let named = |key: &str| client.attributes.get(key).filter(|value| !value.is_empty());
    if let Some(uris) = named("post.logout.redirect.uris") {
        let (exact, others): (Vec<&str>, Vec<&str>) = uris
            .split("##")
            .filter(|uri| *uri != "+")
            .partition(|uri| !uri.contains('*'));
        for uri in others {
            let what = format!("the address {uri} after a sign-out: name each address");
            plan.leave("client", &client.client_id, what);
        }
        let as_before = uris.split("##").any(|uri| uri == "+");
        let before = client
            .redirect_uris
            .iter()
            .filter(|uri| as_before && !uri.contains('*'));
        let uris: Vec<&str> = exact
            .into_iter()
            .chain(before.map(String::as_str))
            .collect();
        members.insert("post_logout_redirect_uris".to_owned(), uris.into());
    }
    if let Some(uri) = named("backchannel.logout.url") {
        members.insert("backchannel_logout_uri".to_owned(), uri.as_str().into());
    }
}

/// What else a client of Keycloak can have.
fn say_the_rest(client: &Client, plan: &mut Plan<'_>) {
    let id = &client.client_id;
    let demanded = client.attributes.get("pkce.code.challenge.method");
    if client.standard_flow_enabled && demanded.is_none_or(|method| method != "S256") {
        let what =
            "must use PKCE here, which was not demanded: client edit --without-pkce if it can't";
        plan.leave("client", id, what);
    }
    if !client.consent_required && client.public_client {
        let what =
            "asks its users for consent, which it did not: it can't prove that it is the app";
        plan.leave("client", id, what);
    }
    for mapper in &client.protocol_mappers {
        let what = format!("the mapper {} ({})", mapper.name, mapper.protocol_mapper);
        plan.leave("client", id, what);
    }
}
