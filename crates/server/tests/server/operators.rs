//! What operators see, end and follow, by the verbs that the command line is thin over.

use safeconduct_protocol::client::Client;
use safeconduct_server::administration::Page;
use safeconduct_server::administration::events::Follower;
use safeconduct_store::{EventFilter, SETTLED};

use crate::support::{Ask, TestServer};

fn locks() -> EventFilter {
    EventFilter {
        kinds: vec!["user-locked".to_owned(), "user-unlocked".to_owned()],
        ..EventFilter::default()
    }
}

async fn settled(server: &TestServer, after: &str) -> Vec<String> {
    let page = server.administer(async |verbs| verbs.settled_events(&locks(), after).await);
    page.await
        .events
        .into_iter()
        .map(|event| event.id)
        .collect()
}

/// Two nodes commit in the reverse order of their requests, while somebody follows and somebody exports.
#[tokio::test]
async fn an_event_that_appears_late_is_followed_and_exported_once() {
    let server = TestServer::start().await;
    let (ada, store, begun) = (server.user("ada").await, server.store(), server.now());
    let mut follower = Follower::new(locks(), begun);
    let mut followed = Vec::new();

    // The request of the second began five seconds before that of the first, and is written after it was seen.
    store.lock_user(&ada, begun.plus(5)).await.unwrap();
    followed.extend(follower.look(&store, begun.plus(5)).await.unwrap());
    assert_eq!(followed.len(), 1);
    store.unlock_user(&ada, begun).await.unwrap();
    followed.extend(follower.look(&store, begun.plus(6)).await.unwrap());
    for second in 7..30 {
        followed.extend(follower.look(&store, begun.plus(second)).await.unwrap());
    }
    let kinds: Vec<&str> = followed.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["user-locked", "user-unlocked"]);

    // Nothing is exported as long as something may come before it.
    server.advance(SETTLED);
    let first = settled(&server, "").await;
    assert_eq!(
        first.len(),
        0,
        "what is just old enough may have younger ones of its second"
    );
    server.advance(6);
    let all = settled(&server, "").await;
    let [unlocked, locked] = [&followed[1].id, &followed[0].id];
    assert_eq!(all.iter().collect::<Vec<_>>(), [unlocked, locked]);
    assert_eq!(settled(&server, locked).await, [""; 0]);
}

#[tokio::test]
async fn a_session_tells_how_it_began_and_what_ends_with_it() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").scope("notes.read offline_access");
    let tokens = ada.tokens(&ask).await;
    let session = server.sessions("ada").await.remove(0);
    let details = server.administer(async |verbs| verbs.session(session.id.as_str()).await);
    let details = details.await;
    let begun = details.begun.unwrap();
    assert!(begun.by.address().is_some() && begun.by.correlation_id().is_some());
    assert_eq!(details.session, session);

    let user = server
        .administer(async |verbs| verbs.user("ada").await)
        .await;
    let ending = server.administer(async |verbs| verbs.would_end(Some(&user)).await);
    assert_eq!(ending.await.sessions, 1);
    server
        .administer(async |verbs| verbs.end_session(session.id.as_str()).await)
        .await;
    assert_eq!(server.sessions("ada").await, []);
    assert!(
        server.is_active(&tokens.access).await,
        "allowed to go on without it"
    );

    // What is left ends by its grant.
    let grants = server.administer(async |verbs| verbs.grants(Some(&user), None, &Page::ALL).await);
    let grants = grants.await;
    assert_eq!(grants.len(), 1);
    let id = grants[0].grant.id.to_string();
    let grant = server
        .administer(async |verbs| verbs.grant(&id).await)
        .await;
    assert!(grant.lives);
    server
        .administer(async |verbs| verbs.revoke_grant(&grant).await)
        .await;
    assert!(!server.is_active(&tokens.access).await);
    let grant = server
        .administer(async |verbs| verbs.grant(&id).await)
        .await;
    assert!(!grant.lives);
    let reason = grant.record.revoked_reason.as_deref();
    assert_eq!(reason, Some("revoked-by-operator"));
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_ends_what_rests_on_it_and_is_asked_for_again() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("shop")).await;
    let user = server
        .administer(async |verbs| verbs.user("ada").await)
        .await;
    let shop = server
        .administer(async |verbs| verbs.client("shop").await)
        .await;
    let shop: Client = shop.client;
    server
        .administer(async |verbs| verbs.consent(&user, &shop.id).await)
        .await;
    server
        .administer(async |verbs| verbs.withdraw_consent(&user, &shop.id).await)
        .await;
    assert!(!server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("shop", &tokens).await.status, 400);
    assert!(server.consents("ada").await.is_empty());
    let page = ada.authorize(&Ask::of("shop")).await;
    assert!(
        page.is_page() && !page.hidden("pending").is_empty(),
        "asked again"
    );
}

/// A door that forgets a kind of state would leave somebody in: locking ends what every other verb lists.
#[tokio::test]
async fn who_is_locked_has_nothing_left_by_any_list() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (online, offline) = (
        ada.tokens(&Ask::of("shop")).await,
        ada.tokens(&Ask::of("shop").scope("notes.read offline_access"))
            .await,
    );
    let user = server
        .administer(async |verbs| verbs.user("ada").await)
        .await;
    server
        .administer(async |verbs| verbs.lock_user("ada").await)
        .await;
    for tokens in [&online, &offline] {
        assert!(!server.is_active(&tokens.access).await);
    }
    let page = Page::ALL;
    let sessions = server.administer(async |verbs| verbs.sessions(Some(&user), &page).await);
    assert_eq!(sessions.await, []);
    let grants = server.administer(async |verbs| verbs.grants(Some(&user), None, &page).await);
    assert_eq!(grants.await, []);
    server
        .administer(async |verbs| verbs.unlock_user("ada").await)
        .await;
    assert!(!server.is_active(&online.access).await, "and it stays so");
}
