//! A place with a database, and nodes of the built program that serve it: started, killed, stopped and let go on, by their
//! process id alone.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use safeconduct_protocol::random;
use safeconduct_testing_program::{Directory, Process, free_ports};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::history::{Node, User};
use crate::participants::{self, Machines, PASSWORD, PEOPLE, SECRET, configuration, username};
use crate::wire::{Line, Manner, get};

/// Where a node says whether it is ready.
pub const READY: &str = "/health/ready";
/// How long a node may take to start; the machine may have much else to do.
const START: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(2);

/// Where the nodes keep what they must not forget.
#[derive(Clone, Debug)]
pub enum Memory {
    /// A file in the folder of the site, for one node.
    Sqlite,
    /// A database that each node reaches at a URL of its own, and the operator at another.
    PostgreSql {
        /// The operator's way to it.
        operator: String,
        /// The way of each node.
        nodes: Vec<String>,
    },
}

/// A place with nodes.
pub struct Site {
    addresses: Vec<SocketAddr>,
    admins: Vec<SocketAddr>,
    running: Vec<Mutex<Option<Process>>>,
    // Goes when the nodes have ended.
    directory: Directory,
}

impl Site {
    /// A site in a directory below `within`, with users and clients and no node running.
    ///
    /// # Errors
    /// The program refuses the configuration.
    pub fn prepare(within: &Path, memory: &Memory, machines: &Machines) -> Result<Self> {
        let directory = Directory::below(within);
        let (operator, nodes) = match memory {
            Memory::Sqlite => (SQLITE.to_owned(), vec![SQLITE.to_owned()]),
            Memory::PostgreSql { operator, nodes } => (operator.clone(), nodes.clone()),
        };
        let mut site = Self {
            addresses: Vec::new(),
            admins: Vec::new(),
            running: Vec::new(),
            directory,
        };
        let key = random::bytes::<32>()
            .map(|byte| format!("{byte:02x}"))
            .concat();
        site.directory.write("master-key", &key);
        site.directory.write("secret", SECRET);
        for (number, url) in nodes.iter().enumerate() {
            let [listen, admin] = free_ports().map(|port| (Ipv4Addr::LOCALHOST, port).into());
            let (text, jwks) = configuration(listen, admin, url, machines)?;
            site.directory.write(&format!("node-{number}.toml"), &text);
            if number == 0 {
                site.directory.write("machine.jwks", &jwks);
                let text = text.replace(
                    &format!("database.url = \"{url}\""),
                    &format!("database.url = \"{operator}\""),
                );
                site.directory.write("operator.toml", &text);
            }
            site.addresses.push(listen);
            site.admins.push(admin);
            site.running.push(Mutex::new(None));
        }
        site.directory.write("people", &people());
        site.command(&["user", "import", "people"])?;
        Ok(site)
    }

    /// Where the nodes listen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.addresses.len()).map(Node)
    }

    /// The directory, with the database if that is a file.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Which user each `sub` is.
    ///
    /// # Errors
    /// The database does not say.
    pub fn subjects(&self) -> Result<HashMap<String, User>> {
        let listed = self.command(&["user", "list", "-o", "json"])?;
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        let number_of = |user: &Value| {
            let number = user["username"].as_str()?.strip_prefix("person-")?;
            Some((user["id"].as_str()?.to_owned(), User(number.parse().ok()?)))
        };
        let subjects: HashMap<_, _> = listed.iter().filter_map(number_of).collect();
        ensure!(subjects.len() == PEOPLE, "not everybody was imported");
        Ok(subjects)
    }

    /// Runs one of the operator's commands; what it says.
    ///
    /// # Errors
    /// It fails.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.program("operator.toml", arguments);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts a node, and waits until it serves.
    ///
    /// # Errors
    /// It does not.
    pub async fn start(&self, node: Node) -> Result<()> {
        self.launch(node, &[])?;
        self.until(node, READY, START).await
    }

    /// Starts a node with these variables, and does not wait.
    ///
    /// # Errors
    /// It can't be started.
    pub fn launch(&self, node: Node, variables: &[(&str, &str)]) -> Result<()> {
        let mut command = self.program(&format!("node-{}.toml", node.0), &["serve"]);
        let log = self.folder().join(format!("node-{}.log", node.0));
        let process = Process::start(command.envs(variables.iter().copied()), &log)?;
        *self.process(node) = Some(process);
        Ok(())
    }

    /// Waits until a node says that it is well, at a path of its health.
    ///
    /// # Errors
    /// It ended, or does not say so within `patience`.
    pub async fn until(&self, node: Node, path: &str, patience: Duration) -> Result<()> {
        let is_well = async || self.is_well(node, path).await;
        self.wait_for(node, path, patience, is_well).await
    }

    /// Waits until a node takes connections, ready or not. It is alive from the moment that it waits for its database, which is
    /// before that.
    ///
    /// # Errors
    /// It ended, or does not within `patience`.
    pub async fn until_it_listens(&self, node: Node, patience: Duration) -> Result<()> {
        let listens = async || Line::open(self.addresses[node.0]).await.is_ok();
        self.wait_for(node, "it does not listen", patience, listens)
            .await
    }

    async fn wait_for(
        &self,
        node: Node,
        what: &str,
        patience: Duration,
        is_so: impl AsyncFn() -> bool,
    ) -> Result<()> {
        let begun = Instant::now();
        while !is_so().await {
            if let Some(process) = self.process(node).as_mut() {
                process.is_running()?;
            }
            if begun.elapsed() > patience {
                bail!("node {} is not well: {what}\n{}", node.0, self.said(node));
            }
            sleep(PACE).await;
        }
        Ok(())
    }

    /// Waits until a node says that it is not well, at a path of its health, and answers that at all.
    ///
    /// # Errors
    /// It does not within `patience`.
    pub async fn until_unwell(&self, node: Node, path: &str, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.health(node, path).await != Some(503) {
            if begun.elapsed() > patience {
                bail!("node {} is well: {path}", node.0);
            }
            sleep(PACE).await;
        }
        Ok(())
    }

    async fn is_well(&self, node: Node, path: &str) -> bool {
        self.health(node, path).await == Some(200)
    }

    /// The status of a node's answer at a path of its health; `None` if it does not answer.
    async fn health(&self, node: Node, path: &str) -> Option<u16> {
        let mut line = Line::open(self.admins[node.0]).await.ok()?;
        let request = get("localhost", path, &[]);
        let reply = line.ask(request, Manner::Waiting).await;
        reply.ok().map(|reply| reply.status)
    }

    /// Ends a node as `kill -9` does.
    ///
    /// # Errors
    /// It did not run, or had ended by itself.
    pub fn kill(&self, node: Node) -> Result<()> {
        let process = self.process(node).take();
        let process = process.with_context(|| format!("node {} does not run", node.0))?;
        process.kill()
    }

    /// Stops a node where it is.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self, node: Node) -> Result<()> {
        self.signal(node, Signal::STOP)
    }

    /// Lets a node go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self, node: Node) -> Result<()> {
        self.signal(node, Signal::CONT)
    }

    /// The end of a node's log.
    pub fn said(&self, node: Node) -> String {
        let process = self.process(node);
        process
            .as_ref()
            .map(Process::last_lines)
            .unwrap_or_default()
    }

    fn signal(&self, node: Node, signal: Signal) -> Result<()> {
        let process = self.process(node);
        let process = process.as_ref();
        process
            .with_context(|| format!("node {} does not run", node.0))?
            .signal(signal)
    }

    fn process(&self, node: Node) -> MutexGuard<'_, Option<Process>> {
        let process = &self.running[node.0];
        process
            .lock()
            .expect("nobody panics while holding a process")
    }

    fn program(&self, configuration: &str, arguments: &[&str]) -> Command {
        let mut command = self.directory.command(arguments);
        command.env("SAFECONDUCT_CONFIG", configuration);
        command
    }
}

const SQLITE: &str = "sqlite:safeconduct.db";

/// Everybody, as lines of an import.
fn people() -> String {
    let line = |number| {
        let user = json!({ "username": username(User(number)), "password": PASSWORD });
        format!("{user}\n")
    };
    (0..participants::PEOPLE).map(line).collect()
}
