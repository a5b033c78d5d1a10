//! What a browser does on its own does nothing: a HEAD, a prefetch or a prerender of an endpoint that acts changes no state
//! and hands nothing out. When the user opens the address, the browser asks again and is answered.
//!
//! Documents (metadata, keys, the front page, assets) are not concerned: reading them changes nothing, whoever reads.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    speculation::{HEADERS, is_speculative},
};

use crate::{addresses::Address, reader::Reader, respond, server::Server};

/// What an endpoint that acts answers to. HEAD is a GET that nobody reads (RFC 9110 §9.3.2): it could only act.
fn allowed(address: Address) -> HeaderValue {
    HeaderValue::from_static(match address {
        Address::ForApps => "GET, POST, OPTIONS",
        Address::ForPeople => "GET, POST",
    })
}

/// Lets through to an endpoint that acts what somebody means.
pub(crate) async fn only_when_meant(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    let refused = match *request.method() {
        Method::HEAD => Some(Reason::MethodNotAllowed),
        Method::GET if comes_in_advance(request.headers()) => Some(Reason::SpeculativeRequest),
        _ => None,
    };
    let address = Address::of(&server.settings().issuer, &request);
    let mut response = match refused {
        None => next.run(request).await,
        Some(reason) => {
            let reader = Reader::of(server.settings(), &request);
            respond::refusal_at(&server, &address, Refusal::new(reason), reader)
        }
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(header::ALLOW, allowed(address));
    }
    response
}

fn comes_in_advance(headers: &HeaderMap) -> bool {
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    values
        .into_iter()
        .any(|value| is_speculative(value.as_bytes()))
}
