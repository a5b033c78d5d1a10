//! `safeconduct delivery`: mails and logouts that wait to be told.

use std::borrow::Cow;

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_store::{Message, WaitingMessage};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::{Paging, say_more};
use super::place::{Listed, Place};
use super::prompt::confirm;

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what waits; what was given up is an event: `safeconduct audit --kind mail-undelivered,logout-undelivered`
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one, and what came of it the last time
    Show {
        /// Its id
        delivery: String,
    },
    /// Let one be told at once, or all of them
    #[command(
        after_help = "A running server tells it within seconds. One that is being told at this moment is told twice."
    )]
    Retry {
        /// Its id
        #[arg(required_unless_present = "all")]
        delivery: Option<String>,
        /// All that wait
        #[arg(long, conflicts_with = "delivery")]
        all: bool,
    },
    /// Take one back, untold
    Drop {
        /// Its id
        delivery: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// Nothing of that name waits, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match self {
            Self::List { paging } => {
                let found = place.deliveries(&paging).await?;
                output.list(&found.rows)?;
                say_more(found.next.as_deref());
                Ok(())
            }
            Self::Show { delivery } => output.record(&place.delivery(&delivery).await?),
            Self::Retry {
                delivery: Some(delivery),
                ..
            } => {
                place.retry_delivery(&delivery).await?;
                note(format_args!(
                    "{delivery} is told within seconds, if a server runs"
                ));
                Ok(())
            }
            Self::Retry { .. } => retry_all(place).await,
            Self::Drop { delivery, yes } => {
                let found = place.delivery(&delivery).await?;
                let ShownDelivery {
                    kind, recipient, ..
                } = &found;
                confirm(&format!("Never tell {recipient} of this {kind}?"), yes)?;
                place.drop_delivery(&delivery).await?;
                note(format_args!("{delivery} is dropped"));
                Ok(())
            }
        }
    }
}

impl Place {
    async fn deliveries(&self, paging: &Paging) -> Result<Listed<ShownDelivery>, Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                return server.list(&["deliveries"], &[], paging).await;
            }
        };
        let found = administration.deliveries(&paging.page()).await?;
        let last = found.last().map(|waiting| waiting.row.id.clone());
        let rows = found.into_iter().map(ShownDelivery::from).collect();
        Ok(Listed::of(rows, paging, last))
    }

    async fn delivery(&self, delivery: &str) -> Result<ShownDelivery, Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().delivery(delivery).await?.into()),
            Self::There(server) => server.get(&["deliveries", delivery], &[]).await,
        }
    }

    async fn retry_delivery(&self, delivery: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let found = administration.delivery(delivery).await?;
                Ok(administration.retry_delivery(&found).await?)
            }
            Self::There(server) => server.post(&["deliveries", delivery, "retry"]).await,
        }
    }

    async fn drop_delivery(&self, delivery: &str) -> Result<(), Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let found = administration.delivery(delivery).await?;
                Ok(administration.drop_delivery(&found).await?)
            }
            Self::There(server) => server.delete(&["deliveries", delivery]).await,
        }
    }
}

async fn retry_all(place: &Place) -> Result<(), Failure> {
    let (mut paging, mut retried) = (Paging::of(200), 0);
    loop {
        let found = place.deliveries(&paging).await?;
        for waiting in &found.rows {
            // What was told meanwhile is what was wanted.
            if place.retry_delivery(&waiting.id).await.is_ok() {
                retried += 1;
            }
        }
        match found.next {
            Some(next) => paging = paging.behind(next),
            None => break,
        }
    }
    let what = counted(retried, "delivery").replace("deliverys", "deliveries");
    note(format_args!("{what} told within seconds, if a server runs"));
    Ok(())
}

fn recipient(waiting: &WaitingMessage) -> String {
    match &waiting.row.message {
        Message::Mail(mail) => mail.to.to_string(),
        Message::Logout { client, .. } => client.to_string(),
    }
}

/// A message as shown.
#[derive(Serialize, Deserialize)]
struct ShownDelivery {
    id: String,
    kind: Cow<'static, str>,
    recipient: String,
    about: String,
    user: UserId,
    attempts: i64,
    last_answer: Option<String>,
    created_at: String,
    next_at: String,
}

impl From<WaitingMessage> for ShownDelivery {
    fn from(waiting: WaitingMessage) -> Self {
        let recipient = recipient(&waiting);
        let row = waiting.row;
        Self {
            kind: row.message.kind().as_str().into(),
            recipient,
            about: match &row.message {
                Message::Mail(mail) => mail.purpose.as_str().to_owned(),
                Message::Logout { session, .. } => session.to_string(),
            },
            user: row.message.user().clone(),
            id: row.id,
            attempts: row.attempts,
            last_answer: waiting.last_answer,
            created_at: when(row.created_at),
            next_at: when(waiting.next_at),
        }
    }
}

impl Row for ShownDelivery {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "kind",
        "to",
        "about",
        "attempts",
        "next",
        "last answer",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.kind.to_string(),
            self.recipient.clone(),
            self.about.clone(),
            self.attempts.to_string(),
            self.next_at.clone(),
            self.last_answer.clone().unwrap_or_default(),
        ]
    }
}
