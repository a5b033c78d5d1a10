//! The authorization request (RFC 6749 §4.1.1): who is sent back, who gets a page, and what is said to whom.

use std::collections::HashSet;

use axum::body::Body;
use axum::extract::Request;
use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::client::GrantType;

use crate::support::{Answer, Ask, CALLBACK, MAIL, NOTES, STATE, TestServer, changed_at};

/// A page of ours that leads nowhere, for a request that cannot be trusted.
pub(crate) fn assert_page(answer: &Answer, name: &str) {
    assert_eq!(
        answer.to_string(),
        format!("400 page ({name})"),
        "{answer:?}"
    );
    let forms = answer.body.matches("<form").count();
    let of_language = answer.body.matches("<form id=\"language-form\"").count();
    assert_eq!((forms, of_language), (1, 1), "{answer:?}");
    assert!(
        !answer.body.contains("<script"),
        "nothing submits itself: {answer:?}"
    );
    assert!(answer.cookies().is_empty(), "{answer:?}");
}

/// That an honest request of `ask`'s kind is served now.
pub(crate) async fn assert_serves(server: &TestServer, ask: &Ask) {
    let page = server.browser().authorize(ask).await;
    assert_eq!(
        page.to_string(),
        "200 page “Sign in – Safeconduct”",
        "{page:?}"
    );
}

/// Attacks: Q02, Q06, Q13, Q14, Q15, Q16, Q17, Q23, P08.
#[rstest]
#[case::no_response_type(Ask::of("shop").without("response_type"), "invalid_request (response-type-missing)")]
#[case::token(Ask::of("shop").with("response_type", "token"), "unsupported_response_type (response-type-unsupported)")]
#[case::id_token(Ask::of("shop").with("response_type", "id_token token"), "unsupported_response_type (response-type-unsupported)")]
#[case::code_token(Ask::of("shop").with("response_type", "code token"), "unsupported_response_type (response-type-unsupported)")]
#[case::none(Ask::of("shop").with("response_type", "none"), "unsupported_response_type (response-type-unsupported)")]
#[case::fragment(Ask::of("shop").with("response_mode", "fragment"), "invalid_request (response-mode-unsupported)")]
#[case::form_post(Ask::of("shop").with("response_mode", "form_post"), "invalid_request (response-mode-unsupported)")]
#[case::web_message(Ask::of("shop").with("response_mode", "web_message"), "invalid_request (response-mode-unsupported)")]
#[case::no_scope(Ask::of("shop").without("scope"), "invalid_scope (scope-missing)")]
#[case::blank_scope(Ask::of("shop").scope("  "), "invalid_scope (scope-missing)")]
#[case::malformed_scope(Ask::of("shop").scope("notes.read\"x"), "invalid_scope (scope-malformed)")]
#[case::unregistered_scope(Ask::of("shop").scope("mail.read admin"), "invalid_scope (scope-not-registered)")]
#[case::openid(Ask::of("shop").scope("openid notes.read"), "invalid_scope (openid-not-registered)")]
#[case::no_challenge(Ask::of("shop").without("code_challenge").without("code_challenge_method"), "invalid_request (code-challenge-missing)")]
#[case::public_without_challenge(Ask::of("kiosk").without("code_challenge").without("code_challenge_method"), "invalid_request (code-challenge-missing)")]
#[case::method_alone(Ask::of("shop").without("code_challenge"), "invalid_request (code-challenge-missing)")]
#[case::plain(Ask::of("shop").with("code_challenge_method", "plain"), "invalid_request (code-challenge-method-unsupported)")]
#[case::s512(Ask::of("shop").with("code_challenge_method", "S512"), "invalid_request (code-challenge-method-unsupported)")]
#[case::implied_plain(Ask::of("shop").without("code_challenge_method"), "invalid_request (code-challenge-method-unsupported)")]
#[case::even_where_pkce_is_not_demanded(Ask::of("heirloom").with("code_challenge_method", "plain"), "invalid_request (code-challenge-method-unsupported)")]
#[case::short_challenge(Ask::of("shop").with("code_challenge", &"a".repeat(42)), "invalid_request (code-challenge-malformed)")]
#[case::long_challenge(Ask::of("shop").with("code_challenge", &"a".repeat(129)), "invalid_request (code-challenge-malformed)")]
#[case::padded_challenge(Ask::of("shop").with("code_challenge", &("a".repeat(43) + "=")), "invalid_request (code-challenge-malformed)")]
#[case::challenge_of_another_alphabet(Ask::of("shop").with("code_challenge", &("+".repeat(42) + "/")), "invalid_request (code-challenge-malformed)")]
#[case::unknown_resource(Ask::of("shop").with("resource", "https://unknown.example"), "invalid_target (resource-unknown)")]
#[case::resource_with_fragment(Ask::of("shop").with("resource", "https://notes.example/api#x"), "invalid_target (resource-unknown)")]
#[case::relative_resource(Ask::of("shop").with("resource", "/api"), "invalid_target (resource-unknown)")]
#[case::resource_of_other_scopes(Ask::of("shop").with("resource", MAIL), "invalid_target (resource-not-allowed)")]
#[case::two_resources(Ask::of("shop").with("resource", NOTES).and("resource", MAIL), "invalid_target (resource-repeated)")]
#[case::scopes_of_two_resources(Ask::of("mailer").scope("notes.read mail.read"), "invalid_target (resource-ambiguous)")]
#[case::request_object(Ask::of("shop").with("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported (request-object-unsupported)")]
#[case::request_uri(Ask::of("shop").with("request_uri", "http://169.254.169.254/latest"), "request_uri_not_supported (request-uri-unsupported)")]
#[case::local_request_uri(Ask::of("shop").with("request_uri", "file:///etc/passwd"), "request_uri_not_supported (request-uri-unsupported)")]
#[case::control_character_in_state(Ask::of("heirloom").with("nonce", "a\u{7}b"), "invalid_request (request-malformed)")]
#[tokio::test]
async fn what_is_wrong_otherwise_is_told_to_the_client(#[case] ask: Ask, #[case] error: &str) {
    let server = TestServer::start().await;
    let redirect_uri = ask.redirect_uri().to_owned();
    assert_serves(&server, &Ask::of(&ask.client)).await;
    let answer = server.browser().authorize(&ask).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.location().starts_with(&redirect_uri), "{answer:?}");
    let (code, name) = error.split_once(' ').unwrap();
    let expected =
        format!("303 {redirect_uri} error={code} {name} state={STATE} iss=https://id.example");
    assert_eq!(answer.to_string(), expected, "{answer:?}");
    assert_serves(&server, &Ask::of(&ask.client)).await;
}

/// Attacks: Q03.
#[tokio::test]
async fn each_parameter_is_sent_once_and_a_repeated_state_is_not_echoed() {
    let server = TestServer::start().await;
    for name in [
        "scope",
        "nonce",
        "response_type",
        "response_mode",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "request",
        "prompt",
        "max_age",
        "display",
        "ui_locales",
        "login_hint",
        "id_token_hint",
        "acr_values",
        "claims",
        "claims_locales",
    ] {
        let ask = Ask::of("shop");
        let value = ask.form.get(name).unwrap_or("query").to_owned();
        let answer = server
            .browser()
            .authorize(&ask.with(name, &value).and(name, &value))
            .await;
        let expected = format!(
            "303 {CALLBACK} error=invalid_request (parameter-repeated) state={STATE} iss=https://id.example"
        );
        assert_eq!(answer.to_string(), expected, "{name}");
    }
    let answer = server
        .browser()
        .authorize(&Ask::of("shop").and("state", "other"))
        .await;
    assert_snapshot!(answer, @"303 https://shop.example/callback error=invalid_request (parameter-repeated) iss=https://id.example");

    // Unknown parameters are ignored (RFC 6749 §3.1), even twice; an empty one is absent.
    let unknown = Ask::of("shop")
        .and("x", "1")
        .and("x", "2")
        .and("prompt", "")
        .and("response_mode", "");
    assert_serves(&server, &unknown).await;
}

/// Attacks: Q04.
#[tokio::test]
async fn a_long_state_comes_back_whole_and_a_longer_one_is_refused() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for length in [64, 384, 4096] {
        let state = "s".repeat(length);
        let ask = Ask::of("portal")
            .with("state", &state)
            .with("nonce", &"n".repeat(length.min(384)));
        let answer = ada.authorize(&ask).await;
        assert!(answer.has_code(), "{answer:?}");
        assert_eq!(answer.parameter("state").unwrap(), state);
        assert!(answer.location().len() <= 6 * 1024);
    }
    let posted = ada
        .post(
            "/authorize",
            &Ask::of("portal").with("state", &"s".repeat(4096)).form,
        )
        .await;
    assert!(ada.follow(posted).await.has_code());
    let answer = ada
        .authorize(&Ask::of("portal").with("state", &"s".repeat(4097)))
        .await;
    assert_snapshot!(answer, @"303 https://portal.example/callback error=invalid_request (state-too-long) iss=https://id.example");
    let answer = ada
        .authorize(
            &Ask::of("shop")
                .without("state")
                .with("nonce", &"n".repeat(513)),
        )
        .await;
    assert_snapshot!(answer, @"303 https://shop.example/callback error=invalid_request (nonce-too-long) iss=https://id.example");
}

/// Attacks: Q04.
#[tokio::test]
async fn a_request_that_is_too_large_is_refused_and_not_echoed() {
    let server = TestServer::start().await;
    let scopes = (0..10_000)
        .map(|number| format!("s{number}"))
        .collect::<Vec<_>>()
        .join(" ");
    for ask in [
        Ask::of("shop").with("state", &"s".repeat(64 * 1024)),
        Ask::of("shop").scope(&scopes),
        (0..100).fold(Ask::of("shop"), |ask, number| {
            ask.and(&format!("x{number}"), "y")
        }),
        Ask::of("shop").with("state", &"s".repeat(1024 * 1024)),
    ] {
        assert_eq!(
            server
                .browser()
                .post("/authorize", &ask.form)
                .await
                .to_string(),
            "413 page (request-too-large)"
        );
    }
    let answer = server
        .browser()
        .authorize(&Ask::of("shop").with("state", &"s".repeat(60 * 1024)))
        .await;
    assert_snapshot!(answer, @"303 https://shop.example/callback error=invalid_request (request-too-large) iss=https://id.example");
    let answer = server
        .browser()
        .authorize(&Ask::of("shop").with("x", &"y".repeat(9_000)))
        .await;
    assert_snapshot!(answer, @"303 https://shop.example/callback error=invalid_request (request-too-large) iss=https://id.example");
    assert_serves(&server, &Ask::of("shop")).await;
}

/// Attacks: Q04.
#[tokio::test]
async fn what_does_not_fit_is_refused_at_once_and_not_half_way() {
    let server = TestServer::start().await;
    let scope = |names: usize| {
        let names: Vec<String> = (0..names).map(|number| format!("{number:0>120}")).collect();
        names.join(" ")
    };
    let registered = safeconduct_protocol::scope::Scope::parse(&scope(16)).unwrap();
    server
        .change_client("bank", |bank| bank.scopes = registered)
        .await;
    let mut finished = 0;
    for (names, state) in [
        (1, 4096),
        (4, 2000),
        (8, 1000),
        (8, 3000),
        (12, 500),
        (12, 4000),
        (16, 1),
        (16, 2000),
        (16, 4096),
    ] {
        let ask = Ask::of("bank")
            .scope(&scope(names))
            .with("state", &"s".repeat(state))
            .with("nonce", &"n".repeat(512));
        let mut browser = server.browser();
        let page = browser.authorize(&ask).await;
        if page.status == 303 {
            assert!(page.to_string().contains("(request-too-large)"), "{page:?}");
            continue;
        }
        let page = browser.sign_in(&page, "ada").await;
        let answer = browser.allow(&page).await;
        assert!(
            answer.has_code(),
            "{names} scopes, {state} bytes of state: {answer:?}"
        );
        assert!(
            answer.location().len() <= 6 * 1024,
            "{names} scopes, {state} bytes of state"
        );
        finished += 1;
    }
    assert!(finished >= 4, "{finished}");
}

#[tokio::test]
async fn a_state_is_returned_as_it_was_sent() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for state in [
        "a b+c%20d",
        "=&?#/;:@",
        "🦀 ü \u{202e}",
        "\"><script>",
        "%0d%0aSet-Cookie: x=y",
    ] {
        let answer = ada.authorize(&Ask::of("portal").with("state", state)).await;
        assert_eq!(answer.parameter("state").as_deref(), Some(state));
        assert_eq!(
            answer.parameter("iss").as_deref(),
            Some("https://id.example")
        );
        assert!(answer.cookies().is_empty(), "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn a_client_without_the_grant_type_is_told_so() {
    let server = TestServer::start().await;
    assert_serves(&server, &Ask::of("shop")).await;
    server
        .change_client("shop", |shop| {
            shop.grant_types = vec![GrantType::ClientCredentials]
        })
        .await;
    let answer = server.browser().authorize(&Ask::of("shop")).await;
    assert_eq!(
        answer.parameter("error").as_deref(),
        Some("unauthorized_client"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_client_that_cannot_do_pkce_may_go_without() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("heirloom")
        .without("code_challenge")
        .without("code_challenge_method");
    let code = ada.code(&ask).await;
    let answer = server
        .token("heirloom", &code.exchange().without("code_verifier"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_post_is_sent_on_to_ourselves_with_nothing_of_it_in_clear() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("portal").with("state", "in-the-clear");
    // A cross-site POST: no cookie of ours comes with it, and that is no reason to refuse it.
    let answer = server
        .browser()
        .post_from("/authorize", &ask.form, &[("sec-fetch-site", "cross-site")])
        .await;
    assert_eq!(answer.to_string(), "303 /authorize");
    assert!(
        !answer.location().contains("in-the-clear") && !answer.location().contains("portal"),
        "{answer:?}"
    );
    let answer = ada.open(answer.location()).await;
    assert_eq!(
        answer.parameter("state").as_deref(),
        Some("in-the-clear"),
        "{answer:?}"
    );
    assert!(answer.has_code());

    let bad = Ask::of("shop").with("redirect_uri", "https://evil.example");
    let answer = server.browser().post("/authorize", &bad.form).await;
    assert_page(
        &server.browser().open(answer.location()).await,
        "redirect-uri-not-registered",
    );
}

/// Attacks: R18.
#[tokio::test]
async fn a_post_keeps_its_parameters_in_its_body() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop");
    let split = format!("/authorize?redirect_uri={CALLBACK}");
    let answer = server
        .browser()
        .post(&split, &ask.form.clone().without("redirect_uri"))
        .await;
    assert_page(&answer, "credentials-in-query");

    let request = Request::post("/authorize").header("content-type", "application/json");
    let answer = server.send(request.body(Body::from("{}")).unwrap()).await;
    assert_page(&answer, "content-type-unsupported");
    let whole = server.browser().post("/authorize", &ask.form).await;
    assert_eq!(whole.status, 303, "{whole:?}");
}

/// Attacks: Q29.
#[tokio::test]
async fn what_we_send_to_ourselves_cannot_be_changed_on_the_way() {
    let server = TestServer::start().await;
    let sent = server
        .browser()
        .post("/authorize", &Ask::of("shop").form)
        .await;
    let arrival = sent.location();
    assert_eq!(server.browser().open(arrival).await.status, 200);
    let flipped = changed_at(arrival, arrival.len() - 20);
    assert_page(
        &server.browser().open(&flipped).await,
        "pending-request-not-recognised",
    );
    let as_pending = arrival.replace("arrival=", "pending=");
    assert_page(
        &server.browser().open(&as_pending).await,
        "pending-request-not-recognised",
    );
}

#[tokio::test]
async fn only_get_and_post_are_answered() {
    let server = TestServer::start().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let request = Request::builder()
            .method(method)
            .uri("/authorize")
            .body(Body::empty())
            .unwrap();
        let answer = server.send(request).await;
        assert_eq!(
            answer.to_string(),
            "405 page (method-not-allowed)",
            "{method}"
        );
        assert_eq!(answer.header("allow"), "GET, POST", "{method}");
    }
    assert_serves(&server, &Ask::of("shop")).await;
}

/// Attacks: L23, I10.
#[tokio::test]
async fn requests_under_another_name_are_turned_away() {
    let server = TestServer::start().await;
    let query = Ask::of("shop").form.encode();
    let under = |uri: String, hosts: &[&'static str]| {
        let request = Request::get(uri)
            .header("x-forwarded-host", "id.example")
            .header("forwarded", "host=id.example");
        hosts
            .iter()
            .fold(request, |request, host| request.header("host", *host))
            .body(Body::empty())
            .unwrap()
    };
    let path = format!("/authorize?{query}");
    for (uri, hosts) in [
        (path.clone(), &["evil.example"][..]),
        (path.clone(), &["id.example.evil.com"]),
        (path.clone(), &["id.example:8420"]),
        (path.clone(), &["id.example:80"]),
        (path.clone(), &[""]),
        (format!("https://evil.example{path}"), &["id.example"]),
        (format!("https://ada@id.example{path}"), &["id.example"]),
    ] {
        let answer = server.send(under(uri, hosts)).await;
        assert_eq!(
            answer.to_string(),
            "421 page (host-unexpected)",
            "{hosts:?}"
        );
        assert!(!answer.body.contains("evil.example"), "{answer:?}");
        assert!(answer.body.contains("https://id.example"), "{answer:?}");
    }
    for host in ["ID.example", "id.example:443"] {
        let answer = server.send(under(path.clone(), &[host])).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let lied_to = Request::get(path)
        .header("host", "id.example")
        .header("x-forwarded-host", "evil.example");
    let answer = server.send(lied_to.body(Body::empty()).unwrap()).await;
    assert!(
        answer.status == 200 && !answer.body.contains("evil.example"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_pending_request_is_good_for_a_quarter_of_an_hour() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    server.advance(15 * 60);
    assert!(browser.clone().sign_in(&page, "ada").await.has_code());
    server.advance(1);
    assert_page(
        &browser.sign_in(&page, "ada").await,
        "pending-request-expired",
    );
}

/// Attacks: Q30.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_at_once_get_each_its_own_answer() {
    let server = TestServer::start().await;
    let request = |number: u32| {
        // An error that returns the state, so that the answer shows whose it is.
        let ask = Ask::of("shop")
            .with("state", &number.to_string())
            .with("response_type", "none");
        Request::get(format!("/authorize?{}", ask.form.encode()))
            .body(Body::empty())
            .unwrap()
    };
    let answers = server.send_all((0..1_000).map(request)).await;
    let states: HashSet<u32> = answers
        .iter()
        .map(|answer| answer.parameter("state").unwrap().parse().unwrap())
        .collect();
    assert_eq!(states.len(), 1_000);
}
