//! Owns how often a password may be guessed: by account and address together, by account, by address.
//!
//! Names that exist and names that do not are counted alike, in tables whose size never changes, so that neither a flood
//! of names nor a look at the clock tells anything. Checking the password is the caller's; so is the answer.
//!
//! **What holds.** A guess is paid for before it is checked, so guesses in parallel gain nothing. A refused guess costs
//! nothing, so no flood prolongs a wait: every budget refills by the clock. The tight budget belongs to the *pair* of account
//! and address: whoever guesses from elsewhere does not touch the owner's. The account's own budget is loose and stops a
//! guess spread over many addresses; an address from which the owner signed in during the last 30 days is exempt from it, so
//! that such an attack does not keep the owner out. (The owner at a *new* address competes with the attack while it lasts.)
//! The address's budget stops one address that tries a word on many accounts.
//!
//! **On many nodes.** Each node tells the others what it was paid, in one row that it writes at most once for each poll, and
//! refuses by the sum. Whoever guesses at all K nodes within one poll, before they have heard of each other, gets at most
//! the burst of each: K × burst instead of one. That is owed: no node lets pass until the clock has given all of it back, so
//! that in any time `t` there are never more than K × burst + `t` / refill guesses, and `t` / refill in the long run, however
//! many nodes there are. A new process reads the same rows: a restart forgets nothing, `kill -9` at most what was not told
//! yet, one poll's worth. Of each kind of key the 1024 most spent are told; an attack that keeps more at once under way
//! gets the rest of them from each node anew. Names and addresses leave the process only as keyed hashes.
//!
//! **What forgetting costs.** A table is sets of eight slots. Where a key falls is decided by a keyed hash, so nobody without
//! the cluster's keys can aim. A full set forgets the entry with the least to remember. To free an exhausted pair, a flood
//! must therefore bring eight keys that are exhausted as much into a set it cannot name, that is exhaust about every pair in
//! the table: at the default size and budgets some 300 000 guesses, each through argon2 (over an hour of one core) and each
//! within the budget of some address, to win back five guesses that the clock gives back in five minutes. Which addresses are
//! familiar is written down besides, one row for each, and read when it decides.

mod exchange;
mod ledgers;
#[cfg(test)]
mod many_nodes;
mod table;
mod telling;

use std::net::IpAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use safeconduct_protocol::{encoding, time::Timestamp, token::new_id};

use self::ledgers::Ledgers;
use crate::accept::{neighbourhood, network};
use crate::password::Asker;

/// A number of guesses that refills by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Wrong guesses that are free before there is a wait; 0 counts as 1.
    pub burst: u32,
    /// Seconds until one more guess is allowed.
    pub refill: u32,
}

impl Budget {
    /// The price of one guess, in seconds.
    fn one(self) -> i64 {
        i64::from(self.refill)
    }

    /// The time in which an empty budget is full again, in seconds.
    fn whole(self) -> i64 {
        self.one().saturating_mul(i64::from(self.burst.max(1)))
    }
}

/// How often passwords may be guessed.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleSettings {
    /// Off for tests and for deployments that throttle elsewhere.
    pub enabled: bool,
    /// For one account from one address.
    pub per_pair: Budget,
    /// For one account from everywhere.
    pub per_account: Budget,
    /// For one address on all accounts; an IPv6 address counts as its /64.
    pub per_address: Budget,
    /// Slots of each table, 32 bytes apiece; rounded up to a power of two.
    pub slots: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            per_pair: Budget {
                burst: 5,
                refill: 60,
            },
            per_account: Budget {
                burst: 50,
                refill: 60,
            },
            per_address: Budget {
                burst: 100,
                refill: 10,
            },
            slots: 64 * 1024,
        }
    }
}

/// Which budget was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This account from this address.
    Pair,
    /// This account from everywhere.
    Account,
    /// This address on all accounts.
    Address,
}

impl Limit {
    const ALL: [Self; 3] = [Self::Pair, Self::Account, Self::Address];

    /// The limit's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "login_pair",
            Self::Account => "login_account",
            Self::Address => "login_address",
        }
    }
}

/// A guess that may not be made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds until it may: for the `Retry-After` header. At least 1.
    pub seconds: u32,
    /// The budget that asks for the longest wait.
    pub limit: Limit,
}

/// Counts guesses, together with the other nodes.
pub struct Throttle {
    settings: ThrottleSettings,
    key: [u8; 32],
    /// This process, to the others: no two starts have one name, so that none takes another's row for its own.
    node: String,
    ledgers: Mutex<Ledgers>,
    heard_at: AtomicI64,
}

impl Throttle {
    /// A throttle that has seen nothing. All the memory that its own counts will ever use is taken here. `key` is the same on
    /// all nodes, and secret.
    pub fn new(settings: ThrottleSettings, key: [u8; 32]) -> Self {
        let slots = if settings.enabled { settings.slots } else { 0 };
        let budgets = [
            settings.per_pair,
            settings.per_account,
            settings.per_address,
        ];
        Self {
            settings,
            key,
            node: new_id(),
            ledgers: Mutex::new(Ledgers::new(budgets, slots)),
            heard_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Permission to check one password for `username` from `address`. It is paid for at once.
    ///
    /// `username` is what was typed; case and surrounding white space do not make another account of it.
    pub fn check(
        &self,
        username: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Permit<'_>, RetryAfter> {
        let keys = self.keys(username, address);
        let mut permit = Permit {
            throttle: self,
            keys,
            now,
            charged: &[],
        };
        if !self.settings.enabled {
            return Ok(permit);
        }
        let now = now.seconds();
        let mut ledgers = self.ledgers();
        permit.charged = if ledgers.is_familiar(keys.pair, now) {
            &[Limit::Pair, Limit::Address]
        } else {
            &Limit::ALL
        };
        let wait = |limit: &Limit| {
            let seconds = ledgers.wait(*limit, keys.of(*limit), now)?;
            let limit = *limit;
            Some(RetryAfter { seconds, limit })
        };
        let waits = permit.charged.iter().filter_map(wait);
        if let Some(longest) = waits.max_by_key(|wait| wait.seconds) {
            return Err(longest);
        }
        for limit in permit.charged {
            ledgers.pay(*limit, keys.of(*limit), now);
        }
        Ok(permit)
    }

    /// What has to be looked up before [`check`](Self::check): the account is exhausted, and nobody here knows whether it knows
    /// the address.
    fn asks_for_familiarity(
        &self,
        username: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<Keys> {
        if !self.settings.enabled {
            return None;
        }
        let (keys, now) = (self.keys(username, address), now.seconds());
        let mut ledgers = self.ledgers();
        let is_exhausted = ledgers.wait(Limit::Account, keys.account, now).is_some();
        (is_exhausted && !ledgers.is_familiar(keys.pair, now)).then_some(keys)
    }

    /// For whom a password of `username` is hashed: known and unknown names alike are keyed hashes.
    pub(crate) fn asker(&self, username: &str, address: IpAddr) -> Asker {
        Asker {
            network: network(address),
            address: neighbourhood(address),
            account: self.keys(username, address).account,
        }
    }

    fn keys(&self, username: &str, address: IpAddr) -> Keys {
        let username = username.trim().to_lowercase();
        let address = match neighbourhood(address) {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        // No two read alike: after its first letter each has a fixed length but for its end.
        let hash = |parts: [&[u8]; 3]| encoding::hmac_sha256(&self.key, &parts.concat());
        let pair = hash([b"p", &address.octets(), username.as_bytes()]);
        Keys {
            pair: short(pair),
            account: short(hash([b"n", b"", username.as_bytes()])),
            address: short(hash([b"a", &address.octets(), b""])),
            hash: pair,
        }
    }

    fn ledgers(&self) -> MutexGuard<'_, Ledgers> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one guess. Dropping it without a word leaves the guess counted as wrong: a client that hangs up before the
/// answer has guessed all the same.
#[must_use = "say how the guess ended"]
pub struct Permit<'a> {
    throttle: &'a Throttle,
    keys: Keys,
    now: Timestamp,
    /// What was paid from.
    charged: &'static [Limit],
}

impl Permit<'_> {
    /// The password was right: the account starts afresh at this address, which becomes familiar to it. It does not clear the
    /// counts of the account and the address: else one account of one's own would be a licence to guess at all others.
    pub fn succeeded(self) {
        if self.throttle.settings.enabled {
            let (now, keys) = (self.now.seconds(), self.keys);
            self.give_back().make_familiar(keys.pair, keys.hash, now);
        }
    }

    /// The password was wrong; the guess stays counted.
    pub fn failed(self) {}

    /// The password was never checked, because the server is busy.
    pub fn not_tried(self) {
        drop(self.give_back());
    }

    fn give_back(&self) -> MutexGuard<'_, Ledgers> {
        let mut ledgers = self.throttle.ledgers();
        for limit in self.charged {
            ledgers.take_back(*limit, self.keys.of(*limit));
        }
        ledgers
    }
}

/// The names under which a guess is counted.
#[derive(Clone, Copy)]
struct Keys {
    pair: u64,
    account: u64,
    address: u64,
    /// The pair's, whole, for what is written down for long.
    hash: [u8; 32],
}

impl Keys {
    fn of(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Pair => self.pair,
            Limit::Account => self.account,
            Limit::Address => self.address,
        }
    }
}

fn short(hash: [u8; 32]) -> u64 {
    let (first, _) = hash.split_first_chunk().expect("32 bytes hold 8");
    u64::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    const KEY: [u8; 32] = [7; 32];

    fn budget(burst: u32, refill: u32) -> Budget {
        Budget { burst, refill }
    }

    fn throttle(pair: Budget, account: Budget, address: Budget) -> Throttle {
        Throttle::new(
            ThrottleSettings {
                enabled: true,
                per_pair: pair,
                per_account: account,
                per_address: address,
                slots: 1024,
            },
            KEY,
        )
    }

    /// Loose enough that only the budget under test is felt.
    const LOOSE: Budget = Budget {
        burst: 1_000_000,
        refill: 1,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The address number `number` of as many as there are.
    fn somewhere(number: u32) -> IpAddr {
        IpAddr::V4((0x0b00_0000 + number).into())
    }

    fn guess(
        throttle: &Throttle,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<RetryAfter> {
        throttle.check(name, address, now).map(Permit::failed).err()
    }

    fn sign_in(throttle: &Throttle, name: &str, address: IpAddr, now: Timestamp) {
        throttle.check(name, address, now).ok().unwrap().succeeded();
    }

    #[test]
    fn a_pair_has_its_burst_and_then_waits_for_the_clock() {
        let throttle = throttle(budget(3, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(guess(&throttle, "ada", at, NOON), None);
        }
        let wait = |seconds| {
            Some(RetryAfter {
                seconds,
                limit: Limit::Pair,
            })
        };
        assert_eq!(guess(&throttle, "ada", at, NOON), wait(60));
        assert_eq!(guess(&throttle, "ada", at, NOON.plus(59)), wait(1));
        assert_eq!(guess(&throttle, "ada", at, NOON.plus(60)), None);
        assert_eq!(guess(&throttle, "ada", at, NOON.plus(60)), wait(60));
    }

    #[test]
    fn refused_guesses_prolong_nothing() {
        let throttle = throttle(budget(1, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        assert_eq!(guess(&throttle, "ada", at, NOON), None);
        for second in 0..60 {
            assert!(guess(&throttle, "ada", at, NOON.plus(second)).is_some());
        }
        assert_eq!(guess(&throttle, "ada", at, NOON.plus(60)), None);
    }

    #[test]
    fn guesses_in_parallel_are_paid_for_before_they_are_checked() {
        let throttle = throttle(budget(2, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        let under_way: Vec<_> = (0..10).map(|_| throttle.check("ada", at, NOON)).collect();
        assert_eq!(under_way.iter().filter(|permit| permit.is_ok()).count(), 2);
    }

    #[test]
    fn a_guess_that_hangs_up_is_counted() {
        let throttle = throttle(budget(1, 60), LOOSE, LOOSE);
        drop(throttle.check("ada", ip("192.0.2.1"), NOON));
        assert!(guess(&throttle, "ada", ip("192.0.2.1"), NOON).is_some());
    }

    #[test]
    fn a_guess_that_was_not_tried_is_not_counted() {
        let throttle = throttle(budget(1, 60), budget(1, 60), budget(1, 60));
        for _ in 0..10 {
            throttle
                .check("ada", ip("192.0.2.1"), NOON)
                .ok()
                .unwrap()
                .not_tried();
        }
    }

    #[test]
    fn case_and_white_space_make_no_new_account_nor_an_address_in_a_64_a_new_address() {
        let throttle = throttle(budget(1, 60), LOOSE, LOOSE);
        assert_eq!(guess(&throttle, "ada", ip("2001:db8::1"), NOON), None);
        assert!(guess(&throttle, " ADA ", ip("2001:db8::ffff"), NOON).is_some());
        assert_eq!(guess(&throttle, "ada", ip("2001:db8:0:1::1"), NOON), None);
    }

    #[test]
    fn a_sign_in_clears_the_pair() {
        let throttle = throttle(budget(3, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        for _ in 0..5 {
            assert_eq!(guess(&throttle, "ada", at, NOON), None);
            assert_eq!(guess(&throttle, "ada", at, NOON), None);
            sign_in(&throttle, "ada", at, NOON);
        }
    }

    #[test]
    fn a_sign_in_to_ones_own_account_buys_no_guess_at_another() {
        let throttle = throttle(LOOSE, LOOSE, budget(10, 60));
        let at = ip("192.0.2.1");
        let mut guesses = 0;
        for number in 0..100 {
            guesses += u32::from(guess(&throttle, &format!("user{number}"), at, NOON).is_none());
            if let Ok(permit) = throttle.check("mallory", at, NOON) {
                permit.succeeded();
            }
        }
        assert_eq!(guesses, 10);
    }

    #[test]
    fn guesses_from_many_addresses_end_at_the_accounts_budget() {
        let throttle = throttle(budget(5, 60), budget(20, 60), LOOSE);
        let allowed = (0..500)
            .filter(|number| guess(&throttle, "ada", somewhere(*number), NOON).is_none())
            .count();
        assert_eq!(allowed, 20);
        let refused = guess(&throttle, "ada", somewhere(1000), NOON).unwrap();
        assert_eq!(refused.limit, Limit::Account);
    }

    #[test]
    fn one_word_on_many_accounts_ends_at_the_addresss_budget() {
        let throttle = throttle(budget(5, 60), LOOSE, budget(20, 10));
        let at = ip("192.0.2.1");
        let allowed = (0..500)
            .filter(|number| guess(&throttle, &format!("user{number}"), at, NOON).is_none())
            .count();
        assert_eq!(allowed, 20);
        let refused = guess(&throttle, "somebody", at, NOON).unwrap();
        assert_eq!(refused.limit, Limit::Address);
    }

    #[test]
    fn an_attack_from_everywhere_does_not_keep_the_owner_out() {
        let throttle = throttle(budget(5, 60), budget(20, 60), LOOSE);
        let home = ip("192.0.2.1");
        sign_in(&throttle, "ada", home, NOON);
        let later = NOON.plus(24 * 60 * 60);
        for number in 0..500 {
            guess(&throttle, "ada", somewhere(number), later);
        }
        assert!(guess(&throttle, "ada", somewhere(1000), later).is_some());
        sign_in(&throttle, "ada", home, later);
    }

    #[test]
    fn a_familiar_address_gives_nothing_back_that_was_not_paid() {
        let throttle = throttle(budget(5, 60), budget(5, 60), LOOSE);
        let home = ip("192.0.2.1");
        sign_in(&throttle, "ada", home, NOON);
        for number in 0..5 {
            assert_eq!(guess(&throttle, "ada", somewhere(number), NOON), None);
        }
        for _ in 0..5 {
            sign_in(&throttle, "ada", home, NOON);
        }
        assert!(guess(&throttle, "ada", somewhere(9), NOON).is_some());
    }

    #[test]
    fn a_familiar_address_guesses_within_its_pair_all_the_same() {
        let throttle = throttle(budget(2, 60), LOOSE, LOOSE);
        let home = ip("192.0.2.1");
        sign_in(&throttle, "ada", home, NOON);
        assert_eq!(guess(&throttle, "ada", home, NOON), None);
        assert_eq!(guess(&throttle, "ada", home, NOON), None);
        assert!(guess(&throttle, "ada", home, NOON).is_some());
    }

    #[test]
    fn a_clock_set_back_makes_no_wait_longer_than_the_budget() {
        let throttle = throttle(budget(2, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        for _ in 0..2 {
            assert_eq!(guess(&throttle, "ada", at, NOON), None);
        }
        let yesterday = NOON.plus(-24 * 60 * 60);
        assert_eq!(guess(&throttle, "ada", at, yesterday).unwrap().seconds, 60);
    }

    #[test]
    fn a_flood_of_names_does_not_free_an_exhausted_pair() {
        // 64 names for each slot of the table, from as many addresses.
        let throttle = throttle(budget(5, 60), LOOSE, LOOSE);
        let victim = ip("192.0.2.1");
        for _ in 0..5 {
            assert_eq!(guess(&throttle, "ada", victim, NOON), None);
        }
        for number in 0..64 * 1024 {
            guess(
                &throttle,
                &format!("nobody{number}"),
                somewhere(number),
                NOON,
            );
        }
        assert!(guess(&throttle, "ada", victim, NOON).is_some());
    }

    #[test]
    fn switched_off_it_counts_nothing() {
        let settings = ThrottleSettings {
            enabled: false,
            ..ThrottleSettings::default()
        };
        let throttle = Throttle::new(settings, KEY);
        for _ in 0..1000 {
            assert_eq!(guess(&throttle, "ada", ip("192.0.2.1"), NOON), None);
        }
        sign_in(&throttle, "ada", ip("192.0.2.1"), NOON);
    }

    fn slots(throttle: &Throttle) -> [usize; 4] {
        throttle.ledgers().slots()
    }

    proptest! {
        #[test]
        fn memory_never_grows_and_no_wait_is_longer_than_one_refill(
            guesses in prop::collection::vec((any::<u16>(), any::<u8>(), 0..4u8, 0..90i64), 1..400),
            slots_wanted in 0..200usize,
        ) {
            let settings = ThrottleSettings {
                slots: slots_wanted,
                per_pair: budget(2, 60),
                per_account: budget(3, 30),
                per_address: budget(4, 10),
                enabled: true,
            };
            let throttle = Throttle::new(settings, KEY);
            let at_first = slots(&throttle);
            let mut now = NOON;
            for (name, address, end, pause) in guesses {
                now = now.plus(pause);
                match throttle.check(&name.to_string(), somewhere(address.into()), now) {
                    Ok(permit) if end == 0 => permit.succeeded(),
                    Ok(permit) if end == 1 => permit.not_tried(),
                    Ok(permit) => permit.failed(),
                    Err(wait) => prop_assert!((1..=60).contains(&wait.seconds)),
                }
            }
            prop_assert_eq!(slots(&throttle), at_first);
        }

        #[test]
        fn a_pair_never_gets_more_than_its_burst_and_what_the_clock_gives(
            pauses in prop::collection::vec(0..40i64, 1..200),
            burst in 1..6u32,
        ) {
            let throttle = throttle(budget(burst, 30), LOOSE, LOOSE);
            let mut now = NOON;
            let mut allowed = 0;
            for pause in pauses {
                now = now.plus(pause);
                allowed += i64::from(guess(&throttle, "ada", ip("192.0.2.1"), now).is_none());
                prop_assert!(allowed <= i64::from(burst) + now.since(NOON) / 30);
            }
        }
    }
}
