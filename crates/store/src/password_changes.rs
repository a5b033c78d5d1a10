//! Users who change their password themselves: the session they do it in goes on with a new cookie, and the others where they say so.

use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::mail;
use crate::outbox::{self, OutboxRow};
use crate::own_sessions::ending_others;
use crate::sessions::SessionRenewal;
use crate::store::{ActingStore, Store};
use crate::users::{SealedPassword, password_replacement};

/// Links that were made before are of another password.
const NEW_VERSION: &str = "UPDATE users SET link_version = link_version + 1 \
     WHERE id = $1 AND epoch = $2 AND deleted_at IS NULL";

const NEW_EPOCH: &str = "UPDATE users SET link_version = link_version + 1, epoch = epoch + 1 \
     WHERE id = $1 AND epoch = $2 AND deleted_at IS NULL";

const CHANGED_AT: &str =
    "SELECT changed_at FROM credentials WHERE user_id = $1 AND kind = 'password' AND name = ''";

/// A password about to be changed by its owner.
pub struct PasswordChange<'a> {
    /// Whose.
    pub user: &'a UserId,
    /// What is to be in its place.
    pub password: &'a SealedPassword,
    /// The session in which its owner does it, which gets a new cookie.
    pub renewal: &'a SessionRenewal,
    /// Whether everything else ends that rests on the old one: other sessions, and what apps were granted.
    pub ends_others: bool,
    /// What tells its owner.
    pub mail: Option<&'a Mail>,
}

impl Store {
    /// Since when the password of a user is what it is; `None` if they have none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn password_changed_at(
        &self,
        user: &UserId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let statement = Statement::new(CHANGED_AT).bind(user.as_str());
        let found = self.list(statement, |row: &mut Row| row.time()).await?;
        Ok(found.into_iter().next())
    }
}

impl ActingStore {
    /// Changes a password, and gives the session a new cookie. Gives the apps to be told of sessions that ended by it; `None` if the
    /// session is not what it was, or another change came first: then nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_password(
        &self,
        change: &PasswordChange<'_>,
        now: Timestamp,
    ) -> Result<Option<Vec<OutboxRow>>, StoreError> {
        let (user, epoch) = (change.user, change.renewal.user_epoch);
        let (raise, epoch_after) = match change.ends_others {
            true => (NEW_EPOCH, epoch + 1),
            false => (NEW_VERSION, epoch),
        };
        let raise = Statement::new(raise).bind(user.as_str()).bind(epoch);
        let renewal = SessionRenewal {
            user_epoch: epoch_after,
            ..change.renewal.clone()
        };
        let others = match change.ends_others {
            true => ending_others(user, &renewal.id, now).into(),
            false => Vec::new(),
        };
        let event = NewEvent::new("password-set").user(user);
        let event = match change.ends_others {
            true => event.detail("others ended"),
            false => event,
        };
        let unit = Unit::new([raise.expect_some(), renewal.statement(now)])
            .then(password_replacement(user, change.password, now))
            .and(others)
            .then(event.by(self.by(), now))
            .and(mail::queue(change.mail, now))
            .in_turn(user.as_str());
        let UnitOutcome::Done(rows) = self.run(unit).await? else {
            return Ok(None);
        };
        let queued = rows.into_iter().nth(3).filter(|_| change.ends_others);
        let queued = queued.into_iter().flatten();
        let queued = queued.map(|mut row| outbox::read(&mut row));
        Ok(Some(queued.collect::<Result<_, _>>()?))
    }
}
