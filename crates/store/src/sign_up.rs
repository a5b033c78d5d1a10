//! Accounts that users create by themselves. Nothing is kept of one before it is there: the link in a mail names the user who will be, and the
//! row that is written under that id says who was first.

use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::passkeys::FirstPasskey;
use crate::store::{ActingStore, Store};
use crate::users::{NewUser, addition, password_addition};

/// Adds the user, unless the name, the id or the address is somebody's. Whoever had the id keeps it, deleted or not.
const SIGN_UP: &str = "INSERT INTO users (id, username, username_key, name, claims, address_key, epoch, created_at, updated_at, username_bytes, email_key) \
     SELECT $1, $2, $3, $4, $5, CAST($6 AS TEXT), 1, $7, $7, $8, $9 \
     WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.address_key = CAST($6 AS TEXT)) \
     ON CONFLICT DO NOTHING RETURNING epoch";

const STATE: &str = "SELECT (SELECT COUNT(*) FROM users u WHERE u.id = $1), \
         (SELECT COUNT(*) FROM users u WHERE u.address_key = $2)";

/// What has become of a link to sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpState {
    /// It is good.
    Open,
    /// An account was created by it, which may be gone by now.
    Used,
    /// Another account has its address.
    AddressTaken,
}

/// How an attempt to create an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedUp {
    /// It is there. Sessions of its user rest on this epoch.
    Done {
        /// The epoch.
        epoch: i64,
    },
    /// Nothing was written: another user has the name.
    NameTaken,
    /// Nothing was written: the challenge of the passkey was answered before, or there is one of its name.
    PasskeyRefused,
    /// Nothing was written: the link is good no longer.
    Over(SignUpState),
}

impl Store {
    /// What has become of a link by which `user` is created with `address`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_up_state(
        &self,
        user: &UserId,
        address: &MailAddress,
    ) -> Result<SignUpState, StoreError> {
        let statement = Statement::new(STATE)
            .bind(user.as_str())
            .bind(address.key());
        let Some(mut row) = self.row(statement).await? else {
            return Ok(SignUpState::Used);
        };
        let (users, accounts) = (row.integer()?, row.integer()?);
        Ok(match (users, accounts) {
            (0, 0) => SignUpState::Open,
            (0, _) => SignUpState::AddressTaken,
            _ => SignUpState::Used,
        })
    }
}

impl ActingStore {
    /// Notes that an operator made a link by which `user` is created. Nothing of the link itself is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_up_link_made(&self, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let event = NewEvent::new("link-made").user(user);
        let event = event.detail(LinkPurpose::SignUpInvite.name());
        self.commit(Unit::from(event.by(self.by(), now))).await?;
        Ok(())
    }

    /// Adds `user`, whose id is the one that `link` names and of whose claims its address is one, verified by that: of many at the same
    /// moment, with one link or with several for one address, one does. They sign in with a password, or with `passkey`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_up(
        &self,
        link: &Link,
        user: &NewUser,
        passkey: Option<&FirstPasskey<'_>>,
        now: Timestamp,
    ) -> Result<SignedUp, StoreError> {
        let Some(address) = link.address().filter(|_| user.id == *link.user()) else {
            return Ok(SignedUp::Over(SignUpState::Used));
        };
        let event = NewEvent::new("user-signed-up").user(&user.id);
        let event = match link.purpose() {
            LinkPurpose::SignUpInvite => event.detail("invited"),
            _ => event,
        };
        // Two links of one address would not see each other's rows.
        let turn = format!("address/{}", address.key());
        let with = passkey.map(|passkey| passkey.statements(&user.id, self.by(), now));
        let unit = Unit::from(addition(SIGN_UP, user, now).expect_some())
            .and(password_addition(user, now))
            .then(event.by(self.by(), now))
            .and(with.into_iter().flatten())
            .in_turn(&turn);
        let unit = match passkey.and_then(|passkey| passkey.ends) {
            Some((_, other)) => unit.in_turn(other.as_str()),
            None => unit,
        };
        match self.run(unit).await? {
            UnitOutcome::Done(rows) => {
                let row = rows.into_iter().next().and_then(|rows| rows.into_first());
                let epoch = row.map(|mut row| row.integer()).transpose()?;
                let epoch = epoch.unwrap_or_default();
                return Ok(SignedUp::Done { epoch });
            }
            UnitOutcome::Unmet { statement: 0 } => {}
            UnitOutcome::Unmet { .. } => return Ok(SignedUp::PasskeyRefused),
        }
        Ok(match self.sign_up_state(&user.id, address).await? {
            SignUpState::Open => SignedUp::NameTaken,
            over => SignedUp::Over(over),
        })
    }
}
