//! What events say of who did it: by which door, from where, and in which request.

use std::collections::HashSet;

use safeconduct_store::{By, Door, Event, Who};

use crate::support::{Ask, SOMEWHERE, TestServer};

/// The last event of this kind.
async fn last(server: &TestServer, kind: &str) -> Event {
    let events = server.server().store().events(None, 1000).await.unwrap();
    let mut found = events.into_iter().filter(|event| event.kind == kind);
    found.next_back().unwrap_or_else(|| panic!("no {kind}"))
}

fn told(by: &By) -> (&str, Option<&str>, &str) {
    (by.who().kind(), by.who().name(), by.door().as_str())
}

#[tokio::test]
async fn what_a_person_does_is_theirs() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    let page = browser.sign_in(&page, "ada").await;
    browser.allow(&page).await;
    browser.sign_out().await;
    let mut requests = HashSet::new();
    for kind in ["session-started", "consent-given", "session-ended"] {
        let by = last(&server, kind).await.by;
        assert_eq!(told(&by), ("person", Some(ada.as_str()), "page"), "{kind}");
        assert_eq!(by.address(), Some(SOMEWHERE), "{kind}");
        requests.insert(by.correlation_id().unwrap().to_owned());
    }
    assert_eq!(requests.len(), 3, "{requests:?}");
}

#[tokio::test]
async fn what_an_app_does_is_the_app_s() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let answer = server.revoke("shop", tokens.refresh_token()).await;
    let event = last(&server, "grant-revoked").await;
    assert_eq!(event.user, Some(server.user("ada").await));
    assert_eq!(told(&event.by), ("client", Some("shop"), "endpoint"));
    assert_eq!(event.by.address(), Some(SOMEWHERE));
    let named = event.by.correlation_id();
    assert_eq!(named, Some(answer.header("x-correlation-id")));
}

#[tokio::test]
async fn what_an_operator_does_is_the_operator_s() {
    let server = TestServer::start().await;
    server.lock_user("ada").await;
    let by = last(&server, "user-locked").await.by;
    assert_eq!(by, By::shell("grace (uid 1000)"));
    assert_eq!((by.address(), by.correlation_id()), (None, None));
}

#[tokio::test]
async fn what_happens_by_itself_is_the_server_s() {
    let server = TestServer::start().await;
    let by = last(&server, "cluster-created").await.by;
    assert_eq!((by.who(), by.door()), (&Who::Server, Door::Server));
}
