//! `/admin/v1/status` and `/admin/v1/me`: whether the server can serve, and who is asking.

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    problem::Problem,
    shown::Time,
};

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
    Ok(Done::new(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        issuer: call.server.settings().issuer.as_str().to_owned(),
        node: call.server.name().to_owned(),
        ready: not_ready.is_none(),
        not_ready: not_ready.map(|why| why.to_string()),
        now: call.now.into(),
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
