//! The seam below [`Store`](crate::Store): a [`Unit`] of statements that commits as one, and the drivers that run it.
//!
//! A driver knows databases and no protocol; what the statements mean belongs to the store's own files. There are two: a
//! file of this machine's (`sqlite`), and a server for any number of nodes (`postgres`).

#[cfg(test)]
mod contract;
mod error;
mod postgres;
mod sqlite;
mod statement;
pub(crate) mod transfer;

use std::path::{Path, PathBuf};

pub(crate) use error::DriverError;
pub use error::{BackupError, OpenError};
use statement::Value;
pub(crate) use statement::{Row, Rows, Statement, Unit, UnitOutcome};

use crate::schema;
use postgres::Postgres;
use sqlite::Sqlite;
use transfer::{FillError, Sink, Source, Table};

/// A connected database.
pub(crate) enum Driver {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Driver {
    /// Opens the database that `url` names, creating it if there is none, and brings its schema up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_by(url, sqlite::Settings::default()).await
    }

    /// The same of one that may be a backup.
    pub(crate) async fn open_restored(url: &str) -> Result<Self, OpenError> {
        let settings = sqlite::Settings {
            admits_backups: true,
            ..sqlite::Settings::default()
        };
        Self::open_by(url, settings).await
    }

    async fn open_by(url: &str, settings: sqlite::Settings) -> Result<Self, OpenError> {
        match Place::parse(url)? {
            Place::File(path) => {
                let opening = move || Sqlite::open(&path, &settings);
                let opened = tokio::task::spawn_blocking(opening).await;
                opened
                    .unwrap_or(Err(OpenError::Interrupted))
                    .map(Self::Sqlite)
            }
            Place::Server => Postgres::open(url, schema::MIGRATIONS)
                .await
                .map(Self::Postgres),
        }
    }

    /// Copies the database that `url` names to the file `target`; gives the bytes of the copy.
    pub(crate) async fn back_up(url: &str, target: &Path) -> Result<u64, BackupError> {
        let Place::File(path) = Place::parse(url)? else {
            return Err(BackupError::Server);
        };
        let target = target.to_owned();
        let copied = tokio::task::spawn_blocking(move || sqlite::back_up(&path, &target)).await;
        copied.unwrap_or(Err(BackupError::Interrupted))
    }

    /// Lets servers serve it, if it is a backup.
    pub(crate) fn admit(&self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.admit(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Whether `url` is one that could be opened, as far as that can be said without trying.
    pub(crate) fn understands(url: &str) -> Result<(), OpenError> {
        match Place::parse(url)? {
            Place::File(_) => Ok(()),
            Place::Server => Postgres::understands(url),
        }
    }

    /// How many migrations were run when it was opened.
    pub(crate) fn migrated(&self) -> usize {
        match self {
            Self::Sqlite(sqlite) => sqlite.migrated(),
            Self::Postgres(postgres) => postgres.migrated(),
        }
    }

    /// Version and text of the migrations that were run on the database that `url` names, oldest first. Nothing is changed.
    pub(crate) async fn history(url: &str) -> Result<Vec<(i64, String)>, OpenError> {
        match Place::parse(url)? {
            Place::File(path) => {
                let reading = tokio::task::spawn_blocking(move || Sqlite::history(&path)).await;
                reading.unwrap_or(Err(OpenError::Interrupted))
            }
            Place::Server => Postgres::history(url).await,
        }
    }

    /// Whether migrations may be run on the database that `url` names, as far as that can be said without trying.
    pub(crate) async fn may_be_migrated(url: &str) -> Result<(), OpenError> {
        match Place::parse(url)? {
            Place::File(_) => Ok(()),
            Place::Server => Postgres::may_be_migrated(url).await,
        }
    }

    /// Whether everything may be read and written, as far as it was found that it may not.
    pub(crate) async fn may_be_used(&self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.may_be_used().await,
        }
    }

    /// Whether the last write failed, for whatever reason that is not the write's own: the disk is full, or the server a standby. A
    /// write that was refused because too many wait is none that failed.
    pub(crate) fn has_failed_to_write(&self) -> bool {
        match self {
            Self::Sqlite(sqlite) => sqlite.has_failed_to_write(),
            Self::Postgres(postgres) => postgres.has_failed_to_write(),
        }
    }

    /// The statement that reads this database's own clock, in seconds since 1970; `None` where that is this machine's.
    pub(crate) fn clock(&self) -> Option<&'static str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(postgres::CLOCK),
        }
    }

    /// Finishes what was accepted and closes.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Commits `unit` whole or not at all; the answer comes when the commit is durable.
    ///
    /// A unit that was accepted is run even if nobody waits for its answer any more: a revocation does not depend on
    /// how long its caller waits.
    ///
    /// # Errors
    /// After [`DriverError::Unknown`] the unit may or may not have been committed; after any other error it was not.
    pub(crate) async fn run(&self, unit: Unit) -> Result<UnitOutcome, DriverError> {
        unit.statements()
            .iter()
            .try_for_each(Statement::is_storable)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.run(unit).await,
            Self::Postgres(postgres) => postgres.run(unit).await,
        }
    }

    /// Reads committed rows by key: a statement that ends within microseconds.
    pub(crate) async fn read(&self, statement: Statement) -> Result<Rows, DriverError> {
        statement.is_storable()?;
        match self {
            Self::Sqlite(sqlite) => sqlite.read(&statement),
            Self::Postgres(postgres) => postgres.read(&statement).await,
        }
    }

    /// Reads committed rows by walking a table or an index: lists, counts, exports.
    pub(crate) async fn scan(&self, statement: Statement) -> Result<Rows, DriverError> {
        statement.is_storable()?;
        match self {
            Self::Sqlite(sqlite) => sqlite.scan(statement).await,
            Self::Postgres(postgres) => postgres.scan(&statement).await,
        }
    }

    /// Hands in every row of `tables`, all as of one moment.
    pub(crate) async fn dump(
        &self,
        tables: &'static [Table],
        sink: Sink,
    ) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.dump(tables, sink).await,
            Self::Postgres(postgres) => postgres.dump(tables, &sink).await,
        }
    }

    /// Counts the rows of `tables`, all as of one moment, however long that takes.
    pub(crate) async fn count(&self, tables: &'static [Table]) -> Result<Vec<u64>, DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.count(tables).await,
            Self::Postgres(postgres) => postgres.count(tables).await,
        }
    }

    /// Writes what comes out of `source` into `tables`, which have to be empty: all of it or nothing.
    pub(crate) async fn fill(
        &self,
        tables: &'static [Table],
        source: Source,
    ) -> Result<(), FillError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.fill(tables, source).await,
            Self::Postgres(postgres) => postgres.fill(tables, source).await,
        }
    }
}

/// What a URL names.
enum Place {
    File(PathBuf),
    Server,
}

impl Place {
    fn parse(url: &str) -> Result<Self, OpenError> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let path = rest.strip_prefix("//").unwrap_or(rest);
        match scheme {
            "sqlite" if !path.is_empty() && path != ":memory:" => Ok(Self::File(path.into())),
            "postgres" | "postgresql" => Ok(Self::Server),
            _ => Err(OpenError::Url {
                scheme: scheme.to_owned(),
            }),
        }
    }
}
