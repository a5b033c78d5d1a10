//! What the server says about itself (RFC 8414 §2).

use insta::assert_snapshot;
use safeconduct_protocol::metadata::{Issuer, Metadata};

use crate::fixtures::ISSUER;

#[test]
fn everything_that_works_is_advertised_and_nothing_else() {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let metadata = Metadata::of(&issuer, vec!["notes.read".to_owned()]);
    assert_snapshot!(serde_json::to_string_pretty(&metadata).unwrap(), @r#"
    {
      "issuer": "https://id.example.com",
      "authorization_endpoint": "https://id.example.com/authorize",
      "token_endpoint": "https://id.example.com/token",
      "jwks_uri": "https://id.example.com/.well-known/jwks.json",
      "introspection_endpoint": "https://id.example.com/introspect",
      "revocation_endpoint": "https://id.example.com/revoke",
      "scopes_supported": [
        "notes.read"
      ],
      "response_types_supported": [
        "code"
      ],
      "response_modes_supported": [
        "query"
      ],
      "grant_types_supported": [
        "authorization_code",
        "refresh_token",
        "client_credentials"
      ],
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none"
      ],
      "token_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "introspection_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
      ],
      "introspection_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "revocation_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none"
      ],
      "revocation_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "authorization_response_iss_parameter_supported": true,
      "ui_locales_supported": [
        "en"
      ]
    }
    "#);
}
