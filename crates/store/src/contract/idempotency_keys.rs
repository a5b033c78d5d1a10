//! Keys of requests: taken once, and good for a day.

use std::sync::Arc;

use rstest_reuse::apply;

use super::World;
use crate::databases::{Kind, databases};
use crate::{IdempotencyKey, Sweepable};

const KEY: [u8; 32] = [1; 32];
const REQUEST: [u8; 32] = [2; 32];

/// Attacks: AD55.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_requests_with_one_key_one_is_done(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let taken = world
                    .store
                    .take_idempotency_key(&KEY, &REQUEST, world.now());
                taken.await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for one in asked {
        match one.await.unwrap() {
            IdempotencyKey::Taken => taken += 1,
            other => assert_eq!(other, IdempotencyKey::Used(None)),
        }
    }
    assert_eq!(taken, 1);
}

/// Attacks: AD55.
#[apply(databases)]
#[tokio::test]
async fn a_key_stands_for_its_request_and_its_answer_for_a_day(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let take = async |request: &[u8; 32]| {
        let taken = store.take_idempotency_key(&KEY, request, world.now());
        taken.await.unwrap()
    };
    assert_eq!(take(&REQUEST).await, IdempotencyKey::Taken);
    assert_eq!(take(&[3; 32]).await, IdempotencyKey::OfAnother);
    store.release_idempotency_key(&KEY).await.unwrap();
    assert_eq!(take(&REQUEST).await, IdempotencyKey::Taken);
    store.answer_idempotency_key(&KEY, "sealed").await.unwrap();
    let answered = IdempotencyKey::Used(Some("sealed".to_owned()));
    assert_eq!(take(&REQUEST).await, answered);
    store.release_idempotency_key(&KEY).await.unwrap();
    assert_eq!(
        take(&REQUEST).await,
        answered,
        "what was done is not undone"
    );
    world.advance(24 * 3600 - 1);
    assert_eq!(take(&REQUEST).await, answered);
    let kind = Sweepable::IdempotencyKeys;
    assert_eq!(store.sweep_some(kind, world.now(), 10).await, Ok(0));
    world.advance(1);
    assert_eq!(take(&[3; 32]).await, IdempotencyKey::Taken, "it is over");
    world.advance(24 * 3600);
    assert_eq!(store.sweep_some(kind, world.now(), 10).await, Ok(1));
}
