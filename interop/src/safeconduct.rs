//! Safeconduct as a peer meets it: the built program, a configuration of its own, one user.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::place::{free_ports, once, target_directory};
use crate::process::Process;

/// The name of the one user.
pub const USERNAME: &str = "ada";
/// The user's password.
pub const PASSWORD: &str = "correct horse battery staple";
/// The secret of every client that has one.
pub const SECRET: &str = "a-secret-of-forty-three-characters-as-drawn";
/// What the configuration calls the file with [`SECRET`]: `secret_file = "secret"`.
pub const SECRET_FILE: &str = "secret";

/// The variable that names a built program, so that none is built here.
const PROGRAM: &str = "INTEROP_SAFECONDUCT";

/// A Safeconduct on a port of its own, until this is dropped.
#[derive(Debug)]
pub struct Safeconduct {
    issuer: String,
    program: PathBuf,
    _process: Process,
    folder: TempDir,
}

impl Safeconduct {
    /// Starts the program with one user, and with `configuration`: the tables that the peer needs, clients above all. The
    /// issuer, the addresses and the database are not the peer's concern.
    ///
    /// # Errors
    /// The program can't be built, refuses the configuration, or does not answer.
    pub async fn start(configuration: &str) -> Result<Self> {
        let program = program().await?;
        let folder = tempfile::tempdir()?;
        let [port, admin_port] = free_ports()?;
        let issuer = format!("http://localhost:{port}");
        let written = format!(
            "issuer = \"{issuer}\"\n\
             [server]\n\
             listen = [\"127.0.0.1:{port}\"]\n\
             admin_listen = \"127.0.0.1:{admin_port}\"\n\
             {configuration}"
        );
        write_private(&folder.path().join("safeconduct.toml"), &written)?;
        write_private(&folder.path().join(SECRET_FILE), SECRET)?;
        write_private(&folder.path().join("users"), &users())?;
        let import = ["user", "import", "users"];
        Process::run(
            "import",
            &mut command(&program, &folder, &import),
            folder.path(),
        )
        .await?;
        let mut process = Process::start(
            "safeconduct",
            &mut command(&program, &folder, &["serve"]),
            folder.path(),
        )?;
        process.says("safeconduct is ready").await?;
        Ok(Self {
            issuer,
            program,
            _process: process,
            folder,
        })
    }

    /// The issuer: `http://localhost:` and its port.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An address of the server: `url("/userinfo")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Runs the program beside the server, as its operator does: `command(&["user", "lock", "ada"])`.
    ///
    /// # Errors
    /// It fails.
    pub async fn command(&self, arguments: &[&str]) -> Result<()> {
        let mut command = command(&self.program, &self.folder, arguments);
        Process::run("command", &mut command, self.folder.path()).await
    }

    /// A folder that is gone with the server, for what a peer has to find or to write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The program with nothing of the tester's own environment.
fn command(program: &Path, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear();
    command
}

/// The one user, as a line of an import.
fn users() -> String {
    let ada = json!({
        "username": USERNAME,
        "password": PASSWORD,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "email_verified": true,
    });
    ada.to_string()
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// The program to test: the one that is named, or the one that cargo builds from what is here.
async fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM) {
        return Ok(named.into());
    }
    let directory = target_directory()?;
    once("cargo build", async || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--package", "safeconduct", "--target-dir"])
            .arg(&directory)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        Process::run("cargo", &mut command, &directory.join("interop"))
            .await
            .context("building the program")
    })
    .await?;
    Ok(directory.join("debug/safeconduct"))
}
