//! How the user must have proved who they are, beyond that the token is good (RFC 9470): by which authentication contexts, and how
//! long ago.
//!
//! Contexts are names and no ladder: which of them is more than another, the issuer knows.

use std::fmt;
use std::time::Duration;

use safeconduct_protocol::time::Timestamp;

/// What an operation demands of the sign-in behind a token (RFC 9470 §3). Where both halves are demanded, one value says both, so that
/// one challenge names them and one sign-in meets them.
///
/// ```
/// use std::time::Duration;
/// use safeconduct_guard::StepUp;
///
/// let to_pay = StepUp::acr(["phr", "mfa"]).and_within(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// The contexts of which one suffices. None at all where the names that were given cannot be sent: then no token suffices.
    acr: Option<Vec<String>>,
    /// In seconds.
    within: Option<i64>,
}

/// What a token says of its sign-in, against which time.
pub(crate) struct SignIn<'a> {
    pub(crate) acr: Option<&'a str>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) now: Timestamp,
    /// How far ahead of ours the issuer's clock may be, in seconds.
    pub(crate) leeway: i64,
}

impl StepUp {
    /// One of these authentication contexts (`acr`), compared as strings: list every one that is enough, the preferred one first.
    ///
    /// A name is 1 to 256 visible ASCII characters without `"` and `\`. Others are left out, and an error in the log; where none is left,
    /// no token suffices.
    pub fn acr<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut acr = Vec::new();
        for name in names {
            match name.as_ref() {
                name if is_name(name) => acr.push(name.to_owned()),
                name => tracing::error!(name, "no authentication context has that name: left out"),
            }
        }
        if acr.is_empty() {
            tracing::error!("a step-up demands an authentication context and names none");
        }
        Self {
            acr: Some(acr),
            within: None,
        }
    }

    /// A user who signed in less than `time` ago (`auth_time`), in whole seconds: one second less than `time` is recent enough, `time`
    /// itself is not, as with `max_age` at the issuer. Less than a second is met by no token.
    pub fn within(time: Duration) -> Self {
        Self {
            acr: None,
            within: Some(seconds(time)),
        }
    }

    /// This, and a user who signed in less than `time` ago: see [`StepUp::within`].
    #[must_use]
    pub fn and_within(self, time: Duration) -> Self {
        Self {
            within: Some(seconds(time)),
            ..self
        }
    }

    /// Whether `sign_in` is enough. What a token does not say is not met.
    pub(crate) fn is_met_by(&self, sign_in: &SignIn<'_>) -> bool {
        let acr = self.acr.as_ref().is_none_or(|names| {
            (sign_in.acr).is_some_and(|acr| names.iter().any(|name| name == acr))
        });
        let recent = self.within.is_none_or(|within| {
            (sign_in.auth_time).is_some_and(|at| {
                let age = sign_in.now.since(at);
                age >= -sign_in.leeway && age.max(0) < within
            })
        });
        acr && recent
    }

    /// The parameters of the challenge.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let acr = self.acr.as_ref().filter(|names| !names.is_empty());
        let acr = acr.map(|names| ("acr_values", names.join(" ")));
        let max_age = self.within.map(|within| ("max_age", within.to_string()));
        acr.into_iter().chain(max_age)
    }
}

/// For the log: what was expected.
impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self
            .parameters()
            .map(|(name, value)| format!("{name} {value}"));
        let first = parts.next().unwrap_or_else(|| "no context".to_owned());
        f.write_str(&parts.fold(first, |text, part| format!("{text}, {part}")))
    }
}

/// For the log: what came instead.
impl fmt::Display for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acr {}, ", self.acr.unwrap_or("none"))?;
        match self.auth_time {
            Some(at) => write!(f, "signed in {} s ago", self.now.since(at)),
            None => f.write_str("auth_time none"),
        }
    }
}

/// What fits `acr_values`, a quoted string of names with spaces between them.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    (1..=256).contains(&name.len()) && name.bytes().all(fits)
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn signed_in(acr: Option<&str>, ago: Option<i64>) -> SignIn<'_> {
        SignIn {
            acr,
            auth_time: ago.map(|ago| NOW.plus(-ago)),
            now: NOW,
            leeway: 60,
        }
    }

    fn within(seconds: u64) -> StepUp {
        StepUp::within(Duration::from_secs(seconds))
    }

    /// Attacks: PE47.
    #[rstest]
    #[case::just(within(300), Some(299), true)]
    #[case::as_long_ago_as_that(within(300), Some(300), false)]
    #[case::now(within(1), Some(0), true)]
    #[case::a_second_ago(within(1), Some(1), false)]
    #[case::nothing_is_within_nothing(within(0), Some(0), false)]
    #[case::not_even_by_a_clock_ahead(within(0), Some(-1), false)]
    #[case::by_a_clock_ahead(within(300), Some(-60), true)]
    #[case::by_one_too_far_ahead(within(300), Some(-61), false)]
    #[case::it_does_not_say(within(300), None, false)]
    #[case::a_part_of_a_second_is_none(StepUp::within(Duration::from_millis(1999)), Some(1), false)]
    #[case::for_ever(within(u64::MAX), Some(1_800_000_000), true)]
    fn how_long_ago_is_exact(
        #[case] demanded: StepUp,
        #[case] ago: Option<i64>,
        #[case] met: bool,
    ) {
        assert_eq!(demanded.is_met_by(&signed_in(Some("mfa"), ago)), met);
    }

    #[rstest]
    #[case::the_first(StepUp::acr(["phr", "mfa"]), Some("phr"), true)]
    #[case::another(StepUp::acr(["phr", "mfa"]), Some("mfa"), true)]
    #[case::more_is_another_name(StepUp::acr(["mfa"]), Some("phr"), false)]
    #[case::in_another_case(StepUp::acr(["mfa"]), Some("MFA"), false)]
    #[case::a_part(StepUp::acr(["mfa"]), Some("mf"), false)]
    #[case::both_at_once(StepUp::acr(["phr", "mfa"]), Some("phr mfa"), false)]
    #[case::it_does_not_say(StepUp::acr(["mfa"]), None, false)]
    #[case::none_is_demanded(StepUp::acr([""; 0]), Some("mfa"), false)]
    #[case::nor_an_empty_one(StepUp::acr([""]), Some(""), false)]
    #[case::both_halves(StepUp::acr(["mfa"]).and_within(Duration::from_secs(300)), Some("mfa"), true)]
    #[case::one_half(StepUp::acr(["mfa"]).and_within(Duration::from_secs(5)), Some("mfa"), false)]
    fn contexts_are_compared_as_strings(
        #[case] demanded: StepUp,
        #[case] acr: Option<&str>,
        #[case] met: bool,
    ) {
        assert_eq!(demanded.is_met_by(&signed_in(acr, Some(60))), met);
    }

    #[test]
    fn what_does_not_fit_a_challenge_is_left_out_of_it() {
        let sent = |names: &[&str]| StepUp::acr(names).parameters().collect::<Vec<_>>();
        let both = ("acr_values", "urn:a:1 https://b/c?d=e".to_owned());
        let names = [
            "urn:a:1",
            "a b",
            "a\"b",
            "a\\b",
            "\u{e9}",
            "a\nb",
            "",
            "https://b/c?d=e",
        ];
        assert_eq!(sent(&names), [both]);
        assert_eq!(sent(&["a\"b"]), []);
        assert_eq!(sent(&[&"a".repeat(257)]), []);
    }
}
