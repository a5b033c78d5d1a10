//! Sign-ins that failed, counted until they are written: attempts that are alike are one, and what a flood of them takes is bounded.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use safeconduct_protocol::{
    encoding,
    ids::{ClientId, UserId},
    precis,
    time::Timestamp,
};

/// How many attempts that are not alike a node tells apart in a minute: of accounts, and of names that are none.
const MOST: usize = 64;

/// How many of those places one network may take: whoever attacks from one leaves most of them to others.
const MOST_OF_NETWORK: usize = 16;

/// How many a node keeps for a database that takes nothing; what comes then is in the log alone.
const MOST_UNWRITTEN: usize = 4_096;

/// How long attempts are counted together, in seconds.
pub(crate) const MINUTE: i64 = 60;

/// How many bytes of a keyed hash name a name: enough that two of them are never one, and no more than a line has room for.
const HASH: usize = 8;

/// What a node has counted and not written.
#[derive(Default)]
pub(crate) struct FailedAttempts(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    minute: i64,
    /// Those of this minute that are told apart, by whether they are of an account.
    apart: [HashSet<Alike>; 2],
    unwritten: HashMap<Alike, Unwritten>,
}

/// What attempts have in common that are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Alike {
    pub(crate) minute: i64,
    pub(crate) reason: &'static str,
    pub(crate) user: Option<UserId>,
    pub(crate) name: Option<String>,
    pub(crate) network: Option<IpAddr>,
    pub(crate) client: Option<ClientId>,
}

/// How often, and when last.
pub(crate) struct Unwritten {
    pub(crate) times: i64,
    pub(crate) at: Timestamp,
    /// The request of the last one.
    pub(crate) correlation_id: Option<String>,
}

/// What stands for a name that may be nobody's: the same for all its spellings, and nothing without the key.
pub(crate) fn hash_of_name(key: &[u8; 32], name: &str) -> String {
    let name = precis::username_key(name);
    let hash = encoding::hmac_sha256(key, &[b"failed sign-in\n", name.as_bytes()].concat());
    hash[..HASH]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl FailedAttempts {
    /// Counts an attempt of the request `correlation_id`.
    pub(crate) fn count(&self, attempt: Alike, correlation_id: Option<String>, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *counted;
        if counted.minute != attempt.minute {
            counted.minute = attempt.minute;
            counted.apart = Default::default();
        }
        let apart = &mut counted.apart[usize::from(attempt.user.is_some())];
        let attempt = if apart.contains(&attempt) {
            attempt
        } else if apart.len() < MOST && of_network(apart, attempt.network) < MOST_OF_NETWORK {
            apart.insert(attempt.clone());
            attempt
        } else {
            Alike {
                user: None,
                name: None,
                network: None,
                client: None,
                ..attempt
            }
        };
        if counted.unwritten.len() >= MOST_UNWRITTEN && !counted.unwritten.contains_key(&attempt) {
            return;
        }
        let unwritten = counted.unwritten.entry(attempt).or_insert(Unwritten {
            times: 0,
            at: now,
            correlation_id: None,
        });
        unwritten.times += 1;
        unwritten.at = now;
        unwritten.correlation_id = correlation_id;
    }

    /// What is not written yet, which is the caller's now.
    pub(crate) fn take(&self) -> HashMap<Alike, Unwritten> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counted.unwritten)
    }

    /// Counts again what could not be written: under this minute, where its own is so long ago that an export may have gone on behind it.
    pub(crate) fn put_back(&self, taken: HashMap<Alike, Unwritten>, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let this_minute = now.seconds() - now.seconds().rem_euclid(MINUTE);
        for (mut attempt, unwritten) in taken {
            if this_minute - attempt.minute >= 2 * MINUTE {
                attempt.minute = this_minute;
            }
            match counted.unwritten.entry(attempt) {
                std::collections::hash_map::Entry::Occupied(mut newer) => {
                    newer.get_mut().times += unwritten.times;
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(unwritten);
                }
            }
        }
    }
}

fn of_network(apart: &HashSet<Alike>, network: Option<IpAddr>) -> usize {
    apart
        .iter()
        .filter(|known| known.network == network)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str, minute: i64) -> Alike {
        Alike {
            minute,
            reason: "unknown-name",
            user: None,
            name: Some(name.to_owned()),
            network: name.parse().ok().map(network),
            client: None,
        }
    }

    /// One of a thousand networks.
    fn network(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits((10 << 24) + (number % 1_000) * 256).into()
    }

    /// A million attempts under names of their own, in ten minutes.
    #[test]
    fn a_flood_is_a_bounded_number_of_rows_and_all_of_it_is_counted() {
        let attempts = FailedAttempts::default();
        let (mut rows, mut times) = (0, 0);
        for minute in 0..10 {
            let mut kept = HashMap::new();
            for number in 0..100_000 {
                let attempt = attempt(&number.to_string(), minute * MINUTE);
                attempts.count(attempt, None, Timestamp::from_seconds(minute * MINUTE));
                if number % 1_000 == 999 {
                    times += written(&attempts, &mut kept);
                }
            }
            rows += kept.len();
        }
        assert_eq!(times, 1_000_000);
        assert!(rows <= 10 * (MOST + 1), "{rows}");
    }

    fn written(attempts: &FailedAttempts, rows: &mut HashMap<Alike, i64>) -> i64 {
        let taken = attempts.take();
        let times = taken.values().map(|unwritten| unwritten.times).sum();
        for (alike, unwritten) in taken {
            *rows.entry(alike).or_default() += unwritten.times;
        }
        times
    }

    #[test]
    fn what_could_not_be_written_is_counted_on() {
        let attempts = FailedAttempts::default();
        let now = Timestamp::from_seconds(0);
        attempts.count(attempt("ada", 0), None, now);
        let taken = attempts.take();
        attempts.count(attempt("ada", 0), None, now);
        attempts.put_back(taken, now);
        assert_eq!(written(&attempts, &mut HashMap::new()), 2);
    }

    /// Whoever exports believes after three minutes that nothing comes any more.
    #[test]
    fn what_could_not_be_written_for_minutes_is_written_under_the_minute_in_which_it_can_be() {
        let attempts = FailedAttempts::default();
        attempts.count(attempt("ada", 0), None, Timestamp::from_seconds(0));
        for (now, minute) in [(119, 0), (120, 120)] {
            let taken = attempts.take();
            attempts.put_back(taken, Timestamp::from_seconds(now));
            let counted = attempts.0.lock().unwrap();
            let minutes: Vec<_> = counted.unwritten.keys().map(|alike| alike.minute).collect();
            assert_eq!(minutes, [minute]);
        }
    }

    #[test]
    fn one_network_leaves_places_to_others() {
        let attempts = FailedAttempts::default();
        let now = Timestamp::from_seconds(0);
        for number in 0..1_000 {
            let of_one = Alike {
                network: Some(network(1)),
                ..attempt(&format!("flood-{number}"), 0)
            };
            attempts.count(of_one, None, now);
        }
        attempts.count(attempt("2", 0), None, now);
        let taken = attempts.take();
        let named = taken.keys().filter(|alike| alike.name.is_some());
        assert_eq!(named.count(), MOST_OF_NETWORK + 1);
        assert!(taken.keys().any(|alike| alike.name.as_deref() == Some("2")));
    }

    #[test]
    fn a_name_is_hashed_by_its_one_form_and_under_a_key() {
        let hash = |key: u8, name: &str| hash_of_name(&[key; 32], name);
        assert_eq!(hash(1, "Ada"), hash(1, "ada"));
        assert_ne!(hash(1, "ada"), hash(2, "ada"));
        assert_eq!(hash(1, "ada").len(), 2 * HASH);
    }
}
