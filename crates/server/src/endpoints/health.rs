//! What the operator's listener answers: is the process alive, can it serve, and what does it count.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::server::Server;

pub(crate) async fn live() -> &'static str {
    "alive\n"
}

pub(crate) async fn ready(State(server): State<Server>) -> Response {
    if server.is_ready().await {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "2")],
            "the store does not answer\n",
        )
            .into_response()
    }
}

pub(crate) async fn metrics(State(server): State<Server>) -> Response {
    server
        .telemetry()
        .password_hash_queue(server.passwords().waiting());
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        server.telemetry().render(),
    )
        .into_response()
}
