//! Peers: how they are built or installed from what their lock files name, each once in a run, and started.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use safeconduct_testing_program::Process;
use tokio::sync::OnceCell;

/// How long it may take to build or install a peer.
const LONGEST_WORK: Duration = Duration::from_secs(420);

/// The folder of this repository that holds what `peer` needs, such as `interop/apache`.
pub fn folder_of(peer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(peer)
}

/// Starts a peer with its log in `folder`, and waits until it answers at `address`, such as `localhost:8080`.
///
/// # Errors
/// It can't be started, or does not answer.
pub fn start(name: &str, command: &mut Command, folder: &Path, address: &str) -> Result<Process> {
    let process = Process::start(command, &folder.join(format!("{name}.log")))?;
    let mut process = process.shown();
    process.answers(address)?;
    Ok(process)
}

/// Builds `package` of the Go module of `peer`. Gives the program.
///
/// # Errors
/// There is no Go, or it fails.
pub async fn build_go(peer: &'static str, package: &str) -> Result<PathBuf> {
    let program = target_of(peer)?.join("program");
    let mut command = Command::new("go");
    command
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&program)
        .arg(package)
        .current_dir(folder_of(peer));
    once(peer, |_| Ok(command)).await?;
    Ok(program)
}

/// Installs the npm packages of `peer` beside a copy of its files. Gives the folder.
///
/// # Errors
/// There is no npm, or it fails.
pub async fn install_npm(peer: &'static str) -> Result<PathBuf> {
    once(peer, |target| {
        for entry in fs::read_dir(folder_of(peer))? {
            let entry = entry?;
            fs::copy(entry.path(), target.join(entry.file_name()))?;
        }
        let mut command = Command::new("npm");
        command
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(target);
        Ok(command)
    })
    .await
}

/// Builds the Java project of `peer`. Gives the folder with its classes and its class path.
///
/// # Errors
/// There is no Maven, or it fails.
pub async fn build_maven(peer: &'static str) -> Result<PathBuf> {
    once(peer, |target| {
        let mut command = Command::new("mvn");
        command
            .args(["--batch-mode", "--no-transfer-progress", "--quiet"])
            .args(["--strict-checksums", "process-classes"])
            .arg(format!("-Dout={}", target.display()))
            .current_dir(folder_of(peer));
        Ok(command)
    })
    .await
}

/// Runs the command that builds or installs `peer` once in this process, for the first test that comes; the others wait, and
/// share its outcome. Gives the folder for what is built.
async fn once(
    peer: &'static str,
    command: impl FnOnce(&Path) -> Result<Command>,
) -> Result<PathBuf> {
    type Outcome = Arc<OnceCell<Result<(), String>>>;
    static DONE: Mutex<BTreeMap<&str, Outcome>> = Mutex::new(BTreeMap::new());
    let outcome = {
        let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(done.entry(peer).or_default())
    };
    let target = target_of(peer)?;
    let work = || {
        fs::create_dir_all(&target)?;
        Process::run(
            &mut command(&target)?,
            &target.join("build.log"),
            LONGEST_WORK,
        )
    };
    let outcome = outcome
        .get_or_init(async || work().map_err(|error| format!("{error:#}")))
        .await;
    let outcome = outcome.clone();
    outcome.map_err(|error| anyhow!("{peer}: {error}"))?;
    Ok(target)
}

/// Where a peer is built, below the folder that cargo builds in.
fn target_of(peer: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    // target/debug/deps/interop-0123456789abcdef
    let target = program.ancestors().nth(3);
    let target = target.context("a test runs below the target directory")?;
    Ok(target.join("interop").join(peer))
}
