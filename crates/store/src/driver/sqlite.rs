//! The SQLite driver: one file, one writer thread with group commit (`writer`), readers beside it (`readers`).
//!
//! This file opens the database and says what every connection has in common. A second process (the command line beside
//! a running server) may use the same file: write-ahead logging lets everybody read, and writers wait for one another.

mod backup;
mod readers;
mod site;
mod transfer;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionBehavior};

pub(super) use self::backup::back_up;
use self::readers::Readers;
use self::site::{APPLICATION_ID, BUSY_TIMEOUT, Mode, Origin, Site, origin};
use self::writer::Writer;
use super::transfer::{FillError, Sink, Source, Table};
use super::{DriverError, OpenError, Row, Rows, Statement, Unit, UnitOutcome, Value};
use crate::schema::{self, Migration};

/// The few things a test sets otherwise.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How long a connection waits for another process before it gives up.
    pub(super) busy_timeout: Duration,
    /// How many units may wait for the writer; the next one is refused at once.
    pub(super) queue: usize,
    /// The schema to bring the file to.
    pub(super) migrations: &'static [Migration],
    /// Whether the file may be a backup, on which an era begins.
    pub(super) admits_backups: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            busy_timeout: BUSY_TIMEOUT,
            queue: 4096,
            migrations: schema::MIGRATIONS,
            admits_backups: false,
        }
    }
}

/// An open SQLite database. Dropping it ends the writer after the units it has accepted.
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    site: Site,
    /// How many migrations it was opened with the help of.
    migrated: usize,
}

impl Sqlite {
    /// Opens or creates the file at `path` (0600, in a directory that is created 0700) and runs what its schema lacks.
    pub(super) fn open(path: &Path, settings: &Settings) -> Result<Self, OpenError> {
        let site = Site::prepare(path, settings.busy_timeout)?;
        // Looked at before anything is written to it: the file of another program stays as it is.
        let looked = site.connect(Mode::Read);
        let looked = looked.and_then(|connection| origin(&connection));
        match looked.map_err(|error| site.refusal(error))? {
            Origin::New | Origin::Ours => {}
            Origin::Backup if settings.admits_backups => {}
            Origin::Backup => return Err(OpenError::Backup { path: site.path }),
            Origin::Foreign => return Err(OpenError::Foreign { path: site.path }),
        }
        let mut connection = site
            .connect(Mode::Write)
            .map_err(|error| site.refusal(error))?;
        if connection
            .is_readonly("main")
            .map_err(|error| site.refusal(error))?
        {
            return Err(OpenError::Unwritable {
                path: site.path,
                reason: "permission denied".to_owned(),
            });
        }
        let migrated = migrate(&mut connection, &site, settings.migrations)?;
        let writer = Writer::start(connection, site.clone(), settings.queue)
            .map_err(|error| site.failure(&error))?;
        Ok(Self {
            writer,
            readers: Arc::new(Readers::new(site.clone())),
            site,
            migrated,
        })
    }

    /// Version and text of the migrations that were run on the file at `path`, oldest first; none if there is no file.
    pub(super) fn history(path: &Path) -> Result<Vec<(i64, String)>, OpenError> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let site = Site::prepare(path, BUSY_TIMEOUT)?;
        let connection = site
            .connect(Mode::Read)
            .map_err(|error| site.refusal(error))?;
        match origin(&connection) {
            Ok(Origin::Foreign) => Err(OpenError::Foreign { path: site.path }),
            Ok(_) => history(&connection).map_err(|error| site.refusal(error)),
            Err(error) => Err(site.refusal(error)),
        }
    }

    /// Lets servers serve it, if it is a backup: an era has begun on it.
    pub(super) fn admit(&self) -> Result<(), DriverError> {
        let connection = self.site.connect(Mode::Write)?;
        Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?)
    }

    /// How many migrations were run when it was opened.
    pub(super) fn migrated(&self) -> usize {
        self.migrated
    }

    pub(super) async fn run(&self, unit: Unit) -> Result<UnitOutcome, DriverError> {
        self.writer.run(unit).await
    }

    /// Whether the last write failed, for whatever reason that is not the write's own.
    pub(super) fn has_failed_to_write(&self) -> bool {
        self.writer.has_failed()
    }

    pub(super) async fn close(&self) {
        // The writer goes last: only a connection that may write folds the log back into the file.
        self.readers.close();
        self.writer.close().await;
    }

    /// Runs on the calling thread: a lookup by key costs less than a hand-over to another one.
    pub(super) fn read(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.readers.read(statement)
    }

    pub(super) async fn dump(
        &self,
        tables: &'static [Table],
        sink: Sink,
    ) -> Result<(), DriverError> {
        let site = self.site.clone();
        tokio::task::spawn_blocking(move || transfer::dump(&site, tables, &sink))
            .await
            .unwrap_or_else(|_| Err(shutting_down()))
    }

    pub(super) async fn count(&self, tables: &'static [Table]) -> Result<Vec<u64>, DriverError> {
        let site = self.site.clone();
        tokio::task::spawn_blocking(move || transfer::count_all(&site, tables))
            .await
            .unwrap_or_else(|_| Err(shutting_down()))
    }

    pub(super) async fn fill(
        &self,
        tables: &'static [Table],
        source: Source,
    ) -> Result<(), FillError> {
        let site = self.site.clone();
        tokio::task::spawn_blocking(move || transfer::fill(&site, tables, source))
            .await
            .unwrap_or_else(|_| Err(shutting_down().into()))
    }

    pub(super) async fn scan(&self, statement: Statement) -> Result<Rows, DriverError> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.read(&statement))
            .await
            .unwrap_or_else(|_| Err(shutting_down()))
    }
}

fn shutting_down() -> DriverError {
    DriverError::Unavailable("the program is shutting down".to_owned())
}

/// Runs the migrations that the file lacks, all of them or none, one process at a time, and says how many those were.
fn migrate(
    connection: &mut Connection,
    site: &Site,
    migrations: &[Migration],
) -> Result<usize, OpenError> {
    let refusal = |error| site.refusal(error);
    if schema::pending(migrations, &history(connection).map_err(refusal)?)?.is_empty() {
        return Ok(0);
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .map_err(refusal)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(refusal)?;
    transaction
        .execute_batch(schema::CREATE_HISTORY)
        .map_err(refusal)?;
    // Read again: another process may have come first while this one waited for the lock.
    let missing = schema::pending(migrations, &history(&transaction).map_err(refusal)?)?;
    for migration in missing {
        transaction.execute_batch(migration.sql).map_err(refusal)?;
        let row = (migration.version, migration.name, migration.sql);
        transaction
            .execute(schema::WRITE_HISTORY, row)
            .map_err(refusal)?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "the database schema was upgraded"
        );
    }
    transaction.commit().map_err(refusal)?;
    Ok(missing.len())
}

/// Version and text of what was run on the file, oldest first.
fn history(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    if !connection.table_exists(None, "schema_history")? {
        return Ok(Vec::new());
    }
    connection
        .prepare(schema::READ_HISTORY)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Runs one statement to its end on `connection`.
fn execute(connection: &Connection, statement: &Statement) -> Result<Rows, DriverError> {
    let mut prepared = connection.prepare_cached(statement.sql())?;
    bind(&mut prepared, statement)?;
    let columns = prepared.column_count();
    if columns == 0 {
        return Ok(Rows::changed(prepared.raw_execute()? as u64));
    }
    let mut cursor = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        rows.push(decoded(row, columns)?);
    }
    Ok(Rows::returned(rows))
}

fn decoded(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, DriverError> {
    let values = (0..columns).map(|column| owned(row.get_ref(column)?));
    Ok(Row::new(values.collect::<Result<_, _>>()?))
}

/// Binds `$n` to the n-th value. SQLite takes `$n` for a name and numbers names by their first appearance, so the
/// number has to be read from the name.
fn bind(prepared: &mut rusqlite::Statement<'_>, statement: &Statement) -> Result<(), DriverError> {
    let values = statement.values();
    let parameters = prepared.parameter_count();
    if parameters != values.len() {
        let message = format!(
            "{parameters} parameters, {} values: {}",
            values.len(),
            statement.sql()
        );
        return Err(DriverError::Bug(message));
    }
    for parameter in 1..=parameters {
        let number = prepared
            .parameter_name(parameter)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let Some(value) = value else {
            return Err(DriverError::Bug(format!(
                "a parameter has no value: {}",
                statement.sql()
            )));
        };
        prepared.raw_bind_parameter(parameter, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value, DriverError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Text(text) => Value::Text(String::from_utf8(text.to_vec()).map_err(|_| {
            DriverError::Corrupt("a column holds text that is not UTF-8".to_owned())
        })?),
        ValueRef::Real(_) => {
            return Err(DriverError::Corrupt("a column holds a fraction".to_owned()));
        }
    })
}

impl From<rusqlite::Error> for DriverError {
    fn from(error: rusqlite::Error) -> Self {
        // An error of SQL quotes the statement; the short form is enough, and holds no value.
        let reason = match &error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Constraint(reason),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(reason),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unavailable(reason),
            _ => Self::Bug(reason),
        }
    }
}

#[cfg(test)]
mod tests;
