//! A folder to run the built program in, and a server that runs there: what every test from outside begins with. What is of
//! use to one of them alone stands beside it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// How long a server may be silent before a test gives up on it; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to run the program in, with nothing of the tester's own environment.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with this configuration.
    pub(crate) fn with_config(text: &str) -> Self {
        let place = Self::empty();
        fs::write(place.path().join("safeconduct.toml"), text).unwrap();
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_secret(&self, name: &str, secret: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path().join(name);
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safeconduct"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// Exit code, data and messages, with the folder's name taken out.
    pub(crate) fn told(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .unwrap()
                .replace(&self.path().display().to_string(), "DIR")
        };
        let mut told = format!("exit {}\n", output.status.code().unwrap());
        for (stream, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
            text(bytes)
                .lines()
                .for_each(|line| told.push_str(&format!("{stream}: {line}\n")));
        }
        told
    }
}

/// A server process, killed if a test forgets it.
pub(crate) struct Serving {
    pub(crate) child: Child,
    /// The lines of its log, read as they come: a server whose log nobody reads waits for the reader.
    log: Receiver<String>,
}

impl Serving {
    /// Starts the server and waits for the line that says it is ready.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::spawn(&mut place.command(arguments))
    }

    /// The same, for a command of its own.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_until(command, "safeconduct is ready")
    }

    /// The same, for a server that says something else first.
    pub(crate) fn spawn_until(command: &mut Command, text: &str) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| lines.send(line))
        });
        let server = Self { child, log };
        server.wait_for(text);
        server
    }

    /// Reads the log until it says this.
    pub(crate) fn wait_for(&self, text: &str) {
        let mut said = Vec::new();
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else {
                panic!("the server ended or says nothing more: {said:#?}")
            };
            if line.contains(text) {
                return;
            }
            said.push(line);
        }
    }

    /// The body of a page.
    pub(crate) fn fetch(&self, port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        body.to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that are free. They are held until all of them are found, so that no two are the same.
pub(crate) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
