//! Points in time as the protocol counts them: whole seconds since 1970 (RFC 7519 `NumericDate`).

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest time a token may carry: the last second of the year 9999.
    pub const LATEST: Timestamp = Timestamp(253_402_300_799);

    /// A point in time from its seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This time moved by `seconds`; stays in range instead of wrapping.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` until this time; negative if `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
