//! Sessions in an SQLite file, which several processes on one machine may share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use safeconduct_protocol::time::Timestamp;

use super::{Logout, SessionKey, SessionRow, SessionStore, StoreError, StoreFuture};
use crate::error::{Error, ErrorKind};

/// How long a statement waits for another process to finish its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// What makes each form of the file (`user_version`) out of the one before it; form 0 is an empty file. Until 0.1.0 there is one
/// step, edited in place. A process that knows an older form alone goes on with a newer file until it is started again: what comes
/// after 0.1.0 leaves it everything it asks for.
const STEPS: &[&str] = &["
    CREATE TABLE sessions (
        key BLOB PRIMARY KEY NOT NULL,
        version INTEGER NOT NULL,
        sealed TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        subject BLOB,
        server_session BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_by_end ON sessions (expires_at);
    CREATE INDEX sessions_by_subject ON sessions (subject) WHERE subject IS NOT NULL;
    CREATE INDEX sessions_by_server_session ON sessions (server_session) WHERE server_session IS NOT NULL;
    CREATE TABLE logouts (
        id BLOB PRIMARY KEY NOT NULL,
        remember_until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
"];

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
        let opened = tokio::task::spawn_blocking(move || open(&path, STEPS)).await;
        let failed = |error: StoreError| {
            Error::new(ErrorKind::SessionStore, format!("{named}: {error}")).with_source(error)
        };
        let connection = opened.map_err(StoreError::new).flatten().map_err(failed)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` on the connection, off the threads that serve requests.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let connection = self.0.clone();
        let running = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(running).await;
            done.map_err(StoreError::new)?.map_err(StoreError::new)
        })
    }
}

impl SessionStore for SqliteStore {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        self.run(move |connection| {
            let sql = "INSERT INTO sessions (key, version, sealed, expires_at, subject, server_session) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            write(connection, sql, &row).map(|_| ())
        })
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        let key = *key;
        self.run(move |connection| {
            let sql = "SELECT version, sealed, expires_at, subject, server_session FROM sessions WHERE key = ?1";
            connection
                .prepare_cached(sql)?
                .query_row(params![key.as_bytes()], |row| read(key, row))
                .optional()
        })
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        self.run(move |connection| {
            let sql = "UPDATE sessions SET version = ?2, sealed = ?3, expires_at = ?4, subject = ?5, server_session = ?6 \
                       WHERE key = ?1 AND version = ?2 - 1";
            write(connection, sql, &row).map(|changed| changed == 1)
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

    fn end_all(&self, logout: Logout) -> StoreFuture<'_, Option<u64>> {
        self.run(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let ended = end_all(&transaction, &logout)?;
            transaction.commit()?;
            Ok(ended)
        })
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(move |connection| {
            for sql in [
                "DELETE FROM sessions WHERE expires_at <= ?1",
                "DELETE FROM logouts WHERE remember_until <= ?1",
            ] {
                connection
                    .prepare_cached(sql)?
                    .execute(params![now.seconds()])?;
            }
            Ok(())
        })
    }
}

fn write(connection: &Connection, sql: &str, row: &SessionRow) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params![
        row.key.as_bytes(),
        row.version,
        row.sealed,
        row.expires_at.seconds(),
        row.subject,
        row.server_session,
    ])
}

/// As [`Logout::ends`] says, in SQL.
fn end_all(connection: &Connection, logout: &Logout) -> rusqlite::Result<Option<u64>> {
    let first = connection
        .prepare_cached(
            "INSERT INTO logouts (id, remember_until) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![logout.id, logout.remember_until.seconds()])?;
    if first == 0 {
        return Ok(None);
    }
    let of_person = match logout.server_sessions.is_empty() {
        true => "DELETE FROM sessions WHERE subject = ?1",
        false => "DELETE FROM sessions WHERE subject = ?1 AND server_session IS NULL",
    };
    let of_session = "DELETE FROM sessions WHERE server_session = ?1";
    let mut ended = 0;
    for (sql, names) in [
        (of_session, &logout.server_sessions),
        (of_person, &logout.subjects),
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        for name in names {
            ended += statement.execute(params![name])?;
        }
    }
    Ok(Some(u64::try_from(ended).unwrap_or(u64::MAX)))
}

/// Opens the file, in the form that the last of `steps` makes.
fn open(path: &Path, steps: &[&str]) -> Result<Connection, StoreError> {
    create_private(path).map_err(StoreError::new)?;
    let mut connection = Connection::open(path).map_err(StoreError::new)?;
    let known = steps.len() as i64;
    prepare(&mut connection, steps, known).map_err(StoreError::new)?;
    let form = form(&connection).map_err(StoreError::new)?;
    if form != known {
        return Err(StoreError::new(format!(
            "the file is of form {form}; this version knows form {known}"
        )));
    }
    Ok(connection)
}

fn prepare(connection: &mut Connection, steps: &[&str], known: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if !(0..known).contains(&form(connection)?) {
        return Ok(());
    }
    // Looked at again under the lock: another process may be bringing the file to this form.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(form(&transaction)?).unwrap_or(steps.len());
    for step in steps.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known.max(form(&transaction)?))?;
    transaction.commit()
}

fn form(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
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
        subject: row.get(3)?,
        server_session: row.get(4)?,
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
    async fn a_file_of_another_form_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        for other in [2, -1] {
            Connection::open(&path)
                .unwrap()
                .pragma_update(None, "user_version", other)
                .unwrap();
            let error = SqliteStore::open(&path).await.err().unwrap();
            let why = format!("the file is of form {other}; this version knows form 1");
            assert!(error.to_string().contains(&why), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_of_an_earlier_form_is_brought_up_to_date_with_its_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let session = |name: &str| SessionRow {
            key: SessionKey::of(name),
            version: 3,
            sealed: "x".to_owned(),
            expires_at: Timestamp::from_seconds(9),
            subject: None,
            server_session: None,
        };
        let before = SqliteStore::open(&path).await.unwrap();
        before.insert(session("ann")).await.unwrap();

        let steps = [STEPS[0], "ALTER TABLE sessions ADD COLUMN made_up TEXT"];
        let after = SqliteStore(Arc::new(Mutex::new(open(&path, &steps).unwrap())));
        let kept = after.find(&SessionKey::of("ann")).await.unwrap();
        assert_eq!(kept.unwrap().version, 3);
        assert!(open(&path, &steps).is_ok(), "each step is taken once");
        // The process of the version before, which still has the file open.
        before.insert(session("bob")).await.unwrap();
        let begun = after.find(&SessionKey::of("bob")).await.unwrap();
        assert!(begun.is_some());
    }

    /// Attacks: K14.
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
