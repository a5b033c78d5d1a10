//! The documents that parties find the server by: metadata (RFC 8414) and keys (RFC 7517 §5), made when the catalog changes; and where
//! users have their passkeys and their password, and at which origins besides.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use serde_json::json;

use crate::{
    addresses::{ACCOUNT_PASSKEYS, ACCOUNT_PASSWORD, ADD_PASSKEY},
    catalog::Catalog,
    reader::Reader,
    respond,
    server::Server,
};

/// How long parties may keep a document: long enough to spare requests, short against the time a key is published before its use.
const MAX_AGE: &str = "public, max-age=300";

pub(crate) async fn metadata(State(server): State<Server>) -> Response {
    document(&server, |catalog| catalog.metadata.clone()).await
}

pub(crate) async fn jwks(State(server): State<Server>) -> Response {
    document(&server, |catalog| catalog.jwks.clone()).await
}

/// Where users add and see their passkeys, for password managers (W3C, A Well-Known URL for Relying Party Passkey Endpoints).
pub(crate) async fn passkey_endpoints(State(server): State<Server>) -> Response {
    let endpoint = |path| server.settings().issuer.endpoint(path);
    let body = json!({ "enroll": endpoint(ADD_PASSKEY), "manage": endpoint(ACCOUNT_PASSKEYS) });
    json_document(body.to_string())
}

/// At which other origins browsers may ask for the passkeys of this host (WebAuthn Level 3 §5.11).
pub(crate) async fn related_origins(State(server): State<Server>) -> Response {
    let origins = &server.settings().passkey_related_origins;
    json_document(json!({ "origins": origins }).to_string())
}

/// Where users change their password, for password managers (W3C, A Well-Known URL for Changing Passwords).
pub(crate) async fn change_password(State(server): State<Server>, reader: Reader) -> Response {
    let pages = server.pages().of(reader.language);
    respond::lead_to(pages, &server.path(ACCOUNT_PASSWORD))
}

async fn document(server: &Server, pick: impl Fn(&Arc<Catalog>) -> String) -> Response {
    match server.catalog().await {
        Ok(catalog) => json_document(pick(&catalog)),
        Err(failure) => respond::json_refusal(failure),
    }
}

fn json_document(body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, MAX_AGE),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}
