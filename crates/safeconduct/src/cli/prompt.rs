//! How secrets come in and go out: prompts, standard input and files, never arguments, which every user of the machine can
//! see. Also the question before something is destroyed.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use safeconduct_protocol::secret::Secret;

use super::failure::Failure;
use super::output::{note, write_out};
use crate::master_key::write_private;

/// More than any password; a file that is longer is the wrong file.
const LONGEST: u64 = 64 * 1024;

/// Where a password comes from. Without any of these it is asked for on the terminal.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct PasswordSource {
    /// Read the password from standard input
    #[arg(long)]
    stdin: bool,
    /// Read the password from FILE; one newline at its end is ignored
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Where a new secret goes. Without it the secret is printed once, on standard output.
#[derive(Debug, clap::Args)]
pub(crate) struct SecretTarget {
    /// Write the secret to a new FILE that only its owner may read, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_out: Option<PathBuf>,
}

impl PasswordSource {
    /// The password of `username`.
    ///
    /// # Errors
    /// It can't be read, is empty, or was typed differently the second time.
    pub(crate) fn read(&self, username: &str) -> Result<Secret, Failure> {
        let text = match &self.password_file {
            Some(path) => read_file(path)?,
            None if self.stdin => read_limited(io::stdin().lock())
                .map_err(|error| Failure::failed("standard input can't be read", error))?,
            None => return ask_twice(username),
        };
        let password = text.strip_suffix('\n').map_or(text.as_str(), |line| {
            line.strip_suffix('\r').unwrap_or(line)
        });
        if password.is_empty() {
            return Err(Failure::Usage("the password is empty".to_owned()));
        }
        Ok(Secret::new(password))
    }
}

impl SecretTarget {
    /// Refuses a target that can't be written, before anything is changed for a secret that would then be lost.
    ///
    /// # Errors
    /// The file exists, or its folder can't be written.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &self.secret_out {
            Some(path) if path.exists() => Err(Failure::Conflict(format!(
                "{} exists already and is not overwritten",
                path.display()
            ))),
            Some(path) if !folder_of(path).is_dir() => Err(Failure::Failed(format!(
                "there is no folder {}",
                folder_of(path).display()
            ))),
            _ => Ok(()),
        }
    }

    /// Hands the secret over: to the file, or where `print` shows it.
    ///
    /// # Errors
    /// The file can't be made. The secret is then printed after all, for its hash is stored already and no other copy exists.
    pub(crate) fn deliver(&self, secret: &Secret) -> Result<Option<Secret>, Failure> {
        let Some(path) = &self.secret_out else {
            return Ok(Some(secret.clone()));
        };
        match write_private(path, &format!("{}\n", secret.expose())) {
            Ok(()) => {
                note(format!("the secret is in {}", path.display()));
                Ok(None)
            }
            Err(error) => {
                write_out(secret.expose())?;
                Err(Failure::failed(
                    &format!(
                        "the secret stands above because {} can't be written",
                        path.display()
                    ),
                    error,
                ))
            }
        }
    }
}

/// Asks `question` unless `yes` was given.
///
/// # Errors
/// The answer is no, or there is no terminal to ask on.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{question}\n    there is no terminal to ask on: repeat it with --yes"
        )));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{question} [y/N] ")
        .and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.map_err(|error| Failure::failed("the terminal can't be read", error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::Failed("nothing was changed".to_owned()))
}

/// Reads a small file of text.
///
/// # Errors
/// It can't be read, is too long or not UTF-8.
pub(crate) fn read_file(path: &Path) -> Result<String, Failure> {
    let wrong = |error| Failure::failed(&format!("{} can't be read", path.display()), error);
    std::fs::File::open(path)
        .and_then(read_limited)
        .map_err(wrong)
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn read_limited(from: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is longer than 64 KiB",
        ));
    }
    Ok(text)
}

fn ask_twice(username: &str) -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "there is no terminal to ask for the password on: use --stdin or --password-file"
                .to_owned(),
        ));
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Secret::new)
            .map_err(|error| Failure::failed("the terminal can't be read", error))
    };
    let first = ask(format!("Password for {username}: "))?;
    if first.expose().is_empty() {
        return Err(Failure::Usage("the password is empty".to_owned()));
    }
    if ask("The same again: ".to_owned())? != first {
        return Err(Failure::Usage(
            "the two passwords differ; nothing was changed".to_owned(),
        ));
    }
    Ok(first)
}
