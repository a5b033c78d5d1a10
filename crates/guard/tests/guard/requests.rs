//! Requests and answers: header forms, challenges, extractors, layers, metadata.

use std::convert::Infallible;

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use rstest::rstest;
use safeconduct_guard::{
    CorrelationId, Denied, Guard, Reason, Scoped, Secret, TestIssuer, Token, scope,
};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{FakeIssuer, within};

const API: &str = "https://api.example.com/v1";

scope!(NotesRead = "notes.read");

async fn list(token: Scoped<NotesRead>) -> String {
    format!("notes of {}", token.subject())
}

async fn create(token: Token, Json(note): Json<String>) -> Result<(StatusCode, String), Denied> {
    token.require_scope("notes.write")?;
    Ok((
        StatusCode::CREATED,
        format!("{note} by {}", token.subject()),
    ))
}

async fn greet(token: Option<Token>) -> String {
    token.map_or("stranger".into(), |token| token.subject().to_owned())
}

fn api() -> (Router, TestIssuer) {
    let (guard, issuer) = Guard::for_tests_with(API, |builder| {
        builder
            .scopes_supported(["notes.read", "notes.write"])
            .resource_name("Notes")
    });
    (app(&guard), issuer)
}

fn app(guard: &Guard) -> Router {
    let public = Router::new()
        .route("/greeting", get(greet))
        .route("/me", get(async |token: Token| token.subject().to_owned()))
        .route("/mine", get(list))
        .layer(guard.optional_layer());
    Router::new()
        .route("/notes", get(list).post(create))
        .route(
            "/admin",
            get(async || "admin").layer(guard.require("notes.admin notes.write")),
        )
        .route("/form", post(async |body: String| body))
        .layer(guard.layer())
        .merge(public)
        .route(
            "/alone",
            get(async || "alone").layer(guard.require("notes.read")),
        )
        .route(
            "/typo",
            get(async || "typo").layer(guard.require("notes\u{e9}")),
        )
        .merge(guard.metadata_routes())
        .route("/unguarded", get(list))
        .route("/unguarded/option", get(greet))
}

/// The answer on one page, without what is random.
async fn answer(app: &Router, request: Request<Body>) -> String {
    let response = within(app.clone().oneshot(request)).await.unwrap();
    let mut page = format!("{}\n", response.status());
    for name in ["www-authenticate", "cache-control", "retry-after"] {
        for value in response.headers().get_all(name) {
            page.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    page + &without_id(body)
}

/// The body as it was sent, but for the id that is new each time.
fn without_id(body: String) -> String {
    let json = serde_json::from_str::<serde_json::Value>(&body).unwrap_or_default();
    let Some(id) = json.get("correlation_id").and_then(|id| id.as_str()) else {
        return body;
    };
    assert_eq!(id.len(), 12);
    body.replace(id, "ID")
}

fn request(uri: &str, credentials: &[&str]) -> Request<Body> {
    let mut request = Request::get(uri);
    for value in credentials {
        request = request.header(AUTHORIZATION, *value);
    }
    request.body(Body::empty()).unwrap()
}

async fn get_with(app: &Router, uri: &str, token: &str) -> String {
    answer(app, request(uri, &[&format!("Bearer {token}")])).await
}

#[tokio::test]
async fn a_token_with_the_scope_reads() {
    let (app, issuer) = api();
    let token = issuer.token().scope("notes.read").sign();
    insta::assert_snapshot!(get_with(&app, "/notes", &token).await, @r"
    200 OK
    notes of alice
    ");
    insta::assert_snapshot!(answer(&app, request("/notes", &[&format!("bEARER   {token}")])).await, @r"
    200 OK
    notes of alice
    ");
}

#[tokio::test]
async fn a_token_without_the_scope_does_not_write() {
    let (app, issuer) = api();
    let write = |scope: &str| {
        let token = issuer.token().scope(scope).sign();
        let request = Request::post("/notes").header(AUTHORIZATION, format!("Bearer {token}"));
        request
            .header("content-type", "application/json")
            .body(Body::from("\"milk\""))
            .unwrap()
    };
    insta::assert_snapshot!(answer(&app, write("notes.read")).await, @r#"
    403 Forbidden
    www-authenticate: Bearer error="insufficient_scope", error_description="The access token does not carry the scope that is needed", scope="notes.write", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"insufficient_scope","error_description":"The access token does not carry the scope that is needed","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, write("notes.write")).await, @r"
    201 Created
    milk by alice
    ");
    insta::assert_snapshot!(get_with(&app, "/notes", &issuer.token().sign()).await, @r#"
    403 Forbidden
    www-authenticate: Bearer error="insufficient_scope", error_description="The access token does not carry the scope that is needed", scope="notes.read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"insufficient_scope","error_description":"The access token does not carry the scope that is needed","correlation_id":"ID"}
    "#);
}

#[tokio::test]
async fn an_answer_has_one_id_and_it_is_that_of_the_request_where_that_has_one() {
    let (app, issuer) = api();
    let bearer = format!("Bearer {}", issuer.token().sign());
    for credentials in [&[][..], &["Bearer none"], &[bearer.as_str()]] {
        for named in [None, CorrelationId::new("req-7f3a.1")] {
            let mut request = request("/notes", credentials);
            if let Some(id) = &named {
                request.extensions_mut().insert(id.clone());
            }
            let response = app.clone().oneshot(request).await.unwrap();
            assert!(response.status().is_client_error());
            let header = response.headers()["x-correlation-id"]
                .to_str()
                .unwrap()
                .to_owned();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["correlation_id"], header);
            assert_eq!(header == "req-7f3a.1", named.is_some(), "{header}");
        }
    }
}

#[test]
fn a_name_that_could_not_stand_in_a_header_and_a_log_names_nothing() {
    for name in ["", "a b", "a\nb", "a\"b", "ä", &"a".repeat(65)] {
        assert_eq!(CorrelationId::new(name), None);
    }
    assert!(CorrelationId::new(&"a".repeat(64)).is_some());
}

/// Attacks: S01.
#[tokio::test]
async fn without_credentials_the_challenge_has_no_error() {
    let (app, issuer) = api();
    insta::assert_snapshot!(answer(&app, request("/notes", &[])).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"missing_token","error_description":"Send an access token in the Authorization header","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, request("/notes", &["Basic YWxpY2U6aHVudGVyMg=="])).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"missing_token","error_description":"Send an access token in the Authorization header","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, request("/alone", &[])).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer scope="notes.read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"missing_token","error_description":"Send an access token in the Authorization header","correlation_id":"ID"}
    "#);
    let good = issuer.token().scope("notes.read").sign();
    assert!(get_with(&app, "/notes", &good).await.starts_with("200"));
}

/// Attacks: S01.
#[tokio::test]
async fn credentials_in_a_wrong_form_are_an_invalid_request() {
    let (app, issuer) = api();
    let token = issuer.token().scope("notes.read").sign();
    let good = format!("Bearer {token}");
    insta::assert_snapshot!(answer(&app, request("/notes", &["Bearer"])).await, @r#"
    400 Bad Request
    www-authenticate: Bearer error="invalid_request", error_description="Send one access token in the Authorization header", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"invalid_request","error_description":"Send one access token in the Authorization header","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, request("/notes", &[&good, &good])).await, @r#"
    400 Bad Request
    www-authenticate: Bearer error="invalid_request", error_description="Send one Authorization header", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"invalid_request","error_description":"Send one Authorization header","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, request(&format!("/notes?access_token={token}"), &[])).await, @r#"
    400 Bad Request
    www-authenticate: Bearer error="invalid_request", error_description="Send the access token in the Authorization header, not in the URL", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"invalid_request","error_description":"Send the access token in the Authorization header, not in the URL","correlation_id":"ID"}
    "#);
    let in_the_form = Request::post("/form").header(
        "content-type",
        "application/x-www-form-urlencoded; charset=UTF-8",
    );
    let in_the_form = in_the_form
        .body(Body::from(format!("a=b&access_token={token}")))
        .unwrap();
    insta::assert_snapshot!(answer(&app, in_the_form).await, @r#"
    400 Bad Request
    www-authenticate: Bearer error="invalid_request", error_description="Send the access token in the Authorization header, not in the body", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"invalid_request","error_description":"Send the access token in the Authorization header, not in the body","correlation_id":"ID"}
    "#);
    assert!(get_with(&app, "/notes", &token).await.starts_with("200"));
}

#[rstest]
#[case::a_form_without_a_token("application/x-www-form-urlencoded", "a=b")]
#[case::a_form_without_an_end("application/x-www-form-urlencoded", &"a".repeat(1 << 20))]
#[case::no_form("text/plain", "access_token=abc")]
#[tokio::test]
async fn a_body_without_a_token_has_no_credentials(#[case] kind: &str, #[case] body: &str) {
    let (app, _) = api();
    let request = Request::post("/form")
        .header("content-type", kind)
        .body(Body::from(body.to_owned()))
        .unwrap();
    assert!(answer(&app, request).await.starts_with("401"));
}

#[tokio::test]
async fn the_body_of_a_request_that_passes_is_the_applications() {
    let (app, issuer) = api();
    let request = Request::post("/form")
        .header(AUTHORIZATION, format!("Bearer {}", issuer.token().sign()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("access_token=mine"))
        .unwrap();
    assert!(answer(&app, request).await.ends_with("access_token=mine"));
}

#[tokio::test]
async fn a_bad_token_is_invalid_and_the_reason_is_from_a_fixed_list() {
    let (app, issuer) = api();
    insta::assert_snapshot!(get_with(&app, "/notes", "abc").await, @r#"
    401 Unauthorized
    www-authenticate: Bearer error="invalid_token", error_description="The access token has a form that is not accepted", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"invalid_token","error_description":"The access token has a form that is not accepted","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/notes", &issuer.token().expires_in(-10).sign()).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer error="invalid_token", error_description="The access token expired", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"invalid_token","error_description":"The access token expired","correlation_id":"ID"}
    "#);
    let for_another = issuer.token().audience("https://other.example").sign();
    insta::assert_snapshot!(get_with(&app, "/notes", &for_another).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer error="invalid_token", error_description="The access token is not for this audience", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"invalid_token","error_description":"The access token is not for this audience","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/notes", &issuer.token().typ("JWT").sign()).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer error="invalid_token", error_description="The token is not an access token", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"invalid_token","error_description":"The token is not an access token","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(get_with(&app, "/notes", &issuer.token().signed_by_a_stranger().sign()).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer error="invalid_token", error_description="The access token is signed with an unknown key", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"invalid_token","error_description":"The access token is signed with an unknown key","correlation_id":"ID"}
    "#);
    let good = issuer.token().scope("notes.read").sign();
    assert!(get_with(&app, "/notes", &good).await.starts_with("200"));
}

#[tokio::test]
async fn every_reason_has_a_name_of_its_own_and_a_description_that_fits_a_header() {
    let reasons = [
        Reason::NoCredentials,
        Reason::MalformedCredentials,
        Reason::SeveralCredentials,
        Reason::TokenInQuery,
        Reason::TokenInBody,
        Reason::Malformed,
        Reason::AlgorithmNotAllowed,
        Reason::WrongType,
        Reason::UnknownKey,
        Reason::WrongSignature,
        Reason::MalformedClaims,
        Reason::WrongIssuer,
        Reason::WrongAudience,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::BoundToKey,
        Reason::UnknownBinding,
        Reason::NotBound,
        Reason::ProofMissing,
        Reason::SeveralProofs,
        Reason::ProofRefused,
        Reason::ProofReplayed,
        Reason::WrongKey,
        Reason::NonceRequired,
        Reason::TooManyProofs,
        Reason::NotActive,
        Reason::InsufficientScope,
        Reason::InsufficientRole,
        Reason::GroupsNotInToken,
        Reason::Forbidden,
        Reason::InsufficientUserAuthentication,
        Reason::IssuerUnavailable,
        Reason::IssuerHasNoKeys,
        Reason::Unguarded,
    ];
    let names: std::collections::HashSet<_> = reasons.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), reasons.len());
    for reason in reasons {
        // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E.
        let fits = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(reason.description().bytes().all(fits), "{}", reason.name());
    }
}

#[tokio::test]
async fn a_route_may_need_more_than_the_router() {
    let (app, issuer) = api();
    let token = |scope: &str| issuer.token().scope(scope).sign();
    insta::assert_snapshot!(get_with(&app, "/admin", &token("notes.write")).await, @r#"
    403 Forbidden
    www-authenticate: Bearer error="insufficient_scope", error_description="The access token does not carry the scope that is needed", scope="notes.admin notes.write", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    cache-control: no-store
    {"error":"insufficient_scope","error_description":"The access token does not carry the scope that is needed","correlation_id":"ID"}
    "#);
    assert!(
        get_with(&app, "/admin", &token("notes.write notes.admin"))
            .await
            .starts_with("200")
    );
    assert!(
        get_with(&app, "/alone", &token("notes.read"))
            .await
            .starts_with("200"),
        "without the layer above it"
    );
    assert!(
        get_with(&app, "/typo", &token("notes.read"))
            .await
            .starts_with("403"),
        "no token carries it"
    );
}

#[tokio::test]
async fn an_optional_token_may_be_absent_but_not_bad() {
    let (app, issuer) = api();
    assert!(
        answer(&app, request("/greeting", &[]))
            .await
            .ends_with("stranger")
    );
    assert!(
        get_with(&app, "/greeting", &issuer.token().sign())
            .await
            .ends_with("alice")
    );
    assert!(
        get_with(&app, "/greeting", &issuer.token().expires_in(0).sign())
            .await
            .starts_with("401")
    );
    insta::assert_snapshot!(answer(&app, request("/me", &[])).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"missing_token","error_description":"Send an access token in the Authorization header","correlation_id":"ID"}
    "#);
    insta::assert_snapshot!(answer(&app, request("/mine", &[])).await, @r#"
    401 Unauthorized
    www-authenticate: Bearer scope="notes.read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/v1"
    www-authenticate: DPoP algs="ES256 PS256 EdDSA"
    cache-control: no-store
    {"error":"missing_token","error_description":"Send an access token in the Authorization header","correlation_id":"ID"}
    "#);
    assert!(
        get_with(&app, "/me", &issuer.token().sign())
            .await
            .ends_with("alice")
    );
}

#[tokio::test]
async fn a_route_that_no_guard_stands_before_lets_nobody_in() {
    let (app, issuer) = api();
    insta::assert_snapshot!(get_with(&app, "/unguarded", &issuer.token().scope("notes.read").sign()).await, @r#"
    500 Internal Server Error
    cache-control: no-store
    {"error":"server_error","error_description":"The server is not set up to check access tokens here","correlation_id":"ID"}
    "#);
    assert!(
        answer(&app, request("/unguarded/option", &[]))
            .await
            .starts_with("500")
    );
}

/// Two issuers for one API, and a guard of each.
async fn two_issuers() -> [(FakeIssuer, Guard); 2] {
    let one = FakeIssuer::start().await;
    let other = FakeIssuer::start().await;
    let guards = [one.guard(), other.guard()];
    let [first, second] = guards;
    [(one, first), (other, second)]
}

/// Whose token the handler was given.
async fn issuer_of(token: Token) -> String {
    token.claim("iss").unwrap().as_str().unwrap().to_owned()
}

/// Status and body.
async fn ask(app: &Router, uri: &str, token: &str) -> (u16, String) {
    let page = get_with(app, uri, token).await;
    let (status, _) = page.split_once(' ').unwrap();
    let body = page.lines().last().unwrap_or_default();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn guards_side_by_side_take_their_own_tokens() {
    let [(one, first), (other, second)] = two_issuers().await;
    let app = Router::new()
        .route("/one", get(issuer_of).layer(first.layer()))
        .merge(
            Router::new()
                .route("/other", get(issuer_of))
                .layer(second.layer()),
        )
        .nest(
            "/nested",
            Router::new()
                .route("/", get(issuer_of))
                .layer(second.require("notes.read")),
        );
    for path in ["/other", "/nested"] {
        assert_eq!(
            ask(&app, path, &other.token()).await,
            (200, other.url.clone())
        );
        assert_eq!(ask(&app, path, &one.token()).await.0, 401);
    }
    assert_eq!(
        ask(&app, "/one", &one.token()).await,
        (200, one.url.clone())
    );
    assert_eq!(ask(&app, "/one", &other.token()).await.0, 401);
}

/// Attacks: LI30.
#[tokio::test]
async fn a_route_may_take_the_tokens_of_either_guard() {
    let [(one, first), (other, second)] = two_issuers().await;
    let nobody = FakeIssuer::start().await;
    let app = Router::new()
        .route("/", get(issuer_of))
        .route("/mine", get(list))
        .route(
            "/write",
            get(list).layer(first.require("notes.write").or(&second)),
        )
        .route("/one", get(issuer_of).layer(first.layer()))
        .route("/other", get(issuer_of).layer(second.layer()))
        .layer(first.layer().or(&second));
    for issuer in [&one, &other] {
        assert_eq!(
            ask(&app, "/", &issuer.token()).await,
            (200, issuer.url.clone())
        );
        assert_eq!(
            ask(&app, "/mine", &issuer.token()).await.1,
            "notes of alice"
        );
        assert_eq!(ask(&app, "/write", &issuer.token()).await.0, 403);
        let expired = issuer.token_with(json!({ "exp": issuer.clock.now() }));
        let page = get_with(&app, "/", &expired).await;
        assert!(page.contains("The access token expired"), "{page}");
    }
    assert_eq!(ask(&app, "/one", &one.token()).await.0, 200);
    assert_eq!(ask(&app, "/one", &other.token()).await.0, 401);
    assert_eq!(ask(&app, "/other", &other.token()).await.0, 200);
    assert_eq!(ask(&app, "/other", &one.token()).await.0, 401);

    let page = get_with(&app, "/", &nobody.token()).await;
    assert!(
        page.starts_with("401") && page.matches("Bearer ").count() == 1,
        "{page}"
    );
    assert!(answer(&app, request("/", &[])).await.starts_with("401"));
    assert_eq!((one.asked_for_keys(), other.asked_for_keys()), (1, 1));
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_at_each_issuer_in_turn() {
    let [(one, _), (other, _)] = two_issuers().await;
    let asking = |issuer: &FakeIssuer| {
        let builder = issuer.guard_builder();
        builder
            .introspection_only("api", Secret::new("s"))
            .build()
            .unwrap()
    };
    let app = Router::new()
        .route("/", get(issuer_of))
        .layer(asking(&one).layer().or(&asking(&other)));
    other.activate("opaque", json!({}));
    assert_eq!(ask(&app, "/", "opaque").await, (200, other.url.clone()));
    assert_eq!(ask(&app, "/", "unknown").await.0, 401);
    // The one that is down may be the one that knows it.
    one.fail();
    assert_eq!(ask(&app, "/", "opaque").await, (200, other.url.clone()));
    assert_eq!(ask(&app, "/", "another").await.0, 503);
}

/// Attacks: LI30.
#[tokio::test]
async fn an_optional_guard_leaves_the_tokens_of_another_to_the_guard_below() {
    let [(one, first), (other, second)] = two_issuers().await;
    let inside = Router::new()
        .route("/other", get(issuer_of))
        .layer(second.layer());
    let app = Router::new()
        .route("/one", get(issuer_of))
        .route("/anybody", get(greet))
        .merge(inside)
        .layer(first.optional_layer());
    assert_eq!(
        ask(&app, "/other", &other.token()).await,
        (200, other.url.clone())
    );
    assert_eq!(
        ask(&app, "/one", &one.token()).await,
        (200, one.url.clone())
    );
    assert_eq!(
        ask(&app, "/anybody", &one.token()).await,
        (200, "alice".to_owned())
    );
    // Where no guard below accepts it, it is a bad token still, and not ignored.
    for path in ["/one", "/anybody"] {
        let page = get_with(&app, path, &other.token()).await;
        assert!(
            page.contains("is not from the issuer that is trusted here"),
            "{page}"
        );
        assert!(page.starts_with("401"), "{page}");
    }
    assert_eq!(ask(&app, "/other", &one.token()).await.0, 401);
    let page = answer(&app, request("/anybody", &[])).await;
    assert!(page.ends_with("stranger"), "{page}");
    let spoilt = format!("{}A", one.token());
    assert_eq!(
        ask(&app, "/other", &spoilt).await.0,
        401,
        "its own, and bad"
    );
}

#[tokio::test]
async fn two_guards_that_demand_a_token_each_let_nobody_pass_with_one_of_either() {
    let [(one, first), (other, second)] = two_issuers().await;
    let app = Router::new()
        .route("/", get(issuer_of))
        .layer(second.layer())
        .layer(first.layer());
    for issuer in [&one, &other] {
        assert_eq!(ask(&app, "/", &issuer.token()).await.0, 401);
    }
}

#[tokio::test]
async fn a_token_that_a_guard_above_accepted_is_no_bad_token_below() {
    let [(one, first), (other, second)] = two_issuers().await;
    let (above, below) = (first.clone(), second.clone());
    let whose = async move |request: Request<Body>| {
        let at = |guard: &Guard| guard.token_in(request.extensions()).is_some();
        format!("{} {}", at(&above), at(&below))
    };
    let app = Router::new()
        .route("/", get(issuer_of))
        .route("/whose", get(whose))
        .layer(second.optional_layer())
        .layer(first.layer());
    assert_eq!(ask(&app, "/", &one.token()).await, (200, one.url.clone()));
    assert_eq!(ask(&app, "/whose", &one.token()).await.1, "true false");
    assert_eq!(ask(&app, "/", &other.token()).await.0, 401);
}

/// Attacks: S07.
#[tokio::test]
async fn the_application_sees_the_header_as_sensitive_and_identity_headers_as_nothing() {
    let (guard, issuer) = Guard::for_tests(API);
    let app = Router::new()
        .route(
            "/",
            get(async |token: Token, headers: http::HeaderMap| {
                format!("{} {headers:?}", token.subject())
            }),
        )
        .layer(guard.layer());
    let token = issuer.token().sign();
    let mut request = request("/", &[&format!("Bearer {token}")]);
    request
        .headers_mut()
        .insert("x-subject", "eve".parse().unwrap());
    let page = answer(&app, request).await;
    assert!(page.contains("\nalice "), "{page}");
    assert!(!page.contains(&token), "{page}");
}

#[tokio::test]
async fn the_metadata_stands_where_the_challenge_says() {
    let (app, _) = api();
    insta::assert_snapshot!(answer(&app, request("/.well-known/oauth-protected-resource/v1", &[])).await, @r#"
    200 OK
    cache-control: public, max-age=3600
    {"resource":"https://api.example.com/v1","authorization_servers":["https://issuer.test"],"scopes_supported":["notes.read","notes.write"],"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256","PS256","EdDSA"],"resource_name":"Notes"}
    "#);
    assert!(
        answer(&app, request("/.well-known/oauth-protected-resource", &[]))
            .await
            .starts_with("404")
    );
    let (guard, _) = Guard::for_tests("https://api.example.com/:a/*b");
    let app: Router = guard.metadata_routes();
    assert!(
        answer(
            &app,
            request("/.well-known/oauth-protected-resource/:a/*b", &[])
        )
        .await
        .starts_with("200")
    );
    assert!(
        answer(
            &app,
            request("/.well-known/oauth-protected-resource/x/y", &[])
        )
        .await
        .starts_with("404")
    );
}

#[rstest]
#[case::on_this_machine("http://localhost:8422", true)]
#[case::elsewhere("https://api.example.com", false)]
#[tokio::test]
async fn expected_against_got_is_told_on_this_machine_alone(
    #[case] audience: &str,
    #[case] told: bool,
) {
    let (guard, issuer) = Guard::for_tests_with(audience, |builder| builder.development(true));
    let app = Router::new()
        .route("/", get(async || "in"))
        .layer(guard.layer());
    let page = get_with(
        &app,
        "/",
        &issuer.token().audience("https://other.example").sign(),
    )
    .await;
    assert_eq!(page.contains("\"got\":\"https://other.ex"), told, "{page}");
    assert!(!page.contains("https://other.example"), "{page}");
    if told {
        insta::assert_snapshot!(page, @r#"
        401 Unauthorized
        www-authenticate: Bearer error="invalid_token", error_description="The access token is not for this audience", resource_metadata="http://localhost:8422/.well-known/oauth-protected-resource"
        www-authenticate: DPoP algs="ES256 PS256 EdDSA"
        cache-control: no-store
        {"error":"invalid_token","error_description":"The access token is not for this audience","correlation_id":"ID","expected":"http://localhost:8422","got":"https://other.ex… (17 bytes)"}
        "#);
    }
}

async fn hello(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let token = request.extensions().get::<Token>().unwrap();
    let body = format!("hello {}", token.subject());
    Ok(Response::new(Full::new(Bytes::from(body))))
}

#[tokio::test]
async fn a_guard_stands_before_any_tower_service() {
    let (guard, issuer) = Guard::for_tests(API);
    let service = guard.layer().layer(service_fn(hello));
    let ask = async |token: Option<String>| {
        let mut request = Request::get("/");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = service
            .clone()
            .oneshot(request.body(Full::new(Bytes::new())).unwrap())
            .await
            .unwrap();
        (
            response.status().as_u16(),
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    };
    assert_eq!(
        ask(Some(issuer.token().sign())).await,
        (200, Bytes::from("hello alice"))
    );
    assert_eq!(ask(None).await.0, 401);
}

#[tokio::test]
async fn a_denial_and_a_token_show_nothing_that_could_be_presented_again() {
    let (guard, issuer) = Guard::for_tests(API);
    let good = issuer.token().sign();
    let bad = issuer.token().signed_by_a_stranger().sign();
    let shown = format!(
        "{:?} {:?}",
        guard.validate(&good).await.unwrap(),
        guard.validate(&bad).await.unwrap_err()
    );
    for part in good.split('.').chain(bad.split('.')) {
        assert!(!shown.contains(part), "{shown}");
    }
}
