//! What can go wrong below the store: while it runs ([`DriverError`]) and before it does ([`OpenError`]).

use std::path::PathBuf;

use thiserror::Error;

/// Why a unit or a read failed. Messages carry the database's own words, never a value of a row.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum DriverError {
    /// Nothing was changed, and the same unit may succeed later: disk full, database busy, queue full.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The connection was lost around the commit: only reading can tell whether it took place.
    #[error("the database did not say whether it committed: {0}")]
    Unknown(String),
    /// A row of the unit contradicts a row that exists. Nothing of the unit was changed.
    #[error("the database refused a row: {0}")]
    Constraint(String),
    /// The file or a row is not what was once written to it.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// A statement that no state of the database would make right.
    #[error("a statement is wrong: {0}")]
    Bug(String),
}

/// Why a database could not be opened: one sentence that names the file, the cause and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no database that this release can open. Only its scheme is repeated: the rest may hold a password.
    #[error(
        "the database URL ({scheme}:…) is not one this release can open: write sqlite: and the path of a file"
    )]
    Url {
        /// What stands before the first colon.
        scheme: String,
    },
    /// The program ended while the database was being opened.
    #[error("the program ended while the database was being opened")]
    Interrupted,
    /// The file holds something else than a SQLite database.
    #[error("{} is not a SQLite database: name another file, or move this one away", .path.display())]
    NotADatabase {
        /// The file that was named.
        path: PathBuf,
    },
    /// The file is a SQLite database that another program made.
    #[error("{} is the SQLite database of another program: name another file", .path.display())]
    Foreign {
        /// The file that was named.
        path: PathBuf,
    },
    /// The file or its directory cannot be created or written.
    #[error(
        "{} cannot be written ({reason}): let the user that runs safeconduct write to the file and to its directory",
        .path.display()
    )]
    Unwritable {
        /// The file that was named.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// Another process holds the file for itself.
    #[error("{} is locked by another process: stop that process, or wait until it is done", .path.display())]
    Locked {
        /// The file that was named.
        path: PathBuf,
    },
    /// A later release has changed the schema.
    #[error(
        "the database was upgraded by a later release (its schema is version {found}, this release knows {known}): \
         run that release or one after it"
    )]
    Newer {
        /// The schema version that was found.
        found: i64,
        /// The latest schema version of this release.
        known: i64,
    },
    /// The schema was built from other migrations than this release's.
    #[error(
        "the database was not built by a release (migration {version} differs): \
         use the program that built it, or start with a new database"
    )]
    Divergent {
        /// The first schema version that differs.
        version: i64,
    },
    /// The file is damaged.
    #[error("{} is damaged ({reason}): restore it from a backup", .path.display())]
    Damaged {
        /// The file that was named.
        path: PathBuf,
        /// The database's words.
        reason: String,
    },
    /// Anything else that kept the database from opening.
    #[error("{} cannot be opened: {reason}", .path.display())]
    Failed {
        /// The file that was named.
        path: PathBuf,
        /// The database's words.
        reason: String,
    },
}
