//! `safeconduct serve`, from the release build, configured as for production behind a proxy: `https` issuer, master key and
//! secrets in files, SQLite or PostgreSQL with every commit flushed to the disk. Nothing is tuned.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use safeconduct_protocol::random;
use safeconduct_testing_postgres::{Database, Postgres};
use tempfile::TempDir;

use super::{
    API, APP_OPAQUE, Contestant, Kind, MACHINE, MACHINE_OPAQUE, Paths, Process, REDIRECT_URI,
    SCOPE, SECRET, Target,
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
    binary: PathBuf,
    directory: TempDir,
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
    /// Builds the binary unless one is given, and writes the configuration.
    pub(crate) fn new(binary: Option<PathBuf>, log: &str, memory: Memory) -> Result<Self> {
        let own = std::env::current_exe()?;
        let beside = own.parent().context("a program stands in a folder")?;
        let binary = match binary {
            // It is started in a directory of its own.
            Some(binary) => std::path::absolute(binary)?,
            None => build(beside)?,
        };
        // In the temporary directory there is often no disk to flush to.
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(beside)?;
        let (listen, admin) = (free_port()?, free_port()?);
        let config = configuration(listen, admin, &memory.url(), log);
        fs::write(directory.path().join("safeconduct.toml"), config)?;
        let key = random::bytes::<32>().map(|byte| format!("{byte:02x}"));
        for (name, content) in [("secret", SECRET), ("master-key", &key.concat())] {
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600);
            file.open(directory.path().join(name))?
                .write_all(content.as_bytes())?;
        }
        Ok(Self {
            binary,
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
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory().join("log"))?;
        let target = Target {
            kind: Kind::Safeconduct,
            address: self.listen,
            host: HOST,
            paths: PATHS,
            apps: apps(),
        };
        let begun = Instant::now();
        let mut command = self.command();
        let mut process = Process::start(command.arg("serve").stdout(Stdio::null()).stderr(log))?;
        let started_in = target.answers(begun, &mut process).await.with_context(|| {
            let log = fs::read_to_string(self.directory().join("log"));
            format!("safeconduct serve: {}", log.unwrap_or_default())
        })?;
        Ok(Contestant {
            name: self.memory.name(),
            target: Arc::new(target),
            started_in,
            process,
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
        let mut child = self
            .command()
            .args(["user", "import"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = child.stdin.take().context("its input is piped")?;
        input.write_all(lines.as_bytes())?;
        drop(input);
        ensure!(child.wait()?.success(), "safeconduct user import failed");
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.directory());
        // The settings of the person at the keyboard are not what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SAFECONDUCT_") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Builds the binary with the profile of this program, and finds it beside it.
fn build(beside: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--package", "safeconduct"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    ensure!(command.status()?.success(), "safeconduct can't be built");
    let binary = beside.join("safeconduct");
    ensure!(
        binary.is_file(),
        "{} is missing: run this program with --release, or name a --server",
        binary.display()
    );
    Ok(binary)
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

/// A port that nobody listens on. Somebody could be quicker than the server; then it says so.
fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
