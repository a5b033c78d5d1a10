//! Stores that tests break on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use safeconduct_client::Timestamp;
use safeconduct_client::store::{
    Logout, MemoryStore, SessionKey, SessionRow, SessionStore, StoreError, StoreFuture,
};

/// A store whose next changes fail, as on a full disk.
#[derive(Clone, Default)]
pub(crate) struct FailingStore {
    kept: Arc<MemoryStore>,
    failures: Arc<AtomicUsize>,
    /// How many changes are let through before the failures begin.
    spared: Arc<AtomicUsize>,
}

impl FailingStore {
    /// Lets `spared` changes through, then fails `failures` of them.
    pub(crate) fn fail(&self, spared: usize, failures: usize) {
        self.spared.store(spared, Ordering::SeqCst);
        self.failures.store(failures, Ordering::SeqCst);
    }

    fn fails(&self) -> bool {
        let take = |count: &AtomicUsize| {
            count
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
        };
        !take(&self.spared) && take(&self.failures)
    }
}

impl SessionStore for FailingStore {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        self.kept.insert(row)
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        self.kept.find(key)
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        if self.fails() {
            return Box::pin(async { Err(StoreError::new("disk full")) });
        }
        self.kept.replace(row)
    }

    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool> {
        self.kept.remove(key, version)
    }

    fn end_all(&self, logout: Logout) -> StoreFuture<'_, Option<u64>> {
        if self.fails() {
            return Box::pin(async { Err(StoreError::new("disk full")) });
        }
        self.kept.end_all(logout)
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        self.kept.remove_expired(now)
    }
}

/// A store that answers nothing but failures.
pub(crate) struct DeadStore;

impl SessionStore for DeadStore {
    fn insert(&self, _: SessionRow) -> StoreFuture<'_, ()> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }

    fn find<'a>(&'a self, _: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }

    fn replace(&self, _: SessionRow) -> StoreFuture<'_, bool> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }

    fn remove<'a>(&'a self, _: &'a SessionKey, _: i64) -> StoreFuture<'a, bool> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }

    fn end_all(&self, _: Logout) -> StoreFuture<'_, Option<u64>> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }

    fn remove_expired(&self, _: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }
}
