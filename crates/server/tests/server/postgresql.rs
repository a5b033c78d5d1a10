//! What only a database on another machine can do to a node: have another time, and go away and come back.

use std::time::{Duration, Instant};

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::{ClockFault, MasterKey, NotReady, Server, Settings};
use safeconduct_store::{By, Store};
use safeconduct_testing_postgres::Postgres;

use crate::support::ISSUER;

/// A node, and its clock, which stands still.
async fn node(url: &str) -> (Server, Clock) {
    let clock = Clock::test(Clock::system().now());
    let settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    let store = Store::open(url).await.unwrap();
    let master = MasterKey::from_bytes([7; 32]);
    let server = Server::new(settings, store, master, clock.clone());
    (server.await.unwrap(), clock)
}

/// Sets a clock this far ahead of the machine's, which is the database's as well.
fn set(clock: &Clock, ahead: i64) {
    clock.advance(Clock::system().now().plus(ahead).since(clock.now()));
}

#[tokio::test]
async fn a_node_whose_clock_differs_from_the_databases_is_not_ready_on_postgresql() {
    let database = Postgres::shared().create_database();
    let (server, clock) = node(&database.url()).await;
    for ahead in [12, -12, 600, -600] {
        set(&clock, 0);
        assert_eq!(server.readiness().await, Ok(()), "{ahead}");
        set(&clock, ahead);
        let readiness = server.readiness().await;
        let Err(NotReady::Clock(ClockFault::Off { seconds })) = readiness else {
            panic!("{ahead}: {readiness:?}");
        };
        assert!((seconds - ahead).abs() <= 5, "{ahead}: {seconds}");
        let metrics = server.telemetry().render();
        let line = format!("safeconduct_clock_offset_seconds {seconds}");
        assert!(metrics.lines().any(|counted| counted == line), "{metrics}");
        // By a clock that is not believed nothing is forgotten.
        assert_eq!(server.sweep().await.is_ok(), ahead.abs() < 30, "{ahead}");
    }
}

#[tokio::test]
async fn a_node_that_lost_a_right_says_so_until_it_has_it_again_on_postgresql() {
    let database = Postgres::shared().create_database();
    let clerk = format!("clerk_of_{}", database.name());
    database.sql(&format!("CREATE ROLE {clerk} LOGIN"));
    let owner = Store::open(&database.url()).await.unwrap();
    owner.close().await;
    let all = format!("ALL ON ALL TABLES IN SCHEMA public TO {clerk}");
    database.sql(&format!("GRANT {all}"));
    let (server, _) = node(&database.url().replace("postgres@", &format!("{clerk}@"))).await;
    server.sweep().await.unwrap();
    assert_eq!(server.readiness().await, Ok(()));
    database.sql(&format!("REVOKE INSERT ON time_marks FROM {clerk}"));
    assert!(server.sweep().await.is_err());
    assert_eq!(server.readiness().await, Err(NotReady::Store));
    let metrics = server.telemetry().render();
    let line = r#"safeconduct_not_ready{reason="store"} 1"#;
    assert!(metrics.lines().any(|counted| counted == line), "{metrics}");
    database.sql(&format!("GRANT {all}"));
    assert_eq!(server.readiness().await, Ok(()));
    server.sweep().await.unwrap();
    database.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    assert_eq!(server.readiness().await, Err(NotReady::Store));
    database.sql("GRANT USAGE ON SCHEMA public TO PUBLIC");
    assert_eq!(server.readiness().await, Ok(()));
    server.store().close().await;
    database.sql(&format!("DROP OWNED BY {clerk}; DROP ROLE {clerk}"));
}

/// What is restored under a node lacks what the node has seen.
/// Attacks: E10.
#[tokio::test]
async fn a_database_that_goes_back_is_not_served_until_a_new_era_on_postgresql() {
    let database = Postgres::shared().create_database();
    let (server, clock) = node(&database.url()).await;
    for goes_back in [
        // To a backup of the same era: an hour ago, or before anything was swept.
        "UPDATE time_marks SET at = at - 3600",
        "DELETE FROM time_marks",
        // To one of an era before this one.
        "UPDATE meta SET era = era - 1",
    ] {
        set(&clock, 0);
        server.sweep().await.unwrap();
        assert_eq!(server.readiness().await, Ok(()), "{goes_back}");
        let marked = database.sql("SELECT at FROM time_marks");
        database.sql(goes_back);
        assert!(server.sweep().await.is_err(), "a new mark would hide it");
        assert_eq!(server.readiness().await, Err(NotReady::Rewound));
        let metrics = server.telemetry().render();
        let line = r#"safeconduct_not_ready{reason="rewound"} 1"#;
        assert!(metrics.lines().any(|counted| counted == line), "{metrics}");
        // Another node, which has seen nothing, may sweep meanwhile.
        let later = format!(
            "INSERT INTO time_marks (era, at, number, forgotten) SELECT era, {marked} + 60, 1, 0 FROM meta \
             ON CONFLICT (era) DO UPDATE SET at = excluded.at"
        );
        database.sql(&later);
        assert_eq!(
            server.readiness().await,
            Err(NotReady::Rewound),
            "{goes_back}: what was lost is not there again"
        );
        let now = Clock::system().now();
        server
            .store()
            .by(By::server())
            .begin_era(now)
            .await
            .unwrap();
    }
    set(&clock, 0);
    assert_eq!(server.readiness().await, Ok(()));
    server.sweep().await.unwrap();
}

#[tokio::test]
async fn a_node_is_ready_again_by_itself_when_the_database_is_back_on_postgresql() {
    let postgres = Postgres::start(&[("fsync", "off")]);
    let database = postgres.create_database();
    let (server, _) = node(&database.url()).await;
    assert_eq!(server.readiness().await, Ok(()));
    postgres.kill();
    assert_eq!(server.readiness().await, Err(NotReady::Store));
    postgres.restart();
    let begun = Instant::now();
    while server.readiness().await == Err(NotReady::Store) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
}
