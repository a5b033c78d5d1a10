//! Asking the issuer: what is remembered, for how long, and what happens when it does not answer.

use std::time::Duration;

use rstest::rstest;
use safeconduct_guard::{Guard, Reason, Secret};
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::MAX_TOKEN;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{FakeIssuer, Reply, START, alice, verdict};

const TOKEN: &str = "sc_at_opaque";

fn secret() -> Secret {
    Secret::new("a secret: 100% & more")
}

/// A guard that asks about every token, and remembers for `seconds`.
fn asking(issuer: &FakeIssuer, seconds: u64) -> Guard {
    let builder = issuer
        .guard_builder()
        .introspection_cache(Duration::from_secs(seconds));
    builder
        .introspection_only("notes-api", secret())
        .build()
        .unwrap()
}

/// A guard that reads JWTs, and asks about every token each time.
fn reading_and_asking(issuer: &FakeIssuer) -> Guard {
    issuer
        .guard_builder()
        .introspection("notes-api", secret())
        .introspection_cache(Duration::ZERO)
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_active_token_passes_and_the_guard_says_who_asks() {
    let issuer = FakeIssuer::start().await;
    issuer.activate("abc+/=", json!({}));
    let guard = asking(&issuer, 30);
    let token = guard.validate("abc+/=").await.unwrap();
    assert_eq!(
        (token.subject(), token.client_id(), token.grant_id()),
        ("alice", "app", Some("grant-1"))
    );
    assert!(token.has_scope("notes.read"));
    assert!(!token.has_scope("notes.write"));
    assert_eq!(
        issuer.last_form(),
        "token=abc%2B%2F%3D&token_type_hint=access_token"
    );
    let basic = issuer.last_credentials().unwrap();
    // `notes-api:a+secret%3A+100%25+%26+more`: each part form-encoded before base64 (RFC 6749 §2.3.1).
    assert_eq!(
        basic,
        "Basic bm90ZXMtYXBpOmErc2VjcmV0JTNBKzEwMCUyNSslMjYrbW9yZQ=="
    );
    assert_eq!(issuer.asked_for_keys(), 0);
}

/// Attacks: S06.
#[tokio::test]
async fn an_answer_is_remembered_for_thirty_seconds() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, json!({}));
    let guard = asking(&issuer, 3600);
    for _ in 0..100 {
        assert_eq!(verdict(&guard, TOKEN).await, alice());
    }
    assert_eq!(issuer.asked_about_tokens(), 1);
    issuer.revoke(TOKEN);
    issuer.clock.advance(29);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::NotActive));
    assert_eq!(issuer.asked_about_tokens(), 2);
}

#[tokio::test]
async fn without_remembering_a_revocation_is_seen_at_once() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, json!({}));
    let guard = asking(&issuer, 0);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    assert_eq!(issuer.asked_about_tokens(), 2);
    issuer.revoke(TOKEN);
    assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::NotActive));
    issuer.activate(TOKEN, json!({}));
    assert_eq!(
        verdict(&guard, TOKEN).await,
        alice(),
        "a refusal is not remembered either"
    );
}

/// Attacks: J17, S06.
#[tokio::test]
async fn an_answer_is_not_remembered_past_the_end_of_the_token() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, json!({"exp": START + 5}));
    let guard = asking(&issuer, 30);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    issuer.clock.advance(5);
    assert_eq!(
        verdict(&guard, TOKEN).await,
        Err(Reason::Expired),
        "whatever the issuer says"
    );
    assert_eq!(issuer.asked_about_tokens(), 2);
}

#[tokio::test]
async fn a_refusal_is_remembered_for_ten_seconds() {
    let issuer = FakeIssuer::start().await;
    let guard = asking(&issuer, 30);
    for _ in 0..100 {
        assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::NotActive));
    }
    assert_eq!(issuer.asked_about_tokens(), 1);
    issuer.activate(TOKEN, json!({}));
    issuer.clock.advance(9);
    assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::NotActive));
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
}

/// Attacks: J17, S06.
#[tokio::test]
async fn what_is_remembered_of_one_token_says_nothing_of_another() {
    let issuer = FakeIssuer::start().await;
    let long = "A".repeat(2000);
    issuer.activate(&format!("{long}1"), json!({"sub": "alice"}));
    issuer.activate(&format!("{long}2"), json!({"sub": "bob"}));
    let guard = asking(&issuer, 30);
    for _ in 0..2 {
        assert_eq!(verdict(&guard, &format!("{long}1")).await, alice());
        assert_eq!(verdict(&guard, &format!("{long}2")).await, Ok("bob".into()));
        assert_eq!(verdict(&guard, &long).await, Err(Reason::NotActive));
    }
    assert_eq!(issuer.asked_about_tokens(), 3);
}

#[tokio::test]
async fn a_thousand_requests_with_one_token_ask_once() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, json!({}));
    let guard = asking(&issuer, 30);
    issuer.pause();
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let guard = guard.clone();
            tokio::spawn(async move { verdict(&guard, TOKEN).await })
        })
        .collect();
    issuer.has_waiting(1).await;
    // The one that asks may go away: another one asks in its place.
    requests[0].abort();
    issuer.has_waiting(1).await;
    issuer.clock.advance(1);
    issuer.resume();
    let mut passed = 0;
    for request in requests {
        match request.await {
            Ok(verdict) => {
                assert_eq!(verdict, alice());
                passed += 1;
            }
            Err(error) => assert!(error.is_cancelled()),
        }
    }
    assert!(passed >= 999);
    assert!(
        issuer.asked_about_tokens() <= 2,
        "{}",
        issuer.asked_about_tokens()
    );
}

#[tokio::test]
async fn no_more_than_sixty_four_tokens_are_asked_about_at_once() {
    let issuer = FakeIssuer::start().await;
    let guard = asking(&issuer, 30);
    assert_eq!(verdict(&guard, "first").await, Err(Reason::NotActive));
    issuer.pause();
    let mut requests = JoinSet::new();
    for number in 0..100 {
        let guard = guard.clone();
        requests.spawn(async move { verdict(&guard, &format!("token-{number}")).await });
    }
    issuer.has_waiting(64).await;
    for _ in 64..100 {
        let gave_up = requests.join_next().await.unwrap().unwrap();
        assert_eq!(gave_up, Err(Reason::IssuerUnavailable));
    }
    assert_eq!(issuer.asked_about_tokens(), 1 + 64);
    issuer.resume();
    while let Some(answered) = requests.join_next().await {
        assert_eq!(answered.unwrap(), Err(Reason::NotActive));
    }
}

/// Attacks: S06.
#[rstest]
#[case::an_error(Reply::status(500))]
#[case::no_such_endpoint(Reply::status(404))]
#[case::our_credentials_refused(Reply::status(401))]
#[case::a_redirect(Reply::status(307).with("location", "/elsewhere"))]
#[case::nothing(Reply::text(""))]
#[case::no_json(Reply::text("active"))]
#[case::no_object(Reply::text("true"))]
#[case::no_answer(Reply::text("{}"))]
#[case::an_answer_of_another_type(Reply::text(r#"{"active":"true"}"#))]
#[case::a_number(Reply::text(r#"{"active":1}"#))]
#[case::too_much(Reply::text(&format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(1 << 20))))]
#[tokio::test]
async fn without_a_clear_answer_nobody_passes(#[case] reply: Reply) {
    let issuer = FakeIssuer::start().await;
    let guard = asking(&issuer, 30);
    issuer.answer_introspection(reply);
    for _ in 0..10 {
        assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::IssuerUnavailable));
    }
    assert_eq!(issuer.asked_about_tokens(), 1, "they fail together");
    issuer.activate(TOKEN, json!({}));
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    assert_eq!(issuer.asked_for_metadata(), 1);
    issuer.clock.advance(9);
    verdict(&guard, "another").await.unwrap_err();
    assert_eq!(
        issuer.asked_for_metadata(),
        2,
        "the endpoint may have moved"
    );
}

/// Attacks: S06.
#[tokio::test]
async fn an_issuer_that_is_down_lets_nobody_pass_that_is_not_remembered() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, json!({}));
    let guard = asking(&issuer, 30);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    issuer.fail();
    issuer.revoke(TOKEN);
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    assert_eq!(
        verdict(&guard, "another").await,
        Err(Reason::IssuerUnavailable)
    );
    issuer.clock.advance(30);
    assert_eq!(verdict(&guard, TOKEN).await, Err(Reason::IssuerUnavailable));
}

#[rstest]
#[case::another_api(json!({"aud": "https://other.example"}), Reason::WrongAudience)]
#[case::no_api(json!({"aud": null}), Reason::WrongAudience)]
#[case::another_issuer(json!({"iss": "https://evil.example"}), Reason::WrongIssuer)]
#[case::bound(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), Reason::BoundToKey)]
#[case::bound_to_no_key(json!({"cnf": {"jkt": "x"}}), Reason::MalformedClaims)]
#[case::bound_otherwise(json!({"cnf": {"x5t#S256": "x"}}), Reason::UnknownBinding)]
#[case::nobody(json!({"sub": null}), Reason::MalformedClaims)]
#[tokio::test]
async fn active_is_not_enough(#[case] change: serde_json::Value, #[case] reason: Reason) {
    let issuer = FakeIssuer::start().await;
    issuer.activate(TOKEN, change);
    assert_eq!(verdict(&asking(&issuer, 30), TOKEN).await, Err(reason));
    assert_eq!(verdict(&asking(&issuer, 0), TOKEN).await, Err(reason));
    issuer.activate(TOKEN, json!({}));
    assert_eq!(verdict(&asking(&issuer, 0), TOKEN).await, alice());
}

#[tokio::test]
async fn a_jwt_must_be_good_here_and_active_there() {
    let issuer = FakeIssuer::start().await;
    let guard = reading_and_asking(&issuer);
    let token = issuer.token();
    assert_eq!(verdict(&guard, &token).await, Err(Reason::NotActive));
    issuer.activate(&token, json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    issuer.revoke(&token);
    assert_eq!(verdict(&guard, &token).await, Err(Reason::NotActive));

    let asked = issuer.asked_about_tokens();
    let for_another_api = issuer.token_with(json!({"aud": "https://other.example"}));
    issuer.activate(&for_another_api, json!({}));
    assert_eq!(
        verdict(&guard, &for_another_api).await,
        Err(Reason::WrongAudience)
    );
    let unsigned = format!(
        "{}.e30.",
        encoding::encode(br#"{"alg":"none","typ":"at+jwt"}"#)
    );
    issuer.activate(&unsigned, json!({}));
    assert_eq!(
        verdict(&guard, &unsigned).await,
        Err(Reason::AlgorithmNotAllowed)
    );
    assert_eq!(
        issuer.asked_about_tokens(),
        asked,
        "nobody is asked about a token that is bad here"
    );
}

#[tokio::test]
async fn a_jwt_for_us_whose_answer_is_for_another_api_is_refused() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token();
    issuer.activate(&token, json!({"aud": "https://other.example"}));
    assert_eq!(
        verdict(&reading_and_asking(&issuer), &token).await,
        Err(Reason::WrongAudience)
    );
    issuer.activate(&token, json!({}));
    assert_eq!(verdict(&reading_and_asking(&issuer), &token).await, alice());
}

#[tokio::test]
async fn an_opaque_token_needs_the_issuer_and_no_keys() {
    let issuer = FakeIssuer::start().await;
    let guard = reading_and_asking(&issuer);
    issuer.activate(TOKEN, json!({}));
    assert_eq!(verdict(&guard, TOKEN).await, alice());
    assert_eq!(issuer.asked_for_keys(), 0);
    assert_eq!(
        verdict(&issuer.guard(), TOKEN).await,
        Err(Reason::Malformed),
        "a guard that reads JWTs alone"
    );
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_too_long() {
    let issuer = FakeIssuer::start().await;
    let guard = asking(&issuer, 0);
    let [longest, longer] = [MAX_TOKEN, MAX_TOKEN + 1].map(|length| "x".repeat(length));
    issuer.activate(&longest, json!({}));
    issuer.activate(&longer, json!({}));
    assert_eq!(verdict(&guard, &longest).await, alice());
    assert_eq!(verdict(&guard, &longer).await, Err(Reason::TooLong));
    assert_eq!(issuer.asked_about_tokens(), 1);
}

#[tokio::test]
async fn readiness_is_that_of_the_mode() {
    let issuer = FakeIssuer::start().await;
    issuer.answer_metadata(Reply::json(
        &json!({"issuer": issuer.url, "jwks_uri": format!("{}/jwks", issuer.url)}),
    ));
    assert_eq!(issuer.guard().ready().await, Ok(()));
    let message =
        |error: safeconduct_guard::NotReady| error.to_string().replace(&issuer.url, "ISSUER");
    insta::assert_snapshot!(message(asking(&issuer, 30).ready().await.unwrap_err()), @"the issuer ISSUER cannot be asked: the metadata names no `introspection_endpoint`");
    insta::assert_snapshot!(message(reading_and_asking(&issuer).ready().await.unwrap_err()), @"the issuer ISSUER cannot be asked: the metadata names no `introspection_endpoint`");
}
