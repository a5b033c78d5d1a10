//! The API that is guarded: its identifier, and what it says of itself (RFC 9728).

use safeconduct_issuer::Address;
use safeconduct_protocol::dpop::PROOF_ALGORITHMS;
use safeconduct_protocol::scope::Scope;
use serde::Serialize;

const WELL_KNOWN: &str = "oauth-protected-resource";

/// What every answer and every token of one guard share.
pub(crate) struct Resource {
    pub(crate) audience: Address,
    pub(crate) scopes_supported: Scope,
    pub(crate) name: Option<String>,
    /// Whether tokens must be bound to a key.
    pub(crate) dpop_required: bool,
    /// Whether a refusal's body tells expected against got.
    pub(crate) explains: bool,
    metadata_url: String,
}

impl Resource {
    pub(crate) fn new(audience: Address) -> Self {
        Self {
            metadata_url: audience.well_known(WELL_KNOWN),
            audience,
            scopes_supported: Scope::default(),
            name: None,
            dpop_required: false,
            explains: false,
        }
    }

    /// Where the metadata stands, as `resource_metadata` of a challenge names it (RFC 9728 §5.1).
    pub(crate) fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    pub(crate) fn metadata_path(&self) -> String {
        self.audience.well_known_path(WELL_KNOWN)
    }

    pub(crate) fn metadata(&self, issuers: Vec<String>) -> ResourceMetadata {
        ResourceMetadata {
            resource: self.audience.to_string(),
            authorization_servers: issuers,
            scopes_supported: self.scopes_supported.names().map(str::to_owned).collect(),
            bearer_methods_supported: ["header"],
            dpop_signing_alg_values_supported: PROOF_ALGORITHMS.map(|algorithm| algorithm.name()),
            dpop_bound_access_tokens_required: self.dpop_required,
            resource_name: self.name.clone(),
        }
    }
}

/// What an API says of itself, as JSON (RFC 9728 §2): which authorization servers issue tokens for it, and for which
/// scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: [&'static str; PROOF_ALGORITHMS.len()],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn an_api_names_its_issuer_and_its_scopes() {
        let issuers = vec!["https://id.example.com".to_owned()];
        let mut resource =
            Resource::new(Address::identifier("https://api.example.com/notes").unwrap());
        resource.scopes_supported = Scope::parse("notes.write notes.read").unwrap();
        resource.name = Some("Notes".into());
        assert_snapshot!(
            serde_json::to_string_pretty(&resource.metadata(issuers)).unwrap(),
            @r#"
            {
              "resource": "https://api.example.com/notes",
              "authorization_servers": [
                "https://id.example.com"
              ],
              "scopes_supported": [
                "notes.read",
                "notes.write"
              ],
              "bearer_methods_supported": [
                "header"
              ],
              "dpop_signing_alg_values_supported": [
                "ES256",
                "PS256",
                "EdDSA"
              ],
              "resource_name": "Notes"
            }
            "#
        );
        assert_eq!(
            resource.metadata_url(),
            "https://api.example.com/.well-known/oauth-protected-resource/notes"
        );
    }
}
