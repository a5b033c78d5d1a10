//! Owns the correlation id of a request and its line in the log.
//!
//! The id is in the extensions of the request, in every answer, and in every log line written while it is answered, so
//! that a user can read it from an error page to the operator. Only a head that could not be read (400, 431) is answered without
//! one, by the HTTP library. The line says which route matched and how it ended; the path, the query and the bodies are never logged,
//! because codes, states and secrets travel there.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, request};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::random;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::client_address::ClientAddress;
use crate::fault::panicked;
use crate::refusals::Marked;
use crate::telemetry::Telemetry;

const HEADER: &str = "x-correlation-id";
const NO_ROUTE: &str = "unmatched";

/// Crockford's base 32: no letter that is mistaken for a digit when it is read out over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The random name of one request: 16 characters, 80 bits. Always ours, whatever the request calls itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correlation([u8; 16]);

impl Correlation {
    /// A name that no request had before.
    pub fn generate() -> Self {
        Self(random::bytes::<16>().map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    /// The name that a request was given; a new one where it has none.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let given = extensions.get().copied();
        given.unwrap_or_else(Self::generate)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }

    /// Puts the name on an answer, as `X-Correlation-Id`.
    pub(crate) fn sign(&self, headers: &mut HeaderMap) {
        let value = HeaderValue::from_bytes(&self.0).expect("the alphabet is visible ASCII");
        headers.insert(HEADER, value);
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Names, logs and counts every request to `router`. A handler that panics costs its own request a 500 and nothing else.
///
/// Goes on last: what is added to the router afterwards is neither logged nor caught.
pub fn correlate<S>(router: Router<S>, telemetry: Telemetry) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(telemetry, follow))
}

async fn follow(State(telemetry): State<Telemetry>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // The accept loop names what it hands in, so that what it refuses by itself has a name as well.
    let correlation = *parts.extensions.get_or_insert_with(Correlation::generate);
    let log = RequestLog::begin(telemetry, correlation, &parts);
    let trace_id = trace_id(&parts.headers);
    let span = tracing::info_span!(
        "request",
        correlation_id = %correlation,
        trace_id,
        address = log.address.map(tracing::field::display),
        client_id = tracing::field::Empty,
        sub = tracing::field::Empty,
    );
    let mut response = next
        .run(Request::from_parts(parts, body))
        .instrument(span)
        .await;
    correlation.sign(response.headers_mut());
    if let Some(refusal) = response.extensions().get::<Marked>() {
        log.refused(refusal);
    }
    log.finish(response.status());
    response
}

/// Names the client in every line of the log that is written from here on while the request is answered.
pub(crate) fn is_of_client(client: &ClientId) {
    tracing::Span::current().record("client_id", tracing::field::display(client));
}

/// The same for the user.
pub(crate) fn is_of_user(user: &UserId) {
    tracing::Span::current().record("sub", tracing::field::display(user));
}

/// One request until its line is written: by [`RequestLog::finish`], or when it is dropped half-way because the client left
/// or time ran out.
pub(crate) struct RequestLog {
    telemetry: Telemetry,
    correlation: Correlation,
    method: &'static str,
    route: Option<Arc<str>>,
    address: Option<IpAddr>,
    request_id: Option<String>,
    trace_id: Option<String>,
    begun: Instant,
    finished: bool,
}

impl RequestLog {
    pub(crate) fn begin(
        telemetry: Telemetry,
        correlation: Correlation,
        request: &request::Parts,
    ) -> Self {
        let extensions = &request.extensions;
        Self {
            telemetry,
            correlation,
            method: known_method(&request.method),
            route: extensions
                .get::<MatchedPath>()
                .map(|route| route.as_str().into()),
            address: extensions
                .get::<ClientAddress>()
                .map(|client| client.address),
            request_id: plain_request_id(&request.headers),
            trace_id: trace_id(&request.headers),
            begun: Instant::now(),
            finished: false,
        }
    }

    /// Keeps that the request was refused.
    fn refused(&self, refusal: &Marked) {
        let route = self.route.as_deref().unwrap_or(NO_ROUTE);
        let request = (self.correlation.as_str(), self.method, route);
        let refused = refusal.of(Clock::system().now(), request, self.address);
        self.telemetry.refusals().keep(refused);
    }

    pub(crate) fn finish(mut self, status: StatusCode) {
        self.finished = true;
        let elapsed = self.begun.elapsed();
        let route = self.route.as_deref().unwrap_or(NO_ROUTE);
        self.telemetry.http_request(route, status, elapsed);
        tracing::info!(
            correlation_id = %self.correlation,
            method = self.method,
            route,
            status = status.as_u16(),
            milliseconds = milliseconds(elapsed),
            address = self.address.map(tracing::field::display),
            request_id = self.request_id,
            trace_id = self.trace_id,
            "answered"
        );
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        tracing::info!(
            correlation_id = %self.correlation,
            method = self.method,
            route = self.route.as_deref().unwrap_or(NO_ROUTE),
            milliseconds = milliseconds(self.begun.elapsed()),
            address = self.address.map(tracing::field::display),
            request_id = self.request_id,
            trace_id = self.trace_id,
            "given up before there was an answer"
        );
    }
}

/// Milliseconds with one decimal.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The method, as a word that a stranger cannot choose.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

/// The trace that the request is part of (W3C Trace Context §3.2.2), if it says so in the form that there is: one header, of a version that
/// is known or begins like it.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let mut parts = value.to_str().ok()?.split('-');
    let mut part = |length: usize| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let part = parts.next()?;
        (part.len() == length && part.bytes().all(digit)).then_some(part)
    };
    let (version, trace, parent, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let is_known = match version {
        "00" => parts.next().is_none(),
        other => other != "ff",
    };
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    (is_known && !is_zero(trace) && !is_zero(parent)).then(|| trace.to_owned())
}

/// What the caller or a proxy calls this request, if it is short and plain enough to stand in a log.
fn plain_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use axum::routing::{get, post};
    use rstest::rstest;
    use tower::ServiceExt;
    use tracing::instrument::WithSubscriber;

    use super::*;

    /// A log that a test can read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    async fn send(log: &Log, telemetry: &Telemetry, request: http::request::Builder) -> Response {
        async fn leave() -> StatusCode {
            std::future::pending().await
        }
        async fn panic() -> StatusCode {
            panic!("on purpose")
        }
        async fn refused() -> StatusCode {
            is_of_client(&ClientId::parse("shop").unwrap());
            is_of_user(&UserId::generate());
            tracing::info!("refused");
            StatusCode::BAD_REQUEST
        }
        let router = Router::new()
            .route("/token", post(async || StatusCode::BAD_REQUEST))
            .route(
                "/clients/{id}",
                get(async |it: axum::Extension<Correlation>| it.to_string()),
            )
            .route("/refused", get(refused))
            .route("/leave", get(leave))
            .route("/panic", get(panic));
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(move || writer.clone())
            .finish();
        let router = correlate(router, telemetry.clone());
        let request = request.body(Body::empty()).unwrap();
        // The block drops what it gave up while its subscriber still listens. Nothing but /leave waits for anything.
        async move { tokio::time::timeout(Duration::ZERO, router.oneshot(request)).await }
            .with_subscriber(subscriber)
            .await
            .map_or_else(
                |_| StatusCode::GATEWAY_TIMEOUT.into_response(),
                Result::unwrap,
            )
    }

    /// The fields of the one line that a request leaves.
    fn fields(log: &Log) -> serde_json::Value {
        let text = log.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1, "{text}");
        serde_json::from_str::<serde_json::Value>(lines[0]).unwrap()["fields"].clone()
    }

    #[tokio::test]
    async fn one_name_is_in_the_handler_the_answer_and_the_log() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let response = send(&log, &telemetry, Request::get("/clients/shop")).await;
        let name = response.headers()[HEADER].to_str().unwrap().to_owned();
        assert_eq!(name.len(), 16);
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, name);
        assert_eq!(fields(&log)["correlation_id"], *name);
    }

    #[rstest]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
    #[case(
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
        true
    )]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false)]
    #[case("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
    #[case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    #[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false)]
    #[case("", false)]
    fn a_trace_is_taken_on_where_it_is_one(#[case] value: &str, #[case] is_taken: bool) {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
        let taken = trace_id(&headers);
        assert_eq!(taken.is_some(), is_taken, "{taken:?}");
        headers.append("traceparent", HeaderValue::from_str(value).unwrap());
        assert_eq!(trace_id(&headers), None, "two of them");
    }

    #[tokio::test]
    async fn the_line_has_the_route_and_never_the_path_or_the_query() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let uri = "/clients/hush-path?code=hush-query";
        let request = Request::get(uri).header("authorization", "Bearer hush-header");
        send(&log, &telemetry, request).await;
        let line = fields(&log);
        assert_eq!(line["method"], "GET");
        assert_eq!(line["route"], "/clients/{id}");
        assert_eq!(line["status"], 200);
        assert!(line["milliseconds"].is_number());
        assert!(!log.text().contains("hush"), "{}", log.text());
    }

    #[tokio::test]
    async fn a_line_about_a_request_names_its_client_its_user_and_from_where_it_came() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let address = ClientAddress {
            address: IpAddr::from([198, 51, 100, 7]),
            hostile: false,
        };
        let request = Request::get("/refused").extension(address);
        send(&log, &telemetry, request).await;
        let text = log.text();
        let refused = text.lines().find(|line| line.contains("refused")).unwrap();
        let line: serde_json::Value = serde_json::from_str(refused).unwrap();
        assert_eq!(line["span"]["client_id"], "shop");
        assert_eq!(line["span"]["address"], "198.51.100.7");
        assert!(
            line["span"]["sub"].as_str().unwrap().starts_with("u"),
            "{line}"
        );
    }

    #[tokio::test]
    async fn what_matches_no_route_is_one_label() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let request = Request::builder().method("BREW").uri("/no/such/path");
        let response = send(&log, &telemetry, request).await;
        assert_eq!(response.status(), 404);
        assert!(response.headers().contains_key(HEADER));
        assert_eq!(fields(&log)["method"], "other");
        assert_eq!(fields(&log)["route"], "unmatched");
        assert!(
            telemetry
                .render()
                .contains(r#"route="unmatched",status="404""#)
        );
    }

    #[rstest]
    #[case::short_and_plain("req_7f.3-A", Some("req_7f.3-A"))]
    #[case::too_long(&"a".repeat(65), None)]
    #[case::forged_line("a\tb", None)]
    #[case::markup("<b>", None)]
    #[case::empty("", None)]
    #[tokio::test]
    async fn the_callers_name_is_a_field_of_its_own_if_it_is_plain(
        #[case] sent: &str,
        #[case] logged: Option<&str>,
    ) {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let request = Request::post("/token").header("x-request-id", sent);
        let response = send(&log, &telemetry, request).await;
        assert_ne!(response.headers()[HEADER], sent);
        assert_eq!(fields(&log)["request_id"].as_str(), logged);
    }

    /// Attacks: Z05.
    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing_and_is_counted() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        let response = send(&log, &telemetry, Request::get("/panic")).await;
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key(HEADER));
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        insta::assert_snapshot!(
            str::from_utf8(&body).unwrap(),
            @r#"{"error":"server_error","error_description":"Sorry, there is a problem on our side. Try again later."}"#
        );
        assert!(
            telemetry
                .render()
                .contains(r#"route="/panic",status="500""#)
        );
    }

    #[tokio::test]
    async fn a_request_given_up_half_way_leaves_its_line() {
        let (log, telemetry) = (Log::default(), Telemetry::new());
        send(&log, &telemetry, Request::get("/leave")).await;
        assert_eq!(
            fields(&log)["message"],
            "given up before there was an answer"
        );
        assert_eq!(fields(&log)["route"], "/leave");
    }

    #[test]
    fn no_two_requests_share_a_name() {
        let names: std::collections::HashSet<Correlation> =
            (0..1000).map(|_| Correlation::generate()).collect();
        assert_eq!(names.len(), 1000);
    }
}
