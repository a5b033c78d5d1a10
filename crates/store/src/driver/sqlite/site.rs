//! Where the file of a database is, who made it, and what every connection to it has in common.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::driver::error::{DriverError, OpenError};

/// "Safe" in ASCII, in the header of every file this program made (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i64 = 0x5361_6665;

/// "SafB" there, in the file of a backup.
pub(super) const BACKUP_ID: i64 = 0x5361_6642;

/// How many prepared statements a connection keeps: more than the store has.
const STATEMENT_CACHE: usize = 256;

/// How much of the file the writer keeps in memory, in KiB. With the default of 2 MiB most writes wait for reads.
const WRITER_CACHE: i64 = 8 * 1024;

/// How long a connection waits for another process before it gives up.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the file is and how to connect to it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) path: PathBuf,
    busy_timeout: Duration,
    file: FileId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

impl Site {
    /// Makes sure that the file exists, created by us with nobody else's permissions.
    pub(super) fn prepare(path: &Path, busy_timeout: Duration) -> Result<Self, OpenError> {
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
    pub(super) fn in_place(&self) -> Result<(), DriverError> {
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

    pub(super) fn connect(&self, mode: Mode) -> rusqlite::Result<Connection> {
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
    pub(super) fn refusal(&self, error: rusqlite::Error) -> OpenError {
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

    pub(super) fn failure(&self, error: &io::Error) -> OpenError {
        OpenError::Failed {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// What stays the same when a file is renamed and differs in its replacement: its device and inode.
pub(super) type FileId = (u64, u64);

#[cfg(unix)]
pub(super) fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Elsewhere an open database cannot be moved.
#[cfg(not(unix))]
pub(super) fn file_id(_path: &Path) -> io::Result<FileId> {
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
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing is in it yet.
    New,
    /// This program made it.
    Ours,
    /// This program made it as a backup, and no era has begun on it.
    Backup,
    /// Another program made it.
    Foreign,
}

pub(super) fn origin(connection: &Connection) -> rusqlite::Result<Origin> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match id {
        APPLICATION_ID => Origin::Ours,
        BACKUP_ID => Origin::Backup,
        0 if objects == 0 => Origin::New,
        _ => Origin::Foreign,
    })
}
