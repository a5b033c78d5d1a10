//! Signing out: who wants to can, nobody else can make them, and what rested on the session is over. A client that proves whom
//! it means may send somebody here and has them back (RP-Initiated Logout 1.0).

use std::collections::HashSet;

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::client::Client;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::redirect_uri::RedirectUri;
use serde_json::{Value, json};
use url::Url;

use crate::support::{Answer, Ask, Browser, Form, Log, SIGNED_OUT, TestServer, Tokens};

const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const QUESTION: &str = "200 page “Sign out? – Safeconduct”";
const UNVERIFIED: &str = "request could not be verified";

/// Attacks: L27.
#[tokio::test]
async fn signing_out_ends_the_session_and_its_cookie() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let elsewhere = server.sign_in("ada").await;
    let before = ada.clone();
    let answer = ada.sign_out().await;
    assert_snapshot!(answer, @"303 /signed-out");
    assert_eq!(
        answer.cookies(),
        ["__Host-sc-session-IKabd8GB=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"]
    );
    assert_eq!(
        ada.follow(answer).await.to_string(),
        "200 page “You are signed out – Safeconduct”"
    );

    for mut browser in [ada, before] {
        assert_eq!(
            browser.authorize(&Ask::of("portal")).await.to_string(),
            SIGN_IN
        );
    }
    assert!(
        elsewhere
            .clone()
            .authorize(&Ask::of("portal"))
            .await
            .has_code(),
        "her other browser is signed in"
    );
}

#[tokio::test]
async fn a_session_that_idled_can_be_signed_out_of() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    server.advance(8 * 3_600);
    assert_eq!(ada.authorize(&Ask::of("portal")).await.to_string(), SIGN_IN);
    let page = ada.get("/logout").await;
    assert_eq!(page.to_string(), QUESTION, "the app's sign-in still lives");
    assert_eq!(
        say_yes(&mut ada, &page).await.to_string(),
        "303 /signed-out"
    );
    assert!(server.sessions("ada").await.is_empty());
    let answer = server.refresh("club", &tokens).await;
    assert_snapshot!(answer, @"400 invalid_grant (grant-ended)");

    let (mut ada, tokens) = ada_at_the_club(&server).await;
    server.advance(8 * 3_600);
    let hint = tokens.id_token();
    let answer = ada.get(&format!("/logout?id_token_hint={hint}")).await;
    assert_snapshot!(answer, @"303 /signed-out");
    assert!(server.sessions("ada").await.is_empty());
}

/// Attacks: O03.
#[tokio::test]
async fn a_link_signs_nobody_out() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.get("/logout").await;
    assert!(
        page.body.contains("<bdi>ada</bdi>") && page.body.contains("id=\"logout-yes\""),
        "{page:?}"
    );
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    let mut nobody = server.browser();
    assert_eq!(nobody.get("/logout").await.to_string(), "303 /signed-out");
}

/// Attacks: O03.
#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")], "cross-site-form")]
#[case::same_site(&[("sec-fetch-site", "same-site")], "cross-site-form")]
#[case::another_origin(&[("origin", "https://evil.example")], "cross-site-form")]
#[case::nothing(&[], "form-origin-unknown")]
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_out(
    #[case] headers: &[(&str, &str)],
    #[case] refused: &str,
) {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let form = Form::new().with("csrf", &ada.get("/logout").await.hidden("csrf"));
    let answer = ada.post_from("/logout/confirm", &form, headers).await;
    assert_eq!(answer.to_string(), format!("403 page ({refused})"));
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    assert_eq!(ada.sign_out().await.to_string(), "303 /signed-out");
}

#[tokio::test]
async fn a_page_from_before_another_sign_in_signs_nobody_out() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let before = Form::new().with("csrf", &ada.get("/logout").await.hidden("csrf"));
    let page = ada
        .authorize(&Ask::of("portal").with("prompt", "login"))
        .await;
    assert!(ada.sign_in(&page, "ada").await.has_code());
    let answer = ada.post("/logout/confirm", &before).await;
    assert_eq!(answer.to_string(), "403 page (sign-out-form-stale)");
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    assert_eq!(ada.sign_out().await.to_string(), "303 /signed-out");
}

/// Attacks: O03.
#[tokio::test]
async fn the_form_carries_what_only_this_browser_can_make() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut bob = server.sign_in("bob").await;
    let his = bob.get("/logout").await.hidden("csrf");
    let session = ada.session().1;
    for csrf in [his.as_str(), "", "x", &session] {
        let answer = ada
            .post("/logout/confirm", &Form::new().with("csrf", csrf))
            .await;
        assert_eq!(answer.to_string(), "403 page (sign-out-form-stale)");
    }
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    assert!(
        !ada.get("/logout").await.body.contains(&session),
        "the page does not say the cookie"
    );
}

#[tokio::test]
async fn the_front_page_knows_who_is_there() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.get("/").await;
    assert!(page.body.contains("<bdi>ada</bdi>"), "{page:?}");
    let answer = ada
        .post(
            "/logout/confirm",
            &Form::new().with("csrf", &page.hidden("csrf")),
        )
        .await;
    assert_eq!(answer.to_string(), "303 /signed-out");
    let page = ada.get("/").await;
    assert!(
        !page.body.contains(">ada<") && !page.body.contains("logout-form"),
        "{page:?}"
    );
}

#[tokio::test]
async fn who_is_signed_out_may_sign_out_again() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    server.end_sessions("ada").await;
    let answer = ada.post("/logout/confirm", &Form::new()).await;
    assert!(
        answer.to_string() == "303 /signed-out" || answer.status == 403,
        "{answer:?}"
    );
    assert_eq!(
        server
            .browser()
            .post("/logout/confirm", &Form::new())
            .await
            .to_string(),
        "303 /signed-out"
    );
    assert_eq!(ada.get("/logout").await.to_string(), "303 /signed-out");
}

/// oidcc-rp-initiated-logout-discovery-endpoint-verification.
#[tokio::test]
async fn the_document_names_the_endpoint() {
    let server = TestServer::start().await;
    let document = server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(
        document["end_session_endpoint"],
        "https://id.example/logout"
    );
}

/// oidcc-rp-initiated-logout, and the same with -no-state.
#[rstest]
#[case::with_a_long_state(Some("s".repeat(128)))]
#[case::with_any_state(Some("a & \"ä\" / ?".to_owned()))]
#[case::no_state(None)]
#[tokio::test]
async fn a_client_that_proves_whom_it_means_is_obeyed_at_once(#[case] state: Option<String>) {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let mut elsewhere = server.sign_in("ada").await;
    let request = match &state {
        Some(state) => leaving(&tokens).with("state", state),
        None => leaving(&tokens).without("state"),
    };
    let answer = ada.get(&at_logout(&request)).await;
    assert_eq!(answer.status, 303);
    let location = Url::parse(answer.location()).unwrap();
    let sent: Vec<_> = location.query_pairs().collect();
    let expected: Vec<_> = state
        .iter()
        .map(|state| ("state".into(), state.into()))
        .collect();
    assert_eq!(sent, expected, "state, and nothing else");
    assert!(answer.location().starts_with(SIGNED_OUT));
    assert_eq!(
        answer.cookies(),
        ["__Host-sc-session-IKabd8GB=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"]
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!is_signed_in(&mut ada).await);
    assert!(is_signed_in(&mut elsewhere).await, "her other browser");
}

/// oidcc-rp-initiated-logout-no-params, -only-state, -no-post-logout-redirect-uri: no redirect, and signed out in the end.
#[rstest]
#[case::no_params(&[])]
#[case::only_state(&["state"])]
#[case::no_post_logout_redirect_uri(&["id_token_hint", "state"])]
#[case::only_the_client(&["client_id", "state"])]
#[tokio::test]
async fn without_an_address_nobody_is_sent_away(#[case] sent: &[&str]) {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let whole = leaving(&tokens).with("client_id", "club");
    let request = sent.iter().fold(Form::new(), |form, name| {
        form.with(name, whole.get(name).unwrap())
    });
    let mut answer = ada.get(&at_logout(&request)).await;
    let is_proven = sent.contains(&"id_token_hint");
    assert_eq!(answer.is_page(), !is_proven, "{answer:?}");
    if answer.is_page() {
        assert!(!answer.body.contains(UNVERIFIED), "{answer:?}");
        assert!(is_signed_in(&mut ada).await);
        answer = say_yes(&mut ada, &answer).await;
    }
    let page = ada.follow(answer).await;
    assert_eq!(
        page.to_string(),
        "200 page “You are signed out – Safeconduct”"
    );
    assert!(!page.body.contains("club.example"));
    assert!(!is_signed_in(&mut ada).await);
}

/// oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri, -modified-id-token-hint,
/// -bad-id-token-hint, -no-id-token-hint, and what else there is (O01).
/// Attacks: O01.
#[rstest]
#[case::bad_post_logout_redirect_uri(|r: Request| r.with("post_logout_redirect_uri", "https://club.example/elsewhere"))]
#[case::query_added(|r: Request| r.with("post_logout_redirect_uri", &format!("{SIGNED_OUT}?foo=bar")))]
#[case::slash_added(|r: Request| r.with("post_logout_redirect_uri", &format!("{SIGNED_OUT}/")))]
#[case::host_prefix(|r: Request| r.with("post_logout_redirect_uri", "https://club.example.evil.example/signed-out"))]
#[case::script(|r: Request| r.with("post_logout_redirect_uri", "javascript:alert(1)"))]
#[case::its_redirect_uri(|r: Request| r.with("post_logout_redirect_uri", "https://club.example/callback"))]
#[case::no_id_token_hint(|r: Request| r.without("id_token_hint"))]
#[case::a_name_is_no_proof(|r: Request| r.without("id_token_hint").with("client_id", "club"))]
#[case::modified_id_token_hint(|r: Request| { let hint = unsigned(r.hint()); r.with("id_token_hint", &hint) })]
#[case::bad_id_token_hint(|r: Request| { let hint = signed_elsewhere(r.hint()); r.with("id_token_hint", &hint) })]
#[case::in_our_name(|r: Request| { let hint = signed_elsewhere_in_our_name(r.hint()); r.with("id_token_hint", &hint) })]
#[case::changed_claims(|r: Request| { let hint = changed(r.hint()); r.with("id_token_hint", &hint) })]
#[case::no_token(|r: Request| r.with("id_token_hint", "x"))]
#[case::an_access_token(|r: Request| { let token = r.tokens.access.clone(); r.with("id_token_hint", &token) })]
#[case::another_client(|r: Request| r.with("client_id", "circle"))]
#[case::no_client(|r: Request| r.with("client_id", "nobody"))]
#[case::malformed_client(|r: Request| r.with("client_id", "' OR 1=1"))]
#[case::two_addresses(|r: Request| r.and("post_logout_redirect_uri", "https://evil.example/"))]
#[case::two_hints(|r: Request| { let hint = r.hint().to_owned(); r.and("id_token_hint", &hint) })]
#[case::a_state_of_lines(|r: Request| r.with("state", "a\r\nset-cookie: x"))]
#[tokio::test]
async fn what_is_not_proven_moves_nobody(#[case] attack: fn(Request) -> Request) {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let request = attack(Request {
        form: leaving(&tokens),
        tokens: tokens.clone(),
    });
    let page = ada.get(&at_logout(&request.form)).await;
    assert_eq!(page.to_string(), QUESTION);
    assert!(page.body.contains(UNVERIFIED), "{page:?}");
    for foreign in ["club.example", "evil.example", "javascript:", "The club"] {
        assert!(!page.body.contains(foreign), "{page:?}");
    }
    assert!(
        is_signed_in(&mut ada).await,
        "nobody is signed out silently"
    );
    let answer = say_yes(&mut ada, &page).await;
    assert_eq!(answer.to_string(), "303 /signed-out");
    assert!(!is_signed_in(&mut ada).await);

    // Nor where nobody is signed in.
    let answer = ada.get(&at_logout(&request.form)).await;
    assert_eq!(answer.to_string(), "303 /signed-out");
    let answer = ada.get(&at_logout(&leaving(&tokens))).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
}

#[tokio::test]
async fn a_person_may_return_to_the_origin_of_the_app() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let origin = "https://club.example";
    let uri = RedirectUri::register(origin).unwrap();
    server
        .change_client("club", |club| {
            club.openid.post_logout_redirect_uris = vec![uri]
        })
        .await;
    let slash = leaving(&tokens).with("post_logout_redirect_uri", "https://club.example/");
    let (page, log) = Log::of(ada.get(&at_logout(&slash))).await;
    assert_eq!(page.to_string(), QUESTION);
    assert!(
        log.contains("trailing slash (registered: https://club.example)"),
        "{log}"
    );
    let leaving = leaving(&tokens).with("post_logout_redirect_uri", origin);
    let answer = ada.get(&at_logout(&leaving)).await;
    assert_eq!(answer.location(), "https://club.example?state=xyz#");
    assert!(!is_signed_in(&mut ada).await);
}

/// R22, for signing out: a hint of one client opens no address of another.
/// Attacks: O01.
#[tokio::test]
async fn a_hint_leads_back_to_its_own_client_alone() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&openid("circle")).await;
    for request in [leaving(&tokens), leaving(&tokens).with("client_id", "club")] {
        let page = ada.get(&at_logout(&request)).await;
        assert_eq!(page.to_string(), QUESTION);
        assert!(page.body.contains(UNVERIFIED), "{page:?}");
    }
    assert!(is_signed_in(&mut ada).await);
}

/// O01: what the hint names is somebody else's session, so this person is asked.
/// Attacks: O01.
#[rstest]
#[case::of_somebody_else("bob")]
#[case::of_her_other_browser("ada")]
#[tokio::test]
async fn a_hint_for_another_session_asks(#[case] whose: &str) {
    let server = TestServer::start().await;
    let (mut ada, _) = ada_at_the_club(&server).await;
    let mut other = server.sign_in(whose).await;
    let tokens = other.tokens(&openid("club")).await;
    let page = ada.get(&at_logout(&leaving(&tokens))).await;
    assert_eq!(page.to_string(), QUESTION);
    assert!(
        page.body.contains("<bdi>The club</bdi>"),
        "who asks: {page:?}"
    );
    assert!(
        page.body.contains("<bdi>club.example</bdi>"),
        "where to: {page:?}"
    );
    assert!(!page.body.contains(UNVERIFIED));
    assert!(
        !page
            .header("content-security-policy")
            .contains("form-action")
    );
    assert!(is_signed_in(&mut ada).await);

    let answer = say_yes(&mut ada, &page).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
    assert!(!is_signed_in(&mut ada).await);
    assert!(is_signed_in(&mut other).await);
}

/// Attacks: O01.
#[tokio::test]
async fn an_id_token_is_a_hint_long_after_it_has_expired() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    server.advance(7 * 3600);
    let answer = ada.get(&at_logout(&leaving(&tokens))).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
    assert!(!is_signed_in(&mut ada).await);
}

/// A `sid` that two sectors share would tell what their subjects hide (Core §8).
#[tokio::test]
async fn a_session_has_another_name_in_each_sector() {
    let server = TestServer::start().await;
    let mut sessions = [server.sign_in("ada").await, server.sign_in("ada").await];
    let mut names = Vec::new();
    for ada in &mut sessions {
        for client in ["club", "twin", "sister", "twin"] {
            let tokens = ada.tokens(&openid(client)).await;
            names.push(claims(tokens.id_token())["sid"].to_string());
        }
    }
    assert_eq!((&names[1], &names[5]), (&names[3], &names[7]), "stable");
    let different: HashSet<&String> = names.iter().collect();
    assert_eq!(different.len(), 6, "two sessions, three sectors");
}

#[tokio::test]
async fn a_session_ends_by_the_name_that_a_sector_has_for_it() {
    let server = TestServer::start().await;
    let (mut ada, mut elsewhere) = (server.sign_in("ada").await, server.sign_in("ada").await);
    let tokens = ada.tokens(&openid("twin")).await;
    let hint = Form::new().with("id_token_hint", tokens.id_token());
    let page = elsewhere.get(&at_logout(&hint)).await;
    assert_eq!(page.to_string(), QUESTION, "another session of hers");
    assert!(is_signed_in(&mut elsewhere).await);
    ada.get(&at_logout(&hint)).await;
    assert!(!is_signed_in(&mut ada).await);
}

#[tokio::test]
async fn a_disabled_client_sends_nobody_anywhere() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    server.disable_client("club").await;
    let page = ada.get(&at_logout(&leaving(&tokens))).await;
    assert!(page.body.contains(UNVERIFIED), "{page:?}");
    server.enable_client("club").await;
    let answer = ada.get(&at_logout(&leaving(&tokens))).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
}

/// §2: the endpoint takes POST as well, and such a request of another site comes without our cookies.
#[tokio::test]
async fn a_request_by_post_is_carried_on_to_where_the_cookies_are() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let cross_site = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://club.example"),
    ];
    let mut without_cookies = server.browser();
    let answer = without_cookies
        .post_from("/logout", &leaving(&tokens), &cross_site)
        .await;
    assert_eq!(answer.to_string(), "303 /logout");
    assert!(answer.cookies().is_empty());
    assert!(
        !answer.location().contains(tokens.id_token()),
        "what was posted stays out of the URL"
    );
    let altered = format!("{}A", answer.location());
    let page = ada.get(&altered).await;
    assert!(page.body.contains(UNVERIFIED), "{page:?}");
    assert!(is_signed_in(&mut ada).await);
    let answer = ada.get(answer.location()).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
    assert!(!is_signed_in(&mut ada).await);

    let long = leaving(&tokens).with("state", &"s".repeat(8000));
    let answer = without_cookies
        .post_from("/logout", &long, &cross_site)
        .await;
    assert_eq!(answer.to_string(), "413 page (request-too-large)");
}

/// What a page carried is no request, and a request is not what a page carried.
/// Attacks: Q29.
#[tokio::test]
async fn sealed_texts_do_not_change_places() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    let mut bob = server.sign_in("bob").await;
    let page = bob.get(&at_logout(&leaving(&tokens))).await;
    let carried = page.hidden("logout");
    let answer = ada.get(&format!("/logout?arrival={carried}")).await;
    assert!(answer.body.contains(UNVERIFIED), "{answer:?}");

    let sent = ada.post("/logout", &leaving(&tokens)).await;
    let arrival = sent.location().split_once("arrival=").unwrap().1.to_owned();
    for foreign in [arrival.as_str(), "sc_out_x", "x"] {
        let question = ada.get("/logout").await;
        let form = Form::new()
            .with("csrf", &question.hidden("csrf"))
            .with("logout", foreign);
        let answer = ada.post("/logout/confirm", &form).await;
        assert_eq!(
            answer.to_string(),
            "303 /signed-out",
            "signed out, and sent nowhere"
        );
        ada = server.sign_in("ada").await;
    }
}

/// The page may stand open for long: what it leads to is judged when it is answered.
#[rstest]
#[case::disabled(true)]
#[case::address_withdrawn(false)]
#[tokio::test]
async fn an_answer_leads_only_where_it_may_still_lead(#[case] disabled: bool) {
    let server = TestServer::start().await;
    let (mut ada, _) = ada_at_the_club(&server).await;
    let mut bob = server.sign_in("bob").await;
    let tokens = bob.tokens(&openid("club")).await;
    let page = ada.get(&at_logout(&leaving(&tokens))).await;
    if disabled {
        server.disable_client("club").await;
    } else {
        let withdraw = |club: &mut Client| club.openid.post_logout_redirect_uris.clear();
        server.change_client("club", withdraw).await;
    }
    let answer = say_yes(&mut ada, &page).await;
    assert_eq!(answer.to_string(), "303 /signed-out");
}

/// A double click: the second one comes when nobody is signed in any more.
#[tokio::test]
async fn an_answer_given_twice_ends_where_it_should() {
    let server = TestServer::start().await;
    let (mut ada, _) = ada_at_the_club(&server).await;
    let tokens = server.sign_in("bob").await.tokens(&openid("club")).await;
    let page = ada.get(&at_logout(&leaving(&tokens))).await;
    let mut second = ada.clone();
    for browser in [&mut ada, &mut second] {
        let answer = say_yes(browser, &page).await;
        assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
    }
}

/// O03: an image or a frame on another site comes without our Lax cookies, and its answer must not take them away.
/// Attacks: O03.
#[tokio::test]
async fn an_image_signs_nobody_out() {
    let server = TestServer::start().await;
    let (mut ada, tokens) = ada_at_the_club(&server).await;
    for url in ["/logout".to_owned(), at_logout(&leaving(&tokens))] {
        let answer = server.browser().get(&url).await;
        assert_eq!(answer.status, 303);
        assert!(answer.cookies().is_empty(), "{answer:?}");
    }
    let page = ada.get("/logout").await;
    assert_eq!(page.to_string(), QUESTION);
    assert!(page.cookies().is_empty());
    assert!(is_signed_in(&mut ada).await);
}

/// Grants end with the session, except those that a person let go on without it.
#[tokio::test]
async fn signing_out_ends_what_was_not_meant_to_outlive_it() {
    let server = TestServer::start().await;
    let (mut ada, online) = ada_at_the_club(&server).await;
    let ask = Ask::of("circle").scope("openid offline_access");
    let offline = ada.tokens(&ask.with("prompt", "consent")).await;
    ada.get(&at_logout(&leaving(&online))).await;
    let ended = server.refresh("club", &online).await;
    assert_eq!(ended.to_string(), "400 invalid_grant (grant-ended)");
    assert_eq!(server.refresh("circle", &offline).await.status, 200);
    assert_eq!(server.userinfo(&online.access).await.status, 401);
    assert_eq!(server.userinfo(&offline.access).await.status, 200);
}

/// A request to sign out, and what the club has to make it of.
struct Request {
    form: Form,
    tokens: Tokens,
}

impl Request {
    fn with(self, name: &str, value: &str) -> Self {
        let form = self.form.with(name, value);
        Self { form, ..self }
    }

    fn and(self, name: &str, value: &str) -> Self {
        let form = self.form.and(name, value);
        Self { form, ..self }
    }

    fn without(self, name: &str) -> Self {
        let form = self.form.without(name);
        Self { form, ..self }
    }

    fn hint(&self) -> &str {
        self.tokens.id_token()
    }
}

fn openid(client: &str) -> Ask {
    Ask::of(client).scope("openid")
}

/// A browser in which ada is signed in, and to the club as well.
async fn ada_at_the_club(server: &TestServer) -> (Browser<'_>, Tokens) {
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&openid("club")).await;
    (ada, tokens)
}

/// The flawless request by which the club sends somebody away (RP-Initiated Logout §2).
pub(crate) fn leaving(tokens: &Tokens) -> Form {
    Form::new()
        .with("id_token_hint", tokens.id_token())
        .with("post_logout_redirect_uri", SIGNED_OUT)
        .with("state", "xyz")
}

fn at_logout(form: &Form) -> String {
    format!("/logout?{}", form.encode())
}

/// Presses *Sign out*.
async fn say_yes(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    let mut form = Form::new().with("csrf", &page.hidden("csrf"));
    if page.body.contains("name=\"logout\"") {
        form = form.with("logout", &page.hidden("logout"));
    }
    browser.post("/logout/confirm", &form).await
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    let answer = browser
        .authorize(&Ask::of("portal").with("prompt", "none"))
        .await;
    if answer.has_code() {
        return true;
    }
    let error = answer.parameter("error");
    assert_eq!(error.as_deref(), Some("login_required"), "{answer:?}");
    false
}

fn claims(token: &str) -> Value {
    let claims = encoding::decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    format!(
        "{}.{claims}.",
        encoding::encode(br#"{"alg":"none","typ":"JWT"}"#)
    )
}

/// With the same claims, by a key of somebody else.
fn signed_elsewhere(token: &str) -> String {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    key.sign_jwt("JWT", &claims(token)).unwrap()
}

/// The same under the header of the honest one, which names our key.
fn signed_elsewhere_in_our_name(token: &str) -> String {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let foreign = key.sign_jwt("JWT", &claims(token)).unwrap();
    let (header, _) = token.split_once('.').unwrap();
    format!("{header}.{}", foreign.split_once('.').unwrap().1)
}

/// With the name of another person under the old signature.
fn changed(token: &str) -> String {
    let mut claims = claims(token);
    claims["sub"] = json!("u-AAAAAAAAAAAAAAAAAAAAAA");
    let parts: Vec<_> = token.split('.').collect();
    let claims = encoding::encode(claims.to_string().as_bytes());
    format!("{}.{claims}.{}", parts[0], parts[2])
}
