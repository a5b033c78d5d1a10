//! A database that is put back to an earlier state, as the guide says it is done, with the tools that make the backups.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use safeconduct_testing_postgres::{Database, Postgres};
use safeconduct_testing_program::{Directory, Process, free_ports};

use crate::app::{Answer as _, App, Endpoint};
use crate::cluster::PASSWORD;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server of this machine's own, and the app in front of it.
pub(crate) struct Site {
    pub(crate) directory: Directory,
    port: u16,
    admin_port: u16,
}

impl Site {
    /// A configuration with this database, in which Ada can sign in.
    pub(crate) fn new(database: &str) -> Result<Self> {
        let [port, admin_port] = free_ports();
        let site = Self {
            directory: Directory::empty(),
            port,
            admin_port,
        };
        site.use_database(database);
        site.directory.write("notes-web.secret", SECRET);
        site.directory
            .write("master.key", &crate::cluster::master_key());
        let arguments = ["user", "add", "ada", "--stdin"];
        let added = site.directory.run_with_input(&arguments, PASSWORD);
        ensure!(added.status.success(), "{}", site.directory.printed(&added));
        Ok(site)
    }

    /// Writes the configuration with another database.
    pub(crate) fn use_database(&self, database: &str) {
        let issuer = self.issuer();
        let Self {
            port, admin_port, ..
        } = self;
        // Codes that outlive the test: a code that is refused must be refused for another reason.
        let configuration = format!(
            r#"
            issuer = "{issuer}"
            server.listen = ["127.0.0.1:{port}"]
            server.admin_listen = "127.0.0.1:{admin_port}"
            database.url = "{database}"
            secrets.master_key_file = "master.key"
            tokens.code_ttl = "10m"
            scopes."notes.read".text.en = "Read your notes"
            [[clients]]
            id = "notes-web"
            redirect_uris = ["https://notes.example.com/auth/callback"]
            grant_types = ["authorization_code", "refresh_token"]
            scopes = ["openid", "notes.read", "offline_access"]
            secret_file = "notes-web.secret"
            "#
        );
        self.directory.write("safeconduct.toml", &configuration);
    }

    pub(crate) fn start(&self) -> Process {
        self.directory.serve(&["serve"])
    }

    pub(crate) fn visitor(&self) -> Result<App> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let server = Endpoint {
            issuer: &self.issuer(),
            address,
            certificate: None,
            from: address.ip(),
        };
        App::new(&server, PASSWORD, SECRET)
    }

    /// Runs a command that must succeed, and gives what it printed and said.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.directory.run(arguments);
        let told = self.directory.printed(&output);
        ensure!(output.status.success(), "{told}");
        Ok(told)
    }

    fn issuer(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

/// A database that is backed up and restored.
trait Restorable {
    fn back_up(&mut self) -> Result<()>;
    fn restore(&self) -> Result<()>;
}

struct File {
    path: PathBuf,
}

impl Restorable for File {
    fn back_up(&mut self) -> Result<()> {
        let copy = self.path.with_extension("backup");
        let mut sqlite = Command::new("sqlite3");
        let command = format!(".backup {}", copy.display());
        let status = sqlite.arg(&self.path).arg(command).status();
        let status = status.context("sqlite3; ./scripts/test packages installs it")?;
        ensure!(status.success(), "{status}");
        Ok(())
    }

    fn restore(&self) -> Result<()> {
        for log in ["db-wal", "db-shm"] {
            let log = self.path.with_extension(log);
            if log.exists() {
                std::fs::remove_file(log)?;
            }
        }
        std::fs::copy(self.path.with_extension("backup"), &self.path)?;
        Ok(())
    }
}

struct Dumped {
    database: Database,
    dump: Vec<u8>,
}

impl Restorable for Dumped {
    fn back_up(&mut self) -> Result<()> {
        let mut pg_dump = self.database.server().client("pg_dump");
        let output = pg_dump
            .args(["--format=custom", self.database.name()])
            .output()?;
        ensure!(output.status.success(), "{output:?}");
        self.dump = output.stdout;
        Ok(())
    }

    fn restore(&self) -> Result<()> {
        let (server, name) = (self.database.server(), self.database.name());
        server.sql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        server.sql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        let mut pg_restore = server.client("pg_restore");
        pg_restore.args(["--no-owner", "--exit-on-error", "--dbname", name]);
        let mut child = pg_restore.stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("its input is piped")?;
        input.write_all(&self.dump)?;
        drop(input);
        ensure!(child.wait()?.success(), "pg_restore failed");
        Ok(())
    }
}

/// Attacks: A05, E24.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_file_gives_nothing_back_that_was_used_with_sqlite3() -> Result<()> {
    let site = Site::new("sqlite:safeconduct.db")?;
    let path = site.directory.path().join("safeconduct.db");
    nothing_comes_back(site, File { path }).await
}

/// Attacks: A05, E24.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_gives_nothing_back_that_was_used_on_postgresql() -> Result<()> {
    let database = Postgres::shared().create_database();
    let site = Site::new(&database.url())?;
    let dump = Vec::new();
    nothing_comes_back(site, Dumped { database, dump }).await
}

async fn nothing_comes_back(site: Site, mut database: impl Restorable) -> Result<()> {
    let server = site.start();
    let app = site.visitor()?;
    let code = app.sign_in().await?;
    let first = app.redeem(&code).await?.refresh_token()?;
    database.back_up()?;
    let second = app.refresh(&first).await?.refresh_token()?;
    app.refresh(&second).await?.refresh_token()?;
    let late = app.authorize().await?.code()?;
    let bought = app.redeem(&late).await?.refresh_token()?;
    let unused = app.authorize().await?.code()?;
    drop(server);

    // What the guide warns of: the backup does not know that the code was used.
    database.restore()?;
    let server = site.start();
    let again = app.redeem(&late).await?;
    ensure!(again.status == 200, "the backup is older: {again:?}");
    drop(server);

    database.restore()?;
    site.run(&["restored", "--yes"])?;
    let _server = site.start();
    for code in [&code, &late, &unused] {
        let answer = app.redeem(code).await?;
        ensure!(answer.is_refusal(), "a code from before: {answer:?}");
    }
    for token in [&first, &second, &bought] {
        let answer = app.refresh(token).await?;
        ensure!(answer.is_refusal(), "a token from before: {answer:?}");
    }
    let asked = app.authorize().await?;
    ensure!(asked.status == 200, "Ada has to sign in again: {asked:?}");
    let signed_in = app.submit(&asked, "login-submit").await?;
    let allowed = app.follow(&signed_in).await?.code()?;
    let bought = app.redeem(&allowed).await?.refresh_token()?;
    app.refresh(&bought).await?.refresh_token()?;
    Ok(())
}
