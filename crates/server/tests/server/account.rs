//! The account page: who sees it, and what its user ends there. A change wants a fresh proof, and a form that this browser was shown.

use crate::login::WRONG;
use crate::support::{Answer, Ask, Browser, Form, TestServer, password_of};

const ACCOUNT: &str = "Your account – Safeconduct";
const APPS: &str = "Apps with access – Safeconduct";
const SESSIONS: &str = "Where you are signed in – Safeconduct";
const ONCE_MORE: &str = "Nothing has changed yet";
const AGAIN: &str = "Confirm it’s you – Safeconduct";

fn shop() -> Ask {
    Ask::of("shop").scope("notes.read offline_access")
}

async fn events(server: &TestServer) -> usize {
    let store = server.server().store();
    store.events(None, 1000).await.unwrap().len()
}

/// The token of the forms on the page: the page has one of another kind as well.
fn token(page: &Answer) -> String {
    let (_, forms) = page.body.split_once("action=\"/account/").expect("a form");
    let (_, value) = forms.split_once("name=\"csrf\" value=\"").unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// The form of the page that posts `named`.
pub(crate) fn form(page: &Answer, named: &[(&str, &str)]) -> Form {
    let form = Form::new().with("csrf", &token(page));
    named
        .iter()
        .fold(form, |form, (name, value)| form.with(name, value))
}

async fn open(browser: &mut Browser<'_>) -> Answer {
    let page = browser.open("/account").await;
    assert_eq!(page.title(), ACCOUNT, "{page:?}");
    page
}

async fn apps(browser: &mut Browser<'_>) -> Answer {
    let page = browser.open("/account/apps").await;
    assert_eq!(page.title(), APPS, "{page:?}");
    page
}

async fn sessions(browser: &mut Browser<'_>) -> Answer {
    let page = browser.open("/account/sessions").await;
    assert_eq!(page.title(), SESSIONS, "{page:?}");
    page
}

async fn remove_shop(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    let form = form(page, &[("client", "shop")]);
    let answer = browser.post("/account/apps/remove", &form).await;
    browser.follow(answer).await
}

/// A session idles out eight hours after the last visit, whatever was visited.
#[tokio::test]
async fn who_works_on_the_account_is_not_idle() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut idle = server.sign_in("ada").await;
    for _ in 0..2 {
        server.advance(5 * 3600);
        open(&mut ada).await;
    }
    let page = idle.open("/account").await;
    assert_eq!(page.title(), "Sign in – Safeconduct", "{page:?}");
}

#[tokio::test]
async fn a_stranger_signs_in_and_comes_back_to_the_page() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.open("/account").await;
    assert_eq!(page.title(), "Sign in – Safeconduct", "{page:?}");
    assert!(page.body.contains("Safeconduct</bdi></strong>"), "{page:?}");
    let wrong = browser.guess(&page, "ada", "wrong").await;
    assert_eq!(wrong.to_string(), WRONG);
    let page = browser.sign_in(&page, "ada").await;
    assert_eq!(page.title(), ACCOUNT, "{page:?}");
    for path in ["apps", "sessions"] {
        let mut browser = server.browser();
        let page = browser.open(&format!("/account/{path}")).await;
        let page = browser.sign_in(&page, "ada").await;
        assert!([APPS, SESSIONS].contains(&page.title()), "{page:?}");
        let here = format!("href=\"/account/{path}\" aria-current=\"page\"");
        assert!(page.body.contains(&here), "{page:?}");
        assert!(!page.body.contains(ONCE_MORE), "{page:?}");
    }
}

#[tokio::test]
async fn an_idle_session_shows_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    open(&mut ada).await;
    server.advance(24 * 3600 * 30);
    let page = ada.open("/account").await;
    assert_ne!(page.title(), ACCOUNT, "{page:?}");
}

/// Attacks: PE72.
#[tokio::test]
async fn an_app_that_loses_its_access_can_do_nothing_more_and_asks_anew() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&shop()).await;
    let bob = server.tokens("bob", &shop()).await;
    assert!(server.is_active(&tokens.access).await);
    let page = apps(&mut ada).await;
    assert!(page.body.contains("The shop"), "{page:?}");
    assert!(page.body.contains("name=\"shop\""), "a link may lead to it");

    let page = remove_shop(&mut ada, &page).await;
    assert_eq!(page.title(), APPS);
    assert!(page.body.contains("No app has access"), "{page:?}");
    assert!(!server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("shop", &tokens).await.status, 400);
    assert!(server.is_active(&bob.access).await, "others keep theirs");
    let consent = ada.authorize(&shop()).await;
    assert!(consent.title().starts_with("Allow "), "{consent:?}");
    ada.allow(&consent).await;
}

/// Exactly what UserInfo would tell the app: by the scopes that were allowed, and by what was asked for one by one.
#[tokio::test]
async fn an_app_is_shown_with_what_it_can_see() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    ada.tokens(&Ask::of("club").scope("openid email")).await;
    let page = apps(&mut ada).await;
    assert!(
        page.body.contains("<bdi>ada@lovelace.example</bdi>"),
        "{page:?}"
    );
    assert!(!page.body.contains("<bdi>Ada Lovelace</bdi>"), "{page:?}");
    let one = r#"{"id_token":{"name":null}}"#;
    let asked = Ask::of("club").scope("openid").with("claims", one);
    ada.tokens(&asked).await;
    let page = apps(&mut ada).await;
    assert!(page.body.contains("<bdi>Ada Lovelace</bdi>"), "{page:?}");
    // An app that is told nothing of a person is shown with nothing of them.
    let mut bob = server.sign_in("bob").await;
    bob.tokens(&shop()).await;
    let page = apps(&mut bob).await;
    assert!(!page.body.contains("id=\"sees-"), "{page:?}");
}

/// Attacks: PE73.
#[tokio::test]
async fn other_sessions_end_and_this_one_stays() {
    let server = TestServer::start().await;
    let mut here = server.sign_in("ada").await;
    let mut there = server.sign_in("ada").await;
    let mut bob = server.sign_in("bob").await;
    let page = sessions(&mut here).await;
    let answer = here
        .post("/account/sessions/end-others", &form(&page, &[]))
        .await;
    assert_eq!(here.follow(answer).await.title(), SESSIONS);
    assert_ne!(there.open("/account").await.title(), ACCOUNT);
    open(&mut bob).await;
    assert_eq!(server.sessions("ada").await.len(), 1);
}

/// The header names the browser, and no more of it than its kind is kept or shown.
#[tokio::test]
async fn a_session_is_shown_by_what_it_began_in() {
    const HEADER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) <b>60481729</b> Firefox/145.0";
    let server = TestServer::start().await;
    let mut here = server.sign_in("ada").await;
    let mut there = server.browser().calling_itself(HEADER);
    let page = there.open("/account").await;
    there.sign_in(&page, "ada").await;
    let page = sessions(&mut here).await;
    let device = "<bdi>Firefox</bdi> on <bdi>Linux</bdi>";
    assert_eq!(page.body.matches(device).count(), 1, "{page:?}");
    assert!(!page.body.contains("60481729"), "{page:?}");
    let kept: Vec<_> = server.sessions("ada").await;
    let mut kept: Vec<_> = kept.iter().map(|one| one.device.to_string()).collect();
    kept.sort();
    assert_eq!(kept, ["/", "Firefox/Linux"]);
    // What it calls itself later changes nothing.
    let page = sessions(&mut there.calling_itself("curl")).await;
    assert_eq!(page.body.matches(device).count(), 1, "{page:?}");
}

#[tokio::test]
async fn one_session_of_ones_own_ends_and_nobody_elses() {
    let server = TestServer::start().await;
    let mut here = server.sign_in("ada").await;
    let mut there = server.sign_in("ada").await;
    let mut bob = server.sign_in("bob").await;
    let bobs = server.sessions("bob").await[0].id.to_string();
    let page = sessions(&mut here).await;
    assert_eq!(page.body.matches("Password</span>").count(), 2, "{page:?}");
    let answer = here
        .post("/account/sessions/end", &form(&page, &[("session", &bobs)]))
        .await;
    assert_eq!(here.follow(answer).await.title(), SESSIONS);
    open(&mut bob).await;
    let (_, other) = page.body.split_once("name=\"session\" value=\"").unwrap();
    let other = other.split('"').next().unwrap();
    here.post("/account/sessions/end", &form(&page, &[("session", other)]))
        .await;
    assert_ne!(there.open("/account").await.title(), ACCOUNT);
    open(&mut here).await;
}

/// Attacks: PE70.
#[tokio::test]
async fn a_change_wants_a_fresh_proof_and_a_form_of_this_browser() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&shop()).await;
    let page = apps(&mut ada).await;
    let right = form(&page, &[("client", "shop")]);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let answer = ada
        .post_from("/account/apps/remove", &right, &elsewhere)
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    for stale in [
        right.clone().without("csrf"),
        right.clone().with("csrf", "x"),
    ] {
        let answer = ada.post("/account/apps/remove", &stale).await;
        assert_eq!(ada.follow(answer).await.title(), APPS);
    }
    assert!(server.is_active(&tokens.access).await);

    server.advance(301);
    let tokens = server.refresh("shop", &tokens).await.tokens();
    let answer = ada.post("/account/apps/remove", &right).await;
    let again = ada.follow(answer).await;
    assert_eq!(again.title(), AGAIN, "{again:?}");
    assert!(server.is_active(&tokens.access).await);
    let page = ada.sign_in(&again, "ada").await;
    assert_eq!(page.title(), APPS, "{page:?}");
    assert!(page.body.contains(ONCE_MORE), "{page:?}");
    remove_shop(&mut ada, &page).await;
    assert!(!server.is_active(&tokens.access).await);
}

/// Attacks: PE74.
#[tokio::test]
async fn an_app_that_is_not_in_the_list_cannot_be_named() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    ada.tokens(&shop()).await;
    let page = apps(&mut ada).await;
    let before = events(&server).await;
    for client in ["portal", "nobody", "", "safeconduct:account", "\u{202e}"] {
        let form = form(&page, &[("client", client)]);
        let answer = ada.post("/account/apps/remove", &form).await;
        assert_eq!(ada.follow(answer).await.title(), APPS, "{client}");
    }
    assert_eq!(events(&server).await, before);
}

/// Nobody else than this server can use the name under which a sign-in leads to the account page.
#[tokio::test]
async fn the_account_page_is_no_client() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop")
        .with("client_id", "safeconduct:account")
        .with("redirect_uri", "https://id.example/account");
    let answer = server.browser().authorize(&ask).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// Attacks: PE70.
#[tokio::test]
async fn a_user_is_called_what_they_say_and_apps_see_it() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = open(&mut ada).await;
    let named = |page: &Answer, name: &str| form(page, &[("name", name)]);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let wanted = named(&page, "Ada <King>");
    let answer = ada.post_from("/account/name", &wanted, &elsewhere).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    for unfit in [
        "\u{202e}adA".to_owned(),
        "x".repeat(10_240),
        "a\nb".to_owned(),
    ] {
        let answer = ada.post("/account/name", &named(&page, &unfit)).await;
        assert_eq!(answer.status, 400, "{unfit:.20}");
        assert!(!answer.body.contains(&"x".repeat(129)), "it is cut");
    }
    let stale = wanted.clone().without("csrf");
    let answer = ada.post("/account/name", &stale).await;
    assert!(!ada.follow(answer).await.body.contains("King"));
    let answer = ada.post("/account/name", &wanted).await;
    let page = ada.follow(answer).await;
    assert_eq!(page.title(), ACCOUNT);
    assert!(page.body.contains("value=\"Ada &lt;King&gt;\""), "{page:?}");
    let user = server.user("ada").await;
    let known = server.server().store().user(&user).await.unwrap().unwrap();
    assert_eq!(known.claims.claim("name").unwrap(), "Ada <King>");

    server.advance(301);
    let answer = ada.post("/account/name", &named(&page, "Eve")).await;
    assert_eq!(ada.follow(answer).await.title(), AGAIN);
}

/// Attacks: PE70.
#[tokio::test]
async fn a_user_deletes_the_account_where_that_is_offered_and_by_its_name() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = open(&mut ada).await;
    assert!(!page.body.contains("id=\"delete-account\""), "{page:?}");
    assert_eq!(ada.open("/account/delete").await.status, 404);
    let confirmed = form(&page, &[("confirmation", "ada")]);
    assert_eq!(ada.post("/account/delete", &confirmed).await.status, 404);

    let server = server
        .restart_with(|settings| settings.account_deletion = true)
        .await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&shop()).await;
    let page = open(&mut ada).await;
    assert!(page.body.contains("id=\"delete-account\""), "{page:?}");
    let page = ada.open("/account/delete").await;
    assert_eq!(page.title(), "Delete your account – Safeconduct");
    let confirmed = form(&page, &[("confirmation", " ADA ")]);
    let elsewhere = [("sec-fetch-site", "same-site")];
    let answer = ada
        .post_from("/account/delete", &confirmed, &elsewhere)
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    for wrong in ["", "bob", "a da"] {
        let form = form(&page, &[("confirmation", wrong)]);
        assert_eq!(
            ada.post("/account/delete", &form).await.status,
            400,
            "{wrong}"
        );
    }
    server.advance(301);
    let answer = ada.post("/account/delete", &confirmed).await;
    let again = ada.follow(answer).await;
    assert_eq!(again.title(), AGAIN);
    let page = ada.sign_in(&again, "ada").await;
    let tokens = server.refresh("shop", &tokens).await.tokens();
    let confirmed = form(&page, &[("confirmation", " ADA ")]);
    let answer = ada.post("/account/delete", &confirmed).await;
    assert_eq!(answer.title(), "Your account is deleted – Safeconduct");
    assert!(ada.session().0.is_empty(), "the cookie is gone");
    assert!(!server.is_active(&tokens.access).await);
    let page = ada.open("/account").await;
    let wrong = ada.guess(&page, "ada", &password_of("ada")).await;
    assert_eq!(wrong.to_string(), WRONG);
    assert!(server.sign_in("bob").await.open("/account").await.status == 200);
}
