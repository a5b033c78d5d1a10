//! Signing up with a passkey and no password: the name first, then the passkey, which signs in.

use safeconduct_protocol::sign_up::SignUp;
use safeconduct_testing_passkey::{Device, Passkey};

use crate::passkeys::asked_for;
use crate::sign_up::{GRACE, start};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer};

const FORM: &str = "200 page “Create an account – Safeconduct”";
const AGAIN: &str = "400 page “Error: Create an account – Safeconduct”";
const USED: &str = "400 page (link-used)";

fn named(page: &Answer, username: &str) -> Form {
    Form::new()
        .with("link", &page.hidden("link"))
        .with("username", username)
        .with("name", "Grace Hopper")
}

impl Browser<'_> {
    /// The page that makes a passkey for this name, where there is one.
    async fn choose_passkey(&mut self, page: &Answer, username: &str) -> Answer {
        let form = named(page, username).with("way", "passkey");
        self.post("/link", &form).await
    }

    /// Makes the passkey that a page asks for, and posts it.
    async fn sign_up_with_passkey(&mut self, page: &Answer) -> (Passkey, Answer) {
        let (passkey, created) = Device::manager(ISSUER).create(&asked_for(page));
        let form = named(page, &page.hidden("username"))
            .with("ceremony", &page.hidden("ceremony"))
            .with("credential", &created.json());
        (passkey, self.post("/link", &form).await)
    }
}

async fn has_password(server: &TestServer, username: &str) -> bool {
    let credential = server.server().store().credential(username).await;
    credential.unwrap().unwrap().sealed_password.is_some()
}

/// Attacks: PE23.
#[tokio::test]
async fn an_account_is_created_with_a_name_and_a_passkey_that_signs_in() {
    let server = start(SignUp::Invite).await;
    let mut grace = server.sign_in("bob").await;
    let page = grace.open(&server.invite_to_sign_up(GRACE).await).await;
    assert_eq!(page.to_string(), FORM);
    for (name, says) in [
        ("ADA", "taken"),
        ("postmaster", "taken"),
        ("", "Enter your"),
    ] {
        let refused = grace.choose_passkey(&page, name).await;
        assert_eq!(refused.to_string(), AGAIN, "{name}");
        assert!(refused.body.contains(says), "{name}: {refused:?}");
    }
    let asks = grace.choose_passkey(&page, "grace").await;
    assert_eq!(asks.to_string(), FORM);
    assert!(asks.body.contains("id=\"new-passkey-form\""), "{asks:?}");
    // Whoever would rather have a password goes back, and nothing is there yet.
    let back = named(&asks, "grace").with("way", "password");
    let form = grace.post("/link", &back).await;
    assert_eq!(form.to_string(), FORM);
    assert!(form.body.contains("value=\"grace\""), "{form:?}");
    assert!(
        server
            .server()
            .store()
            .user_by_name("grace")
            .await
            .unwrap()
            .is_none()
    );

    let (passkey, answer) = grace.sign_up_with_passkey(&asks).await;
    assert_eq!(answer.to_string(), "303 /account");
    assert!(!has_password(&server, "grace").await);
    assert!(server.sessions("bob").await.is_empty(), "whoever was here");
    let page = grace.follow(answer).await;
    assert_eq!(
        page.title(),
        "Sign in – Safeconduct",
        "that it was made proves nobody"
    );
    let answer = Device::manager(ISSUER).sign(&passkey, &asked_for(&page));
    let signed_in = grace.passkey(&page, &answer).await;
    let account = grace.follow(signed_in).await;
    assert_eq!(account.title(), "Your account – Safeconduct");
}

/// Attacks: PE04, PE22, PE59.
#[tokio::test]
async fn a_passkey_for_another_link_or_of_before_creates_nothing() {
    let server = start(SignUp::Invite).await;
    let mut grace = server.browser();
    let link = server.invite_to_sign_up(GRACE).await;
    let page = grace.open(&link).await;
    let asks = grace.choose_passkey(&page, "grace").await;
    let mut hedy = server.browser();
    let other = hedy
        .open(&server.invite_to_sign_up("hedy@lamarr.example").await)
        .await;
    let other = hedy.choose_passkey(&other, "hedy").await;
    let (_, created) = Device::manager(ISSUER).create(&asked_for(&asks));
    let planted = named(&other, "hedy")
        .with("ceremony", &asks.hidden("ceremony"))
        .with("credential", &created.json());
    let refused = hedy.post("/link", &planted).await;
    assert_eq!(refused.to_string(), AGAIN);
    let (_, wrong) = Device::manager("https://evil.example").create(&asked_for(&asks));
    let elsewhere = named(&asks, "grace")
        .with("ceremony", &asks.hidden("ceremony"))
        .with("credential", &wrong.json());
    let refused = grace.post("/link", &elsewhere).await;
    assert_eq!(refused.to_string(), AGAIN);
    assert!(
        server
            .server()
            .store()
            .user_by_name("grace")
            .await
            .unwrap()
            .is_none()
    );

    let (_, answer) = grace.sign_up_with_passkey(&asks).await;
    assert_eq!(answer.to_string(), "303 /account");
    let (_, again) = grace.sign_up_with_passkey(&asks).await;
    assert_eq!(again.to_string(), USED);
    assert_eq!(grace.open(&link).await.to_string(), USED);
}

/// A name is told to be free before the link is used up by it: every question is counted.
///
/// Attacks: L13.
#[tokio::test]
async fn who_asks_which_names_are_free_waits() {
    let server = start(SignUp::Invite).await;
    let mut eve = server.browser();
    let page = eve.open(&server.invite_to_sign_up(GRACE).await).await;
    for name in ["free", "ada", "grace", "bob"] {
        eve.choose_passkey(&page, name).await;
    }
    let asks = eve.choose_passkey(&page, "grace").await;
    assert_eq!(asks.to_string(), FORM);
    let refused = eve.choose_passkey(&page, "hedy").await;
    assert_eq!(refused.status, 429, "{refused:?}");
    // What is no passkey asks nothing.
    let junk = named(&asks, "ada").with("credential", "{}");
    let refused = eve.post("/link", &junk).await;
    assert!(!refused.body.contains("is taken"), "{refused:?}");
    server.advance(60);
    let (_, answer) = eve.sign_up_with_passkey(&asks).await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// What somebody was on the way to goes on, and asks for the passkey.
#[tokio::test]
async fn who_comes_from_an_app_goes_on_to_it() {
    let server = start(SignUp::Open).await;
    let mut grace = server.browser();
    let page = grace
        .authorize(&Ask::of("portal").with("prompt", "create"))
        .await;
    let asked = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("email", GRACE);
    grace.post("/sign-up", &asked).await;
    let page = grace.open(&server.invite_to_sign_up(GRACE).await).await;
    let asks = grace.choose_passkey(&page, "grace").await;
    let (passkey, page) = grace.sign_up_with_passkey(&asks).await;
    assert_eq!(page.title(), "Sign in – Safeconduct", "{page:?}");
    let answer = Device::manager(ISSUER).sign(&passkey, &asked_for(&page));
    let signed_in = grace.passkey(&page, &answer).await;
    assert!(grace.follow(signed_in).await.has_code());
}
