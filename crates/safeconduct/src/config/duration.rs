//! Lengths of time as people write them: a whole number and a unit, `60s`, `5m`, `8h`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The units, largest first, with their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    pub(crate) const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    pub(crate) const fn hours(hours: u64) -> Self {
        Self(hours * 3_600)
    }

    pub(crate) const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    pub(crate) const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// The seconds as the rules count them; a span longer than any timestamp stays the longest one.
    pub(crate) fn as_seconds(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length))
            .unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.0 / length)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "`{text}` is not a length of time: write a number and a unit, such as \"60s\", \"5m\", \"8h\" or \"30d\""
            )
        };
        let (unit, length) = UNITS
            .into_iter()
            .find(|(unit, _)| text.ends_with(*unit))
            .ok_or_else(wrong)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        count.checked_mul(length).map(Self).ok_or_else(wrong)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration" })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0s", 0)]
    #[case("60s", 60)]
    #[case("5m", 300)]
    #[case("8h", 28_800)]
    #[case("30d", 2_592_000)]
    fn a_number_and_a_unit_is_a_length_of_time(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(Span::try_from(text.to_owned()), Ok(Span::seconds(seconds)));
    }

    #[rstest]
    fn anything_else_is_not(
        #[values(
            "", "s", "60", "5 m", "-5m", "+5m", "1.5h", "5M", "5min", "1h30m", "٣s"
        )]
        text: &str,
        #[values("", "99999999999999999999d", "18446744073709551615d")] huge: &str,
    ) {
        assert!(Span::try_from(text.to_owned()).is_err());
        assert!(Span::try_from(huge.to_owned()).is_err());
    }

    #[rstest]
    #[case(Span::seconds(90), "90s")]
    #[case(Span::seconds(0), "0s")]
    #[case(Span::minutes(5), "5m")]
    #[case(Span::hours(48), "2d")]
    #[case(Span::days(30), "30d")]
    fn it_is_shown_in_its_largest_whole_unit(#[case] span: Span, #[case] text: &str) {
        assert_eq!(span.to_string(), text);
    }
}
