//! Which clients a session has to tell that it has ended (OpenID Connect Back-Channel Logout), and how they get into the outbox.
//!
//! A client is remembered when its code is redeemed, and goes to the outbox in the unit that ends the session; that unit and a
//! redemption of the same user take turns, so that neither misses the other. (An era that begins ends the sessions of all, and takes
//! none.) A session that no unit ends lapses, and its clients
//! go to the outbox by its end. What becomes of them there is `outbox.rs`.

use safeconduct_protocol::grant::NewGrant;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::outbox;
use crate::store::{Store, client_id};

/// Remembers the client of the grant that an attempt made, while the session lives. One that may go on without the session
/// once may go on.
const REMEMBER: &str = "INSERT INTO session_clients (session_id, client_id, user_id, offline, ends_at) \
     SELECT s.id, g.client_id, s.user_id, g.offline, s.absolute_expires_at \
     FROM grants g JOIN sessions s ON s.id = g.session_id AND s.user_id = g.user_id \
     WHERE g.id = $1 AND g.attempt = $2 AND g.revoked_at IS NULL AND s.absolute_expires_at > $3 \
     ON CONFLICT (session_id, client_id) DO UPDATE SET offline = \
         CASE WHEN excluded.offline = 1 THEN 1 ELSE session_clients.offline END";

/// Queues clients of sessions, as of the moment `$now`: those that `$which` selects. A session ends once, so that session and client
/// are name enough. The id of a session holds no slash.
macro_rules! queue {
    ($now:literal, $which:literal) => {
        concat!(
            "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
             SELECT 'logout/' || session_id || '/' || client_id, 'logout', client_id, user_id, session_id, ",
            "CAST(", $now, " AS BIGINT), 0, CAST(", $now, " AS BIGINT) FROM session_clients WHERE ",
            $which,
            " ON CONFLICT (id) DO NOTHING"
        )
    };
}

const QUEUE: &str = concat!(
    queue!("$2", "session_id = $1"),
    " RETURNING ",
    outbox::columns!()
);

const FORGET: &str = "DELETE FROM session_clients WHERE session_id = $1";

const QUEUE_OF_USER: &str = queue!(
    "$2",
    "session_id IN (SELECT id FROM sessions WHERE user_id = $1)"
);

const FORGET_OF_USER: &str =
    "DELETE FROM session_clients WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)";

/// Those of a user's sessions but one.
const QUEUE_OF_OTHERS: &str = concat!(
    queue!(
        "$2",
        "session_id IN (SELECT id FROM sessions WHERE user_id = $1 AND id <> $3)"
    ),
    " RETURNING ",
    outbox::columns!()
);

const FORGET_OF_OTHERS: &str = "DELETE FROM session_clients WHERE session_id IN \
     (SELECT id FROM sessions WHERE user_id = $1 AND id <> $2)";

const QUEUE_OF_ACCESS: &str = queue!("$3", "user_id = $1 AND client_id = $2");

const FORGET_OF_ACCESS: &str = "DELETE FROM session_clients WHERE user_id = $1 AND client_id = $2";

const QUEUE_ALL: &str = queue!("$1", "1 = 1");

/// Those that were queued: a redemption that comes between is forgotten with the end of its session.
const FORGET_ALL: &str = "DELETE FROM session_clients WHERE EXISTS \
     (SELECT 1 FROM outbox o WHERE o.id = 'logout/' || session_id || '/' || client_id)";

/// The end of the last of the sessions whose clients are due first. Two sweepers that look at the same time find others at different
/// times: an end is what both can go by.
const LAPSED: &str = "SELECT MAX(ends_at) FROM \
     (SELECT ends_at FROM session_clients WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2) AS first";

/// No browser or operator ended these sessions: a client that may go on without one is not told. The others have lost their grants,
/// and are.
const QUEUE_LAPSED: &str = queue!("$2", "ends_at <= $1 AND offline = 0");

const FORGET_LAPSED: &str = "DELETE FROM session_clients WHERE ends_at <= $1";

const OF_SESSION: &str =
    "SELECT client_id FROM session_clients WHERE session_id = $1 ORDER BY client_id";

impl Store {
    /// The clients that are to be told when a session ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients_to_tell(&self, session: &SessionId) -> Result<Vec<ClientId>, StoreError> {
        let statement = Statement::new(OF_SESSION).bind(session.as_str());
        Ok(self
            .list(statement, |row: &mut Row| client_id(&row.text()?))
            .await?)
    }

    /// Queues the clients of sessions that have lapsed, about `limit` of them; how many there were.
    pub(crate) async fn queue_lapsed(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = Statement::new(LAPSED).bind(now).bind(i64::from(limit));
        let found = self.list(due, Row::optional_time).await?;
        let Some(Some(last)) = found.into_iter().next() else {
            return Ok(0);
        };
        let queue = Statement::new(QUEUE_LAPSED).bind(last).bind(now);
        let forget = Statement::new(FORGET_LAPSED).bind(last);
        let rows = self.commit(Unit::new([queue, forget])).await?;
        Ok(rows.last().map_or(0, Rows::count))
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

/// The statements that queue the clients of a user's sessions but `kept`. They stand before those that end the sessions. The first one
/// returns them, for [`outbox::read`](crate::outbox::read).
pub(crate) fn queue_of_others(user: &UserId, kept: &SessionId, now: Timestamp) -> [Statement; 2] {
    let queue = Statement::new(QUEUE_OF_OTHERS)
        .bind(user.as_str())
        .bind(now);
    let forget = Statement::new(FORGET_OF_OTHERS).bind(user.as_str());
    [queue.bind(kept.as_str()), forget.bind(kept.as_str())]
}

/// The statements that queue one client of a user's sessions, which go on without it.
pub(crate) fn queue_of_access(user: &UserId, client: &ClientId, now: Timestamp) -> [Statement; 2] {
    let of = |sql| {
        Statement::new(sql)
            .bind(user.as_str())
            .bind(client.as_str())
    };
    [of(QUEUE_OF_ACCESS).bind(now), of(FORGET_OF_ACCESS)]
}

/// The statements that queue the clients of all sessions.
pub(crate) fn queue_all(now: Timestamp) -> [Statement; 2] {
    let queue = Statement::new(QUEUE_ALL).bind(now);
    [queue, Statement::new(FORGET_ALL)]
}
