//! The issuer's keys over time: rotation, floods, outages.

use rstest::rstest;
use safeconduct_guard::{Clock, Guard, Reason, Timestamp};
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::{encoding, random};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

use crate::support::{API, FakeIssuer, Reply, START, alice, jwk_set, until, verdict, within};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn new_key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// `good` under the name of a key that nobody knows.
fn junk(good: &str) -> String {
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": random::token()}).to_string();
    let (_, rest) = good.split_once('.').unwrap();
    format!("{}.{rest}", encoding::encode(header.as_bytes()))
}

#[tokio::test]
async fn nobody_is_asked_before_the_first_token() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(
        (issuer.asked_for_metadata(), issuer.asked_for_keys()),
        (0, 0)
    );
    for _ in 0..100 {
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    }
    assert_eq!(
        (issuer.asked_for_metadata(), issuer.asked_for_keys()),
        (1, 1)
    );
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_before_its_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = FakeIssuer::start_on(listener, "/tenants/a");
    assert_eq!(verdict(&issuer.guard(), &issuer.token()).await, alice());
}

#[tokio::test]
async fn two_hundred_first_requests_ask_once() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    issuer.pause();
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (guard, token) = (guard.clone(), issuer.token());
            tokio::spawn(async move { verdict(&guard, &token).await })
        })
        .collect();
    issuer.has_waiting(1).await;
    issuer.resume();
    for request in requests {
        assert_eq!(request.await.unwrap(), alice());
    }
    assert_eq!(
        (issuer.asked_for_metadata(), issuer.asked_for_keys()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_fetch_with_it() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    issuer.pause();
    let impatient = tokio::spawn({
        let (guard, token) = (guard.clone(), issuer.token());
        async move { verdict(&guard, &token).await }
    });
    issuer.has_waiting(1).await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    issuer.resume();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    assert_eq!(issuer.asked_for_keys(), 1);
}

/// Attacks: E20.
#[tokio::test]
async fn a_new_key_is_accepted_with_its_first_token() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    let next = new_key();
    issuer.publish(&[&issuer.key, &next]);
    assert_eq!(
        verdict(&guard, &issuer.sign(&next, "at+jwt", json!({}))).await,
        alice()
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    assert_eq!(issuer.asked_for_keys(), 2);
}

/// Attacks: J03.
#[tokio::test]
async fn a_new_key_is_accepted_with_its_first_token_that_names_none() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let unnamed = |key: &SigningKey| {
        let claims = issuer.claims(json!({}));
        key.sign_proof("at+jwt", &claims).unwrap()
    };
    assert_eq!(verdict(&guard, &unnamed(&issuer.key)).await, alice());
    assert_eq!(
        verdict(&guard, &unnamed(&new_key())).await,
        Err(Reason::WrongSignature)
    );
    let next = new_key();
    issuer.publish(&[&next]);
    assert_eq!(
        verdict(&guard, &unnamed(&next)).await,
        alice(),
        "a stranger's token said nothing of this one"
    );
    assert_eq!(issuer.asked_for_keys(), 3);

    verdict(&guard, &unnamed(&new_key())).await.unwrap_err();
    for _ in 0..100 {
        assert_eq!(
            verdict(&guard, &unnamed(&new_key())).await,
            Err(Reason::KeyNotKnownYet)
        );
    }
    assert_eq!(issuer.asked_for_keys(), 4);
    assert_eq!(verdict(&guard, &unnamed(&next)).await, alice());
}

/// Attacks: J19, A07.
#[tokio::test]
async fn a_withdrawn_key_is_refused_once_the_set_is_past_its_time() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    let next = new_key();
    issuer.publish(&[&next]);
    issuer.clock.advance(16 * MINUTE);
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::UnknownKey)
    );
    assert_eq!(
        verdict(&guard, &issuer.sign(&next, "at+jwt", json!({}))).await,
        alice()
    );
}

/// Attacks: E20.
#[tokio::test]
async fn keys_are_renewed_in_the_background_while_requests_pass() {
    let issuer = FakeIssuer::start().await;
    issuer.answer_keys(Reply::json(&jwk_set(&[&issuer.key])).with("cache-control", "max-age=3600"));
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    issuer.clock.advance(3600 * 8 / 10 - 1);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    assert_eq!(issuer.asked_for_keys(), 1, "before 80 % of the time");

    // Between 90 and 100 %, and the issuer answers nobody: no request waits for it.
    issuer.pause();
    issuer.clock.advance(3600 / 10 + 2);
    for _ in 0..100 {
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    }
    issuer.has_waiting(1).await;
    assert_eq!(issuer.asked_for_keys(), 2);

    let next = new_key();
    issuer.publish(&[&next]);
    issuer.resume();
    issuer.has_waiting(0).await;
    let token = issuer.sign(&next, "at+jwt", json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    assert_eq!(issuer.asked_for_keys(), 2, "the renewal brought the key");
}

/// Attacks: S05.
#[tokio::test]
async fn ten_thousand_unknown_names_ask_twice_at_most() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    let mut refused = 0;
    for _ in 0..10_000 {
        match verdict(&guard, &junk(&good)).await {
            Err(Reason::UnknownKey) => refused += 1,
            // Not asked for: nobody knows whether the issuer has it.
            other => assert_eq!(other, Err(Reason::KeyNotKnownYet)),
        }
    }
    assert_eq!((issuer.asked_for_keys(), refused), (2, 2));
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());

    issuer.clock.advance(10);
    for _ in 0..100 {
        verdict(&guard, &junk(&good)).await.unwrap_err();
    }
    assert_eq!(issuer.asked_for_keys(), 3);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: E20, LI29.
#[tokio::test]
async fn four_rotations_in_a_row_refuse_no_token_in_flight() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let later = [new_key(), new_key(), new_key(), new_key()];
    let mut published = vec![&issuer.key];
    let mut in_flight = vec![issuer.token()];
    assert_eq!(verdict(&guard, &in_flight[0]).await, alice());
    for (rotations, next) in later.iter().enumerate() {
        published.push(next);
        issuer.publish(&published);
        in_flight.push(issuer.sign(next, "at+jwt", json!({})));
        let mut requests = tokio::task::JoinSet::new();
        for token in in_flight.iter().cycle().take(200) {
            let (guard, token) = (guard.clone(), token.clone());
            requests.spawn(async move { verdict(&guard, &token).await });
        }
        for verdict in requests.join_all().await {
            assert_eq!(verdict, alice());
        }
        assert_eq!(issuer.asked_for_keys(), 2 + rotations);
        issuer.clock.advance(3);
    }
}

#[tokio::test]
async fn rotations_leave_strangers_no_more_questions_than_before() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    assert_eq!(verdict(&guard, &good).await, alice());
    for _ in 0..50 {
        let next = new_key();
        issuer.publish(&[&issuer.key, &next]);
        let token = issuer.sign(&next, "at+jwt", json!({}));
        assert_eq!(verdict(&guard, &token).await, alice());
    }
    let asked = issuer.asked_for_keys();
    for _ in 0..1000 {
        verdict(&guard, &junk(&good)).await.unwrap_err();
    }
    assert_eq!(issuer.asked_for_keys(), asked + 2);
}

#[tokio::test]
async fn a_set_that_differs_at_every_look_gives_strangers_no_more_questions() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    for _ in 0..100 {
        issuer.publish(&[&issuer.key, &new_key()]);
        verdict(&guard, &junk(&good)).await.unwrap_err();
    }
    assert_eq!(issuer.asked_for_keys(), 2);
}

/// Attacks: LI27.
#[tokio::test]
async fn a_new_key_while_asking_is_not_allowed_is_told_to_come_again_and_then_passes() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    assert_eq!(verdict(&guard, &good).await, alice());
    for _ in 0..3 {
        verdict(&guard, &junk(&good)).await.unwrap_err();
    }
    let next = new_key();
    issuer.publish(&[&issuer.key, &next]);
    issuer.clock.advance(4);
    let token = issuer.sign(&next, "at+jwt", json!({}));
    for _ in 0..100 {
        let denied = guard.validate(&token).await.unwrap_err();
        assert_eq!(denied.reason(), Reason::KeyNotKnownYet);
        assert_eq!(denied.challenge(), None, "another token would not help");
        let response: http::Response<bytes::Bytes> = denied.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "6");
    }
    assert_eq!(verdict(&guard, &good).await, alice());
    issuer.clock.advance(6);
    assert_eq!(verdict(&guard, &token).await, alice());
}

#[rstest]
#[case::at_once(0, 0)]
#[case::as_soon_as_it_is_allowed(1, 10)]
#[tokio::test]
async fn a_key_that_was_published_while_a_fetch_was_under_way_is_asked_for_again(
    #[case] asked_in_vain: usize,
    #[case] seconds_under_way: i64,
) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    assert_eq!(verdict(&guard, &good).await, alice());
    for _ in 0..asked_in_vain {
        verdict(&guard, &junk(&good)).await.unwrap_err();
    }
    issuer.pause_answered();
    let stranger = tokio::spawn({
        let (guard, token) = (guard.clone(), junk(&good));
        async move { verdict(&guard, &token).await }
    });
    issuer.has_waiting(1).await;
    let next = new_key();
    issuer.publish(&[&issuer.key, &next]);
    let token = issuer.sign(&next, "at+jwt", json!({}));
    let mut request = std::pin::pin!(verdict(&guard, &token));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(
        request.as_mut().poll(&mut context).is_pending(),
        "it joins the fetch"
    );
    issuer.clock.advance(seconds_under_way);
    issuer.resume();
    assert_eq!(request.await, alice());
    assert_eq!(stranger.await.unwrap(), Err(Reason::UnknownKey));
}

#[tokio::test]
async fn one_unknown_name_is_asked_for_once_a_minute() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    let next = new_key();
    let early = |issuer: &FakeIssuer| issuer.sign(&next, "at+jwt", json!({}));
    assert_eq!(
        verdict(&guard, &early(&issuer)).await,
        Err(Reason::UnknownKey)
    );
    assert_eq!(issuer.asked_for_keys(), 2);
    issuer.publish(&[&issuer.key, &next]);
    issuer.clock.advance(59);
    assert_eq!(
        verdict(&guard, &early(&issuer)).await,
        Err(Reason::UnknownKey)
    );
    assert_eq!(issuer.asked_for_keys(), 2);
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, &early(&issuer)).await, alice());
}

#[tokio::test]
async fn an_issuer_that_starts_after_the_api_is_found() {
    // The address is taken, and nobody listens yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let clock = Clock::test(Timestamp::from_seconds(START));
    let guard = Guard::new(&url, API)
        .unwrap()
        .clock(clock.clone())
        .build()
        .unwrap();
    let not_ready = guard.ready().await.unwrap_err().to_string();
    insta::assert_snapshot!(not_ready.replace(&url, "ISSUER"), @"the issuer ISSUER cannot be asked: ISSUER/.well-known/oauth-authorization-server: no answer: Connection refused (os error 111)");

    let mut issuer = FakeIssuer::start_on(socket.listen(16).unwrap(), "");
    issuer.clock = clock;
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable),
        "the failure is shared for a moment"
    );
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    assert_eq!(guard.ready().await, Ok(()));
}

/// Attacks: LI21.
#[rstest]
#[case::no_keys(r#"{"keys":[]}"#)]
#[case::nothing("{}")]
#[case::unknown_kinds_alone(r#"{"keys":[{"kty":"AKP"},{"kty":"oct","k":"AAAA"}]}"#)]
#[case::a_weak_key_alone(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQ"}]}"#)]
#[tokio::test]
async fn keys_that_the_issuer_has_taken_back_verify_nothing_more(#[case] emptied: &str) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let token = issuer.token_with(json!({"exp": issuer.clock.now().seconds() + 7200}));
    assert_eq!(verdict(&guard, &token).await, alice());
    issuer.answer_keys(Reply::text(emptied));
    // Past the time of what was read: the issuer is asked, and answers.
    issuer.clock.advance(16 * 60);
    let denied = guard.validate(&token).await.unwrap_err();
    assert_eq!(
        (denied.status().as_u16(), denied.reason()),
        (503, Reason::IssuerHasNoKeys)
    );
    assert!(guard.ready().await.is_err());

    // One that only fails has not.
    issuer.clock.advance(10);
    issuer.publish(&[&issuer.key]);
    assert_eq!(verdict(&guard, &token).await, alice());
    issuer.answer_keys(Reply::text("neither JSON nor keys"));
    issuer.clock.advance(16 * 60);
    assert_eq!(verdict(&guard, &token).await, alice());
}

/// Attacks: S05.
#[tokio::test]
async fn an_issuer_that_is_down_gives_503_and_a_time_to_come_back() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    issuer.fail();
    for _ in 0..50 {
        let denied = guard.validate(&issuer.token()).await.unwrap_err();
        assert_eq!(denied.reason(), Reason::IssuerUnavailable);
        let response: http::Response<bytes::Bytes> = denied.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }
    assert_eq!(
        issuer.asked_for_metadata(),
        1,
        "it is not asked by every request"
    );
    // The pauses grow up to ten seconds, and the issuer is back within the last.
    for pause in [1, 2, 4, 8, 10, 10] {
        issuer.clock.advance(pause);
        verdict(&guard, &issuer.token()).await.unwrap_err();
    }
    assert_eq!(issuer.asked_for_metadata(), 7);
    issuer.recover();
    issuer.clock.advance(10);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: LI28.
#[tokio::test]
async fn an_issuer_that_wants_to_be_left_alone_is_and_known_keys_serve() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    assert_eq!(verdict(&guard, &good).await, alice());
    issuer.answer_keys(Reply::status(429).with("retry-after", "120"));
    let next = new_key();
    let token = |issuer: &FakeIssuer| issuer.sign(&next, "at+jwt", json!({}));
    assert_eq!(
        verdict(&guard, &token(&issuer)).await,
        Err(Reason::IssuerUnavailable)
    );
    let asked = issuer.asked_for_keys();
    issuer.publish(&[&issuer.key, &next]);
    for seconds in [1, 60, 58] {
        issuer.clock.advance(seconds);
        let denied = guard.validate(&token(&issuer)).await.unwrap_err();
        assert_eq!(denied.reason(), Reason::IssuerUnavailable);
        assert_eq!(verdict(&guard, &good).await, alice());
    }
    assert_eq!(issuer.asked_for_keys(), asked);
    let denied = guard.validate(&token(&issuer)).await.unwrap_err();
    let response: http::Response<bytes::Bytes> = denied.into_response();
    assert_eq!(response.headers()["retry-after"], "1");
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, &token(&issuer)).await, alice());
}

/// Attacks: S05.
#[tokio::test]
async fn known_keys_are_used_for_a_day_while_the_issuer_is_down() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    issuer.fail();
    for _ in 0..23 {
        issuer.clock.advance(HOUR);
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    }
    issuer.clock.advance(HOUR - 1);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    issuer.clock.advance(1);
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable),
        "a day is over"
    );

    issuer.recover();
    issuer.clock.advance(10);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: E29.
#[tokio::test]
async fn an_issuer_that_hangs_holds_up_no_request_whose_key_is_known() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    issuer.fail();
    issuer.clock.advance(20 * MINUTE);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    until(|| issuer.asked_for_keys() + issuer.asked_for_metadata() >= 3).await;

    issuer.recover();
    issuer.pause();
    issuer.clock.advance(MINUTE);
    for _ in 0..100 {
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    }
    issuer.has_waiting(1).await;
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: S05, K18.
#[rstest]
#[case::nothing(Reply::text(""))]
#[case::no_json(Reply::text("<html>maintenance</html>"))]
#[case::no_set(Reply::text("[]"))]
#[case::a_disclosed_key(Reply::text(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}]}"#))]
#[case::a_redirect(Reply::status(302).with("location", "/elsewhere"))]
#[case::an_error(Reply::status(500))]
#[case::too_much(Reply::text(&" ".repeat((1 << 20) + 1)))]
#[tokio::test]
async fn garbage_replaces_no_good_keys(#[case] garbage: Reply) {
    let issuer = FakeIssuer::start().await;
    issuer.answer_keys(garbage.clone());
    let guard = issuer.guard();
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable),
        "and is no set to begin with"
    );

    issuer.publish(&[&issuer.key]);
    issuer.clock.advance(1);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    issuer.answer_keys(garbage);
    issuer.clock.advance(HOUR);
    for _ in 0..3 {
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    }
}

/// Attacks: K05.
#[rstest]
#[case::another_issuer(|url: &str| json!({"issuer": "https://evil.example", "jwks_uri": format!("{url}/jwks")}))]
#[case::a_slash_more(|url: &str| json!({"issuer": format!("{url}/"), "jwks_uri": format!("{url}/jwks")}))]
#[case::no_issuer(|url: &str| json!({"jwks_uri": format!("{url}/jwks")}))]
#[case::no_keys(|url: &str| json!({"issuer": url}))]
#[case::keys_in_the_clear(|url: &str| json!({"issuer": url, "jwks_uri": "http://evil.example/jwks"}))]
#[case::keys_in_a_file(|url: &str| json!({"issuer": url, "jwks_uri": "file:///etc/passwd"}))]
#[case::keys_of_another_type(|url: &str| json!({"issuer": url, "jwks_uri": 7}))]
#[tokio::test]
async fn metadata_that_is_not_right_is_not_used(#[case] metadata: fn(&str) -> serde_json::Value) {
    let issuer = FakeIssuer::start().await;
    issuer.answer_metadata(Reply::json(&metadata(&issuer.url)));
    let guard = issuer.guard();
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable)
    );
    assert_eq!(issuer.asked_for_keys(), 0);
    issuer.recover();
    issuer.clock.advance(10);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: K05.
#[tokio::test]
async fn a_redirected_metadata_document_is_not_followed() {
    let issuer = FakeIssuer::start().await;
    issuer.answer_metadata(Reply::status(307).with("location", "/elsewhere"));
    let guard = issuer.guard();
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable)
    );
    issuer.recover();
    issuer.clock.advance(10);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: K18.
#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    let issuer = FakeIssuer::start().await;
    issuer.pause();
    let guard = issuer
        .guard_builder()
        .http_timeout(std::time::Duration::from_millis(100))
        .build()
        .unwrap();
    assert_eq!(
        verdict(&guard, &issuer.token()).await,
        Err(Reason::IssuerUnavailable)
    );
}

#[tokio::test]
async fn a_dropped_guard_leaves_no_fetch_behind() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    issuer.pause();
    let request = tokio::spawn({
        let (guard, token) = (guard.clone(), issuer.token());
        async move { verdict(&guard, &token).await }
    });
    issuer.has_waiting(1).await;
    request.abort();
    assert!(request.await.is_err());
    drop(guard);
    within(issuer.has_waiting(0)).await;
}

#[test]
fn a_fetch_that_ended_with_its_runtime_holds_up_nobody_on_the_next_one() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let issuer = second.block_on(FakeIssuer::start());
    let guard = issuer.guard();
    first.block_on(async {
        // Started, and never polled.
        let token = issuer.token();
        let mut request = std::pin::pin!(guard.validate(&token));
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(request.as_mut().poll(&mut context).is_pending());
    });
    drop(first);
    second.block_on(async {
        assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    });
}
