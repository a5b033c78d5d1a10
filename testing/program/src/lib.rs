//! The built program as tests run it: in a directory of its own, on free ports, with its log kept, and ended by its process id
//! when the test is over. The same for whatever else a test starts beside itself.

mod built;
mod directory;
mod http;
mod ports;
mod process;

pub use built::{PROGRAM, program};
pub use directory::Directory;
pub use http::{Answer, get, send};
pub use ports::free_ports;
pub use process::{PATIENCE, Process};

/// What the log of a server says once it serves.
pub const READY: &str = "safeconduct is ready";
