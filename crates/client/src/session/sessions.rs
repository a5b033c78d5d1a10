//! This app's sessions: found by a random cookie, kept as sealed records, changed one at a time, ended alone or all of one
//! user's.
//!
//! Where they are kept is the store's concern; what renewing tokens means, `tokens/refresh.rs`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::encoding;
use safeconduct_protocol::seal::{Kind, Seal, SealError};
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

use crate::error::{Error, ErrorKind};
use crate::session::record::Record;
use crate::sign_in::signed_in::SignedIn;
use crate::store::{Logout, SessionKey, SessionRow, SessionStore, StoreError};

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

/// Where sessions are kept, and under what.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) seal: Arc<Seal>,
    /// What the store's names for users and their sessions are made with. The first makes new ones.
    pub(crate) index_keys: Arc<[[u8; 32]]>,
}

/// What the issuer says has ended.
pub(crate) struct Ended<'a> {
    /// A name for the message that says so.
    pub(crate) id: [u8; 32],
    /// Until when that message could come again.
    pub(crate) until: Timestamp,
    pub(crate) sid: Option<&'a str>,
    pub(crate) sub: Option<&'a str>,
}

/// The sessions of one client.
#[derive(Clone)]
pub(crate) struct Sessions {
    storage: Storage,
    lifetimes: Lifetimes,
    clock: Clock,
    swept: Arc<AtomicI64>,
}

/// A record as it was read.
#[derive(Clone)]
pub(crate) struct Versioned {
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
    pub(crate) fn new(storage: Storage, lifetimes: Lifetimes, clock: Clock) -> Self {
        Self {
            storage,
            lifetimes,
            clock,
            swept: Arc::default(),
        }
    }

    /// Begins a session under a new cookie, which is returned.
    /// `before` are the records of sessions that it takes the place of.
    pub(crate) async fn start(
        &self,
        signed_in: &SignedIn,
        before: &[Record],
    ) -> Result<(Secret, Record), Error> {
        let now = self.clock.now();
        self.sweep(now).await;
        let cookie = Secret::generate();
        let mut record = Record::begin(signed_in, now);
        before.iter().for_each(|before| record.carry_on(before));
        let row = self.row(SessionKey::of(cookie.expose()), &record, 1)?;
        self.storage.store.insert(row).await.map_err(failed)?;
        Ok((cookie, record))
    }

    /// The session under `key`, if it is still alive.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: then it is not known whether there is one.
    pub(crate) async fn find(&self, key: &SessionKey) -> Result<Option<Versioned>, Error> {
        let Some(row) = self.storage.store.find(key).await.map_err(failed)? else {
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
            if self.storage.store.replace(row).await.map_err(failed)? {
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
            if self
                .storage
                .store
                .remove(key, held.version)
                .await
                .map_err(failed)?
            {
                return Ok(Some(held.record));
            }
        }
        Err(Error::new(
            ErrorKind::SessionStore,
            "one session is changed by too many at once",
        ))
    }

    /// Ends every session that `ended` is about, and says how many; `None`, and no change, if that message came before.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`]: the sessions may still be alive.
    pub(crate) async fn end_all(&self, ended: &Ended<'_>) -> Result<Option<u64>, Error> {
        let names = |kind: &str, text: Option<&str>| {
            text.map_or_else(Vec::new, |text| self.names(kind, text))
        };
        let logout = Logout {
            id: ended.id,
            remember_until: ended.until,
            server_sessions: names("sid", ended.sid),
            subjects: names("sub", ended.sub),
        };
        self.sweep(self.clock.now()).await;
        self.storage.store.end_all(logout).await.map_err(failed)
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
        let unsealed = |kind: ErrorKind, error: &dyn std::fmt::Display| {
            Error::new(kind, format!("a session does not seal: {error}"))
        };
        let payload = serde_json::to_vec(record)
            .map_err(|error| unsealed(ErrorKind::SessionStore, &error))?;
        let sealed = self
            .storage
            .seal
            .seal_bytes(
                Kind::StoredTokens,
                &associated_data(&key, version),
                &payload,
            )
            .map_err(|error| match error {
                SealError::TooLarge => unsealed(ErrorKind::SessionTooLarge, &error),
                _ => unsealed(ErrorKind::SessionStore, &error),
            })?;
        let identity = record.identity.as_ref();
        let sid = identity.and_then(|identity| identity.sid.as_deref());
        let first = |names: Vec<[u8; 32]>| names.into_iter().next();
        Ok(SessionRow {
            key,
            version,
            sealed,
            expires_at: self.end(record),
            subject: identity.and_then(|identity| first(self.names("sub", &identity.sub))),
            server_session: sid.and_then(|sid| first(self.names("sid", sid))),
        })
    }

    /// What the store may know something of the issuer's by, one name for each key.
    fn names(&self, kind: &str, text: &str) -> Vec<[u8; 32]> {
        let message = format!("{kind}\n{text}");
        let keys = self.storage.index_keys.iter();
        keys.map(|key| encoding::hmac_sha256(key, message.as_bytes()))
            .collect()
    }

    /// Opens a row. One that does not open is of another key, or was tampered with: no session.
    fn open(&self, row: &SessionRow) -> Option<Versioned> {
        let bound_to = associated_data(&row.key, row.version);
        let opened = self
            .storage
            .seal
            .open_bytes(Kind::StoredTokens, &bound_to, &row.sealed);
        let payload = opened
            .inspect_err(|error| tracing::warn!(%error, "a stored session does not open"))
            .ok()?;
        Some(Versioned {
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
        if let Err(error) = self.storage.store.remove_expired(now).await {
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
fn associated_data(key: &SessionKey, version: i64) -> Vec<u8> {
    [key.as_bytes().as_slice(), &version.to_be_bytes()].concat()
}

fn failed(error: StoreError) -> Error {
    Error::new(ErrorKind::SessionStore, error.to_string()).with_source(error)
}
