//! Certificates of the test's own, and clients that trust them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

/// The name of the server.
pub(crate) const HOST: &str = "id.example";

/// A certificate that vouches for itself, and its key, both as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    /// One that is valid for some decades.
    pub(crate) fn new() -> Self {
        Self::until(2100)
    }

    /// One that is valid from the year 2000 to the first day of `year`.
    pub(crate) fn until(year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([HOST.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Puts both where a configuration names them, for their owner alone.
    pub(crate) fn write(&self, folder: &Path) {
        write(&folder.join("id.pem"), &self.certificate);
        write(&folder.join("id.key"), &self.key);
    }

    /// A client that trusts it alone, and keeps no connection.
    pub(crate) fn client(&self, server: SocketAddr) -> reqwest::Client {
        self.builder(server)
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    }

    /// The same, for a test to say more.
    pub(crate) fn builder(&self, server: SocketAddr) -> reqwest::ClientBuilder {
        let trusted = reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([trusted])
            .resolve(HOST, server)
            .no_proxy()
    }
}

/// Writes a file as what renews certificates does: whole, under another name first.
pub(crate) fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, path).unwrap();
}
