//! A process that ends with its test.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::get;

/// How long anything may take that a test waits for; the machine may have much else to do.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often a waiting test looks.
const PACE: Duration = Duration::from_millis(5);
/// How much of a log is shown.
const LAST_LINES: usize = 60;

/// A process that runs until this is dropped. Its output goes into a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// What of the log was read already, or was there before.
    read: usize,
    shown: bool,
}

impl Process {
    /// Starts `command`. What it prints is added to the file `log`.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| log.display().to_string())?;
        let read = usize::try_from(file.metadata()?.len())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} can't be started", command.get_program().display()))?;
        Ok(Self {
            child,
            log: log.to_owned(),
            read,
            shown: false,
        })
    }

    /// Runs `command` to its end: something that installs or builds.
    ///
    /// # Errors
    /// It can't be started, fails, or takes longer than `patience`; the end of its log is in the error.
    pub fn run(command: &mut Command, log: &Path, patience: Duration) -> Result<()> {
        let mut process = Self::start(command, log)?;
        let status = process.ends_within(patience)?;
        ensure!(status.success(), "{status}\n{}", process.last_lines());
        Ok(())
    }

    /// The same, whose log is printed at its end: for a test whose own output is shown if it fails.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.shown = true;
        self
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log until now, with what was in the file before it.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of its log.
    pub fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// Waits until it prints a line with these words, after the line that was waited for before. Gives that line.
    ///
    /// # Errors
    /// It ends without, or does not within [`PATIENCE`].
    pub fn wait_for(&mut self, words: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            if let Some(line) = self.look_for(words, begun)? {
                return Ok(line);
            }
            pause();
        }
    }

    /// The same, for a test that has to answer meanwhile.
    ///
    /// # Errors
    /// As [`Process::wait_for`].
    pub async fn has_printed(&mut self, words: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            if let Some(line) = self.look_for(words, begun)? {
                return Ok(line);
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits until it answers HTTP at `address`, whatever it answers: `localhost:8080`.
    ///
    /// # Errors
    /// It ends, or does not answer within [`PATIENCE`].
    pub fn answers(&mut self, address: &str) -> Result<()> {
        let begun = Instant::now();
        while get(address, "/").is_err() {
            self.is_still_waited_for(begun, || format!("an answer at {address}"))?;
            pause();
        }
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// It had ended by itself.
    pub fn kill(mut self) -> Result<()> {
        self.is_running()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// It does not within [`PATIENCE`].
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ends()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end within [`PATIENCE`].
    pub fn ends(&mut self) -> Result<ExitStatus> {
        self.ends_within(PATIENCE)
    }

    /// Fails if it has ended.
    ///
    /// # Errors
    /// It has; the end of its log is in the error.
    pub fn is_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended: {status}\n{}", self.name(), self.last_lines()),
            None => Ok(()),
        }
    }

    fn ends_within(&mut self, patience: Duration) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                begun.elapsed() < patience,
                "{} does not end\n{}",
                self.name(),
                self.last_lines()
            );
            pause();
        }
    }

    fn look_for(&mut self, words: &str, begun: Instant) -> Result<Option<String>> {
        // Looked at before the log, so that its last words are read.
        let waited_for = self.is_still_waited_for(begun, || format!("{words:?}"));
        let log = fs::read(&self.log)?;
        let mut lines = log[self.read..].split_inclusive(|byte| *byte == b'\n');
        let mut end = self.read;
        let found = lines.find_map(|line| {
            end += line.len();
            let text = String::from_utf8_lossy(line);
            (text.ends_with('\n') && text.contains(words)).then(|| text.trim_end().to_owned())
        });
        if found.is_some() {
            self.read = end;
            return Ok(found);
        }
        waited_for.map(|()| None)
    }

    fn is_still_waited_for(&mut self, begun: Instant, what: impl Fn() -> String) -> Result<()> {
        self.is_running()?;
        let name = self.name();
        ensure!(
            begun.elapsed() < PATIENCE,
            "{name}: no {}\n{}",
            what(),
            self.last_lines()
        );
        Ok(())
    }

    /// What its log is called.
    fn name(&self) -> String {
        let name = self.log.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process gives no event to wait for"
)]
fn pause() {
    thread::sleep(PACE);
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.shown {
            println!(
                "--- the end of {}:\n{}",
                self.log.display(),
                self.last_lines()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, directory: &Path) -> Process {
        let mut command = Command::new("sh");
        Process::start(command.args(["-c", script]), &directory.join("shell.log")).unwrap()
    }

    #[test]
    fn a_line_is_waited_for_once_and_one_that_does_not_come_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("shell.log"), "ready at 0\n").unwrap();
        let mut process = shell(
            "echo ready at 1; echo ready at 2; read -r _; exit 3",
            directory.path(),
        );
        assert_eq!(process.wait_for("ready").unwrap(), "ready at 1");
        assert_eq!(process.wait_for("ready").unwrap(), "ready at 2");
        let error = process.wait_for("ready").unwrap_err().to_string();
        assert!(
            error.starts_with("shell ended: exit status: 3\nready at 0\n"),
            "{error}"
        );
        assert!(process.is_running().is_err() && process.kill().is_err());
    }

    #[test]
    fn a_process_is_killed_by_its_id_and_ends_when_it_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let kind = "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done";
        let mut process = shell(kind, directory.path());
        process.wait_for("up").unwrap();
        assert!(process.stop().unwrap().success());
        shell("exec sleep 60", directory.path()).kill().unwrap();
    }
}
