//! Every reason why a server cannot be used is one sentence that says what to do, and no password.

use std::net::TcpListener;

use super::*;
use crate::databases::{Empty, Kind};
use crate::driver::OpenError;

async fn refused(url: &str) -> OpenError {
    let refusal = Postgres::open(url, SHELF).await.err();
    let refusal = refusal.unwrap_or_else(|| panic!("{url} was opened"));
    let said = refusal.to_string();
    assert!(!said.contains("hush"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    refusal
}

/// A role of the shared server.
fn role(name: &str, options: &str) {
    let create = format!(
        "DO $$ BEGIN CREATE ROLE {name} LOGIN {options}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    );
    Server::shared().sql("postgres", &create);
}

fn url_of(role: &str, database: &Database) -> String {
    let port = Server::shared().port();
    format!("postgres://{role}@127.0.0.1:{port}/{}", database.name())
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_on_postgresql() {
    let nobody = "postgres://sc:hush@127.0.0.1:1/sc";
    let refusal = refused(nobody).await;
    assert!(
        matches!(&refusal, OpenError::Unreachable { .. }),
        "{refusal}"
    );
    assert!(refusal.to_string().contains("127.0.0.1:1/sc"), "{refusal}");

    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://sc:hush@127.0.0.1:{port}/sc?connect_timeout=1");
    let refusal = refused(&url).await;
    assert!(
        matches!(&refusal, OpenError::Unreachable { .. }),
        "{refusal}"
    );

    let unknown = "postgres://sc:hush@nowhere.invalid/sc?connect_timeout=1";
    let refusal = refused(unknown).await;
    assert!(
        matches!(&refusal, OpenError::Unreachable { .. }),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_told_and_the_right_one_lets_in_on_postgresql() {
    role("password_role", "SUPERUSER PASSWORD 'right'");
    let database = Server::shared().create_database();
    let wrong = refused(&url_of("password_role:hush", &database)).await;
    assert!(matches!(wrong, OpenError::Denied { .. }), "{wrong}");
    let missing = refused(&url_of("password_role", &database)).await;
    assert!(matches!(missing, OpenError::Denied { .. }), "{missing}");
    let unknown = refused(&url_of("no_such_role", &database)).await;
    assert!(matches!(unknown, OpenError::Denied { .. }), "{unknown}");
    shelf(&url_of("password_role:right", &database)).await;
}

#[tokio::test]
async fn a_missing_database_is_told_on_postgresql() {
    let refusal = refused(&Server::shared().url("no_such_database")).await;
    assert!(matches!(refusal, OpenError::NoDatabase { .. }), "{refusal}");
}

#[tokio::test]
async fn missing_rights_are_told_and_only_migrations_need_them_on_postgresql() {
    role("reader", "");
    let database = Server::shared().create_database();
    let reader = url_of("reader", &database);
    let refusal = refused(&reader).await;
    assert!(matches!(refusal, OpenError::Rights { .. }), "{refusal}");
    shelf(&database.url()).await;
    let refusal = refused(&reader).await;
    assert!(matches!(refusal, OpenError::Rights { .. }), "{refusal}");
    let grant = |rights: &str| database.sql(&format!("GRANT {rights} TO reader"));
    grant("SELECT ON schema_history");
    for right in ["SELECT", "INSERT", "UPDATE"] {
        grant(&format!("{right} ON shelf"));
        let refusal = refused(&reader).await;
        let named = "permission denied for table shelf";
        assert!(
            matches!(&refusal, OpenError::Rights { reason, .. } if reason == named),
            "with {right}: {refusal}"
        );
    }
    grant("DELETE ON shelf");
    shelf(&reader).await.run(put("a").into()).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_the_server_has_no_room_for_is_refused_on_postgresql() {
    role("two_at_a_time", "CONNECTION LIMIT 2");
    let database = Server::shared().create_database();
    shelf(&database.url()).await;
    database.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO two_at_a_time");
    let url = url_of("two_at_a_time", &database);
    let refusal = refused(&format!("{url}?pool_size=3")).await;
    assert!(
        matches!(
            refusal,
            OpenError::Crowded {
                room: 2,
                pool_size: 3,
                ..
            }
        ),
        "{refusal}"
    );
    let url = format!("{url}?pool_size=2");
    let both = (shelf(&url).await, shelf(&url).await);
    let refusal = refused(&url).await;
    assert!(matches!(refusal, OpenError::Full { .. }), "{refusal}");
    drop(both);
}

/// What is set for a session would be set for whoever comes next.
#[tokio::test]
async fn a_pooler_that_was_not_named_is_refused_and_left_as_it_was_through_pgbouncer() {
    let database = Empty::of(Kind::Pgbouncer);
    let named = database.url();
    shelf(named).await;
    for _ in 0..3 {
        let refusal = refused(&named.replace("&pgbouncer=true", "")).await;
        assert!(matches!(refusal, OpenError::Pooler { .. }), "{refusal}");
    }
    shelf(named).await.run(put("a").into()).await.unwrap();
}

/// Attacks: E12.
#[tokio::test]
async fn a_database_that_takes_no_writes_is_refused_on_postgresql() {
    let database = Server::shared().create_database();
    let alter = |set: &str| database.sql(&format!("ALTER DATABASE {} SET {set}", database.name()));
    alter("default_transaction_read_only = on");
    let refusal = refused(&database.url()).await;
    assert!(matches!(refusal, OpenError::ReadOnly { .. }), "{refusal}");
    let port = Server::shared().port();
    let two = format!(
        "postgres://postgres@127.0.0.1:{port},127.0.0.1:{port}/{}",
        database.name()
    );
    let refusal = refused(&two).await;
    assert!(matches!(refusal, OpenError::ReadOnly { .. }), "{refusal}");
}

#[tokio::test]
async fn of_several_hosts_the_one_that_answers_is_used_on_postgresql() {
    let database = Server::shared().create_database();
    let port = Server::shared().port();
    let url = format!(
        "postgres://postgres@127.0.0.1:1,127.0.0.1:{port}/{}",
        database.name()
    );
    shelf(&url).await.run(put("a").into()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_forgets_what_it_acknowledged_is_refused_on_postgresql() {
    let database = Server::shared().create_database();
    let alter = |set: &str| database.sql(&format!("ALTER DATABASE {} SET {set}", database.name()));
    for value in ["off", "local"] {
        alter(&format!("synchronous_commit = {value}"));
        let refusal = refused(&database.url()).await;
        assert!(matches!(&refusal, OpenError::Forgetful { found, .. } if found == value));
    }
    alter("synchronous_commit = remote_write");
    shelf(&database.url()).await;
}

#[tokio::test]
async fn another_encoding_is_refused_on_postgresql() {
    let database = Server::shared().create_database_like("template0 ENCODING 'SQL_ASCII'");
    let refusal = refused(&database.url()).await;
    assert!(matches!(&refusal, OpenError::Encoding { found, .. } if found == "SQL_ASCII"));
}

#[tokio::test]
async fn the_tables_of_another_program_are_left_alone_on_postgresql() {
    let database = Server::shared().create_database();
    database.sql("CREATE TABLE shelf (books TEXT)");
    let refusal = refused(&database.url()).await;
    assert!(matches!(refusal, OpenError::Taken { .. }), "{refusal}");
    database.sql("DROP TABLE shelf; CREATE TABLE schema_history (version INT, sql TEXT)");
    database.sql("INSERT INTO schema_history VALUES (NULL, 'a')");
    let refusal = refused(&database.url()).await;
    assert!(matches!(refusal, OpenError::Taken { .. }), "{refusal}");
    assert_eq!(database.sql("SELECT count(*) FROM schema_history"), "1");
}

#[tokio::test]
async fn a_schema_of_a_later_release_or_another_text_is_refused_on_postgresql() {
    let database = Server::shared().create_database();
    shelf(&database.url()).await;
    database.sql("INSERT INTO schema_history VALUES (2, 'later', 'SELECT 1')");
    let refusal = refused(&database.url()).await;
    assert!(
        matches!(refusal, OpenError::Newer { found: 2, known: 1 }),
        "{refusal}"
    );
    database
        .sql("DELETE FROM schema_history WHERE version = 2; UPDATE schema_history SET sql = 'x'");
    let refusal = refused(&database.url()).await;
    assert!(
        matches!(refusal, OpenError::Divergent { version: 1 }),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_table_that_is_in_use_for_long_keeps_an_upgrade_away_and_not_the_users_on_postgresql() {
    let database = Server::shared().create_database();
    let postgres = shelf(&format!("{}?statement_timeout=60", database.url())).await;
    let look = "SELECT CAST(pg_sleep(6) AS TEXT) FROM shelf";
    postgres.run(put("a").into()).await.unwrap();
    let look = Statement::new(look);
    let upgrading = async {
        let waits = "SELECT count(*) FROM pg_locks WHERE relation = 'shelf'::regclass AND granted";
        while database.sql(waits) == "0" {
            tokio::task::yield_now().await;
        }
        Postgres::open(&database.url(), WIDER).await.map(drop)
    };
    let (looked, upgraded) = tokio::join!(postgres.scan(&look), upgrading);
    assert!(looked.is_ok());
    let refusal = upgraded.expect_err("the table was in use");
    assert!(matches!(refusal, OpenError::Busy { .. }), "{refusal}");
    Postgres::open(&database.url(), WIDER).await.unwrap();
}
