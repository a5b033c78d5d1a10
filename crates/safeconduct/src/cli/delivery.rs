//! `safeconduct delivery`: mails and logouts that wait to be told.

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_server::administration::Page;
use safeconduct_store::{Message, WaitingMessage};
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::Paging;
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
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::List { paging } => {
                let found = administration.deliveries(&paging.page()).await?;
                let last = found.last().map(|waiting| waiting.row.id.clone());
                let rows: Vec<_> = found.into_iter().map(ShownDelivery::from).collect();
                output.list(&rows)?;
                paging.say_more(rows.len(), last.as_deref());
                Ok(())
            }
            Self::Show { delivery } => {
                let found = administration.delivery(&delivery).await?;
                output.record(&ShownDelivery::from(found))
            }
            Self::Retry {
                delivery: Some(delivery),
                ..
            } => {
                let found = administration.delivery(&delivery).await?;
                administration.retry_delivery(&found).await?;
                note(format_args!(
                    "{delivery} is told within seconds, if a server runs"
                ));
                Ok(())
            }
            Self::Retry { .. } => retry_all(database).await,
            Self::Drop { delivery, yes } => {
                let found = administration.delivery(&delivery).await?;
                let (kind, recipient) = (found.row.message.kind().as_str(), recipient(&found));
                confirm(&format!("Never tell {recipient} of this {kind}?"), yes)?;
                administration.drop_delivery(&found).await?;
                note(format_args!("{delivery} is dropped"));
                Ok(())
            }
        }
    }
}

async fn retry_all(database: &Database) -> Result<(), Failure> {
    let administration = database.administration();
    let (mut after, mut retried) = (String::new(), 0);
    loop {
        let page = Page {
            after: Some(&after),
            limit: 500,
        };
        let found = administration.deliveries(&page).await?;
        let Some(last) = found.last() else { break };
        let next = last.row.id.clone();
        for waiting in &found {
            // What was told meanwhile is what was wanted.
            if administration.retry_delivery(waiting).await.is_ok() {
                retried += 1;
            }
        }
        after = next;
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
#[derive(Serialize)]
struct ShownDelivery {
    id: String,
    kind: &'static str,
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
            kind: row.message.kind().as_str(),
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
            self.kind.to_owned(),
            self.recipient.clone(),
            self.about.clone(),
            self.attempts.to_string(),
            self.next_at.clone(),
            self.last_answer.clone().unwrap_or_default(),
        ]
    }
}
