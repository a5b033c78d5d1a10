//! Signing out: the form that a user sends, the way back from the issuer, and what the issuer says of sign-outs elsewhere.

use ::axum::Json;
use ::axum::body::Bytes;
use ::axum::extract::{RawQuery, State};
use ::axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use safeconduct_protocol::encoding;
use serde_json::json;

use super::{CSRF_FIELD, cookie_header, page, see_other};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::Session;

/// The field of a sign-out form that says where the user goes afterwards: a path of this app.
const NEXT_FIELD: &str = "next";

/// Ends the session here, and then leads to the issuer to end it there.
pub(super) async fn logout(
    State(client): State<Client>,
    headers: HeaderMap,
    form: Bytes,
) -> Result<Response, Error> {
    check_same_origin(&client, &headers)?;
    let cookies = cookie_header(&headers);
    let Some(session) = client.session(&cookies).await? else {
        return Ok(see_other("/", [client.clear_session_cookie()]));
    };
    check_csrf_token(&session, &form)?;
    let next = field(&form, NEXT_FIELD);
    let signed_out = session.sign_out(&next).await?;
    // Where the name came with several values, another session would go on under the next one.
    client.end_all_named(&cookies).await;
    let next = client.path_after_logout(&next);
    let location = signed_out
        .url
        .as_ref()
        .map_or(next.as_str(), |url| url.as_str());
    Ok(see_other(location, [signed_out.set_cookie]))
}

/// The user is back from the issuer.
pub(super) async fn logged_out(
    State(client): State<Client>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let path = client.logged_out(&query.unwrap_or_default())?;
    Ok(see_other(&path, []))
}

/// The issuer says that sessions are over. It comes from a server: no cookie, no page, no `Origin`; the token says who speaks.
pub(super) async fn back_channel(
    State(client): State<Client>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    let ended = match is_form(&headers) {
        true => client.back_channel_logout(&form).await,
        false => Err(Error::new(
            ErrorKind::LogoutToken,
            "the body is not application/x-www-form-urlencoded",
        )),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match ended {
        Ok(_) => (StatusCode::OK, no_store).into_response(),
        Err(error) => {
            tracing::warn!(reference = error.reference(), %error, "a logout token ended nothing");
            let refused = error.kind() == ErrorKind::LogoutToken;
            let (status, code) = match refused {
                true => (StatusCode::BAD_REQUEST, "invalid_request"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            };
            let body = json!({ "error": code, "error_description": error.public_message() });
            let mut response = (status, no_store, Json(body)).into_response();
            if !refused {
                page::retry_later(response.headers_mut());
            }
            response
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The first value of a form's field; empty if there is none.
fn field(form: &[u8], name: &str) -> String {
    let sent = form_urlencoded::parse(form).find(|(sent, _)| sent == name);
    sent.map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Refuses a form from another site. `Sec-Fetch-Site` decides where the browser sends it: a page with
/// `Referrer-Policy: no-referrer` posts its own forms with `Origin: null`. Without it an `Origin` must be ours.
fn check_same_origin(client: &Client, headers: &HeaderMap) -> Result<(), Error> {
    let all_are = |name: &str, expected: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.as_bytes() == expected.as_bytes())
    };
    let origin = &client.site()?.origin;
    let own = if headers.contains_key("sec-fetch-site") {
        all_are("sec-fetch-site", "same-origin")
            && (all_are("origin", origin) || all_are("origin", "null"))
    } else {
        all_are("origin", origin)
    };
    if own {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::CrossSite,
        format!("the form does not come from {origin}"),
    ))
}

fn check_csrf_token(session: &Session, form: &[u8]) -> Result<(), Error> {
    let sent = field(form, CSRF_FIELD);
    if encoding::constant_time_eq(sent.as_bytes(), session.csrf_token().as_bytes()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::CrossSite,
        format!("the form's {CSRF_FIELD} is not this session's"),
    ))
}
