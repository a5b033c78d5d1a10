//! Telling clients that a session has ended (OpenID Connect Back-Channel Logout): which clients a session has to tell, and the
//! outbox of those still to be told. Sending is the server's.
//!
//! A client is remembered when its code is redeemed, and goes to the outbox in the unit that ends the session. A row of the
//! outbox is taken on by one node at a time; a node that dies with it loses nothing, because the row is due again.

use safeconduct_protocol::grant::NewGrant;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::events;
use crate::store::{Store, client_id, session_id, user_id};

/// How long a client is tried to be told, in seconds: a day.
const PATIENCE: i64 = 24 * 3600;

/// Remembers the client of the grant that an attempt made, while the session lives. One that may go on without the session
/// once may go on.
const REMEMBER: &str = "INSERT INTO session_clients (session_id, client_id, user_id, offline) \
     SELECT s.id, g.client_id, s.user_id, g.offline \
     FROM grants g JOIN sessions s ON s.id = g.session_id AND s.user_id = g.user_id \
     WHERE g.id = $1 AND g.attempt = $2 AND g.revoked_at IS NULL AND s.idle_expires_at > $3 \
     ON CONFLICT (session_id, client_id) DO UPDATE SET offline = \
         CASE WHEN excluded.offline = 1 THEN 1 ELSE session_clients.offline END";

// A session ends once, so that session and client are name enough. The id of a session holds no slash.
const QUEUE: &str = "INSERT INTO logouts (id, session_id, user_id, client_id, created_at, attempts, next_at) \
     SELECT session_id || '/' || client_id, session_id, user_id, client_id, CAST($2 AS BIGINT), 0, CAST($2 AS BIGINT) \
     FROM session_clients WHERE session_id = $1 \
     ON CONFLICT (id) DO NOTHING RETURNING id, session_id, user_id, client_id, attempts";

const FORGET: &str = "DELETE FROM session_clients WHERE session_id = $1";

const QUEUE_OF_USER: &str = "INSERT INTO logouts (id, session_id, user_id, client_id, created_at, attempts, next_at) \
     SELECT session_id || '/' || client_id, session_id, user_id, client_id, CAST($2 AS BIGINT), 0, CAST($2 AS BIGINT) \
     FROM session_clients WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1) \
     ON CONFLICT (id) DO NOTHING";

const FORGET_OF_USER: &str =
    "DELETE FROM session_clients WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)";

const QUEUE_ALL: &str = "INSERT INTO logouts (id, session_id, user_id, client_id, created_at, attempts, next_at) \
     SELECT session_id || '/' || client_id, session_id, user_id, client_id, CAST($1 AS BIGINT), 0, CAST($1 AS BIGINT) \
     FROM session_clients WHERE 1 = 1 \
     ON CONFLICT (id) DO NOTHING";

const FORGET_ALL: &str = "DELETE FROM session_clients";

/// Clients whose session is gone without having told them: it lapsed, or ended while the client was being remembered.
const LEFT_BEHIND: &str = "SELECT DISTINCT c.session_id FROM session_clients c \
     WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = c.session_id) LIMIT $1";

const DUE: &str = "SELECT id, session_id, user_id, client_id, attempts FROM logouts \
     WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2";

const CLAIM: &str = "UPDATE logouts SET attempts = attempts + 1, next_at = $3 \
     WHERE id = $1 AND attempts = $2 AND next_at <= $4";

const DELETE: &str = "DELETE FROM logouts WHERE id = $1";

const TOO_OLD: &str = "SELECT id FROM logouts WHERE created_at <= $1 LIMIT $2";

/// A client still to be told that a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedLogout {
    /// Its name in the queue.
    pub id: String,
    /// The session that has ended.
    pub session: SessionId,
    /// Whose it was.
    pub user: UserId,
    /// Who is to be told.
    pub client: ClientId,
    /// How often somebody has taken it on.
    pub attempts: i64,
}

impl Store {
    /// At most `limit` clients that may be told now, the longest due first. Nobody has them yet: see
    /// [`claim_logout`](Self::claim_logout).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_logouts(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<QueuedLogout>, StoreError> {
        let statement = Statement::new(DUE).bind(now).bind(i64::from(limit));
        Ok(self.list(statement, read).await?)
    }

    /// Takes on telling a client: `false` if another node has, or it was told. Whoever has it tells it once, then says
    /// [`logout_delivered`](Self::logout_delivered), or lets it be due again at `next_at`, or gives up.
    ///
    /// # Errors
    /// [`StoreError`]; whoever does not know must not tell.
    pub async fn claim_logout(
        &self,
        id: &str,
        attempts_seen: i64,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let claim = Statement::new(CLAIM)
            .bind(id)
            .bind(attempts_seen)
            .bind(next_at)
            .bind(now)
            .expect_some();
        Ok(self.committed(claim).await?)
    }

    /// Notes that a client was told.
    ///
    /// # Errors
    /// [`StoreError`]; the client is told again then.
    pub async fn logout_delivered(&self, id: &str) -> Result<(), StoreError> {
        self.commit(Statement::new(DELETE).bind(id)).await?;
        Ok(())
    }

    /// Gives up telling a client, which leaves an event. Giving up twice is giving up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn logout_given_up(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let event = events::record_undelivered_logout(id, now);
        let delete = Statement::new(DELETE).bind(id).expect_some();
        self.committed(Unit::new([event, delete])).await?;
        Ok(())
    }

    /// Queues the clients of at most `limit` sessions that are gone; how many clients there were.
    pub(crate) async fn queue_left_behind(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let sessions = self
            .list(
                Statement::new(LEFT_BEHIND).bind(i64::from(limit)),
                |row: &mut Row| session_id(&row.text()?),
            )
            .await?;
        if sessions.is_empty() {
            return Ok(0);
        }
        let rows = self
            .commit(Unit::new(
                sessions.iter().flat_map(|session| queue(session, now)),
            ))
            .await?;
        // Every other statement forgets.
        Ok(rows.iter().skip(1).step_by(2).map(Rows::count).sum())
    }

    /// Gives up at most `limit` clients that could not be told for a day; how many.
    pub(crate) async fn give_up_old_logouts(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let statement = Statement::new(TOO_OLD)
            .bind(now.plus(-PATIENCE))
            .bind(i64::from(limit));
        let old = self.list(statement, Row::text).await?;
        for id in &old {
            self.logout_given_up(id, now).await?;
        }
        Ok(old.len() as u64)
    }
}

/// The statement that remembers the client of `grant`, if `attempt` made it, as one to be told.
pub(crate) fn remember(grant: &NewGrant, attempt: &str, now: Timestamp) -> Statement {
    Statement::new(REMEMBER)
        .bind(grant.id.to_string())
        .bind(attempt)
        .bind(now)
}

/// The statements that queue the clients of a session that ends in the same unit. The first one returns them, for [`read`].
pub(crate) fn queue(session: &SessionId, now: Timestamp) -> [Statement; 2] {
    let queue = Statement::new(QUEUE).bind(session.as_str()).bind(now);
    [queue, Statement::new(FORGET).bind(session.as_str())]
}

/// The statements that queue the clients of a user's sessions. They stand before those that end the sessions.
pub(crate) fn queue_of_user(user: &UserId, now: Timestamp) -> [Statement; 2] {
    let queue = Statement::new(QUEUE_OF_USER).bind(user.as_str()).bind(now);
    [queue, Statement::new(FORGET_OF_USER).bind(user.as_str())]
}

/// The statements that queue the clients of all sessions.
pub(crate) fn queue_all(now: Timestamp) -> [Statement; 2] {
    let queue = Statement::new(QUEUE_ALL).bind(now);
    [queue, Statement::new(FORGET_ALL)]
}

/// A queued client from its columns: id, session_id, user_id, client_id, attempts.
pub(crate) fn read(row: &mut Row) -> Result<QueuedLogout, DriverError> {
    Ok(QueuedLogout {
        id: row.text()?,
        session: session_id(&row.text()?)?,
        user: user_id(&row.text()?)?,
        client: client_id(&row.text()?)?,
        attempts: row.integer()?,
    })
}
