//! The configuration: found, read, laid over by environment and flags, and checked as a whole before a port is bound.
//!
//! `file.rs` says what may be written, `layers.rs` merges the sources, `reading.rs` reads them along the types, and `check.rs` judges
//! whether the values fit together.

mod administration;
mod at;
mod check;
mod clients;
mod declared;
mod duration;
mod event_receivers;
mod file;
mod findings;
mod layers;
mod location;
mod log_level;
mod look;
mod mail;
mod problem;
mod reading;
#[cfg(test)]
mod reference;
mod schema;
mod secret_file;
mod sign_up;
#[cfg(test)]
mod tests;
mod tls;
mod variables;

use std::path::{Path, PathBuf};

pub(crate) use check::Checked;
pub(crate) use duration::Span;
pub(crate) use file::{Budget, Config, Log, LogFormat, SecondFactor};
pub(crate) use layers::{Flag, Sources};
pub(crate) use location::{Location, Misnamed};
pub(crate) use look::read_image;
pub(crate) use problem::{Origin, Problems};
pub(crate) use schema::{Key, Kind, Shape, meant, one_line, registration};
pub(crate) use tls::TlsFiles;

use layers::Layers;

/// Where a configuration is looked for when none is named.
const USUAL_FILES: [&str; 2] = ["safeconduct.toml", "/etc/safeconduct/safeconduct.toml"];

/// Reads and checks the configuration of this process: the file `named`, else one in its usual place; the environment; `flags`.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(crate) fn load(named: Option<&Path>, flags: Vec<Flag>) -> Result<Checked, Problems> {
    let environment = variables::of_this_process()?;
    let file = find(named)?;
    check_sources(&Sources {
        file,
        environment,
        flags,
    })
}

/// Whether there is something to read a configuration from: a file, `named` or in its usual place, or an issuer in the environment.
pub(crate) fn is_there(named: Option<&Path>) -> bool {
    let usual = || USUAL_FILES.iter().any(|path| Path::new(path).exists());
    named.is_some() || std::env::var_os("SAFECONDUCT_ISSUER").is_some() || usual()
}

/// Checks a configuration from its sources.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub(crate) fn check_sources(sources: &Sources) -> Result<Checked, Problems> {
    let layers = Layers::merge(sources)?;
    if sources.file.is_none() && !layers.has("issuer") {
        let origin = Origin {
            source: "configuration".to_owned(),
            line: None,
        };
        let looked = USUAL_FILES.join(" or ");
        return Err(Problems::one(
            origin,
            format!("no file {looked}, and no issuer in the environment"),
            "run `safeconduct init`, or name a file with --config",
        ));
    }
    let (config, problems) = reading::read(&layers)?;
    check::check(config, problems, &layers)
}

/// What is said of a configuration file that holds `text`: its warnings, or why it is refused.
#[cfg(test)]
fn said_against(text: &str) -> String {
    let checked = check_sources(&Sources {
        file: Some(("safeconduct.toml".into(), text.to_owned())),
        ..Sources::default()
    });
    match checked {
        Ok(checked) => checked.warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

fn find(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, Problems> {
    if let Some(path) = named {
        return read(path).map(|text| Some((path.to_owned(), text)));
    }
    let found = USUAL_FILES
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists());
    found
        .map(|path| read(path).map(|text| (path.to_owned(), text)))
        .transpose()
}

fn read(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        let origin = Origin {
            source: path.display().to_string(),
            line: None,
        };
        let advice = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "run `safeconduct init` to write one, or name another with --config"
            }
            std::io::ErrorKind::PermissionDenied => "let the user who runs safeconduct read it",
            _ => "",
        };
        Problems::one(origin, format!("the file can't be read: {error}"), advice)
    })
}
