//! How often an issuer may be asked in vain: two at once, then one every ten seconds.

use safeconduct_protocol::time::Timestamp;

/// The seconds after which one more is allowed.
const PERIOD: i64 = 10;
const BURST: i64 = 2;

/// Counts what is allowed. Holds no clock.
#[derive(Debug)]
pub(crate) struct Pace {
    left: i64,
    since: Option<Timestamp>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            left: BURST,
            since: None,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The seconds until one is allowed.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), i64> {
        // A clock that was set back must not silence this process until it catches up.
        let since = self.since.filter(|since| *since <= now).unwrap_or(now);
        let earned = now.since(since) / PERIOD;
        self.left = self.left.saturating_add(earned).min(BURST);
        self.since = Some(if self.left == BURST {
            now
        } else {
            since.plus(earned * PERIOD)
        });
        if self.left == 0 {
            return Err(PERIOD - now.since(since) % PERIOD);
        }
        self.left -= 1;
        Ok(())
    }

    /// Gives back what was taken for a question that was not in vain.
    pub(crate) fn give_back(&mut self) {
        self.left = self.left.saturating_add(1).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn two_are_allowed_at_once_and_then_one_every_ten_seconds() {
        let mut pace = Pace::new();
        assert_eq!(pace.take(at(1000)), Ok(()));
        assert_eq!(pace.take(at(1000)), Ok(()));
        assert_eq!(pace.take(at(1000)), Err(10));
        assert_eq!(pace.take(at(1009)), Err(1));
        assert_eq!(pace.take(at(1010)), Ok(()));
        assert_eq!(pace.take(at(1013)), Err(7));
        assert_eq!(pace.take(at(1020)), Ok(()));
        assert_eq!(pace.take(at(1020)), Err(10));
    }

    #[test]
    fn a_long_silence_earns_two_and_no_more() {
        let mut pace = Pace::new();
        assert_eq!(pace.take(at(0)), Ok(()));
        assert_eq!(pace.take(at(1_000_000)), Ok(()));
        assert_eq!(pace.take(at(1_000_000)), Ok(()));
        assert_eq!(pace.take(at(1_000_000)), Err(10));
    }

    #[test]
    fn what_is_given_back_is_allowed_again_and_no_more_than_that() {
        let mut pace = Pace::new();
        for _ in 0..100 {
            assert_eq!(pace.take(at(1000)), Ok(()));
            pace.give_back();
        }
        pace.give_back();
        assert_eq!(pace.take(at(1000)), Ok(()));
        assert_eq!(pace.take(at(1000)), Ok(()));
        assert_eq!(pace.take(at(1000)), Err(10));
    }

    #[test]
    fn a_clock_set_back_silences_nobody_for_longer_than_the_period() {
        let mut pace = Pace::new();
        assert_eq!(pace.take(at(1_000_000)), Ok(()));
        assert_eq!(pace.take(at(1_000_000)), Ok(()));
        assert_eq!(pace.take(at(500)), Err(10));
        assert_eq!(pace.take(at(510)), Ok(()));
    }
}
