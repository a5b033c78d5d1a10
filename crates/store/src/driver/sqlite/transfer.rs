//! Copying out of a SQLite file and into one: a reader's snapshot, and one transaction of a second writer.

use rusqlite::{Connection, TransactionBehavior};

use super::{Mode, Site, execute};
use crate::driver::transfer::{BATCH, FillError, Part, Sink, Source, Table, compare};
use crate::driver::{DriverError, Row, Statement};

/// Reads every row of `tables`, all as of one moment.
pub(super) fn dump(site: &Site, tables: &[Table], sink: &Sink) -> Result<(), DriverError> {
    site.in_place()?;
    let mut connection = site.connect(Mode::Read)?;
    let snapshot = connection.transaction()?;
    let mut read = Vec::with_capacity(tables.len());
    for (table, Table { select, .. }) in tables.iter().enumerate() {
        let mut prepared = snapshot.prepare(select)?;
        let columns = prepared.column_count();
        let mut cursor = prepared.query([])?;
        let mut count = 0;
        let mut rows = Vec::with_capacity(BATCH);
        while let Some(row) = cursor.next()? {
            rows.push(super::decoded(row, columns)?);
            count += 1;
            if rows.len() == BATCH {
                hand_in(
                    sink,
                    Part::Rows {
                        table,
                        rows: std::mem::take(&mut rows),
                    },
                )?;
            }
        }
        hand_in(sink, Part::Rows { table, rows })?;
        read.push(count);
    }
    hand_in(sink, Part::End(read))
}

/// Counts the rows of `tables`, all as of one moment.
pub(super) fn count_all(site: &Site, tables: &[Table]) -> Result<Vec<u64>, DriverError> {
    site.in_place()?;
    let mut connection = site.connect(Mode::Read)?;
    let snapshot = connection.transaction()?;
    tables.iter().map(|table| count(&snapshot, table)).collect()
}

fn hand_in(sink: &Sink, part: Part) -> Result<(), DriverError> {
    let gone = |_| DriverError::Unavailable("the copy was given up".to_owned());
    sink.blocking_send(part).map_err(gone)
}

/// Writes what comes out of `source` into tables that are empty, all of it or nothing.
pub(super) fn fill(site: &Site, tables: &[Table], mut source: Source) -> Result<(), FillError> {
    site.in_place()?;
    let mut connection = site.connect(Mode::Write).map_err(DriverError::from)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(DriverError::from)?;
    for table in tables {
        if let Some(clear) = table.clear {
            execute(&transaction, &Statement::new(clear))?;
        }
        if count(&transaction, table)? > 0 {
            return Err(FillError::NotEmpty(table.name));
        }
    }
    loop {
        match source.blocking_recv() {
            Some(Part::Rows { table, rows }) => {
                for row in rows {
                    execute(&transaction, &tables[table].insertion(row)?)?;
                }
            }
            Some(Part::End(read)) => {
                let written = tables.iter().map(|table| count(&transaction, table));
                compare(tables, &read, &written.collect::<Result<Vec<_>, _>>()?)?;
                return Ok(transaction.commit().map_err(DriverError::from)?);
            }
            None => return Err(FillError::Cut),
        }
    }
}

fn count(connection: &Connection, table: &Table) -> Result<u64, DriverError> {
    let rows = execute(connection, &Statement::new(table.count))?;
    rows.into_first()
        .map_or(Ok(0), |mut row: Row| row.integer())
        .map(i64::unsigned_abs)
}
