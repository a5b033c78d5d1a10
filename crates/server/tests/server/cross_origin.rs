//! Scripts of other origins (Fetch §3.3): what an app in a browser needs, it may call and read, whatever the answer; nothing that
//! answers by a cookie. That no other address is readable is held for every answer of every test, in `support::answer_to`.

use axum::body::Body;
use axum::extract::Request;
use http::{Method, StatusCode};

use crate::support::{Answer, Ask, Credentials, Form, TestServer, readable_paths};

/// Another origin than the server's, and than any client's redirect URI.
const ELSEWHERE: &str = "https://app.elsewhere.example";

/// Sends what a browser sends for a script of another origin.
async fn call(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("origin", ELSEWHERE);
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn preflight(server: &TestServer, path: &str) -> Answer {
    let asked = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,dpop"),
    ];
    call(server, Method::OPTIONS, path, &asked).await
}

/// Attacks: T10.
#[tokio::test]
async fn a_preflight_is_answered_where_apps_in_a_browser_call() {
    for issuer in ["https://id.example", "https://id.example/tenant"] {
        let server = TestServer::start_at(issuer).await;
        for path in readable_paths(&server) {
            let answer = preflight(&server, &path).await;
            assert_eq!(answer.status, 204, "{path}: {answer:?}");
            for (name, value) in [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET, POST"),
                (
                    "access-control-allow-headers",
                    "Authorization, Content-Type, DPoP",
                ),
                ("access-control-max-age", "7200"),
                ("access-control-allow-credentials", ""),
            ] {
                assert_eq!(answer.header(name), value, "{path}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_preflight_is_refused_where_a_cookie_or_an_api_answers() {
    let server = TestServer::start().await;
    for path in [
        "/authorize",
        "/login",
        "/login/continue",
        "/login/switch",
        "/login/second-factor",
        "/login/enrol",
        "/consent",
        "/introspect",
        "/logout",
        "/logout/confirm",
        "/signed-out",
        "/",
    ] {
        let answer = preflight(&server, path).await;
        assert_eq!(answer.status, 405, "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-headers"), "", "{path}");
    }
    assert_eq!(preflight(&server, "/token/").await.status, 404);
    assert!(preflight(&server, "/token").await.status.is_success());
}

#[tokio::test]
async fn what_goes_wrong_can_be_read_as_what_goes_right() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("club").scope("openid")).await;
    let bearer = format!("Bearer {}", tokens.access);
    let own = server.client_credentials("robot", "notes.read").await;
    let own = format!("Bearer {}", own.tokens().access);
    let got = |path, value: String| {
        let server = &server;
        async move { call(server, Method::GET, path, &[("authorization", &value)]).await }
    };
    let post = |path| server.back_channel(path, &server.credentials("shop"), &Form::new());
    let unknown = Credentials::Id("nobody".to_owned());
    let unknown = server.back_channel("/token", &unknown, &Form::new());
    let mut elsewhere = post("/token");
    elsewhere
        .headers_mut()
        .insert("host", "other.example".parse().unwrap());
    let mut answers = vec![
        (200, got("/userinfo", bearer.clone()).await),
        (200, server.get("/.well-known/jwks.json").await),
        (400, server.send(post("/token")).await),
        (400, server.send(post("/par")).await),
        (400, server.send(post("/revoke")).await),
        (401, server.send(unknown).await),
        (401, got("/userinfo", "Bearer forged".to_owned()).await),
        (401, got("/userinfo", own).await),
        (405, server.get("/token").await),
        (405, server.get("/par").await),
        (421, server.send(elsewhere).await),
    ];
    server.server().store().close().await;
    answers.push((503, got("/userinfo", bearer).await));
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let exposed = answer.header("access-control-expose-headers");
        for name in [
            "DPoP-Nonce",
            "WWW-Authenticate",
            "Retry-After",
            "X-Correlation-Id",
        ] {
            assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        let challenged = !answer.header("www-authenticate").is_empty();
        assert_eq!(challenged, answer.status == StatusCode::UNAUTHORIZED);
    }
}
