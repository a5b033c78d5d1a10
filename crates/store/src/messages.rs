//! The messages of the outbox as operators look at them: what waits, and what was given up and is kept for a week. A message moves from the
//! one table to the other in one unit, so that it is always in one of them.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::outbox::{self, OutboxRow};
use crate::store::{ActingStore, Store};

/// For how many seconds a message is kept that was given up: a week.
pub(crate) const GIVEN_UP: i64 = 7 * 24 * 3600;

const WAITING: &str = concat!(
    "SELECT ",
    outbox::columns!(),
    ", next_at, last_answer FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"
);

const WAITS: &str = concat!(
    "SELECT ",
    outbox::columns!(),
    ", next_at, last_answer FROM outbox WHERE id = $1"
);

const GIVEN_UP_AFTER: &str = concat!(
    "SELECT ",
    outbox::columns!(),
    ", given_up_at, last_answer FROM given_up_messages WHERE id > $1 ORDER BY id LIMIT $2"
);

const IS_GIVEN_UP: &str = concat!(
    "SELECT ",
    outbox::columns!(),
    ", given_up_at, last_answer FROM given_up_messages WHERE id = $1"
);

const RETRY_NOW: &str = "UPDATE outbox SET next_at = $2 WHERE id = $1";

const DROP: &str = "DELETE FROM outbox WHERE id = $1";

/// Its attempts and its patience begin anew. A node that slept since the one before could at worst end a pause of it.
const RESUME: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at, last_answer) \
     SELECT id, kind, recipient, user_id, about, CAST($2 AS BIGINT), 0, CAST($2 AS BIGINT), last_answer \
     FROM given_up_messages WHERE id = $1 ON CONFLICT (id) DO NOTHING";

const FORGET: &str = "DELETE FROM given_up_messages WHERE id = $1";

/// A message, and how it stands with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMessage {
    /// The message.
    pub row: OutboxRow,
    /// Whether it is still to be told.
    pub state: MessageState,
    /// What came of it the last time.
    pub last_answer: Option<String>,
}

/// Whether a message is still to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits in the outbox, or is being told.
    Waiting {
        /// When it is told next; while a node tells it, when another one may.
        next_at: Timestamp,
    },
    /// It was given up.
    GivenUp {
        /// When.
        at: Timestamp,
    },
}

impl Store {
    /// At most `limit` messages that wait, behind the one called `after`. One that this release can't read is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn messages_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StoreError> {
        let statement = Statement::new(WAITING).bind(after).bind(i64::from(limit));
        let read = self.list(statement, waiting).await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The same of what was given up within the week.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn given_up_messages_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StoreError> {
        let statement = Statement::new(GIVEN_UP_AFTER)
            .bind(after)
            .bind(i64::from(limit));
        let read = self.list(statement, given_up).await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The message of this name, if it waits or was given up within the week.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn message(&self, id: &str) -> Result<Option<ListedMessage>, StoreError> {
        if let Some(mut row) = self.row(Statement::new(WAITS).bind(id)).await? {
            return Ok(waiting(&mut row)?);
        }
        let row = self.row(Statement::new(IS_GIVEN_UP).bind(id)).await?;
        Ok(row.map(|mut row| given_up(&mut row)).transpose()?.flatten())
    }
}

impl ActingStore {
    /// Lets a message be told at once, from whichever node looks first; also one that a node is telling at this moment, which is then told
    /// twice, and one that was given up, which is tried as long again as a new one. `false` if it is not there any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_message_now(
        &self,
        message: &ListedMessage,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = message.row.id.as_str();
        let retry = match message.state {
            MessageState::Waiting { .. } => {
                vec![Statement::new(RETRY_NOW).bind(id).bind(now).expect_some()]
            }
            MessageState::GivenUp { .. } => vec![
                Statement::new(RESUME).bind(id).bind(now),
                Statement::new(FORGET).bind(id).expect_some(),
            ],
        };
        let event = about(NewEvent::new("message-retried"), &message.row);
        let unit = Unit::new(retry).then(event.by(self.by(), now));
        Ok(self.committed(unit).await?)
    }

    /// Takes a message away, untold. `false` if it is not there any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_message(
        &self,
        message: &ListedMessage,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let delete = match message.state {
            MessageState::Waiting { .. } => DROP,
            MessageState::GivenUp { .. } => FORGET,
        };
        let delete = Statement::new(delete).bind(message.row.id.as_str());
        let event = about(NewEvent::new("message-dropped"), &message.row);
        let unit = Unit::new([delete.expect_some(), event.by(self.by(), now)]);
        Ok(self.committed(unit).await?)
    }
}

/// `event` with whom a message is about, and what it is.
fn about<'r>(event: NewEvent<'r>, row: &'r OutboxRow) -> NewEvent<'r> {
    let event = match row.message.client() {
        Some(client) => event.client(client),
        None => event,
    };
    let event = match row.message.user() {
        Some(user) => event.user(user),
        None => event,
    };
    event.detail(row.message.kind().as_str())
}

fn waiting(row: &mut Row) -> Result<Option<ListedMessage>, DriverError> {
    listed(row, |next_at| MessageState::Waiting { next_at })
}

fn given_up(row: &mut Row) -> Result<Option<ListedMessage>, DriverError> {
    listed(row, |at| MessageState::GivenUp { at })
}

fn listed(
    row: &mut Row,
    state: impl Fn(Timestamp) -> MessageState,
) -> Result<Option<ListedMessage>, DriverError> {
    let message = outbox::read_known(row)?;
    let (at, last_answer) = (row.time()?, row.optional_text()?);
    Ok(message.map(|row| ListedMessage {
        row,
        state: state(at),
        last_answer,
    }))
}
