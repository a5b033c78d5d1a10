//! PostgreSQL servers that belong to a test: [`Postgres::shared`] for everybody who only needs a database,
//! [`Postgres::start`] for whoever kills, stops and promotes.
//!
//! The programs are those that are installed (Debian: `postgresql`); a test that uses this crate ends its name in
//! `_on_postgresql`, so that it can be left out where they are missing. A server listens on a free port of 127.0.0.1 and
//! lives in a directory of its own; it is gone with its last handle or with the process, however that ends (`keeper`).
//! Everything here blocks, and panics where a test could not go on.

mod keeper;
mod pooler;
mod programs;

use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use keeper::Keeper;
pub use pooler::Pooler;
use programs::{output, program};

/// How often a server is started that ends at once. After a kill, the memory of the last one may still be in use.
const TRIES: usize = 20;

/// What PostgreSQL says when it takes connections: of a standby, "read-only connections".
const READY: &str = "database system is ready to accept";

/// What no server of a test needs to spend time on, if nothing is to survive it.
const EPHEMERAL: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
];

/// Who may connect. Passwords and TLS are asked of the roles that are named after them, and of nobody else.
const ACCESS: &str = "\
host    all         password_role 127.0.0.1/32 scram-sha-256
hostssl all         tls_role      127.0.0.1/32 trust
host    all         tls_role      127.0.0.1/32 reject
local   all         all                        trust
host    all         all           127.0.0.1/32 trust
host    replication all           127.0.0.1/32 trust
";

/// A PostgreSQL server. Clones are handles to the same one.
#[derive(Clone)]
pub struct Postgres(Arc<Server>);

struct Server {
    keeper: Keeper,
    port: u16,
    /// `None` while it is stopped.
    postmaster: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Postgres {
    /// The server of this process, for everybody who wants a database and nothing else of it. It is fast, because it would not
    /// survive a power cut.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> =
            LazyLock::new(|| Postgres::create(&["--no-sync"], EPHEMERAL));
        &SHARED
    }

    /// A server of the test's own: what it acknowledged survives [`kill`](Self::kill). `settings` go before those of
    /// `postgresql.conf`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        // What initdb leaves unsynced, the first recovery would have to sync.
        Self::create(&[], settings)
    }

    fn create(options: &[&str], settings: &[(&str, &str)]) -> Self {
        let keeper = Keeper::start();
        let data = keeper.path("data");
        let mut initdb = program("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(options);
        output(initdb.args(["--username=postgres", "--pgdata", &data]));
        keeper.write("data/pg_hba.conf", ACCESS);
        Self::serve(keeper, settings)
    }

    fn serve(keeper: Keeper, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        keeper.append(
            "data/postgresql.conf",
            &configuration(port, &keeper, settings),
        );
        let server = Self(Arc::new(Server {
            keeper,
            port,
            postmaster: Mutex::new(None),
            databases: AtomicU32::new(0),
        }));
        server.restart();
        server
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The directory of its Unix socket.
    pub fn socket_directory(&self) -> &str {
        self.0.keeper.directory()
    }

    /// The URL of a database, as the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// Makes an empty database, which is dropped with its last handle.
    pub fn create_database(&self) -> Database {
        self.create_database_like("template1")
    }

    /// Makes a database that begins as a copy of another one, to which nobody is connected.
    pub fn create_database_like(&self, template: &str) -> Database {
        let number = self.0.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        self.sql(
            "postgres",
            // Copying files is quicker than writing all of them to the log.
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
        );
        Database {
            server: self.clone(),
            name,
        }
    }

    /// The id of its first process, whose children are all others. `None` while it is stopped.
    pub fn process(&self) -> Option<u32> {
        self.postmaster().as_ref().map(Child::id)
    }

    /// Runs SQL as the superuser; the rows that it returns, their columns divided by `|`.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.client("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1"]);
        output(psql.args(["-d", database, "-c", sql]))
    }

    /// One of PostgreSQL's own programs, such as `pg_dump`, told how to reach this server as the superuser.
    pub fn client(&self, name: &str) -> Command {
        let mut client = program(name);
        client.args(["-h", "127.0.0.1", "-p", &self.port().to_string()]);
        client.args(["-U", "postgres"]);
        client
    }

    /// Ends every process of the server at once, as `kill -9` does.
    pub fn kill(&self) {
        let mut postmaster = self.postmaster();
        let Some(mut child) = postmaster.take() else {
            return;
        };
        let parent = Pid::from_child(&child);
        // Stopped first, so that it starts no further process between the look at its children and its end.
        let _ = kill_process(parent, Signal::STOP);
        for process in children(parent) {
            let _ = kill_process(process, Signal::KILL);
        }
        child
            .kill()
            .and_then(|()| child.wait())
            .expect("a child can be killed and awaited");
    }

    /// Ends the server in order, and every connection with it.
    pub fn stop(&self) {
        if let Some(mut child) = self.postmaster().take() {
            // SIGINT is PostgreSQL's "fast shutdown".
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
            child.wait().expect("a child can be awaited");
        }
    }

    /// Starts the server again, on the same port and data, and waits until it takes connections.
    pub fn restart(&self) {
        let mut postmaster = self.postmaster();
        for _ in 0..TRIES {
            if postmaster.is_some() {
                return;
            }
            *postmaster = self.spawn();
        }
        assert!(
            postmaster.is_some(),
            "PostgreSQL does not start: {}",
            self.0.keeper.read("log")
        );
    }

    /// A streaming standby of this server, which follows it until it is [promoted](Self::promote).
    pub fn standby(&self) -> Self {
        let keeper = Keeper::start();
        let data = keeper.path("data");
        let port = self.port().to_string();
        let mut backup = program("pg_basebackup");
        backup.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
        output(backup.args(["-R", "-N", "-X", "stream", "-c", "fast", "-D", &data]));
        // It has the settings of this server, and a port of its own.
        Self::serve(keeper, &[])
    }

    /// Makes a standby take writes.
    pub fn promote(&self) {
        let promoted = self.sql("postgres", "SELECT pg_promote(true, 60)");
        assert_eq!(promoted, "t", "the standby was not promoted");
    }

    /// Writes a file into the server's directory, readable by the server alone; its path.
    pub fn write_file(&self, name: &str, content: &str) -> String {
        self.0.keeper.write(name, content);
        self.0.keeper.path(name)
    }

    /// Starts the server; `None` if it ended before it took connections.
    fn spawn(&self) -> Option<Child> {
        let mut postgres = program("postgres");
        postgres.args(["-D", &self.0.keeper.path("data")]);
        postgres.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = postgres
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}", missing(&error)));
        let said = BufReader::new(child.stderr.take().expect("its errors are piped"));
        if self.says_ready(said) {
            return Some(child);
        }
        child.wait().expect("a child can be awaited");
        None
    }

    /// Reads what the server says until it takes connections; `false` if it ends instead. What it says later is kept too.
    fn says_ready(&self, said: BufReader<ChildStderr>) -> bool {
        let log = self.0.keeper.path("log");
        let mut lines = said.lines().map_while(Result::ok);
        for line in lines.by_ref() {
            keeper::append(&log, &line);
            if line.contains(READY) {
                thread::spawn(move || lines.for_each(|line| keeper::append(&log, &line)));
                return true;
            }
        }
        false
    }

    fn postmaster(&self) -> MutexGuard<'_, Option<Child>> {
        self.0
            .postmaster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let postmaster = self.postmaster.get_mut();
        if let Some(mut child) = postmaster.unwrap_or_else(PoisonError::into_inner).take() {
            // SIGQUIT is PostgreSQL's "immediate shutdown": nothing of it is wanted any more.
            let _ = kill_process(Pid::from_child(&child), Signal::QUIT);
            let _ = child.wait();
        }
    }
}

/// A database of a test.
pub struct Database {
    server: Postgres,
    name: String,
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL, as the superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs SQL in it as the superuser; the rows that it returns, their columns divided by `|`.
    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }

    /// The server that has it.
    pub fn server(&self) -> &Postgres {
        &self.server
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that a test left stopped drops its databases with itself.
        if self.server.postmaster().is_some() {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            self.server.sql("postgres", &drop);
        }
    }
}

/// The lines that end `postgresql.conf`. Of a setting that is there twice, the last one counts.
fn configuration(port: u16, keeper: &Keeper, settings: &[(&str, &str)]) -> String {
    let port = port.to_string();
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port),
        ("unix_socket_directories", keeper.directory()),
        ("max_connections", "200"),
    ];
    let lines = own.iter().chain(settings);
    lines
        .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
        .collect()
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}

/// The processes that a process has started and that still run.
fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_pid();
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    list.unwrap_or_default()
        .split_whitespace()
        .filter_map(|process| Pid::from_raw(process.parse().ok()?))
        .collect()
}

fn missing(error: &io::Error) -> String {
    format!(
        "PostgreSQL cannot be started ({error}): apt-get install postgresql, \
         or leave out the tests whose names end in _on_postgresql"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_empty_and_gone_with_its_handle_on_postgresql() {
        let server = Postgres::shared();
        let database = server.create_database();
        let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
        assert_eq!(database.sql(tables), "0");
        let find = format!(
            "SELECT count(*) FROM pg_database WHERE datname = '{}'",
            database.name()
        );
        assert_eq!(server.sql("postgres", &find), "1");
        drop(database);
        assert_eq!(server.sql("postgres", &find), "0");
    }

    #[test]
    fn what_a_killed_server_acknowledged_is_there_again_on_postgresql() {
        let server = Postgres::start(&[]);
        let database = server.create_database();
        database.sql("CREATE TABLE kept (number INT)");
        database.sql("INSERT INTO kept VALUES (7)");
        server.kill();
        server.restart();
        assert_eq!(database.sql("SELECT number FROM kept"), "7");
        server.stop();
        server.restart();
        assert_eq!(database.sql("SELECT number FROM kept"), "7");
    }

    #[test]
    fn a_standby_follows_and_takes_over_on_postgresql() {
        let primary = Postgres::start(&[]);
        let database = primary.create_database();
        let standby = primary.standby();
        // From here on a commit waits until the standby shows it.
        primary.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        primary.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_commit = 'remote_apply'",
        );
        primary.stop();
        primary.restart();
        database.sql("CREATE TABLE kept (number INT)");
        assert_eq!(standby.sql(database.name(), "SELECT * FROM kept"), "");
        primary.kill();
        standby.promote();
        standby.sql(database.name(), "INSERT INTO kept VALUES (1)");
    }
}
