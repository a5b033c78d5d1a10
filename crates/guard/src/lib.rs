#![doc = include_str!("../README.md")]
//!
//! # Where things are
//! [`Guard`] decides; [`GuardBuilder`] sets it up; [`Token`] is what a handler gets; [`Denied`] is what every other
//! client gets. `Guard::layer` and `Guard::require` stand before any tower service; the extractors and the metadata route need
//! the feature `axum` (on by default); `Guard::for_tests` needs the feature `testing`.

mod builder;
mod credentials;
mod denied;
mod dpop;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod introspection;
mod jwt;
mod layer;
mod metadata;
mod reason;
mod resource;
mod step_up;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod token;
mod used_proofs;

pub use builder::{ConfigError, GuardBuilder, Mode};
pub use denied::{CorrelationId, Denied};
#[cfg(feature = "axum")]
pub use extract::{Scope, Scoped};
pub use guard::{Guard, NotReady};
pub use layer::{GuardLayer, GuardService};
pub use reason::Reason;
pub use resource::ResourceMetadata;
pub use safeconduct_issuer::AddressError;
pub use safeconduct_protocol::clock::Clock;
#[cfg(any(test, feature = "testing"))]
pub use safeconduct_protocol::dpop::ProofKey;
pub use safeconduct_protocol::secret::Secret;
pub use safeconduct_protocol::time::Timestamp;
pub use step_up::StepUp;
#[cfg(any(test, feature = "testing"))]
pub use testing::{TestIssuer, TestToken};
pub use token::Token;
