//! Every way we know of to have a token accepted that should not be.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::encoding;
use crate::time::Timestamp;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
const US: &str = "https://api.example.com";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
static RSA_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());

fn expectation() -> Expectation<'static> {
    Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &Algorithm::ALL,
        ISSUER,
        Audience::Member(US),
    )
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": US, "sub": "ada", "iat": NOW, "exp": NOW + 300, "jti": "1"})
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid()})
}

fn header_with(name: &str, value: Value) -> Value {
    let mut header = header();
    header[name] = value;
    header
}

fn signing_input(header: &str, payload: &str) -> String {
    let (header, payload) = (
        encoding::encode(header.as_bytes()),
        encoding::encode(payload.as_bytes()),
    );
    format!("{header}.{payload}")
}

/// A token of any header and payload with a true signature of `key`.
fn signed_by(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = signing_input(header, payload);
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", encoding::encode(&signature))
}

fn signed(header: &Value, payload: &Value) -> String {
    signed_by(&KEY, &header.to_string(), &payload.to_string())
}

fn token() -> String {
    signed(&header(), &claims())
}

fn keys() -> KeySet {
    KeySet::new(vec![KEY.verification_key(), RSA_KEY.verification_key()])
}

fn check(token: &str, expect: &Expectation<'_>) -> Result<Verified, JoseError> {
    verify(token, expect, &keys(), Timestamp::from_seconds(NOW))
}

/// Why `token` is refused where the honest one is accepted.
fn refusal(token: &str) -> JoseError {
    assert!(check(&self::token(), &expectation()).is_ok());
    check(token, &expectation()).expect_err("this token must not be accepted")
}

#[test]
fn an_honest_token_is_accepted_and_read() {
    #[derive(Deserialize)]
    struct AccessToken {
        sub: String,
        exp: Timestamp,
    }
    let verified = check(&token(), &expectation()).unwrap();
    assert_eq!(verified.algorithm(), Algorithm::Es256);
    assert_eq!(verified.kid(), Some(KEY.kid()));
    assert_eq!(verified.iss(), ISSUER);
    assert_eq!(verified.aud(), [US]);
    assert_eq!((verified.sub(), verified.jti()), (Some("ada"), Some("1")));
    assert_eq!(verified.iat(), Some(Timestamp::from_seconds(NOW)));
    assert_eq!(verified.nbf(), None);
    let typed: AccessToken = verified.deserialize().unwrap();
    assert_eq!((typed.sub.as_str(), typed.exp), ("ada", verified.exp()));
    assert!(verified.deserialize::<Vec<String>>().is_err());
}

#[rstest]
#[case::none("none")]
#[case::none_capitalised("None")]
#[case::none_mixed("nOnE")]
#[case::empty("")]
#[case::hmac("HS256")]
#[case::lower_case("es256")]
#[case::another_curve("ES384")]
fn an_algorithm_outside_the_list_is_refused(#[case] alg: &str) {
    let header = header_with("alg", json!(alg));
    assert_eq!(refusal(&signed(&header, &claims())), JoseError::Algorithm);
    let unsigned = signing_input(&header.to_string(), &claims().to_string());
    assert_eq!(refusal(&format!("{unsigned}.")), JoseError::Algorithm);
}

#[rstest]
#[case::absent(json!({"typ": "at+jwt"}))]
#[case::no_text(header_with("alg", json!(["ES256"])))]
#[case::null(header_with("alg", json!(null)))]
#[case::typ_no_text(header_with("typ", json!(1)))]
#[case::kid_no_text(header_with("kid", json!({"a": 1})))]
fn a_header_with_members_of_other_types_is_refused(#[case] header: Value) {
    assert_eq!(refusal(&signed(&header, &claims())), JoseError::Header);
}

/// What a DER `SubjectPublicKeyInfo` puts before an uncompressed point of P-256 (RFC 5480 §2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[test]
fn a_public_key_is_no_hmac_secret() {
    let jwk = serde_json::to_string(&KEY.public_jwk()).unwrap();
    let members: Value = serde_json::from_str(&jwk).unwrap();
    let coordinate = |name: &str| encoding::decode(members[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode([&P256_SPKI, point.as_slice()].concat())
    );
    for secret in [
        jwk.as_bytes(),
        &point,
        pem.as_bytes(),
        format!("\n {pem}").as_bytes(),
    ] {
        for (alg, expected) in [
            ("HS256", JoseError::Algorithm),
            ("ES256", JoseError::Signature),
        ] {
            let header = header_with("alg", json!(alg)).to_string();
            let input = signing_input(&header, &claims().to_string());
            let mac = encoding::hmac_sha256(secret, input.as_bytes());
            let forged = format!("{input}.{}", encoding::encode(&mac));
            assert_eq!(refusal(&forged), expected);
        }
    }
}

#[test]
fn a_key_takes_the_algorithm_it_is_pinned_to_and_no_other() {
    let header = json!({"alg": "PS256", "typ": "at+jwt", "kid": RSA_KEY.kid()});
    let token = signed_by(&RSA_KEY, &header.to_string(), &claims().to_string());
    assert_eq!(refusal(&token), JoseError::UnknownKey);
    let honest = RSA_KEY.sign_jwt("at+jwt", &claims()).unwrap();
    assert!(check(&honest, &expectation()).is_ok());
    let only_es256 = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Member(US),
    );
    assert_eq!(check(&honest, &only_es256), Err(JoseError::Algorithm));
}

#[test]
fn a_key_in_the_header_is_used_by_nobody() {
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut header = json!({
        "alg": "ES256",
        "typ": "at+jwt",
        "kid": KEY.kid(),
        "jwk": attacker.public_jwk(),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x5u",
        "x5c": ["AAAA"],
    });
    let forged = signed_by(&attacker, &header.to_string(), &claims().to_string());
    assert_eq!(refusal(&forged), JoseError::Signature);
    let honest = signed(&header, &claims());
    assert!(check(&honest, &expectation()).is_ok());
    header["kid"] = json!(attacker.kid());
    let forged = signed_by(&attacker, &header.to_string(), &claims().to_string());
    assert_eq!(refusal(&forged), JoseError::UnknownKey);
}

#[rstest]
#[case::crit(json!(["exp"]), "crit")]
#[case::crit_empty(json!([]), "crit")]
#[case::unencoded_payload(json!(false), "b64")]
#[case::compression(json!("DEF"), "zip")]
#[case::encryption(json!("A128GCM"), "enc")]
fn an_extension_is_refused(#[case] value: Value, #[case] name: &str) {
    let token = signed(&header_with(name, value), &claims());
    assert_eq!(refusal(&token), JoseError::Extension);
}

#[test]
fn a_member_named_twice_is_refused() {
    let kid = KEY.kid();
    for header in [
        format!(r#"{{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}","x":{{"a":1,"a":2}}}}"#),
    ] {
        assert_eq!(
            refusal(&signed_by(&KEY, &header, &claims().to_string())),
            JoseError::Header
        );
    }
    let twice = claims().to_string().replacen('{', r#"{"sub":"eve","#, 1);
    let below = claims()
        .to_string()
        .replacen('{', r#"{"act":{"sub":"a","sub":"b"},"#, 1);
    for payload in [twice, below] {
        assert_eq!(
            refusal(&signed_by(&KEY, &header().to_string(), &payload)),
            JoseError::Claims
        );
    }
}

#[rstest]
#[case::id_token(json!("JWT"))]
#[case::logout_token(json!("logout+jwt"))]
#[case::request_object(json!("oauth-authz-req+jwt"))]
#[case::dpop_proof(json!("dpop+jwt"))]
#[case::client_assertion(json!("client-authentication+jwt"))]
#[case::introspection(json!("token-introspection+jwt"))]
#[case::empty(json!(""))]
fn another_type_is_no_access_token(#[case] typ: Value) {
    assert_eq!(
        refusal(&signed(&header_with("typ", typ), &claims())),
        JoseError::Typ
    );
}

#[test]
fn a_missing_type_passes_only_where_it_is_named() {
    let untyped = signed(&json!({"alg": "ES256", "kid": KEY.kid()}), &claims());
    assert_eq!(refusal(&untyped), JoseError::Typ);
    let id_token = Expectation::new(
        Typ::OneOfOrAbsent(&["JWT"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Only(US),
    );
    assert!(check(&untyped, &id_token).is_ok());
    assert!(
        check(
            &signed(&header_with("typ", json!("JWT")), &claims()),
            &id_token
        )
        .is_ok()
    );
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", ""] {
        let token = signed(&header_with("typ", json!(typ)), &claims());
        assert_eq!(check(&token, &id_token), Err(JoseError::Typ));
    }
}

#[test]
fn only_three_parts_are_a_token() {
    let token = token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let json_serialisation =
        json!({"payload": payload, "protected": header, "signature": signature});
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    for malformed in [
        String::new(),
        ".".into(),
        input.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AAAA"),
        format!("{header}.{payload}..{signature}"),
        format!("{header}..{payload}.AAAA.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}="),
        format!("Bearer {token}"),
        json_serialisation.to_string(),
        general.to_string(),
        json!({"a.b": "c.d"}).to_string(),
        "é.é.é".into(),
    ] {
        assert_eq!(refusal(&malformed), JoseError::Malformed, "{malformed}");
    }
    assert_eq!(refusal(".."), JoseError::Header);
    assert_eq!(refusal(&format!("{input}.")), JoseError::Signature);
}

#[rstest]
#[case::text("\"text\"")]
#[case::list("[]")]
#[case::null("null")]
#[case::empty("")]
#[case::nested_token("eyJhbGciOiJub25lIn0.e30.")]
#[case::object_and_more("{}{}")]
fn a_payload_that_is_no_object_is_refused(#[case] payload: &str) {
    let token = signed_by(&KEY, &header().to_string(), payload);
    assert_eq!(refusal(&token), JoseError::Claims);
}

#[test]
fn size_is_judged_first_and_its_limit_is_exact() {
    let filled = |length: usize| signed(&header(), &claims_with("fill", json!("a".repeat(length))));
    let base = filled(0).len();
    let room = (MAX_TOKEN - base) * 3 / 4;
    assert!(filled(room).len() > MAX_TOKEN - 4 && filled(room).len() <= MAX_TOKEN);
    assert!(check(&filled(room), &expectation()).is_ok());
    assert_eq!(refusal(&filled(room + 4)), JoseError::TooLarge);
    assert_eq!(refusal(&".".repeat(1_000_000)), JoseError::TooLarge);
    assert_eq!(refusal(&".".repeat(MAX_TOKEN)), JoseError::Malformed);
    assert_eq!(refusal(&"a".repeat(10_000_000)), JoseError::TooLarge);
    let kid = header_with("kid", json!("k".repeat(1 << 20)));
    assert_eq!(refusal(&signed(&kid, &claims())), JoseError::TooLarge);
    assert_eq!(
        unverified_header(&".".repeat(1_000_000)),
        Err(JoseError::TooLarge)
    );
}

#[rstest]
#[case::another_issuer(claims_with("iss", json!("https://id.example.org")), JoseError::Issuer)]
#[case::trailing_slash(claims_with("iss", json!("https://id.example.com/")), JoseError::Issuer)]
#[case::another_case(claims_with("iss", json!("https://ID.example.com")), JoseError::Issuer)]
#[case::no_issuer(claims_without("iss"), JoseError::Issuer)]
#[case::issuer_in_a_list(claims_with("iss", json!([ISSUER])), JoseError::Claims)]
#[case::subject_no_text(claims_with("sub", json!(7)), JoseError::Claims)]
#[case::id_no_text(claims_with("jti", json!(null)), JoseError::Claims)]
#[case::no_audience(claims_without("aud"), JoseError::Audience)]
#[case::empty_audience(claims_with("aud", json!("")), JoseError::Audience)]
#[case::empty_list(claims_with("aud", json!([])), JoseError::Audience)]
#[case::substring(claims_with("aud", json!("https://api.example")), JoseError::Audience)]
#[case::longer(claims_with("aud", json!("https://api.example.com.evil.example")), JoseError::Audience)]
#[case::strangers(claims_with("aud", json!(["https://a.example", "https://b.example"])), JoseError::Audience)]
#[case::audience_number(claims_with("aud", json!(1)), JoseError::Claims)]
#[case::audience_object(claims_with("aud", json!({US: true})), JoseError::Claims)]
#[case::audience_null(claims_with("aud", json!(null)), JoseError::Claims)]
#[case::audience_beside_a_number(claims_with("aud", json!([US, 1])), JoseError::Claims)]
#[case::audience_in_a_list_below(claims_with("aud", json!([[US]])), JoseError::Claims)]
fn a_token_of_another_or_for_another_is_refused(
    #[case] claims: Value,
    #[case] expected: JoseError,
) {
    assert_eq!(refusal(&signed(&header(), &claims)), expected);
}

#[rstest]
#[case::one_as_text(json!(US), [true, true, true, true])]
#[case::one_in_a_list(json!([US]), [true, true, false, true])]
#[case::beside_a_stranger(json!([US, "https://stranger.example"]), [true, false, false, true])]
#[case::another_of_ours(json!("https://api2.example.com"), [false, false, false, true])]
#[case::stranger(json!("https://stranger.example"), [false; 4])]
#[case::nobody(json!([]), [false; 4])]
fn each_audience_rule_takes_what_it_says(#[case] aud: Value, #[case] expected: [bool; 4]) {
    let ours = [US, "https://api2.example.com"];
    let rules = [
        Audience::Member(US),
        Audience::Only(US),
        Audience::ExactlyString(US),
        Audience::AnyOf(&ours),
    ];
    let token = signed(&header(), &claims_with("aud", aud));
    let met = rules.map(|rule| {
        let expect = Expectation::new(Typ::OneOf(&["at+jwt"]), &Algorithm::ALL, ISSUER, rule);
        match check(&token, &expect) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error, JoseError::Audience);
                false
            }
        }
    });
    assert_eq!(met, expected);
}

#[rstest]
#[case::expires_now("exp", json!(NOW), Some(JoseError::Expired))]
#[case::expired_within_any_leeway("exp", json!(NOW - 1), Some(JoseError::Expired))]
#[case::expires_in_a_second("exp", json!(NOW + 1), None)]
#[case::expires_in_the_year_9999("exp", json!(253_402_300_799_i64), None)]
#[case::expires_in_the_year_10000("exp", json!(253_402_300_800_i64), Some(JoseError::Claims))]
#[case::expires_before_1970("exp", json!(-1), Some(JoseError::Claims))]
#[case::expires_beyond_i64("exp", json!(u64::MAX), Some(JoseError::Claims))]
#[case::expires_as_text("exp", json!((NOW + 300).to_string()), Some(JoseError::Claims))]
#[case::expires_as_fraction("exp", json!(1_800_000_300.5), Some(JoseError::Claims))]
#[case::expires_as_float("exp", json!(1_800_000_300.0), Some(JoseError::Claims))]
#[case::expires_never("exp", json!(null), Some(JoseError::Claims))]
#[case::valid_now("nbf", json!(NOW), None)]
#[case::valid_within_leeway("nbf", json!(NOW + LEEWAY), None)]
#[case::valid_beyond_leeway("nbf", json!(NOW + LEEWAY + 1), Some(JoseError::NotYetValid))]
#[case::valid_as_text("nbf", json!("0"), Some(JoseError::Claims))]
#[case::valid_before_1970("nbf", json!(-1), Some(JoseError::Claims))]
#[case::issued_within_leeway("iat", json!(NOW + LEEWAY), None)]
#[case::issued_beyond_leeway("iat", json!(NOW + LEEWAY + 1), Some(JoseError::IssuedInFuture))]
#[case::issued_as_fraction("iat", json!(0.5), Some(JoseError::Claims))]
#[case::issued_in_1970("iat", json!(0), None)]
fn time_has_exact_edges(
    #[case] name: &str,
    #[case] value: Value,
    #[case] expected: Option<JoseError>,
) {
    let token = signed(&header(), &claims_with(name, value));
    assert_eq!(check(&token, &expectation()).err(), expected);
}

#[test]
fn a_token_without_an_end_is_refused() {
    assert_eq!(
        refusal(&signed(&header(), &claims_without("exp"))),
        JoseError::Claims
    );
}

#[test]
fn a_float_that_looks_whole_is_no_time() {
    for exp in ["18e8", "1800000300.0", "1.8000003e9", "-0"] {
        let payload = claims().to_string().replace(&format!("{}", NOW + 300), exp);
        let token = signed_by(&KEY, &header().to_string(), &payload);
        assert_eq!(refusal(&token), JoseError::Claims, "{exp}");
    }
}

#[test]
fn leeway_has_a_limit_and_lengthens_no_life() {
    let generous = expectation().leeway(3600);
    let check_with = |name: &str, value: i64| {
        let token = signed(&header(), &claims_with(name, json!(value)));
        check(&token, &generous).err()
    };
    assert_eq!(check_with("iat", NOW + 60), None);
    assert_eq!(check_with("iat", NOW + 61), Some(JoseError::IssuedInFuture));
    assert_eq!(check_with("exp", NOW), Some(JoseError::Expired));
    let strict = expectation().leeway(-5);
    let token = signed(&header(), &claims_with("nbf", json!(NOW + 1)));
    assert_eq!(check(&token, &strict), Err(JoseError::NotYetValid));
}

#[test]
fn age_and_lifetime_have_exact_edges() {
    let limited = expectation().leeway(0).max_age(60).max_lifetime(300);
    let check_with = |claims: Value| check(&signed(&header(), &claims), &limited).err();
    assert_eq!(check_with(claims()), None);
    assert_eq!(check_with(claims_with("iat", json!(NOW - 60))), None);
    assert_eq!(
        check_with(claims_with("iat", json!(NOW - 61))),
        Some(JoseError::TooOld)
    );
    assert_eq!(check_with(claims_without("iat")), Some(JoseError::Claims));
    assert_eq!(
        check_with(claims_with("exp", json!(NOW + 301))),
        Some(JoseError::LifetimeTooLong)
    );
}

#[test]
fn an_expired_token_is_read_only_where_it_grants_nothing() {
    let expired = signed(&header(), &claims_with("exp", json!(NOW - 1_000_000)));
    assert_eq!(refusal(&expired), JoseError::Expired);
    let hint = expectation().even_if_expired();
    assert_eq!(check(&expired, &hint).unwrap().sub(), Some("ada"));
    let forged = format!("{}AAAA", &expired[..expired.len() - 4]);
    assert_eq!(check(&forged, &hint), Err(JoseError::Signature));
}

#[test]
fn an_es256_signature_that_is_none_is_refused() {
    let token = token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = encoding::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let order = encoding::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    let zero = vec![0; 32];
    let one = [vec![0; 31], vec![1]].concat();
    let der = [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat();
    for forged in [
        [r, &zero].concat(),
        [&zero, s].concat(),
        [zero.clone(), zero.clone()].concat(),
        [r, &order].concat(),
        [&order, s].concat(),
        [order.clone(), order.clone()].concat(),
        [one.clone(), one].concat(),
        vec![0xff; 64],
        der,
        [s, r].concat(),
        signature[..63].to_vec(),
        [signature.as_slice(), &[0]].concat(),
        [&[0], r, &[0], s].concat(),
        Vec::new(),
    ] {
        let forged = format!("{input}.{}", encoding::encode(&forged));
        assert_eq!(refusal(&forged), JoseError::Signature);
    }
}

#[test]
fn an_rsa_signature_that_is_none_is_refused() {
    let token = RSA_KEY.sign_jwt("at+jwt", &claims()).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = encoding::decode(signature).unwrap();
    for forged in [
        vec![0; 256],
        vec![1],
        vec![0xff; 256],
        Vec::new(),
        signature[1..].to_vec(),
        [&[0], signature.as_slice()].concat(),
    ] {
        let forged = format!("{input}.{}", encoding::encode(&forged));
        assert_eq!(refusal(&forged), JoseError::Signature);
    }
}

/// `s` and `s` plus the order of the group solve the same equation; only the smaller one is a signature (RFC 8032 §5.1.7).
#[test]
fn an_ed25519_signature_has_one_form() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let keys = KeySet::new(vec![key.verification_key()]);
    let check = |token: &str| verify(token, &expectation(), &keys, Timestamp::from_seconds(NOW));
    let token = key.sign_jwt("at+jwt", &claims()).unwrap();
    assert!(check(&token).is_ok());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = encoding::decode(signature).unwrap();
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let forged = format!("{input}.{}", encoding::encode(&signature));
    assert_eq!(check(&forged), Err(JoseError::Signature));
}

/// Bleichenbacher's forgery: under an exponent of 3, the cube of this signature begins with a correct padding and digest
/// and goes on as it likes. Whoever does not read the padding to its end accepts it, without any private key.
#[test]
fn a_cube_root_is_no_rsa_signature() {
    const FORGED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImUzIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20iLCJzdWIiOiJldmUiLCJleHAiOjE4MDAwMDAzMDB9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMsv9SnrceQVYPXZ1IPUWQHWRdtN4JvLvY649x6qKTz-hBya_kHbPvbmoZmPxlI1Nj8G-qDj1EAg_DmTym1W0WzCDI__yGTm85RE44DxAc4y2L6QCGQ";
    let key = json!({"kty": "RSA", "kid": "e3", "n": RSA_2048, "e": "Aw"});
    let keys: JwkSet = serde_json::from_value(json!({"keys": [key]})).unwrap();
    let keys = KeySet::from(&keys);
    assert!(keys.find(Some("e3"), Algorithm::Rs256).is_ok());
    assert_eq!(
        verify(FORGED, &expectation(), &keys, Timestamp::from_seconds(NOW)),
        Err(JoseError::Signature)
    );
}

/// A modulus of 2048 bits (RFC 7515 §A.2.1).
const RSA_2048: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

#[test]
fn a_signature_of_another_key_is_refused() {
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let under_our_name = signed_by(&stranger, &header().to_string(), &claims().to_string());
    assert_eq!(refusal(&under_our_name), JoseError::Signature);
    assert_eq!(
        refusal(&stranger.sign_jwt("at+jwt", &claims()).unwrap()),
        JoseError::UnknownKey
    );
    let nobody = KeySet::default();
    assert_eq!(
        verify(
            &token(),
            &expectation(),
            &nobody,
            Timestamp::from_seconds(NOW)
        ),
        Err(JoseError::UnknownKey)
    );
}

#[test]
fn parts_of_two_honest_tokens_make_none() {
    let (one, other) = (
        token(),
        signed(&header(), &claims_with("sub", json!("eve"))),
    );
    let (input, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = one.rsplit_once('.').unwrap();
    assert_eq!(
        refusal(&format!("{input}.{signature}")),
        JoseError::Signature
    );
}

#[test]
fn every_refusal_has_a_name_of_its_own() {
    let all = [
        JoseError::TooLarge,
        JoseError::Malformed,
        JoseError::Header,
        JoseError::Extension,
        JoseError::Algorithm,
        JoseError::Typ,
        JoseError::UnknownKey,
        JoseError::AmbiguousKey,
        JoseError::EmbeddedKey,
        JoseError::Signature,
        JoseError::Claims,
        JoseError::Issuer,
        JoseError::Audience,
        JoseError::Expired,
        JoseError::NotYetValid,
        JoseError::IssuedInFuture,
        JoseError::TooOld,
        JoseError::LifetimeTooLong,
    ];
    let names: std::collections::BTreeSet<_> = all.iter().map(|error| error.name()).collect();
    assert_eq!(names.len(), all.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_character_is_refused(position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=. -]", key in 0..2_usize) {
        let key: &SigningKey = [&KEY, &RSA_KEY][key];
        let honest = key.sign_jwt("at+jwt", &claims()).unwrap();
        prop_assert!(check(&honest, &expectation()).is_ok());
        let position = position.index(honest.len());
        let mut changed = honest.clone();
        changed.replace_range(position..=position, &other);
        prop_assume!(changed != honest);
        prop_assert!(check(&changed, &expectation()).is_err());
    }

    #[test]
    fn anything_is_refused_without_a_panic(text in "\\PC{0,200}", parts in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
        prop_assert!(check(&text, &expectation()).is_err());
        prop_assert!(check(&parts, &expectation()).is_err());
        prop_assert_eq!(unverified_issuer(&text), None);
    }

    #[test]
    fn signed_nonsense_is_refused_without_a_panic(payload in "\\PC{0,100}", header in "\\PC{0,60}") {
        prop_assert!(check(&signed_by(&KEY, &self::header().to_string(), &payload), &expectation()).is_err());
        prop_assert!(check(&signed_by(&KEY, &header, &payload), &expectation()).is_err());
    }
}
