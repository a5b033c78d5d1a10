//! Deliveries: mails, logouts and security events that wait to be told, and whom those go to.

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

/// A receiver of security events.
#[derive(Deserialize, Serialize)]
struct Receiver {
    name: String,
    failing_since: Option<String>,
    paused_at: Option<String>,
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
        ("/receivers/{name}/resume", post(resume)),
        ("/receivers/{name}/forget", post(forget)),
    ]
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let (found, receivers) = tokio::try_join!(
        api.list::<Delivery>(&["deliveries"], &[], asked.value("cursor")),
        api.find::<List<Receiver>>(&["receivers"], &[]),
    )?;
    let receivers = receivers.map(|list| list.items).unwrap_or_default();
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let may_write = api.may_write();
    Ok(Page::new(
        "deliveries",
        json!({ "deliveries": found.items, "receivers": receivers, "more": more, "may_write": may_write }),
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

async fn resume(api: Api, Path(name): Path<String>) -> Result<Redirect, Failed> {
    api.post(&["receivers", &name, "resume"]).await?;
    Ok(api.on_to(&["deliveries"], "receiver-resumed"))
}

async fn forget(api: Api, Path(name): Path<String>) -> Result<Redirect, Failed> {
    api.delete(&["receivers", &name], None).await?;
    Ok(api.on_to(&["deliveries"], "receiver-forgotten"))
}
