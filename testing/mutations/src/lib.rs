//! Mutations: a check is taken out of the code, the tests that should notice are run, the next check is taken out.
//!
//! Two kinds. [`list`] reads `checks.toml`, a list by hand of checks that protect somebody, each with the tests that must fail without
//! it. [`sample`] changes conditions at random places of the same files. Both come down to an [`edit`]: an expression, and what is
//! there instead. All of them are built at once into a copy of the workspace ([`tree`]), each behind a question to the environment
//! ([`switch`]), so that a mutation costs a run of its tests and not a build ([`cargo`]). Started by `./scripts/soak mutations`.

pub mod cargo;
pub mod edit;
pub mod list;
pub mod sample;
pub mod switch;
pub mod tree;

use std::path::PathBuf;

/// The root of the repository that this crate was built in.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
