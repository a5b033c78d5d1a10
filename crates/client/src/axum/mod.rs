//! Signing in and out as an axum app knows it: a few routes, a layer, and extractors that mean "signed in".
//!
//! The routes are here, signing in with them; signing out is `sign_out.rs`'s concern, who is visiting `visit.rs`'s, what
//! handlers name `extract.rs`'s, how failures look `page.rs`'s.

mod extract;
mod page;
mod sign_out;
mod visit;

use ::axum::Router;
use ::axum::extract::{DefaultBodyLimit, RawForm, RawQuery, Request, State};
use ::axum::middleware::{self, Next};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use safeconduct_protocol::speculation::{HEADERS, is_speculative};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::sign_in::authorization_request::{Begin, BeginOptions};
use crate::sign_in::step_up::StepUp;

pub use crate::tokens::api::Api;
pub use extract::{DisplayName, User};
pub use visit::{SignInLayer, SignInService};

/// The field of a form that proves it came from this session's own page.
const CSRF_FIELD: &str = "csrf_token";
/// The longest form, in bytes: a logout token is 16 KiB at most, as every token is.
const LONGEST_FORM: usize = 20 * 1024;

impl Client {
    /// The sign-in routes: `GET /auth/login?next=…`, which steps up with `acr_values=…` or `max_age=…` (RFC 9470), `GET /auth/callback`, `POST /auth/logout`; and with the scope `openid`
    /// `GET /auth/logged-out`, where the issuer sends users back to after a sign-out, and `POST /auth/backchannel`, where it tells
    /// this app of sign-outs elsewhere.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let path = self.routes_path();
        let answered = match self.takes_posted_answers() {
            true => get(callback).post(posted_callback),
            false => get(callback),
        };
        let mut acting = Router::new()
            .route(&format!("{path}/login"), get(login))
            .route(&format!("{path}/callback"), answered);
        let mut router = Router::new().route(&format!("{path}/logout"), post(sign_out::logout));
        if self.is_openid() {
            acting = acting.route(&format!("{path}/logged-out"), get(sign_out::logged_out));
            router = router.route(&format!("{path}/backchannel"), post(sign_out::back_channel));
        }
        router
            .merge(acting.layer(middleware::from_fn(only_when_meant)))
            .layer(DefaultBodyLimit::max(LONGEST_FORM))
            .layer(self.layer())
            .with_state(self.clone())
    }

    /// The layer that lets handlers know who is visiting. It requires nothing by itself.
    ///
    /// An app with several clients has a layer of each. `User` is then who is signed in with the nearest one that knows the visitor,
    /// [`Session::client`](crate::Session::client) says with which, and [`Client::user_in`] asks one client alone; a visitor whom none
    /// knows is sent to sign in with the nearest. Each client needs a cookie name of its own.
    pub fn layer(&self) -> SignInLayer {
        SignInLayer::new(self.clone())
    }
}

/// What a browser does on its own does nothing: a HEAD, a prefetch or a prerender begins no sign-in and redeems no code. Where
/// the user opens the address after all, the browser asks again, because it keeps no refusal.
async fn only_when_meant(request: Request, next: Next) -> Response {
    let response = match not_meant(&request) {
        Some(status) => status.into_response(),
        None => next.run(request).await,
    };
    refused(response)
}

/// The answer, which says what is allowed where it is 405, and is not to be stored where it refuses.
fn refused(mut response: Response) -> Response {
    if response.status().is_client_error() {
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

fn not_meant(request: &Request) -> Option<StatusCode> {
    let mut values = HEADERS
        .iter()
        .flat_map(|name| request.headers().get_all(*name));
    match *request.method() {
        Method::HEAD => Some(StatusCode::METHOD_NOT_ALLOWED),
        Method::GET => values
            .any(|value| is_speculative(value.as_bytes()))
            .then_some(StatusCode::FORBIDDEN),
        _ => None,
    }
}

async fn login(
    State(client): State<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let mut options = BeginOptions::new().cookie_header(cookie_header(&headers));
    let query = query.unwrap_or_default();
    let sent: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let one = |wanted: &str| {
        let mut sent = sent.iter();
        sent.find_map(|(name, value)| (name == wanted).then_some(&**value))
    };
    if let Some(next) = one("next") {
        options = options.return_to(next);
    }
    if let Some(asked) =
        StepUp::parse(one("acr_values"), one("max_age")).filter(|_| client.is_openid())
    {
        options = match client.session(cookie_header(&headers)).await? {
            Some(session) => options.step_up(&session, &asked),
            None => options.for_any_user(&asked),
        };
    }
    Ok(client.begin(&options).await?.into_response())
}

async fn callback(
    State(client): State<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    take_answer(
        &client,
        &query.unwrap_or_default(),
        &cookie_header(&headers),
    )
    .await
}

async fn posted_callback(
    State(client): State<Client>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Error> {
    let answer = std::str::from_utf8(&form)
        .map_err(|_| Error::new(ErrorKind::CallbackMalformed, "the form cannot be decoded"))?;
    take_answer(&client, answer, &cookie_header(&headers)).await
}

/// Ends a sign-in with the issuer's answer, and sends the browser to where it began.
async fn take_answer(client: &Client, query: &str, cookies: &[u8]) -> Result<Response, Error> {
    let signed_in = client.finish(query, cookies).await?;
    let started = client
        .start_session(&signed_in, cookies)
        .await
        .map_err(|error| error.with_cookie(&signed_in.set_cookie))?;
    let set_cookies = [signed_in.set_cookie, started.set_cookie];
    Ok(see_other(&signed_in.return_to, set_cookies))
}

/// The redirect to the issuer. A handler of your own that begins a sign-in returns it.
impl IntoResponse for Begin {
    fn into_response(self) -> Response {
        see_other(self.url.as_str(), self.set_cookies)
    }
}

/// The `Cookie` headers as one, in the bytes that came: HTTP/2 may split them, and what others have set may be no text.
fn cookie_header(headers: &HeaderMap) -> Vec<u8> {
    let values = headers.get_all(header::COOKIE).iter();
    let values: Vec<&[u8]> = values.map(HeaderValue::as_bytes).collect();
    values.join(b"; ".as_slice())
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
