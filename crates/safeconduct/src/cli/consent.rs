//! `safeconduct consent`: what users let apps have without being asked again.

use std::collections::BTreeMap;

use clap::Subcommand;
use safeconduct_protocol::ids::ClientId;
use safeconduct_server::administration::Page;
use safeconduct_store::ConsentRecord;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::Paging;
use super::place::Place;
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
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::List { user } => output.list(&place.consents(&user).await?),
            Self::Withdraw { user, client, yes } => {
                let (name, grants) = place.consent(&user, &client).await?;
                let grants = counted(grants, "grant");
                let question =
                    format!("Withdraw what {name} lets {client} have, and end {grants}?");
                confirm(&question, yes)?;
                place.withdraw_consent(&user, &client).await?;
                note(format_args!(
                    "{name} lets {client} have nothing any more, and {grants} ended"
                ));
                Ok(())
            }
        }
    }
}

impl Place {
    async fn consents(&self, user: &str) -> Result<Vec<ShownConsent>, Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let user = administration.user(user).await?;
                let found = administration.consents(&user).await?.into_iter();
                Ok(found.map(ShownConsent::from).collect())
            }
            Self::There(server) => {
                let path = ["users", user, "consents"];
                server.all(&path).await
            }
        }
    }

    /// Whose consent it is, by name, and how many grants rest on it.
    async fn consent(&self, user: &str, client: &str) -> Result<(String, usize), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let user = administration.user(user).await?;
                let client = administration.client(client).await?.client.id;
                administration.consent(&user, &client).await?;
                let grants = administration.grants(Some(&user), Some(&client), &Page::ALL);
                let grants = grants.await?.len();
                Ok((user.username, grants))
            }
            Self::There(_) => {
                let consents = self.consents(user).await?;
                if !consents
                    .iter()
                    .any(|consent| consent.client.as_str() == client)
                {
                    let told = format!("{user} lets {client} have nothing without being asked");
                    return Err(Failure::NotFound(told)
                        .with_advice("`safeconduct consent list` names what a user allows"));
                }
                let grants = self.grants(Some(user), Some(client), &Paging::ALL).await?;
                Ok((user.to_owned(), grants.rows.len()))
            }
        }
    }

    async fn withdraw_consent(&self, user: &str, client: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let user = administration.user(user).await?;
                let client = administration.client(client).await?.client.id;
                administration.withdraw_consent(&user, &client).await?;
                Ok(())
            }
            Self::There(server) => server.delete(&["users", user, "consents", client]).await,
        }
    }
}

/// A consent as shown.
#[derive(Serialize, Deserialize)]
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
