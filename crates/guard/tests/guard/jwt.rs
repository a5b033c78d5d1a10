//! JWT access tokens: who gets in, and who does not however they try (attack classes of RFC 8725 and RFC 9068).

use crate::support::{API, FakeIssuer, START, alice, jwk_set, verdict};
use rstest::rstest;
use safeconduct_guard::Reason;
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_says_who_and_what_and_until_when() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let token = issuer
        .token_with(json!({"scope": "notes.write notes.read", "jti": "t-1", "tenant": {"id": 7}}));
    let token = guard.validate(&token).await.unwrap();
    assert_eq!(token.subject(), "alice");
    assert_eq!(token.client_id(), "app");
    assert_eq!(
        token.scopes().collect::<Vec<_>>(),
        ["notes.read", "notes.write"]
    );
    assert_eq!(token.jti(), Some("t-1"));
    assert_eq!(token.grant_id(), Some("grant-1"));
    assert_eq!(token.issued_at().map(|time| time.seconds()), Some(START));
    assert_eq!(
        token.expires_at().map(|time| time.seconds()),
        Some(START + 300)
    );
    assert_eq!(token.raw_claims()["tenant"], json!({"id": 7}));

    #[derive(serde::Deserialize)]
    struct Tenant {
        id: u32,
    }
    #[derive(serde::Deserialize)]
    struct Mine {
        tenant: Tenant,
    }
    assert_eq!(token.claims::<Mine>().unwrap().tenant.id, 7);
    insta::assert_snapshot!(format!("{token:?}"), @r#"Token { subject: "alice", client_id: "app", scope: "notes.read notes.write", jti: Some("t-1"), grant_id: Some("grant-1"), .. }"#);
}

/// Attacks: J10, LI24.
#[rstest]
#[case::all_the_same(json!({}))]
#[case::for_us_among_others(json!({"aud": ["https://stranger.example", API]}))]
#[case::the_last_second(json!({"exp": START + 1}))]
#[case::fractions(json!({"exp": 1_800_000_001.9, "iat": 1_800_000_000.5, "nbf": 1_800_000_060.9}))]
#[case::the_last_second_of_time(json!({"exp": 253_402_300_799_i64}))]
#[case::an_issuer_a_minute_ahead(json!({"iat": START + 60, "nbf": START + 60}))]
#[case::without_scope(json!({"scope": null}))]
#[tokio::test]
async fn a_good_token_passes(#[case] change: Value) {
    let issuer = FakeIssuer::start().await;
    assert_eq!(
        verdict(&issuer.guard(), &issuer.token_with(change)).await,
        alice()
    );
}

/// Attacks: J07, S02, LI04, LI19, LI24.
#[rstest]
#[case::aud_other(json!({"aud": "https://other.example"}), Reason::WrongAudience)]
#[case::aud_absent(json!({"aud": null}), Reason::WrongAudience)]
#[case::aud_empty(json!({"aud": []}), Reason::WrongAudience)]
#[case::aud_longer(json!({"aud": "https://api.example.com.evil.example"}), Reason::WrongAudience)]
#[case::aud_shorter(json!({"aud": "https://api.example.co"}), Reason::WrongAudience)]
#[case::aud_slash(json!({"aud": "https://api.example.com/"}), Reason::WrongAudience)]
#[case::aud_case(json!({"aud": "https://API.example.com"}), Reason::WrongAudience)]
#[case::aud_in_one_text(json!({"aud": "https://other.example https://api.example.com"}), Reason::WrongAudience)]
#[case::aud_number(json!({"aud": 7}), Reason::MalformedClaims)]
#[case::aud_mixed(json!({"aud": [API, 7]}), Reason::MalformedClaims)]
#[case::iss_other(json!({"iss": "https://evil.example"}), Reason::WrongIssuer)]
#[case::iss_absent(json!({"iss": null}), Reason::WrongIssuer)]
#[case::iss_list(json!({"iss": ["https://evil.example"]}), Reason::MalformedClaims)]
#[case::exp_now(json!({"exp": START}), Reason::Expired)]
#[case::exp_past(json!({"exp": START - 30}), Reason::Expired)]
#[case::exp_absent(json!({"exp": null}), Reason::MalformedClaims)]
#[case::exp_text(json!({"exp": "1900000000"}), Reason::MalformedClaims)]
#[case::exp_fraction_of_this_second(json!({"exp": 1_800_000_000.9}), Reason::Expired)]
#[case::exp_huge(json!({"exp": 1e300}), Reason::MalformedClaims)]
#[case::exp_after_time(json!({"exp": 253_402_300_800_i64}), Reason::MalformedClaims)]
#[case::exp_negative(json!({"exp": -1}), Reason::MalformedClaims)]
#[case::nbf_ahead(json!({"nbf": START + 61}), Reason::NotYetValid)]
#[case::iat_ahead(json!({"iat": START + 61}), Reason::NotYetValid)]
#[case::iat_absent(json!({"iat": null}), Reason::MalformedClaims)]
#[case::jti_absent(json!({"jti": null}), Reason::MalformedClaims)]
#[case::jti_number(json!({"jti": 1}), Reason::MalformedClaims)]
#[case::sub_absent(json!({"sub": null}), Reason::MalformedClaims)]
#[case::sub_empty(json!({"sub": ""}), Reason::MalformedClaims)]
#[case::sub_list(json!({"sub": ["alice"]}), Reason::MalformedClaims)]
#[case::client_id_absent(json!({"client_id": null}), Reason::MalformedClaims)]
#[case::client_id_alone(json!({"sub": null, "aud": null}), Reason::WrongAudience)]
#[case::scope_list(json!({"scope": ["notes.read"]}), Reason::MalformedClaims)]
#[case::scope_quoted(json!({"scope": "notes.read\""}), Reason::MalformedClaims)]
#[case::bound_by_dpop(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), Reason::BoundToKey)]
#[case::bound_by_dpop_to_nothing(json!({"cnf": {"jkt": "x"}}), Reason::MalformedClaims)]
#[case::bound_by_tls(json!({"cnf": {"x5t#S256": "x"}}), Reason::UnknownBinding)]
#[case::bound_by_both(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x5t#S256": "x"}}), Reason::UnknownBinding)]
#[case::bound_by_nothing(json!({"cnf": {}}), Reason::UnknownBinding)]
#[case::bound_in_no_form(json!({"cnf": ["jkt"]}), Reason::MalformedClaims)]
#[tokio::test]
async fn a_claim_that_is_not_right_is_refused(#[case] change: Value, #[case] reason: Reason) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    assert_eq!(
        verdict(&guard, &issuer.token_with(change)).await,
        Err(reason)
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J08.
#[rstest]
#[case("/")]
#[case("/x")]
#[tokio::test]
async fn an_issuer_spelled_otherwise_is_another_issuer(#[case] end: &str) {
    let issuer = FakeIssuer::start().await;
    let token = issuer.token_with(json!({"iss": format!("{}{end}", issuer.url)}));
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, &token).await, Err(Reason::WrongIssuer));
    assert_eq!(
        issuer.asked_for_metadata(),
        0,
        "nobody is asked about a stranger's token"
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J06, S02.
#[rstest]
#[case::an_id_token("JWT")]
#[case::a_logout_token("logout+jwt")]
#[case::a_request_object("oauth-authz-req+jwt")]
#[case::a_dpop_proof("dpop+jwt")]
#[case::an_introspection_response("token-introspection+jwt")]
#[case::nearly("at+jwt ")]
#[case::nothing("")]
#[tokio::test]
async fn a_token_of_another_type_is_no_access_token(#[case] typ: &str) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let token = issuer.sign(&issuer.key, typ, json!({}));
    assert_eq!(verdict(&guard, &token).await, Err(Reason::WrongType));
    let media_type = issuer.sign(&issuer.key, "application/at+jwt", json!({}));
    assert_eq!(
        verdict(&guard, &media_type).await,
        alice(),
        "RFC 9068 §4 allows the long form"
    );
}

/// That a guard refuses `token`, and lets an honest one in afterwards.
/// Attacks: J06.
#[tokio::test]
async fn a_token_without_a_type_is_no_access_token() {
    let issuer = FakeIssuer::start().await;
    let token = issuer.key.sign_untyped_jwt(&issuer.claims(json!({})));
    assert_eq!(
        verdict(&issuer.guard(), &token.unwrap()).await,
        Err(Reason::WrongType)
    );
    assert_eq!(verdict(&issuer.guard(), &issuer.token()).await, alice());
}

async fn assert_refused(issuer: &FakeIssuer, token: &str, reason: Reason) {
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, token).await, Err(reason));
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// A token with this header, `claims` as they should be, and this signature.
fn forged(issuer: &FakeIssuer, header: &Value, signature: &[u8]) -> String {
    let claims = issuer.claims(json!({})).to_string();
    let (header, claims) = (
        encoding::encode(header.to_string().as_bytes()),
        encoding::encode(claims.as_bytes()),
    );
    format!("{header}.{claims}.{}", encoding::encode(signature))
}

/// Attacks: J01.
#[rstest]
#[tokio::test]
async fn no_algorithm_is_no_signature(
    #[values("none", "None", "nOnE", "NONE", "", " none")] alg: &str,
) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let header = json!({"alg": alg, "typ": "at+jwt", "kid": issuer.key.kid()});
    for signature in [&b""[..], b"x"] {
        assert_eq!(
            verdict(&guard, &forged(&issuer, &header, signature)).await,
            Err(Reason::AlgorithmNotAllowed)
        );
    }
    assert_eq!(issuer.asked_for_keys(), 0);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J02.
#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let jwk = serde_json::to_vec(&issuer.key.public_jwk()).unwrap();
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid()});
    let unsigned = forged(&issuer, &header, b"");
    let signing_input = unsigned.trim_end_matches('.').to_owned();
    let mac = encoding::hmac_sha256(&jwk, signing_input.as_bytes());
    let token = format!("{signing_input}.{}", encoding::encode(&mac));
    assert_eq!(
        verdict(&guard, &token).await,
        Err(Reason::AlgorithmNotAllowed)
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J12.
#[rstest]
#[case::zeros(vec![0; 64])]
#[case::r_zero([vec![0; 32], vec![1; 32]].concat())]
#[case::s_zero([vec![1; 32], vec![0; 32]].concat())]
#[case::der([vec![0x30, 0x44, 0x02, 0x20], vec![1; 32], vec![0x02, 0x20], vec![1; 32]].concat())]
#[case::the_order_and_above(vec![0xff; 64])]
#[case::short(vec![1; 63])]
#[case::long(vec![1; 65])]
#[case::empty(vec![])]
#[tokio::test]
async fn a_signature_of_no_key_is_refused(#[case] signature: Vec<u8>) {
    let issuer = FakeIssuer::start().await;
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid()});
    let token = forged(&issuer, &header, &signature);
    assert_refused(&issuer, &token, Reason::WrongSignature).await;
}

#[tokio::test]
async fn a_stranger_signs_nothing_under_a_known_name() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let good = issuer.token();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = issuer.token_with(json!({"sub": "eve"}));
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(
        verdict(&guard, &format!("{signed}.{signature}")).await,
        Err(Reason::WrongSignature)
    );
    assert_eq!(verdict(&guard, &good).await, alice());
}

/// Attacks: J14.
#[rstest]
#[case(json!({"crit": ["exp"]}), Reason::Malformed)]
#[case(json!({"b64": false, "crit": ["b64"]}), Reason::Malformed)]
#[case(json!({"zip": "DEF"}), Reason::Malformed)]
#[case(json!({"alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_647, "enc": "A128GCM"}), Reason::Malformed)]
#[case(json!({"alg": ["ES256"]}), Reason::Malformed)]
#[case(json!({"kid": 7}), Reason::Malformed)]
#[case(json!({"typ": null}), Reason::Malformed)]
#[case(json!({"alg": "RS256"}), Reason::UnknownKey)]
#[case(json!({"alg": "EdDSA"}), Reason::UnknownKey)]
#[tokio::test]
async fn a_header_chooses_neither_extension_nor_algorithm(
    #[case] change: Value,
    #[case] reason: Reason,
) {
    let issuer = FakeIssuer::start().await;
    let mut header = json!({"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid()});
    for (name, value) in change.as_object().unwrap() {
        header[name] = value.clone();
    }
    assert_refused(&issuer, &forged(&issuer, &header, &[1; 64]), reason).await;
}

/// Attacks: J04.
#[tokio::test]
async fn a_header_brings_no_key_of_its_own() {
    let (issuer, attacker) = (FakeIssuer::start().await, FakeIssuer::start().await);
    let guard = issuer.guard();
    let jwks = format!("{}/jwks", attacker.url);
    let jwk = attacker.key.public_jwk();
    for kid in [issuer.key.kid(), attacker.key.kid()] {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid, "jku": jwks, "x5u": jwks, "jwk": jwk, "x5c": ["MA=="]});
        let refused = verdict(&guard, &forged(&issuer, &header, &[1; 64])).await;
        assert!(
            matches!(refused, Err(Reason::WrongSignature | Reason::UnknownKey)),
            "{refused:?}"
        );
    }
    assert_eq!(
        (attacker.asked_for_keys(), attacker.asked_for_metadata()),
        (0, 0)
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J03.
#[rstest]
#[tokio::test]
async fn a_key_has_a_name_and_no_path(
    #[values(
        "../../dev/null",
        "' OR 1=1 --",
        "https://evil.example/jwks",
        "",
        "\0",
        "/etc/passwd"
    )]
    kid: &str,
) {
    let issuer = FakeIssuer::start().await;
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
    let token = forged(&issuer, &header, &[1; 64]);
    assert_refused(&issuer, &token, Reason::UnknownKey).await;
}

/// Attacks: J03.
#[tokio::test]
async fn without_a_name_one_key_fits_and_two_do_not() {
    let issuer = FakeIssuer::start().await;
    let mut set = jwk_set(&[&issuer.key]);
    set["keys"][0].as_object_mut().unwrap().remove("kid");
    issuer.answer_keys(crate::support::Reply::json(&set));
    let header = json!({"alg": "ES256", "typ": "at+jwt"});
    assert_eq!(
        verdict(&issuer.guard(), &forged(&issuer, &header, &[1; 64])).await,
        Err(Reason::WrongSignature)
    );

    let second = SigningKey::generate(Algorithm::Es256).unwrap();
    issuer.publish(&[&issuer.key, &second]);
    assert_eq!(
        verdict(&issuer.guard(), &forged(&issuer, &header, &[1; 64])).await,
        Err(Reason::AmbiguousKey)
    );
    assert_eq!(verdict(&issuer.guard(), &issuer.token()).await, alice());
}

/// Attacks: J14, J15.
#[rstest]
#[case("")]
#[case("token")]
#[case("..")]
#[case("a.b")]
#[case("a.b.c.d")]
#[case("a.b.c.d.e")]
#[case("e30.e30.e30")]
#[case(r#"{"payload":"e30","signatures":[]}"#)]
#[tokio::test]
async fn what_is_no_token_is_malformed(#[case] token: &str) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    assert_eq!(verdict(&guard, token).await, Err(Reason::Malformed));
    assert_eq!(issuer.asked_for_metadata(), 0);
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J13.
#[rstest]
#[case::one_long_word("A".repeat(1 << 20))]
#[case::dots(".".repeat(1_000_000))]
#[case::a_payload_too_long(format!("e30.{}.e30", "A".repeat(10 << 20)))]
#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read(#[case] token: String) {
    let issuer = FakeIssuer::start().await;
    assert_refused(&issuer, &token, Reason::TooLong).await;
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let token = issuer.token();
    assert_eq!(verdict(&guard, &token).await, alice());
    for spelling in [
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        token.replace('.', "=."),
        token.to_uppercase(),
    ] {
        assert!(verdict(&guard, &spelling).await.is_err(), "{spelling}");
    }
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

#[rstest]
#[case::repeated_in_the_header(r#"{"alg":"none","alg":"ES256","typ":"at+jwt"}"#)]
#[case::no_object(r#"["ES256"]"#)]
#[case::no_json("ES256")]
#[tokio::test]
async fn an_ambiguous_header_is_malformed(#[case] header: &str) {
    let issuer = FakeIssuer::start().await;
    let token = format!("{}.e30.e30", encoding::encode(header.as_bytes()));
    assert_refused(&issuer, &token, Reason::Malformed).await;
}

#[rstest]
#[tokio::test]
async fn every_algorithm_of_the_list_is_accepted(
    #[values(Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa)]
    algorithm: Algorithm,
) {
    let issuer = FakeIssuer::start().await;
    let key = SigningKey::generate(algorithm).unwrap();
    issuer.publish(&[&issuer.key, &key]);
    let token = issuer.sign(&key, "at+jwt", json!({}));
    assert_eq!(verdict(&issuer.guard(), &token).await, alice());
}

/// Attacks: J19.
#[tokio::test]
async fn a_key_for_encryption_verifies_nothing() {
    let issuer = FakeIssuer::start().await;
    let stolen = SigningKey::generate(Algorithm::Es256).unwrap();
    let mut set = jwk_set(&[&issuer.key, &stolen]);
    set["keys"][1]["use"] = "enc".into();
    issuer.answer_keys(crate::support::Reply::json(&set));
    let guard = issuer.guard();
    assert_eq!(
        verdict(&guard, &issuer.sign(&stolen, "at+jwt", json!({}))).await,
        Err(Reason::UnknownKey)
    );
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// RFC 9068 §4: RS256 beside ES256, and whatever else the issuer may sign with; each key for its own algorithm.
#[rstest]
#[case(Algorithm::Rs256)]
#[case(Algorithm::Ps256)]
#[case(Algorithm::EdDsa)]
#[tokio::test]
async fn a_token_in_any_algorithm_of_the_issuers_passes(#[case] algorithm: Algorithm) {
    let issuer = FakeIssuer::start().await;
    let key = SigningKey::generate(algorithm).unwrap();
    issuer.publish(&[&issuer.key, &key]);
    let guard = issuer.guard();
    let token = issuer.sign(&key, "at+jwt", json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
}

/// Attacks: J10.
#[tokio::test]
async fn a_smaller_leeway_is_kept_and_a_larger_one_is_not() {
    let issuer = FakeIssuer::start().await;
    let ahead = |seconds: i64| issuer.token_with(json!({"iat": START + seconds}));
    let leeway = |seconds| {
        issuer
            .guard_builder()
            .leeway(std::time::Duration::from_secs(seconds))
            .build()
            .unwrap()
    };
    assert_eq!(verdict(&leeway(5), &ahead(5)).await, alice());
    assert_eq!(
        verdict(&leeway(5), &ahead(6)).await,
        Err(Reason::NotYetValid)
    );
    assert_eq!(
        verdict(&leeway(3600), &ahead(61)).await,
        Err(Reason::NotYetValid)
    );
}
