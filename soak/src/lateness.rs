//! How late this process itself is. On a machine that is busy with something else, what measures is as late as what is
//! measured; what a run says about seconds is worth no more than this.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::history::{Moment, Span};

/// How often it looks at the clock.
const INTERVAL: Duration = Duration::from_millis(10);
/// How late a look is that says that the machine stood still.
const STANDSTILL: Duration = Duration::from_millis(500);

/// How late the looks were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// The latest of them.
    pub longest: Duration,
    /// When the machine stood still.
    pub stalls: Vec<Span>,
}

/// Looks at the clock again and again, and measures how late it is each time.
pub struct LatenessProbe {
    enough: oneshot::Sender<()>,
    measuring: JoinHandle<Lateness>,
}

impl LatenessProbe {
    /// Measures from now on; `now` is the clock of the history.
    pub fn start(now: impl Fn() -> Moment + Send + 'static) -> Self {
        let (enough, end) = oneshot::channel();
        let measuring = tokio::spawn(measure(now, end));
        Self { enough, measuring }
    }

    /// How late it was until now.
    ///
    /// # Errors
    /// The runtime is being shut down.
    pub async fn lateness(self) -> anyhow::Result<Lateness> {
        drop(self.enough);
        Ok(self.measuring.await?)
    }
}

async fn measure(now: impl Fn() -> Moment, mut end: oneshot::Receiver<()>) -> Lateness {
    let mut lateness = Lateness::default();
    loop {
        let due = now() + INTERVAL;
        tokio::select! {
            () = sleep(INTERVAL) => lateness.add(due, now()),
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
    fn a_late_look_is_a_standstill() {
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
