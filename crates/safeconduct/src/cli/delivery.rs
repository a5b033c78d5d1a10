//! `safeconduct delivery`: mails, logouts and security events that wait to be told, and what was given up.

use std::borrow::Cow;

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_store::{ListedMessage, Message, MessageState};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::output::{Format, Row, counted, note, when};
use super::page::{Paging, say_more};
use super::place::{Listed, Place};
use super::prompt::confirm;

/// The state of what was given up.
const GIVEN_UP: &str = "given-up";

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what waits, or what was given up within the week
    List {
        /// What was given up
        #[arg(long)]
        given_up: bool,
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
        after_help = "A running server tells it within seconds. One that is being told at this moment is told twice; one that was given up is tried as long again as a new one."
    )]
    Retry {
        /// Its id
        #[arg(required_unless_present = "all")]
        delivery: Option<String>,
        /// All that wait, or with --given-up all that were given up
        #[arg(long, conflicts_with = "delivery")]
        all: bool,
        /// With --all: what was given up
        #[arg(long, requires = "all")]
        given_up: bool,
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
            Self::List { given_up, paging } => {
                let found = place.deliveries(given_up, &paging).await?;
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
            Self::Retry { given_up, .. } => retry_all(place, given_up).await,
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
    async fn deliveries(
        &self,
        given_up: bool,
        paging: &Paging,
    ) -> Result<Listed<ShownDelivery>, Failure> {
        let administration = match self {
            Self::Here(database) => database.administration(),
            Self::There(server) => {
                let state = [("state", given_up.then(|| GIVEN_UP.to_owned()))];
                return server.list(&["deliveries"], &state, paging).await;
            }
        };
        let found = match given_up {
            true => administration.given_up_deliveries(&paging.page()).await?,
            false => administration.deliveries(&paging.page()).await?,
        };
        let last = found.last().map(|listed| listed.row.id.clone());
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

async fn retry_all(place: &Place, given_up: bool) -> Result<(), Failure> {
    let (mut paging, mut retried) = (Paging::of(200), 0);
    loop {
        let found = place.deliveries(given_up, &paging).await?;
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

fn recipient(listed: &ListedMessage) -> String {
    match &listed.row.message {
        Message::Mail(mail) => mail.to.to_string(),
        Message::Logout { client, .. } => client.to_string(),
        Message::Event(signal) => signal.receiver.clone(),
    }
}

/// A message as shown.
#[derive(Serialize, Deserialize)]
struct ShownDelivery {
    id: String,
    kind: Cow<'static, str>,
    recipient: String,
    about: String,
    user: Option<UserId>,
    attempts: i64,
    last_answer: Option<String>,
    created_at: String,
    state: Cow<'static, str>,
    next_at: Option<String>,
    given_up_at: Option<String>,
}

impl From<ListedMessage> for ShownDelivery {
    fn from(listed: ListedMessage) -> Self {
        let recipient = recipient(&listed);
        let row = listed.row;
        let (state, next_at, given_up_at) = match listed.state {
            MessageState::Waiting { next_at } => ("waiting", Some(next_at), None),
            MessageState::GivenUp { at } => (GIVEN_UP, None, Some(at)),
        };
        Self {
            kind: row.message.kind().as_str().into(),
            recipient,
            about: match &row.message {
                Message::Mail(mail) => mail.purpose.as_str().to_owned(),
                Message::Logout { session, .. } => session.to_string(),
                Message::Event(signal) => signal.signal.clone(),
            },
            user: row.message.user().cloned(),
            id: row.id,
            attempts: row.attempts,
            last_answer: listed.last_answer,
            created_at: when(row.created_at),
            state: state.into(),
            next_at: next_at.map(when),
            given_up_at: given_up_at.map(when),
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
            self.next_at
                .clone()
                .or_else(|| Some(format!("given up {}", self.given_up_at.as_ref()?)))
                .unwrap_or_default(),
            self.last_answer.clone().unwrap_or_default(),
        ]
    }
}
