//! What the guard reads of its issuer's metadata (RFC 8414), and that it counts how the issuer's keys are fetched.
//!
//! Finding, fetching and keeping it is `safeconduct_issuer`'s concern.

use safeconduct_issuer::{Address, KeysRead, endpoint, read_document};
use serde::Deserialize;
use url::Url;

/// The authorization server that the guard trusts.
pub(crate) type Issuer = safeconduct_issuer::Discovery<Metadata>;
/// Its keys.
pub(crate) type Keys = safeconduct_issuer::Keys<Metadata>;

/// What matters of the metadata.
pub(crate) struct Metadata {
    jwks_uri: Option<Url>,
    pub(crate) introspection_endpoint: Option<Url>,
    /// Where it says which tokens were revoked: Safeconduct alone has this member.
    pub(crate) security_events_endpoint: Option<Url>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
    security_events_endpoint: Option<String>,
}

impl safeconduct_issuer::Metadata for Metadata {
    fn read(issuer: &Address, document: &[u8]) -> Result<Self, String> {
        let document: Document = read_document(issuer, document, |read: &Document| &read.issuer)?;
        let endpoint = |name: &str, url: &Option<String>| endpoint(issuer, name, url.as_deref());
        Ok(Self {
            jwks_uri: endpoint("jwks_uri", &document.jwks_uri)?,
            introspection_endpoint: endpoint(
                "introspection_endpoint",
                &document.introspection_endpoint,
            )?,
            security_events_endpoint: endpoint(
                "security_events_endpoint",
                &document.security_events_endpoint,
            )?,
        })
    }

    fn jwks_uri(&self) -> Option<&Url> {
        self.jwks_uri.as_ref()
    }
}

/// Counts a fetch of the keys.
pub(crate) fn count(read: KeysRead) {
    let outcome = if read.succeeded { "ok" } else { "failed" };
    metrics::counter!("guard_jwks_fetches_total", "outcome" => outcome).increment(1);
    if let Some(age) = read.age.and_then(|age| i32::try_from(age).ok()) {
        metrics::gauge!("guard_keys_age_seconds").set(f64::from(age));
    }
}
