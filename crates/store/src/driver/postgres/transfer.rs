//! Copying out of PostgreSQL and into it: one REPEATABLE READ snapshot, and one transaction, each over a connection of its own
//! and without limits of time.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::Error;

use super::connection::Connection;
use super::failure::Failure;
use super::pipeline::pipelined;
use crate::driver::transfer::{BATCH, FillError, Part, Sink, Source, Table, compare};
use crate::driver::{DriverError, Row, Statement};

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Reads every row of `tables`, all as of one moment.
pub(super) async fn dump(
    connection: &Connection,
    tables: &[Table],
    sink: &Sink,
) -> Result<(), DriverError> {
    command(connection, SNAPSHOT).await?;
    let mut read = Vec::with_capacity(tables.len());
    for (table, Table { select, .. }) in tables.iter().enumerate() {
        let select = Statement::new(select);
        prepare(connection, &select).await?;
        let mut stream = pin!(connection.stream(&select).await.map_err(undecided)?);
        let mut count = 0;
        let mut rows = Vec::with_capacity(BATCH);
        while let Some(row) = stream.try_next().await.map_err(undecided)? {
            rows.push(super::connection::decoded(&row).map_err(undecided)?);
            count += 1;
            if rows.len() == BATCH {
                hand_in(
                    sink,
                    Part::Rows {
                        table,
                        rows: std::mem::take(&mut rows),
                    },
                )
                .await?;
            }
        }
        hand_in(sink, Part::Rows { table, rows }).await?;
        read.push(count);
    }
    hand_in(sink, Part::End(read)).await
}

/// Counts the rows of `tables`, all as of one moment.
pub(super) async fn count_all(
    connection: &Connection,
    tables: &[Table],
) -> Result<Vec<u64>, DriverError> {
    command(connection, SNAPSHOT).await?;
    let mut counts = Vec::with_capacity(tables.len());
    for table in tables {
        counts.push(count(connection, table).await?);
    }
    Ok(counts)
}

async fn hand_in(sink: &Sink, part: Part) -> Result<(), DriverError> {
    let gone = |_| DriverError::Unavailable("the copy was given up".to_owned());
    sink.send(part).await.map_err(gone)
}

/// Writes what comes out of `source` into tables that are empty, all of it or nothing: whatever goes wrong ends the connection,
/// and with it the transaction.
pub(super) async fn fill(
    connection: &Connection,
    tables: &[Table],
    mut source: Source,
) -> Result<(), FillError> {
    command(connection, BEGIN).await?;
    for table in tables {
        if let Some(clear) = table.clear {
            command(connection, clear).await?;
        }
        if count(connection, table).await? > 0 {
            return Err(FillError::NotEmpty(table.name));
        }
    }
    loop {
        match source.recv().await {
            Some(Part::Rows { table, rows }) => insert(connection, &tables[table], rows).await?,
            Some(Part::End(read)) => {
                let mut written = Vec::with_capacity(tables.len());
                for table in tables {
                    written.push(count(connection, table).await?);
                }
                compare(tables, &read, &written)?;
                let commit = connection.client().batch_execute("COMMIT").await;
                return Ok(commit.map_err(|error| Failure::deciding(&error).error)?);
            }
            None => return Err(FillError::Cut),
        }
    }
}

async fn insert(connection: &Connection, table: &Table, rows: Vec<Row>) -> Result<(), DriverError> {
    let insertions = rows.into_iter().map(|row| table.insertion(row));
    let insertions: Vec<Statement> = insertions.collect::<Result<_, _>>()?;
    if let Some(first) = insertions.first() {
        prepare(connection, first).await?;
    }
    for insertion in &insertions {
        connection.fits(insertion).map_err(|_| {
            let table = table.name;
            DriverError::Constraint(format!(
                "{table} has a value that is not of its column's type"
            ))
        })?;
    }
    let requests = insertions
        .iter()
        .map(|insertion| Box::pin(connection.execute(insertion)));
    for answer in pipelined(requests.collect()).await {
        answer.map_err(undecided)?;
    }
    Ok(())
}

async fn count(connection: &Connection, table: &Table) -> Result<u64, DriverError> {
    let count = Statement::new(table.count);
    prepare(connection, &count).await?;
    let rows = connection.execute(&count).await.map_err(undecided)?;
    rows.into_first()
        .map_or(Ok(0), |mut row| row.integer())
        .map(i64::unsigned_abs)
}

async fn prepare(connection: &Connection, statement: &Statement) -> Result<(), DriverError> {
    let prepared = connection.prepare([statement]).await;
    prepared.map_err(|failure| failure.error)
}

async fn command(connection: &Connection, sql: &str) -> Result<(), DriverError> {
    connection
        .client()
        .batch_execute(sql)
        .await
        .map_err(undecided)
}

fn undecided(error: Error) -> DriverError {
    Failure::undecided(&error).error
}
