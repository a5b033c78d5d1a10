//! The authorization request (RFC 6749 §4.1.1): what is refused, with which reason, and where it may be said.

use rstest::rstest;
use safeconduct_protocol::{
    authorization::{self, CheckedRequest, identify, response_url, state_to_return},
    client::{AuthenticationMethod, Client, GrantType},
    error::Reason,
    parameters::Parameters,
};

use crate::fixtures::{
    CHALLENGE, ISSUER, MAIL, NOTES, REDIRECT_URI, arrival, asking, check, confidential, public,
    reason, scope,
};

#[test]
fn a_request_that_is_right_says_what_is_asked() {
    let request = check(&asking(&[]), &confidential()).unwrap();
    assert_eq!(request.client().as_str(), "shop");
    assert_eq!(request.redirect_uri(), REDIRECT_URI);
    assert_eq!(request.scope(), &scope("notes.read"));
    assert_eq!(request.audience(), NOTES);
    assert_eq!(request.state(), Some("af0ifjsldkj"));
}

/// Attacks: R17, Q01.
#[rstest]
#[case::no_client("client_id", "", Reason::ClientIdMissing)]
#[case::no_client_could_be_called_that("client_id", "a'--", Reason::ClientUnknown)]
#[case::a_user_is_no_client("client_id", "u-AAAAAAAAAAAAAAAAAAAAAA", Reason::ClientUnknown)]
#[case::nowhere_to_return("redirect_uri", "", Reason::RedirectUriMissing)]
fn who_asks_is_read_before_anything_is_proven(
    #[case] name: &str,
    #[case] value: &str,
    #[case] because: Reason,
) {
    assert_eq!(reason(identify(&asking(&[]))), None);
    assert_eq!(reason(identify(&asking(&[(name, value)]))), Some(because));
}

/// Attacks: R18.
#[rstest]
#[case::client("client_id", "other")]
#[case::redirect_uri("redirect_uri", "https://evil.example/cb")]
fn a_second_client_or_redirect_uri_is_refused_before_anything_is_proven(
    #[case] name: &str,
    #[case] second: &str,
) {
    let twice = format!("{}&{name}={second}", asking(&[]).encode());
    let twice = Parameters::parse(twice.as_bytes()).unwrap();
    assert_eq!(reason(identify(&twice)), Some(Reason::ParameterRepeated));
}

/// Attacks: Q02, Q23.
#[rstest]
#[case("response_type", "", Reason::ResponseTypeMissing)]
#[case("response_type", "token", Reason::ResponseTypeUnsupported)]
#[case("response_type", "id_token token", Reason::ResponseTypeUnsupported)]
#[case("response_type", "code token", Reason::ResponseTypeUnsupported)]
#[case("response_type", "CODE", Reason::ResponseTypeUnsupported)]
#[case("request", "eyJ.eyJ.c2ln", Reason::RequestObjectUnsupported)]
#[case(
    "request_uri",
    "http://169.254.169.254/",
    Reason::RequestUriUnsupported
)]
#[case("scope", "", Reason::ScopeMissing)]
#[case("scope", "  ", Reason::ScopeMissing)]
#[case("scope", "notes.read\"", Reason::ScopeMalformed)]
#[case("scope", "notes.read é", Reason::ScopeMalformed)]
#[case("scope", "admin root", Reason::ScopeNotRegistered)]
#[case("scope", "openid", Reason::OpenIdNotRegistered)]
#[case("scope", "openid notes.read", Reason::OpenIdNotRegistered)]
#[case("scope", &"x".repeat(2049), Reason::RequestTooLarge)]
#[case("scope", "notes.read mail.read", Reason::ResourceAmbiguous)]
#[case("resource", MAIL, Reason::ResourceNotAllowed)]
#[case("resource", "https://unknown.example", Reason::ResourceUnknown)]
#[case("resource", "/relative", Reason::ResourceUnknown)]
#[case("resource", "https://notes.example.com#x", Reason::ResourceUnknown)]
#[case("resource", ISSUER, Reason::ResourceNotAllowed)]
#[case("state", &"x".repeat(4097), Reason::StateTooLong)]
#[case::escapes_count_as_they_are_sent("state", &"é".repeat(700), Reason::StateTooLong)]
#[case("state", "a\u{1}b", Reason::RequestMalformed)]
#[case("state", "a\r\nSet-Cookie: x", Reason::RequestMalformed)]
#[case("nonce", &"x".repeat(513), Reason::NonceTooLong)]
#[case("nonce", "a\tb", Reason::RequestMalformed)]
#[case::what_nobody_reads_counts("anything", &"x".repeat(8000), Reason::RequestTooLarge)]
fn what_is_wrong_with_a_request_is_named(
    #[case] name: &str,
    #[case] value: &str,
    #[case] because: Reason,
) {
    assert_eq!(reason(check(&asking(&[]), &confidential())), None);
    let refused = check(&asking(&[(name, value)]), &confidential());
    assert_eq!(reason(refused), Some(because));
}

/// Attacks: Q03, Q04.
#[rstest]
#[case::a_state_of_384_characters("state", &"s".repeat(384))]
#[case::the_longest_state("state", &"s".repeat(4096))]
#[case::a_nonce_of_384_characters("nonce", &"n".repeat(384))]
#[case::the_longest_nonce("nonce", &"n".repeat(512))]
#[case::no_state("state", "")]
#[case::an_empty_parameter_is_absent("request", "")]
#[case::unknown_parameters_are_ignored("extra", "foo\nbar")]
#[case::the_resource_that_owns_the_scope("resource", NOTES)]
fn what_is_right_is_accepted(#[case] name: &str, #[case] value: &str) {
    let accepted = check(&asking(&[(name, value)]), &confidential());
    assert_eq!(reason(accepted), None);
}

#[rstest]
#[case::unknown("notes.read admin", "notes.read", "admin")]
#[case::of_people_and_not_registered("email notes.read profile", "notes.read", "email profile")]
#[case::all_registered("notes.read offline_access", "notes.read offline_access", "")]
fn a_scope_that_the_client_may_not_have_is_left_out(
    #[case] asked: &str,
    #[case] given: &str,
    #[case] left_out: &str,
) {
    let asked = asking(&[("scope", asked)]);
    let request = check(&asked, &confidential()).unwrap();
    assert_eq!(request.scope(), &scope(given));
    assert_eq!(
        request.to_consent(),
        scope(given),
        "what a person is asked for"
    );
    assert_eq!(
        authorization::left_out(&asked, &confidential()),
        scope(left_out)
    );
}

/// Requested and registered decide for which API a request is: what is left out has no say.
#[rstest]
#[case::the_other_api("notes.read mail.read", "", NOTES)]
#[case::named("notes.read mail.read", NOTES, NOTES)]
#[case::no_api_is_left("offline_access notes.admin", "", ISSUER)]
fn what_is_left_out_names_no_api(
    #[case] asked: &str,
    #[case] resource: &str,
    #[case] audience: &str,
) {
    let client = Client {
        scopes: scope("notes.read offline_access"),
        ..confidential()
    };
    let asked = asking(&[("scope", asked), ("resource", resource)]);
    assert_eq!(check(&asked, &client).unwrap().audience(), audience);
}

/// Attacks: Q03.
#[rstest]
#[case("scope")]
#[case("state")]
#[case("nonce")]
#[case("response_type")]
#[case("response_mode")]
#[case("code_challenge")]
#[case("code_challenge_method")]
#[case("request")]
#[case("request_uri")]
#[case("dpop_jkt")]
#[case("prompt")]
#[case("max_age")]
#[case("display")]
#[case("ui_locales")]
#[case("claims_locales")]
#[case("login_hint")]
#[case("id_token_hint")]
#[case("acr_values")]
#[case("claims")]
fn a_parameter_that_is_sent_twice_is_refused_even_if_both_are_alike(#[case] name: &str) {
    assert_eq!(reason(check(&asking(&[]), &confidential())), None);
    let twice = asking(&[(name, "same"), (name, "same")]);
    let refused = check(&twice, &confidential());
    assert_eq!(reason(refused), Some(Reason::ParameterRepeated));
}

#[rstest]
#[case::a_name("ada", Some("ada"))]
#[case::an_address("buffy@id.example.com", Some("buffy@id.example.com"))]
#[case::none("", None)]
#[case::the_longest(&"x".repeat(256), Some(&*"x".repeat(256)))]
#[case::too_long(&"x".repeat(257), None)]
#[case::a_control_character("ada\u{7}", None)]
#[case::two_lines("ada\nadmin", None)]
fn a_login_hint_is_shown_or_ignored_and_never_refused(
    #[case] sent: &str,
    #[case] shown: Option<&str>,
) {
    let request = check(&asking(&[("login_hint", sent)]), &confidential()).unwrap();
    assert_eq!(request.login_hint(), shown);
}

#[test]
fn a_token_is_for_one_resource() {
    let one = asking(&[("resource", NOTES)]);
    assert_eq!(reason(check(&one, &confidential())), None);
    let two = asking(&[("resource", NOTES), ("resource", MAIL)]);
    let refused = check(&two, &confidential());
    assert_eq!(reason(refused), Some(Reason::ResourceRepeated));
}

#[test]
fn a_client_that_is_not_registered_for_codes_gets_none() {
    assert_eq!(reason(check(&asking(&[]), &confidential())), None);
    let api = Client {
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        ..confidential()
    };
    let refused = CheckedRequest::check(&asking(&[]), &api, REDIRECT_URI, &arrival());
    assert_eq!(reason(refused), Some(Reason::GrantTypeNotAllowed));
}

#[rstest]
#[case(&asking(&[]), Some("af0ifjsldkj"))]
#[case::absent(&asking(&[("state", "")]), None)]
#[case::sent_twice(&asking(&[("state", "a"), ("state", "a")]), None)]
#[case::too_long(&asking(&[("state", &"x".repeat(4097))]), None)]
#[case::too_long_as_it_is_sent(&asking(&[("state", &"\"".repeat(1366))]), None)]
fn a_refusal_returns_the_state_that_was_sent_once(
    #[case] parameters: &Parameters,
    #[case] state: Option<&str>,
) {
    assert_eq!(state_to_return(parameters), state);
}

fn may_go_without() -> Client {
    Client {
        require_pkce: false,
        ..confidential()
    }
}

/// The flag can't be registered for a public client, and would change nothing if it were there.
fn public_with_the_flag() -> Client {
    Client {
        authentication: AuthenticationMethod::None,
        ..may_go_without()
    }
}

/// Attacks: Q15, Q16.
#[rstest]
#[case::s256(CHALLENGE, "S256", None)]
#[case::plain(CHALLENGE, "plain", Some(Reason::CodeChallengeMethodUnsupported))]
#[case::plain_by_default(CHALLENGE, "", Some(Reason::CodeChallengeMethodUnsupported))]
#[case::lower_case(CHALLENGE, "s256", Some(Reason::CodeChallengeMethodUnsupported))]
#[case::s512(CHALLENGE, "S512", Some(Reason::CodeChallengeMethodUnsupported))]
#[case::method_alone("", "S256", Some(Reason::CodeChallengeMissing))]
#[case::plain_alone("", "plain", Some(Reason::CodeChallengeMissing))]
#[case::too_short(&CHALLENGE[1..], "S256", Some(Reason::CodeChallengeMalformed))]
#[case::too_long(&"A".repeat(129), "S256", Some(Reason::CodeChallengeMalformed))]
#[case::padded(
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
    "S256",
    Some(Reason::CodeChallengeMalformed)
)]
#[case::standard_base64(
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
    "S256",
    Some(Reason::CodeChallengeMalformed)
)]
#[case::trailing_bits(
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
    "S256",
    Some(Reason::CodeChallengeMalformed)
)]
fn a_challenge_is_s256_for_every_client(
    #[case] challenge: &str,
    #[case] method: &str,
    #[case] because: Option<Reason>,
    #[values(confidential(), public(), may_go_without(), public_with_the_flag())] client: Client,
) {
    let sent = asking(&[
        ("code_challenge", challenge),
        ("code_challenge_method", method),
    ]);
    assert_eq!(reason(check(&sent, &client)), because);
}

/// Attacks: Q14.
#[rstest]
#[case::confidential(confidential(), Some(Reason::CodeChallengeMissing))]
#[case::public(public(), Some(Reason::CodeChallengeMissing))]
#[case::public_with_the_flag(public_with_the_flag(), Some(Reason::CodeChallengeMissing))]
#[case::the_one_that_says_so_by_name(may_go_without(), None)]
fn a_request_without_a_challenge_is_refused_when_it_arrives(
    #[case] client: Client,
    #[case] because: Option<Reason>,
) {
    let without = asking(&[("code_challenge", ""), ("code_challenge_method", "")]);
    assert_eq!(reason(check(&without, &client)), because);
}

#[rstest]
#[case("https://rp.example/cb", "https://rp.example/cb?code=a+b&state=%26%3D")]
#[case(
    "https://rp.example/cb?tenant=7",
    "https://rp.example/cb?tenant=7&code=a+b&state=%26%3D"
)]
#[case(
    "com.example.app:/oauth",
    "com.example.app:/oauth?code=a+b&state=%26%3D"
)]
#[case(
    "http://127.0.0.1:49152/",
    "http://127.0.0.1:49152/?code=a+b&state=%26%3D"
)]
fn an_answer_keeps_the_query_of_its_redirect_uri(
    #[case] redirect_uri: &str,
    #[case] location: &str,
) {
    let parameters = [("code", "a b"), ("state", "&=")];
    assert_eq!(response_url(redirect_uri, &parameters), location);
}

/// Attacks: R15.
#[test]
fn an_answer_holds_no_raw_control_character_whatever_the_state() {
    let location = response_url(REDIRECT_URI, &[("state", "a\r\nSet-Cookie: x\0é")]);
    assert_eq!(
        location,
        "https://rp.example/cb?state=a%0D%0ASet-Cookie%3A+x%00%C3%A9"
    );
}
