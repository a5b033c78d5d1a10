//! Tokens: asked for, proven, kept fresh, shown to the API, given back.

pub(crate) mod api;
pub(crate) mod client_credentials;
pub(crate) mod proof;
pub(crate) mod proof_key;
pub(crate) mod refresh;
pub(crate) mod refreshes;
pub(crate) mod request;
pub(crate) mod resource;
pub(crate) mod response;
pub(crate) mod revocation;
pub(crate) mod sending;
pub(crate) mod stored;
