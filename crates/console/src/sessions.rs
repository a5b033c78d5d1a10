//! Sessions: browsers that are signed in at the server.

use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, List};
use crate::failed::Failed;
use crate::form::Asked;
use crate::pages::Page;
use crate::routes::Routes;

/// A session in a list.
#[derive(Deserialize, Serialize)]
pub(crate) struct Session {
    id: String,
    username: String,
    user: String,
    factors: Vec<String>,
    started_at: String,
    last_seen_at: String,
    idle_at: String,
}

#[derive(Deserialize, Serialize)]
struct Details {
    #[serde(flatten)]
    session: Session,
    address: Option<String>,
    correlation_id: Option<String>,
    told_of_its_end: Vec<String>,
    grants: Vec<String>,
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/sessions", get(list)),
        ("/sessions/{id}", get(show)),
        ("/sessions/{id}/end", post(end)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let user = asked.value("user");
    let found: List<Session> = api
        .list(&["sessions"], &[("user", user)], asked.value("cursor"))
        .await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    Ok(Page::new(
        "sessions",
        json!({ "sessions": found.items, "user": user, "more": more }),
    ))
}

async fn show(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let session: Details = api.get(&["sessions", &id], &[]).await?;
    let may_write = api.may_write();
    Ok(Page::new(
        "session",
        json!({ "session": session, "may_write": may_write }),
    ))
}

async fn end(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    let session: Details = api.get(&["sessions", &id], &[]).await?;
    api.delete(&["sessions", &id], None).await?;
    Ok(api.on_to(&["users", &session.session.user], "session-ended"))
}
