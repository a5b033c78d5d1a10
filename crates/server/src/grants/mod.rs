//! The grant types, one file each. Each tells its story in the same order: open, decide, mint, commit. What is sent was committed.

pub(crate) mod authorization_code;
pub(crate) mod client_credentials;
pub(crate) mod refresh_token;
