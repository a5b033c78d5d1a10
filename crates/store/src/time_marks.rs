//! The latest time by which something was forgotten. The sweeper forgets by the clock of its node; a clock that is set back
//! afterwards would make an expired code or a used id good again, with nobody left who remembers it. So every sweep leaves a
//! mark, and no node serves by a clock that lies before it.
//!
//! Each era has a mark of its own: what was handed out in another one is refused anyway. Eras rise, and a mark rises within its
//! era. A database that shows less than it showed before has gone back: it was restored, or lost what it had acknowledged.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// Raises the mark of this era, and says where it is: a mark never falls.
const MARK: &str = "INSERT INTO time_marks (era, at) SELECT era, CAST($1 AS BIGINT) FROM meta WHERE 1 = 1 \
     ON CONFLICT (era) DO UPDATE SET at = CASE WHEN excluded.at > time_marks.at THEN excluded.at ELSE time_marks.at END \
     RETURNING era, at";

const FORGET: &str = "DELETE FROM time_marks WHERE era < (SELECT era FROM meta)";

const READ: &str = "SELECT m.era, t.at FROM meta m LEFT JOIN time_marks t ON t.era = m.era";

/// How far a database's history has come. The greater one is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeMark {
    /// The era that it is in.
    pub era: i64,
    /// The latest time by which something was forgotten in it; `None` before that.
    pub at: Option<Timestamp>,
}

impl Store {
    /// Notes that from now on things are forgotten by the clock that says `now`. Gives the mark as it stands then, which is
    /// later than `now` where another clock was ahead: by such a clock nothing may be forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a database that no cluster has joined.
    pub async fn mark_time(&self, now: Timestamp) -> Result<TimeMark, StoreError> {
        let unit = Unit::new([Statement::new(MARK).bind(now), Statement::new(FORGET)]);
        let mark = self.commit(unit).await?.into_iter().next();
        let row = mark.and_then(Rows::into_first);
        Ok(read(&mut row.ok_or(StoreError::NotFound("cluster"))?)?)
    }

    /// The mark of this era; `None` for a database that no cluster has joined.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn time_mark(&self) -> Result<Option<TimeMark>, StoreError> {
        let row = self.row(Statement::new(READ)).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }
}

fn read(row: &mut Row) -> Result<TimeMark, DriverError> {
    Ok(TimeMark {
        era: row.integer()?,
        at: row.optional_time()?,
    })
}
