//! Another master key in the place of the active one: which key may be, and the steps by which it takes over. Where master keys are
//! kept is a matter of the machine that holds them.

use std::time::Duration;

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{ActingStore, Cluster, MasterKeyId, NextMasterKey, StoreError};

use crate::{
    fault::Fault,
    keys::{ANSWER_WITHIN, MasterKeys, Rewrapped, nodes_lacking, rewrap},
};

/// What a rotation works on. It needs no key of the database to open.
pub struct MasterKeyRotation<'a> {
    /// The database.
    pub store: &'a ActingStore,
    /// The master keys that are here.
    pub masters: &'a MasterKeys,
    /// What the database said of itself when it was opened.
    pub cluster: &'a Cluster,
    /// Whose it is.
    pub issuer: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// What became of an announcement after a loss.
pub enum Announced {
    /// This key is to take over.
    Trusted(NextMasterKey),
    /// It may be stolen, wraps nothing, and was taken back.
    TakenBack(MasterKeyId),
    /// There was none.
    Nothing,
}

/// Why a master key does not take over.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyRefused {
    /// The announced key may be stolen, and wraps keys.
    #[error(
        "the master key {0} wraps keys already, and may have been there when the keys were lost"
    )]
    Wraps(MasterKeyId),
    /// No key of this name is here.
    #[error("there is no master key {0} here")]
    NotHere(String),
    /// The key wraps, or wrapped.
    #[error("the master key {0} is, or was, in use")]
    Used(MasterKeyId),
    /// Which one is meant is not clear.
    #[error("several master keys here were never used: {}", names(.unused))]
    Several {
        /// The active one.
        active: MasterKeyId,
        /// Those that were never used.
        unused: Vec<MasterKeyId>,
    },
    /// The announced key is not here.
    #[error("the master key {next} is to take the place of {active}, and is not here")]
    Lacking {
        /// The announced one.
        next: MasterKeyId,
        /// The active one.
        active: MasterKeyId,
    },
    /// No master key is announced.
    #[error("no master key is announced")]
    NotAnnounced,
    /// Another operator announced a key first.
    #[error("{0}")]
    Raced(String),
    /// What went wrong on our side.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for MasterKeyRefused {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl MasterKeyRotation<'_> {
    /// The keys here that never wrapped anything.
    ///
    /// # Errors
    /// The database's.
    pub async fn unused(&self) -> Result<Vec<MasterKeyId>, MasterKeyRefused> {
        let known = self.store.master_keys().await?;
        let active = self.cluster.master.active;
        let mut unused = self.masters.ids();
        unused.retain(|id| *id != active && !known.iter().any(|key| key.id == *id));
        Ok(unused)
    }

    /// The one key here that never wrapped anything; `None` where one has to be made.
    ///
    /// # Errors
    /// There are several, or the database's.
    pub async fn candidate(&self) -> Result<Option<MasterKeyId>, MasterKeyRefused> {
        let unused = self.unused().await?;
        match unused.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(MasterKeyRefused::Several {
                active: self.cluster.master.active,
                unused,
            }),
        }
    }

    /// The key here that is named, if it never wrapped anything.
    ///
    /// # Errors
    /// It is not here, or is or was in use; or the database's.
    pub async fn chosen(&self, named: &str) -> Result<MasterKeyId, MasterKeyRefused> {
        let mut here = self.masters.ids().into_iter();
        let id = here.find(|id| id.to_string() == named);
        let id = id.ok_or_else(|| MasterKeyRefused::NotHere(named.to_owned()))?;
        if self.unused().await?.contains(&id) {
            Ok(id)
        } else {
            Err(MasterKeyRefused::Used(id))
        }
    }

    /// After a loss, an announced key is trusted only if it is named: a thief who has the copies may have it too. Another one is
    /// taken back.
    ///
    /// # Errors
    /// Another one wraps keys already; the named one can't be taken; or the database's.
    pub async fn announced_after_loss(
        &self,
        named: Option<&str>,
    ) -> Result<Announced, MasterKeyRefused> {
        let Some(next) = self.cluster.master.next else {
            return Ok(Announced::Nothing);
        };
        if named.is_some_and(|named| next.id.to_string() == named) {
            return Ok(Announced::Trusted(next));
        }
        if next.wrapping {
            return Err(MasterKeyRefused::Wraps(next.id));
        }
        if let Some(named) = named {
            // What can't be taken is found out before anything is changed.
            self.chosen(named).await?;
        }
        Ok(Announced::TakenBack(self.abandon().await?))
    }

    /// Announces a key to every node.
    ///
    /// # Errors
    /// Another one was announced meanwhile, or the database's.
    pub async fn announce(&self, next: MasterKeyId) -> Result<(), MasterKeyRefused> {
        let active = self.cluster.master.active;
        let announced = self.store.announce_master_key(active, next, self.now).await;
        announced.map_err(|error| match error {
            StoreError::Conflict(why) => MasterKeyRefused::Raced(why),
            other => other.into(),
        })
    }

    /// Takes back the announced key, as long as it wraps nothing.
    ///
    /// # Errors
    /// None is announced, it wraps keys, or the database's.
    pub async fn abandon(&self) -> Result<MasterKeyId, MasterKeyRefused> {
        let next = self
            .cluster
            .master
            .next
            .ok_or(MasterKeyRefused::NotAnnounced)?;
        self.store.abandon_master_key(next.id, self.now).await?;
        Ok(next.id)
    }

    /// Whether the announced key is here.
    ///
    /// # Errors
    /// It is not.
    pub fn check_held(&self, next: MasterKeyId) -> Result<(), MasterKeyRefused> {
        let active = self.cluster.master.active;
        let held = self.masters.find(next).map(|_| ());
        held.ok_or(MasterKeyRefused::Lacking { next, active })
    }

    /// Asks every running node for the announced key; those that answer and lack it.
    ///
    /// # Errors
    /// The database's.
    pub async fn nodes_lacking(&self, next: MasterKeyId) -> Result<Vec<String>, MasterKeyRefused> {
        let asked = self.store.master_key_answers(next).await?;
        tokio::time::sleep(Duration::from_secs(ANSWER_WITHIN.unsigned_abs())).await;
        Ok(nodes_lacking(self.store, self.masters, next, &asked).await?)
    }

    /// Wraps every key with the announced one, as far as they open.
    ///
    /// # Errors
    /// The key is not here, its announcement was taken back, or the database's.
    pub async fn wrap(&self, next: MasterKeyId) -> Result<Rewrapped, MasterKeyRefused> {
        Ok(rewrap(self.store, self.masters, self.issuer, next, self.now).await?)
    }
}

fn names(ids: &[MasterKeyId]) -> String {
    let names: Vec<String> = ids.iter().map(MasterKeyId::to_string).collect();
    names.join(", ")
}
