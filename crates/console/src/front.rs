//! The front page: whether the server can serve, and what an operator should look at.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, List};
use crate::deliveries::Delivery;
use crate::events::Event;
use crate::failed::Failed;
use crate::keys::{Key, stale};
use crate::pages::Page;

/// How many of the last failures are shown.
const SOME: &str = "5";
/// How many of the last refusals.
const MOST: usize = 20;

/// What the server says of itself. Releases differ in what more they say.
#[derive(Deserialize, Serialize)]
struct Status {
    version: String,
    node: String,
    ready: bool,
    #[serde(default)]
    not_ready: Option<String>,
    /// What is odd about its configuration, where the server says that.
    #[serde(default)]
    warnings: Vec<String>,
    now: String,
}

/// A request that the node refused.
#[derive(Deserialize, Serialize)]
struct Refused {
    at: String,
    reason: String,
    said: String,
    #[serde(default)]
    detail: Option<String>,
    correlation_id: String,
    method: String,
    route: String,
    #[serde(default)]
    address: Option<String>,
}

/// Shows it.
pub(crate) async fn show(api: Api) -> Result<Page, Failed> {
    let failures = [("kind", "sign-in-failed"), ("limit", SOME)];
    let (status, refused, keys, deliveries, failures) = tokio::try_join!(
        api.get::<Status>(&["status"], &[]),
        api.find::<List<Refused>>(&["refusals"], &[]),
        api.get::<List<Key>>(&["keys"], &[]),
        api.get::<List<Delivery>>(&["deliveries"], &[]),
        api.get::<List<Event>>(&["events"], &failures),
    )?;
    let now = api.inside.clock.now();
    let old = keys.items.iter().filter(|key| stale(key, now)).count();
    let late = deliveries
        .items
        .iter()
        .filter(|waiting| waiting.was_tried());
    let late = late.count();
    let is_well = status.ready && status.warnings.is_empty() && old == 0 && late == 0;
    let mut refused = refused.map(|list| list.items).unwrap_or_default();
    refused.truncate(MOST);
    let may_write = api.may_write();
    Ok(Page::new(
        "front",
        json!({ "status": status, "old": old, "late": late, "is_well": is_well, "refused": refused, "failures": failures.items, "may_write": may_write }),
    ))
}
