//! What goes to standard error: one line for each request and event, for people on a terminal and as JSON elsewhere.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::json_lines::JsonLines;

/// What a log that runs tells, and can be told to tell.
pub(crate) struct Level(Box<dyn Fn(EnvFilter) + Send + Sync>);

impl Level {
    /// Another level, which was understood when its configuration was checked.
    pub(crate) fn set(&self, level: &str) {
        (self.0)(EnvFilter::new(level));
    }
}

/// Starts the log of a server.
pub(crate) fn start(log: &Log) -> Level {
    // The level was understood when the configuration was checked.
    let filter = EnvFilter::new(&log.level);
    let by_terminal = if io::stderr().is_terminal() {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        // A log that can't be written, as on a full disk, costs lines and never a request: said to the same standard error,
        // the complaint about it would panic.
        .log_internal_errors(false)
        .with_env_filter(filter);
    // Setting a level fails only where the log is gone.
    match log.format.unwrap_or(by_terminal) {
        LogFormat::Pretty => {
            let lines = lines.compact().with_target(false).with_ansi(colours());
            let lines = lines.with_filter_reloading();
            let filter = lines.reload_handle();
            lines.init();
            Level(Box::new(move |level| drop(filter.reload(level))))
        }
        LogFormat::Json => {
            let lines = lines.json().event_format(JsonLines);
            let lines = lines.with_filter_reloading();
            let filter = lines.reload_handle();
            lines.init();
            Level(Box::new(move |level| drop(filter.reload(level))))
        }
    }
}

/// Starts the few lines that a command has to say beside its data.
pub(crate) fn start_for_command() {
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(EnvFilter::new("warn,safeconduct::cli=info"));
    lines
        .compact()
        .without_time()
        .with_target(false)
        .with_ansi(colours())
        .init();
}

/// Colours on a terminal, unless the person wants none (<https://no-color.org>).
fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
