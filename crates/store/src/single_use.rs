//! Ids that may be used once (RFC 7523 §3, RFC 9449 §11.1, RFC 9126 §7.3). The insert decides who was first; it is part of the
//! unit of what the request changes, so that a refused request uses nothing up.

use safeconduct_protocol::encoding;
use safeconduct_protocol::single_use::UsedId;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Statement, Unit, UnitOutcome};
use crate::error::{RedeemError, StoreError};
use crate::store::Store;

/// How long an id is remembered beyond its end, for clocks that differ: seconds. From then on a row says nothing, swept or not.
pub(crate) const LEEWAY: i64 = 60;

const USE: &str = "INSERT INTO used_ids (kind, owner, hash, expires_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (kind, owner, hash) DO UPDATE SET expires_at = excluded.expires_at WHERE used_ids.expires_at <= $5";

const IS_USED: &str =
    "SELECT 1 FROM used_ids WHERE kind = $1 AND owner = $2 AND hash = $3 AND expires_at > $4";

impl Store {
    /// Uses up `ids`, all or none, for a request that changes nothing else. None at all is no write.
    ///
    /// # Errors
    /// [`RedeemError::Replayed`] with the kind of the first that was used before.
    pub async fn use_ids(&self, ids: &[UsedId], now: Timestamp) -> Result<(), RedeemError> {
        if ids.is_empty() {
            return Ok(());
        }
        match self.run(Unit::new(uses(ids, now))).await? {
            UnitOutcome::Done(_) => Ok(()),
            UnitOutcome::Unmet { statement } => Err(replayed(ids, statement)),
        }
    }

    /// Whether `id` was used. It decides nothing: between this and a use, another request may come.
    ///
    /// # Errors
    /// [`StoreError`]; whoever cannot ask must not assume.
    pub async fn is_used(&self, id: &UsedId, now: Timestamp) -> Result<bool, StoreError> {
        let statement = of(IS_USED, id).bind(now.plus(-LEEWAY));
        Ok(self.row(statement).await?.is_some())
    }
}

/// The statements that use up `ids`, or fail their unit. They stand at its beginning, for [`replayed`].
pub(crate) fn uses(ids: &[UsedId], now: Timestamp) -> impl Iterator<Item = Statement> {
    ids.iter().map(move |id| {
        of(USE, id)
            .bind(id.expires_at)
            .bind(now.plus(-LEEWAY))
            .expect_some()
    })
}

/// What it means that the unit which began with the uses of `ids` was undone by the expectation of `statement`.
pub(crate) fn replayed(ids: &[UsedId], statement: usize) -> RedeemError {
    match ids.get(statement) {
        Some(id) => RedeemError::Replayed(id.kind),
        None => DriverError::Bug(format!("statement {statement} had no expectation")).into(),
    }
}

fn of(sql: &'static str, id: &UsedId) -> Statement {
    Statement::new(sql)
        .bind(id.kind.as_str())
        .bind(id.owner.as_str())
        .bind(encoding::sha256(id.id.as_bytes()).as_slice())
}
