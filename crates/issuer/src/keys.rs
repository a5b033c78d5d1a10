//! An issuer's keys, as a snapshot that is swapped whole. A caller whose key is known never waits.
//!
//! - At 80 % of its time the snapshot is renewed in the background.
//! - A snapshot past its time is used only if the issuer was asked lately and did not answer, and for a day at most. A set without a
//!   key that verifies is an answer: the issuer has none now.
//! - A key that is not known is asked for at once (OpenID Connect Core §10.1.1), for all who look for one together. Only questions that
//!   brought no such key count against [`Pace`]; where it allows none, it is not known whether there is the key.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{JoseError, KeySet, unverified_header};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use crate::discovery::{Discovery, LONGEST_PAUSE, LONGEST_USE, Metadata};
use crate::fetch_error::{FetchError, FetchErrorKind};
use crate::pace::Pace;
use crate::single_flight::{Failure, Pending, SingleFlight};

/// How long a failed fetch excuses a snapshot past its time, in seconds.
const FAILED_LATELY: u64 = 5 * 60;
/// How long a key that the issuer does not have is not asked for again, in seconds.
const MISSING_FOR: i64 = 60;

/// Who handed a token over. Each has a pace of its own: what strangers make up keeps no user from signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBy {
    /// The issuer's token endpoint.
    Issuer,
    /// A request from anywhere.
    Anyone,
}

/// That the keys were fetched, or not, for those who count such things.
#[derive(Clone, Copy, Debug)]
pub struct KeysRead {
    /// Whether they were.
    pub succeeded: bool,
    /// How old the keys are that are in use now, in seconds.
    pub age: Option<i64>,
}

/// The keys of one issuer. Dropping them ends the fetch under way.
pub struct Keys<M> {
    shared: Arc<Shared<M>>,
    fetches: SingleFlight<(), Arc<Snapshot>, FetchError>,
}

struct Shared<M> {
    /// `None`: the keys were given, and no issuer is asked.
    discovery: Option<Discovery<M>>,
    clock: Clock,
    observe: fn(KeysRead),
    snapshot: ArcSwapOption<Snapshot>,
    /// When the last fetch failed; `i64::MIN` if it did not.
    failed_at: AtomicI64,
    searches: Mutex<Searches>,
}

/// What was asked for in vain.
struct Searches {
    for_issuer: Pace,
    for_anyone: Pace,
    /// Keys that strangers named and the issuer does not have, and until when they are not asked for. As many as [`Pace`] allows.
    missing: Vec<(String, Timestamp)>,
}

struct Snapshot {
    keys: Arc<KeySet>,
    read_at: Timestamp,
    renew_at: Timestamp,
    fresh_until: Timestamp,
    /// Whose pace it was taken off, until it brings a key that was looked for.
    charged: Mutex<Option<GivenBy>>,
}

impl<M: Metadata> Keys<M> {
    /// The keys that the issuer publishes; asks for nothing yet. `observe` is told of every fetch.
    pub fn new(discovery: Discovery<M>, clock: Clock, observe: fn(KeysRead)) -> Self {
        Self::with(Some(discovery), clock, observe, None)
    }

    /// `keys`, for ever.
    pub fn fixed(keys: KeySet, clock: Clock) -> Self {
        let snapshot = Snapshot {
            keys: Arc::new(keys),
            read_at: clock.now(),
            renew_at: Timestamp::LATEST,
            fresh_until: Timestamp::LATEST,
            charged: Mutex::new(None),
        };
        Self::with(None, clock, |_| {}, Some(Arc::new(snapshot)))
    }

    fn with(
        discovery: Option<Discovery<M>>,
        clock: Clock,
        observe: fn(KeysRead),
        snapshot: Option<Arc<Snapshot>>,
    ) -> Self {
        let searches = Searches {
            for_issuer: Pace::new(),
            for_anyone: Pace::new(),
            missing: Vec::new(),
        };
        Self {
            fetches: SingleFlight::new(clock.clone(), LONGEST_PAUSE),
            shared: Arc::new(Shared {
                discovery,
                clock,
                observe,
                snapshot: ArcSwapOption::new(snapshot),
                failed_at: AtomicI64::new(i64::MIN),
                searches: Mutex::new(searches),
            }),
        }
    }

    /// The keys that may be used now; an empty set where none are known yet, which asks for nothing. Waits only where a snapshot is
    /// past its time and its issuer was not asked lately.
    pub async fn current(&self) -> Arc<KeySet> {
        let now = self.shared.clock.now();
        let Some(snapshot) = self.shared.usable(now) else {
            return Arc::default();
        };
        if self.shared.discovery.is_none() || !snapshot.is_due(now) {
            return Arc::clone(&snapshot.keys);
        }
        let renewal = self.fetch(None);
        match renewal {
            Ok(pending) if snapshot.fresh_until <= now && !self.shared.failed_lately(now) => {
                match pending.wait().await {
                    Ok(renewed) => Arc::clone(&renewed.keys),
                    Err(error) if error.kind() == FetchErrorKind::NoKeys => Arc::default(),
                    Err(_) => Arc::clone(&snapshot.keys),
                }
            }
            _ => Arc::clone(&snapshot.keys),
        }
    }

    /// Asks for keys where there are none to work with.
    ///
    /// # Errors
    /// Whatever keeps them away.
    pub async fn ready(&self) -> Result<(), FetchError> {
        let now = self.shared.clock.now();
        if self.shared.usable(now).is_some() {
            // Renewed if need be.
            self.current().await;
            return Ok(());
        }
        self.fetch(None)?.wait().await.map(drop)
    }

    /// Asks for newer keys, unless [`Keys::current`] already `holds` what `token` needs, which [`is_key_unknown`] tells. Afterwards
    /// [`Keys::current`] is all that can be known.
    ///
    /// # Errors
    /// [`FetchErrorKind::TooOften`] where asking is not allowed now, so that it is not known whether the issuer has the key; whatever
    /// keeps the keys away.
    pub async fn seek(
        &self,
        token: &str,
        given_by: GivenBy,
        holds: impl Fn(&KeySet) -> bool,
    ) -> Result<(), FetchError> {
        let now = self.shared.clock.now();
        // What a stranger's token calls its key. Where it names none, one token tells nothing of the next: the pace alone bounds the
        // questions.
        let name = match given_by {
            GivenBy::Issuer => None,
            GivenBy::Anyone => name_of_key(token),
        };
        let is_missing = |name: &String| self.shared.searches().is_missing(name, now);
        // Another caller may have brought it since this one looked.
        let is_held = || {
            let snapshot = self.shared.usable(now);
            snapshot.is_some_and(|snapshot| holds(&snapshot.keys))
        };
        if self.shared.discovery.is_none() || name.as_ref().is_some_and(is_missing) || is_held() {
            return Ok(());
        }
        // A fetch that was under way may have been answered before this key was published; the next one is not.
        for _ in 0..2 {
            let pending = self.fetch(Some(given_by))?;
            let is_started = pending.is_started();
            let snapshot = pending.wait().await?;
            if holds(&snapshot.keys) {
                self.shared.refund(&snapshot);
                return Ok(());
            }
            if is_started {
                if let Some(name) = name {
                    let now = self.shared.clock.now();
                    self.shared.searches().add_missing(name, now);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Joins the fetch under way, or starts one: at the pace of those who look for a key, if one is looked for.
    fn fetch(
        &self,
        search: Option<GivenBy>,
    ) -> Result<Pending<Arc<Snapshot>, FetchError>, FetchError> {
        let permit = || match search {
            None => Ok(()),
            Some(given_by) => {
                let now = self.shared.clock.now();
                let taken = self.shared.searches().pace(given_by).take(now);
                taken.map_err(too_often)
            }
        };
        let shared = Arc::clone(&self.shared);
        let task = || async move { shared.renew(search).await };
        self.fetches.begin((), permit, task)
    }
}

impl<M: Metadata> Shared<M> {
    async fn renew(&self, search: Option<GivenBy>) -> Result<Arc<Snapshot>, FetchError> {
        let read = self.read().await;
        let now = self.clock.now();
        let failed_at = read.as_ref().err().map_or(i64::MIN, |_| now.seconds());
        self.failed_at.store(failed_at, Ordering::Release);
        let read = read.map(|(keys, lifetime)| Snapshot::new(keys, now, lifetime, search));
        let read = read.map(Arc::new);
        match &read {
            Ok(snapshot) => self.snapshot.store(Some(Arc::clone(snapshot))),
            Err(error) => {
                // The issuer was heard: it has taken its keys back.
                if error.kind() == FetchErrorKind::NoKeys {
                    self.snapshot.store(None);
                }
                // How often an issuer is asked that does not answer, the pauses decide.
                if let Some(given_by) = search {
                    self.searches().pace(given_by).give_back();
                }
                let issuer = self
                    .discovery
                    .as_ref()
                    .map(|discovery| discovery.issuer().as_str());
                tracing::warn!(issuer, %error, "the issuer's keys could not be fetched");
            }
        }
        let in_use = self.snapshot.load();
        (self.observe)(KeysRead {
            succeeded: read.is_ok(),
            age: in_use.as_ref().map(|snapshot| now.since(snapshot.read_at)),
        });
        read
    }

    /// The keys as they stand now, and for how many seconds they are fresh.
    async fn read(&self) -> Result<(KeySet, i64), FetchError> {
        let discovery = self
            .discovery
            .as_ref()
            .ok_or_else(|| FetchError::unusable("the keys were given"))?;
        let metadata = discovery.metadata().await?;
        let read = async {
            let url = metadata.jwks_uri().ok_or_else(|| {
                FetchError::unusable(
                    "the metadata names no `jwks_uri`, so that no token can be verified",
                )
            })?;
            let answer = discovery.http().get(url, HeaderMap::new()).await?;
            let answer = answer.document(url)?;
            let keys = read_keys(url, &answer.body)?;
            Ok((keys, answer.lifetime()))
        };
        read.await.inspect_err(|_| discovery.distrust())
    }

    fn usable(&self, now: Timestamp) -> Option<Arc<Snapshot>> {
        let snapshot = self.snapshot.load_full()?;
        (self.discovery.is_none() || now.since(snapshot.read_at) < LONGEST_USE).then_some(snapshot)
    }

    fn failed_lately(&self, now: Timestamp) -> bool {
        let failed_at = self.failed_at.load(Ordering::Acquire);
        failed_at != i64::MIN && now.seconds().abs_diff(failed_at) < FAILED_LATELY
    }

    /// Gives back what `snapshot` was charged with, once: it brought a key that was looked for.
    fn refund(&self, snapshot: &Snapshot) {
        let charged = lock(&snapshot.charged).take();
        if let Some(given_by) = charged {
            self.searches().pace(given_by).give_back();
        }
    }

    fn searches(&self) -> MutexGuard<'_, Searches> {
        lock(&self.searches)
    }
}

impl Searches {
    fn pace(&mut self, given_by: GivenBy) -> &mut Pace {
        match given_by {
            GivenBy::Issuer => &mut self.for_issuer,
            GivenBy::Anyone => &mut self.for_anyone,
        }
    }

    fn is_missing(&mut self, name: &str, now: Timestamp) -> bool {
        // A time further ahead stems from a clock that was set back since.
        self.missing
            .retain(|(_, until)| now < *until && *until <= now.plus(MISSING_FOR));
        self.missing.iter().any(|(missing, _)| missing == name)
    }

    fn add_missing(&mut self, name: String, now: Timestamp) {
        self.missing.push((name, now.plus(MISSING_FOR)));
    }
}

impl Snapshot {
    /// Renewed between 80 % and 90 % of its time, so that many processes do not ask at once.
    fn new(keys: KeySet, now: Timestamp, lifetime: i64, charged: Option<GivenBy>) -> Self {
        let [chance] = random::bytes::<1>();
        let jitter = lifetime / 10 * i64::from(chance) / 255;
        Self {
            keys: Arc::new(keys),
            read_at: now,
            renew_at: now.plus(lifetime * 8 / 10 + jitter),
            fresh_until: now.plus(lifetime),
            charged: Mutex::new(charged),
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.renew_at || now < self.read_at
    }
}

/// The keys in the answer of `url`, one at least.
fn read_keys(url: &Url, body: &[u8]) -> Result<KeySet, FetchError> {
    // What some issuers publish that have nothing to publish.
    let is_bare =
        serde_json::from_slice::<Map<String, Value>>(body).is_ok_and(|set| set.is_empty());
    let keys = match is_bare {
        true => KeySet::default(),
        false => KeySet::of_issuer(body).map_err(|error| {
            FetchError::unusable(format!("{url}: the key set does not read: {error}"))
        })?,
    };
    if keys.is_empty() {
        let detail = format!(
            "{url}: the key set holds no key that verifies; an issuer that signs with its clients' secrets (HS256) publishes none"
        );
        return Err(FetchError::new(FetchErrorKind::NoKeys, detail));
    }
    Ok(keys)
}

/// Whether the issuer may have a key for `token`, refused with `error`, that was not at hand. A token that names none may be of a new
/// one when the known ones do not fit.
pub fn is_key_unknown(error: JoseError, token: &str) -> bool {
    match error {
        JoseError::UnknownKey => true,
        JoseError::Signature | JoseError::AmbiguousKey => {
            unverified_header(token).is_ok_and(|header| header.kid.is_none())
        }
        _ => false,
    }
}

/// What `token` calls its key, if it names one.
fn name_of_key(token: &str) -> Option<String> {
    let header = unverified_header(token).ok()?;
    Some(format!("{} {:?}", header.algorithm, header.kid?))
}

fn too_often(seconds: i64) -> FetchError {
    let detail = format!(
        "the token is of a key that is not known, and the issuer's keys were read a moment ago; they are read again in {seconds} s"
    );
    FetchError::new(FetchErrorKind::TooOften, detail).with_retry_after(seconds)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
