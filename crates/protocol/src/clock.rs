//! The one place where the time of day is read. Rules never hold a clock: they take a [`Timestamp`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// The time of day, or a time that a test moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it. Clones move together.
    pub fn test(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.seconds()))))
    }

    /// The time now, whole seconds; 0 for a machine that believes it is before 1970.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.milliseconds() / 1000)
    }

    /// The time now in milliseconds since 1970, for ids that sort by birth.
    pub fn milliseconds(&self) -> i64 {
        match &self.0 {
            Some(seconds) => seconds.load(Ordering::SeqCst).saturating_mul(1000),
            None => system_milliseconds(),
        }
    }

    /// Moves a test clock forward by `seconds`; the machine's clock does not move.
    pub fn advance(&self, seconds: i64) {
        if let Some(clock) = &self.0 {
            clock.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_milliseconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        })
}
