//! Keys at rest: sealed under the master key by the server, one active and at most one next key for each purpose.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, administrative};
use crate::store::Store;

const ADD: &str = "INSERT INTO keys (id, purpose, state, sealed, created_at, activated_at) VALUES ($1, $2, $3, $4, $5, $6)";

const LIST: &str =
    "SELECT id, purpose, state, sealed, created_at, activated_at, retired_at FROM keys ORDER BY id";

const RETIRE: &str = "UPDATE keys SET state = 'retired', sealed = $2, retired_at = $3 WHERE id = $1 AND state = 'active'";

const ACTIVATE: &str = "UPDATE keys SET state = 'active', sealed = $2, activated_at = $3 WHERE id = $1 AND state = 'next'";

const DELETE: &str = "DELETE FROM keys WHERE id = $1 AND state <> 'active'";

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its number, which sealed texts carry.
    pub id: i64,
    /// What it is for, like `seal:refresh-token` or `sign:ES256`.
    pub purpose: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// The key, sealed under the master key.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became active.
    pub activated_at: Option<Timestamp>,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
}

/// A key about to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// A number that no key had before.
    pub id: i64,
    /// What it is for.
    pub purpose: String,
    /// Whether it is used at once; otherwise it is published and waits as `next`.
    pub active: bool,
    /// The key, sealed under the master key.
    pub sealed: String,
}

/// A key that was sealed again because the seal covers its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealedKey {
    /// Which key.
    pub id: i64,
    /// The same key, sealed for its new state.
    pub sealed: String,
}

impl Store {
    /// Keeps new keys, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one of the purposes has an active (or next) key by now: another node was faster, and its
    /// keys are in the catalog.
    pub async fn add_keys(&self, keys: Vec<NewKey>, now: Timestamp) -> Result<(), StoreError> {
        let statements = keys.into_iter().map(|key| {
            Statement::new(ADD)
                .bind(key.id)
                .bind(key.purpose)
                .bind(if key.active { "active" } else { "next" })
                .bind(key.sealed)
                .bind(now)
                .bind(key.active.then_some(now))
        });
        match self
            .run(administrative(
                Unit::new(statements),
                NewEvent::new("keys-added"),
                now,
            ))
            .await
        {
            Err(DriverError::Constraint(_)) => Err(StoreError::Conflict(
                "there is such a key already".to_owned(),
            )),
            other => Ok(other.map(drop)?),
        }
    }

    /// Makes the key `next` the active one of its purpose and retires the one that was, in one step.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `next` does not wait or `active` is not active any more.
    pub async fn promote_key(
        &self,
        next: &ResealedKey,
        active: Option<&ResealedKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let set = |sql, key: &ResealedKey| {
            Statement::new(sql)
                .bind(key.id)
                .bind(key.sealed.as_str())
                .bind(now)
                .expect_some()
        };
        let unit = Unit::new(active.map(|key| set(RETIRE, key))).then(set(ACTIVATE, next));
        match self
            .run(administrative(unit, NewEvent::new("key-promoted"), now))
            .await
        {
            Ok(UnitOutcome::Done(_)) => Ok(()),
            Ok(UnitOutcome::Unmet { .. }) | Err(DriverError::Constraint(_)) => Err(
                StoreError::Conflict("the key is in another state by now".to_owned()),
            ),
            Err(error) => Err(error.into()),
        }
    }

    /// Retires the active key `key` without a successor.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not active.
    pub async fn retire_key(&self, key: &ResealedKey, now: Timestamp) -> Result<(), StoreError> {
        let retire = Statement::new(RETIRE)
            .bind(key.id)
            .bind(key.sealed.as_str())
            .bind(now)
            .expect_some();
        self.change_key(retire, "key-retired", now).await
    }

    /// Forgets a key that is not active. What it sealed can never be opened again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is active or gone.
    pub async fn delete_key(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        self.change_key(
            Statement::new(DELETE).bind(id).expect_some(),
            "key-deleted",
            now,
        )
        .await
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(KeyRow {
                id: row.integer()?,
                purpose: row.text()?,
                state: row.text()?,
                sealed: row.text()?,
                created_at: row.time()?,
                activated_at: row.optional_time()?,
                retired_at: row.optional_time()?,
            })
        };
        Ok(self.list(Statement::new(LIST), decode).await?)
    }

    async fn change_key(
        &self,
        change: Statement,
        kind: &'static str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self
            .committed(administrative(change.into(), NewEvent::new(kind), now))
            .await?
        {
            Ok(())
        } else {
            Err(StoreError::Conflict(
                "the key is in another state".to_owned(),
            ))
        }
    }
}
