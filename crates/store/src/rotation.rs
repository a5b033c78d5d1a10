//! Rotation of refresh tokens (RFC 9700 §4.14.2): one conditional UPDATE makes the decision that `Rotation::decide` describes.

use safeconduct_protocol::refresh_token::{
    RefreshDecision, RefreshState, RefreshToken, Retried, Rotation, SHARED_REPORTED,
};
use safeconduct_protocol::single_use::UsedId;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::{RedeemError, StoreError};
use crate::events::{record_revocation, record_shared};
use crate::liveness::stands;
use crate::single_use::{replayed, uses};
use crate::store::{ActingStore, Store};

/// Rotates ($4 is current), gives the successor again ($5 is current, and not for too long), or revokes: for a reuse, or because so
/// many generations in a row, $10, were given again. A grant that is dead, was idle too long or never had this generation is left
/// alone and no row returns.
const ROTATE: &str = concat!(
    "UPDATE grants SET \
         revoked_at = CASE WHEN generation = $4 OR (generation = $5 AND rotated_at >= $9 AND \
                 CASE retried_generation WHEN $5 THEN retried_in_a_row WHEN $4 THEN retried_in_a_row + 1 ELSE 1 END < $10) \
             THEN revoked_at ELSE $6 END, \
         revoked_reason = CASE WHEN generation = $4 OR (generation = $5 AND rotated_at >= $9 AND \
                 CASE retried_generation WHEN $5 THEN retried_in_a_row WHEN $4 THEN retried_in_a_row + 1 ELSE 1 END < $10) \
             THEN revoked_reason \
             WHEN generation = $5 AND rotated_at >= $9 THEN 'refresh-token-shared' \
             WHEN generation = $5 THEN 'refresh-token-retried-late' ELSE 'refresh-token-reused' END, \
         revoked_by = CASE WHEN generation = $4 OR (generation = $5 AND rotated_at >= $9 AND \
                 CASE retried_generation WHEN $5 THEN retried_in_a_row WHEN $4 THEN retried_in_a_row + 1 ELSE 1 END < $10) \
             THEN revoked_by ELSE $7 END, \
         retries = CASE WHEN generation = $5 AND rotated_at >= $9 THEN retries + 1 ELSE retries END, \
         retried_in_a_row = CASE WHEN generation = $5 AND rotated_at >= $9 THEN \
                 CASE retried_generation WHEN $5 THEN retried_in_a_row WHEN $4 THEN retried_in_a_row + 1 ELSE 1 END \
             ELSE retried_in_a_row END, \
         retried_by = CASE WHEN generation = $5 AND rotated_at >= $9 AND COALESCE(retried_generation, -1) <> $5 \
             THEN $7 ELSE retried_by END, \
         retried_generation = CASE WHEN generation = $5 AND rotated_at >= $9 THEN $5 ELSE retried_generation END, \
         idle_expires_at = CASE WHEN generation <> $4 THEN idle_expires_at \
             WHEN expires_at < $8 THEN expires_at ELSE $8 END, \
         last_used_at = CASE WHEN generation = $4 OR (generation = $5 AND rotated_at >= $9) THEN $6 ELSE last_used_at END, \
         rotated_at = CASE WHEN generation = $4 THEN $6 ELSE rotated_at END, \
         rotated_by = CASE WHEN generation = $4 THEN $7 ELSE rotated_by END, \
         generation = CASE WHEN generation = $4 THEN $5 ELSE generation END \
     WHERE id = $1 AND client_id = $2 AND era = $3 AND revoked_at IS NULL \
       AND generation >= $4 AND (generation > $5 OR idle_expires_at > $6) AND ",
    stands!("grants", "$6"),
    " RETURNING revoked_reason, rotated_by, retried_by, retried_in_a_row"
);

/// How far the grant's refresh tokens have come, and whether it lives.
const STATE: &str = concat!(
    "SELECT g.generation, g.rotated_at, g.idle_expires_at, g.rotated_by, g.retried_generation, g.retried_in_a_row, \
         CASE WHEN g.revoked_at IS NULL AND g.era = $3 AND ",
    stands!("g", "$4"),
    " THEN 1 ELSE 0 END FROM grants g WHERE g.id = $1 AND g.client_id = $2"
);

/// What the database says about a grant without changing it.
struct Looked {
    state: RefreshState,
    rotated_by: Option<String>,
}

impl Store {
    /// Why nothing was changed. A row that is not there is dead: no token outlives its grant's row.
    async fn explain(
        &self,
        token: &RefreshToken,
        rotation: &Rotation,
    ) -> Result<RefreshDecision, StoreError> {
        match self
            .look_at_grant(token, rotation)
            .await?
            .map(|looked| rotation.decide(&looked.state))
        {
            None => Ok(RefreshDecision::Dead),
            Some(
                refused @ (RefreshDecision::Dead
                | RefreshDecision::Expired
                | RefreshDecision::LostHistory),
            ) => Ok(refused),
            Some(_) => Err(StoreError::Unavailable(
                "the grant was changed at the same time".to_owned(),
            )),
        }
    }

    /// Settles a rotation whose commit nobody confirmed, by looking whose attempt made the current generation.
    pub(crate) async fn settle_rotation(
        &self,
        token: &RefreshToken,
        rotation: &Rotation,
        attempt: &str,
        reason: String,
    ) -> Result<RefreshDecision, StoreError> {
        let looked = match self.look_at_grant(token, rotation).await {
            Ok(looked) => looked.filter(|looked| {
                looked.state.alive && looked.rotated_by.as_deref() == Some(attempt)
            }),
            Err(_) => return Err(StoreError::CommitUnknown(reason)),
        };
        looked
            .map(|_| RefreshDecision::Rotate)
            .ok_or(StoreError::Unavailable(reason))
    }

    async fn look_at_grant(
        &self,
        token: &RefreshToken,
        rotation: &Rotation,
    ) -> Result<Option<Looked>, DriverError> {
        let statement = Statement::new(STATE)
            .bind(token.grant.to_string())
            .bind(token.client.as_str())
            .bind(token.era)
            .bind(rotation.now);
        self.row(statement)
            .await?
            .map(|mut row| look(&mut row))
            .transpose()
    }
}

impl ActingStore {
    /// Uses a refresh token: rotates it, gives its successor again after a lost answer, or ends its grant because an old one
    /// came back or two holders seem to be in step. For a retry nothing has moved but its count, and when the grant was used last: an access token was
    /// issued (`ended_grants.rs`). `attempt` is a new random name for
    /// this try. `idle_seconds` is how long the successor may lie unused. What the request uses up, `ids`, is used up in the same
    /// unit.
    ///
    /// # Errors
    /// [`RedeemError::Replayed`], and nothing was changed; [`StoreError::Unavailable`] also where an unconfirmed commit turned out not to
    /// have rotated: the same token is worth another try.
    #[expect(
        clippy::too_many_arguments,
        reason = "the protocol's own values; a struct around them would mean nothing"
    )]
    pub async fn rotate_refresh_token(
        &self,
        token: &RefreshToken,
        rotation: &Rotation,
        attempt: &str,
        ids: &[UsedId],
        idle_seconds: i64,
        now: Timestamp,
    ) -> Result<RefreshDecision, RedeemError> {
        let rotate = rotate(token, rotation, attempt, now.plus(idle_seconds));
        let unit = Unit::new(uses(ids, now)).and([
            rotate,
            record_revocation(token.grant, attempt, self.by(), now),
            record_shared(token.grant, attempt, SHARED_REPORTED, self.by(), now),
        ]);
        match self.run(unit).await {
            Ok(UnitOutcome::Unmet { statement }) => Err(replayed(ids, statement)),
            Ok(UnitOutcome::Done(mut rows)) => match rows.swap_remove(ids.len()).into_first() {
                Some(mut row) => Ok(rotated(&mut row, attempt)?),
                None => Ok(self.explain(token, rotation).await?),
            },
            Err(DriverError::Unknown(reason)) => Ok(self
                .settle_rotation(token, rotation, attempt, reason)
                .await?),
            Err(error) => Err(error.into()),
        }
    }
}

fn rotate(
    token: &RefreshToken,
    rotation: &Rotation,
    attempt: &str,
    idle_until: Timestamp,
) -> Statement {
    // Without a window, no rotation is too long ago.
    let earliest = rotation
        .retry_window
        .map_or(i64::MIN, |window| rotation.now.plus(-window).seconds());
    Statement::new(ROTATE)
        .bind(token.grant.to_string())
        .bind(token.client.as_str())
        .bind(token.era)
        .bind(rotation.presented)
        .bind(rotation.presented.saturating_add(1))
        .bind(rotation.now)
        .bind(attempt)
        .bind(idle_until)
        .bind(earliest)
        // Without a limit, no number of generations is too many.
        .bind(rotation.shared_limit.unwrap_or(i64::MAX))
}

/// Reads the row that the UPDATE returned.
fn rotated(row: &mut Row, attempt: &str) -> Result<RefreshDecision, DriverError> {
    let revoked = row.optional_text()?;
    let rotated = row.optional_text()?.as_deref() == Some(attempt);
    let counted = row.optional_text()?.as_deref() == Some(attempt);
    let in_a_row = row.integer()?;
    Ok(match revoked.as_deref() {
        Some("refresh-token-shared") => RefreshDecision::Shared,
        Some("refresh-token-retried-late") => RefreshDecision::RetriedLate,
        Some(_) => RefreshDecision::Reuse,
        None if rotated => RefreshDecision::Rotate,
        None if counted && in_a_row == SHARED_REPORTED => RefreshDecision::RetryReported,
        None => RefreshDecision::Retry,
    })
}

fn look(row: &mut Row) -> Result<Looked, DriverError> {
    let (generation, rotated_at, idle_expires_at) = (row.integer()?, row.time()?, row.time()?);
    let rotated_by = row.optional_text()?;
    let retried = Retried {
        last: row.optional_integer()?,
        in_a_row: row.integer()?,
    };
    Ok(Looked {
        state: RefreshState {
            generation,
            rotated_at,
            idle_expires_at,
            alive: row.truth()?,
            retried,
        },
        rotated_by,
    })
}
