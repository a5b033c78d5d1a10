//! The `claims` parameter (OpenID Connect Core §5.5): what it asks for needs consent, and what it demands is met or refused.

use std::collections::BTreeSet;

use rstest::rstest;
use safeconduct_protocol::{
    authentication::{Acr, Factor},
    authorization::{Next, SignedInUser},
    client::Client,
    error::{ErrorCode, Reason},
    grant::{Grant, Lifetimes},
};
use serde_json::{Value, json};

use crate::fixtures::{
    SERVER_KEY, START, SUBJECTS, asking, by_password, check, exchange, granted, id_token, issue,
    pending, person, reason, relying_party, scope, session, user,
};

fn refusal(claims: &str) -> Option<Reason> {
    let asked = [("scope", "openid"), ("claims", claims)];
    reason(check(&asking(&asked), &relying_party()))
}

#[rstest]
#[case::no_json("name")]
#[case::a_list("[]")]
#[case::a_text(r#""userinfo""#)]
#[case::cut_off(r#"{"userinfo":{"name":null}"#)]
#[case::more_behind(r#"{"userinfo":{}} x"#)]
#[case::a_member_twice(r#"{"userinfo":{"name":null,"name":{"essential":true}}}"#)]
#[case::claims_in_a_list(r#"{"id_token":["name"]}"#)]
#[case::a_wish_in_words(r#"{"userinfo":{"name":"please"}}"#)]
#[case::essential_in_words(r#"{"userinfo":{"name":{"essential":"true"}}}"#)]
#[case::values_that_are_none(r#"{"id_token":{"acr":{"essential":true,"values":"a"}}}"#)]
#[case::a_choice_among_nothing(r#"{"id_token":{"acr":{"essential":true,"values":[]}}}"#)]
#[case::an_acr_nobody_can_have(r#"{"id_token":{"acr":{"essential":true,"value":1}}}"#)]
#[case::a_sub_nobody_can_have(r#"{"id_token":{"sub":{"value":7}}}"#)]
#[case::a_sub_among_several(r#"{"id_token":{"sub":{"values":["u-1","u-2"]}}}"#)]
#[case::one_sub_here_and_another_there(
    r#"{"userinfo":{"sub":{"value":"u-1"}},"id_token":{"sub":{"value":"u-2"}}}"#
)]
#[case::far_too_deep(&format!(r#"{{"x":{}{}}}"#, "[".repeat(500), "]".repeat(500)))]
#[case::too_long(&format!(r#"{{"x":"{}"}}"#, "x".repeat(2048)))]
fn what_is_no_claims_parameter_is_refused(#[case] claims: &str) {
    assert_eq!(refusal("{}"), None);
    assert_eq!(refusal(claims), Some(Reason::ClaimsMalformed));
}

#[rstest]
#[case::nothing(json!({}))]
#[case::nothing_in_particular(json!({"userinfo": null, "id_token": {}}))]
#[case::essential(json!({"userinfo": {"name": {"essential": true}}}))]
#[case::in_a_language(json!({"userinfo": {"name#de": null}}))]
#[case::claims_that_nobody_has(json!({"userinfo": {"https://example.com/rank": {"values": [1, 2]}}}))]
#[case::a_value_that_is_no_text(json!({"userinfo": {"email_verified": {"value": true}}}))]
#[case::members_of_later_specifications(json!({"verified_claims": {"x": 1}}))]
#[case::an_acr_we_have(json!({"id_token": {"acr": {"essential": true, "values": ["loa4", Acr::Password.as_str()]}}}))]
#[case::an_acr_that_would_be_nice(json!({"id_token": {"acr": {"values": ["loa4"]}}}))]
#[case::any_acr(json!({"id_token": {"acr": {"essential": true}}}))]
#[case::one_sub_in_both(json!({"userinfo": {"sub": {"value": "u-1"}}, "id_token": {"sub": {"value": "u-1"}}}))]
fn what_can_be_met_is_accepted(#[case] claims: Value) {
    assert_eq!(refusal(&claims.to_string()), None);
}

/// Attacks: Q11.
#[rstest]
#[case::one(json!({"id_token": {"acr": {"essential": true, "value": "loa4"}}}))]
#[case::several(json!({"id_token": {"acr": {"essential": true, "values": ["loa3", "loa4"]}}}))]
#[case::another_case(json!({"id_token": {"acr": {"essential": true, "value": Acr::Password.as_str().to_uppercase()}}}))]
fn an_essential_context_that_is_not_here_is_refused_and_never_lowered(
    #[case] claims: Value,
    #[values("openid", "notes.read")] scope: &str,
) {
    let wished = asking(&[("scope", scope), ("claims", r#"{"id_token":{"acr":null}}"#)]);
    assert_eq!(reason(check(&wished, &relying_party())), None);
    let claims = claims.to_string();
    let refused = check(
        &asking(&[("scope", scope), ("claims", &claims)]),
        &relying_party(),
    )
    .unwrap_err();
    assert_eq!(refused.reason(), Reason::AcrUnmet);
    assert_eq!(refused.error(), ErrorCode::UnmetAuthenticationRequirements);
}

#[test]
fn acr_values_are_a_wish_and_never_refused() {
    let asked = [("scope", "openid"), ("acr_values", "loa4 1 2")];
    assert_eq!(reason(check(&asking(&asked), &relying_party())), None);
}

/// Attacks: Q11.
#[rstest]
#[case::the_person(1, "", Ok(issue(100)))]
#[case::another(2, "", Ok(Next::SignIn))]
#[case::another_silently(2, "none", Err(Reason::LoginRequired))]
fn a_sub_that_is_named_is_the_only_one_who_will_do(
    #[case] at_the_browser: u8,
    #[case] prompt: &str,
    #[case] expected: Result<Next, Reason>,
    #[values("userinfo", "id_token")] place: &str,
    #[values("openid", "notes.read")] scope: &str,
) {
    let client = relying_party();
    let claims = json!({place: {"sub": {"value": user(1)}}}).to_string();
    let asked = [("scope", scope), ("claims", &claims), ("prompt", prompt)];
    let person = SignedInUser {
        user: user(at_the_browser),
        ..person("openid notes.read")
    };
    let form = pending(&asked, &client);
    let next = form.next(&client, Some(&person), &SUBJECTS);
    assert_eq!(next.map_err(|refused| refused.reason()), expected);
    let met = form.proved(session(1), Factor::Password);
    let next = met.next(&client, Some(&person), &SUBJECTS);
    let expected = if at_the_browser == 1 {
        Ok(issue(100))
    } else {
        Err(Reason::LoginRequired)
    };
    assert_eq!(next.map_err(|refused| refused.reason()), expected);
}

#[test]
fn a_hint_and_a_sub_that_name_two_persons_are_about_nobody() {
    let client = relying_party();
    let grant = granted(&[("scope", "openid")], &client, None);
    let token = id_token(&grant, user(1).as_str());
    let hint = SERVER_KEY.sign_jwt("JWT", &token).unwrap();
    let naming = |number| json!({"id_token": {"sub": {"value": user(number)}}}).to_string();
    let check = |claims: &str| {
        let asked = [
            ("scope", "openid"),
            ("id_token_hint", &*hint),
            ("claims", claims),
        ];
        reason(check(&asking(&asked), &client))
    };
    assert_eq!(check(&naming(1)), None);
    assert_eq!(check(&naming(2)), Some(Reason::SubjectsContradict));
}

const SINGLE: &str = r#"{"userinfo":{"given_name":null,"phone_number":null},"id_token":{"email":{"essential":true}}}"#;

#[test]
fn a_claim_that_is_asked_for_by_itself_is_asked_of_the_person() {
    let client = relying_party();
    let form = pending(&[("scope", "openid"), ("claims", SINGLE)], &client);
    let next = |consented: &str| form.next(&client, Some(&person(consented)), &SUBJECTS);
    assert_eq!(
        next("openid"),
        Ok(Next::Consent {
            new: scope("email profile"),
            already: scope("openid"),
        }),
        "and not phone, which the client is not registered for"
    );
    assert_eq!(next("openid email profile"), Ok(issue(100)));
    let asked = form.asked(&person("openid"));
    assert_eq!(asked.request.to_consent(), scope("openid email profile"));
    assert_eq!(reason(asked.answered_by(Some(&person("openid")))), None);
}

fn names<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

#[test]
fn a_grant_knows_which_claims_were_asked_for_and_where() {
    let client = relying_party();
    let grant = granted(&[("scope", "openid"), ("claims", SINGLE)], &client, None);
    assert_eq!(grant.scope, scope("openid"), "no scope was added");
    let claims = &grant.claims;
    assert_eq!(claims.for_id_token(None, &client.scopes), names(&["email"]));
    assert_eq!(
        claims.for_userinfo(&grant.scope, &client.scopes),
        names(&["given_name"])
    );
    assert_eq!(
        claims.for_userinfo(&scope("openid email"), &client.scopes),
        names(&["given_name", "email", "email_verified"])
    );
    let less = scope("openid");
    assert!(claims.for_id_token(None, &less).is_empty(), "lost since");
    assert!(claims.for_userinfo(&less, &less).is_empty(), "lost since");
}

#[test]
fn what_the_client_lost_before_it_redeemed_is_in_no_grant() {
    let asked = [("scope", "openid"), ("claims", SINGLE)];
    let code = pending(&asked, &relying_party()).issue(&person(""), by_password(100), START);
    let client = Client {
        scopes: scope("openid profile"),
        ..relying_party()
    };
    let new = code.redeem(&client, &exchange(), None, &Lifetimes::default(), START);
    let grant = Grant::of(&new.unwrap());
    let everything = relying_party().scopes;
    assert!(grant.claims.for_id_token(None, &everything).is_empty());
    assert_eq!(
        grant.claims.for_userinfo(&grant.scope, &everything),
        names(&["given_name"])
    );
}

#[test]
fn without_openid_no_claim_is_asked_for() {
    let client = relying_party();
    let form = pending(&[("claims", SINGLE)], &client);
    assert!(form.request.claims().is_empty());
    assert_eq!(form.request.to_consent(), scope("notes.read"));
}

/// OpenID Connect Core §5.4: no scope gives anything in the ID Token, and `openid` alone gives nothing but `sub`.
#[test]
fn scopes_ask_for_userinfo_alone() {
    let client = relying_party();
    let grant = granted(&[("scope", "openid email")], &client, None);
    assert!(grant.claims.for_id_token(None, &client.scopes).is_empty());
    assert_eq!(
        grant.claims.for_userinfo(&grant.scope, &client.scopes),
        names(&["email", "email_verified"])
    );
    let none = grant.claims.for_userinfo(&scope("openid"), &client.scopes);
    assert!(none.is_empty());
}
