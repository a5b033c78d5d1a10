//! A refresh token is good once, a lost answer is given again, an old token ends its grant.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::refresh_token::{RefreshDecision, RefreshState, Rotation};
use safeconduct_protocol::token::new_id;

use super::{IDLE, LIFE, OFFLINE, ONLINE, World};
use crate::databases::{Kind, databases};
use crate::{GrantFilter, StoreError};

#[apply(databases)]
#[tokio::test]
async fn each_use_gives_the_next_generation_and_moves_the_idle_end(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    world.advance(1_000);
    let (decision, rotated) = world.rotate(&grant, 0).await;
    let rotated = rotated.unwrap();
    assert_eq!((decision, rotated.generation), (RefreshDecision::Rotate, 1));
    assert_eq!(rotated.idle_expires_at, world.now().plus(IDLE));
    assert_eq!(
        rotated.expires_at, grant.expires_at,
        "rotation extends no life"
    );
    assert_eq!(
        (rotated.scope, rotated.audience),
        (grant.scope.clone(), grant.audience.clone())
    );
    let (decision, rotated) = world.rotate(&grant, 1).await;
    assert_eq!(
        (decision, rotated.unwrap().generation),
        (RefreshDecision::Rotate, 2)
    );
}

#[apply(databases)]
#[tokio::test]
async fn the_idle_end_never_passes_the_last_end(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    for generation in 0..5 {
        world.advance(IDLE - 1);
        let (decision, rotated) = world.rotate(&grant, generation).await;
        if decision == RefreshDecision::Expired {
            assert!(world.now() >= grant.expires_at);
            return;
        }
        assert_eq!(
            rotated.unwrap().idle_expires_at,
            world.now().plus(IDLE).min(grant.expires_at)
        );
    }
    panic!("the grant outlived {LIFE} seconds");
}

#[apply(databases)]
#[tokio::test]
async fn a_lost_answer_is_given_again_and_extends_nothing(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let (_, rotated) = world.rotate(&grant, 0).await;
    world.advance(60);
    for _ in 0..3 {
        assert_eq!(
            world.rotate(&grant, 0).await,
            (RefreshDecision::Retry, rotated.clone())
        );
    }
    assert_eq!(
        world
            .store
            .list_grants(&GrantFilter::default(), 1)
            .await
            .unwrap()[0]
            .retries,
        3
    );
    assert_eq!(world.rotate(&grant, 1).await.0, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test]
async fn an_old_token_ends_its_grant(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    world.rotate(&grant, 0).await;
    world.rotate(&grant, 1).await;
    assert!(world.is_active(grant.id).await);
    assert_eq!(
        world.rotate(&grant, 0).await,
        (RefreshDecision::Reuse, None)
    );
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 2).await, (RefreshDecision::Dead, None));
    assert_eq!(
        world.events().await.last().map(String::as_str),
        Some("grant-revoked")
    );
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_uses_one_rotates_and_all_give_one_successor(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let grant = Arc::new(world.granted(OFFLINE).await);
    let uses: Vec<_> = (0..64)
        .map(|_| {
            let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
            tokio::spawn(async move { world.rotate(&grant, 0).await })
        })
        .collect();
    let mut rotations = 0;
    for one in uses {
        let (decision, rotated) = one.await.unwrap();
        assert_eq!(rotated.unwrap().generation, 1);
        match decision {
            RefreshDecision::Rotate => rotations += 1,
            other => assert_eq!(other, RefreshDecision::Retry),
        }
    }
    assert_eq!(rotations, 1);
    assert_eq!(world.rotate(&grant, 1).await.0, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_a_revocation_is_dead_after_it(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let grant = Arc::new(world.granted(OFFLINE).await);
    let uses: Vec<_> = (0..32)
        .map(|_| {
            let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
            tokio::spawn(async move { world.rotate(&grant, 0).await.0 })
        })
        .collect();
    world
        .store
        .revoke_grant(grant.id, &world.client, "test", world.now())
        .await
        .unwrap();
    for one in uses {
        let decision = one.await.unwrap();
        assert!(matches!(
            decision,
            RefreshDecision::Rotate | RefreshDecision::Retry | RefreshDecision::Dead
        ));
    }
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 1).await.0, RefreshDecision::Dead);
}

#[apply(databases)]
#[tokio::test]
async fn a_token_of_another_client_or_era_or_of_no_grant_is_dead_and_changes_nothing(
    database: Kind,
) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let rotation = world.rotation(0, None);
    let present = async |token| {
        world
            .store
            .rotate_refresh_token(&token, &rotation, &new_id(), &[], IDLE, world.now())
            .await
            .unwrap()
            .0
    };
    let mut token = world.token(&grant, 0);
    token.client = safeconduct_protocol::ids::ClientId::parse("thief").unwrap();
    assert_eq!(present(token).await, RefreshDecision::Dead);
    let mut token = world.token(&grant, 0);
    token.era = 2;
    assert_eq!(present(token).await, RefreshDecision::Dead);
    let mut token = world.token(&grant, 0);
    token.grant = safeconduct_protocol::ids::GrantId::generate(0);
    assert_eq!(present(token).await, RefreshDecision::Dead);
    assert_eq!(world.rotate(&grant, 0).await.0, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test]
async fn an_unconfirmed_rotation_is_settled_by_looking(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let (token, rotation) = (world.token(&grant, 0), world.rotation(0, Some(60)));
    let settle = async |attempt| {
        world
            .store
            .settle_rotation(&token, &rotation, attempt, "lost".to_owned())
            .await
    };
    assert_eq!(
        settle("mine").await,
        Err(StoreError::Unavailable("lost".to_owned()))
    );
    world
        .store
        .rotate_refresh_token(&token, &rotation, "mine", &[], IDLE, world.now())
        .await
        .unwrap();
    let (decision, rotated) = settle("mine").await.unwrap();
    assert_eq!(
        (decision, rotated.unwrap().generation),
        (RefreshDecision::Rotate, 1)
    );
    assert_eq!(
        settle("other").await,
        Err(StoreError::Unavailable("lost".to_owned()))
    );
}

/// One cell of the grid: a grant that was rotated `current` times, and one use of a token of generation `presented`,
/// `later` seconds after the last rotation.
struct Cell {
    current: i64,
    presented: i64,
    later: i64,
    retry_window: Option<i64>,
    alive: bool,
}

#[apply(databases)]
#[tokio::test]
async fn the_update_decides_as_the_rule_does(database: Kind) {
    let mut seen = std::collections::HashSet::new();
    let world = World::on(database).await;
    for current in [0, 1, 3] {
        for presented in current - 2..=current + 1 {
            for later in [0, 60, 61, IDLE - 1, IDLE] {
                for retry_window in [None, Some(60)] {
                    for alive in [true, false] {
                        let cell = Cell {
                            current,
                            presented,
                            later,
                            retry_window,
                            alive,
                        };
                        seen.insert(format!("{:?}", decide_both(&world, &cell).await));
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), 6, "the grid reaches every decision: {seen:?}");
}

async fn decide_both(world: &World, cell: &Cell) -> RefreshDecision {
    let Cell {
        current,
        presented,
        later,
        retry_window,
        alive,
    } = *cell;
    world
        .store
        .touch_session(&world.session, world.now().plus(2 * IDLE), world.now())
        .await
        .unwrap();
    let grant = world.granted(OFFLINE).await;
    for generation in 0..current {
        world.rotate(&grant, generation).await;
    }
    if !alive {
        world
            .store
            .revoke_grant(grant.id, &world.client, "test", world.now())
            .await
            .unwrap();
    }
    let state = RefreshState {
        generation: current,
        rotated_at: world.now(),
        idle_expires_at: world.now().plus(IDLE),
        alive,
    };
    let rotation = Rotation {
        presented,
        retry_window,
        now: world.now().plus(later),
    };
    let token = world.token(&grant, presented);
    let decided = world
        .store
        .rotate_refresh_token(&token, &rotation, &new_id(), &[], IDLE, rotation.now)
        .await
        .unwrap();
    let rule = rotation.decide(&state);
    let place = format!(
        "current {current}, presented {presented}, {later} s later, {retry_window:?}, alive {alive}"
    );
    assert_eq!(decided.0, rule, "{place}");
    let generation = decided.1.map(|grant| grant.generation);
    let successor =
        matches!(rule, RefreshDecision::Rotate | RefreshDecision::Retry).then_some(presented + 1);
    assert_eq!(generation, successor, "{place}");
    rule
}

#[apply(databases)]
#[tokio::test]
async fn an_online_grant_dies_with_its_session_and_an_offline_grant_does_not(database: Kind) {
    let world = World::on(database).await;
    let (online, offline) = (world.granted(ONLINE).await, world.granted(OFFLINE).await);
    world
        .store
        .end_session(&world.session, world.now())
        .await
        .unwrap();
    assert_eq!(world.rotate(&online, 0).await.0, RefreshDecision::Dead);
    assert_eq!(world.rotate(&offline, 0).await.0, RefreshDecision::Rotate);
    assert!(!world.is_active(online.id).await);
    assert!(world.is_active(offline.id).await);
}
