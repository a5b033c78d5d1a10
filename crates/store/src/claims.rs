//! What is known about users (OpenID Connect Core §5.1): how it is kept with their accounts, and how it changes.
//!
//! Here a user's claims hold their `name` like any other. In the database it has a column of its own, and the column
//! `claims` holds the rest, so that there are no two names to disagree.

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::time::Timestamp;
use serde_json::Value;

use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::sessions::SessionSeen;
use crate::store::{ActingStore, from_json, to_json};
use crate::users;

const NAME: &str = "name";

/// Another address ends the links that were made for the old one.
const UPDATE: &str = "UPDATE users SET name = $3, claims = $4, updated_at = $5, address_key = CAST($6 AS TEXT), email_key = $7, version = version + 1, \
         link_version = link_version \
             + CASE WHEN COALESCE(address_key, '') = COALESCE(CAST($6 AS TEXT), '') THEN 0 ELSE 1 END \
     WHERE id = $1 AND updated_at = $2 AND deleted_at IS NULL";

impl ActingStore {
    /// Replaces everything that is known about a user, `name` included, unless it was changed after `seen`, the `updated_at` of
    /// the record that the new claims were made from; says whether it did. Where the user does it themselves, it is in a `session`, and
    /// nothing is replaced if that is not what it was. Nothing ends but, with another verified mail address, the links that were made before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_claims(
        &self,
        user: &UserId,
        seen: Timestamp,
        claims: &PersonClaims,
        session: Option<&SessionSeen>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let kept = ClaimColumns::of(None, claims);
        // Later than what was seen even within its second, so that of two changes one is refused.
        let update = Statement::new(UPDATE)
            .bind(user.as_str())
            .bind(seen)
            .bind(kept.name)
            .bind(kept.claims)
            .bind(now.max(seen.plus(1)))
            .bind(kept.address_key)
            .bind(kept.email_key)
            .expect_some();
        let event = NewEvent::new("claims-updated")
            .user(user)
            .by(self.by(), now);
        let unit = Unit::new([users::exists(user), update, event])
            .and(session.map(|session| session.statement(user, now)))
            .in_turn(user.as_str());
        match self.run(unit).await? {
            UnitOutcome::Done(_) => Ok(true),
            UnitOutcome::Unmet { statement: 0 } => Err(StoreError::NotFound("such user")),
            UnitOutcome::Unmet { .. } => Ok(false),
        }
    }
}

/// What is known about a user, as the columns `name` and `claims` hold it.
pub(crate) struct ClaimColumns {
    pub(crate) name: Option<String>,
    pub(crate) claims: Option<String>,
    /// By which the account is found where its address is typed.
    pub(crate) address_key: Option<String>,
    /// The same, proved or not.
    pub(crate) email_key: Option<String>,
}

impl ClaimColumns {
    /// The columns of a user who is called `name`, or what their claims say if that is `None`.
    pub(crate) fn of(name: Option<&str>, claims: &PersonClaims) -> Self {
        let claimed = || claims.claim(NAME).and_then(Value::as_str);
        let email = claims.claim("email").and_then(Value::as_str);
        let mut others = claims.clone();
        others
            .set(NAME, Value::Null)
            .expect("a standard claim can be taken away");
        Self {
            name: name.or_else(claimed).map(str::to_owned),
            claims: (!others.is_empty()).then(|| to_json(&others)),
            address_key: MailAddress::of(claims).map(|address| address.key()),
            email_key: email.map(email_key),
        }
    }
}

/// The form of an address by which a user is found, whoever's it is.
pub(crate) fn email_key(email: &str) -> String {
    email.to_lowercase()
}

/// A user's claims from their columns: name, claims.
pub(crate) fn read(row: &mut Row) -> Result<PersonClaims, DriverError> {
    let name = row.optional_text()?;
    let others = row.optional_text()?;
    let mut claims: PersonClaims = others
        .map(|text| from_json(&text, "person's claims"))
        .transpose()?
        .unwrap_or_default();
    // An account may be called what no claim may hold (a line break): then there is no claim of it.
    let _ = claims.set(NAME, name.into());
    Ok(claims)
}
