//! However a session ends, the clients that were signed in to in it are told, each by one node at a time.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::random;
use safeconduct_protocol::token::new_id;

use super::{OFFLINE, ONLINE, SESSION_IDLE, World, client};
use crate::databases::{Kind, databases};
use crate::driver::Statement;
use crate::{NewSession, NewUser, QueuedLogout, Redeeming, Swept};

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

async fn due(world: &World) -> Vec<QueuedLogout> {
    world.store.due_logouts(world.now(), 100).await.unwrap()
}

async fn clients_due(world: &World) -> Vec<String> {
    let due = due(world).await;
    for logout in &due {
        assert_eq!(logout.session, world.session);
        assert_eq!((&logout.user, logout.attempts), (&world.user, 0));
    }
    due.iter().map(|logout| logout.client.to_string()).collect()
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
            Self::SignedOut => drop(store.end_session(&world.session, now).await.unwrap()),
            Self::EverySessionOfTheUser => store.end_sessions_of(user, now).await.unwrap(),
            Self::AnotherUserSignedIn => replace_session(world).await,
            Self::PasswordChanged => store.set_password(user, "sealed:new", now).await.unwrap(),
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
        replaces: Some(world.session.clone()),
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

#[apply(databases)]
#[tokio::test]
async fn whoever_ends_a_session_learns_who_is_to_be_told_once(database: Kind) {
    let world = signed_in(database).await;
    let (store, now) = (&world.store, world.now());
    let queued = store.end_session(&world.session, now).await.unwrap();
    assert_eq!(queued.len(), 2);
    assert_eq!(queued, due(&world).await);
    let again = store.end_session(&world.session, now).await.unwrap();
    assert_eq!(again, []);
    let nobody = SessionId::generate();
    assert_eq!(store.end_session(&nobody, now).await.unwrap(), []);
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
    world.store.end_session(&other.id, now).await.unwrap();
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
    let ended = world.store.end_session(&world.session, world.now()).await;
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
    world.advance(SESSION_IDLE - 1);
    let swept = world.store.sweep(world.now(), 100).await.unwrap();
    assert_eq!((swept.sessions, swept.session_clients), (0, 0));
    world.advance(1);
    let swept = world.store.sweep(world.now(), 100).await.unwrap();
    assert_eq!((swept.sessions, swept.session_clients), (1, 1));
    assert_eq!(
        clients_due(&world).await,
        ["shop"],
        "wiki may go on without a session"
    );
    assert_eq!(remembered(&world).await, 0);
}

#[apply(databases)]
#[tokio::test]
async fn clients_left_behind_by_a_session_are_told_a_few_sessions_at_a_time(database: Kind) {
    let world = World::on(database).await;
    let left = |session: &SessionId, client: &str| {
        let sql = "INSERT INTO session_clients (session_id, client_id, user_id, offline) VALUES ($1, $2, $3, 1)";
        Statement::new(sql)
            .bind(session.as_str())
            .bind(client)
            .bind(world.user.as_str())
    };
    for _ in 0..3 {
        let session = SessionId::generate();
        for client in ["shop", "wiki"] {
            world.store.commit(left(&session, client)).await.unwrap();
        }
    }
    world
        .store
        .commit(left(&world.session, "shop"))
        .await
        .unwrap();
    let sweep = async || world.store.sweep(world.now(), 2).await.unwrap();
    assert_eq!(sweep().await.session_clients, 4);
    assert_eq!(sweep().await.session_clients, 2);
    assert_eq!(sweep().await, Swept::default());
    assert_eq!(due(&world).await.len(), 6);
    assert_eq!(remembered(&world).await, 1, "of the session that lives");
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_claims_one_has_the_logout(database: Kind) {
    let world = Arc::new(World::on(database).await);
    sign_in_to(&world, "shop", ONLINE).await;
    let ended = world.store.end_session(&world.session, world.now()).await;
    let logout = Arc::new(ended.unwrap().remove(0));
    let claims: Vec<_> = (0..64)
        .map(|_| {
            let (world, logout) = (Arc::clone(&world), Arc::clone(&logout));
            tokio::spawn(async move {
                let (now, store) = (world.now(), &world.store);
                store
                    .claim_logout(&logout.id, logout.attempts, now.plus(30), now)
                    .await
                    .unwrap()
            })
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
async fn a_logout_that_was_claimed_and_not_delivered_is_due_again(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    sign_in_to(&world, "shop", ONLINE).await;
    let ended = store.end_session(&world.session, world.now()).await;
    let logout = ended.unwrap().remove(0);
    let claim = async |seen| {
        let (now, next_at) = (world.now(), world.now().plus(30));
        store
            .claim_logout(&logout.id, seen, next_at, now)
            .await
            .unwrap()
    };
    assert!(claim(0).await);
    assert_eq!(due(&world).await, [], "somebody has it");
    assert!(!claim(0).await && !claim(1).await);
    world.advance(30);
    assert_eq!(due(&world).await[0].attempts, 1);
    assert!(!claim(0).await, "seen before the first try");
    assert!(claim(1).await);
    store.logout_delivered(&logout.id).await.unwrap();
    store.logout_delivered(&logout.id).await.unwrap();
    world.advance(30);
    assert_eq!(due(&world).await, []);
    assert!(!claim(2).await, "it was told");
}

#[apply(databases)]
#[tokio::test]
async fn due_logouts_come_a_few_at_a_time_the_longest_due_first(database: Kind) {
    let world = signed_in(database).await;
    let ended = world.store.end_session(&world.session, world.now()).await;
    let [shop, wiki] = &ended.unwrap()[..] else {
        panic!("two clients are to be told")
    };
    let (store, now) = (&world.store, world.now());
    assert!(
        store
            .claim_logout(&shop.id, 0, now.plus(9), now)
            .await
            .unwrap()
    );
    assert!(
        store
            .claim_logout(&wiki.id, 0, now.plus(5), now)
            .await
            .unwrap()
    );
    world.advance(10);
    let first = store.due_logouts(world.now(), 1).await.unwrap();
    assert_eq!(first[0].client, id("wiki"));
    assert_eq!(due(&world).await.len(), 2);
}

#[apply(databases)]
#[tokio::test]
async fn giving_up_leaves_one_event_that_names_the_client(database: Kind) {
    let world = signed_in(database).await;
    let store = &world.store;
    let ended = store.end_session(&world.session, world.now()).await;
    let logout = ended.unwrap().remove(0);
    store
        .logout_given_up(&logout.id, world.now())
        .await
        .unwrap();
    store
        .logout_given_up(&logout.id, world.now())
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
        .end_session(&world.session, world.now())
        .await
        .unwrap();
    world.advance(DAY - 1);
    assert_eq!(store.sweep(world.now(), 100).await.unwrap().logouts, 0);
    world.advance(1);
    let first = store.sweep(world.now(), 1).await.unwrap();
    assert!(first.logouts == 1 && first.reached(1));
    assert_eq!(store.sweep(world.now(), 100).await.unwrap().logouts, 1);
    assert_eq!(due(&world).await, []);
    let events = world.events().await;
    let undelivered = events.iter().filter(|kind| *kind == "logout-undelivered");
    assert_eq!(undelivered.count(), 2);
}
