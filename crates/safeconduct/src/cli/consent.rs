//! `safeconduct consent`: what users let apps have without being asked again.

use std::collections::BTreeMap;

use clap::Subcommand;
use safeconduct_protocol::ids::ClientId;
use safeconduct_server::administration::Page;
use safeconduct_store::ConsentRecord;
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::prompt::confirm;

/// What can be done with consents.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what a user lets which apps have without being asked again
    List {
        /// The user, by username or id
        #[arg(long)]
        user: String,
    },
    /// Withdraw it from one app; says first how many grants end with it
    #[command(
        after_help = "Every grant of the user to the app ends, the app is told where it can be, and the user is asked again when they come back."
    )]
    Withdraw {
        /// The user, by username or id
        #[arg(long)]
        user: String,
        /// The client
        #[arg(long)]
        client: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such user, client or consent, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::List { user } => {
                let user = administration.user(&user).await?;
                let found = administration.consents(&user).await?.into_iter();
                output.list(&found.map(ShownConsent::from).collect::<Vec<_>>())
            }
            Self::Withdraw { user, client, yes } => {
                let user = administration.user(&user).await?;
                let client = administration.client(&client).await?.client.id;
                administration.consent(&user, &client).await?;
                let grants = administration.grants(Some(&user), Some(&client), &Page::ALL);
                let (grants, name) = (counted(grants.await?.len(), "grant"), &user.username);
                let question =
                    format!("Withdraw what {name} lets {client} have, and end {grants}?");
                confirm(&question, yes)?;
                administration.withdraw_consent(&user, &client).await?;
                note(format_args!(
                    "{name} lets {client} have nothing any more, and {grants} ended"
                ));
                Ok(())
            }
        }
    }
}

/// A consent as shown.
#[derive(Serialize)]
struct ShownConsent {
    client: ClientId,
    /// Scopes by API.
    allowed: BTreeMap<String, String>,
    changed_at: String,
}

impl From<ConsentRecord> for ShownConsent {
    fn from(record: ConsentRecord) -> Self {
        let scopes = record.scopes.into_iter();
        Self {
            client: record.client,
            allowed: scopes
                .map(|(api, scope)| (api, scope.to_string()))
                .collect(),
            changed_at: when(record.changed_at),
        }
    }
}

impl Row for ShownConsent {
    const COLUMNS: &'static [&'static str] = &["client", "allowed", "changed"];

    fn cells(&self) -> Vec<String> {
        let allowed = self.allowed.iter();
        let allowed: Vec<_> = allowed
            .map(|(api, scope)| format!("{api}: {scope}"))
            .collect();
        vec![
            self.client.to_string(),
            allowed.join("; "),
            self.changed_at.clone(),
        ]
    }
}
