//! The set-up of the guide on one machine: a primary and its standby, three nodes, and the proxy in front of them, each its own
//! process that can be killed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use safeconduct_testing_browser::Page;
use safeconduct_testing_postgres::Postgres;
use safeconduct_testing_program::{Directory, PATIENCE, Process, free_ports, get};
use tokio::time::sleep;

use crate::app::{Answer as _, App, Endpoint};
use crate::certificates::Authority;
use crate::files::{self, Here, lines};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Where the browser and the app are.
pub(crate) const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));

/// Everything that the guide sets up.
pub(crate) struct Cluster {
    authority: Authority,
    https: u16,
    admin: u16,
    nodes: Vec<Node>,
    proxy: Option<Process>,
    pub(crate) primary: Postgres,
    pub(crate) standby: Postgres,
    // Goes when everything has ended that writes there.
    directory: Directory,
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

        let directory = Directory::empty();
        let [https, http, public, admin] = free_ports();
        let here = Here {
            directory: directory.path(),
            https,
            http,
            public,
            admin,
            databases: &format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port()),
        };
        directory.write("safeconduct.toml", &here.adapt(files::CONFIGURATION));
        directory.write("haproxy.cfg", &here.adapt(files::HAPROXY));
        directory.write("ca.pem", authority.certificate());
        directory.write(
            "proxy.pem",
            &authority.issue("DNS:id.example.com")?.joined(),
        );
        directory.write("database.password", PASSWORD);
        directory.write("notes-web.secret", SECRET);
        directory.write("master.key", &master_key());
        let environment = here.adapt(files::NODE);
        let nodes: Vec<_> = (1..=3)
            .map(|number| Node::new(number, &environment))
            .collect();

        let mut cluster = Self {
            nodes,
            directory,
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
        let server = Endpoint {
            issuer: "https://id.example.com",
            address: loopback(10, self.https),
            certificate: Some(self.authority.certificate()),
            from: VISITOR,
        };
        App::new(&server, PASSWORD, SECRET)
    }

    /// The number of the node that answered, which must have heard from whom the request really came.
    pub(crate) fn answered_by(&self, answer: &Page) -> Result<u8> {
        let correlation = answer.correlation()?;
        let named = format!("\"correlation_id\":\"{correlation}\"");
        for node in &self.nodes {
            let log = self.directory.read(&node.log);
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
        node.process.take().context("it runs")?.kill()
    }

    pub(crate) fn start_node(&mut self, number: u8) -> Result<()> {
        let mut command = self.command(number, &["serve", "--log-format", "json"]);
        let log = self.node(number).log.clone();
        let process = Process::start(&mut command, &self.directory.path().join(log))?;
        self.node(number).process = Some(process);
        Ok(())
    }

    /// Runs a command on a node's machine, which must succeed.
    pub(crate) fn run(&self, number: u8, arguments: &[&str]) -> Result<String> {
        let output = self.command(number, arguments).output()?;
        ensure!(
            output.status.success(),
            "{}",
            self.directory.printed(&output)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a node says of its health: the status; `None` where nobody answers.
    pub(crate) fn readiness(&self, number: u8) -> Option<u16> {
        let answer = get(loopback(10 + number, self.admin), "/health/ready");
        answer.ok().map(|answer| answer.status)
    }

    pub(crate) async fn wait_until_ready(&mut self, number: u8) -> Result<()> {
        let begun = Instant::now();
        while self.readiness(number) != Some(200) {
            let process = self.node(number).process.as_mut();
            let process = process.context("it was started")?;
            process.is_running()?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "node {number} is not ready: {}",
                process.log()
            );
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn start_proxy(&mut self) -> Result<()> {
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", "haproxy.cfg"]);
        // Debian has it where only an administrator's shell looks.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        command.current_dir(self.directory.path()).env("PATH", path);
        let log = self.directory.path().join("haproxy.log");
        let proxy = Process::start(&mut command, &log);
        let proxy = proxy.context("haproxy; ./scripts/test packages installs it")?;
        let proxy = self.proxy.insert(proxy);
        let begun = Instant::now();
        while TcpStream::connect(loopback(10, self.https)).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "no proxy: {}", proxy.log());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn command(&self, number: u8, arguments: &[&str]) -> Command {
        let mut command = self.directory.command(arguments);
        let node = &self.nodes[usize::from(number) - 1];
        command.envs(node.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn node(&mut self, number: u8) -> &mut Node {
        &mut self.nodes[usize::from(number) - 1]
    }
}

/// One of the three, and what its machine has for itself.
struct Node {
    number: u8,
    environment: Vec<(String, String)>,
    log: String,
    process: Option<Process>,
}

impl Node {
    /// `environment` is the file of the first node.
    fn new(number: u8, environment: &str) -> Self {
        let environment = environment.replace("127.0.0.11", &format!("127.0.0.{}", 10 + number));
        let pairs = environment.lines().filter_map(|line| line.split_once('='));
        Self {
            number,
            environment: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            log: format!("node{number}.log"),
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
