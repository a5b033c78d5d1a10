#![doc = include_str!("../README.md")]
//!
//! # Where things are
//! [`Guard`] decides; [`GuardBuilder`] sets it up; [`Token`] is what a handler gets; [`Denied`] is what every other
//! client gets. `Guard::layer` and `Guard::require` stand before any tower service; the extractors and the metadata route need
//! the feature `axum` (on by default); `Guard::for_tests` needs the feature `testing`.

mod builder;
mod claims;
mod config_error;
mod credentials;
mod denied;
mod dialect;
mod dpop;
#[cfg(feature = "axum")]
mod extract;
mod foreign;
mod guard;
mod hint;
mod introspection;
mod jwt;
mod layer;
mod metadata;
mod places;
mod profile;
mod reason;
mod resource;
mod revocations;
mod settings;
mod step_up;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod token;
mod trusted;
mod used_proofs;

pub use builder::{GuardBuilder, Mode};
pub use config_error::ConfigError;
pub use denied::{CorrelationId, Denied};
#[cfg(feature = "axum")]
pub use extract::{Scope, Scoped};
pub use guard::{Guard, NotReady};
pub use layer::{GuardLayer, GuardService};
pub use profile::Profile;
pub use reason::Reason;
pub use resource::ResourceMetadata;
pub use revocations::{RevocationState, WithoutRevocations};
pub use safeconduct_issuer::AddressError;
pub use safeconduct_protocol::clock::Clock;
#[cfg(any(test, feature = "testing"))]
pub use safeconduct_protocol::dpop::ProofKey;
pub use safeconduct_protocol::jose::Algorithm;
pub use safeconduct_protocol::secret::Secret;
pub use safeconduct_protocol::time::Timestamp;
pub use step_up::StepUp;
#[cfg(any(test, feature = "testing"))]
pub use testing::{TestIssuer, TestToken};
pub use token::Token;
