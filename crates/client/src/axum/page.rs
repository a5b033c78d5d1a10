//! How a failure looks: a small page for users, JSON for programs, or the way to the sign-in.

use ::axum::Json;
use ::axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use safeconduct_protocol::markup::entity;
use safeconduct_protocol::random;
use serde_json::json;

use super::see_other;
use super::visit::WantedAnswer;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::page_style::STYLE;
use crate::sign_in::step_up::CHALLENGE;

/// When to come back after a 503, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// An error that leaves a handler. The layer gives it its form; without the layer it is JSON.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = as_json(&self, None);
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to a request that failed with `error`.
pub(crate) fn render(error: &Error, client: &Client, asked: &WantedAnswer) -> Response {
    let kind = error.kind();
    let wants_sign_in = matches!(
        kind,
        ErrorKind::SignInRequired | ErrorKind::SessionEnded | ErrorKind::StepUpRequired
    );
    if wants_sign_in && asked.navigation && !is_under(client.routes_path(), &asked.path) {
        return see_other(&login_url(error, client, Some(&asked.path)), []);
    }
    if wants_sign_in {
        tracing::debug!(reference = error.reference(), %error, "not signed in");
    } else {
        tracing::warn!(reference = error.reference(), %error, "a request failed");
    }
    if asked.html {
        as_page(error, client)
    } else {
        let login = wants_sign_in.then(|| login_url(error, client, None));
        as_json(error, login.as_deref())
    }
}

/// Where the sign-in begins that `error` asks for, and that ends at `next`.
fn login_url(error: &Error, client: &Client, next: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(next) = next {
        query.append_pair("next", next);
    }
    if let Some(asked) = error.step_up() {
        query.extend_pairs(asked.parameters());
    }
    let login = format!("{}/login", client.routes_path());
    match query.finish() {
        query if query.is_empty() => login,
        query => format!("{login}?{query}"),
    }
}

/// What the API asks, passed on to a program (RFC 9470 §3).
fn challenge(error: &Error) -> Option<HeaderValue> {
    let mut parameters = vec![
        ("error", CHALLENGE.to_owned()),
        ("error_description", error.public_message().to_owned()),
    ];
    parameters.extend(error.step_up()?.parameters());
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    HeaderValue::try_from(format!("Bearer {}", parameters.join(", "))).ok()
}

/// Adds a `Set-Cookie`; one that does not fit a header cannot come from this library.
pub(crate) fn append_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Says when to come back.
pub(crate) fn retry_later(headers: &mut HeaderMap) {
    headers.insert(header::RETRY_AFTER, RETRY_AFTER);
}

/// `text` made safe inside an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match entity(letter) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(letter),
        }
    }
    escaped
}

fn is_under(routes_path: &str, path: &str) -> bool {
    path.strip_prefix(routes_path)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn as_json(error: &Error, login: Option<&str>) -> Response {
    let mut body = json!({
        "error": error.kind().name(),
        "error_description": error.public_message(),
        "reference": error.reference(),
    });
    if let Some(login) = login {
        body["login_url"] = login.into();
    }
    let mut response = (error.kind().status(), Json(body)).into_response();
    if let Some(location) = login.and_then(|login| HeaderValue::from_str(login).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    finished(response, error)
}

fn as_page(error: &Error, client: &Client) -> Response {
    let nonce = random::token();
    let page = page(error, client, &nonce);
    let mut response = (error.kind().status(), Html(page)).into_response();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).expect("a base64url nonce fits a header");
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    finished(response, error)
}

fn finished(mut response: Response, error: &Error) -> Response {
    let unavailable = error.kind().status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    if let Some(challenge) = challenge(error) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if unavailable {
        retry_later(headers);
    }
    if let Some(cookie) = error.set_cookie() {
        append_cookie(headers, cookie);
    }
    response
}

fn page(error: &Error, client: &Client, nonce: &str) -> String {
    let (target, label) = way_on(error, client);
    let for_developers = if client.config().cookies.secure {
        String::new()
    } else {
        format!(
            "<section aria-label=\"For developers\"><p>{}</p><pre>{}</pre><p><a href=\"{}\">About this error</a></p></section>",
            escape(error.hint()),
            escape(&error.to_string()),
            escape(&error.docs_url()),
        )
    };
    PAGE.replace("{style}", STYLE)
        .replace("{nonce}", nonce)
        .replace("{message}", &escape(error.public_message()))
        .replace("{code}", error.kind().name())
        .replace("{reference}", error.reference())
        .replace("{target}", &escape(&target))
        .replace("{label}", label)
        .replace("{for_developers}", &for_developers)
}

/// Where a user can go from here.
fn way_on(error: &Error, client: &Client) -> (String, &'static str) {
    match error.kind() {
        ErrorKind::StepUpRequired => (login_url(error, client, None), "Sign in again"),
        ErrorKind::Configuration
        | ErrorKind::CrossSite
        | ErrorKind::LogoutUnknown
        | ErrorKind::LogoutToken
        | ErrorKind::SessionStore
        | ErrorKind::SessionTooLarge
        | ErrorKind::StepUpUnmet
        | ErrorKind::AnotherUser
        | ErrorKind::ForeignApi
        | ErrorKind::ApiUnreachable
        | ErrorKind::ApiFailed
        | ErrorKind::ApiForbidden => ("/".to_owned(), "Back to the start"),
        _ => (format!("{}/login", client.routes_path()), "Start again"),
    }
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{message}</title>
<style nonce="{nonce}">
{style}
a.on { display: inline-block; min-height: 44px; line-height: 44px; padding: 0 1.25rem; border-radius: .5rem;
  background: light-dark(#1a56b0, #8ab4f8); color: light-dark(#fff, #14161a); text-decoration: none; font-weight: 600; }
a.on:focus-visible { outline: 3px solid light-dark(#1b1f24, #fff); outline-offset: 2px; }
a { color: light-dark(#1a56b0, #8ab4f8); }
small, section { color: light-dark(#4a5159, #b4bac2); }
section { margin-top: 1.5rem; border-top: 1px solid; font-size: .9375rem; }
pre { white-space: pre-wrap; }
</style>
</head>
<body>
<main>
<h1>{message}</h1>
<p><a class="on" href="{target}">{label}</a></p>
<p><small>Error <code id="error-code">{code}</code>, reference <code>{reference}</code></small></p>
{for_developers}
</main>
</body>
</html>
"#;
