//! What machines are told of what happened, as signed tokens (RFC 8417): guards ask for it, and hold the answer open until there is something
//! (`endpoints/security_events.rs`); to receivers that the configuration declares it is pushed (`push.rs`).
//!
//! What is told is made of the events in the store, by the order in which they appear there (`store/src/event_numbers.rs`). Nothing is
//! kept for who asks: how far they have come is a sealed cursor of theirs.

pub(crate) mod access;
mod feed;
mod push;
mod signal;

pub(crate) use self::{
    feed::{Feed, Following, Log},
    push::{name_of, queue_for_receivers, run},
    signal::{Names, signal_of},
};
