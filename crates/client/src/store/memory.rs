//! Sessions in memory: for development and tests. They end with the process, and no other process sees them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use safeconduct_protocol::time::Timestamp;

use super::{SessionKey, SessionRow, SessionStore, StoreFuture};

static WARNING: Once = Once::new();

/// Sessions in memory. Says so once in the log, as a restart signs everybody out.
#[derive(Default)]
pub struct MemoryStore(Mutex<HashMap<SessionKey, SessionRow>>);

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

    fn rows(&self) -> MutexGuard<'_, HashMap<SessionKey, SessionRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemoryStore {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        self.rows().insert(row.key, row);
        Box::pin(async { Ok(()) })
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        let found = self.rows().get(key).cloned();
        Box::pin(async { Ok(found) })
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        let won = match self.rows().get_mut(&row.key) {
            Some(kept) if kept.version == row.version - 1 => {
                *kept = row;
                true
            }
            Some(_) | None => false,
        };
        Box::pin(async move { Ok(won) })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool> {
        let mut rows = self.rows();
        let won = rows.get(key).is_some_and(|row| row.version == version);
        if won {
            rows.remove(key);
        }
        Box::pin(async move { Ok(won) })
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        self.rows().retain(|_, row| row.expires_at > now);
        Box::pin(async { Ok(()) })
    }
}
