//! The issuer in use: what it says about itself, how this client proves who it is there, and whether a token is the issuer's.

pub(crate) mod authentication;
pub(crate) mod judge;
pub(crate) mod metadata;
pub(crate) mod refused;
