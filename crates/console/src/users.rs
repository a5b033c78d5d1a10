//! Users: found, looked at, kept out and helped back in.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use safeconduct_client::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, List};
use crate::confirm::{Question, counted};
use crate::events::Event;
use crate::failed::Failed;
use crate::form::{Asked, Posted};
use crate::grants::Grant;
use crate::pages::Page;
use crate::routes::Routes;
use crate::sessions::Session;

/// The most that a page about a user shows of a kind; the rest has pages of its own.
const SOME: &str = "10";

/// A user in a list.
#[derive(Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) username: String,
    pub(crate) id: String,
    locked: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    created_at: String,
}

/// A user, what they sign in with, and what rests on them.
#[derive(Deserialize, Serialize)]
struct Details {
    #[serde(flatten)]
    user: User,
    administrator: bool,
    groups: Vec<String>,
    passkeys: Vec<Passkey>,
    authenticator_added_at: Option<String>,
    recovery_codes: u64,
    sessions: u64,
    grants: u64,
    consents: u64,
}

#[derive(Deserialize, Serialize)]
struct Passkey {
    name: String,
    id: String,
    backed_up: bool,
    added_at: String,
    last_used_at: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Consent {
    client: String,
    allowed: std::collections::BTreeMap<String, String>,
    changed_at: String,
}

/// A one-time link as the API tells it.
#[derive(Deserialize)]
struct OneTimeLink {
    link: String,
    purpose: String,
    expires_at: String,
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/users", get(list)),
        ("/users/{id}", get(show)),
        ("/users/{id}/lock", get(ask_lock).post(lock)),
        ("/users/{id}/unlock", post(unlock)),
        ("/users/{id}/end", get(ask_end).post(end)),
        (
            "/users/{id}/authenticator",
            get(ask_authenticator).post(remove_authenticator),
        ),
        ("/users/{id}/passkeys/{passkey}", post(remove_passkey)),
        ("/users/{id}/consents/{client}", post(withdraw)),
        (
            "/users/{id}/administrator",
            get(ask_administrator).post(change_administrator),
        ),
        ("/users/{id}/links", post(make_link)),
        ("/users/{id}/link", get(show_link)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let prefix = asked.value("prefix");
    let found: List<User> = api
        .list(&["users"], &[("prefix", prefix)], asked.value("cursor"))
        .await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let first = asked.value("cursor").is_empty();
    Ok(Page::new(
        "users",
        json!({ "users": found.items, "prefix": prefix, "more": more, "first": first }),
    ))
}

async fn show(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let user: Details = api.get(&["users", &id], &[]).await?;
    // By the id: a name may be another user's id.
    let id = user.user.id.as_str();
    let (of_user, consents) = ([("user", id), ("limit", SOME)], ["users", id, "consents"]);
    let (sessions, grants, consents, events) = tokio::try_join!(
        api.get::<List<Session>>(&["sessions"], &of_user),
        api.get::<List<Grant>>(&["grants"], &of_user),
        api.get::<List<Consent>>(&consents, &[]),
        api.get::<List<Event>>(&["events"], &of_user),
    )?;
    let may_write = api.may_write();
    Ok(Page::new(
        "user",
        json!({ "user": user, "sessions": sessions, "grants": grants, "consents": consents, "events_of_user": events, "may_write": may_write }),
    ))
}

async fn details(api: &Api, id: &str) -> Result<Details, Failed> {
    api.get(&["users", id], &[]).await
}

async fn ask_lock(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    Ok(lock_question(&details(&api, &id).await?).page())
}

fn lock_question(details: &Details) -> Question {
    let (name, id) = (&details.user.username, &details.user.id);
    Question {
        title: format!("Lock {name}?"),
        lines: vec![
            "They can't sign in any more, until they are unlocked.".to_owned(),
            ending(details),
        ],
        label: "Lock this user".to_owned(),
        action: format!("/users/{id}/lock"),
        back: format!("/users/{id}"),
        ..Question::default()
    }
}

/// What ends with a user's sessions and grants.
fn ending(details: &Details) -> String {
    let sessions = counted(details.sessions, "session", "sessions");
    let grants = counted(details.grants, "grant", "grants");
    format!(
        "At once, on every node, this ends: {sessions} and {grants}. What has ended stays ended."
    )
}

async fn lock(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["users", &id, "lock"]).await?;
    Ok(api.on_to(&["users", &id], "locked"))
}

async fn unlock(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["users", &id, "unlock"]).await?;
    Ok(api.on_to(&["users", &id], "unlocked"))
}

fn end_question(details: &Details) -> Question {
    let (name, id) = (&details.user.username, &details.user.id);
    Question {
        title: format!("End everything of {name}?"),
        lines: vec![
            ending(details),
            "They can sign in again, and allow apps anew.".to_owned(),
        ],
        typed: Some(name.clone()),
        label: "End everything".to_owned(),
        action: format!("/users/{id}/end"),
        back: format!("/users/{id}"),
        ..Question::default()
    }
}

async fn ask_end(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    Ok(end_question(&details(&api, &id).await?).page())
}

async fn end(api: Api, Path(id): Path<String>, Posted(fields): Posted) -> Result<Response, Failed> {
    let question = end_question(&details(&api, &id).await?);
    if let Err(again) = question.answered_by(&fields) {
        return Ok(again.into_response());
    }
    api.post(&["users", &id, "end"]).await?;
    Ok(api.on_to(&["users", &id], "ended").into_response())
}

async fn ask_authenticator(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let details = details(&api, &id).await?;
    let (name, id) = (&details.user.username, &details.user.id);
    let codes = counted(details.recovery_codes, "recovery code", "recovery codes");
    let question = Question {
        title: format!("Take the authenticator app of {name} away?"),
        lines: vec![format!(
            "The app and {codes} are good for nothing any more. Where a second factor is demanded, they are asked to set one up."
        )],
        label: "Take it away".to_owned(),
        action: format!("/users/{id}/authenticator"),
        back: format!("/users/{id}"),
        ..Question::default()
    };
    Ok(question.page())
}

async fn remove_authenticator(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.delete(&["users", &id, "authenticator"], None).await?;
    Ok(api.on_to(&["users", &id], "authenticator-removed"))
}

async fn remove_passkey(
    api: Api,
    Path((id, passkey)): Path<(String, String)>,
) -> Result<Redirect, Failed> {
    api.delete(&["users", &id, "passkeys", &passkey], None)
        .await?;
    Ok(api.on_to(&["users", &id], "passkey-removed"))
}

async fn withdraw(
    api: Api,
    Path((id, client)): Path<(String, String)>,
) -> Result<Redirect, Failed> {
    api.delete(&["users", &id, "consents", &client], None)
        .await?;
    Ok(api.on_to(&["users", &id], "consent-withdrawn"))
}

async fn ask_administrator(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let details = details(&api, &id).await?;
    let (name, id) = (&details.user.username, &details.user.id);
    let (title, line, label) = match details.administrator {
        true => (
            format!("Let {name} administer this server no more?"),
            "Their next request is refused, whatever token they still have.",
            "Remove the administrator",
        ),
        false => (
            format!("Let {name} administer this server?"),
            "They can see and change everything: every user, every client, every key.",
            "Make an administrator",
        ),
    };
    let question = Question {
        title,
        lines: vec![line.to_owned()],
        typed: Some(name.clone()),
        label: label.to_owned(),
        action: format!("/users/{id}/administrator"),
        back: format!("/users/{id}"),
        fields: vec![("now", details.administrator.to_string())],
    };
    Ok(question.page())
}

async fn change_administrator(
    api: Api,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Failed> {
    let details = details(&api, &id).await?;
    let question = Question {
        typed: Some(details.user.username.clone()),
        title: "Type the name of the user.".to_owned(),
        label: "Go on".to_owned(),
        action: format!("/users/{}/administrator", details.user.id),
        back: format!("/users/{}", details.user.id),
        fields: vec![("now", fields.value("now").to_owned())],
        ..Question::default()
    };
    if let Err(again) = question.answered_by(&fields) {
        return Ok(again.into_response());
    }
    let path = ["administrators", &*details.user.id];
    let done = match fields.value("now") {
        "true" => {
            api.delete(&path, None).await?;
            "administrator-removed"
        }
        _ => {
            api.put(&path, None, None).await?;
            "administrator-added"
        }
    };
    Ok(api
        .on_to(&["users", &details.user.id], done)
        .into_response())
}

async fn make_link(
    api: Api,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Redirect, Failed> {
    let asked = json!({ "purpose": fields.value("purpose") });
    let made: OneTimeLink = api.post_json(&["users", &id, "links"], &asked).await?;
    let told = json!({ "link": made.link, "purpose": made.purpose, "expires_at": made.expires_at });
    let now = api.inside.clock.now();
    let name = api
        .inside
        .shown_once
        .keep(Secret::new(told.to_string()), now);
    Ok(api.on_to_shown(&["users", &id, "link"], &name))
}

async fn show_link(api: Api, Path(id): Path<String>, Asked(asked): Asked) -> Result<Page, Failed> {
    let user: Details = details(&api, &id).await?;
    let now = api.inside.clock.now();
    let told = api.inside.shown_once.take(asked.value("shown"), now);
    let told: Option<serde_json::Value> =
        told.and_then(|told| serde_json::from_str(told.expose()).ok());
    Ok(Page::new("link", json!({ "user": user, "told": told })))
}
