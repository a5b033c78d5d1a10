//! `safeconduct restored`: the database has gone back in time and forgotten what was redeemed, rotated and revoked since. What
//! was handed out until now must not count any more, so a new era begins.

use safeconduct_protocol::secret::Secret;
use safeconduct_store::Store;
use serde::Serialize;

use super::context::{Context, block_on, master_keys};
use super::database::Database;
use super::failure::Failure;
use super::output::{Format, note};
use super::prompt::confirm;

/// A database that was restored from a backup, or a standby that took over and lacked the last commits.
#[derive(Debug, clap::Args)]
pub(crate) struct Restored {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct EraRecord {
    database: String,
    era: i64,
}

impl Restored {
    /// Begins the era.
    ///
    /// # Errors
    /// Nothing was restored, the answer is no, or the database's.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        if !block_on(is_founded(checked.database_url()?))? {
            return Err(Failure::NotFound(format!(
                "no server was ever started on {}: put the backup in place first, or name the database that was restored",
                checked.database
            )));
        }
        let masters = master_keys(&checked)?;
        block_on(async {
            let database = Database::open_restored(checked, masters).await?;
            let begun = self.begin(&database, context.output).await;
            database.store.close().await;
            begun
        })
    }

    async fn begin(&self, database: &Database, output: Format) -> Result<(), Failure> {
        let name = database.checked.database.to_string();
        confirm(
            &format!(
                "Everything that was handed out from {name} until now will be refused: sessions, codes, access and refresh\n\
                 tokens. Everybody signs in again. Users, passwords, clients, consents and keys stay. Go on?"
            ),
            self.yes,
        )?;
        let era = database.store.begin_era(database.now()).await?;
        // Not before: a backup is served once it has forgotten nothing that could be good again.
        database.store.admit()?;
        output.record(&EraRecord {
            database: name,
            era,
        })?;
        note(
            "everything handed out before is refused; running nodes know within a second\n    \
             an API that validates JWTs by itself accepts an access token until it expires\n    \
             locks, passwords, secrets and keys that were changed since the backup have to be changed again",
        );
        Ok(())
    }
}

/// Whether there is a history that an era could end. What is new stays as it is: the era of another database protects no user of this one.
async fn is_founded(url: Secret) -> Result<bool, Failure> {
    let steps = Store::migrations(url.expose()).await?;
    if !steps.iter().any(|step| step.applied) {
        return Ok(false);
    }
    let store = Store::open_restored(url.expose()).await?;
    let cluster = store.cluster().await;
    store.close().await;
    Ok(cluster?.is_some())
}
