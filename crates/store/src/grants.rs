//! Grants: made by redeeming a code, ended by revoking. Rotation and what becomes of access tokens have their own files.
//!
//! The write decides. A redemption is one INSERT under the id that the code carries; the row it returns says who won. It and every
//! other use ask whether everything stands that the grant rests on (`liveness.rs`).

use safeconduct_protocol::authentication::{Acr, Authentication};
use safeconduct_protocol::authorization_code::{RedeemedRow, Redemption, TOMBSTONE};
use safeconduct_protocol::claims::ClaimsRequest;
use safeconduct_protocol::dpop::Thumbprint;
use safeconduct_protocol::grant::{Grant, NewGrant};
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::ids::{ClientId, GrantId, UserId};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::single_use::UsedId;
use safeconduct_protocol::time::Timestamp;

use crate::consents;
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::{RedeemError, StoreError};
use crate::events::{NewEvent, record_revocation};
use crate::liveness::stands;
use crate::logouts;
use crate::sessions::SessionSeen;
use crate::single_use::{replayed, uses};
use crate::store::{
    ActingStore, Store, client_id, factors, from_json, session_id, stored, to_json, user_id,
};

/// The most grants that one user and one client have alive; one more ends the oldest.
const MOST_LIVE: i64 = 50;

/// Makes the grant if everything it rests on still stands. Where a row has the id: the same code from another attempt is a
/// replay and revokes it (RFC 6749 §4.1.2); another code of the same request changes nothing. It is one statement because
/// DO NOTHING and a second look would lose the race on PostgreSQL.
///
/// A node may have slept since the request's moment, $15, for so long that the tombstone of an earlier redemption is gone, or goes
/// while this is under way. It outlives that moment by ten minutes at least ([`TOMBSTONE`]), and sweeps leave marks
/// (`time_marks.rs`): where one is $21 seconds later, half of that, what is made is dead from the start.
const REDEEM: &str = concat!(
    "INSERT INTO grants \
         (id, code_id, attempt, era, client_id, user_id, session_id, offline, scope, audience, factors, acr, \
          user_epoch, client_epoch, consent_epoch, generation, rotated_at, retries, retried_in_a_row, created_at, \
          last_used_at, expires_at, idle_expires_at, forget_at, dpop_jkt, claims, revoked_at) \
     SELECT n.*, (SELECT n.created_at FROM time_marks t WHERE t.era = n.era AND t.at >= n.created_at + CAST($21 AS BIGINT)) \
     FROM (SELECT CAST($1 AS TEXT) AS id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT) AS era, \
          CAST($5 AS TEXT) AS client_id, CAST($6 AS TEXT) AS user_id, CAST($7 AS TEXT) AS session_id, \
          CAST($8 AS BIGINT) AS offline, CAST($9 AS TEXT), CAST($10 AS TEXT), CAST($11 AS TEXT), CAST($22 AS TEXT), \
          CAST($12 AS BIGINT) AS user_epoch, CAST($13 AS BIGINT) AS client_epoch, CAST($14 AS BIGINT) AS consent_epoch, \
          0, CAST($15 AS BIGINT), 0, 0, CAST($15 AS BIGINT) AS created_at, CAST($15 AS BIGINT), \
          CAST($16 AS BIGINT), CAST($17 AS BIGINT), CAST($18 AS BIGINT), CAST($19 AS TEXT), CAST($20 AS TEXT)) AS n \
     WHERE EXISTS (SELECT 1 FROM grants g WHERE g.id = n.id) OR ",
    stands!("n", "n.created_at"),
    " ON CONFLICT (id) DO UPDATE SET \
         revoked_by = CASE WHEN grants.code_id = excluded.code_id AND grants.attempt <> excluded.attempt \
             AND grants.revoked_at IS NULL THEN excluded.attempt ELSE grants.revoked_by END, \
         revoked_reason = CASE WHEN grants.code_id = excluded.code_id AND grants.attempt <> excluded.attempt \
             AND grants.revoked_at IS NULL THEN 'code-redeemed' ELSE grants.revoked_reason END, \
         revoked_at = CASE WHEN grants.code_id = excluded.code_id AND grants.attempt <> excluded.attempt \
             AND grants.revoked_at IS NULL THEN excluded.created_at ELSE grants.revoked_at END \
     RETURNING attempt, code_id, revoked_at"
);

const REDEEMED: &str = "SELECT attempt, code_id, revoked_at FROM grants WHERE id = $1";

/// Ends the oldest grants beyond the limit, if the attempt made its grant: those from the $6th before it on. (`user_id <> ''` is
/// for the index `grants_of_user`, here and below.)
const END_OLDEST: &str = "UPDATE grants SET revoked_at = $4, revoked_reason = 'too-many-grants', revoked_by = $5 \
     WHERE user_id = $2 AND user_id <> '' AND client_id = $3 AND id <> $1 AND revoked_at IS NULL AND expires_at > $4 \
       AND EXISTS (SELECT 1 FROM grants n WHERE n.id = $1 AND n.attempt = $5 AND n.revoked_at IS NULL) \
       AND (created_at, id) <= (SELECT o.created_at, o.id FROM grants o \
           WHERE o.user_id = $2 AND o.user_id <> '' AND o.client_id = $3 AND o.id <> $1 \
             AND o.revoked_at IS NULL AND o.expires_at > $4 \
           ORDER BY o.created_at DESC, o.id DESC LIMIT 1 OFFSET $6)";

/// What [`read`] takes of a row that the statement calls `g`.
macro_rules! columns {
    () => {
        "g.id, g.client_id, g.user_id, g.scope, g.audience, g.factors, g.acr, g.generation, g.expires_at, g.idle_expires_at, \
         g.session_id, g.dpop_jkt, g.claims"
    };
}

pub(crate) use columns;

const GRANT: &str = concat!("SELECT ", columns!(), " FROM grants g WHERE g.id = $1");

const REVOKE: &str = "UPDATE grants SET revoked_at = $3, revoked_reason = $4, revoked_by = $5 \
     WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL";

const REVOKE_OF: &str = "UPDATE grants SET revoked_at = $3, revoked_reason = $4, revoked_by = $5 \
     WHERE user_id = $1 AND user_id <> '' AND (CAST($2 AS TEXT) IS NULL OR client_id = CAST($2 AS TEXT)) AND revoked_at IS NULL";

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    ", g.created_at, g.last_used_at, g.retries, g.revoked_at, g.revoked_reason \
     FROM grants g \
     WHERE (CAST($1 AS TEXT) IS NULL OR g.user_id = CAST($1 AS TEXT)) \
       AND (CAST($2 AS TEXT) IS NULL OR g.client_id = CAST($2 AS TEXT)) \
     ORDER BY g.created_at DESC, g.id DESC LIMIT $3"
);

/// Grants of a user that are alive, the newest first.
const LIVE: &str = concat!(
    "SELECT ",
    columns!(),
    ", g.created_at, g.last_used_at, g.retries, g.revoked_at, g.revoked_reason FROM grants g \
     WHERE g.user_id = $1 AND g.user_id <> '' AND g.revoked_at IS NULL AND g.expires_at > $2 AND ",
    stands!("g", "$2"),
    " ORDER BY g.created_at DESC, g.id DESC LIMIT $3"
);

/// One try at redeeming a code.
#[derive(Clone, Copy)]
pub struct Redeeming<'a> {
    /// What the code becomes.
    pub grant: &'a NewGrant,
    /// A new random name for this try.
    pub attempt: &'a str,
    /// What the request uses up.
    pub used_ids: &'a [UsedId],
    /// Whether the client is told when the session ends.
    pub tell_of_logout: bool,
}

/// Which grants a list should hold.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Those of this user.
    pub user: Option<UserId>,
    /// Those of this client.
    pub client: Option<ClientId>,
}

/// A grant in a list, alive or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRecord {
    /// The grant.
    pub grant: Grant,
    /// When its code was redeemed.
    pub created_at: Timestamp,
    /// When a refresh token was last used.
    pub last_used_at: Timestamp,
    /// How often an answer to a refresh was lost and asked for again.
    pub retries: i64,
    /// When it was revoked, if it was; it may be dead for other reasons.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub revoked_reason: Option<String>,
}

impl Store {
    /// The grant as it was made, alive or not; `None` for one that no code made yet, or whose row was swept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        let row = self.row(Statement::new(GRANT).bind(id.to_string())).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// At most `limit` grants, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_grants(
        &self,
        filter: &GrantFilter,
        limit: u32,
    ) -> Result<Vec<GrantRecord>, StoreError> {
        let statement = Statement::new(LIST)
            .bind(filter.user.as_ref().map(UserId::as_str))
            .bind(filter.client.as_ref().map(ClientId::as_str))
            .bind(i64::from(limit));
        Ok(self.list(statement, read_record).await?)
    }

    /// At most `limit` grants of `user` that are alive, the newest first: what clients can do now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_grants_of(
        &self,
        user: &UserId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<GrantRecord>, StoreError> {
        let statement = Statement::new(LIVE)
            .bind(user.as_str())
            .bind(now)
            .bind(i64::from(limit));
        Ok(self.list(statement, read_record).await?)
    }

    /// Settles a redemption whose commit nobody confirmed, by looking whose attempt the row names.
    pub(crate) async fn settle_redemption(
        &self,
        grant: &NewGrant,
        attempt: &str,
        reason: String,
    ) -> Result<Redemption, StoreError> {
        let row = match self
            .row(Statement::new(REDEEMED).bind(grant.id.to_string()))
            .await
        {
            Ok(row) => row.map(|mut row| redeemed(&mut row)).transpose()?,
            Err(_) => return Err(StoreError::CommitUnknown(reason)),
        };
        let settled = row
            .as_ref()
            .map(|row| Redemption::settle(Some(row), attempt, &grant.code_id));
        match settled {
            // A replay that did not reach the disk has not revoked anything: only a revoked row settles it.
            Some(Redemption::Replayed) if !row.is_some_and(|row| row.revoked) => {
                Err(StoreError::Unavailable(reason))
            }
            Some(redemption) => Ok(redemption),
            None => Err(StoreError::Unavailable(reason)),
        }
    }
}

impl ActingStore {
    /// Redeems a code: makes the grant unless its code was redeemed before, and says who won. A replay revokes what the code
    /// bought; a code from before another one of the same request changes nothing.
    ///
    /// # Errors
    /// [`RedeemError::Replayed`], and nothing was changed; [`StoreError::CommitUnknown`] if neither the write nor the read
    /// after it could tell. The code is then worth another try, and this attempt's tokens must not be sent.
    pub async fn redeem_code(
        &self,
        redeeming: &Redeeming<'_>,
        now: Timestamp,
    ) -> Result<Redemption, RedeemError> {
        let Redeeming {
            grant,
            attempt,
            used_ids: ids,
            tell_of_logout,
        } = *redeeming;
        let unit = Unit::new(uses(ids, now))
            .and([
                redemption(grant, attempt, now),
                end_oldest(grant, attempt, now),
                record_revocation(grant.id, attempt, self.by(), now),
            ])
            .and(tell_of_logout.then(|| logouts::remember(grant, attempt, now)))
            .in_turn(grant.user.as_str());
        match self.run(unit).await {
            Ok(UnitOutcome::Unmet { statement }) => Err(replayed(ids, statement)),
            Ok(UnitOutcome::Done(mut rows)) => {
                let row = rows
                    .swap_remove(ids.len())
                    .into_first()
                    .map(|mut row| redeemed(&mut row))
                    .transpose()?;
                Ok(Redemption::settle(row.as_ref(), attempt, &grant.code_id))
            }
            Err(DriverError::Unknown(reason)) => {
                Ok(self.settle_redemption(grant, attempt, reason).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Revokes a grant of `owner`. Another client's grant, an unknown one and one that is revoked stay what they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_grant(
        &self,
        grant: GrantId,
        owner: &ClientId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let attempt = new_id();
        let revoke = Statement::new(REVOKE)
            .bind(grant.to_string())
            .bind(owner.as_str())
            .bind(now)
            .bind(reason)
            .bind(attempt.as_str())
            .expect_some();
        self.committed(Unit::new([
            revoke,
            record_revocation(grant, &attempt, self.by(), now),
        ]))
        .await?;
        Ok(())
    }

    /// Revokes every grant of a user, or those to one client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_grants_of(
        &self,
        user: &UserId,
        client: Option<&ClientId>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let revoke = Statement::new(REVOKE_OF)
            .bind(user.as_str())
            .bind(client.map(ClientId::as_str))
            .bind(now)
            .bind(reason)
            .bind(new_id())
            .expect_some();
        let event = NewEvent::new("grants-revoked").user(user).detail(reason);
        let event = client.map_or(event, |client| event.client(client));
        let unit = Unit::new([revoke, event.by(self.by(), now)]);
        self.committed(unit.in_turn(user.as_str())).await?;
        Ok(())
    }

    /// Takes from `client` all that `user` let it do: the consent is withdrawn and every grant is revoked, and the client is to be
    /// told where it can be. The sessions go on. Doing it twice is doing it. Where the user does it themselves, it is in a `session`, and
    /// `false` says that nothing is changed, as that is not what it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_access(
        &self,
        user: &UserId,
        client: &ClientId,
        session: Option<&SessionSeen>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoke = Statement::new(REVOKE_OF)
            .bind(user.as_str())
            .bind(client.as_str())
            .bind(now)
            .bind("access-removed")
            .bind(new_id());
        let event = NewEvent::new("access-removed").user(user).client(client);
        let [queue, forget] = logouts::queue_of_access(user, client, now);
        let withdraw = consents::withdrawal(user, client, now);
        let unit = Unit::new([queue, forget, withdraw, revoke, event.by(self.by(), now)])
            .and(session.map(|session| session.statement(user, now)));
        Ok(self.committed(unit.in_turn(user.as_str())).await?)
    }
}

fn redemption(grant: &NewGrant, attempt: &str, now: Timestamp) -> Statement {
    let claims = (!grant.claims.is_empty()).then(|| to_json(&grant.claims));
    Statement::new(REDEEM)
        .bind(grant.id.to_string())
        .bind(grant.code_id.as_str())
        .bind(attempt)
        .bind(grant.era)
        .bind(grant.client.as_str())
        .bind(grant.user.as_str())
        .bind(grant.session.as_str())
        .bind(grant.is_offline())
        .bind(grant.scope.to_string())
        .bind(grant.audience.as_str())
        .bind(grant.authentication.factors.to_string())
        .bind(grant.epochs.user)
        .bind(grant.epochs.client)
        .bind(grant.epochs.consent)
        .bind(now)
        .bind(grant.expires_at)
        .bind(grant.idle_expires_at)
        .bind(grant.forget_at)
        .bind(grant.dpop_jkt.as_ref().map(Thumbprint::as_str))
        .bind(claims)
        .bind(TOMBSTONE / 2)
        .bind(grant.authentication.acr.as_str())
}

fn end_oldest(grant: &NewGrant, attempt: &str, now: Timestamp) -> Statement {
    Statement::new(END_OLDEST)
        .bind(grant.id.to_string())
        .bind(grant.user.as_str())
        .bind(grant.client.as_str())
        .bind(now)
        .bind(attempt)
        .bind(MOST_LIVE - 1)
}

fn redeemed(row: &mut Row) -> Result<RedeemedRow, DriverError> {
    Ok(RedeemedRow {
        attempt: row.text()?,
        code_id: row.text()?,
        revoked: row.optional_time()?.is_some(),
    })
}

/// A grant from its [`columns`].
pub(crate) fn read(row: &mut Row) -> Result<Grant, DriverError> {
    Ok(Grant {
        id: stored(GrantId::parse(&row.text()?), "grant id")?,
        client: client_id(&row.text()?)?,
        user: user_id(&row.text()?)?,
        scope: stored(Scope::parse(&row.text()?), "scope")?,
        audience: row.text()?,
        authentication: Authentication {
            factors: factors(&row.text()?)?,
            acr: stored(Acr::parse(&row.text()?), "authentication context")?,
        },
        generation: row.integer()?,
        expires_at: row.time()?,
        idle_expires_at: row.time()?,
        session: session_id(&row.text()?)?,
        dpop_jkt: thumbprint(row.optional_text()?)?,
        claims: claims_request(row.optional_text()?)?,
    })
}

fn thumbprint(column: Option<String>) -> Result<Option<Thumbprint>, DriverError> {
    column
        .map(|text| stored(Thumbprint::parse(&text), "thumbprint"))
        .transpose()
}

fn claims_request(column: Option<String>) -> Result<ClaimsRequest, DriverError> {
    column.map_or_else(
        || Ok(ClaimsRequest::default()),
        |text| from_json(&text, "claims request"),
    )
}

/// A grant in a list, from its [`columns`] and five more.
pub(crate) fn read_record(row: &mut Row) -> Result<GrantRecord, DriverError> {
    Ok(GrantRecord {
        grant: read(row)?,
        created_at: row.time()?,
        last_used_at: row.time()?,
        retries: row.integer()?,
        revoked_at: row.optional_time()?,
        revoked_reason: row.optional_text()?,
    })
}
