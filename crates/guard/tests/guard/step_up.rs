//! Step-up (RFC 9470): a good token of a sign-in that is too weak or too long ago.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use rstest::rstest;
use safeconduct_guard::{
    Denied, Guard, ProofKey, Reason, Secret, StepUp, TestIssuer, TestToken, Token,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{FakeIssuer, START, within};

const API: &str = "https://api.example.com";
const FIVE_MINUTES: Duration = Duration::from_secs(300);

async fn delete(token: Token) -> Result<&'static str, Denied> {
    token.require_auth_within(FIVE_MINUTES)?;
    Ok("deleted")
}

async fn pay(token: Token) -> Result<&'static str, Denied> {
    token.require_acr(["phr", "mfa"])?;
    Ok("paid")
}

async fn sign(token: Token) -> Result<&'static str, Denied> {
    token.require_step_up(&StepUp::acr(["phr"]).and_within(FIVE_MINUTES))?;
    Ok("signed")
}

/// Each demand twice: in a handler, and as a layer of its own.
fn app(guard: &Guard) -> Router {
    let both = || StepUp::acr(["phr"]).and_within(FIVE_MINUTES);
    let layered = Router::new()
        .route(
            "/layer/delete",
            get(async || "deleted").layer(guard.require_auth_within(FIVE_MINUTES)),
        )
        .route(
            "/layer/pay",
            get(async || "paid").layer(guard.require_acr(["phr", "mfa"])),
        )
        .route(
            "/layer/sign",
            get(async || "signed").layer(guard.layer().step_up(both())),
        )
        .route(
            "/layer/admin",
            get(async || "admin").layer(guard.require("notes.admin").step_up(both())),
        )
        .route(
            "/layer/optional",
            get(async || "in").layer(guard.optional_layer().step_up(both())),
        )
        .route(
            "/layer/typo",
            get(async || "typo").layer(guard.require_acr(["\"mfa\""])),
        );
    Router::new()
        .route("/delete", get(delete))
        .route("/pay", get(pay))
        .route("/sign", get(sign))
        .layer(guard.layer())
        .merge(layered)
}

fn api() -> (Router, TestIssuer) {
    let (guard, issuer) = Guard::for_tests(API);
    (app(&guard), issuer)
}

/// Status, challenges and body without what is random.
async fn answer(app: &Router, path: &str, credentials: &str) -> String {
    let request = Request::get(path).header(AUTHORIZATION, credentials);
    let request = request.body(Body::empty()).unwrap();
    let response = within(app.clone().oneshot(request)).await.unwrap();
    let mut page = response.status().as_u16().to_string();
    for value in response.headers().get_all(WWW_AUTHENTICATE) {
        page.push_str(&format!("\n{}", value.to_str().unwrap()));
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let mut json: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    match json.get_mut("correlation_id") {
        Some(id) => *id = "ID".into(),
        None => return format!("{page} {body}"),
    }
    format!("{page}\n{json}")
}

async fn get_with(app: &Router, path: &str, token: TestToken) -> String {
    answer(app, path, &format!("Bearer {}", token.sign())).await
}

/// Attacks: PE48.
#[tokio::test]
async fn a_challenge_says_what_is_asked() {
    let (app, issuer) = api();
    let token = || {
        issuer
            .token()
            .acr("urn:example:password")
            .signed_in_ago(300)
    };
    insta::assert_snapshot!(get_with(&app, "/delete", token()).await, @r#"
    401
    Bearer error="insufficient_user_authentication", error_description="The sign-in behind the access token is too weak or too long ago: have the user sign in again", max_age="300", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
    {"error":"insufficient_user_authentication","error_description":"The sign-in behind the access token is too weak or too long ago: have the user sign in again","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/pay", token()).await, @r#"
    401
    Bearer error="insufficient_user_authentication", error_description="The sign-in behind the access token is too weak or too long ago: have the user sign in again", acr_values="phr mfa", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
    {"error":"insufficient_user_authentication","error_description":"The sign-in behind the access token is too weak or too long ago: have the user sign in again","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/sign", token()).await, @r#"
    401
    Bearer error="insufficient_user_authentication", error_description="The sign-in behind the access token is too weak or too long ago: have the user sign in again", acr_values="phr", max_age="300", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
    {"error":"insufficient_user_authentication","error_description":"The sign-in behind the access token is too weak or too long ago: have the user sign in again","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/layer/admin", token().scope("notes.admin")).await, @r#"
    401
    Bearer error="insufficient_user_authentication", error_description="The sign-in behind the access token is too weak or too long ago: have the user sign in again", acr_values="phr", max_age="300", scope="notes.admin", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
    {"error":"insufficient_user_authentication","error_description":"The sign-in behind the access token is too weak or too long ago: have the user sign in again","correlation_id":"ID"}
    "#);
    for path in ["/delete", "/pay", "/sign"] {
        assert_eq!(
            get_with(&app, &format!("/layer{path}"), token()).await,
            get_with(&app, path, token()).await
        );
    }
    // What cannot be sent is not sent, and is met by nothing.
    insta::assert_snapshot!(get_with(&app, "/layer/typo", token().acr("\"mfa\"")).await, @r#"
    401
    Bearer error="insufficient_user_authentication", error_description="The sign-in behind the access token is too weak or too long ago: have the user sign in again", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
    {"error":"insufficient_user_authentication","error_description":"The sign-in behind the access token is too weak or too long ago: have the user sign in again","correlation_id":"ID"}
    "#);
}

/// Attacks: PE47, PE48.
#[rstest]
#[case::just_recent("/delete", Some("a"), Some(299), StatusCode::OK)]
#[case::as_long_ago_as_that("/delete", Some("a"), Some(300), StatusCode::UNAUTHORIZED)]
#[case::by_a_clock_ahead("/delete", Some("a"), Some(-60), StatusCode::OK)]
#[case::by_one_too_far_ahead("/delete", Some("a"), Some(-61), StatusCode::UNAUTHORIZED)]
#[case::when_it_does_not_say("/delete", Some("a"), None, StatusCode::UNAUTHORIZED)]
#[case::one_of_the_contexts("/pay", Some("mfa"), Some(9999), StatusCode::OK)]
#[case::the_other_one("/pay", Some("phr"), None, StatusCode::OK)]
#[case::a_third_one("/pay", Some("phrh"), Some(0), StatusCode::UNAUTHORIZED)]
#[case::none_at_all("/pay", None, Some(0), StatusCode::UNAUTHORIZED)]
#[case::both("/sign", Some("phr"), Some(0), StatusCode::OK)]
#[case::strong_alone("/sign", Some("phr"), Some(300), StatusCode::UNAUTHORIZED)]
#[case::recent_alone("/sign", Some("mfa"), Some(0), StatusCode::UNAUTHORIZED)]
#[case::optional_no_more("/layer/optional", Some("mfa"), Some(0), StatusCode::UNAUTHORIZED)]
#[tokio::test]
async fn a_sign_in_is_enough_or_not(
    #[case] path: &str,
    #[case] acr: Option<&str>,
    #[case] ago: Option<i64>,
    #[case] expected: StatusCode,
) {
    let (app, issuer) = api();
    let mut token = issuer.token();
    if let Some(acr) = acr {
        token = token.acr(acr);
    }
    if let Some(ago) = ago {
        token = token.signed_in_ago(ago);
    }
    for path in [
        path.to_owned(),
        format!("/layer{}", path.trim_start_matches("/layer")),
    ] {
        let got = get_with(&app, &path, token.clone()).await;
        assert!(got.starts_with(expected.as_str()), "{path}: {got}");
    }
}

#[tokio::test]
async fn a_token_grows_old_where_it_stands() {
    let (guard, issuer) = Guard::for_tests(API);
    let text = issuer.token().expires_in(3600).signed_in_ago(0).sign();
    let token = guard.validate(&text).await.unwrap();
    issuer.advance(299);
    assert!(token.require_auth_within(FIVE_MINUTES).is_ok());
    issuer.advance(1);
    let denied = token.require_auth_within(FIVE_MINUTES).unwrap_err();
    assert_eq!(denied.reason(), Reason::InsufficientUserAuthentication);
}

#[rstest]
#[case::as_text(json!({"auth_time": START.to_string(), "acr": "phr"}))]
#[case::as_nothing(json!({"auth_time": null, "acr": "phr"}))]
#[case::in_a_list(json!({"auth_time": START, "acr": ["phr"]}))]
#[case::a_number(json!({"auth_time": START, "acr": 1}))]
#[tokio::test]
async fn what_is_of_another_type_is_not_said(#[case] claims: Value) {
    let issuer = FakeIssuer::start().await;
    let guard = issuer.guard();
    let token = guard.validate(&issuer.token_with(claims)).await.unwrap();
    let demanded = StepUp::acr(["phr"]).and_within(FIVE_MINUTES);
    assert!(token.require_step_up(&demanded).is_err());
}

/// Attacks: PE48, PE51.
#[tokio::test]
async fn what_introspection_says_counts_as_much() {
    let issuer = FakeIssuer::start().await;
    issuer.activate(
        "opaque",
        json!({"acr": "mfa", "amr": ["pwd", "otp", "mfa"], "auth_time": START - 299}),
    );
    issuer.activate("silent", json!({}));
    let guard = issuer
        .guard_builder()
        .introspection_only("notes-api", Secret::new("secret"))
        .build()
        .unwrap();
    let token = guard.validate("opaque").await.unwrap();
    assert_eq!(token.acr(), Some("mfa"));
    assert_eq!(token.amr().collect::<Vec<_>>(), ["pwd", "otp", "mfa"]);
    assert_eq!(token.auth_time().unwrap().seconds(), START - 299);
    let demanded = StepUp::acr(["mfa"]).and_within(FIVE_MINUTES);
    assert!(token.require_step_up(&demanded).is_ok());
    issuer.clock.advance(1);
    // What is remembered of the answer is no younger than it is.
    let token = guard.validate("opaque").await.unwrap();
    assert!(token.require_step_up(&demanded).is_err());
    assert!(token.require_acr(["phr"]).is_err() && token.require_acr(["phr", "mfa"]).is_ok());
    let silent = guard.validate("silent").await.unwrap();
    assert!(silent.require_acr(["mfa"]).is_err());
    assert!(
        silent
            .require_auth_within(Duration::from_secs(u64::MAX))
            .is_err()
    );
    assert_eq!((silent.acr(), silent.amr().count()), (None, 0));
}

#[tokio::test]
async fn a_bound_token_is_challenged_in_its_own_scheme() {
    let (app, issuer) = api();
    let key = ProofKey::generate();
    for path in ["/pay", "/layer/pay"] {
        let token = issuer.token().acr("pwd").bound_to(&key).sign();
        let proof = issuer.proof(&key, "GET", &format!("{API}{path}"), &token);
        let request = Request::get(path)
            .header(AUTHORIZATION, format!("DPoP {token}"))
            .header("dpop", proof);
        let request = request.body(Body::empty()).unwrap();
        let response = within(app.clone().oneshot(request)).await.unwrap();
        let challenges: Vec<_> = response
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .collect();
        assert_eq!(challenges.len(), 1);
        let challenge = challenges[0].to_str().unwrap();
        let begin = r#"DPoP error="insufficient_user_authentication", "#;
        assert!(challenge.starts_with(begin), "{challenge}");
        assert!(
            challenge.contains(r#", acr_values="phr mfa", "#),
            "{challenge}"
        );
    }
}
