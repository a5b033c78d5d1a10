//! `safeconduct backup`: a copy of the database, made while servers serve it. What PostgreSQL has tools for is left to them.

use std::path::PathBuf;

use safeconduct_store::{BackupError, OpenError, Store};
use serde::Serialize;

use super::context::{Context, block_on};
use super::failure::Failure;
use super::output::note;

/// Where the copy goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file to write, which is not there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct BackupRecord {
    database: String,
    backup: PathBuf,
    bytes: u64,
}

impl Backup {
    /// Makes it.
    ///
    /// # Errors
    /// Something is there already, the copy can't be written or is not whole, or the database is PostgreSQL.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        let database = checked.database.to_string();
        let Self { file } = self;
        if checked.database.file().is_none() {
            return Err(Failure::Usage(format!(
                "the database is PostgreSQL, whose own tools make backups\n    pg_dump --format=custom --file={} '{database}'; how to restore it is in docs/guides/many-nodes.md",
                file.display()
            )));
        }
        let url = checked.database_url()?;
        let bytes = block_on(async { Ok(Store::back_up(url.expose(), &file).await?) })?;
        context.output.record(&BackupRecord {
            database,
            backup: file,
            bytes,
        })?;
        note(
            "nobody can read it without the master key: keep that elsewhere\n    to restore it: put it in place, `safeconduct restored`, start",
        );
        Ok(())
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let told = error.to_string();
        match error {
            BackupError::Exists { .. } | BackupError::Onto { .. } => Self::Conflict(told),
            BackupError::Missing { .. } => Self::NotFound(told),
            BackupError::Database(OpenError::Url { .. }) => Self::Configuration(told),
            _ => Self::Failed(told),
        }
    }
}
