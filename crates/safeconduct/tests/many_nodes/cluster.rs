//! The set-up of the guide on one machine: a primary and its standby, three nodes, and the proxy in front of them, each its own
//! process that can be killed.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use safeconduct_testing_postgres::Postgres;
use tokio::time::sleep;

use crate::app::{Answer, App, Door};
use crate::certificates::Authority;
use crate::files::{self, Here, lines};
use crate::support::{Place, free_ports};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How long anything may take to come up; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the browser and the app are.
pub(crate) const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));

/// Everything that the guide sets up.
pub(crate) struct Cluster {
    place: Place,
    authority: Authority,
    https: u16,
    admin: u16,
    nodes: Vec<Node>,
    proxy: Option<Child>,
    pub(crate) primary: Postgres,
    pub(crate) standby: Postgres,
}

impl Cluster {
    /// Follows the guide: the primary, its standby, the nodes, all at once on an empty database, and the proxy.
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new()?;
        let primary = primary(&authority)?;
        let standby = primary.standby();
        primary.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'",
        );
        primary.sql("postgres", "SELECT pg_reload_conf()");

        let place = Place::empty();
        let [https, http, public, admin] = free_ports();
        let here = Here {
            directory: place.path(),
            https,
            http,
            public,
            admin,
            databases: &format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port()),
        };
        fs::write(
            place.path().join("safeconduct.toml"),
            here.adapt(files::CONFIGURATION),
        )?;
        fs::write(place.path().join("haproxy.cfg"), here.adapt(files::HAPROXY))?;
        fs::write(place.path().join("ca.pem"), authority.certificate())?;
        place.write_secret(
            "proxy.pem",
            &authority.issue("DNS:id.example.com")?.joined(),
        );
        place.write_secret("database.password", PASSWORD);
        place.write_secret("notes-web.secret", SECRET);
        place.write_secret("master.key", &master_key());
        let environment = here.adapt(files::NODE);
        let nodes: Vec<_> = (1..=3)
            .map(|number| Node::new(number, &environment, place.path()))
            .collect();

        let mut cluster = Self {
            nodes,
            place,
            authority,
            https,
            admin,
            proxy: None,
            primary,
            standby,
        };
        for number in 1..=3 {
            cluster.start_node(number)?;
        }
        for number in 1..=3 {
            cluster.wait_until_ready(number).await?;
        }
        cluster.run(1, &["check", "--connect"])?;
        cluster.run(2, &["migrate", "--plan"])?;
        cluster.start_proxy().await?;
        // The same words as the database's, which spares a file.
        cluster.run(
            1,
            &["user", "add", "ada", "--password-file", "database.password"],
        )?;
        Ok(cluster)
    }

    /// The app and the browser, which know the server by its issuer alone.
    pub(crate) fn visitor(&self) -> Result<App> {
        let door = Door {
            issuer: "https://id.example.com",
            address: loopback(10, self.https),
            certificate: Some(self.authority.certificate()),
            from: VISITOR,
        };
        App::new(&door, SECRET)
    }

    /// The number of the node that answered, which must have heard from whom the request really came.
    pub(crate) fn answered_by(&self, answer: &Answer) -> Result<u8> {
        let correlation = answer.correlation()?;
        let named = format!("\"correlation_id\":\"{correlation}\"");
        for node in &self.nodes {
            let log = fs::read_to_string(&node.log)?;
            let mut lines = log.lines().filter(|line| line.contains(&named));
            let line = lines.find(|line| line.contains("\"answered\""));
            if let Some(line) = line {
                let from = format!("\"address\":\"{VISITOR}\"");
                ensure!(
                    line.contains(&from),
                    "the request came from {VISITOR}: {line}"
                );
                return Ok(node.number);
            }
        }
        bail!("no node knows of {correlation}")
    }

    /// Ends a node at once, as `kill -9` does.
    pub(crate) fn kill_node(&mut self, number: u8) -> Result<()> {
        let node = self.node(number);
        let mut process = node.process.take().context("it runs")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    pub(crate) fn start_node(&mut self, number: u8) -> Result<()> {
        let mut command = self.command(number, &["serve", "--log-format", "json"]);
        let node = self.node(number);
        let log = File::options().create(true).append(true).open(&node.log)?;
        let process = command.stdout(Stdio::null()).stderr(log).spawn()?;
        node.process = Some(process);
        Ok(())
    }

    /// Runs a command on a node's machine, which must succeed.
    pub(crate) fn run(&self, number: u8, arguments: &[&str]) -> Result<String> {
        let output = self.command(number, arguments).output()?;
        ensure!(output.status.success(), "{}", self.place.told(&output));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a node says of its health: the status; `None` where nobody answers.
    pub(crate) fn readiness(&self, number: u8) -> Option<u16> {
        let mut stream = TcpStream::connect(loopback(10 + number, self.admin)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = "GET /health/ready HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    pub(crate) async fn wait_until_ready(&mut self, number: u8) -> Result<()> {
        let begun = Instant::now();
        while self.readiness(number) != Some(200) {
            let node = self.node(number);
            let process = node.process.as_mut().context("it was started")?;
            let waiting = process.try_wait()?.is_none() && begun.elapsed() < PATIENCE;
            let log = fs::read_to_string(&node.log)?;
            ensure!(waiting, "node {number} is not ready: {log}");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn start_proxy(&mut self) -> Result<()> {
        let mut command = Command::new("haproxy");
        let log = File::create(self.place.path().join("haproxy.log"))?;
        command.args(["-db", "-f", "haproxy.cfg"]);
        // Debian has it where only an administrator's shell looks.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        command.current_dir(self.place.path()).env("PATH", path);
        let process = command.stdout(log.try_clone()?).stderr(log).spawn();
        let process = process.context("haproxy; ./scripts/test packages installs it")?;
        self.proxy = Some(process);
        let begun = Instant::now();
        while TcpStream::connect(loopback(10, self.https)).is_err() {
            let said = || fs::read_to_string(self.place.path().join("haproxy.log"));
            ensure!(begun.elapsed() < PATIENCE, "no proxy: {}", said()?);
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn command(&self, number: u8, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        let node = &self.nodes[usize::from(number) - 1];
        command.envs(node.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn node(&mut self, number: u8) -> &mut Node {
        &mut self.nodes[usize::from(number) - 1]
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let nodes = self.nodes.iter_mut().map(|node| &mut node.process);
        for process in nodes.chain([&mut self.proxy]).flatten() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// One of the three, and what its machine has for itself.
struct Node {
    number: u8,
    environment: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Child>,
}

impl Node {
    /// `environment` is the file of the first node.
    fn new(number: u8, environment: &str, directory: &Path) -> Self {
        let environment = environment.replace("127.0.0.11", &format!("127.0.0.{}", 10 + number));
        let pairs = environment.lines().filter_map(|line| line.split_once('='));
        Self {
            number,
            environment: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            log: directory.join(format!("node{number}.log")),
            process: None,
        }
    }
}

/// A server that is set up as the guide's, with TLS for the nodes and a password for each role.
fn primary(authority: &Authority) -> Result<Postgres> {
    let server = Postgres::start(&[]);
    let identity = authority.issue("IP:127.0.0.1")?;
    server.write_file("data/server.crt", &identity.certificate);
    server.write_file("data/server.key", &identity.key);
    for setting in lines(files::POSTGRESQL) {
        // Where it listens is the test's affair, and its certificate has the usual name.
        if !setting.starts_with("listen_addresses") && !setting.starts_with("ssl_") {
            server.sql("postgres", &format!("ALTER SYSTEM SET {setting}"));
        }
    }
    let access = files::ACCESS.replace("10.0.0.0/24", "127.0.0.1/32");
    let superuser =
        "host all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\n";
    server.write_file("data/pg_hba.conf", &format!("{superuser}{access}"));
    server.sql("postgres", "SELECT pg_reload_conf()");
    for statement in lines(files::DATABASE) {
        server.sql("postgres", statement);
    }
    server.sql(
        "postgres",
        &format!("ALTER ROLE safeconduct PASSWORD '{PASSWORD}'"),
    );
    Ok(server)
}

/// The machine that is 10.0.0.`number` in the guide.
fn loopback(number: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, number], port))
}

pub(crate) fn master_key() -> String {
    use base64::Engine as _;
    let key = safeconduct_protocol::random::bytes::<32>();
    base64::engine::general_purpose::STANDARD.encode(key)
}
