//! Safeconduct, an OAuth 2.0 and OpenID Connect server: the program.

mod cli;
mod config;
mod json_lines;
mod logging;
mod master_key;
mod private_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
