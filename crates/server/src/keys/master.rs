//! Master keys: the 32 bytes outside the database that only wrap. A process may hold several while one takes the place of
//! another; each is found by its id, never by trial.

use std::sync::Arc;

use arc_swap::ArcSwap;
use safeconduct_protocol::{
    encoding, random,
    seal::{KeyState, Kind, Seal, SealKey},
};
use safeconduct_store::{Cluster, KeyRow, MasterKeyId, StoreError};

use crate::fault::Fault;

/// The 32 bytes that wrap every other key. Kept outside the database.
#[derive(Clone)]
pub struct MasterKey(Arc<SealKey>);

impl MasterKey {
    /// A master key from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SealKey::from_bytes(0, bytes)))
    }

    /// A new master key.
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    /// What the database keeps to recognise this key by; it tells nothing about it.
    pub fn check_value(&self) -> String {
        self.mac(b"safeconduct master key check")
    }

    /// Its name, in rows, messages and logs.
    pub fn id(&self) -> MasterKeyId {
        MasterKeyId::of(&self.check_value())
    }

    /// What a node proves with that it holds this key.
    pub fn proof_of(&self, node: &str) -> String {
        self.mac(format!("safeconduct master key is held by\n{node}").as_bytes())
    }

    fn mac(&self, message: &[u8]) -> String {
        encoding::encode(&encoding::hmac_sha256(self.0.expose_bytes(), message))
    }

    /// Opens and wraps rows of `keys` in this cluster.
    pub(super) fn wrapper(&self, context: &str) -> Wrapper {
        let seal = [Kind::Key, Kind::SigningKey]
            .into_iter()
            .fold(Seal::new(context), |seal, kind| {
                seal.with_key(kind, self.0.for_kind(kind), KeyState::Active)
            });
        Wrapper {
            seal,
            master: self.id(),
        }
    }
}

/// A master key in one cluster.
pub(super) struct Wrapper {
    pub(super) seal: Seal,
    pub(super) master: MasterKeyId,
}

/// Reads the master keys again, from where they came.
type Source = dyn Fn() -> Result<Vec<MasterKey>, String> + Send + Sync;

/// The master keys that a process holds: one, and two while one takes the place of the other. Clones share them.
#[derive(Clone)]
pub struct MasterKeys(Arc<Shared>);

struct Shared {
    keys: ArcSwap<Vec<MasterKey>>,
    source: Option<Box<Source>>,
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self::new(vec![key])
    }
}

impl MasterKeys {
    /// These keys, for as long as the process runs. The first of them is a new database's.
    pub fn new(keys: Vec<MasterKey>) -> Self {
        Self(Arc::new(Shared {
            keys: ArcSwap::from_pointee(keys),
            source: None,
        }))
    }

    /// These keys, and those that `source` gives by then where one is asked for that is not among them.
    pub fn read_again_by(
        keys: Vec<MasterKey>,
        source: impl Fn() -> Result<Vec<MasterKey>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            keys: ArcSwap::from_pointee(keys),
            source: Some(Box::new(source)),
        }))
    }

    /// What databases recognise them by.
    pub fn check_values(&self) -> Vec<String> {
        self.0
            .keys
            .load()
            .iter()
            .map(MasterKey::check_value)
            .collect()
    }

    /// Their names.
    pub fn ids(&self) -> Vec<MasterKeyId> {
        self.0.keys.load().iter().map(MasterKey::id).collect()
    }

    /// The key of this name. Where it is not here, the keys are read again.
    pub fn find(&self, id: MasterKeyId) -> Option<MasterKey> {
        self.held(id).or_else(|| {
            self.read_again();
            self.held(id)
        })
    }

    fn held(&self, id: MasterKeyId) -> Option<MasterKey> {
        self.0
            .keys
            .load()
            .iter()
            .find(|key| key.id() == id)
            .cloned()
    }

    fn read_again(&self) {
        let Some(source) = &self.0.source else {
            return;
        };
        match source() {
            Ok(keys) => self.0.keys.store(Arc::new(keys)),
            Err(error) => tracing::warn!(%error, "the master key can't be read again"),
        }
    }

    /// The key that wraps what is written now.
    pub(super) fn wraps(&self, cluster: &Cluster) -> Result<MasterKey, Fault> {
        self.needed(cluster.master.wraps())
    }

    /// The key of this name, from where the keys are kept and not from what was read of them before. A second operator may have
    /// put another file in the place of the one it was added to, and what it wrapped would open nowhere.
    pub(super) fn kept(&self, id: MasterKeyId) -> Result<MasterKey, Fault> {
        let Some(source) = &self.0.source else {
            return self.needed(id);
        };
        let keys = source().map_err(Fault::new)?;
        let found = keys.into_iter().find(|key| key.id() == id);
        found.ok_or_else(|| {
            StoreError::Conflict(format!(
                "the master key {id} is not in the file of the master key any more: others have changed it meanwhile. Put it back"
            ))
            .into()
        })
    }

    pub(super) fn needed(&self, id: MasterKeyId) -> Result<MasterKey, Fault> {
        let found = self.find(id);
        found.ok_or_else(|| StoreError::LacksMasterKey { id }.into())
    }

    /// What opens each of `rows`.
    pub(super) fn unwrappers(&self, context: &str, rows: &[KeyRow]) -> Result<Unwrappers, Fault> {
        let mut wrappers: Vec<Wrapper> = Vec::new();
        for row in rows {
            if !wrappers.iter().any(|wrapper| wrapper.master == row.master) {
                wrappers.push(self.needed(row.master)?.wrapper(context));
            }
        }
        Ok(Unwrappers(wrappers))
    }
}

/// The master keys that wrap some rows.
pub(super) struct Unwrappers(Vec<Wrapper>);

impl Unwrappers {
    /// What opens `row`, one of the rows that this was made for.
    pub(super) fn of(&self, row: &KeyRow) -> &Seal {
        let mut wrappers = self.0.iter();
        let found = wrappers.find(|wrapper| wrapper.master == row.master);
        &found.expect("there is one for each row").seal
    }
}
