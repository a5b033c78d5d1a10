//! The one place that turns a refusal into an answer: a page on our origin, a redirect to a proven URI, or JSON. The listener and
//! the router come here too; only a wrong password, code or passkey is told elsewhere, on the page that asked for it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use safeconduct_protocol::{
    authorization::response_url,
    client::ResponseMode,
    dpop::PROOF_ALGORITHMS,
    error::{Entry, ErrorCode, Reason, Refusal},
    redirect_uri::host_of,
};
use serde::Serialize;

use crate::{
    addresses::Address,
    fault::{Failure, Fault},
    pages::{
        self, ClientLink, ContinuePage, Developer, FormPostPage, Page, Pages, RefusalKind,
        RefusalPage, form_post_headers,
    },
    reader::Reader,
    refusals::{marked, with_mark},
    server::{Exchange, Server},
};

/// The longest address in a `Location`, in bytes. With all the other headers, cookies among them, the head of the answer stays under
/// 4 KiB: what nginx reads of it by default (`proxy_buffer_size`), and answers 502 beyond.
const LONGEST_IN_HEAD: usize = 3 * 1024;
/// The longest URL that a browser is sent to within this server, in bytes; longer ones break proxies.
pub(crate) const LONGEST_LOCATION: usize = 8 * 1024 - 512;
/// Seconds after which a client that was turned away for load may come back.
const RETRY_AFTER: &str = "2";

/// The status of a refusal that is not redirected.
pub(crate) fn status(reason: Reason) -> StatusCode {
    match (reason, reason.entry().error) {
        (Reason::MethodNotAllowed | Reason::FormReopened, _) => StatusCode::METHOD_NOT_ALLOWED,
        (Reason::NotFound, _) => StatusCode::NOT_FOUND,
        (Reason::LastAdministrator, _) => StatusCode::CONFLICT,
        (Reason::HostUnexpected, _) => StatusCode::MISDIRECTED_REQUEST,
        (Reason::RequestTooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
        (
            Reason::CrossSiteForm
            | Reason::RegistrationClosed
            | Reason::FormOriginUnknown
            | Reason::SignOutFormStale
            | Reason::SpeculativeRequest,
            _,
        ) => StatusCode::FORBIDDEN,
        (Reason::TransferCodingUnsupported, _) => StatusCode::NOT_IMPLEMENTED,
        (Reason::BodyTooSlow, _) => StatusCode::REQUEST_TIMEOUT,
        (Reason::TooManyAttempts, _) => StatusCode::TOO_MANY_REQUESTS,
        (_, ErrorCode::InvalidClient) => StatusCode::UNAUTHORIZED,
        (_, ErrorCode::TemporarilyUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        (_, ErrorCode::ServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    error_description: &'a str,
}

/// A refusal before any endpoint: JSON where apps call, a page for everybody else.
pub(crate) fn refusal_at(
    server: &Server,
    address: &Address,
    refusal: Refusal,
    reader: Reader,
) -> Response {
    match address {
        Address::ForApps => json_refusal(refusal.into()),
        Address::ForPeople => page_refusal(server, refusal.into(), reader, &WayOn::default()),
    }
}

/// A request for another name than ours is told the one to use, which everybody may know (RFC 8414 §2).
pub(crate) fn misdirected(
    server: &Server,
    address: &Address,
    refusal: Refusal,
    reader: Reader,
) -> Response {
    match address {
        Address::ForApps => {
            let refusal = logged(refusal.into());
            let description = with_our_name(server, refusal.reason(), refusal.public());
            json_error(&refusal, status(refusal.reason()), &description)
        }
        Address::ForPeople => page_refusal(server, refusal.into(), reader, &WayOn::default()),
    }
}

/// What to do, which ends in our name where the request went to another one.
fn with_our_name(server: &Server, reason: Reason, what_to_do: &str) -> String {
    match reason {
        Reason::HostUnexpected => {
            format!("{what_to_do} It is {}", server.settings().issuer.as_str())
        }
        _ => what_to_do.to_owned(),
    }
}

/// JSON for a client that is served (RFC 6749 §5.1).
pub(crate) fn json(body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => never_stored(
            (
                StatusCode::OK,
                [(header::CONTENT_TYPE, "application/json")],
                text,
            )
                .into_response(),
        ),
        Err(error) => json_refusal(Failure::from(Fault::new(error.to_string()))),
    }
}

/// JSON for a client that is refused (RFC 6749 §5.2).
pub(crate) fn json_refusal(failure: Failure) -> Response {
    let refusal = logged(failure);
    let status = status(refusal.reason());
    let mut response = json_error(&refusal, status, refusal.public());
    let headers = response.headers_mut();
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"safeconduct\", charset=\"UTF-8\""),
            );
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        _ => {}
    }
    response
}

fn json_error(refusal: &Refusal, status: StatusCode, description: &str) -> Response {
    let body = ErrorBody {
        error: refusal.error().as_str(),
        error_description: description,
    };
    marked(
        never_stored((status, axum::Json(body)).into_response()),
        refusal,
    )
}

/// A page. Another user may get it in another language from the same address (RFC 9110 §12.5.5).
pub(crate) fn page(status: StatusCode, page: Page) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, page.language.tag()),
        (header::VARY, "Accept-Language, Cookie"),
    ];
    let policy = page
        .has_script
        .then(|| pages::scripted_policy(page.connects));
    let mut response = (status, headers, page.html).into_response();
    let headers = response.headers_mut();
    for &(name, value) in pages::headers() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(policy) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A form again, which is not judged before so many seconds have passed (RFC 6585 §4, RFC 9110 §10.2.3).
pub(crate) fn try_later(mut form: Response, reason: Reason, seconds: u32) -> Response {
    tracing::info!(refusal = reason.name(), "refused");
    *form.status_mut() = status(reason);
    form.headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    with_mark(form, reason, None)
}

/// The answer to a user: the page or redirect that was made, or a page that refuses.
pub(crate) fn person(
    server: &Server,
    answer: Result<Response, Failure>,
    reader: Reader,
) -> Response {
    answer.unwrap_or_else(|failure| page_refusal(server, failure, reader, &WayOn::default()))
}

/// What a page that refuses has beside what is wrong.
#[derive(Clone, Copy, Default)]
pub(crate) struct WayOn<'a> {
    /// The parameters as they were sent.
    pub(crate) received: &'a [(&'a str, &'a str)],
    /// The client to go back to.
    pub(crate) client: Option<ClientLink<'a>>,
    /// The sealed request by which the page is shown again in another language.
    pub(crate) again: Option<&'a str>,
}

/// A page for a user whose request can't be trusted or served. Nothing they did not send is on it; what was expected is
/// shown only where the server runs for development, on the developer's own machine.
pub(crate) fn page_refusal(
    server: &Server,
    failure: Failure,
    reader: Reader,
    way_on: &WayOn<'_>,
) -> Response {
    let refusal = logged(failure);
    let status = status(refusal.reason());
    let (pages, correlation) = (
        server.pages().of(reader.language),
        reader.origin.correlation,
    );
    let shown = reason_shown(server, refusal.reason());
    let name = shown.name();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        let fault = page(status, pages.fault(name, correlation.as_str()));
        return marked(fault, &refusal);
    }
    let detail: Vec<&str> = refusal.detail().into_iter().collect();
    let show_detail = server.settings().issuer.is_development() && !detail.is_empty();
    let kind = kind(refusal.reason(), status);
    let recover_url = server.recover_url().filter(|_| kind == RefusalKind::Link);
    let (sentence, what_to_do) = in_words(server, pages, shown.entry());
    let html = pages.refusal(&RefusalPage {
        kind,
        status: status.as_u16(),
        name,
        sentence: &sentence,
        what_to_do: &what_to_do,
        correlation_id: correlation.as_str(),
        way_back: way_on.client,
        recover_url: recover_url.as_deref(),
        again: way_on.again,
        received: way_on.received,
        developer: show_detail.then_some(Developer { detail: &detail }),
    });
    let mut response = marked(page(status, html), &refusal);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    response
}

/// Where an authorization response goes: a proven redirect URI, and the way there.
#[derive(Clone, Copy)]
pub(crate) struct ReturnPath<'a> {
    pub(crate) client_name: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<&'a str>,
}

/// Marks a response that carries the answer to a client, by redirect or by form: nothing is left here to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Answered;

/// An authorization response (RFC 6749 §4.1.2, RFC 9207): `parameters`, the client's `state` and our name.
pub(crate) fn to_client(
    exchange: &Exchange<'_>,
    path: ReturnPath<'_>,
    parameters: &[(&str, &str)],
) -> Response {
    let mut all = parameters.to_vec();
    all.extend(path.state.map(|state| ("state", state)));
    all.push(("iss", exchange.issuer()));
    let mut response = match path.mode {
        ResponseMode::Query => {
            let url = response_url(path.redirect_uri, &all);
            lead_to_client(exchange.pages(), path.client_name, path.redirect_uri, &url)
        }
        ResponseMode::FormPost => form_post(exchange.pages(), path, &all),
    };
    response.extensions_mut().insert(Answered);
    response
}

/// A page whose form the browser posts to the client (Form Post Response Mode §2).
fn form_post(pages: &Pages, path: ReturnPath<'_>, fields: &[(&str, &str)]) -> Response {
    let Some(own) = form_post_headers(path.redirect_uri) else {
        let failure = Fault::new("form_post to a redirect URI that no policy can name");
        return json_refusal(failure.into());
    };
    let html = pages.form_post(&FormPostPage {
        client_name: path.client_name,
        client_host: &host_of(path.redirect_uri),
        action: path.redirect_uri,
        fields,
    });
    let mut response = page(StatusCode::OK, html);
    for (name, value) in own {
        response.headers_mut().insert(name, value);
    }
    response
}

/// A refusal that goes back to the client (RFC 6749 §4.1.2.1): its redirect URI is proven.
pub(crate) fn refusal_to_client(
    exchange: &Exchange<'_>,
    failure: Failure,
    path: ReturnPath<'_>,
) -> Response {
    let refusal = logged(failure);
    let server = exchange.server;
    server.telemetry().authorize(refusal.error().as_str());
    let parameters = [
        ("error", refusal.error().as_str()),
        ("error_description", refusal.public()),
    ];
    marked(to_client(exchange, path, &parameters), &refusal)
}

/// JSON for a request that is refused for its access token or the proof beside it (RFC 6750 §3, RFC 9449 §7.1). A request
/// without any token is told only how to send one.
pub(crate) fn bearer_refusal(failure: Failure) -> Response {
    let refusal = logged(failure);
    let code = refusal.error();
    let status = match (refusal.reason(), code) {
        (Reason::AccessTokenMissing, _) => StatusCode::UNAUTHORIZED,
        (_, ErrorCode::InvalidToken | ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce) => {
            StatusCode::UNAUTHORIZED
        }
        (_, ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        (reason, _) => status(reason),
    };
    let mut response = json_error(&refusal, status, refusal.public());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        for challenge in challenges(&refusal) {
            if let Ok(value) = HeaderValue::try_from(challenge) {
                response
                    .headers_mut()
                    .append(header::WWW_AUTHENTICATE, value);
            }
        }
    }
    response
}

fn challenges(refusal: &Refusal) -> [String; 2] {
    let algorithms: Vec<&str> = PROOF_ALGORITHMS.iter().map(|alg| alg.name()).collect();
    let dpop = format!("DPoP algs=\"{}\"", algorithms.join(" "));
    if refusal.reason() == Reason::AccessTokenMissing {
        return ["Bearer".to_owned(), dpop];
    }
    let (error, public) = (refusal.error(), refusal.public());
    let error = format!(
        "error=\"{}\", error_description=\"{public}\"",
        error.as_str()
    );
    match refusal.error() {
        ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce => {
            ["Bearer".to_owned(), format!("{dpop}, {error}")]
        }
        _ => [format!("Bearer {error}"), format!("{dpop}, {error}")],
    }
}

/// Sends the browser to an address of a client. It ends in a fragment of ours, an empty one: a browser would carry over the one of the
/// request otherwise (RFC 9110 §10.2.2), and with it whatever somebody put into the link that led here (§17.11).
pub(crate) fn lead_to_client(pages: &Pages, name: &str, uri: &str, url: &str) -> Response {
    let page = ContinuePage {
        client_name: Some(name),
        client_host: &host_of(uri),
        url: &format!("{url}#"),
    };
    lead_on(pages, &page)
}

/// Sends the browser on within this server.
pub(crate) fn lead_to(pages: &Pages, url: &str) -> Response {
    let page = ContinuePage {
        url,
        ..ContinuePage::default()
    };
    lead_on(pages, &page)
}

/// By a redirect, or, where that would not fit the head of an answer, by a page that leads there. The browser asks for the same
/// address by the same method either way.
fn lead_on(pages: &Pages, page: &ContinuePage<'_>) -> Response {
    if page.url.len() <= LONGEST_IN_HEAD {
        return see_other(page.url);
    }
    self::page(StatusCode::OK, pages.continue_page(page))
}

/// 303: the browser goes on with GET, and no body with a password follows it anywhere.
fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return json_refusal(Failure::from(Fault::new(
            "a location that is no header value",
        )));
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    never_stored(response)
}

/// Adds a cookie to an answer.
pub(crate) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// How long `bytes` are at most when they are sealed: nonce, tag and names, in base64.
pub(crate) fn sealed_length(bytes: usize) -> usize {
    (bytes + 64) * 4 / 3
}

fn never_stored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The refusal, said in the log.
pub(crate) fn logged(failure: Failure) -> Refusal {
    let refusal = failure.into_refusal();
    tracing::info!(
        refusal = refusal.reason().name(),
        detail = refusal.detail(),
        "refused"
    );
    refusal
}

/// What the page says. That a client exists is no stranger's business: a disabled one reads as unknown.
fn reason_shown(server: &Server, reason: Reason) -> Reason {
    match reason {
        Reason::ClientDisabled if !server.settings().issuer.is_development() => {
            Reason::ClientUnknown
        }
        reason => reason,
    }
}

/// What is wrong, and what a user can do, in the language of `pages`.
pub(crate) fn in_words(server: &Server, pages: &Pages, entry: &Entry) -> (String, String) {
    let issuer = server.settings().issuer.as_str();
    pages.refusal_text(entry.name, issuer).unwrap_or_else(|| {
        let (sentence, what_to_do) = in_two(entry.public);
        let what_to_do = with_our_name(server, entry.reason, what_to_do);
        (sentence.to_owned(), what_to_do)
    })
}

fn kind(reason: Reason, status: StatusCode) -> RefusalKind {
    match reason {
        Reason::PendingRequestExpired
        | Reason::PendingRequestNotRecognised
        | Reason::PendingRequestNotDue
        | Reason::PushedRequestExpired
        | Reason::FormReopened => RefusalKind::Expired,
        Reason::PendingRequestWithoutCookie
        | Reason::PendingRequestFromAnotherBrowser
        | Reason::PendingRequestFromAnotherSession
        | Reason::PendingRequestSignedOut => RefusalKind::Browser,
        Reason::LinkNotRecognised
        | Reason::LinkExpired
        | Reason::LinkUsed
        | Reason::LinkOfAnotherUser
        | Reason::AddressTaken => RefusalKind::Link,
        Reason::SessionCookieUnusable => RefusalKind::SignOut,
        _ => RefusalKind::of_status(status.as_u16()),
    }
}

/// What is wrong, and what to do: the registry's sentences, split after the first.
fn in_two(public: &'static str) -> (&'static str, &'static str) {
    match public.find(". ") {
        Some(end) => (&public[..=end], public[end + 1..].trim_start()),
        None => (public, ""),
    }
}
