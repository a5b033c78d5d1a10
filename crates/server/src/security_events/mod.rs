//! What machines are told of what happened, as signed tokens (RFC 8417): guards ask for it, and hold the answer open until there is something
//! (`endpoints/security_events.rs`).
//!
//! What is told is made of the events in the store, by the order in which they appear there (`store/src/event_numbers.rs`). Nothing is
//! kept for who asks: how far they have come is a sealed cursor of theirs.

pub(crate) mod access;
mod feed;

pub(crate) use self::feed::{Feed, Log};
