//! Signing in: whose browser it is, whose form, and what a guess tells. What a session is after that is tried in `session`.

use std::net::Ipv4Addr;

use rstest::rstest;

use crate::passkeys::asked_for;
use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer, changed_at, password_of};

pub(crate) const WRONG: &str = "400 page “Error: Sign in – Safeconduct”";
pub(crate) const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
pub(crate) const CONSENT: &str = "200 page “Allow The shop? – Safeconduct”";

fn is_signed_in(browser: &Browser<'_>) -> bool {
    !browser.session().1.is_empty()
}

/// Attacks: L01.
#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")], "cross-site-form")]
#[case::same_site(&[("sec-fetch-site", "same-site"), ("origin", "https://id.example")], "cross-site-form")]
#[case::typed_or_bookmarked(&[("sec-fetch-site", "none")], "cross-site-form")]
#[case::another_origin(&[("origin", "https://evil.example")], "cross-site-form")]
#[case::an_origin_that_begins_alike(&[("origin", "https://id.example.evil.com")], "cross-site-form")]
#[case::no_origin_to_tell(&[("origin", "null")], "form-origin-unknown")]
#[case::nothing(&[], "form-origin-unknown")]
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in(
    #[case] headers: &[(&str, &str)],
    #[case] refused: &str,
) {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("username", "ada")
        .with("password", &password_of("ada"));
    for path in ["/login", "/login/switch"] {
        let answer = browser.post_from(path, &form, headers).await;
        let refused = format!("403 page ({refused})");
        assert_eq!(answer.to_string(), refused, "{path}");
    }
    assert!(!is_signed_in(&browser));
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

/// Attacks: L01.
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

/// Attacks: L03, C08, P11.
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
    let another = "400 page (pending-request-from-another-browser)";
    for (mut victim, refused) in [
        (fresh, "400 page (pending-request-without-cookie)"),
        (busy, another),
        (signed_in, another),
    ] {
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

/// Attacks: L11.
#[tokio::test]
async fn a_failed_guess_tells_nothing_about_the_account() {
    let server = TestServer::start().await;
    server.lock_user("bob").await;
    // What differs by chance: what is sealed, the challenge, the request's name, and the user name that was typed.
    let told = |mut answer: Answer, username: &str| {
        let (pending, name) = (
            answer.hidden("pending"),
            answer.header("x-correlation-id").to_owned(),
        );
        answer.headers.remove("x-correlation-id");
        answer.body = answer.body.replace(&pending, "…").replace(&name, "…");
        let challenge = asked_for(&answer)["challenge"].as_str().unwrap().to_owned();
        for chance in [answer.hidden("ceremony"), challenge] {
            answer.body = answer.body.replace(&chance, "…");
        }
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
    server.sign_in("ada").await;
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

/// Attacks: L26.
#[tokio::test]
async fn a_password_is_never_cut_or_trimmed_and_right_however_it_is_typed() {
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
    let decomposed = format!("{}e\u{301}", "x".repeat(100));
    for typed in [&decomposed, &long] {
        let mut browser = server.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        assert_eq!(
            browser.guess(&page, "ada", typed).await.to_string(),
            "303 /authorize"
        );
    }
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

/// Attacks: L24.
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

/// Attacks: Q29.
#[tokio::test]
async fn what_the_form_carries_cannot_be_changed_or_exchanged() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let pending = page.hidden("pending");
    let flipped = changed_at(&pending, pending.len() / 2);
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
