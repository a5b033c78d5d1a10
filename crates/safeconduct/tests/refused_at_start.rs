//! Databases that a server must not serve: it says so in one sentence, ends, and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "no server comes up here that would be talked to")]
mod support;

use insta::assert_snapshot;
use safeconduct_testing_postgres::{Database, Postgres};

use support::Place;

const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ANOTHER_KEY: &str = "HxADAgQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ISSUER: &str = "http://localhost:8420";

impl Place {
    fn on_postgresql() -> Self {
        Self::with_config(
            "issuer = \"http://localhost:8420\"\n[database]\nurl = \"postgres://set@by.the/environment\"\n",
        )
    }

    /// Runs a command on a database.
    fn on(&self, url: &str, arguments: &[&str], issuer: &str, master_key: &str) -> String {
        let output = self
            .command(arguments)
            .env("SAFECONDUCT_DATABASE__URL", url)
            .env("SAFECONDUCT_ISSUER", issuer)
            .env("SAFECONDUCT_MASTER_KEY", master_key)
            .output()
            .unwrap();
        let told = self.told(&output).replace(url, "URL");
        let is_log = |line: &&str| !line.contains("\"level\"");
        told.lines().filter(is_log).collect::<Vec<_>>().join("\n")
    }

    fn serve_refuses(&self, url: &str, issuer: &str, master_key: &str) -> String {
        let serve = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ];
        self.on(url, &serve, issuer, master_key)
    }
}

/// A database that a cluster has founded.
fn founded(place: &Place) -> Database {
    let database = Postgres::shared().create_database();
    let told = place.on(
        &database.url(),
        &["client", "create", "api"],
        ISSUER,
        MASTER_KEY,
    );
    assert!(told.starts_with("exit 0"), "{told}");
    database
}

/// Everything that stands in it.
fn rows(database: &Database) -> String {
    [
        "meta",
        "keys",
        "clients",
        "events",
        "revision",
        "schema_history",
    ]
    .map(|table| database.sql(&format!("SELECT * FROM {table} ORDER BY 1")))
    .join("\n")
}

#[test]
fn another_issuer_is_refused_at_start_on_postgresql() {
    let place = Place::on_postgresql();
    let database = founded(&place);
    let before = rows(&database);
    let told = place.serve_refuses(&database.url(), "http://localhost:9000", MASTER_KEY);
    assert_snapshot!(told, @"
    exit 3
    err: this database belongs to the issuer http://localhost:8420: set that issuer, or use another database
    ");
    assert_eq!(rows(&database), before);
}

#[test]
fn another_master_key_is_refused_at_start_on_postgresql() {
    let place = Place::on_postgresql();
    let database = founded(&place);
    let before = rows(&database);
    let told = place.serve_refuses(&database.url(), ISSUER, ANOTHER_KEY);
    assert_snapshot!(told, @"
    exit 3
    err: this database was made with another master key: start with that key, or use another database
    ");
    assert_eq!(rows(&database), before);
}

#[test]
fn a_schema_of_a_later_release_is_refused_at_start_on_postgresql() {
    let place = Place::on_postgresql();
    let database = founded(&place);
    database
        .sql("INSERT INTO schema_history (version, name, sql) SELECT 98 + 1, 'later', 'SELECT 1'");
    let known = database.sql("SELECT count(*) - 1 FROM schema_history");
    let before = rows(&database);
    let told = place.serve_refuses(&database.url(), ISSUER, MASTER_KEY);
    let told = told.replace(&format!("knows {known}"), "knows N");
    assert_snapshot!(told, @"
    exit 1
    err: the database was upgraded by a later release (its schema is version 99, this release knows N): run that release or one after it
    ");
    assert_eq!(rows(&database), before);
}
