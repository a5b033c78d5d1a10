//! Keys, how old they are, and their rotation.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use safeconduct_client::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, List};
use crate::failed::Failed;
use crate::form::Posted;
use crate::pages::Page;
use crate::routes::Routes;

const DAY: i64 = 24 * 60 * 60;
/// After how many days in use a key that signs or seals is called old.
const OLD: i64 = 365;

/// A key.
#[derive(Deserialize, Serialize)]
pub(crate) struct Key {
    id: i64,
    purpose: String,
    state: String,
    created_at: String,
    activated_at: Option<String>,
    retired_at: Option<String>,
    #[serde(default)]
    needed_until: Option<String>,
    kid: Option<String>,
    /// In days, since it came into use.
    #[serde(default)]
    age: Option<i64>,
}

/// What a rotation has come to.
#[derive(Deserialize, Serialize)]
struct Rotation {
    steps: Vec<Step>,
}

#[derive(Deserialize, Serialize)]
struct Step {
    which: String,
    done: String,
    #[serde(default)]
    detail: Option<String>,
}

impl Key {
    fn days_in_use(&self, now: Timestamp) -> Option<i64> {
        let since: jiff::Timestamp = self.activated_at.as_ref()?.parse().ok()?;
        Some((now.seconds() - since.as_second()) / DAY)
    }
}

/// Whether a key has been in use for so long that an operator should look.
pub(crate) fn stale(key: &Key, now: Timestamp) -> bool {
    // These have no rotation: they are for good.
    let rotates = !["subjects", "guesses"].contains(&key.purpose.as_str());
    let days = key.days_in_use(now).unwrap_or(0);
    key.state == "active" && rotates && days >= OLD
}

pub(crate) fn pages() -> Routes {
    vec![
        ("/keys", get(list)),
        ("/keys/rotate", post(rotate)),
        ("/keys/{id}/delete", post(delete)),
    ]
}

async fn list(api: Api) -> Result<Page, Failed> {
    shown(&api, None).await
}

async fn shown(api: &Api, rotation: Option<Rotation>) -> Result<Page, Failed> {
    let mut keys: List<Key> = api.get(&["keys"], &[]).await?;
    let now = api.inside.clock.now();
    for key in &mut keys.items {
        key.age = key.days_in_use(now);
    }
    let may_write = api.may_write();
    Ok(Page::new(
        "keys",
        json!({ "keys": keys.items, "rotation": rotation, "may_write": may_write }),
    ))
}

async fn rotate(api: Api, Posted(fields): Posted) -> Result<Response, Failed> {
    let now = fields.value("now") == "yes";
    let asked = match fields.filled("which") {
        Some(which) => json!({ "which": which, "now": now }),
        None => json!({ "now": now }),
    };
    let rotation: Rotation = api.post_json(&["keys", "rotate"], &asked).await?;
    Ok(shown(&api, Some(rotation)).await?.into_response())
}

async fn delete(api: Api, Path(id): Path<String>) -> Result<Redirect, Failed> {
    api.delete(&["keys", &id], None).await?;
    Ok(api.on_to(&["keys"], "key-deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_old_after_a_year_in_use() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let since = |days: i64| {
            let then = jiff::Timestamp::from_second(now.seconds() - days * DAY);
            Some(then.unwrap().to_string())
        };
        let key = |state: &str, purpose: &str, days: i64| Key {
            id: 1,
            purpose: purpose.to_owned(),
            state: state.to_owned(),
            created_at: String::new(),
            activated_at: since(days),
            retired_at: None,
            needed_until: None,
            kid: None,
            age: None,
        };
        assert_eq!(key("active", "sign:RS256", 3).days_in_use(now), Some(3));
        assert!(stale(&key("active", "sign:RS256", OLD), now));
        assert!(!stale(&key("active", "sign:RS256", OLD - 1), now));
        assert!(!stale(&key("retired", "sign:RS256", OLD), now));
        assert!(stale(&key("active", "seal:link", OLD), now));
        assert!(!stale(&key("active", "subjects", OLD), now));
        assert!(!stale(&key("active", "guesses", OLD), now));
    }
}
