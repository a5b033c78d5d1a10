//! A registration has to make sense as a whole, and keeps its meaning when a later release reads it.

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::{
    client::{AuthenticationMethod, Client, ClientError, ConsentPolicy, GrantType},
    jose::{Algorithm, JwkSet, SigningKey},
};

use crate::fixtures::{confidential, public, returning_to};

fn keys() -> Option<JwkSet> {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    Some(JwkSet {
        keys: vec![key.public_jwk()],
    })
}

fn with_keys() -> Client {
    Client {
        authentication: AuthenticationMethod::PrivateKeyJwt,
        jwks: keys(),
        ..confidential()
    }
}

/// A client that acts for itself alone.
fn machine() -> Client {
    Client {
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        ..confidential()
    }
}

#[rstest]
#[case::web_app(confidential())]
#[case::web_app_with_keys(with_keys())]
#[case::web_app_that_is_never_asked_for(Client { consent: ConsentPolicy::Never, ..confidential() })]
#[case::web_app_without_pkce(Client { require_pkce: false, ..confidential() })]
#[case::single_page_app(public())]
#[case::first_party_single_page_app(Client { consent: ConsentPolicy::Never, ..public() })]
#[case::app_on_a_device(returning_to("http://127.0.0.1/cb", public()))]
#[case::machine(machine())]
#[case::api_that_only_introspects(Client { grant_types: Vec::new(), ..machine() })]
#[case::the_longest_name(Client { name: "é".repeat(100), ..confidential() })]
fn what_makes_sense_is_accepted(#[case] client: Client) {
    assert_eq!(client.validate(), Ok(()));
}

#[rstest]
#[case::no_name(Client { name: String::new(), ..confidential() }, ClientError::Name)]
#[case::a_name_too_long(Client { name: "x".repeat(101), ..confidential() }, ClientError::Name)]
#[case::a_name_of_two_lines(Client { name: "Shop\nPay".to_owned(), ..confidential() }, ClientError::Name)]
#[case::public_and_nothing_to_do(
    Client { grant_types: Vec::new(), redirect_uris: Vec::new(), ..public() },
    ClientError::GrantTypes
)]
#[case::nowhere_to_return(Client { redirect_uris: Vec::new(), ..confidential() }, ClientError::RedirectUris)]
#[case::redirect_uris_that_nothing_uses(
    Client { redirect_uris: confidential().redirect_uris, ..machine() },
    ClientError::RedirectUris
)]
#[case::nothing_to_refresh(
    Client { grant_types: vec![GrantType::ClientCredentials, GrantType::RefreshToken], ..machine() },
    ClientError::RefreshAlone
)]
#[case::a_public_machine(
    Client { authentication: AuthenticationMethod::None, ..machine() },
    ClientError::PublicClientCredentials
)]
#[case::public_without_pkce(Client { require_pkce: false, ..public() }, ClientError::PublicWithoutPkce)]
#[case::on_a_loopback_address_and_never_asked_for(
    Client { consent: ConsentPolicy::Never, ..returning_to("http://127.0.0.1/cb", public()) },
    ClientError::PublicNeverAsked
)]
#[case::on_a_private_scheme_and_never_asked_for(
    Client { consent: ConsentPolicy::Never, ..returning_to("com.example.app:/cb", public()) },
    ClientError::PublicNeverAsked
)]
#[case::no_keys_to_sign_with(Client { jwks: None, ..with_keys() }, ClientError::Jwks)]
#[case::an_empty_key_set(Client { jwks: Some(JwkSet { keys: Vec::new() }), ..with_keys() }, ClientError::Jwks)]
#[case::keys_that_nobody_asks_for(Client { jwks: keys(), ..confidential() }, ClientError::Jwks)]
fn what_makes_no_sense_is_refused(#[case] client: Client, #[case] because: ClientError) {
    assert_eq!(client.validate(), Err(because));
}

#[test]
fn a_registration_is_kept_under_the_names_of_the_specification() {
    let json = serde_json::to_string_pretty(&confidential()).unwrap();
    assert_snapshot!(json, @r#"
    {
      "id": "shop",
      "name": "Shop",
      "authentication": "client_secret_basic",
      "assertion_audience": "issuer",
      "redirect_uris": [
        "https://rp.example/cb"
      ],
      "grant_types": [
        "authorization_code",
        "refresh_token"
      ],
      "scopes": "mail.read notes.read notes.write offline_access",
      "require_pkce": true,
      "access_token_format": "jwt",
      "consent": "remember"
    }
    "#);
    assert_eq!(
        serde_json::from_str::<Client>(&json).unwrap(),
        confidential()
    );
}

#[test]
fn what_a_registration_leaves_out_is_the_safe_choice() {
    let json = r#"{"id":"shop","name":"Shop","authentication":"none","grant_types":[],"later":1}"#;
    let client: Client = serde_json::from_str(json).unwrap();
    assert!(client.require_pkce);
    assert_eq!(client.consent, ConsentPolicy::Remember);
    assert_eq!(client.assertion_audience, Default::default());
    assert!(client.scopes.is_empty() && client.redirect_uris.is_empty());
}
