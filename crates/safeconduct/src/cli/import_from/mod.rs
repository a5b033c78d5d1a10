//! `safeconduct import`: users, groups and clients from the exports of other systems, after a dry run that says what will not come along.

mod authelia;
mod csv;
mod dex;
mod hydra;
mod keycloak;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use safeconduct_server::administration::imports::Imported;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, counted, note};
use plan::{LeftOut, Plan};

/// Where users, groups and clients come from.
#[derive(Debug, Subcommand)]
pub(crate) enum From {
    /// Keycloak: what `kc.sh export` wrote, users and clients
    #[command(
        after_help = "The export of the console has no users, and its secrets are masked: use `kc.sh export --realm NAME --users same_file --file realm.json`, or name the realm's file and those of its users together."
    )]
    Keycloak {
        /// The realm, and the files of its users where they stand apart
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Authelia: its file of users
    #[command(
        after_help = "`authelia storage user identifiers export` writes the file of identifiers. With it, apps go on knowing the users by their `sub`."
    )]
    Authelia {
        /// The file, `users.yml`
        file: PathBuf,
        /// The identifiers of the users
        #[arg(long, value_name = "FILE")]
        identifiers: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Hydra: a list of its clients; it has no users
    #[command(after_help = "`hydra list oauth2-clients --format json` writes the file.")]
    Hydra {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Dex: its configuration, with its static clients and passwords
    Dex {
        /// The file, `config.yaml`
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// A table of users, with the names of the columns in its first line
    #[command(
        after_help = "Columns: username (needed), sub (a UUID, by which apps know the user), password_hash or password, groups (separated by `;`), disabled (true or false), and the claims of OpenID Connect Core 5.1 under their names."
    )]
    Csv {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
}

/// How it is imported.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Say what would come and what would not, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What an import did, or would do.
#[derive(Serialize)]
struct Done {
    dry_run: bool,
    users: Count,
    groups: Count,
    clients: Count,
    /// The secrets of clients whose own could not be taken over, by client id. They are shown once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    new_secrets: BTreeMap<String, String>,
    left_out: Vec<LeftOut>,
}

#[derive(Default, Serialize)]
struct Count {
    added: usize,
    existing: Vec<String>,
}

impl std::convert::From<Imported> for Count {
    fn from(imported: Imported) -> Self {
        Self {
            added: imported.added,
            existing: imported.existing,
        }
    }
}

/// A client that was given another secret.
#[derive(Serialize)]
struct NewSecret<'a> {
    client_id: &'a str,
    client_secret: &'a str,
}

impl Row for NewSecret<'_> {
    const COLUMNS: &'static [&'static str] = &["client", "new secret"];

    fn cells(&self) -> Vec<String> {
        vec![self.client_id.to_owned(), self.client_secret.to_owned()]
    }
}

impl From {
    /// Reads everything, and adds what can be added unless this is a dry run.
    ///
    /// # Errors
    /// A file that can't be read or is of another form, two users of one name or address, and then nothing was imported; or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        let mut plan = Plan::new(&administration.passwords);
        let how = match self {
            Self::Keycloak { files, how } => {
                for file in &files {
                    keycloak::read(json(file)?, &mut plan);
                }
                how
            }
            Self::Authelia {
                file,
                identifiers,
                how,
            } => {
                let identifiers = identifiers.as_deref().map(yaml).transpose()?;
                authelia::read(yaml(&file)?, &identifiers.unwrap_or_default(), &mut plan);
                how
            }
            Self::Hydra { file, how } => {
                hydra::read(json(&file)?, &mut plan);
                how
            }
            Self::Dex { file, how } => {
                dex::read(yaml(&file)?, &mut plan, |name| std::env::var(name).ok());
                how
            }
            Self::Csv { file, how } => {
                csv::read(&file, &mut plan)?;
                how
            }
        };
        plan.check()?;
        plan.judge_clients(|client| administration.judge_import(client).map(drop));
        match how.dry_run {
            true => show(output, &foreseen(database, plan).await?),
            false => show(output, &done(database, plan).await?),
        }
    }
}

/// What would be added.
async fn foreseen(database: &Database, plan: Plan<'_>) -> Result<Done, Failure> {
    let administration = database.administration();
    let existing = administration.known_users(&plan.users).await?;
    let users = Count {
        added: plan.users.len() - existing.len(),
        existing,
    };
    let known = administration.groups().await?;
    let known = known.iter().map(|record| record.group.name.as_str());
    let groups = count(plan.groups.keys().map(String::as_str), known);
    let known = administration.clients().await?;
    let known = known.iter().map(|record| record.client.id.as_str());
    let clients = count(plan.clients.iter().map(|client| client.id.as_str()), known);
    Ok(Done {
        dry_run: true,
        users,
        groups,
        clients,
        new_secrets: BTreeMap::new(),
        left_out: plan.left_out(),
    })
}

fn count<'a>(wanted: impl Iterator<Item = &'a str>, known: impl Iterator<Item = &'a str>) -> Count {
    let known: Vec<&str> = known.collect();
    let (existing, new): (Vec<&str>, Vec<&str>) = wanted.partition(|name| known.contains(name));
    Count {
        added: new.len(),
        existing: existing.into_iter().map(str::to_owned).collect(),
    }
}

/// Adds it: groups, which users belong to, then users, then clients.
async fn done(database: &Database, plan: Plan<'_>) -> Result<Done, Failure> {
    use safeconduct_server::administration::Refused;

    let administration = database.administration();
    let groups: Vec<_> = plan.groups.values().cloned().collect();
    let groups = administration.import_groups(&groups).await?.into();
    let users = administration.import_users(&plan.users).await?.into();
    let (mut clients, mut new_secrets) = (Count::default(), BTreeMap::new());
    for client in &plan.clients {
        match administration.import_client(client).await {
            Ok(created) => {
                clients.added += 1;
                if let (Some(secret), None) = (created.secret, &client.secret) {
                    new_secrets.insert(client.id.clone(), secret.expose().to_owned());
                }
            }
            Err(Refused::ClientTaken(id)) => clients.existing.push(id.to_string()),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Done {
        dry_run: false,
        users,
        groups,
        clients,
        new_secrets,
        left_out: plan.left_out(),
    })
}

fn show(output: Format, done: &Done) -> Result<(), Failure> {
    match output {
        Format::Json => output.record(done)?,
        Format::Table => {
            if !done.new_secrets.is_empty() {
                let secrets = done.new_secrets.iter();
                let rows = secrets.map(|(client_id, client_secret)| NewSecret {
                    client_id,
                    client_secret,
                });
                output.list(&rows.collect::<Vec<_>>())?;
            }
            if !done.left_out.is_empty() {
                output.list(&done.left_out)?;
            }
        }
    }
    let verb = if done.dry_run { "would add" } else { "added" };
    let (users, groups, clients) = (&done.users, &done.groups, &done.clients);
    note(format_args!(
        "{verb} {}, {} and {}",
        counted(users.added, "user"),
        counted(groups.added, "group"),
        counted(clients.added, "client")
    ));
    let existing = users.existing.len() + groups.existing.len() + clients.existing.len();
    if existing > 0 {
        note(format_args!(
            "{existing} existed already and stay as they are"
        ));
    }
    if done.dry_run {
        note("nothing was written: this was a dry run");
    }
    Ok(())
}

/// An export is as long as it is.
fn whole(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::failed(&format!("{} can't be read", file.display()), error))
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let text = whole(file)?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // The words of the error repeat the value, which may be a password.
        let inner = error.inner();
        Failure::Failed(format!(
            "{}:{}:{}: {} is not what an export has there\n    nothing was imported",
            file.display(),
            inner.line(),
            inner.column(),
            place(&error.path().to_string())
        ))
    })
}

fn yaml<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let text = whole(file)?;
    serde_saphyr::from_str(&text).map_err(|error| {
        let at = error
            .location()
            .map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        // As for JSON: no value is repeated.
        Failure::Failed(format!(
            "{}{at}: this is not what such a file has there\n    nothing was imported",
            file.display()
        ))
    })
}

fn place(path: &str) -> String {
    match path {
        "." | "?" => "this".to_owned(),
        path => format!("`{path}`"),
    }
}
