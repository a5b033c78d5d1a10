//! Owns the way of one request from the socket to the router: read whole, within its size and its time, then answered
//! within its time.
//!
//! The router never sees half a body, so no handler waits for a client. What is refused here never reached a route; it
//! has a correlation id and a line in the log all the same.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use safeconduct_protocol::error::Reason;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::limits::LiveLimits;
use super::socket::{Answer, Phase};
use crate::client_address::{Peer, UnnamedProxy, client_address};
use crate::correlation::{Correlation, RequestLog};
use crate::cross_origin::CrossOrigin;
use crate::respond;
use crate::telemetry::Telemetry;

/// A body, and its place if it is a large one, held until the answer.
type Whole<'h> = (Bytes, Option<SemaphorePermit<'h>>);

/// What answers requests, shared by all connections.
pub(super) struct RequestHandler {
    pub(super) router: Router,
    pub(super) limits: LiveLimits,
    pub(super) telemetry: Telemetry,
    pub(super) unnamed_proxy: UnnamedProxy,
    pub(super) cross_origin: CrossOrigin,
    /// The places of bodies that are larger than most may be.
    pub(super) large_bodies: Semaphore,
}

/// When the answer to a request is overdue: what is long ends itself before that, and says how far it came.
#[derive(Clone, Copy, Debug)]
pub struct AnswerBy(pub Instant);

impl AnswerBy {
    /// A third of the time that there is remains for what is under way.
    fn within(request_timeout: Duration) -> Self {
        Self(Instant::now() + request_timeout / 3 * 2)
    }

    /// Whether nothing more should be begun.
    pub(crate) fn is_past(self) -> bool {
        Instant::now() >= self.0
    }
}

impl RequestHandler {
    /// The answer to one request from `peer`, whose socket learns through `phase` what was left unread.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        phase: Phase,
    ) -> http::Response<Answer> {
        let (mut parts, body) = request.into_parts();
        let correlation = Correlation::generate();
        let limits = self.limits.now();
        let trusted = &limits.trusted_proxies;
        let client = client_address(peer.ip(), &parts.headers, trusted);
        parts.extensions.insert(correlation);
        parts.extensions.insert(Peer(peer));
        parts.extensions.insert(client);
        if self
            .unnamed_proxy
            .is_new(peer.ip(), &parts.headers, trusted)
        {
            tracing::warn!(
                %correlation,
                %peer,
                "X-Forwarded-For is not believed from here; if this is your proxy, name it in server.trusted_proxies (said once)"
            );
        }
        if client.hostile {
            tracing::warn!(%correlation, %peer, "a trusted proxy sent X-Forwarded-For without a usable address");
        }
        let read = match is_understood(&parts.headers) {
            true => {
                let most = limits.largest_body(parts.uri.path());
                self.whole(body, most).await
            }
            false => Err(Reason::TransferCodingUnsupported),
        };
        let mut response = match read {
            Ok((body, _place)) => self.route(parts, body, correlation).await,
            Err(reason) => {
                phase.leave_unread();
                let mut response = self.refuse(&parts, correlation, reason);
                self.cross_origin
                    .mark(parts.uri.path(), response.headers_mut());
                response
            }
        };
        correlation.sign(response.headers_mut());
        response.map(|body| Answer::new(body, phase))
    }

    async fn route(&self, mut parts: Parts, body: Bytes, correlation: Correlation) -> Response {
        let path = parts.uri.path().to_owned();
        let request_timeout = self.limits.now().request_timeout;
        let answer_by = AnswerBy::within(request_timeout);
        parts.extensions.insert(answer_by);
        let request = Request::from_parts(parts, Body::from(body));
        match timeout(request_timeout, self.router.clone().oneshot(request)).await {
            Ok(answered) => answered.into_response(),
            Err(_) => {
                tracing::error!(%correlation, "a handler took longer than the request time-out");
                let mut response = refusal(Reason::AnswerTooSlow, correlation);
                self.cross_origin.mark(&path, response.headers_mut());
                response
            }
        }
    }

    /// The body of a request, read to its end. Nothing beyond the cap is kept, however the client frames it.
    async fn whole(&self, body: Incoming, most: usize) -> Result<Whole<'_>, Reason> {
        if body.is_end_stream() {
            return Ok((Bytes::new(), None));
        }
        if body.size_hint().lower() > most as u64 {
            return Err(Reason::RequestTooLarge);
        }
        timeout(self.limits.now().body_timeout, self.read(body, most))
            .await
            .unwrap_or(Err(Reason::BodyTooSlow))
    }

    async fn read(&self, mut body: Incoming, most: usize) -> Result<Whole<'_>, Reason> {
        let (mut whole, mut place): (Vec<u8>, _) = (Vec::new(), None);
        let usual = self.limits.now().max_body_bytes;
        while let Some(frame) = body.frame().await {
            // A frame without data holds trailers, which mean nothing here.
            let Ok(data) = frame.map_err(|_| Reason::BodyMalformed)?.into_data() else {
                continue;
            };
            if data.len() > most - whole.len() {
                return Err(Reason::RequestTooLarge);
            }
            if place.is_none() && whole.len() + data.len() > usual {
                let free = self.large_bodies.try_acquire();
                place = Some(free.map_err(|_| Reason::Overloaded)?);
            }
            if whole.is_empty() && body.is_end_stream() {
                return Ok((data, place));
            }
            whole.extend_from_slice(&data);
        }
        Ok((whole.into(), place))
    }

    fn refuse(&self, parts: &Parts, correlation: Correlation, reason: Reason) -> Response {
        let log = RequestLog::begin(self.telemetry.clone(), correlation, parts);
        let mut response = refusal(reason, correlation);
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        log.finish(response.status());
        response
    }
}

/// JSON, which every client of this server can read: whose address it is, only the router knows.
fn refusal(reason: Reason, correlation: Correlation) -> Response {
    let span = tracing::info_span!("request", correlation_id = %correlation);
    span.in_scope(|| respond::json_refusal(reason.into()))
}

/// Whether the body is framed in a way that is read here: chunks and nothing below them (RFC 9112 §6.1). What hyper hands on
/// as chunked may be compressed below, and would be read as what it is not.
fn is_understood(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = |value: &HeaderValue| {
        value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    };
    codings.next().is_none_or(chunked) && codings.next().is_none()
}
