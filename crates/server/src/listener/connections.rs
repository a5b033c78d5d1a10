//! Owns the count of open connections, in all and by address, and says when there are too many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::LiveLimits;
use crate::client_address::neighbourhood;
use crate::telemetry::Telemetry;

/// All limits of one [`serve`](super::serve).
#[derive(Clone)]
pub(super) struct ConnectionLimits(Arc<Shared>);

struct Shared {
    limits: LiveLimits,
    /// How many the process has file descriptors for.
    open_files: usize,
    telemetry: Telemetry,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Permission for one open connection; it counts until it is dropped.
pub(super) struct ConnectionPermit {
    limits: ConnectionLimits,
    address: IpAddr,
}

impl ConnectionLimits {
    pub(super) fn new(limits: LiveLimits, telemetry: Telemetry) -> Self {
        Self(Arc::new(Shared {
            limits,
            open_files: open_files(),
            telemetry,
            counts: Mutex::default(),
        }))
    }

    /// A permit for a connection from `peer`, or the name of the limit that is reached. A trusted proxy brings many
    /// clients: only the total counts for it.
    pub(super) fn take(&self, peer: IpAddr) -> Result<ConnectionPermit, &'static str> {
        let shared = &*self.0;
        let limits = shared.limits.now();
        let address = neighbourhood(peer);
        let proxy = limits
            .trusted_proxies
            .iter()
            .any(|proxies| proxies.contains(peer));
        let mut counts = self.counts();
        if counts.total >= limits.max_connections.min(shared.open_files) {
            return Err("connections");
        }
        let most_per_address = limits.max_connections_per_address.max(1);
        let from_address = counts.by_address.entry(address).or_default();
        if *from_address >= most_per_address && !proxy {
            return Err("connections_per_address");
        }
        *from_address += 1;
        counts.total += 1;
        shared.telemetry.connection_opened();
        Ok(ConnectionPermit {
            limits: self.clone(),
            address,
        })
    }

    pub(super) fn open(&self) -> usize {
        self.counts().total
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        counts.total -= 1;
        if let Some(from_address) = counts.by_address.get_mut(&self.address) {
            *from_address -= 1;
            if *from_address == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        self.limits.0.telemetry.connection_closed();
    }
}

/// How many connections the process has file descriptors for, a reserve for the database and outgoing calls left aside.
/// Without descriptors nothing works: the database is then the first to fail. Unlimited where Linux does not say.
fn open_files() -> usize {
    const RESERVE: usize = 128;
    std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| soft_limit(&limits))
        .map_or(usize::MAX, |files| {
            files.saturating_sub(RESERVE).max(RESERVE)
        })
}

fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::*;

    fn limits(most: usize, per_address: usize) -> ConnectionLimits {
        let limits = Limits {
            max_connections: most,
            max_connections_per_address: per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Limits::default()
        };
        ConnectionLimits::new(limits.into(), Telemetry::new())
    }

    fn take(limits: &ConnectionLimits, peer: &str) -> Result<ConnectionPermit, &'static str> {
        limits.take(peer.parse().unwrap())
    }

    #[test]
    fn a_closed_connection_counts_no_more() {
        let limits = limits(1, 1);
        let permit = take(&limits, "192.0.2.1").unwrap();
        assert_eq!(take(&limits, "192.0.2.2").err(), Some("connections"));
        drop(permit);
        assert!(take(&limits, "192.0.2.2").is_ok());
        assert_eq!(limits.open(), 0);
        assert!(limits.counts().by_address.is_empty());
    }

    #[test]
    fn other_limits_hold_for_the_connections_that_come() {
        let limits = limits(2, 2);
        let permits = ["192.0.2.1", "192.0.2.1"].map(|peer| take(&limits, peer).unwrap());
        let set = |max_connections| {
            limits.0.limits.set(Limits {
                max_connections,
                ..Limits::default()
            });
        };
        set(3);
        let third = take(&limits, "192.0.2.1").unwrap();
        set(1);
        assert_eq!(take(&limits, "192.0.2.2").err(), Some("connections"));
        drop((permits, third));
        assert!(take(&limits, "192.0.2.2").is_ok());
    }

    #[test]
    fn an_ipv6_client_cannot_spread_over_its_64() {
        let limits = limits(10, 2);
        let _permits = ["2001:db8::1", "2001:db8::2"].map(|peer| take(&limits, peer).unwrap());
        assert_eq!(
            take(&limits, "2001:db8::3").err(),
            Some("connections_per_address")
        );
        assert!(take(&limits, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn a_trusted_proxy_is_held_to_the_total_alone() {
        let limits = limits(3, 1);
        let permits: Vec<_> = (0..3).map(|_| take(&limits, "10.0.0.1").unwrap()).collect();
        assert_eq!(take(&limits, "10.0.0.1").err(), Some("connections"));
        assert_eq!(permits.len(), 3);
    }

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             62987                62987                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(
            soft_limit("Max open files  unlimited unlimited files"),
            None
        );
    }
}
