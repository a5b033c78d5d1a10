//! The documents that parties find the server by: metadata (RFC 8414) and keys (RFC 7517 §5). Made when the catalog changes, not here.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use crate::{catalog::Catalog, respond, server::Server};

/// How long parties may keep a document: long enough to spare requests, short against the time a key is published before its use.
const MAX_AGE: &str = "public, max-age=300";

pub(crate) async fn metadata(State(server): State<Server>) -> Response {
    document(&server, |catalog| catalog.metadata.clone()).await
}

pub(crate) async fn jwks(State(server): State<Server>) -> Response {
    document(&server, |catalog| catalog.jwks.clone()).await
}

async fn document(server: &Server, pick: impl Fn(&Arc<Catalog>) -> String) -> Response {
    match server.catalog().await {
        Ok(catalog) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, MAX_AGE),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, pick(&catalog)).into_response()
        }
        Err(failure) => respond::json_refusal(failure),
    }
}
