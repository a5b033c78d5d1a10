//! The passkeys of users. One is used in the unit that begins or renews a session, which says who was first: a challenge is answered once,
//! and a sign count that has to rise is raised by a condition, not after a look.

use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::link::Link;
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::passkey::{
    Asserted, CredentialDescriptor, CredentialId, CredentialRecord, MOST_PASSKEYS, NewPasskey,
    PasskeyKey, PasskeyName, SignCount,
};
use safeconduct_protocol::single_use::UsedId;
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, record_of_passkey};
use crate::links;
use crate::mail;
use crate::second_factors::{Remover, has_none};
use crate::sessions::{SessionSeen, SignIn, ending_of_user, ending_with_event};
use crate::single_use::uses;
use crate::store::{ActingStore, Store, stored, user_id};

/// What [`record`] takes of a row.
macro_rules! columns {
    () => {
        "p.id, p.name, p.public_key, p.sign_count, p.backup_eligible, p.backed_up, p.transports, p.rp_id, p.created_at, \
         p.last_used_at, u.passkey_handle"
    };
}

/// Whose handle stays the one that there is: two pages that were begun before the first passkey have one each.
const NAME_ACCOUNT: &str = "UPDATE users SET passkey_handle = $2 \
     WHERE id = $1 AND locked_at IS NULL AND deleted_at IS NULL AND (passkey_handle IS NULL OR passkey_handle = $2)";

const HANDLE: &str = "SELECT passkey_handle FROM users WHERE id = $1 AND deleted_at IS NULL";

const ADD: &str = "INSERT INTO passkeys \
         (id, user_id, public_key, sign_count, backup_eligible, backed_up, transports, rp_id, name, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING";

const HAS_ROOM: &str =
    "SELECT 1 FROM (SELECT COUNT(*) AS had FROM passkeys WHERE user_id = $1) p WHERE p.had < $2";

const OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.user_id = $1 ORDER BY p.created_at, p.id"
);

const BY_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", u.id, u.username, u.epoch, u.locked_at FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.id = $1"
);

/// $3 is the count to be kept, $6 whether it has to have risen, unless neither counts.
const USE: &str = "UPDATE passkeys SET \
         sign_count = CASE WHEN sign_count < $3 THEN $3 ELSE sign_count END, \
         backup_eligible = $4, backed_up = $5, last_used_at = $7 \
     WHERE id = $1 AND user_id = $2 AND backup_eligible <= $4 \
       AND (CAST($6 AS BIGINT) = 0 OR sign_count < $3 OR (sign_count = 0 AND $3 = 0))";

const RENAME: &str = "UPDATE passkeys SET name = $3 WHERE id = $1 AND user_id = $2";

const IS_THERE: &str = "SELECT 1 FROM passkeys WHERE id = $1 AND user_id = $2";

/// Something else has to be left to sign in with: a passkey of another host is nothing.
const REMOVE: &str = "DELETE FROM passkeys WHERE id = $1 AND user_id = $2 AND (CAST($3 AS BIGINT) = 1 \
     OR EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = $2 AND c.kind = 'password') \
     OR EXISTS (SELECT 1 FROM passkeys o WHERE o.user_id = $2 AND o.id <> $1 AND o.rp_id = CAST($4 AS TEXT)))";

/// A passkey as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// Its name among all there are.
    pub id: CredentialId,
    /// What its owner calls it.
    pub name: String,
    /// What a sign-in is judged by.
    pub kept: CredentialRecord,
    /// Whether it is copied to other devices of its owner.
    pub backed_up: bool,
    /// How it is reached.
    pub transports: Vec<String>,
    /// The host that it is good at.
    pub rp_id: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used, if it was.
    pub last_used_at: Option<Timestamp>,
}

impl PasskeyRecord {
    /// It to a browser.
    pub fn descriptor(&self) -> CredentialDescriptor {
        CredentialDescriptor {
            id: self.id.clone(),
            transports: self.transports.clone(),
        }
    }
}

/// Whose a passkey is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyOwner {
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// What the new session rests on.
    pub epoch: i64,
    /// Whether they may not sign in.
    pub locked: bool,
}

/// A passkey about to be added.
pub struct NewPasskeyRow<'a> {
    /// Whose it is to be.
    pub user: &'a UserId,
    /// What was made.
    pub passkey: &'a NewPasskey,
    /// What its owner calls it.
    pub name: &'a PasskeyName,
    /// The name by which its authenticator knows the account.
    pub handle: &'a [u8],
    /// The host that it is good at.
    pub rp_id: &'a str,
    /// The challenge that it answers.
    pub challenge: &'a UsedId,
    /// By what its owner adds it.
    pub by: PasskeyAdder<'a>,
    /// The mail that tells its owner.
    pub mail: Option<&'a Mail>,
}

/// By what the owner of an account adds a passkey.
#[derive(Clone, Copy)]
pub enum PasskeyAdder<'a> {
    /// A session of theirs that has proved what the account has.
    Session(&'a SessionSeen),
    /// A session of theirs that has proved no second factor: the account has none. Of two that would be the first, one is added, or who knows
    /// the password would have one beside the owner's.
    First(&'a SessionSeen),
    /// A one-time link of theirs, which is used up by it: everything that rests on the account ends, as with a new password. Only where the
    /// passkey stands in for no other factor ([`Store::may_bring_passkey`]).
    Link {
        /// The link.
        link: &'a Link,
        /// The session of another user in the same browser, and who that is: it ends with this.
        ends: Option<(&'a SessionId, &'a UserId)>,
    },
}

impl PasskeyAdder<'_> {
    /// The statements before it is added, which fail the unit unless it may be.
    fn before(&self, user: &UserId, rp_id: &str) -> Vec<Statement> {
        match self {
            Self::Session(_) => Vec::new(),
            Self::First(_) => vec![has_none(user, Some(rp_id))],
            Self::Link { link, .. } => vec![links::spend(link), has_none(user, Some(rp_id))],
        }
    }

    /// The statements behind that.
    fn behind(&self, user: &UserId, by: &By, now: Timestamp) -> Vec<Statement> {
        match self {
            Self::Session(session) | Self::First(session) => vec![session.statement(user, now)],
            Self::Link { ends, .. } => {
                let other = ends.map(|(session, of)| ending_with_event(session, of, by, now));
                let own = ending_of_user(user, now).into_iter();
                own.chain(other.into_iter().flatten()).collect()
            }
        }
    }

    /// Who else's rows are written.
    fn other(&self) -> Option<&UserId> {
        match self {
            Self::Link { ends, .. } => ends.map(|(_, user)| user),
            Self::Session(_) | Self::First(_) => None,
        }
    }
}

/// The passkey that an account is created with.
pub struct FirstPasskey<'a> {
    /// What was made.
    pub passkey: &'a NewPasskey,
    /// What its owner calls it.
    pub name: &'a PasskeyName,
    /// The name by which its authenticator knows the account.
    pub handle: &'a [u8],
    /// The host that it is good at.
    pub rp_id: &'a str,
    /// The challenge that it answers.
    pub challenge: &'a UsedId,
    /// The session of another user in the same browser, and who that is: it ends with this.
    pub ends: Option<(&'a SessionId, &'a UserId)>,
}

impl FirstPasskey<'_> {
    /// The statements behind the one that adds `user`, which fail the unit unless the passkey is added.
    pub(crate) fn statements(&self, user: &UserId, by: &By, now: Timestamp) -> Vec<Statement> {
        let name_account = Statement::new(NAME_ACCOUNT)
            .bind(user.as_str())
            .bind(self.handle);
        let add = addition(user, self.passkey, self.name, self.rp_id, now);
        let event = NewEvent::new("passkey-added").user(user);
        let ended = self.ends.map(|(id, of)| ending_with_event(id, of, by, now));
        uses(std::slice::from_ref(self.challenge), now)
            .chain([name_account, add].map(Statement::expect_some))
            .chain([event.detail(self.name.as_str()).by(by, now)])
            .chain(ended.into_iter().flatten())
            .collect()
    }
}

/// The statement that adds a passkey, if there is none of that name.
fn addition(
    user: &UserId,
    made: &NewPasskey,
    name: &PasskeyName,
    rp_id: &str,
    now: Timestamp,
) -> Statement {
    Statement::new(ADD)
        .bind(made.id.as_bytes())
        .bind(user.as_str())
        .bind(made.key.as_cose())
        .bind(i64::from(made.sign_count))
        .bind(made.backup_eligible)
        .bind(made.backed_up)
        .bind(made.transports.join(" "))
        .bind(rp_id)
        .bind(name.as_str())
        .bind(now)
}

/// What adding a passkey came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyAddition {
    /// It is added.
    Added,
    /// Its challenge was answered before, another passkey came first, or the session is not what it was: what is being added has to begin
    /// anew.
    Over,
    /// There is a passkey of that name, this user's or another's.
    Known,
    /// The account has as many as it may.
    TooMany,
    /// The link is no longer good.
    LinkUsed,
}

/// What removing a passkey came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyRemoval {
    /// It is removed.
    Removed,
    /// There is nothing else to sign in with.
    LastWayIn,
    /// A second factor is demanded, and there would be none.
    Demanded,
    /// There is no such passkey.
    Absent,
    /// The session is not what it was. Nothing is removed.
    SessionChanged,
}

/// What a passkey answered, once it was judged.
#[derive(Clone, Copy)]
pub struct PasskeyAnswer<'a> {
    /// Which passkey.
    pub id: &'a CredentialId,
    /// Whose it is.
    pub owner: &'a UserId,
    /// What is known of it now.
    pub asserted: &'a Asserted,
    /// The challenge that it answers.
    pub challenge: &'a UsedId,
}

/// What using a passkey came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyUse {
    /// It proved its owner, and the session is there.
    Proved,
    /// The challenge was answered before.
    Replayed,
    /// The passkey is not what it was judged as: removed, or used meanwhile.
    Changed,
    /// The session is not what it was, or its user. Nothing is used up.
    SessionChanged,
}

impl Store {
    /// The passkeys of a user, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passkeys_of(&self, user: &UserId) -> Result<Vec<PasskeyRecord>, StoreError> {
        let statement = Statement::new(OF_USER).bind(user.as_str());
        Ok(self.list(statement, record).await?)
    }

    /// The passkey of this id, and whose it is, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passkey(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(PasskeyRecord, PasskeyOwner)>, StoreError> {
        let row = self.row(Statement::new(BY_ID).bind(id.as_bytes())).await?;
        let Some(mut row) = row else { return Ok(None) };
        let record = record(&mut row)?;
        let owner = PasskeyOwner {
            user: user_id(&row.text()?)?,
            username: row.text()?,
            epoch: row.integer()?,
            locked: row.optional_time()?.is_some(),
        };
        Ok(Some((record, owner)))
    }

    /// The name by which authenticators know the account, if it has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passkey_handle(&self, user: &UserId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.row(Statement::new(HANDLE).bind(user.as_str())).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(row.optional_blob()?)
    }
}

impl ActingStore {
    /// Adds a passkey to the account of a user who may sign in. By a link, of many at the same moment one adds it, or sets a password.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_passkey(
        &self,
        new: &NewPasskeyRow<'_>,
        now: Timestamp,
    ) -> Result<PasskeyAddition, StoreError> {
        let user = new.user.as_str();
        let name_account = Statement::new(NAME_ACCOUNT).bind(user).bind(new.handle);
        let has_room = Statement::new(HAS_ROOM).bind(user).bind(MOST_PASSKEYS);
        let add = addition(new.user, new.passkey, new.name, new.rp_id, now);
        let event = NewEvent::new("passkey-added").user(new.user);
        let checks = [name_account, has_room, add].map(Statement::expect_some);
        let before = new.by.before(new.user, new.rp_id);
        let first_check = 1 + before.len();
        let unit = Unit::new(uses(std::slice::from_ref(new.challenge), now))
            .and(before)
            .and(checks)
            .and(new.by.behind(new.user, self.by(), now))
            .then(event.detail(new.name.as_str()).by(self.by(), now))
            .and(mail::queue(new.mail, now))
            .in_turn(user);
        let unit = match new.by.other() {
            Some(other) => unit.in_turn(other.as_str()),
            None => unit,
        };
        let statement = match self.run(unit).await? {
            UnitOutcome::Done(_) => return Ok(PasskeyAddition::Added),
            UnitOutcome::Unmet { statement } => statement,
        };
        let by_link = matches!(new.by, PasskeyAdder::Link { .. });
        Ok(match statement {
            1 if by_link => PasskeyAddition::LinkUsed,
            _ if statement == first_check + 1 => PasskeyAddition::TooMany,
            _ if statement == first_check + 2 => PasskeyAddition::Known,
            _ => PasskeyAddition::Over,
        })
    }

    /// Uses a passkey for a sign-in: answers the challenge, keeps what it said, and begins the session or gives it a new cookie, all or
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_passkey(
        &self,
        answer: &PasskeyAnswer<'_>,
        session: &SignIn,
        now: Timestamp,
    ) -> Result<PasskeyUse, StoreError> {
        let PasskeyAnswer {
            id,
            owner,
            asserted,
            challenge,
        } = *answer;
        let (count, has_to_rise) = match asserted.sign_count {
            SignCount::Unused => (0, true),
            SignCount::Risen(count) => (count, true),
            SignCount::Behind => (0, false),
        };
        let spend = Statement::new(USE)
            .bind(id.as_bytes())
            .bind(owner.as_str())
            .bind(i64::from(count))
            .bind(asserted.backup_eligible)
            .bind(asserted.backed_up)
            .bind(has_to_rise)
            .bind(now)
            .expect_some();
        let mut first: Vec<_> = uses(std::slice::from_ref(challenge), now).collect();
        first.push(spend);
        let behind = (asserted.sign_count == SignCount::Behind).then(|| {
            let event = NewEvent::new("passkey-count-behind").user(owner);
            event.detail("let in").by(self.by(), now)
        });
        let eligible = (asserted.newly_eligible)
            .then(|| record_of_passkey("passkey-backup-eligible", id.as_bytes(), self.by(), now));
        let unit = session
            .unit(first, self.by(), now)
            .and(behind)
            .and(eligible);
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => PasskeyUse::Proved,
            UnitOutcome::Unmet { statement: 0 } => PasskeyUse::Replayed,
            UnitOutcome::Unmet { statement: 1 } => PasskeyUse::Changed,
            UnitOutcome::Unmet { .. } => PasskeyUse::SessionChanged,
        })
    }

    /// Notes that a passkey of `owner` may have been copied: it signed this challenge with a count that was used. Once for a challenge.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_copied_passkey(
        &self,
        owner: &UserId,
        challenge: &UsedId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = NewEvent::new("passkey-count-behind").user(owner);
        let unit = Unit::new(uses(std::slice::from_ref(challenge), now))
            .then(event.detail("refused").by(self.by(), now));
        self.committed(unit).await?;
        Ok(())
    }

    /// Gives a passkey of `user` another name, in a session of theirs; `false` if there is none, or the session is not what it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rename_passkey(
        &self,
        user: &UserId,
        id: &CredentialId,
        name: &PasskeyName,
        session: &SessionSeen,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rename = Statement::new(RENAME)
            .bind(id.as_bytes())
            .bind(user.as_str())
            .bind(name.as_str())
            .expect_some();
        let event = NewEvent::new("passkey-renamed").user(user);
        let unit = Unit::from(rename)
            .then(event.detail(name.as_str()).by(self.by(), now))
            .then(session.statement(user, now))
            .in_turn(user.as_str());
        Ok(self.committed(unit).await?)
    }

    /// Takes a passkey of `user` away. Where they do it themselves, something else has to be left to sign in with: a password, or another
    /// passkey. `mail` tells them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_passkey(
        &self,
        user: &UserId,
        id: &CredentialId,
        by: Remover<'_>,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<PasskeyRemoval, StoreError> {
        let of = |sql| Statement::new(sql).bind(id.as_bytes()).bind(user.as_str());
        let remove = of(REMOVE)
            .bind(matches!(by, Remover::Operator))
            .bind(by.relying_party());
        let unit = Unit::from(of(IS_THERE).expect_some())
            .then(record_of_passkey(
                "passkey-removed",
                id.as_bytes(),
                self.by(),
                now,
            ))
            .then(remove.expect_some())
            .and(by.conditions(user, now))
            .and(mail::queue(mail, now))
            .in_turn(user.as_str());
        let outcome = match by {
            Remover::Operator => self.run_where_another_administers(user, unit).await?,
            Remover::Owner { .. } => self.run(unit).await?,
        };
        Ok(match outcome {
            UnitOutcome::Done(_) => PasskeyRemoval::Removed,
            UnitOutcome::Unmet { statement: 0 } => PasskeyRemoval::Absent,
            UnitOutcome::Unmet { statement: 1 | 2 } => PasskeyRemoval::LastWayIn,
            UnitOutcome::Unmet { statement: 3 } => PasskeyRemoval::SessionChanged,
            UnitOutcome::Unmet { .. } => PasskeyRemoval::Demanded,
        })
    }
}

fn record(row: &mut Row) -> Result<PasskeyRecord, DriverError> {
    let id = stored(CredentialId::from_bytes(&row.blob()?), "credential id")?;
    let name = row.text()?;
    let key = stored(PasskeyKey::read(&row.blob()?).ok(), "public key")?;
    let sign_count = stored(u32::try_from(row.integer()?).ok(), "sign count")?;
    let backup_eligible = row.truth()?;
    Ok(PasskeyRecord {
        id,
        name,
        backed_up: row.truth()?,
        transports: row
            .text()?
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        rp_id: row.text()?,
        created_at: row.time()?,
        last_used_at: row.optional_time()?,
        kept: CredentialRecord {
            key,
            sign_count,
            backup_eligible,
            user_handle: row.optional_blob()?.unwrap_or_default(),
        },
    })
}
