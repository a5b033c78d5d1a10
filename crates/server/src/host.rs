//! The name the server is called by. Nothing is ever made from `Host`; a request under another name is turned away.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, Version, header, uri::Authority};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    loopback::is_loopback_literal,
};

use crate::{addresses::Address, reader::Reader, respond, server::Server};

/// Lets only requests for the issuer's own host through; and to what apps call, those under a name of `internal_hosts`. On
/// a development server a user who typed 127.0.0.1 is sent to the issuer's name: to a cookie they are different sites.
pub(crate) async fn only_ours(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    let settings = server.settings();
    let issuer = &settings.issuer;
    let address = Address::of(issuer, &request);
    let named = match named(&request) {
        Ok(named) => named,
        Err(refusal) => {
            let reader = Reader::of(server.settings(), &request);
            return respond::refusal_at(&server, &address, refusal, reader);
        }
    };
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
    let is_internal = |name: &String| name.eq_ignore_ascii_case(&named);
    if matches!(address, Address::ForApps) && settings.internal_hosts.iter().any(is_internal) {
        return next.run(request).await;
    }
    if issuer.is_development() && request.method() == Method::GET && is_loopback_literal(host) {
        let path = request
            .uri()
            .path_and_query()
            .map(|path| path.as_str())
            .filter(|path| path.starts_with('/'))
            .unwrap_or("/");
        let pages = server
            .pages()
            .of(Reader::of(server.settings(), &request).language);
        return respond::lead_to(pages, &format!("{}{path}", issuer.origin()));
    }
    let refusal =
        Refusal::new(Reason::HostUnexpected).because(format!("expected {}", issuer.authority()));
    respond::misdirected(
        &server,
        &address,
        refusal,
        Reader::of(server.settings(), &request),
    )
}

/// The host that a request names: in its target where that is in absolute form, whatever `Host` says then, else in `Host`
/// (RFC 9112 §3.2.2).
///
/// # Errors
/// `host-malformed` for no `Host`, two of them, or one that is no host (RFC 9112 §3.2), whatever the target's form.
pub(crate) fn named(request: &Request) -> Result<String, Refusal> {
    let malformed = |detail: &str| Err(Refusal::new(Reason::HostMalformed).because(detail));
    let mut values = request.headers().get_all(header::HOST).iter();
    let host = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return malformed("two Host headers"),
        (None, _) if request.version() == Version::HTTP_11 => return malformed("no Host header"),
        (None, _) => "",
        (Some(host), None) => match host.to_str().ok().filter(|host| is_host(host)) {
            Some(host) => host,
            None => return malformed("the Host header is no host"),
        },
    };
    let in_target = request.uri().authority().map(Authority::as_str);
    Ok(in_target.unwrap_or(host).to_owned())
}

/// A host with or without a port, or nothing, which a target without an authority has (RFC 9110 §7.2).
fn is_host(text: &str) -> bool {
    text.is_empty() || (text.parse::<Authority>().is_ok() && !text.contains('@'))
}
