//! Refusals: why a request was not let through, and the one place that turns that into an answer (RFC 6750 §3).
//!
//! Whoever sent the request reads a sentence from a fixed list. What was expected and what came instead goes to the log,
//! and in development mode on this machine into the body too. The token itself goes nowhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use safeconduct_protocol::jose::JoseError;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::{encoding, random};
use serde::Serialize;

use crate::resource::Resource;

/// Why a request was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No access token, or credentials of a kind that is unknown here.
    NoCredentials,
    /// The `Authorization` header is not `Bearer`, a space and one token.
    MalformedCredentials,
    /// More than one `Authorization` header.
    SeveralCredentials,
    /// An access token in the URL (RFC 9700 §4.3.2).
    TokenInQuery,
    /// An access token in the form (RFC 6750 §2.2).
    TokenInBody,
    /// Not a token of any form that is accepted.
    Malformed,
    /// Signed with an algorithm that is not accepted.
    AlgorithmNotAllowed,
    /// A JWT, but not an access token: its `typ` is not `at+jwt` (RFC 9068 §4).
    WrongType,
    /// No key of the issuer has the name that the token gives.
    UnknownKey,
    /// The signature is not the issuer's.
    WrongSignature,
    /// A required claim is missing, or a claim has the wrong type.
    MalformedClaims,
    /// Issued by somebody else.
    WrongIssuer,
    /// Issued for another API.
    WrongAudience,
    /// Past its time.
    Expired,
    /// Before its time.
    NotYetValid,
    /// Bound to a key (`cnf`), and so no bearer token (RFC 9449 §7.2, RFC 8705 §3).
    BoundToKey,
    /// The issuer says that it is not active: revoked, expired, unknown, or not for us to ask about.
    NotActive,
    /// A good token that does not carry the scope that is needed.
    InsufficientScope,
    /// The issuer cannot be asked, and nothing that is known here decides.
    IssuerUnavailable,
    /// The handler wants a token on a route that no guard stands before.
    Unguarded,
}

impl Reason {
    /// A stable name for logs, metrics and tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no-credentials",
            Self::MalformedCredentials => "malformed-credentials",
            Self::SeveralCredentials => "several-credentials",
            Self::TokenInQuery => "token-in-query",
            Self::TokenInBody => "token-in-body",
            Self::Malformed => "malformed",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::WrongType => "wrong-type",
            Self::UnknownKey => "unknown-key",
            Self::WrongSignature => "wrong-signature",
            Self::MalformedClaims => "malformed-claims",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::BoundToKey => "bound-to-key",
            Self::NotActive => "not-active",
            Self::InsufficientScope => "insufficient-scope",
            Self::IssuerUnavailable => "issuer-unavailable",
            Self::Unguarded => "unguarded",
        }
    }

    /// What whoever sent the request is told. Fixed, ASCII, without quotes.
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoCredentials => "Send an access token: Authorization: Bearer <token>",
            Self::MalformedCredentials => "Send one access token: Authorization: Bearer <token>",
            Self::SeveralCredentials => "Send one Authorization header",
            Self::TokenInQuery => {
                "Send the access token in the Authorization header, not in the URL"
            }
            Self::TokenInBody => {
                "Send the access token in the Authorization header, not in the body"
            }
            Self::Malformed => "The access token is malformed",
            Self::AlgorithmNotAllowed => {
                "The access token is signed with an algorithm that is not allowed"
            }
            Self::WrongType => "The token is not an access token",
            Self::UnknownKey => "The access token is signed with an unknown key",
            Self::WrongSignature => "The access token has a wrong signature",
            Self::MalformedClaims => "The access token lacks a required claim",
            Self::WrongIssuer => "The access token comes from another issuer",
            Self::WrongAudience => "The access token is for another audience",
            Self::Expired => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            Self::BoundToKey => "The access token is bound to a key and is no bearer token",
            Self::NotActive => "The access token is not active",
            Self::InsufficientScope => "The access token does not carry the scope that is needed",
            Self::IssuerUnavailable => "The access token cannot be checked at the moment",
            Self::Unguarded => "The server is not set up to check access tokens here",
        }
    }

    /// The answer's status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedCredentials
            | Self::SeveralCredentials
            | Self::TokenInQuery
            | Self::TokenInBody => StatusCode::BAD_REQUEST,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::IssuerUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The error code of the challenge (RFC 6750 §3.1); `None` where it has none.
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::NoCredentials | Self::IssuerUnavailable | Self::Unguarded => None,
            Self::MalformedCredentials
            | Self::SeveralCredentials
            | Self::TokenInQuery
            | Self::TokenInBody => Some("invalid_request"),
            Self::InsufficientScope => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }

    /// The `error` of the body, which has one always.
    const fn body_error(self) -> &'static str {
        match self {
            Self::NoCredentials => "missing_token",
            Self::IssuerUnavailable => "temporarily_unavailable",
            Self::Unguarded => "server_error",
            _ => match self.error() {
                Some(error) => error,
                None => "invalid_token",
            },
        }
    }
}

impl From<JoseError> for Reason {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::TooLarge
            | JoseError::Malformed
            | JoseError::Header
            | JoseError::EmbeddedKey
            | JoseError::Extension => Self::Malformed,
            JoseError::Algorithm => Self::AlgorithmNotAllowed,
            JoseError::Typ => Self::WrongType,
            JoseError::UnknownKey | JoseError::AmbiguousKey => Self::UnknownKey,
            JoseError::Signature => Self::WrongSignature,
            JoseError::Claims | JoseError::TooOld | JoseError::LifetimeTooLong => {
                Self::MalformedClaims
            }
            JoseError::Issuer => Self::WrongIssuer,
            JoseError::Audience => Self::WrongAudience,
            JoseError::Expired => Self::Expired,
            JoseError::NotYetValid | JoseError::IssuedInFuture => Self::NotYetValid,
        }
    }
}

/// A reason with what belongs to it, before it is addressed to anybody.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    scope: Option<Scope>,
    retry_after: Option<i64>,
    detail: Option<Detail>,
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

    /// The issuer cannot be asked; it may be worth trying again in `seconds`.
    pub(crate) fn unavailable(seconds: i64) -> Self {
        Self {
            retry_after: Some(seconds.max(1)),
            ..Self::from(Reason::IssuerUnavailable)
        }
    }

    /// Adds the scope that the route needs to the challenge.
    pub(crate) fn needing(mut self, scope: &Scope) -> Self {
        self.scope = Some(scope.clone()).filter(|scope| !scope.is_empty());
        self
    }

    /// Adds what was expected and what came, the latter cut to 200 characters.
    pub(crate) fn because(mut self, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        let got = got.to_string().chars().take(200).collect();
        self.detail = Some(Detail {
            expected: expected.to_string(),
            got,
        });
        self
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            scope: None,
            retry_after: None,
            detail: None,
        }
    }
}

impl From<JoseError> for Refusal {
    fn from(error: JoseError) -> Self {
        Reason::from(error).into()
    }
}

/// A request that was not let through, and the answer it gets: a status, a `WWW-Authenticate` challenge (RFC 6750 §3)
/// and a JSON body `{"error", "error_description", "correlation_id"}`.
///
/// As an axum handler's error it answers by itself.
#[derive(Clone)]
pub struct Denied(Box<Inner>);

#[derive(Clone)]
struct Inner {
    refusal: Refusal,
    resource: Option<Arc<Resource>>,
    correlation_id: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    correlation_id: &'a str,
    #[serde(flatten)]
    detail: Option<&'a Detail>,
}

impl Denied {
    /// Addresses `refusal` to whoever sent the request, counts it and writes it to the log.
    pub(crate) fn new(refusal: Refusal, resource: Option<&Arc<Resource>>) -> Self {
        let correlation_id = encoding::encode(&random::bytes::<9>());
        let (expected, got) = match &refusal.detail {
            Some(detail) => (Some(detail.expected.as_str()), Some(detail.got.as_str())),
            None => (None, None),
        };
        let reason = refusal.reason.name();
        metrics::counter!("guard_validations_total", "outcome" => reason).increment(1);
        match refusal.reason {
            Reason::NoCredentials => tracing::debug!(reason, correlation_id, "request denied"),
            Reason::Unguarded => tracing::error!(
                reason,
                correlation_id,
                "a handler takes a token, but `guard.layer()` does not stand before its route"
            ),
            Reason::IssuerUnavailable => tracing::warn!(reason, correlation_id, "request denied"),
            _ => tracing::info!(reason, correlation_id, expected, got, "request denied"),
        }
        Self(Box::new(Inner {
            refusal,
            resource: resource.cloned(),
            correlation_id,
        }))
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
        &self.0.correlation_id
    }

    /// The `WWW-Authenticate` challenge; `None` for 500 and 503, where other credentials would not help.
    pub fn challenge(&self) -> Option<String> {
        if self.status().is_server_error() {
            return None;
        }
        let mut parameters = Vec::new();
        if let Some(error) = self.reason().error() {
            parameters.push(("error", error.to_owned()));
            parameters.push(("error_description", self.reason().description().to_owned()));
        }
        if let Some(scope) = &self.0.refusal.scope {
            parameters.push(("scope", scope.to_string()));
        }
        if let Some(resource) = &self.0.resource {
            parameters.push(("resource_metadata", resource.metadata_url().to_owned()));
        }
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        Some(format!("Bearer {}", parameters.join(", ")))
    }

    /// The whole answer.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from(self.body())));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Every part is plain ASCII: fixed texts, scope names and addresses were read that way.
        if let Some(Ok(challenge)) = self.challenge().map(HeaderValue::try_from) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.0.refusal.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn body(&self) -> Vec<u8> {
        let explains = self
            .0
            .resource
            .as_ref()
            .is_some_and(|resource| resource.explains);
        let body = Body {
            error: self.reason().body_error(),
            error_description: self.reason().description(),
            correlation_id: self.correlation_id(),
            detail: self.0.refusal.detail.as_ref().filter(|_| explains),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
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
        f.write_str(self.reason().description())
    }
}

impl std::error::Error for Denied {}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Denied {
    fn into_response(self) -> axum::response::Response {
        Denied::into_response(self)
    }
}
