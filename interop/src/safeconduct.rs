//! Safeconduct as a peer meets it: the built program, a configuration of its own, one user.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use safeconduct_testing_browser::Browser;
use safeconduct_testing_program::{Directory, Process, free_ports};
use serde_json::{Value, json};

/// The name of the one user.
pub const USERNAME: &str = "ada";
/// The user's password.
pub const PASSWORD: &str = "correct horse battery staple";
/// The secret of every client that has one.
pub const SECRET: &str = "a-secret-of-forty-three-characters-as-drawn";
/// What the configuration calls the file with [`SECRET`]: `secret_file = "secret"`.
pub const SECRET_FILE: &str = "secret";

/// A browser of the one user's.
///
/// # Errors
/// There is no TLS to be had.
pub fn browser() -> Result<Browser> {
    Browser::new(USERNAME, PASSWORD)
}

/// A Safeconduct on a port of its own, until this is dropped.
#[derive(Debug)]
pub struct Safeconduct {
    issuer: String,
    admin_port: u16,
    // Ends before its directory goes.
    _process: Process,
    directory: Directory,
}

impl Safeconduct {
    /// Starts the program with one user, and with `configuration`: the tables that the peer needs, clients above all. The
    /// issuer, the addresses and the database are not the peer's concern.
    ///
    /// # Errors
    /// The program refuses the configuration.
    pub fn start(configuration: &str) -> Result<Self> {
        let [port, admin_port] = free_ports();
        let issuer = format!("http://localhost:{port}");
        let directory = Directory::with_config(&format!(
            "issuer = \"{issuer}\"\n\
             [server]\n\
             listen = [\"127.0.0.1:{port}\"]\n\
             admin_listen = \"127.0.0.1:{admin_port}\"\n\
             {configuration}"
        ));
        directory.write(SECRET_FILE, SECRET);
        let import = directory.run_with_input(&["user", "import"], &users());
        ensure!(import.status.success(), "{}", directory.printed(&import));
        let process = directory.serve(&["serve"]).shown();
        Ok(Self {
            issuer,
            admin_port,
            _process: process,
            directory,
        })
    }

    /// The issuer: `http://localhost:` and its port.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where health, metrics and the API are: host and port.
    pub fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin_port)
    }

    /// An address of the server: `url("/userinfo")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A token for the administrators' API or SCIM of a client by itself, which is declared with [`SECRET`] and `client_secret_post`.
    ///
    /// # Errors
    /// It is given none.
    pub async fn token_of(&self, client: &str, scope: &str) -> Result<String> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", SECRET),
            ("scope", scope),
        ];
        let asked = reqwest::Client::new().post(self.url("/token")).form(&form);
        let tokens: Value = asked.send().await?.error_for_status()?.json().await?;
        let token = tokens["access_token"].as_str().context("a token")?;
        Ok(token.to_owned())
    }

    /// Runs the program beside the server, as its operator does: `command(&["user", "lock", "ada"])`.
    ///
    /// # Errors
    /// It fails.
    pub fn command(&self, arguments: &[&str]) -> Result<()> {
        let output = self.directory.run(arguments);
        ensure!(
            output.status.success(),
            "{}",
            self.directory.printed(&output)
        );
        Ok(())
    }

    /// A folder that is gone with the server, for what a peer has to find or to write.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }
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
