//! Receivers of security events (RFC 8935): how far each has been told, and whether it is told at all. What a receiver is and where it is, the
//! configuration says; here is what all nodes have to know of it.
//!
//! What a receiver is to be told goes to the outbox in the unit that moves its number on, and only if the number is where it was when that was
//! found out: of the nodes that do so at once one wins, and nothing is queued twice or left out. A receiver that has taken nothing for a day
//! is paused: what waits for it leaves the outbox, and its number goes back to where that begins, so that it is told then what it was not.

use safeconduct_protocol::time::Timestamp;

use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::events::{Event, NewEvent, columns, read};
use crate::store::{ActingStore, Store};

/// The kind of a row of the outbox.
pub(crate) const KIND: &str = "event";

/// For how long a receiver may take nothing before it is paused, in seconds: a day.
pub const PATIENCE_WITH_ONE: i64 = 24 * 3600;

/// How often a pause is tried while other nodes queue.
const TRIES: usize = 8;

const BEGIN: &str = "INSERT INTO event_receivers (name, last) SELECT CAST($1 AS TEXT), last FROM event_numbers WHERE one = 1 \
     ON CONFLICT (name) DO NOTHING";

const LIST: &str = "SELECT name, last, failing_since, paused_at FROM event_receivers ORDER BY name";

const MOVE_ON: &str =
    "UPDATE event_receivers SET last = $3 WHERE name = $1 AND last = $2 AND paused_at IS NULL";

const QUEUE: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     VALUES ($1, 'event', $2, NULL, $3, $4, 0, $4) ON CONFLICT (id) DO NOTHING";

const WAITING: &str = "SELECT about FROM outbox WHERE kind = 'event' AND recipient = $1 LIMIT $2";

const FAILS: &str =
    "UPDATE event_receivers SET failing_since = $2 WHERE name = $1 AND failing_since IS NULL";

const TAKES: &str =
    "UPDATE event_receivers SET failing_since = NULL WHERE name = $1 AND failing_since IS NOT NULL";

const PAUSE: &str = "UPDATE event_receivers SET paused_at = $4, last = $3 WHERE name = $1 AND last = $2 AND paused_at IS NULL";

const RESUME: &str = "UPDATE event_receivers SET paused_at = NULL, failing_since = NULL WHERE name = $1 AND paused_at IS NOT NULL";

const FORGET: &str = "DELETE FROM event_receivers WHERE name = $1";

const EMPTY: &str = "DELETE FROM outbox WHERE kind = 'event' AND recipient = $1";

const EVENT: &str = concat!("SELECT ", columns!(), " FROM events WHERE id = $1");

/// One thing that a receiver is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedSignal {
    /// Which receiver.
    pub receiver: String,
    /// The event that is told.
    pub event: String,
    /// The number that it had: sign-ins that failed again are told again.
    pub number: i64,
    /// As what it is told. Has no full stop.
    pub signal: String,
}

impl QueuedSignal {
    fn about(&self) -> String {
        format!("{}.{}.{}", self.event, self.number, self.signal)
    }

    pub(crate) fn read(receiver: &str, about: &str) -> Option<Self> {
        let (event, rest) = about.split_once('.')?;
        let (number, signal) = rest.split_once('.')?;
        Some(Self {
            receiver: receiver.to_owned(),
            event: event.to_owned(),
            number: number.parse().ok()?,
            signal: signal.to_owned(),
        })
    }
}

/// A receiver, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverRecord {
    /// Its name in the configuration.
    pub name: String,
    /// The number of the last event of which everything is queued or told.
    pub last: i64,
    /// Since when it has taken nothing, if it was told something in vain.
    pub failing_since: Option<Timestamp>,
    /// Since when it is told nothing.
    pub paused_at: Option<Timestamp>,
}

impl Store {
    /// Every receiver that was ever declared, and not forgotten.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receivers(&self) -> Result<Vec<ReceiverRecord>, StoreError> {
        let decode = |row: &mut Row| {
            Ok(ReceiverRecord {
                name: row.text()?,
                last: row.integer()?,
                failing_since: row.optional_time()?,
                paused_at: row.optional_time()?,
            })
        };
        Ok(self.list(Statement::new(LIST), decode).await?)
    }

    /// The receiver of this name, if it was ever declared.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receiver(&self, name: &str) -> Result<Option<ReceiverRecord>, StoreError> {
        let all = self.receivers().await?;
        Ok(all.into_iter().find(|receiver| receiver.name == name))
    }

    /// Lets a receiver begin with what appears from now on, if it has not begun.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_receiver(&self, name: &str) -> Result<(), StoreError> {
        self.commit(Statement::new(BEGIN).bind(name)).await?;
        Ok(())
    }

    /// Queues what a receiver is to be told of the events up to the number `to`, which lie behind those it was told of: `false` if another node
    /// has, or it was paused, and then nothing is queued.
    ///
    /// # Errors
    /// [`StoreError`]; whether it was queued, the next look says.
    pub async fn queue_signals(
        &self,
        receiver: &ReceiverRecord,
        to: i64,
        signals: &[QueuedSignal],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let move_on = Statement::new(MOVE_ON)
            .bind(receiver.name.as_str())
            .bind(receiver.last)
            .bind(to);
        let queue = signals.iter().map(|signal| {
            let about = signal.about();
            Statement::new(QUEUE)
                .bind(format!("event/{}/{about}", signal.receiver))
                .bind(signal.receiver.as_str())
                .bind(about)
                .bind(now)
        });
        let unit = Unit::new([move_on.expect_some()]).and(queue);
        Ok(self.committed(unit).await?)
    }

    /// How much waits for a receiver, counted up to `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_signals(&self, name: &str, most: u32) -> Result<usize, StoreError> {
        Ok(self.abouts(name, most).await?.len())
    }

    async fn abouts(&self, name: &str, most: u32) -> Result<Vec<String>, DriverError> {
        let statement = Statement::new(WAITING).bind(name).bind(i64::from(most));
        self.list(statement, Row::text).await
    }

    /// Notes that a receiver took nothing this time; since when that has been so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receiver_fails(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.commit(Statement::new(FAILS).bind(name).bind(now))
            .await?;
        let receiver = self.receiver(name).await?;
        Ok(receiver.and_then(|receiver| receiver.failing_since))
    }

    /// Notes that a receiver took something, or said why it does not. Where it has always done, nothing is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receiver_takes(&self, name: &str) -> Result<(), StoreError> {
        let receiver = self.receiver(name).await?;
        if receiver.is_some_and(|receiver| receiver.failing_since.is_some()) {
            self.commit(Statement::new(TAKES).bind(name)).await?;
        }
        Ok(())
    }

    /// The event of this name, if it is not swept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let row = self.row(Statement::new(EVENT).bind(id)).await?;
        Ok(row.map(|mut row| read(&mut row)).transpose()?)
    }
}

impl ActingStore {
    /// Tells a receiver nothing any more, until it is resumed. What waits for it leaves the outbox, and is told then. `false` if it is paused
    /// already, or there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pause_receiver(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            // Its number is read before what waits: what is queued meanwhile moves it, and then this is done anew.
            let receiver = self.receiver(name).await?;
            let Some(receiver) = receiver.filter(|receiver| receiver.paused_at.is_none()) else {
                return Ok(false);
            };
            let waiting = self.abouts(name, u32::MAX).await?;
            let numbers = waiting
                .iter()
                .filter_map(|about| QueuedSignal::read(name, about));
            let first = numbers.map(|signal| signal.number - 1).min();
            let last = first.map_or(receiver.last, |first| first.min(receiver.last));
            let pause = Statement::new(PAUSE)
                .bind(name)
                .bind(receiver.last)
                .bind(last)
                .bind(now);
            let unit = Unit::new([
                pause.expect_some(),
                Statement::new(EMPTY).bind(name),
                NewEvent::new("receiver-paused")
                    .detail(name)
                    .by(self.by(), now),
            ]);
            if self.committed(unit).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Unavailable(
            "what waits for the receiver changes all the time".to_owned(),
        ))
    }

    /// Tells a paused receiver again, from where it was left. `false` if it is not paused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resume_receiver(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let resume = Statement::new(RESUME).bind(name).expect_some();
        let event = NewEvent::new("receiver-resumed").detail(name);
        let unit = Unit::new([resume, event.by(self.by(), now)]);
        Ok(self.committed(unit).await?)
    }

    /// Forgets a receiver, with what waits for it. One that is still declared begins anew. `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_receiver(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let forget = Statement::new(FORGET).bind(name).expect_some();
        let empty = Statement::new(EMPTY).bind(name);
        let event = NewEvent::new("receiver-forgotten").detail(name);
        let unit = Unit::new([forget, empty, event.by(self.by(), now)]);
        Ok(self.committed(unit).await?)
    }
}
