//! A code buys tokens once.

use std::pin::Pin;
use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::new_id;

use super::{OFFLINE, ONLINE, World};
use crate::databases::{Kind, databases};
use crate::driver::Statement;
use crate::{GrantFilter, Redeeming, StoreError};

/// Attacks: C01.
#[apply(databases)]
#[tokio::test]
async fn a_code_buys_a_grant_once_and_its_replay_ends_it(database: Kind) {
    let world = World::on(database).await;
    let grant = world.allow(ONLINE).await;
    assert_eq!(world.redeem(&grant).await, Redemption::Won);
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.redeem(&grant).await, Redemption::Replayed);
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.redeem(&grant).await, Redemption::Replayed);
    let listed = &world
        .store
        .list_grants(&GrantFilter::default(), 10)
        .await
        .unwrap()[0];
    assert_eq!(listed.revoked_reason.as_deref(), Some("code-redeemed"));
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|kind| *kind == "grant-revoked")
            .count(),
        1
    );
}

/// How many of 64 tries at the same moment win.
async fn winners(tries: impl Fn() -> Pin<Box<dyn Future<Output = bool> + Send>>) -> usize {
    let tries: Vec<_> = (0..64).map(|_| tokio::spawn(tries())).collect();
    let mut won = 0;
    for redemption in tries {
        won += usize::from(redemption.await.unwrap());
    }
    won
}

/// Attacks: C02, E15.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_redemptions_one_wins_and_the_grant_is_dead(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let grant = Arc::new(world.allow(ONLINE).await);
    let won = winners(|| {
        let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
        Box::pin(async move {
            let redemption = world.redeem(&grant).await;
            assert!(matches!(redemption, Redemption::Won | Redemption::Replayed));
            redemption == Redemption::Won
        })
    });
    assert_eq!(won.await, 1);
    assert!(!world.is_active(grant.id).await);
}

/// The race above would show it if the store looked first and wrote afterwards.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_looks_first_and_writes_afterwards_is_won_by_many(database: Kind) {
    const ADD: &str = "INSERT INTO codes (id) VALUES ($1)";
    const LOOK: &str = "SELECT redeemed_by FROM codes WHERE id = $1";
    const REDEEM: &str = "UPDATE codes SET redeemed_by = $2 WHERE id = $1";
    let world = Arc::new(World::on(database).await);
    let table = "CREATE TABLE codes (id TEXT PRIMARY KEY, redeemed_by TEXT)";
    world.store.commit(Statement::new(table)).await.unwrap();
    let mut won = 0;
    for code in ["a", "b", "c", "d", "e"] {
        let add = Statement::new(ADD).bind(code);
        world.store.commit(add).await.unwrap();
        won += winners(|| {
            let world = Arc::clone(&world);
            Box::pin(async move {
                let found = world.store.row(Statement::new(LOOK).bind(code)).await;
                let unused = found.unwrap().unwrap().optional_text().unwrap().is_none();
                let redeem = Statement::new(REDEEM).bind(code).bind(new_id());
                unused && world.store.committed(redeem.expect_some()).await.unwrap()
            })
        })
        .await;
    }
    assert!(won > 5, "{won} of 5 codes");
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_codes_of_one_request_one_redeems_and_nothing_is_revoked(database: Kind) {
    let world = Arc::new(World::on(database).await);
    for _ in 0..20 {
        let first = world.allow(ONLINE).await;
        let mut second = first.clone();
        second.code_id = new_id();
        let grant = first.id;
        let tasks = [first, second].map(|code| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.redeem(&code).await })
        });
        let mut settled = Vec::new();
        for task in tasks {
            settled.push(task.await.unwrap());
        }
        assert!(
            settled.contains(&Redemption::Won) && settled.contains(&Redemption::Superseded),
            "{settled:?}"
        );
        assert!(world.is_active(grant).await);
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_superseded_code_never_revokes_however_often_it_comes(database: Kind) {
    let world = World::on(database).await;
    let first = world.allow(ONLINE).await;
    let mut second = first.clone();
    second.code_id = new_id();
    assert_eq!(world.redeem(&first).await, Redemption::Won);
    assert_eq!(world.redeem(&second).await, Redemption::Superseded);
    assert_eq!(world.redeem(&second).await, Redemption::Superseded);
    assert!(world.is_active(first.id).await);
}

#[apply(databases)]
#[tokio::test]
async fn a_replay_ends_the_grant_even_when_its_user_was_locked_meanwhile(database: Kind) {
    let world = World::on(database).await;
    let grant = world.allow(ONLINE).await;
    assert_eq!(world.redeem(&grant).await, Redemption::Won);
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    assert_eq!(world.redeem(&grant).await, Redemption::Replayed);
    assert!(
        world
            .store
            .list_grants(&GrantFilter::default(), 1)
            .await
            .unwrap()[0]
            .revoked_at
            .is_some()
    );
}

#[apply(databases)]
#[tokio::test]
async fn the_51st_grant_ends_the_oldest(database: Kind) {
    let world = World::on(database).await;
    let mut grants = Vec::new();
    for _ in 0..51 {
        world.advance(1);
        grants.push(world.granted(OFFLINE).await.id);
    }
    assert!(!world.is_active(grants[0]).await);
    for grant in &grants[1..] {
        assert!(world.is_active(*grant).await);
    }
}

/// Attacks: Z04.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_one_user_redeems_at_once_the_last_50_live(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let mut codes = Vec::new();
    for _ in 0..200 {
        codes.push(world.allow(OFFLINE).await);
    }
    let ids: Vec<_> = codes.iter().map(|code| code.id).collect();
    let redemptions: Vec<_> = codes
        .into_iter()
        .map(|code| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.redeem(&code).await })
        })
        .collect();
    for redemption in redemptions {
        assert_eq!(redemption.await.unwrap(), Redemption::Won);
    }
    let mut alive = 0;
    for grant in ids {
        alive += i32::from(world.is_active(grant).await);
    }
    assert_eq!(alive, 50);
}

#[apply(databases)]
#[tokio::test]
async fn a_replay_among_many_grants_ends_no_other(database: Kind) {
    let world = World::on(database).await;
    let code = world.allow(OFFLINE).await;
    assert_eq!(world.redeem(&code).await, Redemption::Won);
    let mut others = Vec::new();
    for _ in 0..49 {
        others.push(world.granted(OFFLINE).await.id);
    }
    assert_eq!(world.redeem(&code).await, Redemption::Replayed);
    others.push(world.granted(OFFLINE).await.id);
    for grant in others {
        assert!(world.is_active(grant).await);
    }
}

/// Attacks: L17.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_a_lock_is_dead_after_it(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let mut codes = Vec::new();
    for _ in 0..32 {
        codes.push(world.allow(OFFLINE).await);
    }
    let ids: Vec<_> = codes.iter().map(|code| code.id).collect();
    let redemptions: Vec<_> = codes
        .into_iter()
        .map(|code| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.redeem(&code).await })
        })
        .collect();
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    for redemption in redemptions {
        assert!(matches!(
            redemption.await.unwrap(),
            Redemption::Won | Redemption::Ended
        ));
    }
    world
        .store
        .unlock_user(&world.user, world.now())
        .await
        .unwrap();
    for grant in ids {
        assert!(!world.is_active(grant).await);
    }
}

/// Attacks: C03, E09.
#[apply(databases)]
#[tokio::test]
async fn an_unconfirmed_redemption_is_settled_by_looking(database: Kind) {
    let world = World::on(database).await;
    let unconfirmed = || "lost".to_owned();
    let grant = world.allow(ONLINE).await;
    let lost = world
        .store
        .settle_redemption(&grant, "mine", unconfirmed())
        .await;
    assert_eq!(
        lost,
        Err(StoreError::Unavailable(unconfirmed())),
        "it was not committed: try again"
    );

    let mine = Redeeming {
        grant: &grant,
        attempt: "mine",
        used_ids: &[],
        tell_of_logout: false,
    };
    let redeemed = world.store.redeem_code(&mine, world.now()).await;
    assert_eq!(redeemed, Ok(Redemption::Won));
    assert_eq!(
        world
            .store
            .settle_redemption(&grant, "mine", unconfirmed())
            .await,
        Ok(Redemption::Won)
    );
    let replay = world
        .store
        .settle_redemption(&grant, "other", unconfirmed())
        .await;
    assert_eq!(
        replay,
        Err(StoreError::Unavailable(unconfirmed())),
        "the replay has not revoked: try again"
    );

    let mut second = grant.clone();
    second.code_id = new_id();
    let superseded = world
        .store
        .settle_redemption(&second, "other", unconfirmed())
        .await;
    assert_eq!(superseded, Ok(Redemption::Superseded));
    assert_eq!(world.redeem(&grant).await, Redemption::Replayed);
    assert_eq!(
        world
            .store
            .settle_redemption(&grant, "other", unconfirmed())
            .await,
        Ok(Redemption::Replayed)
    );
}
