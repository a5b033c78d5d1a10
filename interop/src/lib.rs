//! The stage on which foreign software meets ours: a Safeconduct of its own for each test, a browser without a screen, and
//! processes that end with the test.
//!
//! The meetings themselves are in `tests/`, one file for each peer; what a peer needs (its program, its configuration, its
//! lock file) is in the folder of its name.

mod browser;
mod page;
mod place;
mod process;
mod safeconduct;

pub use browser::Browser;
pub use page::{Form, Page};
pub use place::{folder_of, free_ports, once, target_directory};
pub use process::Process;
pub use safeconduct::{PASSWORD, SECRET, SECRET_FILE, Safeconduct, USERNAME};
