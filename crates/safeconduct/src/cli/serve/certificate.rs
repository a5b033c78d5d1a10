//! The certificate that is shown, and what takes its place while connections go on.
//!
//! The files are looked at, and not watched: what renews certificates swaps links to whole folders (Kubernetes, certbot), and a watch on a file
//! that is gone tells nothing more.

use std::time::Duration;

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::listener::{Certificate, Tls};
use safeconduct_server::telemetry::Telemetry;

use crate::cli::failure::Failure;
use crate::config::{Checked, Problems, TlsFiles};

/// How often the files are looked at.
pub(super) const PACE: Duration = Duration::from_secs(10);

/// The certificate that is shown, and the files that it came from.
pub(super) struct ShownCertificate {
    files: TlsFiles,
    issuer: Issuer,
    tls: Tls,
    telemetry: Telemetry,
    clock: Clock,
    /// Of the contents that are shown.
    shown: u64,
    /// What was wrong with other contents when they were last looked at.
    refused: Option<Refused>,
}

/// What may be shown.
pub(super) struct Judged {
    files: TlsFiles,
    certificate: Certificate,
    fingerprint: u64,
    warnings: Problems,
}

/// Contents that are not shown.
struct Refused {
    because: Problems,
    is_told: bool,
}

impl ShownCertificate {
    /// The one of a configuration, where it has any.
    ///
    /// # Errors
    /// The files hold nothing that clients would take.
    pub(super) fn of(checked: &Checked, telemetry: &Telemetry) -> Result<Option<Self>, Failure> {
        let Some(files) = checked.tls.clone() else {
            return Ok(None);
        };
        let clock = Clock::system();
        let (certificate, shown) = {
            let contents = files.read()?;
            let certificate = contents.judge(clock.now())?;
            let warnings = contents.warnings(&certificate, &checked.issuer, clock.now());
            warnings.warn();
            (certificate, contents.fingerprint())
        };
        telemetry.certificate_ends(certificate.ends().seconds());
        Ok(Some(Self {
            issuer: checked.issuer.clone(),
            tls: Tls::new(&certificate)?,
            telemetry: telemetry.clone(),
            clock,
            shown,
            refused: None,
            files,
        }))
    }

    /// What listeners show.
    pub(super) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Looks whether the files have changed. What is wrong with them is told when it is still there the second time: until then somebody may
    /// be writing.
    pub(super) fn look(&mut self) {
        if let Err(problems) = self.take() {
            self.note(problems);
        }
    }

    /// What is in these files, for an operator who asks for it.
    ///
    /// # Errors
    /// What is wrong with them. What was shown is shown on.
    pub(super) fn judge(&self, files: &TlsFiles) -> Result<Judged, Problems> {
        let contents = files.read()?;
        let now = self.clock.now();
        let certificate = contents.judge(now)?;
        Ok(Judged {
            warnings: contents.warnings(&certificate, &self.issuer, now),
            fingerprint: contents.fingerprint(),
            files: files.clone(),
            certificate,
        })
    }

    /// Shows it, if it is not shown already.
    pub(super) fn adopt(&mut self, judged: Judged) {
        (self.files, self.refused) = (judged.files, None);
        if judged.fingerprint == self.shown {
            return;
        }
        let certificate = judged.certificate;
        self.tls.show(&certificate);
        self.telemetry
            .certificate_ends(certificate.ends().seconds());
        self.shown = judged.fingerprint;
        let days = certificate.ends().since(self.clock.now()) / (24 * 3600);
        tracing::info!(days, "another certificate is shown from now on");
        judged.warnings.warn();
    }

    /// Shows what is in the files now, if clients take it and it is not shown already.
    fn take(&mut self) -> Result<(), Problems> {
        if self.files.read()?.fingerprint() == self.shown {
            self.refused = None;
            return Ok(());
        }
        let judged = self.judge(&self.files)?;
        self.adopt(judged);
        Ok(())
    }

    fn note(&mut self, because: Problems) {
        let before = self
            .refused
            .take()
            .filter(|before| before.because == because);
        let was_told = before.as_ref().is_some_and(|before| before.is_told);
        let is_due = before.is_some();
        if is_due && !was_told {
            for problem in &because.0 {
                tracing::warn!(place = %problem.origin, advice = %problem.advice, "{}: the certificate of before is shown on", problem.message);
            }
        }
        self.refused = Some(Refused {
            because,
            is_told: is_due,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::config::{Sources, check_sources};

    /// A certificate that ends on the first day of `year`, and its key.
    fn issued(year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["id.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The files of a folder, and what is shown of them.
    struct Served {
        telemetry: Telemetry,
        shown: ShownCertificate,
    }

    impl Served {
        fn from(folder: &Path) -> Self {
            let text = "issuer = \"https://id.example\"\nserver.tls.certificate = \"tls.crt\"\nserver.tls.key = \"tls.key\"\n";
            let checked = check_sources(&Sources {
                file: Some((folder.join("safeconduct.toml"), text.to_owned())),
                ..Sources::default()
            });
            let telemetry = Telemetry::new();
            let shown = ShownCertificate::of(&checked.unwrap(), &telemetry);
            let shown = shown.ok().flatten().unwrap();
            Self { telemetry, shown }
        }

        /// Whether the certificate that is shown ends with this second.
        fn ends_at(&self, seconds: i64) -> bool {
            let line = format!("safeconduct_certificate_ends_timestamp_seconds {seconds}\n");
            self.telemetry.render().contains(&line)
        }

        fn is_told(&self) -> Option<bool> {
            self.shown.refused.as_ref().map(|refused| refused.is_told)
        }
    }

    const IN_2090: i64 = 3_786_912_000;
    const IN_2091: i64 = 3_818_448_000;

    /// Attacks: RU05.
    #[test]
    fn a_key_that_comes_after_its_certificate_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let (old, new) = (issued(2090), issued(2091));
        write(&certificate, &old.0);
        write(&key, &old.1);
        let mut served = Served::from(folder.path());
        assert!(served.ends_at(IN_2090));
        write(&certificate, &new.0);
        served.shown.look();
        assert_eq!(
            (served.ends_at(IN_2090), served.is_told()),
            (true, Some(false))
        );
        write(&key, &new.1);
        served.shown.look();
        assert_eq!((served.ends_at(IN_2091), served.is_told()), (true, None));
    }

    /// Attacks: RU02, RU04.
    #[test]
    fn what_stays_wrong_is_told_once_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let (live, expired) = (issued(2090), issued(2020));
        write(&certificate, &live.0);
        write(&key, &live.1);
        let mut served = Served::from(folder.path());
        write(&certificate, &expired.0);
        write(&key, &expired.1);
        for told in [false, true, true] {
            served.shown.look();
            assert_eq!(
                (served.ends_at(IN_2090), served.is_told()),
                (true, Some(told))
            );
        }
        fs::remove_file(&key).unwrap();
        served.shown.look();
        assert_eq!(served.is_told(), Some(false));
        // What was shown all the time is put back: nothing is wrong any more.
        write(&certificate, &live.0);
        write(&key, &live.1);
        served.shown.look();
        assert_eq!((served.ends_at(IN_2090), served.is_told()), (true, None));
    }

    /// As Kubernetes renews: the names are links through a link to a folder, and that one is swapped.
    ///
    /// Attacks: RU06.
    #[test]
    fn folders_that_are_swapped_twice_are_both_seen() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("..data");
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
        }
        let mut served = None;
        for (version, year) in [("..1", 2090), ("..2", 2091), ("..3", 2090)] {
            let (certificate, key) = issued(year);
            let own = folder.path().join(version);
            fs::create_dir(&own).unwrap();
            write(&own.join("tls.crt"), &certificate);
            write(&own.join("tls.key"), &key);
            symlink(version, folder.path().join("..data_tmp")).unwrap();
            fs::rename(folder.path().join("..data_tmp"), &data).unwrap();
            let served = served.get_or_insert_with(|| Served::from(folder.path()));
            served.shown.look();
            assert!(
                served.ends_at(if year == 2090 { IN_2090 } else { IN_2091 }),
                "{version}"
            );
        }
    }
}
