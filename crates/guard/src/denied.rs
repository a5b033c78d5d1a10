//! Refusals: why a request was not let through, and the one place that turns that into an answer (RFC 6750 §3, RFC 9449 §7.1,
//! RFC 9470 §3).
//!
//! The client reads a sentence from a fixed list. What was expected and what came instead goes to the log,
//! and in development mode on this machine into the body too. The token itself goes nowhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use safeconduct_protocol::dpop::PROOF_ALGORITHMS;
use safeconduct_protocol::jose::JoseError;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::{encoding, random};
use serde::Serialize;
use serde_json::Value;

use crate::credentials::Scheme;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::step_up::{SignIn, StepUp};

/// Where a client finds the nonce that its next proof must carry (RFC 9449 §8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Where an answer names its request.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// The name of a request, which whatever names requests in front of the guard puts into their extensions. A refusal then carries
/// that name; without it, one of its own.
///
/// ```
/// # use safeconduct_guard::CorrelationId;
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(CorrelationId::new("req-7f3a").expect("short and plain"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// A name of 1 to 64 letters, digits, `-`, `_` and `.`; `None` for any other text, which could not stand in a header and a log.
    pub fn new(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        fits.then(|| Self(name.into()))
    }

    fn generate() -> Self {
        Self(encoding::encode(&random::bytes::<9>()).into())
    }
}

/// A reason with what belongs to it, before it is addressed to a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    scheme: Scheme,
    scope: Option<Scope>,
    step_up: Option<Box<StepUp>>,
    retry_after: Option<i64>,
    nonce: Option<String>,
    /// Whether the token may be one that another guard accepts: nothing says that it is this one's.
    pub(crate) of_another: bool,
    words: Option<Box<Words>>,
    detail: Option<Box<Detail>>,
}

/// What is said beside the reason.
#[derive(Clone, Debug, PartialEq)]
enum Words {
    /// By the application, in place of the reason's sentence.
    Description(String),
    /// To whoever set the guard up, in the log.
    Hint(String),
}

/// Expected against got. For the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Detail {
    expected: String,
    got: String,
}

impl Refusal {
    /// The scope that is `needed` against what the token carries.
    pub(crate) fn scope(needed: &Scope, carried: &Scope) -> Self {
        let refusal = Self {
            scope: Some(needed.clone()),
            ..Self::from(Reason::InsufficientScope)
        };
        refusal.because(needed, carried)
    }

    /// The sign-in that is `demanded` against the one behind the token.
    pub(crate) fn step_up(demanded: &StepUp, sign_in: &SignIn<'_>) -> Self {
        let refusal = Self {
            step_up: Some(Box::new(demanded.clone())),
            ..Self::from(Reason::InsufficientUserAuthentication)
        };
        refusal.because(demanded, sign_in)
    }

    /// The application's own.
    pub(crate) fn forbidden(description: String) -> Self {
        Self {
            words: Some(Box::new(Words::Description(description))),
            ..Self::from(Reason::Forbidden)
        }
    }

    /// The issuer cannot be asked; it may be worth trying again in `seconds`.
    pub(crate) fn unavailable(seconds: i64) -> Self {
        Self::from(Reason::IssuerUnavailable).retry_after(seconds)
    }

    /// Says when it may be worth trying again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Says what the next proof must carry.
    pub(crate) fn with_nonce(mut self, nonce: String) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Answers in the scheme that the request used.
    pub(crate) fn under(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Adds the scope that the route needs to the challenge.
    pub(crate) fn needing(mut self, scope: &Scope) -> Self {
        self.scope = Some(scope.clone()).filter(|scope| !scope.is_empty());
        self
    }

    fn hint_given(&self) -> Option<&str> {
        match self.words.as_deref() {
            Some(Words::Hint(hint)) => Some(hint),
            _ => None,
        }
    }

    /// Adds what may help.
    pub(crate) fn hint(mut self, hint: Option<String>) -> Self {
        self.words = hint.map(|hint| Box::new(Words::Hint(hint)));
        self
    }

    /// Adds what was expected and what came. What a token says is not repeated whole: [`beside`](safeconduct_protocol::sent::beside).
    pub(crate) fn because(mut self, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        let got = got.to_string().chars().take(200).collect();
        self.detail = Some(Box::new(Detail {
            expected: expected.to_string(),
            got,
        }));
        self
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            scheme: Scheme::default(),
            scope: None,
            step_up: None,
            retry_after: None,
            nonce: None,
            of_another: false,
            words: None,
            detail: None,
        }
    }
}

impl From<JoseError> for Refusal {
    fn from(error: JoseError) -> Self {
        Reason::from(error).into()
    }
}

/// A request that was not let through, and the answer it gets: a status, a `WWW-Authenticate` challenge (RFC 6750 §3,
/// RFC 9449 §7.1, RFC 9470 §3) and a JSON body `{"error", "error_description", "correlation_id"}`. The id is in `X-Correlation-Id` as well.
///
/// As an axum handler's error it answers by itself.
#[derive(Clone)]
pub struct Denied(Box<Inner>);

#[derive(Clone)]
struct Inner {
    refusal: Refusal,
    resource: Option<Arc<Resource>>,
    correlation_id: CorrelationId,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    correlation_id: &'a str,
    #[serde(flatten)]
    detail: Option<&'a Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Denied {
    /// Addresses `refusal` to the client, counts it and writes it to the log.
    pub(crate) fn new(
        refusal: Refusal,
        resource: Option<&Arc<Resource>>,
        request: Option<&CorrelationId>,
    ) -> Self {
        let id = request.cloned().unwrap_or_else(CorrelationId::generate);
        let correlation_id = &*id.0;
        let (expected, got) = match &refusal.detail {
            Some(detail) => (Some(detail.expected.as_str()), Some(detail.got.as_str())),
            None => (None, None),
        };
        let hint = refusal.hint_given();
        let reason = refusal.reason.name();
        metrics::counter!("guard_validations_total", "outcome" => reason).increment(1);
        match refusal.reason {
            Reason::NoCredentials => tracing::debug!(reason, correlation_id, "request denied"),
            Reason::Unguarded => tracing::error!(
                reason,
                correlation_id,
                "a handler takes a token, but `guard.layer()` does not stand before its route"
            ),
            Reason::IssuerUnavailable | Reason::IssuerHasNoKeys | Reason::TooManyProofs => {
                tracing::warn!(reason, correlation_id, "request denied");
            }
            _ => {
                tracing::info!(
                    reason,
                    correlation_id,
                    expected,
                    got,
                    hint,
                    "request denied"
                );
            }
        }
        Self(Box::new(Inner {
            refusal,
            resource: resource.cloned(),
            correlation_id: id,
        }))
    }

    /// A refusal of the application's own: 403, with `access_denied` and `description` in the body. For a request that comes with a
    /// token, [`Token::forbid`](crate::Token::forbid) names it too.
    pub fn forbidden(description: impl Into<String>) -> Self {
        Self::new(Refusal::forbidden(description.into()), None, None)
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.0.refusal.reason
    }

    /// The answer's status: 400, 401, 403 or 503, and 500 for a handler on a route without a guard.
    pub fn status(&self) -> StatusCode {
        self.reason().status()
    }

    /// The id that stands in the answer and in the log.
    pub fn correlation_id(&self) -> &str {
        &self.0.correlation_id.0
    }

    /// The `WWW-Authenticate` challenge, in the scheme that the request used; `None` for 500 and 503 and for what
    /// the application refuses, where other credentials would not help.
    pub fn challenge(&self) -> Option<String> {
        if self.status().is_server_error() || self.reason() == Reason::Forbidden {
            return None;
        }
        let scheme = self.scheme();
        let mut parameters = Vec::new();
        if let Some(error) = self.reason().error() {
            parameters.push(("error", error.to_owned()));
            parameters.push(("error_description", self.reason().description().to_owned()));
        }
        if let Some(step_up) = &self.0.refusal.step_up {
            parameters.extend(step_up.parameters());
        }
        if let Some(scope) = &self.0.refusal.scope {
            parameters.push(("scope", scope.to_string()));
        }
        if let Some(resource) = &self.0.resource {
            parameters.push(("resource_metadata", resource.metadata_url().to_owned()));
        }
        if scheme == Scheme::Dpop {
            parameters.push(("algs", proof_algorithms()));
        }
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        Some(format!("{} {}", scheme.name(), parameters.join(", ")))
    }

    /// The scheme to answer in: an API that takes bound tokens alone asks for nothing else.
    fn scheme(&self) -> Scheme {
        match &self.0.resource {
            Some(resource) if resource.dpop_required => Scheme::Dpop,
            _ => self.0.refusal.scheme,
        }
    }

    /// The challenge beside the first one: a client that came with no token, or a bad bearer token, may come with a bound one.
    fn second_challenge(&self) -> Option<String> {
        let is_open = self.status() == StatusCode::UNAUTHORIZED && self.scheme() == Scheme::Bearer;
        let is_accepted = self.reason() == Reason::InsufficientUserAuthentication;
        (is_open && !is_accepted).then(|| format!("DPoP algs=\"{}\"", proof_algorithms()))
    }

    /// The whole answer.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from(self.body())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(self.correlation_id()) {
            headers.insert(CORRELATION, id);
        }
        // Every part is plain ASCII: fixed texts, scope names and addresses were read that way.
        for challenge in [self.challenge(), self.second_challenge()] {
            if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
        if let Some(Ok(nonce)) = self.0.refusal.nonce.as_deref().map(HeaderValue::try_from) {
            headers.insert(DPOP_NONCE, nonce);
        }
        if let Some(seconds) = self.0.refusal.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn description(&self) -> &str {
        match self.0.refusal.words.as_deref() {
            Some(Words::Description(description)) => description,
            _ => self.reason().description(),
        }
    }

    fn body(&self) -> Vec<u8> {
        let explains = self
            .0
            .resource
            .as_ref()
            .is_some_and(|resource| resource.explains);
        let body = Body {
            error: self.reason().body_error(),
            error_description: self.description(),
            correlation_id: self.correlation_id(),
            detail: self.0.refusal.detail.as_deref().filter(|_| explains),
            hint: self.0.refusal.hint_given().filter(|_| explains),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// The algorithms a proof may be signed with, delimited by spaces (RFC 9449 §7.1).
fn proof_algorithms() -> String {
    PROOF_ALGORITHMS.map(|algorithm| algorithm.name()).join(" ")
}

impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denied")
            .field("reason", &self.reason())
            .field("correlation_id", &self.correlation_id())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for Denied {}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Denied {
    fn into_response(self) -> axum::response::Response {
        Denied::into_response(self)
    }
}

/// A member of a refused token for [`Refusal::because`]: its text, or its JSON.
pub(crate) fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
