//! A certificate authority of the test's own, made by `openssl` as an operator would.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Who signs, and is trusted.
pub(crate) struct Authority {
    directory: TempDir,
    certificate: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let subject = ["-subj", "/CN=the authority of a test"];
        request(directory.path(), "ca", &subject)?;
        let certificate = fs::read_to_string(directory.path().join("ca.crt"))?;
        Ok(Self {
            directory,
            certificate,
        })
    }

    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// An identity for `name`: `DNS:id.example.com` or `IP:127.0.0.1`.
    pub(crate) fn issue(&self, name: &str) -> Result<Identity> {
        let alternative = format!("subjectAltName={name}");
        let signed = ["-subj", "/CN=a server of a test", "-addext", &alternative];
        let by_authority = ["-addext", "basicConstraints=critical,CA:FALSE"];
        let authority = ["-CA", "ca.crt", "-CAkey", "ca.key"];
        let extra = [&signed[..], &by_authority, &authority].concat();
        request(self.directory.path(), "server", &extra)?;
        let read = |name| fs::read_to_string(self.directory.path().join(name));
        Ok(Identity {
            certificate: read("server.crt")?,
            key: read("server.key")?,
        })
    }
}

impl Identity {
    /// Both in one file, as HAProxy wants it.
    pub(crate) fn joined(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

fn request(directory: &Path, name: &str, extra: &[&str]) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-days", "2", "-nodes", "-newkey", "ec"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args([
        "-out",
        &format!("{name}.crt"),
        "-keyout",
        &format!("{name}.key"),
    ]);
    let output = openssl.args(extra).current_dir(directory).output();
    let output = output.context("openssl; ./scripts/test packages installs it")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}
