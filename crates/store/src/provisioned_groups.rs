//! Groups as a client of SCIM sees and writes them. Who is in one is never read and written back: each who joins or leaves is one INSERT or
//! DELETE of its own, in one unit with all others of the request.

use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, record_membership};
use crate::external_ids::Named;
use crate::groups::{self, Group};
use crate::store::{ActingStore, Store, user_id};
use crate::users;

const KIND: &str = "group";

/// What [`read`] takes of a row of groups, for the client $1.
macro_rules! select_where {
    ($which:literal) => {
        concat!(
            "SELECT g.id, g.name, g.display, g.created_at, g.changed_at, g.version, \
             (SELECT e.external_id FROM external_ids e WHERE e.client_id = $1 AND e.kind = 'group' AND e.resource_id = g.id) \
             FROM groups g WHERE ",
            $which
        )
    };
}

const BY_ID: &str = select_where!("g.id = $2");
const BY_DISPLAY: &str = select_where!("COALESCE(g.display, g.name) = $2");
const BY_EXTERNAL_ID: &str = select_where!(
    "g.id IN (SELECT e.resource_id FROM external_ids e WHERE e.client_id = $1 AND e.kind = 'group' AND e.external_id = $2) \
     ORDER BY g.id LIMIT $3"
);
const BY_MEMBER: &str = select_where!(
    "g.name IN (SELECT m.group_name FROM group_members m WHERE m.user_id = $2) ORDER BY g.id LIMIT $3"
);
const PAGE: &str = select_where!("g.id > $2 ORDER BY g.id LIMIT $3 OFFSET $4");

const COUNT: &str = "SELECT COUNT(*) FROM groups";

const MEMBERS: &str = "SELECT m.user_id FROM group_members m \
     WHERE m.group_name = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";

/// Holds the group, if it is of that version. NULL is any.
const HOLD: &str = "UPDATE groups SET changed_at = changed_at \
     WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = CAST($2 AS BIGINT))";

/// A directory does not take away what is demanded of users, by removing the group and making it anew.
const DEMANDS_NO_SECOND_FACTOR: &str =
    "SELECT 1 FROM groups WHERE id = $1 AND second_factor_required = 0";

const EXISTS: &str = "SELECT 1 FROM groups WHERE id = $1";

const DISPLAY: &str = "UPDATE groups SET display = $2, version = version + 1, changed_at = $3 WHERE id = $1 AND declared = 0";

/// Once for all who join and leave, if any of them does: $3 and $4 are the first and the last event that there would be.
const RAISE_IF_RECORDED: &str = "UPDATE groups SET version = version + 1, changed_at = $2 WHERE name = $1 \
     AND EXISTS (SELECT 1 FROM events e WHERE e.id >= $3 AND e.id <= $4 AND e.detail = $1 \
         AND e.kind IN ('group-member-added', 'group-member-removed'))";

const JOIN: &str = "INSERT INTO group_members (user_id, group_name, added_at) VALUES ($1, $2, $3) \
     ON CONFLICT (user_id, group_name) DO NOTHING";

const LEAVE: &str = "DELETE FROM group_members WHERE user_id = $1 AND group_name = $2";

/// A group, as one client sees it, without who is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedGroup {
    /// Its id, which no other group ever has.
    pub id: String,
    /// The name that apps see, which does not change.
    pub name: String,
    /// What users read instead, if anything.
    pub display: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it, or who is in it, changed last.
    pub changed_at: Timestamp,
    /// Raised by every such change.
    pub version: i64,
    /// What the client calls it.
    pub external_id: Option<String>,
}

impl ProvisionedGroup {
    /// What users read.
    pub fn called(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.name)
    }
}

/// By what groups are found without looking at others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupLookup<'a> {
    /// The id.
    Id(&'a str),
    /// What users read.
    Display(&'a str),
    /// What the client calls it.
    ExternalId(&'a str),
    /// A user who is in it.
    Member(&'a str),
}

/// Who joins or leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// Who.
    pub user: UserId,
    /// Whether they join.
    pub joins: bool,
}

/// What a client of SCIM makes of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupReplacement {
    /// The version that it has to be of, where the client says so.
    pub seen: Option<i64>,
    /// What users are to read, if that is to change.
    pub called: Option<String>,
    /// What the client is to call it, if that is to change.
    pub external_id: Option<Option<String>>,
    /// Who joins and leaves.
    pub members: Vec<MemberChange>,
}

/// What a change of a group came to. But for the first, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It is as was asked.
    Done,
    /// There is no such group.
    NoGroup,
    /// It is of another version.
    Changed,
    /// Another group has the name, or is called so.
    Taken,
    /// The configuration says what it is called, and that it is there.
    Declared,
    /// Whoever is in the group has to have a second factor.
    Demanding,
    /// There is no such user.
    NoUser(UserId),
}

impl Store {
    /// The groups that are found, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn provisioned_groups(
        &self,
        client: &ClientId,
        lookup: GroupLookup<'_>,
        limit: u32,
    ) -> Result<Vec<ProvisionedGroup>, StoreError> {
        let (sql, value, is_one) = match lookup {
            GroupLookup::Id(id) => (BY_ID, id, true),
            GroupLookup::Display(display) => (BY_DISPLAY, display, true),
            GroupLookup::ExternalId(id) => (BY_EXTERNAL_ID, id, false),
            GroupLookup::Member(user) => (BY_MEMBER, user, false),
        };
        if value.contains('\0') {
            return Ok(Vec::new());
        }
        let statement = Statement::new(sql).bind(client.as_str()).bind(value);
        let statement = match is_one {
            true => statement,
            false => statement.bind(i64::from(limit)),
        };
        Ok(self.list(statement, read).await?)
    }

    /// At most `limit` groups behind the id `after`, without the first `offset`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn provisioned_groups_page(
        &self,
        client: &ClientId,
        after: &str,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<ProvisionedGroup>, StoreError> {
        let statement = Statement::new(PAGE)
            .bind(client.as_str())
            .bind(after)
            .bind(i64::from(limit))
            .bind(i64::try_from(offset).unwrap_or(i64::MAX));
        Ok(self.list(statement, read).await?)
    }

    /// How many groups there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_groups(&self) -> Result<u64, StoreError> {
        let counted = self
            .list(Statement::new(COUNT), |row| {
                Ok(row.integer()?.unsigned_abs())
            })
            .await?;
        Ok(counted.into_iter().sum())
    }

    /// At most `limit` who are in the group of this name, by id, behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn member_ids(
        &self,
        group: &str,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        let statement = Statement::new(MEMBERS)
            .bind(group)
            .bind(after.map_or("", UserId::as_str))
            .bind(i64::from(limit));
        let decode = |row: &mut Row| user_id(&row.text()?);
        Ok(self.list(statement, decode).await?)
    }
}

impl ActingStore {
    /// Makes a group under an id, with who is in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_provisioned_group(
        &self,
        client: &ClientId,
        (id, group): (&str, &Group),
        external_id: Option<&str>,
        members: &[UserId],
        now: Timestamp,
    ) -> Result<GroupChange, StoreError> {
        let named = Named {
            client,
            kind: KIND,
            resource: id,
        };
        let mut unit = vec![groups::creation(group, id, now).expect_some()];
        unit.extend(external_id.map(|external_id| named.keep(Some(external_id))));
        let added = NewEvent::new("group-added").detail(&group.name);
        unit.push(added.by(self.by(), now));
        let mut users = Vec::new();
        for user in members {
            users.push((unit.len(), user));
            let (_, statements) = self.joining(user, &group.name, now);
            unit.extend(statements);
        }
        let outcome = self.run(Unit::new(unit).in_turn(&groups::turn(&group.name)));
        Ok(match outcome.await? {
            UnitOutcome::Done(_) => GroupChange::Done,
            UnitOutcome::Unmet { statement: 0 } => GroupChange::Taken,
            UnitOutcome::Unmet { statement } => missing(&users, statement),
        })
    }

    /// Makes of a group what `to` says: all of it, or nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_group(
        &self,
        client: &ClientId,
        group: &ProvisionedGroup,
        to: &GroupReplacement,
        now: Timestamp,
    ) -> Result<GroupChange, StoreError> {
        let (id, name) = (group.id.as_str(), group.name.as_str());
        let mut unit = vec![
            Statement::new(EXISTS).bind(id).expect_some(),
            Statement::new(HOLD).bind(id).bind(to.seen).expect_some(),
        ];
        let called = to.called.as_deref();
        let called = called.filter(|called| *called != group.called());
        let renaming = unit.len();
        if let Some(called) = called {
            let display = Statement::new(DISPLAY)
                .bind(id)
                .bind((called != name).then_some(called))
                .bind(now);
            unit.push(display.expect_some());
        }
        let external_id = to.external_id.as_ref();
        let external_id = external_id.filter(|external_id| **external_id != group.external_id);
        if let Some(external_id) = external_id {
            let named = Named {
                client,
                kind: KIND,
                resource: id,
            };
            unit.push(named.keep(external_id.as_deref()));
            unit.push(groups::version_raised(name, now));
        }
        if called.is_some() || external_id.is_some() {
            let changed = NewEvent::new("group-changed").detail(name);
            unit.push(changed.by(self.by(), now));
        }
        let (mut users, mut events) = (Vec::new(), Vec::new());
        for change in &to.members {
            users.push((unit.len(), &change.user));
            let (event, statements) = self.membership_change(change, name, now);
            events.push(event);
            unit.extend(statements);
        }
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            let raise = Statement::new(RAISE_IF_RECORDED).bind(name).bind(now);
            unit.push(raise.bind(first.as_str()).bind(last.as_str()));
        }
        let unit = Unit::new(unit).in_turn(&groups::turn(name));
        match self.run(unit).await {
            Ok(UnitOutcome::Done(_)) => Ok(GroupChange::Done),
            Ok(UnitOutcome::Unmet { statement: 0 }) => Ok(GroupChange::NoGroup),
            Ok(UnitOutcome::Unmet { statement: 1 }) => Ok(GroupChange::Changed),
            Ok(UnitOutcome::Unmet { statement }) if called.is_some() && statement == renaming => {
                Ok(GroupChange::Declared)
            }
            Ok(UnitOutcome::Unmet { statement }) => Ok(missing(&users, statement)),
            Err(DriverError::Constraint(_)) if called.is_some() => Ok(GroupChange::Taken),
            Err(other) => Err(other.into()),
        }
    }

    /// Removes a group, of the version that was `seen` if one was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_provisioned_group(
        &self,
        group: &ProvisionedGroup,
        seen: Option<i64>,
        now: Timestamp,
    ) -> Result<GroupChange, StoreError> {
        let (id, name) = (group.id.as_str(), group.name.as_str());
        let removed = NewEvent::new("group-removed").detail(name);
        let unit = Unit::new([
            Statement::new(EXISTS).bind(id).expect_some(),
            Statement::new(HOLD).bind(id).bind(seen).expect_some(),
            Statement::new(DEMANDS_NO_SECOND_FACTOR)
                .bind(id)
                .expect_some(),
        ])
        .and(groups::removal(name, None, self.by(), now))
        .then(removed.by(self.by(), now))
        .in_turn(&groups::turn(name));
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => GroupChange::Done,
            UnitOutcome::Unmet { statement: 0 } => GroupChange::NoGroup,
            UnitOutcome::Unmet { statement: 1 } => GroupChange::Changed,
            UnitOutcome::Unmet { statement: 2 } => GroupChange::Demanding,
            UnitOutcome::Unmet { .. } => GroupChange::Declared,
        })
    }

    /// The statements by which a user, who has to exist, joins, and the event that there is only where they were not in it.
    fn joining(&self, user: &UserId, group: &str, now: Timestamp) -> (String, Vec<Statement>) {
        let (event, record) = record_membership(true, user, group, self.by(), now);
        let join = of_both(JOIN, user, group).bind(now);
        (event, vec![users::exists(user), record, join])
    }

    fn membership_change(
        &self,
        change: &MemberChange,
        group: &str,
        now: Timestamp,
    ) -> (String, Vec<Statement>) {
        if change.joins {
            return self.joining(&change.user, group, now);
        }
        let (event, record) = record_membership(false, &change.user, group, self.by(), now);
        let ending = groups::ending_of_who_left(group, &change.user, now);
        (
            event,
            vec![record, of_both(LEAVE, &change.user, group), ending],
        )
    }
}

fn of_both(sql: &'static str, user: &UserId, group: &str) -> Statement {
    Statement::new(sql).bind(user.as_str()).bind(group)
}

/// Whom the statement at this place looked for.
fn missing(users: &[(usize, &UserId)], statement: usize) -> GroupChange {
    let found = users.iter().find(|(place, _)| *place == statement);
    found.map_or(GroupChange::Changed, |(_, user)| {
        GroupChange::NoUser((*user).clone())
    })
}

fn read(row: &mut Row) -> Result<ProvisionedGroup, DriverError> {
    Ok(ProvisionedGroup {
        id: row.text()?,
        name: row.text()?,
        display: row.optional_text()?,
        created_at: row.time()?,
        changed_at: row.time()?,
        version: row.integer()?,
        external_id: row.optional_text()?,
    })
}
