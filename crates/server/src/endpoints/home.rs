//! `GET /`: what this server is, and who is signed in at it. Also the files pages link to, and what stands at no address.

use axum::{
    Extension,
    extract::{OriginalUri, Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use safeconduct_protocol::error::Reason;

use super::logout::confirmation;
use crate::{
    addresses::Address,
    browser::Browser,
    correlation::Correlation,
    fault::Failure,
    pages::{Asset, HomePage, SignedIn},
    respond,
    server::{Exchange, Server},
};

pub(crate) async fn home(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, front_page(&server, &headers).await, correlation)
}

async fn front_page(server: &Server, headers: &HeaderMap) -> Result<Response, Failure> {
    let exchange = Exchange::begin(server).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    let view = browser.session(&exchange).await?;
    let token = browser.sign_out_token();
    let action = confirmation(server);
    let signed_in = view
        .as_ref()
        .zip(token.as_ref())
        .map(|(view, token)| SignedIn {
            account: &view.person.username,
            sign_out_action: &action,
            csrf: token,
        });
    Ok(respond::page(
        StatusCode::OK,
        server.pages().home(&HomePage {
            signed_in,
            unclear: browser.session_is_unclear(),
        }),
    ))
}

/// A file the pages link to, named by its content.
pub(crate) async fn asset(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let asked = name.as_ref().ok();
    let Some(asset) = asked.and_then(|Path(name)| server.pages().asset(name)) else {
        return respond::page_refusal(&server, Reason::NotFound.into(), correlation, &[], None);
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, Asset::CACHE_CONTROL),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes.clone().into_owned()).into_response()
}

pub(crate) async fn nothing_here(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let address = Address::at(&server.settings().issuer, &uri);
    respond::refusal_at(&server, &address, Reason::NotFound.into(), correlation)
}

/// Where only forms of ours are posted. A browser that restores a tab asks for their address by GET, without what was posted.
const FORMS: [&str; 5] = [
    "/login",
    "/login/continue",
    "/login/switch",
    "/consent",
    "/logout/confirm",
];

pub(crate) async fn not_that_method(
    State(server): State<Server>,
    Extension(correlation): Extension<Correlation>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let is_form = FORMS.iter().any(|form| server.path(form) == uri.path());
    let reason = match (method, is_form) {
        (Method::GET, true) => Reason::FormReopened,
        _ => Reason::MethodNotAllowed,
    };
    let address = Address::at(&server.settings().issuer, &uri);
    respond::refusal_at(&server, &address, reason.into(), correlation)
}
