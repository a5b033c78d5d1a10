//! The browser's session: one cookie, renewed by every sign-in, and over when anything it rests on is.

use axum::body::Body;
use axum::extract::Request;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::random;
use safeconduct_server::Settings;
use safeconduct_server::settings::SessionLifetimes;

use crate::login::{CONSENT, SIGN_IN, WRONG};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer, password_of};

/// Whether the session cookie of `browser` still says who is there.
async fn is_known(browser: &Browser<'_>) -> bool {
    browser
        .clone()
        .authorize(&Ask::of("portal"))
        .await
        .has_code()
}

/// Attacks: L06.
#[tokio::test]
async fn a_planted_session_cookie_is_not_the_one_that_signs_in() {
    let server = TestServer::start().await;
    let planted = random::token();
    let mut victim = server.browser();
    victim
        .cookies
        .insert("__Host-sc-session-IKabd8GB".to_owned(), planted.clone());
    let page = victim.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(victim.sign_in(&page, "ada").await.has_code());
    assert_ne!(victim.session().1, planted);

    let mut attacker = server.browser();
    attacker
        .cookies
        .insert("__Host-sc-session-IKabd8GB".to_owned(), planted);
    assert!(!is_known(&attacker).await);
}

/// Attacks: L06.
#[tokio::test]
async fn signing_in_again_renews_the_cookie_and_keeps_the_session() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let before = ada.clone();
    let sessions = server.sessions("ada").await;

    let consent = ada.authorize(&Ask::of("shop")).await;
    let page = ada
        .post(
            "/login/switch",
            &Form::new().with("pending", &consent.hidden("pending")),
        )
        .await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert_eq!(ada.sign_in(&page, "ada").await.to_string(), CONSENT);

    assert_ne!(ada.session(), before.session());
    assert!(
        is_known(&ada).await && !is_known(&before).await,
        "the old cookie is dead"
    );
    let ids = |sessions: &[safeconduct_store::SessionRecord]| -> Vec<String> {
        sessions
            .iter()
            .map(|session| session.id.to_string())
            .collect()
    };
    assert_eq!(ids(&server.sessions("ada").await), ids(&sessions));
}

/// Attacks: L06.
#[tokio::test]
async fn another_persons_sign_in_ends_the_session_before() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let before = browser.clone();
    let hers = server.sessions("ada").await;
    assert_eq!(hers.len(), 1);

    let consent = browser.authorize(&Ask::of("shop")).await;
    let page = browser
        .post(
            "/login/switch",
            &Form::new().with("pending", &consent.hidden("pending")),
        )
        .await;
    let consent = browser.sign_in(&page, "bob").await;
    assert!(
        consent.body.contains("<strong><bdi>bob</bdi></strong>"),
        "{consent:?}"
    );

    assert!(!is_known(&before).await);
    assert!(server.sessions("ada").await.is_empty());
    let his = server.sessions("bob").await;
    assert!(his.len() == 1 && his[0].id != hers[0].id);
}

#[tokio::test]
async fn a_session_that_idled_is_continued_by_its_user_and_replaced_by_another() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let code = browser.code(&Ask::of("shop")).await;
    let tokens = server.exchange(&code).await.tokens();
    let ids = async || -> Vec<String> {
        let sessions = server.sessions("ada").await;
        sessions.iter().map(|one| one.id.to_string()).collect()
    };
    let before = ids().await;

    server.advance(8 * 3_600);
    let page = browser.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(browser.sign_in(&page, "ada").await.has_code());
    assert_eq!(ids().await, before);
    let tokens = server.refresh("shop", &tokens).await.tokens();

    server.advance(8 * 3_600);
    let page = browser.authorize(&Ask::of("portal")).await;
    assert!(browser.sign_in(&page, "bob").await.has_code());
    assert!(ids().await.is_empty());
    assert!(!server.is_active(&tokens.access).await);
    assert_eq!(
        server.refresh("shop", &tokens).await.to_string(),
        "400 invalid_grant (grant-ended)"
    );
}

/// Attacks: L07.
#[tokio::test]
async fn only_the_cookie_says_who_is_signed_in() {
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    let (name, secret) = ada.session();
    let ask = Ask::of("portal")
        .and(&name, &secret)
        .and("sc-session", &secret)
        .and("sid", &secret);
    let page = server.browser().authorize(&ask).await;
    assert_eq!(page.to_string(), SIGN_IN);
    for header in ["authorization", "x-session", "sc-session"] {
        let request = Request::get(format!("/authorize?{}", Ask::of("portal").form.encode()));
        let answer = server
            .send(request.header(header, &secret).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.to_string(), SIGN_IN, "{header}");
    }
    // Nor do two cookies of the name: one of them was planted.
    let request = Request::get(format!("/authorize?{}", Ask::of("portal").form.encode()));
    let cookies = format!("{name}={secret}; {name}={}", random::token());
    let answer = server
        .send(
            request
                .header("cookie", cookies)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.to_string(), SIGN_IN);
    assert!(is_known(&ada).await);
}

/// Attacks: L09.
#[tokio::test]
async fn cookies_are_of_this_host_alone_and_out_of_reach_of_scripts() {
    let attributes = |answer: &Answer| -> Vec<String> {
        let bare = |cookie: &&str| {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            // 256 random bits, but for what proves that the browser is known, which holds a name and a date.
            let length = if name.contains("sc-known-") { 66 } else { 43 };
            assert_eq!(value.len(), length, "{name}");
            format!("{name}; {attributes}")
        };
        answer.cookies().iter().map(bare).collect()
    };
    for (issuer, prefix, mark, secure) in [
        (ISSUER, "__Host-", "IKabd8GB", "; Secure"),
        ("http://localhost:8420", "", "DUs_ghPz", ""),
    ] {
        let server = TestServer::start_at(issuer).await;
        let mut browser = server.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        assert_eq!(
            attributes(&page),
            [format!(
                "{prefix}sc-browser-{mark}; Path=/; HttpOnly; SameSite=Lax{secure}"
            )]
        );
        let answer = browser.guess(&page, "ada", &password_of("ada")).await;
        let session = format!(
            "{prefix}sc-session-{mark}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age=1209600"
        );
        let known = format!(
            "{prefix}sc-known-{mark}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age=2592000"
        );
        assert_eq!(attributes(&answer), [session, known]);
    }
}

/// A neighbour host may set what it likes for the whole domain, before or after.
#[tokio::test]
async fn bytes_that_a_neighbour_host_has_set_hide_no_cookie() {
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    for planted in [
        b"theme=caf\xe9".as_slice(),
        b"\xff\xfe=\x80",
        "\u{2000}__Host-sc-session-IKabd8GB=planted".as_bytes(),
        b"\xa0__Host-sc-browser-IKabd8GB=planted",
    ] {
        let mut victim = server.browser();
        victim.planted = planted.to_vec();
        let page = victim.authorize(&Ask::of("portal")).await;
        assert_eq!(page.to_string(), SIGN_IN);
        assert!(victim.sign_in(&page, "ada").await.has_code());
        assert!(victim.sign_out().await.to_string() == "303 /signed-out");
        assert!(!is_known(&victim).await, "her session is over");

        let mut ada = ada.clone();
        ada.planted = planted.to_vec();
        assert!(is_known(&ada).await);
        assert!(ada.get("/").await.body.contains("<bdi>ada</bdi>"));
        assert_eq!(ada.get("/logout").await.status, 200, "the question");
    }
}

/// What a planted cookie alone may not do: pass for ours behind a space that only Unicode knows.
#[tokio::test]
async fn a_cookie_behind_a_unicode_space_is_not_ours() {
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    let (name, secret) = ada.session();
    for space in ["\u{2000}", "\u{3000}", "\u{85}", "\u{a0}", "\u{b}"] {
        let mut victim = server.browser();
        victim.planted = format!("{space}{name}={secret}").into_bytes();
        if http::HeaderValue::from_bytes(&victim.planted).is_ok() {
            assert!(!is_known(&victim).await, "{space:?}");
        }
    }
}

#[tokio::test]
async fn where_the_session_cookie_cannot_be_used_nobody_is_said_to_be_signed_out() {
    const NAME: &str = "__Host-sc-session-IKabd8GB";
    const REFUSED: &str = "400 page (session-cookie-unusable)";
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    let mut twice = ada.clone();
    twice.planted = format!("{NAME}={}", random::token()).into_bytes();
    let mut broken = ada.clone();
    broken.cookies.insert(NAME.to_owned(), "broken".to_owned());
    let mut no_text = ada.clone();
    no_text.cookies.remove(NAME);
    no_text.planted = [NAME.as_bytes(), b"=\xff"].concat();
    for (mut browser, taken_away) in [(twice, false), (broken, true), (no_text, true)] {
        let front = browser.get("/").await;
        assert!(front.body.contains("session-unclear"), "{front:?}");
        assert!(!front.body.contains("Nobody is signed in"), "{front:?}");
        for path in ["/logout", "/signed-out"] {
            let answer = browser.clone().get(path).await;
            assert_eq!(answer.to_string(), REFUSED, "{path}");
            assert!(!answer.body.contains("You are signed out"));
            let removal = format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
            let cookies = answer.cookies();
            assert_eq!(cookies == [removal.as_str()], taken_away, "{cookies:?}");
            assert_eq!(cookies.is_empty(), !taken_away, "{cookies:?}");
        }
        let yes = Form::new().with("csrf", "x");
        let answer = browser.post("/logout/confirm", &yes).await;
        assert_eq!(answer.to_string(), REFUSED);
    }
    assert!(is_known(&ada).await, "the session lives");
}

#[tokio::test]
async fn the_news_of_a_sign_out_is_shown_where_it_is_true() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    assert_eq!(ada.get("/signed-out").await.to_string(), "303 /");
    let mut nobody = server.browser();
    let news = nobody.get("/signed-out").await;
    assert_eq!(
        news.to_string(),
        "200 page “You are signed out – Safeconduct”"
    );
    server.end_sessions("ada").await;
    assert_eq!(ada.get("/signed-out").await.status, 200);
}

/// Cookies know neither ports nor, with `Path=/`, paths: both issuers get the cookies of both.
/// Attacks: A06.
#[tokio::test]
async fn two_issuers_of_one_host_sign_each_other_neither_in_nor_out() {
    let staff = TestServer::start_at("https://id.example/staff").await;
    let guests = TestServer::start_at("https://id.example/guests").await;
    let ada = staff.sign_in("ada").await;
    let mut there = guests.browser();
    there.cookies = ada.cookies.clone();
    let page = there.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(there.sign_in(&page, "bob").await.has_code());
    let mut back = staff.browser();
    back.cookies = there.cookies.clone();
    assert!(is_known(&back).await, "she is signed in here still");
    there.sign_out().await;
    back.cookies = there.cookies.clone();
    assert!(is_known(&back).await, "his sign-out was not hers");
}

/// Attacks: L17.
#[tokio::test]
async fn a_lock_ends_what_was_begun_and_an_unlock_revives_nothing() {
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    server.lock_user("ada").await;
    assert!(!is_known(&ada).await);
    server.unlock_user("ada").await;
    assert!(!is_known(&ada).await);
    assert!(is_known(&server.sign_in("ada").await).await);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let server = TestServer::start().await;
    let ada = server.sign_in("ada").await;
    server.set_password("ada", "another correct horse").await;
    assert!(!is_known(&ada).await);
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    assert_eq!(
        browser
            .guess(&page, "ada", &password_of("ada"))
            .await
            .to_string(),
        WRONG
    );
    assert_eq!(
        browser
            .guess(&page, "ada", "another correct horse")
            .await
            .to_string(),
        "303 /authorize"
    );
}

/// Attacks: L32.
#[tokio::test]
async fn a_session_ends_by_idling_and_by_age() {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.sessions = SessionLifetimes {
        idle: 1_000,
        absolute: 2_500,
    };
    let server = TestServer::start_with(settings).await;
    let idle = server.sign_in("ada").await;
    let visited = server.sign_in("ada").await;
    for _ in 0..4 {
        server.advance(600);
        assert!(is_known(&visited).await, "a visit keeps it going");
    }
    assert!(!is_known(&idle).await, "nobody came for 1000 s");
    server.advance(99);
    assert!(is_known(&visited).await);
    server.advance(1);
    assert!(
        !is_known(&visited).await,
        "after 2500 s it is over whoever comes"
    );
}
