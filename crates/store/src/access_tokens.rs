//! Access tokens, which have no rows: one is good as long as what it was issued for stands and its `jti` was not revoked.
//! Asking and revoking is here; what a grant itself does is in `grants`.

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::grant::Grant;
use safeconduct_protocol::ids::{ClientId, GrantId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::claims;
use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::grants;
use crate::liveness::stands;
use crate::store::{ActingStore, Store, user_id};

/// The grant of a token that is good, and its user. One statement for introspection and for UserInfo: what is dead for the
/// one is dead for the other.
const GOOD: &str = concat!(
    "SELECT u.id, u.username, u.updated_at, u.name, u.claims, ",
    grants::columns!(),
    " FROM grants g JOIN users u ON u.id = g.user_id \
     WHERE g.id = $1 AND g.era = $3 AND g.revoked_at IS NULL AND g.forget_at > $4 AND ",
    stands!("g", "$4"),
    " AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2)"
);

const GOOD_OF_CLIENT: &str = "SELECT 1 FROM live_clients c CROSS JOIN meta m \
     WHERE c.id = $1 AND c.epoch = $2 AND m.era = $4 \
       AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $3)";

const REVOKE: &str = "INSERT INTO revoked_tokens (jti, client_id, expires_at) VALUES ($1, $2, $3) \
     ON CONFLICT (jti) DO NOTHING";

/// Whom a good access token is about.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonView {
    /// The `sub` of their tokens, where it is not pairwise.
    pub user: UserId,
    /// What they sign in with.
    pub username: String,
    /// When the account last changed in what it says of them.
    pub updated_at: Timestamp,
    /// What is known about them, their `name` included.
    pub claims: PersonClaims,
    /// What they allowed.
    pub grant: Grant,
}

impl Store {
    /// The grant of the access token `jti`, if that is good: nothing it rests on has ended and neither it nor the grant was
    /// revoked. One read. Whether the token says what the grant does is for the caller to compare.
    ///
    /// # Errors
    /// [`StoreError`]; whoever cannot ask must not assume.
    pub async fn introspect_grant(
        &self,
        grant: GrantId,
        jti: &str,
        era: i64,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        let view = self.userinfo(grant, jti, era, now).await?;
        Ok(view.map(|view| view.grant))
    }

    /// Whom the access token `jti` of a grant is about; `None` if it is not good. One read, the same as introspection's.
    ///
    /// # Errors
    /// [`StoreError`]; whoever cannot ask must not assume.
    pub async fn userinfo(
        &self,
        grant: GrantId,
        jti: &str,
        era: i64,
        now: Timestamp,
    ) -> Result<Option<PersonView>, StoreError> {
        let row = self.row(good(grant, jti, era, now)).await?;
        Ok(row.map(|mut row| view(&mut row)).transpose()?)
    }

    /// Whether the access token `jti`, which a client got for itself while its epoch was `epoch`, is good.
    ///
    /// # Errors
    /// [`StoreError`]; whoever cannot ask must not assume.
    pub async fn client_token_alive(
        &self,
        client: &ClientId,
        epoch: i64,
        jti: &str,
        era: i64,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(GOOD_OF_CLIENT)
            .bind(client.as_str())
            .bind(epoch)
            .bind(jti)
            .bind(era);
        Ok(self.row(statement).await?.is_some())
    }
}

impl ActingStore {
    /// Revokes one access token of `owner` and nothing else. Revoking twice is revoking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_access_token(
        &self,
        jti: &str,
        owner: &ClientId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let revoke = Statement::new(REVOKE)
            .bind(jti)
            .bind(owner.as_str())
            .bind(expires_at)
            .expect_some();
        let event = NewEvent::new("access-token-revoked")
            .client(owner)
            .detail(jti)
            .by(self.by(), now);
        self.committed(Unit::new([revoke, event])).await?;
        Ok(())
    }
}

fn good(grant: GrantId, jti: &str, era: i64, now: Timestamp) -> Statement {
    Statement::new(GOOD)
        .bind(grant.to_string())
        .bind(jti)
        .bind(era)
        .bind(now)
}

fn view(row: &mut Row) -> Result<PersonView, DriverError> {
    Ok(PersonView {
        user: user_id(&row.text()?)?,
        username: row.text()?,
        updated_at: row.time()?,
        claims: claims::read(row)?,
        grant: grants::read(row)?,
    })
}
