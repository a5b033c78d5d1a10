//! How late this process itself is. On a machine that is busy with something else, whoever measures is as late as whoever is
//! measured; what a run says about seconds is worth no more than this.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::history::{Moment, Span};

/// How often it beats.
const BEAT: Duration = Duration::from_millis(10);
/// How late a beat is that says that the machine stood still.
const STANDSTILL: Duration = Duration::from_millis(500);

/// How late the beats were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// The latest of them.
    pub longest: Duration,
    /// When the machine stood still.
    pub stalls: Vec<Span>,
}

/// A pulse that is being felt.
pub struct Pulse {
    enough: oneshot::Sender<()>,
    beating: JoinHandle<Lateness>,
}

impl Pulse {
    /// Feels it from now on; `now` is the clock of the history.
    pub fn feel(now: impl Fn() -> Moment + Send + 'static) -> Self {
        let (enough, end) = oneshot::channel();
        let beating = tokio::spawn(beat(now, end));
        Self { enough, beating }
    }

    /// How late it was until now.
    ///
    /// # Errors
    /// The runtime is being shut down.
    pub async fn lateness(self) -> anyhow::Result<Lateness> {
        drop(self.enough);
        Ok(self.beating.await?)
    }
}

async fn beat(now: impl Fn() -> Moment, mut end: oneshot::Receiver<()>) -> Lateness {
    let mut lateness = Lateness::default();
    loop {
        let due = now() + BEAT;
        tokio::select! {
            () = sleep(BEAT) => lateness.add(due, now()),
            _ = &mut end => return lateness,
        }
    }
}

impl Lateness {
    fn add(&mut self, due: Moment, came: Moment) {
        let late = came.saturating_sub(due);
        self.longest = self.longest.max(late);
        if late > STANDSTILL {
            self.stalls.push(Span {
                began: due,
                ended: came,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_beat_is_a_standstill() {
        let mut lateness = Lateness::default();
        let (due, came) = (Duration::from_secs(3), Duration::from_secs(4));
        lateness.add(due, due + Duration::from_millis(20));
        lateness.add(due, came);
        let stall = Span {
            began: due,
            ended: came,
        };
        assert_eq!(lateness.stalls, [stall]);
        assert_eq!(lateness.longest, Duration::from_secs(1));
    }
}
