//! Pushed authorization requests (RFC 9126): checked where the client authenticates, carried by the browser as one sealed text,
//! and answered with one code.

use axum::body::Body;
use axum::extract::Request;
use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::seal::Kind;
use serde_json::{Value, json};

use crate::authorize::assert_page;
use crate::dpop::{self, carrying, flawed, nonce_server};
use crate::id_token::sign_in;
use crate::support::{
    Answer, Ask, Browser, Credentials, Form, ISSUER, STATE, TestServer, assertion_key, proof_key,
    secret_of, with_proof,
};

const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const NOT_RECOGNISED: &str = "pushed-request-not-recognised";
const TOO_LARGE: &str = "413 invalid_request (request-too-large)";
const USED: &str = "400 page (pushed-request-used)";

/// Pushes what `ask` asks; what the browser is to be sent with.
async fn push(server: &TestServer, ask: &Ask) -> Ask {
    ask.pushed_as(&server.push(ask).await)
}

/// What a `request_uri` carries (RFC 9126 §2.2).
fn sealed(request_uri: &str) -> &str {
    request_uri.strip_prefix(PREFIX).unwrap()
}

/// The answer to `ask` in this browser, which is asked on the way at most what it allows.
async fn answer_of(browser: &mut Browser<'_>, pushed: &Ask) -> Answer {
    let answer = browser.authorize(pushed).await;
    if answer.status == 303 {
        return answer;
    }
    browser.allow(&answer).await
}

#[tokio::test]
async fn a_request_that_was_pushed_is_answered_like_any_other() {
    let server = TestServer::start().await;
    for client in ["club", "strict", "circle", "mailer", "robot", "portal"] {
        let mut ada = server.sign_in("ada").await;
        let ask = Ask::of(client).with("nonce", "n");
        let answer = server.push(&ask).await;
        assert_eq!(
            answer.to_string(),
            r#"201 {"expires_in":60,"request_uri":"…"}"#
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let pushed = ask.pushed_as(&answer);
        let answer = answer_of(&mut ada, &pushed).await;
        assert_eq!(answer.parameter("state").as_deref(), Some(STATE));
        assert_eq!(answer.parameter("iss").as_deref(), Some(ISSUER));
        let tokens = server.exchange(&answer.code(&ask)).await.tokens();
        assert!(server.is_active(&tokens.access).await, "{client}");
    }
}

/// Attacks: Z02.
#[tokio::test]
async fn pushing_writes_nothing_and_the_browser_carries_nothing_in_clear() {
    let server = TestServer::start().await;
    let ask = sign_in("mailer")
        .scope("notes.read")
        .with("state", "in-the-clear")
        .with("login_hint", "ada");
    // The use of a secret is noted once an hour.
    server.push(&ask).await;
    let before = (server.rows(), server.dump());
    let answer = server.push(&ask).await;
    assert_eq!((server.rows(), server.dump()), before);
    let request_uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    for inside in ["in-the-clear", "mailer", "notes.read", "callback"] {
        assert!(!sealed(&request_uri).contains(inside), "{inside}");
    }
    let again = server.push(&ask).await;
    assert_ne!(again.json()["request_uri"], request_uri);
    // Nor does the sealed text hold what proves who pushed it.
    let opened: Value = server
        .opened(Kind::PushedRequest, sealed(&request_uri))
        .await;
    let carried = opened["q"].as_str().unwrap();
    assert!(carried.contains("state=in-the-clear"));
    for secret in ["client_secret", "client_assertion", "secret%3A"] {
        assert!(!carried.contains(secret), "{carried}");
    }
    let robot = server.push(&Ask::of("robot")).await;
    let robot = robot.json()["request_uri"].as_str().unwrap().to_owned();
    let opened: Value = server.opened(Kind::PushedRequest, sealed(&robot)).await;
    assert!(!opened.to_string().contains("client_assertion"), "{opened}");
}

/// Attacks: Q27.
#[tokio::test]
async fn what_was_pushed_counts_and_what_stands_beside_it_does_not() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = sign_in("portal").scope("notes.read");
    let beside = push(&server, &ask)
        .await
        .and("scope", "notes.read notes.write")
        .and("redirect_uri", "https://evil.example")
        .and("state", "another")
        .and("response_type", "token")
        .and("prompt", "login")
        .and("request", "x")
        .and("code_challenge", "x");
    let answer = ada.authorize(&beside).await;
    assert!(
        answer
            .location()
            .starts_with("https://portal.example/callback?"),
        "{answer:?}"
    );
    assert_eq!(answer.parameter("state").as_deref(), Some(STATE));
    let tokens = server.exchange(&answer.code(&ask)).await.tokens();
    assert_eq!(tokens.scope, "notes.read");
    // By POST as well.
    let pushed = push(&server, &Ask::of("portal")).await;
    let posted = ada.post("/authorize", &pushed.form).await;
    assert!(ada.follow(posted).await.has_code());
}

/// Attacks: Q24, P12.
#[tokio::test]
async fn it_may_be_opened_often_and_answered_once() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("bank");
    let pushed = push(&server, &ask).await;
    // A reload, a preview, another tab.
    let mut pages = Vec::new();
    for _ in 0..3 {
        pages.push(ada.authorize(&pushed).await);
    }
    let mut stranger = server.browser();
    let theirs = stranger.authorize(&pushed).await;
    assert_eq!(theirs.to_string(), SIGN_IN);
    let no = ada.deny(&pages[0]).await;
    let said = no.parameter("error");
    assert_eq!(said.as_deref(), Some("access_denied"), "a no is no use");
    let answer = ada.allow(&pages[1]).await;
    assert!(answer.has_code(), "{answer:?}");
    // From here on it is over, whichever way it is tried: in either tab, by Back, anew, elsewhere.
    for page in [&pages[0], &pages[1], &pages[2]] {
        assert_eq!(ada.allow(page).await.to_string(), USED);
    }
    assert_page(&ada.authorize(&pushed).await, "pushed-request-used");
    let consent = stranger.sign_in(&theirs, "eve").await;
    assert_eq!(stranger.allow(&consent).await.to_string(), USED);
    // And the one code is good.
    let tokens = server.exchange(&answer.code(&ask)).await.tokens();
    assert!(server.is_active(&tokens.access).await);
}

#[tokio::test]
async fn one_that_was_answered_stays_so_after_a_restart_and_for_as_long_as_a_page_lives() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let pushed = push(&server, &Ask::of("bank")).await;
    server.advance(59);
    let (first, second) = (ada.authorize(&pushed).await, ada.authorize(&pushed).await);
    assert!(ada.allow(&first).await.has_code());
    let cookies = ada.cookies.clone();
    server.advance(15 * 60);
    let server = server.restart().await;
    server.server().sweep().await.unwrap();
    let mut ada = server.browser();
    ada.cookies = cookies;
    assert_eq!(ada.allow(&second).await.to_string(), USED);
}

/// Attacks: Q24, E15.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_16_tabs_on_two_nodes_that_answer_at_once_one_gets_the_code() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("bank");
    let pushed = push(&server, &ask).await;
    let mut forms = Vec::new();
    for _ in 0..16 {
        let page = ada.authorize(&pushed).await;
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("decision", "allow");
        forms.push(form);
    }
    let request = |form: &Form| ada.own_form("/consent", form);
    let (here, there) = tokio::join!(
        server.send_all(forms[..8].iter().map(request)),
        other.send_all(forms[8..].iter().map(request))
    );
    let (served, refused): (Vec<Answer>, Vec<Answer>) =
        here.into_iter().chain(there).partition(Answer::has_code);
    assert_eq!(served.len(), 1);
    for answer in refused {
        assert_eq!(answer.to_string(), USED);
    }
    assert_eq!(server.exchange(&served[0].code(&ask)).await.status, 200);
}

/// Attacks: Q24.
#[tokio::test]
async fn the_browser_arrives_within_a_minute_and_then_has_the_usual_time() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let (prompt, late) = (Ask::of("portal"), Ask::of("portal"));
    let pushed = push(&server, &prompt).await;
    let too_late = push(&server, &late).await;
    server.advance(59);
    let page = browser.authorize(&pushed).await;
    assert_eq!(page.to_string(), SIGN_IN);
    server.advance(1);
    assert_page(
        &browser.authorize(&too_late).await,
        "pushed-request-expired",
    );
    server.advance(14 * 60);
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

/// Attacks: Q24.
#[tokio::test]
async fn it_is_of_the_client_that_pushed_it_and_has_one_spelling() {
    let server = TestServer::start().await;
    let ask = Ask::of("portal");
    let pushed = push(&server, &ask).await;
    let mut ada = server.sign_in("ada").await;
    for other in ["club", "shop", "bank"] {
        let taken = pushed.clone().with("client_id", other);
        assert_page(&ada.authorize(&taken).await, NOT_RECOGNISED);
    }
    let nobody = pushed.clone().without("client_id");
    assert_page(&ada.authorize(&nobody).await, "client-id-missing");
    let twice = pushed.clone().and("client_id", "portal");
    assert_page(&ada.authorize(&twice).await, "parameter-repeated");
    let request_uri = pushed.form.get("request_uri").unwrap().to_owned();
    let twice = pushed.clone().and("request_uri", &request_uri);
    assert_page(&ada.authorize(&twice).await, "parameter-repeated");

    let tokens = server.tokens("ada", &Ask::of("portal")).await;
    let sealed = sealed(&request_uri);
    let (front, back) = sealed.split_at(sealed.len() / 2);
    for guessed in [
        format!("{PREFIX}x"),
        PREFIX.to_owned(),
        format!("{PREFIX}{}", new_id()),
        format!("{PREFIX}{sealed}A"),
        format!("{PREFIX}{sealed}="),
        format!("{PREFIX}{}", &sealed[..sealed.len() - 1]),
        format!("{PREFIX}{front}AAAA{}", &back[4..]),
        format!("{PREFIX}{}", tokens.refresh_token()),
        format!(
            "{PREFIX}{}",
            ada.authorize(&Ask::of("bank")).await.hidden("pending")
        ),
    ] {
        let guessed = pushed.clone().with("request_uri", &guessed);
        assert_page(&ada.authorize(&guessed).await, NOT_RECOGNISED);
    }
    // What is no request_uri of ours is never fetched.
    let foreign = ask.with("request_uri", "https://portal.example/request.jwt");
    let answer = ada.authorize(&foreign).await;
    let said = answer.parameter("error");
    assert_eq!(said.as_deref(), Some("request_uri_not_supported"));
    assert!(ada.authorize(&pushed).await.has_code());
}

#[tokio::test]
async fn one_from_before_a_restore_is_refused() {
    let server = TestServer::start().await;
    let pushed = push(&server, &Ask::of("portal")).await;
    server.begin_era().await;
    let answer = server.browser().authorize(&pushed).await;
    assert_page(&answer, NOT_RECOGNISED);
    let pushed = push(&server, &Ask::of("portal")).await;
    assert_eq!(
        server.browser().authorize(&pushed).await.to_string(),
        SIGN_IN
    );
}

/// Attacks: Q26.
#[tokio::test]
async fn a_client_that_must_push_is_not_served_without() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = sign_in("strict");
    let plain = ada.authorize(&ask).await;
    let expected = format!(
        "303 https://strict.example/callback error=invalid_request (pushed-request-required) state={STATE} iss={ISSUER}"
    );
    assert_eq!(plain.to_string(), expected);
    let posted = ada.post("/authorize", &ask.form).await;
    assert_eq!(ada.follow(posted).await.to_string(), expected);
    let pushed = push(&server, &ask).await;
    let answer = answer_of(&mut ada, &pushed).await;
    assert!(answer.has_code(), "{answer:?}");
}

/// Attacks: Q25.
#[tokio::test]
async fn who_pushes_authenticates_as_registered() {
    let server = TestServer::start().await;
    let wrong = |id: &str, secret: &str| Credentials::Basic(id.to_owned(), secret.to_owned());
    let failed =
        "401 invalid_client (client-authentication-method or client-authentication-failed)";
    for (client, credentials, refused) in [
        (
            "club",
            Credentials::Nothing,
            "401 invalid_client (client-authentication-missing)",
        ),
        ("club", wrong("club", "wrong"), failed),
        ("club", wrong("nobody", &secret_of("club")), failed),
        (
            "club",
            Credentials::Post("club".to_owned(), secret_of("club")),
            failed,
        ),
        ("club", Credentials::Id("club".to_owned()), failed),
        ("circle", wrong("circle", "anything"), failed),
        ("robot", wrong("robot", &secret_of("robot")), failed),
        (
            "robot",
            Credentials::Assertion("a.b.c".to_owned()),
            "401 invalid_client (client-assertion-refused)",
        ),
    ] {
        let form = Ask::of(client).form.without("client_id");
        let request = server.back_channel("/par", &credentials, &form);
        let answer = server.send(request).await;
        assert_eq!(answer.to_string(), refused, "{client}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.header("www-authenticate").is_empty());
    }
    // A client may say again who it is, and not that it is somebody else.
    let ask = Ask::of("club");
    let again = server.back_channel("/par", &server.credentials("club"), &ask.form);
    assert_eq!(server.send(again).await.status, 201);
    let other = ask.form.clone().with("client_id", "shop");
    let other = server.back_channel("/par", &server.credentials("club"), &other);
    let answer = server.send(other).await;
    assert_snapshot!(answer, @"400 invalid_request (client-id-differs)");
    server.disable_client("club").await;
    assert_eq!(server.push(&ask).await.to_string(), failed);
}

/// Attacks: T07.
#[tokio::test]
async fn an_assertion_is_for_this_server_and_pushes_once() {
    let server = TestServer::start().await;
    let now = server.now();
    let push = async |changes: Value| {
        let mut claims = json!({
            "iss": "robot", "sub": "robot", "aud": ISSUER, "jti": new_id(), "exp": now.plus(60).seconds(),
        });
        let changes = changes.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(changes);
        let assertion = Credentials::Assertion(assertion_key().sign_jwt("JWT", &claims).unwrap());
        let form = Ask::of("robot").form.without("client_id");
        let answer = server
            .send(server.back_channel("/par", &assertion, &form))
            .await;
        answer.to_string()
    };
    const PUSHED: &str = r#"201 {"expires_in":60,"request_uri":"…"}"#;
    const REFUSED: &str = "401 invalid_client (client-assertion-refused)";
    let at = |seconds| now.plus(seconds).seconds();
    for (changes, said) in [
        (json!({}), PUSHED),
        (json!({ "nbf": at(8) }), PUSHED),
        (json!({ "nbf": at(61) }), REFUSED),
        (json!({ "exp": at(-300) }), REFUSED),
        (json!({ "aud": [ISSUER] }), REFUSED),
        (json!({ "aud": "https://id.example/par" }), REFUSED),
        (json!({ "aud": "https://id.example/token" }), REFUSED),
        (json!({ "sub": "club" }), REFUSED),
    ] {
        assert_eq!(push(changes.clone()).await, said, "{changes}");
    }
    // A refused request uses nothing up, a pushed one does; also for the token endpoint.
    let once = server.credentials("robot");
    let form = Ask::of("robot").form.without("client_id");
    let bad = server.back_channel("/par", &once, &form.clone().with("scope", "admin"));
    assert_eq!(server.send(bad).await.status, 400);
    let good = server.back_channel("/par", &once, &form);
    assert_eq!(server.send(good).await.to_string(), PUSHED);
    let replayed = "401 invalid_client (client-assertion-replayed)";
    let again = server.back_channel("/par", &once, &form);
    assert_eq!(server.send(again).await.to_string(), replayed);
    let own = crate::client_auth::own_token();
    let answer = server.token_with(&once, &own).await;
    assert_eq!(answer.to_string(), replayed);
}

/// Whatever is wrong is told to the client at once, in words it can read, and never to a browser.
/// Attacks: Q14, Q15, Q22, Q25, T24.
#[rstest]
#[case::request_uri(Ask::of("club").with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "400 invalid_request (request-uri-in-pushed-request)")]
#[case::foreign_request_uri(Ask::of("club").with("request_uri", "https://club.example/r"), "400 invalid_request (request-uri-in-pushed-request)")]
#[case::request_object(Ask::of("club").with("request", "x"), "400 request_not_supported (request-object-unsupported)")]
#[case::no_redirect_uri(Ask::of("club").without("redirect_uri"), "400 invalid_request (redirect-uri-missing)")]
#[case::another_redirect_uri(Ask::of("club").with("redirect_uri", "https://evil.example"), "400 invalid_request (redirect-uri-not-registered)")]
#[case::no_response_type(Ask::of("club").without("response_type"), "400 invalid_request (response-type-missing)")]
#[case::code_and_id_token(Ask::of("club").with("response_type", "code id_token"), "400 unsupported_response_type (response-type-unsupported)")]
#[case::token(Ask::of("club").with("response_type", "token"), "400 unsupported_response_type (response-type-unsupported)")]
#[case::response_mode(Ask::of("club").with("response_mode", "fragment"), "400 invalid_request (response-mode-unsupported)")]
#[case::no_challenge(Ask::of("club").without("code_challenge").without("code_challenge_method"), "400 invalid_request (code-challenge-missing)")]
#[case::plain(Ask::of("club").with("code_challenge_method", "plain"), "400 invalid_request (code-challenge-method-unsupported)")]
#[case::malformed_challenge(Ask::of("club").with("code_challenge", "x"), "400 invalid_request (code-challenge-malformed)")]
#[case::scope(Ask::of("club").scope("admin"), "400 invalid_scope (scope-not-registered)")]
#[case::resource(Ask::of("club").with("resource", "https://evil.example"), "400 invalid_target (resource-unknown)")]
#[case::prompt(Ask::of("club").with("prompt", "none login"), "400 invalid_request (prompt-malformed)")]
#[case::max_age(Ask::of("club").with("max_age", "x"), "400 invalid_request (max-age-malformed)")]
#[case::claims(Ask::of("club").with("claims", "x"), "400 invalid_request (claims-malformed)")]
#[case::hint(Ask::of("club").with("id_token_hint", "x"), "400 invalid_request (id-token-hint-refused)")]
#[case::essential_acr(Ask::of("club").with("claims", r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#), "400 unmet_authentication_requirements (acr-unmet)")]
#[case::key(Ask::of("club").with("dpop_jkt", "x"), "400 invalid_request (dpop-jkt-malformed)")]
#[case::twice(Ask::of("club").and("state", "x"), "400 invalid_request (parameter-repeated)")]
#[case::long_state(Ask::of("club").with("state", &"s".repeat(4_097)), "400 invalid_request (state-too-long)")]
#[case::long_nonce(Ask::of("club").with("nonce", &"n".repeat(513)), "400 invalid_request (nonce-too-long)")]
#[case::large(Ask::of("club").with("x", &"x".repeat(9_000)), "413 invalid_request (request-too-large)")]
#[case::larger(Ask::of("club").with("x", &"x".repeat(70_000)), "413 invalid_request (request-too-large)")]
#[tokio::test]
async fn what_is_wrong_is_told_to_the_client_at_once(#[case] ask: Ask, #[case] refused: &str) {
    let server = TestServer::start().await;
    assert_eq!(server.push(&Ask::of("club")).await.status, 201);
    let answer = server.push(&ask).await;
    assert_eq!(answer.to_string(), refused, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(server.push(&Ask::of("club")).await.status, 201);
}

/// Attacks: Q04.
#[tokio::test]
async fn what_can_be_pushed_can_be_answered() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for length in [64, 384, 4_096] {
        let state = "s".repeat(length);
        let ask = Ask::of("portal")
            .with("state", &state)
            .with("nonce", &"n".repeat(length.min(512)));
        let answer = server.push(&ask).await;
        let pushed = ask.pushed_as(&answer);
        let answer = ada.authorize(&pushed).await;
        assert!(answer.has_code(), "{length}: {answer:?}");
        assert_eq!(answer.parameter("state").as_deref(), Some(state.as_str()));
    }
}

#[tokio::test]
async fn what_ends_between_the_push_and_the_visit_ends_it() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let pushed = push(&server, &Ask::of("portal")).await;
    server
        .change_client("portal", |portal| {
            portal.redirect_uris[0] = "https://portal.example/new".to_owned().try_into().unwrap()
        })
        .await;
    let answer = ada.authorize(&pushed).await;
    assert_page(&answer, "redirect-uri-not-registered");
    server
        .change_client("portal", |portal| portal.scopes = Default::default())
        .await;
    let answer = ada.authorize(&pushed).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_scope"));
    server.disable_client("portal").await;
    assert_page(&ada.authorize(&pushed).await, "client-unknown");
    server.enable_client("portal").await;
    server.change_client("portal", |_| {}).await;
    assert!(ada.authorize(&pushed).await.has_code());
}

/// Attacks: Q25, T04.
#[tokio::test]
async fn nothing_is_pushed_in_a_url_or_in_another_form() {
    let server = TestServer::start().await;
    let form = Ask::of("circle").form;
    let answer = server.get(&format!("/par?{}", form.encode())).await;
    assert_eq!(
        answer.to_string(),
        "405 invalid_request (method-not-allowed)"
    );
    assert_eq!(answer.header("allow"), "POST,OPTIONS");
    let request = Request::post(format!("/par?{}", form.encode()))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_snapshot!(answer, @"400 invalid_request (credentials-in-query)");
    let request = Request::post("/par").header("content-type", "application/json");
    let answer = server.send(request.body(Body::from("{}")).unwrap()).await;
    assert_snapshot!(answer, @"400 invalid_request (content-type-unsupported)");
    assert_eq!(server.push(&Ask::of("circle")).await.status, 201);
}

#[tokio::test]
async fn what_cannot_be_answered_cannot_be_pushed() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    // Too long for the way from the sign-in page, or for the way back to the client.
    let claims = json!({ "id_token": { "sub": { "value": "u".repeat(1_900) } } }).to_string();
    let ask = sign_in("club").with("state", &"s".repeat(3_000));
    let answer = server.push(&ask.with("claims", &claims)).await;
    assert_eq!(answer.to_string(), TOO_LARGE);
    // Too long for the way there; what means nothing is carried all the same.
    for length in (1_000..8_000).step_by(500) {
        let ask = sign_in("club").with("unknown", &"x".repeat(length));
        let answer = server.push(&ask).await;
        if answer.status != 201 {
            assert!(length > 4_000, "{length}");
            assert_eq!(answer.to_string(), TOO_LARGE, "{length}");
            continue;
        }
        let pushed = ask.pushed_as(&answer);
        assert!(pushed.form.encode().len() < 8 * 1_024, "{length}");
        assert!(answer_of(&mut ada, &pushed).await.has_code(), "{length}");
    }
}

/// Attacks: C13.
#[tokio::test]
async fn a_proof_beside_it_binds_the_code() {
    let server = TestServer::start().await;
    let (key, thief) = (proof_key(), proof_key());
    let mut ada = server.sign_in("ada").await;
    let of_another = "400 invalid_grant (code-of-another-key)";
    for (client, named) in [("bound", false), ("circle", true), ("club", true)] {
        let ask = sign_in(client);
        let ask = if named {
            ask.with("dpop_jkt", key.kid())
        } else {
            ask
        };
        let proof = server.prove(&key, "POST", "/par", None);
        let answer = server
            .send(with_proof(server.push_request(&ask), &proof))
            .await;
        let pushed = ask.pushed_as(&answer);
        // A name in the browser's hands changes nothing.
        let pushed = pushed.and("dpop_jkt", thief.kid());
        let code = answer_of(&mut ada, &pushed).await.code(&ask);
        let answer = server.exchange_proving(&thief, &code).await;
        assert_eq!(answer.to_string(), of_another, "{client}");
        assert_eq!(server.exchange(&code).await.status, 400, "{client}");
        let answer = server.exchange_proving(&key, &code).await;
        assert_eq!(answer.json()["token_type"], "DPoP", "{answer:?}");
    }
    // What the proof proves and what the request names is one key.
    let ask = sign_in("club").with("dpop_jkt", thief.kid());
    let proof = server.prove(&key, "POST", "/par", None);
    let answer = server
        .send(with_proof(server.push_request(&ask), &proof))
        .await;
    assert_snapshot!(answer, @"400 invalid_request (dpop-jkt-malformed)");
}

/// Attacks: P01.
#[tokio::test]
async fn what_proves_nothing_pushes_nothing() {
    let server = TestServer::start().await;
    let key = proof_key();
    let ask = sign_in("bound");
    let rows = server.rows();
    let with = |proof: &str| with_proof(server.push_request(&ask), proof);
    for (what, proof) in flawed(&server, "POST", "/par", None) {
        let answer = server.send(with(&proof)).await;
        assert_eq!(answer.to_string(), dpop::REFUSED, "{what}");
    }
    assert_eq!(server.rows(), rows);
    let proof = server.prove(&key, "POST", "/par", None);
    let twice = with_proof(with(&proof), &server.prove(&key, "POST", "/par", None));
    assert_eq!(server.send(twice).await.to_string(), dpop::REFUSED);
    assert_eq!(server.send(with(&proof)).await.status, 201);
    // One for here is none for there.
    let code = server.code("ada", &ask).await;
    let proof = server.prove(&key, "POST", "/par", None);
    let answer = server
        .token_with_proof(&proof, "bound", &code.exchange())
        .await;
    assert_eq!(answer.to_string(), dpop::REFUSED);
}

#[tokio::test]
async fn a_client_with_credentials_uses_each_proof_once() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let key = proof_key();
    let proof = server.prove(&key, "POST", "/par", None);
    let push = |ask: &Ask| with_proof(server.push_request(ask), &proof);
    // A refused request uses nothing up.
    let refused = server.send(push(&sign_in("club").scope("admin"))).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(server.send(push(&sign_in("club"))).await.status, 201);
    for node in [&server, &other] {
        let answer = node.send(push(&sign_in("club"))).await;
        assert_eq!(answer.to_string(), dpop::REPLAYED);
    }
}

#[tokio::test]
async fn a_push_needs_the_nonce_of_a_server_that_asks_for_it() {
    let server = nonce_server().await;
    let key = proof_key();
    let ask = sign_in("bound");
    let push = async |nonce: &str| {
        let claims = server.proof_claims("POST", "/par", None);
        let proof = carrying(nonce, &key, claims);
        let request = with_proof(server.push_request(&ask), &proof);
        server.send(request).await
    };
    let asked = push("x").await;
    assert_snapshot!(asked, @"400 use_dpop_nonce (dpop-nonce-required)");
    let answer = push(asked.header("dpop-nonce")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(!answer.header("dpop-nonce").is_empty());
}

#[tokio::test]
async fn silence_and_forms_can_be_pushed_too() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let silent = push(&server, &sign_in("club").with("prompt", "none")).await;
    let answer = ada.authorize(&silent).await;
    let said = answer.parameter("error");
    assert_eq!(said.as_deref(), Some("consent_required"), "{answer:?}");
    // It was answered with no code, so it is not used up; the client decides whether to try again.
    ada.code(&sign_in("club")).await;
    assert!(ada.authorize(&silent).await.has_code());
    assert_page(&ada.authorize(&silent).await, "pushed-request-used");
    let by_form = sign_in("club").with("response_mode", "form_post");
    let by_form = push(&server, &by_form).await;
    let answer = ada.authorize(&by_form).await;
    assert_eq!(answer.fields()[0].0, "code");
}
