//! `safeconduct copy`: everything that one database remembers, in another one, so that what was handed out before works after.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use safeconduct_protocol::secret::Secret;
use safeconduct_store::{CopyError, Store, StoreError, TableRows};
use serde::Serialize;

use super::context::{Context, block_on};
use super::failure::Failure;
use super::output::{Row, note};
use crate::config::{Checked, Location, Misnamed};

/// How long a server of this machine may take to answer before it is taken for none.
const PATIENCE: Duration = Duration::from_secs(1);

/// From where to where.
#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    /// The database to copy from [default: that of the configuration]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The file that holds the password of --from
    #[arg(long, value_name = "FILE", requires = "from")]
    from_password_file: Option<PathBuf>,
    /// The database to copy to, which must be empty
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file that holds the password of --to
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
}

/// A table as shown.
#[derive(Serialize)]
struct ShownTable {
    table: &'static str,
    rows: u64,
}

impl Row for ShownTable {
    const COLUMNS: &'static [&'static str] = &["table", "rows"];

    fn cells(&self) -> Vec<String> {
        vec![self.table.to_owned(), self.rows.to_string()]
    }
}

impl Copy {
    /// Copies, counts on both sides, and says how much there is.
    ///
    /// # Errors
    /// A server is running, the target is not empty, or either database can't be used; then the target stays empty.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        let to = located("--to", &self.to, self.to_password_file)?;
        let (from, from_url) = match &self.from {
            Some(url) => {
                let from = located("--from", url, self.from_password_file)?;
                let url = opened(&from)?;
                (from, url)
            }
            None => {
                refuse_running_server(&checked)?;
                (checked.database.clone(), checked.database_url()?)
            }
        };
        let to_url = opened(&to)?;
        if let Some(missing) = from.file().filter(|file| !file.exists()) {
            return Err(Failure::NotFound(format!(
                "there is no database {}",
                missing.display()
            )));
        }
        let rows = block_on(copy(&from_url, &to_url))?;
        let rows: Vec<ShownTable> = rows.into_iter().map(shown).collect();
        context.output.list(&rows)?;
        note(format_args!(
            "{to} holds everything that {from} holds, row for row\n    \
             set database.url to it on every node, with the same issuer and master key, and put the old database away:\n    \
             served again, it would give back what is used up from now on"
        ));
        Ok(())
    }
}

/// Copies, with a bar on a terminal. A source that no server has used is left as it is.
async fn copy(from: &Secret, to: &Secret) -> Result<Vec<TableRows>, Failure> {
    let steps = Store::migrations(from.expose()).await?;
    if !steps.iter().any(|step| step.applied) {
        return Err(CopyError::Unused.into());
    }
    let source = Store::open(from.expose()).await?;
    let target = Store::open(to.expose()).await?;
    let all = source.count_rows().await?.iter().map(|one| one.rows).sum();
    let bar = ProgressBar::new(all).with_style(style());
    let (mut table, mut in_table) = ("", 0);
    let copied = target.copy_from(&source, |name, rows| {
        if name != table {
            (table, in_table) = (name, 0);
            bar.set_message(name);
        }
        bar.inc(rows - in_table);
        in_table = rows;
    });
    let copied = copied.await;
    bar.finish_and_clear();
    source.close().await;
    target.close().await;
    Ok(copied?)
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let said = error.to_string();
        match error {
            CopyError::NotEmpty { .. } => Self::Conflict(said),
            CopyError::Changed => Self::Conflict(format!(
                "{said}\n    stop every server on the source, and copy again"
            )),
            CopyError::Unused => Self::NotFound(said),
            CopyError::Target(StoreError::CommitUnknown(_)) => Self::Failed(format!(
                "{said}\n    copy again: if the target is in use then, everything is in it"
            )),
            _ => Self::Failed(said),
        }
    }
}

fn shown(TableRows { table, rows }: TableRows) -> ShownTable {
    ShownTable { table, rows }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")
        .expect("the template names keys that there are")
}

/// The database that an argument names. Every user of this machine can read an argument, so no password stands there.
fn located(flag: &str, url: &str, password_file: Option<PathBuf>) -> Result<Location, Failure> {
    let location = Location::parse(url).map_err(|Misnamed { message, advice }| {
        Failure::Usage(format!("{flag} {message}\n    {advice}"))
    })?;
    if location.has_password() {
        return Err(Failure::Usage(format!(
            "{flag} holds a password, which every user of this machine can read there\n    \
             put it into a file that only you may read, and name that with {flag}-password-file; change the password"
        )));
    }
    Ok(location.with_password_file(password_file))
}

fn opened(location: &Location) -> Result<Secret, Failure> {
    location
        .url()
        .map_err(|(message, advice)| Failure::Configuration(format!("{message}\n    {advice}")))
}

/// What a server wrote to the old database while it is copied, the new one would lack.
fn refuse_running_server(checked: &Checked) -> Result<(), Failure> {
    let mut address: SocketAddr = checked.config.server.admin_listen;
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Err(Failure::Conflict(format!(
            "a server listens at {address}\n    stop every node first: what they write while the database is copied would be missing from the copy"
        ))),
        Err(_) => Ok(()),
    }
}
