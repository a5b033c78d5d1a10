//! A server as it is run for years: its certificate is renewed and its configuration changes while it serves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod health;
mod identity;
mod reload;
mod tls;
