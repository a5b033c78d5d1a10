//! The rules as claims about the protocol, made through the crate's public interface alone. One file for each noun.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_token;
mod assertion;
mod authorization_request;
mod bound_tokens;
mod claims_parameter;
mod client_registration;
mod code;
mod consent;
mod fixtures;
mod granted;
mod id_token;
mod id_token_hint;
mod introspection;
mod language;
mod logout;
mod max_age;
mod metadata;
mod pending_authorization;
mod prompt;
mod pushed_request;
mod refresh;
mod response_mode;
mod sealed;
mod second_factor;
mod security_event;
mod subject;
mod token_request;
