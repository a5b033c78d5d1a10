//! One-time links: a person sets a password by one, once; who opens it, how often, and from where changes nothing.

use http::Method;
use rstest::rstest;

use crate::second_factor::enrolled;
use crate::support::{Answer, Ask, Browser, Form, TestServer, password_of};

const FIRST: &str = "200 page “Choose how you sign in – Safeconduct”";
const ANOTHER: &str = "200 page “Get back into your account – Safeconduct”";
const AGAIN: &str = "400 page “Error: Get back into your account – Safeconduct”";
const ACCOUNT: &str = "200 page “Your account – Safeconduct”";
const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const USED: &str = "400 page (link-used)";
const EXPIRED: &str = "400 page (link-expired)";
const NOT_RECOGNISED: &str = "400 page (link-not-recognised)";
const NEW: &str = "seven small boats at noon";

impl Browser<'_> {
    /// Types a password twice into the page of a link; the answer to the form itself.
    pub(crate) async fn choose(&mut self, page: &Answer, password: &str) -> Answer {
        self.post("/link", &form(page, password, password)).await
    }

    /// Signs in with name and password on the way to an app; the answer to the form itself.
    async fn try_password(&mut self, username: &str, password: &str) -> Answer {
        let page = self.authorize(&Ask::of("portal")).await;
        let answer = self.guess(&page, username, password).await;
        self.follow(answer).await
    }
}

fn form(page: &Answer, password: &str, again: &str) -> Form {
    Form::new()
        .with("link", &page.hidden("link"))
        .with("password", password)
        .with("again", again)
}

async fn events(server: &TestServer, kind: &str) -> Vec<Option<String>> {
    let events = server.server().store().events(None, 1000).await.unwrap();
    let of_kind = events.into_iter().filter(|event| event.kind == kind);
    of_kind.map(|event| event.detail).collect()
}

#[tokio::test]
async fn a_newcomer_sets_a_password_and_is_signed_in() {
    let server = TestServer::start().await;
    let link = server.invite("grace").await;
    let mut grace = server.browser();
    let answer = grace.get(&link).await;
    assert_eq!(answer.to_string(), "303 /link");
    assert_eq!(answer.header("location"), "/link", "without the link");
    let page = grace.follow(answer).await;
    assert_eq!(page.to_string(), FIRST);
    assert!(page.body.contains("value=\"grace\""), "{page:?}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let answer = grace.choose(&page, NEW).await;
    assert_eq!(answer.to_string(), "303 /account");
    assert_eq!(grace.follow(answer).await.to_string(), ACCOUNT);
    assert!(grace.cookies.keys().all(|name| !name.contains("sc-link-")));
    let is_known = |name: &String| name.contains("sc-known-");
    assert!(
        grace.cookies.keys().any(is_known),
        "an attack on the name does not stop her here"
    );
    assert!(grace.authorize(&Ask::of("portal")).await.has_code());
    assert_eq!(
        events(&server, "link-made").await,
        [Some("invite".to_owned())]
    );
    assert_eq!(
        events(&server, "password-set").await.last(),
        Some(&Some("invite".to_owned()))
    );
    let mut elsewhere = server.browser();
    assert!(elsewhere.try_password("grace", NEW).await.has_code());
}

/// Scanners of mail send HEAD, open a link several times, run what scripts the page has, and keep no cookies of the person.
/// Attacks: PE58.
#[tokio::test]
async fn opening_a_link_uses_nothing_up() {
    let server = TestServer::start().await;
    let link = server.recover("ada").await;
    for opened in 0..4 {
        let mut scanner = server.browser();
        let request = http::Request::builder().method(Method::HEAD).uri(&link);
        server
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        let page = scanner.open(&link).await;
        assert_eq!(page.to_string(), ANOTHER, "{opened}");
        // They show what was typed as a password, and make a passkey where somebody presses the button.
        let scripts = |name| {
            page.body
                .matches(&format!("<script src=\"/assets/{name}"))
                .count()
        };
        let both = (scripts("password-"), scripts("passkey-"));
        assert_eq!((scripts(""), both), (2, (1, 1)), "nothing submits it");
        assert!(!page.body.contains("data-conditional"), "nor that");
        assert!(!page.body.contains("http-equiv"), "nothing submits it");
    }
    let mut before = server.browser();
    assert!(
        before
            .try_password("ada", &password_of("ada"))
            .await
            .has_code()
    );
    let mut ada = server.browser();
    let page = ada.open(&link).await;
    let answer = ada.choose(&page, NEW).await;
    assert_eq!(ada.follow(answer).await.to_string(), ACCOUNT);
}

/// Attacks: PE59.
#[tokio::test]
async fn a_link_is_good_once_and_for_its_time() {
    let server = TestServer::start().await;
    let link = server.recover("ada").await;
    let other = server.recover("ada").await;
    let mut first = server.browser();
    let mut second = server.browser();
    let page = first.open(&link).await;
    let stale = second.open(&other).await;
    assert_eq!(stale.to_string(), ANOTHER);
    let answer = first.choose(&page, NEW).await;
    assert_eq!(answer.to_string(), "303 /account");
    // The form again, the form of the other link, and both links anew.
    assert_eq!(
        first
            .choose(&page, "another one entirely")
            .await
            .to_string(),
        USED
    );
    assert_eq!(
        second
            .choose(&stale, "another one entirely")
            .await
            .to_string(),
        USED
    );
    for link in [&link, &other] {
        let told = second.open(link).await;
        assert_eq!(told.to_string(), USED);
        assert!(told.body.contains("ask for a new link"), "{told:?}");
    }
    assert!(server.browser().try_password("ada", NEW).await.has_code());

    let late = server.recover("ada").await;
    let page = second.open(&late).await;
    assert_eq!(page.to_string(), ANOTHER);
    server.advance(30 * 60 - 1);
    assert_eq!(second.open(&late).await.to_string(), ANOTHER);
    server.advance(1);
    assert_eq!(second.open(&late).await.to_string(), EXPIRED);
    assert_eq!(
        second
            .choose(&page, "too late by a second")
            .await
            .to_string(),
        EXPIRED
    );
}

/// Attacks: PE59.
#[tokio::test]
async fn a_link_dies_with_the_password_the_account_and_the_era() {
    let server = TestServer::start().await;
    let [of_password, of_lock, of_era] = [
        server.recover("ada").await,
        server.recover("bob").await,
        server.recover("eve").await,
    ];
    server.set_password("ada", "set by somebody else").await;
    server.lock_user("bob").await;
    let mut browser = server.browser();
    assert_eq!(browser.open(&of_password).await.to_string(), USED);
    assert_eq!(browser.open(&of_lock).await.to_string(), USED);
    server.delete_user("bob").await;
    assert_eq!(browser.open(&of_lock).await.to_string(), USED);
    assert_eq!(browser.open(&of_era).await.to_string(), ANOTHER);
    server.begin_era().await;
    assert_eq!(browser.open(&of_era).await.to_string(), NOT_RECOGNISED);
}

/// Attacks: PE59.
#[rstest]
#[case::cut(|text: &str| text[..text.len() - 1].to_owned())]
#[case::longer(|text: &str| format!("{text}A"))]
#[case::flipped(|text: &str| {
    let at = text.len() / 2;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
})]
#[case::nothing(|_: &str| String::new())]
#[case::of_another_kind(|text: &str| text.replace("sc_ln_", "sc_en_"))]
#[case::a_header(|text: &str| format!("{text}%0d%0aset-cookie:%20a=b"))]
#[case::long(|text: &str| text.repeat(20))]
#[tokio::test]
async fn what_is_no_link_of_ours_is_refused(#[case] edit: fn(&str) -> String) {
    let server = TestServer::start().await;
    let link = server.recover("ada").await;
    let (address, text) = link.split_once('=').unwrap();
    let mut browser = server.browser();
    let answer = browser.open(&format!("{address}={}", edit(text))).await;
    assert_eq!(answer.to_string(), NOT_RECOGNISED);
    assert!(
        answer.body.contains("ask there for a new one"),
        "{answer:?}"
    );
    let form = Form::new()
        .with("link", &edit(text))
        .with("password", NEW)
        .with("again", NEW);
    let answer = browser.post("/link", &form).await;
    assert_eq!(answer.to_string(), NOT_RECOGNISED);
    assert!(events(&server, "password-set").await.is_empty());
}

/// Attacks: PE60.
#[tokio::test]
async fn a_reset_takes_no_second_factor_away_and_proves_none() {
    let (server, app) = enrolled().await;
    let link = server.recover("ada").await;
    let mut thief = server.browser();
    let page = thief.open(&link).await;
    let answer = thief.choose(&page, NEW).await;
    let asked = "200 page “Enter your code – Safeconduct”";
    assert_eq!(thief.follow(answer).await.to_string(), asked);
    for way in ["portal", "shop", "bank"] {
        assert_eq!(thief.authorize(&Ask::of(way)).await.to_string(), asked);
    }
    assert_eq!(thief.open("/account").await.to_string(), asked);
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    let answer = ada.guess(&page, "ada", NEW).await;
    let page = ada.follow(answer).await;
    assert_eq!(page.to_string(), asked);
    let answer = ada.code_typed(&page, &app.code(&server)).await;
    assert!(ada.follow(answer).await.has_code());
}

#[tokio::test]
async fn a_reset_ends_sessions_and_grants_of_before() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop").scope("notes.read offline_access");
    let mut ada = server.browser();
    let page = ada.authorize(&ask).await;
    let consent = ada.sign_in(&page, "ada").await;
    let tokens = server
        .exchange(&ada.allow(&consent).await.code(&ask))
        .await
        .tokens();
    let link = server.recover("ada").await;
    let mut elsewhere = server.browser();
    let page = elsewhere.open(&link).await;
    assert!(
        page.body.contains("signs you out everywhere else"),
        "{page:?}"
    );
    elsewhere.choose(&page, NEW).await;
    assert_eq!(ada.open("/account").await.to_string(), SIGN_IN);
    let refreshed = server.refresh("shop", &tokens).await;
    assert!(
        refreshed.to_string().contains("invalid_grant"),
        "{refreshed:?}"
    );
}

/// Who was signed in in this browser is not, once the holder of a link is.
#[tokio::test]
async fn the_session_of_another_user_in_the_browser_ends() {
    let server = TestServer::start().await;
    let mut shared = server.browser();
    let page = shared.authorize(&Ask::of("portal")).await;
    assert!(shared.sign_in(&page, "bob").await.has_code());
    let before = shared.session();
    let page = shared.open(&server.recover("ada").await).await;
    shared.choose(&page, NEW).await;
    assert_ne!(shared.session(), before);
    assert!(server.sessions("bob").await.is_empty());
    assert_eq!(server.sessions("ada").await.len(), 1);
}

/// A page that was filled in for one account sets the password of that one, whichever link was opened in another tab since.
#[tokio::test]
async fn a_form_is_of_the_link_that_its_page_showed() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let of_ada = browser.open(&server.recover("ada").await).await;
    let of_bob = browser.open(&server.recover("bob").await).await;
    assert!(of_bob.body.contains("value=\"bob\""));
    browser.choose(&of_ada, NEW).await;
    assert!(server.browser().try_password("ada", NEW).await.has_code());
    let bob = server.browser().try_password("bob", NEW).await;
    assert!(!bob.has_code());
}

/// Attacks: PE54.
#[tokio::test]
async fn an_unfit_password_is_refused_with_the_reason_and_uses_nothing_up() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let page = ada.open(&server.recover("ada").await).await;
    let long = "long words ".repeat(100);
    for (password, again, says) in [
        ("", "", "Enter a new password."),
        (NEW, "seven small boats at night", "not the same"),
        ("boats", "boats", "at least 8 characters"),
        (&long, &long, "too long"),
        (
            "seven\u{7}boats",
            "seven\u{7}boats",
            "typed when you sign in",
        ),
        ("Password1", "Password1", "tried first"),
        ("id.example", "id.example", "name or address"),
    ] {
        let answer = ada.post("/link", &form(&page, password, again)).await;
        assert_eq!(answer.to_string(), AGAIN, "{password}");
        assert!(answer.body.contains(says), "{says}: {answer:?}");
        assert!(
            !answer.body.contains("boats"),
            "what was typed is not repeated"
        );
    }
    assert!(events(&server, "password-set").await.is_empty());
    let answer = ada.choose(&page, NEW).await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// Attacks: PE58.
#[tokio::test]
async fn a_form_of_another_site_sets_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let page = ada.open(&server.recover("ada").await).await;
    let posted = form(&page, NEW, NEW);
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("origin", "https://evil.example")],
        &[],
    ] {
        let answer = ada.post_from("/link", &posted, headers).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert!(events(&server, "password-set").await.is_empty());
}
