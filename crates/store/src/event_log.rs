//! Reading events: by what they are about, by who did it, by time; page by page, in either direction.
//!
//! An event gets its name before it is committed, and names sort by the moment of the request: one with a smaller name may appear after one
//! with a greater one was read. So whoever goes through all of them, to keep them, believes that nothing is missing only up to
//! [`SETTLED`] seconds ago. Who follows goes by numbers (`event_numbers.rs`).

use safeconduct_protocol::ids::{ClientId, GrantId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::by::Door;
use crate::driver::Statement;
use crate::error::StoreError;
use crate::events::{Event, columns, read};
use crate::store::Store;

/// How long after its moment an event may appear, in seconds. The clocks of two nodes lie a minute apart at most (each serves up to half a
/// minute from the database's), and no request is answered for as long as the rest.
pub const SETTLED: i64 = 180;

/// Which events a list should hold. What is not said is any.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// About this user.
    pub user: Option<UserId>,
    /// About this client.
    pub client: Option<ClientId>,
    /// About this grant.
    pub grant: Option<GrantId>,
    /// Of one of these kinds; empty for any.
    pub kinds: Vec<String>,
    /// By this door.
    pub door: Option<Door>,
    /// Of sign-ins that failed under a name with this keyed hash.
    pub name_hash: Option<String>,
    /// In the request of this name.
    pub correlation_id: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// The statement that reads events between two names, `$order` by name. The databases find them by what `$lead` says of them, which the
/// conditions behind it would say as well, if a database knew that the parameter is no NULL.
macro_rules! select {
    ($lead:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM events WHERE id > $1 AND id < $2 ",
            $lead,
            " AND (CAST($3 AS TEXT) IS NULL OR user_id = CAST($3 AS TEXT)) \
             AND (CAST($4 AS TEXT) IS NULL OR client_id = CAST($4 AS TEXT)) \
             AND (CAST($5 AS TEXT) IS NULL OR grant_id = CAST($5 AS TEXT)) \
             AND (CAST($6 AS TEXT) IS NULL OR correlation_id = CAST($6 AS TEXT)) \
             AND (CAST($7 AS TEXT) IS NULL OR door = CAST($7 AS TEXT)) \
             AND (CAST($8 AS TEXT) IS NULL OR CAST($8 AS TEXT) LIKE '%,' || kind || ',%') \
             AND (CAST($10 AS TEXT) IS NULL OR name_hash = CAST($10 AS TEXT)) \
             ORDER BY id ",
            $order,
            " LIMIT $9"
        )
    };
}

/// The same for each lead.
macro_rules! selects {
    ($order:literal) => {
        [
            select!("AND correlation_id = CAST($6 AS TEXT)", $order),
            select!("AND grant_id = CAST($5 AS TEXT)", $order),
            select!("AND name_hash = CAST($10 AS TEXT)", $order),
            select!("AND user_id = CAST($3 AS TEXT)", $order),
            select!("AND client_id = CAST($4 AS TEXT)", $order),
            select!("", $order),
        ]
    };
}

const OLDEST_FIRST: [&str; 6] = selects!("ASC");
const NEWEST_FIRST: [&str; 6] = selects!("DESC");

/// Sorts behind the name of every event, which begins with a hexadecimal digit.
const BEHIND_ALL: &str = "g";

impl EventFilter {
    /// Which of the six statements finds the fewest.
    fn lead(&self) -> usize {
        let said = [
            self.correlation_id.is_some(),
            self.grant.is_some(),
            self.name_hash.is_some(),
            self.user.is_some(),
            self.client.is_some(),
        ];
        said.iter().position(|said| *said).unwrap_or(said.len())
    }

    fn statement(
        &self,
        sql: [&'static str; 6],
        after: &str,
        before: &str,
        limit: u32,
    ) -> Statement {
        let kinds = (!self.kinds.is_empty()).then(|| format!(",{},", self.kinds.join(",")));
        let since = self.since.map(first_name).unwrap_or_default();
        let until = self.until.map_or(BEHIND_ALL.to_owned(), first_name);
        Statement::new(sql[self.lead()])
            .bind(after.max(&since))
            .bind(before.min(&until))
            .bind(self.user.as_ref().map(UserId::as_str))
            .bind(self.client.as_ref().map(ClientId::as_str))
            .bind(self.grant.map(|grant| grant.to_string()))
            .bind(self.correlation_id.as_deref())
            .bind(self.door.map(Door::as_str))
            .bind(kinds)
            .bind(i64::from(limit))
            .bind(self.name_hash.as_deref())
    }
}

/// Sorts before the name of every event of that moment, and behind those of the moments before.
pub(crate) fn first_name(at: Timestamp) -> String {
    format!("{:016x}", at.seconds().max(0))
}

impl EventFilter {
    /// Whether it admits `event`: what the statements above say, of an event that was read.
    pub fn admits(&self, event: &Event) -> bool {
        let is = |wanted: Option<&str>, is: Option<&str>| wanted.is_none() || wanted == is;
        is(
            self.user.as_ref().map(UserId::as_str),
            event.user.as_ref().map(UserId::as_str),
        ) && is(
            self.client.as_ref().map(ClientId::as_str),
            event.client.as_ref().map(ClientId::as_str),
        ) && (self.grant.is_none() || self.grant == event.grant)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.door.is_none_or(|door| door == event.by.door())
            && is(self.name_hash.as_deref(), event.name_hash.as_deref())
            && is(self.correlation_id.as_deref(), event.by.correlation_id())
            && self.since.is_none_or(|since| event.id > first_name(since))
            && self.until.is_none_or(|until| event.id < first_name(until))
    }
}

impl Store {
    /// At most `limit` events behind the one named `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_after(
        &self,
        filter: &EventFilter,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let statement = filter.statement(OLDEST_FIRST, after, BEHIND_ALL, limit);
        Ok(self.list(statement, read).await?)
    }

    /// At most `limit` events before the one named `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_before(
        &self,
        filter: &EventFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let before = before.unwrap_or(BEHIND_ALL);
        let statement = filter.statement(NEWEST_FIRST, "", before, limit);
        Ok(self.list(statement, read).await?)
    }
}
