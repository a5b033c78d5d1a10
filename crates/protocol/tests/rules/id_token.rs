//! The ID Token (OpenID Connect Core §2): what it says, and what it does not.

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::{
    grant::Grant,
    id_token::{IdToken, IdTokenParts, at_hash},
    jose::{Algorithm, Audience, Expectation, Typ, verify},
};
use serde_json::{Map, Value, json};

use crate::fixtures::{
    ISSUER, SERVER_KEY, SERVER_KEYS, START, granted, id_token, relying_party, session, user,
};

fn grant() -> Grant {
    granted(&[("scope", "openid profile email")], &relying_party(), None)
}

#[test]
fn the_golden_id_token_holds() {
    let token = id_token(&grant(), user(1).as_str());
    assert_snapshot!(serde_json::to_string_pretty(&token).unwrap(), @r#"
    {
      "iss": "https://id.example.com",
      "sub": "u-AQEBAQEBAQEBAQEBAQEBAQ",
      "aud": "shop",
      "exp": 1800000300,
      "iat": 1800000000,
      "auth_time": 1799999900,
      "nonce": "n-0S6_WzA2Mj",
      "at_hash": "uby9Z8Gb_H_x4fPjwNzguw",
      "acr": "urn:safeconduct:acr:password",
      "amr": [
        "pwd"
      ],
      "sid": "AQEBAQEBAQEBAQEBAQEBAQ"
    }
    "#);
}

fn parts(access_token: &str) -> IdTokenParts<'_> {
    IdTokenParts {
        issuer: ISSUER,
        subject: user(1).to_string(),
        session: session(1),
        nonce: None,
        access_token,
        algorithm: Algorithm::Rs256,
        claims: Map::new(),
        lifetime: 300,
    }
}

/// OpenID Connect Core §12.2: about the same sign-in, whenever it is minted.
#[test]
fn a_refreshed_id_token_is_about_the_same_sign_in() {
    let first = serde_json::to_value(id_token(&grant(), user(1).as_str())).unwrap();
    let later = IdToken::of_grant(&grant(), parts("the-next-access-token"), START.plus(900));
    let later = serde_json::to_value(later).unwrap();
    for name in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(first[name], later[name], "{name}");
    }
    assert_eq!(later["iat"], json!(START.plus(900)));
    assert_eq!(later["exp"], json!(START.plus(1200)));
    assert_ne!(first["at_hash"], later["at_hash"]);
    assert_eq!(later.get("nonce"), None, "it answers no request");
}

#[test]
fn claims_of_the_person_stand_beside_those_of_the_protocol() {
    let claims = json!({"email": "ada@example.com", "email_verified": true});
    let Value::Object(claims) = claims else {
        unreachable!("it is written as an object")
    };
    let asked_for = IdTokenParts {
        claims,
        ..parts("the-access-token")
    };
    let token = serde_json::to_value(IdToken::of_grant(&grant(), asked_for, START)).unwrap();
    assert_eq!(token["email"], "ada@example.com");
    assert_eq!(token["email_verified"], true);
    assert_eq!(token["sub"], json!(user(1)));
    assert_eq!(token.as_object().unwrap().len(), 12);
}

/// §3.1.3.6; the second value is that of §A.3, the others are of the same text by another implementation.
#[rstest]
#[case(Algorithm::Es256, "77QmUPtjPfzWtF2AnpK9RQ")]
#[case(Algorithm::Rs256, "77QmUPtjPfzWtF2AnpK9RQ")]
#[case(Algorithm::Ps256, "77QmUPtjPfzWtF2AnpK9RQ")]
#[case(Algorithm::EdDsa, "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM")]
#[case(Algorithm::Es384, "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs")]
#[case(Algorithm::Ps384, "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs")]
#[case(Algorithm::Rs512, "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM")]
#[case(Algorithm::Es512, "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM")]
fn at_hash_is_half_of_the_hash_of_the_signature_algorithm(
    #[case] algorithm: Algorithm,
    #[case] expected: &str,
) {
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(at_hash(algorithm, token), expected);
}

#[test]
fn a_client_accepts_what_the_server_signs() {
    let token = SERVER_KEY
        .sign_jwt("JWT", &id_token(&grant(), user(1).as_str()))
        .unwrap();
    let expect = Expectation::new(
        Typ::OneOfOrAbsent(&["JWT"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Only("shop"),
    );
    let verified = verify(&token, &expect, &SERVER_KEYS, START.plus(299)).unwrap();
    assert_eq!(verified.sub(), Some(user(1).as_str()));
    assert_eq!(verified.kid(), Some(SERVER_KEY.kid()));
}
