//! Where sessions are kept. A store sees hashes, a number, a sealed text and a date: never a cookie, a token or a user.
//!
//! What is in the sealed text, and when it changes, is `session/sessions.rs`'s concern.

#[cfg(feature = "native")]
mod file;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use safeconduct_protocol::encoding;
use safeconduct_protocol::time::Timestamp;

#[cfg(feature = "native")]
pub use file::{TokenFile, state_folder};
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// What a store's method gives back.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps sessions for one or many processes. Bring your own database by writing a handful of statements.
///
/// "Once" is decided by [`SessionStore::replace`] and [`SessionStore::remove`]: each must be one statement whose condition on
/// the version and whose effect cannot be separated, such as
/// `UPDATE sessions SET version = $2 + 1, sealed = $3, expires_at = $4, … WHERE key = $1 AND version = $2`; and by
/// [`SessionStore::end_all`], which must be one transaction.
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session. Its key is new: 256 random bits, hashed.
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()>;

    /// The session under `key`.
    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>>;

    /// Puts `row` in place of the one whose version is one less; false, and no change, if there is none.
    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool>;

    /// Removes the session if it is still at `version`; false, and no change, if it is not.
    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool>;

    /// Remembers `logout` under its id and removes every session it is about; says how many they were. If that id is remembered
    /// already: `None`, and no change. All of it happens or nothing: a first `INSERT … ON CONFLICT DO NOTHING` says which.
    fn end_all(&self, logout: Logout) -> StoreFuture<'_, Option<u64>>;

    /// Removes every session, and forgets every logout, whose time was over by `now`. Called about once a minute while users
    /// sign in and out.
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
    /// Whose it is, if that is known: a keyed hash of the user's `sub`.
    pub subject: Option<[u8; 32]>,
    /// Which session at the issuer it came from, if that is known: a keyed hash of its `sid`.
    pub server_session: Option<[u8; 32]>,
}

/// Sessions that the issuer says are over (OpenID Connect Back-Channel Logout §2.6). A user or session has several names
/// while the keys that make them are being replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Names the message that says so: it is carried out once.
    pub id: [u8; 32],
    /// Until when that must be remembered.
    pub remember_until: Timestamp,
    /// Every session whose [`SessionRow::server_session`] is one of these.
    pub server_sessions: Vec<[u8; 32]>,
    /// Every session whose [`SessionRow::subject`] is one of these; but if there are `server_sessions`, only those that name no
    /// session at the issuer.
    pub subjects: Vec<[u8; 32]>,
}

impl Logout {
    /// Whether `row` is one of the sessions that are over.
    pub fn ends(&self, row: &SessionRow) -> bool {
        let of_person =
            |row: &SessionRow| row.subject.is_some_and(|it| self.subjects.contains(&it));
        match row.server_session {
            Some(session) if !self.server_sessions.is_empty() => {
                self.server_sessions.contains(&session)
            }
            Some(_) | None => of_person(row),
        }
    }
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
            subject: None,
            server_session: None,
        }
    }

    /// A session of the user `subject`, from their session `session` at the issuer.
    fn row_of(cookie: &str, subject: u8, session: Option<u8>) -> SessionRow {
        SessionRow {
            expires_at: NOW.plus(1000),
            subject: Some([subject; 32]),
            server_session: session.map(|session| [session; 32]),
            ..row(cookie, 1)
        }
    }

    /// What every store promises.
    async fn keeps_the_contract(store: &dyn SessionStore) {
        replaces_one_version_by_the_next(store).await;
        removes_what_it_is_told(store).await;
        ends_what_the_issuer_says(store).await;
        carries_a_logout_out_once(store).await;
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

    const NAMES: [&str; 5] = ["laptop", "phone", "old app", "somebody else", "plain"];

    fn logout(id: u8, sessions: &[u8], subjects: &[u8]) -> Logout {
        Logout {
            id: [id; 32],
            remember_until: NOW.plus(500),
            server_sessions: sessions.iter().map(|it| [*it; 32]).collect(),
            subjects: subjects.iter().map(|it| [*it; 32]).collect(),
        }
    }

    async fn only_these_are_left(store: &dyn SessionStore, alive: &[&str]) {
        for name in NAMES {
            let found = store.find(&SessionKey::of(name)).await.unwrap();
            assert_eq!(found.is_some(), alive.contains(&name), "{name}");
        }
    }

    async fn ends_what_the_issuer_says(store: &dyn SessionStore) {
        let phone = row_of("phone", 1, Some(12));
        for row in [
            row_of("laptop", 1, Some(11)),
            phone.clone(),
            row_of("old app", 1, None),
            row_of("somebody else", 2, Some(21)),
            row("plain", 1),
        ] {
            store.insert(row).await.unwrap();
        }
        let ends = async |logout: Logout| store.end_all(logout).await.unwrap();
        assert_eq!(ends(logout(1, &[99], &[])).await, Some(0));
        only_these_are_left(store, &NAMES).await;
        let ended = ends(logout(2, &[98, 11], &[1])).await;
        assert_eq!(ended, Some(2), "the session, and the one that names none");
        only_these_are_left(store, &["phone", "somebody else", "plain"]).await;
        assert_eq!(ends(logout(3, &[], &[1])).await, Some(1));
        only_these_are_left(store, &["somebody else", "plain"]).await;
        let version = 2;
        let revived = store.replace(SessionRow { version, ..phone }).await;
        assert!(!revived.unwrap(), "what has ended is not changed any more");
    }

    async fn carries_a_logout_out_once(store: &dyn SessionStore) {
        let ends = async |logout: Logout| store.end_all(logout).await.unwrap();
        assert_eq!(ends(logout(3, &[], &[2])).await, None);
        store.remove_expired(NOW.plus(499)).await.unwrap();
        assert_eq!(ends(logout(3, &[], &[2])).await, None);
        only_these_are_left(store, &["somebody else"]).await;
        store.remove_expired(NOW.plus(500)).await.unwrap();
        assert_eq!(ends(logout(3, &[], &[2])).await, Some(1));
        only_these_are_left(store, &[]).await;
    }

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        keeps_the_contract(&MemoryStore::new()).await;
    }

    #[cfg(feature = "native")]
    #[tokio::test]
    async fn a_file_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::open(folder.path().join("notes/tokens.json")).unwrap();
        keeps_the_contract(&file).await;
    }

    /// As many processes would: each opens the file for itself.
    #[cfg(feature = "native")]
    #[tokio::test]
    async fn of_many_replacements_in_a_file_one_wins_and_no_other_row_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes/tokens.json");
        let file = TokenFile::open(&path).unwrap();
        file.insert(row("ann", 1)).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..64 {
            let path = path.clone();
            tasks.spawn(async move {
                let file = TokenFile::open(path).unwrap();
                file.insert(row(&number.to_string(), 1)).await.unwrap();
                file.replace(row("ann", 2)).await.unwrap()
            });
        }
        let won = tasks.join_all().await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
        for number in 0..64 {
            let key = SessionKey::of(&number.to_string());
            assert!(file.find(&key).await.unwrap().is_some(), "{number}");
        }
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
    async fn of_many_logouts_with_one_id_one_is_carried_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let store = SqliteStore::open(&path).await.unwrap();
        store.insert(row_of("ann", 1, None)).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let path = path.clone();
            tasks.spawn(async move {
                let store = SqliteStore::open(path).await.unwrap();
                let logout = Logout {
                    id: [1; 32],
                    remember_until: NOW,
                    server_sessions: Vec::new(),
                    subjects: vec![[1; 32]],
                };
                store.end_all(logout).await.unwrap()
            });
        }
        let carried_out: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(carried_out, [1]);
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
