//! The limits: how many guesses there may be, and of what.

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
    pub(super) fn one(self) -> i64 {
        i64::from(self.refill)
    }

    /// The time in which an empty budget is full again, in seconds.
    pub(super) fn whole(self) -> i64 {
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
    /// For the sign-ins of one account: beyond it a right password is charged like a wrong one.
    pub sign_ins: Budget,
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
            sign_ins: Budget {
                burst: 1_000,
                refill: 1,
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
    /// Sign-ins of this account. Nothing is refused for it alone.
    SignIns,
}

impl Limit {
    pub(super) const ALL: [Self; 4] = [Self::Pair, Self::Account, Self::Address, Self::SignIns];
    /// What a guess in a browser that is not known is charged to.
    pub(super) const OF_A_GUESS: [Self; 3] = [Self::Pair, Self::Account, Self::Address];

    /// The limit's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "login_pair",
            Self::Account => "login_account",
            Self::Address => "login_address",
            Self::SignIns => "login_sign_ins",
        }
    }

    /// Why a sign-in failed that it did not let through, in events.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Pair => "throttled-pair",
            Self::Account => "throttled-account",
            Self::Address => "throttled-address",
            Self::SignIns => "throttled-sign-ins",
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
