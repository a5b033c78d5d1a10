//! Events: what happened and who did it, by filters that are in the address, and all that they find as JSON lines.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, List};
use crate::failed::Failed;
use crate::form::{Asked, Fields};
use crate::pages::Page;
use crate::routes::Routes;

/// What events are looked for by.
const FILTERS: [&str; 6] = ["user", "client", "grant", "kind", "door", "correlation_id"];
/// How many rows an export reads at once.
const AT_ONCE: &str = "200";

/// Something that happened.
#[derive(Deserialize, Serialize)]
pub(crate) struct Event {
    at: String,
    kind: String,
    user: Option<String>,
    client: Option<String>,
    grant: Option<String>,
    detail: Option<String>,
    times: u64,
    by: Actor,
    door: String,
    address: Option<String>,
    correlation_id: Option<String>,
}

/// Who did something.
#[derive(Deserialize, Serialize)]
pub(crate) struct Actor {
    kind: String,
    name: Option<String>,
}

/// An export under way: the rest of the events behind `cursor`.
struct Export {
    api: Api,
    filters: Vec<(&'static str, String)>,
    page: Option<List<Value>>,
}

pub(crate) fn pages() -> Routes {
    vec![("/events", get(list)), ("/events.jsonl", get(export))]
}

/// What is looked for, by the names of the API.
fn filters(asked: &Fields) -> Vec<(&'static str, String)> {
    let texts = FILTERS.map(|name| (name, asked.value(name).to_owned()));
    let times = ["since", "until"].map(|name| (name, in_utc(asked.value(name))));
    texts.into_iter().chain(times).collect()
}

/// A time as a browser's field has it, which here is UTC; what is none as it is, for the API to say so.
fn in_utc(text: &str) -> String {
    let parsed: Result<DateTime, _> = text.parse();
    let zoned = parsed.ok().filter(|_| !text.ends_with('Z'));
    let zoned = zoned.and_then(|time| time.to_zoned(TimeZone::UTC).ok());
    zoned.map_or_else(|| text.to_owned(), |time| time.timestamp().to_string())
}

fn borrowed<'f>(filters: &'f [(&'static str, String)]) -> Vec<(&'static str, &'f str)> {
    let filters = filters.iter();
    filters
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

async fn list(api: Api, Asked(asked): Asked) -> Result<Page, Failed> {
    let filters = filters(&asked);
    let cursor = asked.value("cursor");
    let found: Result<List<Event>, Failed> =
        api.list(&["events"], &borrowed(&filters), cursor).await;
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(failed) => match failed.refusal() {
            // What can't be looked for is said beside the form that looks for it.
            Some(refusal) if refusal.status.is_client_error() && refusal.status != 403 => {
                (List::empty(), Some(refusal.clone()))
            }
            _ => return Err(failed),
        },
    };
    let more = found.next_cursor.as_ref();
    let more = more.map(|cursor| asked.query_with("cursor", cursor));
    let all = asked.query_with("cursor", "");
    let values: std::collections::BTreeMap<&str, &str> = FILTERS
        .into_iter()
        .chain(["since", "until"])
        .map(|name| (name, asked.value(name)))
        .collect();
    let status = problem
        .as_ref()
        .map_or(http::StatusCode::OK, |problem| problem.status);
    let page = Page::new(
        "events",
        json!({ "events": found.items, "asked": values, "more": more, "all": all, "problem": problem }),
    );
    Ok(page.with_status(status))
}

/// All events that are asked for, one on a line as the API has it, the newest first. What fails on the way ends the connection, so that no part
/// is taken for the whole.
async fn export(api: Api, Asked(asked): Asked) -> Result<Response, Failed> {
    let filters = filters(&asked);
    let first = page(&api, &filters, "").await?;
    let export = Export {
        api,
        filters,
        page: Some(first),
    };
    let lines = stream::try_unfold(export, async |mut export: Export| {
        let Some(page) = export.page.take() else {
            return Ok(None);
        };
        let mut text = String::new();
        for item in &page.items {
            text.push_str(&item.to_string());
            text.push('\n');
        }
        if let Some(cursor) = page.next_cursor {
            let next = self::page(&export.api, &export.filters, &cursor).await;
            export.page = Some(next.map_err(|failed| {
                tracing::warn!(?failed, "an export ends early");
                std::io::Error::other("the API failed")
            })?);
        }
        Ok::<_, std::io::Error>(Some((Bytes::from(text), export)))
    });
    let headers = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"events.jsonl\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn page(
    api: &Api,
    filters: &[(&'static str, String)],
    cursor: &str,
) -> Result<List<Value>, Failed> {
    let mut query = borrowed(filters);
    query.extend([("limit", AT_ONCE), ("cursor", cursor)]);
    api.get(&["events"], &query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_field_are_utc_and_others_stay() {
        assert_eq!(in_utc("2027-01-15T08:00"), "2027-01-15T08:00:00Z");
        for same in ["2027-01-15T08:00:00Z", "yesterday", ""] {
            assert_eq!(in_utc(same), same);
        }
    }
}
