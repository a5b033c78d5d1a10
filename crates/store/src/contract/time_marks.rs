//! The mark that sweeps leave: it rises with the eras, and never falls within one.

use rstest_reuse::apply;
use safeconduct_protocol::time::Timestamp;

use super::World;
use crate::databases::{Empty, Kind, databases};
use crate::{Store, StoreError, TimeMark};

#[apply(databases)]
#[tokio::test]
async fn a_mark_never_falls(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let mark = |at| TimeMark { era: 1, at };
    assert_eq!(store.time_mark().await.unwrap(), Some(mark(None)));
    let later = mark(Some(now.plus(60)));
    for (clock, left) in [
        (now, mark(Some(now))),
        (now.plus(60), later),
        // A clock that was set back learns of it.
        (now, later),
    ] {
        assert_eq!(store.mark_time(clock).await.unwrap(), left);
    }
    assert_eq!(store.time_mark().await.unwrap(), Some(later));
}

#[apply(databases)]
#[tokio::test]
async fn an_era_begins_without_a_mark_and_is_later_than_any_before_it(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let before = store.mark_time(now.plus(1_000_000)).await.unwrap();
    let era = store.begin_era(now).await.unwrap();
    let begun = TimeMark { era, at: None };
    assert!(before < begun);
    assert_eq!(store.time_mark().await.unwrap(), Some(begun));
    let marked = store.mark_time(now).await.unwrap();
    assert_eq!(marked.at, Some(now));
    assert!(begun < marked);
    assert_eq!(store.time_mark().await.unwrap(), Some(marked));
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
