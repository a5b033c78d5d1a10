//! The signals that a server knows: some ask it to stop, a hangup to read its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::failure::Failure;

/// The signals that ask a server to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The signal that asks it to read its configuration again. As many as come while it does are one.
pub(super) struct Hangups(Option<Signal>);

/// Both, from now on.
///
/// # Errors
/// They can't be waited for.
pub(super) fn listen() -> Result<(Signals, Hangups), Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::failed("signals can't be waited for", error));
    let signals = Signals {
        terminate: listen(SignalKind::terminate())?,
        interrupt: listen(SignalKind::interrupt())?,
    };
    let hangups = match is_hangup_ignored() {
        true => None,
        false => Some(listen(SignalKind::hangup())?),
    };
    Ok((signals, Hangups(hangups)))
}

impl Signals {
    /// When one has come.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Hangups {
    /// When one has come. Never, where it was ignored from the beginning, as `nohup` has it.
    pub(super) async fn next(&mut self) {
        let came = match &mut self.0 {
            Some(hangup) => hangup.recv().await,
            None => None,
        };
        if came.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether who started the program lets it ignore a hangup. Where that is not said, it does not.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit n - 1 is signal n, and a hangup is 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
