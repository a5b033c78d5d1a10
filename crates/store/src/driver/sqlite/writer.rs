//! The one thread that writes. It takes every unit that waits into one transaction, a savepoint each, and makes them
//! durable with one fsync: under load the price of a commit is shared, and nobody hears of a unit before it is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::{Mode, Site, execute};
use crate::driver::{DriverError, Unit, UnitOutcome};

/// The largest group. A longer one would save no more and make its first unit wait.
const GROUP: usize = 512;

type Answer = Result<UnitOutcome, DriverError>;

/// The way to the writer thread.
pub(super) struct Writer {
    /// `None` once closed. The thread ends when it has answered everything that was queued before.
    queue: RwLock<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failed: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread on `connection`. The next units wait in a queue of `capacity`.
    pub(super) fn start(
        connection: Connection,
        site: Site,
        capacity: usize,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = bounded(capacity);
        let failed = Arc::new(AtomicBool::new(false));
        let mut groups = Groups {
            connection: Some(connection),
            site,
            failed: Arc::clone(&failed),
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || groups.serve(&waiting))?;
        Ok(Self {
            queue: RwLock::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            failed,
        })
    }

    /// Whether the last group could not be written.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Queues `unit` and waits until it is durable or undone. Once queued it runs, whether or not the caller still waits.
    pub(super) async fn run(&self, unit: Unit) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue(Job { unit, answer })?;
        answered
            .await
            .unwrap_or_else(|_| Err(DriverError::Unknown("the writer failed".to_owned())))
    }

    /// Takes no more units and waits until those that were queued are answered.
    pub(super) async fn close(&self) {
        if let Some(thread) = self.stop() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            report(joined.unwrap_or(Ok(())));
        }
    }

    fn queue(&self, job: Job) -> Result<(), DriverError> {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.as_ref().ok_or_else(closed)?;
        sender.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                DriverError::Unavailable("too many writes are waiting".to_owned())
            }
            TrySendError::Disconnected(_) => closed(),
        })
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        *self.queue.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Writer {
    /// Waits for what was queued, so that the file is closed when the owner goes on.
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            report(thread.join());
        }
    }
}

/// What a closed database answers.
pub(super) fn closed() -> DriverError {
    DriverError::Unavailable("the database is closed".to_owned())
}

fn report(ended: thread::Result<()>) {
    if ended.is_err() {
        tracing::error!("the database writer ended in a panic");
    }
}

/// A unit, and where its answer is awaited.
struct Job {
    unit: Unit,
    answer: oneshot::Sender<Answer>,
}

/// The thread's side.
struct Groups {
    /// `None` after a failure, until the next group opens it again.
    connection: Option<Connection>,
    site: Site,
    /// Whether the last group could not be written.
    failed: Arc<AtomicBool>,
}

impl Groups {
    fn serve(&mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let group = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1));
            let (units, callers): (Vec<Unit>, Vec<_>) =
                group.map(|job| (job.unit, job.answer)).unzip();
            for (caller, answer) in callers.into_iter().zip(self.commit(&units)) {
                // Whoever asked may be gone; the unit is committed all the same.
                let _ = caller.send(answer);
            }
        }
    }

    /// Commits a group and gives the answer of each unit. If the group as a whole fails, no unit of it was committed
    /// (or, after a failure inside the commit itself, nobody knows), and each hears the same; none is run again.
    fn commit(&mut self, units: &[Unit]) -> Vec<Answer> {
        if let Err(error) = self.site.in_place() {
            tracing::error!(%error, units = units.len(), "a group of writes was refused");
            self.failed.store(true, Ordering::Release);
            // The connection stays open: of a file that was unlinked, it may hold all that is left.
            return vec![Err(error); units.len()];
        }
        let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(units)))
            .unwrap_or_else(|_| Err(DriverError::Unknown("the writer panicked".to_owned())));
        let touched = |answer: &Answer| answer.as_ref().is_ok_and(UnitOutcome::touched_a_row);
        match &attempt {
            Err(_) => self.failed.store(true, Ordering::Release),
            Ok(answers) if answers.iter().any(touched) => {
                self.failed.store(false, Ordering::Release);
            }
            Ok(_) => {}
        }
        attempt.unwrap_or_else(|error| {
            tracing::error!(%error, units = units.len(), "a group of writes failed");
            // Closing rolls back whatever is still open.
            self.connection = None;
            vec![Err(error); units.len()]
        })
    }

    fn attempt(&mut self, units: &[Unit]) -> Result<Vec<Answer>, DriverError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(self.site.connect(Mode::Write)?),
        };
        command(connection, "BEGIN IMMEDIATE")?;
        let answers = units
            .iter()
            .map(|unit| in_savepoint(connection, unit))
            .collect::<Result<_, _>>()?;
        command(connection, "COMMIT").map_err(commit_failure)?;
        Ok(answers)
    }
}

/// Runs a unit inside the group's transaction. The outer error is the group's end, the inner one this unit's alone.
fn in_savepoint(connection: &Connection, unit: &Unit) -> Result<Answer, DriverError> {
    command(connection, "SAVEPOINT unit").map_err(group_failure)?;
    let answer = run(connection, unit);
    if let Err(error) = &answer
        && connection.is_autocommit()
    {
        // SQLite gave up the whole transaction by itself (a full disk does that): the units before this one are undone.
        return Err(group_failure(error.clone()));
    }
    if !matches!(answer, Ok(UnitOutcome::Done(_))) {
        command(connection, "ROLLBACK TO unit").map_err(group_failure)?;
    }
    command(connection, "RELEASE unit").map_err(group_failure)?;
    Ok(answer)
}

fn run(connection: &Connection, unit: &Unit) -> Answer {
    let mut answers = Vec::with_capacity(unit.statements().len());
    for (index, statement) in unit.statements().iter().enumerate() {
        #[cfg(test)]
        assert_ne!(statement.sql(), PANIC);
        let rows = execute(connection, statement)?;
        if !statement.is_met_by(&rows) {
            return Ok(UnitOutcome::Unmet { statement: index });
        }
        answers.push(rows);
    }
    Ok(UnitOutcome::Done(answers))
}

fn command(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}

/// What one unit's failure means to the others of its group: not their fault, and not their commit.
fn group_failure(error: impl Into<DriverError>) -> DriverError {
    match error.into() {
        kept @ (DriverError::Corrupt(_) | DriverError::Unavailable(_)) => kept,
        other => DriverError::Unavailable(other.to_string()),
    }
}

/// After an I/O error inside the commit, its last page may or may not have reached the disk: a crash right now could
/// bring the group back. Every other failure is told before that page is written.
fn commit_failure(error: rusqlite::Error) -> DriverError {
    let outcome_is_open = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
    let error = DriverError::from(error);
    if outcome_is_open {
        DriverError::Unknown(error.to_string())
    } else {
        group_failure(error)
    }
}

/// A statement that makes the writer panic, for the tests.
#[cfg(test)]
pub(super) const PANIC: &str = "PANIC";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::driver::{Rows, Statement};

    fn shelf() -> (Groups, TempDir) {
        let directory = TempDir::new().unwrap();
        let site = Site::prepare(
            &directory.path().join("shelf.db"),
            Duration::from_millis(10),
        )
        .unwrap();
        let mut groups = Groups {
            connection: None,
            site,
            failed: Arc::default(),
        };
        let table = Statement::new("CREATE TABLE shelf (name TEXT PRIMARY KEY, note BYTEA)");
        assert_eq!(
            groups.commit(&[table.into()]),
            [Ok(UnitOutcome::Done(vec![Rows::changed(0)]))]
        );
        (groups, directory)
    }

    fn put(name: &str) -> Statement {
        Statement::new("INSERT INTO shelf (name) VALUES ($1)").bind(name)
    }

    fn count(groups: &Groups) -> i64 {
        let connection = groups.site.connect(Mode::Read).unwrap();
        connection
            .query_row("SELECT count(*) FROM shelf", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_unit_that_fails_leaves_its_group_alone() {
        let (mut groups, _directory) = shelf();
        let unmet = Unit::new([
            put("undone"),
            Statement::new("SELECT 1 WHERE 1 = 2").expect_some(),
        ]);
        let twice = Unit::new([put("also undone"), put("first")]);
        let wrong = Unit::new([put("undone as well"), Statement::new("SELECT nothing")]);
        let answers =
            groups.commit(&[put("first").into(), unmet, twice, wrong, put("last").into()]);
        assert!(matches!(answers[0], Ok(UnitOutcome::Done(_))));
        assert_eq!(answers[1], Ok(UnitOutcome::Unmet { statement: 1 }));
        assert!(matches!(answers[2], Err(DriverError::Constraint(_))));
        assert!(matches!(answers[3], Err(DriverError::Bug(_))));
        assert!(matches!(answers[4], Ok(UnitOutcome::Done(_))));
        assert_eq!(count(&groups), 2);
    }

    #[test]
    fn a_unit_sees_what_the_units_before_it_wrote() {
        let (mut groups, _directory) = shelf();
        let claim = || {
            Unit::from(
                Statement::new("INSERT INTO shelf (name) VALUES ('one') ON CONFLICT DO NOTHING")
                    .expect_some(),
            )
        };
        let answers = groups.commit(&[claim(), claim(), claim()]);
        assert!(matches!(answers[0], Ok(UnitOutcome::Done(_))));
        assert_eq!(
            answers[1..],
            [
                Ok(UnitOutcome::Unmet { statement: 0 }),
                Ok(UnitOutcome::Unmet { statement: 0 })
            ]
        );
    }

    /// Attacks: E07.
    #[test]
    fn a_full_disk_fails_the_whole_group_and_the_next_one_starts_afresh() {
        let (mut groups, _directory) = shelf();
        // The limit lasts as long as the connection.
        groups.commit(&[Statement::new("PRAGMA max_page_count = 10").into()]);
        let large = Statement::new("INSERT INTO shelf (name, note) VALUES ('large', $1)")
            .bind(vec![0_u8; 100_000]);
        let answers = groups.commit(&[
            put("before").into(),
            large.clone().into(),
            put("after").into(),
        ]);
        let reason = "database or disk is full";
        assert!(
            answers.iter().all(
                |answer| matches!(answer, Err(DriverError::Unavailable(said)) if said == reason)
            ),
            "{answers:?}"
        );
        assert_eq!(count(&groups), 0);

        let answers = groups.commit(&[put("before").into(), large.into(), put("after").into()]);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Ok(UnitOutcome::Done(_)))),
            "{answers:?}"
        );
        assert_eq!(count(&groups), 3);
    }

    /// Attacks: Z05.
    #[test]
    fn a_panic_ends_its_group_and_nothing_else() {
        let (mut groups, _directory) = shelf();
        let answers = groups.commit(&[put("before").into(), Statement::new(PANIC).into()]);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(DriverError::Unknown(_)))),
            "{answers:?}"
        );
        assert_eq!(count(&groups), 0);
        assert!(matches!(
            groups.commit(&[put("after").into()])[0],
            Ok(UnitOutcome::Done(_))
        ));
    }

    #[test]
    fn a_group_that_cannot_begin_is_refused_whole() {
        let (mut groups, _directory) = shelf();
        let other = groups.site.connect(Mode::Write).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let answers = groups.commit(&[put("one").into(), put("two").into()]);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(DriverError::Unavailable(_)))),
            "{answers:?}"
        );
        other.execute_batch("ROLLBACK").unwrap();
        assert!(matches!(
            groups.commit(&[put("one").into()])[0],
            Ok(UnitOutcome::Done(_))
        ));
    }
}
