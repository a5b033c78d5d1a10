//! Claims about this driver alone: servers that cannot be used, connections that break at the worst moment, and what a unit
//! costs on the wire. What every driver must keep is in the contract.

mod encryption;
mod proxy;
mod refusals;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use safeconduct_testing_postgres::{Database, Postgres as Server};

use self::proxy::{Proxy, Trick};
use super::*;
use crate::driver::{Driver, Row};
use crate::schema::{self, MIGRATIONS};

const SHELF_1: Migration = Migration {
    version: 1,
    name: "shelf",
    sql: "CREATE TABLE shelf (name TEXT PRIMARY KEY, copies BIGINT NOT NULL)",
};

const SHELF: &[Migration] = &[SHELF_1];

/// The schema of the release after.
const WIDER: &[Migration] = &[
    SHELF_1,
    Migration {
        version: 2,
        name: "wider",
        sql: "ALTER TABLE shelf ADD COLUMN width BIGINT",
    },
];

async fn shelf(url: &str) -> Postgres {
    Postgres::open(url, SHELF).await.unwrap()
}

fn put(name: &str) -> Statement {
    Statement::new("INSERT INTO shelf (name, copies) VALUES ($1, 1)").bind(name)
}

fn add(name: &str) -> Statement {
    Statement::new("UPDATE shelf SET copies = copies + 1 WHERE name = $1").bind(name)
}

async fn copies(postgres: &Postgres, name: &str) -> Option<i64> {
    let find = Statement::new("SELECT copies FROM shelf WHERE name = $1").bind(name);
    let row = postgres.read(&find).await.unwrap().into_first();
    row.map(|mut row| row.integer().unwrap())
}

/// The only column of the only row of a statement that is run as a unit.
async fn asked(postgres: &Postgres, sql: &'static str) -> String {
    let unit = Statement::new(sql).into();
    match postgres.run(unit).await {
        Ok(UnitOutcome::Done(mut rows)) => {
            let row: Option<Row> = rows.remove(0).into_first();
            row.unwrap().text().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

/// A database of the shared server, and a proxy before it.
fn through_proxy() -> (Database, Proxy) {
    let database = Server::shared().create_database();
    let proxy = Proxy::before(Server::shared().port());
    (database, proxy)
}

/// Attacks: E14.
#[tokio::test]
async fn units_are_read_committed_whatever_the_default_on_postgresql() {
    let database = Server::shared().create_database();
    let isolation = "SET default_transaction_isolation = 'serializable'";
    database.sql(&format!("ALTER DATABASE {} {isolation}", database.name()));
    let postgres = shelf(&database.url()).await;
    let sql = "SELECT current_setting('transaction_isolation')";
    assert_eq!(asked(&postgres, sql).await, "read committed");
}

#[tokio::test]
async fn a_reader_cannot_write_on_postgresql() {
    let database = Server::shared().create_database();
    let postgres = shelf(&database.url()).await;
    assert!(postgres.read(&put("a")).await.is_err());
    assert!(postgres.scan(&put("a")).await.is_err());
    assert_eq!(copies(&postgres, "a").await, None);
}

#[tokio::test]
async fn a_statement_is_prepared_once_for_a_connection_on_postgresql() {
    let database = Server::shared().create_database();
    // One to be lent, one to be shared.
    let postgres = shelf(&format!("{}?pool_size=2", database.url())).await;
    for name in ["a", "b", "c", "d"] {
        postgres.run(put(name).into()).await.unwrap();
    }
    let prepared = "SELECT CAST(count(*) AS TEXT) FROM pg_prepared_statements \
         WHERE statement LIKE 'INSERT INTO shelf%'";
    assert_eq!(asked(&postgres, prepared).await, "1");
}

#[tokio::test]
async fn a_unit_without_expectations_is_one_round_trip_and_one_with_them_two_on_postgresql() {
    let (database, proxy) = through_proxy();
    let postgres = shelf(&proxy.url(&database, "")).await;
    let free = || Unit::new([add("a"), add("b"), add("c")]);
    let bound = || Unit::new([put("a").expect_some(), add("b")]);
    let lookup = Statement::new("SELECT copies FROM shelf WHERE name = 'a'");
    // Everything is prepared, and connected.
    postgres.run(free()).await.unwrap();
    postgres
        .run(Unit::from(put("warm")).then(add("b")))
        .await
        .unwrap();
    for _ in 0..4 {
        postgres.read(&lookup).await.unwrap();
    }
    let before = proxy.turns();
    postgres.run(free()).await.unwrap();
    assert_eq!(proxy.turns() - before, 1, "three statements");
    let before = proxy.turns();
    postgres.run(add("a").into()).await.unwrap();
    assert_eq!(proxy.turns() - before, 1, "one statement");
    let before = proxy.turns();
    postgres.run(bound()).await.unwrap();
    assert_eq!(proxy.turns() - before, 2, "something to decide");
    let before = proxy.turns();
    postgres.read(&lookup).await.unwrap();
    assert_eq!(proxy.turns() - before, 1, "a read");
}

/// Attacks: E09.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_on_postgresql() {
    let (database, proxy) = through_proxy();
    let postgres = shelf(&proxy.url(&database, "")).await;
    postgres.run(put("warm").into()).await.unwrap();
    for unit in [
        Unit::from(put("at once")),
        Unit::from(put("decided").expect_some()),
    ] {
        proxy.play(Trick::CutInsteadOf("COMMIT\0"));
        let answer = postgres.run(unit).await;
        assert!(matches!(answer, Err(DriverError::Unknown(_))), "{answer:?}");
    }
    // The next caller meets a new connection.
    assert_eq!(copies(&postgres, "at once").await, Some(1));
    assert_eq!(copies(&postgres, "decided").await, Some(1));
}

/// Attacks: E14.
#[tokio::test]
async fn a_connection_that_breaks_before_the_commit_costs_a_second_try_on_postgresql() {
    let (database, proxy) = through_proxy();
    let postgres = shelf(&proxy.url(&database, "")).await;
    postgres.run(Unit::new([put("a"), put("b")])).await.unwrap();
    proxy.play(Trick::CutInsteadOf("UPDATE 1\0"));
    let unit = Unit::new([add("a").expect_some(), add("b").expect_some()]);
    let answer = postgres.run(unit).await;
    assert!(matches!(answer, Ok(UnitOutcome::Done(_))), "{answer:?}");
    assert_eq!(copies(&postgres, "a").await, Some(2));
    for _ in 0..4 {
        assert_eq!(copies(&postgres, "b").await, Some(2));
    }
    proxy.play(Trick::CutInsteadOf("SELECT 1\0"));
    assert_eq!(copies(&postgres, "b").await, Some(2));
    assert_eq!(proxy.trick(), Trick::Pass, "the read was cut off");
}

/// Attacks: E11.
#[tokio::test]
async fn a_server_that_falls_silent_is_unavailable_in_time_and_back_at_once_on_postgresql() {
    let (database, proxy) = through_proxy();
    let limits = "statement_timeout=1&connect_timeout=1";
    let postgres = shelf(&proxy.url(&database, limits)).await;
    postgres.run(put("a").into()).await.unwrap();
    // Two connections that are lent, and the shared ones.
    let (one, two) = tokio::join!(postgres.run(add("a").into()), postgres.run(add("a").into()));
    assert!(one.is_ok() && two.is_ok());
    for _ in 0..4 {
        postgres.read(&ONE).await.unwrap();
    }
    proxy.play(Trick::Swallow);
    let (read, write, decided) = tokio::join!(
        postgres.read(&ONE),
        postgres.run(add("a").into()),
        postgres.run(add("a").expect_some().into()),
    );
    assert!(matches!(read, Err(DriverError::Unavailable(_))), "{read:?}");
    assert!(matches!(write, Err(DriverError::Unknown(_))), "{write:?}");
    assert!(
        matches!(decided, Err(DriverError::Unavailable(_))),
        "{decided:?}"
    );
    // One finds out that there is still nobody; everybody else is told at once.
    let begun = Instant::now();
    let mut first = pin!(postgres.read(&ONE));
    assert!(
        first
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    let next = postgres.run(add("a").into()).await;
    assert!(matches!(next, Err(DriverError::Unavailable(_))), "{next:?}");
    // So is who would read over the very connection that is tried for.
    for _ in 0..8 {
        let next = postgres.read(&ONE).await;
        assert!(matches!(next, Err(DriverError::Unavailable(_))), "{next:?}");
    }
    assert!(begun.elapsed().as_millis() < 500);
    let first = first.await;
    assert!(
        matches!(first, Err(DriverError::Unavailable(_))),
        "{first:?}"
    );
    proxy.play(Trick::Pass);
    while postgres.read(&ONE).await.is_err() {
        assert!(begun.elapsed().as_secs() < 10, "it comes back by itself");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        copies(&postgres, "a").await,
        Some(3),
        "nothing of it was carried out"
    );
}

static ONE: std::sync::LazyLock<Statement> =
    std::sync::LazyLock::new(|| Statement::new("SELECT 1"));

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back_on_postgresql() {
    let server = Server::start(&[]);
    let database = server.create_database();
    let postgres = shelf(&database.url()).await;
    postgres.run(put("before").into()).await.unwrap();
    assert_eq!(copies(&postgres, "before").await, Some(1));
    server.kill();
    let answer = postgres.run(put("lost").into()).await;
    assert!(
        matches!(
            answer,
            Err(DriverError::Unavailable(_) | DriverError::Unknown(_))
        ),
        "{answer:?}"
    );
    let answer = postgres.read(&ONE).await;
    assert!(
        matches!(answer, Err(DriverError::Unavailable(_))),
        "{answer:?}"
    );
    server.restart();
    let begun = Instant::now();
    while postgres.run(put("after").into()).await.is_err() {
        assert!(begun.elapsed().as_secs() < 10, "it comes back by itself");
        tokio::task::yield_now().await;
    }
    assert_eq!(copies(&postgres, "before").await, Some(1));
    assert_eq!(copies(&postgres, "lost").await, None);
    assert_eq!(copies(&postgres, "after").await, Some(1));
}

/// Attacks: E14.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn units_that_wait_for_one_another_in_a_circle_are_all_done_in_the_end_on_postgresql() {
    let database = Server::shared().create_database();
    let soon = format!(
        "ALTER DATABASE {} SET deadlock_timeout = '10ms'",
        database.name()
    );
    database.sql(&soon);
    let postgres = Arc::new(shelf(&database.url()).await);
    postgres.run(Unit::new([put("a"), put("b")])).await.unwrap();
    let units: Vec<_> = (0..16)
        .map(|number| {
            let (first, second) = if number % 2 == 0 {
                ("a", "b")
            } else {
                ("b", "a")
            };
            let postgres = Arc::clone(&postgres);
            let pause = Statement::new("SELECT CAST(pg_sleep(0.02) AS TEXT)");
            let unit = Unit::new([add(first), pause, add(second)]);
            tokio::spawn(async move { postgres.run(unit).await })
        })
        .collect();
    let mut done = 0;
    for unit in units {
        match unit.await.unwrap() {
            Ok(_) => done += 1,
            // Who was the victim eight times is told so, and nothing of it is left.
            Err(error) => assert!(matches!(error, DriverError::Unavailable(_)), "{error}"),
        }
    }
    assert_eq!(copies(&postgres, "a").await, Some(1 + done));
    assert_eq!(copies(&postgres, "b").await, Some(1 + done));
    assert!(done > 8, "{done}");
}

#[tokio::test]
async fn an_error_means_what_its_code_says_on_postgresql() {
    let database = Server::shared().create_database();
    database.sql(
        "CREATE FUNCTION fail(code TEXT) RETURNS TEXT LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = code; END $$",
    );
    let postgres = shelf(&database.url()).await;
    let failed = async |code: &str| {
        let fail = Statement::new("SELECT fail($1)").bind(code);
        let unit = Unit::from(put("a")).then(fail.clone());
        let (as_unit, as_read) = (postgres.run(unit).await, postgres.read(&fail).await);
        let (as_unit, as_read) = (as_unit.unwrap_err(), as_read.unwrap_err());
        assert_eq!(as_unit, as_read, "{code}");
        as_unit
    };
    for code in [
        "08006", "25006", "25P02", "40001", "40P01", "42501", "42P01", "53100", "53200", "53300",
        "55P03", "57014", "57P01", "58030",
    ] {
        let error = failed(code).await;
        assert!(
            matches!(error, DriverError::Unavailable(_)),
            "{code}: {error}"
        );
    }
    for code in ["22021", "22P02", "42601", "42P18", "P0001"] {
        let error = failed(code).await;
        assert!(matches!(error, DriverError::Bug(_)), "{code}: {error}");
    }
    for code in ["23502", "23505", "23514"] {
        let error = failed(code).await;
        assert!(
            matches!(error, DriverError::Constraint(_)),
            "{code}: {error}"
        );
    }
    for code in ["XX001", "XX002"] {
        let error = failed(code).await;
        assert!(matches!(error, DriverError::Corrupt(_)), "{code}: {error}");
    }
    assert_eq!(copies(&postgres, "a").await, None);
    postgres.run(put("a").into()).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_a_connection_for_long_on_postgresql() {
    let database = Server::shared().create_database();
    let url = format!(
        "{}?pool_size=2&connect_timeout=1&statement_timeout=5",
        database.url()
    );
    let postgres = shelf(&url).await;
    let long = Statement::new("SELECT CAST(pg_sleep(3) AS TEXT)").into();
    let (long, next) = tokio::join!(postgres.run(long), postgres.run(put("a").into()));
    assert!(long.is_ok(), "{long:?}");
    assert!(matches!(next, Err(DriverError::Unavailable(_))), "{next:?}");
    assert_eq!(copies(&postgres, "a").await, None);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_on_postgresql() {
    let database = Server::shared().create_database();
    let postgres = shelf(&format!("{}?statement_timeout=1", database.url())).await;
    let unit = Unit::new([put("a"), Statement::new("SELECT CAST(pg_sleep(9) AS TEXT)")]);
    let answer = postgres.run(unit).await;
    assert!(
        matches!(answer, Err(DriverError::Unavailable(_))),
        "{answer:?}"
    );
    assert_eq!(copies(&postgres, "a").await, None);
}

#[tokio::test]
async fn what_was_accepted_is_done_though_nobody_waits_and_nothing_after_the_end_on_postgresql() {
    let database = Server::shared().create_database();
    let postgres = shelf(&database.url()).await;
    {
        let waiting = pin!(postgres.run(put("a").into()));
        assert!(
            waiting
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    postgres.close().await;
    postgres.close().await;
    assert_eq!(
        database.sql("SELECT copies FROM shelf WHERE name = 'a'"),
        "1"
    );
    let late = postgres.run(put("late").into()).await;
    assert!(matches!(late, Err(DriverError::Unavailable(_))), "{late:?}");
    assert!(matches!(
        postgres.read(&ONE).await,
        Err(DriverError::Unavailable(_))
    ));
    assert!(matches!(
        postgres.scan(&ONE).await,
        Err(DriverError::Unavailable(_))
    ));
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(database.sql(connections), "0");
}

/// Attacks: E22.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_nodes_that_start_at_once_one_migrates_on_postgresql() {
    let database = Server::shared().create_database();
    let url = database.url();
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Driver::open(&url).await.map(drop) })
        })
        .collect();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    let versions =
        database.sql("SELECT string_agg(version::text, ',' ORDER BY version) FROM schema_history");
    let known: Vec<String> = (1..=MIGRATIONS.len())
        .map(|version| version.to_string())
        .collect();
    assert_eq!(versions, known.join(","));
}

/// Attacks: A08, E22.
#[tokio::test]
async fn two_releases_use_one_database_while_it_is_upgraded_on_postgresql() {
    let database = Server::shared().create_database();
    let older = shelf(&database.url()).await;
    older.run(put("before").into()).await.unwrap();
    assert_eq!(copies(&older, "before").await, Some(1));
    let newer = Postgres::open(&database.url(), WIDER).await.unwrap();
    assert_eq!(newer.migrated(), 1);
    // The older one has prepared its statements already.
    older.run(put("of the older").into()).await.unwrap();
    older.run(add("before").into()).await.unwrap();
    let wide = "INSERT INTO shelf (name, copies, width) VALUES ('of the newer', 1, 7)";
    newer.run(Statement::new(wide).into()).await.unwrap();
    for node in [&older, &newer] {
        assert_eq!(copies(node, "before").await, Some(2));
        assert_eq!(copies(node, "of the older").await, Some(1));
        assert_eq!(copies(node, "of the newer").await, Some(1));
    }
    let again = Postgres::open(&database.url(), WIDER).await.unwrap();
    assert_eq!(again.migrated(), 0);
}

/// Attacks: E22.
#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind_on_postgresql() {
    const BROKEN: &[Migration] = &[Migration {
        version: 1,
        name: "broken",
        sql: "CREATE TABLE one (name TEXT); CREATE TABLE two (name NOTHING)",
    }];
    let database = Server::shared().create_database();
    assert!(Postgres::open(&database.url(), BROKEN).await.is_err());
    assert_eq!(
        schema::pending(SHELF, &Postgres::history(&database.url()).await.unwrap()).unwrap(),
        SHELF
    );
    assert_eq!(copies(&shelf(&database.url()).await, "a").await, None);
}

#[tokio::test]
async fn the_server_has_a_clock_of_its_own_on_postgresql() {
    let database = Server::shared().create_database();
    let postgres = shelf(&database.url()).await;
    let mut row = postgres
        .read(&Statement::new(CLOCK))
        .await
        .unwrap()
        .into_first()
        .unwrap();
    let said = row.integer().unwrap();
    let clock = database.sql("SELECT floor(extract(epoch FROM now()))::bigint");
    let since = clock.parse::<i64>().unwrap() - said;
    assert!((0..60).contains(&since), "{since}");
}
