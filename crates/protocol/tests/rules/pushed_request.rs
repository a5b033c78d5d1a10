//! The pushed authorization request (RFC 9126): whose it is, how long, and that what was pushed is what counts.

use rstest::rstest;
use safeconduct_protocol::{
    authorization::{self, Arrival, CheckedRequest, identify},
    client::Client,
    client_authentication::JWT_BEARER,
    error::{ErrorCode, Reason, Refusal},
    grant::Lifetimes,
    parameters::Parameters,
    pushed_request::{PUSHED_LIFE, PushedId, PushedRequest, REQUEST_URI, pushed},
    sealed::Sealed,
    single_use::{SingleUse, UsedId},
    time::Timestamp,
};

use crate::fixtures::{
    NOTES, REDIRECT_URI, START, arrival, arriving, asking, check, client_id, confidential, reason,
    scope, sent, thumbprint,
};

fn push(parameters: &Parameters) -> PushedRequest {
    PushedRequest::push(parameters, &client_id("shop"), None, 1, START)
}

fn parameters_of(request: &PushedRequest) -> Parameters {
    Parameters::parse(request.parameters.as_bytes()).unwrap()
}

/// Attacks: Q23.
#[rstest]
#[case::ours("shop", &format!("{REQUEST_URI}sc_par_x"), Ok(Some("sc_par_x")))]
#[case::ours_whatever_it_holds("shop", REQUEST_URI, Ok(Some("")))]
#[case::none("shop", "", Ok(None))]
#[case::somebody_elses("shop", "https://rp.example/request.jwt", Ok(None))]
#[case::metadata_of_a_cloud("shop", "http://169.254.169.254/", Ok(None))]
#[case::another_case("shop", "URN:ietf:params:oauth:request_uri:x", Ok(None))]
#[case::from_nobody("", &format!("{REQUEST_URI}x"), Err(Reason::ClientIdMissing))]
#[case::from_no_client("a b", &format!("{REQUEST_URI}x"), Err(Reason::ClientUnknown))]
fn a_request_uri_of_ours_is_told_from_any_other(
    #[case] client_id: &str,
    #[case] request_uri: &str,
    #[case] expected: Result<Option<&str>, Reason>,
) {
    let parameters = sent(&[("client_id", client_id), ("request_uri", request_uri)]);
    let read = pushed(&parameters).map_err(|refused| refused.reason());
    assert_eq!(read.map(|read| read.map(|(_, sealed)| sealed)), expected);
}

#[rstest]
#[case("request_uri")]
#[case("client_id")]
fn who_brings_what_is_said_once(#[case] twice: &str) {
    let once = sent(&[("client_id", "shop"), ("request_uri", "urn:x")]);
    assert_eq!(reason(pushed(&once)), None);
    let uri = format!("{REQUEST_URI}x");
    let parameters = sent(&[
        ("client_id", "shop"),
        ("request_uri", &uri),
        (twice, "another"),
    ]);
    assert_eq!(reason(pushed(&parameters)), Some(Reason::ParameterRepeated));
}

/// Attacks: Q24.
#[rstest]
#[case::at_once("shop", 1, 0, None)]
#[case::in_its_last_second("shop", 1, PUSHED_LIFE - 1, None)]
#[case::too_late("shop", 1, PUSHED_LIFE, Some(Reason::PushedRequestExpired))]
#[case::by_another_client("other", 1, 0, Some(Reason::PushedRequestNotRecognised))]
#[case::by_another_client_who_learns_nothing_of_its_end(
    "other",
    1,
    PUSHED_LIFE,
    Some(Reason::PushedRequestNotRecognised)
)]
#[case::after_a_restore("shop", 2, 0, Some(Reason::PushedRequestNotRecognised))]
fn a_pushed_request_is_its_clients_for_a_minute(
    #[case] brought_by: &str,
    #[case] era: i64,
    #[case] age: i64,
    #[case] because: Option<Reason>,
) {
    let request = push(&asking(&[]));
    let arrived = request
        .is_of_era(era)
        .and_then(|()| arrive(&request, brought_by, START.plus(age)));
    if let Err(refused) = &arrived {
        assert_eq!(refused.error(), ErrorCode::InvalidRequestUri);
    }
    assert_eq!(reason(arrived), because);
    assert_eq!(reason(arrive(&request, "shop", START)), None);
}

fn arrive(request: &PushedRequest, brought_by: &str, now: Timestamp) -> Result<(), Refusal> {
    request.arrive(&client_id(brought_by), &Lifetimes::default(), now)
}

#[test]
fn credentials_are_no_part_of_a_request() {
    let credentials = [
        ("client_secret", "hush-hush-hush"),
        ("client_assertion", "eyJ.eyJ.c2ln"),
        ("client_assertion_type", JWT_BEARER),
    ];
    let request = push(&asking(&credentials));
    for (name, value) in credentials {
        assert_eq!(parameters_of(&request).one(name), Ok(None), "{name}");
        assert!(!request.parameters.contains(value), "{name}");
    }
    let without = check(&asking(&[]), &confidential());
    assert_eq!(check(&parameters_of(&request), &confidential()), without);
}

#[test]
fn who_pushed_is_who_asks_whether_it_says_so_or_not() {
    for said in ["shop", ""] {
        let request = push(&asking(&[("client_id", said)]));
        let parameters = parameters_of(&request);
        assert_eq!(
            identify(&parameters),
            Ok((client_id("shop"), REDIRECT_URI)),
            "{said:?}"
        );
    }
}

#[test]
fn a_pushed_request_asks_what_the_same_request_would_ask_itself() {
    let parameters = asking(&[("nonce", "n &=+%\u{e9}"), ("resource", NOTES)]);
    let request = push(&parameters);
    assert_eq!(
        check(&parameters_of(&request), &confidential()).unwrap(),
        check(&parameters, &confidential()).unwrap()
    );
}

/// Attacks: Q22.
#[rstest]
#[case::of_ours(REQUEST_URI)]
#[case::of_somebody_else("https://rp.example/request.jwt")]
fn a_request_inside_a_request_is_refused(
    #[case] request_uri: &str,
    #[values(true, false)] pushed: bool,
) {
    let arrival = Arrival {
        pushed,
        ..arrival()
    };
    assert_eq!(
        reason(arriving(&asking(&[]), &confidential(), &arrival)),
        None
    );
    let nested = asking(&[("request_uri", request_uri)]);
    let refused = arriving(&nested, &confidential(), &arrival);
    assert_eq!(reason(refused), Some(Reason::RequestUriUnsupported));
    let object = asking(&[("request", "eyJ.eyJ.c2ln")]);
    let refused = arriving(&object, &confidential(), &arrival);
    assert_eq!(reason(refused), Some(Reason::RequestObjectUnsupported));
}

/// Attacks: Q26.
#[rstest]
#[case::that_must_push(true, false, Some(Reason::PushedRequestRequired))]
#[case::that_must_push_and_does(true, true, None)]
#[case::that_may_push(false, true, None)]
#[case::that_need_not(false, false, None)]
fn a_client_pushes_where_its_registration_says_so(
    #[case] required: bool,
    #[case] pushed: bool,
    #[case] because: Option<Reason>,
) {
    let client = Client {
        require_pushed_authorization_requests: required,
        ..confidential()
    };
    let checked = arriving(
        &asking(&[]),
        &client,
        &Arrival {
            pushed,
            ..arrival()
        },
    );
    assert_eq!(reason(checked), because);
}

/// Attacks: Q26.
#[test]
fn a_client_that_must_push_learns_nothing_else_from_a_request_of_its_own() {
    let client = Client {
        require_pushed_authorization_requests: true,
        ..confidential()
    };
    let wrong = asking(&[("scope", "admin"), ("response_type", "token")]);
    assert_eq!(
        reason(check(&wrong, &client)),
        Some(Reason::PushedRequestRequired)
    );
    let pushed = Arrival {
        pushed: true,
        ..arrival()
    };
    assert_eq!(reason(arriving(&asking(&[]), &client, &pushed)), None);
}

#[test]
fn a_pushed_request_remembers_the_key_that_was_proven_beside_it() {
    let key = thumbprint(1);
    let request = PushedRequest::push(
        &asking(&[]),
        &client_id("shop"),
        Some(key.clone()),
        1,
        START,
    );
    assert_eq!(request.dpop_jkt, Some(key));
}

#[test]
fn no_two_pushed_requests_have_one_name() {
    let (one, other) = (push(&asking(&[])), push(&asking(&[])));
    assert_ne!(one.id, other.id);
    assert_eq!(one.id.len(), 22);
}

/// A request that arrives in the last second may be answered as long as a pending authorization lives.
#[test]
fn a_use_is_remembered_as_long_as_anything_of_the_request_could_be_answered() {
    let request = push(&asking(&[]));
    let lifetimes = Lifetimes::default();
    let used = |now| PushedId::from(&request).used(&client_id("shop"), lifetimes.pending, now);
    // One that arrived again just now lives as long as any other.
    let late = START.plus(10_000);
    let expires_at = late.plus(lifetimes.pending + 1);
    assert_eq!(used(late).expires_at, expires_at);
    let used = used(START);
    let last_answer: Timestamp = START.plus(PUSHED_LIFE - 1 + lifetimes.pending);
    assert_eq!(
        used,
        UsedId {
            kind: SingleUse::PushedRequest,
            owner: "shop".to_owned(),
            id: request.id.clone(),
            expires_at: START.plus(PUSHED_LIFE + lifetimes.pending),
        }
    );
    assert!(used.expires_at > last_answer);
}

#[rstest]
#[case(
    SingleUse::ClientAssertion,
    "client-assertion",
    Reason::ClientAssertionReplayed
)]
#[case(SingleUse::DpopProof, "dpop-proof", Reason::DpopProofReplayed)]
#[case(SingleUse::PushedRequest, "pushed-request", Reason::PushedRequestUsed)]
fn a_second_use_is_named_after_what_was_used(
    #[case] kind: SingleUse,
    #[case] stored_as: &str,
    #[case] because: Reason,
) {
    assert_eq!(kind.as_str(), stored_as);
    assert_eq!(kind.refusal(), Refusal::new(because));
}

#[test]
fn what_was_checked_when_it_was_pushed_is_checked_again_when_it_arrives() {
    let request = push(&asking(&[]));
    let narrowed = Client {
        scopes: scope("mail.read"),
        ..confidential()
    };
    let parameters = parameters_of(&request);
    let pushed = Arrival {
        pushed: true,
        ..arrival()
    };
    let unchanged = CheckedRequest::check(&parameters, &confidential(), REDIRECT_URI, &pushed);
    assert_eq!(reason(unchanged), None);
    let again = CheckedRequest::check(&parameters, &narrowed, REDIRECT_URI, &pushed);
    assert_eq!(reason(again), Some(Reason::ScopeNotRegistered));
}

#[test]
fn what_the_client_lost_between_push_and_arrival_is_left_out() {
    let request = push(&asking(&[("scope", "notes.read notes.write")]));
    let narrowed = Client {
        scopes: scope("notes.read"),
        ..confidential()
    };
    let pushed = Arrival {
        pushed: true,
        ..arrival()
    };
    let parameters = parameters_of(&request);
    let again = CheckedRequest::check(&parameters, &narrowed, REDIRECT_URI, &pushed).unwrap();
    assert_eq!(again.scope(), &scope("notes.read"));
    assert_eq!(
        authorization::left_out(&parameters, &narrowed),
        scope("notes.write")
    );
}
