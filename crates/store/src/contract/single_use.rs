//! What may be used once is used once, in the unit of what the request changes.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::refresh_token::RefreshDecision;
use safeconduct_protocol::single_use::{SingleUse, UsedId};
use safeconduct_protocol::time::Timestamp;

use super::{OFFLINE, ONLINE, World};
use crate::RedeemError;
use crate::databases::{Kind, databases};

async fn use_up(world: &World, id: &UsedId, now: Timestamp) -> Result<(), RedeemError> {
    world.store.use_ids(std::slice::from_ref(id), now).await
}

#[apply(databases)]
#[tokio::test]
async fn an_id_is_used_once_and_its_replay_is_named(
    database: Kind,
    #[values(
        SingleUse::ClientAssertion,
        SingleUse::DpopProof,
        SingleUse::PushedRequest
    )]
    kind: SingleUse,
) {
    let world = World::on(database).await;
    let (store, now, id) = (&world.store, world.now(), world.id(kind));
    assert!(!store.is_used(&id, now).await.unwrap());
    assert_eq!(use_up(&world, &id, now).await, Ok(()));
    assert!(store.is_used(&id, now).await.unwrap());
    let again = use_up(&world, &id, now).await;
    assert_eq!(again, Err(RedeemError::Replayed(kind)));
}

#[apply(databases)]
#[tokio::test]
async fn the_same_id_of_another_kind_or_owner_is_another(database: Kind) {
    let world = World::on(database).await;
    let id = world.id(SingleUse::ClientAssertion);
    let of_another_owner = UsedId {
        owner: "another".to_owned(),
        ..id.clone()
    };
    let of_another_kind = UsedId {
        kind: SingleUse::DpopProof,
        ..id.clone()
    };
    for id in [id, of_another_owner, of_another_kind] {
        assert_eq!(use_up(&world, &id, world.now()).await, Ok(()));
    }
}

/// Attacks: T08, E15.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_uses_one_is_the_first(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let id = world.id(SingleUse::DpopProof);
    let uses: Vec<_> = (0..64)
        .map(|_| {
            let (world, id) = (Arc::clone(&world), id.clone());
            tokio::spawn(async move { use_up(&world, &id, world.now()).await })
        })
        .collect();
    let mut first = 0;
    for one in uses {
        match one.await.unwrap() {
            Ok(()) => first += 1,
            replayed => assert_eq!(replayed, Err(RedeemError::Replayed(SingleUse::DpopProof))),
        }
    }
    assert_eq!(first, 1);
}

#[apply(databases)]
#[tokio::test]
async fn several_are_used_together_or_not_at_all(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let [assertion, proof, other] = [
        SingleUse::ClientAssertion,
        SingleUse::DpopProof,
        SingleUse::DpopProof,
    ]
    .map(|kind| world.id(kind));
    assert_eq!(use_up(&world, &proof, now).await, Ok(()));
    let both = [assertion.clone(), proof];
    assert_eq!(
        store.use_ids(&both, now).await,
        Err(RedeemError::Replayed(SingleUse::DpopProof))
    );
    assert!(!store.is_used(&assertion, now).await.unwrap());
    assert_eq!(store.use_ids(&[assertion, other], now).await, Ok(()));
    assert_eq!(store.use_ids(&[], now).await, Ok(()));
}

#[apply(databases)]
#[tokio::test]
async fn an_id_that_expired_long_ago_says_nothing_though_nobody_swept(database: Kind) {
    let world = World::on(database).await;
    let id = world.id(SingleUse::ClientAssertion);
    let forgotten_at = id.expires_at.plus(60);
    use_up(&world, &id, world.now()).await.unwrap();
    let again = UsedId {
        expires_at: forgotten_at.plus(300),
        ..id.clone()
    };
    let replay = Err(RedeemError::Replayed(SingleUse::ClientAssertion));
    assert_eq!(
        use_up(&world, &again, forgotten_at.plus(-1)).await,
        replay,
        "clocks differ: it is remembered beyond its end"
    );
    assert!(!world.store.is_used(&id, forgotten_at).await.unwrap());
    assert_eq!(use_up(&world, &again, forgotten_at).await, Ok(()));
    assert_eq!(
        use_up(&world, &again, forgotten_at).await,
        replay,
        "and from then on it is used"
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_replay_buys_nothing_and_costs_nothing(
    database: Kind,
    #[values(SingleUse::ClientAssertion, SingleUse::DpopProof)] replayed: SingleUse,
) {
    let world = World::on(database).await;
    let fresh = || {
        [
            world.id(SingleUse::ClientAssertion),
            world.id(SingleUse::DpopProof),
        ]
    };
    let first_ids = fresh();
    let with_one_again = fresh().map(|id| {
        let again = first_ids.iter().find(|first| first.kind == replayed);
        again
            .filter(|again| again.kind == id.kind)
            .cloned()
            .unwrap_or(id)
    });
    let (first, second) = (world.allow(ONLINE).await, world.allow(ONLINE).await);
    assert_eq!(
        world.try_to_redeem(&first, &first_ids).await,
        Ok(Redemption::Won)
    );
    let replay = Err(RedeemError::Replayed(replayed));
    assert_eq!(world.try_to_redeem(&second, &with_one_again).await, replay);
    assert_eq!(world.try_to_redeem(&first, &with_one_again).await, replay);
    assert!(world.is_active(first.id).await, "nothing was revoked");
    assert_eq!(
        world.try_to_redeem(&second, &fresh()).await,
        Ok(Redemption::Won)
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_replay_rotates_nothing(
    database: Kind,
    #[values(SingleUse::ClientAssertion, SingleUse::DpopProof)] replayed: SingleUse,
) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let used = [world.id(replayed)];
    let rotated = world.try_to_rotate(&grant, 0, &used).await.unwrap();
    assert_eq!(rotated, RefreshDecision::Rotate);
    let with_it_again = [world.id(SingleUse::ClientAssertion), used[0].clone()];
    for generation in [0, 1] {
        assert_eq!(
            world
                .try_to_rotate(&grant, generation, &with_it_again)
                .await,
            Err(RedeemError::Replayed(replayed))
        );
    }
    assert!(
        !world
            .store
            .is_used(&with_it_again[0], world.now())
            .await
            .unwrap()
    );
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
}
