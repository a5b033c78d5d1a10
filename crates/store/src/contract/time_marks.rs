//! The mark that sweeps leave: it rises with the eras, and never falls within one.

use rstest_reuse::apply;
use safeconduct_protocol::single_use::SingleUse;
use safeconduct_protocol::time::Timestamp;

use super::{OFFLINE, World, operator};
use crate::databases::{Empty, Kind, databases};
use crate::{Store, StoreError, Sweepable, TimeMark};

/// Nothing was forgotten yet.
const NOTHING: Timestamp = Timestamp::from_seconds(0);

#[apply(databases)]
#[tokio::test]
async fn a_mark_never_falls(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let mark = |number, at| TimeMark {
        era: 1,
        number,
        at,
        forgotten: at.and(Some(NOTHING)),
    };
    assert_eq!(store.time_mark().await.unwrap(), Some(mark(0, None)));
    let later = Some(now.plus(60));
    for (clock, left) in [
        (now, mark(1, Some(now))),
        (now.plus(60), mark(2, later)),
        // A clock that was set back learns of it.
        (now, mark(3, later)),
    ] {
        assert_eq!(store.mark_time(clock).await.unwrap(), left);
    }
    assert_eq!(store.time_mark().await.unwrap(), Some(mark(3, later)));
}

/// A clock was ahead for a moment. Where nothing was forgotten by it that could be good again, its mark is set back, once.
#[apply(databases)]
#[tokio::test]
async fn a_mark_in_the_future_is_set_back_where_nothing_was_forgotten(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let ahead = store.mark_time(now.plus(1_000_000)).await.unwrap();
    let set_back = async |mark| store.set_mark_back(mark, now, now.plus(60)).await.unwrap();
    let earlier = TimeMark { number: 0, ..ahead };
    assert_eq!(set_back(&earlier).await, None, "it was changed since");
    let back = set_back(&ahead).await.unwrap();
    assert_eq!(back.at, Some(now));
    assert!(ahead < back, "it is the later one all the same");
    assert_eq!(store.time_mark().await.unwrap(), Some(back));
    assert_eq!(set_back(&ahead).await, None);
    assert_eq!(set_back(&back).await, None, "there is nothing to set back");
}

/// Whatever was forgotten by a clock that was ahead: what could be good again by a clock that is right binds until it could not.
#[apply(databases)]
#[tokio::test]
async fn a_mark_is_not_set_back_before_what_was_forgotten_has_ended(database: Kind) {
    for kind in [
        Sweepable::UsedIds,
        Sweepable::RevokedTokens,
        Sweepable::Grants,
    ] {
        let world = World::on(database).await;
        let (store, now) = (&world.store, world.now());
        world.granted(OFFLINE).await;
        let used = [world.id(SingleUse::DpopProof)];
        store.use_ids(&used, now).await.unwrap();
        let revoked = store.revoke_access_token("stolen", &world.client, now.plus(300), now);
        revoked.await.unwrap();
        let ahead = now.plus(1_000_000);
        store.mark_time(ahead).await.unwrap();
        assert_eq!(store.sweep_some(kind, ahead, 100).await, Ok(1));
        let mark = store.time_mark().await.unwrap().unwrap();
        // An id and a token until a minute after their end, a code for an hour, however long its grant would have lived.
        let end = match kind {
            Sweepable::Grants => now.plus(3_600),
            _ => now.plus(360),
        };
        assert_eq!(mark.forgotten, Some(end), "{kind:?}");
        let early = end.plus(-61);
        let back = store.set_mark_back(&mark, early, early.plus(60)).await;
        assert_eq!(back, Ok(None), "{kind:?}");
        let right = end.plus(-60);
        let back = store.set_mark_back(&mark, right, right.plus(60)).await;
        let back = back.unwrap().unwrap();
        assert_eq!(back.at, Some(end), "never before what was forgotten");
    }
}

/// What could not be good again binds nothing: sessions, events and secrets that are gone are gone.
#[apply(databases)]
#[tokio::test]
async fn what_is_dead_without_its_row_binds_no_clock(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let ahead = now.plus(500 * 24 * 3600);
    store.mark_time(ahead).await.unwrap();
    for kind in [Sweepable::Sessions, Sweepable::Events] {
        assert!(store.sweep_some(kind, ahead, 100).await.unwrap() > 0);
    }
    let mark = store.time_mark().await.unwrap().unwrap();
    assert_eq!(mark.forgotten, Some(NOTHING));
    let back = store.set_mark_back(&mark, now, now.plus(60)).await.unwrap();
    assert_eq!(back.unwrap().at, Some(now));
    assert!(world.person().await.is_none(), "gone is gone");
}

#[apply(databases)]
#[tokio::test]
async fn an_era_begins_without_a_mark_and_is_later_than_any_before_it(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let before = store.mark_time(now.plus(1_000_000)).await.unwrap();
    let era = store.begin_era(now).await.unwrap();
    let begun = TimeMark {
        era,
        number: 0,
        at: None,
        forgotten: None,
    };
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
    let store = Store::open(empty.url()).await.unwrap().by(operator());
    assert_eq!(
        store
            .mark_time(Timestamp::from_seconds(1_800_000_000))
            .await,
        Err(StoreError::NotFound("cluster"))
    );
    assert_eq!(store.time_mark().await.unwrap(), None);
}
