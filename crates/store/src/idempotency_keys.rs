//! Keys that administrators give to requests (`Idempotency-Key`), so that one that is sent again is done once. A key is taken by a write;
//! what was answered is kept beside it for a day.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Rows, Statement};
use crate::error::StoreError;
use crate::store::{Store, stored};

/// For how many seconds a key stands for its request: a day.
const KEPT: i64 = 24 * 3600;

/// One that is over is as if it was never there.
const TAKE: &str = "INSERT INTO idempotency_keys (hash, request, expires_at) VALUES ($1, $2, $3) \
     ON CONFLICT (hash) DO UPDATE SET request = excluded.request, answer = NULL, expires_at = excluded.expires_at \
     WHERE idempotency_keys.expires_at <= $4";

const TAKEN: &str = "SELECT request, answer FROM idempotency_keys WHERE hash = $1";

const ANSWER: &str = "UPDATE idempotency_keys SET answer = $2 WHERE hash = $1";

const RELEASE: &str = "DELETE FROM idempotency_keys WHERE hash = $1 AND answer IS NULL";

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// It is the caller's now, who does the request and then says what was answered.
    Taken,
    /// It was taken for this request before; what was answered, sealed by the caller, if that is known.
    Used(Option<String>),
    /// It was taken for another request.
    OfAnother,
}

impl Store {
    /// Takes the key of this hash for the request of that hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_idempotency_key(
        &self,
        key: &[u8; 32],
        request: &[u8; 32],
        now: Timestamp,
    ) -> Result<IdempotencyKey, StoreError> {
        let take = Statement::new(TAKE)
            .bind(key.as_slice())
            .bind(request.as_slice())
            .bind(now.plus(KEPT))
            .bind(now);
        let rows = self.commit(take).await?;
        if rows.last().map_or(0, Rows::count) > 0 {
            return Ok(IdempotencyKey::Taken);
        }
        let taken = Statement::new(TAKEN).bind(key.as_slice());
        // One that was released in this moment is in another's hands for all that is known.
        let Some(mut row) = self.row(taken).await? else {
            return Ok(IdempotencyKey::Used(None));
        };
        let of: [u8; 32] = stored(row.blob()?.try_into().ok(), "hash")?;
        Ok(match of == *request {
            true => IdempotencyKey::Used(row.optional_text()?),
            false => IdempotencyKey::OfAnother,
        })
    }

    /// Keeps what the request of this key was answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_idempotency_key(
        &self,
        key: &[u8; 32],
        answer: &str,
    ) -> Result<(), StoreError> {
        let answer = Statement::new(ANSWER).bind(key.as_slice()).bind(answer);
        self.commit(answer).await?;
        Ok(())
    }

    /// Lets the key be taken again: the request changed nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_idempotency_key(&self, key: &[u8; 32]) -> Result<(), StoreError> {
        let release = Statement::new(RELEASE).bind(key.as_slice());
        self.commit(release).await?;
        Ok(())
    }
}
