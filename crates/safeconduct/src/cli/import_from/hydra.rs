//! Clients of Hydra, as its command line lists them. Their secrets are hashed there, and it has no users.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::plan::{ForeignClient, Plan};

type Members = BTreeMap<String, Value>;

/// A list of clients, alone or as a page of several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Clients {
    List(Vec<Members>),
    Page { items: Vec<Members> },
}

/// Members that both have under one name and in one form.
const SAME: [&str; 12] = [
    "client_name",
    "redirect_uris",
    "grant_types",
    "scope",
    "policy_uri",
    "tos_uri",
    "jwks",
    "subject_type",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "id_token_signed_response_alg",
    "token_endpoint_auth_method",
];

/// Members that say nothing that is not so here.
const SILENT: [&str; 14] = [
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "created_at",
    "updated_at",
    "response_types",
    "userinfo_signed_response_alg",
    "backchannel_logout_session_required",
    "registration_client_uri",
    "registration_access_token",
    "access_token_strategy",
    "skip_consent",
    "skip_logout_consent",
    "owner",
];

/// Takes every client into the plan.
pub(super) fn read(clients: Clients, plan: &mut Plan<'_>) {
    let (Clients::List(clients) | Clients::Page { items: clients }) = clients;
    for client in clients {
        take(client, plan);
    }
}

fn take(client: Members, plan: &mut Plan<'_>) {
    let id = client.get("client_id").and_then(Value::as_str);
    let Some(id) = id.map(str::to_owned) else {
        return plan.leave("client", "?", "has no client_id");
    };
    let mut members = Map::new();
    for (name, value) in client {
        let is_empty = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        match (name.as_str(), &value) {
            _ if is_empty => {}
            ("access_token_strategy", Value::String(form)) => {
                members.insert("access_token_format".to_owned(), form.as_str().into());
            }
            ("skip_consent", Value::Bool(true)) => {
                members.insert("consent".to_owned(), "never".into());
            }
            ("grant_types", Value::Array(types)) => {
                let kept = grants(types, &id, plan);
                members.insert(name, kept.into());
            }
            ("scope", Value::String(scopes)) => {
                // What says here that a refresh token is wanted.
                let scopes = scopes.split(' ').map(|scope| match scope {
                    "offline" => "offline_access",
                    other => other,
                });
                let scopes: Vec<&str> = scopes.collect();
                members.insert("scopes".to_owned(), scopes.into());
            }
            (same, _) if SAME.contains(&same) => {
                members.insert(name, value);
            }
            (silent, _) if SILENT.contains(&silent) => {}
            (other, _) => plan.leave("client", &id, format!("the member {other}")),
        }
    }
    if !members.contains_key("token_endpoint_auth_method") {
        let method = "client_secret_basic";
        members.insert("token_endpoint_auth_method".to_owned(), method.into());
    }
    let client = ForeignClient {
        id,
        members,
        secret: None,
    };
    plan.client(client, "gets a new secret: Hydra keeps a hash alone");
}

fn grants(types: &[Value], id: &str, plan: &mut Plan<'_>) -> Vec<Value> {
    let is_known = |kind: &&Value| {
        let known = ["authorization_code", "refresh_token", "client_credentials"];
        kind.as_str().is_some_and(|kind| known.contains(&kind))
    };
    let (known, others): (Vec<&Value>, Vec<&Value>) = types.iter().partition(is_known);
    for other in others {
        plan.leave("client", id, format!("the grant type {other}"));
    }
    known.into_iter().cloned().collect()
}
