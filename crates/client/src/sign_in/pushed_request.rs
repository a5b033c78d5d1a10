//! Pushed authorization requests (RFC 9126): the issuer is told what is asked before the browser leaves, which then carries a
//! reference and nothing that could be read or changed on the way.

use std::borrow::Cow;

use http::StatusCode;
use safeconduct_issuer::{Answer, is_busy};
use serde::Deserialize;

use crate::client::Client;
use crate::config::PushedRequests;
use crate::error::{Error, ErrorKind};
use crate::grammar;
use crate::issuer::metadata::Metadata;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::request::TokenRequest;
use crate::tokens::response::Refused;

/// RFC 9126 §2.2. `expires_in` is not looked at: the browser leaves at once.
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

impl Client {
    /// Pushes an authorization request if it is to be pushed, and gives the reference to it.
    ///
    /// # Errors
    /// [`ErrorKind::PushedRequest`] if the issuer refuses; where pushing is a must, whatever else kept the answer away.
    pub(crate) async fn push(
        &self,
        metadata: &Metadata,
        parameters: &[(Cow<'static, str>, String)],
        key: Option<&StoredKey>,
    ) -> Result<Option<String>, Error> {
        if !self.pushes(metadata)? {
            return Ok(None);
        }
        let endpoint = metadata
            .pushed_authorization_request_endpoint
            .as_ref()
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::IssuerMetadata,
                    "the metadata names no pushed_authorization_request_endpoint",
                )
            })?;
        let build =
            || TokenRequest::for_pushing(endpoint, &self.requester(), parameters, self.now());
        let pushed = self.send_proven(key, build).await.and_then(|it| read(&it));
        match pushed {
            Ok(request_uri) => Ok(Some(request_uri)),
            Err(error) if is_outage(&error) && !self.must_push(metadata) => {
                tracing::warn!(%error, "the request was not pushed; the browser carries it");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether this client or the issuer insists on it.
    pub(crate) fn must_push(&self, metadata: &Metadata) -> bool {
        self.config().pushed_requests == PushedRequests::Always || metadata.requires_pushed_requests
    }

    fn pushes(&self, metadata: &Metadata) -> Result<bool, Error> {
        match self.config().pushed_requests {
            PushedRequests::Never if metadata.requires_pushed_requests => {
                Err(Error::configuration(
                    "the issuer requires pushed authorization requests, and this client never pushes them",
                ))
            }
            PushedRequests::Never => Ok(false),
            PushedRequests::WhenAdvertised => Ok(self.must_push(metadata)
                || metadata.pushed_authorization_request_endpoint.is_some()),
            PushedRequests::Always => Ok(true),
        }
    }
}

fn is_outage(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::IssuerUnreachable | ErrorKind::IssuerBusy
    )
}

fn read(answer: &Answer) -> Result<String, Error> {
    let endpoint = "the pushed_authorization_request_endpoint";
    let unusable = |why: &str| Error::new(ErrorKind::PushedRequest, format!("{endpoint} {why}"));
    if is_busy(answer.status) {
        let detail = format!("{endpoint} answered {}", answer.status);
        return Err(Error::new(ErrorKind::IssuerBusy, detail));
    }
    if !matches!(answer.status, StatusCode::CREATED | StatusCode::OK) {
        let refused = Refused::read(answer.status, answer.is_json(), &answer.body);
        return Err(match refused {
            Some(refused) => refused.into_error(ErrorKind::PushedRequest, answer.status),
            None => unusable(&format!("answered {} without an error code", answer.status)),
        });
    }
    let pushed = serde_json::from_slice::<Pushed>(&answer.body).ok();
    pushed
        .filter(|_| answer.is_json())
        .map(|pushed| pushed.request_uri)
        .filter(|uri| grammar::is_request_uri(uri))
        .ok_or_else(|| unusable("gave no request_uri"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, header};
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn a_reference_is_taken() {
        let body = r#"{"request_uri":"urn:ietf:params:oauth:request_uri:x","expires_in":60}"#;
        assert_eq!(
            read(&answer(201, body)).unwrap(),
            "urn:ietf:params:oauth:request_uri:x"
        );
    }

    #[rstest]
    #[case(201, r#"{}"#, ErrorKind::PushedRequest)]
    #[case(201, r#"{"request_uri":""}"#, ErrorKind::PushedRequest)]
    #[case(201, r#"{"request_uri":"a b"}"#, ErrorKind::PushedRequest)]
    #[case(201, r#"{"request_uri":7}"#, ErrorKind::PushedRequest)]
    #[case(201, "hello", ErrorKind::PushedRequest)]
    #[case(302, r#"{"request_uri":"urn:x"}"#, ErrorKind::PushedRequest)]
    #[case(400, r#"{"error":"invalid_scope"}"#, ErrorKind::PushedRequest)]
    #[case(404, "", ErrorKind::PushedRequest)]
    #[case(503, "", ErrorKind::IssuerBusy)]
    #[case(429, "", ErrorKind::IssuerBusy)]
    fn anything_else_is_not(#[case] status: u16, #[case] body: &str, #[case] kind: ErrorKind) {
        assert_eq!(read(&answer(status, body)).unwrap_err().kind(), kind);
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        let error = read(&answer(400, r#"{"error":"invalid_scope"}"#)).unwrap_err();
        assert_eq!(error.oauth_error(), Some("invalid_scope"));
    }
}
