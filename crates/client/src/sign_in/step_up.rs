//! What an API asks of the sign-in behind a token, and whether a sign-in is that (RFC 9470).
//!
//! How the challenge is spelled is `grammar.rs`'s concern, how a sign-in that answers it begins `authorization_request.rs`'s.

use std::time::Duration;

use http::HeaderMap;
use safeconduct_protocol::encoding;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grammar;

/// The error code of the challenge (RFC 9470 §3).
pub(crate) const CHALLENGE: &str = "insufficient_user_authentication";
/// For so many seconds after a step-up the same demand is taken for an answer to it, whatever the times in the tokens say.
const AT_ONCE: i64 = 10;

/// What an API asks of the sign-in behind a token before it lets a request pass (RFC 9470 §3): one of some authentication contexts, a
/// user who signed in a short while ago, or both.
///
/// [`Error::step_up`](crate::Error::step_up) tells what was asked; [`BeginOptions::step_up`](crate::BeginOptions::step_up) begins the
/// sign-in that answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    acr_values: Option<String>,
    /// In seconds.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
}

/// What a sign-in that steps up is held to, beside its `max_age`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SteppingUp {
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    acr_values: Option<String>,
    /// A short name for the user it must be.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl StepUp {
    /// A sign-in with one of these authentication contexts, the preferred one first. Names that cannot be sent, and what goes beyond 120
    /// bytes in all, are left out.
    pub fn acr<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut acr_values = String::new();
        for name in names {
            let space = if acr_values.is_empty() { "" } else { " " };
            let longer = format!("{acr_values}{space}{}", name.as_ref());
            if !name.as_ref().contains(' ') && grammar::is_acr_values(&longer) {
                acr_values = longer;
            }
        }
        Self {
            acr_values: Some(acr_values).filter(|values| !values.is_empty()),
            max_age: None,
        }
    }

    /// A user who signed in less than `time` ago, in whole seconds.
    pub fn within(time: Duration) -> Self {
        Self {
            acr_values: None,
            max_age: Some(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        }
    }

    /// This, and a user who signed in less than `time` ago, in whole seconds.
    #[must_use]
    pub fn and_within(self, time: Duration) -> Self {
        Self {
            max_age: Self::within(time).max_age,
            ..self
        }
    }

    /// The authentication contexts of which one is asked, the preferred one first; none where it is about time alone.
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        let values = self.acr_values.as_deref().unwrap_or_default();
        values.split_ascii_whitespace()
    }

    /// How long ago the user may have signed in.
    pub fn max_age(&self) -> Option<Duration> {
        let seconds = self.max_age?;
        Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
    }

    /// What the challenge in an API's answer asks; `None` where there is none, or it does not say what for.
    pub(crate) fn of_answer(headers: &HeaderMap) -> Option<Self> {
        let parameters = grammar::challenge_for(headers, CHALLENGE)?;
        let one = |name: &str| {
            let mut found = parameters.iter();
            found.find_map(|(sent, value)| sent.eq_ignore_ascii_case(name).then_some(&**value))
        };
        Self::parse(one("acr_values"), one("max_age"))
    }

    /// What two parameters ask. What breaks their grammar, or is longer than is kept, is left out.
    pub(crate) fn parse(acr_values: Option<&str>, max_age: Option<&str>) -> Option<Self> {
        let acr_values = acr_values.map(str::split_ascii_whitespace);
        let acr_values = acr_values.and_then(|names| Self::acr(names).acr_values);
        let max_age = max_age.filter(|age| grammar::is_seconds(age));
        (acr_values.is_some() || max_age.is_some()).then(|| Self {
            acr_values,
            max_age: max_age.map(|age| age.parse().unwrap_or(i64::MAX)),
        })
    }

    pub(crate) fn new(acr_values: Option<String>, max_age: Option<i64>) -> Self {
        Self {
            acr_values,
            max_age,
        }
    }

    /// How long ago the user may have signed in, in seconds.
    pub(crate) fn oldest_sign_in(&self) -> Option<i64> {
        self.max_age
    }

    /// Its parameters, as in a challenge or in an authorization request.
    #[cfg(feature = "axum")]
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let acr = self.acr_values.clone().map(|values| ("acr_values", values));
        let max_age = self.max_age.map(|age| ("max_age", age.to_string()));
        acr.into_iter().chain(max_age)
    }

    /// Whether a sign-in that was asked for this was asked for all of `other`.
    fn covers(&self, other: &Self) -> bool {
        let acr = other.acr_values.is_none() || other.acr_values == self.acr_values;
        let max_age = other
            .max_age
            .is_none_or(|most| self.max_age.is_some_and(|asked| asked <= most));
        acr && max_age
    }

    /// Whether an API that asks for `self` asks in vain: of a session that began at `began` by a step-up for `before`, whose user
    /// signed in by the context `acr` at `auth_time`. Then it got what the issuer gives, and another round would bring the same.
    pub(crate) fn was_answered(
        &self,
        before: Option<&Self>,
        (acr, auth_time): (Option<&str>, Option<Timestamp>),
        began: Timestamp,
        now: Timestamp,
    ) -> bool {
        let asked = before.is_some_and(|before| before.covers(self));
        asked && (now.since(began) < AT_ONCE || self.is_met_by(acr, auth_time, now))
    }

    fn is_met_by(&self, acr: Option<&str>, auth_time: Option<Timestamp>, now: Timestamp) -> bool {
        let acr = self.acr_values.is_none()
            || acr.is_some_and(|acr| self.acr_values().any(|value| value == acr));
        let recent = self
            .max_age
            .is_none_or(|most| auth_time.is_some_and(|at| now.since(at).max(0) < most));
        acr && recent
    }
}

impl SteppingUp {
    /// The sign-in that `asked` asks for, of the user `sub` if a user is signed in.
    pub(crate) fn new(asked: &StepUp, sub: Option<&str>) -> Self {
        Self {
            acr_values: asked.acr_values.clone(),
            user: sub.map(short_name),
        }
    }

    /// The contexts of which the sign-in must have one, if any are asked.
    pub(crate) fn acr_values(&self) -> Option<&str> {
        self.acr_values.as_deref()
    }

    /// Whether it may be the user `sub`.
    pub(crate) fn is_of(&self, sub: &str) -> bool {
        let name = short_name(sub);
        (self.user.as_ref())
            .is_none_or(|user| encoding::constant_time_eq(user.as_bytes(), name.as_bytes()))
    }

    /// Whether it must be a certain user.
    pub(crate) fn is_of_one_user(&self) -> bool {
        self.user.is_some()
    }
}

/// A `sub` may be long, and attempts share one header.
fn short_name(sub: &str) -> String {
    encoding::encode(&encoding::sha256(sub.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use http::header::WWW_AUTHENTICATE;
    use rstest::rstest;

    use super::*;

    fn asked(challenge: &str) -> Option<(Option<String>, Option<i64>)> {
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge.parse().unwrap())]);
        StepUp::of_answer(&headers).map(|asked| (asked.acr_values, asked.max_age))
    }

    /// Attacks: PE48.
    #[rstest]
    #[case::both(
        r#"Bearer error="insufficient_user_authentication", error_description="x", acr_values="phr mfa", max_age="300""#,
        Some((Some("phr mfa"), Some(300)))
    )]
    #[case::not_quoted_and_of_any_case(
        "DPoP ERROR=insufficient_user_authentication, Max_Age=5",
        Some((None, Some(5)))
    )]
    #[case::before_another_challenge(
        r#"Bearer error="insufficient_user_authentication", acr_values="mfa", DPoP algs="ES256""#,
        Some((Some("mfa"), None))
    )]
    #[case::more_than_can_be_counted(
        r#"Bearer error="insufficient_user_authentication", max_age="99999999999999999999""#,
        Some((None, Some(i64::MAX)))
    )]
    #[case::no_number(
        r#"Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="-1""#,
        Some((Some("mfa"), None))
    )]
    #[case::not_to_be_sent(
        r#"Bearer error="insufficient_user_authentication", acr_values="a\"b", max_age="1""#,
        Some((None, Some(1)))
    )]
    #[case::nothing_in_particular(r#"Bearer error="insufficient_user_authentication""#, None)]
    #[case::another_error(r#"Bearer error="invalid_token", acr_values="mfa""#, None)]
    #[case::no_challenge("", None)]
    fn a_challenge_tells_what_it_asks(
        #[case] challenge: &str,
        #[case] expected: Option<(Option<&str>, Option<i64>)>,
    ) {
        let expected = expected.map(|(acr, age)| (acr.map(str::to_owned), age));
        assert_eq!(asked(challenge), expected);
    }

    #[test]
    fn what_is_asked_is_bounded() {
        let long = "a".repeat(121);
        assert_eq!(StepUp::parse(Some(&long), None), None);
        let names = StepUp::acr([&long[..100], "a b", "", &long[..60], "mfa"]);
        let names: Vec<_> = names.acr_values().map(str::len).collect();
        assert_eq!(names, [100, 3]);
    }

    #[rstest]
    #[case::the_same(StepUp::acr(["mfa"]), StepUp::acr(["mfa"]), true)]
    #[case::less(StepUp::acr(["mfa"]).and_within(Duration::from_secs(5)), StepUp::acr(["mfa"]), true)]
    #[case::longer_ago(
        StepUp::within(Duration::from_secs(5)),
        StepUp::within(Duration::from_secs(9)),
        true
    )]
    #[case::more_recent(
        StepUp::within(Duration::from_secs(9)),
        StepUp::within(Duration::from_secs(5)),
        false
    )]
    #[case::another(StepUp::acr(["mfa"]), StepUp::acr(["phr"]), false)]
    #[case::more(StepUp::acr(["mfa"]), StepUp::acr(["mfa"]).and_within(Duration::from_secs(5)), false)]
    fn one_step_up_covers_another(
        #[case] one: StepUp,
        #[case] other: StepUp,
        #[case] covers: bool,
    ) {
        assert_eq!(one.covers(&other), covers);
    }

    /// Attacks: PE50.
    #[rstest]
    #[case::it_did_not_step_up(None, Some("mfa"), Some(0), 60, false)]
    #[case::for_something_else(Some(StepUp::acr(["phr"])), Some("mfa"), Some(0), 60, false)]
    #[case::and_the_token_says_so(Some(both()), Some("mfa"), Some(299), 60, true)]
    #[case::that_was_long_ago(Some(both()), Some("mfa"), Some(300), 60, false)]
    #[case::the_token_does_not_say_when(Some(both()), Some("mfa"), None, 60, false)]
    #[case::the_token_says_less(Some(both()), Some("pwd"), Some(0), 60, false)]
    #[case::a_moment_ago(Some(both()), None, None, 9, true)]
    #[case::not_that_moment(Some(both()), None, None, 10, false)]
    fn what_was_just_answered_is_not_asked_again(
        #[case] before: Option<StepUp>,
        #[case] acr: Option<&str>,
        #[case] signed_in_ago: Option<i64>,
        #[case] began_ago: i64,
        #[case] expected: bool,
    ) {
        let signed_in = (acr, signed_in_ago.map(|ago| NOW.plus(-ago)));
        let began = NOW.plus(-began_ago);
        assert_eq!(
            both().was_answered(before.as_ref(), signed_in, began, NOW),
            expected
        );
    }

    #[test]
    fn a_recent_sign_in_alone_needs_no_context() {
        let asked = StepUp::within(Duration::from_secs(300));
        let answered = |ago: i64| {
            let signed_in = (None, Some(NOW.plus(-ago)));
            asked.was_answered(Some(&asked), signed_in, NOW.plus(-60), NOW)
        };
        assert!(answered(299) && !answered(300));
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn both() -> StepUp {
        StepUp::acr(["phr", "mfa"]).and_within(Duration::from_secs(300))
    }

    #[test]
    fn another_user_is_told_by_a_short_name() {
        let asked = StepUp::within(Duration::ZERO);
        let stepping_up = SteppingUp::new(&asked, Some("ada"));
        assert!(stepping_up.is_of("ada") && !stepping_up.is_of("eve") && !stepping_up.is_of(""));
        assert!(SteppingUp::new(&asked, None).is_of("eve"));
    }
}
