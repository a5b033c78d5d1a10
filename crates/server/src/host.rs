//! The name the server is called by. Nothing is ever made from `Host`; a request under another name is turned away.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, header};
use safeconduct_protocol::error::{Reason, Refusal};

use crate::{correlation::Correlation, respond, server::Server};

/// Lets only requests for the issuer's own host through. On a development server a person who typed 127.0.0.1 is sent to
/// the issuer's name: to a cookie they are different sites.
pub(crate) async fn only_ours(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    let issuer = &server.settings().issuer;
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned())
        .or_else(|| {
            let mut values = request.headers().get_all(header::HOST).iter();
            values
                .next()
                .filter(|_| values.next().is_none())
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        });
    let named = named.unwrap_or_default();
    let default_port = if issuer.is_development() {
        ":80"
    } else {
        ":443"
    };
    let host = named.strip_suffix(default_port).unwrap_or(&named);
    if host.eq_ignore_ascii_case(issuer.authority()) {
        let mut response = next.run(request).await;
        if !issuer.is_development() {
            response.headers_mut().insert(
                header::STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=63072000"),
            );
        }
        return response;
    }
    if issuer.is_development() && request.method() == Method::GET && is_loopback_literal(host) {
        let path = request
            .uri()
            .path_and_query()
            .map(|path| path.as_str())
            .filter(|path| path.starts_with('/'))
            .unwrap_or("/");
        return respond::lead_to(&server, &format!("{}{path}", issuer.origin()));
    }
    let correlation = request
        .extensions()
        .get::<Correlation>()
        .copied()
        .unwrap_or_else(Correlation::generate);
    let refusal =
        Refusal::new(Reason::HostUnexpected).because(format!("expected {}", issuer.authority()));
    respond::page_refusal(&server, refusal.into(), correlation, &[], None)
}

fn is_loopback_literal(host: &str) -> bool {
    ["127.0.0.1", "[::1]"]
        .iter()
        .any(|literal| host == *literal || host.starts_with(&format!("{literal}:")))
}
