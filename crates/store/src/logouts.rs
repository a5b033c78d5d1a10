//! Which clients a session has to tell that it has ended (OpenID Connect Back-Channel Logout), and how they get into the outbox.
//!
//! A client is remembered when its code is redeemed, and goes to the outbox in the unit that ends the session. What becomes of it
//! there is `outbox.rs`.

use safeconduct_protocol::grant::NewGrant;
use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::{Store, session_id};

/// Remembers the client of the grant that an attempt made, while the session lives. One that may go on without the session
/// once may go on.
const REMEMBER: &str = "INSERT INTO session_clients (session_id, client_id, user_id, offline) \
     SELECT s.id, g.client_id, s.user_id, g.offline \
     FROM grants g JOIN sessions s ON s.id = g.session_id AND s.user_id = g.user_id \
     WHERE g.id = $1 AND g.attempt = $2 AND g.revoked_at IS NULL AND s.absolute_expires_at > $3 \
     ON CONFLICT (session_id, client_id) DO UPDATE SET offline = \
         CASE WHEN excluded.offline = 1 THEN 1 ELSE session_clients.offline END";

// A session ends once, so that session and client are name enough. The id of a session holds no slash.
const QUEUE: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     SELECT 'logout/' || session_id || '/' || client_id, 'logout', client_id, user_id, session_id, CAST($2 AS BIGINT), 0, CAST($2 AS BIGINT) \
     FROM session_clients WHERE session_id = $1 \
     ON CONFLICT (id) DO NOTHING RETURNING id, kind, recipient, user_id, about, attempts";

const FORGET: &str = "DELETE FROM session_clients WHERE session_id = $1";

const QUEUE_OF_USER: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     SELECT 'logout/' || session_id || '/' || client_id, 'logout', client_id, user_id, session_id, CAST($2 AS BIGINT), 0, CAST($2 AS BIGINT) \
     FROM session_clients WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1) \
     ON CONFLICT (id) DO NOTHING";

const FORGET_OF_USER: &str =
    "DELETE FROM session_clients WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)";

const QUEUE_ALL: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     SELECT 'logout/' || session_id || '/' || client_id, 'logout', client_id, user_id, session_id, CAST($1 AS BIGINT), 0, CAST($1 AS BIGINT) \
     FROM session_clients WHERE 1 = 1 \
     ON CONFLICT (id) DO NOTHING";

const FORGET_ALL: &str = "DELETE FROM session_clients";

/// Clients whose session is gone without having told them: it lapsed, or ended while the client was being remembered.
const LEFT_BEHIND: &str = "SELECT DISTINCT c.session_id FROM session_clients c \
     WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = c.session_id) LIMIT $1";

impl Store {
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
}

/// The statement that remembers the client of `grant`, if `attempt` made it, as one to be told.
pub(crate) fn remember(grant: &NewGrant, attempt: &str, now: Timestamp) -> Statement {
    Statement::new(REMEMBER)
        .bind(grant.id.to_string())
        .bind(attempt)
        .bind(now)
}

/// The statements that queue the clients of a session that ends in the same unit. The first one returns them, for [`outbox::read`](crate::outbox::read).
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
