//! A hangup puts another configuration into force, whole or not at all, and nobody who is served notices.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;
use safeconduct_testing_program::{Directory, PATIENCE, Process, READY, free_ports, get, send};
use tokio::task::JoinSet;

use crate::identity::{HOST, Identity, write};
use crate::tls::{serve, told, with_master_key};

const SECRETS: [&str; 2] = [
    "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210",
];

/// The configuration of a server on this machine, with the client `api`, and what else stands in it.
fn written(port: u16, more: &str) -> String {
    format!(
        "issuer = \"http://localhost:{port}\"\nserver.listen = [\"127.0.0.1:{port}\"]\nserver.admin_listen = \"127.0.0.1:0\"\n{more}\n\
         [[clients]]\nid = \"api\"\ngrant_types = []\nsecret_file = \"api.secret\"\n"
    )
}

fn configure(directory: &Directory, port: u16, more: &str) {
    write(
        &directory.path().join("safeconduct.toml"),
        &written(port, more),
    );
}

fn introspects(port: u16, client: &str, secret: &str) -> u16 {
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{client}:{secret}"));
    let head = format!(
        "POST /introspect HTTP/1.1\r\nAuthorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    send(("127.0.0.1", port), &head, "token=none")
        .unwrap()
        .status
}

fn hang_up(server: &mut Process, until: &str) -> String {
    server.signal(Signal::HUP).unwrap();
    server.wait_for(until).unwrap()
}

/// A server with its service manager.
struct Supervised {
    directory: Directory,
    server: Process,
    manager: UnixDatagram,
    port: u16,
}

impl Supervised {
    /// One with the client `api`, which serves.
    fn start() -> Self {
        let [port] = free_ports();
        let directory = Directory::empty();
        configure(&directory, port, "");
        directory.write("api.secret", SECRETS[0]);
        let manager = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = serve(&directory);
        command.env("NOTIFY_SOCKET", directory.path().join("notify"));
        let server = directory.start(&mut command, READY);
        assert_eq!(told(&manager), "READY=1");
        Self {
            directory,
            server,
            manager,
            port,
        }
    }

    /// Reads another configuration, which has these lines beside what every one has, and these clients in place of `api`. The line of the log with the
    /// words `until`, and what the service manager is told.
    fn reload(&mut self, more: &str, clients: &str, until: &str) -> (String, String) {
        let text = written(self.port, more);
        let (text, api) = text.split_once("[[clients]]").unwrap();
        let clients = match clients {
            "" => format!("[[clients]]{api}"),
            clients => clients.to_owned(),
        };
        let text = format!("{text}{clients}");
        write(&self.directory.path().join("safeconduct.toml"), &text);
        let line = hang_up(&mut self.server, until);
        assert!(told(&self.manager).starts_with("RELOADING=1\n"));
        (line, told(&self.manager))
    }

    fn introspects(&self, client: &str, secret: &str) -> u16 {
        introspects(self.port, client, secret)
    }

    /// The status of a request with a body of so many bytes.
    fn takes(&self, bytes: usize) -> u16 {
        let form = "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let answer = send(("127.0.0.1", self.port), form, &"x".repeat(bytes));
        answer.unwrap().status
    }
}

const TWO: &str = "clients = [{ id = \"late\", grant_types = [], secret_file = \"late.secret\" }, \
                    { id = \"api\", grant_types = [], secret_file = \"api.secret\" }]\n";

#[test]
fn a_hangup_puts_clients_secrets_limits_and_the_level_of_the_log_into_force() {
    let mut running = Supervised::start();
    assert_eq!(running.introspects("api", SECRETS[0]), 200);
    assert_ne!(running.takes(9_000), 413);

    running.directory.write("api.secret", SECRETS[1]);
    running.directory.write("late.secret", SECRETS[0]);
    let more = format!("log.level = \"debug\"\nserver.limits.max_body_bytes = 8192\n{TWO}");
    let (_, status) = running.reload(&more, "\n", "\"reloaded\"");
    assert_eq!(status, "READY=1\nSTATUS=reloaded");
    // What clients are is looked at again within a second.
    until(|| running.introspects("late", SECRETS[0]) == 200);
    assert_eq!(running.introspects("api", SECRETS[0]), 401);
    assert_eq!(running.introspects("api", SECRETS[1]), 200);
    assert_eq!(running.takes(9_000), 413);
    // What is no HTTP is worth a line to who looks for one.
    let mut stream = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    stream.write_all(b"\0\r\n\r\n").unwrap();
    running.server.wait_for("a connection ended early").unwrap();
    assert!(running.server.stop().unwrap().success());
}

/// Attacks: RU24.
#[test]
fn of_a_configuration_that_is_wrong_nothing_is_in_force_and_every_mistake_is_named() {
    let mut running = Supervised::start();
    let wrong = "server.limits.max_body_bytes = 8192\nlog.levle = \"info\"\ntokens.access_ttl = \"5y\"\nserver.limits.max_connections = 1";
    let (_, status) = running.reload(wrong, "", "not reloaded");
    let log = running.server.log();
    for mistake in [
        "log.levle",
        "tokens.access_ttl",
        "server.limits.max_connections",
    ] {
        assert!(log.contains(mistake), "{mistake}: {log}");
    }
    let refused = "READY=1\nSTATUS=not reloaded, everything stays as it was: safeconduct.toml:5: ";
    assert!(status.starts_with(refused), "{status}");
    assert_ne!(running.takes(9_000), 413);

    // A client that is gone is a mistake only the database knows of: the limit stays as well.
    let smaller = "server.limits.max_body_bytes = 8192";
    let (_, status) = running.reload(smaller, "\n", "declares the client api no more");
    assert!(status.contains("not reloaded"), "{status}");
    assert_ne!(running.takes(9_000), 413);
    assert_eq!(running.introspects("api", SECRETS[0]), 200);
    assert!(running.server.stop().unwrap().success());
}

/// Attacks: RU25.
#[test]
fn what_needs_a_restart_is_named_and_the_rest_is_in_force() {
    let mut running = Supervised::start();
    running.directory.write("late.secret", SECRETS[0]);
    let elsewhere = format!("issuer = \"http://127.0.0.1:{}\"", running.port);
    let more = format!("ui.name = \"Acme\"\nserver.limits.max_body_bytes = 8192\n{TWO}");
    let localhost = format!("issuer = \"http://localhost:{}\"", running.port);
    let text = written(running.port, &more).replace(&localhost, &elsewhere);
    let (text, _) = text.split_once("[[clients]]").unwrap();
    write(&running.directory.path().join("safeconduct.toml"), text);
    let line = hang_up(&mut running.server, "but for what needs a restart");
    assert!(line.contains("issuer, ui.name"), "{line}");
    assert_eq!(running.takes(9_000), 413);
    until(|| running.introspects("late", SECRETS[0]) == 200);
    let metadata = get(
        ("127.0.0.1", running.port),
        "/.well-known/openid-configuration",
    );
    let issuer = format!("\"http://localhost:{}\"", running.port);
    assert!(metadata.unwrap().body.contains(&issuer));
    assert!(running.server.stop().unwrap().success());
}

fn until(is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}");
    }
}

/// Clients that ask as fast as they can: two that keep their connection, and one that has a new one for each request.
struct Load {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

impl Load {
    fn start(identity: &Identity, port: u16) -> Self {
        let (stop, served) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut clients = JoinSet::new();
        for kept in [1, 1, 0] {
            let client = identity.builder(SocketAddr::from(([127, 0, 0, 1], port)));
            let client = client.pool_max_idle_per_host(kept).build().unwrap();
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            clients.spawn(async move {
                let url = format!("https://{HOST}:{port}/.well-known/openid-configuration");
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.get(&url).send().await;
                    let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
                    assert_eq!(answer.status(), 200);
                    assert!(!answer.bytes().await.unwrap().is_empty());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self {
            stop,
            served,
            clients,
        }
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// How many requests were answered; a failed one fails the test.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        self.served.load(Ordering::Relaxed)
    }
}

/// One hundred reloads, each of which changes the certificate, a client and a limit, while clients ask on connections that they keep and on new ones.
///
/// Attacks: RU07, RU22.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_under_load_fail_no_request() {
    let [port] = free_ports();
    let directory = Directory::empty();
    with_master_key(&directory);
    let identity = Identity::new();
    identity.write(directory.path());
    directory.write("api.secret", SECRETS[0]);
    let configuration = |number: usize| {
        let more = format!(
            "log.level = \"info\"\nserver.limits.max_connections = {}\nserver.tls = {{ certificate = \"id.pem\", key = \"id.key\" }}\n\
             secrets.master_key_file = \"master.key\"\nserver.trusted_proxies = [\"10.0.0.{}\"]",
            1000 + number,
            1 + number % 200
        );
        written(port, &more).replace(
            &format!("http://localhost:{port}"),
            &format!("https://{HOST}:{port}"),
        )
    };
    write(
        &directory.path().join("safeconduct.toml"),
        &configuration(0),
    );
    let mut server = directory.start(&mut serve(&directory), READY);

    let load = Load::start(&identity, port);
    for number in 1..=100 {
        let before = load.served();
        // The same certificate in other words: clients go on trusting it.
        let padded = format!("{}{}", identity.certificate, "\n".repeat(number));
        write(&directory.path().join("id.pem"), &padded);
        write(
            &directory.path().join("safeconduct.toml"),
            &configuration(number),
        );
        server.signal(Signal::HUP).unwrap();
        server.has_printed("\"reloaded\"").await.unwrap();
        while load.served() == before && !load.clients.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    assert!(load.end().await >= 100);
    // Ten at once, of which as many as come meanwhile are one: the last file is in force after the last of them.
    Identity::new().write(directory.path());
    for _ in 0..10 {
        server.signal(Signal::HUP).unwrap();
    }
    server
        .has_printed("another certificate is shown")
        .await
        .unwrap();
    server.has_printed("\"reloaded\"").await.unwrap();
    let log = server.log();
    assert!(!log.contains("not reloaded"), "{log}");
    assert_eq!(log.matches("another certificate is shown").count(), 101);
    let reloads = log.matches("\"reloaded\"").count();
    assert!((101..=110).contains(&reloads), "{reloads}");
    assert!(server.stop().unwrap().success());
}
