//! The mark that sweeps leave: it rises, and never falls within its era.

use rstest_reuse::apply;
use safeconduct_protocol::time::Timestamp;

use super::World;
use crate::databases::{Empty, Kind, databases};
use crate::{Store, StoreError};

#[apply(databases)]
#[tokio::test]
async fn a_mark_never_falls(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    assert_eq!(store.time_mark().await.unwrap(), None);
    assert_eq!(store.mark_time(now).await.unwrap(), now);
    assert_eq!(store.mark_time(now.plus(60)).await.unwrap(), now.plus(60));
    assert_eq!(
        store.mark_time(now).await.unwrap(),
        now.plus(60),
        "a clock that was set back learns of it"
    );
    assert_eq!(store.time_mark().await.unwrap(), Some(now.plus(60)));
}

#[apply(databases)]
#[tokio::test]
async fn an_era_begins_without_a_mark(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    store.mark_time(now.plus(1_000_000)).await.unwrap();
    store.begin_era(now).await.unwrap();
    assert_eq!(store.time_mark().await.unwrap(), None);
    assert_eq!(store.mark_time(now).await.unwrap(), now);
    assert_eq!(store.time_mark().await.unwrap(), Some(now));
}

#[apply(databases)]
#[tokio::test]
async fn a_database_without_a_cluster_has_no_mark(database: Kind) {
    let empty = Empty::of(database);
    let store = Store::open(empty.url()).await.unwrap();
    assert_eq!(
        store
            .mark_time(Timestamp::from_seconds(1_800_000_000))
            .await,
        Err(StoreError::NotFound("cluster"))
    );
    assert_eq!(store.time_mark().await.unwrap(), None);
}
