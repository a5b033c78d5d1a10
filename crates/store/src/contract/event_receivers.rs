//! Receivers of events: whichever node queues what they are told, it is queued once, and nothing is left out, paused or not.

use std::collections::BTreeSet;

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;
use tokio::task::JoinSet;

use super::{World, operator};
use crate::databases::{Kind, databases};
use crate::{
    Message, NewUser, OutboxKind, OutboxRow, QueuedSignal, ReceiverRecord, Store, Sweepable,
};

const SIEM: &str = "siem";
const DAY: i64 = 24 * 3600;

impl World {
    async fn siem(&self) -> ReceiverRecord {
        self.store.receiver(SIEM).await.unwrap().unwrap()
    }

    /// Begins with what appears from now on.
    async fn begin(&self) {
        self.store.number_events(self.now()).await.unwrap();
        self.store.begin_receiver(SIEM).await.unwrap();
    }

    /// What waits for the receiver.
    async fn waiting(&self) -> Vec<OutboxRow> {
        let due = self
            .store
            .due_messages(OutboxKind::Event, SIEM, self.now(), 1_000);
        due.await.unwrap()
    }

    /// The events that wait for the receiver, each once.
    async fn waiting_events(&self) -> BTreeSet<String> {
        let waiting = self.waiting().await;
        let count = waiting.len();
        let events: BTreeSet<_> = waiting.iter().map(event_of).collect();
        assert_eq!(events.len(), count, "one is queued twice");
        events
    }

    /// Events of their own for so many users.
    async fn users(&self, count: usize) -> Vec<UserId> {
        let mut users = Vec::new();
        for number in 0..count {
            let user = NewUser {
                id: UserId::generate(),
                ..self.new_user(&format!("user-{number}"))
            };
            users.push(user.id.clone());
            self.store.add_user(user, self.now()).await.unwrap();
        }
        users
    }
}

fn event_of(row: &OutboxRow) -> String {
    match &row.message {
        Message::Event(signal) => signal.event.clone(),
        other => panic!("{other:?}"),
    }
}

/// What a node does once a second: numbers what appeared, and queues all of it. `false` if another node queued first.
async fn look(store: &Store, now: safeconduct_protocol::time::Timestamp) -> bool {
    store.number_events(now).await.unwrap();
    let record = store.receiver(SIEM).await.unwrap().unwrap();
    if record.paused_at.is_some() {
        return false;
    }
    let events = store.events_behind(record.last, 1_000).await.unwrap();
    let Some(last) = events.last().map(|event| event.number) else {
        return false;
    };
    let signals: Vec<_> = events
        .iter()
        .map(|numbered| QueuedSignal {
            receiver: SIEM.to_owned(),
            event: numbered.event.id.clone(),
            number: numbered.number,
            signal: numbered.event.kind.clone(),
        })
        .collect();
    let queued = store.queue_signals(&record, last, &signals, now);
    queued.await.unwrap()
}

#[apply(databases)]
#[tokio::test]
async fn a_receiver_is_told_what_appears_from_its_beginning_on(database: Kind) {
    let world = World::on(database).await;
    world.begin().await;
    assert!(!look(&world.store, world.now()).await, "what was, was");
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    assert!(look(&world.store, world.now()).await);
    let [row] = <[_; 1]>::try_from(world.waiting().await).unwrap();
    let Message::Event(signal) = &row.message else {
        panic!("{row:?}")
    };
    assert_eq!(signal.signal, "user-locked");
    let event = world.store.event(&signal.event).await.unwrap().unwrap();
    assert_eq!(event.user.as_ref(), Some(&world.user));
    assert_eq!(world.store.event("0").await.unwrap(), None);
    assert!(!look(&world.store, world.now()).await);
}

/// Attacks: AD58.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_queue_the_same_at_once_one_does(database: Kind) {
    let world = World::on(database).await;
    world.begin().await;
    world.users(3).await;
    let last = world.store.number_events(world.now()).await.unwrap();
    let record = world.siem().await;
    let mut looks = JoinSet::new();
    for number in 0..64 {
        let store = Store::clone(&world.store);
        let (record, now) = (record.clone(), world.now());
        looks.spawn(async move {
            // Each finds something else, so that what is queued says who did.
            let signal = QueuedSignal {
                receiver: SIEM.to_owned(),
                event: format!("of-{number}"),
                number: last,
                signal: "user-added".to_owned(),
            };
            let queued = store.queue_signals(&record, last, &[signal], now).await;
            (number, queued.unwrap())
        });
    }
    let looked = looks.join_all().await;
    let winners: Vec<_> = looked.iter().filter(|(_, is_ours)| *is_ours).collect();
    assert_eq!(winners.len(), 1);
    let queued = world.waiting_events().await;
    assert_eq!(queued, BTreeSet::from([format!("of-{}", winners[0].0)]));
}

/// Attacks: AD58.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_queued_twice_while_two_nodes_look_and_one_pauses(database: Kind) {
    let world = World::on(database).await;
    world.begin().await;
    let users = world.users(32).await;
    let nodes = [
        Store::open(world.database.url()).await.unwrap(),
        Store::open(world.database.url()).await.unwrap(),
    ];
    let mut tasks = JoinSet::new();
    for (number, user) in users.into_iter().enumerate() {
        let store = nodes[number % 2].by(operator());
        let now = world.now();
        tasks.spawn(async move {
            store.lock_user(&user, now).await.unwrap();
            look(&store, now).await;
            if number % 8 == 0 {
                // What waits goes back to where it was, whoever queues meanwhile.
                store.pause_receiver(SIEM, now).await.unwrap();
                store.resume_receiver(SIEM, now).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let resumed = world.store.resume_receiver(SIEM, world.now()).await;
    resumed.unwrap();
    while look(&world.store, world.now()).await {}
    let all = world.store.events_behind(0, 1_000).await.unwrap();
    let wanted = |kind: &str| kind == "user-locked" || kind == "user-added";
    let all = all.into_iter().map(|numbered| numbered.event);
    let all: BTreeSet<_> = all
        .filter(|event| wanted(&event.kind) && event.user.as_ref() != Some(&world.user))
        .map(|event| event.id)
        .collect();
    assert_eq!(all.len(), 64);
    let queued = world.waiting_events().await;
    assert!(all.is_subset(&queued), "one was left out");
}

/// Attacks: AD65.
#[apply(databases)]
#[tokio::test]
async fn a_paused_receiver_keeps_its_place_and_nothing_waits_for_it(database: Kind) {
    let world = World::on(database).await;
    let (store, user) = (&world.store, &world.user);
    world.begin().await;
    store.lock_user(user, world.now()).await.unwrap();
    look(store, world.now()).await;
    store.unlock_user(user, world.now()).await.unwrap();
    look(store, world.now()).await;
    let before = world.waiting_events().await;
    assert_eq!(before.len(), 2);
    // The first one is told.
    let told = &world.waiting().await[0];
    store.message_delivered(told).await.unwrap();
    let left = world.waiting_events().await;

    let failing_since = store.receiver_fails(SIEM, world.now()).await.unwrap();
    assert_eq!(failing_since, Some(world.now()));
    world.advance(DAY);
    let again = store.receiver_fails(SIEM, world.now()).await.unwrap();
    assert_eq!(again, failing_since, "it fails since the first time");
    assert!(store.pause_receiver(SIEM, world.now()).await.unwrap());
    assert!(!store.pause_receiver(SIEM, world.now()).await.unwrap());
    assert!(world.waiting().await.is_empty());
    assert!(!look(store, world.now()).await);

    assert!(store.resume_receiver(SIEM, world.now()).await.unwrap());
    assert!(!store.resume_receiver(SIEM, world.now()).await.unwrap());
    let record = world.siem().await;
    assert_eq!((record.failing_since, record.paused_at), (None, None));
    assert!(look(store, world.now()).await);
    let queued = world.waiting_events().await;
    assert!(left.is_subset(&queued) && !queued.contains(&event_of(told)));

    // One that takes something does not fail any more.
    store.receiver_fails(SIEM, world.now()).await.unwrap();
    store.receiver_takes(SIEM).await.unwrap();
    assert_eq!(world.siem().await.failing_since, None);

    assert!(store.forget_receiver(SIEM, world.now()).await.unwrap());
    assert!(!store.forget_receiver(SIEM, world.now()).await.unwrap());
    assert!(world.waiting().await.is_empty());
    let kinds = world.events().await;
    let of_receiver: Vec<_> = kinds
        .iter()
        .filter(|kind| kind.starts_with("receiver-"))
        .collect();
    assert_eq!(
        of_receiver,
        ["receiver-paused", "receiver-resumed", "receiver-forgotten"]
    );
}

/// What is told to others is given up after a day; a receiver is paused then, and what waits for it is kept. What no node tells any more goes
/// after a month.
#[apply(databases)]
#[tokio::test]
async fn what_waits_for_a_receiver_is_not_given_up_by_its_age(database: Kind) {
    let world = World::on(database).await;
    world.begin().await;
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    look(&world.store, world.now()).await;
    for (days, left) in [(2, 1), (29, 0)] {
        world.advance(days * DAY);
        let swept = world
            .store
            .sweep_some(Sweepable::Messages, world.now(), 100);
        swept.await.unwrap();
        assert_eq!(world.waiting().await.len(), left, "{days}");
    }
}
