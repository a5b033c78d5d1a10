//! `GET /`: what this server is, and who is signed in at it. Also the files pages link to, and what stands at no address.

use axum::{
    extract::{OriginalUri, Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use safeconduct_protocol::error::Reason;

use super::logout::confirmation;
use crate::{
    addresses::{
        ACCOUNT_NAME, ADD_OFFERED_PASSKEY, Address, END_OTHERS, END_SESSION, NEW_RECOVERY_CODES,
        OFFER, REMOVE_ACCESS, REMOVE_AUTHENTICATOR, REMOVE_PASSKEY, RENAME_PASSKEY,
        RENEW_CHALLENGE,
    },
    browser::Browser,
    fault::Failure,
    pages::{Asset, HomePage, SignedIn},
    reader::Reader,
    respond,
    server::{Exchange, Server},
};

pub(crate) async fn home(
    State(server): State<Server>,
    reader: Reader,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, front_page(&server, reader, &headers).await, reader)
}

async fn front_page(
    server: &Server,
    reader: Reader,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let exchange = Exchange::with(server, reader).await?;
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
        exchange.pages().home(&HomePage {
            signed_in,
            unclear: browser.session_is_unclear(),
        }),
    ))
}

/// A file the pages link to, named by its content.
pub(crate) async fn asset(
    State(server): State<Server>,
    reader: Reader,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let asked = name.as_ref().ok();
    let Some(asset) = asked.and_then(|Path(name)| server.pages().asset(name)) else {
        return respond::refusal_at(
            &server,
            &Address::ForPeople,
            Reason::NotFound.into(),
            reader,
        );
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, Asset::CACHE_CONTROL),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A drawing that is opened by itself is a document at our origin, and runs what is written in it.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    (headers, asset.bytes.clone().into_owned()).into_response()
}

pub(crate) async fn nothing_here(
    State(server): State<Server>,
    reader: Reader,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let address = Address::at(&server.settings().issuer, &uri);
    respond::refusal_at(&server, &address, Reason::NotFound.into(), reader)
}

/// Where only forms of ours are posted. A browser that restores a tab asks for their address by GET, without what was posted.
const FORMS: [&str; 20] = [
    "/login",
    "/login/continue",
    "/login/switch",
    "/login/passkey",
    ADD_OFFERED_PASSKEY,
    RENEW_CHALLENGE,
    "/login/second-factor",
    "/login/enrol",
    OFFER,
    "/consent",
    "/language",
    "/logout/confirm",
    END_SESSION,
    END_OTHERS,
    REMOVE_ACCESS,
    REMOVE_AUTHENTICATOR,
    NEW_RECOVERY_CODES,
    RENAME_PASSKEY,
    REMOVE_PASSKEY,
    ACCOUNT_NAME,
];

pub(crate) async fn not_that_method(
    State(server): State<Server>,
    reader: Reader,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let is_form = FORMS.iter().any(|form| server.path(form) == uri.path());
    let reason = match (method, is_form) {
        (Method::GET, true) => Reason::FormReopened,
        _ => Reason::MethodNotAllowed,
    };
    let address = Address::at(&server.settings().issuer, &uri);
    respond::refusal_at(&server, &address, reason.into(), reader)
}
