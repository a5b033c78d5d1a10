//! What the server says about itself (RFC 8414, RFC 7517), word for word, and that nothing answers where it says nothing. That
//! what it says is true is tried in `discovery`.

use std::collections::HashSet;

use insta::assert_snapshot;
use safeconduct_protocol::image::Image;
use safeconduct_protocol::jose::{
    self, Algorithm, Audience, Expectation, JwkSet, KeySet, Typ, VerificationKey,
};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use serde_json::Value;

use crate::support::{Ask, ISSUER, NOTES, NOTES_API, TestServer, assertion_key, secret_of};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// Attacks: I10, P08.
#[tokio::test]
async fn the_document_is_whole() {
    let server = TestServer::start().await;
    let answer = server.get(WELL_KNOWN).await;
    let document = answer.json();
    let members = document.as_object().unwrap().iter();
    let mut lines: Vec<String> = members
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    assert_snapshot!(lines.join("\n"), @r#"
    acr_values_supported: ["urn:safeconduct:acr:password","mfa","https://refeds.org/profile/mfa","phr"]
    authorization_endpoint: "https://id.example/authorize"
    authorization_response_iss_parameter_supported: true
    backchannel_logout_session_supported: true
    backchannel_logout_supported: true
    claims_parameter_supported: true
    claims_supported: ["sub","iss","aud","exp","iat","auth_time","nonce","at_hash","acr","amr","sid","name","given_name","family_name","middle_name","nickname","preferred_username","profile","picture","website","gender","birthdate","zoneinfo","locale","updated_at","email","email_verified","phone_number","phone_number_verified","address","groups"]
    code_challenge_methods_supported: ["S256"]
    dpop_signing_alg_values_supported: ["ES256","PS256","EdDSA"]
    end_session_endpoint: "https://id.example/logout"
    grant_types_supported: ["authorization_code","refresh_token","client_credentials"]
    id_token_signing_alg_values_supported: ["ES256","RS256"]
    introspection_endpoint: "https://id.example/introspect"
    introspection_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt"]
    introspection_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    issuer: "https://id.example"
    jwks_uri: "https://id.example/.well-known/jwks.json"
    prompt_values_supported: ["none","login","consent","select_account"]
    pushed_authorization_request_endpoint: "https://id.example/par"
    request_parameter_supported: false
    request_uri_parameter_supported: false
    require_pushed_authorization_requests: false
    response_modes_supported: ["query","form_post"]
    response_types_supported: ["code"]
    revocation_endpoint: "https://id.example/revoke"
    revocation_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt","none"]
    revocation_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    scopes_supported: ["address","email","groups","mail.read","notes.read","notes.write","offline_access","openid","phone","profile"]
    security_events_endpoint: "https://id.example/security-events"
    subject_types_supported: ["public","pairwise"]
    token_endpoint: "https://id.example/token"
    token_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt","none"]
    token_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    ui_locales_supported: ["en","de","fr","es","pt-BR","ja","ar"]
    userinfo_endpoint: "https://id.example/userinfo"
    "#);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

/// Attacks: I10.
#[tokio::test]
async fn a_server_below_a_path_lives_there_alone() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    // The whole flow, cookies and forms included.
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    assert!(server.is_active(&tokens.access).await);
    let mut ada = server.sign_in("ada").await;
    let answer = ada.sign_out().await;
    assert_eq!(answer.location(), "/tenant/signed-out");
    assert_eq!(ada.follow(answer).await.status, 200);
    let home = server.get("/tenant/").await;
    assert_eq!(
        home.to_string(),
        "200 page “Safeconduct”",
        "the pages link to it"
    );
    assert_eq!(server.get("/tenant").await.status, 200);
    let stylesheet = home
        .body
        .split_once("stylesheet\" href=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        server.get(stylesheet).await.header("content-type"),
        "text/css; charset=utf-8"
    );

    // RFC 8414 §3: the well-known name goes before the issuer's path.
    for nothing in [
        "/",
        WELL_KNOWN,
        &format!("/tenant{WELL_KNOWN}"),
        &format!("{WELL_KNOWN}/other"),
        "/authorize",
        "/token",
        "/.well-known/jwks.json",
        "/tenant/x",
    ] {
        let answer = server.get(nothing).await;
        assert!(answer.to_string().ends_with("(not-found)"), "{nothing}");
        assert_eq!(answer.status, 404, "{nothing}");
    }
}

/// Attacks: G09.
#[tokio::test]
async fn nothing_answers_that_is_not_said() {
    let server = TestServer::start().await;
    for nothing in [
        "/.well-known/webfinger",
        "/register",
        "/device_authorization",
        "/metrics",
        "/health/live",
        "/health/ready",
        "/admin",
        "/assets/",
        "/assets/safeconduct.css",
        "/assets/%ff",
        "/assets/..%2f..%2fCargo.toml",
        "/authorize/",
        "/AUTHORIZE",
        "//authorize",
        "/token/x",
        "/<script>alert(1)</script>",
    ] {
        let path = nothing.replace('<', "%3C").replace('>', "%3E");
        let answer = server.get(&path).await;
        assert!(answer.to_string().ends_with("(not-found)"), "{nothing}");
        assert_eq!(answer.status, 404, "{nothing}");
    }
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn a_logo_that_is_opened_by_itself_runs_nothing() {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    settings.look.logo = Some(Image::new(drawing.to_vec()).unwrap());
    let server = TestServer::start_with(settings).await;
    let page = server.get("/").await.body;
    let (_, rest) = page.split_once("<img src=\"").unwrap();
    let answer = server.get(rest.split_once('"').unwrap().0).await;
    assert_eq!(answer.header("content-type"), "image/svg+xml");
    let policy = answer.header("content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    );
    assert_eq!(answer.body.as_bytes(), drawing);
}

/// Attacks: I12.
#[tokio::test]
async fn the_keys_that_are_published_verify_access_tokens_and_tell_no_secret() {
    let server = TestServer::start().await;
    let answer = server.get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let kids: HashSet<&str> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert!(keys.len() >= 2 && kids.len() == keys.len());
    for key in &keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }

    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let header = jose::unverified_header(&tokens.access).unwrap();
    let set: JwkSet = serde_json::from_str(&answer.body).unwrap();
    let verifying = set.keys.iter().flat_map(|key| {
        key.algorithms()
            .filter_map(|algorithm| VerificationKey::new(key, algorithm).ok())
    });
    let verifying = KeySet::new(verifying.collect());
    let expectation = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::ExactlyString(&[NOTES]),
    );
    let verified = jose::verify(&tokens.access, &expectation, &verifying, server.now()).unwrap();
    assert!(kids.contains(verified.kid().unwrap()), "{header:?}");
    // RFC 9068 §2.2, and what the grant is called.
    let mut names: Vec<&String> = verified.claims().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "acr",
            "amr",
            "aud",
            "auth_time",
            "client_id",
            "era",
            "exp",
            "grant_id",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub"
        ]
    );
}

/// Attacks: J19.
#[tokio::test]
async fn a_key_that_was_never_published_signs_nothing_for_us() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let claims: Value = {
        let payload = tokens.access.split('.').nth(1).unwrap();
        serde_json::from_slice(&safeconduct_protocol::encoding::decode(payload).unwrap()).unwrap()
    };
    let forged = assertion_key().sign_jwt("at+jwt", &claims).unwrap();
    assert!(!server.is_active(&forged).await);
    assert!(server.is_active(&tokens.access).await);
    assert!(
        server
            .introspect(NOTES_API, &secret_of("shop"))
            .await
            .json()["active"]
            == false
    );
}
