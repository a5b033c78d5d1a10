//! Sessions and grants as operators look at them: whose they are, page by page, by keys that an index has; and what only operators do to
//! them.

use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Statement, Unit};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::grants::{self, GrantRecord};
use crate::liveness::stands;
use crate::sessions::{self, SessionRecord, ending_all};
use crate::store::{ActingStore, Store};

macro_rules! sessions_where {
    ($which:literal) => {
        concat!(
            "SELECT ",
            sessions::columns!(),
            " FROM sessions s JOIN live_users u ON u.id = s.user_id AND u.epoch = s.user_epoch WHERE ",
            $which
        )
    };
}

const SESSIONS: &str =
    sessions_where!("s.id > $1 AND s.absolute_expires_at > $2 ORDER BY s.id LIMIT $3");

const SESSIONS_OF: &str = sessions_where!(
    "s.user_id = $4 AND s.id > $1 AND s.absolute_expires_at > $2 ORDER BY s.id LIMIT $3"
);

const SESSION: &str = sessions_where!("s.id = $1 AND s.absolute_expires_at > $2");

const COUNT_SESSIONS: &str = "SELECT COUNT(*) FROM sessions WHERE absolute_expires_at > $1";

/// What [`grants::read_record`] takes of a row, as of the moment `$2`.
macro_rules! grants_where {
    ($which:literal) => {
        concat!(
            "SELECT ",
            grants::columns!(),
            ", g.created_at, g.last_used_at, g.retries, g.revoked_at, g.revoked_reason FROM grants g WHERE ",
            $which
        )
    };
}

/// Those that are alive, in the order `$order`, the newest first: the id of a grant says when it was born.
macro_rules! live_grants_where {
    ($which:literal, $order:literal) => {
        concat!(
            grants_where!("g.id < $1 AND g.revoked_at IS NULL AND g.expires_at > $2 AND "),
            $which,
            stands!("g", "$2"),
            $order,
            " LIMIT $3"
        )
    };
}

const GRANTS: &str = live_grants_where!("", " ORDER BY g.id DESC");

/// In an order that the primary key does not have: it would be gone through for a user who has few.
const GRANTS_OF: &str = live_grants_where!(
    "g.user_id = $4 AND g.user_id <> '' AND ",
    " ORDER BY g.created_at DESC, g.id DESC"
);

const GRANTS_TO: &str = live_grants_where!("g.client_id = $4 AND ", " ORDER BY g.id DESC");

const GRANTS_OF_TO: &str = live_grants_where!(
    "g.user_id = $4 AND g.user_id <> '' AND g.client_id = $5 AND ",
    " ORDER BY g.created_at DESC, g.id DESC"
);

const GRANT: &str = grants_where!("g.id = $1");

const LIVES: &str = concat!(
    "SELECT 1 FROM grants g WHERE g.id = $1 AND g.revoked_at IS NULL AND g.expires_at > $2 AND ",
    stands!("g", "$2")
);

/// Sorts behind the id of every grant, which begins with a hexadecimal digit.
const BEHIND_ALL: &str = "g";

/// A grant in a list, with whether it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGrant {
    /// The grant.
    pub record: GrantRecord,
    /// Whether it and everything that it rests on stand.
    pub lives: bool,
}

impl Store {
    /// At most `limit` sessions that have not ended, of one user or of all, behind the one called `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_after(
        &self,
        user: Option<&UserId>,
        after: Option<&SessionId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let statement = Statement::new(if user.is_some() {
            SESSIONS_OF
        } else {
            SESSIONS
        })
        .bind(after.map_or("", SessionId::as_str))
        .bind(now)
        .bind(i64::from(limit));
        let statement = match user {
            Some(user) => statement.bind(user.as_str()),
            None => statement,
        };
        Ok(self.list(statement, sessions::read_record).await?)
    }

    /// The session of this name, unless it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let row = self.row(Statement::new(SESSION).bind(id.as_str()).bind(now));
        Ok(row
            .await?
            .map(|mut row| sessions::read_record(&mut row))
            .transpose()?)
    }

    /// How many sessions have not ended. All of them are counted: for a question before they are ended, and not for a list.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let statement = Statement::new(COUNT_SESSIONS).bind(now);
        let counted = self.list(statement, |row| row.integer()).await?;
        Ok(counted.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// At most `limit` grants that are alive, of one user, to one client, or all, made before the one called `before`; the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_grants_before(
        &self,
        (user, client): (Option<&UserId>, Option<&ClientId>),
        before: Option<GrantId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<GrantRecord>, StoreError> {
        let sql = match (user, client) {
            (None, None) => GRANTS,
            (Some(_), None) => GRANTS_OF,
            (None, Some(_)) => GRANTS_TO,
            (Some(_), Some(_)) => GRANTS_OF_TO,
        };
        let before = before.map_or(BEHIND_ALL.to_owned(), |id| id.to_string());
        let mut statement = Statement::new(sql)
            .bind(before)
            .bind(now)
            .bind(i64::from(limit));
        let named = [user.map(UserId::as_str), client.map(ClientId::as_str)];
        for named in named.into_iter().flatten() {
            statement = statement.bind(named);
        }
        Ok(self.list(statement, grants::read_record).await?)
    }

    /// The grant of this id, alive or not; `None` for one that no code made yet, or whose row was swept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn listed_grant(
        &self,
        id: GrantId,
        now: Timestamp,
    ) -> Result<Option<ListedGrant>, StoreError> {
        let row = self.row(Statement::new(GRANT).bind(id.to_string())).await?;
        let Some(mut row) = row else { return Ok(None) };
        let record = grants::read_record(&mut row)?;
        let lives = Statement::new(LIVES).bind(id.to_string()).bind(now);
        Ok(Some(ListedGrant {
            record,
            lives: self.row(lives).await?.is_some(),
        }))
    }
}

impl ActingStore {
    /// Ends every session there is, and with it every grant that was not meant to outlive it. The clients that are to be told are queued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_all_sessions(&self, now: Timestamp) -> Result<(), StoreError> {
        let event = NewEvent::new("all-sessions-ended").by(self.by(), now);
        let [queue, forget, end] = ending_all(now);
        let unit = Unit::new([queue, forget, end.expect_some(), event]);
        self.committed(unit).await?;
        Ok(())
    }
}
