//! The guard against an issuer that does what a test tells it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anything;
mod asked;
mod dpop;
mod foreign;
mod introspection;
mod issuers;
mod jwt;
mod keys;
mod metrics;
mod places;
mod requests;
mod step_up;
mod support;
