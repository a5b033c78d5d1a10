//! What passes between two databases when one is copied into the other: rows by the hundred, from one snapshot into one
//! transaction.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::mpsc;

use super::statement::Row;
use super::{DriverError, Statement};

/// How many rows travel together.
pub(crate) const BATCH: usize = 500;

/// How many batches may be under way.
const AHEAD: usize = 4;

/// A table as it is copied.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Reads every row.
    pub(crate) select: &'static str,
    /// Writes one row of those columns.
    pub(crate) insert: &'static str,
    /// Counts the rows.
    pub(crate) count: &'static str,
    /// Takes away what a new database has in it, if it has anything.
    pub(crate) clear: Option<&'static str>,
}

impl Table {
    /// The table of this name, with its columns divided by commas. Its statements are made once and kept for ever.
    pub(crate) fn new(name: &'static str, columns: &str, clear: Option<&'static str>) -> Self {
        let parameters = 1..=columns.split(',').count();
        let parameters: Vec<String> = parameters.map(|number| format!("${number}")).collect();
        let parameters = parameters.join(", ");
        Self {
            name,
            select: format!("SELECT {columns} FROM {name}").leak(),
            insert: format!("INSERT INTO {name} ({columns}) VALUES ({parameters})").leak(),
            count: format!("SELECT COUNT(*) FROM {name}").leak(),
            clear,
        }
    }

    /// The statement that writes `row`.
    pub(crate) fn insertion(&self, row: Row) -> Result<Statement, DriverError> {
        let statement = row
            .into_values()
            .into_iter()
            .fold(Statement::new(self.insert), Statement::bind);
        statement.is_storable()?;
        Ok(statement)
    }
}

/// A part of what is copied.
#[derive(Debug)]
pub(crate) enum Part {
    /// Some rows of the table at this index, which follow those that came before.
    Rows { table: usize, rows: Vec<Row> },
    /// There is no more; this many rows of each table were read.
    End(Vec<u64>),
}

/// Where parts are handed in.
pub(crate) type Sink = mpsc::Sender<Part>;

/// Where parts come out. That it ends without [`Part::End`] means that not everything was read.
pub(crate) type Source = mpsc::Receiver<Part>;

/// A way from one database to another.
pub(crate) fn way() -> (Sink, Source) {
    mpsc::channel(AHEAD)
}

/// What has come of each table: how many rows, and a sum over what is in them, whatever their order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally(Vec<(u64, u64)>);

impl Tally {
    /// Nothing of so many tables.
    pub(crate) fn of_none(tables: usize) -> Self {
        Self(vec![(0, 0); tables])
    }

    /// Adds some rows of the table at this index, and gives how many have come of it.
    pub(crate) fn add(&mut self, table: usize, rows: &[Row]) -> u64 {
        let (count, sum) = &mut self.0[table];
        for row in rows {
            let mut hasher = DefaultHasher::new();
            row.values().hash(&mut hasher);
            *sum = sum.wrapping_add(hasher.finish());
        }
        *count += rows.len() as u64;
        *count
    }

    /// How many rows have come of each table.
    pub(crate) fn into_counts(self) -> Vec<u64> {
        self.0.into_iter().map(|(count, _)| count).collect()
    }
}

/// Why a database was not filled; it is as it was before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FillError {
    /// There are rows in this table already.
    NotEmpty(&'static str),
    /// Of this table, so many rows were read and so many are there now.
    Miscounted {
        table: &'static str,
        read: u64,
        written: u64,
    },
    /// Not everything was read.
    Cut,
    Driver(DriverError),
}

impl From<DriverError> for FillError {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

/// Compares how many rows were read of each table with how many are there.
pub(crate) fn compare(tables: &[Table], read: &[u64], written: &[u64]) -> Result<(), FillError> {
    let counts = read.iter().zip(written);
    match tables
        .iter()
        .zip(counts)
        .find(|(_, (read, written))| read != written)
    {
        None => Ok(()),
        Some((table, (read, written))) => Err(FillError::Miscounted {
            table: table.name,
            read: *read,
            written: *written,
        }),
    }
}
