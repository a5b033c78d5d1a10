//! One-time links: what one is judged by, and its use. No row is kept of a link; a user's link version says which ones are still good, and
//! the write that raises it says who was first.

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::time::Timestamp;

use crate::claims::{self, ClaimColumns};
use crate::driver::{Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::mail;
use crate::second_factors;
use crate::sessions::{SessionSeen, ending_of_user};
use crate::store::{ActingStore, Store};
use crate::users::{SealedPassword, UserRecord, exists, password_replacement};

const LINKED: &str = "SELECT u.username, u.link_version, u.locked_at, \
         (SELECT COUNT(*) FROM credentials c WHERE c.user_id = u.id AND c.kind = 'password'), \
         u.name, u.claims \
     FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL";

const USE: &str = "UPDATE users SET epoch = epoch + 1, link_version = link_version + 1 \
     WHERE id = $1 AND link_version = $2 AND locked_at IS NULL AND deleted_at IS NULL RETURNING epoch";

const END_ALL: &str =
    "UPDATE users SET link_version = link_version + 1 WHERE id = $1 AND deleted_at IS NULL";

/// Whom a link to sign up names is as good as deleted: the row that its use would write is there. Not for an id that no link was made for.
const TAKE_BACK: &str = "INSERT INTO users (id, username, epoch, created_at, updated_at, deleted_at) \
     SELECT $1, '', 1, CAST($2 AS BIGINT), CAST($2 AS BIGINT), CAST($2 AS BIGINT) \
     WHERE EXISTS (SELECT 1 FROM events e WHERE e.user_id = $1 AND e.kind = 'link-made') \
     ON CONFLICT DO NOTHING";

/// $2 is when what the change was made from was changed last.
const CHANGE_ADDRESS: &str = "UPDATE users SET name = $3, claims = $4, updated_at = $5, address_key = CAST($6 AS TEXT), email_key = $8, \
         link_version = link_version + 1, version = version + 1 \
     WHERE id = $1 AND updated_at = $2 AND link_version = $7 AND locked_at IS NULL AND deleted_at IS NULL";

/// What a link is made of, and judged by when it is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedUser {
    /// What they sign in with.
    pub username: String,
    /// The version that a link must be of to be good.
    pub link_version: i64,
    /// Whether they may not sign in.
    pub locked: bool,
    /// Whether they have a password.
    pub has_password: bool,
    /// What is known about them, their `name` included.
    pub claims: PersonClaims,
}

impl Store {
    /// What links of this user are judged by; `None` if there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn linked_user(&self, id: &UserId) -> Result<Option<LinkedUser>, StoreError> {
        let row = self.row(Statement::new(LINKED).bind(id.as_str())).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(LinkedUser {
            username: row.text()?,
            link_version: row.integer()?,
            locked: row.optional_time()?.is_some(),
            has_password: row.integer()? > 0,
            claims: claims::read(&mut row)?,
        }))
    }

    /// Whether the holder of a link of this user may bring a passkey that is good at the host `relying_party`: not where it would stand in
    /// for another factor, because a link proves none. Whether one is demanded is not asked: by a client, by an essential context, it may be
    /// at any time. The write that adds it asks the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn may_bring_passkey(
        &self,
        id: &UserId,
        relying_party: &str,
    ) -> Result<bool, StoreError> {
        let asked = second_factors::has_none(id, Some(relying_party));
        Ok(self.row(asked).await?.is_some())
    }
}

impl ActingStore {
    /// Notes that an administrator made a link of this user. Nothing of the link itself is kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn link_made(
        &self,
        id: &UserId,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = NewEvent::new("link-made").user(id).detail(purpose.name());
        if self
            .committed(Unit::from(exists(id)).then(event.by(self.by(), now)))
            .await?
        {
            return Ok(());
        }
        Err(StoreError::NotFound("such user"))
    }

    /// Ends every one-time link of a user, also those by which the user of this id would be created; nothing else of theirs. `false` if there
    /// is no such user, and none can be created.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_links(&self, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
        let of = |sql| Statement::new(sql).bind(id.as_str());
        for end in [of(END_ALL), of(TAKE_BACK).bind(now)] {
            let event = NewEvent::new("links-ended").user(id).by(self.by(), now);
            let unit = Unit::new([end.expect_some(), event]);
            if self.committed(unit.in_turn(id.as_str())).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Uses `link` to give its user the mail address that it is about, verified by that, if it is still good: of many at the same moment one
    /// does. `user` is what was known of them, and `session` the one they do it in; `mail` tells who reads the address of before. Every other
    /// link of theirs ends, and nothing else. `false` if the link is no longer good, the session is not what it was, or something else about
    /// them was changed since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_address_by_link(
        &self,
        link: &Link,
        user: &UserRecord,
        session: &SessionSeen,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(address) = link.address() else {
            return Ok(false);
        };
        let mut claims = user.claims.clone();
        for (name, value) in [
            ("email", address.as_str().into()),
            ("email_verified", true.into()),
        ] {
            claims
                .set(name, value)
                .map_err(|error| StoreError::Conflict(error.to_string()))?;
        }
        let kept = ClaimColumns::of(None, &claims);
        let change = Statement::new(CHANGE_ADDRESS)
            .bind(link.user().as_str())
            .bind(user.updated_at)
            .bind(kept.name)
            .bind(kept.claims)
            .bind(now.max(user.updated_at.plus(1)))
            .bind(kept.address_key)
            .bind(link.version())
            .bind(kept.email_key)
            .expect_some();
        let event = NewEvent::new("claims-updated").user(link.user());
        let unit = Unit::from(change)
            .then(event.detail("email").by(self.by(), now))
            .and(mail::queue(mail, now))
            .then(session.statement(link.user(), now))
            .in_turn(link.user().as_str());
        Ok(self.committed(unit).await?)
    }

    /// Uses `link` to give its user a password, if it is still good: of many at the same moment one does. Their sessions and everything
    /// they allowed end, and so does every other link of theirs; what they sign in with beside a password stays. `mail` tells them. Gives the epoch that a
    /// new session rests on; `None` if the link is no longer good, and then nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_password_by_link(
        &self,
        link: &Link,
        password: &SealedPassword,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let user = link.user();
        let event = NewEvent::new("password-set")
            .user(user)
            .detail(link.purpose().name())
            .by(self.by(), now);
        let unit = Unit::new([spend(link), password_replacement(user, password, now)])
            .and(ending_of_user(user, now))
            .then(event)
            .and(mail::queue(mail, now))
            .in_turn(user.as_str());
        let UnitOutcome::Done(rows) = self.run(unit).await? else {
            return Ok(None);
        };
        let row = rows.into_iter().next().and_then(|rows| rows.into_first());
        Ok(row.map(|mut row| row.integer()).transpose()?)
    }
}

/// The statement that uses `link` up, and fails its unit where it is no longer good. It gives the epoch that a new session rests on.
pub(crate) fn spend(link: &Link) -> Statement {
    Statement::new(USE)
        .bind(link.user().as_str())
        .bind(link.version())
        .expect_some()
}
