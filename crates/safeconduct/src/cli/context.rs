//! What the commands share: the configuration they read and the form in which they print.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::failure::Failure;
use super::output::Format;
use crate::config::{self, Checked, Flag};
use crate::master_key::{MasterKey, MasterKeyError, VARIABLE};

/// What was given before the command.
pub(crate) struct Context {
    /// The configuration file, where one is named.
    pub(crate) config: Option<PathBuf>,
    /// The form of the data.
    pub(crate) output: Format,
}

impl Context {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> Result<Checked, Failure> {
        Ok(config::load(self.config.as_deref(), flags)?)
    }

    /// Opens the database and runs `verb` on it. A server may be running beside it, and sees the change within a second.
    ///
    /// # Errors
    /// The configuration's, the database's, or the verb's own.
    pub(crate) fn on_database(
        &self,
        verb: impl AsyncFnOnce(&Database, Format) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let checked = self.load(Vec::new())?;
        let master = master_key(&checked)?;
        block_on(async {
            let database = Database::open(checked, &master).await?;
            let done = verb(&database, self.output).await;
            database.store.close().await;
            done
        })
    }
}

/// Does the work of one command, which has nothing else to do meanwhile.
///
/// # Errors
/// The work's own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::failed("no runtime could be started", error))?;
    runtime.block_on(work)
}

/// The master key of a server with this configuration. Where everything stays on this machine, one is made beside the
/// database the first time.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key(checked: &Checked) -> Result<MasterKey, MasterKeyError> {
    match find_master_key(checked)? {
        Found::Key { key, .. } => Ok(key),
        Found::ToBeMade { path } => {
            let key = MasterKey::generate();
            match key.write_new(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "made a master key");
                    Ok(key)
                }
                // Another process was first: its key is the one.
                Err(MasterKeyError::Unwritable { source, .. })
                    if source.kind() == ErrorKind::AlreadyExists =>
                {
                    MasterKey::read(&path)
                }
                Err(error) => Err(error),
            }
        }
    }
}

/// Where the master key comes from, in words; it is read, but none is made.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key_origin(checked: &Checked) -> Result<String, MasterKeyError> {
    Ok(match find_master_key(checked)? {
        Found::Key { origin, .. } => origin,
        Found::ToBeMade { path } => format!("{} (made on first start)", path.display()),
    })
}

/// The master key, unless it is one that is only made on first start.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key_if_made(checked: &Checked) -> Result<Option<MasterKey>, MasterKeyError> {
    Ok(match find_master_key(checked)? {
        Found::Key { key, .. } => Some(key),
        Found::ToBeMade { .. } => None,
    })
}

/// What is known of the master key.
enum Found {
    /// It is there, and came from here.
    Key { key: MasterKey, origin: String },
    /// It may be made here.
    ToBeMade { path: PathBuf },
}

/// The key in the environment, else in the file that the configuration names, else (for development) beside the database.
fn find_master_key(checked: &Checked) -> Result<Found, MasterKeyError> {
    if let Ok(text) = std::env::var(VARIABLE) {
        return Ok(Found::Key {
            key: MasterKey::from_environment(&text)?,
            origin: VARIABLE.to_owned(),
        });
    }
    let database = checked.database.file();
    let beside = database.map(|file| file.with_file_name("master.key"));
    let path = match (&checked.master_key_file, &beside) {
        (Some(path), _) => path,
        (None, Some(beside)) if checked.issuer.is_development() => beside,
        (None, _) => return Err(MasterKeyError::None),
    };
    if checked.master_key_file.is_none() && !path.exists() {
        let path = path.clone();
        // A database that exists was wrapped with a key: another one would not open it.
        return if database.is_some_and(Path::exists) {
            Err(MasterKeyError::Gone { path })
        } else {
            Ok(Found::ToBeMade { path })
        };
    }
    Ok(Found::Key {
        key: MasterKey::read(path)?,
        origin: path.display().to_string(),
    })
}
