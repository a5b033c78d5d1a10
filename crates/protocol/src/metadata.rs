//! What the server says about itself (RFC 8414 §2): everything advertised works, and nothing that works is unadvertised.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    authentication::Acr,
    authorization::Prompt,
    claims,
    client::{AuthenticationMethod, GrantType, ResponseMode, SubjectType},
    dpop::PROOF_ALGORITHMS,
    jose::Algorithm,
    language::Language,
    loopback::is_loopback,
};

/// This server's name and base: an https URL without query, fragment or trailing slash (RFC 8414 §2); http on loopback for development.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

/// Why a text can't be an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Not an absolute URL.
    #[error("the issuer must be an absolute URL like https://id.example.com")]
    NotAbsolute,
    /// http to a host that is not loopback.
    #[error("the issuer must be https; http is for localhost only")]
    PlainHttp,
    /// A query, fragment or user information.
    #[error("the issuer must not have a query, a fragment or a user name")]
    Extra,
    /// A path with anything but plain segments.
    #[error("the issuer's path may hold letters, digits, - . _ ~ and / only")]
    Path,
    /// A trailing slash, an upper-case host, a default port, or dots in the path.
    #[error(
        "write the issuer as a browser would, without a trailing slash: clients compare it character by character"
    )]
    NotCanonical,
}

impl Issuer {
    /// Reads an issuer identifier.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError::NotAbsolute)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(IssuerError::NotAbsolute);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(IssuerError::PlainHttp);
        }
        if text.contains(['?', '#', '@']) {
            return Err(IssuerError::Extra);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !url.path().bytes().all(plain) {
            return Err(IssuerError::Path);
        }
        if text.ends_with('/') || url.as_str().trim_end_matches('/') != text {
            return Err(IssuerError::NotCanonical);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The issuer as it is sent in `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path below which every endpoint lives: empty, or like `/tenant`.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// `scheme://host[:port]`, as browsers send it in `Origin`.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host that requests must name, with its port where it is not the default.
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// The host alone, without its port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The host's name; `None` where it is an IP address.
    pub fn domain(&self) -> Option<&str> {
        self.url.domain()
    }

    /// Whether this is a development server: http on loopback.
    pub fn is_development(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The URL of an endpoint, given its path below the issuer, like `/token`.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The path of a well-known document (RFC 8414 §3): the issuer's own path comes after the name.
    pub fn well_known(&self, name: &str) -> String {
        format!("/.well-known/{name}{}", self.path())
    }
}

/// The authorization server's metadata (RFC 8414 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the members are RFC 8414's, under their own names"
)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub userinfo_endpoint: String,
    pub jwks_uri: String,
    pub end_session_endpoint: String,
    pub pushed_authorization_request_endpoint: String,
    pub introspection_endpoint: String,
    /// Where guards ask which tokens are dead before their time (RFC 8936). No registered member.
    pub security_events_endpoint: String,
    pub revocation_endpoint: String,
    pub scopes_supported: Vec<String>,
    pub response_types_supported: Vec<String>,
    pub response_modes_supported: Vec<String>,
    pub grant_types_supported: Vec<String>,
    pub token_endpoint_auth_methods_supported: Vec<String>,
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    pub code_challenge_methods_supported: Vec<String>,
    pub authorization_response_iss_parameter_supported: bool,
    pub ui_locales_supported: Vec<String>,
    pub claims_supported: Vec<String>,
    pub claims_parameter_supported: bool,
    pub request_parameter_supported: bool,
    pub request_uri_parameter_supported: bool,
    pub require_pushed_authorization_requests: bool,
    pub prompt_values_supported: Vec<String>,
    pub subject_types_supported: Vec<String>,
    pub acr_values_supported: Vec<String>,
    pub id_token_signing_alg_values_supported: Vec<String>,
    pub dpop_signing_alg_values_supported: Vec<String>,
    pub backchannel_logout_supported: bool,
    pub backchannel_logout_session_supported: bool,
}

impl Metadata {
    /// The metadata of the server at `issuer` with these scopes of its APIs, which signs ID Tokens with any of `signs`,
    /// can meet the contexts `acr`, and where users may `sign_up` by themselves or not.
    pub fn of(
        issuer: &Issuer,
        scopes: Vec<String>,
        signs: &[Algorithm],
        acr: &[Acr],
        sign_up: bool,
    ) -> Self {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let confidential = [
            AuthenticationMethod::ClientSecretBasic.as_str(),
            AuthenticationMethod::ClientSecretPost.as_str(),
            AuthenticationMethod::PrivateKeyJwt.as_str(),
        ];
        let any_client =
            names(&[&confidential[..], &[AuthenticationMethod::None.as_str()]].concat());
        let signing = names(&Algorithm::ALL.map(Algorithm::name));
        Self {
            issuer: issuer.as_str().to_owned(),
            authorization_endpoint: issuer.endpoint("/authorize"),
            token_endpoint: issuer.endpoint("/token"),
            userinfo_endpoint: issuer.endpoint("/userinfo"),
            jwks_uri: issuer.endpoint("/.well-known/jwks.json"),
            end_session_endpoint: issuer.endpoint("/logout"),
            pushed_authorization_request_endpoint: issuer.endpoint("/par"),
            introspection_endpoint: issuer.endpoint("/introspect"),
            security_events_endpoint: issuer.endpoint("/security-events"),
            revocation_endpoint: issuer.endpoint("/revoke"),
            scopes_supported: scopes,
            response_types_supported: names(&["code"]),
            response_modes_supported: names(&ResponseMode::ALL.map(ResponseMode::as_str)),
            grant_types_supported: names(&GrantType::ALL.map(GrantType::as_str)),
            token_endpoint_auth_methods_supported: any_client.clone(),
            token_endpoint_auth_signing_alg_values_supported: signing.clone(),
            introspection_endpoint_auth_methods_supported: names(&confidential),
            introspection_endpoint_auth_signing_alg_values_supported: signing.clone(),
            revocation_endpoint_auth_methods_supported: any_client,
            revocation_endpoint_auth_signing_alg_values_supported: signing,
            code_challenge_methods_supported: names(&["S256"]),
            authorization_response_iss_parameter_supported: true,
            ui_locales_supported: names(&Language::ALL.map(Language::tag)),
            claims_supported: claims::supported(),
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            require_pushed_authorization_requests: false,
            prompt_values_supported: Prompt::served(sign_up)
                .map(|prompt| prompt.as_str().to_owned())
                .collect(),
            subject_types_supported: names(&SubjectType::ALL.map(SubjectType::as_str)),
            acr_values_supported: acr.iter().map(|acr| acr.as_str().to_owned()).collect(),
            id_token_signing_alg_values_supported: signs
                .iter()
                .map(|alg| alg.to_string())
                .collect(),
            dpop_signing_alg_values_supported: names(&PROOF_ALGORITHMS.map(Algorithm::name)),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://id.example.com", Ok(""))]
    #[case("https://id.example.com/tenant", Ok("/tenant"))]
    #[case("http://localhost:8420", Ok(""))]
    #[case("http://[::1]:8420", Ok(""))]
    #[case("https://id.example.com/", Err(IssuerError::NotCanonical))]
    #[case("https://ID.example.com", Err(IssuerError::NotCanonical))]
    #[case("https://id.example.com:443", Err(IssuerError::NotCanonical))]
    #[case("https://id.example.com/a/../b", Err(IssuerError::NotCanonical))]
    #[case("https://id.example.com?x=1", Err(IssuerError::Extra))]
    #[case("https://id.example.com#x", Err(IssuerError::Extra))]
    #[case("https://user@id.example.com", Err(IssuerError::Extra))]
    #[case("https://id.example.com/:tenant", Err(IssuerError::Path))]
    #[case("https://id.example.com/*x", Err(IssuerError::Path))]
    #[case("https://id.example.com/{x}", Err(IssuerError::Path))]
    #[case("https://id.example.com/a%2Fb", Err(IssuerError::Path))]
    #[case("http://id.example.com", Err(IssuerError::PlainHttp))]
    #[case("http://localhost.evil.example", Err(IssuerError::PlainHttp))]
    #[case("id.example.com", Err(IssuerError::NotAbsolute))]
    #[case("ftp://id.example.com", Err(IssuerError::NotAbsolute))]
    fn an_issuer_has_one_spelling(#[case] text: &str, #[case] path: Result<&str, IssuerError>) {
        let issuer = Issuer::parse(text);
        assert_eq!(
            issuer.as_ref().map(Issuer::path).map_err(|error| *error),
            path
        );
    }

    #[test]
    fn the_well_known_path_comes_before_the_issuers_own() {
        let issuer = Issuer::parse("https://id.example.com/tenant").unwrap();
        assert_eq!(
            issuer.well_known("oauth-authorization-server"),
            "/.well-known/oauth-authorization-server/tenant"
        );
        assert_eq!(
            issuer.endpoint("/token"),
            "https://id.example.com/tenant/token"
        );
    }
}
