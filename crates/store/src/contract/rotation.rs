//! A refresh token is good once, a lost answer is given again, an old token ends its grant.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::grant::Grant;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::refresh_token::{
    RefreshDecision, RefreshState, Retried, Rotation, SHARED_REPORTED, SHARED_REVOKED,
};

use super::{IDLE, LIFE, OFFLINE, ONLINE, World};
use crate::databases::{Kind, databases};
use crate::{GrantFilter, StoreError};

#[apply(databases)]
#[tokio::test]
async fn each_use_gives_the_next_generation_and_moves_the_idle_end(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    world.advance(1_000);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
    let rotated = world.kept(&grant).await;
    assert_eq!(rotated.generation, 1);
    assert_eq!(rotated.idle_expires_at, world.now().plus(IDLE));
    assert_eq!(
        rotated.expires_at, grant.expires_at,
        "rotation extends no life"
    );
    assert_eq!(
        (rotated.scope, rotated.audience),
        (grant.scope.clone(), grant.audience.clone())
    );
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
    assert_eq!(world.kept(&grant).await.generation, 2);
}

/// Attacks: F12.
#[apply(databases)]
#[tokio::test]
async fn the_idle_end_never_passes_the_last_end(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    for generation in 0..5 {
        world.advance(IDLE - 1);
        if world.rotate(&grant, generation).await == RefreshDecision::Expired {
            assert!(world.now() >= grant.expires_at);
            return;
        }
        assert_eq!(
            world.kept(&grant).await.idle_expires_at,
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
    world.rotate(&grant, 0).await;
    let rotated = world.kept(&grant).await;
    world.advance(60);
    for _ in 0..3 {
        assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Retry);
        assert_eq!(world.kept(&grant).await, rotated);
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
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
}

/// Each time an access token is issued, of whose end guards have to be told.
///
/// Attacks: AD67.
#[apply(databases)]
#[tokio::test]
async fn a_grant_that_is_only_retried_is_told_among_those_that_ended(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
    world.advance(50);
    let since = world.now();
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Retry);
    world.advance(5);
    let (store, user, now) = (&world.store, &world.user, world.now());
    let audience = world.kept(&grant).await.audience;
    store.lock_user(user, now).await.unwrap();
    let ended = async |behind| {
        let page = (behind, 10);
        let ended = store.ended_grants(user, &audience, since, page, now).await;
        ended.unwrap()
    };
    assert_eq!(ended(None).await, [grant.id]);
    assert_eq!(ended(Some(grant.id)).await, []);
}

/// Attacks: F01.
#[apply(databases)]
#[tokio::test]
async fn an_old_token_ends_its_grant(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    world.rotate(&grant, 0).await;
    world.rotate(&grant, 1).await;
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Reuse);
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 2).await, RefreshDecision::Dead);
    assert_eq!(
        world.events().await.last().map(String::as_str),
        Some("grant-revoked")
    );
}

/// Attacks: F02, E15.
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
        match one.await.unwrap() {
            RefreshDecision::Rotate => rotations += 1,
            other => assert_eq!(other, RefreshDecision::Retry),
        }
    }
    assert_eq!(rotations, 1);
    assert_eq!(world.kept(&grant).await.generation, 1);
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
}

/// Attacks: F07.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_a_revocation_is_dead_after_it(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let grant = Arc::new(world.granted(OFFLINE).await);
    let uses: Vec<_> = (0..32)
        .map(|_| {
            let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
            tokio::spawn(async move { world.rotate(&grant, 0).await })
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
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Dead);
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
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
}

/// Attacks: E09.
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
    assert_eq!(settle("mine").await, Ok(RefreshDecision::Rotate));
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
    assert_eq!(
        seen.len(),
        7,
        "the grid reaches every decision that needs no count: {seen:?}"
    );
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
        retried: Retried::default(),
    };
    let rotation = Rotation {
        presented,
        retry_window,
        shared_limit: None,
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
    assert_eq!(decided, rule, "{place}");
    let moved = i64::from(rule == RefreshDecision::Rotate);
    assert_eq!(
        world.kept(&grant).await.generation,
        current + moved,
        "{place}"
    );
    rule
}

/// Uses the token of generation `presented` of a client whose shared grants end with `limit` generations given again in a row.
async fn rotate_within(
    world: &World,
    grant: &Grant,
    presented: i64,
    limit: Option<i64>,
) -> RefreshDecision {
    let rotation = Rotation {
        shared_limit: limit,
        ..world.rotation(presented, Some(60))
    };
    let token = world.token(grant, presented);
    let (store, attempt) = (&world.store, new_id());
    let used = store.rotate_refresh_token(&token, &rotation, &attempt, &[], IDLE, rotation.now);
    used.await.unwrap()
}

/// How often two holders were reported and a grant was revoked.
async fn reported_and_revoked(world: &World) -> (usize, usize) {
    let events = world.events().await;
    let count = |kind| events.iter().filter(|event| *event == kind).count();
    (count("refresh-token-shared"), count("grant-revoked"))
}

/// One generation after another: `r` is given again once, `R` three times, `.` is not.
#[apply(databases)]
#[tokio::test]
async fn generations_given_again_are_counted_as_the_rule_does(
    database: Kind,
    #[values(
        "rrrrrrrrrrrr",
        "rRrRrRrRrRr",
        "rrrr.rrrrrrrr.rrrrr",
        "..r.r..rr.rrr.rrrr."
    )]
    story: &str,
    #[values(None, Some(SHARED_REVOKED))] limit: Option<i64>,
) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let (mut retried, mut reported, mut revoked) = (Retried::default(), 0, 0);
    'story: for (generation, use_of_it) in (0..).zip(story.chars()) {
        let rotated = rotate_within(&world, &grant, generation, limit).await;
        assert_eq!(rotated, RefreshDecision::Rotate, "{generation} of {story}");
        let again = match use_of_it {
            'r' => 1,
            'R' => 3,
            _ => 0,
        };
        for _ in 0..again {
            let state = RefreshState {
                generation: generation + 1,
                rotated_at: world.now(),
                idle_expires_at: world.now().plus(IDLE),
                alive: true,
                retried,
            };
            let rule = Rotation {
                shared_limit: limit,
                ..world.rotation(generation, Some(60))
            };
            let rule = rule.decide(&state);
            let decided = rotate_within(&world, &grant, generation, limit).await;
            assert_eq!(decided, rule, "{generation} of {story}");
            retried = retried.with(generation + 1);
            reported += usize::from(rule == RefreshDecision::RetryReported);
            revoked += usize::from(rule == RefreshDecision::Shared);
            if revoked == 1 {
                break 'story;
            }
        }
    }
    assert_eq!(reported_and_revoked(&world).await, (reported, revoked));
    assert_eq!(world.is_active(grant.id).await, revoked == 0);
    assert_eq!(
        revoked,
        usize::from(limit.is_some() && !story.contains('.'))
    );
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_retries_one_reports_and_one_ends_the_grant(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let grant = Arc::new(world.granted(OFFLINE).await);
    let limit = Some(SHARED_REVOKED);
    let at_once = async |generation| {
        let uses: Vec<_> = (0..64)
            .map(|_| {
                let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
                tokio::spawn(async move { rotate_within(&world, &grant, generation, limit).await })
            })
            .collect();
        let mut decisions = Vec::new();
        for one in uses {
            decisions.push(one.await.unwrap());
        }
        decisions
    };
    let count = |decisions: &[RefreshDecision], one| {
        decisions
            .iter()
            .filter(|decision| **decision == one)
            .count()
    };
    for generation in 0..SHARED_REVOKED - 1 {
        rotate_within(&world, &grant, generation, limit).await;
        let decisions = at_once(generation).await;
        let reported = usize::from(generation + 1 == SHARED_REPORTED);
        assert_eq!(count(&decisions, RefreshDecision::RetryReported), reported);
        assert_eq!(count(&decisions, RefreshDecision::Retry), 64 - reported);
    }
    let last = SHARED_REVOKED - 1;
    rotate_within(&world, &grant, last, limit).await;
    let decisions = at_once(last).await;
    assert_eq!(count(&decisions, RefreshDecision::Shared), 1);
    assert_eq!(count(&decisions, RefreshDecision::Dead), 63);
    assert_eq!(reported_and_revoked(&world).await, (1, 1));
}

#[apply(databases)]
#[tokio::test]
async fn an_online_grant_dies_with_its_session_and_an_offline_grant_does_not(database: Kind) {
    let world = World::on(database).await;
    let (online, offline) = (world.granted(ONLINE).await, world.granted(OFFLINE).await);
    world
        .store
        .end_session(&world.session, &world.user, world.now())
        .await
        .unwrap();
    assert_eq!(world.rotate(&online, 0).await, RefreshDecision::Dead);
    assert_eq!(world.rotate(&offline, 0).await, RefreshDecision::Rotate);
    assert!(!world.is_active(online.id).await);
    assert!(world.is_active(offline.id).await);
}
