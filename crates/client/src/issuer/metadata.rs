//! What an issuer says about itself (RFC 8414, OpenID Connect Discovery §3): where its metadata lies, and which of it is
//! believed.
//!
//! Fetching and keeping it is `safeconduct_issuer`'s concern.

use safeconduct_issuer::{Address, Metadata as _, endpoint, metadata_locations, read_document};
use safeconduct_protocol::jose::Algorithm;
use serde::Deserialize;
use url::Url;

use crate::error::{Error, ErrorKind};

/// An issuer's endpoints, each on an address that protects what is sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    pub(crate) pushed_authorization_request_endpoint: Option<Url>,
    pub(crate) jwks_uri: Option<Url>,
    /// Whether an authorization request must be pushed (RFC 9126 §5).
    pub(crate) requires_pushed_requests: bool,
    /// What ID Tokens may be signed with, of what can be verified here; `None` if the issuer does not say.
    pub(crate) id_token_algorithms: Option<Vec<Algorithm>>,
    /// Whether proofs signed with ES256 are taken, as far as the issuer says (RFC 9449 §5.1).
    pub(crate) takes_es256_proofs: bool,
    /// Whether the issuer tells apps when a session ends (OpenID Connect Back-Channel Logout §2.1).
    pub(crate) tells_of_logouts: bool,
    /// Whether every authorization response names the issuer (RFC 9207 §3).
    pub(crate) names_issuer_in_response: bool,
    /// Whether S256 is supported, as far as the issuer says.
    pub(crate) supports_s256: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    jwks_uri: Option<String>,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    backchannel_logout_supported: bool,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Where the metadata of `issuer` may lie: RFC 8414 §3.1, then OpenID Connect Discovery §4. A client that asks for `openid`
    /// begins with the second.
    pub fn locations(issuer: &Url) -> [Url; 2] {
        metadata_locations(issuer)
    }

    /// Reads the metadata that was fetched for `issuer`.
    ///
    /// # Errors
    /// [`ErrorKind::IssuerMetadata`] if it is not JSON, names another issuer (compared byte for byte, RFC 8414 §3.3), lacks
    /// the token endpoint, or any of its addresses is neither https nor http on loopback; [`ErrorKind::Configuration`] if `issuer` is
    /// no issuer's identifier.
    pub fn parse(issuer: &str, body: &[u8]) -> Result<Self, Error> {
        let address = Address::identifier(issuer)
            .map_err(|error| Error::configuration(format!("issuer `{issuer}` {error}")))?;
        Self::read(&address, body).map_err(|why| Error::new(ErrorKind::IssuerMetadata, why))
    }

    /// Whether the issuer tells apps that a session ended (OpenID Connect Back-Channel Logout §2.1): then register the
    /// address of `POST /auth/backchannel` there.
    pub fn tells_of_logouts(&self) -> bool {
        self.tells_of_logouts
    }
}

impl safeconduct_issuer::Metadata for Metadata {
    fn read(issuer: &Address, body: &[u8]) -> Result<Self, String> {
        let document: Document = read_document(issuer, body, |read: &Document| &read.issuer)?;
        let endpoint = |name: &str, url: &Option<String>| endpoint(issuer, name, url.as_deref());
        Ok(Self {
            authorization_endpoint: endpoint(
                "authorization_endpoint",
                &document.authorization_endpoint,
            )?,
            token_endpoint: endpoint("token_endpoint", &document.token_endpoint)?
                .ok_or("the metadata names no token_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint", &document.revocation_endpoint)?,
            userinfo_endpoint: endpoint("userinfo_endpoint", &document.userinfo_endpoint)?,
            end_session_endpoint: endpoint("end_session_endpoint", &document.end_session_endpoint)?,
            pushed_authorization_request_endpoint: endpoint(
                "pushed_authorization_request_endpoint",
                &document.pushed_authorization_request_endpoint,
            )?,
            jwks_uri: endpoint("jwks_uri", &document.jwks_uri)?,
            requires_pushed_requests: document.require_pushed_authorization_requests,
            id_token_algorithms: document.id_token_signing_alg_values_supported.map(|names| {
                let known = names.iter().filter_map(|name| Algorithm::announced(name));
                known.collect()
            }),
            takes_es256_proofs: document
                .dpop_signing_alg_values_supported
                .is_none_or(|names| names.iter().any(|name| name == Algorithm::Es256.name())),
            tells_of_logouts: document.backchannel_logout_supported,
            names_issuer_in_response: document.authorization_response_iss_parameter_supported,
            supports_s256: document
                .code_challenge_methods_supported
                .is_none_or(|methods| methods.iter().any(|method| method == "S256")),
            issuer: document.issuer,
        })
    }

    fn jwks_uri(&self) -> Option<&Url> {
        self.jwks_uri.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example.com/one";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.com/one/authorize",
            "token_endpoint": "https://id.example.com/one/token",
            "jwks_uri": "https://keys.example.com/jwks",
            "authorization_response_iss_parameter_supported": true,
            "code_challenge_methods_supported": ["plain", "S256"],
        })
    }

    fn parse(document: &Value) -> Result<Metadata, Error> {
        Metadata::parse(ISSUER, document.to_string().as_bytes())
    }

    #[test]
    fn a_complete_document_is_believed() {
        let metadata = parse(&document()).unwrap();
        assert!(metadata.names_issuer_in_response && metadata.supports_s256);
        assert_eq!(
            metadata.token_endpoint.as_str(),
            "https://id.example.com/one/token"
        );
        assert_eq!(metadata.revocation_endpoint, None);
        assert!(!metadata.requires_pushed_requests && !metadata.tells_of_logouts());
        assert!(metadata.takes_es256_proofs && metadata.id_token_algorithms.is_none());
    }

    #[test]
    fn algorithms_that_are_not_here_are_passed_over() {
        let mut document = document();
        document["id_token_signing_alg_values_supported"] =
            json!(["none", "HS256", "RS256", "ES512", "RS1"]);
        document["dpop_signing_alg_values_supported"] = json!(["RS256"]);
        let metadata = parse(&document).unwrap();
        let known = vec![Algorithm::Rs256, Algorithm::Es512];
        assert_eq!(metadata.id_token_algorithms, Some(known));
        assert!(!metadata.takes_es256_proofs);
    }

    /// Attacks: K05.
    #[rstest]
    #[case::another_issuer("issuer", json!("https://id.example.com"))]
    #[case::trailing_slash("issuer", json!("https://id.example.com/one/"))]
    #[case::other_case("issuer", json!("https://ID.example.com/one"))]
    #[case::no_issuer("issuer", Value::Null)]
    #[case::plain_authorization("authorization_endpoint", json!("http://id.example.com/authorize"))]
    #[case::plain_token("token_endpoint", json!("http://id.example.com/token"))]
    #[case::loopback_token_of_an_https_issuer("token_endpoint", json!("http://localhost/token"))]
    #[case::no_token_endpoint("token_endpoint", Value::Null)]
    #[case::plain_keys("jwks_uri", json!("http://keys.example.com/jwks"))]
    #[case::keys_in_a_file("jwks_uri", json!("file:///etc/passwd"))]
    #[case::relative("token_endpoint", json!("/token"))]
    #[case::user_information("token_endpoint", json!("https://id.example.com@evil.example/token"))]
    #[case::a_number("token_endpoint", json!(1))]
    #[case::plain_revocation("revocation_endpoint", json!("http://id.example.com/revoke"))]
    #[case::plain_userinfo("userinfo_endpoint", json!("http://id.example.com/userinfo"))]
    #[case::plain_logout("end_session_endpoint", json!("http://id.example.com/logout"))]
    #[case::plain_pushing("pushed_authorization_request_endpoint", json!("http://id.example.com/par"))]
    #[case::pushing_as_text("require_pushed_authorization_requests", json!("true"))]
    fn a_document_that_could_mislead_is_refused(#[case] member: &str, #[case] value: Value) {
        let mut changed = document();
        changed[member] = value;
        assert_eq!(
            parse(&changed).unwrap_err().kind(),
            ErrorKind::IssuerMetadata
        );
    }

    /// Attacks: K05.
    #[test]
    fn a_repeated_issuer_is_refused() {
        let twice = document()
            .to_string()
            .replacen('{', &format!(r#"{{"issuer":"{ISSUER}","#), 1);
        assert!(Metadata::parse(ISSUER, twice.as_bytes()).is_err());
    }
}
