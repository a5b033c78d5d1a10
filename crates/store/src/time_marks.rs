//! The latest time by which something was forgotten. The sweeper forgets by the clock of its node; a clock that is set back
//! afterwards would make an expired code or a used id good again, with nobody left who remembers it. So every sweep leaves a
//! mark, and no node serves by a clock that lies before it.
//!
//! Each era has a mark of its own: what was handed out in another one is refused anyway.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// Raises the mark of this era, and says where it is: a mark never falls.
const MARK: &str = "INSERT INTO time_marks (era, at) SELECT era, CAST($1 AS BIGINT) FROM meta WHERE 1 = 1 \
     ON CONFLICT (era) DO UPDATE SET at = CASE WHEN excluded.at > time_marks.at THEN excluded.at ELSE time_marks.at END \
     RETURNING at";

const FORGET: &str = "DELETE FROM time_marks WHERE era < (SELECT era FROM meta)";

const READ: &str = "SELECT t.at FROM time_marks t JOIN meta m ON m.era = t.era";

impl Store {
    /// Notes that from now on things are forgotten by the clock that says `now`. Gives the mark as it stands then, which is
    /// later than `now` where another clock was ahead: by such a clock nothing may be forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a database that no cluster has joined.
    pub async fn mark_time(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let unit = Unit::new([Statement::new(MARK).bind(now), Statement::new(FORGET)]);
        let mark = self.commit(unit).await?.into_iter().next();
        let row = mark.and_then(Rows::into_first);
        Ok(row.ok_or(StoreError::NotFound("cluster"))?.time()?)
    }

    /// The mark of this era; `None` before anything was swept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn time_mark(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = self.row(Statement::new(READ)).await?;
        Ok(row.map(|mut row| row.time()).transpose()?)
    }
}
