//! By which name the API was called, which DPoP proofs name (RFC 9449 §4.3): its own `https` origin where it has one, else a name of this
//! machine. A page of the web that has its own name lead here gets nowhere.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{Uri, request::Parts};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    loopback::is_loopback_literal,
};

use super::problem::Problem;
use crate::{host::named, server::Server};

/// The origin that a request named.
#[derive(Clone, Debug)]
pub(crate) struct Called(String);

impl Called {
    /// Of a request that came through [`only_ours`].
    pub(crate) fn of(parts: &Parts) -> Self {
        let called = parts.extensions.get().cloned();
        called.unwrap_or(Self(String::new()))
    }

    /// The whole URL of a request, without its query.
    pub(crate) fn url(&self, uri: &Uri) -> String {
        format!("{}{}", self.0, uri.path())
    }

    /// The origin.
    pub(crate) fn origin(&self) -> &str {
        &self.0
    }
}

/// Whether `host` is the name under which the public listeners serve the API.
pub(crate) fn is_public_name(server: &Server, host: &str) -> bool {
    let administration = server.settings().administration.as_ref();
    let url = administration.and_then(|settings| settings.url.as_ref());
    let host = host.strip_suffix(":443").unwrap_or(host);
    url.is_some_and(|url| host.eq_ignore_ascii_case(url.authority()))
}

/// Lets only requests for a name of the API through.
pub(super) async fn only_ours(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Response {
    match called(&server, &request) {
        Ok(called) => {
            request.extensions_mut().insert(called);
            next.run(request).await
        }
        Err(refusal) => Problem::from(refusal).answer(&server, &request),
    }
}

fn called(server: &Server, request: &Request) -> Result<Called, Refusal> {
    let named = named(request)?;
    let administration = server.settings().administration.as_ref();
    if let Some(url) = administration.and_then(|settings| settings.url.as_ref()) {
        return match is_public_name(server, &named) {
            true => Ok(Called(url.as_str().to_owned())),
            false => Err(Reason::HostUnexpected.into()),
        };
    }
    let is_this_machine = is_loopback_literal(&named) || is_localhost(&named);
    match is_this_machine {
        true => Ok(Called(format!("http://{}", named.to_ascii_lowercase()))),
        false => {
            Err(Refusal::new(Reason::HostUnexpected).because("expected a name of this machine"))
        }
    }
}

fn is_localhost(authority: &str) -> bool {
    let host = authority
        .split_once(':')
        .map_or(authority, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost")
}
