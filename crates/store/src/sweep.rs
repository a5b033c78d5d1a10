//! The sweeper: deletes what has passed its end, a bounded number of rows at a time, and never anything that could still
//! decide a request. Of sessions that lapsed it queues the clients that are to be told.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Rows, Statement, Unit};
use crate::error::StoreError;
use crate::single_use::LEEWAY;
use crate::store::Store;

/// How long events are kept, in seconds: 400 days.
const EVENTS: i64 = 400 * 24 * 3600;

/// Nobody ended these sessions: a client that may go on without one is not told. The others have lost their grants, and are.
const OFFLINE_CLIENTS: &str = "DELETE FROM session_clients WHERE offline = 1 AND session_id IN \
     (SELECT id FROM sessions WHERE idle_expires_at <= $1 ORDER BY idle_expires_at, id LIMIT $2)";

const SESSIONS: &str = "DELETE FROM sessions WHERE id IN \
     (SELECT id FROM sessions WHERE idle_expires_at <= $1 ORDER BY idle_expires_at, id LIMIT $2)";

const USED_IDS: &str = "DELETE FROM used_ids WHERE (kind, owner, hash) IN \
     (SELECT kind, owner, hash FROM used_ids WHERE expires_at <= $1 LIMIT $2)";

const REVOKED_TOKENS: &str = "DELETE FROM revoked_tokens WHERE jti IN \
     (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 LIMIT $2)";

const GRANTS: &str =
    "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE forget_at <= $1 LIMIT $2)";

const CLIENT_SECRETS: &str = "DELETE FROM client_secrets WHERE id IN \
     (SELECT id FROM client_secrets WHERE expires_at <= $1 LIMIT $2)";

const OLD_EVENTS: &str =
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)";

/// How many rows of each kind were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that idled or ended.
    pub sessions: u64,
    /// Clients that were signed in to in sessions that are gone; they are to be told now.
    pub session_clients: u64,
    /// Clients that could not be told of a logout for a day.
    pub logouts: u64,
    /// Ids of what was used and has expired.
    pub used_ids: u64,
    /// Revocations of expired access tokens.
    pub revoked_tokens: u64,
    /// Grants and tombstones that nothing can name any more.
    pub grants: u64,
    /// Client secrets that were replaced.
    pub client_secrets: u64,
    /// Events older than 400 days.
    pub events: u64,
}

impl Swept {
    /// Whether a kind had as many rows as may go at once, so that there may be more.
    pub fn reached(&self, limit: u32) -> bool {
        let most = [
            self.sessions,
            self.session_clients,
            self.logouts,
            self.used_ids,
            self.revoked_tokens,
            self.grants,
            self.client_secrets,
            self.events,
        ];
        most.into_iter().any(|count| count >= u64::from(limit))
    }
}

impl Store {
    /// Deletes at most `limit` rows of each kind, each kind in a unit of its own so that requests come in between.
    ///
    /// # Errors
    /// [`StoreError`]; what was swept before stays swept.
    pub async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        let until = |sql, end: Timestamp| Statement::new(sql).bind(end).bind(i64::from(limit));
        let oldest_event = format!("{:016x}", now.plus(-EVENTS).seconds().max(0));
        let old_events = Statement::new(OLD_EVENTS)
            .bind(oldest_event)
            .bind(i64::from(limit));
        let lapsed = Unit::new([until(OFFLINE_CLIENTS, now), until(SESSIONS, now)]);
        Ok(Swept {
            sessions: self.commit(lapsed).await?.last().map_or(0, Rows::count),
            session_clients: self.queue_left_behind(now, limit).await?,
            logouts: self.give_up_old_logouts(now, limit).await?,
            used_ids: self.delete(until(USED_IDS, now.plus(-LEEWAY))).await?,
            revoked_tokens: self
                .delete(until(REVOKED_TOKENS, now.plus(-LEEWAY)))
                .await?,
            grants: self.delete(until(GRANTS, now)).await?,
            client_secrets: self.delete(until(CLIENT_SECRETS, now)).await?,
            events: self.delete(old_events).await?,
        })
    }

    async fn delete(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.commit(statement).await?.iter().map(Rows::count).sum())
    }
}
