//! `max_age` (OpenID Connect Core §3.1.2.1): how long ago a sign-in may be. It is judged once, by when the request arrived.

use rstest::rstest;
use safeconduct_protocol::{
    authentication::{Factor, Factors},
    authorization::{Next, PendingAuthorization, SignedInUser},
    error::Reason,
};

use crate::fixtures::{
    START, SUBJECTS, asking, check, confidential, issue, pending, person, reason, session,
};

/// Somebody who allowed everything and signed in `age` seconds before the request arrived.
fn signed_in_ago(age: i64) -> SignedInUser {
    SignedInUser {
        factors: Factors::of(Factor::Password, START.plus(-age)),
        ..person("notes.read")
    }
}

fn next(max_age: &str, prompt: &str, age: i64) -> Result<Next, Reason> {
    let client = confidential();
    let form = pending(&[("max_age", max_age), ("prompt", prompt)], &client);
    form.next(&client, Some(&signed_in_ago(age)), &SUBJECTS)
        .map_err(|refused| refused.reason())
}

#[rstest]
#[case::not_asked_for("", 1_000_000, issue(1_000_000))]
#[case::recent_enough("101", 100, issue(100))]
#[case::exactly_as_old("100", 100, Next::Reauthenticate)]
#[case::too_old("99", 100, Next::Reauthenticate)]
#[case::a_second_and_just_now("1", 0, issue(0))]
#[case::a_second_and_a_second_ago("1", 1, Next::Reauthenticate)]
#[case::none_at_all("0", 0, Next::Reauthenticate)]
#[case::none_at_all_by_a_clock_ahead("0", -1, Next::Reauthenticate)]
#[case::signed_in_meanwhile_in_another_tab("5", -10, issue(-10))]
#[case::longer_than_can_be_counted("99999999999999999999999", 1_000_000, issue(1_000_000))]
#[case::leading_zeros("000100", 99, issue(99))]
fn a_sign_in_that_is_too_old_is_done_again(
    #[case] max_age: &str,
    #[case] age: i64,
    #[case] expected: Next,
) {
    let silent = match &expected {
        Next::Issue(_) => Ok(expected.clone()),
        _ => Err(Reason::LoginRequired),
    };
    assert_eq!(next(max_age, "", age), Ok(expected));
    assert_eq!(next(max_age, "none", age), silent, "without a page");
}

#[rstest]
fn who_signed_in_for_the_request_does_not_have_to_hurry(#[values("0", "1", "60")] max_age: &str) {
    let client = confidential();
    let form = pending(&[("max_age", max_age)], &client);
    let person = signed_in_ago(1_000);
    let next = |form: PendingAuthorization| form.next(&client, Some(&person), &SUBJECTS);
    assert_eq!(next(form.clone()), Ok(Next::Reauthenticate));
    assert_eq!(
        next(form.clone().proved(session(1), Factor::Password)),
        Ok(issue(1_000))
    );
    assert_eq!(
        next(form.proved(session(2), Factor::Password)),
        Ok(Next::Reauthenticate)
    );
}

#[rstest]
#[case("-1")]
#[case("+5")]
#[case("1.5")]
#[case("1e3")]
#[case("0x10")]
#[case(" 1")]
#[case("ten")]
#[case("\u{661}")]
fn what_is_no_whole_number_is_refused(#[case] max_age: &str) {
    let right = check(&asking(&[("max_age", "60")]), &confidential());
    assert_eq!(reason(right), None);
    let refused = check(&asking(&[("max_age", max_age)]), &confidential());
    assert_eq!(reason(refused), Some(Reason::MaxAgeMalformed));
}
