//! Owns what a server shows of itself in TLS: a chain of certificates and the key of its first, read from PEM and judged before any
//! client sees them. Reading the files, and when to read them again, belongs to the program.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use safeconduct_protocol::time::Timestamp;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A chain of certificates with the key of its first.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    begins: Timestamp,
    ends: Timestamp,
    names: Vec<String>,
}

/// Why a certificate and a key are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The text of the certificates has none.
    #[error("no certificate is in it")]
    NoCertificate,
    /// It breaks off, or is no certificate.
    #[error("it is no whole list of certificates")]
    Unreadable,
    /// The text of the key has none.
    #[error("no private key is in it")]
    NoKey,
    /// A passphrase would be needed.
    #[error("its private key is encrypted")]
    EncryptedKey,
    /// It breaks off, or is a key of no kind that TLS has.
    #[error("it is no private key that TLS can use")]
    UnusableKey,
    /// The two do not belong together.
    #[error("the key is not that of the certificate")]
    AnothersKey,
    /// No client takes it yet.
    #[error("the certificate is not valid yet")]
    NotYet,
    /// No client takes it any more.
    #[error("the certificate has expired")]
    Expired,
}

impl CertificateError {
    /// Whether the file of the key is to blame.
    pub fn is_of_key(self) -> bool {
        matches!(self, Self::NoKey | Self::EncryptedKey | Self::UnusableKey)
    }
}

impl Certificate {
    /// Reads a chain, the server's own certificate first, and the key of that. Both may stand in one text.
    ///
    /// # Errors
    /// One of them can't be read, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|_| CertificateError::Unreadable)?;
        let own = chain.first().ok_or(CertificateError::NoCertificate)?;
        let parsed = x509_cert::Certificate::from_der(own);
        let parsed = parsed
            .map_err(|_| CertificateError::Unreadable)?
            .tbs_certificate;
        let names = names(&parsed)?;
        let at = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs());
            Timestamp::from_seconds(seconds.unwrap_or(i64::MAX))
        };
        let (begins, ends) = (
            at(parsed.validity.not_before),
            at(parsed.validity.not_after),
        );
        let certified = CertifiedKey::new(chain, usable(key)?);
        // A key that does not tell which certificate it is for is no better than another's: clients would be the first to notice.
        certified
            .keys_match()
            .map_err(|_| CertificateError::AnothersKey)?;
        Ok(Self {
            certified: Arc::new(certified),
            begins,
            ends,
            names,
        })
    }

    /// Whether clients take it at `now`, as far as time goes.
    ///
    /// # Errors
    /// It is too early, or too late.
    pub fn is_valid_at(&self, now: Timestamp) -> Result<(), CertificateError> {
        match now {
            now if now < self.begins => Err(CertificateError::NotYet),
            now if now > self.ends => Err(CertificateError::Expired),
            _ => Ok(()),
        }
    }

    /// The first second in which it is valid.
    pub fn begins(&self) -> Timestamp {
        self.begins
    }

    /// The last second in which it is valid.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Whether less than a third of its life is left: what renews it should have done so, however long it lives.
    pub fn is_near_its_end(&self, now: Timestamp) -> bool {
        self.ends.since(now) < self.ends.since(self.begins) / 3
    }

    /// The hosts it names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a client that calls `host` takes it (RFC 9525).
    pub fn is_for(&self, host: &str) -> bool {
        // An address is written in brackets in a URL, and without them in a certificate.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let certificate = self.certified.end_entity_cert();
        let parsed = certificate.and_then(ParsedCertificate::try_from);
        match (parsed, ServerName::try_from(host)) {
            (Ok(parsed), Ok(name)) => rustls::client::verify_server_name(&parsed, &name).is_ok(),
            _ => false,
        }
    }
}

fn names(parsed: &x509_cert::TbsCertificate) -> Result<Vec<String>, CertificateError> {
    let found = parsed.get::<SubjectAltName>();
    let Some((_, names)) = found.map_err(|_| CertificateError::Unreadable)? else {
        return Ok(Vec::new());
    };
    let written = names.0.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            4 => <[u8; 4]>::try_from(bytes.as_bytes())
                .ok()
                .map(|ip| std::net::IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(bytes.as_bytes())
                .ok()
                .map(|ip| std::net::IpAddr::from(ip).to_string()),
        },
        _ => None,
    });
    Ok(written.collect())
}

fn usable(pem: &[u8]) -> Result<Arc<dyn rustls::sign::SigningKey>, CertificateError> {
    use rustls::pki_types::pem::Error;
    let is_encrypted = |mark: &[u8]| pem.windows(mark.len()).any(|window| window == mark);
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound if is_encrypted(b"BEGIN ENCRYPTED PRIVATE KEY") => {
            CertificateError::EncryptedKey
        }
        Error::NoItemsFound => CertificateError::NoKey,
        _ if is_encrypted(b"Proc-Type: 4,ENCRYPTED") => CertificateError::EncryptedKey,
        _ => CertificateError::UnusableKey,
    })?;
    aws_lc_rs::sign::any_supported_type(&key).map_err(|_| CertificateError::UnusableKey)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rstest::rstest;

    use super::*;

    fn issued(names: &[&str]) -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2026, 4, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key)
    }

    fn read(chain: &str, key: &str) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes())
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_how_long() {
        let (chain, key) = issued(&["id.example", "*.acme.example", "192.0.2.7", "2001:db8::7"]);
        let certificate = read(&chain, &key.serialize_pem()).unwrap();
        assert_eq!(
            certificate.names(),
            ["id.example", "*.acme.example", "192.0.2.7", "2001:db8::7"]
        );
        for host in ["id.example", "a.acme.example", "192.0.2.7", "[2001:db8::7]"] {
            assert!(certificate.is_for(host), "{host}");
        }
        for host in ["example", "a.b.acme.example", "192.0.2.8", "not a host"] {
            assert!(!certificate.is_for(host), "{host}");
        }
        let (begins, ends) = (certificate.begins(), certificate.ends());
        assert_eq!(ends.since(begins), 90 * 24 * 3600);
        for (now, says, is_near) in [
            (begins.plus(-1), Err(CertificateError::NotYet), false),
            (begins, Ok(()), false),
            (begins.plus(59 * 24 * 3600), Ok(()), false),
            (begins.plus(61 * 24 * 3600), Ok(()), true),
            (ends, Ok(()), true),
            (ends.plus(1), Err(CertificateError::Expired), true),
        ] {
            assert_eq!(certificate.is_valid_at(now), says);
            assert_eq!(certificate.is_near_its_end(now), is_near);
        }
    }

    #[test]
    fn both_may_stand_in_one_file() {
        let (chain, key) = issued(&["id.example"]);
        let both = format!("{chain}{}", key.serialize_pem());
        assert!(read(&both, &both).is_ok());
    }

    /// Attacks: RU01.
    #[test]
    fn the_key_of_another_certificate_is_refused() {
        let ((chain, _), (_, key)) = (issued(&["id.example"]), issued(&["id.example"]));
        let refused = read(&chain, &key.serialize_pem());
        assert_eq!(refused.err(), Some(CertificateError::AnothersKey));
    }

    /// Attacks: RU03.
    #[rstest]
    #[case::empty("", CertificateError::NoCertificate)]
    #[case::words("certificate", CertificateError::NoCertificate)]
    #[case::breaks_off("-----BEGIN CERTIFICATE-----\nMIIB\n", CertificateError::Unreadable)]
    #[case::no_base64(
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        CertificateError::Unreadable
    )]
    #[case::no_certificate(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        CertificateError::Unreadable
    )]
    fn what_is_no_certificate_is_told(#[case] chain: &str, #[case] says: CertificateError) {
        let (_, key) = issued(&["id.example"]);
        assert_eq!(read(chain, &key.serialize_pem()).err(), Some(says));
    }

    /// Attacks: RU03.
    #[rstest]
    #[case::empty("", CertificateError::NoKey)]
    #[case::encrypted(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
        CertificateError::EncryptedKey
    )]
    #[case::encrypted_as_of_old(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n",
        CertificateError::EncryptedKey
    )]
    #[case::breaks_off("-----BEGIN PRIVATE KEY-----\nMIIB\n", CertificateError::UnusableKey)]
    #[case::no_key(
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        CertificateError::UnusableKey
    )]
    fn what_is_no_key_is_told(#[case] key: &str, #[case] says: CertificateError) {
        let (chain, _) = issued(&["id.example"]);
        let refused = read(&chain, key).err();
        assert_eq!(refused, Some(says));
        assert!(says.is_of_key());
    }

    /// Every beginning of both files, as a reader meets them that looks while they are written.
    ///
    /// Attacks: RU05.
    #[test]
    fn a_file_that_is_half_written_is_never_taken() {
        let (chain, key) = issued(&["id.example"]);
        let key = key.serialize_pem();
        for length in 0..chain.trim_end().len() {
            assert!(read(&chain[..length], &key).is_err(), "{length}");
        }
        for length in 0..key.trim_end().len() {
            assert!(read(&chain, &key[..length]).is_err(), "{length}");
        }
    }
}
