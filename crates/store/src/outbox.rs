//! The outbox: what is still to be told to others. A row is written in the unit of its cause, so that what was acknowledged is
//! told even if this node dies a moment later. Sending is the server's.
//!
//! A row is taken on by one node at a time, for as long as a lease lasts; a node that dies with it loses nothing, because the row
//! is due again. `attempts` fences: what a node says of a row counts only while nobody has taken the row on after it.
//!
//! What is due is asked for recipient by recipient, so that many rows for one of them stand in nobody else's way.

use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::event_receivers::{self, QueuedSignal};
use crate::events::NewEvent;
use crate::mail;
use crate::store::{ActingStore, Store, client_id, session_id, stored, user_id};

/// The most characters that are kept of what came of a message.
const LONGEST_ANSWER: usize = 300;

/// How long a row is tried, in seconds: a day.
const PATIENCE: i64 = 24 * 3600;
/// How long one waits for a receiver of events, in seconds: that is paused after a day, and its rows go. These are of one that no node knows.
const PATIENCE_WITH_RECEIVERS: i64 = 30 * PATIENCE;

/// Whom a row is due for, the longest due first. It leaps from recipient to recipient in the index, and reads none of the rows of
/// one that has thousands.
const RECIPIENTS: &str = "SELECT recipient FROM ( \
     WITH RECURSIVE known(recipient) AS ( \
         SELECT MIN(recipient) FROM outbox WHERE kind = $1 \
         UNION ALL \
         SELECT (SELECT MIN(o.recipient) FROM outbox o WHERE o.kind = $1 AND o.recipient > known.recipient) \
         FROM known WHERE known.recipient IS NOT NULL) \
     SELECT recipient, (SELECT MIN(d.next_at) FROM outbox d WHERE d.kind = $1 AND d.recipient = known.recipient) AS due \
     FROM known WHERE recipient IS NOT NULL) AS waiting \
     WHERE due <= $2 ORDER BY due, recipient";

/// What [`read`] takes of a row.
macro_rules! columns {
    () => {
        "id, kind, recipient, user_id, about, attempts, created_at"
    };
}

pub(crate) use columns;

const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM outbox WHERE kind = $1 AND recipient = $2 AND next_at <= $3 ORDER BY next_at, id LIMIT $4"
);

const CLAIM: &str = "UPDATE outbox SET attempts = attempts + 1, next_at = $3 \
     WHERE id = $1 AND attempts = $2 AND next_at <= $4";

const RETRY: &str =
    "UPDATE outbox SET next_at = $3, last_answer = $4 WHERE id = $1 AND attempts = $2";

const DELIVERED: &str = "DELETE FROM outbox WHERE id = $1";

const KEEP: &str = "INSERT INTO given_up_messages (id, kind, recipient, user_id, about, created_at, attempts, last_answer, given_up_at) \
     SELECT id, kind, recipient, user_id, about, created_at, attempts, COALESCE(CAST($3 AS TEXT), last_answer), CAST($4 AS BIGINT) \
     FROM outbox WHERE id = $1 AND attempts = $2 ON CONFLICT (id) DO NOTHING";

const GIVE_UP: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2";

const TOO_OLD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM outbox WHERE created_at <= $1 AND (kind <> 'event' OR created_at <= $3) ORDER BY created_at LIMIT $2"
);

const BACKLOG: &str = "SELECT kind, COUNT(*), MIN(created_at) FROM outbox GROUP BY kind";

/// The kinds of what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxKind {
    /// A client is told that a session has ended (OpenID Connect Back-Channel Logout 1.0).
    Logout,
    /// A user is told of something by mail.
    Mail,
    /// A receiver is told of an event (RFC 8935).
    Event,
}

impl OutboxKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Logout, Self::Mail, Self::Event];

    /// Its name in the column, and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Mail => mail::KIND,
            Self::Event => event_receivers::KIND,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is to be told, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A session has ended.
    Logout {
        /// The client that is told.
        client: ClientId,
        /// Whose session it was.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// A mail, which the mail server takes.
    Mail(Mail),
    /// An event.
    Event(QueuedSignal),
}

impl Message {
    /// Its kind.
    pub fn kind(&self) -> OutboxKind {
        match self {
            Self::Logout { .. } => OutboxKind::Logout,
            Self::Mail(_) => OutboxKind::Mail,
            Self::Event(_) => OutboxKind::Event,
        }
    }

    /// Who is told: a slow one delays nobody but itself. All mails are for the mail server.
    pub fn recipient(&self) -> &str {
        match self {
            Self::Logout { client, .. } => client.as_str(),
            Self::Mail(_) => mail::KIND,
            Self::Event(signal) => &signal.receiver,
        }
    }

    /// Whom it is about, where that is known before it is told.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Logout { user, .. } => Some(user),
            Self::Mail(mail) => Some(&mail.user),
            Self::Event(_) => None,
        }
    }

    /// The client that is told, if one is.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Logout { client, .. } => Some(client),
            Self::Mail(_) | Self::Event(_) => None,
        }
    }

    /// The event that is left behind where it was given up.
    fn undelivered(&self) -> NewEvent<'_> {
        match self {
            Self::Logout {
                client,
                user,
                session,
            } => NewEvent::new("logout-undelivered")
                .client(client)
                .user(user)
                .detail(session.as_str()),
            Self::Mail(mail) => NewEvent::new("mail-undelivered")
                .user(&mail.user)
                .detail(mail.purpose.as_str()),
            Self::Event(signal) => NewEvent::new("event-undelivered").detail(&signal.receiver),
        }
    }
}

/// A message that is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its name.
    pub id: String,
    /// What is to be told.
    pub message: Message,
    /// How often a node had taken it on when it was read.
    pub attempts: i64,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxBacklog {
    /// Of this kind.
    pub kind: OutboxKind,
    /// So many rows.
    pub rows: u64,
    /// The oldest was written then.
    pub oldest: Timestamp,
}

impl Store {
    /// Whom something of this kind is due for, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_recipients(
        &self,
        kind: OutboxKind,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let statement = Statement::new(RECIPIENTS).bind(kind.as_str()).bind(now);
        Ok(self.list(statement, Row::text).await?)
    }

    /// At most `limit` messages that are due for a recipient, the longest due first. Nobody has them yet: see
    /// [`claim`](Self::claim_message).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_messages(
        &self,
        kind: OutboxKind,
        recipient: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let statement = Statement::new(DUE)
            .bind(kind.as_str())
            .bind(recipient)
            .bind(now)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let due = self.list(statement, read_any).await?;
        Ok(due.into_iter().filter_map(Result::ok).collect())
    }

    /// Takes a message on until the lease ends: `false` if another node has, or it was told. The node that has it tells it
    /// once, then says how that went. Where it says nothing, the message is due again when the lease is over.
    ///
    /// # Errors
    /// [`StoreError`]; a node that does not know must not tell.
    pub async fn claim_message(
        &self,
        row: &OutboxRow,
        lease_ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let claim = Statement::new(CLAIM)
            .bind(row.id.as_str())
            .bind(row.attempts)
            .bind(lease_ends)
            .bind(now)
            .expect_some();
        Ok(self.committed(claim).await?)
    }

    /// Lets a message that this node has claimed be due again, unless another node has taken it on since. `answer` is what came of it, for
    /// operators.
    ///
    /// # Errors
    /// [`StoreError`]; it is due again when the lease is over.
    pub async fn retry_message(
        &self,
        claimed: &OutboxRow,
        next_at: Timestamp,
        answer: &str,
    ) -> Result<(), StoreError> {
        let retry = Statement::new(RETRY)
            .bind(claimed.id.as_str())
            .bind(claimed.attempts + 1)
            .bind(next_at)
            .bind(storable(answer));
        self.commit(retry).await?;
        Ok(())
    }

    /// Notes that a message was told. That is so whatever another node has made of it since.
    ///
    /// # Errors
    /// [`StoreError`]; it is told again then.
    pub async fn message_delivered(&self, row: &OutboxRow) -> Result<(), StoreError> {
        self.commit(Statement::new(DELIVERED).bind(row.id.as_str()))
            .await?;
        Ok(())
    }

    /// What waits, kind by kind; a kind of which nothing waits is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_backlog(&self) -> Result<Vec<OutboxBacklog>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(OutboxBacklog {
                kind: stored(OutboxKind::parse(&row.text()?), "kind of message")?,
                rows: row.integer()?.unsigned_abs(),
                oldest: row.time()?,
            })
        };
        Ok(self.list(Statement::new(BACKLOG), decode).await?)
    }
}

impl ActingStore {
    /// Gives up a message that this node has claimed, which leaves an event, and the message for a week; nothing happens if another node
    /// has taken it on since. Giving up twice is giving up. `answer` is what came of it, for operators.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_up_message(
        &self,
        claimed: &OutboxRow,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let answer = Some(storable(answer));
        self.give_up(claimed, claimed.attempts + 1, answer, now)
            .await
    }

    async fn give_up(
        &self,
        row: &OutboxRow,
        attempts: i64,
        answer: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let [keep, delete] = giving_up(row, attempts, answer, now);
        let event = row.message.undelivered().by(self.by(), now);
        self.committed(Unit::new([keep, delete, event])).await?;
        Ok(())
    }

    /// Gives up at most `limit` messages that could not be told for a day; how many.
    pub(crate) async fn give_up_old_messages(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let statement = Statement::new(TOO_OLD)
            .bind(now.plus(-PATIENCE))
            .bind(i64::from(limit))
            .bind(now.plus(-PATIENCE_WITH_RECEIVERS));
        let old = self.list(statement, read_any).await?;
        for row in &old {
            match row {
                Ok(row) => self.give_up(row, row.attempts, None, now).await?,
                Err(unreadable) => {
                    let delete = Statement::new(DELIVERED).bind(unreadable.id.as_str());
                    self.commit(delete).await?;
                }
            }
        }
        Ok(old.len() as u64)
    }
}

/// The statements that move a message to what was given up, if nobody has taken it on since it had so many attempts; the second one finds
/// nothing otherwise.
fn giving_up(
    row: &OutboxRow,
    attempts: i64,
    answer: Option<String>,
    now: Timestamp,
) -> [Statement; 2] {
    let keep = Statement::new(KEEP)
        .bind(row.id.as_str())
        .bind(attempts)
        .bind(answer)
        .bind(now);
    let delete = Statement::new(GIVE_UP).bind(row.id.as_str()).bind(attempts);
    [keep, delete.expect_some()]
}

fn storable(answer: &str) -> String {
    let storable = answer.chars().filter(|char| !char.is_control());
    storable.take(LONGEST_ANSWER).collect()
}

/// A row that this release can't read, such as one of a purpose that a later release has. It stands in nobody's way: a node that can
/// read it tells it, or its time runs out.
struct Unreadable {
    id: String,
    error: DriverError,
}

/// A message that this node has just written, from its [`columns`].
pub(crate) fn read(row: &mut Row) -> Result<OutboxRow, DriverError> {
    read_any(row)?.map_err(|unreadable| unreadable.error)
}

/// A message from its [`columns`]; `None` for one that this release can't read.
pub(crate) fn read_known(row: &mut Row) -> Result<Option<OutboxRow>, DriverError> {
    Ok(read_any(row)?.ok())
}

/// A message from its [`columns`], whoever wrote it.
fn read_any(row: &mut Row) -> Result<Result<OutboxRow, Unreadable>, DriverError> {
    let id = row.text()?;
    let kind = row.text()?;
    let recipient = row.text()?;
    let user = row.optional_text()?.unwrap_or_default();
    let about = row.text()?;
    let (attempts, created_at) = (row.integer()?, row.time()?);
    Ok(match message(&kind, &recipient, &user, &about) {
        Ok(message) => Ok(OutboxRow {
            id,
            message,
            attempts,
            created_at,
        }),
        Err(error) => {
            tracing::warn!(id, %error, "a message can't be read by this release");
            Err(Unreadable { id, error })
        }
    })
}

fn message(kind: &str, recipient: &str, user: &str, about: &str) -> Result<Message, DriverError> {
    let kind = stored(OutboxKind::parse(kind), "kind of message")?;
    Ok(match kind {
        OutboxKind::Logout => Message::Logout {
            client: client_id(recipient)?,
            user: user_id(user)?,
            session: session_id(about)?,
        },
        OutboxKind::Mail => Message::Mail(mail::read(user_id(user)?, about)?),
        OutboxKind::Event => Message::Event(stored(
            QueuedSignal::read(recipient, about),
            "event that waits",
        )?),
    })
}
