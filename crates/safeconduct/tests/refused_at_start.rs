//! Databases that a server must not serve: it says so in one sentence, ends, and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use insta::assert_snapshot;
use safeconduct_testing_postgres::{Database, Postgres};
use safeconduct_testing_program::{Directory, READY, free_ports, get};

const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ANOTHER_KEY: &str = "HxADAgQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ISSUER: &str = "http://localhost:8420";

/// A directory to run the program in, on a database that each command names.
struct Operator {
    directory: Directory,
}

impl Operator {
    fn new() -> Self {
        Self {
            directory: Directory::with_config(
                "issuer = \"http://localhost:8420\"\n[database]\nurl = \"postgres://set@by.the/environment\"\n",
            ),
        }
    }

    /// Runs a command on a database.
    fn on(&self, url: &str, arguments: &[&str], issuer: &str, master_key: &str) -> String {
        let output = self
            .directory
            .command(arguments)
            .env("SAFECONDUCT_DATABASE__URL", url)
            .env("SAFECONDUCT_ISSUER", issuer)
            .env("SAFECONDUCT_MASTER_KEY", master_key)
            .output()
            .unwrap();
        let told = self.directory.printed(&output).replace(url, "URL");
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
fn founded(operator: &Operator) -> Database {
    let database = Postgres::shared().create_database();
    let told = operator.on(
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

/// Attacks: E25.
#[test]
fn another_issuer_is_refused_at_start_on_postgresql() {
    let operator = Operator::new();
    let database = founded(&operator);
    let before = rows(&database);
    let told = operator.serve_refuses(&database.url(), "http://localhost:9000", MASTER_KEY);
    assert_snapshot!(told, @"
    exit 3
    err: this database belongs to the issuer http://localhost:8420: set that issuer, or use another database
    ");
    assert_eq!(rows(&database), before);
}

/// Attacks: E25.
#[test]
fn another_master_key_is_refused_at_start_on_postgresql() {
    let operator = Operator::new();
    let database = founded(&operator);
    let before = rows(&database);
    let told = operator.serve_refuses(&database.url(), ISSUER, ANOTHER_KEY);
    assert_snapshot!(told, @"
    exit 3
    err: this database was made with another master key: start with that key, or use another database
    ");
    assert_eq!(rows(&database), before);
}

/// Every command that would touch it ends, with what it `says`.
fn refused(operator: &Operator, url: &str, says: [&str; 2]) {
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
        let told = operator.on(url, command, ISSUER, MASTER_KEY);
        assert!(told.starts_with("exit 1\n"), "{command:?}: {told}");
        assert!(
            says.iter().all(|says| told.contains(says)),
            "{command:?}: {told}"
        );
        assert!(
            !operator.directory.path().join("copy.db").exists(),
            "{command:?}"
        );
    }
}

/// Runs SQL on the file of an operator's directory.
fn sqlite3(operator: &Operator, sql: &str) -> String {
    let mut sqlite3 = Command::new("sqlite3");
    let asked = sqlite3
        .current_dir(operator.directory.path())
        .args(["safeconduct.db", sql]);
    String::from_utf8(asked.output().unwrap().stdout).unwrap()
}

/// A file that the program has founded.
fn founded_file(operator: &Operator) -> &'static str {
    let url = "sqlite:safeconduct.db";
    let told = operator.on(url, &["client", "create", "api"], ISSUER, MASTER_KEY);
    assert!(told.starts_with("exit 0"), "{told}");
    url
}

const SAYS_LATER: [&str; 2] = [
    "the database was upgraded by a later release (its schema is version 99, this release knows ",
    "run that release or one after it",
];

const LATER: &str =
    "INSERT INTO schema_history (version, name, sql) SELECT 98 + 1, 'later', 'SELECT 1'";

/// Attacks: E23.
#[test]
fn a_schema_of_a_later_release_is_refused_at_start_on_postgresql() {
    let operator = Operator::new();
    let database = founded(&operator);
    database.sql(LATER);
    let before = rows(&database);
    refused(&operator, &database.url(), SAYS_LATER);
    assert_eq!(rows(&database), before);
}

/// Attacks: E23.
#[test]
fn a_schema_of_a_later_release_is_refused_at_start_with_sqlite3() {
    let operator = Operator::new();
    let url = founded_file(&operator);
    sqlite3(&operator, LATER);
    let before = sqlite3(&operator, ".dump");
    assert!(before.contains("(99,"), "{before}");
    refused(&operator, url, SAYS_LATER);
    assert_eq!(sqlite3(&operator, ".dump"), before);
}

/// What the first step was before it was edited in place.
const OLDER: &str = "UPDATE schema_history SET sql = 'CREATE TABLE users (id TEXT)'";

const SAYS_OLDER: [&str; 2] = [
    "the database was made by an older development build, and not by a release (step 1 of its schema is another one)",
    "use the build that made it, or start with a new database",
];

#[test]
fn a_database_of_an_older_development_build_is_refused_at_start_on_postgresql() {
    let operator = Operator::new();
    let database = founded(&operator);
    database.sql(OLDER);
    let before = rows(&database);
    refused(&operator, &database.url(), SAYS_OLDER);
    assert_eq!(rows(&database), before);
}

#[test]
fn a_database_of_an_older_development_build_is_refused_at_start_with_sqlite3() {
    let operator = Operator::new();
    let url = founded_file(&operator);
    sqlite3(&operator, OLDER);
    let before = sqlite3(&operator, ".dump");
    assert!(before.contains("CREATE TABLE users (id TEXT)"), "{before}");
    refused(&operator, url, SAYS_OLDER);
    assert_eq!(sqlite3(&operator, ".dump"), before);
}

#[test]
fn a_mistake_in_the_url_is_found_without_asking_anybody() {
    let operator = Operator::new();
    let check = |url: &str| {
        let told = operator.on(url, &["check"], ISSUER, MASTER_KEY);
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
    let operator = Operator::new();
    let database = Postgres::shared().create_database();
    let guest = format!("guest_of_{}", database.name());
    database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.sql(&format!("CREATE ROLE {guest} LOGIN"));
    let as_guest = database.url().replace("postgres@", &format!("{guest}@"));
    for command in [&["check", "--connect"][..], &["migrate"]] {
        let told = operator.on(&as_guest, command, ISSUER, MASTER_KEY);
        let says = ["exit 1\n", " forbids it (", "make our user the owner"];
        assert!(says.iter().all(|says| told.contains(says)), "{told}");
    }
    database.sql(&format!("DROP ROLE {guest}"));
}

/// A server that waits for its database, and what the operator's listener answers meanwhile.
struct Waiting {
    directory: Directory,
    ports: [u16; 2],
    command: Command,
}

impl Waiting {
    fn on(url: &str) -> Self {
        let directory = Operator::new().directory;
        let ports = free_ports();
        let [listen, admin] = ports.map(|port: u16| format!("127.0.0.1:{port}"));
        let mut command =
            directory.command(&["serve", "--listen", &listen, "--admin-listen", &admin]);
        command
            .env("SAFECONDUCT_DATABASE__URL", url)
            .env("SAFECONDUCT_MASTER_KEY", MASTER_KEY);
        Self {
            directory,
            ports,
            command,
        }
    }

    fn health(&self, path: &str) -> u16 {
        let [_, admin] = self.ports;
        let answer = get(("127.0.0.1", admin), &format!("/health/{path}"));
        answer.unwrap().status
    }
}

/// A proxy goes to another node when it is refused; a connection that nobody takes would keep it waiting. The operator is told that
/// the process is alive.
#[test]
fn nobody_can_connect_while_the_database_is_waited_for() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let database = format!("postgres://sc@{}/sc", silent.local_addr().unwrap());
    let mut waiting = Waiting::on(&database);
    let mut serving = waiting.command.stderr(Stdio::null()).spawn().unwrap();
    let connected = silent.accept().unwrap();
    let refused = TcpStream::connect(("127.0.0.1", waiting.ports[0])).err();
    assert_eq!(refused.unwrap().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        (waiting.health("live"), waiting.health("ready")),
        (200, 503)
    );
    serving.kill().unwrap();
    serving.wait().unwrap();
    drop(connected);
}

/// Attacks: E09.
#[test]
fn a_database_that_is_late_is_waited_for_on_postgresql() {
    let postgres = Postgres::start(&[("fsync", "off")]);
    let database = postgres.create_database();
    let mut waiting = Waiting::on(&database.url());
    postgres.kill();
    let socket = UnixDatagram::bind(waiting.directory.path().join("notify")).unwrap();
    let patience = Some(Duration::from_secs(60));
    socket.set_read_timeout(patience).unwrap();
    let told = || {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let notify = waiting.directory.path().join("notify");
    let command = waiting.command.env("NOTIFY_SOCKET", notify);
    let mut server = waiting
        .directory
        .start(command, "the database is waited for");
    assert!(told().starts_with("EXTEND_TIMEOUT_USEC="));
    assert_eq!(
        (waiting.health("live"), waiting.health("ready")),
        (200, 503)
    );
    postgres.restart();
    server.wait_for(READY).unwrap();
    assert_eq!(
        (waiting.health("live"), waiting.health("ready")),
        (200, 200)
    );
    while told() != "READY=1" {}
}

/// What is asked to stop while it waits need not wait for the end of that.
#[test]
fn a_server_that_waits_for_its_database_stops_when_it_is_told_to() {
    let [nobody] = free_ports();
    let url = format!("postgres://sc@127.0.0.1:{nobody}/sc");
    let mut waiting = Waiting::on(&url);
    let waits = "the database is waited for";
    let mut server = waiting.directory.start(&mut waiting.command, waits);
    assert!(server.stop().unwrap().success());
    assert!(server.log().contains("stopped before it was ready"));
}

#[test]
fn a_database_that_does_not_come_ends_the_server_when_it_was_waited_for() {
    let [nobody] = free_ports();
    let url = format!("postgres://sc@127.0.0.1:{nobody}/sc");
    let mut waiting = Waiting::on(&url);
    let command = waiting.command.env("SAFECONDUCT_DATABASE__WAIT", "1s");
    let output = command.output().unwrap();
    let told = waiting.directory.printed(&output);
    assert!(told.starts_with("exit 1\n"), "{told}");
    assert!(told.contains("the database is waited for"), "{told}");
    assert!(told.contains("cannot be reached"), "{told}");
}

/// Waiting mends neither a wrong name nor a wrong password.
#[test]
fn what_waiting_does_not_mend_ends_the_server_at_once_on_postgresql() {
    let database = Postgres::shared().create_database();
    let missing = database.url().replace(database.name(), "missing");
    let stranger = database.url().replace("postgres@", "stranger@");
    for (url, why) in [
        (missing, "lacks the database"),
        (stranger, "does not let us in"),
    ] {
        let mut waiting = Waiting::on(&url);
        let output = waiting.command.output().unwrap();
        let told = waiting.directory.printed(&output);
        assert!(told.starts_with("exit 1\n"), "{told}");
        assert!(told.contains(why), "{told}");
        assert!(!told.contains("waited for"), "{told}");
    }
}
