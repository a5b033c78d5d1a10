//! What every request to the console goes through, in this order: it is called by its address, comes from its one browser, and, where it is a
//! form, from a page here that was not sent before. What comes of it is turned into a page here as well, failures included.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next as Onwards;
use axum::response::{Html, IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use safeconduct_protocol::random;
use safeconduct_protocol::speculation::{HEADERS, is_speculative};
use serde_json::json;

use crate::Inside;
use crate::failed::{Failed, Next, Refusal};
use crate::form::{Fields, Posted};
use crate::pages::{Page, TOKEN, done};
use crate::routes::{STYLESHEET, opens};
use crate::sign_in::{self, CALLBACK};

/// The longest form that is read, in bytes.
const LONGEST_FORM: usize = 64 * 1024;

/// What every answer is sent with. A page here may lead its user to the server and to apps, which are not told from where.
const ALWAYS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    // Browsers say where a form comes from only where they may say it to the same origin.
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Lets through what the console answers, and makes a page of what comes of it.
pub(crate) async fn check(
    State(inside): State<Arc<Inside>>,
    request: Request,
    onwards: Onwards,
) -> Response {
    let address = request.uri().clone();
    let method = request.method().clone();
    let (form, mut response) = match admit(&inside, request).await {
        Ok(request) => {
            let form = request.extensions().get::<Posted>().cloned();
            (form, onwards.run(request).await)
        }
        Err(failed) => (None, failed.into_response()),
    };
    if let Some(failed) = failed(&method, &mut response) {
        let path = address.path_and_query().map_or("/", |path| path.as_str());
        response = match settle(&inside, failed, path, form).await {
            Ok(response) => response,
            Err(refusal) => refused(&inside, &refusal),
        };
    } else if let Some(page) = response.extensions_mut().remove::<Page>() {
        response = render(&inside, &page, done_before(&address));
    }
    for (name, value) in ALWAYS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Judges who sends a request, and reads its form.
async fn admit(inside: &Inside, mut request: Request) -> Result<Request, Failed> {
    let (binding, headers) = (&inside.binding, request.headers());
    if !binding.is_named(headers) {
        let title = "This is not where the console is.";
        return Err(outside(StatusCode::MISDIRECTED_REQUEST, title));
    }
    let path = request.uri().path();
    let is_open_to_all = path == STYLESHEET || path == CALLBACK || opens(binding.base(), path);
    let is_below = path
        .strip_prefix(binding.base())
        .is_some_and(|rest| rest.starts_with('/'));
    if !is_open_to_all && !is_below {
        let title = "There is no console at this address.";
        return Err(outside(StatusCode::NOT_FOUND, title));
    }
    if !is_open_to_all && !binding.is_known(headers) {
        let title = "The console is open in another browser.";
        return Err(outside(StatusCode::FORBIDDEN, title));
    }
    match *request.method() {
        Method::GET if !comes_in_advance(headers) => Ok(request),
        Method::GET => Err(Failed::bad_request("Nobody has asked for it yet.")),
        Method::POST if !is_open_to_all => {
            let fields = read_form(inside, &mut request).await?;
            request.extensions_mut().insert(Posted(fields));
            Ok(request)
        }
        _ => {
            let title = "This address does not answer to that.";
            Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, title, "").into())
        }
    }
}

/// The form of a request, if a page here sent it and it is the first time.
async fn read_form(inside: &Inside, request: &mut Request) -> Result<Fields, Failed> {
    if !inside.binding.is_sent_from_here(request.headers()) {
        let title = "This form was not sent by a page of this console.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, title, "").into());
    }
    let kind = request.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| *kind != "application/x-www-form-urlencoded") {
        let title = "This is no form.";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, title, "").into());
    }
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let body = Limited::new(body, LONGEST_FORM).collect().await;
    let body: Bytes = match body {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let title = "The form is too long.";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, title, "").into());
        }
    };
    let mut fields = Fields::read(&body)?;
    let token = fields.take(TOKEN).unwrap_or_default();
    if !inside.binding.take(&token) {
        let title = "This form was sent already, or is too old.";
        let detail =
            "What it asked for was done once, if it was done. Look again before you send another.";
        return Err(Refusal::new(StatusCode::CONFLICT, title, detail).into());
    }
    Ok(fields)
}

fn outside(status: StatusCode, title: &str) -> Failed {
    Refusal::new(status, title, "")
        .leading(Next::Terminal)
        .into()
}

fn comes_in_advance(headers: &HeaderMap) -> bool {
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    values
        .into_iter()
        .any(|value| is_speculative(value.as_bytes()))
}

/// What keeps a request from its page: what its handler said, or what the router or an extractor did.
fn failed(method: &Method, response: &mut Response) -> Option<Failed> {
    if let Some(failed) = response.extensions_mut().remove::<Failed>() {
        return Some(failed);
    }
    if response.extensions().get::<Page>().is_some() {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Failed::not_found()),
        StatusCode::METHOD_NOT_ALLOWED if method == Method::GET => Some(Failed::not_found()),
        status if status.is_client_error() => {
            Some(Failed::bad_request("The address holds what is no text."))
        }
        _ => None,
    }
}

/// Goes on from a failure: to a sign-in, where one is due, and back to what was asked for.
async fn settle(
    inside: &Arc<Inside>,
    failed: Failed,
    path: &str,
    form: Option<Posted>,
) -> Result<Response, Box<Refusal>> {
    let asked = match failed {
        Failed::Refused(refusal) => return Err(refusal),
        Failed::SignedOut => None,
        Failed::StepUp(asked) => Some(asked),
    };
    if let Some(Posted(fields)) = form {
        let kept = inside.sign_ins.keep(path, &fields);
        let page = Page::new("sign_in_again", json!({ "kept": kept }));
        return Ok(render(
            inside,
            &page.with_status(StatusCode::FORBIDDEN),
            None,
        ));
    }
    match sign_in::begin(inside, asked.as_ref(), path).await {
        Ok(response) => Ok(response),
        Err(Failed::Refused(refusal)) => Err(refusal),
        Err(Failed::SignedOut | Failed::StepUp(_)) => {
            let title = "No sign-in can be begun.";
            let refusal = Refusal::new(StatusCode::BAD_GATEWAY, title, "");
            Err(Box::new(refusal))
        }
    }
}

fn refused(inside: &Inside, refusal: &Refusal) -> Response {
    let name = match refusal.next {
        Next::Terminal => "outside",
        Next::Front | Next::SignIn => "problem",
    };
    let page = Page::new(name, json!({ "refusal": refusal }));
    let mut response = render(inside, &page.with_status(refusal.status), None);
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static("GET, POST");
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// What the form did that led to this address, as that says.
fn done_before(address: &Uri) -> Option<&'static str> {
    let query = address.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, name) = pairs.find(|(name, _)| name == "done")?;
    done(&name)
}

/// The page, whose forms can be sent from now on.
fn render(inside: &Inside, page: &Page, done: Option<&str>) -> Response {
    let token = random::letters_and_digits();
    let who = inside.signed_in_user.username();
    match inside.pages.render(page, &token, who.as_deref(), done) {
        Ok(html) => {
            if html.contains(&token) {
                inside.binding.offer(token);
            }
            (page.status(), Html(html)).into_response()
        }
        Err(error) => {
            tracing::error!(error = %error, page = page.name(), "a page can't be written");
            let told = "The console failed to write this page.";
            (StatusCode::INTERNAL_SERVER_ERROR, told).into_response()
        }
    }
}
