//! Sign-ins that failed: why, for operators; how many, in few rows; and a password that was typed as the name is nowhere.

use std::net::{IpAddr, Ipv4Addr};

use safeconduct_store::{Event, EventFilter, FailedSignIns};

use safeconduct_server::administration::events::Follower;

use crate::support::{Answer, Ask, Log, TestServer, password_of};

const HERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

async fn failed(server: &TestServer) -> Vec<Event> {
    server.server().refresh().await.unwrap();
    let filter = EventFilter {
        kinds: vec!["sign-in-failed".to_owned()],
        ..EventFilter::default()
    };
    let found = server.store().events_after(&filter, "", 1000).await;
    found.unwrap()
}

async fn guess(server: &TestServer, name: &str, password: &str, from: Ipv4Addr) -> Answer {
    let mut browser = server.browser().at(from);
    let page = browser.authorize(&Ask::of("shop")).await;
    browser.guess(&page, name, password).await
}

#[tokio::test]
async fn a_failed_sign_in_says_why_to_operators_and_nothing_to_the_page() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.lock_user("bob").await;
    let right = password_of("bob");
    let tried = [
        ("ada", "wrong", "wrong-password", Some(&ada)),
        ("nobody", "wrong", "unknown-name", None),
        ("bob", right.as_str(), "locked", Some(&bob)),
        ("bob", "wrong", "wrong-password", Some(&bob)),
    ];
    let mut pages = Vec::new();
    for (name, password, reason, user) in tried {
        let (answer, log) = Log::of(guess(&server, name, password, HERE)).await;
        let events = failed(&server).await;
        let found = events
            .iter()
            .find(|event| event.user.as_ref() == user && event.detail.as_deref() == Some(reason));
        let event = found.unwrap_or_else(|| panic!("{name}: {events:?}"));
        assert_eq!(event.client.as_ref().unwrap().as_str(), "shop");
        assert_eq!(
            (event.times, event.name_hash.is_some()),
            (1, user.is_none())
        );
        assert_eq!(event.by.who().kind(), "unknown");
        // The network and not the address; and the reference that the page shows.
        assert_eq!(event.by.address(), Some(IpAddr::from([198, 51, 100, 0])));
        let reference = answer.header("x-correlation-id");
        assert_eq!(event.by.correlation_id(), Some(reference));
        let line = log
            .lines()
            .find(|line| line.contains("a sign-in failed"))
            .unwrap();
        assert!(
            line.contains(reason) && line.contains("198.51.100.7"),
            "{line}"
        );
        pages.push(answer.to_string());
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
}

/// Whoever follows from the middle of a minute on sees the attempts of that minute, and how many there are by now.
#[tokio::test]
async fn who_follows_sees_attempts_and_their_count() {
    let server = TestServer::start().await;
    server.advance(60 - server.now().seconds().rem_euclid(60) + 30);
    let mut follower = Follower::new(EventFilter::default(), server.now());
    for times in [1, 2] {
        guess(&server, "ada", "wrong", HERE).await;
        server.server().refresh().await.unwrap();
        for expected in [vec![times], vec![]] {
            let seen = follower.look(&server.store(), server.now()).await.unwrap();
            let seen: Vec<_> = seen
                .iter()
                .filter(|event| event.kind == "sign-in-failed")
                .map(|event| event.times)
                .collect();
            assert_eq!(seen, expected);
        }
    }
}

/// What strangers type hides nothing that happened from its owner, and no name that somebody chose stands in a command.
#[tokio::test]
async fn an_owner_sees_what_happened_and_an_operator_commands_without_chosen_words() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    for _ in 0..4 {
        guess(&server, "ada", "wrong", HERE).await;
    }
    server.sign_in("ada").await;
    assert!(!failed(&server).await.is_empty());
    let seen = server.store().events_of(&ada, None, 50).await.unwrap();
    let kinds: Vec<_> = seen.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"session-started"));
    assert!(!kinds.contains(&"sign-in-failed"), "{kinds:?}");
    let story = server
        .administer(async |verbs| verbs.explain("ada").await)
        .await;
    let advice = story.advice.join("\n");
    assert!(advice.contains("user recover ada`"), "{advice}");
    server.change("UPDATE users SET username = 'x;id' WHERE username = 'ada'");
    let story = server
        .administer(async |verbs| verbs.explain(ada.as_str()).await)
        .await;
    let advice = story.advice.join("\n");
    let by_id = advice.contains(&format!("user recover {ada}`"));
    assert!(by_id && !advice.contains("x;id"), "{advice}");
}

#[tokio::test]
async fn who_is_slowed_down_is_told_apart_from_who_is_wrong() {
    let server = TestServer::start().await;
    for _ in 0..12 {
        guess(&server, "ada", "wrong", HERE).await;
    }
    let events = failed(&server).await;
    let times = |reason: &str| -> u64 {
        let of = events
            .iter()
            .filter(|event| event.detail.as_deref() == Some(reason));
        of.map(|event| event.times).sum()
    };
    let throttled = times("throttled-pair");
    assert!(throttled > 0, "{events:?}");
    assert_eq!(times("wrong-password") + throttled, 12);
    assert_eq!(events.len(), 2, "{events:?}");
    // One who was not even looked up is found by the name that was typed.
    let hash = server.administer(async |verbs| Ok(verbs.hash_of_typed_name("ADA")));
    let hash = Some(hash.await);
    let named = events.iter().filter(|event| event.name_hash == hash);
    assert_eq!(named.map(|event| event.times).sum::<u64>(), throttled);
}

/// Attacks: AD59.
#[tokio::test]
async fn nodes_count_in_one_row_and_each_minute_in_its_own() {
    let one = TestServer::start().await;
    let other = one.another_node().await;
    for node in [&one, &other, &one] {
        guess(node, "nobody", "wrong", HERE).await;
        node.server().refresh().await.unwrap();
    }
    let events = failed(&one).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].times, 3);
    one.advance(60);
    guess(&other, "nobody", "wrong", HERE).await;
    other.server().refresh().await.unwrap();
    let times: Vec<u64> = failed(&one).await.iter().map(|event| event.times).collect();
    assert_eq!(times, [3, 1]);
}

/// Attacks: AD59.
#[tokio::test]
async fn a_password_that_is_typed_as_the_name_is_nowhere() {
    let server = TestServer::start().await;
    let password = password_of("ada");
    let (answer, log) = Log::of(async {
        let answer = guess(&server, &password, "ada", HERE).await;
        server.server().refresh().await.unwrap();
        answer
    })
    .await;
    assert_eq!(answer.status, 400);
    assert!(!log.contains(&password), "{log}");
    let events = server.server().store().events(None, 1000).await.unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|event| event.name_hash.is_some())
            .count(),
        1
    );
    assert!(!format!("{events:?}").contains(&password));
}

#[tokio::test]
async fn what_failed_is_forgotten_after_ninety_days_and_the_rest_after_more() {
    let server = TestServer::start().await;
    guess(&server, "nobody", "wrong", HERE).await;
    assert_eq!(failed(&server).await.len(), 1);
    server.advance(91 * 24 * 3600);
    let before = server.store().events(None, 1000).await.unwrap().len();
    server.server().sweep().await.unwrap();
    assert_eq!(failed(&server).await, []);
    let after = server.store().events(None, 1000).await.unwrap().len();
    assert!(after > 0 && after >= before - 1, "{before} {after}");
}

/// What happens often hides nothing of the story of a grant: more sign-ins that failed than a story has room for.
#[tokio::test]
async fn a_flood_of_failed_sign_ins_hides_nothing_of_a_grant() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let tokens = server.tokens("ada", &Ask::of("club").scope("openid")).await;
    let grants = server.store();
    let grants = grants.live_grants_before((Some(&ada), None), None, 10, server.now());
    let grant = grants.await.unwrap()[0].grant.id;
    let failed = (1..150).map(|minute| FailedSignIns {
        minute: server.now().plus(minute * 60),
        last_at: server.now().plus(minute * 60),
        times: 1,
        reason: "wrong-password",
        user: Some(&ada),
        name_hash: None,
        client: None,
        network: None,
        correlation_id: None,
    });
    let failed: Vec<_> = failed.collect();
    server.store().write_failed_sign_ins(failed).await.unwrap();
    server.refresh("club", &tokens).await;
    let story = server
        .administer(async |verbs| verbs.explain(&grant.to_string()).await)
        .await;
    let kinds: Vec<_> = story
        .events
        .iter()
        .map(|event| event.kind.as_str())
        .collect();
    assert!(kinds.contains(&"session-started"), "{kinds:?}");
    assert!(!kinds.contains(&"sign-in-failed"), "{kinds:?}");
}

/// A name can be that of a user and of a client.
#[tokio::test]
async fn of_a_user_and_a_client_of_one_name_both_are_explained() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    server
        .change("UPDATE users SET username = 'shop', username_key = 'shop' WHERE username = 'bob'");
    server.lock_user("shop").await;
    server.disable_client("shop").await;
    let story = server
        .administer(async |verbs| verbs.explain("shop").await)
        .await;
    assert!(story.names.contains(&bob.to_string()) && story.names.contains(&"shop".to_owned()));
    let kinds: Vec<_> = story
        .events
        .iter()
        .map(|event| event.kind.as_str())
        .collect();
    assert!(kinds.contains(&"user-locked") && kinds.contains(&"client-disabled"));
    let advice = story.advice.join("\n");
    assert!(advice.contains("user unlock shop`") && advice.contains("client enable shop`"));
}
