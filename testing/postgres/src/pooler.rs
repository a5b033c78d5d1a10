//! PgBouncer in front of a server, in transaction mode: whoever connects to it meets another session in every transaction.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::thread;

use crate::programs::unprivileged;
use crate::{Database, Postgres, free_port};

/// What PgBouncer says when it takes connections.
const READY: &str = "process up";

/// A running PgBouncer (Debian: `pgbouncer`). A test that uses it ends its name in `_through_pgbouncer`.
pub struct Pooler {
    child: Child,
    port: u16,
    /// Its directory is in the server's.
    _server: Postgres,
}

impl Pooler {
    /// Starts one in front of `server`, with fewer connections to it than a node of ours has to the pooler.
    pub fn start(server: &Postgres) -> Self {
        let port = free_port();
        let users = server.write_file("pooler.users", "\"postgres\" \"\"\n");
        let configuration = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {users}\npool_mode = transaction\n\
             default_pool_size = 4\nmax_client_conn = 1000\npidfile = {}/pooler.pid\n",
            server.port(),
            server.socket_directory()
        );
        let configuration = server.write_file("pooler.ini", &configuration);
        let mut command = unprivileged("/usr/sbin/pgbouncer");
        // Where the keeper looks for it.
        command.current_dir(server.socket_directory());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command
            .arg(configuration)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "PgBouncer cannot be started ({error}): apt-get install pgbouncer, \
                     or leave out the tests whose names end in _through_pgbouncer"
                )
            });
        let said = BufReader::new(child.stderr.take().expect("its errors are piped"));
        let pooler = Self {
            child,
            port,
            _server: server.clone(),
        };
        let mut lines = said.lines().map_while(Result::ok);
        let heard: Vec<String> = lines
            .by_ref()
            .take_while(|line| !line.contains(READY))
            .collect();
        // Somebody has to listen on, or it would wait for that.
        thread::spawn(move || lines.for_each(drop));
        assert!(
            TcpStream::connect(("127.0.0.1", port)).is_ok(),
            "PgBouncer does not start: {}",
            heard.join("\n")
        );
        pooler
    }

    /// The URL of a database of its server, as the superuser. The parameter that tells a node what it speaks with is in it.
    pub fn url(&self, database: &Database) -> String {
        let (port, name) = (self.port, database.name());
        format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable&pgbouncer=true")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
