//! `prompt` (OpenID Connect Core §3.1.2.1): which page is due, and which is forbidden.

use rstest::rstest;
use safeconduct_protocol::{
    authentication::Factor,
    authorization::{Arrival, Next, PendingAuthorization, SignedInUser},
    client::{Client, ConsentPolicy},
    error::{ErrorCode, Reason, Refusal},
};

use crate::fixtures::{
    SUBJECTS, arrival, arriving, asking, check, confidential, pending, person, reason, scope,
    session, user,
};

/// What a request with `prompt` comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    SignIn,
    SignUp,
    Reauthenticate,
    SelectAccount,
    /// Nothing was allowed before: all of it is asked.
    Consent,
    Issue,
    LoginRequired,
    ConsentRequired,
}

use Due::{
    Consent, ConsentRequired, Issue, LoginRequired, Reauthenticate, SelectAccount, SignIn, SignUp,
};

fn due(form: &PendingAuthorization, client: &Client, person: Option<&SignedInUser>) -> Due {
    match form.next(client, person, &SUBJECTS) {
        Ok(Next::SignIn) => SignIn,
        Ok(Next::SignUp) => SignUp,
        Ok(Next::Reauthenticate) => Reauthenticate,
        Ok(Next::SelectAccount) => SelectAccount,
        Ok(Next::Issue(_)) => Issue,
        Ok(next @ (Next::SecondFactor(_) | Next::Enrol(_))) => unreachable!("{next:?}"),
        Ok(Next::Consent { new, already }) => {
            assert_eq!((new, already), (scope("notes.read"), scope("")));
            Consent
        }
        Err(refused) if refused.reason() == Reason::LoginRequired => LoginRequired,
        Err(refused) => {
            assert_eq!(refused.reason(), Reason::ConsentRequired);
            ConsentRequired
        }
    }
}

/// Nobody is signed in; somebody is, who allowed nothing or all of it; somebody signed in for this very request.
/// Attacks: Q08.
#[rstest]
//       prompt           nobody         new              remembered      signed in: new   remembered
#[case("", [SignIn, Consent, Issue, Consent, Issue])]
#[case("none", [LoginRequired, ConsentRequired, Issue, ConsentRequired, Issue])]
#[case("login", [SignIn, Reauthenticate, Reauthenticate, Consent, Issue])]
#[case("consent", [SignIn, Consent, Consent, Consent, Consent])]
#[case("select_account", [SignIn, SelectAccount, SelectAccount, Consent, Issue])]
#[case("login consent", [SignIn, Reauthenticate, Reauthenticate, Consent, Consent])]
#[case("login select_account", [SignIn, Reauthenticate, Reauthenticate, Consent, Issue])]
#[case("consent select_account", [SignIn, SelectAccount, SelectAccount, Consent, Consent])]
#[case("login consent select_account", [SignIn, Reauthenticate, Reauthenticate, Consent, Consent])]
fn a_prompt_decides_which_page_is_due(#[case] prompt: &str, #[case] expected: [Due; 5]) {
    let client = confidential();
    let arrived = pending(&[("prompt", prompt)], &client);
    let signed_in = arrived.clone().proved(session(1), Factor::Password);
    let (stranger, friend) = (person(""), person("notes.read"));
    assert_eq!(
        [
            due(&arrived, &client, None),
            due(&arrived, &client, Some(&stranger)),
            due(&arrived, &client, Some(&friend)),
            due(&signed_in, &client, Some(&stranger)),
            due(&signed_in, &client, Some(&friend)),
        ],
        expected
    );
}

#[rstest]
#[case("login", Reauthenticate)]
#[case("select_account", SelectAccount)]
#[case("none", Issue)]
#[case("", Issue)]
fn a_sign_in_counts_for_the_session_it_made_and_no_other(
    #[case] prompt: &str,
    #[case] expected: Due,
) {
    let client = confidential();
    let in_another_session =
        pending(&[("prompt", prompt)], &client).proved(session(2), Factor::Password);
    let asked_in_this = pending(&[("prompt", prompt)], &client).asked(&person("notes.read"));
    for form in [in_another_session, asked_in_this] {
        assert_eq!(due(&form, &client, Some(&person("notes.read"))), expected);
    }
}

#[rstest]
#[case("none", LoginRequired)]
#[case("", SignIn)]
#[case("login", SignIn)]
fn whoever_signed_out_since_signs_in_again(#[case] prompt: &str, #[case] expected: Due) {
    let client = confidential();
    let form = pending(&[("prompt", prompt)], &client).proved(session(1), Factor::Password);
    assert_eq!(due(&form, &client, None), expected);
}

#[rstest]
#[case::never_asks(ConsentPolicy::Never, "none", Issue)]
#[case::never_asks_unless_told_to(ConsentPolicy::Never, "consent", Consent)]
#[case::always_asks_and_may_not(ConsentPolicy::Always, "none", ConsentRequired)]
fn a_prompt_stands_above_the_clients_own_policy(
    #[case] policy: ConsentPolicy,
    #[case] prompt: &str,
    #[case] expected: Due,
) {
    let client = Client {
        consent: policy,
        ..confidential()
    };
    let form = pending(&[("prompt", prompt)], &client);
    assert_eq!(due(&form, &client, Some(&person("notes.read"))), expected);
}

#[test]
fn being_asked_again_shows_what_was_allowed_before() {
    let client = confidential();
    let asked = [("prompt", "consent"), ("scope", "notes.read notes.write")];
    let next = pending(&asked, &client).next(&client, Some(&person("notes.read")), &SUBJECTS);
    assert_eq!(
        next,
        Ok(Next::Consent {
            new: scope("notes.write"),
            already: scope("notes.read"),
        })
    );
}

#[rstest]
#[case("none login")]
#[case("consent none")]
#[case("create")]
#[case("LOGIN")]
#[case("login,consent")]
#[case("login consent x")]
fn what_is_no_prompt_is_refused(#[case] prompt: &str) {
    let right = check(&asking(&[("prompt", "login consent")]), &confidential());
    assert_eq!(reason(right), None);
    let refused = check(&asking(&[("prompt", prompt)]), &confidential());
    assert_eq!(reason(refused), Some(Reason::PromptMalformed));
}

/// Nobody is signed in, somebody is, somebody signed up or in for this very request, somebody did in another session.
/// Attacks: PE69.
#[test]
fn an_account_is_created_before_anything_else_is_due() {
    let client = confidential();
    let arrival = Arrival {
        sign_up: true,
        ..arrival()
    };
    let create = asking(&[("prompt", "create")]);
    let request = arriving(&create, &client, &arrival).unwrap();
    let arrived = PendingAuthorization {
        request,
        ..pending(&[], &client)
    };
    let friend = person("notes.read");
    let elsewhere = arrived.clone().proved(session(2), Factor::Password);
    for (form, person) in [
        (&arrived, None),
        (&arrived, Some(&friend)),
        (&elsewhere, Some(&friend)),
    ] {
        assert_eq!(due(form, &client, person), SignUp);
    }
    let signed_up = arrived.clone().proved(session(1), Factor::Password);
    assert_eq!(due(&signed_up, &client, Some(&person(""))), Consent);
    assert_eq!(due(&signed_up, &client, Some(&friend)), Issue);
    assert_eq!(due(&signed_up, &client, None), SignUp, "signed out since");
    assert!(arrived.chosen(&client, &friend, &SUBJECTS).is_err());
    for beside in ["create login", "consent create", "none create"] {
        let refused = arriving(&asking(&[("prompt", beside)]), &client, &arrival);
        assert_eq!(reason(refused), Some(Reason::PromptMalformed), "{beside}");
    }
}

#[test]
fn the_order_of_prompts_and_a_repeated_one_carry_no_meaning() {
    let form = |prompt| pending(&[("prompt", prompt)], &confidential());
    assert_eq!(form("consent login"), form(" login  consent login"));
}

#[rstest]
#[case(Reason::LoginRequired, ErrorCode::LoginRequired)]
#[case(Reason::ConsentRequired, ErrorCode::ConsentRequired)]
#[case(Reason::PromptMalformed, ErrorCode::InvalidRequest)]
fn each_has_the_error_code_of_the_specification(#[case] reason: Reason, #[case] code: ErrorCode) {
    assert_eq!(Refusal::new(reason).error(), code);
}

/// Choosing the account that is signed in is no way around a password, a consent or a hint.
#[rstest]
#[case("select_account", 1, None)]
#[case("select_account consent", 1, None)]
#[case("", 1, Some(Reason::PendingRequestNotDue))]
#[case("login", 1, Some(Reason::PendingRequestNotDue))]
#[case("login select_account", 1, Some(Reason::PendingRequestNotDue))]
#[case::signed_in_for_already("select_account", 2, Some(Reason::PendingRequestNotDue))]
fn an_account_is_chosen_where_the_choice_was_due(
    #[case] prompt: &str,
    #[case] times: u8,
    #[case] because: Option<Reason>,
) {
    let client = confidential();
    let form = pending(&[("prompt", prompt)], &client);
    let choose = |form: PendingAuthorization| form.chosen(&client, &person(""), &SUBJECTS);
    let form = form.offered(&person(""));
    let chosen = (1..times)
        .try_fold(form, |form, _| choose(form))
        .and_then(choose);
    if let Ok(chosen) = &chosen {
        assert_eq!(due(chosen, &client, Some(&person(""))), Consent);
    }
    assert_eq!(reason(chosen), because);
}

#[test]
fn only_the_account_that_was_offered_can_be_chosen() {
    let client = confidential();
    let form = pending(&[("prompt", "select_account")], &client);
    let (ada, mut bob) = (person(""), person(""));
    (bob.user, bob.session) = (user(2), session(2));
    let offered = form.clone().offered(&ada);
    assert_eq!(due(&offered, &client, Some(&bob)), SelectAccount);
    for (form, person, because) in [
        (&offered, &bob, Reason::PendingRequestFromAnotherSession),
        (&form, &ada, Reason::PendingRequestNotDue),
    ] {
        let chosen = form.clone().chosen(&client, person, &SUBJECTS);
        assert_eq!(reason(chosen), Some(because));
    }
    assert!(offered.chosen(&client, &ada, &SUBJECTS).is_ok());
}

#[test]
fn choosing_an_account_is_no_way_around_max_age() {
    let client = confidential();
    let asked = [("prompt", "select_account"), ("max_age", "60")];
    let offered = pending(&asked, &client).offered(&person(""));
    let refused = offered.chosen(&client, &person(""), &SUBJECTS);
    assert_eq!(reason(refused), Some(Reason::PendingRequestNotDue));
}
