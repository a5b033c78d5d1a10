//! The [`Store`] itself: opening, closing, and how its methods reach the driver.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use safeconduct_protocol::authentication::Factors;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::by::By;
use crate::driver::{
    BackupError, Driver, DriverError, OpenError, Row, Rows, Statement, Unit, UnitOutcome,
};
use crate::error::StoreError;
use crate::schema::{self, SchemaStep};

/// The memory of one server or one cluster of servers. Clones share it.
#[derive(Clone)]
pub struct Store {
    driver: Arc<Driver>,
    /// When it was last tried whether something can be written, and why it could not.
    tried: Arc<Mutex<Option<(Timestamp, StoreError)>>>,
}

/// The store in somebody's hands: every event that its methods write says whose. [`Store::by`] makes one; whatever a [`Store`] can be asked
/// it can be asked as well.
#[derive(Clone)]
pub struct ActingStore {
    store: Store,
    by: By,
}

impl ActingStore {
    pub(crate) fn new(store: Store, by: By) -> Self {
        Self { store, by }
    }

    /// In whose hands it is, for who judges what they may do.
    pub fn asker(&self) -> &By {
        &self.by
    }

    /// In whose hands it is.
    pub(crate) fn by(&self) -> &By {
        &self.by
    }
}

impl Deref for ActingStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Writes a little that means nothing: the marks of eras that are over are forgotten with the next mark. What is written has to
/// differ from what was there, or nothing would be.
const TRY: &str = "INSERT INTO time_marks (era, at, number, forgotten) VALUES (0, 0, 1, 0) \
     ON CONFLICT (era) DO UPDATE SET number = time_marks.number + 1";

impl Store {
    /// Opens the database that `url` names, creates it where there is none, and brings its schema up to date.
    ///
    /// `sqlite:PATH` is a file; a relative path starts at the working directory. `postgres://USER@HOST/NAME` is a database that
    /// exists on a PostgreSQL server; `docs/reference/databases.md` has what may follow.
    ///
    /// # Errors
    /// One sentence with what to do, see [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let driver = Driver::open(url).await?;
        Ok(Self {
            driver: Arc::new(driver),
            tried: Arc::default(),
        })
    }

    /// Opens one that was restored, and may be a backup that [`open`](Self::open) refuses. An era begins on it, then
    /// [`admit`](Self::admit) lets servers serve it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_restored(url: &str) -> Result<Self, OpenError> {
        let driver = Driver::open_restored(url).await?;
        Ok(Self {
            driver: Arc::new(driver),
            tried: Arc::default(),
        })
    }

    /// Lets servers serve the database, if it is a backup: an era has begun on it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn admit(&self) -> Result<(), StoreError> {
        Ok(self.driver.admit()?)
    }

    /// Copies the database that `url` names, as it is at one moment, to the file `target`, which is not there yet; others go on reading and
    /// writing it. Gives the bytes of the copy, which is for its owner alone, and was read again to its end.
    ///
    /// # Errors
    /// One sentence with what to do, see [`BackupError`].
    pub async fn back_up(url: &str, target: &Path) -> Result<u64, BackupError> {
        Driver::back_up(url, target).await
    }

    /// Whether `url` says where a database is in a way that [`open`](Self::open) understands. Nobody is asked.
    ///
    /// # Errors
    /// [`OpenError::Url`] or [`OpenError::UrlPart`].
    pub fn understands(url: &str) -> Result<(), OpenError> {
        Driver::understands(url)
    }

    /// The steps of the schema, oldest first, and which of them the database that `url` names has taken. Nothing is changed, and
    /// nothing is created where there is no database.
    ///
    /// # Errors
    /// One sentence with what to do, see [`OpenError`].
    pub async fn migrations(url: &str) -> Result<Vec<SchemaStep>, OpenError> {
        schema::steps(&Driver::history(url).await?)
    }

    /// Whether the steps that the database lacks could be taken, as far as that depends on rights. Nothing is changed.
    ///
    /// # Errors
    /// [`OpenError::Rights`], or why the database can't be used at all.
    pub async fn may_be_migrated(url: &str) -> Result<(), OpenError> {
        Driver::may_be_migrated(url).await
    }

    /// Whether everything may be done again, after something failed because our user lacked a right. Costs nothing otherwise.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the table that may not be used.
    pub async fn may_be_used(&self) -> Result<(), StoreError> {
        Ok(self.driver.may_be_used().await?)
    }

    /// Whether something can be written, after the last write failed: a full disk still answers what is only asked. Then a little
    /// is written, at most once a second. Costs nothing otherwise.
    ///
    /// # Errors
    /// Why nothing can be written.
    pub async fn may_be_written(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.driver.has_failed_to_write() {
            return Ok(());
        }
        // Held while it is tried, so that of many who ask one tries.
        let mut tried = self.tried.lock().await;
        if let Some((at, error)) = &*tried
            && *at == now
        {
            return Err(error.clone());
        }
        let written = self.commit(Statement::new(TRY)).await;
        let error = written.err().map(StoreError::from);
        *tried = error.clone().map(|error| (now, error));
        error.map_or(Ok(()), Err)
    }

    /// Takes the steps that the database lacks, all of them or none, and says which those were. It may be served meanwhile: the
    /// release before this one can use it then, too. Of several callers at a time, one does it and the others wait.
    ///
    /// # Errors
    /// One sentence with what to do, see [`OpenError`].
    pub async fn migrate(url: &str) -> Result<Vec<SchemaStep>, OpenError> {
        let store = Self::open(url).await?;
        let taken = store.driver.migrated();
        store.close().await;
        let mut steps = Self::migrations(url).await?;
        Ok(steps.split_off(steps.len() - taken))
    }

    /// Finishes what was accepted and closes the database for every clone. Later writes are
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn close(&self) {
        self.driver.close().await;
    }

    /// The database below.
    pub(crate) fn driver(&self) -> &Driver {
        &self.driver
    }

    /// The statement that reads the database's own clock, if it has one.
    pub(crate) fn clock(&self) -> Option<&'static str> {
        self.driver.clock()
    }

    /// Commits `unit` and says how it ended.
    pub(crate) async fn run(&self, unit: impl Into<Unit>) -> Result<UnitOutcome, DriverError> {
        self.driver.run(unit.into()).await
    }

    /// Commits a unit that has no expectation, or none that may go unmet.
    pub(crate) async fn commit(&self, unit: impl Into<Unit>) -> Result<Vec<Rows>, DriverError> {
        match self.run(unit).await? {
            UnitOutcome::Done(rows) => Ok(rows),
            UnitOutcome::Unmet { statement } => Err(DriverError::Bug(format!(
                "statement {statement} of a unit found an impossible number of rows"
            ))),
        }
    }

    /// Commits a unit and says whether it was committed or undone by an expectation.
    pub(crate) async fn committed(&self, unit: impl Into<Unit>) -> Result<bool, DriverError> {
        Ok(matches!(self.run(unit).await?, UnitOutcome::Done(_)))
    }

    /// Reads at most one row by key.
    pub(crate) async fn row(&self, statement: Statement) -> Result<Option<Row>, DriverError> {
        Ok(self.driver.read(statement).await?.into_first())
    }

    /// Reads a list and decodes every row.
    pub(crate) async fn list<T>(
        &self,
        statement: Statement,
        decode: impl Fn(&mut Row) -> Result<T, DriverError>,
    ) -> Result<Vec<T>, DriverError> {
        self.driver
            .scan(statement)
            .await?
            .into_iter()
            .map(|mut row| decode(&mut row))
            .collect()
    }
}

/// What a column should hold, or the damage that it does not.
pub(crate) fn stored<T>(parsed: Option<T>, what: &'static str) -> Result<T, DriverError> {
    parsed.ok_or_else(|| DriverError::Corrupt(format!("a column does not hold a {what}")))
}

/// A value from its column of JSON.
pub(crate) fn from_json<T: DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, DriverError> {
    stored(serde_json::from_str(text).ok(), what)
}

/// A value for its column of JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the protocol's values have JSON forms with text keys")
}

/// The user that a column names.
pub(crate) fn user_id(text: &str) -> Result<UserId, DriverError> {
    stored(UserId::parse(text), "user id")
}

/// The client that a column names.
pub(crate) fn client_id(text: &str) -> Result<ClientId, DriverError> {
    stored(ClientId::parse(text), "client id")
}

/// The factors that a column names, each with its time.
pub(crate) fn factors(text: &str) -> Result<Factors, DriverError> {
    stored(Factors::parse(text), "factors of a sign-in")
}

/// The session that a column names.
pub(crate) fn session_id(text: &str) -> Result<SessionId, DriverError> {
    stored(SessionId::parse(text), "session id")
}
