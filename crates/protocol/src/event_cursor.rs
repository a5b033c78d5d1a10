//! How far whoever follows events has come: handed to them with what they were told, and back with their next question, so that nothing is kept
//! for them and any node answers.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    error::Reason,
    grant::Lifetimes,
    ids::GrantId,
    seal::Kind,
    sealed::{Sealed, until},
    time::Timestamp,
};

/// How long a cursor is good, in seconds: an hour. Whoever was away for longer begins anew.
pub const CURSOR_LIFE: i64 = 3600;

/// The place in the order in which events appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    /// The history of the database it belongs to.
    #[serde(rename = "e")]
    pub era: i64,
    /// The number of the last event that was told.
    #[serde(rename = "n")]
    pub number: i64,
    /// Of the event behind that one, the last grant that was told.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// When that was.
    #[serde(rename = "f")]
    pub told_at: Timestamp,
}

impl Sealed for EventCursor {
    const KIND: Kind = Kind::EventCursor;
    const NOT_RECOGNISED: Reason = Reason::EventCursorNotRecognised;
    const OVER: Reason = Reason::EventCursorNotRecognised;

    fn era(&self) -> i64 {
        self.era
    }

    fn time(&self, _: &Lifetimes) -> Range<Timestamp> {
        until(self.told_at.plus(CURSOR_LIFE))
    }
}
