//! Which DPoP proofs were used: each is good once (RFC 9449 §11.1).
//!
//! Only a proof that passed everything else comes here, so that no client takes room without a valid token and its key. A proof
//! is kept until its age alone refuses it, also by a clock that is set back a little, in a slot of ten seconds that is dropped as a whole. The memory belongs to this
//! process, and it is bounded: where it is full, no proof is taken until a slot is dropped.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use safeconduct_protocol::dpop::Proof;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::LEEWAY;
use safeconduct_protocol::time::Timestamp;

use crate::denied::Refusal;
use crate::reason::Reason;

/// How many proofs are remembered: about 40 MB of them, 11,000 requests a second.
const MOST_PROOFS: usize = 1_000_000;
/// The seconds whose proofs are forgotten together.
const SLOT: i64 = 10;

/// The proofs that were used.
pub(crate) struct UsedProofs {
    most: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// By the slot in which they may be forgotten.
    by_end: BTreeMap<i64, HashSet<[u8; 16]>>,
    count: usize,
}

impl UsedProofs {
    pub(crate) fn new() -> Self {
        Self::holding(MOST_PROOFS)
    }

    fn holding(most: usize) -> Self {
        Self {
            most,
            slots: Mutex::default(),
        }
    }

    /// Takes `proof`, if it is used for the first time.
    pub(crate) fn take(&self, proof: &Proof, now: Timestamp) -> Result<(), Refusal> {
        let name = name(proof);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.forget(now);
        if slots.by_end.values().any(|slot| slot.contains(&name)) {
            return Err(Reason::ProofReplayed.into());
        }
        if slots.count >= self.most {
            return Err(Refusal::from(Reason::TooManyProofs).retry_after(SLOT));
        }
        slots.count += 1;
        let end = proof.ends_at().plus(LEEWAY).seconds().div_euclid(SLOT);
        slots.by_end.entry(end).or_default().insert(name);
        Ok(())
    }
}

impl Slots {
    fn forget(&mut self, now: Timestamp) {
        let current = now.seconds().div_euclid(SLOT);
        while let Some(slot) = self
            .by_end
            .first_entry()
            .filter(|slot| *slot.key() < current)
        {
            self.count -= slot.remove().len();
        }
    }
}

/// A key's name for a proof, of one size whatever the client chose.
fn name(proof: &Proof) -> [u8; 16] {
    let text = [proof.thumbprint.as_str(), &proof.jti].join(" ");
    let mut name = [0; 16];
    name.copy_from_slice(&encoding::sha256(text.as_bytes())[..16]);
    name
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use safeconduct_protocol::dpop::{PROOF_LIFE, Presented, ProofKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const URI: &str = "https://api.example.com/";

    fn proof_of(key: &ProofKey, made_at: Timestamp) -> Proof {
        let text = key.prove("GET", URI, None, None, made_at).unwrap();
        let presented = Presented {
            method: "GET",
            uri: URI,
            access_token: None,
        };
        Proof::verify(&text, &presented, made_at).unwrap()
    }

    fn proof(made_at: Timestamp) -> Proof {
        proof_of(&ProofKey::generate(), made_at)
    }

    fn refusal(used: &UsedProofs, proof: &Proof, now: Timestamp) -> Option<Reason> {
        used.take(proof, now).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn a_proof_is_taken_once_for_as_long_as_it_could_be_accepted() {
        let used = UsedProofs::new();
        let proof = proof(NOW);
        assert_eq!(refusal(&used, &proof, NOW), None);
        for later in [0, 1, PROOF_LIFE, PROOF_LIFE + LEEWAY] {
            assert_eq!(
                refusal(&used, &proof, NOW.plus(later)),
                Some(Reason::ProofReplayed)
            );
        }
        assert_eq!(
            refusal(&used, &proof, NOW.plus(-3600)),
            Some(Reason::ProofReplayed),
            "a clock that was set back forgets nothing"
        );
    }

    #[test]
    fn the_names_of_one_key_are_not_anothers() {
        let used = UsedProofs::new();
        let (mut one, other) = (proof(NOW), proof(NOW));
        one.jti = other.jti.clone();
        assert_eq!(refusal(&used, &one, NOW), None);
        assert_eq!(refusal(&used, &other, NOW), None);
        let key = ProofKey::generate();
        assert_eq!(refusal(&used, &proof_of(&key, NOW), NOW), None);
        assert_eq!(refusal(&used, &proof_of(&key, NOW), NOW), None);
    }

    #[test]
    fn a_name_used_again_in_a_younger_proof_is_a_replay() {
        let used = UsedProofs::new();
        let key = ProofKey::generate();
        let first = proof_of(&key, NOW);
        let mut second = proof_of(&key, NOW.plus(40));
        second.jti = first.jti.clone();
        assert_eq!(refusal(&used, &first, NOW), None);
        assert_eq!(
            refusal(&used, &second, NOW.plus(40)),
            Some(Reason::ProofReplayed)
        );
    }

    /// Attacks: P04.
    #[test]
    fn a_full_memory_takes_no_proof_until_a_slot_is_dropped() {
        let used = UsedProofs::holding(3);
        let key = ProofKey::generate();
        let first = proof_of(&key, NOW);
        assert_eq!(refusal(&used, &first, NOW), None);
        for _ in 0..2 {
            assert_eq!(refusal(&used, &proof_of(&key, NOW), NOW), None);
        }
        assert_eq!(
            used.take(&proof_of(&key, NOW), NOW),
            Err(Refusal::from(Reason::TooManyProofs).retry_after(SLOT))
        );
        assert_eq!(refusal(&used, &first, NOW), Some(Reason::ProofReplayed));
        let later = first.ends_at().plus(LEEWAY + SLOT);
        assert_eq!(refusal(&used, &proof_of(&key, later), later), None);
        let slots = used.slots.lock().unwrap();
        assert_eq!((slots.count, slots.by_end.len()), (1, 1));
    }

    #[test]
    fn of_those_who_present_a_proof_at_once_one_passes() {
        let used = UsedProofs::new();
        let proof = proof(NOW);
        let passed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    if used.take(&proof, NOW).is_ok() {
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 1);
    }
}
