//! How much a client may send, and how long it may take.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use crate::client_address::Network;

/// Where users and groups are provisioned.
pub(crate) const PROVISIONING: &str = "/scim/v2";

/// The largest body of a request that provisions users and groups, in bytes.
pub(crate) const LARGEST_PROVISIONING: usize = 1024 * 1024;

/// How many bodies that are larger than others may be are held at once: who sends one is known when it is there.
pub(super) const MOST_LARGE_BODIES: usize = 32;

/// How much a client may send, and how long it may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the connection, or from the first byte of a later request, to the end of the request's head.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// From an answer to the first byte of the next request on the same connection.
    pub idle_timeout: Duration,
    /// From a whole request to its answer; 503 after that.
    pub request_timeout: Duration,
    /// How long an answer may wait for a client that does not read.
    pub write_timeout: Duration,
    /// How long requests in flight have to finish at shutdown.
    pub drain_timeout: Duration,
    /// The largest head of a request, request line included; 431 beyond.
    pub max_header_bytes: usize,
    /// The largest body of a request; 413 beyond.
    pub max_body_bytes: usize,
    /// Whether users and groups are provisioned here: then a request that does may have 1 MiB; 503 where 32 such are held.
    pub provisions: bool,
    /// The most open connections. Fewer where the process may not open so many files.
    pub max_connections: usize,
    /// The most open connections from one IPv4 address or one IPv6 /64.
    pub max_connections_per_address: usize,
    /// The proxies whose `X-Forwarded-For` is believed, and which may open as many connections as there are.
    pub trusted_proxies: Vec<Network>,
}

/// The limits of the moment: they may change while connections are open, and hold for each request from its beginning. Clones are the same.
#[derive(Clone, Debug)]
pub struct LiveLimits(Arc<ArcSwap<Limits>>);

impl LiveLimits {
    /// Puts others in their place. Connections that are too many by now go on.
    pub fn set(&self, limits: Limits) {
        self.0.store(Arc::new(limits));
    }

    pub(super) fn now(&self) -> Guard<Arc<Limits>> {
        self.0.load()
    }
}

impl From<Limits> for LiveLimits {
    fn from(limits: Limits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
            max_header_bytes: 16 * 1024,
            max_body_bytes: 64 * 1024,
            provisions: false,
            max_connections: 4096,
            max_connections_per_address: 256,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Limits {
    /// The largest body of a request to `path`.
    pub(super) fn largest_body(&self, path: &str) -> usize {
        let below = path.strip_prefix(PROVISIONING);
        match self.provisions && below.is_some_and(|below| below.starts_with('/')) {
            true => self.max_body_bytes.max(LARGEST_PROVISIONING),
            false => self.max_body_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_provisions_may_send_much_and_only_where_that_is_done() {
        let mut limits = Limits::default();
        let most = limits.max_body_bytes;
        assert_eq!(limits.largest_body("/scim/v2/Bulk"), most);
        limits.provisions = true;
        assert_eq!(limits.largest_body("/scim/v2/Bulk"), LARGEST_PROVISIONING);
        for other in ["/token", "/scim/v2", "/scim/v2foo", "/x/scim/v2/Bulk"] {
            assert_eq!(limits.largest_body(other), most, "{other}");
        }
        limits.max_body_bytes = 2 * LARGEST_PROVISIONING;
        assert_eq!(
            limits.largest_body("/scim/v2/Bulk"),
            2 * LARGEST_PROVISIONING
        );
    }
}
