//! Owns how often a password may be guessed: by account and address together, by account, by address.
//!
//! Names that exist and names that do not are counted alike, in tables whose size never changes, so that neither a flood
//! of names nor a look at the clock reveals anything. Checking the password is the caller's; so is the answer.
//!
//! **What holds.** A guess is charged before it is checked, so guesses in parallel gain nothing. A refused guess costs
//! nothing, so no flood prolongs a wait: every budget refills by the clock. The tight budget belongs to the *pair* of account
//! and address: guesses from elsewhere do not touch the owner's. The account's own budget is loose and stops a
//! guess spread over many addresses. The address's budget stops one address that tries a word on many accounts.
//!
//! **The owner.** A browser in which the account signed in during the last 30 days has a budget of its own there and is charged
//! for nothing else (`known_browser`), so that no attack keeps the owner out who is where they were before, even at a shared
//! address. (In a *new* browser the owner competes with an attack while it lasts.)
//!
//! **What a stranger sees** depends on what strangers did, and not on whether the account exists: a right password is refunded
//! what it was charged, as if it had not been tried, and what an owner is spared is tied to their browser, not to an address that
//! others share.
//!
//! **Right passwords cost too.** An account has a budget of sign-ins that are refunded; beyond it, which is more often than any
//! person signs in, a right password is charged like a wrong one, and waits for the clock.
//!
//! **On many nodes.** Each node exports what it charged, in one row that it writes at most once for each poll, and
//! refuses by the sum. Guesses at all K nodes within one poll, before they have merged each other's rows, get at most
//! the burst of each: K × burst instead of one. That is owed: no node lets pass until the clock has given all of it back, so
//! that in any time `t` there are never more than K × burst + `t` / refill guesses, and `t` / refill in the long run, however
//! many nodes there are. A new process reads the same rows: a restart forgets nothing, `kill -9` at most what was not exported
//! yet, one poll's worth. Of each kind of key the 1024 most spent are exported; an attack that keeps more at once under way
//! gets the rest of them from each node anew. Names and addresses leave the process only as keyed hashes.
//!
//! **What forgetting costs.** A table is sets of eight slots. Where a key falls is decided by a keyed hash, so that it takes
//! the cluster's keys to aim. A full set forgets the entry with the least to remember. To free an exhausted pair, a flood
//! must therefore bring eight keys that are exhausted as much into a set it cannot name, that is exhaust about every pair in
//! the table: at the default size and budgets some 300 000 guesses, each through argon2 (over an hour of one core) and each
//! within the budget of some address, to win back five guesses that the clock gives back in five minutes.

mod buckets;
mod export;
mod known_browser;
mod limits;
#[cfg(test)]
mod many_nodes;
mod nodes;
mod table;

use std::net::IpAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use safeconduct_protocol::{encoding, ids::new_id, precis, secret::Secret, time::Timestamp};

use self::buckets::Buckets;
pub(crate) use self::known_browser::{KNOWN_FOR, KnownBrowser};
pub use self::limits::{Budget, Limit, RetryAfter, ThrottleSettings};
use crate::client_address::{neighbourhood, network};
use crate::password::Requester;

/// Counts guesses, together with the other nodes.
pub struct Throttle {
    settings: ThrottleSettings,
    key: ArcSwap<[u8; 32]>,
    /// This process, to the others: no two starts have one name, so that none takes another's row for its own.
    node: String,
    buckets: Mutex<Buckets>,
    merged_at: AtomicI64,
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
            settings.sign_ins,
        ];
        Self {
            settings,
            key: ArcSwap::from_pointee(key),
            node: new_id(),
            buckets: Mutex::new(Buckets::new(budgets, slots)),
            merged_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Counts under another key from now on, the same on all nodes. What was counted under the one before counts no more.
    pub fn adopt(&self, key: [u8; 32]) {
        if **self.key.load() != key {
            self.key.store(std::sync::Arc::new(key));
        }
    }

    /// What the cookie of a browser proves.
    pub(crate) fn known_browser(&self, cookie: Option<&Secret>) -> KnownBrowser {
        cookie.map_or_else(KnownBrowser::default, |cookie| {
            KnownBrowser::read(&self.key.load(), cookie)
        })
    }

    /// Whether the account of this name has not signed in with `browser` of late. Where nothing is counted no browser becomes known, and none is
    /// new: each would be, each time.
    pub(crate) fn is_new(&self, username: &str, browser: &KnownBrowser, now: Timestamp) -> bool {
        let account = self.account(&canonical(username));
        self.settings.enabled && browser.known_to(account, now).is_none()
    }

    /// What makes a browser known to the account of this name without a guess: it was proved otherwise whose it is. `None` where nothing
    /// is counted.
    pub(crate) fn know(
        &self,
        username: &str,
        browser: &KnownBrowser,
        now: Timestamp,
    ) -> Option<Secret> {
        let account = self.account(&canonical(username));
        let proof = || browser.after_sign_in(&self.key.load(), account, now);
        self.settings.enabled.then(proof)
    }

    /// Permission to check one password for `username` from `address`, in `browser`. It is charged at once.
    ///
    /// `username` is what was typed; case and surrounding white space do not make another account of it.
    pub(crate) fn check(
        &self,
        username: &str,
        address: IpAddr,
        browser: &KnownBrowser,
        now: Timestamp,
    ) -> Result<Permit<'_>, RetryAfter> {
        let keys = self.keys(username, address);
        let known = browser.known_to(keys.account, now);
        let mut permit = Permit {
            throttle: self,
            keys,
            now,
            charged: &[],
        };
        if !self.settings.enabled {
            return Ok(permit);
        }
        permit.charged = &Limit::OF_A_GUESS;
        if let Some(browser) = known {
            let name = canonical(username);
            permit.keys.pair = self.pair_with(browser, &name);
            // A budget of the known browsers of an account together, which strangers can't spend: a user can collect cookies by
            // signing in, and guess at the password that came after.
            permit.keys.guessed = self.hash([b"k", b"", name.as_bytes()]);
            permit.charged = &[Limit::Pair, Limit::Account];
        }
        self.charge(permit)
    }

    /// Permission to judge one answer of a passkey, which is of `username` where that is known. Nobody guesses a signature, so that the
    /// address alone is charged, and not even that in a browser in which the account has signed in before.
    pub(crate) fn check_passkey(
        &self,
        username: &str,
        address: IpAddr,
        browser: &KnownBrowser,
        now: Timestamp,
    ) -> Result<Permit<'_>, RetryAfter> {
        let keys = self.keys(username, address);
        let is_known = browser.known_to(keys.account, now).is_some();
        let free = is_known || !self.settings.enabled;
        self.charge(Permit {
            throttle: self,
            keys,
            now,
            charged: if free { &[] } else { &[Limit::Address] },
        })
    }

    /// Permission to have a mail sent that is asked for by `name`: budgets of their own, and the whole network that `address` is in. A
    /// guess at a password uses none of them up, and they none of its.
    pub(crate) fn check_mail(
        &self,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Permit<'_>, RetryAfter> {
        let (name, address) = (canonical(name), octets(network(address)));
        let account = self.hash([b"l", b"", name.as_bytes()]);
        let keys = Keys {
            pair: self.hash([b"q", &address, name.as_bytes()]),
            account,
            guessed: account,
            address: self.hash([b"m", &address, b""]),
        };
        self.charge(Permit {
            throttle: self,
            keys,
            now,
            charged: if self.settings.enabled {
                &Limit::OF_A_GUESS
            } else {
                &[]
            },
        })
    }

    /// `permit`, once everything is charged that it costs.
    fn charge<'t>(&self, permit: Permit<'t>) -> Result<Permit<'t>, RetryAfter> {
        let (keys, now) = (permit.keys, permit.now.seconds());
        let mut buckets = self.buckets();
        let wait = |limit: &Limit| {
            let seconds = buckets.wait(*limit, keys.of(*limit), now)?;
            let limit = *limit;
            Some(RetryAfter { seconds, limit })
        };
        let waits = permit.charged.iter().filter_map(wait);
        if let Some(longest) = waits.max_by_key(|wait| wait.seconds) {
            return Err(longest);
        }
        for limit in permit.charged {
            buckets.charge(*limit, keys.of(*limit), now);
        }
        Ok(permit)
    }

    /// For whom a password of `username` is hashed: known and unknown names alike are keyed hashes.
    pub(crate) fn requester(&self, username: &str, address: IpAddr) -> Requester {
        Requester {
            network: network(address),
            address: neighbourhood(address),
            account: self.keys(username, address).account,
        }
    }

    fn keys(&self, username: &str, address: IpAddr) -> Keys {
        let username = canonical(username);
        let address = octets(neighbourhood(address));
        let account = self.account(&username);
        Keys {
            pair: self.hash([b"p", &address, username.as_bytes()]),
            account,
            guessed: account,
            address: self.hash([b"a", &address, b""]),
        }
    }

    fn account(&self, name: &str) -> u64 {
        self.hash([b"n", b"", name.as_bytes()])
    }

    /// The pair of an account and a browser that is known to it.
    fn pair_with(&self, browser: &[u8; 16], name: &str) -> u64 {
        self.hash([b"b", browser, name.as_bytes()])
    }

    /// No two read alike: after its first letter each has a fixed length but for its end.
    fn hash(&self, parts: [&[u8]; 3]) -> u64 {
        let hash = encoding::hmac_sha256(self.key.load().as_slice(), &parts.concat());
        u64::from_be_bytes(*hash.first_chunk().expect("32 bytes hold 8"))
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one guess. Dropping it without a word leaves the guess counted as wrong: a client that hangs up before the
/// answer has guessed all the same.
#[must_use = "say how the guess ended"]
pub struct Permit<'a> {
    throttle: &'a Throttle,
    keys: Keys,
    now: Timestamp,
    /// What it was charged to.
    charged: &'static [Limit],
}

impl Permit<'_> {
    /// The password was right: it is refunded what it was charged, as if it had not been tried, and the browser becomes known, by the
    /// cookie that this gives. An account that signs in more often than its budget of sign-ins allows gets no refund and none.
    pub(crate) fn succeeded(self, browser: &KnownBrowser) -> Option<Secret> {
        if !self.throttle.settings.enabled {
            return None;
        }
        let (account, now) = (self.keys.account, self.now.seconds());
        let mut buckets = self.throttle.buckets();
        if buckets.wait(Limit::SignIns, account, now).is_some() {
            return None;
        }
        buckets.charge(Limit::SignIns, account, now);
        self.refund(&mut buckets);
        Some(browser.after_sign_in(&self.throttle.key.load(), account, self.now))
    }

    /// The password was wrong; the guess stays counted.
    pub fn failed(self) {}

    /// The password was never checked, because the server is busy.
    pub fn not_tried(self) {
        self.refund(&mut self.throttle.buckets());
    }

    fn refund(&self, buckets: &mut Buckets) {
        for limit in self.charged {
            buckets.refund(*limit, self.keys.of(*limit));
        }
    }
}

/// The names under which a guess is counted.
#[derive(Clone, Copy)]
struct Keys {
    pair: u64,
    account: u64,
    /// What guesses at the account are counted under: its own name, or that of its known browsers.
    guessed: u64,
    address: u64,
}

impl Keys {
    fn of(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Pair => self.pair,
            Limit::Account => self.guessed,
            Limit::SignIns => self.account,
            Limit::Address => self.address,
        }
    }
}

/// An address in 16 bytes, of either kind.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// What was typed as a name: neither its spelling nor surrounding white space makes another account of it.
fn canonical(username: &str) -> String {
    precis::username_key(username.trim())
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
                sign_ins: LOOSE,
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
        check(throttle, name, address, now)
            .map(Permit::failed)
            .err()
    }

    /// Asks in a browser that was never here.
    fn check<'t>(
        throttle: &'t Throttle,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Permit<'t>, RetryAfter> {
        throttle.check(name, address, &KnownBrowser::default(), now)
    }

    /// Signs in, and gives the browser that is known for it.
    fn sign_in(throttle: &Throttle, name: &str, address: IpAddr, now: Timestamp) -> KnownBrowser {
        let permit = check(throttle, name, address, now);
        let cookie = permit.ok().unwrap().succeeded(&KnownBrowser::default());
        throttle.known_browser(cookie.as_ref())
    }

    #[test]
    fn a_name_typed_otherwise_is_one_budget() {
        let throttle = Throttle::new(ThrottleSettings::default(), [7; 32]);
        let typed = [
            "j\u{fc}rgen",
            "ju\u{308}rgen",
            "JU\u{308}RGEN ",
            "\u{ff4a}\u{fc}rgen",
        ];
        let keys = typed.map(|name| throttle.keys(name, ip("192.0.2.1")));
        for other in &keys[1..] {
            assert_eq!((other.pair, other.account), (keys[0].pair, keys[0].account));
        }
        assert_ne!(
            throttle.keys("jurgen", ip("192.0.2.1")).account,
            keys[0].account
        );
    }

    #[test]
    fn who_asks_for_mails_uses_up_no_guess_and_the_other_way_round() {
        let throttle = throttle(LOOSE, LOOSE, budget(2, 60));
        let (asks, guesses) = (ip("2001:db8:1::1"), ip("2001:db8:1:0::9"));
        for _ in 0..2 {
            assert!(throttle.check_mail("ada", asks, NOON).is_ok());
        }
        assert!(throttle.check_mail("bob", asks, NOON).is_err());
        assert!(guess(&throttle, "bob", guesses, NOON).is_none());
        assert!(guess(&throttle, "bob", guesses, NOON).is_none());
        assert!(guess(&throttle, "bob", guesses, NOON).is_some());
        assert!(
            throttle
                .check_mail("ada", ip("2001:db8:2::1"), NOON)
                .is_ok()
        );
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
    fn guesses_in_parallel_are_charged_before_they_are_checked() {
        let throttle = throttle(budget(2, 60), LOOSE, LOOSE);
        let at = ip("192.0.2.1");
        let under_way: Vec<_> = (0..10).map(|_| check(&throttle, "ada", at, NOON)).collect();
        assert_eq!(under_way.iter().filter(|permit| permit.is_ok()).count(), 2);
    }

    #[test]
    fn a_guess_that_hangs_up_is_counted() {
        let throttle = throttle(budget(1, 60), LOOSE, LOOSE);
        drop(check(&throttle, "ada", ip("192.0.2.1"), NOON));
        assert!(guess(&throttle, "ada", ip("192.0.2.1"), NOON).is_some());
    }

    #[test]
    fn a_guess_that_was_not_tried_is_not_counted() {
        let throttle = throttle(budget(1, 60), budget(1, 60), budget(1, 60));
        for _ in 0..10 {
            check(&throttle, "ada", ip("192.0.2.1"), NOON)
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
    fn a_sign_in_is_refunded_what_it_was_charged_and_no_more() {
        let throttle = throttle(budget(3, 60), budget(3, 60), budget(3, 60));
        let at = ip("192.0.2.1");
        for _ in 0..10 {
            sign_in(&throttle, "ada", at, NOON);
        }
        for _ in 0..2 {
            assert_eq!(guess(&throttle, "ada", at, NOON), None);
            sign_in(&throttle, "ada", at, NOON);
        }
        assert_eq!(guess(&throttle, "ada", at, NOON), None);
        assert!(guess(&throttle, "ada", at, NOON).is_some());
    }

    #[test]
    fn a_flood_with_the_right_password_is_charged_like_guesses() {
        let settings = ThrottleSettings {
            per_pair: budget(5, 60),
            sign_ins: budget(20, 1),
            ..ThrottleSettings::default()
        };
        let throttle = Throttle::new(settings, KEY);
        let mut browser = KnownBrowser::default();
        let mut passed = 0;
        for number in 0..1_000 {
            // From a new address each time, or in a browser that is known: neither is a way around.
            let stranger = KnownBrowser::default();
            for with in [browser.clone(), stranger] {
                let Ok(permit) = throttle.check("mallory", somewhere(number), &with, NOON) else {
                    continue;
                };
                passed += 1;
                if let Some(cookie) = permit.succeeded(&with) {
                    browser = throttle.known_browser(Some(&cookie));
                }
            }
        }
        // 20 that are free, 50 of the account, 5 of the browser that was known last.
        assert_eq!(passed, 20 + 50 + 5);
        assert_eq!(guess(&throttle, "ada", ip("192.0.2.1"), NOON), None);
    }

    #[test]
    fn a_sign_in_to_ones_own_account_buys_no_guess_at_another() {
        let throttle = throttle(LOOSE, LOOSE, budget(10, 60));
        let at = ip("192.0.2.1");
        let mut guesses = 0;
        for number in 0..100 {
            guesses += u32::from(guess(&throttle, &format!("user{number}"), at, NOON).is_none());
            if let Ok(permit) = check(&throttle, "mallory", at, NOON) {
                permit.succeeded(&KnownBrowser::default());
            }
        }
        assert_eq!(guesses, 10);
    }

    /// Attacks: L14.
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

    /// Attacks: L14.
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

    /// Attacks: L19.
    #[test]
    fn an_attack_from_everywhere_does_not_keep_the_owner_out() {
        let throttle = throttle(budget(5, 60), budget(20, 60), budget(5, 60));
        let home = ip("192.0.2.1");
        let browser = sign_in(&throttle, "ada", home, NOON);
        let later = NOON.plus(24 * 60 * 60);
        for number in 0..500 {
            guess(&throttle, "ada", somewhere(number), later);
            guess(&throttle, "ada", home, later);
            guess(&throttle, &format!("user{number}"), home, later);
        }
        for address in [home, somewhere(1_000)] {
            assert!(guess(&throttle, "ada", address, later).is_some());
            let permit = throttle.check("ada", address, &browser, later);
            assert!(permit.ok().unwrap().succeeded(&browser).is_some());
        }
    }

    #[test]
    fn a_known_browser_has_a_budget_of_its_own_and_no_more() {
        let throttle = throttle(budget(2, 60), LOOSE, LOOSE);
        let home = ip("192.0.2.1");
        let browser = sign_in(&throttle, "ada", home, NOON);
        let guess = |name, at, now| {
            let permit = throttle.check(name, at, &browser, now);
            permit.map(Permit::failed).err()
        };
        assert_eq!(guess("ada", home, NOON), None);
        assert_eq!(guess("ADA ", somewhere(1), NOON), None);
        assert!(guess("ada", somewhere(2), NOON).is_some());
        assert_eq!(guess("ada", home, NOON.plus(60)), None);
        // For other accounts it is a browser like any.
        for _ in 0..2 {
            assert_eq!(guess("bob", home, NOON), None);
        }
        assert!(guess("bob", home, NOON).is_some());
        assert_eq!(guess("bob", somewhere(1), NOON), None);
    }

    /// Who knew the password once can collect browsers that are known; guessing in all of them at the password that came after is
    /// guessing at one account, and strangers can't spend what the owner's own browser has left.
    /// Attacks: L19.
    #[test]
    fn known_browsers_that_were_collected_share_one_budget_of_the_account() {
        let throttle = throttle(budget(5, 60), budget(20, 60), LOOSE);
        let at = ip("192.0.2.1");
        let collected: Vec<_> = (0..100)
            .map(|_| sign_in(&throttle, "ada", at, NOON))
            .collect();
        for number in 0..100 {
            guess(&throttle, "ada", somewhere(number), NOON);
        }
        let admitted = collected.iter().flat_map(|browser| [browser; 5]);
        let admitted = admitted
            .filter(|browser| {
                throttle
                    .check("ada", at, browser, NOON)
                    .map(Permit::failed)
                    .is_ok()
            })
            .count();
        assert_eq!(admitted, 20);
    }

    #[test]
    fn a_known_browser_is_refunded_nothing_that_was_not_charged() {
        let throttle = throttle(budget(5, 60), budget(5, 60), LOOSE);
        let home = ip("192.0.2.1");
        let browser = sign_in(&throttle, "ada", home, NOON);
        for number in 0..5 {
            assert_eq!(guess(&throttle, "ada", somewhere(number), NOON), None);
        }
        for _ in 0..5 {
            let permit = throttle.check("ada", home, &browser, NOON);
            assert!(permit.ok().unwrap().succeeded(&browser).is_some());
        }
        assert!(guess(&throttle, "ada", somewhere(9), NOON).is_some());
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
        let browser = sign_in(&throttle, "ada", ip("192.0.2.1"), NOON);
        assert_eq!(browser, KnownBrowser::default());
    }

    fn slots(throttle: &Throttle) -> [usize; 4] {
        throttle.buckets().slots()
    }

    /// What happens to one name at two addresses: who does it, where, and how long after what came before.
    fn happenings() -> impl Strategy<Value = Vec<(bool, bool, u32, i64)>> {
        prop::collection::vec((any::<bool>(), any::<bool>(), 0..2u32, 0..40i64), 1..120)
    }

    proptest! {
        /// Attacks: L11.
        #[test]
        fn a_stranger_sees_the_same_whether_there_is_an_owner_or_not(happenings in happenings()) {
            let new = || throttle(budget(3, 60), budget(5, 30), budget(6, 20));
            let (with_owner, without) = (new(), new());
            let mut browser = KnownBrowser::default();
            let mut now = NOON;
            for (is_owner, is_known, place, pause) in happenings {
                now = now.plus(pause);
                if !is_owner {
                    let seen = guess(&with_owner, "ada", somewhere(place), now);
                    prop_assert_eq!(seen, guess(&without, "ada", somewhere(place), now));
                    continue;
                }
                let used = if is_known { browser.clone() } else { KnownBrowser::default() };
                if let Ok(permit) = with_owner.check("ada", somewhere(place), &used, now) {
                    let cookie = permit.succeeded(&used);
                    browser = with_owner.known_browser(cookie.as_ref());
                }
            }
        }

        /// Attacks: Z02.
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
                sign_ins: budget(3, 10),
                enabled: true,
            };
            let throttle = Throttle::new(settings, KEY);
            let at_first = slots(&throttle);
            let mut now = NOON;
            for (name, address, end, pause) in guesses {
                now = now.plus(pause);
                match check(&throttle, &name.to_string(), somewhere(address.into()), now) {
                    Ok(permit) if end == 0 => drop(permit.succeeded(&KnownBrowser::default())),
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
