//! What a browser does on its own does nothing, and what a request is called by decides what it may reach.

use axum::body::Body;
use axum::extract::Request;
use http::{Method, header};
use rstest::rstest;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;

use crate::support::{Ask, Form, ISSUER, SIGNED_OUT, TestServer};

/// What browsers, old and new, say of a page that nobody has opened yet.
const IN_ADVANCE: [(&str, &str); 6] = [
    ("sec-purpose", "prefetch"),
    ("sec-purpose", "prefetch;prerender"),
    ("sec-purpose", "prefetch;anonymous-client-ip"),
    ("purpose", "prefetch"),
    ("x-purpose", "preview"),
    ("x-moz", "prefetch"),
];

#[tokio::test]
async fn what_a_browser_does_on_its_own_signs_nobody_out_and_hands_out_no_code() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let leaving = Form::new()
        .with("id_token_hint", tokens.id_token())
        .with("post_logout_redirect_uri", SIGNED_OUT);
    let logout = format!("/logout?{}", leaving.encode());
    let authorize = format!("/authorize?{}", Ask::of("portal").form.encode());
    let cookies: Vec<String> = ada
        .cookies
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    let asked = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        request.header(header::COOKIE, cookies.join("; "))
    };
    for path in [&logout, &authorize] {
        let head = asked(Method::HEAD, path).body(Body::empty()).unwrap();
        let answer = server.send(head).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), "GET, POST", "{path}");
        assert!(answer.cookies().is_empty() && answer.location().is_empty());
        for (name, value) in IN_ADVANCE {
            let request = asked(Method::GET, path).header(name, value);
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.to_string(),
                "403 page (speculative-request)",
                "{value}"
            );
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.cookies().is_empty() && answer.location().is_empty());
        }
    }
    assert!(
        ada.authorize(&Ask::of("portal")).await.has_code(),
        "signed in still"
    );
    assert!(ada.get(&logout).await.location().starts_with(SIGNED_OUT));
    assert!(!ada.authorize(&Ask::of("portal")).await.has_code());
}

#[tokio::test]
async fn userinfo_is_not_asked_by_head() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let bearer = format!("Bearer {}", tokens.access);
    for method in [Method::HEAD, Method::PUT] {
        let request = Request::builder().method(method).uri("/userinfo");
        let request = request.header(header::AUTHORIZATION, &bearer);
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET, POST, OPTIONS");
    }
}

#[rstest]
#[case("/")]
#[case("/signed-out")]
#[case("/.well-known/openid-configuration")]
#[case("/.well-known/oauth-authorization-server")]
#[case("/.well-known/jwks.json")]
#[tokio::test]
async fn documents_answer_head_as_they_do_get(#[case] path: &str) {
    let server = TestServer::start().await;
    let head = Request::head(path).header("sec-purpose", "prefetch");
    let answer = server.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        server.get(path).await.header("content-type")
    );
}

/// A browser carries the fragment of a link over to where it is redirected, unless there is one (RFC 9110 §10.2.2).
#[tokio::test]
async fn the_address_of_an_app_ends_in_a_fragment_of_ours() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let given = ada.authorize(&Ask::of("portal")).await;
    assert!(
        given.has_code() && given.location().ends_with('#'),
        "{given:?}"
    );
    let none = Ask::of("shop")
        .with("prompt", "none")
        .scope("openid notes.read");
    let refused = server.browser().authorize(&none).await;
    assert!(
        refused.location().contains("error=") && refused.location().ends_with('#'),
        "{refused:?}"
    );
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let leaving = Form::new()
        .with("id_token_hint", tokens.id_token())
        .with("post_logout_redirect_uri", SIGNED_OUT);
    let left = ada.get(&format!("/logout?{}", leaving.encode())).await;
    assert_eq!(left.location(), format!("{SIGNED_OUT}#"));
}

fn to(path: &str, hosts: &[&'static str], accept: &str) -> Request {
    let request = Request::get(path).header(header::ACCEPT, accept);
    let request = hosts
        .iter()
        .fold(request, |request, host| request.header(header::HOST, *host));
    request.body(Body::empty()).unwrap()
}

/// Attacks: L23.
#[rstest]
#[case::two(&["id.example", "id.example"])]
#[case::two_others(&["id.example", "evil.example"])]
#[case::a_user(&["ada@id.example"])]
#[case::a_path(&["id.example/x"])]
#[case::a_space(&["id.example x"])]
#[tokio::test]
async fn a_request_names_one_host(#[case] hosts: &[&'static str]) {
    let server = TestServer::start().await;
    for path in ["/", "https://id.example/"] {
        let answer = server.send(to(path, hosts, "text/html")).await;
        assert_eq!(answer.to_string(), "400 page (host-malformed)", "{path}");
    }
    let answer = server.send(to("/token", hosts, "text/html")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid_request");
    let answer = server.send(to("/", &["id.example"], "text/html")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Attacks: L23.
#[tokio::test]
async fn the_target_says_more_than_the_host_header() {
    let server = TestServer::start().await;
    for (target, host, status) in [
        ("https://id.example/", "elsewhere.example", 200),
        ("http://id.example/", "id.example", 200),
        ("https://elsewhere.example/", "id.example", 421),
    ] {
        let hosts = [host];
        let answer = server.send(to(target, &hosts, "*/*")).await;
        assert_eq!(answer.status, status, "{target} {host}");
    }
}

#[rstest]
#[case("/token", "GET", 405)]
#[case("/par", "PUT", 405)]
#[case("/userinfo", "PUT", 405)]
#[case("/introspect", "GET", 405)]
#[case("/revoke", "GET", 405)]
#[case("/.well-known/jwks.json", "POST", 405)]
#[case("/.well-known/nothing", "GET", 404)]
#[case("/token/", "POST", 404)]
#[case("/userinfo/me", "GET", 404)]
#[tokio::test]
async fn where_apps_call_refusals_are_json_whatever_is_accepted(
    #[case] path: &str,
    #[case] method: &str,
    #[case] status: u16,
) {
    for issuer in [ISSUER, "https://id.example/tenant"] {
        let server = TestServer::start_at(issuer).await;
        let below = Issuer::parse(issuer).unwrap().path().to_owned();
        for (host, status) in [("id.example", status), ("10.0.0.7:8420", 421)] {
            let request = Request::builder()
                .method(method)
                .uri(format!("{below}{path}"))
                .header(header::HOST, host)
                .header(header::ACCEPT, "text/html,application/xhtml+xml");
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("content-type"), "application/json");
            let body = answer.json();
            assert_eq!(body["error"], "invalid_request");
            let said = body["error_description"].as_str().unwrap();
            assert_eq!(
                said.ends_with(&format!("It is {issuer}")),
                status == 421,
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn an_internal_name_reaches_what_apps_call_and_no_page() {
    let server = TestServer::start_with(Settings {
        internal_hosts: vec!["Safeconduct:8420".to_owned(), "idp".to_owned()],
        ..Settings::new(Issuer::parse(ISSUER).unwrap())
    })
    .await;
    let ada = server.sign_in("ada").await;
    for host in ["safeconduct:8420", "idp"] {
        let hosts = [host];
        let answer = server
            .send(to("/.well-known/openid-configuration", &hosts, "*/*"))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.json()["issuer"],
            ISSUER,
            "its own name stays the same"
        );
        assert_eq!(answer.header("strict-transport-security"), "");
        assert_eq!(
            server
                .send(to("/.well-known/jwks.json", &hosts, "*/*"))
                .await
                .status,
            200
        );
        assert_eq!(
            server.send(to("/userinfo", &hosts, "*/*")).await.status,
            401
        );
        assert_eq!(server.send(to("/token", &hosts, "*/*")).await.status, 405);
        let session = ada.session();
        for path in [
            "/",
            "/logout",
            "/authorize",
            "/signed-out",
            "/assets/x",
            "/nothing",
        ] {
            let mut request = to(path, &hosts, "*/*");
            let cookie = format!("{}={}", session.0, session.1);
            request
                .headers_mut()
                .insert(header::COOKIE, cookie.parse().unwrap());
            let answer = server.send(request).await;
            assert_eq!(answer.to_string(), "421 page (host-unexpected)", "{path}");
            assert!(answer.body.contains("https://id.example") && !answer.body.contains(">ada<"));
        }
    }
    for host in ["safeconduct", "idp:8420", "evil.example"] {
        let answer = server
            .send(to("/.well-known/jwks.json", &[host], "*/*"))
            .await;
        assert_eq!(answer.status, 421, "{host}");
    }
}
