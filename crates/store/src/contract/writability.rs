//! After a write has failed, it is tried whether another can be made: rarely, and until it is.

use super::World;
use crate::databases::Kind;
use crate::driver::Statement;
use crate::{Store, StoreError};

const LARGE: &str =
    "INSERT INTO guesses (node, version, written_at, spent) VALUES ('large', 1, 0, $1)";

/// How often it was tried.
async fn tries(store: &Store) -> i64 {
    let number = Statement::new("SELECT number FROM time_marks WHERE era = 0");
    let row = store.row(number).await.unwrap();
    row.map_or(0, |mut row| row.integer().unwrap())
}

#[tokio::test]
async fn a_database_without_room_is_tried_until_there_is_some() {
    let world = World::on(Kind::Sqlite).await;
    let store = &world.store;
    assert_eq!(store.may_be_written(world.now()).await, Ok(()));
    assert_eq!(tries(store).await, 0, "nothing failed");
    // The limit lasts as long as the connection, which is given up with the write that it fails.
    let limit = Statement::new("PRAGMA max_page_count = 1");
    store.commit(limit).await.unwrap();
    let large = Statement::new(LARGE).bind(vec![0_u8; 1_000_000]);
    let full = StoreError::Unavailable("database or disk is full".to_owned());
    assert_eq!(
        store
            .commit(large)
            .await
            .map(drop)
            .map_err(StoreError::from),
        Err(full)
    );
    for _ in 0..3 {
        assert_eq!(store.may_be_written(world.now()).await, Ok(()));
    }
    assert_eq!(
        tries(store).await,
        1,
        "a write that succeeded is the end of it"
    );
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_tried_once_a_second() {
    let world = World::on(Kind::Sqlite).await;
    let store = &world.store;
    let path = world.database.url().strip_prefix("sqlite:").unwrap();
    let away = format!("{path}.away");
    std::fs::rename(path, &away).unwrap();
    assert!(store.mark_time(world.now()).await.is_err());
    assert!(store.may_be_written(world.now()).await.is_err());
    std::fs::rename(&away, path).unwrap();
    assert!(
        store.may_be_written(world.now()).await.is_err(),
        "not yet tried again"
    );
    assert_eq!(tries(store).await, 0);
    world.advance(1);
    assert_eq!(store.may_be_written(world.now()).await, Ok(()));
    assert_eq!(tries(store).await, 1);
    let mark = store.mark_time(world.now()).await.unwrap();
    assert_eq!(mark.at, Some(world.now()), "what was tried is no mark");
    assert_eq!(tries(store).await, 0, "and is forgotten");
}
