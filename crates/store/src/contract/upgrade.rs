//! The release before this one may use the database at the same time: it writes rows without what it does not know, and they
//! are read as what they were.

use rstest_reuse::apply;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::refresh_token::RefreshDecision;

use super::{OFFLINE, World};
use crate::Store;
use crate::databases::{Empty, Kind, databases};
use crate::driver::Statement;

#[apply(databases)]
#[tokio::test]
async fn a_user_of_the_release_before_has_a_name_and_no_other_claim(database: Kind) {
    let world = World::on(database).await;
    let sql = "INSERT INTO users (id, username, username_key, name, epoch, created_at) \
         VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (username_key) DO NOTHING";
    let old = safeconduct_protocol::ids::UserId::generate();
    let addition = Statement::new(sql)
        .bind(old.as_str())
        .bind("Old")
        .bind("old")
        .bind("Old Hand")
        .bind(world.now().plus(-1_000));
    world.store.commit(addition).await.unwrap();
    let kept = world.store.user(&old).await.unwrap().unwrap();
    assert_eq!(kept.updated_at, kept.created_at);
    let known: Vec<_> = kept.claims.iter().collect();
    assert_eq!(known, [("name", &"Old Hand".into())]);
    let store = &world.store;
    assert!(
        store
            .update_claims(&old, kept.updated_at, &kept.claims, world.now())
            .await
            .unwrap()
    );
    let kept = store.user(&old).await.unwrap().unwrap();
    assert_eq!(kept.updated_at, world.now());
}

#[apply(databases)]
#[tokio::test]
async fn a_grant_of_the_release_before_is_bound_to_no_key_and_asked_for_no_claims(database: Kind) {
    let world = World::on(database).await;
    let code = world.allow(OFFLINE).await;
    let sql = "INSERT INTO grants \
         (id, code_id, attempt, era, client_id, user_id, session_id, offline, scope, audience, auth_time, \
          user_epoch, client_epoch, consent_epoch, generation, rotated_at, retries, created_at, last_used_at, \
          expires_at, idle_expires_at, forget_at) \
         VALUES ($1, $2, $3, 1, $4, $5, $6, 1, $7, $8, $9, 1, 1, 0, 0, $9, 0, $9, $9, $10, $11, $12)";
    let redemption = Statement::new(sql)
        .bind(code.id.to_string())
        .bind(code.code_id.as_str())
        .bind(new_id())
        .bind(code.client.as_str())
        .bind(code.user.as_str())
        .bind(code.session.as_str())
        .bind(code.scope.to_string())
        .bind(code.audience.as_str())
        .bind(world.now())
        .bind(code.expires_at)
        .bind(code.idle_expires_at)
        .bind(code.forget_at);
    world.store.commit(redemption).await.unwrap();
    let grant = world.store.grant(code.id).await.unwrap().unwrap();
    assert_eq!(grant, safeconduct_protocol::grant::Grant::of(&code));
    assert!(grant.dpop_jkt.is_none() && grant.claims.is_empty());
    assert!(world.is_active(code.id).await);
    assert_eq!(world.rotate(&grant, 0).await.0, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test]
async fn a_plan_changes_nothing_and_migrating_takes_what_is_missing(database: Kind) {
    let empty = Empty::of(database);
    for _ in 0..2 {
        let plan = Store::migrations(empty.url()).await.unwrap();
        assert!(plan.iter().all(|step| !step.applied), "{plan:?}");
        assert_eq!(plan[0].name, "foundation");
    }
    let taken = Store::migrate(empty.url()).await.unwrap();
    assert!(taken.len() > 2 && taken.iter().all(|step| step.applied));
    assert_eq!(Store::migrations(empty.url()).await.unwrap(), taken);
    assert_eq!(Store::migrate(empty.url()).await.unwrap(), []);
}

#[apply(databases)]
#[tokio::test]
async fn of_several_who_migrate_at_once_one_says_that_it_did(database: Kind) {
    let empty = Empty::of(database);
    let url = empty.url();
    let (one, two, three) = tokio::join!(
        Store::migrate(url),
        Store::migrate(url),
        Store::migrate(url)
    );
    let mut taken = [one, two, three].map(|taken| taken.unwrap().len());
    taken.sort_unstable();
    let all = Store::migrations(url).await.unwrap().len();
    assert_eq!(taken, [0, 0, all]);
}
