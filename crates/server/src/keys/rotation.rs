//! One key after another, in the ordinary way: the next one is made and known to everybody before it is used, and the one before
//! is kept as long as it is needed. The master key is a case of its own: its successor wraps row by row.

use safeconduct_protocol::{ids::UserId, jose::Algorithm, seal::Kind, time::Timestamp};
use safeconduct_store::{
    ActingStore, Cluster, KeyRow, MasterKeyAnswer, MasterKeyId, SealedCredential, Store, StoreError,
};

use super::schedule::SEALED;
use super::{
    ACTIVE, Keys, MasterKeys, PASSWORD, Purpose, TOTP, Wrapper, context, credential_data,
    master::Unwrappers, new_key, resealed, span,
};
use crate::fault::Fault;

/// How many credentials are sealed anew in one write.
const BATCH: u32 = 200;
/// How often everything is gone through, while others change it.
const PASSES: usize = 8;

/// Which keys are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotating {
    /// Those that sign with an algorithm.
    Signing(Algorithm),
    /// Those that seal, of every kind.
    Sealing,
    /// The one that client secrets and recovery codes are hashed with.
    Hash,
}

impl Rotating {
    fn purposes(self) -> Vec<Purpose> {
        match self {
            Self::Signing(algorithm) => vec![Purpose::Sign(algorithm)],
            Self::Sealing => SEALED.into_iter().map(Purpose::Seal).collect(),
            Self::Hash => vec![Purpose::Hash],
        }
    }
}

/// What a rotation has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The next key is made, and known to everybody within a poll. Rotating again uses it, after this many seconds.
    Published {
        /// How long it waits.
        waits: i64,
    },
    /// The next key is used.
    Used,
}

/// Why keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The next key is not known to everybody yet.
    #[error("the next key of {purpose} was made {} ago, and waits for {}", span(*.age), span(*.waits))]
    TooSoon {
        /// What it is for.
        purpose: String,
        /// How old it is, in seconds.
        age: i64,
        /// How long it has to wait, in seconds.
        waits: i64,
    },
    /// There is no such key to rotate.
    #[error("there is no such key")]
    NoKey,
    /// The database, or a row that does not open.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// The rows of `keys` with what opens each of them, and what wraps new ones.
pub(super) struct Opened {
    pub(super) cluster: Cluster,
    pub(super) rows: Vec<KeyRow>,
    pub(super) unwrappers: Unwrappers,
    pub(super) wrapper: Wrapper,
}

impl Opened {
    pub(super) async fn read(
        store: &Store,
        masters: &MasterKeys,
        issuer: &str,
    ) -> Result<Self, Fault> {
        let catalog = store.catalog().await?;
        let cluster = catalog
            .cluster
            .ok_or_else(|| Fault::new("the database belongs to no cluster"))?;
        let context = context(issuer, &cluster);
        Ok(Self {
            unwrappers: masters.unwrappers(&context, &catalog.keys)?,
            wrapper: masters.wraps(&cluster)?.wrapper(&context),
            rows: catalog.keys,
            cluster,
        })
    }

    pub(super) fn find(&self, purpose: Purpose, state: &str) -> Option<&KeyRow> {
        let name = purpose.name();
        self.rows
            .iter()
            .find(|row| row.purpose == name && row.state == state)
    }
}

/// Takes the next step of a rotation: makes the next keys where there are none, and else uses them if they are known long enough,
/// or `at_once`. The key that signs after the next one is made and published with the same step.
///
/// # Errors
/// [`RotationError`].
pub async fn rotate(
    store: &ActingStore,
    masters: &MasterKeys,
    issuer: &str,
    rotating: Rotating,
    now: Timestamp,
    at_once: bool,
) -> Result<Rotated, RotationError> {
    let mut keys = Opened::read(store, masters, issuer).await?;
    let purposes = rotating.purposes();
    if purposes
        .iter()
        .all(|purpose| keys.find(*purpose, ACTIVE).is_none())
    {
        return Err(RotationError::NoKey);
    }
    if purposes
        .iter()
        .all(|purpose| keys.find(*purpose, "next").is_none())
    {
        let new = purposes
            .iter()
            .map(|purpose| new_key(&keys.wrapper, *purpose, false));
        store.add_keys(new.collect::<Result<_, _>>()?, now).await?;
        let waits = purposes.iter().filter_map(|purpose| purpose.window().waits);
        if !at_once {
            return Ok(Rotated::Published {
                waits: waits.max().unwrap_or_default(),
            });
        }
        keys = Opened::read(store, masters, issuer).await?;
    }
    let next = purposes
        .iter()
        .filter_map(|purpose| Some((*purpose, keys.find(*purpose, "next")?)));
    let next: Vec<_> = next.collect();
    for (purpose, row) in &next {
        let (age, waits) = (now.since(row.created_at), purpose.window().waits);
        if let Some(waits) = waits.filter(|waits| age < *waits && !at_once) {
            let purpose = purpose.name();
            return Err(RotationError::TooSoon {
                purpose,
                age,
                waits,
            });
        }
    }
    for (purpose, row) in next {
        let promoted = resealed(keys.unwrappers.of(row), &keys.wrapper, row, ACTIVE)?;
        let active = keys.find(purpose, ACTIVE);
        let retired = active
            .map(|row| resealed(keys.unwrappers.of(row), &keys.wrapper, row, "retired"))
            .transpose()?;
        store.promote_key(&promoted, retired.as_ref(), now).await?;
        if matches!(purpose, Purpose::Sign(_)) {
            let following = new_key(&keys.wrapper, purpose, false)?;
            store.add_keys(vec![following], now).await?;
        }
    }
    Ok(Rotated::Used)
}

/// What sealing credentials anew has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many are sealed with the active key now that were not before.
    pub credentials: u64,
    /// Whose can't be opened, and stay as they are.
    pub unreadable: Vec<UserId>,
}

/// Seals every credential with the active key that is sealed with another one. What is changed meanwhile is left alone.
///
/// # Errors
/// The database's, or a fault if a key does not open.
pub async fn reseal_credentials(
    store: &Store,
    masters: &MasterKeys,
    issuer: &str,
    now: Timestamp,
) -> Result<Resealed, Fault> {
    let Opened { cluster, rows, .. } = Opened::read(store, masters, issuer).await?;
    let keys = Keys::open(masters, issuer, &cluster, &rows, now)?;
    let purpose = Purpose::Seal(Kind::Credential).name();
    let active = rows
        .iter()
        .find(|row| row.purpose == purpose && row.state == ACTIVE)
        .map_or(0, |row| row.id);
    let mut done = Resealed::default();
    for _ in 0..PASSES {
        let (mut last, mut changed): (Option<SealedCredential>, u64) = (None, 0);
        done.unreadable.clear();
        loop {
            let page = store
                .credentials_sealed_otherwise(active, last.as_ref(), BATCH)
                .await?;
            let mut resealed = Vec::new();
            for kept in &page {
                match keys.reseal(kept) {
                    Some(sealed) => resealed.push((kept.clone(), sealed)),
                    None => done.unreadable.push(kept.user.clone()),
                }
            }
            changed += store.reseal_credentials(&resealed, active).await?;
            match page.into_iter().last() {
                Some(kept) => last = Some(kept),
                None => break,
            }
        }
        done.credentials += changed;
        if changed == 0 {
            break;
        }
    }
    Ok(done)
}

impl Keys {
    /// The credential sealed with the active key, if it can be opened.
    fn reseal(&self, kept: &SealedCredential) -> Option<String> {
        let kinds = [PASSWORD, TOTP];
        let kind = kinds.into_iter().find(|kind| *kind == kept.kind)?;
        let data = credential_data(&kept.user, kind);
        let seal = self.seal();
        let opened = seal.open_bytes(Kind::Credential, &data, &kept.sealed);
        seal.seal_bytes(Kind::Credential, &data, &opened.ok()?).ok()
    }
}

/// The nodes that have said since `asked` that they lack the announced master key `next`, or could not prove that they hold it.
/// `asked` is what nodes had said by then: it tells nothing about nodes that may be gone, or have lost the key.
///
/// # Errors
/// The database's, or a fault if the key is not here either.
pub async fn nodes_lacking(
    store: &Store,
    masters: &MasterKeys,
    next: MasterKeyId,
    asked: &[MasterKeyAnswer],
) -> Result<Vec<String>, Fault> {
    let key = masters.needed(next)?;
    let answers = store.master_key_answers(next).await?.into_iter();
    let lacking = answers
        .filter(|answer| !asked.contains(answer))
        .filter(|answer| answer.proof.as_deref() != Some(key.proof_of(&answer.node).as_str()));
    Ok(lacking.map(|answer| answer.node).collect())
}

/// What wrapping with another master key has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// How many keys are wrapped with it now that were not before.
    pub keys: u64,
    /// What does not open, and stays as it is: number and purpose.
    pub unreadable: Vec<(i64, String)>,
    /// Whether the master key has taken the place of the one before, which wraps nothing any more.
    pub done: bool,
}

/// Lets the announced master key `next` wrap what is written from now on, wraps every key with it that another one wraps, and makes
/// it the active one when nothing is left. It may be cut off at any place and begun again, by anybody, and goes on past what does
/// not open.
///
/// # Errors
/// The database's, or a fault if `next` is not here. A conflict where its announcement was taken back, or the file of the master
/// key does not hold it any more.
pub async fn rewrap(
    store: &ActingStore,
    masters: &MasterKeys,
    issuer: &str,
    next: MasterKeyId,
    now: Timestamp,
) -> Result<Rewrapped, Fault> {
    let master = masters.kept(next)?;
    store.begin_wrapping(next, now).await?;
    let mut done = Rewrapped::default();
    for _ in 0..PASSES {
        let catalog = store.catalog().await?;
        let cluster = catalog
            .cluster
            .ok_or_else(|| Fault::new("the database belongs to no cluster"))?;
        let context = context(issuer, &cluster);
        let wrapper = master.wrapper(&context);
        let others = catalog.keys.iter().filter(|row| row.master != next);
        done.unreadable.clear();
        let mut left = 0;
        for row in others {
            let unwrappers = masters.unwrappers(&context, std::slice::from_ref(row));
            let rewrapped = unwrappers
                .and_then(|unwrappers| resealed(unwrappers.of(row), &wrapper, row, &row.state));
            match rewrapped {
                Ok(key) if store.rewrap_key(row, &key.sealed, next).await? => done.keys += 1,
                // Changed meanwhile: looked at again.
                Ok(_) => left += 1,
                Err(Fault::Store(error)) if !matches!(error, StoreError::LacksMasterKey { .. }) => {
                    return Err(error.into());
                }
                Err(_) => done.unreadable.push((row.id, row.purpose.clone())),
            }
        }
        if left == 0 {
            break;
        }
    }
    masters.kept(next)?;
    done.done = done.unreadable.is_empty()
        && store
            .activate_master_key(next, &master.check_value(), now)
            .await?;
    Ok(done)
}
