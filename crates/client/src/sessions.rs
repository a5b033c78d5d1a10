//! This app's sessions: found by a random cookie, kept as sealed records, changed one at a time.
//!
//! Where they are kept is the store's concern; what renewing tokens means, `refresh.rs`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::encoding;
use safeconduct_protocol::seal::{Kind, Seal};
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

use crate::error::{Error, ErrorKind};
use crate::record::Record;
use crate::store::{SessionKey, SessionRow, SessionStore, StoreError};
use crate::token_response::Tokens;

/// How often a change is tried while others change the same session.
const MOST_TRIES: usize = 32;
/// How many seconds lie between two removals of expired sessions.
const BETWEEN_SWEEPS: i64 = 60;

/// How long a session lasts, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Lifetimes {
    /// Without a request.
    pub(crate) idle: i64,
    /// In all.
    pub(crate) absolute: i64,
}

/// The sessions of one client.
#[derive(Clone)]
pub(crate) struct Sessions {
    store: Arc<dyn SessionStore>,
    seal: Arc<Seal>,
    lifetimes: Lifetimes,
    clock: Clock,
    swept: Arc<AtomicI64>,
}

/// A record as it was read.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) record: Record,
    version: i64,
}

/// What became of a change.
pub(crate) enum Change {
    /// It was made; this is the record now.
    Made(Record),
    /// It was not wanted any more; this is the record as it is.
    Unwanted(Record),
    /// There is no such session.
    Gone,
}

impl Sessions {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        seal: Arc<Seal>,
        lifetimes: Lifetimes,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            seal,
            lifetimes,
            clock,
            swept: Arc::default(),
        }
    }

    /// Begins a session under a new cookie, which is returned.
    pub(crate) async fn start(&self, tokens: Tokens) -> Result<(Secret, Record), Error> {
        let now = self.clock.now();
        self.sweep(now).await;
        let cookie = Secret::generate();
        let record = Record::begin(tokens, now);
        let row = self.row(SessionKey::of(cookie.expose()), &record, 1)?;
        self.store.insert(row).await.map_err(failed)?;
        Ok((cookie, record))
    }

    /// The session under `key`, if it is still alive.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: then nobody knows whether there is one.
    pub(crate) async fn find(&self, key: &SessionKey) -> Result<Option<Held>, Error> {
        let Some(row) = self.store.find(key).await.map_err(failed)? else {
            return Ok(None);
        };
        let held = self.open(&row);
        Ok(held.filter(|held| self.clock.now() < self.end(&held.record)))
    }

    /// Makes `change` on the session as it is at that moment, however many others change it too. `change` may say that it is
    /// not wanted any more.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: the change may have been made all the same.
    pub(crate) async fn change(
        &self,
        key: &SessionKey,
        mut change: impl FnMut(&mut Record) -> bool,
    ) -> Result<Change, Error> {
        for _ in 0..MOST_TRIES {
            let Some(held) = self.find(key).await? else {
                return Ok(Change::Gone);
            };
            let mut record = held.record.clone();
            if !change(&mut record) {
                return Ok(Change::Unwanted(held.record));
            }
            let row = self.row(*key, &record, held.version + 1)?;
            if self.store.replace(row).await.map_err(failed)? {
                return Ok(Change::Made(record));
            }
        }
        Err(Error::new(
            ErrorKind::SessionStore,
            "one session is changed by too many at once",
        ))
    }

    /// Ends the session if `condition` holds at that moment, and returns what it was.
    pub(crate) async fn end_if(
        &self,
        key: &SessionKey,
        condition: impl Fn(&Record) -> bool,
    ) -> Result<Option<Record>, Error> {
        for _ in 0..MOST_TRIES {
            let Some(held) = self.find(key).await?.filter(|held| condition(&held.record)) else {
                return Ok(None);
            };
            if self.store.remove(key, held.version).await.map_err(failed)? {
                return Ok(Some(held.record));
            }
        }
        Err(Error::new(
            ErrorKind::SessionStore,
            "one session is changed by too many at once",
        ))
    }

    /// Notes that the session is in use, now and then: not every request is worth a write.
    pub(crate) async fn touch(&self, key: &SessionKey, record: &Record) {
        let now = self.clock.now();
        let pause = (self.lifetimes.idle / 20).max(1);
        if now.since(record.seen) < pause {
            return;
        }
        let touched = self.change(key, |record| {
            let wanted = now.since(record.seen) >= pause;
            record.seen = record.seen.max(now);
            wanted
        });
        if let Err(error) = touched.await {
            tracing::warn!(%error, "a session's use could not be noted");
        }
    }

    /// How long the cookie of a new session is kept.
    pub(crate) fn cookie_lifetime(&self) -> i64 {
        self.lifetimes.absolute
    }

    fn end(&self, record: &Record) -> Timestamp {
        let idle = record.seen.plus(self.lifetimes.idle);
        idle.min(record.created.plus(self.lifetimes.absolute))
    }

    fn row(&self, key: SessionKey, record: &Record, version: i64) -> Result<SessionRow, Error> {
        let unsealed = |error: &str| {
            Error::new(
                ErrorKind::SessionStore,
                format!("a session does not seal: {error}"),
            )
        };
        let payload = serde_json::to_vec(record).map_err(|_| unsealed("not JSON"))?;
        let sealed = self
            .seal
            .seal_bytes(Kind::StoredTokens, &place(&key, version), &payload)
            .map_err(|error| unsealed(&error.to_string()))?;
        Ok(SessionRow {
            key,
            version,
            sealed,
            expires_at: self.end(record),
        })
    }

    /// Opens a row. One that does not open is of another key, or was tampered with: nobody's session.
    fn open(&self, row: &SessionRow) -> Option<Held> {
        let place = place(&row.key, row.version);
        let opened = self
            .seal
            .open_bytes(Kind::StoredTokens, &place, &row.sealed);
        let payload = opened
            .inspect_err(|error| tracing::warn!(%error, "a stored session does not open"))
            .ok()?;
        Some(Held {
            record: serde_json::from_slice(&payload).ok()?,
            version: row.version,
        })
    }

    async fn sweep(&self, now: Timestamp) {
        let last = self.swept.swap(now.seconds(), Ordering::Relaxed);
        if now.seconds().saturating_sub(last) < BETWEEN_SWEEPS {
            self.swept.store(last, Ordering::Relaxed);
            return;
        }
        if let Err(error) = self.store.remove_expired(now).await {
            tracing::warn!(%error, "expired sessions could not be removed");
        }
    }
}

/// The cookie's value if it is of the form we give out; nothing else is worth a look into the store.
pub(crate) fn key_of(cookie: &str) -> Option<SessionKey> {
    let formed = cookie.len() == 43 && encoding::decode(cookie).is_some();
    formed.then(|| SessionKey::of(cookie))
}

/// What a sealed record is bound to: a row that was swapped, or put back to an earlier state under a new version, does not open.
fn place(key: &SessionKey, version: i64) -> Vec<u8> {
    [key.as_bytes().as_slice(), &version.to_be_bytes()].concat()
}

fn failed(error: StoreError) -> Error {
    Error::new(ErrorKind::SessionStore, error.to_string()).with_source(error)
}
