//! CORS (Fetch §3.3): at which addresses the scripts of any web page may call this server and read its answers.
//!
//! They are those that an app without a server of its own needs, and none that answers by a cookie: whoever calls shows a code,
//! a token or a secret of their own, so it does not matter from which page. `Access-Control-Allow-Credentials` is never sent.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use safeconduct_protocol::metadata::Issuer;

/// Below the issuer. Not `/introspect`: an API asks there with credentials of its own, which no page holds.
const ENDPOINTS: [&str; 6] = [
    "/token",
    "/revoke",
    "/userinfo",
    "/par",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
];

const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// What a script may read besides the body: the nonce for its next proof (RFC 9449 §8.2), why its token was refused (RFC 6750
/// §3), when to come back, and the name under which the operator finds the request.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate, Retry-After, X-Correlation-Id");

/// What a browser is told before it sends such a request. A wildcard would not cover `Authorization` (Fetch §3.3.3). Two hours
/// are as long as any browser remembers it.
const PREFLIGHT: [(HeaderName, HeaderValue); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type, DPoP"),
    ),
    (
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("7200"),
    ),
];

/// The paths whose answers the scripts of every origin may read.
#[derive(Clone, Debug, Default)]
pub struct CrossOrigin(Arc<[String]>);

impl CrossOrigin {
    /// Those of a server with this issuer.
    pub fn of(issuer: &Issuer) -> Self {
        let below = ENDPOINTS.map(|endpoint| format!("{}{endpoint}", issuer.path()));
        let beside = issuer.well_known("oauth-authorization-server");
        Self(below.into_iter().chain([beside]).collect())
    }

    /// None at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Marks the answer to a request for `path` as readable, whatever its status, if it is one of them.
    pub(crate) fn mark(&self, path: &str, headers: &mut HeaderMap) {
        if self.0.iter().any(|readable| readable == path) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Marks every answer that comes out of the router, refusals and faults included.
pub(crate) async fn readable(
    State(cross_origin): State<CrossOrigin>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    cross_origin.mark(&path, response.headers_mut());
    response
}

/// `OPTIONS`, which a browser asks before it sends a request that no form could send.
pub(crate) async fn preflight() -> Response {
    (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
}
