//! What a server does by itself, while nobody asks: it looks at the store twice a second, sweeps what has ended, and tells
//! clients of it. And what it says of itself: whether it is ready, or why not.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use safeconduct_store::StoreError;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{back_channel, catalog::POLL, fault::Fault, server::Server, timekeeping::ClockFault};

/// How often rows that have ended are swept.
const SWEEP: Duration = Duration::from_secs(60);
/// The most rows of a kind that one sweep deletes.
const SWEPT_AT_ONCE: u32 = 1_000;
/// How long the store may take to answer a look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why requests should be sent to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The store can't be reached, or takes its time.
    #[error("the store does not answer")]
    Store,
    /// The store answers, and what it says can't be used: the node's copy of clients and keys can't be renewed.
    #[error("the copy of clients and keys is stale and can't be renewed: see the log")]
    Catalog,
    /// The clock can't be believed, or not enough.
    #[error(transparent)]
    Clock(ClockFault),
    /// The store shows an earlier moment than it did before.
    #[error("{}", ClockFault::Rewound)]
    Rewound,
}

impl NotReady {
    /// Every reason, as the metrics name it.
    pub(crate) const REASONS: [&'static str; 4] = ["store", "catalog", "clock", "rewound"];

    /// Its name in metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Store => Self::REASONS[0],
            Self::Catalog => Self::REASONS[1],
            Self::Clock(_) => Self::REASONS[2],
            Self::Rewound => Self::REASONS[3],
        }
    }

    fn because(fault: &Fault) -> Self {
        match fault {
            Fault::Store(StoreError::Unavailable(_) | StoreError::CommitUnknown(_)) => Self::Store,
            _ => Self::Catalog,
        }
    }
}

impl From<ClockFault> for NotReady {
    fn from(fault: ClockFault) -> Self {
        match fault {
            ClockFault::Rewound => Self::Rewound,
            fault => Self::Clock(fault),
        }
    }
}

/// What the server last said of itself.
#[derive(Default)]
pub(crate) struct Standing(Mutex<Option<&'static str>>);

impl Server {
    /// Keeps the copy of the catalog fresh, sweeps what has ended, and tells clients of it, until the task is dropped.
    pub async fn keep_house(&self) {
        tokio::join!(self.look_and_sweep(), back_channel::keep_telling(self));
    }

    async fn look_and_sweep(&self) {
        let mut poll = interval(POLL);
        let mut sweep = interval(SWEEP);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = poll.tick() => self.poll().await,
                _ = sweep.tick() => {
                    if let Err(fault) = self.sweep().await {
                        tracing::warn!(%fault, "sweeping failed; the next sweep tries again");
                    }
                }
            }
        }
    }

    async fn poll(&self) {
        // A node that is to get no requests because of its clock still serves those it gets.
        let can_exchange = matches!(self.readiness().await, Ok(()) | Err(NotReady::Clock(_)));
        if can_exchange && let Err(fault) = self.exchange_guesses().await {
            tracing::warn!(%fault, "what was counted of guessed passwords could not be told; the next poll tells it");
        }
    }

    /// Does now what happens by itself twice a second: reads what other nodes and the operator have changed, compares the
    /// clock, and exchanges what was counted of guessed passwords.
    ///
    /// # Errors
    /// The store's.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.look().await?;
        self.exchange_guesses().await
    }

    /// Does now what happens by itself every minute: deletes rows that have ended, a bounded number of each kind.
    ///
    /// # Errors
    /// The store's, or a fault if the clock is not one to forget by.
    pub async fn sweep(&self) -> Result<(), Fault> {
        let now = self.time().time_to_forget(self.store()).await?;
        self.store().sweep(now, SWEPT_AT_ONCE).await?;
        self.store().sweep_guesses(now, SWEPT_AT_ONCE).await?;
        Ok(())
    }

    /// Tells clients of sessions that have ended now instead of within seconds: those that are due and were left by the node
    /// that ended the session.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_clients(&self) -> Result<(), Fault> {
        while back_channel::deliver_due(self).await? {}
        Ok(())
    }

    /// Whether requests should be sent here. It asks the store, and waits no longer than two seconds for it.
    ///
    /// # Errors
    /// Why not.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        let (readiness, fault) = match timeout(PATIENCE, self.look()).await {
            Ok(Ok(())) => (self.time().is_right().map_err(NotReady::from), None),
            Ok(Err(fault)) => (Err(NotReady::because(&fault)), Some(fault.to_string())),
            Err(_) => (Err(NotReady::Store), Some("it takes its time".to_owned())),
        };
        self.say(readiness, &fault.unwrap_or_default());
        readiness
    }

    async fn look(&self) -> Result<(), Fault> {
        self.cache().refresh().await?;
        self.store().may_be_used().await?;
        self.time().compare(self.store()).await
    }

    /// A node whose clock is not believed counts nothing that others should go by.
    async fn exchange_guesses(&self) -> Result<(), Fault> {
        if let Ok(now) = self.time().moment() {
            self.throttle().exchange(self.store(), now).await?;
        }
        Ok(())
    }

    /// Puts into the metrics whether the server is ready, and into the log when that changes.
    fn say(&self, readiness: Result<(), NotReady>, detail: &str) {
        let reason = readiness.err().map(NotReady::reason);
        for each in NotReady::REASONS {
            self.telemetry().not_ready(each, reason == Some(each));
        }
        self.telemetry().clock_offset(self.time().offset());
        let said = &self.standing().0;
        let before = std::mem::replace(
            &mut *said.lock().unwrap_or_else(PoisonError::into_inner),
            reason,
        );
        match readiness {
            _ if before == reason => {}
            Ok(()) => tracing::info!("ready again"),
            Err(why) => tracing::warn!(reason = why.reason(), detail, "not ready: {why}"),
        }
    }
}
