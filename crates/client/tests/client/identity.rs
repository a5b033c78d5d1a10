//! Who signed in: every ID Token and every userinfo that must not be believed, and what becomes of the ones that may.
//!
//! Each refusal stands between two sign-ins that succeed, so that a client that refuses everybody fails too.

use std::time::Duration;

use rstest::rstest;
use safeconduct_client::testing::{FakeIssuer, Fault, IdTokenFlaw as Flaw};
use safeconduct_client::{
    Algorithm, BeginOptions, Client, Error, ErrorKind, JwkSet, KeySet, LoginOptions, Prompt,
    SignedIn, Tokens,
};
use serde_json::{Value, json};

use crate::{come_back, cookie_header, issuer_and_clock, kind, parameter, session, sign_in};

/// A sign-in with wishes.
async fn sign_in_with(
    client: &Client,
    issuer: &FakeIssuer,
    wishes: LoginOptions,
) -> Result<SignedIn, Error> {
    let options = BeginOptions::new().login(wishes);
    let begun = client.begin(&options).await.unwrap();
    let back = issuer.authorize(&begun.url).await;
    let cookies = cookie_header(&begun.set_cookies);
    client.finish(back.query().unwrap(), &cookies).await
}

/// The refusal that `faults` lead to, between two sign-ins that succeed.
async fn refusal(client: &Client, issuer: &FakeIssuer, fault: Fault) -> Error {
    sign_in(client, issuer).await.unwrap();
    let requests = issuer.token_requests();
    issuer.script([fault]);
    let refused = sign_in(client, issuer).await.err().unwrap();
    assert_eq!(issuer.token_requests(), requests + 1, "a code is sent once");
    assert!(refused.set_cookie().is_some(), "the attempt is over");
    sign_in(client, issuer).await.unwrap();
    refused
}

/// Attacks: J07, K06, K07.
#[rstest]
#[case::missing(Flaw::Missing)]
#[case::unsigned(Flaw::Unsigned)]
#[case::shared_secret(Flaw::SharedSecret)]
#[case::signature(Flaw::Signature)]
#[case::foreign_key(Flaw::ForeignKey)]
#[case::another_type(Flaw::Type)]
#[case::issuer(Flaw::Issuer)]
#[case::no_subject(Flaw::NoSubject)]
#[case::audience(Flaw::Audience)]
#[case::second_audience(Flaw::SecondAudience)]
#[case::other_party(Flaw::OtherParty)]
#[case::no_iat(Flaw::NoIssuedAt)]
#[case::old(Flaw::Old)]
#[case::expired(Flaw::Expired)]
#[case::nonce(Flaw::Nonce)]
#[case::no_nonce(Flaw::NoNonce)]
#[case::at_hash(Flaw::AccessTokenHash)]
#[tokio::test]
async fn an_id_token_that_is_not_to_be_believed_signs_nobody_in(#[case] flaw: Flaw) {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let (issuer, clock) = issuer_and_clock().await;
        issuer.id_tokens_signed_with(algorithm);
        let client = issuer.client().build().unwrap();
        // Past the pause between two looks at the keys.
        clock.advance(60);
        let refused = refusal(&client, &issuer, Fault::IdToken(flaw)).await;
        assert_eq!(refused.kind(), ErrorKind::IdToken, "{refused}");
    }
}

#[tokio::test]
async fn tokens_that_were_not_taken_are_given_back() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::IdToken(Flaw::Nonce)]);
    sign_in(&client, &issuer).await.err().unwrap();
    let given_back = async {
        while issuer.revocations() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, given_back).await.unwrap();
}

/// Attacks: C08, C14, K06.
#[tokio::test]
async fn a_code_of_another_sign_in_fails_on_its_nonce() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await.unwrap();
    let nonce = parameter(&begun.url, "nonce").unwrap();
    assert!(nonce.len() == 43 && parameter(&begun.url, "state").unwrap() != nonce);
    // Somebody else's nonce in this browser's request: its answer is not this browser's sign-in.
    let changed = begun.url.as_str().replace(&nonce, "of-another-browser");
    let back = issuer.authorize(&changed.parse().unwrap()).await;
    let cookies = cookie_header(&begun.set_cookies);
    let refused = client.finish(back.query().unwrap(), &cookies).await;
    assert_eq!(kind(refused), Some(ErrorKind::IdToken));
    sign_in(&client, &issuer).await.unwrap();
}

/// Attacks: J03.
#[tokio::test]
async fn a_key_without_a_name_is_taken_where_it_is_the_only_one() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::IdToken(Flaw::NoKeyName)]);
    sign_in(&client, &issuer).await.unwrap();
    issuer.rotate_keys();
    clock.advance(60);
    let refused = refusal(&client, &issuer, Fault::IdToken(Flaw::NoKeyName)).await;
    assert!(refused.to_string().contains("ambiguous"), "{refused}");
}

#[tokio::test]
async fn a_key_that_the_issuer_just_began_to_sign_with_is_asked_for_at_once() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    for rotations in 1..=4 {
        // The answer to a code that was asked for before the rotation is signed after it.
        let (query, cookies) = come_back(&client, &issuer).await;
        issuer.rotate_keys();
        client.finish(&query, &cookies).await.unwrap();
        sign_in(&client, &issuer).await.unwrap();
        assert_eq!(issuer.key_requests(), 1 + rotations);
    }
}

#[tokio::test]
async fn a_new_key_is_asked_for_once_however_many_sign_in() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(come_back(&client, &issuer).await);
    }
    issuer.rotate_keys();
    let mut sign_ins = tokio::task::JoinSet::new();
    for (query, cookies) in waiting {
        let client = client.clone();
        sign_ins.spawn(async move { client.finish(&query, &cookies).await.map(|_| ()) });
    }
    assert!(sign_ins.join_all().await.iter().all(Result::is_ok));
    assert_eq!(issuer.key_requests(), 2);
}

/// Attacks: LI27.
#[tokio::test]
async fn a_key_that_may_not_be_asked_for_yet_is_waited_for_and_a_code_is_not_spent_in_vain() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let client = issuer.client().build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    issuer.script([Fault::IdToken(Flaw::ForeignKey); 2]);
    for _ in 0..2 {
        let refused = sign_in(&client, &issuer).await;
        assert_eq!(kind(refused), Some(ErrorKind::IdToken));
    }
    let mut looks = 3;
    for rotates in [true, false, true] {
        if rotates {
            issuer.rotate_keys();
        } else {
            issuer.script([Fault::IdToken(Flaw::ForeignKey)]);
        }
        let asked = issuer.token_requests();
        let waiting = tokio::spawn({
            let (client, issuer) = (client.clone(), issuer.clone());
            async move { sign_in(&client, &issuer).await }
        });
        issuer.until_token_requests(asked + 1).await;
        assert_eq!(issuer.key_requests(), looks);
        clock.advance(10);
        let signed_in = waiting.await.unwrap();
        looks += 1;
        assert_eq!(
            issuer.key_requests(),
            looks,
            "two in vain, then one in ten seconds"
        );
        let expected = (!rotates).then_some(ErrorKind::IdToken);
        assert_eq!(kind(signed_in), expected);
        if rotates {
            // A look that brought the key costs nothing: the next one is allowed again, and made in vain.
            issuer.script([Fault::IdToken(Flaw::ForeignKey)]);
            let refused = sign_in(&client, &issuer).await;
            assert_eq!(kind(refused), Some(ErrorKind::IdToken));
            looks += 1;
        }
    }
}

#[tokio::test]
async fn keys_outlive_an_outage_and_no_code_is_spent_without_them() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::KeysBusy]);
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::IssuerBusy));
    assert_eq!(issuer.token_requests(), 0);
    clock.advance(1);
    issuer.script([Fault::KeysAsText]);
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::IssuerMetadata));
    assert_eq!(issuer.token_requests(), 0);
    clock.advance(10);
    sign_in(&client, &issuer).await.unwrap();
    clock.advance(3600);
    issuer.script([Fault::KeysBusy]);
    sign_in(&client, &issuer).await.unwrap();
}

#[tokio::test]
async fn the_registered_algorithm_is_taken_and_no_other_that_is_announced() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    issuer.id_tokens_signed_with(Algorithm::Es256);
    let refused = sign_in(&client, &issuer).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::IdToken);
    let told = refused.to_string();
    assert!(
        told.contains("RS256 alone") && told.contains(".id_token_algorithm("),
        "{told}"
    );

    let registered = issuer.client().id_token_algorithm(Algorithm::Es256);
    let client = registered.build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    issuer.id_tokens_signed_with(Algorithm::Rs256);
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::IdToken));
}

/// A client that says nothing of what it is registered with.
fn unregistered(issuer: &FakeIssuer) -> Client {
    Client::new(issuer.url(), FakeIssuer::CLIENT_ID)
        .base_url("http://localhost:8421")
        .scopes(["openid"])
        .secret(safeconduct_client::Secret::new(FakeIssuer::CLIENT_SECRET))
        .build()
        .unwrap()
}

#[rstest]
#[case::of_several_the_default(json!(["ES256", "RS256"]), Algorithm::Rs256, None)]
#[case::of_several_no_other(json!(["ES256", "RS256"]), Algorithm::Es256, Some(ErrorKind::IdToken))]
#[case::the_only_one(json!(["ES256"]), Algorithm::Es256, None)]
#[case::the_only_one_that_is_known_here(json!(["ES256", "ES512"]), Algorithm::Es256, None)]
#[case::of_none_the_default(Value::Null, Algorithm::Rs256, None)]
#[case::several_others(json!(["ES256", "PS256"]), Algorithm::Es256, Some(ErrorKind::Configuration))]
#[case::unknown_ones(json!(["ES512"]), Algorithm::Es256, Some(ErrorKind::Configuration))]
#[tokio::test]
async fn a_client_that_names_no_algorithm_has_the_default_of_a_registration(
    #[case] announced: Value,
    #[case] signed_with: Algorithm,
    #[case] refused: Option<ErrorKind>,
) {
    let issuer = FakeIssuer::start().await;
    issuer.id_tokens_signed_with(signed_with);
    issuer.change_metadata("id_token_signing_alg_values_supported", announced);
    let client = unregistered(&issuer);
    assert_eq!(kind(sign_in(&client, &issuer).await), refused);
    let spent = usize::from(refused != Some(ErrorKind::Configuration));
    assert_eq!(issuer.token_requests(), spent, "no code is spent in vain");
}

#[tokio::test]
async fn an_algorithm_that_the_issuer_never_announced_is_refused() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.id_tokens_signed_with(Algorithm::Es256);
    issuer.change_metadata("id_token_signing_alg_values_supported", json!(["RS256"]));
    let client = issuer.client().build().unwrap();
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::Configuration));
}

/// Attacks: K07.
#[rstest]
#[case::another_person(Fault::UserInfoOfAnother)]
#[case::nobody(Fault::UserInfoWithoutSubject)]
#[case::no_json(Fault::UserInfoAsText)]
#[tokio::test]
async fn userinfo_that_is_not_to_be_believed_signs_nobody_in(#[case] fault: Fault) {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let refused = refusal(&client, &issuer, fault).await;
    assert_eq!(refused.kind(), ErrorKind::UserInfo);
}

#[rstest]
#[case::not_for_this_token(Fault::UserInfoRefused, ErrorKind::UserInfo)]
#[case::out_of_order(Fault::UserInfoBusy, ErrorKind::IssuerBusy)]
#[tokio::test]
async fn userinfo_that_gives_no_answer_costs_the_claims_unless_it_is_demanded(
    #[case] fault: Fault,
    #[case] expected: ErrorKind,
) {
    let (issuer, _) = issuer_and_clock().await;
    issuer.script([fault]);
    let client = issuer.client().build().unwrap();
    let signed_in = sign_in(&client, &issuer).await.unwrap();
    let identity = signed_in.identity().unwrap();
    assert_eq!((identity.sub(), identity.name()), ("alice", None));

    let strict = issuer.client().userinfo(true).build().unwrap();
    assert_eq!(refusal(&strict, &issuer, fault).await.kind(), expected);
}

#[tokio::test]
async fn userinfo_is_asked_where_it_tells_something() {
    let (issuer, _) = issuer_and_clock().await;
    let asked = async |client: safeconduct_client::ClientBuilder| {
        let before = issuer.user_info_requests();
        sign_in(&client.build().unwrap(), &issuer).await.unwrap();
        issuer.user_info_requests() - before
    };
    assert_eq!(asked(issuer.client()).await, 1);
    assert_eq!(asked(issuer.client().userinfo(false)).await, 0);
    assert_eq!(asked(issuer.client().scopes(["openid"])).await, 0);
    let always = issuer.client().scopes(["openid"]).userinfo(true);
    assert_eq!(asked(always).await, 1);
    issuer.change_metadata("userinfo_endpoint", Value::Null);
    assert_eq!(asked(issuer.client()).await, 0);
}

/// Attacks: K17.
#[tokio::test]
async fn a_person_is_known_by_issuer_and_sub_with_their_claims() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.claims(
        "alice",
        json!({"name": "Alice A.", "roles": ["admin"], "acr": "forged", "iss": "forged"}),
    );
    let (alice, cookie) = session(&client, &issuer).await;
    let again = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(again.identity(), alice.identity());
    let identity = again.identity().unwrap();
    assert_eq!(identity.key(), (issuer.url(), "alice"));
    assert_eq!(
        (identity.name(), identity.preferred_username()),
        (Some("Alice A."), Some("alice"))
    );
    assert_eq!(identity.email(), Some("alice@example.com"));
    assert!(identity.email_verified());
    assert_eq!(identity.claim("roles"), Some(&json!(["admin"])));
    assert_eq!(identity.claim("iss"), Some(&json!(issuer.url())));
    assert_eq!(
        (identity.acr(), identity.amr()),
        (Some("urn:example:password"), vec!["pwd"])
    );
    assert_eq!(identity.sid(), Some(issuer.sid().as_str()));
    assert!(identity.auth_time().is_some());
    assert_eq!(again.name(), Some("Alice A."));
}

#[tokio::test]
async fn without_openid_a_sign_in_is_for_access_alone() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().scopes(["notes.read"]).build().unwrap();
    let wishes = BeginOptions::new().login(LoginOptions::new().prompt(Prompt::Login));
    let begun = client.begin(&wishes).await.unwrap();
    assert_eq!(parameter(&begun.url, "nonce"), None);
    assert_eq!(parameter(&begun.url, "prompt"), None);
    let signed_in = sign_in(&client, &issuer).await.unwrap();
    assert!(signed_in.identity().is_none());
    let started = client.start_session(&signed_in, "").await.unwrap();
    assert!(started.session.identity().is_none() && started.session.name().is_none());
    assert_eq!((issuer.key_requests(), issuer.user_info_requests()), (0, 0));
}

#[tokio::test]
async fn wishes_reach_the_issuer() {
    let (issuer, _) = issuer_and_clock().await;
    let general = LoginOptions::new().ui_locales("de en").acr_values("gold");
    let client = issuer.client().login(general).build().unwrap();
    let once = LoginOptions::new()
        .prompt(Prompt::SelectAccount)
        .max_age(Duration::from_secs(60))
        .login_hint("ada@example.com")
        .acr_values("platinum")
        .claims(json!({"userinfo": {"name": {"essential": true}}}));
    let options = BeginOptions::new().login(once);
    let url = client.begin(&options).await.unwrap().url;
    let sent = |name: &str| parameter(&url, name).unwrap_or_default();
    assert_eq!(sent("prompt"), "select_account");
    assert_eq!(sent("max_age"), "60");
    assert_eq!(sent("login_hint"), "ada@example.com");
    assert_eq!(sent("ui_locales"), "de en");
    assert_eq!(sent("acr_values"), "platinum");
    assert_eq!(
        sent("claims"),
        r#"{"userinfo":{"name":{"essential":true}}}"#
    );
}

#[rstest]
#[case::too_long_ago(Flaw::OldSignIn)]
#[case::unknown(Flaw::NoSignInTime)]
#[tokio::test]
async fn whoever_asks_for_a_recent_sign_in_gets_proof_of_one(#[case] flaw: Flaw) {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let recent = || LoginOptions::new().max_age(Duration::from_secs(300));
    sign_in_with(&client, &issuer, recent()).await.unwrap();
    issuer.script([Fault::IdToken(flaw)]);
    let refused = sign_in_with(&client, &issuer, recent()).await;
    assert_eq!(kind(refused), Some(ErrorKind::IdToken));
    issuer.script([Fault::IdToken(flaw)]);
    sign_in(&client, &issuer).await.unwrap();
    sign_in_with(&client, &issuer, recent()).await.unwrap();
}

#[tokio::test]
async fn a_long_look_at_the_consent_page_makes_no_sign_in_too_old() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let wishes = LoginOptions::new().max_age(Duration::ZERO);
    let options = BeginOptions::new().login(wishes);
    let begun = client.begin(&options).await.unwrap();
    issuer.signs_in("alice");
    clock.advance(500);
    let back = issuer.authorize(&begun.url).await;
    let cookies = cookie_header(&begun.set_cookies);
    client
        .finish(back.query().unwrap(), &cookies)
        .await
        .unwrap();

    let again = sign_in_with(
        &client,
        &issuer,
        LoginOptions::new().max_age(Duration::ZERO),
    )
    .await;
    assert_eq!(kind(again), Some(ErrorKind::IdToken), "500 seconds ago");
}

#[rstest]
#[case("login_required")]
#[case("consent_required")]
#[case("interaction_required")]
#[case("account_selection_required")]
#[tokio::test]
async fn a_silent_sign_in_that_cannot_be_is_told_from_a_refusal(#[case] error: &'static str) {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::Denies(error)]);
    let silent = LoginOptions::new().prompt(Prompt::None);
    let refused = sign_in_with(&client, &issuer, silent).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::InteractionRequired);
    assert_eq!(refused.oauth_error(), Some(error));
}

/// Attacks: K07.
#[rstest]
#[case::another_issuer(Flaw::Issuer)]
#[case::another_audience(Flaw::Audience)]
#[case::another_access_token(Flaw::AccessTokenHash)]
#[case::unsigned(Flaw::Unsigned)]
#[case::signature(Flaw::Signature)]
#[tokio::test]
async fn refreshed_tokens_of_somebody_else_are_not_used(#[case] flaw: Flaw) {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    let first = session.access_token().await.unwrap();
    clock.advance(300);
    assert!(session.access_token().await.unwrap() != first);
    clock.advance(300);
    issuer.script([Fault::IdToken(flaw)]);
    let refused = session.access_token().await;
    assert_eq!(kind(refused), Some(ErrorKind::IdToken));
    let kept = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(kept.identity().unwrap().sub(), "alice");
    clock.advance(1);
    session.access_token().await.unwrap();
    let kept = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(kept.identity().unwrap().email(), Some("alice@example.com"));
    assert!(!issuer.saw_reuse());
}

/// Attacks: K07, LI47.
#[rstest]
#[case::another_user(Flaw::OtherSubject)]
#[case::another_sign_in(Flaw::OldSignIn)]
#[case::another_nonce(Flaw::Nonce)]
#[tokio::test]
async fn refreshed_tokens_of_another_user_or_sign_in_end_the_session(#[case] flaw: Flaw) {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (alice, cookie) = session(&client, &issuer).await;
    let (neighbour, other_cookie) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::IdToken(flaw)]);
    let refused = alice.access_token().await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::SessionEnded);
    assert!(
        refused
            .to_string()
            .starts_with("session-ended: the ID Token that came with refreshed tokens: "),
        "{refused}"
    );
    assert!(client.session(&cookie).await.unwrap().is_none());
    let given_back = async {
        while issuer.revocations() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let longest_wait = Duration::from_secs(5);
    tokio::time::timeout(longest_wait, given_back)
        .await
        .unwrap();
    clock.advance(60);
    let asked = issuer.token_requests();
    assert_eq!(
        kind(alice.access_token().await),
        Some(ErrorKind::SessionEnded)
    );
    assert_eq!(issuer.token_requests(), asked, "its tokens are gone");
    neighbour.access_token().await.unwrap();
    assert!(client.session(&other_cookie).await.unwrap().is_some());
    assert!(!issuer.saw_reuse());
}

/// Attacks: LI47.
#[tokio::test]
async fn a_refresh_needs_no_id_token() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (session, cookie) = session(&client, &issuer).await;
    clock.advance(300);
    issuer.script([Fault::IdToken(Flaw::Missing)]);
    session.access_token().await.unwrap();
    let kept = client.session(&cookie).await.unwrap().unwrap();
    assert_eq!(kept.identity(), session.identity());
}

/// Attacks: LI53.
#[tokio::test]
async fn large_claims_fit_or_are_left_out() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    issuer.claims("alice", json!({"roles": vec!["a role"; 1000]}));
    let (session, _) = session(&client, &issuer).await;
    let identity = session.identity().unwrap();
    assert_eq!(identity.claim("roles"), None);
    assert_eq!(identity.email(), Some("alice@example.com"));
}

#[tokio::test]
async fn the_steps_can_be_taken_with_ones_own_http_up_to_the_session() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().dpop(true).build().unwrap();
    let metadata = client.metadata().await.unwrap();
    let http = reqwest::Client::new();
    let keys = http.get(format!("{}/jwks", issuer.url())).send();
    let keys = keys.await.unwrap().bytes().await.unwrap();
    let keys: JwkSet = serde_json::from_slice(&keys).unwrap();
    let steps = async || {
        let begun = client
            .authorization_request(&metadata, &BeginOptions::new())
            .unwrap();
        let back = issuer.authorize(&begun.url).await;
        let cookies = cookie_header(&begun.set_cookies);
        let query = back.query().unwrap();
        let exchange = client.authorization_response(&metadata, query, &cookies);
        let exchange = exchange.unwrap();
        let request = client.code_request(&metadata, &exchange).unwrap();
        let sent = http.post(request.url().clone()).headers(request.headers());
        let answer = sent.body(request.body().to_owned()).send().await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        let tokens = Tokens::parse(status, true, &body, client.scope(), clock.now()).unwrap();
        client.signed_in(&metadata, exchange, tokens, &KeySet::from(&keys))
    };
    let signed_in = steps().await.unwrap();
    let started = client.start_session(&signed_in, "").await.unwrap();
    assert_eq!(started.session.identity().unwrap().sub(), "alice");
    issuer.script([Fault::IdToken(Flaw::Nonce)]);
    assert_eq!(kind(steps().await), Some(ErrorKind::IdToken));
    issuer.script([Fault::IdToken(Flaw::Missing)]);
    assert_eq!(kind(steps().await), Some(ErrorKind::IdToken));
    issuer.script([Fault::TokenType("Bearer")]);
    assert_eq!(kind(steps().await), Some(ErrorKind::TokenResponse));
}
