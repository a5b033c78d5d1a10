//! What has ended is forgotten, and nothing before.

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::single_use::SingleUse;

use super::administration::hashed;
use super::statements;
use super::{LIFE, OFFLINE, SESSION_IDLE, World};
use crate::databases::{Kind, databases};
use crate::driver::{Statement, Unit};
use crate::{RedeemError, Redeeming, Sweepable};

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
    assert_eq!(world.sweep(100).await, []);
    for kind in Sweepable::ALL {
        let backlog = world.store.sweep_backlog(kind, world.now(), 100).await;
        assert_eq!(backlog, Ok(0), "{kind:?}");
    }
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
    assert_eq!(world.sweep(100).await, []);
    assert_eq!(
        world.redeem(&code).await,
        Redemption::Replayed,
        "the tombstone still answers"
    );
    world.advance(1);
    assert_eq!(world.sweep(100).await, [(Sweepable::Grants, 1)]);
}

/// Attacks: E16.
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
    assert!(world.sweep(100).await.contains(&(Sweepable::Grants, 2)));
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
    world
        .store
        .revoke_access_token("stolen", &world.client, world.now(), world.now())
        .await
        .unwrap();
    world
        .store
        .add_client_secret(&world.client, hashed(1), None, world.now())
        .await
        .unwrap();
    world
        .store
        .add_client_secret(
            &world.client,
            hashed(2),
            Some(world.now().plus(60)),
            world.now(),
        )
        .await
        .unwrap();
    world.advance(2 * SESSION_IDLE);
    let backlog = async |kind, most| {
        let (store, now) = (&world.store, world.now());
        store.sweep_backlog(kind, now, most).await.unwrap()
    };
    assert_eq!(backlog(Sweepable::UsedIds, 100).await, 3);
    assert_eq!(
        backlog(Sweepable::Grants, 2).await,
        2,
        "no more are counted"
    );
    let first = [
        (Sweepable::Sessions, 1),
        (Sweepable::UsedIds, 2),
        (Sweepable::RevokedTokens, 1),
        (Sweepable::Grants, 2),
        (Sweepable::ClientSecrets, 1),
    ];
    assert_eq!(world.sweep(2).await, first);
    assert_eq!(backlog(Sweepable::UsedIds, 100).await, 1);
    let second = [(Sweepable::UsedIds, 1), (Sweepable::Grants, 1)];
    assert_eq!(world.sweep(2).await, second);
    assert_eq!(world.sweep(2).await, []);
    for kind in Sweepable::ALL {
        assert_eq!(backlog(kind, 100).await, 0, "{kind:?}");
    }
    assert_eq!(world.store.clients().await.unwrap()[0].secrets.len(), 1);
}

#[apply(databases)]
#[tokio::test]
async fn events_are_kept_for_400_days(database: Kind) {
    let world = World::on(database).await;
    let (all, term) = (world.events().await.len() as u64, 400 * 24 * 3600);
    let store = &world.store;
    let end = world.now().plus(term);
    let sweep = async |now| store.sweep_some(Sweepable::Events, now, 100).await;
    assert_eq!(sweep(end).await, Ok(0));
    let counted = store.sweep_backlog(Sweepable::Events, end.plus(1), 100);
    assert_eq!(counted.await, Ok(all));
    assert_eq!(sweep(end.plus(1)).await, Ok(all));
}

/// An id whose end has passed may be used again. The sweep that had picked its row waits for that use, and finds it used.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_used_again_while_it_is_swept_stays_used_on_postgresql() {
    let world = World::on(Kind::Postgresql).await;
    let proof = [world.id(SingleUse::DpopProof)];
    world.store.use_ids(&proof, world.now()).await.unwrap();
    world.advance(2 * SESSION_IDLE);
    let until = world.now().plus(300).seconds();
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let use_again = format!(
        "BEGIN; UPDATE used_ids SET expires_at = {until}; \
         DO $$ BEGIN WHILE NOT EXISTS ({waits}) LOOP PERFORM pg_stat_clear_snapshot(); END LOOP; END $$; COMMIT"
    );
    std::thread::scope(|threads| {
        let used = threads.spawn(|| world.database.sql(&use_again));
        let holds = "SELECT count(*) FROM pg_locks WHERE relation = 'used_ids'::regclass AND mode = 'RowExclusiveLock'";
        while world.database.sql(holds) == "0" {}
        let sweeping = world.store.sweep_some(Sweepable::UsedIds, world.now(), 10);
        let swept =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(sweeping));
        assert_eq!(swept, Ok(0));
        used.join().unwrap();
    });
    let again = world.store.use_ids(&proof, world.now()).await;
    assert!(again.is_err(), "{again:?}");
}

/// A statement is planned anew until PostgreSQL thinks that it knows it by heart, at its sixth run. Then, too, what is due is found
/// by an index, however many rows are not due.
#[tokio::test]
async fn the_tenth_sweep_finds_what_is_due_by_an_index_on_postgresql() {
    let world = World::on(Kind::Postgresql).await;
    let now = world.now().seconds();
    world.database.sql(&format!(
        "INSERT INTO used_ids SELECT 'dpop', 'shop', decode(md5(n::text), 'hex'), {now} + n FROM generate_series(-20, 50000) n; \
         INSERT INTO revoked_tokens SELECT n::text, 'shop', {now} + n FROM generate_series(-20, 50000) n; \
         INSERT INTO outbox SELECT n::text, 'logout', 'shop', 'u', 's', {now}, 0, {now} + n, NULL FROM generate_series(1, 50000) n; \
         INSERT INTO session_clients SELECT n::text, 'shop', 'u', 0, {now} + n FROM generate_series(-20, 50000) n; \
         ANALYZE"
    ));
    for name in [
        "USED_IDS",
        "END_OF_USED_IDS",
        "USED_IDS_LEFT",
        "REVOKED_TOKENS",
        "END_OF_REVOKED_TOKENS",
        "REVOKED_TOKENS_LEFT",
        "LAPSED",
        "QUEUE_LAPSED",
    ] {
        let explain = format!("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE sweeping({now}, 1);");
        let plans = world.database.sql(&format!(
            "PREPARE sweeping(bigint, bigint) AS {}; {}",
            statements::named(name),
            explain.repeat(10)
        ));
        assert!(!plans.contains("Seq Scan"), "{name}: {plans}");
        assert!(plans.contains("_by_end"), "{name}: {plans}");
    }
}

#[apply(databases)]
#[tokio::test]
async fn thousands_of_due_rows_go_in_units_of_a_thousand(database: Kind) {
    let world = World::on(database).await;
    let revoked = "INSERT INTO revoked_tokens (jti, client_id, expires_at) VALUES ($1, 'shop', $2)";
    let due = (0..2_500).map(|number| {
        Statement::new(revoked)
            .bind(number.to_string())
            .bind(world.now())
    });
    world.store.commit(Unit::new(due)).await.unwrap();
    world.advance(60);
    let mut units = Vec::new();
    while let Some((_, rows)) = world.sweep(1_000).await.first() {
        units.push(*rows);
    }
    assert_eq!(units, [1_000, 1_000, 500]);
}
