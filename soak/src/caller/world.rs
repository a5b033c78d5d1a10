//! What all callers of a run have in common: the nodes, who is who, the clock of the history, and how much was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::history::{Act, Answer, Event, Moment, Node, Span, User};
use crate::participants::Machines;

/// How many passwords are checked at once: nodes turn people away rather than let a long queue grow.
const PASSWORDS_AT_ONCE: usize = 2;

/// The world that all callers of a run are in.
pub struct World {
    begun: Instant,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) subjects: HashMap<String, User>,
    /// The clients with keys.
    pub machines: Machines,
    pub(super) passwords: Semaphore,
    asked: AtomicU64,
    granted: AtomicU64,
}

impl World {
    /// Nodes at these addresses, in their order; `subjects` says which user each `sub` is.
    pub fn new(
        addresses: Vec<SocketAddr>,
        subjects: HashMap<String, User>,
        machines: Machines,
    ) -> Self {
        Self {
            begun: Instant::now(),
            addresses,
            subjects,
            machines,
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            asked: AtomicU64::new(0),
            granted: AtomicU64::new(0),
        }
    }

    /// Now, on the clock of the history.
    pub fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.addresses.len()
    }

    /// How many requests have ended.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// How many of them were granted.
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// A line of the history that ends now.
    pub fn event(&self, node: Option<Node>, began: Moment, act: Act) -> Event {
        let ended = self.now();
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Answer::Granted(()) = act.answer() {
            self.granted.fetch_add(1, Ordering::Relaxed);
        }
        Event {
            node,
            span: Span { began, ended },
            act,
        }
    }
}
