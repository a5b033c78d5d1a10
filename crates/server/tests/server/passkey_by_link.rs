//! One-time links that bring a passkey in place of a password: once, never in place of a factor that is there, and proving nothing.

use rstest::rstest;
use safeconduct_protocol::client::Client;
use safeconduct_server::settings::SecondFactor;
use safeconduct_testing_passkey::{Created, Device, Passkey, UV};

use crate::passkeys::{Holder, asked_for};
use crate::second_factor::{enrolled, events, start};
use crate::support::{Answer, Ask, Browser, Form, ISSUER, TestServer};

const FIRST: &str = "200 page “Choose how you sign in – Safeconduct”";
const FIRST_AGAIN: &str = "400 page “Error: Choose how you sign in – Safeconduct”";
const RECOVER: &str = "200 page “Get back into your account – Safeconduct”";
const NEW_PASSWORD: &str = "200 page “Choose a new password – Safeconduct”";
const NEW_PASSWORD_AGAIN: &str = "400 page “Choose a new password – Safeconduct”";
const ACCOUNT: &str = "200 page “Your account – Safeconduct”";
const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const USED: &str = "400 page (link-used)";

fn brought(page: &Answer, credential: &str) -> Form {
    Form::new()
        .with("link", &page.hidden("link"))
        .with("ceremony", &page.hidden("ceremony"))
        .with("credential", credential)
}

fn create(page: &Answer) -> (Passkey, Created) {
    Device::manager(ISSUER).create(&asked_for(page))
}

async fn kept(server: &TestServer, user: &str) -> usize {
    let user = server.user(user).await;
    let passkeys = server.server().store().passkeys_of(&user).await;
    passkeys.unwrap().len()
}

impl Browser<'_> {
    async fn bring(&mut self, page: &Answer) -> (Passkey, Answer) {
        let (passkey, created) = create(page);
        let answer = self.post("/link", &brought(page, &created.json())).await;
        (passkey, answer)
    }

    async fn set_password(&mut self, page: &Answer, password: &str) -> Answer {
        let form = Form::new()
            .with("link", &page.hidden("link"))
            .with("password", password)
            .with("again", password);
        self.post("/link", &form).await
    }
}

/// From the link to the account in two gestures: the passkey is made, and signs in.
///
/// Attacks: PE23, PE59.
#[tokio::test]
async fn a_newcomer_makes_a_passkey_and_signs_in_with_it() {
    let server = TestServer::start().await;
    let link = server.invite("grace").await;
    let mut grace = server.browser();
    let page = grace.open(&link).await;
    assert_eq!(page.to_string(), FIRST);
    assert!(
        page.body.contains("id=\"new-password-form\""),
        "or a password"
    );
    let (passkey, answer) = grace.bring(&page).await;
    assert_eq!(answer.to_string(), "303 /account");
    let cookies = |part: &str| {
        grace
            .cookies
            .keys()
            .filter(|name| name.contains(part))
            .count()
    };
    assert_eq!((cookies("sc-link-"), cookies("sc-known-")), (0, 1));
    let page = grace.follow(answer).await;
    assert_eq!(page.to_string(), SIGN_IN, "that it was made proves nobody");
    let answer = Device::manager(ISSUER).sign(&passkey, &asked_for(&page));
    let signed_in = grace.passkey(&page, &answer).await;
    assert_eq!(grace.follow(signed_in).await.to_string(), ACCOUNT);
    assert_eq!(events(&server, "passkey-added").await, 1);

    // The link is used up, for a password as well.
    let mut thief = server.browser();
    assert_eq!(thief.open(&link).await.to_string(), USED);
}

/// What one of two pages of a link does ends the other.
///
/// Attacks: PE23, PE59.
#[tokio::test]
async fn a_link_is_used_by_a_passkey_or_a_password_whichever_comes_first() {
    let server = TestServer::start().await;
    for by_password in [true, false] {
        let name = if by_password { "grace" } else { "hedy" };
        let link = server.invite(name).await;
        let (mut one, mut other) = (server.browser(), server.browser());
        let first = one.open(&link).await;
        let second = other.open(&link).await;
        let (won, lost) = if by_password {
            let won = one.set_password(&first, "seven small boats at noon").await;
            (won, other.bring(&second).await.1)
        } else {
            let (_, won) = one.bring(&first).await;
            (won, other.bring(&second).await.1)
        };
        assert_eq!(won.to_string(), "303 /account");
        assert_eq!(lost.to_string(), USED);
        let late = other.set_password(&second, "another one entirely").await;
        assert_eq!(late.to_string(), USED);
        assert_eq!(kept(&server, name).await, usize::from(!by_password));
    }
}

/// Attacks: PE04, PE22, PE23.
#[tokio::test]
async fn a_passkey_is_brought_by_the_page_of_its_own_link() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let grace = browser.open(&server.invite("grace").await).await;
    let hedy = browser.open(&server.invite("hedy").await).await;
    let mut ada = server.sign_in("ada").await;
    let of_session = ada.open("/account/passkeys/add").await;
    let (_, created) = create(&grace);
    for (ceremony, credential, said) in [
        (
            hedy.hidden("ceremony"),
            create(&hedy).1,
            "open for too long",
        ),
        (
            of_session.hidden("ceremony"),
            create(&of_session).1,
            "open for too long",
        ),
        (String::new(), created.clone(), "open for too long"),
        (
            hedy.hidden("ceremony"),
            created.clone(),
            "open for too long",
        ),
        (
            grace.hidden("ceremony"),
            create(&hedy).1,
            "could not be added",
        ),
        (
            grace.hidden("ceremony"),
            {
                let mut unverified = created.clone();
                unverified.authenticator_data.flags &= !UV;
                unverified
            },
            "Set a PIN for this key first",
        ),
    ] {
        let form = brought(&grace, &credential.json()).with("ceremony", &ceremony);
        let answer = browser.post("/link", &form).await;
        assert_eq!(answer.to_string(), FIRST_AGAIN);
        assert!(answer.body.contains(said), "{said}: {answer:?}");
    }
    let form = brought(&grace, &created.json());
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = browser.post_from("/link", &form, &foreign).await;
    assert_eq!(refused.status, 403);
    // The challenge of a link adds nothing in a session.
    let planted = Form::new()
        .with("csrf", &of_session.hidden("csrf"))
        .with("ceremony", &grace.hidden("ceremony"))
        .with("credential", &created.json());
    let refused = ada.post("/account/passkeys/add", &planted).await;
    assert_eq!(refused.status, 400);
    assert_eq!(kept(&server, "grace").await + kept(&server, "ada").await, 0);
    // None of it used the link up.
    assert_eq!(browser.bring(&grace).await.1.to_string(), "303 /account");
}

/// Who was signed in in this browser is not, and their account is not shown to whoever holds the link.
#[tokio::test]
async fn the_session_of_another_user_in_the_browser_ends() {
    let server = TestServer::start().await;
    let mut shared = server.sign_in("bob").await;
    let page = shared.open(&server.invite("grace").await).await;
    let (_, answer) = shared.bring(&page).await;
    assert_eq!(shared.follow(answer).await.to_string(), SIGN_IN);
    assert!(server.sessions("bob").await.is_empty());
    assert_eq!(events(&server, "session-ended").await, 1);
}

/// A link sets a password, whatever the account has; a passkey, which would be two factors, only where it stands in for none.
///
/// Attacks: PE60.
#[rstest]
#[case::beside_an_app(true)]
#[case::beside_a_passkey(false)]
#[tokio::test]
async fn a_link_takes_no_second_factor_away_by_a_passkey(#[case] has_app: bool) {
    let server = if has_app {
        enrolled().await.0
    } else {
        let server = TestServer::start().await;
        Holder::manager(&server, "ada").await;
        server
    };
    let before = kept(&server, "ada").await;
    let mut thief = server.browser();
    let page = thief.open(&server.recover("ada").await).await;
    assert_eq!(page.to_string(), NEW_PASSWORD);
    assert!(!page.body.contains("new-passkey-form"), "{page:?}");
    // As if the page had a form for one: its challenge is a page's of before.
    let mut other = server.browser();
    let ceremony = other.open(&server.invite("grace").await).await;
    let (_, created) = create(&ceremony);
    let form = brought(&ceremony, &created.json()).with("link", &page.hidden("link"));
    let refused = thief.post("/link", &form).await;
    assert_eq!(refused.to_string(), NEW_PASSWORD_AGAIN);
    assert_eq!(kept(&server, "ada").await, before);
    let set = thief.set_password(&page, "seven small boats at noon").await;
    assert_eq!(set.to_string(), "303 /account");
}

/// The page was shown while there was one factor: the write asks again.
///
/// Attacks: PE60.
#[tokio::test]
async fn a_factor_that_came_since_the_page_was_shown_is_not_passed_by() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.open(&server.recover("ada").await).await;
    assert_eq!(page.to_string(), RECOVER);
    let mut ada = server.sign_in("ada").await;
    ada.add_passkey(&Device::manager(ISSUER)).await;
    let (_, answer) = browser.bring(&page).await;
    assert_eq!(answer.to_string(), NEW_PASSWORD_AGAIN);
    assert_eq!(kept(&server, "ada").await, 1);
}

/// Whoever reads the mail of somebody who has passkeys alone sets a password, and what a client demands is asked for behind it.
///
/// Attacks: PE60.
#[tokio::test]
async fn the_only_passkey_of_an_account_is_not_replaced_by_a_mail() {
    let server = TestServer::start().await;
    Holder::manager(&server, "ada").await;
    server.change("DELETE FROM credentials WHERE kind = 'password'");
    let demand = |client: &mut Client| client.require_second_factor = true;
    server.change_client("club", demand).await;
    let mut thief = server.browser();
    let page = thief.open(&server.recover("ada").await).await;
    assert_eq!(
        page.to_string(),
        "200 page “Choose a password – Safeconduct”"
    );
    assert!(!page.body.contains("new-passkey-form"), "{page:?}");
    let set = thief.set_password(&page, "seven small boats at noon").await;
    assert_eq!(set.to_string(), "303 /account");
    let asked = thief.authorize(&Ask::of("club")).await;
    assert_eq!(
        asked.to_string(),
        "200 page “Confirm with your passkey – Safeconduct”"
    );
    assert_eq!(kept(&server, "ada").await, 1);
}

#[tokio::test]
async fn where_passkeys_are_off_a_link_sets_a_password() {
    let server = start(SecondFactor::Off).await;
    let server = server
        .restart_with(|settings| settings.passkeys = false)
        .await;
    let mut grace = server.browser();
    let page = grace.open(&server.invite("grace").await).await;
    assert_eq!(
        page.to_string(),
        "200 page “Choose a password – Safeconduct”"
    );
    let form = Form::new()
        .with("link", &page.hidden("link"))
        .with("credential", "{}");
    assert_eq!(grace.post("/link", &form).await.status, 400);
    let set = grace.set_password(&page, "seven small boats at noon").await;
    assert_eq!(set.to_string(), "303 /account");
}
