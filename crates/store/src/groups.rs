//! Groups of users, by name, and what each demands of its members. Who belongs where is looked up at every request: nothing copies it.

use safeconduct_protocol::ids::{UserId, new_id};
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, record_admitting_group};
use crate::store::{ActingStore, Store, user_id};

const ADD: &str = "INSERT INTO groups (name, display, second_factor_required, declared, created_at, changed_at, id) \
     VALUES ($1, $2, $3, 0, $4, $4, $5) ON CONFLICT DO NOTHING";

const CHANGE: &str = "UPDATE groups SET \
         display = CASE WHEN CAST($2 AS TEXT) IS NULL THEN display WHEN CAST($2 AS TEXT) = '' THEN NULL ELSE CAST($2 AS TEXT) END, \
         second_factor_required = COALESCE(CAST($3 AS BIGINT), second_factor_required), \
         version = version + 1, changed_at = $4 \
     WHERE name = $1 AND declared = 0 AND (CAST($5 AS BIGINT) IS NULL OR version = CAST($5 AS BIGINT))";

/// Whose name it is, the group is what the configuration says from now on; who belongs to it stays.
const DECLARE: &str = "INSERT INTO groups (name, display, second_factor_required, declared, created_at, changed_at, id) \
     VALUES ($1, $2, $3, 1, $4, $4, $5) \
     ON CONFLICT (name) DO UPDATE SET display = excluded.display, second_factor_required = excluded.second_factor_required, declared = 1, \
         version = groups.version + 1, changed_at = excluded.changed_at";

const UNDECLARE: &str = "UPDATE groups SET declared = 0 WHERE name = $1";

const REMOVE: &str = "DELETE FROM groups WHERE name = $1 AND declared = 0 \
     AND (CAST($2 AS BIGINT) IS NULL OR version = CAST($2 AS BIGINT))";
const FORGET_EXTERNAL_IDS: &str =
    "DELETE FROM external_ids WHERE resource_id IN (SELECT g.id FROM groups g WHERE g.name = $1)";
const REMOVE_MEMBERS: &str = "DELETE FROM group_members WHERE group_name = $1";

const EXISTS: &str = "SELECT 1 FROM groups WHERE name = $1";

/// Members are counted up to a thousand: nobody reads on, and the count of a million takes as long as all else.
macro_rules! list {
    ($which:literal) => {
        concat!(
            "SELECT g.name, g.display, g.second_factor_required, g.declared, g.created_at, g.version, \
                 (SELECT COUNT(*) FROM (SELECT 1 FROM group_members m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL \
                  WHERE m.group_name = g.name LIMIT 1000) AS counted) \
             FROM groups g ",
            $which
        )
    };
}

const LIST: &str = list!("ORDER BY g.name");
const LIST_BEHIND: &str = list!("WHERE g.name > $1 ORDER BY g.name LIMIT $2");
const ONE: &str = list!("WHERE g.name = $1");

const MEMBERS: &str = "SELECT u.id, u.username, m.added_at \
     FROM group_members m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL \
     WHERE m.group_name = $1 ORDER BY u.username_key";

/// By their ids, as an index has them.
const MEMBERS_BEHIND: &str = "SELECT u.id, u.username, m.added_at \
     FROM group_members m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL \
     WHERE m.group_name = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";

const OF_USER: &str =
    "SELECT m.group_name FROM group_members m WHERE m.user_id = $1 ORDER BY m.group_name";

const ADD_MEMBER: &str = "INSERT INTO group_members (user_id, group_name, added_at) VALUES ($1, $2, $3) \
     ON CONFLICT (user_id, group_name) DO NOTHING";

/// Only who was added in this second under this name: an import leaves alone who is there already, and does not stop at a group that is gone.
const JOIN_BY_IMPORT: &str = "INSERT INTO group_members (user_id, group_name, added_at) \
     SELECT u.id, g.name, $3 FROM users u JOIN groups g ON g.name = $2 \
     WHERE u.id = $1 AND u.username_key = $4 AND u.created_at = $3 AND u.updated_at = $3 ON CONFLICT DO NOTHING";

const REMOVE_MEMBER: &str = "DELETE FROM group_members WHERE user_id = $1 AND group_name = $2";

/// Ends what a user let clients do that only members of a group may use, of which they are in none. (`user_id <> ''` is for the index
/// `grants_of_user`.)
const END_GRANTS_OF_WHO_LEFT: &str = "UPDATE grants SET revoked_at = $3, revoked_reason = 'left-group', revoked_by = $4 \
     WHERE user_id = $1 AND user_id <> '' AND revoked_at IS NULL \
       AND client_id IN (SELECT cg.client_id FROM client_groups cg WHERE cg.group_name = $2) \
       AND NOT EXISTS (SELECT 1 FROM client_groups cg JOIN group_members m ON m.group_name = cg.group_name \
           WHERE cg.client_id = grants.client_id AND m.user_id = $1)";

/// Ends all that clients hold which members of a group may use: who may by another group signs in to them again.
const END_CLIENTS: &str = "UPDATE clients SET epoch = epoch + 1 \
     WHERE id IN (SELECT cg.client_id FROM client_groups cg WHERE cg.group_name = $1)";

/// Says that it is another group now, or other users are in it.
const RAISE_VERSION: &str =
    "UPDATE groups SET version = version + 1, changed_at = $2 WHERE name = $1";

/// A user who is deleted belongs nowhere.
pub(crate) const LEAVE_ALL: &str = "DELETE FROM group_members WHERE user_id = $1";

/// What a group is, and what it demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name, which no other group has.
    pub name: String,
    /// What users read instead, if anything.
    pub display: Option<String>,
    /// Whether its members have to prove a second factor, whatever they sign in to.
    pub second_factor_required: bool,
}

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// What it is.
    pub group: Group,
    /// Whether the configuration declares it, and is the place to change it.
    pub declared: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Raised when it changes, or who belongs to it.
    pub version: i64,
    /// How many belong to it; 1000 are as many or more.
    pub members: u64,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// Since when.
    pub added_at: Timestamp,
}

/// What a change of who belongs to a group came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is as was asked.
    Changed,
    /// It was so before.
    Already,
    /// There is no such group.
    NoGroup,
    /// There is no such user.
    NoUser,
}

impl Store {
    /// Every group, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn groups(&self) -> Result<Vec<GroupRecord>, StoreError> {
        Ok(self.list(Statement::new(LIST), read).await?)
    }

    /// At most `limit` of them, behind the one called `after`, in the order of the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn groups_behind(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<GroupRecord>, StoreError> {
        let page = Statement::new(LIST_BEHIND)
            .bind(after)
            .bind(i64::from(limit));
        Ok(self.list(page, read).await?)
    }

    /// The group of that name, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn group(&self, name: &str) -> Result<Option<GroupRecord>, StoreError> {
        let row = self.row(Statement::new(ONE).bind(name)).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// At most `limit` of those who belong to a group, by their ids; behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn members_behind(
        &self,
        group: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError> {
        let statement = Statement::new(MEMBERS_BEHIND)
            .bind(group)
            .bind(after)
            .bind(i64::from(limit));
        Ok(self.list(statement, member).await?)
    }

    /// Who belongs to a group, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn members_of(&self, group: &str) -> Result<Vec<Member>, StoreError> {
        Ok(self
            .list(Statement::new(MEMBERS).bind(group), member)
            .await?)
    }

    /// The names of the groups that a user belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn groups_of(&self, user: &UserId) -> Result<Vec<String>, StoreError> {
        let statement = Statement::new(OF_USER).bind(user.as_str());
        Ok(self.list(statement, |row| row.text()).await?)
    }
}

impl ActingStore {
    /// Makes a group.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that name, or one that is called so.
    pub async fn add_group(&self, group: &Group, now: Timestamp) -> Result<(), StoreError> {
        let add = creation(group, &new_id(), now).expect_some();
        let event = NewEvent::new("group-added")
            .detail(&group.name)
            .by(self.by(), now);
        if self.committed(Unit::new([add, event])).await? {
            return Ok(());
        }
        Err(taken(&group.name))
    }

    /// Changes what is named of a group that is not declared; an empty `display` is none. What it demands is demanded of the next request of
    /// each member.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] if another group is called so.
    pub async fn change_group(
        &self,
        name: &str,
        display: Option<&str>,
        second_factor_required: Option<bool>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let to = (display, second_factor_required);
        self.change_group_as_seen(name, None, to, now).await
    }

    /// [Changes](Self::change_group) it, unless it has changed since its version was `seen`.
    ///
    /// # Errors
    /// As for [`change_group`](Self::change_group); [`StoreError::NotFound`] too where it is of another version.
    pub async fn change_group_as_seen(
        &self,
        name: &str,
        seen: Option<i64>,
        (display, second_factor_required): (Option<&str>, Option<bool>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Statement::new(CHANGE)
            .bind(name)
            .bind(display)
            .bind(second_factor_required.map(i64::from))
            .bind(now)
            .bind(seen);
        let event = NewEvent::new("group-changed")
            .detail(name)
            .by(self.by(), now);
        match self
            .committed(Unit::new([change.expect_some(), event]))
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::NotFound("such group")),
            Err(DriverError::Constraint(_)) => Err(taken(display.unwrap_or(name))),
            Err(other) => Err(other.into()),
        }
    }

    /// Removes a group that is not declared. Nobody belongs to it any more, nor to one that is made under its name later.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn remove_group(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.remove_group_as_seen(name, None, now).await
    }

    /// [Removes](Self::remove_group) it, unless it has changed since its version was `seen`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also where it is of another version.
    pub async fn remove_group_as_seen(
        &self,
        name: &str,
        seen: Option<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = NewEvent::new("group-removed")
            .detail(name)
            .by(self.by(), now);
        let unit = Unit::new(removal(name, seen, self.by(), now)).then(event);
        if self.committed(unit.in_turn(&turn(name))).await? {
            return Ok(());
        }
        Err(StoreError::NotFound("such group"))
    }

    /// Adds a user to a group.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_member(
        &self,
        group: &str,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Membership, StoreError> {
        let add = addition(group, user, now);
        self.membership((group, user), NewEvent::new("group-member-added"), add, now)
            .await
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_member(
        &self,
        group: &str,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Membership, StoreError> {
        let remove = departure(group, user);
        self.membership(
            (group, user),
            NewEvent::new("group-member-removed"),
            remove,
            now,
        )
        .await
    }

    async fn membership<'e>(
        &self,
        (group, user): (&'e str, &'e UserId),
        event: NewEvent<'e>,
        change: Statement,
        now: Timestamp,
    ) -> Result<Membership, StoreError> {
        let unit = Unit::new([
            Statement::new(EXISTS).bind(group).expect_some(),
            crate::users::exists(user),
            change.expect_some(),
            event.user(user).detail(group).by(self.by(), now),
            version_raised(group, now),
            ending_of_who_left(group, user, now),
        ]);
        let unit = unit.in_turn(&turn(group)).in_turn(user.as_str());
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => Membership::Changed,
            UnitOutcome::Unmet { statement: 0 } => Membership::NoGroup,
            UnitOutcome::Unmet { statement: 1 } => Membership::NoUser,
            UnitOutcome::Unmet { .. } => Membership::Already,
        })
    }
}

fn member(row: &mut Row) -> Result<Member, DriverError> {
    Ok(Member {
        user: user_id(&row.text()?)?,
        username: row.text()?,
        added_at: row.time()?,
    })
}

/// The statement that adds a group under an id.
pub(crate) fn creation(group: &Group, id: &str, now: Timestamp) -> Statement {
    Statement::new(ADD)
        .bind(group.name.as_str())
        .bind(group.display.as_deref())
        .bind(i64::from(group.second_factor_required))
        .bind(now)
        .bind(id)
}

/// The statements that remove a group, if it is there, and that nobody belongs to it.
pub(crate) fn removal(name: &str, seen: Option<i64>, by: &By, now: Timestamp) -> [Statement; 5] {
    [
        Statement::new(FORGET_EXTERNAL_IDS).bind(name),
        Statement::new(REMOVE).bind(name).bind(seen).expect_some(),
        Statement::new(REMOVE_MEMBERS).bind(name),
        Statement::new(END_CLIENTS).bind(name),
        record_admitting_group(name, by, now),
    ]
}

/// The statement behind the one by which a user leaves a group: what they may use no more ends, and stays ended when they come back. It
/// changes nothing for who joins.
pub(crate) fn ending_of_who_left(group: &str, user: &UserId, now: Timestamp) -> Statement {
    Statement::new(END_GRANTS_OF_WHO_LEFT)
        .bind(user.as_str())
        .bind(group)
        .bind(now)
        .bind(new_id())
}

/// The statement that says of a group that it is another now.
pub(crate) fn version_raised(group: &str, now: Timestamp) -> Statement {
    Statement::new(RAISE_VERSION).bind(group).bind(now)
}

fn taken(name: &str) -> StoreError {
    StoreError::Conflict(format!("there is a group {name} already"))
}

/// The statement after which a group is what the configuration says.
pub(crate) fn declaration(group: &Group, now: Timestamp) -> Statement {
    Statement::new(DECLARE)
        .bind(group.name.as_str())
        .bind(group.display.as_deref())
        .bind(i64::from(group.second_factor_required))
        .bind(now)
        .bind(new_id())
}

/// The statement after which commands may change a group again.
pub(crate) fn undeclaration(name: &str) -> Statement {
    Statement::new(UNDECLARE).bind(name)
}

/// The statement that adds a user to a group, unless they belong to it.
pub(crate) fn addition(group: &str, user: &UserId, now: Timestamp) -> Statement {
    Statement::new(ADD_MEMBER)
        .bind(user.as_str())
        .bind(group)
        .bind(now)
}

/// The statement by which a user who was just imported belongs to a group, if there is one of that name.
pub(crate) fn joined_by_import(
    group: &str,
    (user, username_key): (&UserId, &str),
    now: Timestamp,
) -> Statement {
    Statement::new(JOIN_BY_IMPORT)
        .bind(user.as_str())
        .bind(group)
        .bind(now)
        .bind(username_key)
}

/// The statement that takes a user out of a group, if they belong to it.
pub(crate) fn departure(group: &str, user: &UserId) -> Statement {
    Statement::new(REMOVE_MEMBER)
        .bind(user.as_str())
        .bind(group)
}

/// Who joins a group while it is removed comes before or after that: nobody is left in it unseen.
pub(crate) fn turn(group: &str) -> String {
    format!("group {group}")
}

fn read(row: &mut Row) -> Result<GroupRecord, DriverError> {
    Ok(GroupRecord {
        group: Group {
            name: row.text()?,
            display: row.optional_text()?,
            second_factor_required: row.truth()?,
        },
        declared: row.truth()?,
        created_at: row.time()?,
        version: row.integer()?,
        members: row.integer()?.unsigned_abs(),
    })
}
