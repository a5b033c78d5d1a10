//! The master key: where it comes from, how it is written, and who else may read it. While one takes the place of another, a file
//! holds several, a line each. What they wrap is the store's.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use safeconduct_protocol::{encoding, random};
use zeroize::Zeroizing;

use crate::private_file::{self, Readers};

/// The variable that may hold the key itself.
pub(crate) const VARIABLE: &str = "SAFECONDUCT_MASTER_KEY";

/// 32 bytes that wrap every other key. No `Debug`, wiped when dropped.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterKeyError {
    #[error(
        "there is no master key\n    set secrets.master_key_file, or SAFECONDUCT_MASTER_KEY; `safeconduct init` makes one, and so does `openssl rand -base64 32`"
    )]
    None,
    #[error(
        "the master key {path} is gone, and the database beside it can't be read without it\n    put the file back, or move the database away to begin anew"
    )]
    Gone { path: PathBuf },
    #[error(
        "the master key file {path} can't be read: {source}\n    {}",
        advice_on(source)
    )]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the master key file {path} can be read by everyone on this machine\n    {}; if others had access, change the key",
        private_file::advice(path)
    )]
    Open { path: PathBuf },
    #[error(
        "{source_name} does not hold a master key\n    write 32 random bytes as base64 (`openssl rand -base64 32`), as hex or raw; several a line each"
    )]
    Malformed { source_name: String },
    #[error(
        "the master key file {path} can't be written: {source}\n    {}",
        advice_on(source)
    )]
    Unwritable { path: PathBuf, source: io::Error },
}

impl MasterKey {
    /// A new key.
    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// Reads the key that stands in the environment, or the keys, with spaces between them.
    ///
    /// # Errors
    /// The variable holds something else.
    pub(crate) fn from_environment(text: &str) -> Result<Vec<Self>, MasterKeyError> {
        Self::parse_all(text.as_bytes()).ok_or_else(|| MasterKeyError::Malformed {
            source_name: VARIABLE.to_owned(),
        })
    }

    /// Reads the key in the file at `path`, or the keys.
    ///
    /// # Errors
    /// The file is missing or unreadable, open to everyone, or holds something else.
    pub(crate) fn read(path: &Path) -> Result<Vec<Self>, MasterKeyError> {
        let unreadable = |source| MasterKeyError::Unreadable {
            path: path.to_owned(),
            source,
        };
        match private_file::readers(path).map_err(unreadable)? {
            Readers::Everyone => {
                return Err(MasterKeyError::Open {
                    path: path.to_owned(),
                });
            }
            Readers::Group => {
                tracing::warn!(path = %path.display(), "the master key file can be read by its group");
            }
            Readers::Owner | Readers::Mount => {}
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        Self::parse_all(&bytes).ok_or_else(|| MasterKeyError::Malformed {
            source_name: path.display().to_string(),
        })
    }

    /// Adds `self` to the file at `path`, on a line of its own behind the keys that are there.
    ///
    /// # Errors
    /// The file can't be read or replaced.
    pub(crate) fn add_to(self, path: &Path) -> Result<(), MasterKeyError> {
        change_file(path, |keys| keys.push(self))
    }

    /// Takes the keys out of the file at `path` that are not to be `kept`.
    ///
    /// # Errors
    /// The file can't be read or replaced.
    pub(crate) fn retain_in(
        path: &Path,
        kept: impl FnMut(&Self) -> bool,
    ) -> Result<(), MasterKeyError> {
        change_file(path, |keys| keys.retain(kept))
    }

    /// Writes the key to a new file that only its owner may read. An existing file is never touched.
    ///
    /// # Errors
    /// The file exists or can't be made.
    pub(crate) fn write_new(&self, path: &Path) -> Result<(), MasterKeyError> {
        let text = Zeroizing::new(format!("{}\n", encoding::encode(&self.0[..])));
        write_private(path, &text).map_err(|source| MasterKeyError::Unwritable {
            path: path.to_owned(),
            source,
        })
    }

    /// The bytes, for the store that wraps with them.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn parse_all(bytes: &[u8]) -> Option<Vec<Self>> {
        if let Some(one) = Self::parse(bytes) {
            return Some(vec![one]);
        }
        let words = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace();
        let keys: Option<Vec<_>> = words.map(|word| Self::parse(word.as_bytes())).collect();
        keys.filter(|keys| !keys.is_empty())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let key = match <[u8; 32]>::try_from(bytes) {
            Ok(raw) => raw,
            Err(_) => decode(std::str::from_utf8(bytes).ok()?.trim())?,
        };
        // A key of one repeated byte is a placeholder that someone forgot.
        (key.iter().any(|byte| *byte != key[0])).then(|| Self(Zeroizing::new(key)))
    }
}

/// Writes `text` to a new file with mode 0600 and waits until it is on the disk.
///
/// # Errors
/// The file exists or can't be made.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Changes the keys in the file at `path`. It is replaced at once, and keeps its owner and mode: a server that reads it meanwhile
/// finds the old or the new. Another operator who changes it waits, and changes what this one has made of it.
fn change_file(
    path: &Path,
    change: impl FnOnce(&mut Vec<MasterKey>),
) -> Result<(), MasterKeyError> {
    let unwritable = |source| MasterKeyError::Unwritable {
        path: path.to_owned(),
        source,
    };
    let real = path.canonicalize().map_err(unwritable)?;
    // The folder is locked, for the file becomes another one.
    let folder = File::open(real.parent().unwrap_or(Path::new("/"))).map_err(unwritable)?;
    flock(&folder, FlockOperation::LockExclusive).map_err(|error| unwritable(error.into()))?;
    let mut keys = MasterKey::read(path)?;
    change(&mut keys);
    let lines = keys.iter();
    let lines = lines.map(|key| format!("{}\n", encoding::encode(&key.0[..])));
    let text = Zeroizing::new(lines.collect::<String>());
    replace_private(&real, &text)
        .and_then(|()| folder.sync_all())
        .map_err(unwritable)
}

/// Puts `text` into the place of the file at `path`, with its owner and mode.
fn replace_private(path: &Path, text: &str) -> io::Result<()> {
    let kept = std::fs::metadata(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // Left behind by a command that was cut off.
    if new.exists() {
        std::fs::remove_file(&new)?;
    }
    write_private(&new, text)?;
    // It holds every master key: where it can't take the place of the other, it goes.
    put_in_place(&new, path, &kept).inspect_err(|_| drop(std::fs::remove_file(&new)))
}

fn put_in_place(new: &Path, path: &Path, kept: &Metadata) -> io::Result<()> {
    let written = File::open(new)?;
    if (kept.uid(), kept.gid()) != (written.metadata()?.uid(), written.metadata()?.gid()) {
        fchown(&written, Some(kept.uid()), Some(kept.gid()))?;
    }
    written.set_permissions(kept.permissions())?;
    written.sync_all()?;
    std::fs::rename(new, path)
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let bytes = if text.len() == 64 {
        Zeroizing::new(from_hex(text)?)
    } else {
        // Both alphabets of base64, with or without padding: whatever the operator's tool writes.
        let url_safe = Zeroizing::new(
            text.trim_end_matches('=')
                .replace('+', "-")
                .replace('/', "_"),
        );
        Zeroizing::new(encoding::decode(&url_safe)?)
    };
    <[u8; 32]>::try_from(bytes.as_slice()).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

fn advice_on(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "see that the path is right and its folder exists; `safeconduct init` makes a key"
        }
        io::ErrorKind::PermissionDenied => {
            "let the user who runs safeconduct own the file and its folder"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::ResourceBusy => {
            "it is mounted there: change it where it comes from, such as the secret of Kubernetes, of Docker or of systemd"
        }
        io::ErrorKind::AlreadyExists => "it is never overwritten: move it away if it is not needed",
        _ => "see that the disk is there and has room",
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    fn counting() -> [u8; 32] {
        std::array::from_fn(|index| u8::try_from(index).unwrap())
    }

    #[rstest]
    #[case(HEX.as_bytes())]
    #[case(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]
    #[case(b"  AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    #[case(&counting())]
    fn a_key_is_read_as_base64_hex_or_raw(#[case] bytes: &[u8]) {
        assert_eq!(MasterKey::parse(bytes).unwrap().expose(), &counting());
    }

    #[rstest]
    #[case(b"")]
    #[case(b"hunter2")]
    #[case(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh")]
    #[case(&[7; 32])]
    #[case(&[b'0'; 64])]
    #[case(&[0xff; 33])]
    fn anything_else_is_no_key(#[case] bytes: &[u8]) {
        assert!(MasterKey::parse(bytes).is_none());
    }

    #[test]
    fn a_written_key_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let key = MasterKey::generate();
        key.write_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = MasterKey::read(&path).unwrap();
        assert!(read.len() == 1 && read[0].expose() == key.expose());
        assert!(matches!(
            MasterKey::generate().write_new(&path),
            Err(MasterKeyError::Unwritable { .. })
        ));
    }

    #[test]
    fn a_second_key_joins_the_first_in_a_file_that_stays_whose_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for bytes in [&counting()[..], HEX.as_bytes()] {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
            let second = MasterKey::generate();
            let bytes = *second.expose();
            second.add_to(&path).unwrap();
            let read = MasterKey::read(&path).unwrap();
            assert_eq!(read.len(), 2);
            assert!(read[0].expose() == &counting() && read[1].expose() == &bytes);
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
            MasterKey::retain_in(&path, |key| key.expose() != &bytes).unwrap();
            let left = MasterKey::read(&path).unwrap();
            assert!(left.len() == 1 && left[0].expose() == &counting());
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn operators_who_change_the_file_at_the_same_time_lose_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::generate().write_new(&path).unwrap();
        std::thread::scope(|operators| {
            for _ in 0..16 {
                operators.spawn(|| MasterKey::generate().add_to(&path).unwrap());
            }
        });
        assert_eq!(MasterKey::read(&path).unwrap().len(), 17);
    }

    #[test]
    fn a_file_that_is_mounted_is_changed_where_it_comes_from() {
        for kind in [
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::ResourceBusy,
        ] {
            assert!(advice_on(&kind.into()).contains("where it comes from"));
        }
        assert!(advice_on(&io::ErrorKind::StorageFull.into()).contains("room"));
    }

    /// Attacks: E21.
    #[rstest]
    #[case(0o604, false)]
    #[case(0o640, true)]
    #[case(0o400, true)]
    fn a_key_that_everyone_can_read_is_refused(#[case] mode: u32, #[case] accepted: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::generate().write_new(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(MasterKey::read(&path).is_ok(), accepted);
    }

    #[test]
    fn a_key_may_stand_in_the_environment() {
        assert_eq!(
            MasterKey::from_environment(HEX).unwrap()[0].expose(),
            &counting()
        );
        let two = format!("{HEX} AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(MasterKey::from_environment(&two).unwrap().len(), 2);
        assert!(matches!(
            MasterKey::from_environment("hunter2"),
            Err(MasterKeyError::Malformed { .. })
        ));
        assert!(matches!(
            MasterKey::read(Path::new("/nowhere")),
            Err(MasterKeyError::Unreadable { .. })
        ));
    }
}
