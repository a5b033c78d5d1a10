//! Grants: what users let clients do.

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

/// A grant.
#[derive(Deserialize, Serialize)]
pub(crate) struct Grant {
    id: String,
    user: String,
    client: String,
    scope: String,
    audience: String,
    session: String,
    alive: bool,
    created_at: String,
    last_used_at: String,
    idle_at: String,
    expires_at: String,
    revoked_at: Option<String>,
    revoked_because: Option<String>,
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/grants", get(list)),
        ("/grants/{id}", get(show)),
        ("/grants/{id}/revoke", post(revoke)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let (user, client) = (asked.value("user"), asked.value("client"));
    let found: List<Grant> = api
        .list(
            &["grants"],
            &[("user", user), ("client", client)],
            asked.value("cursor"),
        )
        .await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    Ok(Page::new(
        "grants",
        json!({ "grants": found.items, "user": user, "client": client, "more": more }),
    ))
}

async fn show(api: Api, Path(id): Path<String>) -> Result<Page, Failed> {
    let grant: Grant = api.get(&["grants", &id], &[]).await?;
    let may_write = api.may_write();
    Ok(Page::new(
        "grant",
        json!({ "grant": grant, "may_write": may_write }),
    ))
}

async fn revoke(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.delete(&["grants", &id], None).await?;
    Ok(api.on_to(&["grants", &id], "grant-revoked"))
}
