//! The form in which a node exports what it has counted: bytes of bounded length, with keyed hashes for names.
//!
//! A version, then for each kind of key how many entries, then the entries, all numbers big-endian. What is not exactly this
//! is not read: a later release may export more than this one understands.

const VERSION: u8 = 2;

/// The most entries of one kind that are exported: the most spent ones.
pub(super) const MOST: usize = 1024;

/// Pairs, accounts, addresses, sign-ins.
pub(super) const KINDS: usize = 4;

/// What is exported of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: u64,
    /// Since when it was guessed at, or signed in to. Seconds since 1970.
    pub(super) at: i64,
    /// What its guesses were charged, in seconds of refilling.
    pub(super) seconds: u32,
}

pub(super) fn encode(exported: &[Vec<Entry>; KINDS]) -> Vec<u8> {
    let entries: usize = exported.iter().map(Vec::len).sum();
    let mut bytes = Vec::with_capacity(1 + 4 * KINDS + 20 * entries);
    bytes.push(VERSION);
    for entries in exported {
        let count = u32::try_from(entries.len()).expect("at most MOST entries are exported");
        bytes.extend_from_slice(&count.to_be_bytes());
        for entry in entries {
            bytes.extend_from_slice(&entry.key.to_be_bytes());
            bytes.extend_from_slice(&entry.at.to_be_bytes());
            bytes.extend_from_slice(&entry.seconds.to_be_bytes());
        }
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<[Vec<Entry>; KINDS]> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut exported: [Vec<Entry>; KINDS] = Default::default();
    for entries in &mut exported {
        let count = u32::from_be_bytes(take(&mut rest)?) as usize;
        if count > MOST {
            return None;
        }
        for _ in 0..count {
            entries.push(Entry {
                key: u64::from_be_bytes(take(&mut rest)?),
                at: i64::from_be_bytes(take(&mut rest)?),
                seconds: u32::from_be_bytes(take(&mut rest)?),
            });
        }
    }
    rest.is_empty().then_some(exported)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry =
            any::<(u64, i64, u32)>().prop_map(|(key, at, seconds)| Entry { key, at, seconds });
        prop::collection::vec(entry, 0..20)
    }

    proptest! {
        #[test]
        fn what_is_exported_is_read(exported in [entries(), entries(), entries(), entries()]) {
            prop_assert_eq!(decode(&encode(&exported)), Some(exported));
        }

        #[test]
        fn what_was_not_exported_is_not_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(exported) = decode(&bytes) {
                prop_assert_eq!(encode(&exported), bytes);
            }
        }
    }

    #[test]
    fn no_more_is_exported_than_fits() {
        let entry = Entry {
            key: 1,
            at: 2,
            seconds: 3,
        };
        let exported = |count| [vec![entry; count], vec![], vec![], vec![]];
        assert!(decode(&encode(&exported(MOST))).is_some());
        assert!(decode(&encode(&exported(MOST + 1))).is_none());
    }
}
