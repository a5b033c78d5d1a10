//! What the hash of a name costs that has none.
//!
//! Stored hashes may differ in what they cost: imported ones keep their parameters until their owner signs in. If a name
//! without a hash always cost what a new hash does, then whoever takes longer would exist. So such a name costs what one of
//! the stored hashes does, drawn by the keyed hash of the name: always the same one for the same name, on every node, and in
//! all as often as stored hashes cost so.
//!
//! Names are dealt out from the dearest cost to the cheapest. As users sign in and their hashes are replaced by new ones, the
//! share of the dear ones falls, and a name that has no hash goes from dear to cheap once, as one that has would.

use std::cmp::Reverse;

use safeconduct_protocol::time::Timestamp;

use super::cost::{COST, Cost};

/// How many stored hashes cost how much.
#[derive(Debug)]
pub(super) struct StoredCosts {
    /// The dearest first.
    counted: Vec<(Cost, u64)>,
    /// When they were counted.
    pub(super) at: Timestamp,
}

impl Default for StoredCosts {
    /// Of no hashes, and of long ago.
    fn default() -> Self {
        Self::counted(&[], Timestamp::from_seconds(0))
    }
}

impl StoredCosts {
    /// Takes what the store has counted. A hash of which no cost is written down is counted as a new one, as is one that can't
    /// be checked: checking against it costs what a draw does.
    pub(super) fn counted(counts: &[(Option<String>, u64)], at: Timestamp) -> Self {
        let mut counted: Vec<(Cost, u64)> = Vec::new();
        for (cost, count) in counts {
            let cost = cost.as_deref().and_then(Cost::parse).unwrap_or(COST);
            match counted.iter_mut().find(|(known, _)| *known == cost) {
                Some((_, known)) => *known += count,
                None => counted.push((cost, *count)),
            }
        }
        counted.sort_by_key(|(cost, _)| Reverse((cost.work(), *cost)));
        Self { counted, at }
    }

    /// What the name behind this keyed hash costs, if it has no hash.
    pub(super) fn drawn(&self, name: u64) -> Cost {
        let total: u64 = self.counted.iter().map(|(_, count)| count).sum();
        // The name's place among all, as if they were put in a row: less than `total`.
        let scaled = (u128::from(name) * u128::from(total)) >> 64;
        let mut before = 0;
        for (cost, count) in &self.counted {
            before += count;
            if scaled < u128::from(before) {
                return *cost;
            }
        }
        COST
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use safeconduct_protocol::encoding::hmac_sha256;

    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    const DEAR: &str = "m=65536,t=4,p=1";
    const USUAL: &str = "m=19456,t=2,p=1";

    fn costs(dear: u64, usual: u64) -> StoredCosts {
        let counts = [
            (Some(DEAR.to_owned()), dear),
            (Some(USUAL.to_owned()), usual),
        ];
        StoredCosts::counted(&counts, NOON)
    }

    fn name(number: u64) -> u64 {
        let hash = hmac_sha256(&[7; 32], &number.to_be_bytes());
        u64::from_be_bytes(*hash.first_chunk().unwrap())
    }

    #[test]
    fn without_imported_hashes_every_name_costs_what_a_new_hash_does() {
        for costs in [StoredCosts::default(), costs(0, 0), costs(0, 1_000)] {
            assert!((0..1_000).all(|number| costs.drawn(name(number)) == COST));
            assert_eq!((costs.drawn(0), costs.drawn(u64::MAX)), (COST, COST));
        }
    }

    /// Attacks: L12.
    #[test]
    fn names_without_a_hash_cost_as_often_as_much_as_those_with_one() {
        let costs = costs(250, 750);
        let dear = Cost::parse(DEAR).unwrap();
        let drawn = (0..4_000).filter(|number| costs.drawn(name(*number)) == dear);
        assert!((900..1_100).contains(&drawn.count()));
    }

    #[test]
    fn a_cost_that_is_not_known_is_that_of_a_new_hash() {
        let counts = [
            (None, 3),
            (Some("bcrypt".to_owned()), 2),
            (Some(USUAL.to_owned()), 1),
        ];
        assert_eq!(StoredCosts::counted(&counts, NOON).counted, [(COST, 6)]);
    }

    proptest! {
        #[test]
        fn a_name_goes_from_dear_to_cheap_and_never_back(name: u64, dear in 0..200u64, usual in 0..200u64) {
            let (before, after) = (costs(dear + 1, usual), costs(dear, usual + 1));
            prop_assert!(after.drawn(name).work() <= before.drawn(name).work());
            prop_assert!(costs(dear, usual + 1).drawn(name).work() <= costs(dear, usual).drawn(name).work() || dear + usual == 0);
        }
    }
}
