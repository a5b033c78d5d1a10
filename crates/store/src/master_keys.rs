//! One master key after another: announced, answered for by every node, wrapping row by row, and active once nothing is left
//! under the one before. How far it is, the rows of `keys` say; whoever goes on begins there.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, administrative};
use crate::keys::KeyRow;
use crate::master_key_id::MasterKeyId;
use crate::store::{ActingStore, Store, stored};

/// One at a time: what adds keys, and what changes which master key wraps them. A statement of its own, so that those behind it
/// see what was committed while this one waited.
const LOCK: &str = "UPDATE meta SET one = 1 WHERE one = 1";

/// Whether $1 is the master key that wraps what is written now.
const WRAPS: &str = "SELECT 1 FROM meta WHERE CAST($1 AS TEXT) = COALESCE( \
         (SELECT n.id FROM master_keys n WHERE n.place = 'next' AND n.wrapping = 1), \
         (SELECT a.id FROM master_keys a WHERE a.place = 'active'), CAST($1 AS TEXT))";

const REMEMBER: &str = "INSERT INTO master_keys (id, place, wrapping, changed_at) VALUES ($1, 'active', 1, $2) \
     ON CONFLICT DO NOTHING";

const ANNOUNCE: &str =
    "INSERT INTO master_keys (id, place, wrapping, changed_at) VALUES ($1, 'next', 0, $2)";

const ABANDON: &str = "DELETE FROM master_keys WHERE id = $1 AND place = 'next' AND wrapping = 0";

const BEGIN: &str = "UPDATE master_keys SET wrapping = 1, changed_at = $2 \
     WHERE id = $1 AND place = 'next' AND wrapping = 0";

const REWRAP: &str = "UPDATE keys SET sealed = $3, master = $4 WHERE id = $1 AND sealed = $2";

const ACTIVATE: &str = "UPDATE meta SET key_check = $1 \
     WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.master <> $2) \
       AND EXISTS (SELECT 1 FROM master_keys m WHERE m.id = $2 AND m.place = 'next' AND m.wrapping = 1)";

const RETIRE: &str = "UPDATE master_keys SET place = NULL, changed_at = $1 WHERE place = 'active'";

const PROMOTE: &str = "UPDATE master_keys SET place = 'active', changed_at = $2 \
     WHERE id = $1 AND place = 'next'";

const LIST: &str = "SELECT id, place, changed_at FROM master_keys ORDER BY changed_at, id";

/// Whatever the node's clock shows, each answer has a later time than the one before.
const ANSWER: &str = "INSERT INTO master_key_answers (node, master, proof, answered_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (node, master) DO UPDATE SET proof = excluded.proof, \
       answered_at = CASE WHEN excluded.answered_at > master_key_answers.answered_at \
         THEN excluded.answered_at ELSE master_key_answers.answered_at + 1 END";

const ANSWERS: &str =
    "SELECT node, proof, answered_at FROM master_key_answers WHERE master = $1 ORDER BY node";

const CLEAR_ANSWERS: &str = "DELETE FROM master_key_answers";

/// A master key that is there or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyRecord {
    /// Which.
    pub id: MasterKeyId,
    /// Whether it is retired, and never comes back.
    pub retired: bool,
    /// Since when it is what it is.
    pub changed_at: Timestamp,
}

/// What a node says to the announcement of a master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyAnswer {
    /// The node: its machine and process.
    pub node: String,
    /// A MAC that only the key makes; `None` where the node lacks it.
    pub proof: Option<String>,
    /// When, by the clock of the node, which need not be right; of two answers of one node, the second has a later time.
    pub answered_at: Timestamp,
}

impl Store {
    /// Every master key there was since the first was replaced, oldest first; none where it never was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn master_keys(&self) -> Result<Vec<MasterKeyRecord>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(MasterKeyRecord {
                id: stored(MasterKeyId::parse(&row.text()?), "master key's id")?,
                retired: row.optional_text()?.is_none(),
                changed_at: row.time()?,
            })
        };
        Ok(self.list(Statement::new(LIST), decode).await?)
    }

    /// Keeps `row` wrapped with `master` as `sealed`, unless it was changed meanwhile, or `master` is not the one that wraps any
    /// more; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rewrap_key(
        &self,
        row: &KeyRow,
        sealed: &str,
        master: MasterKeyId,
    ) -> Result<bool, StoreError> {
        let rewrap = Statement::new(REWRAP)
            .bind(row.id)
            .bind(row.sealed.as_str())
            .bind(sealed)
            .bind(master.to_string())
            .expect_some();
        let unit = Unit::new(wrapped_with(master)).then(rewrap);
        Ok(self.committed(unit).await?)
    }

    /// Writes down what this node says to the announcement of `master`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_for_master_key(
        &self,
        master: MasterKeyId,
        answer: &MasterKeyAnswer,
    ) -> Result<(), StoreError> {
        let write = Statement::new(ANSWER)
            .bind(answer.node.as_str())
            .bind(master.to_string())
            .bind(answer.proof.as_deref())
            .bind(answer.answered_at);
        self.commit(write).await?;
        Ok(())
    }

    /// What nodes have said to the announcement of `master`, each the last time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn master_key_answers(
        &self,
        master: MasterKeyId,
    ) -> Result<Vec<MasterKeyAnswer>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(MasterKeyAnswer {
                node: row.text()?,
                proof: row.optional_text()?,
                answered_at: row.time()?,
            })
        };
        let statement = Statement::new(ANSWERS).bind(master.to_string());
        Ok(self.list(statement, decode).await?)
    }
}

impl ActingStore {
    /// Announces the master key `next`, which is to take the place of `active`. Every running node answers within a poll.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another one was announced before, or `next` was there before and never comes back.
    pub async fn announce_master_key(
        &self,
        active: MasterKeyId,
        next: MasterKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let named = |sql, id: MasterKeyId| Statement::new(sql).bind(id.to_string()).bind(now);
        let detail = next.to_string();
        let unit = Unit::new([
            named(REMEMBER, active),
            named(ANNOUNCE, next),
            Statement::new(CLEAR_ANSWERS),
        ]);
        let event = NewEvent::new("master-key-announced").detail(&detail);
        match self.run(administrative(unit, event, self.by(), now)).await {
            Err(DriverError::Constraint(_)) => Err(StoreError::Conflict(
                "another master key was announced before this one, or this one was there before"
                    .to_owned(),
            )),
            other => Ok(other.map(drop)?),
        }
    }

    /// Takes the announcement of `next` back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it wraps keys already, or was not announced.
    pub async fn abandon_master_key(
        &self,
        next: MasterKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let detail = next.to_string();
        let unit = Unit::new([
            Statement::new(LOCK),
            Statement::new(ABANDON).bind(detail.as_str()).expect_some(),
            Statement::new(CLEAR_ANSWERS),
        ]);
        let event = NewEvent::new("master-key-abandoned").detail(&detail);
        if self
            .committed(administrative(unit, event, self.by(), now))
            .await?
        {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!(
                "the master key {next} is not one that was announced and wraps nothing yet"
            )))
        }
    }

    /// Lets the announced master key wrap what is written from now on. Doing so twice is doing so.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it does not wrap afterwards, as when its announcement was taken back.
    pub async fn begin_wrapping(
        &self,
        next: MasterKeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let detail = next.to_string();
        let begin = Statement::new(BEGIN)
            .bind(detail.as_str())
            .bind(now)
            .expect_some();
        let unit = Unit::new([Statement::new(LOCK), begin]);
        let event = NewEvent::new("master-key-wraps").detail(&detail);
        if self
            .committed(administrative(unit, event, self.by(), now))
            .await?
        {
            return Ok(());
        }
        let cluster = self.cluster().await?;
        if cluster.is_some_and(|cluster| cluster.master.wraps() == next) {
            return Ok(());
        }
        Err(StoreError::Conflict(format!(
            "the master key {next} is not announced any more, and wraps nothing"
        )))
    }

    /// Makes `next` the active master key and retires the one before, if no key is wrapped with another one than `next`. Says
    /// whether it is active now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn activate_master_key(
        &self,
        next: MasterKeyId,
        key_check: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = next.to_string();
        let unit = Unit::new([
            Statement::new(LOCK),
            Statement::new(ACTIVATE)
                .bind(key_check)
                .bind(id.as_str())
                .expect_some(),
            Statement::new(RETIRE).bind(now),
            Statement::new(PROMOTE)
                .bind(id.as_str())
                .bind(now)
                .expect_some(),
            Statement::new(CLEAR_ANSWERS),
        ]);
        let event = NewEvent::new("master-key-activated").detail(&id);
        match self
            .run(administrative(unit, event, self.by(), now))
            .await?
        {
            UnitOutcome::Done(_) => Ok(true),
            UnitOutcome::Unmet { .. } => {
                let cluster = self.cluster().await?;
                Ok(cluster.is_some_and(|cluster| cluster.master.active == next))
            }
        }
    }
}

/// The statements that fail their unit unless `master` wraps what is written now, and let nobody change that before it ends.
pub(crate) fn wrapped_with(master: MasterKeyId) -> [Statement; 2] {
    [
        Statement::new(LOCK),
        Statement::new(WRAPS).bind(master.to_string()).expect_some(),
    ]
}
