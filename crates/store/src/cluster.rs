//! Whose database this is: issuer, cluster, master key, and the era of its history.

use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::{NewEvent, administrative};
use crate::master_key_id::MasterKeyId;
use crate::sessions;
use crate::store::{ActingStore, Store, stored};

/// Claims a new database: issuer, cluster id, key check.
const CLAIM: &str = "INSERT INTO meta (one, issuer, cluster_id, era, key_check) VALUES (1, $1, $2, 1, $3) \
     ON CONFLICT (one) DO NOTHING";

const READ: &str = "SELECT m.cluster_id, m.era, m.key_check, k.id, k.wrapping, m.issuer, \
         (SELECT COUNT(*) FROM master_keys) \
     FROM meta m LEFT JOIN master_keys k ON k.place = 'next'";

/// Where the clock lies before the one that the last era began by, the number still rises, by as much as chance says.
const BEGIN_ERA: &str = "UPDATE meta SET era = CASE WHEN era < CAST($1 AS BIGINT) THEN CAST($1 AS BIGINT) \
     ELSE era + CAST($2 AS BIGINT) END RETURNING era";

/// By how much an era's number grows in a second: its last six digits are chance.
const ERAS_IN_A_SECOND: u32 = 1_000_000;

/// The last second of 2199. Until then an era is a number that every reader of JSON has, below 2⁵³: JWTs show it.
const LATEST: i64 = 7_258_118_399;

/// The server or servers that share one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// 128 random bits, chosen when the database was first used.
    pub cluster_id: String,
    /// The history it is in: 1, and greater in each that follows. What was handed out in another one is refused.
    pub era: i64,
    /// The master keys that wrap its keys.
    pub master: MasterKeysInUse,
}

/// Which master key wraps, and which one is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeysInUse {
    /// The one that a server needs.
    pub active: MasterKeyId,
    /// The one that takes its place.
    pub next: Option<NextMasterKey>,
}

/// A master key that is to take the place of the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextMasterKey {
    /// Which.
    pub id: MasterKeyId,
    /// Whether it wraps already, so that a server needs both.
    pub wrapping: bool,
}

impl MasterKeysInUse {
    /// The one that wraps what is written now.
    pub fn wraps(&self) -> MasterKeyId {
        let next = self.next.filter(|next| next.wrapping);
        next.map_or(self.active, |next| next.id)
    }
}

impl Store {
    /// The cluster that the database belongs to; `None` until one has joined.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cluster(&self) -> Result<Option<Cluster>, StoreError> {
        let row = self.row(Statement::new(READ)).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }

    /// What the database takes for the time; `None` where it has no clock but this machine's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn database_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(sql) = self.clock() else {
            return Ok(None);
        };
        let row = self.row(Statement::new(sql)).await?;
        Ok(row.map(|mut row| row.time()).transpose()?)
    }
}

impl ActingStore {
    /// Makes the database this cluster's, or proves that it is: the first caller's `issuer` and the first of its `key_checks`
    /// (something that only a master key can make) are kept, and every later caller must bring the same issuer, and every
    /// master key that wraps something by then.
    ///
    /// # Errors
    /// [`StoreError::OtherIssuer`], [`StoreError::OtherMasterKey`], [`StoreError::LacksMasterKey`].
    pub async fn join_cluster(
        &self,
        issuer: &str,
        key_checks: &[impl AsRef<str>],
        now: Timestamp,
    ) -> Result<Cluster, StoreError> {
        let claim = Statement::new(CLAIM)
            .bind(issuer)
            .bind(new_id())
            .bind(key_checks.first().map_or("", AsRef::as_ref))
            .expect_some();
        let event = NewEvent::new("cluster-created").detail(issuer);
        self.run(administrative(claim.into(), event, self.by(), now))
            .await?;
        let mut row = self.row(Statement::new(READ)).await?.ok_or_else(gone)?;
        let cluster = read(&mut row)?;
        let (kept_issuer, replaced) = (row.text()?, row.integer()?);
        if kept_issuer != issuer {
            return Err(StoreError::OtherIssuer {
                expected: kept_issuer,
            });
        }
        let held = |id: MasterKeyId| {
            key_checks
                .iter()
                .any(|check| MasterKeyId::of(check.as_ref()) == id)
        };
        let MasterKeysInUse { active, next } = cluster.master;
        let wrapping = next.filter(|next| next.wrapping).map(|next| next.id);
        match [Some(active), wrapping]
            .into_iter()
            .flatten()
            .find(|id| !held(*id))
        {
            // No other master key was ever there: this is somebody else's database.
            Some(_) if replaced == 0 => return Err(StoreError::OtherMasterKey),
            Some(id) => return Err(StoreError::LacksMasterKey { id }),
            None => {}
        }
        Ok(cluster)
    }

    /// Begins a new era and gives its number: everything that was handed out before it is refused, and everybody signs in
    /// again. For a database that was restored from a backup and has forgotten what it revoked, redeemed and ended since.
    ///
    /// The number is made of the moment and of chance. Counted, it would repeat: a copy that is restored twice knows nothing of
    /// the era that the first time began.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a database that no cluster has joined.
    pub async fn begin_era(&self, now: Timestamp) -> Result<i64, StoreError> {
        let unit = Unit::new(beginning(now));
        let rows = self
            .commit(administrative(
                unit,
                NewEvent::new("era-begun"),
                self.by(),
                now,
            ))
            .await?;
        let era = rows
            .into_iter()
            .next()
            .and_then(crate::driver::Rows::into_first);
        Ok(era.ok_or(StoreError::NotFound("cluster"))?.integer()?)
    }
}

/// The statements that begin an era; the first one returns its number. Who signed out since the backup was made would be signed
/// in again, so everybody is signed out.
pub(crate) fn beginning(now: Timestamp) -> impl Iterator<Item = Statement> {
    let chance = i64::from(u32::from_le_bytes(random::bytes()) % ERAS_IN_A_SECOND);
    let moment = now.seconds().clamp(0, LATEST) * i64::from(ERAS_IN_A_SECOND);
    let begin = Statement::new(BEGIN_ERA)
        .bind(moment + chance)
        .bind(1 + chance);
    [begin].into_iter().chain(sessions::ending_all(now))
}

fn read(row: &mut Row) -> Result<Cluster, DriverError> {
    Ok(Cluster {
        cluster_id: row.text()?,
        era: row.integer()?,
        master: MasterKeysInUse {
            active: MasterKeyId::of(&row.text()?),
            next: match (row.optional_text()?, row.optional_integer()?) {
                (Some(id), Some(wrapping)) => Some(NextMasterKey {
                    id: stored(MasterKeyId::parse(&id), "master key's id")?,
                    wrapping: wrapping == 1,
                }),
                _ => None,
            },
        },
    })
}

fn gone() -> DriverError {
    DriverError::Corrupt("the row that names the cluster is gone".to_owned())
}
