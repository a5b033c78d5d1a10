//! Owns the count of open connections, in all and by address, and says when there are too many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::address::neighbourhood;
use super::{Limits, Network};
use crate::telemetry::Telemetry;

/// All places of one [`serve`](super::serve).
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    most: usize,
    most_per_address: usize,
    uncounted: Vec<Network>,
    telemetry: Telemetry,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place, free again when dropped.
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(limits: &Limits, telemetry: Telemetry) -> Self {
        Self(Arc::new(Shared {
            most: limits.max_connections.min(open_files()),
            most_per_address: limits.max_connections_per_address.max(1),
            uncounted: limits.trusted_proxies.clone(),
            telemetry,
            taken: Mutex::default(),
        }))
    }

    /// A place for a connection from `peer`, or the name of the limit that is reached. A trusted proxy brings many
    /// clients: only the total counts for it.
    pub(super) fn take(&self, peer: IpAddr) -> Result<Place, &'static str> {
        let shared = &*self.0;
        let address = neighbourhood(peer);
        let proxy = shared
            .uncounted
            .iter()
            .any(|proxies| proxies.contains(peer));
        let mut taken = self.taken();
        if taken.total >= shared.most {
            return Err("connections");
        }
        let from_address = taken.by_address.entry(address).or_default();
        if *from_address >= shared.most_per_address && !proxy {
            return Err("connections_per_address");
        }
        *from_address += 1;
        taken.total += 1;
        shared.telemetry.connection_opened();
        Ok(Place {
            places: self.clone(),
            address,
        })
    }

    pub(super) fn open(&self) -> usize {
        self.taken().total
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.total -= 1;
        if let Some(from_address) = taken.by_address.get_mut(&self.address) {
            *from_address -= 1;
            if *from_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        self.places.0.telemetry.connection_closed();
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
    use super::*;

    fn places(most: usize, per_address: usize) -> Places {
        let limits = Limits {
            max_connections: most,
            max_connections_per_address: per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Limits::default()
        };
        Places::new(&limits, Telemetry::new())
    }

    fn take(places: &Places, peer: &str) -> Result<Place, &'static str> {
        places.take(peer.parse().unwrap())
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let places = places(1, 1);
        let place = take(&places, "192.0.2.1").unwrap();
        assert_eq!(take(&places, "192.0.2.2").err(), Some("connections"));
        drop(place);
        assert!(take(&places, "192.0.2.2").is_ok());
        assert_eq!(places.open(), 0);
        assert!(places.taken().by_address.is_empty());
    }

    #[test]
    fn an_ipv6_client_cannot_spread_over_its_64() {
        let places = places(10, 2);
        let _places = ["2001:db8::1", "2001:db8::2"].map(|peer| take(&places, peer).unwrap());
        assert_eq!(
            take(&places, "2001:db8::3").err(),
            Some("connections_per_address")
        );
        assert!(take(&places, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn a_trusted_proxy_is_held_to_the_total_alone() {
        let places = places(3, 1);
        let taken: Vec<_> = (0..3).map(|_| take(&places, "10.0.0.1").unwrap()).collect();
        assert_eq!(take(&places, "10.0.0.1").err(), Some("connections"));
        assert_eq!(taken.len(), 3);
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
