//! Sessions that their user ends from another one: one of them, or all others. Whose they are is asked by the statement that ends them.

use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::logouts;
use crate::outbox::{self, OutboxRow};
use crate::sessions::SessionSeen;
use crate::store::ActingStore;

const END_ONE: &str = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";

const END_OTHERS: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";

impl ActingStore {
    /// Ends a session of `user`, who is in the session `seen`. Nothing happens where that is not what it was, or the one to end is not theirs.
    /// The clients that are to be told are queued in the same unit, and returned so that somebody may tell them at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_own_session(
        &self,
        id: &SessionId,
        user: &UserId,
        seen: &SessionSeen,
        now: Timestamp,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let [queue, forget] = logouts::queue(id, now);
        let end = ending(END_ONE, user, id);
        let event = NewEvent::new("session-ended").detail(id.as_str());
        self.end_own([queue, forget, end], event, user, seen, now)
            .await
    }

    /// Ends every session of `user` but the one they are in, likewise.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_other_sessions(
        &self,
        user: &UserId,
        seen: &SessionSeen,
        now: Timestamp,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let end = ending_others(user, &seen.id, now);
        let event = NewEvent::new("sessions-ended").detail(seen.id.as_str());
        self.end_own(end, event, user, seen, now).await
    }

    async fn end_own<'e>(
        &self,
        [queue, forget, end]: [Statement; 3],
        event: NewEvent<'e>,
        user: &'e UserId,
        seen: &SessionSeen,
        now: Timestamp,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let stands = seen.statement(user, now);
        let event = event.user(user).by(self.by(), now);
        let unit = Unit::new([queue, forget, end.expect_some(), event]).then(stands);
        let UnitOutcome::Done(rows) = self.run(unit.in_turn(user.as_str())).await? else {
            return Ok(Vec::new());
        };
        let queued = rows.into_iter().next().into_iter().flatten();
        let queued = queued.map(|mut row| outbox::read(&mut row));
        Ok(queued.collect::<Result<_, _>>()?)
    }
}

/// The statements that end every session of a user but one. The first one returns the clients to be told.
pub(crate) fn ending_others(user: &UserId, kept: &SessionId, now: Timestamp) -> [Statement; 3] {
    let [queue, forget] = logouts::queue_of_others(user, kept, now);
    [queue, forget, ending(END_OTHERS, user, kept)]
}

fn ending(sql: &'static str, user: &UserId, id: &SessionId) -> Statement {
    Statement::new(sql).bind(user.as_str()).bind(id.as_str())
}
