//! Users as a client of SCIM sees and writes them: with what it calls them, what it alone keeps, and a version that every change raises. A
//! change is made of the version that was read, or not at all.

use safeconduct_protocol::administration::GROUP as ADMINISTRATORS;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::precis;
use safeconduct_protocol::time::Timestamp;

use crate::claims::{ClaimColumns, email_key};
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::external_ids::Named;
use crate::mail;
use crate::sessions::ending_of_user;
use crate::store::{ActingStore, Store};
use crate::users::{
    self, NewUser, SealedPassword, UserRecord, password_addition, password_replacement,
};

const KIND: &str = "user";

/// What [`read`] takes of a row of users, for the client $1.
macro_rules! select_where {
    ($which:literal) => {
        concat!(
            "SELECT ",
            users::columns!(),
            ", version, labels, \
             (SELECT e.external_id FROM external_ids e WHERE e.client_id = $1 AND e.kind = 'user' AND e.resource_id = users.id), \
             (SELECT string_agg(g.id || ' ' || COALESCE(g.display, g.name), '\n' ORDER BY g.name) \
              FROM group_members m JOIN groups g ON g.name = m.group_name WHERE m.user_id = users.id) \
             FROM users WHERE ",
            $which
        )
    };
}

const BY_ID: &str = select_where!("id = $2 AND deleted_at IS NULL");
const BY_NAME: &str = select_where!("username_key = $2");
const BY_EMAIL: &str = select_where!("email_key = $2 AND deleted_at IS NULL ORDER BY id LIMIT $3");
const BY_EXTERNAL_ID: &str = select_where!(
    "id IN (SELECT e.resource_id FROM external_ids e WHERE e.client_id = $1 AND e.kind = 'user' AND e.external_id = $2) \
     AND deleted_at IS NULL ORDER BY id LIMIT $3"
);
const BY_GROUP: &str = select_where!(
    "id IN (SELECT m.user_id FROM group_members m JOIN groups g ON g.name = m.group_name WHERE g.id = $2 ORDER BY m.user_id LIMIT $3) \
     AND deleted_at IS NULL ORDER BY id"
);
const PAGE: &str = select_where!(
    "id IN (SELECT u.id FROM users u WHERE u.deleted_at IS NULL AND u.id > $2 ORDER BY u.id LIMIT $3 OFFSET $4) ORDER BY id"
);
const PAGE_BY_NAME: &str = select_where!(
    "username_bytes > $2 AND username_bytes IN \
     (SELECT u.username_bytes FROM users u WHERE u.username_bytes > $2 ORDER BY u.username_bytes LIMIT $3 OFFSET $4) \
     ORDER BY username_bytes"
);
const PAGE_BY_NAME_DOWN: &str = select_where!(
    "username_bytes < $2 AND username_bytes IN \
     (SELECT u.username_bytes FROM users u WHERE u.username_bytes < $2 ORDER BY u.username_bytes DESC LIMIT $3 OFFSET $4) \
     ORDER BY username_bytes DESC"
);

const COUNT: &str = "SELECT COUNT(*) FROM users WHERE deleted_at IS NULL";

const LABEL: &str = "UPDATE users SET labels = $2, locked_at = CAST($3 AS BIGINT) WHERE id = $1";

/// Nobody else has the name.
const NAME_IS_FREE: &str = "SELECT 1 FROM meta \
     WHERE NOT EXISTS (SELECT 1 FROM users o WHERE o.username_key = $1 AND o.id <> $2)";

const IS_NO_ADMINISTRATOR: &str = "SELECT 1 FROM meta WHERE NOT EXISTS \
     (SELECT 1 FROM group_members m WHERE m.user_id = $1 AND m.group_name = $2)";

/// Holds the user, if they are of that version. NULL is any.
const HOLD: &str = "UPDATE users SET version = version WHERE id = $1 AND deleted_at IS NULL \
     AND (CAST($2 AS BIGINT) IS NULL OR version = CAST($2 AS BIGINT))";

/// $9 is 1 where everything of the user ends, and $10 is 1 where they may sign in.
const REPLACE: &str = "UPDATE users SET username = $3, username_key = $4, username_bytes = $5, name = $6, claims = $7, labels = $8, \
         epoch = epoch + $9, \
         locked_at = CASE WHEN $10 = 1 THEN NULL ELSE COALESCE(locked_at, $11) END, \
         updated_at = CASE WHEN updated_at >= $11 THEN updated_at + 1 ELSE $11 END, \
         link_version = link_version \
             + CASE WHEN $9 = 1 OR COALESCE(address_key, '') <> COALESCE(CAST($12 AS TEXT), '') THEN 1 ELSE 0 END, \
         address_key = CAST($12 AS TEXT), email_key = $13, version = version + 1 \
     WHERE id = $1 AND version = $2 AND deleted_at IS NULL";

/// A user, as one client sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvisionedUser {
    /// The user.
    pub record: UserRecord,
    /// Raised by every change.
    pub version: i64,
    /// What SCIM alone keeps.
    pub labels: Option<String>,
    /// What the client calls them.
    pub external_id: Option<String>,
    /// Their groups.
    pub groups: Vec<GroupOfUser>,
}

/// A group that a user belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOfUser {
    /// Its id.
    pub id: String,
    /// What users read.
    pub display: String,
}

/// By what users are found without looking at others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLookup<'a> {
    /// The id.
    Id(&'a str),
    /// The name, however it is typed.
    Name(&'a str),
    /// What the client calls them.
    ExternalId(&'a str),
    /// A mail address, in any case.
    Email(&'a str),
    /// The id of a group that they are in.
    Group(&'a str),
}

/// Behind what a page of users begins, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserOrder<'a> {
    /// By id, behind this one.
    Id(&'a str),
    /// By [`username_key`](UserRecord::username_key), behind this one.
    Name(&'a str),
    /// The other way round, before this one, or from the end.
    NameDown(Option<&'a str>),
}

/// What a client of SCIM makes of a user: the whole of it.
#[derive(Clone)]
pub struct UserReplacement {
    /// The version that it was made from.
    pub seen: i64,
    /// The name to sign in with.
    pub username: String,
    /// What is known about them, their `name` included.
    pub claims: PersonClaims,
    /// What SCIM alone keeps.
    pub labels: Option<String>,
    /// Whether they may sign in.
    pub active: bool,
    /// Another password.
    pub password: Option<SealedPassword>,
    /// What the client calls them.
    pub external_id: Option<String>,
    /// What tells the user of it.
    pub mails: Vec<Mail>,
}

/// What a change of a user came to. But for the first, nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// It is as was asked.
    Done,
    /// There is no such user.
    NoUser,
    /// Another user has the name.
    NameTaken,
    /// The user administers this server: what lets users in to their account is theirs.
    Administrator,
    /// No administrator would remain.
    LastAdministrator,
    /// It is not the version that was read.
    Changed,
}

impl Store {
    /// The users that are found, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn provisioned_users(
        &self,
        client: &ClientId,
        lookup: UserLookup<'_>,
        limit: u32,
    ) -> Result<Vec<ProvisionedUser>, StoreError> {
        let (sql, value, is_one) = match lookup {
            UserLookup::Id(id) => (BY_ID, id.to_owned(), true),
            UserLookup::Name(name) => (BY_NAME, precis::username_key(name), true),
            UserLookup::ExternalId(id) => (BY_EXTERNAL_ID, id.to_owned(), false),
            UserLookup::Email(email) => (BY_EMAIL, email_key(email), false),
            UserLookup::Group(id) => (BY_GROUP, id.to_owned(), false),
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

    /// The user of this id, unless deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn provisioned_user(
        &self,
        client: &ClientId,
        id: &UserId,
    ) -> Result<Option<ProvisionedUser>, StoreError> {
        let statement = Statement::new(BY_ID)
            .bind(client.as_str())
            .bind(id.as_str());
        let row = self.row(statement).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// At most `limit` users in `order`, without the first `offset`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn provisioned_users_page(
        &self,
        client: &ClientId,
        order: UserOrder<'_>,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<ProvisionedUser>, StoreError> {
        let statement = match order {
            UserOrder::Id(after) => Statement::new(PAGE).bind(client.as_str()).bind(after),
            UserOrder::Name(after) => Statement::new(PAGE_BY_NAME)
                .bind(client.as_str())
                .bind(after.as_bytes()),
            // No text holds the byte 0xff.
            UserOrder::NameDown(before) => Statement::new(PAGE_BY_NAME_DOWN)
                .bind(client.as_str())
                .bind(before.map_or(&[0xff][..], str::as_bytes)),
        };
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let statement = statement.bind(i64::from(limit)).bind(offset);
        Ok(self.list(statement, read).await?)
    }

    /// How many users there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        let counted = self
            .list(Statement::new(COUNT), |row| {
                Ok(row.integer()?.unsigned_abs())
            })
            .await?;
        Ok(counted.into_iter().sum())
    }
}

impl ActingStore {
    /// Adds a user who is not `active` otherwise.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn add_provisioned_user(
        &self,
        client: &ClientId,
        user: NewUser,
        new: &UserReplacement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = user.id.clone();
        let label = Statement::new(LABEL)
            .bind(id.as_str())
            .bind(new.labels.as_deref())
            .bind((!new.active).then_some(now));
        let named = new.external_id.as_deref();
        let unit = Unit::from(users::addition(users::ADD, &user, now).expect_some())
            .then(label)
            .and(password_addition(&user, now))
            .and(named.map(|external_id| named_by(client, &id).keep(Some(external_id))))
            .then(NewEvent::new("user-added").user(&id).by(self.by(), now));
        match self.committed(unit).await? {
            true => Ok(()),
            false => Err(StoreError::Conflict(format!(
                "the username {} is taken",
                user.username
            ))),
        }
    }

    /// Makes of a user what `to` says, if they are as `from`, which was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_user(
        &self,
        client: &ClientId,
        from: &ProvisionedUser,
        to: &UserReplacement,
        now: Timestamp,
    ) -> Result<UserChange, StoreError> {
        let (id, was) = (&from.record.id, &from.record);
        let is_renamed = precis::username(&to.username) != was.username;
        let is_let_in = to.active && was.locked;
        let is_kept_out = !to.active && !was.locked;
        let [old, new] = [&was.claims, &to.claims].map(|claims| claims.claim("email"));
        let is_guarded = is_renamed || is_let_in || to.password.is_some() || old != new;

        let mut unit = vec![users::exists(id)];
        let mut refusals = vec![UserChange::NoUser];
        let mut expect = |statement: Statement, otherwise| {
            unit.push(statement.expect_some());
            refusals.push(otherwise);
        };
        if is_renamed {
            let free = Statement::new(NAME_IS_FREE)
                .bind(precis::username_key(&to.username))
                .bind(id.as_str());
            expect(free, UserChange::NameTaken);
        }
        if is_guarded {
            expect(is_no_administrator(id), UserChange::Administrator);
        }
        expect(replacement(id, to, is_kept_out, now), UserChange::Changed);

        let password = to.password.as_ref();
        let events = kinds_of_change(from, to)
            .into_iter()
            .map(|kind| NewEvent::new(kind).user(id).by(self.by(), now));
        let ends = is_kept_out || password.is_some();
        let ending = ends.then(|| ending_of_user(id, now));
        let unit = Unit::new(unit)
            .and(password.map(|password| password_replacement(id, password, now)))
            .and(ending.into_iter().flatten())
            .then(named_by(client, id).keep(to.external_id.as_deref()))
            .and(
                to.mails
                    .iter()
                    .flat_map(|mail| mail::queue(Some(mail), now)),
            )
            .and(events);
        let unit = unit.in_turn(id.as_str());
        let outcome = match is_kept_out {
            true => match self.run_where_another_administers(id, unit).await {
                Err(StoreError::LastAdministrator) => return Ok(UserChange::LastAdministrator),
                other => other?,
            },
            false => match self.run(unit).await {
                // Somebody else took the name in this moment.
                Err(DriverError::Constraint(_)) if is_renamed => return Ok(UserChange::NameTaken),
                other => other?,
            },
        };
        Ok(match outcome {
            UnitOutcome::Done(_) => UserChange::Done,
            UnitOutcome::Unmet { statement } => refusals
                .get(statement)
                .copied()
                .unwrap_or(UserChange::Changed),
        })
    }

    /// [Deletes](Self::delete_user) a user, of the version that was `seen` if one was, unless they administer this server.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_provisioned_user(
        &self,
        id: &UserId,
        seen: Option<i64>,
        now: Timestamp,
    ) -> Result<UserChange, StoreError> {
        let hold = Statement::new(HOLD)
            .bind(id.as_str())
            .bind(seen)
            .expect_some();
        let before = Unit::new([users::exists(id), hold, is_no_administrator(id)]);
        let unit = self.deletion(before, id, now).await?;
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => UserChange::Done,
            UnitOutcome::Unmet { statement: 1 } => UserChange::Changed,
            UnitOutcome::Unmet { statement: 2 } => UserChange::Administrator,
            UnitOutcome::Unmet { .. } => UserChange::NoUser,
        })
    }

    /// Remembers that a client was kept from changing who administers this server, and from changing one of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_guarded(
        &self,
        user: Option<&UserId>,
        what: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = NewEvent::new("administrators-guarded").detail(what);
        let event = match user {
            Some(user) => event.user(user),
            None => event,
        };
        self.commit(event.by(self.by(), now)).await?;
        Ok(())
    }
}

/// What is remembered of a change.
fn kinds_of_change(from: &ProvisionedUser, to: &UserReplacement) -> Vec<&'static str> {
    let was = &from.record;
    let is_described_anew =
        was.claims != to.claims || from.labels != to.labels || from.external_id != to.external_id;
    let happened = [
        (
            "user-renamed",
            precis::username(&to.username) != was.username,
        ),
        ("claims-updated", is_described_anew),
        ("password-set", to.password.is_some()),
        ("user-unlocked", to.active && was.locked),
        ("user-locked", !to.active && !was.locked),
    ];
    let kinds = happened
        .into_iter()
        .filter_map(|(kind, is_so)| is_so.then_some(kind));
    kinds.collect()
}

/// Holds of who does not administer this server.
fn is_no_administrator(id: &UserId) -> Statement {
    Statement::new(IS_NO_ADMINISTRATOR)
        .bind(id.as_str())
        .bind(ADMINISTRATORS)
        .expect_some()
}

fn named_by<'a>(client: &'a ClientId, id: &'a UserId) -> Named<'a> {
    Named {
        client,
        kind: KIND,
        resource: id.as_str(),
    }
}

fn replacement(id: &UserId, to: &UserReplacement, is_kept_out: bool, now: Timestamp) -> Statement {
    let kept = ClaimColumns::of(None, &to.claims);
    let key = precis::username_key(&to.username);
    Statement::new(REPLACE)
        .bind(id.as_str())
        .bind(to.seen)
        .bind(precis::username(&to.username))
        .bind(key.as_str())
        .bind(key.as_bytes())
        .bind(kept.name)
        .bind(kept.claims)
        .bind(to.labels.as_deref())
        .bind(is_kept_out || to.password.is_some())
        .bind(to.active)
        .bind(now)
        .bind(kept.address_key)
        .bind(kept.email_key)
}

fn read(row: &mut Row) -> Result<ProvisionedUser, DriverError> {
    Ok(ProvisionedUser {
        record: users::read(row)?,
        version: row.integer()?,
        labels: row.optional_text()?,
        external_id: row.optional_text()?,
        groups: row.optional_text()?.map(groups_of).unwrap_or_default(),
    })
}

/// A line for each: its id, and behind a space what users read, in which no line ends.
fn groups_of(lines: String) -> Vec<GroupOfUser> {
    let pairs = lines.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(id, display)| GroupOfUser {
            id: id.to_owned(),
            display: display.to_owned(),
        })
        .collect()
}
