//! What the server says about itself (RFC 8414, RFC 7517): everything it says works, and nothing else answers.

use std::collections::HashSet;

use axum::body::Body;
use axum::extract::Request;
use safeconduct_protocol::client::AuthenticationMethod;
use safeconduct_protocol::jose::{
    self, Algorithm, Audience, Expectation, JwkSet, KeySet, SigningKey, Typ, VerificationKey,
};
use safeconduct_protocol::token::new_id;
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    Answer, Ask, Credentials, Form, ISSUER, NOTES, NOTES_API, TestServer, assertion_key, secret_of,
};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

async fn metadata(server: &TestServer) -> Value {
    let issuer = Url::parse(server.issuer()).unwrap();
    let answer = server
        .get(&format!(
            "{WELL_KNOWN}{}",
            issuer.path().trim_end_matches('/')
        ))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

/// The keys that the server publishes, as a guard reads them.
async fn published(server: &TestServer) -> JwkSet {
    let uri = metadata(server).await["jwks_uri"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = uri
        .strip_prefix(server.server().settings().issuer.origin().as_str())
        .unwrap()
        .to_owned();
    serde_json::from_str(&server.get(&path).await.body).unwrap()
}

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
    insta::assert_snapshot!(lines.join("\n"), @r#"
    authorization_endpoint: "https://id.example/authorize"
    authorization_response_iss_parameter_supported: true
    code_challenge_methods_supported: ["S256"]
    grant_types_supported: ["authorization_code","refresh_token","client_credentials"]
    introspection_endpoint: "https://id.example/introspect"
    introspection_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt"]
    introspection_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    issuer: "https://id.example"
    jwks_uri: "https://id.example/.well-known/jwks.json"
    response_modes_supported: ["query"]
    response_types_supported: ["code"]
    revocation_endpoint: "https://id.example/revoke"
    revocation_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt","none"]
    revocation_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    scopes_supported: ["mail.read","notes.read","notes.write","offline_access","profile"]
    token_endpoint: "https://id.example/token"
    token_endpoint_auth_methods_supported: ["client_secret_basic","client_secret_post","private_key_jwt","none"]
    token_endpoint_auth_signing_alg_values_supported: ["ES256","RS256","PS256","EdDSA"]
    ui_locales_supported: ["en"]
    "#);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn every_endpoint_is_where_it_is_said_to_be() {
    for issuer in [
        ISSUER,
        "https://id.example/tenant",
        "https://id.example/a/b",
    ] {
        let server = TestServer::start_at(issuer).await;
        let document = metadata(&server).await;
        assert_eq!(document["issuer"], issuer);
        let path = |name: &str| {
            let endpoint = document[name].as_str().unwrap();
            assert!(endpoint.starts_with(issuer), "{endpoint}");
            Url::parse(endpoint).unwrap().path().to_owned()
        };
        let page = server
            .get(&format!(
                "{}?{}",
                path("authorization_endpoint"),
                Ask::of("shop").form.encode()
            ))
            .await;
        assert_eq!(page.to_string(), "200 page “Sign in – Safeconduct”");
        assert_eq!(server.get(&path("jwks_uri")).await.status, 200);
        for endpoint in [
            "token_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
        ] {
            let request = Request::post(path(endpoint))
                .header("content-type", "application/x-www-form-urlencoded");
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.to_string(),
                "401 invalid_client (client-authentication-missing)"
            );
        }
    }
}

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
        assert_eq!(answer.to_string(), "404 page (not-found)", "{nothing}");
    }
}

#[tokio::test]
async fn nothing_answers_that_is_not_said() {
    let server = TestServer::start().await;
    for nothing in [
        "/.well-known/openid-configuration",
        "/.well-known/webfinger",
        "/userinfo",
        "/register",
        "/par",
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
        assert_eq!(
            server.get(&path).await.to_string(),
            "404 page (not-found)",
            "{nothing}"
        );
    }
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn every_scope_that_is_said_can_be_asked_for() {
    let server = TestServer::start().await;
    let document = metadata(&server).await;
    let all = texts(&document["scopes_supported"]).join(" ");
    let registered = safeconduct_protocol::scope::Scope::parse(&all).unwrap();
    server
        .change_client("portal", |portal| portal.scopes = registered)
        .await;
    let mut ada = server.sign_in("ada").await;
    for scope in texts(&document["scopes_supported"]) {
        let code = ada.code(&Ask::of("portal").scope(scope)).await;
        assert_eq!(server.exchange(&code).await.tokens().scope, scope);
    }
}

#[tokio::test]
async fn every_way_to_authenticate_that_is_said_works_where_it_is_said() {
    let server = TestServer::start().await;
    let document = metadata(&server).await;
    let token = server
        .client_credentials("robot", "notes.read")
        .await
        .tokens()
        .access;
    for (endpoint, list) in [
        ("/token", "token_endpoint_auth_methods_supported"),
        (
            "/introspect",
            "introspection_endpoint_auth_methods_supported",
        ),
        ("/revoke", "revocation_endpoint_auth_methods_supported"),
    ] {
        let mut said: HashSet<&str> = texts(&document[list]).into_iter().collect();
        for client in ["shop", "mailer", "robot", "kiosk"] {
            let credentials = server.credentials(client);
            let method = match &credentials {
                Credentials::Basic(..) => AuthenticationMethod::ClientSecretBasic,
                Credentials::Post(..) => AuthenticationMethod::ClientSecretPost,
                Credentials::Assertion(_) => AuthenticationMethod::PrivateKeyJwt,
                Credentials::Id(_) | Credentials::Nothing => AuthenticationMethod::None,
            };
            let form = Form::new()
                .with("token", "x")
                .with("grant_type", "refresh_token")
                .with("refresh_token", "x");
            let answer: Answer = server
                .send(server.back_channel(endpoint, &credentials, &form))
                .await;
            let authenticated = answer.status != 401;
            assert_eq!(
                said.remove(method.as_str()),
                authenticated,
                "{endpoint} {client}: {answer:?}"
            );
        }
        assert!(said.is_empty(), "{endpoint}: nobody here can try {said:?}");
    }
    assert!(server.is_active(&token).await);
}

#[tokio::test]
async fn every_algorithm_that_is_said_verifies_an_assertion() {
    let server = TestServer::start().await;
    let document = metadata(&server).await;
    let form = Form::new()
        .with("grant_type", "client_credentials")
        .with("scope", "notes.read");
    for name in texts(&document["token_endpoint_auth_signing_alg_values_supported"]) {
        let key = SigningKey::generate(name.parse::<Algorithm>().unwrap()).unwrap();
        server
            .change_client("robot", |robot| {
                robot.jwks = Some(JwkSet {
                    keys: vec![key.public_jwk()],
                })
            })
            .await;
        let now = server.now();
        let claims = json!({ "iss": "robot", "sub": "robot", "aud": ISSUER, "jti": new_id(), "exp": now.plus(60).seconds() });
        let assertion = Credentials::Assertion(key.sign_jwt("JWT", &claims).unwrap());
        assert_eq!(
            server.token_with(&assertion, &form).await.status,
            200,
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_grant_type_that_is_said_is_known_and_no_other() {
    let server = TestServer::start().await;
    let document = metadata(&server).await;
    let said = texts(&document["grant_types_supported"]);
    for grant_type in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
    ] {
        let answer = server
            .token("robot", &Form::new().with("grant_type", grant_type))
            .await;
        let known = !answer.to_string().contains("unsupported_grant_type");
        assert_eq!(said.contains(&grant_type), known, "{answer:?}");
    }
}

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
    let set = published(&server).await;
    let verifying = set.keys.iter().flat_map(|key| {
        key.algorithms()
            .filter_map(|algorithm| VerificationKey::new(key, algorithm).ok())
    });
    let verifying = KeySet::new(verifying.collect());
    let expectation = Expectation::new(
        Typ::OneOf(&["at+jwt"]),
        &[Algorithm::Es256],
        ISSUER,
        Audience::ExactlyString(NOTES),
    );
    let verified = jose::verify(&tokens.access, &expectation, &verifying, server.now()).unwrap();
    assert!(kids.contains(verified.kid().unwrap()), "{header:?}");
    // RFC 9068 §2.2, and what the grant is called.
    let mut names: Vec<&String> = verified.claims().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
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
