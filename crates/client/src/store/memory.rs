//! Sessions in memory: for development and tests. They end with the process, and no other process sees them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use safeconduct_protocol::time::Timestamp;

use super::{Logout, SessionKey, SessionRow, SessionStore, StoreFuture};

static WARNING: Once = Once::new();

/// Sessions in memory. Says so once in the log, as a restart signs all users out.
#[derive(Default)]
pub struct MemoryStore(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    rows: HashMap<SessionKey, SessionRow>,
    /// The logouts that were carried out, and until when they are remembered.
    logouts: HashMap<[u8; 32], Timestamp>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        WARNING.call_once(|| {
            tracing::warn!(
                "sessions are kept in memory: a restart signs everybody out, and a second process knows nobody; use a \
                 persistent store in production"
            );
        });
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemoryStore {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        self.contents().rows.insert(row.key, row);
        Box::pin(async { Ok(()) })
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        let found = self.contents().rows.get(key).cloned();
        Box::pin(async { Ok(found) })
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        let won = match self.contents().rows.get_mut(&row.key) {
            Some(kept) if kept.version == row.version - 1 => {
                *kept = row;
                true
            }
            Some(_) | None => false,
        };
        Box::pin(async move { Ok(won) })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool> {
        let rows = &mut self.contents().rows;
        let won = rows.get(key).is_some_and(|row| row.version == version);
        if won {
            rows.remove(key);
        }
        Box::pin(async move { Ok(won) })
    }

    fn end_all(&self, logout: Logout) -> StoreFuture<'_, Option<u64>> {
        let kept = &mut *self.contents();
        let carried_out = match kept.logouts.entry(logout.id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => {
                entry.insert(logout.remember_until);
                let ended = kept.rows.extract_if(|_, row| logout.ends(row)).count();
                Some(u64::try_from(ended).unwrap_or(u64::MAX))
            }
        };
        Box::pin(async move { Ok(carried_out) })
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        let kept = &mut *self.contents();
        kept.rows.retain(|_, row| row.expires_at > now);
        kept.logouts.retain(|_, until| *until > now);
        Box::pin(async { Ok(()) })
    }
}
