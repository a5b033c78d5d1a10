//! What a client may want to happen to the person (OpenID Connect Core §3.1.2.1): be asked nothing, sign in again, be asked
//! again, choose. And what it may only wish for.

use rstest::rstest;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, Verified};
use serde_json::{Value, json};

use crate::assertion::jwt;
use crate::id_token::{claim, read, sign_in};
use crate::support::{
    Answer, Ask, Browser, Form, ISSUER, STATE, TestServer, assertion, password_of, proof_key,
    secret_of,
};

const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const AGAIN: &str = "200 page “Confirm it’s you – Safeconduct”";
const CHOOSE: &str = "200 page “Choose an account – Safeconduct”";
const CONSENT: &str = "200 page “Allow The club? – Safeconduct”";
const ANOTHER_SESSION: &str = "400 page (pending-request-from-another-session)";
const NOT_DUE: &str = "400 page (pending-request-not-due)";

/// The club's request with this prompt.
fn prompt(prompt: &str) -> Ask {
    sign_in("club").with("prompt", prompt)
}

/// What the club is told in place of a code.
fn told(error: &str) -> String {
    format!("303 https://club.example/callback error={error} state={STATE} iss={ISSUER}")
}

/// The ID Token for the code in `answer`, which answers `ask`.
async fn id_token(server: &TestServer, answer: &Answer, ask: &Ask) -> Verified {
    let tokens = server.exchange(&answer.code(ask)).await.tokens();
    read(server, &ask.client, &tokens, Algorithm::Rs256).await
}

/// A browser in which ada is signed in and has allowed the club, and the ID Token that it got.
async fn at_the_club(server: &TestServer) -> (Browser<'_>, Verified) {
    let mut ada = server.sign_in("ada").await;
    let ask = sign_in("club");
    let page = ada.authorize(&ask).await;
    assert_eq!(page.to_string(), CONSENT);
    let answer = ada.allow(&page).await;
    let token = id_token(server, &answer, &ask).await;
    (ada, token)
}

/// Attacks: Q08.
#[tokio::test]
async fn none_shows_nobody_anything() {
    let server = TestServer::start().await;
    let state = "s".repeat(128);
    let silent = prompt("none").with("state", &state);
    let mut nobody = server.browser();
    let answer = nobody.authorize(&silent).await;
    assert_eq!(
        answer.to_string(),
        told("login_required (login-required)").replace(STATE, &state)
    );
    assert!(answer.cookies().is_empty() && nobody.cookies.is_empty());

    let mut ada = server.sign_in("ada").await;
    let answer = ada.authorize(&prompt("none")).await;
    assert_eq!(
        answer.to_string(),
        told("consent_required (consent-required)")
    );
    assert!(answer.cookies().is_empty(), "{answer:?}");
    assert!(server.consents("ada").await.is_empty());
    // Where everybody is asked every time, silence is no answer either.
    ada.code(&Ask::of("bank")).await;
    let answer = ada.authorize(&Ask::of("bank").with("prompt", "none")).await;
    let said = answer.parameter("error");
    assert_eq!(said.as_deref(), Some("consent_required"), "{answer:?}");
}

/// Attacks: Q08.
#[tokio::test]
async fn none_is_answered_at_once_where_nothing_is_left_to_ask() {
    let server = TestServer::start().await;
    let (mut ada, first) = at_the_club(&server).await;
    server.advance(100);
    let ask = prompt("none");
    let before = ada.cookies.clone();
    let answer = ada.authorize(&ask).await;
    let second = id_token(&server, &answer, &ask).await;
    for same in ["sub", "auth_time", "sid"] {
        assert_eq!(first.claim(same), second.claim(same), "{same}");
    }
    assert_eq!(ada.cookies, before);
    // And for more than was allowed it is not.
    let wider = ada.authorize(&ask.scope("openid email")).await;
    assert_eq!(
        wider.to_string(),
        told("consent_required (consent-required)")
    );
}

/// Attacks: Q08, PE69.
#[rstest]
#[case::none_and_another("none login")]
#[case::none_last("consent none")]
#[case::unknown("create")]
#[case::in_another_case("Login")]
#[case::with_commas("login,consent")]
#[tokio::test]
async fn a_prompt_that_makes_no_sense_is_told_to_the_client(#[case] value: &str) {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let answer = ada.authorize(&prompt(value)).await;
    assert_eq!(
        answer.to_string(),
        told("invalid_request (prompt-malformed)")
    );
    assert_eq!(ada.authorize(&prompt("consent")).await.to_string(), CONSENT);
}

#[tokio::test]
async fn login_asks_for_the_password_again_and_keeps_the_session() {
    let server = TestServer::start().await;
    let (mut ada, first) = at_the_club(&server).await;
    server.advance(100);
    let ask = prompt("login");
    let page = ada.authorize(&ask).await;
    assert_eq!(page.to_string(), AGAIN);
    assert!(
        page.body.contains("value=\"ada\"") && page.body.contains("readonly"),
        "{page:?}"
    );
    let before = ada.session();
    let answer = ada.sign_in(&page, "ada").await;
    let second = id_token(&server, &answer, &ask).await;
    assert_eq!(first.claim("sid"), second.claim("sid"));
    assert_eq!(first.claim("sub"), second.claim("sub"));
    assert_eq!(*claim(&second, "auth_time"), server.now().seconds());
    assert_eq!(
        *claim(&first, "auth_time"),
        server.now().plus(-100).seconds()
    );
    assert_ne!(ada.session(), before, "the cookie is renewed");
}

#[tokio::test]
async fn no_way_leads_around_the_password() {
    let server = TestServer::start().await;
    let (mut ada, _) = at_the_club(&server).await;
    server.advance(100);
    for ask in [
        prompt("login"),
        prompt("login select_account"),
        prompt("select_account").with("max_age", "10"),
        sign_in("club").with("max_age", "10"),
        sign_in("club").with("max_age", "0"),
    ] {
        let page = ada.authorize(&ask).await;
        assert_eq!(page.to_string(), AGAIN);
        let form = Form::new().with("pending", &page.hidden("pending"));
        // As if an account had been chosen, or a question answered.
        let answer = ada.post("/login/continue", &form).await;
        assert_eq!(answer.to_string(), NOT_DUE);
        assert_eq!(ada.allow(&page).await.to_string(), NOT_DUE);
        // Back, reload, another tab.
        let link = format!("/authorize?pending={}", page.hidden("pending"));
        assert_eq!(ada.open(&link).await.to_string(), AGAIN);
        // A wrong password changes nothing about it.
        let answer = ada.guess(&page, "ada", "wrong").await;
        assert_eq!(answer.status, 400);
        let form = Form::new().with("pending", &answer.hidden("pending"));
        let answer = ada.post("/login/continue", &form).await;
        assert_eq!(answer.to_string(), NOT_DUE);
    }
    // Guesses are counted, and forgotten in time.
    server.advance(300);
    let page = ada.authorize(&prompt("login")).await;
    assert!(ada.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn consent_asks_again_whatever_was_allowed() {
    let server = TestServer::start().await;
    let (mut ada, _) = at_the_club(&server).await;
    let page = ada.authorize(&prompt("consent")).await;
    assert_eq!(page.to_string(), CONSENT);
    assert!(!page.body.contains("You have already allowed"), "{page:?}");
    let denied = ada.deny(&page).await;
    assert_eq!(denied.to_string(), told("access_denied (consent-denied)"));
    let page = ada.authorize(&prompt("consent")).await;
    assert!(ada.allow(&page).await.has_code());
    // Also where nobody would be asked.
    let portal = Ask::of("portal").with("prompt", "consent");
    let page = ada.authorize(&portal).await;
    assert_eq!(
        page.to_string(),
        "200 page “Allow The portal? – Safeconduct”"
    );
    assert!(ada.allow(&page).await.has_code());
    // First who, then what.
    let page = ada.authorize(&prompt("consent login")).await;
    assert_eq!(page.to_string(), AGAIN);
    let page = ada.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), CONSENT);
    assert!(ada.allow(&page).await.has_code());
}

#[tokio::test]
async fn an_account_is_chosen_without_a_password_where_that_is_all_that_is_due() {
    let server = TestServer::start().await;
    let (mut ada, first) = at_the_club(&server).await;
    let ask = prompt("select_account");
    let page = ada.authorize(&ask).await;
    assert_eq!(page.to_string(), CHOOSE);
    assert!(page.body.contains("<bdi>ada</bdi>"), "{page:?}");
    let form = Form::new().with("pending", &page.hidden("pending"));
    for (headers, refused) in [
        (&[("sec-fetch-site", "cross-site")][..], "cross-site-form"),
        (&[], "form-origin-unknown"),
    ] {
        let answer = ada.post_from("/login/continue", &form, headers).await;
        assert_eq!(answer.to_string(), format!("403 page ({refused})"));
    }
    let answer = ada.post("/login/continue", &form).await;
    let answer = ada.follow(answer).await;
    let second = id_token(&server, &answer, &ask).await;
    for same in ["sub", "auth_time", "sid"] {
        assert_eq!(first.claim(same), second.claim(same), "{same}");
    }
    // With a question after it.
    let page = ada.authorize(&prompt("select_account consent")).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    let answer = ada.post("/login/continue", &form).await;
    assert_eq!(ada.follow(answer).await.to_string(), CONSENT);
    // Nobody to choose: sign in, and that was the choice.
    let mut nobody = server.browser();
    let page = nobody.authorize(&ask).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(nobody.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn an_account_that_is_gone_cannot_be_chosen() {
    let server = TestServer::start().await;
    let (mut ada, _) = at_the_club(&server).await;
    let page = ada.authorize(&prompt("select_account")).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    server.end_sessions("ada").await;
    let answer = ada.post("/login/continue", &form).await;
    assert_eq!(ada.follow(answer).await.to_string(), SIGN_IN);
    // Nor can somebody else's: the form is of one browser.
    let mut eve = server.sign_in("eve").await;
    let answer = eve.post("/login/continue", &form).await;
    assert_eq!(
        answer.to_string(),
        "400 page (pending-request-from-another-browser)"
    );
}

/// L04: whoever presses “Continue as ada” is never taken for somebody else who signed in since.
/// Attacks: L04.
#[tokio::test]
async fn an_account_that_was_not_offered_cannot_be_chosen() {
    let server = TestServer::start().await;
    let (mut browser, _) = at_the_club(&server).await;
    let offered = browser.authorize(&prompt("select_account")).await;
    assert_eq!(offered.to_string(), CHOOSE);
    // In another tab.
    let page = browser.authorize(&prompt("login")).await;
    browser.sign_in(&page, "bob").await;
    let form = Form::new().with("pending", &offered.hidden("pending"));
    let answer = browser.post("/login/continue", &form).await;
    assert_eq!(answer.to_string(), ANOTHER_SESSION);
    // Back shows who is there now.
    let link = format!("/authorize?pending={}", offered.hidden("pending"));
    let page = browser.open(&link).await;
    assert!(page.body.contains("<bdi>bob</bdi>"), "{page:?}");
    let form = Form::new().with("pending", &page.hidden("pending"));
    let answer = browser.post("/login/continue", &form).await;
    assert_eq!(answer.status, 303);
}

/// Attacks: L04.
#[tokio::test]
async fn another_account_is_another_session_and_inherits_nothing() {
    let server = TestServer::start().await;
    let (mut browser, hers) = at_the_club(&server).await;
    let asked = browser.authorize(&prompt("consent")).await;
    let ask = prompt("select_account");
    let page = browser.authorize(&ask).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = browser.post("/login/switch", &form).await;
    assert_eq!(page.to_string(), SIGN_IN);
    let page = browser.sign_in(&page, "bob").await;
    assert_eq!(page.to_string(), CONSENT, "her answer is not his");
    // Her question, still open in another tab, is not his to answer.
    assert_eq!(browser.allow(&asked).await.to_string(), ANOTHER_SESSION);
    let his = id_token(&server, &browser.allow(&page).await, &ask).await;
    assert_eq!(his.sub(), Some(server.user("bob").await.as_str()));
    assert_ne!(his.claim("sid"), hers.claim("sid"));
    assert!(server.sessions("ada").await.is_empty(), "hers is over");

    // The same where the password was asked of one and given by another.
    let ask = prompt("login");
    let page = browser.authorize(&ask).await;
    assert_eq!(page.to_string(), AGAIN);
    let page = browser.sign_in(&page, "eve").await;
    assert_eq!(page.to_string(), CONSENT);
    let theirs = id_token(&server, &browser.allow(&page).await, &ask).await;
    assert_eq!(theirs.sub(), Some(server.user("eve").await.as_str()));
    assert_ne!(theirs.claim("sid"), his.claim("sid"));
}

#[tokio::test]
async fn max_age_is_how_long_ago_the_password_may_be() {
    let server = TestServer::start().await;
    let (mut ada, first) = at_the_club(&server).await;
    server.advance(100);
    for recent in ["101", "15000", "10000", "99999999999999999999999"] {
        let ask = sign_in("club").with("max_age", recent);
        let answer = ada.authorize(&ask).await;
        let token = id_token(&server, &answer, &ask).await;
        assert_eq!(token.claim("auth_time"), first.claim("auth_time"));
    }
    for too_long_ago in ["99", "1", "0"] {
        let ask = sign_in("club").with("max_age", too_long_ago);
        let silent = ada.authorize(&ask.clone().with("prompt", "none")).await;
        assert_eq!(silent.to_string(), told("login_required (login-required)"));
        let page = ada.authorize(&ask).await;
        assert_eq!(page.to_string(), AGAIN);
        // What was recent enough when the request came is so when the form does.
        server.advance(200);
        let answer = ada.sign_in(&page, "ada").await;
        let token = id_token(&server, &answer, &ask).await;
        assert_eq!(*claim(&token, "auth_time"), server.now().seconds());
        server.advance(100);
    }
}

#[rstest]
#[case::negative("-1")]
#[case::fraction("1.5")]
#[case::text("soon")]
#[case::with_a_sign("+5")]
#[case::hexadecimal("0x10")]
#[tokio::test]
async fn a_max_age_that_is_no_number_of_seconds_is_told_to_the_client(#[case] value: &str) {
    let server = TestServer::start().await;
    let ask = sign_in("club").with("max_age", value);
    let answer = server.browser().authorize(&ask).await;
    assert_eq!(
        answer.to_string(),
        told("invalid_request (max-age-malformed)")
    );
    let ask = sign_in("club").with("max_age", "60");
    assert_eq!(server.browser().authorize(&ask).await.status, 200);
}

/// What only helps: none of it is needed, none of it is refused, and the answer is the same.
#[rstest]
#[case::display_page("display", "page")]
#[case::display_popup("display", "popup")]
#[case::display_wap("display", "wap")]
#[case::display_that_nobody_knows("display", "hologram")]
#[case::ui_locales("ui_locales", "se")]
#[case::several_ui_locales("ui_locales", "se-NO xx en")]
#[case::claims_locales("claims_locales", "se")]
#[case::login_hint("login_hint", "buffy@id.example")]
#[case::acr_values("acr_values", "1 2")]
#[case::acr_values_of_ours("acr_values", "urn:safeconduct:acr:password")]
#[case::unknown_parameter("extra", "foobar")]
#[case::voluntary_acr("claims", r#"{"id_token":{"acr":{"values":["mfa"]}}}"#)]
#[case::essential_acr_of_ours(
    "claims",
    r#"{"id_token":{"acr":{"essential":true,"values":["mfa","urn:safeconduct:acr:password"]}}}"#
)]
#[case::claims_of_nobody("claims", r#"{"userinfo":{"shoe_size":{"essential":true}},"x":1}"#)]
#[tokio::test]
async fn what_only_helps_stands_in_nobodys_way(#[case] name: &str, #[case] value: &str) {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let ask = sign_in("club").with(name, value);
    let page = browser.authorize(&ask).await;
    assert_eq!(page.to_string(), SIGN_IN);
    let page = browser.sign_in(&page, "ada").await;
    assert_eq!(page.to_string(), CONSENT);
    let answer = browser.allow(&page).await;
    let token = id_token(&server, &answer, &ask).await;
    // Never more than was done (§5.5.1.1).
    assert_eq!(*claim(&token, "acr"), "urn:safeconduct:acr:password");
}

/// Attacks: Q11.
#[tokio::test]
async fn an_authentication_that_cannot_be_had_is_refused_and_not_passed_over() {
    let server = TestServer::start().await;
    let server = server.restart_with(|settings| settings.passkeys = false);
    let server = server.await;
    let mut ada = server.sign_in("ada").await;
    for acr in [
        r#"{"essential":true,"value":"mfa"}"#,
        r#"{"essential":true,"values":["mfa","phr"]}"#,
    ] {
        let claims = format!(r#"{{"id_token":{{"acr":{acr}}}}}"#);
        let ask = sign_in("club").with("claims", &claims);
        assert_eq!(
            ada.authorize(&ask).await.to_string(),
            told("unmet_authentication_requirements (acr-unmet)")
        );
    }
    let wished = sign_in("club").with("claims", r#"{"id_token":{"acr":{"value":"mfa"}}}"#);
    assert_eq!(ada.authorize(&wished).await.to_string(), CONSENT);
    for malformed in [
        "",
        "[]",
        "{",
        r#"{"userinfo":7}"#,
        r#"{"id_token":{"acr":{"essential":true,"values":[]}}}"#,
        r#"{"id_token":{"sub":{"values":["a","b"]}}}"#,
        &format!(r#"{{"userinfo":{{"{}":null}}}}"#, "x".repeat(3_000)),
    ] {
        let ask = sign_in("club").with("claims", malformed);
        let answer = ada.authorize(&ask).await.to_string();
        if malformed.is_empty() {
            assert_eq!(answer, CONSENT, "empty is absent");
        } else {
            assert_eq!(answer, told("invalid_request (claims-malformed)"));
        }
    }
}

#[tokio::test]
async fn a_login_hint_fills_in_the_name_and_nothing_else() {
    let server = TestServer::start().await;
    let hinted = async |hint: &str| {
        let ask = sign_in("club").with("login_hint", hint);
        let page = server.browser().authorize(&ask).await;
        assert_eq!(page.to_string(), SIGN_IN);
        let (_, rest) = page.body.split_once("name=\"username\"").unwrap();
        let (_, rest) = rest.split_once("value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(hinted("ada").await, "ada");
    assert_eq!(hinted("buffy@id.example").await, "buffy@id.example");
    assert_eq!(hinted("\"><script>").await, "&quot;&gt;&lt;script&gt;");
    for no_name in ["x".repeat(257), "a\u{7}b".to_owned(), String::new()] {
        assert_eq!(hinted(&no_name).await, "");
    }
    // It signs nobody in or out: whoever is there goes on.
    let (mut ada, _) = at_the_club(&server).await;
    let ask = sign_in("club").with("login_hint", "bob");
    assert!(ada.authorize(&ask).await.has_code());
}

/// Attacks: Q10.
#[tokio::test]
async fn an_id_token_hint_is_about_the_person_who_is_there() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = server.exchange(&ada.code(&sign_in("club")).await).await;
    let hers = tokens.tokens().id_token().to_owned();
    let silent = prompt("none").with("id_token_hint", &hers);
    assert!(ada.authorize(&silent).await.has_code());
    let asked = sign_in("club").with("id_token_hint", &hers);
    assert!(ada.authorize(&asked).await.has_code());
    // However old it is.
    server.advance(7 * 3_600);
    assert!(ada.authorize(&silent).await.has_code());

    // It names her, and lets nobody in.
    let required = told("login_required (login-required)");
    let mut nobody = server.browser();
    assert_eq!(nobody.authorize(&silent).await.to_string(), required);
    let page = nobody.authorize(&asked).await;
    assert_eq!(page.to_string(), SIGN_IN);
    let mut bob = server.sign_in("bob").await;
    bob.code(&sign_in("club")).await;
    let before = bob.session();
    assert_eq!(bob.authorize(&silent).await.to_string(), required);
    assert_eq!(bob.session(), before, "nor does it sign him out");
    // Whoever signs in where she was named is not taken for her.
    let his = bob.authorize(&asked).await;
    assert_eq!(his.to_string(), SIGN_IN);
    assert_eq!(bob.sign_in(&his, "bob").await.to_string(), required);
    let mut eve = nobody.clone();
    assert_eq!(eve.sign_in(&page, "eve").await.to_string(), required);
    assert!(nobody.sign_in(&page, "ada").await.has_code());
}

/// Attacks: Q11.
#[tokio::test]
async fn the_subject_of_a_claims_request_is_about_the_person_who_is_there() {
    let server = TestServer::start().await;
    let (mut ada, token) = at_the_club(&server).await;
    let about = |sub: &str| {
        let claims = json!({ "id_token": { "sub": { "value": sub } } });
        prompt("none").with("claims", &claims.to_string())
    };
    assert!(ada.authorize(&about(token.sub().unwrap())).await.has_code());
    let bob = server.user("bob").await;
    let answer = ada.authorize(&about(bob.as_str())).await;
    assert_eq!(answer.to_string(), told("login_required (login-required)"));
    // Two that name two.
    let tokens = server.tokens("bob", &sign_in("club")).await;
    let both = about(token.sub().unwrap()).with("id_token_hint", tokens.id_token());
    let answer = ada.authorize(&both).await;
    let contradict = told("login_required (subjects-contradict)");
    assert_eq!(answer.to_string(), contradict);
}

#[tokio::test]
async fn a_hint_knows_a_person_by_the_name_that_the_client_does() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = server
        .exchange(&ada.code(&sign_in("twin")).await)
        .await
        .tokens();
    let silent = sign_in("twin").with("prompt", "none");
    let named = silent.clone().with("id_token_hint", tokens.id_token());
    assert!(ada.authorize(&named).await.has_code());
    // Her name elsewhere is nobody's here.
    let real = json!({ "id_token": { "sub": { "value": server.user("ada").await } } });
    let answer = ada
        .authorize(&silent.with("claims", &real.to_string()))
        .await;
    let said = answer.parameter("error");
    assert_eq!(said.as_deref(), Some("login_required"), "{answer:?}");
}

/// Attacks: Q10.
#[tokio::test]
async fn what_is_no_id_token_of_this_client_is_no_hint() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = server.exchange(&ada.code(&sign_in("club")).await).await;
    let tokens = tokens.tokens();
    let mut elsewhere = async |client: &str| {
        let answer = server.exchange(&ada.code(&sign_in(client)).await).await;
        answer.tokens().id_token().to_owned()
    };
    let (circle, twin) = (elsewhere("circle").await, elsewhere("twin").await);
    let parts: Vec<&str> = tokens.id_token().split('.').collect();
    let claims: Value = serde_json::from_slice(&encoding::decode(parts[1]).unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let resigned = |claims: &Value| {
        let body = encoding::encode(claims.to_string().as_bytes());
        format!("{}.{body}.{}", parts[0], parts[2])
    };
    let public = server.get("/.well-known/jwks.json").await.body;
    let stranger = proof_key();
    let bob = server.user("bob").await;
    for hint in [
        "x",
        "..",
        &circle,
        &twin,
        // Things of ours that are none.
        &tokens.access,
        tokens.refresh_token(),
        &assertion("club", ISSUER, server.now()),
        &secret_of("club"),
        // Forged.
        &format!("{}.{}.", parts[0], parts[1]),
        &jwt(&json!({ "alg": "none", "typ": "JWT" }), &claims, |_| {
            Vec::new()
        }),
        &jwt(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, |it| {
            encoding::hmac_sha256(public.as_bytes(), it).to_vec()
        }),
        &resigned(&with("sub", json!(bob))),
        &stranger.sign_jwt("JWT", &claims).unwrap(),
        &stranger
            .sign_jwt("JWT", &with("iss", json!("https://evil.example")))
            .unwrap(),
        &stranger.sign_proof("JWT", &claims).unwrap(),
        &"A".repeat(5_000),
    ] {
        for ask in [sign_in("club"), prompt("none")] {
            let ask = ask.with("id_token_hint", hint);
            let answer = ada.authorize(&ask).await;
            assert_eq!(
                answer.to_string(),
                told("invalid_request (id-token-hint-refused)"),
                "{hint}"
            );
        }
    }
    let good = prompt("none").with("id_token_hint", tokens.id_token());
    assert!(ada.authorize(&good).await.has_code());
}

#[tokio::test]
async fn a_request_may_come_in_any_order_and_by_post() {
    let server = TestServer::start().await;
    let (mut ada, _) = at_the_club(&server).await;
    let ask = sign_in("club").scope("openid");
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(ask.form.encode().as_bytes())
        .into_owned()
        .collect();
    pairs.reverse();
    let backwards = pairs
        .iter()
        .fold(Form::new(), |form, (name, value)| form.and(name, value));
    let answer = ada
        .open(&format!("/authorize?{}", backwards.encode()))
        .await;
    assert!(answer.has_code(), "{answer:?}");
    let posted = ada
        .post_from(
            "/authorize",
            &backwards.and("prompt", "none"),
            &[("sec-fetch-site", "cross-site")],
        )
        .await;
    assert!(ada.follow(posted).await.has_code());
}

#[tokio::test]
async fn what_is_asked_survives_every_page_on_the_way() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    // A wrong password, somebody else after all, the right password, a reload, and then an answer.
    let ask = prompt("login consent").with("login_hint", "ada");
    let page = browser.authorize(&ask).await;
    let page = browser.guess(&page, "ada", "wrong").await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    let page = browser.post("/login/switch", &form).await;
    let answer = browser.guess(&page, "ada", &password_of("ada")).await;
    let link = answer.location().to_owned();
    assert_eq!(browser.open(&link).await.to_string(), CONSENT);
    let page = browser.open(&link).await;
    assert_eq!(page.to_string(), CONSENT, "a reload asks for no password");
    let answer = browser.allow(&page).await;
    let token = id_token(&server, &answer, &ask).await;
    assert_eq!(*claim(&token, "nonce"), ask.form.get("nonce").unwrap());
    assert_eq!(answer.parameter("state").as_deref(), Some(STATE));
}
