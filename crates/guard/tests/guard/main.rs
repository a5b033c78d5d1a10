//! The guard against an issuer that does what a test tells it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dpop;
mod introspection;
mod jwt;
mod keys;
mod metrics;
mod requests;
mod step_up;
mod support;
