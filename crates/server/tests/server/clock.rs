//! Clocks that are wrong: a server that cannot believe its own judges nothing, signs nothing and forgets nothing.

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use rstest::rstest;
use safeconduct_server::{ClockFault, NotReady, routes};
use tower::ServiceExt as _;

use crate::support::{Ask, Form, TestServer, Tokens};

pub(crate) async fn metrics(server: &TestServer) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let Ok(response) = routes::admin(server.server()).oneshot(request).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn has_line(metrics: &str, line: &str) -> bool {
    metrics.lines().any(|counted| counted == line)
}

/// Revokes an access token, and lets that be forgotten. It could be good again until now.
async fn forget_a_revocation(server: &TestServer, tokens: &Tokens) {
    server.revoke("shop", &tokens.access).await;
    assert_eq!(server.rows()["revoked_tokens"], 1);
    server.advance(300 + 60);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["revoked_tokens"], 0);
}

#[tokio::test]
async fn a_clock_that_lies_before_what_was_forgotten_judges_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("shop")).await;
    forget_a_revocation(&server, &tokens).await;

    // Used ids are remembered for a minute beyond their end: so far a clock may be set back.
    server.advance(-60);
    let answer = server.client_credentials("robot", "notes.read").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.server().readiness().await, Ok(()));

    server.advance(-1);
    let before = (server.rows(), server.dump());
    let mut stranger = server.browser();
    for answer in [
        server.refresh("shop", &tokens).await,
        server.introspect("notes-api", &tokens.access).await,
        server.client_credentials("robot", "notes.read").await,
        server.userinfo(&tokens.access).await,
        server.revoke("shop", tokens.refresh_token()).await,
        server.push(&Ask::of("shop")).await,
        ada.authorize(&Ask::of("portal")).await,
        stranger.authorize(&Ask::of("portal")).await,
    ] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.header("retry-after"), "2", "{answer:?}");
        let told = answer.to_string();
        assert!(told.ends_with("(clock-not-believed)"), "{told}");
    }
    assert!(
        server.server().sweep().await.is_err(),
        "and forgets nothing"
    );
    assert_eq!((server.rows(), server.dump()), before);
    let why = NotReady::Clock(ClockFault::Behind { seconds: 61 });
    assert_eq!(server.server().readiness().await, Err(why));
    let counted = metrics(&server).await;
    assert!(has_line(
        &counted,
        r#"safeconduct_not_ready{reason="clock"} 1"#
    ));
    assert!(has_line(
        &counted,
        r#"safeconduct_not_ready{reason="store"} 0"#
    ));

    // It heals by itself when the clock has caught up.
    server.advance(1);
    assert_eq!(server.server().readiness().await, Ok(()));
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);
    assert!(has_line(
        &metrics(&server).await,
        r#"safeconduct_not_ready{reason="clock"} 0"#
    ));
}

#[tokio::test]
async fn a_restart_makes_no_wrong_clock_right_and_a_new_era_makes_it_the_time() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    forget_a_revocation(&server, &tokens).await;
    server.advance(-24 * 3600);
    let server = server.restart().await;
    assert_eq!(server.refresh("shop", &tokens).await.status, 503);
    server.begin_era().await;
    assert_eq!(server.server().readiness().await, Ok(()));
    assert_eq!(server.refresh("shop", &tokens).await.status, 400);
    let again = server.tokens("ada", &Ask::of("shop")).await;
    assert!(server.is_active(&again.access).await);
}

/// Nothing had ended by the wrong clock that could be good again by the right one: it costs nothing that it was wrong.
#[rstest]
#[case::an_hour(3_600)]
#[case::a_month(30 * 24 * 3_600)]
#[tokio::test]
async fn a_clock_that_was_ahead_while_nothing_was_forgotten_costs_nothing(#[case] ahead: i64) {
    let server = TestServer::start().await;
    server.server().sweep().await.unwrap();
    let code = server.code("ada", &Ask::of("shop")).await;
    server.advance(ahead);
    server.server().sweep().await.unwrap();
    server.advance(-ahead);
    let answer = server.exchange(&code).await;
    assert_eq!(answer.status, 503, "until it has looked: {answer:?}");
    assert_eq!(server.server().readiness().await, Ok(()));
    server.server().sweep().await.unwrap();
    let code = server.code("ada", &Ask::of("shop")).await;
    let tokens = server.exchange(&code).await.tokens();
    assert!(server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);

    // The same where the program was started anew meanwhile.
    server.advance(ahead);
    let server = server.restart().await;
    server.advance(-ahead);
    let server = server.restart().await;
    assert_eq!(server.server().readiness().await, Ok(()));
    assert!(server.is_active(&tokens.access).await);
}

/// What was forgotten by the wrong clock is not good again by the right one. It is over when that has ended, without a command.
#[tokio::test]
async fn a_clock_that_was_ahead_costs_the_time_until_what_was_forgotten_has_ended() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    let tokens = server.exchange(&code).await.tokens();
    server.revoke("shop", &tokens.access).await;
    server.advance(3_600);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["revoked_tokens"], 0, "nobody remembers it");
    server.advance(-3_600);
    let why = NotReady::Clock(ClockFault::Behind { seconds: 360 });
    assert_eq!(server.server().readiness().await, Err(why));
    let introspected = server.introspect("notes-api", &tokens.access).await;
    assert_eq!(introspected.status, 503, "it would be good again");
    let server = server.restart().await;
    server.advance(299);
    let why = NotReady::Clock(ClockFault::Behind { seconds: 61 });
    assert_eq!(server.server().readiness().await, Err(why));
    server.advance(1);
    assert_eq!(server.server().readiness().await, Ok(()));
    assert!(!server.is_active(&tokens.access).await, "it has expired");
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);
    server.server().sweep().await.unwrap();
}

#[tokio::test]
async fn what_was_forgotten_is_not_good_again_after_the_clock_was_set_back() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    let tokens = server.exchange(&code).await.tokens();
    server.revoke("shop", &tokens.access).await;
    server.advance(400 * 24 * 3600);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["grants"], 0, "nobody remembers it");
    server.advance(-400 * 24 * 3600);
    assert_eq!(server.exchange(&code).await.status, 503);
    let form = Form::new().with("token", &tokens.access);
    let credentials = server.credentials("notes-api");
    let request = server.back_channel("/introspect", &credentials, &form);
    assert_eq!(server.send(request).await.status, 503);
}

/// Attacks: E18.
#[tokio::test]
async fn a_machine_that_believes_it_is_1970_or_9999_signs_nothing() {
    let server = TestServer::start().await;
    let beginning = server.now().seconds();
    for time in [0, 1_262_304_000, 253_402_300_799] {
        server.advance(time - server.now().seconds());
        let node = server.another_node().await;
        let answer = node.client_credentials("robot", "notes.read").await;
        assert_eq!(answer.status, 503, "{time}: {answer:?}");
        let why = NotReady::Clock(ClockFault::Impossible { now: time });
        assert_eq!(node.server().readiness().await, Err(why));
        assert_eq!(
            node.get("/.well-known/openid-configuration").await.status,
            200,
            "what needs no time is there"
        );
    }
    server.advance(beginning - server.now().seconds());
    let answer = server.client_credentials("robot", "notes.read").await;
    assert_eq!(answer.status, 200);
}

/// Attacks: E18.
#[tokio::test]
async fn a_clock_that_is_decades_ahead_of_the_last_sweep_is_not_believed() {
    let server = TestServer::start().await;
    server.server().sweep().await.unwrap();
    server.advance(9 * 365 * 24 * 3600);
    assert_eq!(server.server().readiness().await, Ok(()), "a long sleep");
    server.advance(40 * 365 * 24 * 3600);
    assert!(matches!(
        server.server().readiness().await,
        Err(NotReady::Clock(ClockFault::Ahead { .. }))
    ));
    assert_eq!(
        server
            .client_credentials("robot", "notes.read")
            .await
            .status,
        503
    );
    assert!(server.server().sweep().await.is_err());
}

/// Attacks: E24.
#[tokio::test]
async fn a_node_that_saw_more_of_the_database_than_is_there_serves_nobody() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    server.server().sweep().await.unwrap();
    server.change("UPDATE time_marks SET at = at - 3600");
    assert_eq!(
        server.server().readiness().await,
        Err(NotReady::Rewound),
        "as a poll finds out"
    );
    let before = (server.rows(), server.dump());
    for answer in [
        server.refresh("shop", &tokens).await,
        server.introspect("notes-api", &tokens.access).await,
        server.client_credentials("robot", "notes.read").await,
        server.userinfo(&tokens.access).await,
    ] {
        assert_eq!(answer.status, 503, "{answer:?}");
        let told = answer.to_string();
        assert!(told.ends_with("(store-rewound)"), "{told}");
    }
    assert_eq!((server.rows(), server.dump()), before);
    server.begin_era().await;
    assert_eq!(server.server().readiness().await, Ok(()));
    assert_eq!(server.refresh("shop", &tokens).await.status, 400);
    let again = server.tokens("ada", &Ask::of("shop")).await;
    assert!(server.is_active(&again.access).await);
}
