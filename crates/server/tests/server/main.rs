//! The server from outside: what it promises browsers, clients and APIs, and what it refuses them. One file for each noun,
//! one program, so that it links once.
//!
//! An attack stands between two honest requests: a server that refuses everybody would fail here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorize;
mod code;
mod consent;
mod login;
mod refresh;
mod smoke;
mod support;
