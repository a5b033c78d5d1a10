//! The PostgreSQL driver: one database for any number of nodes, reached over a pool of connections (`pool`).
//!
//! This file opens the database and hands out its parts: what the URL says is in `address`, a connection in `connection`, a
//! unit's way to its commit in `unit`, what errors mean in `failure`.
//!
//! Of SQL it needs what is in the statements of the store, in views, partial and unique indexes, `INSERT … ON CONFLICT …
//! RETURNING`, `UPDATE … RETURNING`, READ COMMITTED with row locks that are waited for, and for migrations DDL in
//! transactions and `pg_advisory_xact_lock`.

mod address;
mod connection;
mod failure;
mod migrations;
mod pipeline;
mod pool;
mod tls;
mod transfer;
mod unit;
mod value;

use std::sync::Arc;

use self::address::Address;
use self::connection::Connection;
use self::migrations::Schema;
use self::pool::Pool;
use super::transfer::{FillError, Sink, Source, Table};
use super::{DriverError, OpenError, Rows, Statement, Unit, UnitOutcome};
use crate::schema::Migration;

/// Reads the server's clock, in seconds since 1970.
pub(super) const CLOCK: &str =
    "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT)";

/// An open PostgreSQL database. Dropping it closes its connections when what was accepted is done.
pub(crate) struct Postgres {
    pool: Arc<Pool>,
    /// How many migrations it was opened with the help of.
    migrated: usize,
}

impl Postgres {
    /// Connects to the database that `url` names and runs what its schema lacks.
    pub(super) async fn open(url: &str, migrations: &[Migration]) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let tls = tls::encryption(&address)?;
        let first = Connection::open(&address, &tls).await?;
        let schema = Schema {
            client: first.client(),
            server: &address.server,
        };
        let migrated = schema.upgrade(migrations).await?;
        schema.may_be_used().await?;
        if !address.pooled {
            schema.has_room_for(address.pool_size).await?;
        }
        schema.warn_of_forgetting().await?;
        Ok(Self {
            pool: Arc::new(Pool::new(address, tls, first)),
            migrated,
        })
    }

    /// Whether everything in `url` is something that a URL can say.
    pub(super) fn understands(url: &str) -> Result<(), OpenError> {
        Address::parse(url).map(drop)
    }

    /// Version and text of the migrations that were run on the database that `url` names.
    pub(super) async fn history(url: &str) -> Result<Vec<(i64, String)>, OpenError> {
        looking(url, async |schema| schema.history().await).await
    }

    /// Whether we may run migrations on the database that `url` names.
    pub(super) async fn may_be_migrated(url: &str) -> Result<(), OpenError> {
        looking(url, async |schema| schema.may_be_migrated().await).await
    }

    /// Whether the last write failed, for whatever reason that is not the write's own.
    pub(super) fn has_failed_to_write(&self) -> bool {
        self.pool.has_failed_to_write()
    }

    /// Whether the rights are back that a unit or a read was found to lack.
    pub(super) async fn may_be_used(&self) -> Result<(), DriverError> {
        self.pool.may_be_used().await
    }

    /// How many migrations were run when it was opened.
    pub(super) fn migrated(&self) -> usize {
        self.migrated
    }

    /// Runs a unit to its end, whether or not anybody still waits for it.
    pub(super) async fn run(&self, unit: Unit) -> Result<UnitOutcome, DriverError> {
        let place = self.pool.admit()?;
        let pool = Arc::clone(&self.pool);
        let running = tokio::spawn(async move {
            let outcome = pool.run(&unit).await;
            drop(place);
            outcome
        });
        let lost = |_| {
            Err(DriverError::Unknown(
                "the program is shutting down".to_owned(),
            ))
        };
        running.await.unwrap_or_else(lost)
    }

    pub(super) async fn read(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.pool.read(statement).await
    }

    pub(super) async fn scan(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.pool.scan(statement).await
    }

    pub(super) async fn dump(&self, tables: &[Table], sink: &Sink) -> Result<(), DriverError> {
        let connection = self.pool.connect().await?;
        transfer::dump(&connection, tables, sink).await
    }

    pub(super) async fn count(&self, tables: &[Table]) -> Result<Vec<u64>, DriverError> {
        let connection = self.pool.connect().await?;
        transfer::count_all(&connection, tables).await
    }

    pub(super) async fn fill(&self, tables: &[Table], source: Source) -> Result<(), FillError> {
        let connection = self.pool.connect().await?;
        transfer::fill(&connection, tables, source).await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Looks at the schema of the database that `url` names, over a connection that is closed afterwards.
async fn looking<T>(
    url: &str,
    look: impl AsyncFnOnce(&Schema<'_>) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let address = Address::parse(url)?;
    let connection = Connection::open(&address, &tls::encryption(&address)?).await?;
    let schema = Schema {
        client: connection.client(),
        server: &address.server,
    };
    let seen = look(&schema).await;
    connection.close().await;
    seen
}

#[cfg(test)]
mod tests;
