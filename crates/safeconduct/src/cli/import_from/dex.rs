//! The configuration of Dex: the clients and passwords that stand in it.

use safeconduct_protocol::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::plan::{ForeignClient, ForeignUser, Plan};

/// The file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    static_clients: Vec<Client>,
    static_passwords: Vec<User>,
    connectors: Vec<Connector>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Connector {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Client {
    id: Option<String>,
    #[serde(rename = "idEnv")]
    id_env: Option<String>,
    name: Option<String>,
    secret: Option<Secret>,
    #[serde(rename = "secretEnv")]
    secret_env: Option<String>,
    #[serde(rename = "redirectURIs")]
    redirect_uris: Vec<String>,
    #[serde(rename = "trustedPeers")]
    trusted_peers: Vec<String>,
    public: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct User {
    email: String,
    hash: Option<Secret>,
    hash_from_env: Option<String>,
    username: Option<String>,
    preferred_username: Option<String>,
    email_verified: Option<bool>,
    groups: Vec<String>,
}

/// Takes clients and users into the plan. `variable` reads the environment, where values can stand instead of in the file.
pub(super) fn read(file: File, plan: &mut Plan<'_>, variable: impl Fn(&str) -> Option<String>) {
    for connector in file.connectors {
        let what = "who signs in by this connector links it anew";
        plan.leave("provider", &connector.id, what);
    }
    for client in file.static_clients {
        take_client(client, plan, &variable);
    }
    for user in file.static_passwords {
        take_user(user, plan, &variable);
    }
}

fn take_client(client: Client, plan: &mut Plan<'_>, variable: &impl Fn(&str) -> Option<String>) {
    let named = client.id_env.as_deref();
    let Some(id) = client.id.or_else(|| named.and_then(variable)) else {
        let what = "its id stands in this variable of the environment, which is not set";
        return plan.leave("client", named.unwrap_or("?"), what);
    };
    for peer in &client.trusted_peers {
        let what = format!("tokens for its peer {peer}: declare an API that both ask for");
        plan.leave("client", &id, what);
    }
    let method = match client.public {
        true => "none",
        false => "client_secret_basic",
    };
    let mut members = Map::new();
    if let Some(name) = client.name {
        members.insert("client_name".to_owned(), name.into());
    }
    let scopes = ["openid", "profile", "email", "offline_access"];
    members.insert("redirect_uris".to_owned(), client.redirect_uris.into());
    members.insert("scopes".to_owned(), Value::from(scopes.to_vec()));
    members.insert("token_endpoint_auth_method".to_owned(), method.into());
    if !client.public {
        let what =
            "must use PKCE here, which was not demanded: client edit --without-pkce if it can't";
        plan.leave("client", &id, what);
    }
    let set = client.secret_env.as_deref().and_then(variable);
    let without = match client.secret_env {
        Some(_) => {
            "gets a new secret: the variable of the environment that holds its own is not set"
        }
        None => "gets a new secret: there is none in the file",
    };
    let secret = client.secret.or(set.map(Secret::new));
    plan.client(
        ForeignClient {
            id,
            members,
            secret,
        },
        without,
    );
}

fn take_user(user: User, plan: &mut Plan<'_>, variable: &impl Fn(&str) -> Option<String>) {
    let set = user.hash_from_env.as_deref().and_then(variable);
    let hash = user.hash.or(set.map(Secret::new));
    if hash.is_none() {
        let what = match user.hash_from_env {
            Some(name) => format!("comes without a password: the variable {name} is not set"),
            None => "comes without a password: there is none in the file".to_owned(),
        };
        plan.leave("user", &user.email, what);
    }
    let mut claims: Vec<(&'static str, Value)> = vec![
        ("email", user.email.as_str().into()),
        (
            "email_verified",
            user.email_verified.unwrap_or(false).into(),
        ),
    ];
    claims.extend(user.username.map(|name| ("name", name.into())));
    let preferred = user.preferred_username;
    claims.extend(preferred.map(|name| ("preferred_username", name.into())));
    // What they type to sign in there.
    plan.user(ForeignUser {
        // Dex makes it of the user's id and the connector's.
        is_known_to_apps: true,
        sub: None,
        username: user.email,
        password: None,
        hash,
        claims,
        groups: user.groups,
        locked: false,
    });
}
