//! However a session ends, the clients that were signed in to in it are told, each by one node at a time.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::random;

use super::{OFFLINE, ONLINE, SESSION_IDLE, World, client, sealed};
use crate::databases::{Kind, databases};
use crate::driver::{Statement, Unit};
use crate::{
    Message, NewSession, NewUser, OutboxBacklog, OutboxKind, OutboxRow, Redeeming, Sweepable,
};

const DAY: i64 = 24 * 3600;

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// Signs in to a client that wants to be told of logouts.
async fn sign_in_to(world: &World, client: &str, scope: &str) -> Redemption {
    let mut code = world.allow(scope).await;
    code.client = id(client);
    let redeeming = Redeeming {
        grant: &code,
        attempt: &new_id(),
        used_ids: &[],
        tell_of_logout: true,
    };
    let redeemed = world.store.redeem_code(&redeeming, world.now()).await;
    redeemed.unwrap()
}

async fn register_wiki(world: &World) {
    let wiki = client("wiki");
    let created = world.store.create_client(&wiki, None, false, world.now());
    created.await.unwrap();
}

/// Two clients, `shop` and `wiki`, and somebody who is signed in to both.
async fn signed_in(database: Kind) -> World {
    let world = World::on(database).await;
    register_wiki(&world).await;
    for client in ["shop", "wiki"] {
        assert_eq!(sign_in_to(&world, client, ONLINE).await, Redemption::Won);
    }
    world
}

/// What is due, recipient by recipient.
async fn due(world: &World) -> Vec<OutboxRow> {
    let (store, kind) = (&world.store, OutboxKind::Logout);
    let mut due = Vec::new();
    for recipient in store.due_recipients(kind, world.now()).await.unwrap() {
        let messages = store.due_messages(kind, &recipient, world.now(), 100);
        due.extend(messages.await.unwrap());
    }
    due
}

/// Takes a message on for 30 seconds.
async fn claim(world: &World, row: &OutboxRow) -> bool {
    let lease_ends = world.now().plus(30);
    let claimed = world.store.claim_message(row, lease_ends, world.now());
    claimed.await.unwrap()
}

async fn clients_due(world: &World) -> Vec<String> {
    let due = due(world).await;
    let told = |row: &OutboxRow| {
        let Message::Logout {
            client,
            user,
            session,
        } = &row.message
        else {
            panic!("{row:?}");
        };
        assert_eq!((session, user), (&world.session, &world.user));
        assert_eq!(row.attempts, 0);
        client.to_string()
    };
    due.iter().map(told).collect()
}

/// How many clients are remembered, whatever the session.
async fn remembered(world: &World) -> i64 {
    let count = Statement::new("SELECT COUNT(*) FROM session_clients");
    let row = world.store.row(count).await.unwrap();
    row.unwrap().integer().unwrap()
}

/// How somebody ends a session.
#[derive(Clone, Copy, Debug)]
enum Ending {
    SignedOut,
    EverySessionOfTheUser,
    AnotherUserSignedIn,
    PasswordChanged,
    Locked,
    Deleted,
    EraBegun,
}

impl Ending {
    async fn happens(self, world: &World) {
        let (store, user, now) = (&world.store, &world.user, world.now());
        match self {
            Self::SignedOut => drop(
                store
                    .end_session(&world.session, &world.user, now)
                    .await
                    .unwrap(),
            ),
            Self::EverySessionOfTheUser => store.end_sessions_of(user, now).await.unwrap(),
            Self::AnotherUserSignedIn => replace_session(world).await,
            Self::PasswordChanged => store
                .set_password(user, &sealed("sealed:new"), None, now)
                .await
                .unwrap(),
            Self::Locked => store.lock_user(user, now).await.unwrap(),
            Self::Deleted => store.delete_user(user, now).await.unwrap(),
            Self::EraBegun => drop(store.begin_era(now).await.unwrap()),
        }
    }
}

async fn replace_session(world: &World) {
    let bob = NewUser {
        id: UserId::generate(),
        ..world.new_user("bob")
    };
    let session = NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        user: bob.id.clone(),
        replaces: Some((world.session.clone(), world.user.clone())),
        ..world.new_session()
    };
    world.store.add_user(bob, world.now()).await.unwrap();
    let started = world.store.start_session(&session, world.now()).await;
    assert_eq!(started, Ok(true));
}

#[apply(databases)]
#[tokio::test]
async fn clients_are_told_of_every_ending(
    database: Kind,
    #[values(
        Ending::SignedOut,
        Ending::EverySessionOfTheUser,
        Ending::AnotherUserSignedIn,
        Ending::PasswordChanged,
        Ending::Locked,
        Ending::Deleted,
        Ending::EraBegun
    )]
    ending: Ending,
) {
    let world = signed_in(database).await;
    assert_eq!(sign_in_to(&world, "wiki", OFFLINE).await, Redemption::Won);
    assert_eq!(clients_due(&world).await, [""; 0], "the session lives");
    ending.happens(&world).await;
    assert_eq!(clients_due(&world).await, ["shop", "wiki"]);
    assert_eq!(remembered(&world).await, 0);
}

/// One client is told, and the session goes on for the others.
#[apply(databases)]
#[tokio::test]
async fn a_client_that_loses_its_access_is_told_and_no_other(database: Kind) {
    let world = signed_in(database).await;
    assert_eq!(sign_in_to(&world, "wiki", OFFLINE).await, Redemption::Won);
    let (store, user, now) = (&world.store, &world.user, world.now());
    let wiki = ClientId::parse("wiki").unwrap();
    let before = store.live_grants_of(user, 10, now).await.unwrap();
    let seen = world.seen();
    for _ in 0..2 {
        let removed = store.remove_access(user, &wiki, Some(&seen), now);
        assert!(removed.await.unwrap());
    }
    assert_eq!(clients_due(&world).await, ["wiki"]);
    let left = store.live_grants_of(user, 10, now).await.unwrap();
    assert_eq!((before.len(), left.len()), (3, 1));
    assert!(left.iter().all(|record| record.grant.client != wiki));
    assert!(world.person().await.is_some());
}

#[apply(databases)]
#[tokio::test]
async fn whoever_ends_a_session_learns_who_is_to_be_told_once(database: Kind) {
    let world = signed_in(database).await;
    let (store, now) = (&world.store, world.now());
    let queued = store
        .end_session(&world.session, &world.user, now)
        .await
        .unwrap();
    assert_eq!(queued.len(), 2);
    assert_eq!(queued, due(&world).await);
    let again = store
        .end_session(&world.session, &world.user, now)
        .await
        .unwrap();
    assert_eq!(again, []);
    let nobody = SessionId::generate();
    assert_eq!(
        store.end_session(&nobody, &world.user, now).await.unwrap(),
        []
    );
    assert_eq!(due(&world).await.len(), 2);
}

#[apply(databases)]
#[tokio::test]
async fn an_ending_touches_no_other_session(database: Kind) {
    let world = signed_in(database).await;
    let other = NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        ..world.new_session()
    };
    let now = world.now();
    assert!(world.store.start_session(&other, now).await.unwrap());
    world
        .store
        .end_session(&other.id, &world.user, now)
        .await
        .unwrap();
    assert_eq!(due(&world).await, []);
    assert_eq!(remembered(&world).await, 2);
    let bob = UserId::generate();
    world.store.end_sessions_of(&bob, now).await.unwrap();
    assert_eq!(remembered(&world).await, 2);
}

#[apply(databases)]
#[tokio::test]
async fn a_client_is_remembered_once_and_only_if_it_asked_and_won_in_a_living_session(
    database: Kind,
) {
    let world = World::on(database).await;
    world.granted(ONLINE).await;
    assert_eq!(remembered(&world).await, 0, "it did not ask");
    assert_eq!(sign_in_to(&world, "shop", ONLINE).await, Redemption::Won);
    assert_eq!(sign_in_to(&world, "shop", ONLINE).await, Redemption::Won);
    assert_eq!(remembered(&world).await, 1);

    register_wiki(&world).await;
    let redeem = async |code: &_| {
        let redeeming = Redeeming {
            grant: code,
            attempt: &new_id(),
            used_ids: &[],
            tell_of_logout: true,
        };
        let redeemed = world.store.redeem_code(&redeeming, world.now()).await;
        redeemed.unwrap()
    };
    let mut code = world.allow(ONLINE).await;
    code.client = id("wiki");
    assert_eq!(world.redeem(&code).await, Redemption::Won);
    assert_eq!(redeem(&code).await, Redemption::Replayed);
    code.code_id = new_id();
    assert_eq!(redeem(&code).await, Redemption::Superseded);
    let mut late = world.allow(OFFLINE).await;
    late.client = id("wiki");
    let ended = world
        .store
        .end_session(&world.session, &world.user, world.now())
        .await;
    assert_eq!(ended.unwrap().len(), 1);
    assert_eq!(redeem(&late).await, Redemption::Won);
    assert_eq!(remembered(&world).await, 0, "the session had ended");
}

#[apply(databases)]
#[tokio::test]
async fn a_session_that_lapsed_tells_the_clients_that_ended_with_it(database: Kind) {
    let world = signed_in(database).await;
    assert_eq!(sign_in_to(&world, "wiki", OFFLINE).await, Redemption::Won);
    assert_eq!(sign_in_to(&world, "wiki", ONLINE).await, Redemption::Won);
    world.advance(2 * SESSION_IDLE - 1);
    assert_eq!(world.sweep(100).await, [(Sweepable::Grants, 4)]);
    world.advance(1);
    let swept = [(Sweepable::Sessions, 1), (Sweepable::SessionClients, 2)];
    assert_eq!(world.sweep(100).await, swept);
    assert_eq!(
        clients_due(&world).await,
        ["shop"],
        "wiki may go on without a session"
    );
    assert_eq!(remembered(&world).await, 0);
}

/// Whatever became of their sessions, which may have ended while the client was being remembered.
#[apply(databases)]
#[tokio::test]
async fn clients_of_lapsed_sessions_go_by_their_end_a_few_at_a_time(database: Kind) {
    let world = World::on(database).await;
    let sql = "INSERT INTO session_clients (session_id, client_id, user_id, offline, ends_at) VALUES ($1, $2, $3, 0, $4)";
    let lapses = async |session: &SessionId, client: &str, after| {
        let row = Statement::new(sql)
            .bind(session.as_str())
            .bind(client)
            .bind(world.user.as_str())
            .bind(world.now().plus(after));
        world.store.commit(row).await.unwrap();
    };
    for number in 1..=3 {
        let session = SessionId::generate();
        for client in ["shop", "wiki"] {
            lapses(&session, client, 10 * number).await;
        }
    }
    lapses(&world.session, "shop", 31).await;
    world.advance(9);
    assert_eq!(world.sweep(2).await, []);
    world.advance(21);
    assert_eq!(world.sweep(2).await, [(Sweepable::SessionClients, 2)]);
    assert_eq!(world.sweep(3).await, [(Sweepable::SessionClients, 4)]);
    assert_eq!(world.sweep(2).await, []);
    assert_eq!(due(&world).await.len(), 6);
    assert_eq!(remembered(&world).await, 1, "of the session that lives");
}

/// Nobody looks for clients that were remembered in a session that is gone.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_ends_while_a_client_signs_in_leaves_none_behind(database: Kind) {
    let world = Arc::new(World::on(database).await);
    for _ in 0..16 {
        let session = NewSession {
            id: SessionId::generate(),
            hash: random::bytes(),
            ..world.new_session()
        };
        let now = world.now();
        assert!(world.store.start_session(&session, now).await.unwrap());
        let mut code = world.allow(OFFLINE).await;
        code.session = session.id.clone();
        let signing_in = tokio::spawn({
            let world = Arc::clone(&world);
            async move {
                let redeeming = Redeeming {
                    grant: &code,
                    attempt: &new_id(),
                    used_ids: &[],
                    tell_of_logout: true,
                };
                world.store.redeem_code(&redeeming, now).await.unwrap()
            }
        });
        let ended = world.store.end_session(&session.id, &world.user, now).await;
        assert_eq!(signing_in.await.unwrap(), Redemption::Won);
        assert!(ended.unwrap().len() <= 1);
        assert_eq!(remembered(&world).await, 0);
    }
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_claims_one_has_the_message(database: Kind) {
    let world = Arc::new(World::on(database).await);
    sign_in_to(&world, "shop", ONLINE).await;
    let ended = world
        .store
        .end_session(&world.session, &world.user, world.now())
        .await;
    let row = Arc::new(ended.unwrap().remove(0));
    let claims: Vec<_> = (0..64)
        .map(|_| {
            let (world, row) = (Arc::clone(&world), Arc::clone(&row));
            tokio::spawn(async move { claim(&world, &row).await })
        })
        .collect();
    let mut claimed = 0;
    for claim in claims {
        claimed += usize::from(claim.await.unwrap());
    }
    assert_eq!(claimed, 1);
}

#[apply(databases)]
#[tokio::test]
async fn a_message_that_was_claimed_and_not_delivered_is_due_when_the_lease_is_over(
    database: Kind,
) {
    let world = World::on(database).await;
    let store = &world.store;
    sign_in_to(&world, "shop", ONLINE).await;
    let ended = store
        .end_session(&world.session, &world.user, world.now())
        .await;
    let first = ended.unwrap().remove(0);
    assert!(claim(&world, &first).await);
    assert_eq!(due(&world).await, [], "a node has it");
    let seen_once = OutboxRow {
        attempts: 1,
        ..first.clone()
    };
    assert!(!claim(&world, &first).await && !claim(&world, &seen_once).await);
    world.advance(30);
    assert_eq!(due(&world).await, std::slice::from_ref(&seen_once));
    assert!(!claim(&world, &first).await, "read before the first claim");
    assert!(claim(&world, &seen_once).await);
    store.message_delivered(&first).await.unwrap();
    store.message_delivered(&first).await.unwrap();
    world.advance(30);
    assert_eq!(due(&world).await, []);
    assert!(!claim(&world, &seen_once).await, "it was told");
}

/// A node that slept over its lease has nothing to say any more of what another node has taken on since.
/// Attacks: E16.
#[apply(databases)]
#[tokio::test]
async fn what_a_node_says_of_a_message_counts_until_another_has_taken_it_on(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    sign_in_to(&world, "shop", ONLINE).await;
    let ended = store
        .end_session(&world.session, &world.user, world.now())
        .await;
    let slept = ended.unwrap().remove(0);
    assert!(claim(&world, &slept).await);
    world.advance(30);
    let awake = due(&world).await.remove(0);
    assert!(claim(&world, &awake).await);
    store
        .retry_message(&slept, world.now(), "503")
        .await
        .unwrap();
    store
        .give_up_message(&slept, "503", world.now())
        .await
        .unwrap();
    assert_eq!(due(&world).await, [], "the other node has it still");
    let given_up = "logout-undelivered".to_owned();
    assert!(!world.events().await.contains(&given_up));
    store
        .retry_message(&awake, world.now(), "503")
        .await
        .unwrap();
    assert_eq!(due(&world).await.len(), 1);
    store
        .give_up_message(&awake, "503", world.now())
        .await
        .unwrap();
    assert_eq!(due(&world).await, []);
    assert!(world.events().await.contains(&given_up));
}

#[apply(databases)]
#[tokio::test]
async fn thousands_of_rows_for_one_recipient_stand_in_nobody_elses_way(database: Kind) {
    let world = signed_in(database).await;
    let (store, kind) = (&world.store, OutboxKind::Logout);
    let many = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
         VALUES ($1, 'logout', 'shop', $2, $3, $4, 0, $4)";
    for round in 0..10 {
        let rows = (0..200).map(|number| {
            Statement::new(many)
                .bind(format!("{round}/{number}"))
                .bind(world.user.as_str())
                .bind(world.session.as_str())
                .bind(world.now())
        });
        store.commit(Unit::new(rows)).await.unwrap();
    }
    world.advance(1);
    store
        .end_session(&world.session, &world.user, world.now())
        .await
        .unwrap();
    let recipients = store.due_recipients(kind, world.now()).await.unwrap();
    assert_eq!(recipients, ["shop", "wiki"], "the longest due first");
    let due = store.due_messages(kind, "wiki", world.now(), 8).await;
    assert_eq!(due.unwrap().len(), 1);
    let due = store.due_messages(kind, "shop", world.now(), 8).await;
    let due = due.unwrap();
    assert_eq!(due.len(), 8);
    let backlog = store.outbox_backlog().await.unwrap();
    let oldest = world.now().plus(-1);
    assert_eq!(
        backlog,
        [OutboxBacklog {
            kind,
            rows: 2_002,
            oldest
        }]
    );
    for row in &due {
        assert!(claim(&world, row).await);
    }
    let next = store.due_messages(kind, "shop", world.now(), 8).await;
    let next = next.unwrap();
    assert!(
        next.iter().all(|row| !due.contains(row)),
        "what was taken on moves aside"
    );
}

#[apply(databases)]
#[tokio::test]
async fn giving_up_leaves_one_event_that_names_the_client(database: Kind) {
    let world = signed_in(database).await;
    let store = &world.store;
    let ended = store
        .end_session(&world.session, &world.user, world.now())
        .await;
    let row = ended.unwrap().remove(0);
    assert!(claim(&world, &row).await);
    store
        .give_up_message(&row, "503", world.now())
        .await
        .unwrap();
    store
        .give_up_message(&row, "503", world.now())
        .await
        .unwrap();
    assert_eq!(clients_due(&world).await, ["wiki"]);
    let events = store.events(None, 100).await.unwrap();
    let undelivered: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "logout-undelivered")
        .collect();
    assert_eq!(undelivered.len(), 1);
    assert_eq!(undelivered[0].client, Some(id("shop")));
    assert_eq!(undelivered[0].user.as_ref(), Some(&world.user));
    let session = world.session.as_str();
    assert_eq!(undelivered[0].detail.as_deref(), Some(session));
}

#[apply(databases)]
#[tokio::test]
async fn a_logout_that_nobody_delivers_is_given_up_after_a_day(database: Kind) {
    let world = signed_in(database).await;
    let store = &world.store;
    store
        .end_session(&world.session, &world.user, world.now())
        .await
        .unwrap();
    let messages = async |limit| {
        let swept = world.sweep(limit).await;
        let kind = |(kind, rows)| (kind == Sweepable::Messages).then_some(rows);
        swept.into_iter().find_map(kind)
    };
    world.advance(DAY - 1);
    assert_eq!(messages(100).await, None);
    world.advance(1);
    assert_eq!(messages(1).await, Some(1));
    assert_eq!(messages(100).await, Some(1));
    assert_eq!(due(&world).await, []);
    let events = world.events().await;
    let undelivered = events.iter().filter(|kind| *kind == "logout-undelivered");
    assert_eq!(undelivered.count(), 2);
}
