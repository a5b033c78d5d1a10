//! Clients: the apps and APIs that use the server, what they are registered with, their secrets, and their end.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use safeconduct_client::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::{Api, List};
use crate::confirm::Question;
use crate::events::Actor;
use crate::failed::{Failed, Refusal};
use crate::form::{Asked, Fields, Posted};
use crate::grants::Grant;
use crate::pages::{Page, segment};
use crate::routes::Routes;

/// A client in a list, and what more its document says.
#[derive(Deserialize, Serialize)]
struct Client {
    client_id: String,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    grant_types: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_method: String,
    enabled: bool,
    declared: bool,
    created_at: String,
    secrets: Vec<ClientSecret>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct ClientSecret {
    id: String,
    created_at: String,
    expires_at: Option<String>,
    /// How it ends, where the server keeps that.
    #[serde(default)]
    last_four: Option<String>,
    #[serde(default)]
    made_by: Option<Actor>,
    #[serde(default)]
    last_used_at: Option<String>,
}

/// A client that was registered.
#[derive(Deserialize)]
struct Registered {
    client_id: String,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct NewSecret {
    client_secret: String,
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/clients", get(list)),
        ("/new-client", get(ask_new).post(create)),
        ("/clients/{id}", get(show)),
        ("/clients/{id}/settings", get(settings)),
        ("/clients/{id}/secrets", post(rotate)),
        ("/clients/{id}/secrets/{secret}", post(end_secret)),
        ("/clients/{id}/disable", get(ask_disable).post(disable)),
        ("/clients/{id}/enable", post(enable)),
        ("/clients/{id}/delete", get(ask_delete).post(delete)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let cursor = asked.value("cursor");
    let found: List<Client> = api.get(&["clients"], &[("cursor", cursor)]).await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let may_write = api.may_write();
    Ok(Page::new(
        "clients",
        json!({ "clients": found.items, "more": more, "may_write": may_write }),
    ))
}

async fn show(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let (this, of_client) = (["clients", &id], [("client", id.as_str()), ("limit", "10")]);
    let (client, grants) = tokio::try_join!(
        api.get::<Client>(&this, &[]),
        api.get::<List<Grant>>(&["grants"], &of_client),
    )?;
    let document = serde_json::to_string_pretty(&client.more).unwrap_or_default();
    let may_write = api.may_write();
    Ok(Page::new(
        "client",
        json!({ "client": client, "grants": grants, "document": document, "may_write": may_write }),
    ))
}

async fn ask_new() -> Page {
    form(&Fields::default(), None)
}

/// The form for a new client, with what was typed and what is wrong with it.
fn form(typed: &Fields, problem: Option<&Refusal>) -> Page {
    let names = [
        "kind",
        "client_id",
        "client_name",
        "redirect_uris",
        "post_logout_redirect_uris",
        "scope",
    ];
    let values: std::collections::BTreeMap<&str, &str> = names
        .into_iter()
        .map(|name| (name, typed.value(name)))
        .collect();
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    Page::new("new_client", json!({ "typed": values, "problem": problem })).with_status(status)
}

/// The document of a client of the kind that was chosen.
fn document(fields: &Fields) -> Value {
    let mut document = json!({
        "client_name": fields.filled("client_name"),
        "scope": fields.words("scope").join(" "),
    });
    if let Some(id) = fields.filled("client_id") {
        document["client_id"] = id.into();
    }
    let (grant_types, method) = match fields.value("kind") {
        "service" => (json!(["client_credentials"]), "client_secret_basic"),
        "public" => (json!(["authorization_code", "refresh_token"]), "none"),
        "api" => (json!([]), "client_secret_basic"),
        _ => (
            json!(["authorization_code", "refresh_token"]),
            "client_secret_basic",
        ),
    };
    document["grant_types"] = grant_types;
    document["token_endpoint_auth_method"] = method.into();
    for name in ["redirect_uris", "post_logout_redirect_uris"] {
        let uris = fields.words(name);
        if !uris.is_empty() {
            document[name] = json!(uris);
        }
    }
    if document["client_name"].is_null()
        && let Some(members) = document.as_object_mut()
    {
        members.remove("client_name");
    }
    document
}

async fn create(api: Api, Posted(fields): Posted) -> Result<Response, Failed> {
    let created: Result<Registered, Failed> = api.post_json(&["clients"], &document(&fields)).await;
    let created = match created {
        Ok(created) => created,
        Err(failed) => {
            let wrong = [StatusCode::BAD_REQUEST, StatusCode::CONFLICT];
            return match failed.refusal() {
                Some(refusal) if wrong.contains(&refusal.status) => {
                    Ok(form(&fields, Some(refusal)).into_response())
                }
                _ => Err(failed),
            };
        }
    };
    let told =
        json!({ "secret": created.client_secret, "warnings": created.warnings, "new": true });
    Ok(lead_to_settings(&api, &created.client_id, &told).into_response())
}

/// On to the settings of a client, with what is told this once.
fn lead_to_settings(api: &Api, id: &str, told: &Value) -> Redirect {
    let now = api.inside.clock.now();
    let name = api
        .inside
        .shown_once
        .keep(Secret::new(told.to_string()), now);
    api.on_to_shown(&["clients", id, "settings"], &name)
}

/// What an app has to be told, ready to be copied; with its secret where that is shown this once.
async fn settings(api: Api, Path(id): Path<String>, Asked(asked): Asked) -> Result<Page, Failed> {
    let client: Client = api.get(&["clients", &id], &[]).await?;
    let now = api.inside.clock.now();
    let told = api.inside.shown_once.take(asked.value("shown"), now);
    let told: Option<Value> = told.and_then(|told| serde_json::from_str(told.expose()).ok());
    let told = told.unwrap_or_else(|| json!({ "secret": null, "warnings": [], "new": false }));
    let asks_with = |kind: &str| client.grant_types.iter().any(|known| known == kind);
    let (signs_in, by_itself) = (
        asks_with("authorization_code"),
        asks_with("client_credentials"),
    );
    let has_secret = client
        .token_endpoint_auth_method
        .starts_with("client_secret");
    let scope = client.scopes.join(" ");
    Ok(Page::new(
        "settings",
        json!({ "client": client, "told": told, "signs_in": signs_in, "by_itself": by_itself, "has_secret": has_secret, "scope": scope }),
    ))
}

async fn rotate(
    api: Api,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Redirect, Failed> {
    let hours: i64 = match fields.value("hours").parse() {
        Ok(hours) if (0..=720).contains(&hours) => hours,
        _ => return Err(Failed::bad_request("The hours are 0 to 720.")),
    };
    let asked = json!({ "overlap": hours * 3600 });
    let made: NewSecret = api.post_json(&["clients", &id, "secrets"], &asked).await?;
    let told = json!({ "secret": made.client_secret, "warnings": [], "new": false });
    Ok(lead_to_settings(&api, &id, &told))
}

async fn end_secret(
    api: Api,
    Path((id, secret)): Path<(String, String)>,
) -> Result<Redirect, Failed> {
    api.delete(&["clients", &id, "secrets", &secret], None)
        .await?;
    Ok(api.on_to(&["clients", &id], "secret-ended"))
}

/// How many grants a client has, as far as one page tells.
async fn grants_of(api: &Api, id: &str) -> Result<String, Failed> {
    let of_client = [("client", id), ("limit", "200")];
    let found: List<Value> = api.get(&["grants"], &of_client).await?;
    Ok(match (found.items.len(), found.next_cursor) {
        (number, Some(_)) => format!("More than {number} grants end at once."),
        (1, None) => "1 grant ends at once.".to_owned(),
        (number, None) => format!("{number} grants end at once."),
    })
}

async fn disable_question(api: &Api, id: &str) -> Result<Question, Failed> {
    let at = segment(id);
    Ok(Question {
        title: format!("Disable {id}?"),
        lines: vec![
            grants_of(api, id).await?,
            "It can be enabled again; what has ended stays ended.".to_owned(),
        ],
        label: "Disable this client".to_owned(),
        action: format!("/clients/{at}/disable"),
        back: format!("/clients/{at}"),
        ..Question::default()
    })
}

async fn ask_disable(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let client: Client = api.get(&["clients", &id], &[]).await?;
    Ok(disable_question(&api, &client.client_id).await?.page())
}

async fn disable(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["clients", &id, "disable"]).await?;
    Ok(api.on_to(&["clients", &id], "client-disabled"))
}

async fn enable(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["clients", &id, "enable"]).await?;
    Ok(api.on_to(&["clients", &id], "client-enabled"))
}

async fn delete_question(api: &Api, id: &str, etag: String) -> Result<Question, Failed> {
    let at = segment(id);
    Ok(Question {
        title: format!("Delete {id} for good?"),
        lines: vec![
            grants_of(api, id).await?,
            "Its id is never given again.".to_owned(),
        ],
        typed: Some(id.to_owned()),
        label: "Delete this client".to_owned(),
        action: format!("/clients/{at}/delete"),
        back: format!("/clients/{at}"),
        // Only as it was seen: what another administrator changed since is seen first.
        fields: vec![("etag", etag)],
    })
}

async fn ask_delete(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let client = api.tagged::<Client>(&["clients", &id]).await?;
    let question = delete_question(&api, &client.value.client_id, client.etag).await?;
    Ok(question.page())
}

async fn delete(
    api: Api,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Failed> {
    let etag = fields.value("etag").to_owned();
    let question = delete_question(&api, &id, etag.clone()).await?;
    if let Err(again) = question.answered_by(&fields) {
        return Ok(again.into_response());
    }
    api.delete(&["clients", &id], Some(&etag)).await?;
    Ok(api.on_to(&["clients"], "client-deleted").into_response())
}
