//! The order in which events appear: every event gets a number once it is committed, greater than every number that anybody can have seen.
//! Who follows goes on behind the last number and misses none, whatever two nodes commit in which order.
//!
//! An event's name is made before its commit, so that one with a smaller name may appear later; and a number that is drawn before the commit
//! would have the same fault. So numbers are given afterwards, by whoever follows, in a unit that takes turns: it sees what is committed,
//! numbers it, and is committed itself before the next one begins. Where nobody follows, nothing is numbered.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::event_log::first_name;
use crate::events::{Event, columns, read};
use crate::store::Store;

/// How long an event waits for its number at the most, in seconds: a day. What nobody has followed for so long gets none any more.
pub const NUMBERED_WITHIN: i64 = 24 * 3600;

/// How many events one unit numbers.
const AT_ONCE: i64 = 1_000;

/// Whose turn it is.
const TURN: &str = "event-numbers";

const STATE: &str = "SELECT n.last, CAST(CASE WHEN EXISTS \
         (SELECT 1 FROM events e WHERE e.number IS NULL AND e.id > $1) THEN 1 ELSE 0 END AS BIGINT) \
     FROM event_numbers n";

const NUMBER: &str = "UPDATE events SET number = (SELECT last FROM event_numbers) + new.place FROM \
     (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM \
         (SELECT id FROM events WHERE number IS NULL AND id > $1 ORDER BY id LIMIT $2) AS first) AS new \
     WHERE events.id = new.id";

const MOVE_ON: &str = "UPDATE event_numbers SET last = \
     COALESCE((SELECT MAX(e.number) FROM events e WHERE e.number > event_numbers.last), last) WHERE one = 1";

const BEHIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", number FROM events WHERE number > $1 ORDER BY number LIMIT $2"
);

const BEFORE: &str = "SELECT COALESCE(MIN(e.number) - 1, MAX(n.last)) FROM event_numbers n LEFT JOIN events e \
     ON e.id > $1 AND e.number IS NOT NULL";

/// An event, and its place in the order in which events appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Its number. Another one is given to sign-ins that failed when there are more of them.
    pub number: i64,
    /// The event.
    pub event: Event,
}

impl Store {
    /// Gives numbers to the events that are committed and have none. The last number there is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn number_events(&self, now: Timestamp) -> Result<i64, StoreError> {
        self.number_events_since(now.plus(-NUMBERED_WITHIN)).await
    }

    /// The same for events of `since` or later alone: older ones wait for somebody to whom they matter.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn number_events_since(&self, since: Timestamp) -> Result<i64, StoreError> {
        let oldest = first_name(since);
        loop {
            let state = Statement::new(STATE).bind(oldest.as_str());
            let decode = |row: &mut Row| Ok((row.integer()?, row.integer()?));
            let state = self.list(state, decode).await?;
            let (last, waiting) = state.first().copied().unwrap_or_default();
            if waiting == 0 {
                return Ok(last);
            }
            let number = Statement::new(NUMBER).bind(oldest.as_str()).bind(AT_ONCE);
            let unit = Unit::new([number, Statement::new(MOVE_ON)]);
            self.commit(unit.in_turn(TURN)).await?;
        }
    }

    /// At most `limit` events with a greater number, the smallest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_behind(
        &self,
        number: i64,
        limit: u32,
    ) -> Result<Vec<NumberedEvent>, StoreError> {
        let statement = Statement::new(BEHIND).bind(number).bind(i64::from(limit));
        Ok(self.list(statement, read_numbered).await?)
    }

    /// The number behind which every numbered event of `since` or later is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn number_before(&self, since: Timestamp) -> Result<i64, StoreError> {
        let statement = Statement::new(BEFORE).bind(first_name(since));
        let found = self.list(statement, |row: &mut Row| row.integer()).await?;
        Ok(found.first().copied().unwrap_or_default())
    }
}

fn read_numbered(row: &mut Row) -> Result<NumberedEvent, DriverError> {
    let event = read(row)?;
    Ok(NumberedEvent {
        number: row.integer()?,
        event,
    })
}
