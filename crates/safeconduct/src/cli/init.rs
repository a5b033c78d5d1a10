//! `safeconduct init`: a configuration file and a master key to begin with. Nothing that exists is overwritten.

use std::path::{Path, PathBuf};

use safeconduct_protocol::metadata::Issuer;
use serde::Serialize;
use url::Url;

use super::failure::Failure;
use super::output::{Format, note};
use crate::config::{self, Sources};
use crate::master_key::{MasterKey, write_private};

/// The file that is written, with places for what is asked.
const TEMPLATE: &str = include_str!("init.toml");

/// What to begin with.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The URL by which the world will know this server; http on this machine only
    #[arg(long, value_name = "URL", default_value = "http://localhost:8420")]
    issuer: String,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Serialize)]
struct Written {
    configuration: PathBuf,
    master_key_file: PathBuf,
}

impl Init {
    /// Writes both files.
    ///
    /// # Errors
    /// The issuer can't be used, a file exists already, or the folder can't be written.
    pub(crate) fn run(&self, output: Format) -> Result<(), Failure> {
        Issuer::parse(&self.issuer)
            .map_err(|error| Failure::Usage(format!("--issuer {}: {error}", self.issuer)))?;
        let here = self.directory == Path::new(".");
        let in_directory = |name: &str| {
            if here {
                PathBuf::from(name)
            } else {
                self.directory.join(name)
            }
        };
        let written = Written {
            configuration: in_directory("safeconduct.toml"),
            master_key_file: in_directory("master.key"),
        };
        let text = TEMPLATE
            .replace("{issuer}", &self.issuer)
            .replace("{listen}", &listen_address(&self.issuer))
            .replace("{trusted_proxies}", trusted_proxies(&self.issuer));
        // Judged by the rules that `serve` will judge it by.
        config::check_sources(&Sources {
            file: Some((written.configuration.clone(), text.clone())),
            ..Sources::default()
        })?;
        for path in [&written.configuration, &written.master_key_file] {
            if path.exists() {
                return Err(Failure::Conflict(format!(
                    "{} exists already and is not overwritten\n    use it, or choose another folder with --directory",
                    path.display()
                )));
            }
        }
        std::fs::create_dir_all(&self.directory).map_err(|error| {
            Failure::failed(
                &format!("the folder {} can't be made", self.directory.display()),
                error,
            )
        })?;
        MasterKey::generate().write_new(&written.master_key_file)?;
        write_private(&written.configuration, &text).map_err(|error| {
            Failure::failed(
                &format!("{} can't be written", written.configuration.display()),
                error,
            )
        })?;
        output.record(&written)?;
        note(next_steps(&self.directory, &self.issuer));
        Ok(())
    }
}

/// Where to listen: at the issuer's own port on this machine, or behind the proxy that speaks TLS for it.
fn listen_address(issuer: &str) -> String {
    let own_port = Url::parse(issuer)
        .ok()
        .filter(|url| url.scheme() == "http")
        .and_then(|url| url.port_or_known_default());
    format!("127.0.0.1:{}", own_port.unwrap_or(8420))
}

/// A line for the proxy that speaks TLS, which is on this machine: the server listens nowhere else.
fn trusted_proxies(issuer: &str) -> &'static str {
    if issuer.starts_with("https:") {
        "trusted_proxies = [\"127.0.0.1\", \"::1\"]    # whose X-Forwarded-For says who signs in: the proxy on this machine\n"
    } else {
        ""
    }
}

fn next_steps(directory: &Path, issuer: &str) -> String {
    let enter = if directory == Path::new(".") {
        String::new()
    } else {
        format!("  cd {}\n", directory.display())
    };
    format!(
        "\nNext:\n{enter}  safeconduct check          # after every change of the file\n  safeconduct user add NAME  # somebody who can sign in\n  safeconduct serve          # at {issuer}"
    )
}
