//! Building the copy, and running its tests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::edit::Tests;
use crate::list::Target;
use crate::switch::VARIABLE;

/// The copy, and where it is built.
pub struct Cargo {
    tree: PathBuf,
    target: PathBuf,
    output: PathBuf,
    /// The program that holds the tests of each target that was built, and where it runs.
    programs: BTreeMap<String, (PathBuf, PathBuf)>,
}

/// What the compiler did not take, by file and line.
pub type Errors = Vec<(String, usize)>;

/// How often it is looked whether a test has failed.
const LOOK: Duration = Duration::from_millis(200);

/// How long what tests have started may take to end by itself once they are gone.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// What tests say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many passed, and none failed.
    Passed(u64),
    /// One failed, or they came to no end.
    Failed,
}

impl Cargo {
    /// Cargo in `tree`, building into `scratch`.
    pub fn new(tree: &Path, scratch: &Path) -> Self {
        Self {
            tree: tree.to_owned(),
            target: scratch.join("target"),
            output: scratch.join("output"),
            programs: BTreeMap::new(),
        }
    }

    /// Builds the tests of a target.
    ///
    /// # Errors
    /// If cargo can't be run; the inner one: what did not compile.
    pub fn build(&mut self, name: &str, target: &Target) -> Result<Result<(), Errors>> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["test", "--locked", "--no-run"])
            .args(target.build.split_whitespace())
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            // Nobody debugs these.
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        let built = self.run(cargo, Duration::from_secs(3600), false)?;
        let said = self.said();
        if !built.is_some_and(|status| status.success()) {
            let errors = errors_in(&said);
            ensure!(!errors.is_empty(), "cargo could not build {name}:\n{said}");
            return Ok(Err(errors));
        }
        let program = said.lines().find_map(|line| {
            let rest = line.trim_start().strip_prefix("Executable ")?;
            let (_, path) = rest.trim_end_matches(')').rsplit_once('(')?;
            Some(self.tree.join(path))
        });
        let program = program.with_context(|| format!("cargo names no program for {name}"))?;
        let folder = self.tree.join(&target.folder);
        self.programs.insert(name.to_owned(), (program, folder));
        Ok(Ok(()))
    }

    /// Runs tests while the change of this number is made, or none. They are ended after `longest`; with a change, once one has failed.
    ///
    /// # Errors
    /// If they can't be run.
    pub fn test(&self, tests: &Tests, change: Option<usize>, longest: Duration) -> Result<Verdict> {
        let (program, folder) = self
            .programs
            .get(&tests.target)
            .with_context(|| format!("no target is called {}", tests.target))?;
        let mut command = Command::new(program);
        command
            .args(&tests.filters)
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder)
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", &self.tree);
        match change {
            Some(number) => command.env(VARIABLE, number.to_string()),
            None => command.env_remove(VARIABLE),
        };
        let status = self.run(command, longest, change.is_some())?;
        Ok(match status.is_some_and(|status| status.success()) {
            true => Verdict::Passed(passed_in(&self.said())),
            false => Verdict::Failed,
        })
    }

    /// `None` for what was ended: after `longest`, or because one of its tests has failed and that is all there is to know.
    fn run(
        &self,
        mut command: Command,
        longest: Duration,
        to_first_failure: bool,
    ) -> Result<Option<ExitStatus>> {
        let output = File::create(&self.output)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("running {command:?}"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (ended, end) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait()));
        let begun = Instant::now();
        loop {
            if let Ok(status) = end.recv_timeout(LOOK) {
                return Ok(Some(status?));
            }
            if begun.elapsed() >= longest || (to_first_failure && has_failure(&self.said())) {
                break;
            }
        }
        if let Some(process) = group {
            end_group(process).context("ending what need not go on")?;
        }
        Ok(None)
    }

    /// What the last command said.
    pub fn said(&self) -> String {
        let output = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// The first place of every error that the compiler tells of.
fn errors_in(said: &str) -> Errors {
    let mut errors = Vec::new();
    let mut is_error = false;
    for line in said.lines() {
        if line.starts_with("error") {
            is_error = true;
        } else if line.starts_with("warning") {
            is_error = false;
        } else if let Some(place) = line.trim_start().strip_prefix("--> ")
            && is_error
        {
            is_error = false;
            let mut parts = place.split(':');
            if let (Some(file), Some(Ok(line))) = (parts.next(), parts.next().map(str::parse)) {
                errors.push((file.to_owned(), line));
            }
        }
    }
    errors
}

/// Ends the tests, and then what they have started: the keepers of its servers clean up in between.
#[expect(
    clippy::disallowed_methods,
    reason = "what other processes leave behind gives no event"
)]
fn end_group(tests: Pid) -> rustix::io::Result<()> {
    kill_process(tests, Signal::KILL)?;
    thread::sleep(AFTERWARDS);
    // There may be nobody left.
    let _ = kill_process_group(tests, Signal::KILL);
    Ok(())
}

/// Whether a test has failed, as the harness says it behind the test's name.
#[must_use]
pub fn has_failure(said: &str) -> bool {
    said.lines().any(|line| {
        line.strip_prefix("test ")
            .is_some_and(|line| line.ends_with(" ... FAILED"))
    })
}

fn passed_in(said: &str) -> u64 {
    let results = said
        .lines()
        .filter(|line| line.starts_with("test result: "));
    let passed = results.filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    passed.sum()
}
