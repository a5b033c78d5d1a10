//! From leaving for the issuer to the tokens: state, browser binding, issuer, code, authentication.

use rstest::rstest;
use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{
    BeginOptions, ClientAuthentication, ErrorKind, KeyRing, Secret, SigningKey,
};
use safeconduct_protocol::jose::Algorithm;

use crate::{come_back, cookie_header, issuer_and_clock, kind, parameter, sign_in};

#[tokio::test]
async fn a_sign_in_ends_with_tokens_and_the_way_back() {
    let issuer = FakeIssuer::start().await;
    let client = issuer
        .client()
        .resource("http://localhost:8422")
        .build()
        .unwrap();
    let options = BeginOptions::new().return_to("/notes?tag=a");
    let begun = client.begin(&options).await.unwrap();
    let back = issuer.authorize(&begun.url).await;
    let cookies = cookie_header(&begun.set_cookies);
    let signed_in = client
        .finish(back.query().unwrap(), &cookies)
        .await
        .unwrap();
    assert_eq!(signed_in.return_to, "/notes?tag=a");
    assert!(signed_in.tokens.refresh_token.is_some());
    assert_eq!(
        signed_in.tokens.scope.to_string(),
        "email notes.read offline_access openid profile"
    );
    assert!(signed_in.set_cookie.contains("Max-Age=0"));
    assert!(!issuer.saw_reuse());
}

#[tokio::test]
async fn the_request_carries_s256_state_and_resource() {
    let issuer = FakeIssuer::start().await;
    let client = issuer
        .client()
        .resource("http://localhost:8422")
        .build()
        .unwrap();
    let url = client.begin(&BeginOptions::new()).await.unwrap().url;
    let sent = |name: &str| parameter(&url, name).unwrap_or_default();
    assert_eq!(sent("response_type"), "code");
    assert_eq!(sent("client_id"), "test-app");
    assert_eq!(sent("redirect_uri"), "http://localhost:8421/auth/callback");
    assert_eq!(
        sent("scope"),
        "email notes.read offline_access openid profile"
    );
    assert_eq!(sent("resource"), "http://localhost:8422");
    assert_eq!(sent("code_challenge_method"), "S256");
    assert_eq!(sent("code_challenge").len(), 43);
    assert!(sent("state").len() > 43);
}

#[tokio::test]
async fn attempt_cookies_are_bound_to_host_and_browser() {
    let issuer = FakeIssuer::start().await;
    let attributes = async |base: &str| {
        let client = issuer.client().base_url(base).build().unwrap();
        let begun = client.begin(&BeginOptions::new()).await.unwrap();
        let state = parameter(&begun.url, "state").unwrap();
        let id = state.split_once('.').unwrap().0.to_owned();
        let (pair, attributes) = begun.set_cookies[0].split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(value.starts_with("sc_la_"));
        let name = name.strip_suffix(&format!("-{id}")).unwrap();
        let mark = &name[name.len() - 8..];
        format!("{}-<id>;{attributes}", name.replace(mark, "<mark>"))
    };
    insta::assert_snapshot!(attributes("https://notes.example.com").await, @"__Host-sc-login-<mark>-<id>; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
    insta::assert_snapshot!(attributes("http://localhost:8421").await, @"sc-login-<mark>-<id>; Path=/; Max-Age=600; HttpOnly; SameSite=Lax");
}

/// Attacks: C08, P11, K01.
#[tokio::test]
async fn an_answer_without_this_browsers_state_buys_nothing() {
    let (issuer, _) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (query, cookies) = come_back(&client, &issuer).await;
    let (other_query, other_cookies) = come_back(&client, &issuer).await;
    let without_state = query
        .split('&')
        .filter(|pair| !pair.starts_with("state"))
        .collect::<Vec<_>>()
        .join("&");
    // The cookie is found by what stands before the dot.
    let (_, state) = query.split_once("state=").unwrap();
    let (id, _) = state.split_once('.').unwrap();
    let another_secret = query.replace(&format!("{id}."), &format!("{id}.x"));

    let refused = async |query: &str, cookies: &str| kind(client.finish(query, cookies).await);
    assert_eq!(refused(&query, "").await, Some(ErrorKind::AttemptUnknown));
    assert_eq!(
        refused(&query, &other_cookies).await,
        Some(ErrorKind::AttemptUnknown)
    );
    assert_eq!(
        refused(&other_query, &cookies).await,
        Some(ErrorKind::AttemptUnknown)
    );
    assert_eq!(
        refused(&another_secret, &cookies).await,
        Some(ErrorKind::AttemptUnknown)
    );
    assert_eq!(
        refused(&without_state, &cookies).await,
        Some(ErrorKind::CallbackMalformed)
    );
    assert_eq!(issuer.token_requests(), 0);
    assert_eq!(
        refused(&query, &cookies).await,
        None,
        "the rightful browser is not disturbed"
    );
}

/// Attacks: K01.
#[tokio::test]
async fn a_changed_state_is_refused_before_any_request() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::WrongState]);
    let refused = sign_in(&client, &issuer).await;
    assert_eq!(kind(refused), Some(ErrorKind::AttemptUnknown));
    assert_eq!(issuer.token_requests(), 0);
    sign_in(&client, &issuer).await.unwrap();
}

/// Attacks: K01.
#[tokio::test]
async fn an_answer_counts_once() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    let (query, cookies) = come_back(&client, &issuer).await;
    let (first, second) = tokio::join!(
        client.finish(&query, &cookies),
        client.finish(&query, &cookies)
    );
    let kinds = [kind(first), kind(second)];
    assert!(
        kinds.contains(&None) && kinds.contains(&Some(ErrorKind::AttemptUsed)),
        "{kinds:?}"
    );
    assert_eq!(issuer.token_requests(), 1);
    assert!(!issuer.saw_reuse());
}

/// Attacks: K02.
#[tokio::test]
async fn an_answer_after_ten_minutes_is_too_late() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    let (query, cookies) = come_back(&client, &issuer).await;
    let (in_time, its_cookies) = come_back(&client, &issuer).await;
    clock.advance(599);
    client.finish(&in_time, &its_cookies).await.unwrap();
    clock.advance(1);
    let error = client.finish(&query, &cookies).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AttemptExpired);
    insta::assert_snapshot!(error.public_message(), @"The sign-in took more than 10 minutes.");
}

/// Attacks: K02.
#[tokio::test]
async fn tabs_do_not_disturb_each_other() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    let mut jar = Vec::new();
    let mut tabs = Vec::new();
    for path in ["/one", "/two", "/three"] {
        let options = BeginOptions::new()
            .return_to(path)
            .cookie_header(jar.join("; "));
        let begun = client.begin(&options).await.unwrap();
        jar.push(cookie_header(&begun.set_cookies));
        tabs.push((path, begun.url));
    }
    for (path, url) in tabs.iter().rev() {
        let back = issuer.authorize(url).await;
        let signed_in = client
            .finish(back.query().unwrap(), &jar.join("; "))
            .await
            .unwrap();
        assert_eq!(signed_in.return_to, *path);
    }
}

/// Attacks: P08, K03.
#[rstest]
#[case::wrong(Fault::WrongIssuer)]
#[case::missing_though_promised(Fault::NoIssuer)]
#[tokio::test]
async fn an_answer_from_another_issuer_ends_before_the_token_request(#[case] fault: Fault) {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    issuer.script([fault]);
    let error = sign_in(&client, &issuer).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::IssuerMismatch);
    assert!(
        error
            .set_cookie()
            .is_some_and(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(issuer.token_requests(), 0);
    sign_in(&client, &issuer).await.unwrap();
}

/// Attacks: K03.
#[tokio::test]
async fn an_issuer_that_promises_nothing_may_stay_unnamed_but_not_misnamed() {
    let issuer = FakeIssuer::start().await;
    issuer.change_metadata(
        "authorization_response_iss_parameter_supported",
        serde_json::Value::Null,
    );
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::NoIssuer, Fault::WrongIssuer]);
    assert_eq!(kind(sign_in(&client, &issuer).await), None);
    assert_eq!(
        kind(sign_in(&client, &issuer).await),
        Some(ErrorKind::IssuerMismatch)
    );
}

/// Attacks: P08, K04, K19.
#[tokio::test]
async fn two_issuers_are_never_mixed_up() {
    let honest = FakeIssuer::start().await;
    let attacker = FakeIssuer::start().await;
    // The attacker's metadata sends people to the honest issuer, and hopes for the code at its own token endpoint.
    attacker.change_metadata(
        "authorization_endpoint",
        format!("{}/authorize", honest.url()).into(),
    );
    attacker.change_metadata(
        "authorization_response_iss_parameter_supported",
        serde_json::Value::Null,
    );
    let keys = KeyRing::generate();
    let at_honest = honest.client().session_keys(keys.clone()).build().unwrap();
    let at_attacker = attacker
        .client()
        .session_keys(keys)
        .routes_path("/auth/other")
        .build()
        .unwrap();

    let begun = at_attacker.begin(&BeginOptions::new()).await.unwrap();
    let cookies = cookie_header(&begun.set_cookies);
    let back = honest.authorize(&begun.url).await;
    assert_eq!(
        back.path(),
        "/auth/other/callback",
        "each issuer has its own redirect_uri"
    );
    let query = back.query().unwrap();
    assert_eq!(
        kind(at_attacker.finish(query, &cookies).await),
        Some(ErrorKind::IssuerMismatch)
    );
    assert_eq!(
        kind(at_honest.finish(query, &cookies).await),
        Some(ErrorKind::AttemptUnknown)
    );
    assert_eq!((honest.token_requests(), attacker.token_requests()), (0, 0));
}

#[rstest]
#[case("access_denied", ErrorKind::AccessDenied)]
#[case("invalid_scope", ErrorKind::AuthorizationRefused)]
#[case("temporarily_unavailable", ErrorKind::IssuerBusy)]
#[tokio::test]
async fn a_refusal_is_believed_with_a_valid_state(
    #[case] error: &'static str,
    #[case] expected: ErrorKind,
) {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    issuer.script([Fault::Denies(error)]);
    let (query, cookies) = come_back(&client, &issuer).await;
    assert_eq!(
        kind(client.finish(&query, "").await),
        Some(ErrorKind::AttemptUnknown)
    );
    let refused = client.finish(&query, &cookies).await.err().unwrap();
    assert_eq!(
        (refused.kind(), refused.oauth_error()),
        (expected, Some(error))
    );
    assert!(refused.set_cookie().is_some());
}

#[rstest]
#[case::empty("")]
#[case::nothing("state=x")]
#[case::both("state=x&code=c&error=access_denied")]
#[case::two_codes("state=x&code=a&code=b")]
#[case::two_states("state=x&state=y&code=a")]
#[case::two_issuers("state=x&code=a&iss=a&iss=b")]
#[case::signed("response=eyJ.e30.&state=x&code=a")]
#[case::nul("state=x&code=%00")]
#[case::no_code("state=x&code=")]
#[case::code_with_line_break("state=x&code=a%0Ab")]
#[case::code_beyond_ascii("state=x&code=%C3%A9")]
#[case::not_utf_8("state=x&code=%ff")]
#[case::error_with_line_break("state=x&error=a%0Ab")]
#[case::long(&format!("state=x&code={}", "a".repeat(9000)))]
#[tokio::test]
async fn a_malformed_answer_causes_no_request_at_all(#[case] query: &str) {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    assert_eq!(
        kind(client.finish(query, "").await),
        Some(ErrorKind::CallbackMalformed)
    );
    assert_eq!(issuer.metadata_requests(), 0);
    sign_in(&client, &issuer).await.unwrap();
}

/// Attacks: K18.
#[rstest]
#[case::refused(Fault::Refuses("invalid_client"), ErrorKind::TokenRefused)]
#[case::redirected(Fault::Redirects, ErrorKind::TokenResponse)]
#[case::endless(Fault::Endless, ErrorKind::IssuerUnreachable)]
#[case::busy(Fault::Busy, ErrorKind::IssuerBusy)]
#[case::lost(Fault::LosesAnswer, ErrorKind::IssuerUnreachable)]
#[case::garbage(Fault::Answers("garbage"), ErrorKind::TokenResponse)]
#[case::other_type(
    Fault::Answers(r#"{"access_token":"x","token_type":"mac"}"#),
    ErrorKind::TokenResponse
)]
#[tokio::test]
async fn a_code_is_sent_once_whatever_the_token_endpoint_does(
    #[case] fault: Fault,
    #[case] expected: ErrorKind,
) {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    issuer.script([fault]);
    let error = sign_in(&client, &issuer).await.err().unwrap();
    assert_eq!(error.kind(), expected, "{error}");
    assert!(error.set_cookie().is_some());
    assert_eq!(issuer.token_requests(), 1);
    assert!(!issuer.saw_reuse());
}

/// Attacks: K18.
#[tokio::test]
async fn a_silent_token_endpoint_is_given_up() {
    let issuer = FakeIssuer::start().await;
    let timeout = std::time::Duration::from_millis(300);
    let client = issuer.client().http_timeout(timeout).build().unwrap();
    issuer.script([Fault::Hangs]);
    assert_eq!(
        kind(sign_in(&client, &issuer).await),
        Some(ErrorKind::IssuerUnreachable)
    );
}

/// Attacks: K09.
#[tokio::test]
async fn every_authentication_method_is_understood() {
    let issuer = FakeIssuer::start().await;
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    issuer.trust(&key);
    let methods = [
        Some(ClientAuthentication::Basic),
        Some(ClientAuthentication::Post),
        Some(ClientAuthentication::PrivateKeyJwt(Box::new(key))),
        None,
    ];
    for method in methods {
        let with_secret = matches!(
            method,
            Some(ClientAuthentication::Basic | ClientAuthentication::Post)
        );
        let mut builder = safeconduct_client::Client::new(issuer.url(), FakeIssuer::CLIENT_ID)
            .base_url("http://localhost:8421");
        if with_secret {
            builder = builder.secret(Secret::new(FakeIssuer::CLIENT_SECRET));
        }
        if let Some(method) = method {
            builder = builder.authentication(method);
        }
        sign_in(&builder.build().unwrap(), &issuer).await.unwrap();
    }
    let expected = [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
    ];
    assert_eq!(issuer.authentications(), expected);
}

#[tokio::test]
async fn the_steps_can_be_taken_with_ones_own_http() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().dpop(true).build().unwrap();
    let metadata = client.metadata().await.unwrap();
    let begun = client
        .authorization_request(&metadata, &BeginOptions::new())
        .unwrap();
    let back = issuer.authorize(&begun.url).await;
    let cookies = cookie_header(&begun.set_cookies);
    let exchange = client
        .authorization_response(&metadata, back.query().unwrap(), &cookies)
        .unwrap();
    let request = client.code_request(&metadata, &exchange).unwrap();
    assert_eq!(request.url().as_str(), format!("{}/token", issuer.url()));
    assert!(
        request
            .body()
            .starts_with("grant_type=authorization_code&code=")
    );
    assert_eq!(issuer.token_requests(), 0);
}
