//! Signing in as an axum app knows it: three routes, a layer, and extractors that mean "signed in".
//!
//! The routes are here; who is visiting is `visit.rs`'s concern, what handlers name `extract.rs`'s, how failures look
//! `page.rs`'s.

mod extract;
mod page;
mod visit;

use ::axum::Router;
use ::axum::body::Bytes;
use ::axum::extract::{DefaultBodyLimit, RawQuery, State};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use safeconduct_protocol::encoding;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::sign_in::BeginOptions;

pub use crate::api::Api;
pub use extract::{DisplayName, User};
pub use visit::{SignInLayer, SignInService};

/// The field of a form that proves it came from this session's own page.
const CSRF_FIELD: &str = "csrf_token";
/// The longest sign-out form, in bytes.
const LONGEST_FORM: usize = 8 * 1024;

impl Client {
    /// The sign-in routes: `GET /auth/login?next=…`, `GET /auth/callback`, `POST /auth/logout`.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let path = self.routes_path();
        Router::new()
            .route(&format!("{path}/login"), get(login))
            .route(&format!("{path}/callback"), get(callback))
            .route(&format!("{path}/logout"), post(logout))
            .layer(DefaultBodyLimit::max(LONGEST_FORM))
            .layer(self.layer())
            .with_state(self.clone())
    }

    /// The layer that lets handlers know who is visiting. It requires nothing by itself.
    pub fn layer(&self) -> SignInLayer {
        SignInLayer::new(self.clone())
    }
}

async fn login(
    State(client): State<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let mut options = BeginOptions::new().cookie_header(cookie_header(&headers));
    let query = query.unwrap_or_default();
    if let Some((_, next)) =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next")
    {
        options = options.return_to(next);
    }
    let begun = client.begin(&options).await?;
    Ok(see_other(begun.url.as_str(), begun.set_cookies))
}

async fn callback(
    State(client): State<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let cookies = cookie_header(&headers);
    let signed_in = client.finish(&query.unwrap_or_default(), &cookies).await?;
    let started = client
        .start_session(signed_in.tokens, &cookies)
        .await
        .map_err(|error| error.with_cookie(&signed_in.set_cookie))?;
    let set_cookies = [signed_in.set_cookie, started.set_cookie];
    Ok(see_other(&signed_in.return_to, set_cookies))
}

async fn logout(
    State(client): State<Client>,
    headers: HeaderMap,
    form: Bytes,
) -> Result<Response, Error> {
    check_same_origin(&client, &headers)?;
    let clear = match client.session(&cookie_header(&headers)).await? {
        Some(session) => {
            check_csrf_token(&session, &form)?;
            session.end().await?
        }
        None => client.clear_session_cookie(),
    };
    Ok(see_other("/", [clear]))
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
    let sent = form_urlencoded::parse(form).find(|(name, _)| name == CSRF_FIELD);
    let sent = sent.map(|(_, value)| value).unwrap_or_default();
    if encoding::constant_time_eq(sent.as_bytes(), session.csrf_token().as_bytes()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::CrossSite,
        format!("the form's {CSRF_FIELD} is not this session's"),
    ))
}

/// The `Cookie` headers as one: HTTP/2 may split them.
fn cookie_header(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::COOKIE).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join("; ")
}

/// 303: whatever the method was, the next one is GET. Nothing of it is cached.
fn see_other(location: &str, set_cookies: impl IntoIterator<Item = String>) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Error::configuration("the next address does not fit a header").into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    for cookie in set_cookies {
        page::append_cookie(headers, &cookie);
    }
    response
}
