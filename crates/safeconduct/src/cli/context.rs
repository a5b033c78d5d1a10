//! What the commands share: the configuration they read and the form in which they print.

use std::path::{Path, PathBuf};

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
}

/// The master key of a server with this configuration. Where everything stays on this machine, one is made beside the
/// database the first time.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key(checked: &Checked) -> Result<MasterKey, MasterKeyError> {
    let environment = std::env::var(VARIABLE).ok();
    let beside = checked
        .is_for_development()
        .then(|| beside_database(checked));
    match MasterKey::load(
        environment.as_deref(),
        checked.master_key_file.as_deref(),
        beside.as_deref(),
    ) {
        Err(MasterKeyError::None) => {
            // A database that exists was wrapped with a key: another one would not open it.
            let path = beside
                .filter(|_| !checked.database.exists())
                .ok_or(MasterKeyError::None)?;
            let key = MasterKey::generate();
            key.write_new(&path)?;
            tracing::info!(path = %path.display(), "made a master key");
            Ok(key)
        }
        loaded => loaded,
    }
}

/// Where the master key comes from, in words; it is read, but none is made.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn master_key_origin(checked: &Checked) -> Result<String, MasterKeyError> {
    let environment = std::env::var(VARIABLE).ok();
    let beside = checked
        .is_for_development()
        .then(|| beside_database(checked));
    match MasterKey::load(
        environment.as_deref(),
        checked.master_key_file.as_deref(),
        beside.as_deref(),
    ) {
        Ok(_) if environment.is_some() => Ok(VARIABLE.to_owned()),
        Ok(_) => Ok(checked
            .master_key_file
            .clone()
            .or(beside)
            .unwrap_or_default()
            .display()
            .to_string()),
        Err(MasterKeyError::None) => match beside.filter(|_| !checked.database.exists()) {
            Some(path) => Ok(format!("{} (made on first start)", path.display())),
            None => Err(MasterKeyError::None),
        },
        Err(error) => Err(error),
    }
}

fn beside_database(checked: &Checked) -> PathBuf {
    checked
        .database
        .parent()
        .unwrap_or(Path::new(""))
        .join("master.key")
}
