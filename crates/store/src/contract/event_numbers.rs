//! The order in which events appear, whatever their names are and whoever commits at the same time.

use std::collections::HashMap;

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;
use tokio::task::JoinSet;

use super::{World, operator};
use crate::databases::{Kind, databases};
use crate::{FailedSignIns, NUMBERED_WITHIN, Store, StoreError};

impl World {
    /// What appeared behind `last`, which moves on: kind and user.
    async fn appeared(&self, last: &mut i64) -> Vec<(String, Option<UserId>)> {
        self.store.number_events(self.now()).await.unwrap();
        let found = self.store.events_behind(*last, 1000).await.unwrap();
        *last = found.last().map_or(*last, |event| event.number);
        let event = found.into_iter().map(|numbered| numbered.event);
        event.map(|event| (event.kind, event.user)).collect()
    }
}

/// Attacks: AD58.
#[apply(databases)]
#[tokio::test]
async fn events_are_followed_in_the_order_in_which_they_appear(database: Kind) {
    let world = World::on(database).await;
    let (store, ada) = (&world.store, Some(world.user.clone()));
    let mut last = store.number_events(world.now()).await.unwrap();
    assert_eq!(last as usize, world.events().await.len());

    let event = |kind: &str| (kind.to_owned(), ada.clone());
    // The request of the second began five seconds before that of the first: its name is smaller.
    let now = world.now();
    store.lock_user(&world.user, now.plus(5)).await.unwrap();
    assert_eq!(world.appeared(&mut last).await, [event("user-locked")]);
    store.unlock_user(&world.user, now).await.unwrap();
    assert_eq!(world.appeared(&mut last).await, [event("user-unlocked")]);
    assert_eq!(world.appeared(&mut last).await, []);

    // Whoever begins at a moment has all of it before them.
    world.advance(10);
    let begun = world.now();
    store.lock_user(&world.user, begun).await.unwrap();
    let before = store.number_before(begun).await.unwrap();
    assert_eq!(before, last, "nothing of that moment is numbered");
    assert_eq!(world.appeared(&mut last).await, [event("user-locked")]);
    assert_eq!(store.number_before(begun).await, Ok(last - 1));
    assert_eq!(store.number_before(begun.plus(1)).await, Ok(last));
}

/// A sign-in of the world's user that failed now.
fn failed<'a>(world: &'a World, request: Option<&'a str>) -> FailedSignIns<'a> {
    let now = world.now();
    FailedSignIns {
        minute: now,
        last_at: now,
        times: 1,
        reason: "wrong-password",
        user: Some(&world.user),
        name_hash: None,
        client: None,
        network: None,
        correlation_id: request,
    }
}

#[apply(databases)]
#[tokio::test]
async fn sign_ins_that_failed_again_appear_again(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let mut last = store.number_events(now).await.unwrap();
    let failed = failed(&world, None);
    for _ in 0..2 {
        store.write_failed_sign_ins([failed]).await.unwrap();
        assert_eq!(world.appeared(&mut last).await.len(), 1);
        assert_eq!(world.appeared(&mut last).await, []);
    }
    let times = store.events_behind(last - 1, 10).await.unwrap();
    assert_eq!(times[0].event.times, 2);
}

/// A commit that nobody confirmed is looked for: what was written is not counted again.
#[apply(databases)]
#[tokio::test]
async fn of_sign_ins_whose_commit_is_unknown_it_is_found_out_whether_they_were_written(
    database: Kind,
) {
    let world = World::on(database).await;
    let store = &world.store;
    let of = |request| failed(&world, Some(request));
    let lost = "the connection was lost".to_owned();
    let written = [of("written")];
    store.write_failed_sign_ins(written).await.unwrap();
    let settled = store.settle_failed_sign_ins(&written, lost.clone()).await;
    assert_eq!(settled, Ok(()));
    let unwritten = [of("not-written")];
    let settled = store.settle_failed_sign_ins(&unwritten, lost.clone()).await;
    assert_eq!(settled, Err(StoreError::Unavailable(lost)));
}

/// What nobody followed for a day gets no number any more, and what is younger is numbered from where it left off.
#[apply(databases)]
#[tokio::test]
async fn what_nobody_followed_for_a_day_is_left_alone(database: Kind) {
    let world = World::on(database).await;
    world.store.number_events(world.now()).await.unwrap();
    world.advance(1);
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    world.advance(NUMBERED_WITHIN + 1);
    let mut last = world.store.number_events(world.now()).await.unwrap();
    assert_eq!(world.appeared(&mut last).await, []);
    world
        .store
        .unlock_user(&world.user, world.now())
        .await
        .unwrap();
    let appeared = world.appeared(&mut last).await;
    assert_eq!(appeared[0].0, "user-unlocked");
}

/// Attacks: AD58.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread")]
async fn of_events_that_many_write_and_number_at_once_each_appears_once(database: Kind) {
    let world = World::on(database).await;
    let mut users = Vec::new();
    for number in 0..64 {
        let user = crate::NewUser {
            id: UserId::generate(),
            ..world.new_user(&format!("user-{number}"))
        };
        users.push(user.id.clone());
        world.store.add_user(user, world.now()).await.unwrap();
    }
    let mut last = world.store.number_events(world.now()).await.unwrap();
    let nodes = [
        Store::open(world.database.url()).await.unwrap(),
        Store::open(world.database.url()).await.unwrap(),
    ];
    let mut writers = JoinSet::new();
    for (number, user) in users.iter().cloned().enumerate() {
        let store = nodes[number % 2].by(operator());
        // Of two nodes one has a clock that is behind.
        let now = world.now().plus(-i64::try_from(number % 2).unwrap() * 30);
        writers.spawn(async move {
            store.lock_user(&user, now).await.unwrap();
            // Others number at the same time.
            store.number_events(now).await.unwrap();
        });
    }
    let mut seen: HashMap<UserId, u32> = HashMap::new();
    loop {
        let is_last = writers.is_empty();
        for (kind, user) in world.appeared(&mut last).await {
            assert_eq!(kind, "user-locked");
            *seen.entry(user.unwrap()).or_default() += 1;
        }
        if is_last {
            break;
        }
        writers.join_next().await.unwrap().unwrap();
    }
    assert_eq!(seen.len(), 64);
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

/// Attacks: AD58.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_committed_after_a_later_one_was_seen_appears_on_postgresql() {
    let world = World::on(Kind::Postgresql).await;
    let mut last = world.store.number_events(world.now()).await.unwrap();
    // A transaction that has written its event, and waits for a mark before it commits.
    let write_and_wait = format!(
        "BEGIN; INSERT INTO events (id, at, kind, by_kind, door) VALUES ('{:016x}{:032}', {}, 'era-begun', 'server', 'server'); \
         DO $$ BEGIN WHILE (SELECT COUNT(*) FROM guesses) = 0 LOOP END LOOP; END $$; COMMIT",
        world.now().seconds(),
        0,
        world.now().seconds(),
    );
    std::thread::scope(|threads| {
        let late = threads.spawn(|| world.database.sql(&write_and_wait));
        let holds = "SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND mode = 'RowExclusiveLock'";
        while world.database.sql(holds) == "0" {}
        let follow = async {
            world.advance(1);
            let locked = world.store.lock_user(&world.user, world.now()).await;
            locked.unwrap();
            world.appeared(&mut last).await
        };
        let block_on = |future| {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
        };
        let seen: Vec<(String, Option<UserId>)> = block_on(follow);
        assert_eq!(seen[0].0, "user-locked");
        assert_eq!(seen.len(), 1);
        let mark =
            "INSERT INTO guesses (node, version, written_at, spent) VALUES ('mark', 1, 1, '')";
        world.database.sql(mark);
        late.join().unwrap();
    });
    let seen = world.appeared(&mut last).await;
    assert_eq!(seen, [("era-begun".to_owned(), None)]);
}
