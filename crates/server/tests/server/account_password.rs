//! A user changes their password on the account page: by a fresh proof, with a new cookie, and with or without an end to everything else.

use crate::support::{Answer, Ask, Browser, Form, TestServer, password_of};

const PAGE: &str = "/account/security/password";
const CHOOSE: &str = "200 page “Choose a new password – Safeconduct”";
const CHOOSE_AGAIN: &str = "400 page “Error: Choose a new password – Safeconduct”";
const SECURITY: &str = "200 page “How you sign in – Safeconduct”";
const AGAIN: &str = "200 page “Confirm it’s you – Safeconduct”";
const NEW: &str = "four mild winters in Oslo";

fn form(page: &Answer, password: &str) -> Form {
    Form::new()
        .with("csrf", &page.hidden("csrf"))
        .with("password", password)
        .with("again", password)
}

impl Browser<'_> {
    async fn password_page(&mut self) -> Answer {
        let page = self.open(PAGE).await;
        assert_eq!(page.to_string(), CHOOSE);
        page
    }

    async fn change_password(&mut self, form: &Form) -> Answer {
        let answer = self.post(PAGE, form).await;
        self.follow(answer).await
    }
}

async fn signs_in(server: &TestServer, password: &str) -> bool {
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    let answer = browser.guess(&page, "ada", password).await;
    browser.follow(answer).await.has_code()
}

fn offline() -> Ask {
    Ask::of("shop").scope("notes.read offline_access")
}

/// Attacks: PE44.
#[tokio::test]
async fn a_new_password_ends_everything_else_if_its_owner_says_so() {
    let server = TestServer::start().await;
    let there = server.sign_in("ada").await;
    let mut here = server.sign_in("ada").await;
    let tokens = here.tokens(&offline()).await;
    let before = here.clone();
    let page = here.password_page().await;
    assert!(page.body.contains("checked"), "it is the default: {page:?}");
    let form = form(&page, NEW).with("end_others", "yes");
    assert_eq!(here.change_password(&form).await.to_string(), SECURITY);
    assert!(
        here.authorize(&Ask::of("portal")).await.has_code(),
        "this one goes on"
    );
    for mut gone in [there, before] {
        let page = gone.authorize(&Ask::of("portal")).await;
        assert!(page.title().starts_with("Sign in"), "{page:?}");
    }
    assert!(!server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("shop", &tokens).await.status, 400);
    assert_eq!(server.sessions("ada").await.len(), 1);
    assert!(signs_in(&server, NEW).await);
    assert!(!signs_in(&server, &password_of("ada")).await);
}

#[tokio::test]
async fn where_its_owner_does_not_say_so_everything_else_goes_on() {
    let server = TestServer::start().await;
    let mut there = server.sign_in("ada").await;
    let mut here = server.sign_in("ada").await;
    let tokens = here.tokens(&offline()).await;
    let before = here.session();
    let page = here.password_page().await;
    let form = form(&page, NEW);
    assert_eq!(here.change_password(&form).await.to_string(), SECURITY);
    assert_ne!(here.session(), before, "but the cookie is another one");
    assert!(there.authorize(&Ask::of("portal")).await.has_code());
    assert!(server.is_active(&tokens.access).await);
    assert!(signs_in(&server, NEW).await);
    assert!(!signs_in(&server, &password_of("ada")).await);
    // The same form once more is one of another cookie.
    let stale = Form::new().with("csrf", &page.hidden("csrf"));
    let stale = stale
        .with("password", "yet another winter")
        .with("again", "yet another winter");
    assert_eq!(here.change_password(&stale).await.to_string(), CHOOSE);
    assert!(signs_in(&server, NEW).await);
}

#[tokio::test]
async fn what_can_be_no_password_is_said_and_changes_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.password_page().await;
    for (password, again, said) in [
        ("", "", "Enter a new password"),
        ("short", "short", "too short"),
        ("password1", "password1", "tried first"),
        (NEW, "four mild winters", "not the same"),
    ] {
        let form = form(&page, password).with("again", again);
        let answer = ada.change_password(&form).await;
        assert_eq!(answer.to_string(), CHOOSE_AGAIN, "{password}");
        assert!(answer.body.contains(said), "{password}: {answer:?}");
        assert!(!answer.body.contains(" checked"), "what was said stays");
    }
    assert!(signs_in(&server, &password_of("ada")).await);
}

/// Attacks: PE70.
#[tokio::test]
async fn a_password_is_changed_by_a_form_of_this_session_and_a_fresh_proof() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.password_page().await;
    let right = form(&page, NEW);
    let mut elsewhere = server.sign_in("ada").await;
    let theirs = form(&elsewhere.password_page().await, NEW);
    let sites = [("sec-fetch-site", "cross-site")];
    assert_eq!(ada.post_from(PAGE, &right, &sites).await.status, 403);
    for stale in [theirs, right.clone().without("csrf")] {
        assert_eq!(ada.change_password(&stale).await.to_string(), CHOOSE);
    }
    server.advance(301);
    assert_eq!(ada.change_password(&right).await.to_string(), AGAIN);
    let again = ada.open(PAGE).await;
    assert_eq!(again.to_string(), AGAIN);
    let wrong = ada.guess(&again, "ada", NEW).await;
    assert_eq!(wrong.status, 400, "the current one is asked for: {wrong:?}");
    let page = ada.sign_in(&again, "ada").await;
    assert_eq!(page.to_string(), CHOOSE);
    assert_eq!(
        ada.change_password(&form(&page, NEW)).await.to_string(),
        SECURITY
    );
    assert!(signs_in(&server, NEW).await);
}
