//! Who may ask about a token, and what they learn (RFC 7662, RFC 7009).

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::{
    authentication::Acr,
    client::Client,
    introspection::{Introspection, may_introspect, may_revoke},
    resource::Audiences,
    token::AccessToken,
};

use crate::fixtures::{
    ISSUER, MAIL, NOTES, START, client_id, confidential, grant_id, resources, scope, user,
};

fn token(audience: &str) -> AccessToken {
    AccessToken {
        iss: ISSUER.to_owned(),
        sub: user(1).as_str().to_owned(),
        aud: Audiences::One(audience.to_owned()),
        exp: START.plus(300),
        iat: START,
        jti: "AQEBAQEBAQEBAQEBAQEBAQ".to_owned(),
        client_id: client_id("shop"),
        scope: scope("notes.read"),
        auth_time: Some(START.plus(-100)),
        acr: Some(Acr::Password),
        amr: vec!["pwd".into()],
        groups: None,
        grant_id: Some(grant_id()),
        client_epoch: None,
        era: 1,
        cnf: None,
    }
}

/// Attacks: I02.
#[rstest]
#[case::the_client_its_api_names("notes-api", NOTES, true)]
#[case::the_client_it_was_issued_to("shop", NOTES, false)]
#[case::a_stranger("other", NOTES, false)]
#[case::an_api_that_names_nobody("notes-api", MAIL, false)]
#[case::not_even_its_owner_where_the_api_names_nobody("shop", MAIL, false)]
#[case::its_owner_where_the_token_is_for_us("shop", ISSUER, true)]
#[case::an_api_where_the_token_is_for_us("notes-api", ISSUER, false)]
#[case::its_owner_where_the_api_is_gone("shop", "https://gone.example.com", false)]
#[case::an_audience_that_only_begins_alike("notes-api", "https://notes.example.com/", false)]
fn a_token_is_the_business_of_one_caller(
    #[case] caller: &str,
    #[case] audience: &str,
    #[case] may: bool,
) {
    let caller = Client {
        id: client_id(caller),
        ..confidential()
    };
    assert_eq!(
        may_introspect(&caller, &token(audience), &resources(), ISSUER),
        may
    );
}

#[test]
fn only_its_own_client_may_revoke_a_token() {
    assert!(may_revoke(&client_id("shop"), &client_id("shop")));
    assert!(!may_revoke(&client_id("notes-api"), &client_id("shop")));
    assert!(!may_revoke(&client_id("Shop"), &client_id("shop")));
}

/// Attacks: I02.
#[test]
fn inactive_says_nothing_else() {
    let json = serde_json::to_string(&Introspection::inactive()).unwrap();
    assert_eq!(json, r#"{"active":false}"#);
}

#[test]
fn active_says_what_the_token_says() {
    let json = serde_json::to_string_pretty(&Introspection::active(token(NOTES))).unwrap();
    assert_snapshot!(json, @r#"
    {
      "active": true,
      "iss": "https://id.example.com",
      "sub": "u-AQEBAQEBAQEBAQEBAQEBAQ",
      "aud": "https://notes.example.com",
      "exp": 1800000300,
      "iat": 1800000000,
      "jti": "AQEBAQEBAQEBAQEBAQEBAQ",
      "client_id": "shop",
      "scope": "notes.read",
      "auth_time": 1799999900,
      "acr": "urn:safeconduct:acr:password",
      "amr": [
        "pwd"
      ],
      "grant_id": "01a3185c-5000-7000-8000-000000000001",
      "era": 1,
      "token_type": "Bearer"
    }
    "#);
}
