//! The DPoP proof of a request (RFC 9449): read from its header, judged against the URL of the endpoint. That it is used once
//! is decided by the write it goes into.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use safeconduct_protocol::{
    dpop::{Presented, Proof, Thumbprint},
    error::{Reason, Refusal},
    single_use::{SingleUse, UsedId},
};

use crate::server::{Exchange, Server};

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A key that the sender of a request proved to hold.
pub(crate) struct ProvenKey {
    thumbprint: Thumbprint,
    used: UsedId,
}

impl ProvenKey {
    /// What tokens are bound to.
    pub(crate) fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The use of the proof, to be written in the unit of what the request changes.
    pub(crate) fn used(&self) -> &UsedId {
        &self.used
    }
}

/// The key that a request to `endpoint` (its path below the issuer) proves, if it carries a proof; with an access token, the
/// proof must be for that token.
///
/// # Errors
/// `dpop-proof-refused`, also for two headers; `dpop-nonce-required` where this server asks for nonces.
pub(crate) fn proven_key(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
    method: &str,
    endpoint: &str,
    access_token: Option<&str>,
) -> Result<Option<ProvenKey>, Refusal> {
    let url = exchange.server.settings().issuer.endpoint(endpoint);
    proven_key_at(exchange, headers, (method, &url), access_token)
}

/// The same at a URL that is not below the issuer.
///
/// # Errors
/// As [`proven_key`].
pub(crate) fn proven_key_at(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
    (method, url): (&str, &str),
    access_token: Option<&str>,
) -> Result<Option<ProvenKey>, Refusal> {
    let refused = |detail: &str| Refusal::new(Reason::DpopProofRefused).because(detail);
    let mut sent = headers.get_all(DPOP).iter();
    let Some(header) = sent.next() else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(refused("two DPoP headers"));
    }
    let text = header.to_str().map_err(|_| refused("not ASCII"))?;
    let settings = exchange.server.settings();
    let presented = Presented {
        method,
        uri: url,
        access_token,
    };
    let proof = Proof::verify(text, &presented, exchange.now)?;
    let nonces = exchange.catalog.keys.dpop_nonces();
    let fresh = |nonce: &String| nonces.accepts(nonce, exchange.now);
    if settings.dpop_nonce_required && !proof.nonce.as_ref().is_some_and(fresh) {
        return Err(Reason::DpopNonceRequired.into());
    }
    Ok(Some(ProvenKey {
        used: UsedId {
            kind: SingleUse::DpopProof,
            owner: proof.thumbprint.to_string(),
            id: proof.jti.clone(),
            expires_at: proof.ends_at(),
        },
        thumbprint: proof.thumbprint,
    }))
}

/// Gives the nonce for the next proof, where this server asks for nonces (RFC 9449 §8.2).
pub(crate) async fn with_nonce(server: &Server, mut response: Response) -> Response {
    if !server.settings().dpop_nonce_required {
        return response;
    }
    if let Ok(catalog) = server.catalog().await {
        let nonce = catalog.keys.dpop_nonces().current(server.now());
        if let Ok(nonce) = HeaderValue::try_from(nonce) {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
    }
    response
}
