//! Remembered consent: what a user lets a client have without being asked again, and the epoch that withdrawing raises.

use std::collections::BTreeMap;

use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::store::{ActingStore, Store, client_id, from_json, to_json};

/// How often another answer of the same user may come first before we give up.
const TRIES: usize = 8;

const READ: &str = "SELECT epoch, scopes FROM consents WHERE user_id = $1 AND client_id = $2";

const ADD: &str = "INSERT INTO consents (user_id, client_id, epoch, scopes, changed_at) VALUES ($1, $2, 0, $3, $4) \
     ON CONFLICT (user_id, client_id) DO NOTHING";

const WIDEN: &str = "UPDATE consents SET scopes = $5, changed_at = $6 \
     WHERE user_id = $1 AND client_id = $2 AND epoch = $3 AND scopes = $4";

const WITHDRAW: &str = "INSERT INTO consents (user_id, client_id, epoch, scopes, changed_at) VALUES ($1, $2, 1, '{}', $3) \
     ON CONFLICT (user_id, client_id) DO UPDATE SET epoch = consents.epoch + 1, scopes = '{}', changed_at = $3";

const LIST: &str = "SELECT client_id, epoch, scopes, changed_at FROM consents WHERE user_id = $1 ORDER BY client_id";

/// What each audience's scope is that a user allowed a client.
type Allowed = BTreeMap<String, Scope>;

/// What a user allowed a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRecord {
    /// The client.
    pub client: ClientId,
    /// Raised by each withdrawal.
    pub epoch: i64,
    /// The scope by audience.
    pub scopes: BTreeMap<String, Scope>,
    /// When it last changed.
    pub changed_at: Timestamp,
}

impl Store {
    /// What `user` allows which clients without being asked again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_consents(&self, user: &UserId) -> Result<Vec<ConsentRecord>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(ConsentRecord {
                client: client_id(&row.text()?)?,
                epoch: row.integer()?,
                scopes: read(&row.text()?)?,
                changed_at: row.time()?,
            })
        };
        let mut records = self
            .list(Statement::new(LIST).bind(user.as_str()), decode)
            .await?;
        records.retain(|record| !record.scopes.is_empty());
        Ok(records)
    }
}

impl ActingStore {
    /// Remembers that `user` lets `client` have `scope` at `audience`, beside what they allowed before. `false` if they
    /// have withdrawn their consent since the page was shown, which was in the epoch `epoch_seen`.
    ///
    /// # Errors
    /// [`StoreError`].
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of one answer on the consent page"
    )]
    pub async fn record_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        audience: &str,
        scope: &Scope,
        epoch_seen: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let subject = |sql| {
                Statement::new(sql)
                    .bind(user.as_str())
                    .bind(client.as_str())
            };
            let (epoch, old) = match self.row(subject(READ)).await? {
                Some(mut row) => (row.integer()?, Some(row.text()?)),
                None => (0, None),
            };
            if epoch != epoch_seen {
                return Ok(false);
            }
            let before = old.as_deref().map(read).transpose()?.unwrap_or_default();
            let after = widened(&before, audience, scope);
            if after == before {
                return Ok(true);
            }
            let write = match old {
                None => subject(ADD).bind(to_json(&after)).bind(now),
                Some(old) => subject(WIDEN)
                    .bind(epoch)
                    .bind(old)
                    .bind(to_json(&after))
                    .bind(now),
            };
            // Unmet: another answer or a withdrawal came between, and is read on the next round.
            let event = NewEvent::new("consent-given")
                .user(user)
                .client(client)
                .detail(audience)
                .by(self.by(), now);
            if self
                .committed(Unit::new([write.expect_some(), event]))
                .await?
            {
                return Ok(true);
            }
        }
        Err(StoreError::Unavailable(
            "this consent is being changed by others all the time".to_owned(),
        ))
    }

    /// Withdraws what `user` allowed `client`: every grant that rests on it is dead, and they are asked again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let withdraw = withdrawal(user, client, now);
        let event = NewEvent::new("consent-withdrawn")
            .user(user)
            .client(client)
            .by(self.by(), now);
        self.commit(Unit::new([withdraw, event])).await?;
        Ok(())
    }
}

/// The statement that withdraws what `user` allowed `client`.
pub(crate) fn withdrawal(user: &UserId, client: &ClientId, now: Timestamp) -> Statement {
    Statement::new(WITHDRAW)
        .bind(user.as_str())
        .bind(client.as_str())
        .bind(now)
}

/// What the column of a consent allows.
pub(crate) fn read(scopes: &str) -> Result<Allowed, DriverError> {
    from_json(scopes, "consent")
}

fn widened(before: &Allowed, audience: &str, scope: &Scope) -> Allowed {
    let mut after = before.clone();
    let allowed = after.entry(audience.to_owned()).or_default();
    *allowed = allowed.union(scope);
    after
}
