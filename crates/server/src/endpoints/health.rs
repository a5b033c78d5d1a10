//! What the operator's listener answers: is the process alive, can it serve or why not, and what does it count.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::server::Server;

pub(crate) async fn live() -> &'static str {
    "alive\n"
}

/// What is answered as long as there is no server: it starts, which may mean that it waits for its database.
pub(crate) fn starting(path: &str) -> Response {
    if path == "/health/live" {
        return "alive\n".into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "2")],
        "it is starting, and may be waiting for its database: see the log\n",
    )
        .into_response()
}

pub(crate) async fn ready(State(server): State<Server>) -> Response {
    match server.readiness().await {
        Ok(()) => (StatusCode::OK, "ready\n").into_response(),
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "2")],
            format!("{why}\n"),
        )
            .into_response(),
    }
}

pub(crate) async fn metrics(State(server): State<Server>) -> Response {
    server
        .telemetry()
        .password_hash_queue(server.passwords().waiting());
    server
        .telemetry()
        .password_hash_work(server.passwords().work_done());
    server.telemetry().catalog_age(server.cache().age());
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        server.telemetry().render(),
    )
        .into_response()
}
