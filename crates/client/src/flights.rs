//! One request for everybody who waits for the same thing, and a pause after it failed.
//!
//! A flight runs in a task of its own: whoever asked may go away, and what the issuer answered is still kept. What flies is
//! the caller's business.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::watch;

use crate::error::{Error, ErrorKind};

/// The longest pause after failures in a row, in seconds: 1, 2, 4, … up to this.
const LONGEST_PAUSE: i64 = 32;
/// From how many keys on the ones that paused long enough are forgotten.
const CROWD: usize = 1024;

type Landing<T> = Option<Result<T, Error>>;

/// Flights under way, and those that failed a moment ago, by key.
pub(crate) struct Flights<K, T> {
    slots: Arc<Mutex<HashMap<K, Slot<T>>>>,
    clock: Clock,
}

enum Slot<T> {
    Flying {
        landing: watch::Receiver<Landing<T>>,
        failures_before: u32,
    },
    Resting {
        error: Error,
        until: Timestamp,
        failures: u32,
    },
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            slots: Arc::default(),
            clock,
        }
    }

    /// Joins the flight for `key`, starting it with `takeoff` if there is none, and waits until it lands. After a failure
    /// everybody gets that failure until the pause is over: no storm of retries.
    pub(crate) async fn join<F>(&self, key: K, takeoff: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut landing = self.board(key, takeoff)?;
        let landed = landing.wait_for(Option::is_some).await;
        match landed.as_deref() {
            Ok(Some(result)) => result.clone(),
            Ok(None) | Err(_) => Err(Error::new(
                ErrorKind::IssuerUnreachable,
                "the request was abandoned before it ended",
            )),
        }
    }

    /// As [`Flights::join`], but waits for nothing.
    pub(crate) fn start<F>(&self, key: K, takeoff: impl FnOnce() -> F)
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        // A failure is kept in the slot and logged by the flight itself.
        let _ = self.board(key, takeoff);
    }

    fn board<F>(
        &self,
        key: K,
        takeoff: impl FnOnce() -> F,
    ) -> Result<watch::Receiver<Landing<T>>, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let now = self.clock.now();
        let mut slots = lock(&self.slots);
        let failures_before = match slots.get(&key) {
            Some(Slot::Flying { landing, .. }) if !crashed(landing) => return Ok(landing.clone()),
            Some(Slot::Resting { error, until, .. }) if now < *until => return Err(error.clone()),
            Some(Slot::Resting { failures, .. }) => *failures,
            Some(Slot::Flying {
                failures_before, ..
            }) => *failures_before,
            None => 0,
        };
        if slots.len() >= CROWD {
            slots.retain(|_, slot| !matches!(slot, Slot::Resting { until, .. } if *until <= now));
        }
        let (send, landing) = watch::channel(None);
        let flying = Slot::Flying {
            landing: landing.clone(),
            failures_before,
        };
        slots.insert(key.clone(), flying);
        drop(slots);
        let (slots, clock, flight) = (self.slots.clone(), self.clock.clone(), takeoff());
        tokio::spawn(async move {
            let result = flight.await;
            settle(&slots, key, &result, failures_before, clock.now());
            send.send_replace(Some(result));
        });
        Ok(landing)
    }
}

/// Leaves the slot free after a success, and resting after a failure.
fn settle<K: Eq + Hash, T>(
    slots: &Mutex<HashMap<K, Slot<T>>>,
    key: K,
    result: &Result<T, Error>,
    failures_before: u32,
    now: Timestamp,
) {
    let mut slots = lock(slots);
    match result {
        Ok(_) => {
            slots.remove(&key);
        }
        Err(error) => {
            let pause = (1 << failures_before.min(5)).min(LONGEST_PAUSE);
            let pause = pause.max(error.rest().unwrap_or(0));
            let resting = Slot::Resting {
                error: error.clone(),
                until: now.plus(pause),
                failures: failures_before.saturating_add(1),
            };
            slots.insert(key, resting);
        }
    }
}

/// Whether the task of a flight ended without landing: it panicked, or its runtime was shut down.
fn crashed<T>(landing: &watch::Receiver<Landing<T>>) -> bool {
    landing.has_changed().is_err() && landing.borrow().is_none()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn failure() -> Error {
        Error::new(ErrorKind::IssuerBusy, "scripted")
    }

    /// Attacks: K12.
    #[tokio::test]
    async fn a_thousand_tasks_share_one_flight() {
        let flights = Arc::new(Flights::<u8, u32>::new(Clock::test(START)));
        let flown = Arc::new(AtomicU32::new(0));
        let (release, held) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..1000 {
            let (flights, flown, mut held) = (flights.clone(), flown.clone(), held.clone());
            tasks.spawn(async move {
                let takeoff = || async move {
                    held.wait_for(|released| *released).await.unwrap();
                    Ok(flown.fetch_add(1, Ordering::SeqCst) + 1)
                };
                flights.join(0, takeoff).await.unwrap()
            });
        }
        tokio::task::yield_now().await;
        release.send_replace(true);
        assert!(tasks.join_all().await.iter().all(|number| *number == 1));
        assert_eq!(flown.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_pauses_grow() {
        let clock = Clock::test(START);
        let flights = Flights::<u8, ()>::new(clock.clone());
        let flown = Arc::new(AtomicU32::new(0));
        let attempt = || {
            let flown = flown.clone();
            flights.join(0, || async move {
                flown.fetch_add(1, Ordering::SeqCst);
                Err(failure())
            })
        };
        let first = attempt().await.unwrap_err();
        assert_eq!(first.reference(), attempt().await.unwrap_err().reference());
        for (pause, flights_by_then) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4), (7, 4), (1, 5)] {
            clock.advance(pause);
            attempt().await.unwrap_err();
            assert_eq!(flown.load(Ordering::SeqCst), flights_by_then);
        }
    }

    #[tokio::test]
    async fn an_issuer_that_wants_to_be_left_alone_is() {
        let clock = Clock::test(START);
        let flights = Flights::<u8, ()>::new(clock.clone());
        let rest = || async { Err(failure().with_rest(Some(90))) };
        flights.join(0, rest).await.unwrap_err();
        clock.advance(89);
        assert!(flights.join(0, || async { Ok(()) }).await.is_err());
        clock.advance(1);
        assert!(flights.join(0, || async { Ok(()) }).await.is_ok());
    }

    /// Attacks: Z05.
    #[tokio::test]
    async fn a_crash_in_flight_strands_nobody() {
        let flights = Flights::<u8, u8>::new(Clock::test(START));
        let crash = || async { panic!("a scripted crash") };
        assert!(flights.join(0, crash).await.is_err());
        assert_eq!(flights.join(0, || async { Ok(7) }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_flight_lands_though_its_passenger_left() {
        let flights = Arc::new(Flights::<u8, u8>::new(Clock::test(START)));
        let (release, mut held) = watch::channel(false);
        let (landed, mut seen) = watch::channel(false);
        let takeoff = move || async move {
            held.wait_for(|released| *released).await.unwrap();
            landed.send_replace(true);
            Ok(1)
        };
        let passenger = tokio::spawn({
            let flights = flights.clone();
            async move { flights.join(0, takeoff).await }
        });
        tokio::task::yield_now().await;
        passenger.abort();
        release.send_replace(true);
        seen.wait_for(|landed| *landed).await.unwrap();
    }
}
