//! Keys at rest: sealed under the master key by the server, one active and at most one next key for each purpose.

use safeconduct_protocol::time::Timestamp;

use crate::cluster;
use crate::driver::{DriverError, Row, Rows, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, administrative};
use crate::master_key_id::MasterKeyId;
use crate::master_keys::wrapped_with;
use crate::store::{ActingStore, Store, stored};

const ADD: &str = "INSERT INTO keys (id, purpose, state, sealed, created_at, activated_at, master) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

const LIST: &str = "SELECT id, purpose, state, sealed, created_at, activated_at, retired_at, master FROM keys ORDER BY id";

const RETIRE: &str = "UPDATE keys SET state = 'retired', sealed = $2, retired_at = $3, master = $4 \
     WHERE id = $1 AND state = 'active'";

const ACTIVATE: &str = "UPDATE keys SET state = 'active', sealed = $2, activated_at = $3, master = $4 \
     WHERE id = $1 AND state = 'next'";

const DELETE: &str = "DELETE FROM keys WHERE id = $1 AND state <> 'active'";

/// As long as a row names the key, it is needed.
const DELETE_UNUSED: &str = "DELETE FROM keys WHERE id = $1 AND state = 'retired' \
     AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.sealed_by = $1) \
     AND NOT EXISTS (SELECT 1 FROM client_secrets s WHERE s.hashed_by = $1) \
     AND NOT EXISTS (SELECT 1 FROM recovery_codes r WHERE r.hashed_by = $1)";

const WITHDRAW: &str = "DELETE FROM keys WHERE purpose = $1";
const WITHDRAW_NEXT: &str = "DELETE FROM keys WHERE purpose = $1 AND state = 'next'";
const WITHDRAW_ONE: &str = "DELETE FROM keys WHERE id = $1";

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
    /// The master key that wraps it.
    pub master: MasterKeyId,
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
    /// Which master key that is.
    pub master: MasterKeyId,
}

/// A key that was sealed again because the seal covers its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealedKey {
    /// Which key.
    pub id: i64,
    /// The same key, sealed for its new state.
    pub sealed: String,
    /// With which master key.
    pub master: MasterKeyId,
}

/// Keys that take the place of others at once, because those were lost.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Purposes of which nothing stays.
    pub purposes: Vec<String>,
    /// Keys that go; of their purpose nothing that waits stays either.
    pub withdrawn: Vec<(i64, String)>,
    /// Active keys that sign, seal and hash no more, and are needed to read what is there.
    pub retired: Vec<(String, ResealedKey)>,
    /// What takes their place.
    pub new: Vec<NewKey>,
    /// The master key that wraps all of it.
    pub master: MasterKeyId,
}

impl Store {
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
                master: stored(MasterKeyId::parse(&row.text()?), "master key's id")?,
            })
        };
        Ok(self.list(Statement::new(LIST), decode).await?)
    }
}

impl ActingStore {
    /// Keeps new keys, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one of the purposes has an active (or next) key by now: another node was faster, and its
    /// keys are in the catalog.
    pub async fn add_keys(&self, keys: Vec<NewKey>, now: Timestamp) -> Result<(), StoreError> {
        let Some(master) = keys.first().map(|key| key.master) else {
            return Ok(());
        };
        let statements = keys.into_iter().map(|key| addition(key, now));
        let unit = Unit::new(wrapped_with(master)).and(statements);
        match self
            .run(administrative(
                unit,
                NewEvent::new("keys-added"),
                self.by(),
                now,
            ))
            .await
        {
            Ok(UnitOutcome::Done(_)) => Ok(()),
            Ok(UnitOutcome::Unmet { .. }) => Err(wraps_no_more(master)),
            Err(DriverError::Constraint(_)) => Err(StoreError::Conflict(
                "there is such a key already".to_owned(),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts new keys in the place of others, begins a new era and ends every session: all of it at once. Gives the era's number;
    /// `None` where the keys are others by now, and nothing was changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_keys(
        &self,
        replacement: Replacement,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let mut unit = Unit::new(cluster::beginning(now)).and(wrapped_with(replacement.master));
        let purposes = replacement.purposes.iter();
        unit = unit.and(purposes.map(|purpose| Statement::new(WITHDRAW).bind(purpose.as_str())));
        let named = replacement.withdrawn.iter();
        let ones = named
            .clone()
            .map(|(id, _)| Statement::new(WITHDRAW_ONE).bind(*id).expect_some());
        let next = named.map(|(_, purpose)| Statement::new(WITHDRAW_NEXT).bind(purpose.as_str()));
        unit = unit.and(ones).and(next);
        for (purpose, key) in &replacement.retired {
            unit = unit
                .then(set(RETIRE, key, now))
                .then(Statement::new(WITHDRAW_NEXT).bind(purpose.as_str()));
        }
        unit = unit.and(replacement.new.into_iter().map(|key| addition(key, now)));
        match self
            .run(administrative(
                unit,
                NewEvent::new("keys-replaced"),
                self.by(),
                now,
            ))
            .await
        {
            Ok(UnitOutcome::Done(rows)) => {
                let era = rows.into_iter().next().and_then(Rows::into_first);
                Ok(Some(era.ok_or(StoreError::NotFound("cluster"))?.integer()?))
            }
            Ok(UnitOutcome::Unmet { .. }) | Err(DriverError::Constraint(_)) => Ok(None),
            Err(error) => Err(error.into()),
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
        let unit = Unit::new(wrapped_with(next.master))
            .and(active.map(|key| set(RETIRE, key, now)))
            .then(set(ACTIVATE, next, now));
        match self
            .run(administrative(
                unit,
                NewEvent::new("key-promoted"),
                self.by(),
                now,
            ))
            .await
        {
            Ok(UnitOutcome::Done(_)) => Ok(()),
            Ok(UnitOutcome::Unmet { .. }) | Err(DriverError::Constraint(_)) => Err(
                StoreError::Conflict("the key is in another state by now".to_owned()),
            ),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets a key that is not active. What it sealed can never be opened again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is active or gone.
    pub async fn delete_key(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        if self.forget_key(DELETE, id, now).await? {
            Ok(())
        } else {
            Err(StoreError::Conflict(
                "the key is in another state".to_owned(),
            ))
        }
    }

    /// Forgets a retired key if no credential is sealed and no client secret hashed with it any more; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_unused_key(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        self.forget_key(DELETE_UNUSED, id, now).await
    }

    async fn forget_key(
        &self,
        sql: &'static str,
        id: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let delete = Statement::new(sql).bind(id).expect_some();
        let detail = id.to_string();
        let event = NewEvent::new("key-deleted").detail(&detail);
        Ok(self
            .committed(administrative(delete.into(), event, self.by(), now))
            .await?)
    }
}

fn addition(key: NewKey, now: Timestamp) -> Statement {
    Statement::new(ADD)
        .bind(key.id)
        .bind(key.purpose)
        .bind(if key.active { "active" } else { "next" })
        .bind(key.sealed)
        .bind(now)
        .bind(key.active.then_some(now))
        .bind(key.master.to_string())
}

fn set(sql: &'static str, key: &ResealedKey, now: Timestamp) -> Statement {
    Statement::new(sql)
        .bind(key.id)
        .bind(key.sealed.as_str())
        .bind(now)
        .bind(key.master.to_string())
        .expect_some()
}

fn wraps_no_more(master: MasterKeyId) -> StoreError {
    StoreError::Conflict(format!(
        "the master key {master} wraps no new keys any more: another one takes its place"
    ))
}
