//! A place with a database, and nodes of the built program that serve it: started, killed, stopped and let go on, by their
//! process id alone.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use safeconduct_protocol::random;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::cast::{self, Machines, PASSWORD, PEOPLE, SECRET, configuration, username};
use crate::history::{Node, User};
use crate::wire::{Line, Manner, get};

/// Where a node says whether it is ready.
pub const READY: &str = "/health/ready";
/// The variable that names a built program, so that none is built here.
const PROGRAM: &str = "SOAK_SAFECONDUCT";
/// How long a node may take to start; the machine may have much else to do.
const START: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(2);
/// How much of a node's log is shown when something went wrong.
const LAST_LINES: usize = 30;

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
    folder: TempDir,
    program: PathBuf,
    addresses: Vec<SocketAddr>,
    admins: Vec<SocketAddr>,
    running: Vec<Mutex<Option<Child>>>,
}

impl Site {
    /// A site in a folder below `within`, with users and clients and no node running.
    ///
    /// # Errors
    /// The program is missing, or refuses the configuration.
    pub fn prepare(within: &Path, memory: &Memory, machines: &Machines) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("soak-")
            .tempdir_in(within)?;
        let (operator, nodes) = match memory {
            Memory::Sqlite => (SQLITE.to_owned(), vec![SQLITE.to_owned()]),
            Memory::PostgreSql { operator, nodes } => (operator.clone(), nodes.clone()),
        };
        let mut site = Self {
            program: program()?,
            addresses: Vec::new(),
            admins: Vec::new(),
            running: Vec::new(),
            folder,
        };
        let key = random::bytes::<32>()
            .map(|byte| format!("{byte:02x}"))
            .concat();
        site.write("master-key", &key)?;
        site.write("secret", SECRET)?;
        for (number, url) in nodes.iter().enumerate() {
            let (listen, admin) = (free_port()?, free_port()?);
            let (text, jwks) = configuration(listen, admin, url, machines)?;
            site.write(&format!("node-{number}.toml"), &text)?;
            if number == 0 {
                site.write("machine.jwks", &jwks)?;
                let text = text.replace(
                    &format!("database.url = \"{url}\""),
                    &format!("database.url = \"{operator}\""),
                );
                site.write("operator.toml", &text)?;
            }
            site.addresses.push(listen);
            site.admins.push(admin);
            site.running.push(Mutex::new(None));
        }
        site.write("people", &people())?;
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

    /// The folder, with the database if that is a file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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
        let mut command = self.program("operator.toml");
        let output = command.args(arguments).stdin(Stdio::null()).output()?;
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
        let mut command = self.program(&format!("node-{}.toml", node.0));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_of(node))?;
        command.arg("serve").envs(variables.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("{} can't be started", self.program.display()))?;
        *self.child(node) = Some(child);
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
            let ended = self.child(node).as_mut().map(Child::try_wait);
            if let Some(Ok(Some(status))) = ended {
                bail!("node {} ended: {status}\n{}", node.0, self.said(node));
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
        let child = self.child(node).take();
        let mut child = child.with_context(|| format!("node {} does not run", node.0))?;
        if let Some(status) = child.try_wait()? {
            bail!(
                "node {} ended by itself: {status}\n{}",
                node.0,
                self.said(node)
            );
        }
        child.kill()?;
        child.wait()?;
        Ok(())
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

    /// The end of what a node has said.
    pub fn said(&self, node: Node) -> String {
        let bytes = fs::read(self.log_of(node)).unwrap_or_default();
        let said = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn signal(&self, node: Node, signal: Signal) -> Result<()> {
        let child = self.child(node);
        let child = (child.as_ref()).with_context(|| format!("node {} does not run", node.0))?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    fn child(&self, node: Node) -> std::sync::MutexGuard<'_, Option<Child>> {
        let child = &self.running[node.0];
        child.lock().expect("nobody panics while holding a process")
    }

    fn log_of(&self, node: Node) -> PathBuf {
        self.folder().join(format!("node-{}.log", node.0))
    }

    /// The program with nothing of the tester's own environment.
    fn program(&self, configuration: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder()).env_clear();
        command.env("SAFECONDUCT_CONFIG", configuration);
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file: File = options.open(self.folder().join(name))?;
        Ok(file.write_all(text.as_bytes())?)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in self.nodes() {
            if let Some(mut child) = self.child(node).take() {
                // It may have ended by itself; then there is nothing left to end.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

const SQLITE: &str = "sqlite:safeconduct.db";

/// Everybody, as lines of an import.
fn people() -> String {
    let line = |number| {
        let user = json!({ "username": username(User(number)), "password": PASSWORD });
        format!("{user}\n")
    };
    (0..cast::PEOPLE).map(line).collect()
}

/// The program: the one that is named, or the one that cargo has built beside this one.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM) {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    // A test is one folder further down.
    let beside = own.ancestors().skip(1).take(2);
    let found = (beside.map(|folder| folder.join("safeconduct"))).find(|program| program.is_file());
    found.with_context(|| {
        format!("safeconduct is not built: cargo build --release -p safeconduct, or name it in {PROGRAM}")
    })
}

/// An address of this machine that nobody listens on. Its port lies below those that the system gives to outgoing connections:
/// nobody takes it while its node is down.
pub fn free_port() -> Result<SocketAddr> {
    const FIRST: u16 = 13_000;
    const NUMBER: u16 = 7_000;
    // Drawn, so that two runs at once do not look for ports side by side.
    static NEXT: LazyLock<AtomicU16> =
        LazyLock::new(|| AtomicU16::new(u16::from_le_bytes(random::bytes())));
    for _ in 0..NUMBER {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % NUMBER;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no port is free")
}
