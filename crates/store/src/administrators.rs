//! Who administers this server: the members of one group, which is made with its first and never loses its last. Whether somebody is one
//! is looked up at every use.

use safeconduct_protocol::administration::GROUP;
use safeconduct_protocol::ids::{UserId, new_id};
use safeconduct_protocol::time::Timestamp;

use crate::by::{By, Door};
use crate::driver::{Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::groups::{self, Membership};
use crate::store::{ActingStore, Store};
use crate::users;

/// Its members have to prove a second factor, whatever they sign in to.
const MAKE: &str = "INSERT INTO groups (name, id, display, second_factor_required, declared, created_at, changed_at) \
     VALUES ('administrators', $2, NULL, 1, 0, $1, $1) ON CONFLICT DO NOTHING";

const IS_ONE: &str = "SELECT 1 FROM group_members m JOIN live_users u ON u.id = m.user_id \
     WHERE m.user_id = $1 AND m.group_name = 'administrators'";

/// Of two who take each other out, one waits for the other here. Where the user is none, nothing waits.
const TAKE_TURNS: &str = "UPDATE groups SET created_at = created_at WHERE name = 'administrators' AND EXISTS \
     (SELECT 1 FROM group_members m WHERE m.user_id = $1 AND m.group_name = 'administrators')";

/// Unless the user is the only one who can sign in: neither locked nor without anything to sign in with, as who never opened an invitation.
const SOMEBODY_REMAINS: &str = "SELECT 1 WHERE NOT EXISTS \
         (SELECT 1 FROM group_members m JOIN live_users u ON u.id = m.user_id \
             WHERE m.user_id = $1 AND m.group_name = 'administrators') \
     OR EXISTS (SELECT 1 FROM group_members m JOIN live_users u ON u.id = m.user_id \
             WHERE m.user_id <> $1 AND m.group_name = 'administrators' AND ( \
                 EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = m.user_id AND c.kind = 'password') \
                 OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = m.user_id)))";

const END_GRANTS: &str = "UPDATE grants SET revoked_at = $3, revoked_reason = 'administrator-removed', revoked_by = $4 \
     WHERE user_id = $1 AND user_id <> '' AND audience = $2 AND revoked_at IS NULL";

impl Store {
    /// Whether a user may administer this server now.
    ///
    /// # Errors
    /// [`StoreError`]; whoever cannot ask must not assume.
    pub async fn is_administrator(&self, user: &UserId) -> Result<bool, StoreError> {
        let statement = Statement::new(IS_ONE).bind(user.as_str());
        Ok(self.row(statement).await?.is_some())
    }
}

impl ActingStore {
    /// Lets a user administer this server. The group is made where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_administrator(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Membership, StoreError> {
        let event = NewEvent::new("administrator-added").user(user);
        let unit = Unit::new([
            users::exists(user),
            Statement::new(MAKE).bind(now).bind(new_id()),
            groups::addition(GROUP, user, now).expect_some(),
            event.by(self.by(), now),
        ]);
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => Membership::Changed,
            UnitOutcome::Unmet { statement: 0 } => Membership::NoUser,
            UnitOutcome::Unmet { .. } => Membership::Already,
        })
    }

    /// Lets a user administer this server no more: what they allowed clients to do at `audience`, the API for it, ends.
    ///
    /// # Errors
    /// [`StoreError::LastAdministrator`].
    pub async fn remove_administrator(
        &self,
        user: &UserId,
        audience: &str,
        now: Timestamp,
    ) -> Result<Membership, StoreError> {
        let end_grants = Statement::new(END_GRANTS)
            .bind(user.as_str())
            .bind(audience)
            .bind(now)
            .bind(new_id());
        let event = NewEvent::new("administrator-removed").user(user);
        let unit = Unit::new([
            groups::departure(GROUP, user).expect_some(),
            end_grants,
            event.by(self.by(), now),
        ]);
        let unit = unit.in_turn(user.as_str());
        Ok(match self.run_guarded(guards(user), unit).await? {
            UnitOutcome::Done(_) => Membership::Changed,
            UnitOutcome::Unmet { .. } => Membership::Already,
        })
    }

    /// Commits what keeps `user` from administering, unless nobody else could then. From the shell it is committed all the same: a
    /// command names another.
    ///
    /// # Errors
    /// [`StoreError::LastAdministrator`].
    pub(crate) async fn run_where_another_administers(
        &self,
        user: &UserId,
        unit: Unit,
    ) -> Result<UnitOutcome, StoreError> {
        let guards = match is_shell(self.by()) {
            true => Vec::new(),
            false => guards(user),
        };
        self.run_guarded(guards, unit).await
    }

    async fn run_guarded(
        &self,
        guards: Vec<Statement>,
        unit: Unit,
    ) -> Result<UnitOutcome, StoreError> {
        let count = guards.len();
        match self.run(unit.behind(guards)).await? {
            UnitOutcome::Unmet { statement } if statement < count => {
                Err(StoreError::LastAdministrator)
            }
            UnitOutcome::Unmet { statement } => Ok(UnitOutcome::Unmet {
                statement: statement - count,
            }),
            done @ UnitOutcome::Done(_) => Ok(done),
        }
    }
}

fn guards(user: &UserId) -> Vec<Statement> {
    let of_user = |sql| Statement::new(sql).bind(user.as_str());
    vec![of_user(TAKE_TURNS), of_user(SOMEBODY_REMAINS).expect_some()]
}

fn is_shell(by: &By) -> bool {
    by.door() == Door::Cli
}
