#![doc = include_str!("../README.md")]

#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod client;
mod config;
mod error;
mod grammar;
mod issuer;
#[cfg(feature = "native")]
pub mod native;
#[cfg(any(feature = "axum", feature = "native"))]
mod page_style;
mod parameters;
mod session;
mod sign_in;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;

pub use builder::ClientBuilder;
pub use client::Client;
pub use config::PushedRequests;
pub use error::{Error, ErrorKind};
pub use issuer::authentication::ClientAuthentication;
pub use issuer::metadata::Metadata;
pub use session::key_ring::KeyRing;
pub use session::logout::SignedOut;
pub use session::{Session, StartedSession};
pub use sign_in::attempt::CodeExchange;
pub use sign_in::authorization_request::{Begin, BeginOptions};
pub use sign_in::identity::Identity;
pub use sign_in::login_options::{LoginOptions, Prompt};
pub use sign_in::signed_in::SignedIn;
pub use sign_in::step_up::StepUp;
pub use tokens::api::{Api, ApiRequest, ApiResponse};
pub use tokens::client_credentials::ClientCredentials;
pub use tokens::request::TokenRequest;
pub use tokens::resource::Resource;
pub use tokens::response::{TokenType, Tokens};

pub use safeconduct_issuer::reqwest;
pub use safeconduct_protocol::clock::Clock;
pub use safeconduct_protocol::jose::{Algorithm, JwkSet, KeySet, SigningKey};
pub use safeconduct_protocol::scope::Scope;
pub use safeconduct_protocol::secret::Secret;
pub use safeconduct_protocol::time::Timestamp;
