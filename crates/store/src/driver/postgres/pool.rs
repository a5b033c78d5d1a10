//! The connections of a node. Reads share a few, on which they follow one another without waiting; a unit, and a read that may
//! take long, has one to itself.
//!
//! While the server cannot be reached, one caller at a time tries again, at most once a second, and everybody else is told so at
//! once: an error now is worth more than an answer after the browser has given up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::connection::Connection;
use super::failure::Failure;
use super::migrations::FORBIDDEN;
use super::unit;
use crate::driver::{DriverError, OpenError, Rows, Statement, Unit, UnitOutcome};

/// How many units may wait for a connection; the next one is refused at once.
const QUEUE: usize = 4096;

/// How often the same is tried: a unit that the server undoes for the sake of others, and whatever meets a connection that has
/// been closed at the other end.
const TRIES: usize = 8;

/// How long after a failure nobody tries to connect: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    address: Address,
    tls: MakeRustlsConnect,
    shared: Vec<AsyncMutex<Option<Arc<Connection>>>>,
    next: AtomicUsize,
    /// One permit for each connection that may be lent.
    lendable: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// One permit for each unit that may wait.
    places: Arc<Semaphore>,
    closed: AtomicBool,
    outage: Mutex<Option<Outage>>,
    /// Whether a right was found to be missing.
    forbidden: AtomicBool,
    /// Whether the last unit that was sent could not be written.
    unwritten: AtomicBool,
}

/// Why there is no connecting, and when it is tried again.
struct Outage {
    error: DriverError,
    pause: Duration,
    until: Instant,
    /// Whether somebody tries right now.
    tried: bool,
}

impl Pool {
    /// A pool that begins with one connection.
    pub(super) fn new(address: Address, tls: MakeRustlsConnect, first: Connection) -> Self {
        let shared = (address.pool_size / 4).clamp(1, 4);
        Self {
            shared: (0..shared).map(|_| AsyncMutex::default()).collect(),
            next: AtomicUsize::new(0),
            lendable: Arc::new(Semaphore::new(address.pool_size - shared)),
            idle: Mutex::new(vec![first]),
            places: Arc::new(Semaphore::new(QUEUE)),
            closed: AtomicBool::new(false),
            outage: Mutex::new(None),
            forbidden: AtomicBool::new(false),
            unwritten: AtomicBool::new(false),
            address,
            tls,
        }
    }

    /// A place among the units that wait, which the unit keeps to its end.
    pub(super) fn admit(&self) -> Result<OwnedSemaphorePermit, DriverError> {
        self.open()?;
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| DriverError::Unavailable("too many writes are waiting".to_owned()))
    }

    pub(super) async fn run(&self, unit: &Unit) -> Result<UnitOutcome, DriverError> {
        let mut tries = 0;
        loop {
            let loan = self.lend().await?;
            tries += 1;
            match unit::run(&loan.connection, unit).await {
                Ok(outcome) => {
                    self.give_back(loan);
                    if outcome.touched_a_row() {
                        self.unwritten.store(false, Ordering::Release);
                    }
                    return Ok(outcome);
                }
                Err(failure) => {
                    self.settle(loan, &failure);
                    if !failure.again || tries == TRIES {
                        self.doubt(&failure.error);
                        return Err(failure.error);
                    }
                }
            }
        }
    }

    /// Whether the last unit that was sent could not be written, which is not so for one that is wrong itself.
    pub(super) fn has_failed_to_write(&self) -> bool {
        self.unwritten.load(Ordering::Acquire)
    }

    fn doubt(&self, error: &DriverError) {
        if matches!(error, DriverError::Unavailable(_) | DriverError::Unknown(_)) {
            self.unwritten.store(true, Ordering::Release);
        }
    }

    /// Reads over a connection that others read on, too.
    pub(super) async fn read(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.open()?;
        let mut tries = 0;
        loop {
            let connection = self.shared().await?;
            tries += 1;
            match connection.read(statement).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => {
                    self.heed(&connection, &failure);
                    if !failure.again || tries == TRIES {
                        return Err(failure.error);
                    }
                }
            }
        }
    }

    /// Reads over a connection of its own, so that nobody waits behind it.
    pub(super) async fn scan(&self, statement: &Statement) -> Result<Rows, DriverError> {
        self.open()?;
        let mut tries = 0;
        loop {
            let loan = self.lend().await?;
            tries += 1;
            match loan.connection.read(statement).await {
                Ok(rows) => {
                    self.give_back(loan);
                    return Ok(rows);
                }
                Err(failure) => {
                    self.settle(loan, &failure);
                    if !failure.again || tries == TRIES {
                        return Err(failure.error);
                    }
                }
            }
        }
    }

    /// Whether the rights are back that somebody lacked.
    pub(super) async fn may_be_used(&self) -> Result<(), DriverError> {
        if !self.forbidden.load(Ordering::Acquire) {
            return Ok(());
        }
        let missing = self.read(&Statement::new(FORBIDDEN)).await?.into_first();
        match missing {
            Some(mut row) => {
                let denied = format!("permission denied for table {}", row.text()?);
                Err(DriverError::Unavailable(denied))
            }
            None => {
                self.forbidden.store(false, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Takes no more, waits for the units that were accepted, and closes every connection.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let accepted = self.places.acquire_many(QUEUE as u32).await;
        let idle = std::mem::take(&mut *lock(&self.idle));
        for connection in idle {
            connection.close().await;
        }
        for seat in &self.shared {
            if let Some(connection) = seat.lock().await.take().and_then(Arc::into_inner) {
                connection.close().await;
            }
        }
        drop(accepted);
    }

    /// Opens a connection besides those of the pool.
    pub(super) async fn connect(&self) -> Result<Connection, DriverError> {
        let attempt = self.attempt()?;
        let opened = Connection::open(&self.address, &self.tls).await;
        attempt.end(opened.as_ref().err());
        opened.map_err(|error| DriverError::Unavailable(error.to_string()))
    }

    fn open(&self) -> Result<(), DriverError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(DriverError::Unavailable(
                "the database is closed".to_owned(),
            ));
        }
        Ok(())
    }

    async fn shared(&self) -> Result<Arc<Connection>, DriverError> {
        let seat = self.next.fetch_add(1, Ordering::Relaxed) % self.shared.len();
        let seat = &self.shared[seat];
        let free = match (seat.try_lock(), &*lock(&self.outage)) {
            (Ok(seat), _) => Some(seat),
            // Somebody tries to connect for it, and may have to wait for long.
            (Err(_), Some(outage)) => return Err(outage.error.clone()),
            (Err(_), None) => None,
        };
        let mut seat = match free {
            Some(seat) => seat,
            None => seat.lock().await,
        };
        match &*seat {
            Some(connection) if !connection.is_closed() => Ok(Arc::clone(connection)),
            _ => Ok(Arc::clone(seat.insert(Arc::new(self.connect().await?)))),
        }
    }

    /// A connection for one caller alone, who waits for it no longer than for a connection to be made.
    async fn lend(&self) -> Result<Loan, DriverError> {
        let permit = Arc::clone(&self.lendable).acquire_owned();
        let permit = match timeout(self.address.connect_timeout, permit).await {
            Ok(Ok(permit)) => permit,
            _ => {
                let busy = "every connection to PostgreSQL is in use";
                return Err(DriverError::Unavailable(busy.to_owned()));
            }
        };
        let connection = match self.idle_connection() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Loan { connection, permit })
    }

    /// The one that was used last, so that those which are not needed are left to themselves.
    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.is_closed())
    }

    fn give_back(&self, loan: Loan) {
        let Loan { connection, permit } = loan;
        if !connection.is_closed() {
            lock(&self.idle).push(connection);
        }
        drop(permit);
    }

    fn settle(&self, loan: Loan, failure: &Failure) {
        self.heed(&loan.connection, failure);
        self.give_back(loan);
    }

    /// Draws the consequences of a failure on `connection`. Where nothing comes back, the other connections lead nowhere either;
    /// it would cost a wait for each of them to find out.
    fn heed(&self, connection: &Connection, failure: &Failure) {
        if failure.forbidden {
            self.forbidden.store(true, Ordering::Release);
        }
        if failure.severed {
            connection.sever();
        }
        if !failure.silent {
            return;
        }
        lock(&self.idle).clear();
        // A seat that is being taken belongs to somebody who finds out.
        let seats = self.shared.iter().filter_map(|seat| seat.try_lock().ok());
        for connection in seats.filter_map(|mut seat| seat.take()) {
            connection.sever();
        }
        lock(&self.outage).get_or_insert_with(|| Outage {
            error: Failure::unanswered().error,
            pause: FIRST_PAUSE,
            until: Instant::now(),
            tried: false,
        });
    }

    /// Leave to connect, unless that has just failed or somebody is about to find out.
    fn attempt(&self) -> Result<Attempt<'_>, DriverError> {
        let mut outage = lock(&self.outage);
        if let Some(outage) = &mut *outage {
            if outage.tried || Instant::now() < outage.until {
                return Err(outage.error.clone());
            }
            outage.tried = true;
        }
        Ok(Attempt { pool: self })
    }
}

/// A connection that is lent.
struct Loan {
    connection: Connection,
    permit: OwnedSemaphorePermit,
}

/// Somebody tries to connect.
struct Attempt<'a> {
    pool: &'a Pool,
}

impl Attempt<'_> {
    fn end(self, failed: Option<&OpenError>) {
        let mut outage = lock(&self.pool.outage);
        let before = outage.take();
        if failed.is_none() && before.is_some() {
            tracing::info!("the database is reached again");
        }
        *outage = failed.map(|error| {
            let before = before.map(|outage| outage.pause * 2);
            let pause = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
            if before.is_none() {
                tracing::error!(%error, "the database cannot be reached");
            }
            Outage {
                error: DriverError::Unavailable(error.to_string()),
                pause,
                until: Instant::now() + pause,
                tried: false,
            }
        });
    }
}

impl Drop for Attempt<'_> {
    /// Whoever tried may have gone away before there was an answer: then it is another's turn.
    fn drop(&mut self) {
        if let Some(outage) = &mut *lock(&self.pool.outage) {
            outage.tried = false;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
