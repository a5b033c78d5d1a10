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
//! **What forgetting costs.** A table is sets of eight slots. Where a key falls is decided by a hash under a random key of this
//! process, so nobody can aim. A full set forgets the entry with the least to remember. To free an exhausted pair, a flood
//! must therefore bring eight keys that are exhausted as much into a set it cannot name, that is exhaust about every pair in
//! the table: at the default size and budgets some 300 000 guesses, each through argon2 (over an hour of one core) and each
//! within the budget of some address, to win back five guesses that the clock gives back in five minutes.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use safeconduct_protocol::time::Timestamp;

use crate::accept::neighbourhood;

/// How long an address stays familiar to an account after a sign-in, in seconds.
const FAMILIAR_FOR: i64 = 30 * 24 * 60 * 60;

/// A number of guesses that refills by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Wrong guesses that are free before there is a wait; 0 counts as 1.
    pub burst: u32,
    /// Seconds until one more guess is allowed.
    pub refill: u32,
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
    /// Slots of each table, 16 bytes apiece; rounded up to a power of two.
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

/// Counts guesses. One for each process: nodes do not share it, and a restart forgets.
pub struct Throttle {
    settings: ThrottleSettings,
    hasher: RandomState,
    tables: Mutex<Tables>,
}

impl Throttle {
    /// A throttle that has seen nothing. All the memory it will ever use is taken here.
    pub fn new(settings: ThrottleSettings) -> Self {
        let slots = if settings.enabled { settings.slots } else { 0 };
        Self {
            settings,
            hasher: RandomState::new(),
            tables: Mutex::new(Tables {
                pairs: Table::new(slots),
                accounts: Table::new(slots),
                addresses: Table::new(slots),
                familiar: Table::new(slots),
            }),
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
            account_charged: false,
        };
        if !self.settings.enabled {
            return Ok(permit);
        }
        let now = now.seconds();
        let mut tables = self.tables();
        let is_familiar = tables.familiar.find(keys.pair, now).is_some();
        let account = if is_familiar {
            Ok(None)
        } else {
            let spent = tables.accounts.find(keys.account, now);
            self.settings.per_account.spend(spent, now).map(Some)
        };
        let pair = self
            .settings
            .per_pair
            .spend(tables.pairs.find(keys.pair, now), now);
        let address = self
            .settings
            .per_address
            .spend(tables.addresses.find(keys.address, now), now);
        match (pair, account, address) {
            (Ok(pair), Ok(account), Ok(address)) => {
                tables.pairs.put(keys.pair, pair, now);
                tables.addresses.put(keys.address, address, now);
                if let Some(account) = account {
                    tables.accounts.put(keys.account, account, now);
                    permit.account_charged = true;
                }
                Ok(permit)
            }
            (pair, account, address) => Err(longest([
                (pair.err(), Limit::Pair),
                (account.err(), Limit::Account),
                (address.err(), Limit::Address),
            ])),
        }
    }

    fn keys(&self, username: &str, address: IpAddr) -> Keys {
        let username = username.trim().to_lowercase();
        let address = neighbourhood(address);
        Keys {
            pair: self.hasher.hash_one((&username, address)),
            account: self.hasher.hash_one(&username),
            address: self.hasher.hash_one(address),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one guess. Dropping it without a word leaves the guess counted as wrong: a client that hangs up before the
/// answer has guessed all the same.
#[must_use = "say how the guess ended"]
pub struct Permit<'a> {
    throttle: &'a Throttle,
    keys: Keys,
    now: Timestamp,
    account_charged: bool,
}

impl Permit<'_> {
    /// The password was right: the account starts afresh at this address, which becomes familiar to it.
    pub fn succeeded(self) {
        let now = self.now.seconds();
        let mut tables = self.give_back();
        tables.pairs.remove(self.keys.pair);
        tables.familiar.put(self.keys.pair, now + FAMILIAR_FOR, now);
    }

    /// The password was wrong; the guess stays counted.
    pub fn failed(self) {}

    /// The password was never checked, because the server is busy.
    pub fn not_tried(self) {
        let now = self.now.seconds();
        let refill = self.throttle.settings.per_pair.refill;
        self.give_back()
            .pairs
            .take_back(self.keys.pair, refill, now);
    }

    /// Takes the guess off the account and the address. A right password does not clear *their* counts: else one account of
    /// one's own would be a licence to guess at all others.
    fn give_back(&self) -> MutexGuard<'_, Tables> {
        let settings = &self.throttle.settings;
        let now = self.now.seconds();
        let mut tables = self.throttle.tables();
        if self.account_charged {
            tables
                .accounts
                .take_back(self.keys.account, settings.per_account.refill, now);
        }
        tables
            .addresses
            .take_back(self.keys.address, settings.per_address.refill, now);
        tables
    }
}

impl Budget {
    /// When the budget is full again after one more guess, or the seconds until there can be one. `spent` is when it would
    /// be full again without (the generic cell rate algorithm, in whole seconds).
    fn spend(self, spent: Option<i64>, now: i64) -> Result<i64, u32> {
        let refill = i64::from(self.refill);
        let whole = refill * i64::from(self.burst.max(1));
        // A clock that was set back must not turn into a wait that is longer than any budget.
        let spent = spent.unwrap_or(now).clamp(now, now + whole);
        let next = spent + refill;
        if next <= now + whole {
            return Ok(next);
        }
        let wait = next - now - whole;
        Err(u32::try_from(wait).unwrap_or(u32::MAX).max(1))
    }
}

fn longest(waits: [(Option<u32>, Limit); 3]) -> RetryAfter {
    let (seconds, limit) = waits
        .into_iter()
        .filter_map(|(wait, limit)| Some((wait?, limit)))
        .max_by_key(|(seconds, _)| *seconds)
        .expect("a guess is refused by at least one budget");
    RetryAfter { seconds, limit }
}

#[derive(Clone, Copy)]
struct Keys {
    pair: u64,
    account: u64,
    address: u64,
}

struct Tables {
    /// Until when each pair's budget is not full.
    pairs: Table,
    accounts: Table,
    addresses: Table,
    /// Until when an address is familiar to an account.
    familiar: Table,
}

/// Times by key, in a number of slots that never changes. An entry whose time has passed is as good as none.
struct Table {
    sets: Box<[Set]>,
}

const WAYS: usize = 8;
type Set = [Slot; WAYS];

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    until: i64,
}

impl Table {
    fn new(slots: usize) -> Self {
        let sets = slots.div_ceil(WAYS).next_power_of_two();
        let empty = Slot {
            key: 0,
            until: i64::MIN,
        };
        Self {
            sets: vec![[empty; WAYS]; sets].into_boxed_slice(),
        }
    }

    fn find(&mut self, key: u64, now: i64) -> Option<i64> {
        self.slot(key)
            .map(|slot| slot.until)
            .filter(|until| *until > now)
    }

    /// Writes `until` for `key`, over the entry of its set that ends first if there is none for it.
    fn put(&mut self, key: u64, until: i64, now: i64) {
        if let Some(slot) = self.slot(key) {
            slot.until = until;
            return;
        }
        debug_assert!(until >= now, "an entry that has passed is not written");
        let first_to_end = self.set(key).iter_mut().min_by_key(|slot| slot.until);
        *first_to_end.expect("a set has slots") = Slot { key, until };
    }

    fn take_back(&mut self, key: u64, seconds: u32, now: i64) {
        if let Some(until) = self.find(key, now) {
            self.put(key, (until - i64::from(seconds)).max(now), now);
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(slot) = self.slot(key) {
            slot.until = i64::MIN;
        }
    }

    fn slot(&mut self, key: u64) -> Option<&mut Slot> {
        self.set(key).iter_mut().find(|slot| slot.key == key)
    }

    fn set(&mut self, key: u64) -> &mut Set {
        // The number of sets is a power of two: these are the low bits of the hash.
        let index = key as usize & (self.sets.len() - 1);
        &mut self.sets[index]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn budget(burst: u32, refill: u32) -> Budget {
        Budget { burst, refill }
    }

    fn throttle(pair: Budget, account: Budget, address: Budget) -> Throttle {
        Throttle::new(ThrottleSettings {
            enabled: true,
            per_pair: pair,
            per_account: account,
            per_address: address,
            slots: 1024,
        })
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
        let throttle = Throttle::new(ThrottleSettings {
            enabled: false,
            ..ThrottleSettings::default()
        });
        for _ in 0..1000 {
            assert_eq!(guess(&throttle, "ada", ip("192.0.2.1"), NOON), None);
        }
        sign_in(&throttle, "ada", ip("192.0.2.1"), NOON);
    }

    fn slots(throttle: &Throttle) -> [usize; 4] {
        let tables = throttle.tables();
        [
            &tables.pairs,
            &tables.accounts,
            &tables.addresses,
            &tables.familiar,
        ]
        .map(|table| table.sets.iter().map(|set| set.len()).sum())
    }

    proptest! {
        #[test]
        fn memory_never_grows_and_no_wait_is_longer_than_one_refill(
            guesses in prop::collection::vec((any::<u16>(), any::<u8>(), 0..4u8, 0..90i64), 1..400),
            slots_wanted in 0..200usize,
        ) {
            let throttle = Throttle::new(ThrottleSettings {
                slots: slots_wanted,
                per_pair: budget(2, 60),
                per_account: budget(3, 30),
                per_address: budget(4, 10),
                enabled: true,
            });
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
