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

impl OpenError {
    /// Whether the same may succeed a little later, without anything being done here: the server is not up yet, or its name not known;
    /// it has no connection left; another node upgrades the schema.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Full { .. } | Self::Busy { .. }
        )
    }
}

/// Why there is no backup. Nothing of it is left, and nothing that was there is another.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no database to copy.
    #[error("there is no database at {}: name the one that is served", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The copy would take the place of what is copied.
    #[error("{} is the database itself, or belongs to it: name another file, best on another disk", .path.display())]
    Onto {
        /// The file that was named.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("{} is there already, and is not overwritten: name another file", .path.display())]
    Exists {
        /// The file that was named.
        path: PathBuf,
    },
    /// No file is for its owner alone there.
    #[error("others could read {}: this file system keeps no permissions; name a file on another one", .path.display())]
    OpenToOthers {
        /// The file that was named.
        path: PathBuf,
    },
    /// The copy can't be written.
    #[error("{} can't be written: {reason}", .path.display())]
    Failed {
        /// The file that was named.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The copy is not what it should be; so is the database, perhaps.
    #[error(
        "the copy is damaged ({reason}), and was thrown away: check the disk, and the database itself with sqlite3 and PRAGMA integrity_check"
    )]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// The program ended while the copy was made.
    #[error("the program ended while the backup was made")]
    Interrupted,
    /// The database can't be read.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// Another program makes the backups of such a database.
    #[error("a backup of PostgreSQL is made by its own tools: pg_dump --format=custom --file=FILE")]
    Server,
}

/// Why a database could not be opened: one sentence that names the file or the server, the cause and what to do. None holds a
/// password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no database that this release can open. Only its scheme is repeated: the rest may hold a password.
    #[error(
        "the database URL ({scheme}:…) is not one this release can open: write sqlite: and the path of a file, \
         or postgres://USER@HOST/NAME"
    )]
    Url {
        /// What stands before the first colon.
        scheme: String,
    },
    /// A part of a `postgres:` URL is not what it can be. Its value is not repeated: it may be a password.
    #[error("the database URL has {part} that it cannot have: {advice}")]
    UrlPart {
        /// What is wrong in it.
        part: String,
        /// What may stand there.
        advice: &'static str,
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
    /// The file is a backup, which remembers less than was handed out since.
    #[error(
        "{} is a backup, and was not served since it was made: `safeconduct restored` begins a new era on it, so that nothing counts that was handed out since; then start again",
        .path.display()
    )]
    Backup {
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
    /// No PostgreSQL server answers.
    #[error(
        "PostgreSQL at {server} cannot be reached ({reason}): check host and port, and that it runs"
    )]
    Unreachable {
        /// Host, port and database.
        server: String,
        /// The operating system's words.
        reason: String,
    },
    /// There is no encrypted connection to be had, or the server is not who it should be.
    #[error(
        "the connection to PostgreSQL at {server} cannot be encrypted ({reason}): \
         check sslmode and sslrootcert of the database URL, and the server's certificate"
    )]
    Tls {
        /// Host, port and database.
        server: String,
        /// The words of TLS.
        reason: String,
    },
    /// The server does not let the user in.
    #[error(
        "PostgreSQL at {server} does not let us in ({reason}): check the user, the password and the server's pg_hba.conf"
    )]
    Denied {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// There is no such database.
    #[error(
        "PostgreSQL at {server} lacks the database ({reason}): create it with createdb, encoding UTF8"
    )]
    NoDatabase {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// The user may not do what is needed.
    #[error(
        "PostgreSQL at {server} forbids it ({reason}): make our user the owner of the database; \
         or let one who is run safeconduct migrate, and grant us SELECT, INSERT, UPDATE and DELETE on its tables"
    )]
    Rights {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// The server is older than any that this release was made for.
    #[error("PostgreSQL at {server} is version {found}: version {oldest} or later is needed")]
    TooOld {
        /// Host, port and database.
        server: String,
        /// The server's version.
        found: String,
        /// The oldest that will do.
        oldest: u32,
    },
    /// The server is a standby, or the user may only read.
    #[error("PostgreSQL at {server} takes no writes: name the primary, and a user who may write")]
    ReadOnly {
        /// Host, port and database.
        server: String,
    },
    /// There is a pooler between us and the server, and we were not told so.
    #[error(
        "there is a pooler such as PgBouncer in front of PostgreSQL at {server}: add pgbouncer=true to the database URL, \
         or name the server itself"
    )]
    Pooler {
        /// Host, port and database.
        server: String,
    },
    /// Everybody who may be connected is.
    #[error(
        "PostgreSQL at {server} has no connection left for us ({reason}): raise max_connections of the server \
         (or the limit of the user or the database), or lower pool_size in the database URL of the nodes"
    )]
    Full {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// The pool may become larger than the server allows.
    #[error(
        "PostgreSQL at {server} gives us {room} connections at most, and pool_size is {pool_size}: \
         lower pool_size in the database URL, or raise max_connections of the server (or the limit of the user or the database)"
    )]
    Crowded {
        /// Host, port and database.
        server: String,
        /// How many connections we could have.
        room: usize,
        /// How many we may want.
        pool_size: usize,
    },
    /// The database cannot hold every text.
    #[error("the database {server} has the encoding {found}: create one with the encoding UTF8")]
    Encoding {
        /// Host, port and database.
        server: String,
        /// Its encoding.
        found: String,
    },
    /// The server would acknowledge what a power cut or a failover takes back.
    #[error(
        "PostgreSQL at {server} has synchronous_commit = {found}, which loses what it has acknowledged: \
         set it to on (ALTER DATABASE … SET synchronous_commit = on), or to a stronger value"
    )]
    Forgetful {
        /// Host, port and database.
        server: String,
        /// The value of `synchronous_commit`.
        found: String,
    },
    /// The tables of another program are in the way.
    #[error(
        "the database {server} has tables of another program ({reason}): create a database for safeconduct alone"
    )]
    Taken {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// The schema is being upgraded by another node, or its tables are in use for long.
    #[error(
        "the schema of {server} cannot be upgraded now ({reason}): try again when the other node or client is done"
    )]
    Busy {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// Anything else that PostgreSQL says.
    #[error("PostgreSQL at {server} cannot be used: {reason}")]
    Server {
        /// Host, port and database.
        server: String,
        /// The server's words.
        reason: String,
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
        "the database was made by an older development build, and not by a release (step {version} of its schema is another one): \
         use the build that made it, or start with a new database"
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
