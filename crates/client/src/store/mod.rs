//! Where sessions are kept. A store sees a hash, a number, a sealed text and a date: never a cookie, never a token.
//!
//! What is in the sealed text, and when it changes, is `sessions.rs`'s concern.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use safeconduct_protocol::encoding;
use safeconduct_protocol::time::Timestamp;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// What a store's method gives back.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps sessions for one or many processes. Bring your own database by writing five statements.
///
/// "Once" is decided by [`SessionStore::replace`] and [`SessionStore::remove`]: each must be one statement whose condition on
/// the version and whose effect cannot be separated, such as
/// `UPDATE sessions SET version = $2 + 1, sealed = $3, expires_at = $4 WHERE key = $1 AND version = $2`.
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session. Its key is new: 256 random bits, hashed.
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()>;

    /// The session under `key`.
    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>>;

    /// Puts `row` in place of the one whose version is one less; false, and no change, if there is none.
    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool>;

    /// Removes the session if it is still at `version`; false, and no change, if it is not.
    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool>;

    /// Removes every session that expired by `now`. Called about once a minute while people sign in.
    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()>;
}

/// One session as a store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Under what it is found.
    pub key: SessionKey,
    /// Counts the changes; the first row has 1.
    pub version: i64,
    /// Tokens and all the rest, sealed to this key and version: at most 16 KiB of ASCII.
    pub sealed: String,
    /// When it may be removed.
    pub expires_at: Timestamp,
}

/// The SHA-256 of a session cookie's value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

/// A store that could not do what it was asked, with the reason.
#[derive(Debug)]
pub struct StoreError(Box<dyn StdError + Send + Sync>);

impl SessionKey {
    pub(crate) fn of(cookie: &str) -> Self {
        Self(encoding::sha256(cookie.as_bytes()))
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that [`SessionKey::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = encoding::encode(&self.0);
        write!(f, "SessionKey({}…)", &text[..6])
    }
}

impl StoreError {
    /// Wraps the failure of a database.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn row(cookie: &str, version: i64) -> SessionRow {
        SessionRow {
            key: SessionKey::of(cookie),
            version,
            sealed: format!("{cookie} at {version}"),
            expires_at: NOW.plus(version),
        }
    }

    /// What every store promises.
    async fn keeps_the_contract(store: &dyn SessionStore) {
        replaces_one_version_by_the_next(store).await;
        removes_what_it_is_told(store).await;
    }

    async fn replaces_one_version_by_the_next(store: &dyn SessionStore) {
        store.insert(row("ann", 1)).await.unwrap();
        let found = async |cookie: &str| store.find(&SessionKey::of(cookie)).await.unwrap();
        assert!(found("ann").await == Some(row("ann", 1)));
        assert!(found("eve").await.is_none());

        let replaced =
            async |cookie: &str, version: i64| store.replace(row(cookie, version)).await.unwrap();
        assert!(replaced("ann", 2).await);
        assert!(!replaced("ann", 2).await, "the version moved on");
        assert!(!replaced("ann", 9).await, "the version is not there yet");
        assert!(!replaced("eve", 2).await, "nothing is created");
        assert!(found("ann").await == Some(row("ann", 2)));
    }

    async fn removes_what_it_is_told(store: &dyn SessionStore) {
        store.insert(row("bob", 1)).await.unwrap();
        store.remove_expired(NOW.plus(1)).await.unwrap();
        assert!(store.find(&SessionKey::of("bob")).await.unwrap().is_none());
        let ann = SessionKey::of("ann");
        let removed = async |version: i64| store.remove(&ann, version).await.unwrap();
        assert!(!removed(1).await);
        assert!(store.find(&ann).await.unwrap().is_some());
        assert!(removed(2).await && !removed(2).await);
        assert!(store.find(&ann).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        keeps_the_contract(&MemoryStore::new()).await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn sqlite_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("sessions.db"))
            .await
            .unwrap();
        keeps_the_contract(&store).await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn of_many_replacements_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        SqliteStore::open(&path)
            .await
            .unwrap()
            .insert(row("ann", 1))
            .await
            .unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let path = path.clone();
            tasks.spawn(async move {
                let store = SqliteStore::open(path).await.unwrap();
                store.replace(row("ann", 2)).await.unwrap()
            });
        }
        let won = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|won| *won)
            .count();
        assert_eq!(won, 1);
    }
}
