//! The one box: what a name, a mail address, a `sub`, a client, a grant, a session or a correlation id is; and the story of each.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, List};
use crate::events::Event;
use crate::failed::Failed;
use crate::form::Asked;
use crate::pages::{Page, segment};
use crate::users::User;

/// How many users are shown of those whose name begins so.
const SOME: &str = "20";

/// Something that is called so.
#[derive(Serialize)]
struct Found {
    kind: &'static str,
    name: String,
    /// Below the path of the console.
    address: String,
}

#[derive(Deserialize, Serialize)]
struct Explanation {
    about: String,
    known: BTreeMap<String, String>,
    events: Vec<Event>,
    advice: Vec<String>,
}

/// Everything that is called as it is asked; the one that is, at once.
pub(crate) async fn show(api: Api, Asked(asked): Asked) -> Result<Response, Failed> {
    let name = asked.value("q");
    let base = api.inside.binding.base();
    if name.is_empty() {
        return Ok(Redirect::to(&format!("{base}/")).into_response());
    }
    let by_prefix = [("prefix", name), ("limit", SOME)];
    let in_request = [("correlation_id", name), ("limit", "1")];
    let (users, client, grant, session, events) = tokio::try_join!(
        api.find::<List<User>>(&["users"], &by_prefix),
        find(&api, "clients", name),
        find(&api, "grants", name),
        find(&api, "sessions", name),
        api.find::<List<Event>>(&["events"], &in_request),
    )?;
    let (users, more) = match users {
        Some(list) => (list.items, list.next_cursor.is_some()),
        None => (Vec::new(), false),
    };
    let mut found: Vec<Found> = Vec::new();
    for (is_there, kind, at) in [
        (client.is_some(), "client", "clients"),
        (grant.is_some(), "grant", "grants"),
        (session.is_some(), "session", "sessions"),
        (
            events.is_some_and(|list| !list.items.is_empty()),
            "request",
            "explain",
        ),
    ] {
        if is_there {
            found.push(Found {
                kind,
                name: name.to_owned(),
                address: format!("/{at}/{}", segment(name)),
            });
        }
    }
    found.extend(users.into_iter().map(|user| Found {
        kind: "user",
        address: format!("/users/{}", segment(&user.id)),
        name: user.username,
    }));
    if let [one] = found.as_slice() {
        return Ok(Redirect::to(&format!("{base}{}", one.address)).into_response());
    }
    Ok(Page::new(
        "found",
        json!({ "name": name, "found": found, "more": more }),
    )
    .into_response())
}

async fn find(api: &Api, of: &str, name: &str) -> Result<Option<Value>, Failed> {
    match [".", ".."].contains(&name) {
        true => Ok(None),
        false => api.find(&[of, name], &[]).await,
    }
}

/// What is known of it, what happened to it, and what mends it.
pub(crate) async fn explain(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let story: Explanation = api.get(&["explain", &id], &[]).await?;
    Ok(Page::new("explained", json!({ "id": id, "story": story })))
}
