//! An era has a number of its own, whatever became of the database before it.

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::time::Timestamp;

use super::{OFFLINE, World, operator};
use crate::Store;
use crate::databases::{Kind, databases};

/// What JavaScript and others keep of an integer in JSON (RFC 8259 §6).
const READ_BY_ALL: i64 = (1 << 53) - 1;
/// What a clock says whose battery is empty.
const LONG_AGO: Timestamp = Timestamp::from_seconds(0);

/// Attacks: A05.
#[apply(databases)]
#[tokio::test]
async fn a_copy_that_is_restored_twice_refuses_what_was_handed_out_the_first_time(database: Kind) {
    let world = World::on(database).await;
    let (first, second) = (world.copy().await, world.copy().await);
    for world in [&first, &second] {
        world.store.begin_era(world.now()).await.unwrap();
        // Everybody signs in again.
        let session = world.new_session();
        let session = world.store.start_session(&session, world.now());
        assert!(session.await.unwrap());
    }
    let code = first.allow(OFFLINE).await;
    assert_eq!(second.redeem(&code).await, Redemption::Ended);
    assert!(second.store.grant(code.id).await.unwrap().is_none());
    assert_eq!(first.redeem(&code).await, Redemption::Won);
    for (world, honours) in [(&first, true), (&second, false)] {
        let of_the_client = world
            .store
            .client_token_alive(&world.client, 1, "jti", code.era);
        assert_eq!(of_the_client.await.unwrap(), honours);
    }
}

/// Attacks: E24.
#[apply(databases)]
#[tokio::test]
async fn an_era_rises_whatever_the_clock_says(database: Kind) {
    let world = World::on(database).await;
    let mut last = world.era().await;
    for now in [world.now(), world.now(), LONG_AGO, world.now().plus(1)] {
        let era = world.store.begin_era(now).await.unwrap();
        assert!(era > last, "{era} after {last}");
        assert_eq!(world.era().await, era);
        last = era;
    }
    let (first, second) = (world.copy().await, world.copy().await);
    assert_ne!(
        first.store.begin_era(LONG_AGO).await.unwrap(),
        second.store.begin_era(LONG_AGO).await.unwrap(),
        "the same copy twice, by a clock that is wrong each time"
    );
}

#[apply(databases)]
#[tokio::test]
async fn an_era_is_a_number_that_every_reader_of_json_has(database: Kind) {
    let world = World::on(database).await;
    for seconds in [i64::MIN, -1, 1_800_000_000, 7_258_118_399, i64::MAX] {
        let now = Timestamp::from_seconds(seconds);
        let era = world.store.begin_era(now).await.unwrap();
        assert!((2..=READ_BY_ALL).contains(&era), "{era} at {seconds}");
    }
}

impl World {
    async fn era(&self) -> i64 {
        self.store.cluster().await.unwrap().unwrap().era
    }

    /// The same world in a copy of its database. This one's store is closed.
    async fn copy(&self) -> Self {
        self.store.close().await;
        let database = self.database.copy();
        Self {
            store: Store::open(database.url()).await.unwrap().by(operator()),
            client: self.client.clone(),
            user: self.user.clone(),
            session: self.session.clone(),
            hash: self.hash,
            now: self.now().seconds().into(),
            database,
        }
    }
}
