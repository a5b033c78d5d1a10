//! Points in time as the protocol counts them: whole seconds since 1970 (RFC 7519 `NumericDate`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

    /// A `NumericDate` from 1970 to 9999, in the whole second that it falls in: some issuers write fractions (RFC 7519 §2). Only a
    /// number is one: text never reads as a time.
    pub fn from_numeric_date(date: &Value) -> Option<Self> {
        let seconds = match date.as_i64() {
            Some(seconds) => seconds,
            None => whole_seconds(date.as_f64()?)?,
        };
        (0..=Self::LATEST.0)
            .contains(&seconds)
            .then_some(Self(seconds))
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

/// The second that `date` falls in, where that is one of a date: far inside what an f64 counts exactly.
fn whole_seconds(date: f64) -> Option<i64> {
    let floor = date.floor();
    // Formatted without a fraction or an exponent, so that no cast can wrap.
    (0.0..1e12)
        .contains(&floor)
        .then(|| format!("{floor:.0}").parse().ok())?
}
