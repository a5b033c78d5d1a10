//! A registration has to make sense as a whole, and keeps its meaning when a later release reads it.

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::{
    client::{
        AuthenticationMethod, BackChannelUri, Client, ClientError, ConsentPolicy, GrantType,
        OpenIdRegistration, RefreshShared, ResponseMode, SubjectType,
    },
    jose::{Algorithm, JwkSet, SigningKey},
    redirect_uri::RedirectUri,
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

fn pairwise(redirect_uris: &[&str], sector: Option<&str>) -> Client {
    let registered = redirect_uris.iter();
    Client {
        redirect_uris: registered
            .map(|uri| RedirectUri::register(uri).unwrap())
            .collect(),
        openid: OpenIdRegistration {
            subject_type: SubjectType::Pairwise,
            sector_identifier: sector.map(str::to_owned),
            ..OpenIdRegistration::default()
        },
        ..confidential()
    }
}

fn posted_to(redirect_uri: &str) -> Client {
    Client {
        response_modes: vec![ResponseMode::FormPost],
        ..returning_to(redirect_uri, confidential())
    }
}

const TWO_HOSTS: [&str; 2] = ["https://a.example/cb", "https://b.example/cb"];

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
#[case::app_that_is_posted_to(posted_to("https://rp.example/cb"))]
#[case::app_on_a_device_that_is_posted_to(posted_to("http://127.0.0.1/cb"))]
#[case::pairwise_at_one_host(pairwise(&["https://a.example/cb", "https://a.example:8443/cb"], None))]
#[case::pairwise_at_two_hosts_of_one_sector(pairwise(&TWO_HOSTS, Some("sector.example")))]
#[case::pairwise_without_a_host(pairwise(&["com.example.app:/cb"], None))]
#[case::the_longest_name(Client { name: "é".repeat(100), ..confidential() })]
fn what_makes_sense_is_accepted(#[case] client: Client) {
    assert_eq!(client.validate(), Ok(()));
}

/// Attacks: R16, I13.
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
#[case::no_way_to_answer(Client { response_modes: Vec::new(), ..confidential() }, ClientError::ResponseModes)]
#[case::an_app_that_no_browser_posts_to(posted_to("com.example.app:/cb"), ClientError::FormPost)]
#[case::pairwise_at_two_hosts(pairwise(&TWO_HOSTS, None), ClientError::Sector)]
#[case::a_sector_that_is_a_url(pairwise(&TWO_HOSTS, Some("https://sector.example")), ClientError::Sector)]
#[case::a_sector_with_a_port(pairwise(&TWO_HOSTS, Some("sector.example:443")), ClientError::Sector)]
#[case::a_sector_in_another_case(pairwise(&TWO_HOSTS, Some("Sector.example")), ClientError::Sector)]
#[case::an_empty_sector(pairwise(&TWO_HOSTS, Some("")), ClientError::Sector)]
#[case::keys_that_nobody_asks_for(Client { jwks: keys(), ..confidential() }, ClientError::Jwks)]
fn what_makes_no_sense_is_refused(#[case] client: Client, #[case] because: ClientError) {
    assert_eq!(client.validate(), Err(because));
}

#[test]
fn a_registration_is_kept_under_the_names_of_the_specification() {
    let client = everything();
    let json = serde_json::to_string_pretty(&client).unwrap();
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
      "consent": "remember",
      "refresh_shared": "revoke",
      "response_modes": [
        "form_post",
        "query"
      ],
      "require_pushed_authorization_requests": true,
      "dpop_bound_access_tokens": true,
      "id_token_signed_response_alg": "EdDSA",
      "subject_type": "pairwise",
      "sector_identifier": "sector.example",
      "post_logout_redirect_uris": [
        "https://rp.example/signed-out"
      ],
      "backchannel_logout_uri": "https://rp.example/logged-out"
    }
    "#);
    assert_eq!(serde_json::from_str::<Client>(&json).unwrap(), client);
}

/// A client with everything that OpenID Connect, pushed requests and DPoP add.
fn everything() -> Client {
    Client {
        response_modes: vec![ResponseMode::FormPost, ResponseMode::Query],
        require_pushed_authorization_requests: true,
        dpop_bound_access_tokens: true,
        refresh_shared: RefreshShared::Revoke,
        openid: OpenIdRegistration {
            id_token_signed_response_alg: Algorithm::EdDsa,
            subject_type: SubjectType::Pairwise,
            sector_identifier: Some("sector.example".to_owned()),
            post_logout_redirect_uris: vec![
                RedirectUri::register("https://rp.example/signed-out").unwrap(),
            ],
            backchannel_logout_uri: BackChannelUri::parse("https://rp.example/logged-out"),
        },
        ..confidential()
    }
}

/// What the first release wrote, every later one reads as it was meant: nothing new is switched on.
#[test]
fn a_registration_of_the_first_release_reads_the_same() {
    let json = r#"{"id":"shop","name":"Shop","authentication":"client_secret_basic","assertion_audience":"issuer",
        "redirect_uris":["https://rp.example/cb"],"grant_types":["authorization_code","refresh_token"],
        "scopes":"mail.read notes.read notes.write offline_access","require_pkce":true,
        "access_token_format":"jwt","consent":"remember"}"#;
    let client = serde_json::from_str::<Client>(json).unwrap();
    assert_eq!(client, confidential());
    assert_eq!(client.default_response_mode(), ResponseMode::Query);
    assert_eq!(
        client.openid.id_token_signed_response_alg,
        Algorithm::Rs256,
        "OpenID Connect's default"
    );
    let again = serde_json::to_string(&client).unwrap();
    assert_eq!(serde_json::from_str::<Client>(&again).unwrap(), client);
}

#[test]
fn what_a_registration_leaves_out_is_the_safe_choice() {
    let json = r#"{"id":"shop","name":"Shop","authentication":"none","grant_types":[],"later":1}"#;
    let client: Client = serde_json::from_str(json).unwrap();
    assert!(client.require_pkce);
    assert_eq!(client.consent, ConsentPolicy::Remember);
    assert_eq!(client.assertion_audience, Default::default());
    assert!(client.scopes.is_empty() && client.redirect_uris.is_empty());
    assert_eq!(client.response_modes, [ResponseMode::Query]);
    assert_eq!(client.openid, OpenIdRegistration::default());
    assert_eq!(client.refresh_shared, RefreshShared::Report);
}

/// Attacks: G02.
#[rstest]
#[case::web_server("https://rp.example/logged-out", true)]
#[case::with_a_port_and_a_query("https://rp.example:8443/logged-out?tenant=7", true)]
#[case::on_this_computer("http://127.0.0.1:8421/logged-out", true)]
#[case::on_this_computer_by_name("http://localhost:8421/logged-out", true)]
#[case::plain_http("http://rp.example/logged-out", false)]
#[case::plain_http_to_a_name_like_ours("http://localhost.evil.example/", false)]
#[case::metadata_of_a_cloud("http://169.254.169.254/latest", false)]
#[case::a_file("file:///etc/passwd", false)]
#[case::another_protocol("gopher://127.0.0.1:25/", false)]
#[case::a_script("javascript:alert(1)", false)]
#[case::an_app("com.example.app:/logged-out", false)]
#[case::a_user_name("https://ada@rp.example/", false)]
#[case::a_password("https://:hush@rp.example/", false)]
#[case::a_fragment("https://rp.example/#x", false)]
#[case::two_lines("https://rp.example/\r\nX: y", false)]
#[case::white_space("https://rp.example/a b", false)]
#[case::beyond_ascii("https://rp.example/\u{e9}", false)]
#[case::relative("/logged-out", false)]
#[case::too_long(&format!("https://rp.example/{}", "x".repeat(2048)), false)]
fn a_client_is_told_of_a_logout_at_a_web_address(#[case] uri: &str, #[case] accepted: bool) {
    assert_eq!(BackChannelUri::parse(uri).is_some(), accepted);
    let read = serde_json::from_value::<BackChannelUri>(uri.into());
    assert_eq!(read.is_ok(), accepted, "also where it is read back");
}
