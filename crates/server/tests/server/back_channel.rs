//! Telling clients that a session has ended (Back-Channel Logout 1.0): what they are told, and what becomes of it when they
//! are slow, broken, gone, or hostile. Time passes by the test's clock.

use std::time::Duration;

use insta::assert_snapshot;
use rstest::rstest;
use safeconduct_protocol::jose::{
    self, Algorithm, Audience, Expectation, JwkSet, KeySet, Typ, VerificationKey, Verified,
};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;
use safeconduct_server::settings::BackChannelSettings;
use safeconduct_store::OutboxKind;
use serde_json::{Value, json};

use crate::logout;
use crate::support::{
    Ask, Browser, Heard, ISSUER, Listener, Reply, SIGNED_OUT, TestServer, Tokens,
};

const NOTHING_TO_READ: &str = "303 /signed-out";
const RESULT: &str = "200 page “You are signed out – Safeconduct”";

/// A server that waits for clients as long as the test takes; what ends earlier ends for another reason.
async fn patient() -> TestServer {
    waiting(Duration::from_secs(60)).await
}

async fn waiting(wait: Duration) -> TestServer {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.back_channel = BackChannelSettings {
        wait,
        answer: Duration::from_secs(60),
    };
    TestServer::start_with(settings).await
}

/// Has `client` told at a server of its own.
async fn listen(server: &TestServer, client: &str) -> Listener {
    let listener = Listener::start().await;
    let uri = listener.uri();
    server
        .change_client(client, |client| {
            client.openid.backchannel_logout_uri = Some(uri);
        })
        .await;
    listener
}

/// Signs the person in this browser in to `client` as well.
async fn visit(browser: &mut Browser<'_>, client: &str) -> Tokens {
    browser.tokens(&Ask::of(client).scope("openid")).await
}

/// The request by which the club sends somebody away.
fn leaving(tokens: &Tokens) -> String {
    format!("/logout?{}", logout::leaving(tokens).encode())
}

/// A logout token as its client reads it: with the published keys, in the one algorithm that it expects.
async fn read(server: &TestServer, client: &str, heard: &Heard, with: Algorithm) -> Verified {
    let published = server.get("/.well-known/jwks.json").await.json();
    let published: JwkSet = serde_json::from_value(published).unwrap();
    let keys = published.keys.iter();
    let keys = keys.filter_map(|jwk| VerificationKey::new(jwk, with).ok());
    let issuer = server.issuer().to_owned();
    let (typ, algorithms) = (Typ::OneOf(&["logout+jwt"]), [with]);
    let expectation = Expectation::new(typ, &algorithms, &issuer, Audience::Only(client));
    let keys = KeySet::new(keys.collect());
    jose::verify(&heard.logout_token(), &expectation, &keys, server.now()).unwrap()
}

/// What of a JWT's three parts is read without a key.
fn unverified(token: &str, part: usize) -> Value {
    let part = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&safeconduct_protocol::encoding::decode(part).unwrap()).unwrap()
}

/// The sign-outs that still have to be told.
fn waiting_rows(server: &TestServer) -> i64 {
    server.rows()["outbox"]
}

/// Lets so many seconds pass, then tells whom it is time to tell.
async fn later(server: &TestServer, seconds: i64) {
    server.advance(seconds);
    server.server().deliver_outbox().await.unwrap();
}

async fn events(server: &TestServer, kind: &str) -> Vec<Option<String>> {
    let all = server.server().store().events(None, 1000).await.unwrap();
    let of_kind = all.into_iter().filter(|event| event.kind == kind);
    of_kind
        .map(|event| event.client.map(|client| client.to_string()))
        .collect()
}

fn counted(server: &TestServer, outcome: &str) -> Option<String> {
    let line = format!("safeconduct_logout_tokens_total{{outcome=\"{outcome}\"}} ");
    let metrics = server.server().telemetry().render();
    let found = metrics
        .lines()
        .find_map(|metric| metric.strip_prefix(&line));
    found.map(str::to_owned)
}

#[tokio::test]
async fn the_document_says_that_clients_are_told_by_session() {
    let server = TestServer::start().await;
    let document = server.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
    assert_eq!(
        document["end_session_endpoint"],
        "https://id.example/logout"
    );
}

/// oidcc-backchannel-rp-initiated-logout.
#[tokio::test]
async fn a_client_is_told_before_the_person_returns_to_it() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    let tokens = visit(&mut ada, "club").await;
    server.advance(100);
    let answer = ada.get(&leaving(&tokens)).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));

    let heard = club.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].head.starts_with("post /back-channel http/1.1"));
    assert!(
        heard[0]
            .head
            .contains("content-type: application/x-www-form-urlencoded")
    );
    let token = heard[0].logout_token();
    let header = unverified(&token, 0);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["typ"], "logout+jwt");
    assert!(header["kid"].is_string());
    let mut claims = unverified(&token, 1);
    let id_token = unverified(tokens.id_token(), 1);
    for same in ["iss", "sub", "aud", "sid"] {
        assert_eq!(claims[same], id_token[same], "{same}");
    }
    for secret in ["sub", "sid", "jti"] {
        assert!(claims[secret].as_str().unwrap().len() >= 22);
        claims[secret] = json!("…");
    }
    let claims = claims.as_object_mut().unwrap();
    claims.sort_keys();
    assert_snapshot!(json!(claims), @r#"{"aud":"club","events":{"http://schemas.openid.net/event/backchannel-logout":{}},"exp":1800000220,"iat":1800000100,"iss":"https://id.example","jti":"…","sid":"…","sub":"…"}"#);
    read(&server, "club", &heard[0], Algorithm::Rs256).await;

    let silent = Ask::of("club").scope("openid").with("prompt", "none");
    let answer = ada.authorize(&silent).await;
    assert_eq!(answer.parameter("error").unwrap(), "login_required");
    assert_eq!(waiting_rows(&server), 0);
    later(&server, 3600).await;
    assert_eq!(club.heard().len(), 1, "once");
    assert_eq!(counted(&server, "delivered").unwrap(), "1");
}

#[tokio::test]
async fn each_client_is_told_in_its_own_words_and_with_its_own_signature() {
    let server = patient().await;
    let told = [
        ("club", Algorithm::Rs256),
        ("circle", Algorithm::Es256),
        ("twin", Algorithm::Rs256),
    ];
    let mut ada = server.sign_in("ada").await;
    let mut clients = Vec::new();
    for (client, algorithm) in told {
        let listener = listen(&server, client).await;
        let tokens = visit(&mut ada, client).await;
        clients.push((client, algorithm, listener, tokens));
    }
    let answer = ada.sign_out().await;
    assert_eq!(answer.to_string(), RESULT);
    let mut tokens_heard = Vec::new();
    for (client, algorithm, listener, tokens) in clients {
        let heard = listener.heard();
        let token = read(&server, client, &heard[0], algorithm).await;
        let id_token = unverified(tokens.id_token(), 1);
        assert_eq!(token.sub(), id_token["sub"].as_str(), "{client}");
        assert_eq!(token.claim("sid"), id_token.get("sid"), "{client}");
        assert!(answer.body.contains(&format!("<bdi>The {client}</bdi>")));
        tokens_heard.push((
            token.sub().unwrap().to_owned(),
            token.jti().unwrap().to_owned(),
            token.claim("sid").unwrap().clone(),
        ));
    }
    let [club, circle, twin] = tokens_heard.try_into().unwrap();
    assert_eq!(club.0, circle.0);
    assert_ne!(club.0, twin.0, "a pairwise subject");
    assert_ne!(club.1, circle.1);
    assert_eq!(club.2, circle.2);
    assert_ne!(club.2, twin.2, "one session is one person");
}

/// Attacks: Z06.
#[tokio::test]
async fn only_who_was_signed_in_to_in_this_session_is_told() {
    let server = patient().await;
    let (club, circle) = (
        listen(&server, "club").await,
        listen(&server, "circle").await,
    );
    let mut ada = server.sign_in("ada").await;
    let mut elsewhere = server.sign_in("ada").await;
    let mut bob = server.sign_in("bob").await;
    visit(&mut ada, "club").await;
    visit(&mut ada, "sister").await;
    visit(&mut elsewhere, "circle").await;
    visit(&mut bob, "club").await;
    let question = ada.open("/logout").await;
    let told = question
        .body
        .split_once("id=\"told\">")
        .expect("the apps that are told");
    assert_eq!(
        told.1
            .split_once("</ul>")
            .unwrap()
            .0
            .matches("<li>")
            .count(),
        1
    );
    assert_eq!(ada.sign_out().await.to_string(), RESULT);
    later(&server, 60).await;
    assert_eq!((club.heard().len(), circle.heard().len()), (1, 0));
    let mut nowhere = server.sign_in("ada").await;
    assert_eq!(nowhere.sign_out().await.to_string(), NOTHING_TO_READ);
    assert_eq!(bob.sign_out().await.to_string(), RESULT);
    assert_eq!((club.heard().len(), circle.heard().len()), (2, 0));
}

/// O05: a slow client keeps nobody waiting, and is told all the same.
/// Attacks: G02, O05.
#[tokio::test]
async fn a_slow_client_keeps_nobody_waiting() {
    let server = waiting(Duration::from_secs(2)).await;
    let mut club = listen(&server, "club").await;
    let circle = listen(&server, "circle").await;
    let mut ada = server.sign_in("ada").await;
    let tokens = visit(&mut ada, "club").await;
    visit(&mut ada, "circle").await;
    club.answers(Reply::Silence);
    let answer = ada.get(&leaving(&tokens)).await;
    assert_eq!(answer.to_string(), RESULT);
    assert!(ada.session().0.is_empty(), "signed out already");
    assert_eq!(circle.heard().len(), 1);
    let (not_told, told) = answer
        .body
        .split_once("You are also signed out of")
        .unwrap();
    assert!(
        not_told.contains("You may still be signed in to"),
        "{answer:?}"
    );
    assert!(not_told.contains("<bdi>The club</bdi>"), "{answer:?}");
    assert!(told.contains("<bdi>The circle</bdi>"), "{answer:?}");
    assert!(
        told.contains(&format!("href=\"{SIGNED_OUT}?state=xyz\"")),
        "the way back is a link now: {answer:?}"
    );

    club.has_heard(1).await;
    club.answers(Reply::With(200, ""));
    while waiting_rows(&server) > 0 {
        tokio::task::yield_now().await;
    }
    later(&server, 3600).await;
    assert_eq!(club.heard().len(), 1);
}

#[rstest]
#[case::ok(Reply::With(200, ""))]
#[case::ok_with_a_body(Reply::With(200, "<p>Thank you"))]
#[case::no_content(Reply::With(204, ""))]
#[tokio::test]
async fn a_client_says_that_it_understood(#[case] reply: Reply) {
    let server = patient().await;
    let club = listen(&server, "club").await;
    club.answers(reply);
    let mut ada = server.sign_in("ada").await;
    let tokens = visit(&mut ada, "club").await;
    let answer = ada.get(&leaving(&tokens)).await;
    assert_eq!(answer.to_string(), format!("303 {SIGNED_OUT} state=xyz"));
    assert_eq!(waiting_rows(&server), 0);
}

/// O05: bounded, and by the clock.
/// Attacks: O05.
#[rstest]
#[case::broken(Reply::With(500, "a very long story"))]
#[case::busy(Reply::With(503, ""))]
#[case::wrong_address(Reply::With(404, ""))]
#[case::half_done(Reply::With(202, ""))]
#[case::gone(Reply::HangUp)]
#[tokio::test]
async fn a_client_that_cannot_be_told_is_tried_five_times(#[case] reply: Reply) {
    let server = patient().await;
    let club = listen(&server, "club").await;
    club.answers(reply);
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    let answer = ada.sign_out().await;
    assert_eq!(answer.to_string(), RESULT);
    assert!(answer.body.contains("You may still be signed in to"));
    assert!(answer.body.contains("<bdi>The club</bdi>"));
    for (attempts, pause) in [(2, 10), (3, 60), (4, 300), (5, 1800)] {
        later(&server, pause - 1).await;
        assert_eq!(club.heard().len(), attempts - 1, "not yet");
        later(&server, 3).await;
        assert_eq!(club.heard().len(), attempts);
    }
    assert_eq!(waiting_rows(&server), 0);
    later(&server, 24 * 3600).await;
    assert_eq!(club.heard().len(), 5);
    assert_eq!(
        events(&server, "logout-undelivered").await,
        [Some("club".to_owned())]
    );
    assert_eq!(counted(&server, "failed").unwrap(), "4");
    assert_eq!(counted(&server, "given_up").unwrap(), "1");
    let mut names: Vec<_> = club
        .heard()
        .iter()
        .map(|heard| unverified(&heard.logout_token(), 1)["jti"].to_string())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "no attempt looks like a replay of another");
}

#[tokio::test]
async fn a_client_that_comes_back_is_told() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    club.answers(Reply::HangUp);
    ada.sign_out().await;
    club.answers(Reply::With(200, ""));
    later(&server, 12).await;
    let heard = club.heard();
    let token = read(&server, "club", &heard[1], Algorithm::Rs256).await;
    assert_eq!(token.exp(), server.now().plus(120), "made for this attempt");
    assert_eq!(waiting_rows(&server), 0);
    assert!(events(&server, "logout-undelivered").await.is_empty());
}

/// Who did not answer a moment ago is not what the next person waits for.
#[tokio::test]
async fn a_client_that_is_gone_is_left_alone_for_a_moment() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut people = Vec::new();
    for user in ["ada", "bob", "eve"] {
        let mut browser = server.sign_in(user).await;
        visit(&mut browser, "club").await;
        people.push(browser);
    }
    club.answers(Reply::HangUp);
    for browser in &mut people {
        assert_eq!(browser.sign_out().await.to_string(), RESULT);
    }
    assert_eq!(club.heard().len(), 1);
    assert_eq!(waiting_rows(&server), 3);
    club.answers(Reply::With(200, ""));
    later(&server, 12).await;
    assert_eq!(club.heard().len(), 4);
    assert_eq!(waiting_rows(&server), 0);
}

/// G02: a redirect leads nowhere.
/// Attacks: G02, O05.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = patient().await;
    let (club, inside) = (listen(&server, "club").await, Listener::start().await);
    club.answers(Reply::Redirect(inside.uri().as_str().to_owned()));
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    assert_eq!(ada.sign_out().await.to_string(), RESULT);
    assert_eq!(club.heard().len(), 1);
    assert!(inside.heard().is_empty());
    assert_eq!(
        waiting_rows(&server),
        1,
        "it may be a mistake of the moment"
    );
}

#[rstest]
#[case::in_words(r#"{"error":"invalid_request","error_description":"no such session"}"#)]
#[case::in_few_words(r#"{"error":"invalid_request"}"#)]
#[case::silently("")]
#[case::by_a_flood("x".repeat(1 << 20).leak())]
#[tokio::test]
async fn a_client_that_refuses_is_not_asked_again(#[case] body: &'static str) {
    let server = patient().await;
    let club = listen(&server, "club").await;
    club.answers(Reply::With(400, body));
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    let answer = ada.sign_out().await;
    assert!(answer.body.contains("You may still be signed in to"));
    assert_eq!(waiting_rows(&server), 0);
    later(&server, 3600).await;
    assert_eq!(club.heard().len(), 1);
    assert_eq!(
        events(&server, "logout-undelivered").await,
        [Some("club".to_owned())]
    );
    assert_eq!(counted(&server, "refused").unwrap(), "1");
}

#[rstest]
#[case::by_an_operator("sessions")]
#[case::by_a_lock("lock")]
#[case::by_a_new_password("password")]
#[case::by_deletion("delete")]
#[case::by_a_restore("era")]
#[case::by_another_person("another")]
#[case::by_its_age("age")]
#[tokio::test]
async fn a_session_that_ends_otherwise_is_told_of_within_seconds(#[case] how: &str) {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    let tokens = visit(&mut ada, "club").await;
    match how {
        "sessions" => server.end_sessions("ada").await,
        "lock" => server.lock_user("ada").await,
        "password" => {
            server
                .set_password("ada", "another password of ada's")
                .await
        }
        "delete" => server.delete_user("ada").await,
        "era" => server.begin_era().await,
        "another" => {
            let ask = Ask::of("portal").with("prompt", "login");
            let page = ada.authorize(&ask).await;
            assert!(ada.sign_in(&page, "bob").await.has_code());
        }
        "age" => {
            server.advance(14 * 24 * 3600);
            server.server().sweep().await.unwrap();
        }
        other => panic!("{other}"),
    }
    assert!(
        club.heard().is_empty(),
        "nobody was there to tell it at once"
    );
    later(&server, 2).await;
    let heard = club.heard();
    let token = read(&server, "club", &heard[0], Algorithm::Rs256).await;
    let id_token = unverified(tokens.id_token(), 1);
    assert_eq!(token.sub(), id_token["sub"].as_str());
    assert_eq!(token.claim("sid"), id_token.get("sid"));
    assert_eq!(waiting_rows(&server), 0);
}

#[tokio::test]
async fn a_server_looks_by_itself() {
    let server = patient().await;
    let mut club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    let node = server.server().clone();
    let maintenance = tokio::spawn(async move { node.maintain().await });
    server.end_sessions("ada").await;
    server.advance(2);
    club.has_heard(1).await;
    maintenance.abort();
}

#[tokio::test]
async fn of_two_nodes_one_tells() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    for _ in 0..20 {
        let mut ada = server.sign_in("ada").await;
        visit(&mut ada, "club").await;
    }
    let nodes = [server.another_node().await, server.another_node().await];
    server.end_sessions("ada").await;
    server.advance(2);
    assert_eq!(waiting_rows(&server), 20);
    // A node has eight lines to one client: it takes a few looks.
    for _ in 0..4 {
        let (one, other) = tokio::join!(
            nodes[0].server().deliver_outbox(),
            nodes[1].server().deliver_outbox()
        );
        one.and(other).unwrap();
    }
    assert_eq!(waiting_rows(&server), 0);
    let mut sessions: Vec<_> = club
        .heard()
        .iter()
        .map(|heard| unverified(&heard.logout_token(), 1)["sid"].to_string())
        .collect();
    assert_eq!(sessions.len(), 20);
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 20, "each once");
}

/// The node that ended the session has somebody waiting for the result, so others let it go first.
#[tokio::test]
async fn another_node_does_not_snatch_what_is_being_told() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    server.end_sessions("ada").await;
    let other = server.another_node().await;
    other.server().deliver_outbox().await.unwrap();
    assert!(club.heard().is_empty());
    server.advance(2);
    other.server().deliver_outbox().await.unwrap();
    assert_eq!(club.heard().len(), 1);
}

#[tokio::test]
async fn a_restart_forgets_nobody() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    club.answers(Reply::With(500, ""));
    ada.sign_out().await;
    club.answers(Reply::With(200, ""));
    let server = server.restart().await;
    later(&server, 12).await;
    assert_eq!(club.heard().len(), 2);
    assert_eq!(waiting_rows(&server), 0);
}

/// A node that took a row on and was killed: another one does it when the pause is over; and if that was the last attempt, the
/// client is given up.
#[tokio::test]
async fn what_a_dead_node_took_on_is_done_by_another() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    server.end_sessions("ada").await;
    let store = server.server().store();
    for attempt in 0..5 {
        let now = server.now();
        let due = store.due_messages(OutboxKind::Logout, "club", now, 10);
        let due = due.await.unwrap();
        assert_eq!(due[0].attempts, attempt);
        let claimed = store.claim_message(&due[0], now.plus(10), now).await;
        assert!(claimed.unwrap());
        later(&server, 9).await;
        assert!(club.heard().is_empty(), "it may still be at it");
        server.advance(1);
    }
    later(&server, 2).await;
    assert!(club.heard().is_empty());
    assert_eq!(waiting_rows(&server), 0);
    assert_eq!(
        events(&server, "logout-undelivered").await,
        [Some("club".to_owned())]
    );
}

/// What a client is told, and where, is what its registration says when it is told.
#[tokio::test]
async fn a_client_that_moved_is_told_where_it_is() {
    let server = patient().await;
    let (old, new) = (listen(&server, "club").await, Listener::start().await);
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    old.answers(Reply::With(500, ""));
    ada.sign_out().await;
    let uri = new.uri();
    server
        .change_client("club", |club| {
            club.openid.backchannel_logout_uri = Some(uri)
        })
        .await;
    later(&server, 12).await;
    assert_eq!((old.heard().len(), new.heard().len()), (1, 1));
}

/// Attacks: G02.
#[tokio::test]
async fn a_client_that_is_no_more_is_not_called() {
    let server = patient().await;
    let club = listen(&server, "club").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    server.delete_client("club").await;
    assert_eq!(ada.sign_out().await.to_string(), RESULT);
    assert!(club.heard().is_empty());
    assert_eq!(waiting_rows(&server), 0);
}

/// E29: a client that hangs has its share of the lines, and no more.
/// Attacks: O05, E29.
#[tokio::test]
async fn a_client_that_hangs_holds_up_nobody_else() {
    let server = patient().await;
    let mut club = listen(&server, "club").await;
    let circle = listen(&server, "circle").await;
    for _ in 0..12 {
        let mut ada = server.sign_in("ada").await;
        visit(&mut ada, "club").await;
    }
    let mut bob = server.sign_in("bob").await;
    visit(&mut bob, "circle").await;
    club.answers(Reply::Silence);
    server.end_sessions("ada").await;
    server.advance(2);
    let node = server.server().clone();
    let delivering = tokio::spawn(async move { node.deliver_outbox().await });
    club.has_heard(8).await;

    let answer = bob.sign_out().await;
    assert!(
        answer.body.contains("You are also signed out of"),
        "{answer:?}"
    );
    assert_eq!(circle.heard().len(), 1);
    assert_eq!(club.heard().len(), 8);
    club.answers(Reply::With(200, ""));
    delivering.await.unwrap().unwrap();
    later(&server, 0).await;
    assert_eq!(club.heard().len(), 12);
    assert_eq!(waiting_rows(&server), 0);
}

/// One app hangs and has hundreds of people to be told of, another answers at once: it is told with the first look, whatever the
/// first one does, and as soon as a line is free the next in turn has it.
/// Attacks: E29.
#[tokio::test]
async fn hundreds_for_an_app_that_hangs_delay_no_other_app() {
    let server = patient().await;
    let mut club = listen(&server, "club").await;
    let mut circle = listen(&server, "circle").await;
    let mut ada = server.sign_in("ada").await;
    visit(&mut ada, "club").await;
    let mut bob = server.sign_in("bob").await;
    visit(&mut bob, "circle").await;
    server.end_sessions("ada").await;
    server.change(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
         INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
         SELECT id || '/' || i, kind, recipient, user_id, about, created_at, attempts, next_at FROM outbox, n",
    );
    assert_eq!(waiting_rows(&server), 401);
    club.answers(Reply::Silence);
    server.end_sessions("bob").await;
    server.advance(2);
    let node = server.server().clone();
    let maintenance = tokio::spawn(async move { node.maintain().await });
    circle.has_heard(1).await;
    club.has_heard(8).await;
    assert_eq!(club.heard().len(), 8, "its share of the lines, and no more");

    // It keeps its lines; whoever comes later is told as well.
    server.end_sessions("ada").await;
    let mut eve = server.sign_in("eve").await;
    visit(&mut eve, "circle").await;
    server.end_sessions("eve").await;
    server.advance(2);
    circle.has_heard(2).await;
    assert_eq!(club.heard().len(), 8);

    // When it answers, all of it is told, line by line.
    club.answers(Reply::With(200, ""));
    club.has_heard(401).await;
    while waiting_rows(&server) > 0 {
        tokio::task::yield_now().await;
    }
    maintenance.abort();
}
