//! What every driver keeps, whatever the database below it.

use std::sync::Arc;

use rstest_reuse::apply;

use super::{Driver, DriverError, Rows, Statement, Unit, UnitOutcome, Value};
use crate::databases::{Empty, Kind, drivers};

/// A driver on a new database with an empty table.
struct Shelf {
    driver: Arc<Driver>,
    _database: Empty,
}

impl Shelf {
    async fn of(kind: Kind) -> Self {
        let database = Empty::of(kind);
        let driver = Driver::open(database.url()).await.unwrap();
        let table = "CREATE TABLE shelf (name TEXT PRIMARY KEY, copies BIGINT, note BYTEA)";
        run(&driver, Statement::new(table)).await;
        Self {
            driver: Arc::new(driver),
            _database: database,
        }
    }
}

async fn run(driver: &Driver, unit: impl Into<Unit>) -> Vec<Rows> {
    match driver.run(unit.into()).await {
        Ok(UnitOutcome::Done(rows)) => rows,
        other => panic!("the unit was not committed: {other:?}"),
    }
}

async fn copies(driver: &Driver, name: &str) -> Option<i64> {
    let statement = Statement::new("SELECT copies FROM shelf WHERE name = $1").bind(name);
    driver
        .read(statement)
        .await
        .unwrap()
        .into_first()
        .map(|mut row| row.integer().unwrap())
}

fn put(name: &str, copies: i64) -> Statement {
    Statement::new("INSERT INTO shelf (name, copies) VALUES ($1, $2)")
        .bind(name)
        .bind(copies)
}

fn add(name: &str, copies: i64) -> Statement {
    // The parameters stand in another order than their numbers.
    Statement::new("UPDATE shelf SET copies = copies + $2 WHERE name = $1")
        .bind(name)
        .bind(copies)
}

/// Attacks: E03, E04.
#[apply(drivers)]
#[tokio::test]
async fn a_unit_commits_as_one(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    let rows = run(driver, Unit::new([put("a", 1), add("a", 2), add("b", 1)])).await;
    assert_eq!(rows.iter().map(Rows::count).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(copies(driver, "a").await, Some(3));
}

#[apply(drivers)]
#[tokio::test]
async fn an_expectation_that_is_not_met_undoes_its_unit_and_names_itself(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    run(driver, put("a", 1)).await;
    let unit = Unit::from(add("a", 5))
        .then(add("missing", 1).expect_some())
        .then(put("b", 1));
    assert_eq!(
        driver.run(unit).await,
        Ok(UnitOutcome::Unmet { statement: 1 })
    );
    let unit = Unit::new([
        put("b", 1),
        Statement::new("SELECT 1 FROM shelf WHERE name = 'c'").expect_some(),
    ]);
    assert_eq!(
        driver.run(unit).await,
        Ok(UnitOutcome::Unmet { statement: 1 })
    );
    assert_eq!(copies(driver, "a").await, Some(1));
    assert_eq!(copies(driver, "b").await, None);
}

#[apply(drivers)]
#[tokio::test]
async fn a_row_that_contradicts_another_undoes_its_unit(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    run(driver, put("a", 1)).await;
    let answer = driver.run(Unit::new([add("a", 5), put("a", 2)])).await;
    assert!(
        matches!(answer, Err(DriverError::Constraint(_))),
        "{answer:?}"
    );
    assert_eq!(copies(driver, "a").await, Some(1));
}

#[apply(drivers)]
#[tokio::test]
async fn a_wrong_statement_is_told_apart_from_a_sick_database(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    for wrong in [
        Statement::new("SELECT nothing FROM shelf"),
        Statement::new("SELECT $1"),
        Statement::new("SELECT 1").bind(1),
        Statement::new("SELECT $2").bind(1),
    ] {
        let answer = driver.run(wrong.clone().into()).await;
        assert!(matches!(answer, Err(DriverError::Bug(_))), "{answer:?}");
        let answer = driver.read(wrong).await;
        assert!(matches!(answer, Err(DriverError::Bug(_))), "{answer:?}");
    }
}

#[apply(drivers)]
#[tokio::test]
async fn every_value_comes_back_as_it_went(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    let insert =
        "INSERT INTO shelf (name, copies, note) VALUES ($1, $2, $3) RETURNING name, copies, note";
    let values = [
        (
            Value::from("plain"),
            Value::from(i64::MAX),
            Value::from(vec![0_u8, 255, 10]),
        ),
        (
            Value::from("a tab\t and 😀"),
            Value::from(i64::MIN),
            Value::from(b"12".to_vec()),
        ),
        (Value::from(""), Value::Null, Value::from(Vec::new())),
        (Value::from("12"), Value::from(0), Value::Null),
    ];
    for (name, copies, note) in values {
        let statement = Statement::new(insert)
            .bind(name.clone())
            .bind(copies.clone())
            .bind(note.clone());
        let rows = run(driver, statement).await.remove(0);
        let expected = Rows::returned(vec![super::Row::new(vec![name.clone(), copies, note])]);
        assert_eq!(rows, expected);
        let select =
            Statement::new("SELECT name, copies, note FROM shelf WHERE name = $1").bind(name);
        assert_eq!(driver.read(select.clone()).await, Ok(expected.clone()));
        assert_eq!(driver.scan(select).await, Ok(expected));
    }
}

#[apply(drivers)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_writers_one_wins_what_can_be_won_once(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    run(driver, put("a", 0)).await;
    let writers: Vec<_> = (0..64_i64)
            .map(|writer| {
                let driver = Arc::clone(driver);
                tokio::spawn(async move {
                    let claim = Statement::new("INSERT INTO shelf (name, copies) VALUES ('won', $1) ON CONFLICT (name) DO NOTHING")
                        .bind(writer)
                        .expect_some();
                    let won = driver.run(claim.into()).await.unwrap() != UnitOutcome::Unmet { statement: 0 };
                    driver.run(add("a", 1).into()).await.unwrap();
                    won.then_some(writer)
                })
            })
            .collect();
    let mut winners = Vec::new();
    for writer in writers {
        winners.extend(writer.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(copies(driver, "won").await, Some(winners[0]));
    assert_eq!(copies(driver, "a").await, Some(64));
}

#[apply(drivers)]
#[tokio::test]
async fn a_unit_is_read_back_by_whoever_was_told_of_it(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    for round in 0..100 {
        run(driver, put(&round.to_string(), round)).await;
        assert_eq!(copies(driver, &round.to_string()).await, Some(round));
    }
}

#[apply(drivers)]
#[tokio::test]
async fn a_text_that_one_database_cannot_hold_no_database_takes(database: Kind) {
    let shelf = Shelf::of(database).await;
    let driver = &shelf.driver;
    let answer = driver.run(put("a\0", 1).into()).await;
    assert!(
        matches!(answer, Err(DriverError::Constraint(_))),
        "{answer:?}"
    );
    let all = Statement::new("SELECT name FROM shelf");
    assert_eq!(driver.scan(all).await.unwrap().count(), 0);
}
