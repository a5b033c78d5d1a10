//! A directory to run the program in.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Process, READY, program};

/// A directory that is gone with the test. The program runs there with nothing of the tester's own environment.
///
/// Its methods panic where a file can't be written or the program can't be started.
#[derive(Debug)]
pub struct Directory(TempDir);

impl Directory {
    /// An empty one.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// An empty one below `parent`, on its disk: the temporary directory may be in memory.
    pub fn below(parent: &Path) -> Self {
        Self(tempfile::tempdir_in(parent).expect("a directory below that"))
    }

    /// One with this configuration.
    pub fn with_config(text: &str) -> Self {
        let directory = Self::empty();
        directory.write("safeconduct.toml", text);
        directory
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner may read.
    pub fn write(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.path().join(name));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path().join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program with these arguments, to be run here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("the program can be started")
    }

    /// Runs the program to its end, with this input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut pipe = child.stdin.take().expect("its input is piped");
        pipe.write_all(input.as_bytes())
            .expect("it reads its input");
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    /// What a command comes to, as [`Directory::printed`].
    pub fn prints(&self, arguments: &[&str]) -> String {
        self.printed(&self.run(arguments))
    }

    /// The JSON that a command prints, which must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        assert!(output.status.success(), "{}", self.printed(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What a run came to: exit code, data and messages, with the directory's name taken out.
    pub fn printed(&self, output: &Output) -> String {
        let mut printed = match output.status.code() {
            Some(code) => format!("exit {code}\n"),
            None => format!("{}\n", output.status),
        };
        let here = self.path().display().to_string();
        for (stream, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
            let text = String::from_utf8_lossy(bytes).replace(&here, "DIR");
            let lines = text.lines().map(|line| format!("{stream}: {line}\n"));
            printed.extend(lines);
        }
        printed
    }

    /// Starts a server with `arguments`, `serve` first, and waits until it serves.
    pub fn serve(&self, arguments: &[&str]) -> Process {
        self.start(&mut self.command(arguments), READY)
    }

    /// Starts a server by a command of its own, and waits until its log says `words`. The log is `server.log`.
    pub fn start(&self, command: &mut Command, words: &str) -> Process {
        let server = Process::start(command, &self.path().join("server.log"));
        let mut server = server.expect("the program can be started");
        let line = server.wait_for(words);
        line.unwrap_or_else(|error| panic!("{error:#}"));
        server
    }
}
