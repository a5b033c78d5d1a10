//! The [`Store`] itself: opening, closing, and how its methods reach the driver.

use std::sync::Arc;

use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::driver::{Driver, DriverError, OpenError, Row, Rows, Statement, Unit, UnitOutcome};

/// The memory of one server or one cluster of servers. Clones share it.
#[derive(Clone)]
pub struct Store {
    driver: Arc<Driver>,
}

impl Store {
    /// Opens the database that `url` names, creates it where there is none, and brings its schema up to date.
    ///
    /// `sqlite:PATH` is a file; a relative path starts at the working directory.
    ///
    /// # Errors
    /// One sentence with what to do, see [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let driver = Driver::open(url).await?;
        Ok(Self {
            driver: Arc::new(driver),
        })
    }

    /// Finishes what was accepted and closes the database for every clone. Later writes are
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn close(&self) {
        self.driver.close().await;
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

/// The session that a column names.
pub(crate) fn session_id(text: &str) -> Result<SessionId, DriverError> {
    stored(SessionId::parse(text), "session id")
}
