//! What is wrong with a set-up is named before the first request.

use rstest::rstest;

use super::*;
use crate::error::ErrorKind;

fn builder() -> ClientBuilder {
    Client::new("https://id.example.com", "notes-web").base_url("https://notes.example.com/")
}

/// Attacks: LI58.
#[test]
fn an_issuer_in_a_private_network_is_taken_where_that_is_said() {
    let client = || Client::new("http://keycloak:8080/realms/r", "x");
    let refused = client().build().unwrap_err().to_string();
    assert!(
        refused.contains("allow_http_in_private_network"),
        "{refused}"
    );
    let client = client().allow_http_in_private_network(true);
    assert!(client.resource("http://notes-api:3000").build().is_ok());
}

#[test]
fn the_redirect_uri_follows_from_the_base_url() {
    let client = builder().build().unwrap();
    assert_eq!(
        client.redirect_uri().unwrap(),
        "https://notes.example.com/auth/callback"
    );
    let client = builder().routes_path("/auth/acme").build().unwrap();
    assert_eq!(
        client.redirect_uri().unwrap(),
        "https://notes.example.com/auth/acme/callback"
    );
    assert_eq!(
        client.post_logout_redirect_uri().unwrap(),
        "https://notes.example.com/auth/acme/logged-out"
    );
}

#[test]
fn the_redirect_uri_may_be_the_origin_and_has_no_path_then() {
    let client = builder().return_to_origin(true).build().unwrap();
    assert_eq!(client.redirect_uri().unwrap(), "https://notes.example.com");
}

#[rstest]
#[case::plain_issuer(
    Client::new("http://id.example.com", "x"),
    "issuer `http://id.example.com` must begin with https://"
)]
#[case::public_issuer(
    Client::new("http://8.8.8.8", "x").allow_http_in_private_network(true),
    "issuer `http://8.8.8.8` must begin with https://: it is in no private network"
)]
#[case::public_api(
    builder().allow_http_in_private_network(true).resource("http://8.8.8.8"),
    "must be https or urn"
)]
#[case::posted_to_the_front_page(
    builder().form_post(true).return_to_origin(true),
    "an answer that comes by POST comes to `/auth/callback`"
)]
#[case::settings_of_http(
    builder().http_settings(|http| http.user_agent("a\nb")),
    "no TLS for outgoing requests"
)]
#[case::no_issuer(Client::new("", "x"), "issuer `` is not an absolute URL")]
#[case::issuer_with_a_query(Client::new("https://id.example.com?a", "x"), "must not carry a query")]
#[case::issuer_with_a_user(
    Client::new("https://a@id.example.com", "x"),
    "must not carry a user name"
)]
#[case::issuer_with_a_space(
    Client::new("https://id.example.com/a b", "x"),
    "holds a character that no URL has"
)]
#[case::no_client_id(Client::new("https://id.example.com", ""), "client_id is empty")]
#[case::client_id(
    Client::new("https://id.example.com", "a\nb"),
    "client_id holds something"
)]
#[case::plain_base_url(builder().base_url("http://notes.example.com"), "base_url `http://notes.example.com` must begin with https://")]
#[case::base_url_with_path(builder().base_url("https://example.com/notes"), "must have no path")]
#[case::routes_path(builder().routes_path("auth"), "routes_path must be like /auth")]
#[case::routes_path_slash(builder().routes_path("/auth/"), "routes_path must be like /auth")]
#[case::scope_list(builder().scopes(["a b"]), "scopes `a b`: name them one by one")]
#[case::scope(builder().scopes(["a\"b"]), "is no name of a scope")]
#[case::empty_scope(builder().scopes([""]), "`` is no name of a scope")]
#[case::many_scopes(builder().scopes((0..101).map(|n| n.to_string())), "more than 100 scopes")]
#[case::plain_resource(builder().resource("http://api.example.com"), "must be https or urn")]
#[case::relative_resource(builder().resource("/notes"), "is not an absolute URI")]
#[case::resource_with_a_fragment(builder().resource("https://api.example.com#a"), "must not carry a fragment")]
#[case::long_resource(builder().resource(format!("https://api.example.com/{}", "a".repeat(500))), "is longer than 512 bytes")]
#[case::one_place_twice(builder().resource("https://api.example.com").resource(Resource::new("urn:x").reached_at("https://api.example.com")), "two resources are reached at `https://api.example.com/`")]
#[case::one_name_twice(builder().resource("urn:x").resource("urn:x"), "the resource `urn:x` is there twice")]
#[case::nothing_apart(builder().resource("https://a.example").resource(Resource::at("https://b.example")), "nothing tells a token for `https://b.example`")]
#[case::plain_place(builder().resource(Resource::new("urn:x").reached_at("http://b.example")), "`http://b.example` is no place to send a token to")]
#[case::place_with_a_query(builder().resource(Resource::at("https://b.example?a")), "is no place to send a token to")]
#[case::scope_of_a_resource(builder().resource(Resource::at("https://b.example").scopes(["a b"])), "scopes `a b`: name them one by one")]
#[case::parameter_of_ours(builder().login(LoginOptions::new().parameter("state", "x")), "the parameter `state` is this library's own")]
#[case::parameter_with_a_setting(builder().login(LoginOptions::new().parameter("prompt", "x")), "has a setting of its own in `LoginOptions`")]
#[case::token_parameter(builder().token_parameter("grant_type", "x"), "the parameter `grant_type` is this library's own")]
#[case::two_secrets(builder().secret(Secret::new("s")).secret_file("/f"), "both a secret and a secret_file")]
#[case::missing_secret_file(builder().secret_file("/nowhere/at/all"), "cannot read /nowhere/at/all")]
#[case::empty_secret(builder().secret(Secret::new("")), "the client secret is empty")]
#[case::secret_of_two_lines(builder().secret(Secret::new("a\nb")), "the client secret holds something")]
#[case::secret_with_a_byte_order_mark(builder().secret(Secret::new("\u{feff}secret")), "the client secret holds something")]
#[case::basic_without_secret(builder().authentication(ClientAuthentication::Basic), "needs `.secret(…)`")]
#[case::none_with_secret(builder().secret(Secret::new("s")).authentication(ClientAuthentication::None), "does not use one")]
#[case::nameless_audience(builder().trusted_audiences(["api", ""]), "trusted_audiences holds an empty text")]
#[case::leeway(builder().leeway(Duration::from_millis(60_001)), "leeway is longer than 60s")]
#[case::expiry_leeway(builder().expiry_leeway(Duration::from_secs(301)), "expiry_leeway is longer than 300s")]
#[case::cookie_name(builder().cookie_name("a b"), "cookie_name may hold")]
#[case::empty_cookie_name(builder().cookie_name(""), "cookie_name is empty")]
#[case::no_life(builder().session_lifetimes(Duration::ZERO, Duration::ZERO), "at least a second")]
#[case::too_long_a_life(builder().session_lifetimes(Duration::MAX, Duration::MAX), "no session can last that long")]
#[case::store_without_keys(builder().store(MemoryStore::new()), "a session store needs")]
fn a_wrong_setting_is_named_before_the_first_request(
    #[case] wrong: ClientBuilder,
    #[case] says: &str,
) {
    let error = wrong.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(says), "{error}");
    assert!(builder().build().is_ok());
}

#[test]
fn the_environment_is_enough() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let read = |name: &str| {
        Some(match name {
            "SAFECONDUCT_ISSUER" => "http://localhost:8420".to_owned(),
            "SAFECONDUCT_CLIENT_ID" => "notes-web".to_owned(),
            "SAFECONDUCT_CLIENT_SECRET" => "a secret of the demo".to_owned(),
            "SAFECONDUCT_BASE_URL" => "http://localhost:8421".to_owned(),
            "SAFECONDUCT_SESSION_KEY" => key.to_owned(),
            _ => return None,
        })
    };
    let client = from_variables(&read)
        .unwrap()
        .store(MemoryStore::new())
        .build()
        .unwrap();
    assert_eq!(
        client.redirect_uri().unwrap(),
        "http://localhost:8421/auth/callback"
    );
    insta::assert_snapshot!(from_variables(&|_| None).err().unwrap(), @"client-misconfigured: set SAFECONDUCT_ISSUER");
}

#[test]
fn a_client_fits_into_any_state() {
    fn fits<T: Clone + Send + Sync + 'static>(_: &T) {}
    let client = builder().secret(Secret::new("hush")).build().unwrap();
    fits(&client);
    assert!(!format!("{client:?}").contains("hush"));
}
