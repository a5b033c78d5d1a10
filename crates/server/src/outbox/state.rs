//! What a server keeps for its outbox while it runs.

use super::concurrency::Deliveries;
use crate::outgoing::Outgoing;

/// The deliveries of this node, and what makes them.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(super) deliveries: Deliveries,
    pub(super) outgoing: Outgoing,
}

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Delivered,
    /// There was no use in it, or not this time.
    Failed(String),
    /// Nothing came back, or nothing in time.
    Silent(String),
    /// There is no use in another attempt.
    Refused(String),
}
