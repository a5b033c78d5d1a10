//! The servers that `safeconduct login` has signed in to, each under a name: where its API is, whose it is, and the tokens for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safeconduct_client::native::{Native, TokenFile, state_folder};
use safeconduct_client::{Client, Error, Resource};
use safeconduct_protocol::administration;
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// The command line as a client of every server whose API is on.
const CLIENT_ID: &str = "safeconduct-cli";
/// The variable that names a context.
pub(crate) const VARIABLE: &str = "SAFECONDUCT_CONTEXT";
/// The longest name of a context, in bytes.
const LONGEST_NAME: usize = 64;
/// Which file says what a context is, and which one of the folder above which was the last.
const ABOUT: &str = "context.json";
const CURRENT: &str = "current";

/// The contexts of this user of this machine.
pub(crate) struct Contexts {
    folder: PathBuf,
}

/// A server as a context knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Where its API is.
    pub(crate) api: String,
    /// Whose tokens it takes.
    pub(crate) issuer: String,
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To look, and to change.
    Everything,
    /// To look.
    Looking,
}

/// A name of a context as it is typed.
///
/// # Errors
/// It can't be one.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=LONGEST_NAME).contains(&text.len()) && !text.starts_with(['.', '-']);
    match fits && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("a context is called by letters, digits, -, _ and .".to_owned()),
    }
}

impl Contexts {
    /// Those of whoever runs this process.
    ///
    /// # Errors
    /// They have no home.
    pub(crate) fn of_this_user() -> Result<Self, Failure> {
        let folder = state_folder("safeconduct")?.join("contexts");
        Ok(Self { folder })
    }

    /// The name of the one that was signed in to last.
    pub(crate) fn current(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(CURRENT)).ok()?;
        name(text.trim()).ok()
    }

    /// The one called `name`.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(crate) fn known(&self, name: &str) -> Result<Known, Failure> {
        let path = self.folder.join(name).join(ABOUT);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::NotFound(format!("there is no context {name}"))
                    .with_advice("`safeconduct login --api URL --context NAME` makes one"));
            }
            Err(error) => return Err(unreadable(&path, error)),
        };
        serde_json::from_str(&text).map_err(|error| unreadable(&path, error))
    }

    /// Keeps what is known under `name`, and calls it the last one.
    ///
    /// # Errors
    /// The files can't be written.
    pub(crate) fn keep(&self, name: &str, known: &Known) -> Result<(), Failure> {
        let text = serde_json::to_string(known)
            .map_err(|error| Failure::failed("a context can't be written", error))?;
        let about = self.folder.join(name).join(ABOUT);
        for (path, text) in [(about, text.as_str()), (self.folder.join(CURRENT), name)] {
            replace(&path, text).map_err(|error| {
                Failure::failed(&format!("{} can't be written", path.display()), error)
            })?;
        }
        Ok(())
    }

    /// The command line as a client of the server that is `known` under `name`, with the tokens that are kept there.
    ///
    /// # Errors
    /// The addresses can't be used, or the tokens can't be kept.
    pub(crate) fn app(&self, name: &str, known: &Known, asked: Asked) -> Result<Native, Failure> {
        let tokens = TokenFile::open(self.folder.join(name).join("tokens.json"))?;
        Ok(app(known, tokens, asked)?)
    }
}

fn app(known: &Known, tokens: TokenFile, asked: Asked) -> Result<Native, Error> {
    let rights = match asked {
        Asked::Everything => "admin:write",
        Asked::Looking => "admin:read",
    };
    let client = Client::new(&known.issuer, CLIENT_ID)
        .scopes(["openid", "profile", rights])
        .resource(Resource::new(administration::resource(&known.issuer)).reached_at(&known.api))
        .userinfo(false)
        .dpop(true)
        .token_file(tokens)
        .build()?;
    Ok(client.native())
}

/// Puts `text` in the place of the file at `path`, whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(&format!("{} can't be read", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            api: "http://127.0.0.1:8429".to_owned(),
            issuer: "https://id.example.com".to_owned(),
        }
    }

    #[test]
    fn the_last_one_that_was_kept_is_the_current_one() {
        let home = tempfile::tempdir().unwrap();
        let contexts = Contexts {
            folder: home.path().join("safeconduct/contexts"),
        };
        assert_eq!(contexts.current(), None);
        assert!(matches!(contexts.known("prod"), Err(Failure::NotFound(_))));
        for name in ["test", "prod"] {
            contexts.app(name, &known(), Asked::Looking).unwrap();
            contexts.keep(name, &known()).unwrap();
        }
        assert_eq!(contexts.current().as_deref(), Some("prod"));
        assert_eq!(contexts.known("test").unwrap(), known());
    }

    #[test]
    fn a_name_is_no_path() {
        assert!(name("127.0.0.1-8429").is_ok());
        for wrong in [
            "",
            "..",
            ".hidden",
            "-o",
            "a/b",
            "a b",
            "é",
            &"a".repeat(65),
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
