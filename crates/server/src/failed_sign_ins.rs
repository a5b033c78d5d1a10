//! Sign-ins that failed: why, for the log and for events. The page says none of it.
//!
//! Who fails to sign in is a stranger, and what a stranger can make us write is bounded: attempts of one minute that are alike (account or
//! name, network, reason, client) are one event with a count, and a node tells no more than [`MOST`] of each kind apart in a minute; beyond
//! that there is one event for each reason. An account is written by its id; a name that is none by a keyed hash, because now and then
//! what is typed there is a password.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use safeconduct_protocol::{
    encoding,
    ids::{ClientId, GrantId, UserId},
    precis,
    time::Timestamp,
};
use safeconduct_store::{FailedSignIns, StoreError};

use crate::{
    client_address,
    server::{Exchange, Server},
};

/// How many attempts that are not alike a node tells apart in a minute: of accounts, and of names that are none.
const MOST: usize = 64;

/// How many a node keeps for a database that takes nothing; what comes then is in the log alone.
const MOST_UNWRITTEN: usize = 4_096;

/// How long attempts are counted together, in seconds.
const MINUTE: i64 = 60;

/// How many bytes of a keyed hash name a name: enough that two of them are never one, and no more than a line has room for.
const HASH: usize = 8;

/// Who an attempt was for.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// This account.
    Account(&'a UserId),
    /// Who is called so, if there is such an account.
    Name(&'a str),
    /// Nobody was named.
    Nobody,
}

/// Why a sign-in failed, and whose it would have been, as far as that is known.
pub(crate) struct Cause {
    pub(crate) user: Option<UserId>,
    /// A name of the list in `docs/reference/events.md`.
    pub(crate) reason: &'static str,
}

impl Cause {
    /// For this reason, whoever it was.
    pub(crate) fn new(reason: &'static str, user: Option<&UserId>) -> Self {
        let user = user.cloned();
        Self { user, reason }
    }

    /// A sign-in with this cause: `typed` is the name that was typed, if one was, and `grant` what the client of the request would have
    /// got.
    pub(crate) fn of<'a>(
        &'a self,
        typed: Option<&'a str>,
        (client, grant): (&'a ClientId, GrantId),
    ) -> FailedSignIn<'a> {
        let whose = match (&self.user, typed) {
            (Some(user), _) => Whose::Account(user),
            (None, Some(name)) => Whose::Name(name),
            (None, None) => Whose::Nobody,
        };
        FailedSignIn {
            whose,
            reason: self.reason,
            client,
            grant,
        }
    }
}

/// A sign-in that failed.
pub(crate) struct FailedSignIn<'a> {
    whose: Whose<'a>,
    reason: &'static str,
    client: &'a ClientId,
    grant: GrantId,
}

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
struct Alike {
    minute: i64,
    reason: &'static str,
    user: Option<UserId>,
    name: Option<String>,
    network: Option<IpAddr>,
    client: Option<ClientId>,
}

struct Unwritten {
    times: i64,
    at: Timestamp,
    /// The request of the last one.
    correlation_id: Option<String>,
}

impl Exchange<'_> {
    /// Says in the log why a sign-in failed, and counts it.
    pub(crate) fn sign_in_failed(&self, failed: &FailedSignIn<'_>) {
        let (user, name) = match failed.whose {
            Whose::Account(user) => (Some(user), None),
            Whose::Name(name) => (None, Some(hash_of_name(&self.catalog.keys.guesses(), name))),
            Whose::Nobody => (None, None),
        };
        let address = self.origin().and_then(|origin| origin.address);
        tracing::info!(
            reason = failed.reason,
            sub = user.map(tracing::field::display),
            name_hash = name,
            client_id = %failed.client,
            grant_id = %failed.grant,
            address = address.map(tracing::field::display),
            "a sign-in failed"
        );
        let alike = Alike {
            minute: self.now.seconds().div_euclid(MINUTE) * MINUTE,
            reason: failed.reason,
            user: user.cloned(),
            name,
            network: address.map(client_address::network),
            client: Some(failed.client.clone()),
        };
        let request = self.origin().map(|origin| origin.correlation.to_string());
        self.server
            .failed_attempts()
            .count(alike, request, self.now);
    }
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
    fn count(&self, attempt: Alike, correlation_id: Option<String>, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *counted;
        if counted.minute != attempt.minute {
            counted.minute = attempt.minute;
            counted.apart = Default::default();
        }
        let apart = &mut counted.apart[usize::from(attempt.user.is_some())];
        let attempt = if apart.contains(&attempt) {
            attempt
        } else if apart.len() < MOST {
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

    fn take(&self) -> HashMap<Alike, Unwritten> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counted.unwritten)
    }

    /// Counts again what could not be written.
    fn put_back(&self, taken: HashMap<Alike, Unwritten>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (attempt, unwritten) in taken {
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

impl Server {
    /// Writes what was counted since the last time. What can't be written is counted on.
    pub(crate) async fn write_failed_sign_ins(&self) -> Result<(), StoreError> {
        let taken = self.failed_attempts().take();
        if taken.is_empty() {
            return Ok(());
        }
        let rows = taken.iter().map(|(alike, unwritten)| FailedSignIns {
            minute: Timestamp::from_seconds(alike.minute),
            last_at: unwritten.at,
            times: unwritten.times,
            reason: alike.reason,
            user: alike.user.as_ref(),
            name_hash: alike.name.as_deref(),
            client: alike.client.as_ref(),
            network: alike.network,
            correlation_id: unwritten.correlation_id.as_deref(),
        });
        let written = self.store().write_failed_sign_ins(rows).await;
        if written.is_err() {
            self.failed_attempts().put_back(taken);
        }
        written
    }
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
            network: None,
            client: None,
        }
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
        attempts.put_back(taken);
        assert_eq!(written(&attempts, &mut HashMap::new()), 2);
    }

    #[test]
    fn a_name_is_hashed_by_its_one_form_and_under_a_key() {
        let hash = |key: u8, name: &str| hash_of_name(&[key; 32], name);
        assert_eq!(hash(1, "Ada"), hash(1, "ada"));
        assert_ne!(hash(1, "ada"), hash(2, "ada"));
        assert_eq!(hash(1, "ada").len(), 2 * HASH);
    }
}
