//! Ports that nobody listens on.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// They lie below those that the system gives to outgoing connections: no connection takes one while its server is down.
const FIRST: u16 = 13_000;
const NUMBER: u16 = 18_000;

/// Ports of 127.0.0.1 that nobody listens on. No two calls of one process are given the same, and two processes begin to look at
/// different places.
///
/// # Panics
/// Too few are free.
pub fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // A prime, so that ids in a row are far apart.
    let start = process::id().wrapping_mul(7_919);
    let mut free = (0..NUMBER).filter_map(|_| {
        let step = TRIED.fetch_add(1, Ordering::Relaxed);
        let offset = start.wrapping_add(step) % u32::from(NUMBER);
        let port = FIRST + u16::try_from(offset).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    });
    [(); COUNT].map(|()| free.next().expect("enough ports are free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let [first, second] = free_ports();
        let taken = TcpListener::bind(("127.0.0.1", first)).unwrap();
        let [third, fourth] = free_ports();
        let mut ports = vec![first, second, third, fourth];
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 4);
        drop(taken);
    }
}
