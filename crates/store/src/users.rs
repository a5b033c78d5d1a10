//! Users and their passwords, which arrive sealed. A `sub` is given once: a deleted user leaves the row behind, and only
//! the name is free again.

use std::collections::BTreeSet;

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::precis;
use safeconduct_protocol::time::Timestamp;

use crate::claims::{self, ClaimColumns};
use crate::driver::{DriverError, Row, Rows, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::external_ids;
use crate::groups;
use crate::mail;
use crate::sessions::{SessionSeen, ending_of_user};
use crate::store::{ActingStore, Store, user_id};

/// The most users that one unit of an import adds.
const BATCH: usize = 500;

/// The most costs that are counted: those of most passwords.
const MOST_COSTS: i64 = 64;

pub(crate) const ADD: &str = "INSERT INTO users (id, username, username_key, name, claims, address_key, epoch, created_at, updated_at, username_bytes, email_key) \
     VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7, $8, $9) ON CONFLICT (username_key) DO NOTHING";

/// One who may bring an id: that of another user or of a client is theirs, deleted or not.
const ADD_IMPORTED: &str = "INSERT INTO users (id, username, username_key, name, claims, address_key, epoch, created_at, updated_at, username_bytes, email_key, \
         locked_at) \
     SELECT $1, $2, $3, $4, $5, CAST($6 AS TEXT), 1, $7, $7, $8, $9, CAST($10 AS BIGINT) \
     WHERE NOT EXISTS (SELECT 1 FROM clients c WHERE c.id = $1) ON CONFLICT DO NOTHING";

/// The password of who was added by the statement above: in this second, under this name. An id that was brought may be somebody else's.
const ADD_IMPORTED_PASSWORD: &str = "INSERT INTO credentials (user_id, kind, name, sealed, changed_at, cost, sealed_by) \
     SELECT u.id, 'password', '', $2, $3, $4, CAST($5 AS BIGINT) FROM users u \
     WHERE u.id = $1 AND u.username_key = $6 AND u.created_at = $3 AND u.updated_at = $3 ON CONFLICT DO NOTHING";

const ADD_PASSWORD: &str = "INSERT INTO credentials (user_id, kind, name, sealed, changed_at, cost, sealed_by) \
     SELECT u.id, 'password', '', $2, $3, $4, CAST($5 AS BIGINT) FROM users u WHERE u.id = $1";

const SET_PASSWORD: &str = "INSERT INTO credentials (user_id, kind, name, sealed, changed_at, cost, sealed_by) \
     VALUES ($1, 'password', '', $2, $3, $4, $5) \
     ON CONFLICT (user_id, kind, name) DO UPDATE \
     SET sealed = excluded.sealed, changed_at = excluded.changed_at, cost = excluded.cost, \
         sealed_by = excluded.sealed_by";

const REFRESH_PASSWORD: &str = "UPDATE credentials SET sealed = $3, cost = $4, sealed_by = $5 \
     WHERE user_id = $1 AND kind = 'password' AND name = '' AND sealed = $2";

const PASSWORD_COSTS: &str = "SELECT cost, COUNT(*) FROM credentials WHERE kind = 'password' \
     GROUP BY cost ORDER BY COUNT(*) DESC LIMIT $1";

const SEALED_OTHERWISE: &str = "SELECT user_id, kind, name, sealed FROM credentials \
     WHERE sealed_by <> $1 \
       AND (user_id > $2 OR (user_id = $2 AND (kind > $3 OR (kind = $3 AND name > $4)))) \
     ORDER BY user_id, kind, name LIMIT $5";

const RESEAL: &str = "UPDATE credentials SET sealed = $5, sealed_by = $6 \
     WHERE user_id = $1 AND kind = $2 AND name = $3 AND sealed = $4";

const RAISE_EPOCH: &str = "UPDATE users SET epoch = epoch + 1, link_version = link_version + 1 \
     WHERE id = $1 AND deleted_at IS NULL";

const EXISTS: &str = "SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL";

const LOCK: &str = "UPDATE users SET locked_at = $2, epoch = epoch + 1, link_version = link_version + 1, version = version + 1 \
     WHERE id = $1 AND locked_at IS NULL AND deleted_at IS NULL";

const UNLOCK: &str = "UPDATE users SET locked_at = NULL, version = version + 1 WHERE id = $1 AND locked_at IS NOT NULL AND deleted_at IS NULL";

const DELETE: &str = "UPDATE users SET deleted_at = $2, epoch = epoch + 1, username = '', username_key = NULL, \
         username_bytes = NULL, name = NULL, claims = NULL, address_key = NULL, email_key = NULL, labels = NULL, passkey_handle = NULL \
     WHERE id = $1 AND deleted_at IS NULL";

const DELETE_CREDENTIALS: &str = "DELETE FROM credentials WHERE user_id = $1";
const DELETE_PASSKEYS: &str = "DELETE FROM passkeys WHERE user_id = $1";
const DELETE_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
const DELETE_GUESSES: &str = "DELETE FROM second_factor_guesses WHERE user_id = $1";
const DELETE_CONSENTS: &str = "DELETE FROM consents WHERE user_id = $1";

const CREDENTIAL: &str = "SELECT u.id, u.username, u.epoch, u.locked_at, \
     (SELECT c.sealed FROM credentials c WHERE c.user_id = u.id AND c.kind = 'password' AND c.name = '') \
     FROM users u WHERE u.username_key = $1";

/// What [`read`] takes of a row.
macro_rules! columns {
    () => {
        "id, username, username_key, name, epoch, locked_at, created_at, updated_at, name, claims"
    };
}

pub(crate) use columns;

const BY_NAME: &str = concat!("SELECT ", columns!(), " FROM users WHERE username_key = $1");

/// Of several, the one that was there first.
const BY_ADDRESS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE address_key = $1 ORDER BY created_at, id LIMIT 1"
);

const BY_ID: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE id = $1 AND deleted_at IS NULL"
);

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE username_bytes >= $1 AND username_bytes < $2 AND username_bytes > $3 ORDER BY username_bytes LIMIT $4"
);

/// A user about to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The `sub` of their tokens.
    pub id: UserId,
    /// What they sign in with. It is kept in its normal form, and no two users share one, however it is typed ([`precis`]).
    pub username: String,
    /// What they are called; `None`: what `claims` says.
    pub name: Option<String>,
    /// What is known about them. `name` comes before a `name` in here.
    pub claims: PersonClaims,
    /// The hash of their password, sealed; `None` if they cannot sign in with one.
    pub sealed_password: Option<SealedPassword>,
}

/// A user who comes from another system.
#[derive(Clone)]
pub struct UserImport {
    /// The user.
    pub user: NewUser,
    /// Whether they may not sign in.
    pub locked: bool,
    /// The groups that they belong to; one that there is not is left out.
    pub groups: Vec<String>,
}

impl UserImport {
    fn addition(&self, now: Timestamp) -> Statement {
        addition(ADD_IMPORTED, &self.user, now).bind(self.locked.then_some(now))
    }

    /// What is written of them beside their row, where that was added.
    fn beside(&self, now: Timestamp) -> Vec<Statement> {
        let (id, key) = (&self.user.id, precis::username_key(&self.user.username));
        let password = self.user.sealed_password.as_ref().map(|password| {
            Statement::new(ADD_IMPORTED_PASSWORD)
                .bind(id.as_str())
                .bind(password.sealed.as_str())
                .bind(now)
                .bind(password.cost.as_deref())
                .bind(password.key)
                .bind(key.as_str())
        });
        let joins = self.groups.iter();
        let joins = joins.map(|group| groups::joined_by_import(group, (id, &key), now));
        password.into_iter().chain(joins).collect()
    }
}

impl From<NewUser> for UserImport {
    fn from(user: NewUser) -> Self {
        Self {
            user,
            locked: false,
            groups: Vec::new(),
        }
    }
}

/// The hash of a password, sealed.
#[derive(Clone)]
pub struct SealedPassword {
    /// The sealed hash.
    pub sealed: String,
    /// The number of the key it is sealed with.
    pub key: i64,
    /// What checking against it costs, in a form of the server's; `None` if it can't be checked.
    pub cost: Option<String>,
}

/// A user as they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRecord {
    /// The `sub` of their tokens.
    pub id: UserId,
    /// What they sign in with.
    pub username: String,
    /// The one form of all spellings of it, by which they are found. Lists are in its order.
    pub username_key: String,
    /// What they are called.
    pub name: Option<String>,
    /// Raised when they are locked, deleted or change the password.
    pub epoch: i64,
    /// Whether they may not sign in.
    pub locked: bool,
    /// When they were added.
    pub created_at: Timestamp,
    /// When what is known about them last changed.
    pub updated_at: Timestamp,
    /// What is known about them, their `name` included.
    pub claims: PersonClaims,
}

/// What a sign-in with a password is judged by.
#[derive(Clone)]
pub struct Credential {
    /// Whose.
    pub user: UserId,
    /// The name as it was registered.
    pub username: String,
    /// What the new session rests on.
    pub epoch: i64,
    /// Whether they may not sign in.
    pub locked: bool,
    /// The hash of their password, sealed.
    pub sealed_password: Option<String>,
}

/// A credential as it is kept, to be sealed anew.
#[derive(Clone)]
pub struct SealedCredential {
    /// Whose.
    pub user: UserId,
    /// What it is, like `password`.
    pub kind: String,
    /// Its name among those of its kind.
    pub name: String,
    /// It, sealed.
    pub sealed: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many users were added.
    pub added: usize,
    /// Which entries (from 0) were not, because their name is taken.
    pub taken: Vec<usize>,
}

impl Store {
    /// What a sign-in as `username` is judged by; `None` if there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credential(&self, username: &str) -> Result<Option<Credential>, StoreError> {
        let Some(mut row) = self.row_of(CREDENTIAL, username).await? else {
            return Ok(None);
        };
        Ok(Some(Credential {
            user: user_id(&row.text()?)?,
            username: row.text()?,
            epoch: row.integer()?,
            locked: row.optional_time()?.is_some(),
            sealed_password: row.optional_text()?,
        }))
    }

    /// The user who signs in as `username`, however it is typed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_name(&self, username: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = self.row_of(BY_NAME, username).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// A user whose verified mail address has this [key](safeconduct_protocol::mail::MailAddress::key): of several, the one who was added first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_address(&self, key: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = self.row(Statement::new(BY_ADDRESS).bind(key)).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// The user with this id, unless deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let row = self.row(Statement::new(BY_ID).bind(id.as_str())).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// At most `limit` users whose [key](UserRecord::username_key) begins with `prefix`, behind the one whose key is `after`, in the order of
    /// their keys' bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_users(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<UserRecord>, StoreError> {
        // No text holds the byte 0xff.
        let end = [prefix.as_bytes(), &[0xff]].concat();
        let statement = Statement::new(LIST)
            .bind(prefix.as_bytes())
            .bind(end)
            .bind(after.unwrap_or_default().as_bytes())
            .bind(i64::from(limit));
        Ok(self.list(statement, read).await?)
    }

    /// How many passwords cost how much to check, as [`SealedPassword::cost`] says.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn password_costs(&self) -> Result<Vec<(Option<String>, u64)>, StoreError> {
        let read = |row: &mut Row| Ok((row.optional_text()?, row.integer()?.unsigned_abs()));
        let statement = Statement::new(PASSWORD_COSTS).bind(MOST_COSTS);
        Ok(self.list(statement, read).await?)
    }

    /// Replaces the hash of the same password by a better one, unless the password was changed meanwhile; says whether it
    /// did. Nothing ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: &SealedPassword,
    ) -> Result<bool, StoreError> {
        let refresh = Statement::new(REFRESH_PASSWORD)
            .bind(id.as_str())
            .bind(old)
            .bind(new.sealed.as_str())
            .bind(new.cost.as_deref())
            .bind(new.key)
            .expect_some();
        Ok(self.committed(refresh).await?)
    }

    /// At most `limit` credentials behind `after` that are not sealed with the key `active`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credentials_sealed_otherwise(
        &self,
        active: i64,
        after: Option<&SealedCredential>,
        limit: u32,
    ) -> Result<Vec<SealedCredential>, StoreError> {
        let [user, kind, name] = after.map_or(["", "", ""], |last| {
            [last.user.as_str(), last.kind.as_str(), last.name.as_str()]
        });
        let statement = Statement::new(SEALED_OTHERWISE)
            .bind(active)
            .bind(user)
            .bind(kind)
            .bind(name)
            .bind(i64::from(limit));
        let decode = |row: &mut Row| {
            Ok(SealedCredential {
                user: user_id(&row.text()?)?,
                kind: row.text()?,
                name: row.text()?,
                sealed: row.text()?,
            })
        };
        Ok(self.list(statement, decode).await?)
    }

    /// Keeps credentials sealed anew with the key `key`, each unless it was changed meanwhile. Gives how many were kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reseal_credentials(
        &self,
        resealed: &[(SealedCredential, String)],
        key: i64,
    ) -> Result<u64, StoreError> {
        let statements = resealed.iter().map(|(kept, sealed)| {
            Statement::new(RESEAL)
                .bind(kept.user.as_str())
                .bind(kept.kind.as_str())
                .bind(kept.name.as_str())
                .bind(kept.sealed.as_str())
                .bind(sealed.as_str())
                .bind(key)
        });
        let rows = self.commit(Unit::new(statements)).await?;
        Ok(rows.iter().map(Rows::count).sum())
    }

    /// The row that `sql` finds for a name.
    async fn row_of(&self, sql: &'static str, username: &str) -> Result<Option<Row>, StoreError> {
        if !can_be(username) {
            return Ok(None);
        }
        let key = precis::username_key(username);
        Ok(self.row(Statement::new(sql).bind(key)).await?)
    }
}

impl ActingStore {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn add_user(&self, user: NewUser, now: Timestamp) -> Result<(), StoreError> {
        let unit = Unit::from(addition(ADD, &user, now).expect_some())
            .and(password_addition(&user, now))
            .then(
                NewEvent::new("user-added")
                    .user(&user.id)
                    .by(self.by(), now),
            );
        if self.committed(unit).await? {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!(
                "the username {} is taken",
                user.username
            )))
        }
    }

    /// Adds many users, leaving out those whose name is taken. After an error, what came before may have been added:
    /// running the import again adds the rest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn import_users(
        &self,
        users: Vec<UserImport>,
        now: Timestamp,
    ) -> Result<Imported, StoreError> {
        let mut imported = Imported::default();
        for (batch, users) in users.chunks(BATCH).enumerate() {
            let additions = users.iter().map(|one| one.addition(now));
            let beside = users.iter().flat_map(|one| one.beside(now));
            let names = users.iter().flat_map(|one| &one.groups);
            let joined: BTreeSet<&str> = names.map(String::as_str).collect();
            let joined = joined
                .into_iter()
                .map(|group| groups::version_raised(group, now));
            let event = NewEvent::new("users-imported").by(self.by(), now);
            let rows = self
                .commit(Unit::new(
                    additions.chain(beside).chain(joined).chain([event]),
                ))
                .await?;
            for (position, rows) in rows.iter().take(users.len()).enumerate() {
                if rows.count() == 0 {
                    imported.taken.push(batch * BATCH + position);
                } else {
                    imported.added += 1;
                }
            }
        }
        Ok(imported)
    }

    /// Gives a user another password. Their sessions and everything they allowed end, and so do links that were made for them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn set_password(
        &self,
        id: &UserId,
        password: &SealedPassword,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let unit = Unit::new([
            Statement::new(RAISE_EPOCH).bind(id.as_str()).expect_some(),
            password_replacement(id, password, now),
        ])
        .and(ending_of_user(id, now))
        .and(mail::queue(mail, now))
        .in_turn(id.as_str());
        self.change_user(unit, NewEvent::new("password-set").user(id), now)
            .await
    }

    /// Locks a user out: their sessions, links and everything they allowed end, and stay ended if they are unlocked. Locking
    /// twice is locking.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::LastAdministrator`], save from the shell.
    pub async fn lock_user(&self, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let unit = Unit::new([
            exists(id),
            Statement::new(LOCK)
                .bind(id.as_str())
                .bind(now)
                .expect_some(),
        ])
        .and(ending_of_user(id, now))
        .then(NewEvent::new("user-locked").user(id).by(self.by(), now))
        .in_turn(id.as_str());
        match self.run_where_another_administers(id, unit).await? {
            UnitOutcome::Unmet { statement: 0 } => Err(StoreError::NotFound("such user")),
            UnitOutcome::Unmet { .. } | UnitOutcome::Done(_) => Ok(()),
        }
    }

    /// Lets a locked user sign in again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn unlock_user(&self, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let unit = Unit::new([
            exists(id),
            Statement::new(UNLOCK).bind(id.as_str()).expect_some(),
        ]);
        self.change_user(unit, NewEvent::new("user-unlocked").user(id), now)
            .await
    }

    /// Deletes a user with credentials, sessions, consents and all that is known about them. The name is free again, the id is not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::LastAdministrator`], save from the shell.
    pub async fn delete_user(&self, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
        match self.delete_account(id, None, now).await? {
            true => Ok(()),
            false => Err(StoreError::NotFound("such user")),
        }
    }

    /// [Deletes](Self::delete_user) a user who does it themselves, in a session of theirs; `false` if that is not what it was, and then
    /// nothing is deleted.
    ///
    /// # Errors
    /// [`StoreError::LastAdministrator`].
    pub async fn delete_own_account(
        &self,
        id: &UserId,
        session: &SessionSeen,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.delete_account(id, Some(session), now).await
    }

    async fn delete_account(
        &self,
        id: &UserId,
        session: Option<&SessionSeen>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // The session is asked for first: the rest ends it.
        let before = Unit::new(session.map(|session| session.statement(id, now)));
        let unit = self.deletion(before, id, now).await?;
        let outcome = self.run_where_another_administers(id, unit).await?;
        Ok(matches!(outcome, UnitOutcome::Done(_)))
    }

    /// The unit that deletes a user, behind what comes before.
    pub(crate) async fn deletion(
        &self,
        before: Unit,
        id: &UserId,
        now: Timestamp,
    ) -> Result<Unit, StoreError> {
        let remains = [
            DELETE_CREDENTIALS,
            DELETE_PASSKEYS,
            DELETE_RECOVERY_CODES,
            DELETE_GUESSES,
            DELETE_CONSENTS,
            groups::LEAVE_ALL,
            external_ids::FORGET,
        ];
        let delete = Statement::new(DELETE)
            .bind(id.as_str())
            .bind(now)
            .expect_some();
        // In the order of their names, so that of two who leave the same groups neither waits for the other.
        let groups = self.groups_of(id).await?;
        let left = groups
            .iter()
            .map(|group| groups::version_raised(group, now));
        Ok(before
            .then(delete)
            .and(left)
            .and(remains.map(|sql| Statement::new(sql).bind(id.as_str())))
            .and(ending_of_user(id, now))
            .then(NewEvent::new("user-deleted").user(id).by(self.by(), now))
            .in_turn(id.as_str()))
    }

    /// Commits a change whose first statement finds the user and whose others may find that there is nothing to do.
    async fn change_user(
        &self,
        unit: Unit,
        event: NewEvent<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self.run(unit.then(event.by(self.by(), now))).await? {
            UnitOutcome::Unmet { statement: 0 } => Err(StoreError::NotFound("such user")),
            UnitOutcome::Unmet { .. } | UnitOutcome::Done(_) => Ok(()),
        }
    }
}

/// The statement `sql` with what is kept of a new user, in the order of the columns that [`ADD`] names.
pub(crate) fn addition(sql: &'static str, user: &NewUser, now: Timestamp) -> Statement {
    let kept = ClaimColumns::of(user.name.as_deref(), &user.claims);
    Statement::new(sql)
        .bind(user.id.as_str())
        .bind(precis::username(&user.username))
        .bind(precis::username_key(&user.username))
        .bind(kept.name)
        .bind(kept.claims)
        .bind(kept.address_key)
        .bind(now)
        .bind(precis::username_key(&user.username).into_bytes())
        .bind(kept.email_key)
}

pub(crate) fn password_addition(user: &NewUser, now: Timestamp) -> Option<Statement> {
    let password = user.sealed_password.as_ref()?;
    Some(
        Statement::new(ADD_PASSWORD)
            .bind(user.id.as_str())
            .bind(password.sealed.as_str())
            .bind(now)
            .bind(password.cost.as_deref())
            .bind(password.key),
    )
}

/// The statement that puts `password` in the place of the one a user had.
pub(crate) fn password_replacement(
    id: &UserId,
    password: &SealedPassword,
    now: Timestamp,
) -> Statement {
    Statement::new(SET_PASSWORD)
        .bind(id.as_str())
        .bind(password.sealed.as_str())
        .bind(now)
        .bind(password.cost.as_deref())
        .bind(password.key)
}

/// The statement that fails its unit if there is no such user.
pub(crate) fn exists(id: &UserId) -> Statement {
    Statement::new(EXISTS).bind(id.as_str()).expect_some()
}

/// Whether anybody can be called so: a stranger may type what no database holds.
fn can_be(username: &str) -> bool {
    !username.contains('\0')
}

pub(crate) fn read(row: &mut Row) -> Result<UserRecord, DriverError> {
    Ok(UserRecord {
        id: user_id(&row.text()?)?,
        username: row.text()?,
        username_key: row.text()?,
        name: row.optional_text()?,
        epoch: row.integer()?,
        locked: row.optional_time()?.is_some(),
        created_at: row.time()?,
        updated_at: row.time()?,
        claims: claims::read(row)?,
    })
}
