//! `[server.tls]`: the certificate and the key that the server shows itself by, read and judged at every start, reload and check.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::listener::{Certificate, CertificateError};
use zeroize::Zeroizing;

use super::at::At;
use super::file::Config;
use super::findings::Findings;
use super::problem::{Origin, Problems};
use super::secret_file;

/// The longest file that is read: a chain has a few kilobytes.
const LONGEST: u64 = 1024 * 1024;

/// The two files.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    certificate: Named,
    key: Named,
}

/// A file, and where it was named.
#[derive(Clone, Debug)]
struct Named {
    path: PathBuf,
    origin: Origin,
}

/// What stood in them at one moment.
pub(crate) struct Contents<'f> {
    files: &'f TlsFiles,
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// Judges `[server.tls]`; `None` where the server does not speak TLS, or not as it can.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> Option<TlsFiles> {
    let at = At::key("server").then("tls");
    let (of_certificate, of_key) = (at.then("certificate"), at.then("key"));
    let tls = &config.server.tls;
    let (certificate, key) = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (certificate, _) => {
            let (written, lacks) = match certificate {
                Some(_) => (&of_certificate, &of_key),
                None => (&of_key, &of_certificate),
            };
            findings.refuse(
                written,
                format!("`{written}` is set, and `{lacks}` is not"),
                "name both files, or neither",
            );
            return None;
        }
    };
    if config.issuer.starts_with("http:") {
        findings.refuse(
            &at,
            "the issuer is http, and with `server.tls` the server speaks https alone",
            "write the issuer with https, or take [server.tls] out",
        );
    }
    let named = |at: &At, path: &Path| Named {
        path: findings.layers.resolve(at, path),
        origin: findings.layers.origin(at),
    };
    Some(TlsFiles {
        certificate: named(&of_certificate, certificate),
        key: named(&of_key, key),
    })
}

impl TlsFiles {
    /// Reads both. Nothing is kept of it.
    ///
    /// # Errors
    /// A file can't be read, or everyone on this machine can read the key.
    pub(crate) fn read(&self) -> Result<Contents<'_>, Problems> {
        let mut problems = Problems::default();
        let certificate = self.certificate.is_a_file().and_then(|()| {
            let path = &self.certificate.path;
            std::fs::read(path).map_err(|error| unreadable(path, &error))
        });
        let key = self
            .key
            .is_a_file()
            .and_then(|()| secret_file::read_whole(&self.key.path));
        for (named, wrong) in [
            (&self.certificate, certificate.as_ref().err()),
            (&self.key, key.as_ref().err()),
        ] {
            if let Some((message, advice)) = wrong {
                problems.add(named.origin.clone(), message, advice);
            }
        }
        match (certificate, key) {
            (Ok(certificate), Ok(key)) => Ok(Contents {
                files: self,
                certificate,
                key,
            }),
            _ => Err(problems),
        }
    }
}

impl Named {
    /// A directory says nothing, and a pipe may say nothing for ever.
    fn is_a_file(&self) -> Result<(), (String, String)> {
        let shown = self.path.display();
        let found =
            std::fs::metadata(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let what = match found {
            found if found.is_dir() => "is a directory",
            found if !found.is_file() => "is no file",
            found if found.len() > LONGEST => "is longer than a certificate or a key can be",
            _ => return Ok(()),
        };
        Err((
            format!("{shown} {what}"),
            "name the file itself, in PEM".to_owned(),
        ))
    }
}

impl Contents<'_> {
    /// What tells these contents from others.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.certificate, self.key.as_slice()).hash(&mut hasher);
        hasher.finish()
    }

    /// The certificate with its key, if clients would take it at `now`.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(crate) fn judge(&self, now: Timestamp) -> Result<Certificate, Problems> {
        let read = Certificate::from_pem(&self.certificate, &self.key);
        let (certificate, judged) = match read {
            Ok(certificate) => {
                let judged = certificate.is_valid_at(now);
                (Some(certificate), judged)
            }
            Err(error) => (None, Err(error)),
        };
        match (judged, certificate) {
            (Ok(()), Some(certificate)) => Ok(certificate),
            (Err(error), certificate) => Err(self.refusal(error, certificate.as_ref())),
            (Ok(()), None) => unreachable!("what is judged was read"),
        }
    }

    fn refusal(&self, error: CertificateError, certificate: Option<&Certificate>) -> Problems {
        let TlsFiles {
            certificate: chain,
            key,
        } = self.files;
        let named = if error.is_of_key() { key } else { chain };
        let (file, of_key) = (named.path.display(), key.path.display());
        let at = |time: Option<Timestamp>| time.map(written).unwrap_or_default();
        let (message, advice) = match error {
            CertificateError::AnothersKey => (
                format!("the key in {of_key} is not that of the certificate in {file}"),
                "name the two files that were made together; the server's own certificate comes first in its file",
            ),
            CertificateError::NotYet => (
                format!(
                    "the certificate in {file} is not valid before {}",
                    at(certificate.map(Certificate::begins))
                ),
                "see that this machine's clock is right (timedatectl), or wait until then",
            ),
            CertificateError::Expired => (
                format!(
                    "the certificate in {file} expired at {}",
                    at(certificate.map(Certificate::ends))
                ),
                "have it renewed, and see why what renews it did not",
            ),
            CertificateError::EncryptedKey => (
                format!("{file}: {error}"),
                "take the passphrase off: openssl pkey -in KEY -out NEWKEY, with umask 077",
            ),
            _ => (
                format!("{file}: {error}"),
                "write it as PEM: from -----BEGIN to -----END, whole",
            ),
        };
        Problems::one(named.origin.clone(), message, advice)
    }

    /// What is odd about a certificate that clients take.
    pub(crate) fn warnings(
        &self,
        certificate: &Certificate,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Problems {
        let mut warnings = Problems::default();
        let named = &self.files.certificate;
        let (file, host) = (named.path.display(), issuer.host());
        if certificate.is_near_its_end(now) {
            warnings.add(
                named.origin.clone(),
                format!(
                    "the certificate in {file} ends at {}: less than a third of its life is left",
                    written(certificate.ends())
                ),
                "have it renewed; a running server takes the new one by itself",
            );
        }
        if !certificate.is_for(host) {
            let names = match certificate.names() {
                [] => "no host".to_owned(),
                names => names.join(", "),
            };
            warnings.add(
                named.origin.clone(),
                format!("the certificate in {file} is for {names}, and the issuer is at {host}: no browser takes it there"),
                format!("have one made for {host}"),
            );
        }
        warnings
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> (String, String) {
    (
        format!("{} can't be read: {error}", path.display()),
        "see that the path is right and that the user who runs safeconduct may read it".to_owned(),
    )
}

fn written(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.seconds());
    time.map_or_else(|_| "the end of time".to_owned(), |time| time.to_string())
}
