//! The examples of the specifications, and tokens exchanged with an independent implementation in both directions.

use jsonwebtoken::jwk::Jwk as OtherJwk;
use jsonwebtoken::{DecodingKey, EncodingKey, Header as OtherHeader, Validation};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::encoding;
use crate::time::Timestamp;

/// RFC 7515 §A.2.1, the public part.
const RFC_7515_RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const RFC_7515_RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// RFC 7515 §A.3.1, the public part.
const RFC_7515_P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const RFC_7515_ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 8037 §A.2 and §A.4.
const RFC_8037_ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC_8037_EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// RFC 7638 §3.1.
const RFC_7638_RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

const NOW: i64 = 1_800_000_000;

#[rstest]
#[case::rfc_7515_a_2(RFC_7515_RS256, RFC_7515_RSA, Algorithm::Rs256)]
#[case::rfc_7515_a_3(RFC_7515_ES256, RFC_7515_P256, Algorithm::Es256)]
#[case::rfc_8037_a_4(RFC_8037_EDDSA, RFC_8037_ED25519, Algorithm::EdDsa)]
fn the_published_signatures_verify(
    #[case] token: &str,
    #[case] jwk: &str,
    #[case] algorithm: Algorithm,
) {
    let jwk: Jwk = serde_json::from_str(jwk).unwrap();
    let key = VerificationKey::new(&jwk, algorithm).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = encoding::decode(signature).unwrap();
    assert!(key.verifies(message.as_bytes(), &signature));
    assert!(!key.verifies(&message.as_bytes()[1..], &signature));
    assert_eq!(unverified_header(token).unwrap().algorithm, algorithm);
}

#[test]
fn the_published_ed25519_signature_is_ours_too() {
    // RFC 8037 §A.1 as PKCS#8 (RFC 8410 §7): Ed25519 is deterministic.
    let seed = encoding::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let frame = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let key = SigningKey::from_pkcs8(Algorithm::EdDsa, &[&frame, seed.as_slice()].concat())
        .ok()
        .unwrap();
    let (message, signature) = RFC_8037_EDDSA.rsplit_once('.').unwrap();
    assert_eq!(
        encoding::encode(&key.sign(message.as_bytes()).unwrap()),
        signature
    );
}

#[rstest]
#[case::rfc_7638_3_1(RFC_7638_RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
#[case::rfc_8037_a_3(RFC_8037_ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
fn the_published_thumbprints_are_met(#[case] jwk: &str, #[case] thumbprint: &str) {
    let jwk: Jwk = serde_json::from_str(jwk).unwrap();
    assert_eq!(jwk.thumbprint(), thumbprint);
}

fn other_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    algorithm.name().parse().unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com",
        "aud": "https://api.example.com",
        "sub": "ada",
        "exp": NOW + 300,
    })
}

#[rstest]
fn an_independent_implementation_reads_our_tokens(
    #[values(
        Algorithm::Es256,
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
        Algorithm::Es384,
        Algorithm::Rs512,
        Algorithm::Ps384
    )]
    algorithm: Algorithm,
) {
    let key = SigningKey::generate(algorithm).unwrap();
    let token = key.sign_jwt("at+jwt", &claims()).unwrap();

    let jwk: OtherJwk = serde_json::from_value(json!(key.public_jwk())).unwrap();
    let mut validation = Validation::new(other_name(algorithm));
    validation.set_audience(&["https://api.example.com"]);
    validation.set_issuer(&["https://id.example.com"]);
    validation.validate_exp = false;
    let read =
        jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation)
            .unwrap();

    assert_eq!(read.claims, claims());
    assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
    assert_eq!(
        jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
            .unwrap(),
        key.kid()
    );
}

#[rstest]
fn we_read_the_tokens_of_an_independent_implementation(
    #[values(
        Algorithm::Es256,
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
        Algorithm::Es384,
        Algorithm::Rs384,
        Algorithm::Ps512
    )]
    algorithm: Algorithm,
) {
    /// What PKCS#8 puts before the PKCS#1 of an RSA key of 2048 bits.
    const PKCS8_FRAME: usize = 26;
    let key = SigningKey::generate(algorithm).unwrap();
    let pkcs8 = key.to_pkcs8().unwrap();
    let other_key = match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_der(&pkcs8),
        Algorithm::EdDsa => EncodingKey::from_ed_der(&pkcs8),
        _ => EncodingKey::from_rsa_der(&pkcs8[PKCS8_FRAME..]),
    };
    let mut header = OtherHeader::new(other_name(algorithm));
    header.typ = Some("at+jwt".into());
    let token = jsonwebtoken::encode(&header, &claims(), &other_key).unwrap();

    let accepted = [algorithm];
    let expect = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &accepted,
        "https://id.example.com",
        Audience::Member("https://api.example.com"),
    );
    let keys = KeySet::new(vec![key.verification_key()]);
    let verified = verify(&token, &expect, &keys, Timestamp::from_seconds(NOW)).unwrap();
    assert_eq!(json!(verified.claims()), claims());
    assert_eq!(verified.algorithm(), algorithm);
}

/// How the same token ends with the other implementation, told everything that it can be told, and here.
fn both(header: Value, claims: &str) -> (bool, Result<Verified, JoseError>) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let encode = |text: &str| encoding::encode(text.as_bytes());
    let input = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = key.sign(input.as_bytes()).unwrap();
    let token = format!("{input}.{}", encoding::encode(&signature));

    let jwk: OtherJwk = serde_json::from_value(json!(key.public_jwk())).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["https://api.example.com"]);
    validation.set_issuer(&["https://id.example.com"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // It asks the clock of the machine, and can't be told another time.
    validation.validate_exp = false;
    let other_key = DecodingKey::from_jwk(&jwk).unwrap();
    let other = jsonwebtoken::decode::<Value>(&token, &other_key, &validation);

    let expect = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &[Algorithm::Es256],
        "https://id.example.com",
        Audience::Only("https://api.example.com"),
    );
    let keys = KeySet::new(vec![key.verification_key()]);
    let ours = verify(&token, &expect, &keys, Timestamp::from_seconds(NOW));
    (other.is_ok(), ours)
}

/// What the record on JOSE says of the other implementation. Where a case fails because that has become stricter, the record
/// is to be read again.
#[rstest]
#[case::another_type(json!({"alg": "ES256", "typ": "logout+jwt"}), "", JoseError::Typ)]
#[case::no_type(json!({"alg": "ES256"}), "", JoseError::Typ)]
#[case::a_claim_twice(
    json!({"alg": "ES256", "typ": "at+jwt"}),
    r#","scope":"read","scope":"admin""#,
    JoseError::Claims
)]
#[case::issued_in_the_future(
    json!({"alg": "ES256", "typ": "at+jwt"}),
    r#","iat":1900000000"#,
    JoseError::IssuedInFuture
)]
#[case::compressed(json!({"alg": "ES256", "typ": "at+jwt", "zip": "DEF"}), "", JoseError::Extension)]
#[case::an_id_that_is_no_text(json!({"alg": "ES256", "typ": "at+jwt"}), r#","jti":{"a":1}"#, JoseError::Claims)]
fn what_an_independent_implementation_accepts_and_we_refuse(
    #[case] header: Value,
    #[case] more: &str,
    #[case] refusal: JoseError,
) {
    let claims = claims().to_string();
    let honest = json!({"alg": "ES256", "typ": "at+jwt"});
    assert!(matches!(both(honest, &claims), (true, Ok(_))));
    let claims = format!("{}{more}}}", claims.strip_suffix('}').unwrap());
    assert_eq!(both(header, &claims), (true, Err(refusal)));
}

#[test]
fn a_token_for_others_as_well_is_accepted_by_an_independent_implementation_and_not_where_we_ask_for_one()
 {
    let claims = claims().to_string().replace(
        r#""https://api.example.com""#,
        r#"["https://api.example.com","https://evil.example"]"#,
    );
    let honest = json!({"alg": "ES256", "typ": "at+jwt"});
    assert_eq!(both(honest, &claims), (true, Err(JoseError::Audience)));
}
