//! A request on its way to a GET of the same address, with its parameters sealed: it came by POST, or was refused and is shown again in
//! another language.
//!
//! For which address is not in it: what was posted to one could have been posted to the other.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    error::Reason,
    grant::Lifetimes,
    language::Language,
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
};

/// Such a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedRequest {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// When it came.
    #[serde(rename = "f")]
    pub posted_at: Timestamp,
    /// Its parameters, form-encoded.
    #[serde(rename = "q")]
    pub parameters: String,
    /// What the user at the browser chose to read the answer in, whatever the client wishes.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl Sealed for PostedRequest {
    const KIND: Kind = Kind::PostedRequest;
    const NOT_RECOGNISED: Reason = Reason::PendingRequestNotRecognised;
    const OVER: Reason = Reason::PendingRequestNotRecognised;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, lifetimes: &Lifetimes) -> Range<Timestamp> {
        until(self.posted_at.plus(lifetimes.pending + 1))
    }
}
