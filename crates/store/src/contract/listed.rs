//! What operators list, look for and end: sessions, grants, events, and what waits to be told.

use rstest_reuse::apply;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::mail::MailPurpose;
use safeconduct_protocol::time::Timestamp;

use super::{OFFLINE, ONLINE, World, operator};
use crate::databases::{Kind, databases};
use crate::{
    By, Door, Event, EventFilter, FailedSignIns, ListedMessage, MessageState, NewSession, Store,
    Sweepable, Who,
};

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

impl World {
    async fn adds(&self, username: &str) -> UserId {
        let id = UserId::generate();
        let user = crate::NewUser {
            id: id.clone(),
            ..self.new_user(username)
        };
        self.store.add_user(user, self.now()).await.unwrap();
        id
    }

    async fn begins(&self, user: &UserId) -> SessionId {
        let session = NewSession {
            id: SessionId::generate(),
            hash: safeconduct_protocol::random::bytes(),
            user: user.clone(),
            ..self.new_session()
        };
        let begun = self.store.start_session(&session, self.now()).await;
        assert!(begun.unwrap());
        session.id
    }
}

#[apply(databases)]
#[tokio::test]
async fn sessions_are_listed_by_pages_and_ended_together(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let grace = world.adds("grace").await;
    let mut expected = vec![world.session.clone()];
    for _ in 0..4 {
        expected.push(world.begins(&grace).await);
    }
    expected.sort_by(|one, other| one.as_str().cmp(other.as_str()));

    let (mut paged, mut after): (Vec<SessionId>, Option<SessionId>) = (Vec::new(), None);
    loop {
        let page = store.sessions_after(None, after.as_ref(), 2, now).await;
        let page = page.unwrap();
        after = page.last().map(|session| session.id.clone());
        paged.extend(page.into_iter().map(|session| session.id));
        if after.is_none() {
            break;
        }
    }
    // Every session once: the order is the database's, by a name that is random.
    paged.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    assert_eq!(paged, expected);
    let of_grace = store.sessions_after(Some(&grace), None, 100, now).await;
    assert_eq!(of_grace.unwrap().len(), 4);
    assert_eq!(store.count_sessions(now).await.unwrap(), 5);
    let found = store.session(&world.session, now).await.unwrap().unwrap();
    assert_eq!((found.username.as_str(), &found.user), ("ada", &world.user));

    store.end_all_sessions(now).await.unwrap();
    assert_eq!(store.count_sessions(now).await.unwrap(), 0);
    assert_eq!(store.session(&world.session, now).await.unwrap(), None);
    let ended = |events: &[String]| {
        let ended = events.iter().filter(|kind| *kind == "all-sessions-ended");
        ended.count()
    };
    assert_eq!(ended(&world.events().await), 1);
    // Nothing ends twice, and nothing says so.
    store.end_all_sessions(now).await.unwrap();
    assert_eq!(ended(&world.events().await), 1);
}

#[apply(databases)]
#[tokio::test]
async fn grants_are_listed_while_they_live_and_shown_when_they_do_not(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let (online, offline) = (world.granted(ONLINE).await, world.granted(OFFLINE).await);
    let (ada, shop) = (Some(&world.user), Some(&world.client));
    let other = ClientId::parse("other").unwrap();
    let listed = async |user, client, before| -> Vec<_> {
        let found = store.live_grants_before((user, client), before, 10, now);
        let found = found.await.unwrap().into_iter();
        found.map(|grant| grant.grant.id).collect()
    };
    let mut newest_first = vec![online.id, offline.id];
    newest_first.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
    for (user, client) in [(None, None), (ada, None), (None, shop), (ada, shop)] {
        assert_eq!(listed(user, client, None).await, newest_first);
    }
    assert_eq!(listed(None, Some(&other), None).await, []);
    assert_eq!(
        listed(ada, None, Some(newest_first[0])).await,
        [newest_first[1]]
    );

    // What rests on the session is no more, and is shown all the same.
    store
        .end_session(&world.session, &world.user, now)
        .await
        .unwrap();
    assert_eq!(listed(ada, None, None).await, [offline.id]);
    let shown = store.listed_grant(online.id, now).await.unwrap().unwrap();
    assert!(!shown.lives && shown.record.revoked_at.is_none());
    assert!(
        store
            .listed_grant(offline.id, now)
            .await
            .unwrap()
            .unwrap()
            .lives
    );
}

#[apply(databases)]
#[tokio::test]
async fn events_are_found_by_what_they_are_about_and_by_who_did_it(database: Kind) {
    let world = World::on(database).await;
    let now = world.now();
    let grant = world.granted(ONLINE).await;
    let client = world.client.clone();
    let in_request = |name: &str| {
        let by = By::new(Who::Client(client.clone()), Door::Endpoint);
        by.in_request(Some([192, 0, 2, 7].into()), name)
    };
    let store = Store::clone(&world.store);
    let app = store.by(in_request("0123456789abcdef"));
    app.revoke_grant(grant.id, &world.client, "by-test", now)
        .await
        .unwrap();
    let filter = EventFilter::default;
    let found = async |filter: EventFilter| {
        let oldest = store.events_after(&filter, "", 100).await.unwrap();
        let mut newest = store.events_before(&filter, None, 100).await.unwrap();
        newest.reverse();
        assert_eq!(oldest, newest);
        oldest
    };
    let revoked = found(EventFilter {
        correlation_id: Some("0123456789abcdef".to_owned()),
        ..filter()
    });
    let revoked = revoked.await;
    assert_eq!(kinds(&revoked), ["grant-revoked"]);
    assert_eq!(revoked[0].by, in_request("0123456789abcdef"));
    for narrow in [
        EventFilter {
            grant: Some(grant.id),
            ..filter()
        },
        EventFilter {
            door: Some(Door::Endpoint),
            ..filter()
        },
        EventFilter {
            kinds: vec!["grant-revoked".to_owned()],
            ..filter()
        },
        EventFilter {
            client: Some(world.client.clone()),
            user: Some(world.user.clone()),
            ..filter()
        },
    ] {
        assert_eq!(found(narrow.clone()).await, revoked, "{narrow:?}");
    }
    let of_ada = found(EventFilter {
        user: Some(world.user.clone()),
        ..filter()
    })
    .await;
    assert_eq!(
        kinds(&of_ada),
        ["user-added", "session-started", "grant-revoked"]
    );
    assert_eq!(of_ada[0].by, operator());
    let nothing = [
        EventFilter {
            since: Some(now.plus(1)),
            ..filter()
        },
        EventFilter {
            until: Some(now),
            ..filter()
        },
        EventFilter {
            kinds: vec!["grant".to_owned(), "revoked".to_owned()],
            ..filter()
        },
        EventFilter {
            correlation_id: Some("%".to_owned()),
            ..filter()
        },
    ];
    for narrow in nothing {
        assert_eq!(found(narrow.clone()).await, [], "{narrow:?}");
    }
    let all = found(EventFilter {
        since: Some(now),
        until: Some(now.plus(1)),
        ..filter()
    })
    .await;
    assert_eq!(all.len(), world.events().await.len());
}

#[apply(databases)]
#[tokio::test]
async fn a_prefix_finds_names_by_their_bytes_and_pages_lose_none(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    for name in ["ad", "ad-hoc", "adam", "ad_am", "ädam", "a%", "b"] {
        world.adds(name).await;
    }
    let names = async |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
        let found = store.list_users(prefix, after, limit).await.unwrap();
        found.into_iter().map(|user| user.username).collect()
    };
    let ad = ["ad", "ad-hoc", "ad_am", "ada", "adam"];
    assert_eq!(names("ad", None, 10).await, ad);
    assert_eq!(names("ad", Some("ad"), 2).await, ad[1..3]);
    assert_eq!(names("a%", None, 10).await, ["a%"]);
    assert_eq!(names("ä", None, 10).await, ["ädam"]);
    assert_eq!(names("c", None, 10).await, [""; 0]);
    let all = names("", None, 10).await;
    assert_eq!(all.len(), 8);
    assert!(
        all.is_sorted_by_key(|name| name.as_bytes().to_vec()),
        "{all:?}"
    );
    store.delete_user(&world.user, world.now()).await.unwrap();
    assert_eq!(names("ada", None, 10).await, ["adam"]);
}

#[apply(databases)]
#[tokio::test]
async fn what_waits_is_told_at_once_or_never_as_an_operator_says(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let mail = world.mail(MailPurpose::Recover);
    assert!(world.ask(Some(&mail)).await);
    let waiting = world.mails_due().await.remove(0);
    let later = world.now().plus(600);
    store
        .claim_message(&waiting, later, world.now())
        .await
        .unwrap();
    store
        .retry_message(&waiting, later, "503: try\nlater")
        .await
        .unwrap();
    let listed = store.messages_after("", 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    let kept = store.message(&waiting.id).await.unwrap().unwrap();
    assert_eq!(listed[0], kept);
    let waits = MessageState::Waiting { next_at: later };
    assert_eq!((kept.state, kept.row.attempts), (waits, 1));
    assert_eq!(kept.last_answer.as_deref(), Some("503: trylater"));

    let due = async |now: Timestamp| {
        let (kind, to) = (kept.row.message.kind(), kept.row.message.recipient());
        store.due_messages(kind, to, now, 10).await.unwrap().len()
    };
    assert_eq!(due(world.now()).await, 0);
    assert!(store.retry_message_now(&kept, world.now()).await.unwrap());
    assert_eq!(due(world.now()).await, 1);
    assert!(store.drop_message(&kept, world.now()).await.unwrap());
    assert_eq!(due(later).await, 0);
    // What is gone is neither told nor dropped again, and leaves no event.
    assert!(!store.retry_message_now(&kept, world.now()).await.unwrap());
    assert!(!store.drop_message(&kept, world.now()).await.unwrap());
    let events = world.events().await;
    let said: Vec<_> = events
        .iter()
        .filter(|kind| kind.starts_with("message-"))
        .collect();
    assert_eq!(said, ["message-retried", "message-dropped"]);
}

impl World {
    /// A mail that was given up just now.
    async fn given_up(&self) -> ListedMessage {
        assert!(self.ask(Some(&self.mail(MailPurpose::Recover))).await);
        let waiting = self.mails_due().await.remove(0);
        let (store, now) = (&self.store, self.now());
        assert!(store.claim_message(&waiting, now, now).await.unwrap());
        let given_up = store.give_up_message(&waiting, "550: no such user", now);
        given_up.await.unwrap();
        store.message(&waiting.id).await.unwrap().unwrap()
    }
}

#[apply(databases)]
#[tokio::test]
async fn what_was_given_up_is_kept_for_a_week_and_tried_as_long_again(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let given_up = world.given_up().await;
    let (at, row) = (world.now(), &given_up.row);
    assert_eq!(given_up.state, MessageState::GivenUp { at });
    assert_eq!(given_up.last_answer.as_deref(), Some("550: no such user"));
    assert_eq!(row.attempts, 1);
    assert_eq!(store.messages_after("", 10).await.unwrap(), []);
    let listed = store.given_up_messages_after("", 10).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&given_up));
    assert_eq!(store.outbox_backlog().await.unwrap(), []);

    world.advance(3 * 24 * 3600);
    let now = world.now();
    assert!(store.retry_message_now(&given_up, now).await.unwrap());
    assert!(!store.retry_message_now(&given_up, now).await.unwrap());
    let due = world.mails_due().await;
    assert_eq!((due[0].id.as_str(), due[0].attempts), (row.id.as_str(), 0));
    assert_eq!(due[0].created_at, now, "it is patient again");
    assert_eq!(store.given_up_messages_after("", 10).await.unwrap(), []);

    let again = world.given_up().await;
    world.advance(7 * 24 * 3600 - 1);
    let sweep = async || {
        let kind = Sweepable::GivenUpMessages;
        let backlog = store.sweep_backlog(kind, world.now(), 10).await.unwrap();
        let swept = store.sweep_some(kind, world.now(), 10).await.unwrap();
        assert_eq!(backlog, swept);
        swept
    };
    assert_eq!(sweep().await, 0);
    world.advance(1);
    assert_eq!(sweep().await, 1);
    assert!(!store.drop_message(&again, world.now()).await.unwrap());
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_retries_of_what_was_given_up_one_puts_it_back(database: Kind) {
    let world = std::sync::Arc::new(World::on(database).await);
    let given_up = world.given_up().await;
    let retries: Vec<_> = (0..64)
        .map(|_| {
            let (world, given_up) = (world.clone(), given_up.clone());
            tokio::spawn(async move {
                let retried = world.store.retry_message_now(&given_up, world.now());
                retried.await.unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for retry in retries {
        done += usize::from(retry.await.unwrap());
    }
    assert_eq!(done, 1);
    assert_eq!(world.mails_due().await.len(), 1);
    assert_eq!(world.rows_of("given_up_messages").await, 0);
    let events = world.events().await;
    let retried = events.iter().filter(|kind| *kind == "message-retried");
    assert_eq!(retried.count(), 1);
}

/// Attacks: AD59.
#[apply(databases)]
#[tokio::test]
async fn sign_ins_that_failed_alike_are_one_event_with_a_count(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let failed = |times, name: Option<&'static str>| FailedSignIns {
        minute: now,
        last_at: now.plus(times),
        times,
        reason: "unknown-name",
        user: None,
        name_hash: name,
        client: Some(&world.client),
        network: Some([192, 0, 2, 0].into()),
        correlation_id: Some("0123456789abcdef"),
    };
    for times in [7, 2] {
        let written = [failed(times, Some("one")), failed(1, Some("other"))];
        store.write_failed_sign_ins(written).await.unwrap();
    }
    let of_one = EventFilter {
        name_hash: Some("one".to_owned()),
        ..EventFilter::default()
    };
    let found = store.events_before(&of_one, None, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].times, found[0].at), (9, now.plus(7)));
    assert_eq!(found[0].detail.as_deref(), Some("unknown-name"));
    assert_eq!(found[0].by.who(), &Who::Unknown);
    let kinds = EventFilter {
        kinds: vec!["sign-in-failed".to_owned()],
        ..EventFilter::default()
    };
    assert_eq!(store.events_after(&kinds, "", 10).await.unwrap().len(), 2);

    // 64 at once, from as many nodes, in any order: all are counted.
    let all = (0..64).map(|node| {
        let (store, client) = (Store::clone(store), world.client.clone());
        tokio::spawn(async move {
            let failed = |name: &'static str| FailedSignIns {
                minute: now.plus(60),
                last_at: now.plus(60),
                times: 1,
                reason: "unknown-name",
                user: None,
                name_hash: Some(name),
                client: Some(&client),
                network: None,
                correlation_id: None,
            };
            let mut rows = [failed("one"), failed("two"), failed("three")];
            rows.rotate_left(node % 3);
            store.write_failed_sign_ins(rows).await.unwrap();
        })
    });
    for written in all.collect::<Vec<_>>() {
        written.await.unwrap();
    }
    let found = store.events_before(&of_one, None, 1).await.unwrap();
    assert_eq!(found[0].times, 64);
}
