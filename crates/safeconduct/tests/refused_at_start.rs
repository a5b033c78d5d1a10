//! Databases that a server must not serve: it says so in one sentence, ends, and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "no server comes up here that would be talked to")]
mod support;

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use safeconduct_testing_postgres::{Database, Postgres};

use support::{Place, free_ports};

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

/// Every command that would touch it.
fn refused_as_newer(place: &Place, url: &str) {
    let commands: [&[&str]; 7] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["check", "--connect"],
        &["migrate"],
        &["migrate", "--plan"],
        &["copy", "--from", url, "--to", "sqlite:copy.db"],
        &["restored", "--yes"],
        &["user", "list"],
    ];
    for command in commands {
        let told = place.on(url, command, ISSUER, MASTER_KEY);
        let says = [
            "exit 1\n",
            "the database was upgraded by a later release (its schema is version 99, this release knows ",
            "run that release or one after it",
        ];
        assert!(
            says.iter().all(|says| told.contains(says)),
            "{command:?}: {told}"
        );
        assert!(!place.path().join("copy.db").exists(), "{command:?}");
    }
}

const LATER: &str =
    "INSERT INTO schema_history (version, name, sql) SELECT 98 + 1, 'later', 'SELECT 1'";

#[test]
fn a_schema_of_a_later_release_is_refused_at_start_on_postgresql() {
    let place = Place::on_postgresql();
    let database = founded(&place);
    database.sql(LATER);
    let before = rows(&database);
    refused_as_newer(&place, &database.url());
    assert_eq!(rows(&database), before);
}

#[test]
fn a_schema_of_a_later_release_is_refused_at_start_with_sqlite3() {
    let place = Place::on_postgresql();
    let url = "sqlite:safeconduct.db";
    let told = place.on(url, &["client", "create", "api"], ISSUER, MASTER_KEY);
    assert!(told.starts_with("exit 0"), "{told}");
    let sqlite3 = |sql: &str| {
        let mut sqlite3 = Command::new("sqlite3");
        let asked = sqlite3
            .current_dir(place.path())
            .args(["safeconduct.db", sql]);
        String::from_utf8(asked.output().unwrap().stdout).unwrap()
    };
    sqlite3(LATER);
    let before = sqlite3(".dump");
    assert!(before.contains("(99,"), "{before}");
    refused_as_newer(&place, url);
    assert_eq!(sqlite3(".dump"), before);
}

#[test]
fn a_mistake_in_the_url_is_found_without_asking_anybody() {
    let place = Place::on_postgresql();
    let check = |url: &str| {
        let told = place.on(url, &["check"], ISSUER, MASTER_KEY);
        assert!(!told.contains("hush"), "{told}");
        told
    };
    assert_snapshot!(check("postgres://sc:hush@db/sc?sslmod=require"), @"
    exit 3
    err: SAFECONDUCT_DATABASE__URL: `database.url` has a parameter sslmod that it cannot have
    err:     known are sslmode, sslrootcert, pool_size, connect_timeout, statement_timeout, pgbouncer, and what PostgreSQL's own programs take there
    ");
    for url in [
        "postgres://sc:hush@db:70000/sc",
        "postgres://sc:hush@:5432/sc",
        "postgres://sc:hush@db",
        "postgres://db/sc",
        "postgres:/hush",
        "mysql://sc:hush@db/sc",
        "postgres://sc@db/sc?pass%77ord=hush&pool_size=1000",
    ] {
        assert!(check(url).starts_with("exit 3\n"), "{url}");
    }
}

#[test]
fn a_user_who_may_not_make_the_tables_is_told_beforehand_on_postgresql() {
    let place = Place::on_postgresql();
    let database = Postgres::shared().create_database();
    let guest = format!("guest_of_{}", database.name());
    database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.sql(&format!("CREATE ROLE {guest} LOGIN"));
    let as_guest = database.url().replace("postgres@", &format!("{guest}@"));
    for command in [&["check", "--connect"][..], &["migrate"]] {
        let told = place.on(&as_guest, command, ISSUER, MASTER_KEY);
        let says = ["exit 1\n", " forbids it (", "make our user the owner"];
        assert!(says.iter().all(|says| told.contains(says)), "{told}");
    }
    database.sql(&format!("DROP ROLE {guest}"));
}

/// A proxy goes to another node when it is refused; a connection that nobody takes would keep it waiting.
#[test]
fn nobody_can_connect_while_the_database_is_waited_for() {
    let place = Place::on_postgresql();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let database = format!("postgres://sc@{}/sc", silent.local_addr().unwrap());
    let ports: [u16; 2] = free_ports();
    let listen = ports.map(|port| format!("127.0.0.1:{port}"));
    let mut serving = place
        .command(&[
            "serve",
            "--listen",
            &listen[0],
            "--admin-listen",
            &listen[1],
        ])
        .env("SAFECONDUCT_DATABASE__URL", database)
        .env("SAFECONDUCT_MASTER_KEY", MASTER_KEY)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = silent.accept().unwrap();
    for port in ports {
        let refused = TcpStream::connect(("127.0.0.1", port)).err();
        assert_eq!(refused.unwrap().kind(), ErrorKind::ConnectionRefused);
    }
    serving.kill().unwrap();
    serving.wait().unwrap();
    drop(waiting);
}
