//! Sessions in an SQLite file, which several processes on one machine may share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use safeconduct_protocol::time::Timestamp;

use super::{SessionKey, SessionRow, SessionStore, StoreError, StoreFuture};
use crate::error::{Error, ErrorKind};

/// How long a statement waits for another process to finish its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// The form of the file that this version reads and writes (`user_version`).
const FORM: i64 = 1;

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS sessions (
        key BLOB PRIMARY KEY NOT NULL,
        version INTEGER NOT NULL,
        sealed TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
    PRAGMA user_version = 1;
";

/// Sessions in an SQLite file. Every change is on disk before it is used (`synchronous=FULL`).
#[derive(Clone)]
pub struct SqliteStore(Arc<Mutex<Connection>>);

impl SqliteStore {
    /// Opens the file at `path`, creating it for its owner's eyes only.
    ///
    /// # Errors
    /// [`ErrorKind::SessionStore`] if the file cannot be opened, or is not a session store of this version.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let named = path.display().to_string();
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        let failed = |error: StoreError| {
            Error::new(ErrorKind::SessionStore, format!("{named}: {error}")).with_source(error)
        };
        let connection = opened.map_err(StoreError::new).flatten().map_err(failed)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` on the connection, off the threads that serve requests.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let connection = self.0.clone();
        let running = move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(running).await;
            done.map_err(StoreError::new)?.map_err(StoreError::new)
        })
    }
}

impl SessionStore for SqliteStore {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        self.run(move |connection| {
            let sql =
                "INSERT INTO sessions (key, version, sealed, expires_at) VALUES (?1, ?2, ?3, ?4)";
            let end = row.expires_at.seconds();
            connection
                .prepare_cached(sql)?
                .execute(params![row.key.as_bytes(), row.version, row.sealed, end])
                .map(|_| ())
        })
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        let key = *key;
        self.run(move |connection| {
            let sql = "SELECT version, sealed, expires_at FROM sessions WHERE key = ?1";
            connection
                .prepare_cached(sql)?
                .query_row(params![key.as_bytes()], |row| read(key, row))
                .optional()
        })
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        self.run(move |connection| {
            let sql = "UPDATE sessions SET version = ?2, sealed = ?3, expires_at = ?4 \
                       WHERE key = ?1 AND version = ?2 - 1";
            let end = row.expires_at.seconds();
            connection
                .prepare_cached(sql)?
                .execute(params![row.key.as_bytes(), row.version, row.sealed, end])
                .map(|changed| changed == 1)
        })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool> {
        let key = *key;
        self.run(move |connection| {
            connection
                .prepare_cached("DELETE FROM sessions WHERE key = ?1 AND version = ?2")?
                .execute(params![key.as_bytes(), version])
                .map(|removed| removed == 1)
        })
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(move |connection| {
            connection
                .prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?
                .execute(params![now.seconds()])
                .map(|_| ())
        })
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    create_private(path).map_err(StoreError::new)?;
    let connection = Connection::open(path).map_err(StoreError::new)?;
    prepare(&connection).map_err(StoreError::new)?;
    let form = connection
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map_err(StoreError::new)?;
    match form {
        FORM => Ok(connection),
        other => Err(StoreError::new(format!(
            "the file is of form {other}; this version knows form {FORM}"
        ))),
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let form: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form == 0 {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {CREATE} COMMIT;"))?;
    }
    Ok(())
}

/// Creates the file readable by its owner alone, before SQLite would create it readable by everyone.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

fn read(key: SessionKey, row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        key,
        version: row.get(0)?,
        sealed: row.get(1)?,
        expires_at: Timestamp::from_seconds(row.get(2)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_session_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        std::fs::write(
            &path,
            "this is no database, however long it goes on about it",
        )
        .unwrap();
        let error = SqliteStore::open(&path).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::SessionStore);
        assert!(error.to_string().contains("sessions.db"), "{error}");
    }

    #[tokio::test]
    async fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 2)
            .unwrap();
        assert!(SqliteStore::open(&path).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        SqliteStore::open(&path).await.unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
