//! Signing in: whose browser it is, which session it makes, and what a guess tells.

use std::net::Ipv4Addr;

use axum::body::Body;
use axum::extract::Request;
use rstest::rstest;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::random;
use safeconduct_server::Settings;
use safeconduct_server::settings::SessionLifetimes;

use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer, password_of};

const WRONG: &str = "400 page “Error: Sign in – Safeconduct”";
const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const CONSENT: &str = "200 page “Allow The shop? – Safeconduct”";

fn is_signed_in(browser: &Browser<'_>) -> bool {
    !browser.session().1.is_empty()
}

/// Whether the session cookie of `browser` still says who is there.
async fn is_known(browser: &Browser<'_>) -> bool {
    browser
        .clone()
        .authorize(&Ask::of("portal"))
        .await
        .has_code()
}

#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")])]
#[case::same_site(&[("sec-fetch-site", "same-site"), ("origin", "https://id.example")])]
#[case::typed_or_bookmarked(&[("sec-fetch-site", "none")])]
#[case::another_origin(&[("origin", "https://evil.example")])]
#[case::an_origin_that_begins_alike(&[("origin", "https://id.example.evil.com")])]
#[case::no_origin_to_tell(&[("origin", "null")])]
#[case::nothing(&[])]
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in(#[case] headers: &[(&str, &str)]) {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("username", "ada")
        .with("password", &password_of("ada"));
    for path in ["/login", "/login/switch"] {
        let answer = browser.post_from(path, &form, headers).await;
        assert_eq!(answer.to_string(), "403 page (cross-site-form)", "{path}");
    }
    assert!(!is_signed_in(&browser));
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn a_browser_that_sends_no_fetch_metadata_says_its_origin() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("username", "ada")
        .with("password", &password_of("ada"));
    let answer = browser
        .post_from("/login", &form, &[("origin", ISSUER)])
        .await;
    assert_eq!(answer.to_string(), "303 /authorize");
    assert!(is_signed_in(&browser));
}

#[tokio::test]
async fn a_sign_in_that_began_in_another_browser_is_dead() {
    let server = TestServer::start().await;
    let mut attacker = server.browser();
    let page = attacker.authorize(&Ask::of("shop")).await;
    let link = format!("/authorize?pending={}", page.hidden("pending"));

    // A browser that was never here, one that has a sign-in of its own under way, and one that is signed in.
    let fresh = server.browser();
    let mut busy = server.browser();
    busy.authorize(&Ask::of("shop")).await;
    let signed_in = server.sign_in("ada").await;
    for mut victim in [fresh, busy, signed_in] {
        let refused = "400 page (pending-request-from-another-browser)";
        assert_eq!(victim.get(&link).await.to_string(), refused);
        assert_eq!(victim.sign_in(&page, "ada").await.to_string(), refused);
        assert_eq!(victim.allow(&page).await.to_string(), refused);
    }
    assert_eq!(
        attacker.get(&link).await.to_string(),
        SIGN_IN,
        "the attacker is where they were"
    );
    assert!(server.consents("ada").await.is_empty());
    assert_eq!(attacker.sign_in(&page, "eve").await.to_string(), CONSENT);
}

#[tokio::test]
async fn a_planted_session_cookie_is_not_the_one_that_signs_in() {
    let server = TestServer::start().await;
    let planted = random::token();
    let mut victim = server.browser();
    victim
        .cookies
        .insert("__Host-sc-session".to_owned(), planted.clone());
    let page = victim.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), SIGN_IN);
    assert!(victim.sign_in(&page, "ada").await.has_code());
    assert_ne!(victim.session().1, planted);

    let mut attacker = server.browser();
    attacker
        .cookies
        .insert("__Host-sc-session".to_owned(), planted);
    assert!(!is_known(&attacker).await);
}

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

#[tokio::test]
async fn cookies_are_of_this_host_alone_and_out_of_reach_of_scripts() {
    let attributes = |answer: &Answer| -> Vec<String> {
        let bare = |cookie: &&str| {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            assert_eq!(value.len(), 43, "256 random bits");
            format!("{name}; {attributes}")
        };
        answer.cookies().iter().map(bare).collect()
    };
    for (issuer, prefix, secure) in [
        (ISSUER, "__Host-", "; Secure"),
        ("http://localhost:8420", "", ""),
    ] {
        let server = TestServer::start_at(issuer).await;
        let mut browser = server.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        assert_eq!(
            attributes(&page),
            [format!(
                "{prefix}sc-browser; Path=/; HttpOnly; SameSite=Lax{secure}"
            )]
        );
        let answer = browser.guess(&page, "ada", &password_of("ada")).await;
        let session =
            format!("{prefix}sc-session; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age=1209600");
        assert_eq!(attributes(&answer), [session]);
    }
}

#[tokio::test]
async fn a_failed_guess_tells_nothing_about_the_account() {
    let server = TestServer::start().await;
    server.lock_user("bob").await;
    // What differs by chance: the sealed form, the request's name, and the user name that was typed.
    let told = |mut answer: Answer, username: &str| {
        let (pending, name) = (
            answer.hidden("pending"),
            answer.header("x-correlation-id").to_owned(),
        );
        answer.headers.remove("x-correlation-id");
        answer.body = answer.body.replace(&pending, "…").replace(&name, "…");
        answer.body = answer
            .body
            .replace(&format!("value=\"{username}\""), "value=\"…\"");
        format!("{answer:?}")
    };
    let mut told_of = Vec::new();
    for (username, password) in [
        ("ada", "wrong".to_owned()),
        ("zed", "wrong".to_owned()),
        ("bob", password_of("bob")),
        ("bob", "wrong".to_owned()),
        ("ada", "x".repeat(5_000)),
        ("zed", "x".repeat(5_000)),
    ] {
        let mut browser = server.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        let answer = browser.guess(&page, username, &password).await;
        assert_eq!(answer.to_string(), WRONG);
        assert!(!is_signed_in(&browser));
        told_of.push(told(answer, username));
    }
    server.delete_user("eve").await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    told_of.push(told(
        browser.guess(&page, "eve", &password_of("eve")).await,
        "eve",
    ));
    told_of.dedup();
    assert_eq!(told_of.len(), 1, "{told_of:#?}");
    assert!(is_known(&server.sign_in("ada").await).await);
}

#[tokio::test]
async fn a_form_that_lacks_something_says_what() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    for (username, password, said) in [
        ("", "", &["Enter your username", "Enter your password"][..]),
        ("  ", "x", &["Enter your username"]),
        ("ada", "", &["Enter your password"]),
    ] {
        let answer = browser.guess(&page, username, password).await;
        assert_eq!(answer.to_string(), WRONG);
        assert!(
            said.iter().all(|said| answer.body.contains(said)),
            "{answer:?}"
        );
    }
    let twice = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("password", &password_of("ada"));
    let answer = browser
        .post(
            "/login",
            &twice.with("username", "ada").and("username", "bob"),
        )
        .await;
    assert_eq!(answer.to_string(), "400 page (parameter-repeated)");
    let answer = browser
        .post(
            "/login",
            &Form::new()
                .with("username", "ada")
                .with("password", &password_of("ada")),
        )
        .await;
    assert_eq!(
        answer.to_string(),
        "400 page (pending-request-not-recognised)"
    );
    assert!(!is_signed_in(&browser));
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn a_password_is_never_cut_trimmed_or_rewritten() {
    let server = TestServer::start().await;
    let long = format!("{}é", "x".repeat(100));
    server.set_password("ada", &long).await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    for near in [
        &long[..72],
        &long[..100],
        &format!("{long} "),
        &format!(" {long}"),
    ] {
        assert_eq!(browser.guess(&page, "ada", near).await.to_string(), WRONG);
    }
    server.advance(3_600);
    let page = browser.authorize(&Ask::of("portal")).await;
    let decomposed = format!("{}e\u{301}", "x".repeat(100));
    assert_eq!(
        browser.guess(&page, "ada", &decomposed).await.to_string(),
        WRONG
    );
    assert_eq!(
        browser
            .guess(&page, "ada", &"x".repeat(1024 * 1024))
            .await
            .to_string(),
        "413 page (request-too-large)"
    );
    assert_eq!(
        browser
            .guess(&page, "ada", &format!("{long}\0"))
            .await
            .to_string(),
        "400 page (request-malformed)"
    );
    assert_eq!(
        browser.guess(&page, "ada", &long).await.to_string(),
        "303 /authorize"
    );
}

#[tokio::test]
async fn a_user_name_is_the_same_in_any_case() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let answer = browser.guess(&page, " ADA ", &password_of("ada")).await;
    assert_eq!(answer.to_string(), "303 /authorize");
}

#[tokio::test]
async fn guessing_is_slowed_down_for_the_guesser_alone() {
    let server = TestServer::start().await;
    for username in ["ada", "nobody-of-that-name"] {
        let mut guesser = server.browser();
        let page = guesser.authorize(&Ask::of("portal")).await;
        for _ in 0..5 {
            assert_eq!(
                guesser.guess(&page, username, "wrong").await.to_string(),
                WRONG
            );
        }
        // The right password as well, and whatever the guesser says about where they are.
        let answer = guesser.guess(&page, username, &password_of(username)).await;
        assert_eq!(
            answer.to_string(),
            "429 page “Error: Sign in – Safeconduct”"
        );
        assert_eq!(answer.header("retry-after"), "60");
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("username", &username.to_uppercase())
            .with("password", &password_of(username));
        for claim in ["203.0.113.9", "garbage", "::1, 127.0.0.1"] {
            let headers = [
                ("sec-fetch-site", "same-origin"),
                ("x-forwarded-for", claim),
                ("forwarded", "for=203.0.113.9"),
            ];
            assert_eq!(
                guesser.post_from("/login", &form, &headers).await.status,
                429,
                "{claim}"
            );
        }
        assert!(!is_signed_in(&guesser));
    }
    let mut owner = server.browser().at(Ipv4Addr::new(203, 0, 113, 7));
    let page = owner.authorize(&Ask::of("portal")).await;
    assert!(
        owner.sign_in(&page, "ada").await.has_code(),
        "the owner is elsewhere and gets in"
    );

    server.advance(60);
    let mut guesser = server.browser();
    let page = guesser.authorize(&Ask::of("portal")).await;
    assert!(
        guesser.sign_in(&page, "ada").await.has_code(),
        "and here the clock gives a guess back"
    );
}

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

#[tokio::test]
async fn after_the_sign_in_the_way_leads_nowhere_but_back_to_ourselves() {
    let server = TestServer::start().await;
    for elsewhere in [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
    ] {
        let mut browser = server.browser();
        let ask = Ask::of("bank")
            .and("return_to", elsewhere)
            .and("next", elsewhere);
        let page = browser.authorize(&ask).await;
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("username", "ada")
            .with("password", &password_of("ada"))
            .with("return_to", elsewhere)
            .with("redirect_uri", elsewhere);
        let answer = browser.post("/login", &form).await;
        assert!(
            answer.location().starts_with("/authorize?pending=sc_pa_"),
            "{answer:?}"
        );
        let consent = browser.follow(answer).await;
        assert!(
            browser
                .allow(&consent)
                .await
                .location()
                .starts_with("https://bank.example/callback?")
        );
    }
}

#[tokio::test]
async fn what_the_form_carries_cannot_be_changed_or_exchanged() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let pending = page.hidden("pending");
    let middle = pending.len() / 2;
    let other = if &pending[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let flipped = format!("{}{other}{}", &pending[..middle], &pending[middle + 1..]);
    for sealed in [
        flipped.as_str(),
        &pending[..pending.len() - 1],
        &format!("{pending}A"),
        &format!("{pending}="),
        &pending.to_uppercase(),
        pending.trim_start_matches("sc_pa_"),
        tokens.refresh_token(),
        &tokens.refresh_token().replace("sc_rt_", "sc_pa_"),
        "sc_pa_",
        "x",
    ] {
        let form = Form::new()
            .with("pending", sealed)
            .with("username", "ada")
            .with("password", &password_of("ada"));
        let refused = "400 page (pending-request-not-recognised)";
        assert_eq!(
            browser.post("/login", &form).await.to_string(),
            refused,
            "{sealed}"
        );
        assert_eq!(
            browser
                .get(&format!("/authorize?pending={sealed}"))
                .await
                .to_string(),
            refused,
            "{sealed}"
        );
    }
    assert!(!is_signed_in(&browser));
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn the_sign_in_form_answers_to_post_alone() {
    let server = TestServer::start().await;
    for path in ["/login", "/login/switch", "/consent"] {
        let answer = server.get(path).await;
        assert_eq!(answer.to_string(), "405 page (method-not-allowed)");
        assert_eq!(answer.header("allow"), "POST");
    }
}
