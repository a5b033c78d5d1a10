//! A request that came by POST, on its way to a GET of the same address: its parameters, sealed.
//!
//! For which address is not in it: what was posted to one could have been posted to the other.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    error::Reason,
    grant::Lifetimes,
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
