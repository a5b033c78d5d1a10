//! When keys were lost: everything that a thief could seal, sign or read with them is worth nothing from one write on.

use safeconduct_protocol::{jose::Algorithm, seal::Kind, time::Timestamp};
use safeconduct_store::{ActingStore, KeyRow, Replacement};

use super::schedule::SEALED;
use super::{ACTIVE, MasterKeys, Purpose, new_key, resealed, rotation::Opened};
use crate::fault::Fault;

/// How often other changes of keys may come first before we give up.
const TRIES: usize = 8;

/// Which signing keys were lost. Every other key is taken for lost in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// All of them.
    EverySigningKey,
    /// Those of these numbers.
    SigningKeys(Vec<i64>),
}

impl Lost {
    /// A number that is no signing key's among `rows`.
    fn unknown(&self, rows: &[KeyRow]) -> Option<i64> {
        let Self::SigningKeys(ids) = self else {
            return None;
        };
        let is_known = |id: &i64| signing(rows).any(|row| row.id == *id);
        ids.iter().find(|id| !is_known(id)).copied()
    }
}

/// What took the place of what was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The era that began.
    pub era: i64,
    /// Signing keys that nobody is to believe any more: number and purpose.
    pub withdrawn: Vec<(i64, String)>,
}

/// Puts new keys in the place of lost ones, in one write. Signing keys are withdrawn: they are no more in the JWKS, and nothing
/// they signed is believed here, whichever state they were in. A key that waited to be the next one goes as well. What was sealed is
/// refused, but for credentials, which are to be sealed anew, and client secrets keep their hashes until they are used. The key of
/// subjects stays. A new era begins, and every session ends.
///
/// # Errors
/// The database's; a fault if a row that is still needed does not open, or a number is no signing key's.
pub async fn replace_lost(
    store: &ActingStore,
    masters: &MasterKeys,
    issuer: &str,
    lost: &Lost,
    now: Timestamp,
) -> Result<Recovered, Fault> {
    for _ in 0..TRIES {
        let keys = Opened::read(store, masters, issuer).await?;
        let withdrawn = withdrawn(&keys, lost)?;
        let replacement = replacement(&keys, lost, &withdrawn)?;
        if let Some(era) = store.replace_keys(replacement, now).await? {
            return Ok(Recovered { era, withdrawn });
        }
    }
    Err(Fault::new("others change the keys all the time"))
}

/// Number and purpose of the signing keys that are withdrawn.
fn withdrawn(keys: &Opened, lost: &Lost) -> Result<Vec<(i64, String)>, Fault> {
    if let Some(id) = lost.unknown(&keys.rows) {
        return Err(Fault::new(format!("there is no signing key {id}")));
    }
    let is_lost = |row: &&KeyRow| match lost {
        Lost::EverySigningKey => true,
        Lost::SigningKeys(ids) => ids.contains(&row.id),
    };
    let lost = signing(&keys.rows).filter(is_lost);
    Ok(lost.map(|row| (row.id, row.purpose.clone())).collect())
}

fn signing(rows: &[KeyRow]) -> impl Iterator<Item = &KeyRow> {
    let signs = |row: &&KeyRow| matches!(Purpose::parse(&row.purpose), Some(Purpose::Sign(_)));
    rows.iter().filter(signs)
}

fn replacement(
    keys: &Opened,
    lost: &Lost,
    withdrawn: &[(i64, String)],
) -> Result<Replacement, Fault> {
    let handed_out = SEALED.into_iter().filter(|kind| *kind != Kind::Credential);
    let mut gone: Vec<Purpose> = handed_out.map(Purpose::Seal).collect();
    gone.push(Purpose::Guesses);
    let needed = [Purpose::Seal(Kind::Credential), Purpose::Hash];
    let (mut retired, mut new) = (Vec::new(), Vec::new());
    for purpose in needed {
        if let Some(row) = keys.find(purpose, ACTIVE) {
            let key = resealed(keys.unwrappers.of(row), &keys.wrapper, row, "retired")?;
            retired.push((purpose.name(), key));
        }
    }
    for purpose in gone.iter().chain(&needed) {
        new.push(new_key(&keys.wrapper, *purpose, true)?);
    }
    for purpose in Algorithm::ALL.into_iter().map(Purpose::Sign) {
        let name = purpose.name();
        let active = keys.find(purpose, ACTIVE);
        let is_lost = |id: i64| withdrawn.iter().any(|(lost, _)| *lost == id);
        if active.is_some_and(|row| is_lost(row.id)) {
            new.push(new_key(&keys.wrapper, purpose, true)?);
        }
        if active.is_some() && withdrawn.iter().any(|(_, of)| *of == name) {
            new.push(new_key(&keys.wrapper, purpose, false)?);
        }
    }
    if *lost == Lost::EverySigningKey {
        gone.extend(Algorithm::ALL.into_iter().map(Purpose::Sign));
    }
    Ok(Replacement {
        purposes: gone.into_iter().map(Purpose::name).collect(),
        withdrawn: match lost {
            Lost::EverySigningKey => Vec::new(),
            Lost::SigningKeys(_) => withdrawn.to_vec(),
        },
        retired,
        new,
        master: keys.wrapper.master,
    })
}
