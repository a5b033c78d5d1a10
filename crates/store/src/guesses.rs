//! What the login throttle exports to other nodes and to its own successor: how much each node has counted of guessed
//! passwords.
//!
//! The store does not understand it: it is given bytes. A node has one row, whatever is guessed.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// The most nodes whose rows are read. What older rows say is long over.
const MOST_NODES: i64 = 64;

/// How long a row is kept after it was written last, in seconds: longer than anything in it counts, which `check` holds the budgets to.
const KEPT: i64 = 24 * 3600;

const LIST: &str = "SELECT node, version FROM guesses ORDER BY written_at DESC, node LIMIT $1";

const READ: &str = "SELECT version, spent FROM guesses WHERE node = $1";

const WRITE: &str = "INSERT INTO guesses (node, version, written_at, spent) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (node) DO UPDATE SET version = excluded.version, written_at = excluded.written_at, spent = excluded.spent";

const SWEEP_OLD: &str = "DELETE FROM guesses WHERE written_at <= $1";

const SWEEP_BEYOND: &str = "DELETE FROM guesses WHERE node NOT IN \
     (SELECT node FROM guesses ORDER BY written_at DESC, node LIMIT $1)";

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

    /// Writes what a node has counted, in place of what it wrote before.
    ///
    /// # Errors
    /// [`StoreError`]; writing the same again does no harm.
    pub async fn write_guesses(
        &self,
        counted: &NodeGuesses,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = Statement::new(WRITE)
            .bind(counted.node.as_str())
            .bind(counted.version)
            .bind(now)
            .bind(counted.spent.as_slice());
        self.commit(Unit::from(row)).await?;
        Ok(())
    }

    /// Deletes what nodes have written that are gone; how many rows.
    pub(crate) async fn sweep_guesses(&self, now: Timestamp) -> Result<u64, StoreError> {
        let rows = self
            .commit(Unit::new([
                Statement::new(SWEEP_OLD).bind(now.plus(-KEPT)),
                Statement::new(SWEEP_BEYOND).bind(MOST_NODES),
            ]))
            .await?;
        Ok(rows.iter().map(Rows::count).sum())
    }
}
