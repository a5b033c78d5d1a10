//! Programs that a test starts: they end with it, and what they said is shown if it fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::{Instant, sleep, timeout};

/// How long a program may take until it answers; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a program may take that builds or installs something.
const LONGEST_WORK: Duration = Duration::from_secs(420);
/// How often somebody who waits looks.
const PACE: Duration = Duration::from_millis(25);
/// How much of a log is shown.
const LAST_LINES: usize = 60;

/// A program that runs until this is dropped. Its output is a file, whose end the test's own output repeats.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. What it says goes to `{name}.log` in `folder`.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} can't be started", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Runs `command` to its end: something that installs or builds, for at most seven minutes.
    ///
    /// # Errors
    /// It can't be started, fails or takes too long; the end of what it said is in the error.
    pub async fn run(name: &str, command: &mut Command, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut process = Self::start(name, command, folder)?;
        let ended = timeout(LONGEST_WORK, async {
            loop {
                if let Some(status) = process.child.try_wait()? {
                    return anyhow::Ok(status);
                }
                sleep(PACE).await;
            }
        });
        let status = ended
            .await
            .with_context(|| format!("{name} takes too long:\n{}", process.said()))??;
        ensure!(status.success(), "{name}: {status}\n{}", process.said());
        Ok(())
    }

    /// Waits until `url` is answered, whatever the answer.
    ///
    /// # Errors
    /// The program ended, or answers nothing within a minute and a half.
    pub async fn answers(&mut self, url: &str) -> Result<()> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        let asked = Instant::now();
        while http.get(url).send().await.is_err() {
            self.is_running()?;
            ensure!(
                asked.elapsed() < PATIENCE,
                "{} does not answer at {url}",
                self.name
            );
            sleep(PACE).await;
        }
        Ok(())
    }

    /// Waits until its log has a line with these words, and gives that line.
    ///
    /// # Errors
    /// The program ended, or does not say it within a minute and a half.
    pub async fn says(&mut self, words: &str) -> Result<String> {
        let asked = Instant::now();
        loop {
            let said = self.said();
            if let Some(line) = said.lines().find(|line| line.contains(words)) {
                return Ok(line.to_owned());
            }
            self.is_running()?;
            ensure!(
                asked.elapsed() < PATIENCE,
                "{} never says {words:?}",
                self.name
            );
            sleep(PACE).await;
        }
    }

    /// What it said until now.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn is_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended: {status}\n{}", self.name, self.said()),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    /// Ends it. A test's own output is shown if the test fails, so the end of the log goes there.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        println!("--- {} said at last:\n{}", self.name, last.join("\n"));
    }
}
