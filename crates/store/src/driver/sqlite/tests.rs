//! Claims about this driver alone: files, their permissions and refusals, and what a second connection sees.
//! What every driver must keep is in the contract.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusqlite::StatementStatus;
use tempfile::TempDir;

use super::*;

const SHELF_1: Migration = Migration {
    version: 1,
    name: "shelf",
    sql: "CREATE TABLE shelf (name TEXT PRIMARY KEY, copies BIGINT NOT NULL, note BYTEA)",
};

const SHELF: &[Migration] = &[SHELF_1];

/// The schema of the release after.
const WIDER: &[Migration] = &[
    SHELF_1,
    Migration {
        version: 2,
        name: "wider",
        sql: "ALTER TABLE shelf ADD COLUMN width BIGINT",
    },
];

fn settings() -> Settings {
    Settings {
        busy_timeout: Duration::from_millis(10),
        migrations: SHELF,
        ..Settings::default()
    }
}

fn open(path: &Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(path, &settings())
}

fn refused(path: &Path) -> OpenError {
    open(path).err().expect("the file must be refused")
}

fn put(name: &str) -> Unit {
    Statement::new("INSERT INTO shelf (name, copies) VALUES ($1, 1)")
        .bind(name)
        .into()
}

fn count(sqlite: &Sqlite) -> i64 {
    let rows = sqlite
        .read(&Statement::new("SELECT count(*) FROM shelf"))
        .unwrap();
    rows.into_first().unwrap().integer().unwrap()
}

#[tokio::test]
async fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let sqlite = open(&path).unwrap();
    sqlite.run(put("one")).await.unwrap();
    drop(sqlite);
    assert_eq!(count(&open(&path).unwrap()), 1);
}

#[tokio::test]
async fn a_closed_database_answers_nothing_and_is_one_whole_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let sqlite = open(&path).unwrap();
    sqlite.run(put("one")).await.unwrap();
    assert_eq!(count(&sqlite), 1);
    sqlite.close().await;
    let read = sqlite.read(&Statement::new("SELECT count(*) FROM shelf"));
    assert!(matches!(read, Err(DriverError::Unavailable(_))));
    assert!(matches!(
        sqlite.run(put("two")).await,
        Err(DriverError::Unavailable(_))
    ));
    let files = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 1, "nothing is left in a log beside it");
    assert_eq!(count(&open(&path).unwrap()), 1);
}

#[tokio::test]
async fn the_file_and_its_directory_are_nobody_elses() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data/here/safeconduct.db");
    let sqlite = open(&path).unwrap();
    sqlite.run(put("one")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(
            mode(Path::new(&format!("{}{suffix}", path.display()))),
            0o600,
            "{suffix}"
        );
    }
}

fn is_moved<T: std::fmt::Debug>(answer: Result<T, DriverError>) -> bool {
    matches!(answer, Err(DriverError::Unavailable(reason)) if reason.contains("moved or replaced"))
}

#[tokio::test]
async fn a_file_that_is_moved_while_open_is_unavailable_until_it_is_back() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let away = directory.path().join("away.db");
    let sqlite = open(&path).unwrap();
    let all = || Statement::new("SELECT name FROM shelf");
    sqlite.run(put("before")).await.unwrap();
    assert_eq!(count(&sqlite), 1);

    fs::rename(&path, &away).unwrap();
    assert!(is_moved(sqlite.run(put("lost")).await));
    assert!(is_moved(sqlite.read(&all())));
    assert!(is_moved(sqlite.scan(all()).await));
    assert!(matches!(refused(&path), OpenError::Failed { .. }));
    assert!(!path.exists(), "no new file is made beside the log");

    fs::write(&path, "").unwrap();
    assert!(is_moved(sqlite.run(put("lost")).await));
    assert!(is_moved(sqlite.read(&all())));

    fs::rename(&away, &path).unwrap();
    sqlite.run(put("after")).await.unwrap();
    assert_eq!(count(&sqlite), 2);
    drop(sqlite);
    assert_eq!(count(&open(&path).unwrap()), 2);
}

#[tokio::test]
async fn what_was_answered_outlives_a_stop_while_the_file_is_away() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let away = directory.path().join("away.db");
    let sqlite = open(&path).unwrap();
    sqlite.run(put("before")).await.unwrap();
    fs::rename(&path, &away).unwrap();
    assert!(is_moved(sqlite.run(put("lost")).await));
    sqlite.close().await;
    fs::rename(&away, &path).unwrap();
    assert_eq!(count(&open(&path).unwrap()), 1);
}

/// Attacks: E08.
#[tokio::test]
async fn a_write_that_failed_is_remembered_until_one_succeeds() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let sqlite = open(&path).unwrap();
    sqlite.run(put("one")).await.unwrap();
    assert!(!sqlite.has_failed_to_write());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(sqlite.run(put("two")).await.is_err());
    assert!(sqlite.has_failed_to_write());
    assert_eq!(count(&sqlite), 1, "what is only asked is answered");
    assert!(sqlite.has_failed_to_write());
    other.execute_batch("ROLLBACK").unwrap();
    // A unit that changes nothing, for whatever reason, says nothing for the database, and nothing against it.
    let nothing = Statement::new("DELETE FROM shelf WHERE name = 'none'");
    sqlite.run(nothing.into()).await.unwrap();
    assert!(sqlite.run(put("one")).await.is_err());
    assert!(sqlite.has_failed_to_write());
    sqlite.run(put("two")).await.unwrap();
    assert!(!sqlite.has_failed_to_write());
    assert!(sqlite.run(put("one")).await.is_err());
    assert!(!sqlite.has_failed_to_write());
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    let text =
        "These are notes, and they are longer than the header of a database would be.".repeat(20);
    fs::write(&path, &text).unwrap();
    assert!(matches!(refused(&path), OpenError::NotADatabase { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("photos.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(refused(&path), OpenError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Attacks: E07.
#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        refused(&file.join("safeconduct.db")),
        OpenError::Unwritable { .. }
    ));
    assert!(matches!(
        refused(directory.path()),
        OpenError::Unwritable { .. }
    ));
}

#[test]
fn a_file_that_another_process_holds_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    drop(open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    assert!(matches!(refused(&path), OpenError::Locked { .. }));
}

#[test]
fn a_schema_of_a_later_release_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    drop(open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO schema_history (version, name, sql) VALUES (2, 'later', 'SELECT 1')",
        )
        .unwrap();
    assert!(matches!(
        refused(&path),
        OpenError::Newer { found: 2, known: 1 }
    ));
}

/// Attacks: A08, E22.
#[tokio::test]
async fn two_releases_use_one_database_while_it_is_upgraded() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let older = open(&path).unwrap();
    older.run(put("before")).await.unwrap();
    assert_eq!(count(&older), 1);
    let wider = Settings {
        migrations: WIDER,
        ..settings()
    };
    let newer = Sqlite::open(&path, &wider).unwrap();
    assert_eq!(newer.migrated(), 1);
    // The older one has prepared its statements already.
    older.run(put("of the older")).await.unwrap();
    let wide = "INSERT INTO shelf (name, copies, width) VALUES ('of the newer', 1, 7)";
    newer.run(Statement::new(wide).into()).await.unwrap();
    assert_eq!((count(&older), count(&newer)), (3, 3));
    assert_eq!(Sqlite::open(&path, &wider).unwrap().migrated(), 0);
}

/// Attacks: E22.
#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    const BROKEN: &[Migration] = &[Migration {
        version: 1,
        name: "broken",
        sql: "CREATE TABLE shelf (name TEXT PRIMARY KEY); CREATE TABLE shelf (name TEXT)",
    }];
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    assert!(
        Sqlite::open(
            &path,
            &Settings {
                migrations: BROKEN,
                ..settings()
            }
        )
        .is_err()
    );
    assert_eq!(count(&open(&path).unwrap()), 0);
}

/// Attacks: E06.
#[tokio::test]
async fn a_damaged_page_is_not_served() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let sqlite = open(&path).unwrap();
    for name in 0..1_000 {
        sqlite
            .run(put(&format!("a name to fill pages with: {name}")))
            .await
            .unwrap();
    }
    drop(sqlite);
    let mut bytes = fs::read(&path).unwrap();
    let pages = 3 * 4096..bytes.len();
    bytes[pages].fill(0xff);
    fs::write(&path, bytes).unwrap();

    let sqlite = open(&path).unwrap();
    let answer = sqlite
        .scan(Statement::new("SELECT name, copies FROM shelf"))
        .await;
    assert!(matches!(answer, Err(DriverError::Corrupt(_))), "{answer:?}");
    let answer = sqlite.run(put("another")).await;
    assert!(matches!(answer, Err(DriverError::Corrupt(_))), "{answer:?}");
}

#[tokio::test]
async fn a_reader_sees_what_is_committed_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let sqlite = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO shelf (name, copies) VALUES ('one', 1)")
        .unwrap();
    assert_eq!(count(&sqlite), 0);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&sqlite), 1);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let directory = TempDir::new().unwrap();
    let sqlite = open(&directory.path().join("safeconduct.db")).unwrap();
    let write = Statement::new("INSERT INTO shelf (name, copies) VALUES ('one', 1)");
    assert!(sqlite.read(&write).is_err());
    assert!(sqlite.scan(write).await.is_err());
    assert_eq!(count(&sqlite), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_keeps_what_it_took() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    let patient = Settings {
        busy_timeout: Duration::from_secs(60),
        queue: 1,
        ..settings()
    };
    let sqlite = Sqlite::open(&path, &patient).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    // The writer waits for the other process, so the queue must fill. Nobody waits for these answers.
    let mut accepted = 0;
    loop {
        let waiting = pin!(sqlite.run(put(&accepted.to_string())));
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => accepted += 1,
            Poll::Ready(answer) => {
                assert!(
                    matches!(answer, Err(DriverError::Unavailable(_))),
                    "{answer:?}"
                );
                break;
            }
        }
    }

    other.execute_batch("ROLLBACK").unwrap();
    drop(sqlite);
    assert_eq!(count(&open(&path).unwrap()), accepted);
}

#[test]
fn a_statement_is_compiled_once_whatever_it_is_asked() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("safeconduct.db");
    drop(open(&path).unwrap());
    let site = Site::prepare(&path, Duration::from_millis(10)).unwrap();
    for mode in [Mode::Read, Mode::Write] {
        let connection = site.connect(mode).unwrap();
        // By default SQLite compiles this one anew for each value, in the hope of a better plan.
        let sql = "SELECT a.copies FROM shelf a LEFT JOIN shelf b ON b.name = $2 WHERE a.name = $1 AND a.copies > $3";
        for round in 0..3 {
            let statement = Statement::new(sql)
                .bind(round.to_string())
                .bind("b")
                .bind(round);
            execute(&connection, &statement).unwrap();
        }
        let prepared = connection.prepare_cached(sql).unwrap();
        assert_eq!(prepared.get_status(StatementStatus::RePrepare), 0);
    }
}
