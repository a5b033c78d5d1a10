//! The token request (RFC 6749 §4–§6): what is read, what is refused, and who may use which grant type.

use rstest::rstest;
use safeconduct_protocol::{
    client::{Client, GrantType},
    error::{ErrorCode, Reason, Refusal},
    parameters::Parameters,
    token::{ClientCredentialsRequest, TokenRequest},
};

use crate::fixtures::{
    ISSUER, MAIL, NOTES, VERIFIER, confidential, public, reason, resources, scope,
};

fn parse(body: &str) -> Result<TokenRequest, Refusal> {
    TokenRequest::parse(&Parameters::parse(body.as_bytes()).unwrap())
}

#[rstest]
#[case("", Reason::GrantTypeMissing)]
#[case("grant_type=", Reason::GrantTypeMissing)]
#[case(
    "grant_type=password&username=a&password=b",
    Reason::GrantTypeUnsupported
)]
#[case("grant_type=implicit", Reason::GrantTypeUnsupported)]
#[case("grant_type=Authorization_Code&code=c", Reason::GrantTypeUnsupported)]
#[case(
    "grant_type=authorization_code&grant_type=password",
    Reason::ParameterRepeated
)]
#[case("grant_type=authorization_code", Reason::CodeMissing)]
#[case("grant_type=authorization_code&code=", Reason::CodeMissing)]
#[case(
    "grant_type=authorization_code&code=a&code=b",
    Reason::ParameterRepeated
)]
#[case(
    "grant_type=authorization_code&code=a&redirect_uri=b&redirect_uri=b",
    Reason::ParameterRepeated
)]
#[case(
    "grant_type=authorization_code&code=a&code_verifier=b&code_verifier=b",
    Reason::ParameterRepeated
)]
#[case(
    "grant_type=authorization_code&code=a&code_verifier=short",
    Reason::CodeVerifierMalformed
)]
#[case(
    "grant_type=authorization_code&code=a&resource=b&resource=c",
    Reason::ResourceRepeated
)]
#[case("grant_type=refresh_token", Reason::RefreshTokenMissing)]
#[case(
    "grant_type=refresh_token&refresh_token=a&refresh_token=b",
    Reason::ParameterRepeated
)]
#[case(
    "grant_type=refresh_token&refresh_token=a&scope=%22",
    Reason::ScopeMalformed
)]
#[case(
    "grant_type=refresh_token&refresh_token=a&scope=a&scope=b",
    Reason::ParameterRepeated
)]
#[case("grant_type=client_credentials&scope=%00", Reason::RequestMalformed)]
fn what_is_wrong_with_a_token_request_is_named(#[case] body: &str, #[case] because: Reason) {
    let refused = Parameters::parse(body.as_bytes())
        .and_then(|parameters| TokenRequest::parse(&parameters).map(|_| ()));
    assert_eq!(reason(refused), Some(because));
}

#[test]
fn a_code_exchange_is_read_whole() {
    let body = format!(
        "grant_type=authorization_code&code=sc_code_x&redirect_uri=https%3A%2F%2Frp.example%2Fcb\
         &code_verifier={VERIFIER}&resource=https%3A%2F%2Fnotes.example.com"
    );
    let Ok(TokenRequest::AuthorizationCode(exchange)) = parse(&body) else {
        panic!("another grant type")
    };
    assert_eq!(exchange.code.expose(), "sc_code_x");
    assert_eq!(
        exchange.redirect_uri.as_deref(),
        Some("https://rp.example/cb")
    );
    assert_eq!(
        exchange
            .code_verifier
            .map(|verifier| verifier.expose().to_owned()),
        Some(VERIFIER.to_owned())
    );
    assert_eq!(exchange.resource.as_deref(), Some(NOTES));
}

#[rstest]
#[case("grant_type=refresh_token&refresh_token=sc_rt_x", None)]
#[case("grant_type=refresh_token&refresh_token=sc_rt_x&scope=", None)]
#[case::nothing_but_spaces("grant_type=refresh_token&refresh_token=sc_rt_x&scope=+", None)]
#[case(
    "grant_type=refresh_token&refresh_token=sc_rt_x&scope=b+a",
    Some("a b")
)]
fn a_refresh_names_a_scope_or_leaves_it(#[case] body: &str, #[case] asked: Option<&str>) {
    let Ok(TokenRequest::RefreshToken(exchange)) = parse(body) else {
        panic!("another grant type")
    };
    assert_eq!(exchange.refresh_token.expose(), "sc_rt_x");
    assert_eq!(exchange.scope, asked.map(scope));
}

/// Attacks: T15.
#[rstest]
#[case("grant_type=authorization_code&code=a", GrantType::AuthorizationCode)]
#[case("grant_type=refresh_token&refresh_token=a", GrantType::RefreshToken)]
#[case("grant_type=client_credentials", GrantType::ClientCredentials)]
fn a_client_uses_only_the_grant_types_it_is_registered_for(
    #[case] body: &str,
    #[case] grant_type: GrantType,
    #[values(
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::ClientCredentials
    )]
    registered: GrantType,
) {
    let client = Client {
        grant_types: vec![registered],
        ..confidential()
    };
    let allowed = parse(body).unwrap().allowed_for(&client, None);
    let expected = (registered != grant_type).then_some(Reason::GrantTypeNotAllowed);
    assert_eq!(reason(allowed), expected);
}

/// Attacks: T16.
#[test]
fn a_client_without_credentials_gets_no_token_of_its_own() {
    let client = Client {
        grant_types: vec![GrantType::ClientCredentials],
        ..public()
    };
    let refused = parse("grant_type=client_credentials")
        .unwrap()
        .allowed_for(&client, None)
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::PublicClient);
    assert_eq!(refused.error(), ErrorCode::UnauthorizedClient);
}

#[rstest]
#[case::what_it_asks_for("mail.read notes.read", Some("notes.read"), None, Ok(("notes.read", NOTES)))]
#[case::all_it_has("notes.read notes.write", None, None, Ok(("notes.read notes.write", NOTES)))]
#[case::empty_is_absent("notes.read", Some(""), None, Ok(("notes.read", NOTES)))]
#[case::no_api_owns_it("internal", None, None, Ok(("internal", ISSUER)))]
#[case::for_the_api_it_names("mail.read", None, Some(MAIL), Ok(("mail.read", MAIL)))]
#[case::all_it_has_of_the_api_it_names("mail.read notes.read", None, Some(MAIL), Ok(("mail.read", MAIL)))]
#[case::not_more_than_it_has("notes.read", Some("notes.read admin"), None, Ok(("notes.read", NOTES)))]
#[case::never_what_a_person_gives(
    "openid profile email phone address offline_access notes.read",
    Some("openid profile email phone address offline_access notes.read"),
    None,
    Ok(("notes.read", NOTES))
)]
#[case::nor_by_asking_for_all_it_has("openid profile offline_access notes.read", None, None, Ok(("notes.read", NOTES)))]
#[case::nothing_that_it_has(
    "notes.read",
    Some("admin openid"),
    None,
    Err(Reason::ScopeNotRegistered)
)]
#[case::nothing_but_of_people("openid offline_access", None, None, Err(Reason::ScopeNoneOfItsOwn))]
#[case::what_only_a_person_gives(
    "openid notes.read",
    Some("openid admin"),
    None,
    Err(Reason::ScopeNeedsAPerson)
)]
#[case::it_has_nothing("", None, None, Err(Reason::ScopeNoneOfItsOwn))]
#[case::what_is_left_out_names_no_api("notes.read", Some("notes.read mail.read"), None, Ok(("notes.read", NOTES)))]
#[case::for_two_apis("mail.read notes.read", None, None, Err(Reason::ResourceAmbiguous))]
#[case::for_another_api("notes.read", None, Some(MAIL), Err(Reason::ResourceNotAllowed))]
#[case::for_no_api_of_ours(
    "notes.read",
    None,
    Some("https://x.example"),
    Err(Reason::ResourceUnknown)
)]
fn a_client_gets_for_itself_what_it_is_registered_for(
    #[case] registered: &str,
    #[case] asked: Option<&str>,
    #[case] resource: Option<&str>,
    #[case] expected: Result<(&str, &str), Reason>,
) {
    let client = Client {
        scopes: scope(registered),
        ..confidential()
    };
    let request = ClientCredentialsRequest {
        scope: asked.map(scope),
        resource: resource.map(str::to_owned),
    };
    let decided = request.decide(&client, &resources(), ISSUER);
    let expected = expected.map(|(names, audience)| (scope(names), audience.to_owned()));
    let asked = asked.map(scope).unwrap_or_default();
    if let Ok(granted) = &decided {
        assert_eq!(granted.left_out, asked.without(&granted.scope));
    }
    let decided = decided.map(|granted| (granted.scope, granted.audience));
    assert_eq!(decided.map_err(|refusal| refusal.reason()), expected);
}
