//! `safeconduct receiver`: whom security events are pushed to, and how far each has been told.

use clap::Subcommand;
use safeconduct_store::ReceiverRecord;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::place::Place;
use super::prompt::confirm;

/// What can be done with receivers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the receivers that were declared, and which of them are paused
    List,
    /// Tell a paused receiver again, from where it was left
    Resume {
        /// Its name in the configuration
        receiver: String,
    },
    /// Forget a receiver that is no longer declared, with what waits for it
    #[command(
        after_help = "One that is still declared begins anew, with what happens from then on."
    )]
    Forget {
        /// Its name
        receiver: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such receiver, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::List => output.list(&place.receivers().await?),
            Self::Resume { receiver } => {
                place.resume_receiver(&receiver).await?;
                note(format_args!(
                    "{receiver} is told again within seconds, if a server runs"
                ));
                Ok(())
            }
            Self::Forget { receiver, yes } => {
                confirm(
                    &format!("Forget how far {receiver} was told, and what waits for it?"),
                    yes,
                )?;
                place.forget_receiver(&receiver).await?;
                note(format_args!("{receiver} is forgotten"));
                Ok(())
            }
        }
    }
}

impl Place {
    async fn receivers(&self) -> Result<Vec<ShownReceiver>, Failure> {
        match self {
            Self::Here(database) => {
                let found = database.administration().receivers().await?;
                Ok(found.into_iter().map(ShownReceiver::from).collect())
            }
            Self::There(server) => server.all(&["receivers"]).await,
        }
    }

    async fn resume_receiver(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().resume_receiver(name).await?),
            Self::There(server) => server.post(&["receivers", name, "resume"]).await,
        }
    }

    async fn forget_receiver(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().forget_receiver(name).await?),
            Self::There(server) => server.delete(&["receivers", name]).await,
        }
    }
}

/// A receiver as shown.
#[derive(Serialize, Deserialize)]
struct ShownReceiver {
    name: String,
    failing_since: Option<String>,
    paused_at: Option<String>,
}

impl From<ReceiverRecord> for ShownReceiver {
    fn from(record: ReceiverRecord) -> Self {
        Self {
            name: record.name,
            failing_since: record.failing_since.map(when),
            paused_at: record.paused_at.map(when),
        }
    }
}

impl Row for ShownReceiver {
    const COLUMNS: &'static [&'static str] = &["name", "takes nothing since", "paused since"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.failing_since.clone().unwrap_or_default(),
            self.paused_at.clone().unwrap_or_default(),
        ]
    }
}
