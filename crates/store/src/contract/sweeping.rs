//! What has ended is forgotten, and nothing before.

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::single_use::SingleUse;
use safeconduct_protocol::token::new_id;

use super::{LIFE, OFFLINE, World};
use crate::databases::{Kind, databases};
use crate::{RedeemError, Redeeming, Swept};

#[apply(databases)]
#[tokio::test]
async fn nothing_that_lives_is_swept(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let proof = [world.id(SingleUse::DpopProof)];
    world.store.use_ids(&proof, world.now()).await.unwrap();
    world
        .store
        .revoke_access_token("stolen", &world.client, world.now().plus(300), world.now())
        .await
        .unwrap();
    world.advance(300);
    assert_eq!(
        world.store.sweep(world.now(), 100).await.unwrap(),
        Swept::default()
    );
    assert!(world.is_active(grant.id).await);
    assert_eq!(
        world.store.use_ids(&proof, world.now()).await,
        Err(RedeemError::Replayed(SingleUse::DpopProof))
    );
    assert!(!world.is_good(grant.id, "stolen").await);
}

#[apply(databases)]
#[tokio::test]
async fn a_dead_grant_is_kept_until_nothing_can_name_it(database: Kind) {
    let world = World::on(database).await;
    let code = world.allow(OFFLINE).await;
    assert_eq!(world.redeem(&code).await, Redemption::Won);
    assert_eq!(world.redeem(&code).await, Redemption::Replayed);
    world.advance(LIFE + 899);
    assert_eq!(world.store.sweep(world.now(), 100).await.unwrap().grants, 0);
    assert_eq!(
        world.redeem(&code).await,
        Redemption::Replayed,
        "the tombstone still answers"
    );
    world.advance(1);
    assert_eq!(world.store.sweep(world.now(), 100).await.unwrap().grants, 1);
}

#[apply(databases)]
#[tokio::test]
async fn a_redemption_that_slept_until_its_tombstone_was_swept_is_refused(database: Kind) {
    let world = World::on(database).await;
    let (code, another) = (world.allow(OFFLINE).await, world.allow(OFFLINE).await);
    let asleep = async |code| {
        let redeeming = Redeeming {
            grant: code,
            attempt: &new_id(),
            used_ids: &[],
            tell_of_logout: false,
        };
        let redemption = world.store.redeem_code(&redeeming, code.created_at);
        redemption.await.unwrap()
    };
    assert_eq!(world.redeem(&code).await, Redemption::Won);
    let store = &world.store;
    store.mark_time(world.now().plus(299)).await.unwrap();
    assert_eq!(asleep(&another).await, Redemption::Won, "a short sleep");
    store.mark_time(world.now().plus(300)).await.unwrap();
    assert_eq!(asleep(&code).await, Redemption::Replayed, "still known");
    world.advance(LIFE + 900);
    store.mark_time(world.now()).await.unwrap();
    assert_eq!(store.sweep(world.now(), 100).await.unwrap().grants, 2);
    assert_eq!(asleep(&code).await, Redemption::Replayed);
    assert!(!world.is_active(code.id).await);
}

#[apply(databases)]
#[tokio::test]
async fn what_has_ended_goes_a_little_at_a_time(database: Kind) {
    let world = World::on(database).await;
    for _ in 0..3 {
        world.granted(OFFLINE).await;
        let proof = [world.id(SingleUse::DpopProof)];
        world.store.use_ids(&proof, world.now()).await.unwrap();
    }
    let later = world.now().plus(LIFE + 900);
    world
        .store
        .revoke_access_token("stolen", &world.client, world.now(), world.now())
        .await
        .unwrap();
    world
        .store
        .add_client_secret(&world.client, [1; 32], None, world.now())
        .await
        .unwrap();
    world
        .store
        .add_client_secret(
            &world.client,
            [2; 32],
            Some(world.now().plus(60)),
            world.now(),
        )
        .await
        .unwrap();
    let first = world.store.sweep(later, 2).await.unwrap();
    let second = world.store.sweep(later, 2).await.unwrap();
    let expected = Swept {
        sessions: 1,
        session_clients: 0,
        logouts: 0,
        used_ids: 2,
        revoked_tokens: 1,
        grants: 2,
        client_secrets: 1,
        events: 0,
    };
    assert_eq!(first, expected);
    assert!(first.reached(2) && !second.reached(2));
    assert_eq!((second.used_ids, second.grants, second.sessions), (1, 1, 0));
    assert_eq!(world.store.clients().await.unwrap()[0].secrets.len(), 1);
}

#[apply(databases)]
#[tokio::test]
async fn events_are_kept_for_400_days(database: Kind) {
    let world = World::on(database).await;
    let (all, term) = (world.events().await.len() as u64, 400 * 24 * 3600);
    let end = world.now().plus(term);
    assert_eq!(world.store.sweep(end, 100).await.unwrap().events, 0);
    assert_eq!(
        world.store.sweep(end.plus(1), 100).await.unwrap().events,
        all
    );
}
