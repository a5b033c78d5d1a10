//! One connection: how it is opened and judged, and how statements travel on it. Units, which travel together, are in `unit`.
//!
//! A session of ours may only read. What writes is a transaction that says so ([`BEGIN`](super::unit)): should the server refuse
//! to begin it, the statements behind it, which are sent without waiting, find a session that takes no writes.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, RowStream, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, DIRECT};
use super::failure::{Failure, refusal};
use super::pipeline::pipelined;
use crate::driver::{DriverError, OpenError, Row, Rows, Statement, Value};

/// The oldest version that PostgreSQL's documentation of it promises everything for that we use.
const OLDEST: u32 = 13;

/// How long PostgreSQL waits for a lock, before a statement's time is over. Nothing of ours holds one for longer than a commit.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a transaction may lie open without a word from us, which happens when we are gone or stopped.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long beyond the server's own limit an answer may take. Then the connection leads nowhere.
const GRACE: Duration = Duration::from_secs(2);

const JUDGE: &str = "SELECT current_setting('server_version'), current_setting('server_version_num'), \
     current_setting('transaction_read_only'), current_setting('server_encoding'), current_setting('synchronous_commit'), \
     current_setting('safeconduct.direct', true)";

/// An open connection. Dropping it says goodbye to the server once everything that was asked is answered.
pub(super) struct Connection {
    client: Client,
    task: JoinHandle<()>,
    /// Prepared once, by their text. `None` behind a pooler, where the next transaction may meet another session.
    prepared: Option<Mutex<HashMap<&'static str, tokio_postgres::Statement>>>,
    statement_timeout: Duration,
    severed: AtomicBool,
}

impl Connection {
    /// Connects and refuses a server that could not keep what we promise.
    pub(super) async fn open(
        address: &Address,
        tls: &MakeRustlsConnect,
    ) -> Result<Self, OpenError> {
        let unreachable = |reason: &str| OpenError::Unreachable {
            server: address.server.clone(),
            reason: reason.to_owned(),
        };
        let opening = async {
            let refused = |error| refusal(&address.server, &error);
            let connecting = address.config.connect(tls.clone());
            let (client, connection) = connecting.await.map_err(refused)?;
            let connection = Self {
                client,
                task: tokio::spawn(async move {
                    // Whoever waits for an answer hears of the error; when nobody does, the next one finds the connection closed.
                    let _ = connection.await;
                }),
                prepared: (!address.pooled).then(Mutex::default),
                statement_timeout: address.statement_timeout,
                severed: AtomicBool::new(false),
            };
            let judged = connection.client.simple_query(JUDGE).await;
            Server::read(&judged.map_err(refused)?).judge(address)?;
            if !address.pooled {
                let settings = settings(address);
                let set = connection.client.batch_execute(&settings).await;
                set.map_err(refused)?;
            }
            Ok(connection)
        };
        // The handshake, too, can meet a server that says nothing.
        timeout(address.connect_timeout, opening)
            .await
            .unwrap_or_else(|_| Err(unreachable("it does not answer")))
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// How long an answer is waited for.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.statement_timeout + GRACE
    }

    /// What a transaction has to set for itself, where the session is not ours to set.
    pub(super) fn limits_of_transaction(&self) -> Option<String> {
        let pooled = self.prepared.is_none();
        pooled.then(|| limits("SET LOCAL", self.statement_timeout))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.severed.load(Ordering::Acquire) || self.client.is_closed()
    }

    /// Closes the connection under everybody who waits on it.
    pub(super) fn sever(&self) {
        self.severed.store(true, Ordering::Release);
        self.task.abort();
    }

    /// Says goodbye, and waits a moment until it was heard.
    pub(super) async fn close(self) {
        let Self { client, task, .. } = self;
        drop(client);
        let _ = timeout(GRACE, task).await;
    }

    /// Runs one statement that changes nothing.
    pub(super) async fn read(&self, statement: &Statement) -> Result<Rows, Failure> {
        self.prepare([statement]).await?;
        self.fits(statement)?;
        let rows = timeout(self.answer_timeout(), self.execute(statement)).await;
        let rows = rows.map_err(|_| self.unanswered())?;
        rows.map_err(|error| Failure::undecided(&error))
    }

    /// What a read means that nobody answers. Whoever else waits on this connection waits in vain.
    fn unanswered(&self) -> Failure {
        self.sever();
        Failure::unanswered()
    }

    /// Prepares what was not prepared before on this connection, all of it at once.
    pub(super) async fn prepare(
        &self,
        statements: impl IntoIterator<Item = &Statement>,
    ) -> Result<(), Failure> {
        let Some(prepared) = &self.prepared else {
            return Ok(());
        };
        let missing: Vec<&'static str> = {
            let prepared = lock(prepared);
            let texts = statements.into_iter().map(Statement::sql);
            let missing: HashSet<_> = texts.filter(|sql| !prepared.contains_key(sql)).collect();
            missing.into_iter().collect()
        };
        let requests = missing.iter().map(|sql| Box::pin(self.client.prepare(sql)));
        let answers = timeout(self.answer_timeout(), pipelined(requests.collect())).await;
        let answers = answers.map_err(|_| self.unanswered())?;
        for (sql, made) in missing.iter().zip(answers) {
            let made = made.map_err(|error| Failure::undecided(&error))?;
            lock(prepared).insert(sql, made);
        }
        Ok(())
    }

    /// Runs one statement that is [prepared](Self::prepare). It is sent when the future is first polled.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<Rows, Error> {
        rows(self.stream(statement).await?).await
    }

    /// The same for more rows than should be in memory at once.
    pub(super) async fn stream(&self, statement: &Statement) -> Result<RowStream, Error> {
        let values = statement.values();
        match self.known(statement) {
            Some(known) => self.client.query_raw(&known, values).await,
            None => {
                let values = values.iter().map(|value| (value, value.wire_type()));
                self.client.query_typed_raw(statement.sql(), values).await
            }
        }
    }

    /// Whether the values fit the parameters, as far as the database has said what they are. Asked before anything is sent,
    /// because what is sent behind a statement that cannot be would be carried out without it.
    pub(super) fn fits(&self, statement: &Statement) -> Result<(), DriverError> {
        let (sql, values) = (statement.sql(), statement.values());
        let fitting = match self.known(statement) {
            Some(known) => {
                let mut places = values.iter().zip(known.params());
                values.len() == known.params().len() && places.all(|(value, wire)| value.fits(wire))
            }
            None => values.len() == parameters(sql),
        };
        if fitting {
            Ok(())
        } else {
            Err(DriverError::Bug(format!("{values:?} do not fit: {sql}")))
        }
    }

    fn known(&self, statement: &Statement) -> Option<tokio_postgres::Statement> {
        lock(self.prepared.as_ref()?).get(statement.sql()).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many parameters a text has: the highest n of its `$n`.
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        rest[..digits.unwrap_or(rest.len())].parse().unwrap_or(0)
    });
    numbers.max().unwrap_or(0)
}

async fn rows(stream: RowStream) -> Result<Rows, Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(decoded(&row)?);
    }
    Ok(if rows.is_empty() {
        Rows::changed(stream.rows_affected().unwrap_or(0))
    } else {
        Rows::returned(rows)
    })
}

pub(super) fn decoded(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let values = (0..row.len()).map(|column| row.try_get::<_, Value>(column));
    Ok(Row::new(values.collect::<Result<_, _>>()?))
}

/// What is made of a new session that is known to be ours alone. Behind a pooler it would be the next one's, too.
fn settings(address: &Address) -> String {
    format!(
        "SET default_transaction_read_only = on; {}",
        limits("SET", address.statement_timeout)
    )
}

/// The statements that limit how long others wait for us. `set` is `SET` or `SET LOCAL`.
fn limits(set: &str, statement_timeout: Duration) -> String {
    let limits = [
        ("statement_timeout", statement_timeout),
        ("lock_timeout", LOCK_TIMEOUT.min(statement_timeout)),
        ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
    ];
    let limits = limits.map(|(name, limit)| format!("{set} {name} = {}", limit.as_millis()));
    limits.join("; ")
}

/// What a server says of itself: the columns of [`JUDGE`].
struct Server<'a> {
    version: &'a str,
    version_number: &'a str,
    read_only: &'a str,
    encoding: &'a str,
    synchronous_commit: &'a str,
    /// Whether what [`Address`] asks for with the connection has reached the session.
    direct: &'a str,
}

impl<'a> Server<'a> {
    fn read(answer: &'a [SimpleQueryMessage]) -> Self {
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let column = |index| row.and_then(|row| row.get(index)).unwrap_or_default();
        Self {
            version: column(0),
            version_number: column(1),
            read_only: column(2),
            encoding: column(3),
            synchronous_commit: column(4),
            direct: column(5),
        }
    }

    /// Refuses a server that could not keep what we promise.
    fn judge(&self, address: &Address) -> Result<(), OpenError> {
        let server = address.server.clone();
        let version: u32 = self.version_number.parse().unwrap_or(0);
        if version / 10_000 < OLDEST {
            let found = self.version.to_owned();
            let oldest = OLDEST;
            return Err(OpenError::TooOld {
                server,
                found,
                oldest,
            });
        }
        if !address.pooled && self.direct != DIRECT {
            return Err(OpenError::Pooler { server });
        }
        if self.read_only == "on" {
            return Err(OpenError::ReadOnly { server });
        }
        if self.encoding != "UTF8" {
            let found = self.encoding.to_owned();
            return Err(OpenError::Encoding { server, found });
        }
        // remote_write and remote_apply wait for this server's disk as `on` does, and for a standby besides.
        if matches!(self.synchronous_commit, "off" | "local") {
            let found = self.synchronous_commit.to_owned();
            return Err(OpenError::Forgetful { server, found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Server<'_> = Server {
        version: "15.4",
        version_number: "150004",
        read_only: "off",
        encoding: "UTF8",
        synchronous_commit: "on",
        direct: DIRECT,
    };

    fn judged(server: &Server<'_>) -> Result<(), OpenError> {
        server.judge(&Address::parse("postgres://sc@db/sc").unwrap())
    }

    fn refused(server: &Server<'_>) -> OpenError {
        judged(server).expect_err("it is refused")
    }

    #[test]
    fn a_server_that_cannot_keep_our_promises_is_refused() {
        assert!(judged(&GOOD).is_ok());
        for synchronous_commit in ["remote_write", "remote_apply"] {
            let server = Server {
                synchronous_commit,
                ..GOOD
            };
            assert!(judged(&server).is_ok());
        }
        for synchronous_commit in ["off", "local"] {
            let server = Server {
                synchronous_commit,
                ..GOOD
            };
            assert!(matches!(refused(&server), OpenError::Forgetful { .. }));
        }
        let old = Server {
            version: "12.17",
            version_number: "120017",
            ..GOOD
        };
        assert!(matches!(
            refused(&old),
            OpenError::TooOld { oldest: 13, .. }
        ));
        let silent = Server {
            version: "",
            version_number: "",
            ..GOOD
        };
        assert!(matches!(refused(&silent), OpenError::TooOld { .. }));
        let standby = Server {
            read_only: "on",
            ..GOOD
        };
        assert!(matches!(refused(&standby), OpenError::ReadOnly { .. }));
        let pooler = Server { direct: "", ..GOOD };
        assert!(matches!(refused(&pooler), OpenError::Pooler { .. }));
        let latin = Server {
            encoding: "LATIN1",
            ..GOOD
        };
        assert!(matches!(refused(&latin), OpenError::Encoding { .. }));
    }
}
