#![doc = include_str!("../README.md")]

mod address;
mod api;
mod attempt;
mod authentication;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod client;
mod client_credentials;
mod cookie;
mod discovery;
mod error;
mod flights;
mod http;
mod key_ring;
mod metadata;
mod record;
mod refresh;
mod return_to;
mod session;
mod sessions;
mod sign_in;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod token_request;
mod token_response;

pub use api::{Api, ApiRequest, ApiResponse};
pub use attempt::CodeExchange;
pub use authentication::ClientAuthentication;
pub use builder::ClientBuilder;
pub use client::Client;
pub use client_credentials::ClientCredentials;
pub use error::{Error, ErrorKind};
pub use key_ring::KeyRing;
pub use metadata::Metadata;
pub use session::{Session, StartedSession};
pub use sign_in::{Begin, BeginOptions, SignedIn};
pub use token_request::TokenRequest;
pub use token_response::Tokens;

pub use safeconduct_protocol::clock::Clock;
pub use safeconduct_protocol::jose::SigningKey;
pub use safeconduct_protocol::scope::Scope;
pub use safeconduct_protocol::secret::Secret;
pub use safeconduct_protocol::time::Timestamp;
