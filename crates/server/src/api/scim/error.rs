//! How SCIM says no (RFC 7644 §3.12): a status, as text as well, one of its own words where it has one, and a sentence.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// What every answer of SCIM is written as (RFC 7644 §3.1).
pub(crate) const MEDIA_TYPE: &str = "application/scim+json";

/// The schema of an error.
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The words that SCIM has for what is wrong (RFC 7644 §3.12, RFC 9865 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScimType {
    /// The filter can't be read, or asks for what no filter can.
    InvalidFilter,
    /// More would have to be looked at, or changed, than one request may.
    TooMany,
    /// Another resource has it.
    Uniqueness,
    /// It can't be changed so.
    Mutability,
    /// The body is not what it has to be.
    InvalidSyntax,
    /// The path names nothing.
    InvalidPath,
    /// The path names nothing of this resource.
    NoTarget,
    /// A value has another form than it must have.
    InvalidValue,
    /// The cursor is none of ours, or of another question.
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The count is no number.
    InvalidCount,
}

impl ScimType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// Why a request of SCIM is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScimError {
    status: StatusCode,
    kind: Option<ScimType>,
    detail: String,
}

impl ScimError {
    /// A refusal without a word of SCIM's.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind: None,
            detail: detail.into(),
        }
    }

    /// A refusal with one, and the status that belongs to it.
    pub(crate) fn of(kind: ScimType, detail: impl Into<String>) -> Self {
        let status = match kind {
            ScimType::Uniqueness => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            kind: Some(kind),
            detail: detail.into(),
        }
    }

    /// There is nothing of that id.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The word, if there is one.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> Option<ScimType> {
        self.kind
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR],
            "status": self.status.as_str(),
            "detail": self.detail,
        });
        if let Some(kind) = self.kind {
            body["scimType"] = kind.as_str().into();
        }
        body
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        answer(self.status, &self.body())
    }
}

/// An answer of SCIM: what stands in it is about people, and is kept by no cache.
pub(crate) fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, MEDIA_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_its_status_as_text() {
        let error = ScimError::of(ScimType::Uniqueness, "There is a user ada already.");
        assert_eq!(
            error.body(),
            json!({"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","detail":"There is a user ada already.","scimType":"uniqueness"})
        );
        let error = ScimError::not_found("user").body();
        assert_eq!(error.get("scimType"), None);
    }
}
