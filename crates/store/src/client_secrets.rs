//! The secrets of clients, each a keyed hash. Two are good at a time, so that one can take the place of the other; the write decides that.

use std::collections::HashMap;

use safeconduct_protocol::ids::{ClientId, new_id};
use safeconduct_protocol::time::Timestamp;

use crate::by::{By, Who};
use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::{NewEvent, administrative};
use crate::store::{ActingStore, Store, stored};

const EXISTS: &str = "SELECT 1 FROM clients WHERE id = $1 AND deleted_at IS NULL";

/// The most secrets that are good at a time: the one in use, and the one that takes its place.
const MOST_SECRETS: i64 = 2;

/// For how many seconds the last use of a secret that is written down is not written down anew.
pub const SECRET_USE_NOTED: i64 = 3600;

const ADD_SECRET: &str = "INSERT INTO client_secrets (id, client_id, hash, created_at, hashed_by, last_four, by_kind, by_name) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const MAY_HAVE_ANOTHER: &str = "SELECT 1 WHERE (SELECT COUNT(*) FROM client_secrets \
     WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)) < $3";

/// Never the last one: what ends a client is to disable it.
const END_SECRET: &str = "UPDATE client_secrets SET expires_at = $3 \
     WHERE client_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $3) \
       AND EXISTS (SELECT 1 FROM client_secrets o WHERE o.client_id = $1 AND o.id <> $2 AND (o.expires_at IS NULL OR o.expires_at > $3))";

const SECRET_USED: &str = "UPDATE client_secrets SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";

const REHASH_SECRET: &str =
    "UPDATE client_secrets SET hash = $3, hashed_by = $4 WHERE client_id = $1 AND hash = $2";

const EXPIRE_SECRETS: &str = "UPDATE client_secrets SET expires_at = $2 \
     WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)";

const DELETE_SECRETS: &str = "DELETE FROM client_secrets WHERE client_id = $1";

const SECRETS: &str = "SELECT client_id, id, hash, created_at, expires_at, hashed_by, last_four, by_kind, by_name, last_used_at \
     FROM client_secrets ORDER BY created_at, id";

const SECRETS_BETWEEN: &str = "SELECT client_id, id, hash, created_at, expires_at, hashed_by, last_four, by_kind, by_name, last_used_at \
     FROM client_secrets WHERE client_id >= $1 AND client_id <= $2 ORDER BY created_at, id";

/// A client secret as the server hashed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedSecret {
    /// The keyed hash.
    pub hash: [u8; 32],
    /// The number of the key it was hashed with.
    pub key: i64,
    /// How it ends, in ASCII, where four characters of it give nothing away.
    pub last_four: Option<[u8; 4]>,
}

/// A client secret as it is kept: a keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHash {
    /// Its name among the client's secrets.
    pub id: String,
    /// The hash that the server made of it.
    pub hash: [u8; 32],
    /// The number of the key it was hashed with.
    pub key: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// From when on it is good no more; `None`: until it is replaced.
    pub expires_at: Option<Timestamp>,
    /// How it ends, where four characters of it give nothing away.
    pub last_four: Option<String>,
    /// Who made it.
    pub made_by: Who,
    /// When the client authenticated with it last, within the hour.
    pub last_used_at: Option<Timestamp>,
}

impl SecretHash {
    /// Whether it is good at this moment.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Whose secrets are read.
pub(crate) enum Which<'a> {
    /// Those of all clients.
    All,
    /// Those of the clients from one id to another.
    Between(&'a str, &'a str),
}

impl Store {
    /// The secrets of clients, by client, oldest first.
    pub(crate) async fn client_secrets(
        &self,
        which: Which<'_>,
    ) -> Result<HashMap<String, Vec<SecretHash>>, StoreError> {
        let statement = match which {
            Which::All => Statement::new(SECRETS),
            Which::Between(first, last) => Statement::new(SECRETS_BETWEEN).bind(first).bind(last),
        };
        let mut secrets: HashMap<String, Vec<SecretHash>> = HashMap::new();
        for (client, secret) in self.list(statement, read_secret).await? {
            secrets.entry(client).or_default().push(secret);
        }
        Ok(secrets)
    }

    /// Notes that a client authenticated with the secret of this id, unless that is written down for the last hour. It is no change of the
    /// client: other nodes do not read it anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client_secret_used(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let used = Statement::new(SECRET_USED)
            .bind(id)
            .bind(now)
            .bind(now.plus(-SECRET_USE_NOTED));
        self.commit(used).await?;
        Ok(())
    }
}

impl ActingStore {
    /// Adds a secret. The client's other secrets end at `expire_others_at`, or live on beside it if that is `None`. `false` if as many as may
    /// be are good already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn add_client_secret(
        &self,
        id: &ClientId,
        hash: HashedSecret,
        expire_others_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let expiry =
            expire_others_at.map(|at| Statement::new(EXPIRE_SECRETS).bind(id.as_str()).bind(at));
        let room = Statement::new(MAY_HAVE_ANOTHER)
            .bind(id.as_str())
            .bind(now)
            .bind(MOST_SECRETS);
        let statements = [exists(id)].into_iter().chain(expiry);
        let statements = statements.chain([room.expect_some(), addition(id, hash, self.by(), now)]);
        let unit = Unit::new(statements).in_turn(&turn(id));
        let event = NewEvent::new("client-secret-added").client(id);
        self.change_client(unit, event, now).await
    }

    /// Ends a secret now; `false` if the client has no such secret that is good, or no other one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn end_client_secret(
        &self,
        id: &ClientId,
        secret: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let end = Statement::new(END_SECRET)
            .bind(id.as_str())
            .bind(secret)
            .bind(now);
        let unit = Unit::new([exists(id), end.expect_some()]).in_turn(&turn(id));
        let event = NewEvent::new("client-secret-ended").client(id);
        self.change_client(unit, event, now).await
    }

    /// Keeps the same secret of a client under the hash of another key, unless it was replaced meanwhile; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rehash_client_secret(
        &self,
        id: &ClientId,
        old: &[u8; 32],
        new: HashedSecret,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rehash = Statement::new(REHASH_SECRET)
            .bind(id.as_str())
            .bind(old.as_slice())
            .bind(new.hash.as_slice())
            .bind(new.key)
            .expect_some();
        let event = NewEvent::new("client-secret-rehashed").client(id);
        Ok(self
            .committed(administrative(rehash.into(), event, self.by(), now))
            .await?)
    }
}

/// The statement that takes all secrets of a client away.
pub(crate) fn deletion(id: &ClientId) -> Statement {
    Statement::new(DELETE_SECRETS).bind(id.as_str())
}

/// The statements that leave a client with `secret` alone.
pub(crate) fn replacement(
    id: &ClientId,
    secret: Option<HashedSecret>,
    by: &By,
    now: Timestamp,
) -> Vec<Statement> {
    [deletion(id)]
        .into_iter()
        .chain(secret.map(|hash| addition(id, hash, by, now)))
        .collect()
}

/// The statement that finds a client.
pub(crate) fn exists(id: &ClientId) -> Statement {
    Statement::new(EXISTS).bind(id.as_str()).expect_some()
}

/// Changes of a client's secrets take turns: each counts those that the others leave.
fn turn(id: &ClientId) -> String {
    format!("secrets of {id}")
}

/// The statement that adds a secret, whatever others there are.
pub(crate) fn addition(id: &ClientId, hash: HashedSecret, by: &By, now: Timestamp) -> Statement {
    let last_four = hash
        .last_four
        .and_then(|four| String::from_utf8(four.into()).ok());
    Statement::new(ADD_SECRET)
        .bind(new_id())
        .bind(id.as_str())
        .bind(hash.hash.as_slice())
        .bind(now)
        .bind(hash.key)
        .bind(last_four)
        .bind(by.who().kind())
        .bind(by.who().name())
}

fn made_by(row: &mut Row) -> Result<Who, DriverError> {
    let (kind, name) = (row.text()?, row.optional_text()?);
    Ok(Who::parse(&kind, name.as_deref().unwrap_or_default()))
}

fn read_secret(row: &mut Row) -> Result<(String, SecretHash), DriverError> {
    let client = row.text()?;
    let secret = SecretHash {
        id: row.text()?,
        hash: stored(row.blob()?.try_into().ok(), "hash")?,
        created_at: row.time()?,
        expires_at: row.optional_time()?,
        key: row.integer()?,
        last_four: row.optional_text()?,
        made_by: made_by(row)?,
        last_used_at: row.optional_time()?,
    };
    Ok((client, secret))
}
