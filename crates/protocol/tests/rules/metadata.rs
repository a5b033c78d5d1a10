//! What the server says about itself (RFC 8414 §2, OpenID Connect Discovery §3).

use insta::assert_snapshot;
use safeconduct_protocol::{
    authentication::Acr,
    jose::Algorithm,
    metadata::{Issuer, Metadata},
};

use crate::fixtures::ISSUER;

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "the document is one, and is shown whole"
)]
fn everything_that_works_is_advertised_and_nothing_else() {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let metadata = Metadata::of(
        &issuer,
        vec!["openid".to_owned(), "notes.read".to_owned()],
        &[Algorithm::Rs256, Algorithm::Es256],
        &[Acr::Password],
        true,
    );
    assert_snapshot!(serde_json::to_string_pretty(&metadata).unwrap(), @r#"
    {
      "issuer": "https://id.example.com",
      "authorization_endpoint": "https://id.example.com/authorize",
      "token_endpoint": "https://id.example.com/token",
      "userinfo_endpoint": "https://id.example.com/userinfo",
      "jwks_uri": "https://id.example.com/.well-known/jwks.json",
      "end_session_endpoint": "https://id.example.com/logout",
      "pushed_authorization_request_endpoint": "https://id.example.com/par",
      "introspection_endpoint": "https://id.example.com/introspect",
      "security_events_endpoint": "https://id.example.com/security-events",
      "revocation_endpoint": "https://id.example.com/revoke",
      "scopes_supported": [
        "openid",
        "notes.read"
      ],
      "response_types_supported": [
        "code"
      ],
      "response_modes_supported": [
        "query",
        "form_post"
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
        "en",
        "de",
        "fr",
        "es",
        "pt-BR",
        "ja",
        "ar"
      ],
      "claims_supported": [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
        "acr",
        "amr",
        "sid",
        "name",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
        "email",
        "email_verified",
        "phone_number",
        "phone_number_verified",
        "address",
        "groups"
      ],
      "claims_parameter_supported": true,
      "request_parameter_supported": false,
      "request_uri_parameter_supported": false,
      "require_pushed_authorization_requests": false,
      "prompt_values_supported": [
        "none",
        "login",
        "consent",
        "select_account",
        "create"
      ],
      "subject_types_supported": [
        "public",
        "pairwise"
      ],
      "acr_values_supported": [
        "urn:safeconduct:acr:password"
      ],
      "id_token_signing_alg_values_supported": [
        "RS256",
        "ES256"
      ],
      "dpop_signing_alg_values_supported": [
        "ES256",
        "PS256",
        "EdDSA"
      ],
      "backchannel_logout_supported": true,
      "backchannel_logout_session_supported": true
    }
    "#);
}
