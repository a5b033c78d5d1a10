//! `safeconduct serve`, from the release build, configured as for production behind a proxy: `https` issuer, master key and
//! secrets in files, SQLite or PostgreSQL with every commit flushed to the disk. Nothing is tuned.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use safeconduct_protocol::random;
use safeconduct_testing_postgres::{Database, Postgres};
use safeconduct_testing_program::{Directory, PROGRAM, Process, free_ports};

use super::{
    API, APP_OPAQUE, Contestant, Kind, MACHINE, MACHINE_OPAQUE, Paths, REDIRECT_URI, SCOPE, SECRET,
    Target,
};
use crate::sign_in::{PASSWORD, PEOPLE, username};

pub(crate) const PATHS: Paths = Paths {
    metadata: "/.well-known/oauth-authorization-server",
    jwks: "/.well-known/jwks.json",
    authorize: "/authorize",
    token: "/token",
    introspect: "/introspect",
    revoke: "/revoke",
};

/// What the report calls it where its memory is PostgreSQL.
const ON_POSTGRESQL: &str = "safeconduct, PostgreSQL";

const HOST: &str = "id.bench.example";
/// Apps for 128 people: room for 102,400 grants before the oldest are ended.
const APPS: usize = 16;

/// A place where `safeconduct serve` can be started, again and again on the same database.
pub(crate) struct Serve {
    directory: Directory,
    listen: SocketAddr,
    memory: Memory,
}

/// Where it keeps what it must remember.
pub(crate) enum Memory {
    /// A file beside its configuration.
    Sqlite,
    /// A server of its own on this machine, as installed.
    PostgreSql(Database),
}

impl Memory {
    /// An empty database on a new PostgreSQL server.
    pub(crate) fn postgresql() -> Self {
        Self::PostgreSql(Postgres::start(&[]).create_database())
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite => "sqlite:safeconduct.db".to_owned(),
            Self::PostgreSql(database) => database.url(),
        }
    }

    /// The process that has it, with its children, where that is not the server's own.
    fn process(&self) -> Option<u32> {
        match self {
            Self::Sqlite => None,
            Self::PostgreSql(database) => database.server().process(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "safeconduct",
            Self::PostgreSql(_) => ON_POSTGRESQL,
        }
    }
}

impl Serve {
    /// Builds the program unless [`PROGRAM`] names one, and writes the configuration.
    pub(crate) fn new(log: &str, memory: Memory) -> Result<Self> {
        if std::env::var_os(PROGRAM).is_none() {
            build()?;
        }
        // In the temporary directory there is often no disk to flush to.
        let own = std::env::current_exe()?;
        let directory = Directory::below(own.parent().context("a program stands in a folder")?);
        let [listen, admin] = free_ports().map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let config = configuration(listen, admin, &memory.url(), log);
        directory.write("safeconduct.toml", &config);
        let key = random::bytes::<32>().map(|byte| format!("{byte:02x}"));
        directory.write("secret", SECRET);
        directory.write("master-key", &key.concat());
        Ok(Self {
            directory,
            listen,
            memory,
        })
    }

    /// Where it keeps its database.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it on nothing, so that it makes its database and its keys; then stops it and adds the people. Gives the time to
    /// the first answer.
    pub(crate) async fn first_start(&self) -> Result<Duration> {
        let started_in = self.start().await?.started_in;
        self.add_people()?;
        Ok(started_in)
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> Result<Contestant> {
        let target = Target {
            kind: Kind::Safeconduct,
            address: self.listen,
            host: HOST,
            paths: PATHS,
            apps: apps(),
        };
        let begun = Instant::now();
        let mut command = self.directory.command(&["serve"]);
        let mut process = Process::start(&mut command, &self.directory().join("server.log"))?;
        let started_in = target.answers(begun, &mut process).await;
        let started_in = started_in.with_context(|| process.last_lines())?;
        Ok(Contestant {
            name: self.memory.name(),
            target: Arc::new(target),
            started_in,
            process,
            _directory: None,
            database: self.memory.process(),
        })
    }

    fn add_people(&self) -> Result<()> {
        let lines: String = (0..PEOPLE).fold(String::new(), |mut lines, number| {
            let (username, password) = (username(number), PASSWORD);
            writeln!(
                lines,
                r#"{{"username":"{username}","password":"{password}"}}"#
            )
            .expect("a string can be written to");
            lines
        });
        let added = self.directory.run_with_input(&["user", "import"], &lines);
        ensure!(added.status.success(), "{}", self.directory.printed(&added));
        Ok(())
    }
}

/// Builds the program, with the profile that is measured.
fn build() -> Result<()> {
    ensure!(!cfg!(debug_assertions), "run this program with --release");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--package", "safeconduct"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    ensure!(command.status()?.success(), "safeconduct can't be built");
    Ok(())
}

fn apps() -> Vec<String> {
    (0..APPS).map(|number| format!("app-{number}")).collect()
}

fn configuration(listen: SocketAddr, admin: SocketAddr, database: &str, log: &str) -> String {
    let mut text = format!(
        r#"
issuer = "https://{HOST}"
server.listen = ["{listen}"]
server.admin_listen = "{admin}"
database.url = "{database}"
secrets.master_key_file = "master-key"
log.level = "{log}"
scopes."{SCOPE}".text.en = "Read your notes"
[[resources]]
uri = "https://api.bench.example"
scopes = ["{SCOPE}"]
client = "{API}"
"#
    );
    let mut client = |id: &str, of: &str| {
        write!(
            text,
            "[[clients]]\nid = \"{id}\"\nsecret_file = \"secret\"\n{of}\n"
        )
        .expect("a string can be written to");
    };
    let app = format!(
        "redirect_uris = [\"{REDIRECT_URI}\"]\nscopes = [\"{SCOPE}\"]\n\
         grant_types = [\"authorization_code\", \"refresh_token\"]"
    );
    let machine = format!("scopes = [\"{SCOPE}\"]\ngrant_types = [\"client_credentials\"]");
    let opaque = "access_token_format = \"opaque\"";
    client(API, "grant_types = []");
    client(MACHINE, &machine);
    client(MACHINE_OPAQUE, &format!("{machine}\n{opaque}"));
    client(APP_OPAQUE, &format!("{app}\n{opaque}"));
    for id in apps() {
        client(&id, &app);
    }
    text
}
