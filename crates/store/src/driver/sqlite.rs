//! The SQLite driver: one file, one writer thread with group commit (`writer`), readers beside it (`readers`).
//!
//! This file opens the database and says what every connection has in common. A second process (the command line beside
//! a running server) may use the same file: write-ahead logging lets everybody read, and writers wait for one another.

mod readers;
mod transfer;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, TransactionBehavior};

use self::readers::Readers;
use self::writer::Writer;
use super::transfer::{FillError, Sink, Source, Table};
use super::{DriverError, OpenError, Row, Rows, Statement, Unit, UnitOutcome, Value};
use crate::schema::{self, Migration};

/// "Safe" in ASCII, in the header of every file this program made (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x5361_6665;

/// How many prepared statements a connection keeps: more than the store has.
const STATEMENT_CACHE: usize = 256;

/// How much of the file the writer keeps in memory, in KiB. With the default of 2 MiB most writes wait for reads.
const WRITER_CACHE: i64 = 8 * 1024;

/// The few things a test sets otherwise.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How long a connection waits for another process before it gives up.
    pub(super) busy_timeout: Duration,
    /// How many units may wait for the writer; the next one is refused at once.
    pub(super) queue: usize,
    /// The schema to bring the file to.
    pub(super) migrations: &'static [Migration],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            queue: 4096,
            migrations: schema::MIGRATIONS,
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
        if !site
            .connect(Mode::Read)
            .and_then(|connection| is_ours(&connection))
            .map_err(|error| site.refusal(error))?
        {
            return Err(OpenError::Foreign { path: site.path });
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
        let site = Site::prepare(path, Settings::default().busy_timeout)?;
        let connection = site
            .connect(Mode::Read)
            .map_err(|error| site.refusal(error))?;
        match is_ours(&connection) {
            Ok(true) => history(&connection).map_err(|error| site.refusal(error)),
            Ok(false) => Err(OpenError::Foreign { path: site.path }),
            Err(error) => Err(site.refusal(error)),
        }
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

/// Where the file is and how to connect to it.
#[derive(Clone, Debug)]
struct Site {
    path: PathBuf,
    busy_timeout: Duration,
    file: FileId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
}

impl Site {
    /// Makes sure that the file exists, created by us with nobody else's permissions.
    fn prepare(path: &Path, busy_timeout: Duration) -> Result<Self, OpenError> {
        let unwritable = |error: io::Error| OpenError::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // SQLite takes a name that begins with `file:` for a URI; an absolute path never does.
        let absolute = std::path::absolute(path).map_err(unwritable)?;
        if let Some(directory) = absolute.parent() {
            create_directory(directory).map_err(unwritable)?;
        }
        if is_missing_beside_its_log(&absolute) {
            return Err(OpenError::Failed {
                path: absolute,
                reason: "the file is missing, but its log (-wal) is there: \
                         put the file back, or move the log away to begin anew"
                    .to_owned(),
            });
        }
        create_file(&absolute).map_err(unwritable)?;
        let file = file_id(&absolute).map_err(unwritable)?;
        Ok(Self {
            path: absolute,
            busy_timeout,
            file,
        })
    }

    /// Whether the path still leads to the file that was opened. SQLite goes on with a file that was renamed or unlinked:
    /// its answers would come from, and its commits go to, where the next start does not look.
    fn in_place(&self) -> Result<(), DriverError> {
        match file_id(&self.path) {
            Ok(found) if found == self.file => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DriverError::Unavailable(
                format!("the database file cannot be looked at: {error}"),
            )),
            _ => Err(DriverError::Unavailable(
                "the database file was moved or replaced while it was open; \
                 stop the server, put it back, start again"
                    .to_owned(),
            )),
        }
    }

    fn connect(&self, mode: Mode) -> rusqlite::Result<Connection> {
        let access = match mode {
            Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let connection =
            Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        // A plan that depends on the values would be made anew, from the text, for each of them.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Foreign keys are off because a grant outlives what it names: it is kept as a tombstone, and nothing cascades.
        connection.execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
        )?;
        if mode == Mode::Write {
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
                row.get::<_, String>(0)
            })?;
            connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
            connection
                .execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")?;
        }
        Ok(connection)
    }

    /// What an error before the first unit means to whoever starts the program.
    fn refusal(&self, error: rusqlite::Error) -> OpenError {
        let path = self.path.clone();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                OpenError::Unwritable { path, reason }
            }
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, reason },
            _ => OpenError::Failed { path, reason },
        }
    }

    fn failure(&self, error: &io::Error) -> OpenError {
        OpenError::Failed {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// What stays the same when a file is renamed and differs in its replacement: its device and inode.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Elsewhere an open database cannot be moved.
#[cfg(not(unix))]
fn file_id(_path: &Path) -> io::Result<FileId> {
    Ok((0, 0))
}

/// The log of a file that was moved away holds commits of that file, perhaps of a server that still runs. SQLite
/// deletes a log that it finds beside a new file.
fn is_missing_beside_its_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    !path.exists() && Path::new(&log).exists()
}

fn create_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    directory.parent().map_or(Ok(()), sync_directory)
}

fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // The -wal and -shm files beside it inherit this mode.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => path.parent().map_or(Ok(()), sync_directory),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_file() {
                Ok(())
            } else {
                Err(io::Error::other("it is not a file"))
            }
        }
        Err(error) => Err(error),
    }
}

/// A new name survives a power cut only once its directory is on the disk.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

/// Whether the file is new or was made by this program.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID || (id == 0 && objects == 0))
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
