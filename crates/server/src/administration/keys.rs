//! Keys: listed, and rotated in the ordinary way. That of the master key is in `master_keys.rs`.

use safeconduct_protocol::{jose::Algorithm, time::Timestamp};
use safeconduct_store::KeyRow;

use super::{Administration, Refused};
use crate::keys::{
    Resealed, Rotated, Rotating, RotationError, kept_until, kids, reseal_credentials, rotate,
};

/// What begins the purpose of a signing key.
const SIGNING: &str = "sign:";

/// What a rotation has come to.
pub struct Rotation {
    /// For each kind that was to be rotated, what was done or why nothing was.
    pub steps: Vec<(Rotating, Result<Rotated, RotationError>)>,
    /// What became of passwords, which the sealing key keeps.
    pub resealed: Resealed,
    /// The keys of these kinds, as they are now.
    pub keys: Vec<ListedKey>,
}

/// A key as it is listed.
pub struct ListedKey {
    /// Its row.
    pub row: KeyRow,
    /// Of one that signs, its name in the JWKS, where it opens.
    pub kid: Option<String>,
}

impl ListedKey {
    /// Until when a retired key is kept, as what it made may still come; longer, where rows were made with it and still are.
    pub fn needed_until(&self) -> Option<Timestamp> {
        let retired_at = self
            .row
            .retired_at
            .filter(|_| self.row.state == "retired")?;
        kept_until(&self.row.purpose, retired_at).map(|(end, _)| end)
    }
}

impl Administration<'_> {
    /// Every key, by purpose; of each, what is used first comes first.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys(&self) -> Result<Vec<ListedKey>, Refused> {
        let mut keys = self.store.catalog().await?.keys;
        let mut kids = kids(self.masters, self.issuer, self.cluster, &keys);
        // "active" before "next" before "retired", as the words stand in the alphabet.
        keys.sort_by(|one, other| {
            (&one.purpose, &one.state, one.created_at).cmp(&(
                &other.purpose,
                &other.state,
                other.created_at,
            ))
        });
        let listed = keys.into_iter().map(|row| ListedKey {
            kid: kids.remove(&row.id),
            row,
        });
        Ok(listed.collect())
    }

    /// Takes the next step for `which` keys, or for every algorithm that has one. What is not due yet is passed over, for others
    /// may be.
    ///
    /// # Errors
    /// The database's, or a row that does not open.
    pub async fn rotate_keys(
        &self,
        which: Option<Rotating>,
        at_once: bool,
    ) -> Result<Rotation, Refused> {
        let (prefix, rotating) = match which {
            Some(Rotating::Sealing) => ("seal:", vec![Rotating::Sealing]),
            Some(Rotating::Hash) => ("hash", vec![Rotating::Hash]),
            Some(signing) => (SIGNING, vec![signing]),
            None => (SIGNING, signing_keys(&self.keys().await?)),
        };
        let (store, masters, issuer, now) = (self.store, self.masters, self.issuer, self.now);
        let mut rotation = Rotation {
            steps: Vec::new(),
            resealed: Resealed::default(),
            keys: Vec::new(),
        };
        for each in rotating {
            let step = rotate(store, masters, issuer, each, now, at_once).await;
            let has_failed = matches!(step, Err(RotationError::Fault(_)));
            rotation.steps.push((each, step));
            // What was rotated before is reported with it.
            if has_failed {
                return Ok(rotation);
            }
        }
        // Passwords are sealed with the key that is active, so that the one before is needed no more.
        if matches!(rotation.steps.as_slice(), [(Rotating::Sealing, Ok(_))]) {
            rotation.resealed = reseal_credentials(store, masters, issuer, now).await?;
        }
        let keys = self.keys().await?.into_iter();
        rotation.keys = keys
            .filter(|key| key.row.purpose.starts_with(prefix))
            .collect();
        Ok(rotation)
    }
}

impl Administration<'_> {
    /// Deletes a retired key before it goes by itself, if nothing that it made can come any more.
    ///
    /// # Errors
    /// There is no such key, it is needed, or the database's.
    pub async fn delete_key(&self, id: i64) -> Result<(), Refused> {
        let keys = self.keys().await?.into_iter();
        let key = keys.map(|key| key.row).find(|row| row.id == id);
        let key = key.ok_or(Refused::NoKey(id))?;
        let needed = |until: String| Refused::KeyNeeded { id, until };
        let retired_at = key.retired_at.filter(|_| key.state == "retired");
        let Some(retired_at) = retired_at else {
            return Err(needed(format!("as long as it is {}", key.state)));
        };
        let Some((end, with_its_rows)) = kept_until(&key.purpose, retired_at) else {
            return Err(needed("for good".to_owned()));
        };
        if self.now < end {
            return Err(needed(format!("until {}", rfc3339(end))));
        }
        let deleted = match with_its_rows {
            true => self.store.delete_unused_key(id, self.now).await?,
            false => self.store.delete_key(id, self.now).await.map(|()| true)?,
        };
        match deleted {
            true => Ok(()),
            false => Err(needed("as long as a row was made with it".to_owned())),
        }
    }
}

fn rfc3339(time: Timestamp) -> String {
    let written = jiff::Timestamp::from_second(time.seconds());
    written.map_or_else(|_| time.seconds().to_string(), |time| time.to_string())
}

fn signing_keys(keys: &[ListedKey]) -> Vec<Rotating> {
    let has_key = |algorithm: &Algorithm| {
        let purpose = format!("{SIGNING}{}", algorithm.name());
        keys.iter().any(|key| key.row.purpose == purpose)
    };
    let algorithms = Algorithm::ALL.into_iter().filter(has_key);
    algorithms.map(Rotating::Signing).collect()
}
