//! Whom an access token is for (RFC 9068 §2.2, RFC 8707): one API, and this server's UserInfo where the scope holds `openid`.

use rstest::rstest;
use safeconduct_protocol::{
    client::Client,
    introspection::may_introspect,
    jose::{Algorithm, Audience, Expectation, Typ, verify},
    resource::Audiences,
    token::{ACCESS_TOKEN_TYP, AccessToken, AccessTokenParts},
};
use serde_json::json;

use crate::fixtures::{
    ISSUER, NOTES, SERVER_KEY, SERVER_KEYS, START, client_id, confidential, granted, of_its_own,
    relying_party, resources, scope, user,
};

fn token(asked: &str, narrowed_to: &str) -> AccessToken {
    let grant = granted(&[("scope", asked)], &relying_party(), None);
    let parts = AccessTokenParts {
        issuer: ISSUER,
        era: 1,
        key: None,
        lifetime: 300,
        now: START,
    };
    AccessToken::of_grant(&grant, user(1).to_string(), scope(narrowed_to), parts)
}

#[rstest]
#[case::an_api("notes.read", "notes.read", &[NOTES])]
#[case::an_api_and_userinfo("openid notes.read", "openid notes.read", &[NOTES, ISSUER])]
#[case::userinfo_alone("openid email", "openid email", &[ISSUER])]
#[case::narrowed_to_the_api("openid notes.read", "notes.read", &[NOTES])]
#[case::narrowed_to_userinfo("openid notes.read", "openid", &[NOTES, ISSUER])]
fn a_token_is_good_at_userinfo_where_it_holds_openid(
    #[case] asked: &str,
    #[case] narrowed_to: &str,
    #[case] audiences: &[&str],
) {
    let token = token(asked, narrowed_to);
    assert_eq!(token.aud.as_slice(), audiences);
    assert!(
        audiences
            .iter()
            .all(|audience| token.aud.contains(audience))
    );
    assert!(!token.aud.contains("https://id.example.com/"));
    let json = serde_json::to_value(&token.aud).unwrap();
    match audiences {
        [one] => assert_eq!(json, json!(one), "written as a text"),
        several => assert_eq!(json, json!(several)),
    }
}

#[test]
fn a_client_of_its_own_never_gets_to_userinfo() {
    let decided = of_its_own("openid notes.read");
    let parts = AccessTokenParts {
        issuer: ISSUER,
        era: 1,
        key: None,
        lifetime: 300,
        now: START,
    };
    let token = AccessToken::of_client(&client_id("shop"), decided, 1, parts);
    assert_eq!(token.aud, Audiences::One(NOTES.to_owned()));
    assert_eq!(token.grant_id, None);
}

#[rstest]
#[case::the_api(NOTES, true)]
#[case::this_server(ISSUER, true)]
#[case::another_api("https://mail.example.com", false)]
#[case::the_client("shop", false)]
fn each_of_its_audiences_accepts_a_token(#[case] audience: &str, #[case] accepted: bool) {
    let token = SERVER_KEY
        .sign_jwt(
            ACCESS_TOKEN_TYP,
            &token("openid notes.read", "openid notes.read"),
        )
        .unwrap();
    let expect = Expectation::new(
        Typ::OneOf(&[ACCESS_TOKEN_TYP]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::Member(audience),
    );
    assert_eq!(
        verify(&token, &expect, &SERVER_KEYS, START).is_ok(),
        accepted
    );
}

/// Attacks: I02.
#[rstest]
#[case::the_api("notes-api", true)]
#[case::its_own_client("shop", true)]
#[case::a_stranger("other", false)]
fn a_token_for_an_api_and_us_is_the_business_of_both(#[case] caller: &str, #[case] may: bool) {
    let caller = Client {
        id: client_id(caller),
        ..confidential()
    };
    let token = token("openid notes.read", "openid notes.read");
    assert_eq!(may_introspect(&caller, &token, &resources(), ISSUER), may);
}
