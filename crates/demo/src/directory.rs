//! Where a demo keeps its databases and secrets: a temporary directory that goes with it, or one that is kept.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use safeconduct_protocol::encoding;
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;

use super::addresses::Ports;

/// The file that holds the ports.
const PORTS: &str = "ports";

/// The directory of one demo.
pub(crate) struct Directory {
    path: PathBuf,
    /// Removes a temporary directory when the demo ends.
    _temporary: Option<tempfile::TempDir>,
}

impl Directory {
    /// The directory at `keep`, made for its owner's eyes only if it is not there; or a temporary one.
    ///
    /// # Errors
    /// It can't be made or read.
    pub(crate) fn open(keep: Option<&Path>) -> io::Result<Self> {
        let Some(path) = keep else {
            let temporary = tempfile::Builder::new()
                .prefix("safeconduct-demo-")
                .tempdir()?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                _temporary: Some(temporary),
            });
        };
        if !path.is_dir() {
            make_private(path)?;
        }
        Ok(Self {
            path: path.canonicalize()?,
            _temporary: None,
        })
    }

    /// The path of a file.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The ports that everything kept here belongs to: the server's name is made of one, and every token of the name.
    ///
    /// # Errors
    /// The file can't be read, or holds something else.
    pub(crate) fn ports(&self) -> io::Result<Option<Ports>> {
        let path = self.file(PORTS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let ports = text
            .trim_end()
            .parse()
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())));
        ports.map(Some)
    }

    /// Keeps the ports for the next time.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn keep_ports(&self, ports: Ports) -> io::Result<()> {
        fs::write(self.file(PORTS), ports.to_string())
    }

    /// The secret in the file `name`, 32 bytes in base64url; a new one the first time.
    ///
    /// # Errors
    /// The file can't be read or written, or holds something else.
    pub(crate) fn secret(&self, name: &str) -> io::Result<Secret> {
        let path = self.file(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text.trim_end().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = random::token();
                write_private(&path, &text)?;
                text
            }
            Err(error) => return Err(error),
        };
        match bytes(&text) {
            Some(_) => Ok(Secret::new(text)),
            None => Err(io::Error::other(format!(
                "{} does not hold 32 bytes in base64url",
                path.display()
            ))),
        }
    }

    /// The bytes of a secret.
    ///
    /// # Errors
    /// As [`Directory::secret`].
    pub(crate) fn key(&self, name: &str) -> io::Result<[u8; 32]> {
        let secret = self.secret(name)?;
        bytes(secret.expose()).ok_or_else(|| io::Error::other("a key of another length"))
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    encoding::decode(text)?.try_into().ok()
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_directory_gives_the_same_secrets_and_ports_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("demo");
        let key = Directory::open(Some(&path))
            .unwrap()
            .key("master-key")
            .unwrap();
        assert_eq!(
            Directory::open(Some(&path))
                .unwrap()
                .key("master-key")
                .unwrap(),
            key
        );
        assert_ne!(
            Directory::open(None).unwrap().key("master-key").unwrap(),
            key
        );
        let directory = Directory::open(Some(&path)).unwrap();
        assert_eq!(directory.ports().unwrap(), None);
        directory.keep_ports(Ports::USUAL).unwrap();
        assert_eq!(directory.ports().unwrap(), Some(Ports::USUAL));
        fs::write(path.join("broken"), "hush").unwrap();
        let error = Directory::open(Some(&path))
            .unwrap()
            .secret("broken")
            .err()
            .unwrap();
        assert!(!error.to_string().contains("hush"));
    }
}
