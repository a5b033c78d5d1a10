//! Read-only connections, lent for one statement at a time.
//!
//! A reader is never held across an await, so there are never more than threads that read; beyond that nothing is
//! counted. Each statement sees what was committed when it began.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::execute;
use super::site::{Mode, Site};
use super::writer::closed;
use crate::driver::{DriverError, Rows, Statement};

/// Idle connections that are kept; those beyond are closed when their statement ends.
const IDLE: usize = 16;

pub(super) struct Readers {
    site: Site,
    /// `None` once the database is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(site: Site) -> Self {
        Self {
            site,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Runs one statement on the calling thread.
    pub(super) fn read(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.site.in_place()?;
        let lent = self.idle().as_mut().ok_or_else(closed)?.pop();
        let connection = match lent {
            Some(connection) => connection,
            None => self.site.connect(Mode::Read)?,
        };
        let rows = execute(&connection, statement)?;
        // Reached only after a success: a connection that failed is closed, and the next one starts afresh.
        if let Some(idle) = self.idle().as_mut().filter(|idle| idle.len() < IDLE) {
            idle.push(connection);
        }
        Ok(rows)
    }

    /// Closes what is idle, and refuses every later statement.
    pub(super) fn close(&self) {
        *self.idle() = None;
    }

    /// A thread that panicked left at worst one connection fewer behind.
    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
