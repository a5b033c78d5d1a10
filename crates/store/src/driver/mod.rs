//! The seam below [`Store`](crate::Store): a [`Unit`] of statements that commits as one, and the drivers that run it.
//!
//! A driver knows databases and no protocol; what the statements mean belongs to the store's own files. Today there is
//! one driver; a second one is a second variant here and a second file beside `sqlite`, nothing more.

#[cfg(test)]
mod contract;
mod error;
mod sqlite;
mod statement;

use std::path::PathBuf;

pub(crate) use error::DriverError;
pub use error::OpenError;
use statement::Value;
pub(crate) use statement::{Row, Rows, Statement, Unit, UnitOutcome};

use sqlite::Sqlite;

/// A connected database.
pub(crate) enum Driver {
    Sqlite(Sqlite),
}

impl Driver {
    /// Opens the database that `url` names, creating it if there is none, and brings its schema up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(OpenError::Url {
                scheme: String::new(),
            });
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if scheme != "sqlite" || path.is_empty() || path == ":memory:" {
            return Err(OpenError::Url {
                scheme: scheme.to_owned(),
            });
        }
        let path = PathBuf::from(path);
        let opened =
            tokio::task::spawn_blocking(move || Sqlite::open(&path, &sqlite::Settings::default()))
                .await;
        opened
            .unwrap_or(Err(OpenError::Interrupted))
            .map(Self::Sqlite)
    }

    /// Finishes what was accepted and closes.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
        }
    }

    /// Commits `unit` whole or not at all; the answer comes when the commit is durable.
    ///
    /// A unit that was accepted is run even if nobody waits for its answer any more: a revocation does not depend on
    /// the patience of whoever asked for it.
    ///
    /// # Errors
    /// After [`DriverError::Unknown`] the unit may or may not have been committed; after any other error it was not.
    pub(crate) async fn run(&self, unit: Unit) -> Result<UnitOutcome, DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(unit).await,
        }
    }

    /// Reads committed rows by key: a statement that ends within microseconds.
    pub(crate) async fn read(&self, statement: Statement) -> Result<Rows, DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(&statement),
        }
    }

    /// Reads committed rows by walking a table or an index: lists, counts, exports.
    pub(crate) async fn scan(&self, statement: Statement) -> Result<Rows, DriverError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.scan(statement).await,
        }
    }
}
