//! The seam below [`Store`](crate::Store): a [`Unit`] of statements that commits as one, and the drivers that run it.
//!
//! A driver knows databases and no protocol; what the statements mean belongs to the store's own files. Today there is
//! one driver; a second one is a second variant here and a second file beside `sqlite`, nothing more.

#[cfg(test)]
mod contract;
mod error;
mod sqlite;
mod statement;

use std::path::Path;

pub(crate) use error::DriverError;
pub use error::OpenError;
pub(crate) use statement::{Row, Rows, Statement, Unit, UnitOutcome, Value};

use sqlite::Sqlite;

/// A connected database.
pub(crate) enum Driver {
    Sqlite(Sqlite),
}

impl Driver {
    /// Opens the SQLite database at `path`, creating it if there is none, and brings its schema up to date.
    pub(crate) fn open_sqlite(path: &Path) -> Result<Self, OpenError> {
        Sqlite::open(path, &sqlite::Settings::default()).map(Self::Sqlite)
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
