//! The request between its pages: whose form is taken, from which browser, and how long.

use rstest::rstest;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{PendingAuthorization, SignedInUser},
    error::Reason,
    grant::Lifetimes,
    sealed::Sealed,
};

use crate::fixtures::{
    COOKIE, START, by_password, confidential, pending, person, reason, scope, session, user,
};

/// Attacks: L03, P12.
#[rstest]
#[case::this_browser(Some(COOKIE), 1, 0, None)]
#[case::at_its_last_second(Some(COOKIE), 1, 900, None)]
#[case::a_clock_a_little_behind(Some(COOKIE), 1, -5, None)]
#[case::too_old(Some(COOKIE), 1, 901, Some(Reason::PendingRequestExpired))]
#[case::before_a_restore(Some(COOKIE), 2, 0, Some(Reason::PendingRequestNotRecognised))]
#[case::another_browser(
    Some("another-cookie"),
    1,
    0,
    Some(Reason::PendingRequestFromAnotherBrowser)
)]
#[case::no_cookie(None, 1, 0, Some(Reason::PendingRequestWithoutCookie))]
#[case::an_empty_cookie(Some(""), 1, 0, Some(Reason::PendingRequestFromAnotherBrowser))]
fn a_form_is_taken_from_the_browser_it_was_made_for(
    #[case] cookie: Option<&str>,
    #[case] era: i64,
    #[case] age: i64,
    #[case] because: Option<Reason>,
) {
    let form = pending(&[], &confidential());
    let resumed = form
        .is_of_era(era)
        .and_then(|()| form.is_current(&Lifetimes::default(), START.plus(age)))
        .and_then(|()| form.resume(cookie));
    assert_eq!(reason(resumed), because);
}

fn in_session(number: u8) -> SignedInUser {
    SignedInUser {
        session: session(number),
        ..person("")
    }
}

fn as_user(number: u8) -> SignedInUser {
    SignedInUser {
        user: user(number),
        ..person("")
    }
}

const REFUSED: Option<Reason> = Some(Reason::PendingRequestFromAnotherSession);
const NOT_DUE: Option<Reason> = Some(Reason::PendingRequestNotDue);

/// Attacks: L04.
#[rstest]
#[case::who_was_asked(Some(person("")), None)]
#[case::who_allowed_more_meanwhile(Some(person("notes.read mail.read")), None)]
#[case::the_same_user_in_another_session(Some(in_session(2)), REFUSED)]
#[case::another_user_in_the_same_session(Some(as_user(2)), REFUSED)]
#[case::nobody_any_more(None, Some(Reason::PendingRequestSignedOut))]
fn a_consent_form_is_answered_by_who_was_asked(
    #[case] answering: Option<SignedInUser>,
    #[case] because: Option<Reason>,
) {
    let asked = pending(&[], &confidential()).asked(&person(""));
    assert_eq!(reason(asked.answered_by(answering.as_ref())), because);
}

#[rstest]
#[case::a_form_that_just_arrived(pending(&[], &confidential()))]
#[case::a_sign_in_form(pending(&[], &confidential()).proved(session(1), Factor::Password))]
fn what_was_never_a_consent_form_allows_nothing(#[case] form: PendingAuthorization) {
    assert_eq!(reason(form.answered_by(Some(&person("")))), NOT_DUE);
    assert_eq!(reason(form.answered_by(None)), NOT_DUE);
}

/// A form of another release, which would have shown more or less for the same request.
#[rstest]
#[case::less("")]
#[case::more("mail.read notes.read")]
#[case::something_else("mail.read")]
fn a_form_that_showed_something_else_allows_nothing(#[case] shown: &str) {
    let asked = pending(&[], &confidential()).asked(&person(""));
    let mut json = serde_json::to_value(&asked).unwrap();
    json["s"]["k"]["o"] = shown.into();
    let form: PendingAuthorization = serde_json::from_value(json).unwrap();
    assert_eq!(reason(form.answered_by(Some(&person("")))), REFUSED);
}

#[test]
fn signing_in_again_makes_the_consent_form_stale() {
    let stale = pending(&[], &confidential())
        .asked(&person(""))
        .proved(session(1), Factor::Password);
    assert_eq!(reason(stale.answered_by(Some(&person("")))), NOT_DUE);
}

#[test]
fn a_code_carries_what_was_asked_and_who_allowed_it() {
    let asked = [
        ("scope", "notes.read offline_access"),
        ("nonce", "n-0S6_WzA2Mj"),
    ];
    let form = pending(&asked, &confidential());
    let person = person("");
    let code = form.issue(&person, by_password(100), START.plus(10));
    assert_eq!(code.grant, form.grant);
    assert_eq!(code.era, form.era);
    assert_eq!(code.client, *form.request.client());
    assert_eq!(code.scope, scope("notes.read offline_access"));
    assert_eq!(code.audience, form.request.audience());
    assert_eq!(code.nonce.as_deref(), Some("n-0S6_WzA2Mj"));
    assert_eq!(
        (code.user, code.session, code.epochs, code.authentication),
        (person.user, person.session, person.epochs, by_password(100))
    );
    assert_eq!(code.issued_at, START.plus(10));
}

#[test]
fn two_codes_of_one_request_differ_in_their_own_id_alone() {
    let form = pending(&[], &confidential());
    let [first, mut second] = [(); 2].map(|()| form.issue(&person(""), by_password(100), START));
    assert_ne!(first.code_id, second.code_id);
    second.code_id = first.code_id.clone();
    assert_eq!(first, second);
}
