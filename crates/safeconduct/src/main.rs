//! Safeconduct, an OAuth 2.0 and OpenID Connect server: the program.

mod cli;
mod config;
mod json_lines;
mod logging;
mod master_key;
mod memory;
mod private_file;

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = memory::keep_to_itself() {
        // Where the system has no such thing, everything else works; and so it does where nobody can be told.
        let _ = writeln!(
            io::stderr(),
            "warning: the memory of this process can be written to a disk: {error}"
        );
    }
    cli::main()
}
