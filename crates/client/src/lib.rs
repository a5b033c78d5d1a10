#![doc = include_str!("../README.md")]

mod api;
mod attempt;
mod authentication;
mod authorization_request;
#[cfg(feature = "axum")]
pub mod axum;
mod back_channel;
mod builder;
mod client;
mod client_credentials;
mod cookie;
mod error;
mod grammar;
mod id_token;
mod identity;
mod key_ring;
mod keys;
mod login_options;
mod logout;
mod metadata;
mod proof;
mod pushed_request;
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
mod user_info;

pub use api::{Api, ApiRequest, ApiResponse};
pub use attempt::CodeExchange;
pub use authentication::ClientAuthentication;
pub use authorization_request::{Begin, BeginOptions};
pub use builder::ClientBuilder;
pub use client::Client;
pub use client_credentials::ClientCredentials;
pub use error::{Error, ErrorKind};
pub use identity::Identity;
pub use key_ring::KeyRing;
pub use login_options::{LoginOptions, Prompt};
pub use logout::SignedOut;
pub use metadata::Metadata;
pub use pushed_request::PushedRequests;
pub use session::{Session, StartedSession};
pub use sign_in::SignedIn;
pub use token_request::TokenRequest;
pub use token_response::{TokenType, Tokens};

pub use safeconduct_protocol::clock::Clock;
pub use safeconduct_protocol::jose::{Algorithm, JwkSet, KeySet, SigningKey};
pub use safeconduct_protocol::scope::Scope;
pub use safeconduct_protocol::secret::Secret;
pub use safeconduct_protocol::time::Timestamp;
