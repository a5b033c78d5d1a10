//! What a server says that can't serve: every endpoint, the operator's listener, and the log.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use safeconduct_server::{NotReady, routes};
use tower::ServiceExt as _;

use crate::support::{Answer, Ask, Form, NOTES_API, SIGNED_OUT, TestServer};

async fn ask_the_operators_listener(server: &TestServer, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let Ok(response) = routes::admin(server.server()).oneshot(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Attacks: I06.
#[tokio::test]
async fn without_the_store_every_endpoint_says_503_and_when_to_come_back_within_a_second() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = ada.tokens(&Ask::of("club").scope("openid")).await;
    let consent = ada.authorize(&Ask::of("bank")).await;
    let csrf = ada.get("/logout").await.hidden("csrf");
    let mut stranger = server.browser();
    let page = stranger.authorize(&Ask::of("portal")).await;
    let pending = Form::new().with("pending", &page.hidden("pending"));
    let hint = Form::new()
        .with("id_token_hint", tokens.id_token())
        .with("post_logout_redirect_uri", SIGNED_OUT);
    let ask = Ask::of("shop");

    server.server().store().close().await;
    // Some need nothing of the store but its revision, and that once a second.
    let jwks = "/.well-known/jwks.json";
    while server.get(jwks).await.status == 200 {
        tokio::task::yield_now().await;
    }
    let answers: Vec<(&str, Answer)> = vec![
        ("keys", server.get(jwks).await),
        (
            "metadata",
            server.get("/.well-known/openid-configuration").await,
        ),
        ("userinfo", server.userinfo(&tokens.access).await),
        ("par", server.push(&ask).await),
        ("token", server.refresh("club", &tokens).await),
        (
            "introspect",
            server.introspect(NOTES_API, &tokens.access).await,
        ),
        ("revoke", server.revoke("club", &tokens.access).await),
        ("authorize", ada.authorize(&ask).await),
        ("authorize by POST", ada.post("/authorize", &ask.form).await),
        ("login", stranger.sign_in(&page, "ada").await),
        (
            "another account",
            stranger.post("/login/switch", &pending).await,
        ),
        (
            "this account",
            stranger.post("/login/continue", &pending).await,
        ),
        ("consent", ada.allow(&consent).await),
        ("front page", ada.get("/").await),
        ("sign out", ada.get("/logout").await),
        (
            "sign out, sent by an app",
            ada.get(&format!("/logout?{}", hint.encode())).await,
        ),
        (
            "sign out, posted by an app",
            ada.post("/logout", &hint).await,
        ),
        (
            "sign out, confirmed",
            ada.post("/logout/confirm", &Form::new().with("csrf", &csrf))
                .await,
        ),
    ];
    for (what, answer) in answers {
        let is_told = answer.status == 503 && answer.header("retry-after") == "2";
        assert!(is_told, "{what}: {answer:?}");
        assert!(answer.cookies().is_empty(), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_ready_says_why() {
    let server = TestServer::start().await;
    let ready = ask_the_operators_listener(&server, "/health/ready").await;
    assert_eq!(ready, (200, "ready\n".to_owned()));
    let (_, metrics) = ask_the_operators_listener(&server, "/metrics").await;
    for line in [
        r#"safeconduct_not_ready{reason="store"} 0"#,
        r#"safeconduct_not_ready{reason="catalog"} 0"#,
        r#"safeconduct_not_ready{reason="clock"} 0"#,
        r#"safeconduct_not_ready{reason="rewound"} 0"#,
        r#"safeconduct_not_ready{reason="writes"} 0"#,
        r#"safeconduct_not_ready{reason="master-key"} 0"#,
        "safeconduct_clock_offset_seconds 0",
    ] {
        assert!(metrics.lines().any(|counted| counted == line), "{line}");
    }
    assert!(metrics.contains("\nsafeconduct_catalog_age_seconds "));

    server.server().store().close().await;
    let unready = ask_the_operators_listener(&server, "/health/ready").await;
    assert_eq!(unready, (503, "the store does not answer\n".to_owned()));
    let (_, metrics) = ask_the_operators_listener(&server, "/metrics").await;
    let line = r#"safeconduct_not_ready{reason="store"} 1"#;
    assert!(metrics.lines().any(|counted| counted == line), "{metrics}");
    assert_eq!(
        ask_the_operators_listener(&server, "/health/live").await.0,
        200
    );
}

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn count(&self, text: &str) -> usize {
        let log = self.0.lock().unwrap();
        str::from_utf8(&log).unwrap().matches(text).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_it_once_for_each_change() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    server.revoke("shop", &tokens.access).await;
    server.advance(360);
    server.server().sweep().await.unwrap();
    let look = async |times: usize| {
        for _ in 0..times {
            let _ = server.server().readiness().await;
        }
    };
    look(3).await;
    assert_eq!(log.count("not ready"), 0);
    server.advance(-3600);
    look(5).await;
    assert_eq!(log.count("not ready: the clock is 3600 s before"), 1);
    server.advance(3600);
    look(5).await;
    assert_eq!(log.count("ready again"), 1);
    server.server().store().close().await;
    look(5).await;
    assert_eq!(log.count("not ready: the store does not answer"), 1);
    assert_eq!(server.server().readiness().await, Err(NotReady::Store));
}

fn gauge(server: &TestServer, name: &str) -> u64 {
    let metrics = server.server().telemetry().render();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap().trim().parse().unwrap()
}

/// However much has ended since the last sweep, the next one removes it, a thousand rows at a time.
#[tokio::test]
async fn a_sweep_goes_on_while_there_is_more() {
    let server = TestServer::start().await;
    let now = server.now().seconds();
    server.change(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500) \
         INSERT INTO revoked_tokens SELECT 'jti ' || i, 'shop', {now} + i / 2000 * 1000 FROM n"
    ));
    server.change(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO used_ids SELECT 'dpop', 'shop', CAST(i AS BLOB), {now} FROM n"
    ));
    let backlog = r#"safeconduct_sweep_backlog_rows{kind="revoked_tokens"}"#;
    let swept = r#"safeconduct_swept_rows_total{kind="revoked_tokens"}"#;
    assert_eq!((gauge(&server, backlog), gauge(&server, swept)), (0, 0));
    server.advance(100);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["used_ids"], 0);
    assert_eq!(server.rows()["revoked_tokens"], 2_501, "what has not ended");
    assert_eq!((gauge(&server, backlog), gauge(&server, swept)), (0, 1_999));
    server.advance(5_000);
    server.server().sweep().await.unwrap();
    assert_eq!(server.rows()["revoked_tokens"], 0);
    assert_eq!((gauge(&server, backlog), gauge(&server, swept)), (0, 4_500));
}

/// What fails for one kind of rows is no hindrance for the others, and stays to be seen.
#[tokio::test]
async fn a_kind_that_cannot_be_swept_is_counted_and_holds_up_no_other() {
    let server = TestServer::start().await;
    let now = server.now().seconds();
    server.change(&format!(
        "INSERT INTO revoked_tokens VALUES ('jti', 'shop', {now}); \
         INSERT INTO used_ids VALUES ('dpop', 'shop', x'00', {now}); \
         CREATE TRIGGER kept BEFORE DELETE ON used_ids BEGIN SELECT RAISE(FAIL, 'no'); END"
    ));
    server.advance(100);
    assert!(server.server().sweep().await.is_err());
    assert_eq!(server.rows()["revoked_tokens"], 0);
    let backlog = r#"safeconduct_sweep_backlog_rows{kind="used_ids"}"#;
    assert_eq!(gauge(&server, backlog), 1);
    server.change("DROP TRIGGER kept");
    server.server().sweep().await.unwrap();
    assert_eq!(gauge(&server, backlog), 0);
}

/// What waits in the outbox is counted once a minute.
#[tokio::test]
async fn what_waits_in_the_outbox_is_a_metric() {
    let server = TestServer::start().await;
    let now = server.now().seconds();
    server.change(&format!(
        "INSERT INTO outbox SELECT 'a row', 'logout', 'club', id, 'a session', {now}, 0, {now}, NULL FROM users LIMIT 1"
    ));
    server.advance(100);
    server.server().sweep().await.unwrap();
    let rows = r#"safeconduct_outbox_rows{kind="logout"}"#;
    let oldest = r#"safeconduct_outbox_oldest_seconds{kind="logout"}"#;
    assert_eq!((gauge(&server, rows), gauge(&server, oldest)), (1, 100));
    server.change("DELETE FROM outbox");
    server.server().sweep().await.unwrap();
    assert_eq!((gauge(&server, rows), gauge(&server, oldest)), (0, 0));
}
