//! Deliveries: mails and logouts that wait to be told.

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

/// What waits.
#[derive(Deserialize, Serialize)]
pub(crate) struct Delivery {
    id: String,
    kind: String,
    recipient: String,
    about: String,
    user: String,
    attempts: i64,
    last_answer: Option<String>,
    created_at: String,
    #[serde(default)]
    next_at: Option<String>,
    /// When it was given up, where the server keeps what it gave up.
    #[serde(default)]
    given_up_at: Option<String>,
}

impl Delivery {
    /// Whether it failed before.
    pub(crate) fn was_tried(&self) -> bool {
        self.attempts > 0
    }
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/deliveries", get(list)),
        ("/deliveries/{id}/retry", post(retry)),
        ("/deliveries/{id}/drop", post(take_back)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let found: List<Delivery> = api
        .list(&["deliveries"], &[], asked.value("cursor"))
        .await?;
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let may_write = api.may_write();
    Ok(Page::new(
        "deliveries",
        json!({ "deliveries": found.items, "more": more, "may_write": may_write }),
    ))
}

async fn retry(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["deliveries", &id, "retry"]).await?;
    Ok(api.on_to(&["deliveries"], "delivery-retried"))
}

async fn take_back(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.delete(&["deliveries", &id], None).await?;
    Ok(api.on_to(&["deliveries"], "delivery-dropped"))
}
