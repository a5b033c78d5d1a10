//! What systemd is told of a server (`Type=notify`, sd_notify(3)): that it takes its time to start, that it is ready, and that it
//! stops. Where no supervisor asked to be told, none is.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Names the socket that systemd listens on.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The start takes so much longer from now on.
pub(crate) fn starting(longer: Duration) {
    notify(&format!("EXTEND_TIMEOUT_USEC={}", longer.as_micros()));
}

/// Every port is bound, and the database has answered.
pub(crate) fn ready() {
    notify("READY=1");
}

/// The configuration is read again; [`reloaded`] says the end of that, whatever came of it. One message, as systemd wants it.
pub(crate) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
}

/// The end of that, with what came of it in one line.
pub(crate) fn reloaded(status: &str) {
    let line = status.lines().next().unwrap_or_default();
    notify(&format!("READY=1\nSTATUS={line}"));
}

/// Requests under way are finished, and no other is taken.
pub(crate) fn stopping() {
    notify("STOPPING=1");
}

fn notify(state: &str) {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), &path));
    if let Err(error) = sent {
        tracing::warn!(%error, state, "systemd could not be told");
    }
}
