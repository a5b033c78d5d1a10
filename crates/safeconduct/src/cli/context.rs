//! What the commands share: the configuration they read and the form in which they print.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use safeconduct_server::keys::{self, MasterKeys};

use super::contexts::Contexts;
use super::database::{Connected, Database};
use super::failure::Failure;
use super::output::Format;
use super::place::{Place, only_here};
use super::remote::Remote;
use crate::config::{self, Checked, Flag};
use crate::master_key::{MasterKey, MasterKeyError, VARIABLE};

/// What was given before the command.
pub(crate) struct Context {
    /// The configuration file, where one is named.
    pub(crate) config: Option<PathBuf>,
    /// The context, where one is named.
    pub(crate) context: Option<String>,
    /// The form of the data.
    pub(crate) output: Format,
}

impl Context {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it; or a context is named, which this is not for.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> Result<Checked, Failure> {
        if self.context.is_some() {
            return Err(only_here("it works on the configuration and the database"));
        }
        Ok(config::load(self.config.as_deref(), flags)?)
    }

    /// Runs `verb` where it is to work: by the API of the context that is named, or of the last one on a machine that has no
    /// configuration; else on the database, as [`on_database`](Self::on_database).
    ///
    /// # Errors
    /// Nobody is signed in there, or as [`on_database`](Self::on_database).
    pub(crate) fn on_place(
        &self,
        verb: impl AsyncFnOnce(&Place, Format) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if let Some((contexts, name)) = self.server()? {
            let known = contexts.known(&name)?;
            return block_on(async {
                let remote = Remote::of(&contexts, name, known).await?;
                let place = Place::There(Box::new(remote));
                verb(&place, self.output).await
            });
        }
        let checked = self.load(Vec::new())?;
        let masters = master_keys(&checked)?;
        block_on(async {
            let place = Place::Here(Box::new(Database::open(checked, masters).await?));
            let done = verb(&place, self.output).await;
            if let Place::Here(database) = place {
                database.store.close().await;
            }
            done
        })
    }

    /// The context by whose API a command works, if one does.
    fn server(&self) -> Result<Option<(Contexts, String)>, Failure> {
        if let Some(name) = &self.context {
            return Ok(Some((Contexts::of_this_user()?, name.clone())));
        }
        if config::is_there(self.config.as_deref()) {
            return Ok(None);
        }
        // Without a home there is none to look in.
        let contexts = Contexts::of_this_user().ok();
        Ok(contexts.and_then(|contexts| {
            let current = contexts.current()?;
            Some((contexts, current))
        }))
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
        let masters = master_keys(&checked)?;
        block_on(async {
            let database = Database::open(checked, masters).await?;
            let done = verb(&database, self.output).await;
            database.store.close().await;
            done
        })
    }

    /// The same without a look at the keys, for what goes on where one of them does not open.
    ///
    /// # Errors
    /// The configuration's, the database's, or the verb's own.
    pub(crate) fn on_connected(
        &self,
        verb: impl AsyncFnOnce(&Connected, Format) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let checked = self.load(Vec::new())?;
        let masters = master_keys(&checked)?;
        block_on(async {
            let connected = Connected::open(checked, masters).await?;
            let done = verb(&connected, self.output).await;
            connected.store.close().await;
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

/// The master keys of a server with this configuration. Where everything stays on this machine, one is made beside the database
/// the first time. Those of a file are read again when one is missing.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_keys(checked: &Checked) -> Result<MasterKeys, MasterKeyError> {
    let (keys, path) = match find_master_keys(checked)? {
        Found::InEnvironment { keys } => return Ok(MasterKeys::new(wrapping(&keys))),
        Found::InFile { keys, path } => (keys, path),
        Found::ToBeMade { path } => {
            let key = MasterKey::generate();
            match key.write_new(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "made a master key"),
                // Another process was first: its key is the one.
                Err(MasterKeyError::Unwritable { source, .. })
                    if source.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            (MasterKey::read(&path)?, path)
        }
    };
    let keys = wrapping(&keys);
    Ok(MasterKeys::read_again_by(keys, move || {
        let keys = MasterKey::read(&path).map_err(|error| error.to_string())?;
        Ok(wrapping(&keys))
    }))
}

fn wrapping(keys: &[MasterKey]) -> Vec<keys::MasterKey> {
    let keys = keys.iter();
    keys.map(|key| keys::MasterKey::from_bytes(*key.expose()))
        .collect()
}

/// The file that holds the master keys; `None` where they stand in the environment.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key_file(checked: &Checked) -> Result<Option<PathBuf>, MasterKeyError> {
    Ok(match find_master_keys(checked)? {
        Found::InEnvironment { .. } => None,
        Found::InFile { path, .. } | Found::ToBeMade { path } => Some(path),
    })
}

/// Where the master key comes from, in words; it is read, but none is made.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key_origin(checked: &Checked) -> Result<String, MasterKeyError> {
    Ok(match find_master_keys(checked)? {
        Found::InEnvironment { .. } => VARIABLE.to_owned(),
        Found::InFile { path, .. } => path.display().to_string(),
        Found::ToBeMade { path } => format!("{} (made on first start)", path.display()),
    })
}

/// The master keys, unless there is one that is only made on first start.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_keys_if_made(checked: &Checked) -> Result<Option<MasterKeys>, MasterKeyError> {
    Ok(match find_master_keys(checked)? {
        Found::InEnvironment { keys } | Found::InFile { keys, .. } => {
            Some(MasterKeys::new(wrapping(&keys)))
        }
        Found::ToBeMade { .. } => None,
    })
}

/// What is known of the master keys.
enum Found {
    /// They stand in the environment.
    InEnvironment { keys: Vec<MasterKey> },
    /// They are in this file.
    InFile { keys: Vec<MasterKey>, path: PathBuf },
    /// One may be made here.
    ToBeMade { path: PathBuf },
}

/// The keys in the environment, else in the file that the configuration names, else (for development) beside the database.
fn find_master_keys(checked: &Checked) -> Result<Found, MasterKeyError> {
    if let Ok(text) = std::env::var(VARIABLE) {
        return Ok(Found::InEnvironment {
            keys: MasterKey::from_environment(&text)?,
        });
    }
    let database = checked.database.file();
    let beside = database.map(|file| file.with_file_name("master.key"));
    let path = match (&checked.master_key_file, &beside) {
        (Some(path), _) => path,
        (None, Some(beside)) if checked.issuer.is_development() => beside,
        (None, _) => return Err(MasterKeyError::None),
    };
    let path = path.clone();
    if checked.master_key_file.is_none() && !path.exists() {
        // A database that exists was wrapped with a key: another one would not open it.
        return if database.is_some_and(Path::exists) {
            Err(MasterKeyError::Gone { path })
        } else {
            Ok(Found::ToBeMade { path })
        };
    }
    Ok(Found::InFile {
        keys: MasterKey::read(&path)?,
        path,
    })
}
