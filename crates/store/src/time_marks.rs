//! How far a database's history has come, and until when something that was forgotten could be good again.
//!
//! The sweeper forgets by the clock of its node; a clock that is set back afterwards would make an expired code or a used id good
//! again, with nobody left who remembers it. So every sweep leaves a mark, and no node serves by a clock that lies before it
//! (`at`). A clock that was ahead for a moment leaves a mark in the future: it is set back once the time has come to which what was
//! really deleted goes (`forgotten`), and not before (docs/decisions/0013).
//!
//! Each era has a mark of its own: what was handed out in another one is refused anyway. Eras rise, and with every change of a
//! mark its number does. A database that shows less than it showed before has gone back: it was restored, or lost what it had
//! acknowledged.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// Raises the mark of this era, and says where it is: a later clock's mark stays.
const MARK: &str = "INSERT INTO time_marks (era, at, number, forgotten) \
     SELECT era, CAST($1 AS BIGINT), 1, 0 FROM meta WHERE 1 = 1 \
     ON CONFLICT (era) DO UPDATE SET number = time_marks.number + 1, \
         at = CASE WHEN excluded.at > time_marks.at THEN excluded.at ELSE time_marks.at END \
     RETURNING era, number, at, forgotten";

/// Notes until when something could be good again that is forgotten in this unit.
const FORGOTTEN: &str = "INSERT INTO time_marks (era, at, number, forgotten) \
     SELECT era, CAST($1 AS BIGINT), 1, CAST($1 AS BIGINT) FROM meta WHERE 1 = 1 \
     ON CONFLICT (era) DO UPDATE SET \
         at = CASE WHEN excluded.at > time_marks.at THEN excluded.at ELSE time_marks.at END, \
         forgotten = CASE WHEN excluded.forgotten > time_marks.forgotten \
             THEN excluded.forgotten ELSE time_marks.forgotten END";

/// Sets a mark back, unless another node has changed it since it was read, or something was forgotten that could be good again.
const SET_BACK: &str = "UPDATE time_marks SET number = number + 1, \
         at = CASE WHEN forgotten > CAST($3 AS BIGINT) THEN forgotten ELSE CAST($3 AS BIGINT) END \
     WHERE era = $1 AND number = $2 AND at > $3 AND forgotten <= CAST($4 AS BIGINT) \
     RETURNING era, number, at, forgotten";

const FORGET: &str = "DELETE FROM time_marks WHERE era < (SELECT era FROM meta)";

const READ: &str = "SELECT m.era, COALESCE(t.number, 0), t.at, t.forgotten \
     FROM meta m LEFT JOIN time_marks t ON t.era = m.era";

/// How far a database's history has come. The greater one is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeMark {
    /// The era that it is in.
    pub era: i64,
    /// How often the mark was changed in it.
    pub number: i64,
    /// The latest time by which anything was forgotten in it; `None` before that.
    pub at: Option<Timestamp>,
    /// Until then something could be good again that was forgotten in it.
    pub forgotten: Option<Timestamp>,
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

    /// Sets `mark` back to `now`, which lies before it, if nothing was forgotten that could be good again later than `until`.
    /// Gives the mark as it stands then; `None` where it was not set back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_mark_back(
        &self,
        mark: &TimeMark,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TimeMark>, StoreError> {
        let set_back = Statement::new(SET_BACK)
            .bind(mark.era)
            .bind(mark.number)
            .bind(now)
            .bind(until);
        let row = self.commit(set_back).await?.into_iter().next();
        let row = row.and_then(Rows::into_first);
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
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

/// The statement that notes until when something could be good again that is forgotten in the same unit.
pub(crate) fn forgotten(until: Timestamp) -> Statement {
    Statement::new(FORGOTTEN).bind(until)
}

fn read(row: &mut Row) -> Result<TimeMark, DriverError> {
    Ok(TimeMark {
        era: row.integer()?,
        number: row.integer()?,
        at: row.optional_time()?,
        forgotten: row.optional_time()?,
    })
}
