//! `/admin/v1/status` and `/admin/v1/me`: whether the server can serve, and who is asking.

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    problem::Problem,
    shown::{List, Time},
};
use crate::refusals;

/// Whether this node can serve.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Status {
    /// The release that it runs.
    version: String,
    /// Its issuer.
    issuer: String,
    /// The node that answered: its machine, its process, and what no other start has.
    node: String,
    /// Whether it can answer apps and people now.
    ready: bool,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_ready: Option<String>,
    /// The time by its clock.
    now: Time,
    /// What is odd about its configuration, as `safeconduct check` says it.
    warnings: Vec<String>,
}

/// A request that this node refused.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct RecentRefusal {
    /// When.
    at: Time,
    /// The name of the refusal.
    reason: String,
    /// What is wrong, and what to do.
    said: String,
    /// What it was this time, as the log has it.
    detail: Option<String>,
    /// The name of the request, in the log and in events.
    correlation_id: String,
    /// Its method.
    method: String,
    /// The address that it was for, with `{names}`.
    route: String,
    /// From where it came.
    address: Option<String>,
}

impl From<refusals::RecentRefusal> for RecentRefusal {
    fn from(refusal: refusals::RecentRefusal) -> Self {
        let entry = refusal.reason.entry();
        Self {
            at: refusal.at.into(),
            reason: entry.name.to_owned(),
            said: entry.public.to_owned(),
            detail: refusal.detail,
            correlation_id: refusal.correlation_id,
            method: refusal.method.to_owned(),
            route: refusal.route,
            address: refusal.address.map(|address| address.to_string()),
        }
    }
}

/// Who is asking.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Asker {
    /// The client that sends the request.
    client: String,
    /// The administrator on whose behalf it does; there is none where it asks for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What the token lets it do.
    scope: String,
    /// When the token ends.
    expires_at: Time,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/status",
            ("getStatus", "Whether this node can serve, and what it runs"),
            status,
        ),
        Operation::new(
            Method::GET,
            "/admin/v1/refusals",
            (
                "listRefusals",
                "The last requests that this node refused, the newest first; the log has all of them",
            ),
            refused,
        ),
        Operation::new(
            Method::GET,
            "/admin/v1/me",
            (
                "getCaller",
                "Who is asking, and what the token lets them do",
            ),
            me,
        ),
    ]
}

async fn status(call: Call, _: Nothing, _: Nothing) -> Result<Done<Status>, Problem> {
    let not_ready = call.server.readiness().await.err();
    let administration = call.server.settings().administration.as_ref();
    let warnings = administration.map(|settings| settings.warnings.clone());
    Ok(Done::new(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        issuer: call.server.settings().issuer.as_str().to_owned(),
        node: call.server.name().to_owned(),
        ready: not_ready.is_none(),
        not_ready: not_ready.map(|why| why.to_string()),
        now: call.now.into(),
        warnings: warnings.unwrap_or_default(),
    }))
}

async fn refused(call: Call, _: Nothing, _: Nothing) -> Result<Done<List<RecentRefusal>>, Problem> {
    let last = call.server.telemetry().refusals().all();
    Ok(Done::new(List {
        items: last.into_iter().map(RecentRefusal::from).collect(),
        next_cursor: None,
    }))
}

async fn me(call: Call, _: Nothing, _: Nothing) -> Result<Done<Asker>, Problem> {
    let caller = call.caller;
    Ok(Done::new(Asker {
        client: caller.client.to_string(),
        user: caller.user.map(|user| user.to_string()),
        scope: caller.scopes.to_string(),
        expires_at: caller.expires_at.into(),
    }))
}
