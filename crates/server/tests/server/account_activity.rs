//! What a user reads of what happened to their account: their own, in words, and bounded.

use crate::support::{Ask, TestServer};

const ACTIVITY: &str = "200 page “Recent activity – Safeconduct”";

#[tokio::test]
async fn a_user_reads_what_happened_to_their_account_and_to_no_other() {
    let server = TestServer::start().await;
    let mut bob = server.sign_in("bob").await;
    bob.tokens(&Ask::of("shop")).await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.open("/account/activity").await;
    assert_eq!(page.to_string(), ACTIVITY);
    assert!(page.body.contains("Signed in\n"), "{page:?}");
    assert!(!page.body.contains("The shop"), "bob's: {page:?}");
    ada.tokens(&Ask::of("shop")).await;
    server.set_password("ada", "another horse of hers").await;
    let mut ada = server.browser();
    let page = ada.open("/account/activity").await;
    let answer = ada.guess(&page, "ada", "another horse of hers").await;
    let page = ada.follow(answer).await;
    assert_eq!(page.to_string(), ACTIVITY);
    let said = |what: &str| {
        page.body
            .find(what)
            .unwrap_or_else(|| panic!("{what}: {page:?}"))
    };
    let set = said("Password set");
    assert!(
        set < said("<bdi>The shop</bdi> was given access"),
        "the newest first"
    );
    for of_others in ["bob", "session-started", "grant"] {
        assert!(!page.body.contains(of_others), "{of_others}: {page:?}");
    }
}

#[tokio::test]
async fn what_was_long_ago_is_on_another_page() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.open("/account/activity").await;
    assert!(!page.body.contains("id=\"earlier\""), "{page:?}");
    let user = server.user("ada").await;
    let store = &server.store();
    for _ in 0..50 {
        store.lock_user(&user, server.now()).await.unwrap();
        store.unlock_user(&user, server.now()).await.unwrap();
    }
    let mut ada = server.sign_in("ada").await;
    let mut page = ada.open("/account/activity").await;
    let mut pages = 1;
    while let Some((_, rest)) = page.body.split_once("id=\"earlier\" href=\"") {
        assert!(page.body.matches("<small>").count() <= 50, "{page:?}");
        let earlier = rest.split('"').next().unwrap().to_owned();
        page = ada.open(&earlier).await;
        assert_eq!(page.to_string(), ACTIVITY);
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert!(
        page.body.contains("Account created"),
        "the first of all: {page:?}"
    );
    for nonsense in [
        "x",
        "",
        "zz",
        "0&before=1",
        "%00",
        &"f".repeat(48),
        &"f".repeat(4000),
    ] {
        let page = ada
            .open(&format!("/account/activity?before={nonsense}"))
            .await;
        assert_eq!(page.to_string(), ACTIVITY, "{nonsense:.60}");
        assert!(
            page.body.contains("Signed in\n"),
            "the newest: {nonsense:.60}"
        );
    }
}
