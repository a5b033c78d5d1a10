//! The rules as claims about the protocol, made through the crate's public interface alone. One file for each noun.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod assertion;
mod authorization_request;
mod client_registration;
mod code;
mod consent;
mod fixtures;
mod granted;
mod introspection;
mod metadata;
mod pending_authorization;
mod refresh;
mod sealed;
mod token_request;
