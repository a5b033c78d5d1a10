//! Why there is no usable answer of an issuer.

use std::sync::Arc;

use crate::single_flight::Failure;

/// What kept a usable answer away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// No request can be made from here: there is no TLS.
    NoTls,
    /// No answer, or not a whole one.
    Unreachable,
    /// The issuer cannot serve now (429 or 5xx).
    Busy,
    /// The answer is not what was asked for.
    Unusable,
    /// There is a key set, and no key in it that verifies.
    NoKeys,
    /// Nothing was asked: it was a moment ago, in vain.
    TooOften,
}

/// Why there is no usable answer of the issuer. `Display` is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct FetchError {
    kind: FetchErrorKind,
    detail: Arc<str>,
    retry_after: Option<i64>,
}

impl FetchError {
    /// An error of `kind`; `detail` says what was expected and what came.
    pub fn new(kind: FetchErrorKind, detail: impl AsRef<str>) -> Self {
        Self {
            kind,
            detail: detail.as_ref().into(),
            retry_after: None,
        }
    }

    /// An answer that is not what was asked for.
    pub fn unusable(detail: impl AsRef<str>) -> Self {
        Self::new(FetchErrorKind::Unusable, detail)
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// In how many seconds the issuer is asked again at the earliest, where that is known.
    pub fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }
}

impl Failure for FetchError {
    fn abandoned() -> Self {
        Self::new(
            FetchErrorKind::Unreachable,
            "the request was abandoned before it ended",
        )
    }

    fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }

    fn with_retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}
