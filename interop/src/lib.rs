//! What foreign software meets ours with: a Safeconduct of its own for each test, a browser without a screen, and peers that are
//! built once and end with the test.
//!
//! The meetings themselves are in `tests/`, one file for each peer; what a peer needs (its program, its configuration, its
//! lock file) is in the folder of its name.

mod authenticator;
mod peer;
mod safeconduct;

pub use authenticator::{Authenticator, second_factor};
pub use peer::{build_go, build_maven, folder_of, install_npm, start};
pub use safeconduct::{PASSWORD, SECRET, SECRET_FILE, Safeconduct, USERNAME, browser};
