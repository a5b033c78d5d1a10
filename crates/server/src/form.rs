//! A form that was posted: form-encoded in the body, and nothing in the URL (RFC 6749 §2.3.1, §3.2).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
};
use http::{HeaderMap, Uri, header};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
};

use serde::de::DeserializeOwned;

use crate::origin::Origin;

/// The parameter and form field that carries a sealed pending authorization.
pub(crate) const PENDING: &str = "pending";

/// A POST as it came in, unread.
pub(crate) struct PostedForm {
    uri: Uri,
    headers: HeaderMap,
    origin: Origin,
    body: Bytes,
}

impl PostedForm {
    /// Its headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Where it comes from.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Reads its parameters from the body.
    ///
    /// # Errors
    /// `credentials-in-query` if the URL has a query, `content-type-unsupported`, and those of [`Parameters::parse`].
    pub(crate) fn parameters(&self) -> Result<Parameters, Refusal> {
        if self.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Reason::CredentialsInQuery.into());
        }
        if !is_form(&self.headers) {
            return Err(Reason::ContentTypeUnsupported.into());
        }
        Parameters::parse(&self.body)
    }

    /// Reads a JSON object from the body.
    ///
    /// # Errors
    /// `malformed` for another content type or another body, a query in the URL included.
    pub(crate) fn json<T: DeserializeOwned>(&self, malformed: Reason) -> Result<T, Refusal> {
        if self.uri.query().is_some() {
            return Err(Refusal::new(malformed).because("a query in the URL"));
        }
        if !is_of_type(&self.headers, "application/json") {
            return Err(Refusal::new(malformed).because("not application/json"));
        }
        let read = serde_json::from_slice(&self.body);
        read.map_err(|error| Refusal::new(malformed).because(error.to_string()))
    }

    /// The same where a body is optional; `None` without one.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn parameters_if_any(&self) -> Result<Option<Parameters>, Refusal> {
        if self.body.is_empty() && !is_form(&self.headers) {
            return Ok(None);
        }
        self.parameters().map(Some)
    }
}

impl<S: Send + Sync> FromRequest<S> for PostedForm {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, BytesRejection> {
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        let origin = Origin::of(request.extensions());
        let body = Bytes::from_request(request, state).await?;
        Ok(Self {
            uri,
            headers,
            origin,
            body,
        })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    is_of_type(headers, "application/x-www-form-urlencoded")
}

fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case(expected)
}

/// The one `Authorization` header, if there is one.
///
/// # Errors
/// `client-authentication-repeated` for two.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    match values.next() {
        Some(_) => {
            Err(Refusal::new(Reason::ClientAuthenticationRepeated)
                .because("two Authorization headers"))
        }
        None => Ok(first),
    }
}
