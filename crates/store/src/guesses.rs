//! What the login throttle has to tell other nodes and its own successor: how much each node has counted of guessed
//! passwords, and which addresses are familiar to which accounts.
//!
//! The store understands neither: it is given bytes and keyed hashes. A node has one row, whatever is guessed; rows for
//! addresses come from sign-ins alone, never from guesses.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// The most nodes that are heard. What older rows tell is long over.
const MOST_NODES: i64 = 64;

/// How long a row is kept after it was written last, in seconds: longer than anything in it counts.
const KEPT: i64 = 24 * 3600;

const LIST: &str = "SELECT node, version FROM guesses ORDER BY written_at DESC, node LIMIT $1";

const READ: &str = "SELECT version, spent FROM guesses WHERE node = $1";

const WRITE: &str = "INSERT INTO guesses (node, version, written_at, spent) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (node) DO UPDATE SET version = excluded.version, written_at = excluded.written_at, spent = excluded.spent";

const FIND_FAMILIAR: &str = "SELECT until FROM familiar_addresses WHERE hash = $1 AND until > $2";

const WRITE_FAMILIAR: &str = "INSERT INTO familiar_addresses (hash, until) VALUES ($1, $2) \
     ON CONFLICT (hash) DO UPDATE SET until = excluded.until WHERE familiar_addresses.until < excluded.until";

const SWEEP_OLD: &str = "DELETE FROM guesses WHERE written_at <= $1";

const SWEEP_BEYOND: &str = "DELETE FROM guesses WHERE node NOT IN \
     (SELECT node FROM guesses ORDER BY written_at DESC, node LIMIT $1)";

const SWEEP_FAMILIAR: &str = "DELETE FROM familiar_addresses WHERE hash IN \
     (SELECT hash FROM familiar_addresses WHERE until <= $1 LIMIT $2)";

/// What one node has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGuesses {
    /// The node; every start of a server is another one.
    pub node: String,
    /// Rises with every writing of this node.
    pub version: i64,
    /// What it has counted, in a form of the server's.
    pub spent: Vec<u8>,
}

/// An address that became familiar to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FamiliarAddress {
    /// The keyed hash of account and address together.
    pub hash: [u8; 32],
    /// Until when it is familiar.
    pub until: Timestamp,
}

impl Store {
    /// The nodes that have told something, with the version of it; at most 64, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guess_versions(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let decode = |row: &mut Row| Ok((row.text()?, row.integer()?));
        Ok(self
            .list(Statement::new(LIST).bind(MOST_NODES), decode)
            .await?)
    }

    /// What a node has told last; `None` if its row is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn guesses_of(&self, node: &str) -> Result<Option<NodeGuesses>, StoreError> {
        let Some(mut row) = self.row(Statement::new(READ).bind(node)).await? else {
            return Ok(None);
        };
        Ok(Some(NodeGuesses {
            node: node.to_owned(),
            version: row.integer()?,
            spent: row.blob()?,
        }))
    }

    /// Tells what a node has counted, in place of what it told before, and which addresses became familiar.
    ///
    /// # Errors
    /// [`StoreError`]; telling the same again does no harm.
    pub async fn tell_guesses(
        &self,
        told: &NodeGuesses,
        familiar: &[FamiliarAddress],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = Statement::new(WRITE)
            .bind(told.node.as_str())
            .bind(told.version)
            .bind(now)
            .bind(told.spent.as_slice());
        // In one order on every node, so that no two of them wait for each other.
        let mut familiar = familiar.to_vec();
        familiar.sort();
        let familiar = familiar.into_iter().map(|address| {
            Statement::new(WRITE_FAMILIAR)
                .bind(address.hash.as_slice())
                .bind(address.until)
        });
        self.commit(Unit::from(row).and(familiar)).await?;
        Ok(())
    }

    /// Until when the address behind this hash is familiar to its account; `None` if it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn familiar_until(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let statement = Statement::new(FIND_FAMILIAR)
            .bind(hash.as_slice())
            .bind(now);
        let row = self.row(statement).await?;
        Ok(row.map(|mut row| row.time()).transpose()?)
    }

    /// Deletes what nodes told that are gone, and at most `limit` addresses that are familiar no more; how many rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_guesses(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let rows = self
            .commit(Unit::new([
                Statement::new(SWEEP_OLD).bind(now.plus(-KEPT)),
                Statement::new(SWEEP_BEYOND).bind(MOST_NODES),
                Statement::new(SWEEP_FAMILIAR)
                    .bind(now)
                    .bind(i64::from(limit)),
            ]))
            .await?;
        Ok(rows.iter().map(Rows::count).sum())
    }
}
