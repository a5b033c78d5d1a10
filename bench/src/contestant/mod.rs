//! Who is measured: a server in a process of its own, and how it is spoken to.

mod node;
pub(crate) mod safeconduct;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use safeconduct_testing_program::{Directory, PATIENCE, Process};

use crate::connection::Connection;
use crate::scenario::Scenario;

/// The secret of every client of every contestant. It protects nothing: all of them are gone after the run.
const SECRET: &str = "a-secret-of-forty-three-characters-as-drawn";
/// The client that has tokens of its own, as JWTs.
pub(crate) const MACHINE: &str = "machine";
/// The client that has tokens of its own, opaque.
pub(crate) const MACHINE_OPAQUE: &str = "machine-opaque";
/// The app whose access tokens are opaque.
pub(crate) const APP_OPAQUE: &str = "app-opaque";
/// The API that tokens are for.
pub(crate) const API: &str = "api";
/// The scope that is asked for.
pub(crate) const SCOPE: &str = "notes.read";
/// Where apps wait for their answer.
pub(crate) const REDIRECT_URI: &str = "https://app.bench.example/callback";

/// A server that runs until this is dropped.
pub(crate) struct Contestant {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// How it is spoken to.
    pub(crate) target: Arc<Target>,
    /// The time from starting the process to the first good answer.
    pub(crate) started_in: Duration,
    process: Process,
    /// Where its log is, if it has no other directory.
    _directory: Option<Directory>,
    /// The process of its database with its children, where it has one.
    database: Option<u32>,
}

/// Whose processor time is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes {
    /// The server's.
    pub(crate) server: u32,
    /// Its database's, children included.
    pub(crate) database: Option<u32>,
}

/// How a server is spoken to.
#[derive(Debug)]
pub(crate) struct Target {
    kind: Kind,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The name it answers to.
    pub(crate) host: &'static str,
    /// Its endpoints.
    pub(crate) paths: Paths,
    /// The apps that people use: several, because a user and a client have at most fifty grants.
    pub(crate) apps: Vec<String>,
}

/// The paths of the endpoints.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) metadata: &'static str,
    pub(crate) jwks: &'static str,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) introspect: &'static str,
    pub(crate) revoke: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Floor,
    Safeconduct,
    Node,
}

impl Contestant {
    /// The bare server: this program, started once more.
    pub(crate) async fn floor() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--serve-floor");
        let begun = Instant::now();
        let (process, directory, address) = that_says_where(&mut command)?;
        let target = Target {
            kind: Kind::Floor,
            address,
            host: "floor.bench.example",
            paths: safeconduct::PATHS,
            apps: Vec::new(),
        };
        Ok(Self {
            name: "floor",
            target: Arc::new(target),
            started_in: begun.elapsed(),
            process,
            _directory: Some(directory),
            database: None,
        })
    }

    /// node-oidc-provider, one process, everything in memory.
    pub(crate) async fn node() -> Result<Self> {
        node::start().await
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processes that work for it.
    pub(crate) fn processes(&self) -> Processes {
        Processes {
            server: self.id(),
            database: self.database,
        }
    }
}

impl Target {
    /// Whether it can be asked for `scenario`.
    pub(crate) fn offers(&self, scenario: Scenario) -> bool {
        match self.kind {
            Kind::Floor => scenario == Scenario::Floor,
            Kind::Safeconduct => scenario != Scenario::Floor,
            // Its JWTs can't be introspected, and the sign-in of our set-up asks for no password.
            Kind::Node => !matches!(
                scenario,
                Scenario::Floor | Scenario::IntrospectJwt | Scenario::Login
            ),
        }
    }

    /// Connects to it.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, self.host).await
    }

    /// Asks until it answers, from `begun` on; gives the time that took.
    async fn answers(&self, begun: Instant, process: &mut Process) -> Result<Duration> {
        loop {
            if let Ok(mut connection) = self.connect().await
                && let Ok(answer) = connection.get(self.paths.metadata, &[]).await
            {
                answer.expect(200)?;
                return Ok(begun.elapsed());
            }
            process.is_running()?;
            if begun.elapsed() > PATIENCE {
                bail!("the server does not answer");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The header by which `client` authenticates (RFC 6749 §2.3.1).
pub(crate) fn authorization(client: &str) -> String {
    let credentials = BASE64_STANDARD.encode(format!("{client}:{SECRET}"));
    format!("authorization: Basic {credentials}")
}

/// Starts a server that chooses its port and prints its address.
fn that_says_where(command: &mut Command) -> Result<(Process, Directory, SocketAddr)> {
    let directory = Directory::empty();
    let mut process = Process::start(command, &directory.path().join("server.log"))?;
    let line = process.wait_for("127.0.0.1:")?;
    let address = line.parse();
    let address = address.with_context(|| format!("{line:?} instead of an address"))?;
    Ok((process, directory, address))
}
