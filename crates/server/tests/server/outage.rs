//! When the store is gone: an error that says so, never a weaker check, and nothing half done.

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use safeconduct_server::routes;
use tower::ServiceExt as _;

use crate::support::{Answer, Ask, Credentials, Form, NOTES_API, TestServer, proof_key};

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), "2", "{answer:?}");
    assert!(answer.cookies().is_empty(), "{answer:?}");
}

/// Attacks: I06.
#[tokio::test]
async fn without_its_store_the_server_refuses_and_says_so() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&Ask::of("shop")).await;
    let tokens = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let own = server
        .client_credentials("robot", "notes.read")
        .await
        .tokens();
    let signed_in = ada.tokens(&Ask::of("club").scope("openid")).await;
    let (ask, key) = (Ask::of("portal"), proof_key());
    let pushed = ask.pushed_as(&server.push(&ask).await);
    let consent = ada.authorize(&Ask::of("bank")).await;
    let sign_out = ada.get("/logout").await.hidden("csrf");
    let mut stranger = server.browser();
    let login = stranger.authorize(&Ask::of("shop")).await;

    server.server().store().close().await;
    for answer in [
        server.exchange(&code).await,
        server.refresh("shop", &tokens).await,
        server.client_credentials("robot", "notes.read").await,
        server.introspect(NOTES_API, &tokens.access).await,
        server.introspect(NOTES_API, &own.access).await,
        server.revoke("shop", tokens.refresh_token()).await,
        server.revoke("shop", &tokens.access).await,
        server.push(&Ask::of("robot")).await,
        server.userinfo(&signed_in.access).await,
        server.token_proving(&key, "shop", &code.exchange()).await,
    ] {
        assert_unavailable(&answer);
        assert_eq!(
            answer.to_string(),
            "503 temporarily_unavailable (store-unavailable)"
        );
    }
    for answer in [
        ada.authorize(&Ask::of("portal")).await,
        ada.authorize(&pushed).await,
        ada.allow(&consent).await,
        stranger.sign_in(&login, "ada").await,
        ada.post("/logout/confirm", &Form::new().with("csrf", &sign_out))
            .await,
        ada.get("/").await,
    ] {
        assert_unavailable(&answer);
        assert_eq!(answer.to_string(), "503 page (store-unavailable)");
    }

    // What was not done can be done when the store is back.
    let server = server.restart().await;
    assert_eq!(server.exchange(&code).await.status, 200);
    assert_eq!(server.userinfo(&signed_in.access).await.status, 200);
    assert_eq!(
        server
            .generation(&server.refresh("shop", &tokens).await.tokens())
            .await,
        1
    );
    assert!(server.is_active(&own.access).await);
}

/// What the operator's listener answers: status and body.
async fn ask_the_operators_listener(server: &TestServer, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let Ok(response) = routes::admin(server.server()).oneshot(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_operator_sees_whether_it_lives_serves_and_what_it_counted() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    server.refresh("shop", &tokens).await;
    assert_eq!(
        ask_the_operators_listener(&server, "/health/live").await.0,
        200
    );
    assert_eq!(
        ask_the_operators_listener(&server, "/health/ready").await.0,
        200
    );
    let (status, metrics) = ask_the_operators_listener(&server, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"safeconduct_token_requests_total{grant="authorization_code",outcome="issued"} 1"#,
        r#"safeconduct_token_requests_total{grant="refresh_token",outcome="issued"} 1"#,
        r#"safeconduct_login_attempts_total{method="password",outcome="success"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|counted| counted == line),
            "{line}\n{metrics}"
        );
    }

    server.server().store().close().await;
    assert_eq!(
        ask_the_operators_listener(&server, "/health/live").await.0,
        200
    );
    assert_eq!(
        ask_the_operators_listener(&server, "/health/ready").await.0,
        503
    );
}

#[tokio::test]
async fn what_is_refused_early_is_counted_too() {
    let server = TestServer::start().await;
    let good = server.credentials("shop");
    let code = Form::new().with("grant_type", "authorization_code");
    let wrong = Credentials::Basic("shop".to_owned(), "wrong".to_owned());
    for (credentials, form) in [
        (&wrong, code.clone()),
        (&good, code),
        (&good, Form::new().with("grant_type", "password")),
        (&good, Form::new()),
    ] {
        let answer = server.token_with(credentials, &form).await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{answer:?}");
    }
    let mut ada = server.sign_in("ada").await;
    assert_eq!(ada.get("/authorize").await.status, 400);
    let silent = Ask::of("shop").with("prompt", "none");
    assert!(!ada.authorize(&silent).await.has_code());
    let page = ada.authorize(&Ask::of("shop")).await;
    assert!(!ada.deny(&page).await.has_code());
    assert!(ada.allow(&page).await.has_code());

    let (_, metrics) = ask_the_operators_listener(&server, "/metrics").await;
    for line in [
        r#"safeconduct_token_requests_total{grant="authorization_code",outcome="invalid_client"} 1"#,
        r#"safeconduct_token_requests_total{grant="authorization_code",outcome="invalid_request"} 1"#,
        r#"safeconduct_token_requests_total{grant="unknown",outcome="unsupported_grant_type"} 1"#,
        r#"safeconduct_token_requests_total{grant="unknown",outcome="invalid_request"} 1"#,
        r#"safeconduct_authorize_total{outcome="invalid_request"} 1"#,
        r#"safeconduct_authorize_total{outcome="consent_required"} 1"#,
        r#"safeconduct_authorize_total{outcome="access_denied"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|counted| counted == line),
            "{line}\n{metrics}"
        );
    }
}
