//! Sessions in a file that only its owner may read: for an app on a user's own computer, run as one or many processes at once.
//!
//! Every change is made under a lock and put in the place of the file as a whole, so that two processes never lose what the
//! other wrote, and a reader never sees half of it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safeconduct_protocol::encoding;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Logout, SessionKey, SessionRow, SessionStore, StoreError, StoreFuture};
use crate::error::Error;
use crate::session::key_ring::KeyRing;
use crate::tokens::stored::perhaps_exposed;

/// The longest file that is read: a few sessions of 16 KiB.
const LONGEST: u64 = 1024 * 1024;

/// A file with the sessions of one app and one user of this computer, and with the key that seals them. What protects it is
/// that no other user may read it: a file or folder that others may read or write is refused. Cheap to clone.
#[derive(Clone)]
pub struct TokenFile {
    place: Place,
    keys: KeyRing,
}

/// Where a file is.
#[derive(Clone)]
struct Place(Arc<Path>);

/// What stands in the file. Has no `Debug`.
#[derive(Default, Serialize, Deserialize)]
struct Contents {
    /// What seals the sessions; made with the file.
    #[serde(serialize_with = "perhaps_exposed")]
    key: Option<Secret>,
    /// The session that began last.
    current: Option<String>,
    sessions: BTreeMap<String, Kept>,
    /// The logouts that were carried out, and until when they are remembered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    logouts: BTreeMap<String, Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: i64,
    sealed: String,
    expires_at: Timestamp,
    subject: Option<String>,
    server_session: Option<String>,
}

impl TokenFile {
    /// The file at `path`. It is made when it is not there, and so is its folder, for its owner alone.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind): the file or its folder can't be had, or another user may read or
    /// write it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let place = Place(path.into());
        let key = place.make_folder().and_then(|()| place.key());
        let key = key.map_err(|error| {
            let path = place.0.display();
            Error::configuration(format!("tokens can't be kept in {path}: {error}"))
                .with_source(error)
        })?;
        let keys = KeyRing::parse(&key)?;
        Ok(Self { place, keys })
    }

    /// The file `tokens.json` in the [`state_folder`] of `app`.
    ///
    /// # Errors
    /// As [`TokenFile::open`] and [`state_folder`].
    pub fn of_app(app: &str) -> Result<Self, Error> {
        Self::open(state_folder(app)?.join("tokens.json"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.place.0
    }

    /// What seals what is in it.
    pub(crate) fn keys(&self) -> KeyRing {
        self.keys.clone()
    }

    /// The session that began last, if it has not ended.
    pub(crate) async fn current(&self) -> Result<Option<SessionKey>, StoreError> {
        self.blocking(|file| {
            let contents = file.read()?;
            let current = contents
                .current
                .filter(|name| contents.sessions.contains_key(name));
            Ok(current
                .and_then(|name| bytes(&name))
                .map(SessionKey::from_bytes))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.place.clone();
        match tokio::task::spawn_blocking(move || work(&place)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                let path = self.path().display();
                Err(StoreError::new(format!("{path}: {error}")))
            }
            Err(error) => Err(StoreError::new(error)),
        }
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenFile").field(&self.place.0).finish()
    }
}

impl Place {
    /// The key of this file; the first process makes it.
    fn key(&self) -> io::Result<Secret> {
        if let Some(key) = self.read()?.key {
            return Ok(key);
        }
        self.change(|contents| contents.key.get_or_insert_with(Secret::generate).clone())
    }

    fn make_folder(&self) -> io::Result<()> {
        let folder = self.folder();
        let mut maker = fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(folder)?;
        refuse_other_users(folder, &fs::metadata(folder)?)
    }

    fn folder(&self) -> &Path {
        match self.0.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.0.as_os_str().to_owned();
        name.push(ending);
        name.into()
    }

    /// What is in the file; nothing where there is none.
    fn read(&self) -> io::Result<Contents> {
        let mut file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        if !about.is_file() || about.len() > LONGEST {
            return Err(io::Error::other("this is no file of tokens"));
        }
        refuse_other_users(&self.0, &about)?;
        let mut text = zeroize::Zeroizing::new(Vec::new());
        (&mut file).take(LONGEST).read_to_end(&mut text)?;
        // The words of the parser may repeat what it met.
        serde_json::from_slice(&text).map_err(|error| {
            io::Error::other(format!(
                "line {} is not as this library wrote it",
                error.line()
            ))
        })
    }

    /// Makes `change` while no other process does, and puts the result in the file's place.
    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> io::Result<T> {
        let lock = private().truncate(false).open(self.beside(".lock"))?;
        lock.lock()?;
        let mut contents = self.read()?;
        let changed = change(&mut contents);
        self.write(&contents)?;
        lock.unlock()?;
        Ok(changed)
    }

    fn write(&self, contents: &Contents) -> io::Result<()> {
        let text = zeroize::Zeroizing::new(serde_json::to_vec(contents).map_err(io::Error::other)?);
        let new = self.beside(&format!(".{}", &random::token()[..8]));
        let written = private().create_new(true).open(&new).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &self.0)
        });
        if written.is_err() {
            // What is left of it is of no use; the failure that is told is the first one.
            let _ = fs::remove_file(&new);
        }
        written?;
        #[cfg(unix)]
        File::open(self.folder())?.sync_all()?;
        Ok(())
    }
}

/// A file for its owner alone, where it is not there yet.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Windows has no such modes: there a user's own folder is kept from others by its owner.
fn refuse_other_users(path: &Path, about: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
        let mode = if about.is_dir() { "700" } else { "600" };
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "other users may read or write it; run chmod {mode} {}",
                path.display()
            ),
        ));
    }
    #[cfg(not(unix))]
    let _ = (path, about);
    Ok(())
}

/// The folder `app` where programs of this user keep what they know of: in `$XDG_STATE_HOME`, else `~/.local/state`; on a Mac in
/// `~/Library/Application Support`, on Windows in `%LOCALAPPDATA%`. It may not be there yet.
///
/// # Errors
/// [`ErrorKind::Configuration`](crate::ErrorKind): the environment names no home.
pub fn state_folder(app: &str) -> Result<PathBuf, Error> {
    let folder = folder_of_states(&|name| std::env::var_os(name).map(PathBuf::from));
    let folder = folder.ok_or_else(|| {
        Error::configuration("there is no home directory to keep tokens in; name a file")
    })?;
    Ok(folder.join(app))
}

fn folder_of_states(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative path is none (XDG Base Directory Specification).
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return absolute("LOCALAPPDATA");
    }
    let at_home = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".local/state"
    };
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(at_home)))
}

fn name(bytes: &[u8; 32]) -> String {
    encoding::encode(bytes)
}

fn bytes(name: &str) -> Option<[u8; 32]> {
    encoding::decode(name)?.try_into().ok()
}

impl Kept {
    fn of(row: &SessionRow) -> Self {
        Self {
            version: row.version,
            sealed: row.sealed.clone(),
            expires_at: row.expires_at,
            subject: row.subject.as_ref().map(name),
            server_session: row.server_session.as_ref().map(name),
        }
    }

    fn row(&self, key: SessionKey) -> SessionRow {
        SessionRow {
            key,
            version: self.version,
            sealed: self.sealed.clone(),
            expires_at: self.expires_at,
            subject: self.subject.as_deref().and_then(bytes),
            server_session: self.server_session.as_deref().and_then(bytes),
        }
    }
}

impl SessionStore for TokenFile {
    fn insert(&self, row: SessionRow) -> StoreFuture<'_, ()> {
        Box::pin(self.blocking(move |file| {
            file.change(|contents| {
                let key = name(row.key.as_bytes());
                contents.current = Some(key.clone());
                contents.sessions.insert(key, Kept::of(&row));
            })
        }))
    }

    fn find<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Option<SessionRow>> {
        let key = *key;
        Box::pin(self.blocking(move |file| {
            let contents = file.read()?;
            let found = contents.sessions.get(&name(key.as_bytes()));
            Ok(found.map(|kept| kept.row(key)))
        }))
    }

    fn replace(&self, row: SessionRow) -> StoreFuture<'_, bool> {
        Box::pin(self.blocking(move |file| {
            file.change(
                |contents| match contents.sessions.get_mut(&name(row.key.as_bytes())) {
                    Some(kept) if kept.version == row.version - 1 => {
                        *kept = Kept::of(&row);
                        true
                    }
                    Some(_) | None => false,
                },
            )
        }))
    }

    fn remove<'a>(&'a self, key: &'a SessionKey, version: i64) -> StoreFuture<'a, bool> {
        let key = name(key.as_bytes());
        Box::pin(self.blocking(move |file| {
            file.change(|contents| {
                let kept = contents.sessions.get(&key);
                let is_there = kept.is_some_and(|kept| kept.version == version);
                if is_there {
                    contents.sessions.remove(&key);
                }
                is_there
            })
        }))
    }

    fn end_all(&self, logout: Logout) -> StoreFuture<'_, Option<u64>> {
        Box::pin(self.blocking(move |file| {
            file.change(|contents| {
                let id = name(&logout.id);
                if contents.logouts.contains_key(&id) {
                    return None;
                }
                contents.logouts.insert(id, logout.remember_until);
                let before = contents.sessions.len();
                contents.sessions.retain(|key, kept| {
                    let key = bytes(key).map(SessionKey::from_bytes);
                    key.is_some_and(|key| !logout.ends(&kept.row(key)))
                });
                u64::try_from(before - contents.sessions.len()).ok()
            })
        }))
    }

    fn remove_expired(&self, now: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(self.blocking(move |file| {
            file.change(|contents| {
                contents.sessions.retain(|_, kept| kept.expires_at > now);
                contents.logouts.retain(|_, until| *until > now);
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode_of(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn file_and_folder_are_for_their_owner_alone_and_others_are_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/notes/tokens.json");
        TokenFile::open(&path).unwrap();
        let folder = path.parent().unwrap();
        assert_eq!((mode_of(folder), mode_of(&path)), (0o700, 0o600));
        for (loosened, mode, says) in [
            (path.as_path(), 0o640, "chmod 600"),
            (folder, 0o750, "chmod 700"),
        ] {
            let before = fs::metadata(loosened).unwrap().permissions();
            fs::set_permissions(loosened, fs::Permissions::from_mode(mode)).unwrap();
            let refused = TokenFile::open(&path).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
            fs::set_permissions(loosened, before).unwrap();
        }
        TokenFile::open(&path).unwrap();
    }

    #[test]
    fn the_key_is_made_once() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notes/tokens.json");
        let key = || {
            let file = TokenFile::open(&path).unwrap();
            file.place.read().unwrap().key.unwrap()
        };
        assert!(key() == key());
    }

    #[test]
    fn what_is_no_file_of_tokens_is_refused_and_never_repeated() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notes/tokens.json");
        TokenFile::open(&path).unwrap();
        fs::write(&path, r#"{"key":7,"hush":"hush"}"#).unwrap();
        let refused = TokenFile::open(&path).unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(
            said.contains("line 1 is not as") && !said.contains("hush"),
            "{said}"
        );
        fs::write(&path, vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(TokenFile::open(&path).is_err());
    }

    #[test]
    fn state_is_kept_where_the_desktop_says() {
        let folder = |known: &'static [(&'static str, &'static str)]| {
            folder_of_states(&|name| {
                let found = known.iter().find(|(known, _)| *known == name);
                found.map(|(_, path)| PathBuf::from(path))
            })
        };
        if cfg!(target_os = "linux") {
            assert_eq!(
                folder(&[("HOME", "/home/ada")]),
                Some("/home/ada/.local/state".into())
            );
            let both = &[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/state")];
            assert_eq!(folder(both), Some("/state".into()));
            let relative = &[("HOME", "/home/ada"), ("XDG_STATE_HOME", "state")];
            assert_eq!(folder(relative), Some("/home/ada/.local/state".into()));
            assert_eq!(folder(&[]), None);
        }
    }
}
