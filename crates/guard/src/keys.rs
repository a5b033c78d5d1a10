//! The issuer's keys, as a snapshot that is swapped whole. A request whose key is known waits for nobody.
//!
//! - At 80 % of its time the snapshot is renewed in the background.
//! - A snapshot past its time is used only if the issuer was asked lately and did not answer, and for a day at most.
//! - An unknown `kid` asks the issuer again at once, all requests together. Only questions that brought no such key count against
//!   [`Pace`]; where it allows none, nobody knows whether there is the key, and the request is told to come again. One that is
//!   still unknown after a question is refused for a minute without asking.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use quick_cache::sync::Cache;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{Algorithm, JoseError, KeySet};
use safeconduct_protocol::time::Timestamp;
use safeconduct_protocol::{encoding, random};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::discovery::Issuer;
use crate::fetch::FetchError;
use crate::pace::{self, Pace};

/// How long keys are used while the issuer cannot be reached, in seconds.
const LONGEST_USE: i64 = 24 * 60 * 60;
/// How long a failed fetch excuses a snapshot past its time, in seconds.
const ASKED_LATELY: u64 = 5 * 60;
/// How long a `kid` that the issuer does not know is refused without asking, in seconds.
const MISSING_FOR: i64 = 60;
/// How many such `kid`s are remembered.
const MISSING_KIDS: usize = 1024;

/// The keys of one issuer. Dropping them ends the fetch under way.
pub(crate) struct Keys(Arc<Shared>);

struct Shared {
    /// `None`: the keys were given, and nobody is asked.
    issuer: Option<Arc<Issuer>>,
    clock: Clock,
    snapshot: ArcSwapOption<Snapshot>,
    /// SHA-256 of a `kid` and until when it counts as unknown.
    missing: Cache<[u8; 32], Timestamp>,
    /// The earliest time of the next renewal in the background.
    renewal: AtomicI64,
    /// When the last fetch failed; `i64::MIN` if it did not.
    failed_at: AtomicI64,
    flight: Mutex<Flight>,
    landed: watch::Sender<()>,
}

/// The one fetch that may be under way.
struct Flight {
    pace: Pace,
    under_way: bool,
    /// Tells the last one from the ones before.
    number: u64,
    /// What the last one was started for; `None` once it costs nothing.
    purpose: Option<Purpose>,
    /// The task of the last one.
    task: Option<AbortHandle>,
    /// Until when the issuer wants to be left alone.
    rest_until: Option<Timestamp>,
    /// Why the last one failed, if it did.
    failure: Option<FetchError>,
}

/// What a fetch is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Having keys, or fresh ones: costs nothing if it succeeds, as a snapshot lasts a while.
    Renewal,
    /// An unknown `kid`, which anybody can make up: costs nothing if it brought the key.
    Search,
}

/// A fetch that a request waits for.
struct Boarded {
    landed: watch::Receiver<()>,
    number: u64,
    /// Whether this request started it.
    started: bool,
}

struct Snapshot {
    keys: Arc<KeySet>,
    read_at: Timestamp,
    renew_at: Timestamp,
    fresh_until: Timestamp,
}

/// What looking for a key came to.
pub(crate) enum Sought {
    /// The set that holds it.
    Found(Arc<KeySet>),
    /// The issuer has no such key.
    Missing,
    /// Nobody knows: the issuer was asked a moment ago, and may be asked again in so many seconds.
    Unknown(i64),
    /// The issuer cannot be asked; perhaps in so many seconds.
    Unavailable(i64),
}

impl Keys {
    /// The keys that `issuer` publishes; asks for nothing yet.
    pub(crate) fn of(issuer: Arc<Issuer>, clock: Clock) -> Self {
        Self::new(Some(issuer), clock, None)
    }

    /// `keys`, for ever.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fixed(keys: KeySet, clock: Clock) -> Self {
        let snapshot = Snapshot {
            keys: Arc::new(keys),
            read_at: clock.now(),
            renew_at: Timestamp::LATEST,
            fresh_until: Timestamp::LATEST,
        };
        Self::new(None, clock, Some(snapshot))
    }

    fn new(issuer: Option<Arc<Issuer>>, clock: Clock, snapshot: Option<Snapshot>) -> Self {
        Self(Arc::new(Shared {
            issuer,
            clock,
            snapshot: ArcSwapOption::new(snapshot.map(Arc::new)),
            missing: Cache::new(MISSING_KIDS),
            renewal: AtomicI64::new(i64::MIN),
            failed_at: AtomicI64::new(i64::MIN),
            flight: Mutex::new(Flight {
                pace: Pace::new(),
                under_way: false,
                number: 0,
                purpose: None,
                rest_until: None,
                task: None,
                failure: None,
            }),
            landed: watch::Sender::new(()),
        }))
    }

    /// The keys that may be used now, if there are any. Waits only where a snapshot is past its time and its issuer was
    /// not asked lately.
    pub(crate) async fn current(&self) -> Option<Arc<KeySet>> {
        let now = self.0.clock.now();
        let snapshot = self.0.usable(now)?;
        if self.0.issuer.is_none() || !snapshot.is_due(now) {
            return Some(Arc::clone(&snapshot.keys));
        }
        let flight = if self.0.may_renew(now) {
            self.board(now, Purpose::Renewal).ok()
        } else {
            None
        };
        if now < snapshot.fresh_until || self.0.failed_lately(now) {
            return Some(Arc::clone(&snapshot.keys));
        }
        let flight = flight.or_else(|| self.board(now, Purpose::Renewal).ok());
        wait(flight).await;
        self.0
            .usable(now)
            .map(|snapshot| Arc::clone(&snapshot.keys))
    }

    /// Looks for the key that [`Keys::current`] does not hold.
    pub(crate) async fn seek(&self, kid: Option<&str>, algorithm: Algorithm) -> Sought {
        let now = self.0.clock.now();
        if self.0.issuer.is_none() {
            return Sought::Missing;
        }
        let digest = encoding::sha256(format!("{algorithm} {kid:?}").as_bytes());
        let is_missing = |until: Timestamp| now < until && until <= now.plus(MISSING_FOR);
        if self.0.missing.get(&digest).is_some_and(is_missing) {
            return Sought::Missing;
        }
        // Another request may have brought it since this one looked.
        if let Some(keys) = self.0.holding(kid, algorithm, now) {
            return Sought::Found(keys);
        }
        let mut waiting = None;
        // A fetch that was under way may have been answered before this key was published; the next one is not.
        for _ in 0..2 {
            match self.board(now, Purpose::Search) {
                Err(seconds) => waiting = Some(seconds),
                Ok(boarded) => {
                    let (number, started) = (boarded.number, boarded.started);
                    wait(Some(boarded)).await;
                    if let Some(keys) = self.0.holding(kid, algorithm, now) {
                        self.0.flight().cost_nothing(number);
                        return Sought::Found(keys);
                    }
                    if !started {
                        continue;
                    }
                }
            }
            break;
        }
        match waiting {
            _ if self.0.usable(now).is_none() || self.0.failed() => {
                Sought::Unavailable(waiting.unwrap_or(pace::PERIOD))
            }
            Some(seconds) => Sought::Unknown(seconds),
            None => {
                self.0.missing.insert(digest, now.plus(MISSING_FOR));
                Sought::Missing
            }
        }
    }

    /// Whether there are keys to work with, after asking for them if need be.
    ///
    /// # Errors
    /// Why the last fetch failed.
    pub(crate) async fn ready(&self) -> Result<(), FetchError> {
        if self.current().await.is_some() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let boarded = self.board(now, Purpose::Renewal);
        let seconds = boarded.as_ref().err().copied();
        wait(boarded.ok()).await;
        if self.0.usable(now).is_some() {
            return Ok(());
        }
        let failure = self.0.flight().failure.clone();
        Err(failure.unwrap_or(FetchError::TooOften(seconds.unwrap_or(pace::PERIOD))))
    }

    /// Joins the fetch under way, or starts one.
    ///
    /// # Errors
    /// The seconds until the pace allows one.
    fn board(&self, now: Timestamp, purpose: Purpose) -> Result<Boarded, i64> {
        let mut flight = self.0.flight();
        let started = !flight.under_way;
        if started {
            flight.rested(now)?;
            flight.pace.take(now)?;
            flight.under_way = true;
            flight.number += 1;
            flight.purpose = Some(purpose);
        }
        let boarded = Boarded {
            // Under the lock: the landing that this waits for is still to come.
            landed: self.0.landed.subscribe(),
            number: flight.number,
            started,
        };
        drop(flight);
        if started {
            // Not under the lock: a runtime that is shutting down drops the task here, and that is its landing.
            let task = tokio::spawn(fetch(Landing(Arc::clone(&self.0))));
            self.0.flight().task = Some(task.abort_handle());
        }
        Ok(boarded)
    }
}

impl Flight {
    /// Whether the issuer may be asked, as far as it said itself.
    ///
    /// # Errors
    /// The seconds until then.
    fn rested(&self, now: Timestamp) -> Result<(), i64> {
        match self.rest_until {
            Some(until) if now < until => Err(until.since(now)),
            _ => Ok(()),
        }
    }

    /// Takes the fetch `number` off the pace, once.
    fn cost_nothing(&mut self, number: u64) {
        if self.number == number && self.purpose.take().is_some() {
            self.pace.give_back();
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let task = self.0.flight().task.take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Shared {
    fn usable(&self, now: Timestamp) -> Option<Arc<Snapshot>> {
        let snapshot = self.snapshot.load_full()?;
        (self.issuer.is_none() || now.since(snapshot.read_at) < LONGEST_USE).then_some(snapshot)
    }

    /// The keys that may be used now, if the one that is sought is among them.
    fn holding(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Option<Arc<KeySet>> {
        let snapshot = self.usable(now)?;
        let unknown = matches!(
            snapshot.keys.find(kid, algorithm),
            Err(JoseError::UnknownKey)
        );
        (!unknown).then(|| Arc::clone(&snapshot.keys))
    }

    /// Whether this caller, and no other for a while, is to start the renewal in the background.
    fn may_renew(&self, now: Timestamp) -> bool {
        let due = self.renewal.load(Ordering::Acquire);
        let next = now.plus(pace::PERIOD).seconds();
        // A time further ahead than the period stems from a clock that was set back since.
        (due <= now.seconds() || due > next)
            && self
                .renewal
                .compare_exchange(due, next, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    fn failed(&self) -> bool {
        self.failed_at.load(Ordering::Acquire) != i64::MIN
    }

    fn failed_lately(&self, now: Timestamp) -> bool {
        self.failed()
            && now
                .seconds()
                .abs_diff(self.failed_at.load(Ordering::Acquire))
                < ASKED_LATELY
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, fetched: Result<(KeySet, i64), FetchError>) {
        let now = self.clock.now();
        let failed_at = if fetched.is_err() {
            now.seconds()
        } else {
            i64::MIN
        };
        self.failed_at.store(failed_at, Ordering::Release);
        {
            let mut flight = self.flight();
            flight.failure = fetched.as_ref().err().cloned();
            flight.rest_until = match &fetched {
                Err(FetchError::Later(_, seconds)) => Some(now.plus(*seconds)),
                _ => None,
            };
            if fetched.is_ok() && flight.purpose == Some(Purpose::Renewal) {
                let number = flight.number;
                flight.cost_nothing(number);
            }
        }
        match fetched {
            Ok((keys, lifetime)) => {
                metrics::counter!("guard_jwks_fetches_total", "outcome" => "ok").increment(1);
                metrics::gauge!("guard_keys_age_seconds").set(0.0);
                self.snapshot
                    .store(Some(Arc::new(Snapshot::new(keys, now, lifetime))));
            }
            Err(error) => {
                metrics::counter!("guard_jwks_fetches_total", "outcome" => "failed").increment(1);
                let age = self
                    .snapshot
                    .load()
                    .as_ref()
                    .map(|snapshot| now.since(snapshot.read_at));
                if let Some(age) = age.and_then(|age| i32::try_from(age).ok()) {
                    metrics::gauge!("guard_keys_age_seconds").set(f64::from(age));
                }
                let issuer = self.issuer.as_ref().map(|issuer| issuer.address.as_str());
                tracing::warn!(issuer, %error, age, "the issuer's keys could not be fetched");
            }
        }
    }
}

impl Snapshot {
    /// Renewed between 80 % and 90 % of its time, so that many guards do not ask at once.
    fn new(keys: KeySet, now: Timestamp, lifetime: i64) -> Self {
        let [chance] = random::bytes::<1>();
        let jitter = lifetime / 10 * i64::from(chance) / 255;
        Self {
            keys: Arc::new(keys),
            read_at: now,
            renew_at: now.plus(lifetime * 8 / 10 + jitter),
            fresh_until: now.plus(lifetime),
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.renew_at || now < self.read_at
    }
}

async fn wait(flight: Option<Boarded>) {
    if let Some(mut boarded) = flight {
        // An error means that the keys were dropped: the next request finds out.
        let _ = boarded.landed.changed().await;
    }
}

async fn fetch(landing: Landing) {
    let shared = &landing.0;
    let Some(issuer) = &shared.issuer else { return };
    let fetched = tokio::time::timeout(issuer.http.timeout(), issuer.key_set())
        .await
        .unwrap_or_else(|_| Err(FetchError::Unreachable("timed out".into())));
    shared.settle(fetched);
}

/// Lets the waiting go on, also if the fetch was ended, panicked or never began.
struct Landing(Arc<Shared>);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.flight().under_way = false;
        self.0.landed.send_replace(());
    }
}
