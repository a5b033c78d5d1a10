//! Tokens in other places than the header, where a route takes them from there.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::OriginalUri;
use axum::routing::get;
use http::{HeaderMap, Request, Uri};
use rstest::rstest;
use safeconduct_guard::{Denied, Guard, ProofKey, TestIssuer, Token};
use safeconduct_protocol::encoding;
use serde_json::json;
use tower::ServiceExt;

const PREFIX: &str = "base64url.bearer.authorization.notes.example";

/// Says what a handler sees of the request.
async fn seen(
    token: Token,
    uri: Uri,
    OriginalUri(original): OriginalUri,
    headers: HeaderMap,
) -> String {
    let protocols = headers.get_all("sec-websocket-protocol").iter();
    let protocols: Vec<_> = protocols.map(|value| value.to_str().unwrap()).collect();
    let protocols = match protocols.is_empty() {
        true => "none".to_owned(),
        false => format!("[{}]", protocols.join(", ")),
    };
    format!("{} {uri} {original} {protocols}", token.subject())
}

fn api() -> (Router, TestIssuer) {
    let (guard, issuer) = Guard::for_tests("http://localhost:8422");
    let socket = guard.layer().or_websocket_protocol("notes.example");
    let app = Router::new()
        .route("/plain", get(seen).layer(guard.layer()))
        .route("/socket", get(seen).layer(socket))
        .route(
            "/events",
            get(seen).layer(guard.layer().or_query_parameter("access_token")),
        )
        .route(
            "/file",
            get(seen).layer(guard.layer().or_query_parameter("ticket")),
        );
    (app, issuer)
}

async fn answer(app: &Router, uri: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::get(uri).body(Body::empty()).unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::try_from(*name).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn of(token: &str) -> String {
    format!("{PREFIX}.{}", encoding::encode(token.as_bytes()))
}

/// Attacks: LI32.
#[tokio::test]
async fn a_web_socket_brings_its_token_as_a_subprotocol_that_the_application_does_not_see() {
    let (app, issuer) = api();
    let token = of(&issuer.token().sign());
    let protocol = "sec-websocket-protocol";
    for offered in [format!("chat, {token}"), format!("{token},chat")] {
        let answer = answer(&app, "/socket", &[(protocol, &offered)]).await;
        assert_eq!(answer, (200, "alice /socket /socket [chat]".to_owned()));
    }
    let apart = answer(
        &app,
        "/socket",
        &[(protocol, &token), (protocol, "chat"), (protocol, "v2")],
    )
    .await;
    assert_eq!(apart, (200, "alice /socket /socket [chat, v2]".to_owned()));
    let authorization = format!("Bearer {}", issuer.token().sign());
    let by_header = answer(
        &app,
        "/socket",
        &[("authorization", &authorization), (protocol, "chat")],
    )
    .await;
    assert_eq!(by_header, (200, "alice /socket /socket [chat]".to_owned()));
    let without = answer(&app, "/socket", &[("authorization", &authorization)]).await;
    assert_eq!(without, (200, "alice /socket /socket none".to_owned()));
    assert_eq!(answer(&app, "/socket", &[(protocol, "chat")]).await.0, 401);
    // A route that does not take it from there does not look.
    let offered = format!("chat, {token}");
    assert_eq!(answer(&app, "/plain", &[(protocol, &offered)]).await.0, 401);
}

/// Attacks: LI32.
#[tokio::test]
async fn a_subprotocol_holds_one_token_in_one_spelling() {
    let (app, issuer) = api();
    let token = issuer.token().sign();
    let padded = format!("{}=", of(&token));
    let refused = [
        of(&token),
        format!("chat, {}, {}", of(&token), of(&token)),
        format!("chat, {padded}"),
        format!("chat, {PREFIX}."),
        format!("chat, {PREFIX}.{token}"),
        format!("chat, {}", of("two words")),
        format!("chat, {PREFIX}.{}", encoding::encode(&[0xff, 0xfe])),
    ];
    for offered in &refused {
        let answer = answer(&app, "/socket", &[("sec-websocket-protocol", offered)]).await;
        assert_eq!(answer.0, 400, "{offered}");
    }
    let authorization = format!("Bearer {token}");
    let both = [
        ("authorization", authorization.as_str()),
        ("sec-websocket-protocol", &format!("chat, {}", of(&token))),
    ];
    assert_eq!(answer(&app, "/socket", &both).await.0, 400);
    let of_another = format!(
        "chat, {}",
        of(&token).replace("notes.example", "other.example")
    );
    assert_eq!(
        answer(&app, "/socket", &[("sec-websocket-protocol", &of_another)])
            .await
            .0,
        401
    );
    let bound = of(&issuer.token().bound_to(&ProofKey::generate()).sign());
    let bound = answer(
        &app,
        "/socket",
        &[("sec-websocket-protocol", &format!("chat, {bound}"))],
    )
    .await;
    assert_eq!(bound.0, 401);
}

/// Attacks: LI33.
#[tokio::test]
async fn a_token_in_the_query_passes_where_the_route_names_the_parameter() {
    let (app, issuer) = api();
    let token = issuer.token().sign();
    let answer = async |uri: String| answer(&app, &uri, &[]).await;
    let seen = answer(format!("/events?from=1&access_token={token}&to=%20")).await;
    assert_eq!(
        seen,
        (
            200,
            "alice /events?from=1&to=%20 /events?from=1&to=%20 none".to_owned()
        )
    );
    assert_eq!(
        answer(format!("/file?ticket={token}")).await,
        (200, "alice /file /file none".to_owned())
    );
    assert_eq!(
        answer(format!("/file?%74icket={token}&a")).await,
        (200, "alice /file?a /file?a none".to_owned())
    );
    for (uri, status) in [
        (format!("/plain?access_token={token}"), 400),
        (format!("/file?access_token={token}"), 400),
        (format!("/file?ticket={token}&access_token={token}"), 400),
        (format!("/file?ticket={token}&ticket={token}"), 400),
        ("/file?ticket=".to_owned(), 400),
        ("/file?ticket=a%20b".to_owned(), 400),
        ("/file?ticket=abc".to_owned(), 401),
        ("/file".to_owned(), 401),
    ] {
        assert_eq!(answer(uri.clone()).await.0, status, "{uri}");
    }
    let authorization = format!("Bearer {token}");
    let uri = format!("/file?ticket={token}");
    let both = self::answer(&app, &uri, &[("authorization", &authorization)]).await;
    assert_eq!(both.0, 400);
}

async fn remove(token: Token) -> Result<&'static str, Denied> {
    match token.subject() {
        "alice" => Ok("gone"),
        _ => Err(token.forbid("Only its \"author\" may delete a note")),
    }
}

/// Attacks: LI09.
#[rstest]
#[case(json!(["admin"]), 200, "")]
#[case(json!("admin"), 200, "")]
#[case(json!({"admin": {}}), 403, "insufficient_scope")]
#[case(json!(["administrator"]), 403, "insufficient_scope")]
#[case(json!("admin user"), 403, "insufficient_scope")]
#[case(json!([["admin"]]), 403, "insufficient_scope")]
#[case(json!(true), 403, "insufficient_scope")]
#[case(json!(null), 403, "insufficient_scope")]
#[tokio::test]
async fn a_route_may_demand_a_role(
    #[case] roles: serde_json::Value,
    #[case] status: u16,
    #[case] error: &str,
) {
    let (guard, issuer) = Guard::for_tests("http://localhost:8422");
    let app = Router::new()
        .route("/", get(remove).layer(guard.require_role("admin")))
        .layer(guard.layer());
    let token = issuer.token().claim("roles", roles).sign();
    let (got, body) = answer(&app, "/", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(got, status, "{body}");
    assert!(body.contains(error), "{body}");
    assert_eq!(answer(&app, "/", &[]).await.0, 401);
}

#[tokio::test]
async fn an_application_refuses_in_its_own_words() {
    let (guard, issuer) = Guard::for_tests("http://localhost:8422");
    let app = Router::new().route("/", get(remove)).layer(guard.layer());
    let of = |subject| format!("Bearer {}", issuer.token().subject(subject).sign());
    assert_eq!(
        answer(&app, "/", &[("authorization", &of("alice"))]).await,
        (200, "gone".to_owned())
    );
    let (status, body) = answer(&app, "/", &[("authorization", &of("bob"))]).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body["error"].as_str()),
        (403, Some("access_denied"))
    );
    assert_eq!(
        body["error_description"],
        "Only its \"author\" may delete a note"
    );
    let denied = Denied::forbidden("Not on a Sunday");
    assert_eq!(
        (
            denied.status().as_u16(),
            denied.reason().name(),
            denied.challenge()
        ),
        (403, "forbidden", None)
    );
    assert_eq!(denied.to_string(), "Not on a Sunday");
}
