//! Single flight: one task for all who wait for the same thing, and a pause after it failed.
//!
//! The task runs by itself: a caller may go away, and what the issuer answered is still kept. Dropping the [`SingleFlight`] ends what
//! is under way. What the task does is the caller's concern.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// From how many keys on the ones that paused long enough are forgotten.
const MANY_KEYS: usize = 1024;

/// What a task fails with. All who wait get the same.
pub trait Failure: Clone + Send + Sync + 'static {
    /// The task ended without a result: it panicked, or its runtime was shut down.
    fn abandoned() -> Self;

    /// For how many seconds the other side wants to be left alone.
    fn retry_after(&self) -> Option<i64>;

    /// This failure, which is over in so many seconds at the earliest.
    #[must_use]
    fn with_retry_after(self, seconds: i64) -> Self;
}

type Outcome<T, E> = Option<Result<T, E>>;
type Slots<K, T, E> = Arc<Mutex<HashMap<K, Slot<T, E>>>>;

/// Tasks under way, and those that failed a moment ago, by key.
pub struct SingleFlight<K, T, E> {
    slots: Slots<K, T, E>,
    clock: Clock,
    longest_pause: i64,
}

enum Slot<T, E> {
    UnderWay {
        outcome: watch::Receiver<Outcome<T, E>>,
        failures_before: u32,
        task: Option<AbortHandle>,
    },
    Failed {
        error: E,
        since: Timestamp,
        until: Timestamp,
        failures: u32,
    },
}

/// A task that is under way.
pub struct Pending<T, E> {
    outcome: watch::Receiver<Outcome<T, E>>,
    started: bool,
}

impl<T: Clone, E: Failure> Pending<T, E> {
    /// Whether it was started for this caller, and not joined.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// What it comes to.
    ///
    /// # Errors
    /// Whatever the task failed with.
    pub async fn wait(mut self) -> Result<T, E> {
        match self.outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            Ok(None) | Err(_) => Err(E::abandoned()),
        }
    }
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
    E: Failure,
{
    /// After failures in a row there are pauses of 1, 2, 4, … seconds, up to `longest_pause`.
    pub fn new(clock: Clock, longest_pause: i64) -> Self {
        Self {
            slots: Arc::default(),
            clock,
            longest_pause,
        }
    }

    /// Joins the task for `key`, starting it if there is none, and waits for its end. After a failure all get that failure
    /// until the pause is over: no storm of retries.
    ///
    /// # Errors
    /// Whatever the task failed with.
    pub async fn join<F>(&self, key: K, task: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.begin(key, || Ok(()), task)?.wait().await
    }

    /// As [`SingleFlight::join`], but waits for nothing.
    pub fn start<F>(&self, key: K, task: impl FnOnce() -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        // A failure is kept in the slot and logged by the task itself.
        let _ = self.begin(key, || Ok(()), task);
    }

    /// Joins the task for `key`; starts it if there is none and `permit` allows it.
    ///
    /// # Errors
    /// The last failure, while its pause lasts; whatever `permit` says.
    pub fn begin<F>(
        &self,
        key: K,
        permit: impl FnOnce() -> Result<(), E>,
        task: impl FnOnce() -> F,
    ) -> Result<Pending<T, E>, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let now = self.clock.now();
        // A failure later than now stems from a clock that was set back since.
        let pauses = |since, until| since <= now && now < until;
        let mut slots = lock(&self.slots);
        let failures_before = match slots.get(&key) {
            Some(Slot::UnderWay { outcome, .. }) if !is_abandoned(outcome) => {
                return Ok(Pending {
                    outcome: outcome.clone(),
                    started: false,
                });
            }
            Some(Slot::Failed {
                error,
                since,
                until,
                ..
            }) if pauses(*since, *until) => {
                return Err(error.clone().with_retry_after(until.since(now)));
            }
            Some(Slot::Failed { failures, .. }) => *failures,
            Some(Slot::UnderWay {
                failures_before, ..
            }) => *failures_before,
            None => 0,
        };
        permit()?;
        if slots.len() >= MANY_KEYS {
            slots.retain(|_, slot| match slot {
                Slot::UnderWay { .. } => true,
                Slot::Failed { since, until, .. } => pauses(*since, *until),
            });
        }
        let (send, outcome) = watch::channel(None);
        let under_way = Slot::UnderWay {
            outcome: outcome.clone(),
            failures_before,
            task: None,
        };
        slots.insert(key.clone(), under_way);
        // Not under the lock: a runtime that is shutting down drops the task here.
        drop(slots);
        let handle = tokio::spawn(self.settled(key.clone(), send, failures_before, task()));
        if let Some(Slot::UnderWay {
            outcome: ours,
            task,
            ..
        }) = lock(&self.slots).get_mut(&key)
            && ours.same_channel(&outcome)
        {
            *task = Some(handle.abort_handle());
        }
        Ok(Pending {
            outcome,
            started: true,
        })
    }

    /// Runs `task`, and leaves the slot free after a success, and paused after a failure.
    fn settled(
        &self,
        key: K,
        send: watch::Sender<Outcome<T, E>>,
        failures_before: u32,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (slots, clock, longest) = (self.slots.clone(), self.clock.clone(), self.longest_pause);
        async move {
            let result = task.await;
            let mut settled = lock(&slots);
            match &result {
                Ok(_) => {
                    settled.remove(&key);
                }
                Err(error) => {
                    let pause = (1 << failures_before.min(5)).min(longest);
                    let pause = pause.max(error.retry_after().unwrap_or(0));
                    let now = clock.now();
                    let failed = Slot::Failed {
                        error: error.clone(),
                        since: now,
                        until: now.plus(pause),
                        failures: failures_before.saturating_add(1),
                    };
                    settled.insert(key, failed);
                }
            }
            drop(settled);
            send.send_replace(Some(result));
        }
    }
}

impl<K, T, E> Drop for SingleFlight<K, T, E> {
    fn drop(&mut self) {
        for slot in lock(&self.slots).values() {
            if let Slot::UnderWay {
                task: Some(task), ..
            } = slot
            {
                task.abort();
            }
        }
    }
}

/// Whether the task ended without a result: it panicked, or its runtime was shut down.
fn is_abandoned<T>(outcome: &watch::Receiver<Option<T>>) -> bool {
    outcome.has_changed().is_err() && outcome.borrow().is_none()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;

    use super::*;
    use crate::fetch_error::{FetchError, FetchErrorKind};

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const LONGEST: i64 = 32;

    fn single<T: Clone + Send + Sync + 'static>(clock: &Clock) -> SingleFlight<u8, T, FetchError> {
        SingleFlight::new(clock.clone(), LONGEST)
    }

    fn failure() -> FetchError {
        FetchError::new(FetchErrorKind::Busy, "scripted")
    }

    /// Attacks: K12.
    #[tokio::test]
    async fn a_thousand_callers_share_one_task() {
        let shared = Arc::new(single::<u32>(&Clock::test(START)));
        let ran = Arc::new(AtomicU32::new(0));
        let (release, held) = watch::channel(false);
        let mut callers = JoinSet::new();
        for _ in 0..1000 {
            let (shared, ran, mut held) = (shared.clone(), ran.clone(), held.clone());
            callers.spawn(async move {
                let task = || async move {
                    held.wait_for(|released| *released).await.unwrap();
                    Ok(ran.fetch_add(1, Ordering::SeqCst) + 1)
                };
                shared.join(0, task).await.unwrap()
            });
        }
        tokio::task::yield_now().await;
        release.send_replace(true);
        assert!(callers.join_all().await.iter().all(|number| *number == 1));
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_pauses_grow() {
        let clock = Clock::test(START);
        let shared = single::<()>(&clock);
        let ran = Arc::new(AtomicU32::new(0));
        let attempt = || {
            let ran = ran.clone();
            shared.join(0, || async move {
                ran.fetch_add(1, Ordering::SeqCst);
                Err(failure())
            })
        };
        assert_eq!(attempt().await.unwrap_err().retry_after(), None);
        assert_eq!(attempt().await.unwrap_err().retry_after(), Some(1));
        assert_eq!(ran.load(Ordering::SeqCst), 1);
        for (pause, ran_by_then) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4), (7, 4), (1, 5)] {
            clock.advance(pause);
            attempt().await.unwrap_err();
            assert_eq!(ran.load(Ordering::SeqCst), ran_by_then);
        }
        for _ in 0..5 {
            clock.advance(LONGEST);
            attempt().await.unwrap_err();
        }
        assert_eq!(attempt().await.unwrap_err().retry_after(), Some(LONGEST));
        assert_eq!(ran.load(Ordering::SeqCst), 10);
    }

    #[tokio::test]
    async fn an_issuer_that_wants_to_be_left_alone_is() {
        let clock = Clock::test(START);
        let shared = single::<()>(&clock);
        let busy = || async { Err(failure().with_retry_after(90)) };
        shared.join(0, busy).await.unwrap_err();
        clock.advance(89);
        let error = shared.join(0, || async { Ok(()) }).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(1));
        clock.advance(1);
        assert!(shared.join(0, || async { Ok(()) }).await.is_ok());
    }

    #[tokio::test]
    async fn a_clock_set_back_ends_a_pause() {
        let clock = Clock::test(START);
        let shared = single::<()>(&clock);
        let busy = || async { Err(failure().with_retry_after(90)) };
        shared.join(0, busy).await.unwrap_err();
        assert!(shared.join(0, || async { Ok(()) }).await.is_err());
        clock.advance(-1);
        assert!(shared.join(0, || async { Ok(()) }).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_not_permitted_does_not_start_and_what_is_under_way_is_joined() {
        let shared = single::<u8>(&Clock::test(START));
        let refused = shared.begin(0, || Err(failure()), || async { Ok(1) });
        assert_eq!(refused.err(), Some(failure()));
        let (release, mut held) = watch::channel(false);
        let task = || async move {
            held.wait_for(|released| *released).await.unwrap();
            Ok(1)
        };
        let started = shared.begin(0, || Ok(()), task).unwrap();
        let joined = shared
            .begin(0, || Err(failure()), || async { Ok(2) })
            .unwrap();
        assert!(started.is_started() && !joined.is_started());
        release.send_replace(true);
        assert_eq!((started.wait().await, joined.wait().await), (Ok(1), Ok(1)));
    }

    /// Attacks: Z05.
    #[tokio::test]
    async fn a_crash_strands_nobody() {
        let shared = single::<u8>(&Clock::test(START));
        let crash = || async { panic!("a scripted crash") };
        assert!(shared.join(0, crash).await.is_err());
        assert_eq!(shared.join(0, || async { Ok(7) }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_task_ends_though_its_caller_left() {
        let shared = Arc::new(single::<u8>(&Clock::test(START)));
        let (release, mut held) = watch::channel(false);
        let (ended, mut seen) = watch::channel(false);
        let task = move || async move {
            held.wait_for(|released| *released).await.unwrap();
            ended.send_replace(true);
            Ok(1)
        };
        let caller = tokio::spawn({
            let shared = shared.clone();
            async move { shared.join(0, task).await }
        });
        tokio::task::yield_now().await;
        caller.abort();
        release.send_replace(true);
        seen.wait_for(|ended| *ended).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_under_way_ends_with_the_last_who_could_ask_for_it() {
        let shared = single::<u8>(&Clock::test(START));
        let (alive, mut seen) = watch::channel(());
        let task = || async move {
            std::future::pending::<()>().await;
            drop(alive);
            Ok(1)
        };
        shared.start(0, task);
        tokio::task::yield_now().await;
        drop(shared);
        assert!(seen.changed().await.is_err(), "its sender was dropped");
    }
}
