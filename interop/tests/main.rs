//! Software that is not ours, against Safeconduct, and Safeconduct against theirs: one file for each peer. The name of a test
//! ends in what it needs beside Rust, so that it can be left out where that is missing (`interop/left-out`).

mod aiosmtpd;
mod apache;
mod axe_core;
mod go;
mod huskarl;
mod oauth2_proxy;
mod oidc_client_ts;
mod oidc_provider;
mod openid_client;
mod openidconnect;
mod passkeys;
mod schemathesis;
mod scim2_tester;
mod spring;
