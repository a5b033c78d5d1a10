//! The browsers in which an account has signed in, which know it by a cookie. Nothing is stored: the cookie says, under a keyed
//! hash, which accounts have signed in there and until when that counts.
//!
//! Each sign-in makes a new browser of it, with nothing counted against it yet.

use safeconduct_protocol::encoding::{self, constant_time_eq};
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;

/// How long a browser is known after a sign-in, in seconds.
pub(crate) const KNOWN_FOR: i64 = 30 * 24 * 60 * 60;

/// The most accounts that one browser is known to: those that signed in last.
const MOST: usize = 4;

const VERSION: u8 = 1;
const ID: usize = 16;
const TAG: usize = 16;

/// A browser that has proved to be known to some accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownBrowser {
    id: [u8; ID],
    /// Keyed hashes of names, the latest first, and until when the browser is known to them.
    accounts: Vec<(u64, i64)>,
}

impl KnownBrowser {
    /// What a cookie proves: nothing, if it was not written by [`after_sign_in`](Self::after_sign_in) under the same key.
    pub(super) fn read(key: &[u8; 32], cookie: &Secret) -> Self {
        Self::open(key, cookie).unwrap_or_default()
    }

    fn open(key: &[u8; 32], cookie: &Secret) -> Option<Self> {
        let bytes = encoding::decode(cookie.expose())?;
        let (written, tag) = bytes.split_last_chunk::<TAG>()?;
        if !constant_time_eq(&tag_of(key, written), tag) {
            return None;
        }
        let (version, rest) = written.split_first()?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let (accounts, nothing) = rest.as_chunks::<16>();
        if *version != VERSION || !nothing.is_empty() || accounts.len() > MOST {
            return None;
        }
        let account = |entry: &[u8; 16]| {
            let (account, until) = entry.split_first_chunk::<8>()?;
            let until = until.first_chunk::<8>()?;
            Some((u64::from_be_bytes(*account), i64::from_be_bytes(*until)))
        };
        let accounts: Option<Vec<_>> = accounts.iter().map(account).collect();
        Some(Self {
            id: *id,
            accounts: accounts?,
        })
    }

    /// What counts what happens in this browser, if it is known to `account`.
    pub(super) fn known_to(&self, account: u64, now: Timestamp) -> Option<&[u8; ID]> {
        let until = self.accounts.iter().find(|(known, _)| *known == account)?.1;
        // No cookie is good for longer, whatever the clock said when it was made.
        let now = now.seconds();
        (now..=now + KNOWN_FOR).contains(&until).then_some(&self.id)
    }

    /// The cookie of this browser after `account` has signed in.
    pub(super) fn after_sign_in(&self, key: &[u8; 32], account: u64, now: Timestamp) -> Secret {
        let now = now.seconds();
        let others = self.accounts.iter().copied();
        let others = others.filter(|(other, until)| *other != account && *until > now);
        let mut written = vec![VERSION];
        written.extend(random::bytes::<ID>());
        for (account, until) in [(account, now + KNOWN_FOR)]
            .into_iter()
            .chain(others)
            .take(MOST)
        {
            written.extend(account.to_be_bytes());
            written.extend(until.to_be_bytes());
        }
        let tag = tag_of(key, &written);
        written.extend(tag);
        Secret::new(encoding::encode(&written))
    }
}

fn tag_of(key: &[u8; 32], written: &[u8]) -> [u8; TAG] {
    let hash = encoding::hmac_sha256(key, &[b"known browser", written].concat());
    *hash.first_chunk().expect("32 bytes hold 16")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn after(browser: &KnownBrowser, account: u64, now: Timestamp) -> KnownBrowser {
        KnownBrowser::read(&KEY, &browser.after_sign_in(&KEY, account, now))
    }

    #[test]
    fn a_browser_is_known_to_who_signed_in_there_for_a_month() {
        let browser = after(&KnownBrowser::default(), 1, NOON);
        for (account, days, is_known) in
            [(1, 0, true), (1, 30, true), (1, 31, false), (2, 0, false)]
        {
            let now = NOON.plus(days * 24 * 3600);
            assert_eq!(browser.known_to(account, now).is_some(), is_known);
        }
        let before = NOON.plus(-1);
        assert_eq!(
            browser.known_to(1, before),
            None,
            "made by a clock that was ahead"
        );
    }

    #[test]
    fn a_browser_is_known_to_the_four_who_signed_in_last_and_its_cookie_is_short() {
        let mut browser = KnownBrowser::default();
        for account in 0..10 {
            browser = after(&browser, account, NOON);
        }
        let known = (0..10).filter(|account| browser.known_to(*account, NOON).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [6, 7, 8, 9]);
        let cookie = browser.after_sign_in(&KEY, 9, NOON);
        assert!(cookie.expose().len() <= 130, "{}", cookie.expose().len());
    }

    #[test]
    fn each_sign_in_begins_anew() {
        let first = after(&KnownBrowser::default(), 1, NOON);
        let second = after(&first, 1, NOON);
        assert_ne!(first.known_to(1, NOON), second.known_to(1, NOON));
    }

    #[test]
    fn a_cookie_under_another_key_proves_nothing() {
        let cookie = KnownBrowser::default().after_sign_in(&KEY, 1, NOON);
        assert_eq!(
            KnownBrowser::read(&[8; 32], &cookie),
            KnownBrowser::default()
        );
    }

    proptest! {
        #[test]
        fn a_cookie_that_was_not_written_by_us_proves_nothing(text in "[A-Za-z0-9_-]{0,150}") {
            prop_assert_eq!(KnownBrowser::read(&KEY, &Secret::new(text)), KnownBrowser::default());
        }

        #[test]
        fn a_cookie_that_was_changed_proves_nothing(at in 0..49usize, bit in 0..8u8) {
            let cookie = KnownBrowser::default().after_sign_in(&KEY, 1, NOON);
            let mut bytes = encoding::decode(cookie.expose()).unwrap();
            bytes[at] ^= 1 << bit;
            let changed = Secret::new(encoding::encode(&bytes));
            prop_assert_eq!(KnownBrowser::read(&KEY, &changed), KnownBrowser::default());
        }
    }
}
