//! A copy of the file at one moment, while others read and write it: whole and checked under its name, or not there at all.
//!
//! The copy says in its header that it is one. It remembers less than was handed out since, so a server refuses it until a new era has begun
//! on it: forgetting that step would make redeemed codes good again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use safeconduct_protocol::random;

use super::site::{BACKUP_ID, BUSY_TIMEOUT, Mode, Origin, Site, file_id, origin, sync_directory};
use crate::driver::error::{BackupError, OpenError};

/// What SQLite keeps beside a database, under its name.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Copies the database at `source` to `target`, which is not there yet. Gives the size of the copy in bytes.
pub(crate) fn back_up(source: &Path, target: &Path) -> Result<u64, BackupError> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| failed(path, error));
    let (source, target) = (absolute(source)?, absolute(target)?);
    if !source.is_file() {
        return Err(BackupError::Missing { path: source });
    }
    is_free(&source, &target)?;
    let site = Site::prepare(&source, BUSY_TIMEOUT)?;
    let connection = site
        .connect(Mode::Read)
        .map_err(|error| site.refusal(error))?;
    match origin(&connection).map_err(|error| site.refusal(error))? {
        Origin::Ours | Origin::Backup => {}
        Origin::New => return Err(BackupError::Missing { path: source }),
        Origin::Foreign => return Err(OpenError::Foreign { path: source }.into()),
    }
    let unfinished = Unfinished::new(&target)?;
    copy(&connection, &unfinished.path).map_err(|error| failed(&target, error))?;
    let size = unfinished.check()?;
    unfinished.finish(&target)?;
    Ok(size)
}

/// Whether `target` is a name that nothing has, and that SQLite will not take for what belongs to the database.
fn is_free(source: &Path, target: &Path) -> Result<(), BackupError> {
    let path = target.to_owned();
    let mut own = BESIDE.map(|suffix| beside(source, suffix)).to_vec();
    own.push(source.to_owned());
    if own.iter().any(|own| own == target || is_same(own, target)) {
        return Err(BackupError::Onto { path });
    }
    match fs::symlink_metadata(target) {
        Ok(_) => Err(BackupError::Exists { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(target, error)),
    }
}

/// Whether both names lead to one file, or would: the folders may be written in several ways.
fn is_same(own: &Path, target: &Path) -> bool {
    if let (Ok(own), Ok(target)) = (file_id(own), file_id(target)) {
        return own == target;
    }
    let folder = |path: &Path| path.parent().and_then(|folder| file_id(folder).ok());
    own.file_name() == target.file_name() && folder(own).is_some() && folder(own) == folder(target)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Everything in one step: the file is read as it was at one moment, and whoever writes meanwhile neither waits nor begins the copy anew.
fn copy(source: &Connection, path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(path, flags)?;
    target.busy_timeout(Duration::ZERO)?;
    // Nobody else knows the file, and it is on the disk before it has its name.
    target.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?;
    {
        let backup = Backup::new(source, &mut target)?;
        while backup.step(-1)? != StepResult::Done {}
    }
    // One file, without a log beside it.
    target.execute_batch("PRAGMA journal_mode = DELETE")?;
    target.pragma_update(None, "application_id", BACKUP_ID)?;
    target.close().map_err(|(_, error)| error)
}

/// A file that is gone unless it is finished.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// An empty one beside `target`, for its owner alone whatever the umask is.
    fn new(target: &Path) -> Result<Self, BackupError> {
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(failed(target, "it is no name of a file"));
        };
        let chance = u64::from_le_bytes(random::bytes());
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{chance:016x}"));
        let path = folder.join(hidden);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&path).map_err(|error| failed(target, error))?;
        let unfinished = Self { path };
        let mode = fs::metadata(&unfinished.path)
            .map_err(|error| failed(target, error))?
            .mode();
        if mode & 0o077 != 0 {
            return Err(BackupError::OpenToOthers {
                path: target.to_owned(),
            });
        }
        Ok(unfinished)
    }

    /// Reads the whole copy. Gives its size.
    fn check(&self) -> Result<u64, BackupError> {
        let damaged = |reason: String| BackupError::Damaged { reason };
        let sql = |error: rusqlite::Error| damaged(error.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(sql)?;
        let found: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(sql)?;
        if found != "ok" {
            return Err(damaged(found));
        }
        if origin(&connection).map_err(sql)? != Origin::Backup {
            return Err(damaged("it does not say that it is a backup".to_owned()));
        }
        let metadata = fs::metadata(&self.path).map_err(|error| damaged(error.to_string()))?;
        Ok(metadata.len())
    }

    /// Gives it its name, which nothing has taken meanwhile, once it is on the disk.
    fn finish(self, target: &Path) -> Result<(), BackupError> {
        let on_disk = File::open(&self.path).and_then(|file| file.sync_all());
        on_disk.map_err(|error| failed(target, error))?;
        let named = renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE);
        named.map_err(|error| match error {
            rustix::io::Errno::EXIST => BackupError::Exists {
                path: target.to_owned(),
            },
            error => failed(target, io::Error::from(error)),
        })?;
        let folder = target.parent().map_or(Ok(()), sync_directory);
        folder.map_err(|error| failed(target, error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After it was finished there is none, and nothing that SQLite kept beside it.
        let _ = fs::remove_file(&self.path);
        for suffix in BESIDE {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

fn failed(path: &Path, reason: impl ToString) -> BackupError {
    BackupError::Failed {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::{Settings, Sqlite};
    use super::*;
    use crate::driver::Statement;

    /// A database with so many events, which is open.
    fn database(folder: &Path) -> (PathBuf, Sqlite) {
        let path = folder.join("safeconduct.db");
        let sqlite = Sqlite::open(&path, &Settings::default()).unwrap();
        (path, sqlite)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn mark(sqlite: &Sqlite, number: i64) {
        let statement = Statement::new("UPDATE revision SET number = $1").bind(number);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(sqlite.run(statement.into())).unwrap();
    }

    fn marked(path: &Path) -> i64 {
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection
            .query_row("SELECT number FROM revision", [], |row| row.get(0))
            .unwrap()
    }

    /// Attacks: RU45.
    #[test]
    fn a_backup_is_whole_for_its_owner_alone_and_not_to_be_served() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, sqlite) = database(folder.path());
        mark(&sqlite, 7);
        let target = elsewhere.path().join("copy");
        let size = back_up(&path, &target).unwrap();
        mark(&sqlite, 8);
        assert_eq!(names(elsewhere.path()), ["copy"]);
        let metadata = fs::metadata(&target).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, size));
        assert_eq!((marked(&path), marked(&target)), (8, 7));
        let refused = Sqlite::open(&target, &Settings::default()).err().unwrap();
        assert!(matches!(refused, OpenError::Backup { .. }), "{refused}");
        let restored = Sqlite::open(
            &target,
            &Settings {
                admits_backups: true,
                ..Settings::default()
            },
        );
        let restored = restored.unwrap();
        restored.admit().unwrap();
        drop(restored);
        assert!(Sqlite::open(&target, &Settings::default()).is_ok());
        // A backup of a backup that was put in place is one as well.
        assert!(back_up(&target, &elsewhere.path().join("next")).is_ok());
    }

    /// Attacks: RU42, RU43.
    #[test]
    fn a_backup_takes_the_place_of_nothing() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, sqlite) = database(folder.path());
        mark(&sqlite, 7);
        let there = |name: &str| elsewhere.path().join(name);
        fs::write(there("file"), "Dear diary").unwrap();
        symlink(&path, there("link")).unwrap();
        symlink(there("nowhere"), there("dangling")).unwrap();
        fs::hard_link(&path, there("hard")).unwrap();
        symlink(folder.path(), there("folder")).unwrap();
        let before = names(folder.path());
        for target in [
            path.clone(),
            there("link"),
            there("hard"),
            beside(&path, "-wal"),
            beside(&path, "-shm"),
            beside(&path, "-journal"),
            there("folder").join("safeconduct.db-journal"),
        ] {
            let refused = back_up(&path, &target).unwrap_err();
            assert!(
                matches!(refused, BackupError::Onto { .. }),
                "{}: {refused}",
                target.display()
            );
        }
        for target in [
            there("file"),
            there("dangling"),
            elsewhere.path().to_owned(),
        ] {
            let refused = back_up(&path, &target).unwrap_err();
            assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
        }
        let refused = back_up(&path, &there("none").join("copy")).unwrap_err();
        assert!(matches!(refused, BackupError::Failed { .. }), "{refused}");
        assert_eq!(names(folder.path()), before);
        assert_eq!(fs::read_to_string(there("file")).unwrap(), "Dear diary");
        assert_eq!(marked(&path), 7);
        mark(&sqlite, 8);
    }

    #[test]
    fn what_is_no_database_of_ours_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy");
        let missing = back_up(&folder.path().join("none.db"), &target).unwrap_err();
        assert!(matches!(missing, BackupError::Missing { .. }), "{missing}");
        let foreign = folder.path().join("foreign.db");
        Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE a (b)")
            .unwrap();
        let refused = back_up(&foreign, &target).unwrap_err();
        assert!(
            matches!(refused, BackupError::Database(OpenError::Foreign { .. })),
            "{refused}"
        );
        assert_eq!(names(folder.path()), ["foreign.db"]);
    }

    /// Attacks: RU45.
    #[test]
    fn a_backup_under_load_is_of_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sqlite) = database(folder.path());
        mark(&sqlite, 0);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    mark(&sqlite, number);
                }
            });
            for number in 0..8 {
                let target = folder.path().join(format!("copy-{number}"));
                back_up(&path, &target).unwrap();
                assert!(marked(&target) <= marked(&path));
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
