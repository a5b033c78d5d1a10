//! A client's assertion (RFC 7523 §3), judged with real keys.

use std::sync::LazyLock;

use rstest::rstest;
use safeconduct_protocol::{
    client::{AssertionAudience, AuthenticationMethod, Client},
    client_authentication::{Credentials, JWT_BEARER, PresentedClient, judge_assertion},
    encoding,
    error::{Reason, Refusal},
    jose::{Algorithm, KeySet, SigningKey},
    metadata::Issuer,
    secret::Secret,
    single_use::{SingleUse, UsedId},
};
use serde_json::{Value, json};

use crate::fixtures::{ISSUER, START, client_id, confidential, reason, sent};

/// The client's key, and one that is not the client's.
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
static OTHER_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

fn signer() -> Client {
    Client {
        authentication: AuthenticationMethod::PrivateKeyJwt,
        ..confidential()
    }
}

/// Claims that are right, with these changed; `null` leaves a claim out.
fn claims(changed: Value) -> Value {
    let mut claims = json!({
        "iss": "shop", "sub": "shop", "aud": ISSUER, "jti": "once",
        "iat": START.seconds(), "exp": START.plus(60).seconds(),
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changed.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    claims
}

fn judge(assertion: &str, client: &Client) -> Result<UsedId, Refusal> {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let keys = KeySet::new(vec![KEY.verification_key()]);
    judge_assertion(&Secret::new(assertion), client, &keys, &issuer, START)
}

fn judge_claims(changed: Value) -> Result<UsedId, Refusal> {
    judge(&KEY.sign_jwt("JWT", &claims(changed)).unwrap(), &signer())
}

#[test]
fn an_assertion_that_is_right_is_used_by_its_name_until_its_end() {
    assert_eq!(
        judge_claims(json!({})),
        Ok(UsedId {
            kind: SingleUse::ClientAssertion,
            owner: "shop".to_owned(),
            id: "once".to_owned(),
            expires_at: START.plus(60),
        })
    );
}

#[rstest]
#[case::a_clock_a_little_ahead(json!({"nbf": START.plus(8).seconds(), "iat": START.plus(8).seconds()}))]
#[case::no_iat(json!({"iat": null}))]
#[case::five_minutes_of_life(json!({"exp": START.plus(300).seconds()}))]
#[case::the_longest_name(json!({"jti": "j".repeat(256)}))]
fn what_the_specification_leaves_open_is_accepted(#[case] changed: Value) {
    assert_eq!(reason(judge_claims(changed)), None);
}

/// Attacks: T09.
#[rstest]
#[case::the_token_endpoint_as_audience(json!({"aud": "https://id.example.com/token"}), "wrong-audience")]
#[case::a_list_of_audiences(json!({"aud": [ISSUER]}), "wrong-audience")]
#[case::us_among_others(json!({"aud": [ISSUER, "https://other.example.com"]}), "wrong-audience")]
#[case::our_name_and_more(json!({"aud": "https://id.example.com/"}), "wrong-audience")]
#[case::no_audience(json!({"aud": null}), "wrong-audience")]
#[case::another_issuer(json!({"iss": "other"}), "wrong-issuer")]
#[case::no_issuer(json!({"iss": null}), "wrong-issuer")]
#[case::about_somebody_else(json!({"sub": "other"}), "sub is not the client")]
#[case::about_nobody(json!({"sub": null}), "sub is not the client")]
#[case::no_name(json!({"jti": null}), "jti is missing or too long")]
#[case::an_empty_name(json!({"jti": ""}), "jti is missing or too long")]
#[case::a_name_too_long(json!({"jti": "j".repeat(257)}), "jti is missing or too long")]
#[case::no_end(json!({"exp": null}), "claims-malformed")]
#[case::an_end_in_words(json!({"exp": "tomorrow"}), "claims-malformed")]
#[case::ended_now(json!({"exp": START.seconds()}), "expired")]
#[case::a_day_of_life(json!({"exp": START.plus(86_400).seconds()}), "lifetime-too-long")]
#[case::issued_in_the_future(json!({"iat": START.plus(61).seconds()}), "issued-in-future")]
#[case::not_valid_yet(json!({"nbf": START.plus(61).seconds()}), "not-yet-valid")]
fn a_claim_that_is_wrong_is_named_to_the_operator_alone(
    #[case] changed: Value,
    #[case] detail: &str,
) {
    assert!(judge_claims(json!({})).is_ok());
    let refused = judge_claims(changed).unwrap_err();
    assert_eq!(refused.reason(), Reason::ClientAssertionRefused);
    assert_eq!(refused.detail(), Some(detail));
    assert!(!refused.public().contains(detail));
}

/// Attacks: T06.
#[rstest]
#[case::key_of_another(OTHER_KEY.sign_jwt("JWT", &claims(json!({}))).unwrap(), "unknown-key")]
#[case::key_of_another_under_our_name(renamed(&OTHER_KEY, KEY.kid()), "wrong-signature")]
#[case::an_access_token(KEY.sign_jwt("at+jwt", &claims(json!({}))).unwrap(), "wrong-type")]
#[case::no_algorithm(unsigned(json!({"alg": "none"})), "algorithm-not-allowed")]
#[case::a_shared_secret(unsigned(json!({"alg": "HS256", "kid": KEY.kid()})), "algorithm-not-allowed")]
#[case::another_algorithm_of_ours(unsigned(json!({"alg": "RS256", "kid": KEY.kid()})), "unknown-key")]
#[case::a_key_in_the_header(with_key_in_header(), "unknown-key")]
#[case::no_token("opaque".to_owned(), "token-malformed")]
fn only_a_key_of_the_client_signs_for_it(#[case] assertion: String, #[case] detail: &str) {
    let refused = judge(&assertion, &signer()).unwrap_err();
    assert_eq!(refused.reason(), Reason::ClientAssertionRefused);
    assert_eq!(refused.detail(), Some(detail));
}

#[test]
fn the_type_for_client_assertions_is_accepted_beside_the_general_one() {
    let assertion = KEY
        .sign_jwt("client-authentication+jwt", &claims(json!({})))
        .unwrap();
    assert_eq!(reason(judge(&assertion, &signer())), None);
}

/// Attacks: T07.
#[test]
fn the_token_endpoint_is_an_audience_only_where_the_registration_says_so() {
    let lenient = Client {
        assertion_audience: AssertionAudience::TokenEndpoint,
        ..signer()
    };
    let to = |aud: &str| KEY.sign_jwt("JWT", &claims(json!({"aud": aud}))).unwrap();
    let to_endpoint = to("https://id.example.com/token");
    assert_eq!(reason(judge(&to_endpoint, &lenient)), None);
    let refused = Some(Reason::ClientAssertionRefused);
    assert_eq!(reason(judge(&to_endpoint, &signer())), refused);
    // A client that was registered so may change to the issuer before its registration does.
    assert_eq!(reason(judge(&to(ISSUER), &lenient)), None);
    let another = to("https://id.example.com/par");
    assert_eq!(reason(judge(&another, &lenient)), refused);
    let both = json!({"aud": [ISSUER, "https://id.example.com/token"]});
    let both = KEY.sign_jwt("JWT", &claims(both)).unwrap();
    assert_eq!(reason(judge(&both, &lenient)), refused);
}

#[rstest]
#[case::alone("", None)]
#[case::with_its_own_id("shop", None)]
#[case::with_the_id_of_another("other", Some(Reason::ClientAssertionRefused))]
fn an_assertion_says_who_presents_it(#[case] id: &str, #[case] because: Option<Reason>) {
    let assertion = KEY.sign_jwt("JWT", &claims(json!({}))).unwrap();
    let parameters = sent(&[
        ("client_id", id),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &assertion),
    ]);
    match PresentedClient::read(None, &parameters) {
        Ok(presented) => {
            assert_eq!(presented.id, client_id("shop"));
            assert!(matches!(presented.credentials, Credentials::Assertion(_)));
            assert_eq!(because, None);
        }
        Err(refused) => assert_eq!(Some(refused.reason()), because),
    }
}

#[rstest]
#[case::no_type("", Reason::ClientAssertionTypeUnsupported)]
#[case::another_type(
    "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
    Reason::ClientAssertionTypeUnsupported
)]
fn an_assertion_is_of_the_one_type(#[case] kind: &str, #[case] because: Reason) {
    let parameters = sent(&[
        ("client_assertion_type", kind),
        ("client_assertion", "a.b.c"),
    ]);
    assert_eq!(
        reason(PresentedClient::read(None, &parameters)),
        Some(because)
    );
}

/// An assertion of `key` under the name of another.
fn renamed(key: &SigningKey, kid: &str) -> String {
    let token = key.sign_jwt("JWT", &claims(json!({}))).unwrap();
    let (_, rest) = token.split_once('.').unwrap();
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid}).to_string();
    format!("{}.{rest}", encoding::encode(header.as_bytes()))
}

fn unsigned(header: Value) -> String {
    let part = |value: &Value| encoding::encode(value.to_string().as_bytes());
    format!("{}.{}.AAAA", part(&header), part(&claims(json!({}))))
}

/// A token that brings the key it is signed with.
fn with_key_in_header() -> String {
    let jwk = serde_json::to_value(OTHER_KEY.public_jwk()).unwrap();
    unsigned(json!({"alg": "ES256", "typ": "JWT", "kid": OTHER_KEY.kid(), "jwk": jwk}))
}
