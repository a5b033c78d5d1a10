//! The authorization code at the token endpoint (RFC 6749 §4.1.3): whose it is, how long, and what proves it.

use rstest::rstest;
use safeconduct_protocol::{
    authorization_code::{AuthorizationCode, RedeemedRow, Redemption, TOMBSTONE},
    client::{Client, GrantType},
    error::{ErrorCode, Reason, Refusal},
    grant::Lifetimes,
    pkce::CodeVerifier,
    redirect_uri::RedirectUri,
    token::CodeExchange,
};

use crate::fixtures::{
    MAIL, NOTES, REDIRECT_URI, START, VERIFIER, by_password, client_id, code, confidential,
    exchange, pending, person, reason, scope, thumbprint,
};

/// Redeems ten seconds after the code was issued.
fn redeem(exchange: &CodeExchange) -> Option<Reason> {
    let now = START.plus(20);
    reason(code().redeem(&confidential(), exchange, None, &Lifetimes::default(), now))
}

/// Attacks: C16.
#[test]
fn the_checks_come_in_an_order_that_helps_no_thief() {
    let mut client = Client {
        id: client_id("other"),
        scopes: scope("mail.read"),
        ..confidential()
    };
    let mut now = START.plus(100);
    let mut exchange = CodeExchange {
        redirect_uri: None,
        code_verifier: None,
        resource: Some(MAIL.to_owned()),
        ..exchange()
    };
    let code = AuthorizationCode {
        dpop_jkt: Some(thumbprint(1)),
        ..code()
    };
    let key = std::cell::Cell::new(None);
    let redeem = |client: &Client, exchange: &CodeExchange, now| {
        let key = key.get().map(thumbprint);
        reason(code.redeem(client, exchange, key.as_ref(), &Lifetimes::default(), now))
    };
    assert_eq!(
        redeem(&client, &exchange, now),
        Some(Reason::CodeOfAnotherClient)
    );
    client.id = client_id("shop");
    assert_eq!(redeem(&client, &exchange, now), Some(Reason::CodeExpired));
    now = START.plus(20);
    assert_eq!(
        redeem(&client, &exchange, now),
        Some(Reason::RedirectUriChanged)
    );
    exchange.redirect_uri = Some(REDIRECT_URI.to_owned());
    assert_eq!(
        redeem(&client, &exchange, now),
        Some(Reason::CodeVerifierMissing)
    );
    exchange.code_verifier = CodeVerifier::parse(VERIFIER);
    assert_eq!(
        redeem(&client, &exchange, now),
        Some(Reason::CodeOfAnotherKey)
    );
    key.set(Some(1));
    assert_eq!(
        redeem(&client, &exchange, now),
        Some(Reason::ResourceExceedsGrant)
    );
    exchange.resource = Some(NOTES.to_owned());
    assert_eq!(redeem(&client, &exchange, now), Some(Reason::GrantEnded));
    client.scopes = scope("notes.read");
    assert_eq!(redeem(&client, &exchange, now), None);
}

/// Attacks: R23.
#[test]
fn a_code_that_went_to_an_address_which_was_taken_back_is_dead() {
    let client = Client {
        redirect_uris: vec![RedirectUri::register("https://rp.example/other").unwrap()],
        ..confidential()
    };
    let now = START.plus(20);
    let redeemed = code().redeem(&client, &exchange(), None, &Lifetimes::default(), now);
    assert_eq!(reason(redeemed), Some(Reason::GrantEnded));
    assert_eq!(redeem(&exchange()), None);
}

/// Attacks: C05.
#[rstest]
#[case::absent(None)]
#[case::another(Some("https://rp.example/other"))]
#[case::differently_encoded(Some("https://rp.example/%63b"))]
#[case::another_case(Some("https://rp.example/CB"))]
#[case::with_a_query(Some("https://rp.example/cb?"))]
fn a_code_is_bound_to_the_redirect_uri_it_was_sent_to(#[case] redirect_uri: Option<&str>) {
    let exchange = CodeExchange {
        redirect_uri: redirect_uri.map(str::to_owned),
        ..exchange()
    };
    assert_eq!(redeem(&exchange), Some(Reason::RedirectUriChanged));
}

/// Attacks: R12.
#[test]
fn a_loopback_port_is_free_when_the_request_arrives_and_fixed_when_the_code_is_redeemed() {
    let client = crate::fixtures::returning_to("http://127.0.0.1/cb", confidential());
    let sent = [("redirect_uri", "http://127.0.0.1:49152/cb")];
    let code = pending(&sent, &client).issue(&person(""), by_password(100), START);
    let redeem_at = |redirect_uri: &str| {
        let exchange = CodeExchange {
            redirect_uri: Some(redirect_uri.to_owned()),
            ..exchange()
        };
        reason(code.redeem(&client, &exchange, None, &Lifetimes::default(), START))
    };
    assert_eq!(redeem_at("http://127.0.0.1:49152/cb"), None);
    assert_eq!(
        redeem_at("http://127.0.0.1:49153/cb"),
        Some(Reason::RedirectUriChanged)
    );
}

fn without_a_challenge() -> AuthorizationCode {
    let client = Client {
        require_pkce: false,
        ..confidential()
    };
    let sent = [("code_challenge", ""), ("code_challenge_method", "")];
    pending(&sent, &client).issue(&person(""), by_password(100), START.plus(10))
}

/// The matrix of RFC 9700 §4.8.2: a challenge demands its verifier, and a verifier demands its challenge.
/// Attacks: C06, C07.
#[rstest]
#[case::proven(code(), Some(VERIFIER), None)]
#[case::wrong(
    code(),
    Some("wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
    Some(Reason::CodeVerifierWrong)
)]
#[case::the_challenge_itself(
    code(),
    Some(crate::fixtures::CHALLENGE),
    Some(Reason::CodeVerifierWrong)
)]
#[case::missing(code(), None, Some(Reason::CodeVerifierMissing))]
#[case::downgraded(
    without_a_challenge(),
    Some(VERIFIER),
    Some(Reason::CodeVerifierUnexpected)
)]
#[case::never_used(without_a_challenge(), None, None)]
fn possession_is_proven_or_was_never_promised(
    #[case] code: AuthorizationCode,
    #[case] verifier: Option<&str>,
    #[case] because: Option<Reason>,
) {
    let exchange = CodeExchange {
        code_verifier: verifier.and_then(CodeVerifier::parse),
        ..exchange()
    };
    let now = START.plus(20);
    let redeemed = code.redeem(&confidential(), &exchange, None, &Lifetimes::default(), now);
    assert_eq!(reason(redeemed), because);
}

/// Attacks: C09.
#[rstest]
#[case::fresh(0, None)]
#[case::in_its_last_second(59, None)]
#[case::expired(60, Some(Reason::CodeExpired))]
#[case::from_a_clock_a_little_ahead(-30, None)]
#[case::from_no_clock_of_ours(-31, Some(Reason::CodeNotYetValid))]
fn a_code_lives_a_minute(#[case] age: i64, #[case] because: Option<Reason>) {
    let now = code().issued_at.plus(age);
    let redeemed = code().redeem(
        &confidential(),
        &exchange(),
        None,
        &Lifetimes::default(),
        now,
    );
    assert_eq!(reason(redeemed), because);
}

#[test]
fn no_code_outlives_its_requests_tombstone() {
    let lifetimes = Lifetimes::default();
    let latest = lifetimes.latest_redemption(code().grant);
    assert_eq!(latest, START.plus(15 * 60 + 60));
    let late = AuthorizationCode {
        issued_at: latest.plus(-5),
        ..code()
    };
    let redeem_at = |now| reason(late.redeem(&confidential(), &exchange(), None, &lifetimes, now));
    assert_eq!(redeem_at(latest), None);
    assert_eq!(redeem_at(latest.plus(1)), Some(Reason::CodeExpired));
}

#[test]
fn whatever_is_wrong_with_a_code_is_invalid_grant() {
    for because in [
        Reason::CodeNotRecognised,
        Reason::CodeOfAnotherClient,
        Reason::CodeExpired,
        Reason::CodeNotYetValid,
        Reason::RedirectUriChanged,
        Reason::CodeVerifierMissing,
        Reason::CodeVerifierMalformed,
        Reason::CodeVerifierWrong,
        Reason::CodeVerifierUnexpected,
        Reason::CodeOfAnotherKey,
        Reason::CodeRedeemed,
        Reason::CodeSuperseded,
        Reason::GrantEnded,
    ] {
        assert_eq!(Refusal::new(because).error(), ErrorCode::InvalidGrant);
    }
}

#[test]
fn a_refreshable_grant_lives_as_long_as_its_refresh_tokens() {
    let now = START.plus(20);
    let lifetimes = Lifetimes::default();
    let grant = code()
        .redeem(&confidential(), &exchange(), None, &lifetimes, now)
        .unwrap();
    assert_eq!(grant.expires_at, now.plus(lifetimes.refresh));
    assert_eq!(grant.idle_expires_at, now.plus(lifetimes.refresh_idle));
    assert_eq!(
        grant.forget_at,
        grant.expires_at.plus(lifetimes.access_token),
        "its last access token ends then"
    );
}

#[test]
fn a_grant_that_can_not_be_refreshed_ends_with_its_access_token() {
    let now = START.plus(20);
    let lifetimes = Lifetimes::default();
    let client = Client {
        grant_types: vec![GrantType::AuthorizationCode],
        ..confidential()
    };
    let grant = code()
        .redeem(&client, &exchange(), None, &lifetimes, now)
        .unwrap();
    assert_eq!(grant.expires_at, now.plus(lifetimes.access_token));
    assert_eq!(grant.idle_expires_at, grant.expires_at);
    assert_eq!(
        grant.forget_at,
        lifetimes.latest_redemption(grant.id).plus(TOMBSTONE),
        "its id may come again in another code of the same request until then"
    );
}

#[test]
fn a_grant_holds_only_what_its_client_may_still_have() {
    let asked = [("scope", "notes.read notes.write offline_access")];
    let code = pending(&asked, &confidential()).issue(&person(""), by_password(100), START);
    let narrowed = Client {
        scopes: scope("mail.read notes.read"),
        ..confidential()
    };
    let grant = code
        .redeem(&narrowed, &exchange(), None, &Lifetimes::default(), START)
        .unwrap();
    assert_eq!(grant.scope, scope("notes.read"));
    assert!(!grant.is_offline());
}

#[rstest]
#[case::no_row_could_be_made(None, Redemption::Ended, Some(Reason::GrantEnded))]
#[case::this_attempt_made_it(Some(("mine", "code-1", false)), Redemption::Won, None)]
#[case::revoked_by_a_replay_meanwhile(Some(("mine", "code-1", true)), Redemption::Replayed, Some(Reason::CodeRedeemed))]
#[case::the_same_code_before(Some(("theirs", "code-1", true)), Redemption::Replayed, Some(Reason::CodeRedeemed))]
#[case::the_same_code_not_yet_revoked(Some(("theirs", "code-1", false)), Redemption::Replayed, Some(Reason::CodeRedeemed))]
#[case::another_code_of_the_request(Some(("theirs", "code-2", false)), Redemption::Superseded, Some(Reason::CodeSuperseded))]
#[case::another_code_long_revoked(Some(("theirs", "code-2", true)), Redemption::Superseded, Some(Reason::CodeSuperseded))]
fn the_row_says_who_won(
    #[case] row: Option<(&str, &str, bool)>,
    #[case] expected: Redemption,
    #[case] because: Option<Reason>,
) {
    let row = row.map(|(attempt, code_id, revoked)| RedeemedRow {
        attempt: attempt.to_owned(),
        code_id: code_id.to_owned(),
        revoked,
    });
    let settled = Redemption::settle(row.as_ref(), "mine", "code-1");
    assert_eq!(settled, expected);
    assert_eq!(reason(settled.won()), because);
}
