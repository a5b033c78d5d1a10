//! What receivers are pushed (RFC 8935): which tokens, about whom, and what becomes of them when a receiver refuses, is silent, or is
//! somewhere else than it says. Time passes by the test's clock.

use rstest::rstest;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::jose::{Algorithm, JwkSet, KeySet, VerificationKey};
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::security_event::{ReceivedEvent, Receiver};
use safeconduct_server::Settings;
use safeconduct_server::event_receivers::{EventReceiver, SignalKind};
use safeconduct_server::outgoing::Reach;
use serde_json::{Value, json};

use crate::support::{Ask, Heard, ISSUER, Listener, Reply, TestServer};

const SIEM: &str = "https://siem.example";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const HALF_AN_HOUR: i64 = 1_800;

/// A server with a receiver that is told all of `events`.
async fn told(events: &[&str], change: impl FnOnce(&mut EventReceiver)) -> (TestServer, Listener) {
    let listener = Listener::start().await;
    listener.answers(Reply::With(202, ""));
    let mut receiver = EventReceiver {
        name: "siem".to_owned(),
        endpoint: listener.uri().as_str().to_owned(),
        audience: SIEM.to_owned(),
        events: events
            .iter()
            .map(|name| SignalKind::parse(name).unwrap())
            .collect(),
        authorization: Some(Secret::new("Bearer let-me-in".to_owned())),
        client: None,
        signing_alg: Algorithm::Rs256,
        reach: Reach::Private,
    };
    change(&mut receiver);
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.event_receivers = vec![receiver];
    let server = TestServer::start_with(settings).await;
    // It is told what appears from now on.
    server.server().deliver_outbox().await.unwrap();
    (server, listener)
}

/// Lets so many seconds pass, then tells what it is time to tell.
async fn later(server: &TestServer, seconds: i64) {
    server.advance(seconds);
    server.server().deliver_outbox().await.unwrap();
    // What was queued by this is left to the node that wrote it, for two seconds.
    server.advance(3);
    server.server().deliver_outbox().await.unwrap();
}

/// A token as its receiver reads it, with the published keys; and its claims.
async fn read(server: &TestServer, heard: &Heard) -> (ReceivedEvent, Value) {
    let published = server.get("/.well-known/jwks.json").await.json();
    let published: JwkSet = serde_json::from_value(published).unwrap();
    let keys = published.keys.iter();
    let keys = keys.filter_map(|jwk| VerificationKey::new(jwk, Algorithm::Rs256).ok());
    let receiver = Receiver {
        issuer: server.issuer(),
        audience: SIEM,
        algorithms: &[Algorithm::Rs256],
    };
    let keys = KeySet::new(keys.collect());
    let event = receiver.accept(&heard.body, &keys, server.now()).unwrap();
    let payload = heard.body.split('.').nth(1).unwrap();
    let payload = safeconduct_protocol::encoding::decode(payload).unwrap();
    (event, serde_json::from_slice(&payload).unwrap())
}

async fn kinds_of_events(server: &TestServer, kind: &str) -> usize {
    let all = server.store().events(None, 1000).await.unwrap();
    all.iter().filter(|event| event.kind == kind).count()
}

async fn is_paused(server: &TestServer) -> bool {
    let receiver = server.store().receiver("siem").await.unwrap().unwrap();
    receiver.paused_at.is_some()
}

#[tokio::test]
async fn a_receiver_is_told_in_signed_tokens_of_what_happened_to_a_user() {
    let events = ["session-revoked", "credential-change", "user-locked"];
    let (server, listener) = told(&events, |_| {}).await;
    server.sign_in("ada").await;
    later(&server, 0).await;
    assert!(listener.heard().is_empty(), "it is told what it asks for");

    server.lock_user("ada").await;
    let locked_at = server.now().seconds();
    later(&server, 0).await;
    let heard = listener.heard();
    assert_eq!(heard.len(), 2);
    let head = &heard[0].head;
    for line in [
        "post /back-channel http/1.1",
        "content-type: application/secevent+jwt",
        "accept: application/json",
        "authorization: bearer let-me-in",
    ] {
        assert!(head.contains(line), "{head}");
    }
    let mut types = Vec::new();
    for heard in &heard {
        let (event, claims) = read(&server, heard).await;
        let user = server.user("ada").await;
        assert_eq!(claims["sub_id"]["format"], "iss_sub");
        assert_eq!(claims["sub_id"]["sub"], user.as_str());
        assert_eq!(claims["sub_id"]["iss"], ISSUER);
        assert_eq!((claims.get("sub"), claims.get("exp")), (None, None));
        assert_eq!(event.payload["event_timestamp"], locked_at);
        assert_eq!(event.payload["initiating_entity"], "admin");
        types.push(event.event_type);
    }
    types.sort();
    assert_eq!(
        types,
        [
            format!("{CAEP}session-revoked"),
            "urn:safeconduct:event:user-locked".to_owned()
        ]
    );
    // It is told once, whoever looks.
    later(&server, HALF_AN_HOUR).await;
    assert_eq!(listener.heard().len(), 2);
}

/// The names are those that the client knows: a receiver that serves a client of another sector can't tell whose they are.
#[tokio::test]
async fn a_receiver_of_a_client_knows_users_and_sessions_as_the_client_does() {
    let events = ["session-revoked", "consent-given", "access-removed"];
    let (server, listener) = told(&events, |receiver| {
        receiver.client = ClientId::parse("club");
    })
    .await;
    server
        .change_client("club", |client| {
            client.openid.subject_type = safeconduct_protocol::client::SubjectType::Pairwise;
        })
        .await;
    let ask = Ask::of("club").scope("openid");
    let mut browser = server.sign_in("ada").await;
    let tokens = browser.tokens(&ask).await;
    // Of another client nothing is told.
    browser.tokens(&Ask::of("shop")).await;
    let session = server.sessions("ada").await[0].id.clone();
    let user = server.user("ada").await;
    let store = server.store();
    let ended = store.end_session(&session, &user, server.now()).await;
    ended.unwrap();
    later(&server, 0).await;
    let heard = listener.heard();
    let mut told = Vec::new();
    for heard in &heard {
        told.push(read(&server, heard).await.1);
    }
    let revoked = |claims: &&Value| {
        claims["events"]
            .get(format!("{CAEP}session-revoked"))
            .is_some()
    };
    let claims = told.iter().find(revoked).unwrap();
    let id_token = tokens.id_token().split('.').nth(1).unwrap();
    let id_token = safeconduct_protocol::encoding::decode(id_token).unwrap();
    let id_token: Value = serde_json::from_slice(&id_token).unwrap();
    assert_eq!(
        claims["sub_id"],
        json!({
            "format": "complex",
            "user": {"format": "iss_sub", "iss": ISSUER, "sub": id_token["sub"]},
            "session": {"format": "opaque", "id": id_token["sid"]},
        })
    );
    assert_ne!(id_token["sub"], user.as_str());
    let text = json!(told).to_string();
    assert!(
        !text.contains("shop") && !text.contains(user.as_str()),
        "{text}"
    );
}

#[rstest]
#[case("password-set", "password", "update")]
#[case("invited", "password", "create")]
#[tokio::test]
async fn a_new_password_is_a_change_of_a_credential(
    #[case] how: &str,
    #[case] credential: &str,
    #[case] change: &str,
) {
    let (server, listener) = told(&["credential-change", "session-revoked"], |_| {}).await;
    match how {
        "invited" => {
            let link = server.invite("grace").await;
            let mut grace = server.browser();
            let answer = grace.get(&link).await;
            let page = grace.follow(answer).await;
            grace.choose(&page, "a long password of grace").await;
        }
        _ => {
            server
                .set_password("ada", "another long password of ada")
                .await;
        }
    }
    later(&server, 0).await;
    let mut told = Vec::new();
    for heard in &listener.heard() {
        told.push(read(&server, heard).await.0);
    }
    let changed = told
        .iter()
        .find(|event| event.event_type == format!("{CAEP}credential-change"))
        .unwrap();
    assert_eq!(changed.payload["credential_type"], credential);
    assert_eq!(changed.payload["change_type"], change);
    let revoked = told
        .iter()
        .any(|event| event.event_type == format!("{CAEP}session-revoked"));
    assert!(revoked, "an administrator's new password ends all sessions");
}

/// Attacks: AD65.
#[tokio::test]
async fn a_token_that_is_refused_is_given_up_and_shown_and_the_next_one_is_sent() {
    let (server, listener) = told(&["user-locked", "user-unlocked"], |_| {}).await;
    listener.answers(Reply::With(
        400,
        r#"{"err":"invalid_request","description":"no"}"#,
    ));
    server.lock_user("ada").await;
    later(&server, 0).await;
    assert_eq!(listener.heard().len(), 1);
    assert_eq!(kinds_of_events(&server, "event-undelivered").await, 1);
    assert!(!is_paused(&server).await);
    listener.answers(Reply::With(202, ""));
    server.unlock_user("ada").await;
    later(&server, HALF_AN_HOUR).await;
    let heard = listener.heard();
    assert_eq!(heard.len(), 2, "what was refused is not sent again");
    let (event, _) = read(&server, &heard[1]).await;
    assert_eq!(event.event_type, "urn:safeconduct:event:user-unlocked");
    assert_eq!(server.rows()["outbox"], 0);
}

/// Attacks: AD65.
#[tokio::test]
async fn a_receiver_that_is_away_for_a_day_is_paused_and_told_everything_once_it_is_resumed() {
    let (server, listener) = told(&["user-locked", "user-unlocked"], |_| {}).await;
    listener.answers(Reply::With(503, ""));
    server.lock_user("ada").await;
    later(&server, 0).await;
    let first = listener.heard()[0].clone();
    for _ in 0..47 {
        later(&server, HALF_AN_HOUR).await;
    }
    assert!(!is_paused(&server).await, "it is not a day yet");
    assert_eq!(kinds_of_events(&server, "receiver-paused").await, 0);
    server.unlock_user("ada").await;
    later(&server, HALF_AN_HOUR).await;
    later(&server, HALF_AN_HOUR).await;
    assert!(is_paused(&server).await);
    assert_eq!(kinds_of_events(&server, "receiver-paused").await, 1);
    assert_eq!(server.rows()["outbox"], 0, "nothing waits");
    let tried = listener.heard().len();
    later(&server, 3 * 24 * 3600).await;
    assert_eq!(listener.heard().len(), tried, "it is left alone");

    listener.answers(Reply::With(202, ""));
    let resumed = server.store().resume_receiver("siem", server.now()).await;
    assert!(resumed.unwrap());
    later(&server, 0).await;
    let told: Vec<_> = listener.heard().split_off(tried);
    let mut types = Vec::new();
    let (before, _) = read(&server, &first).await;
    let mut names = Vec::new();
    for heard in &told {
        let (event, _) = read(&server, heard).await;
        types.push(event.event_type);
        names.push(event.id);
    }
    types.sort();
    assert_eq!(
        types,
        [
            "urn:safeconduct:event:user-locked",
            "urn:safeconduct:event:user-unlocked"
        ]
    );
    assert!(names.contains(&before.id), "it has the name of before");
}

/// What is wrong with us is no fault of the token: RFC 8935 §2.4.
#[tokio::test]
async fn a_receiver_that_does_not_let_us_in_is_tried_again_with_the_same_token() {
    let (server, listener) = told(&["user-locked"], |_| {}).await;
    listener.answers(Reply::With(400, r#"{"err":"authentication_failed"}"#));
    server.lock_user("ada").await;
    later(&server, 0).await;
    assert_eq!(kinds_of_events(&server, "event-undelivered").await, 0);
    listener.answers(Reply::With(202, ""));
    later(&server, HALF_AN_HOUR).await;
    let heard = listener.heard();
    let (first, last) = (heard.first().unwrap(), heard.last().unwrap());
    let names = [
        read(&server, first).await.0.id,
        read(&server, last).await.0.id,
    ];
    assert_eq!(names[0], names[1]);
    assert_eq!(server.rows()["outbox"], 0);
}

/// A receiver that refuses everything is not told that it did, and of that again.
#[tokio::test]
async fn a_receiver_that_refuses_everything_causes_no_more_than_it_refuses() {
    let every: Vec<_> = SignalKind::all().map(SignalKind::as_str).collect();
    let (server, listener) = told(&every, |_| {}).await;
    listener.answers(Reply::With(400, r#"{"err":"invalid_request"}"#));
    server.lock_user("ada").await;
    later(&server, 0).await;
    let tried = listener.heard().len();
    assert_eq!(tried, 2, "user-locked, and session-revoked");
    later(&server, HALF_AN_HOUR).await;
    later(&server, HALF_AN_HOUR).await;
    assert_eq!(listener.heard().len(), tried);
}

/// Attacks: AD44.
#[tokio::test]
async fn a_redirect_is_not_followed_and_a_private_address_is_not_called() {
    let (server, listener) = told(&["user-locked"], |_| {}).await;
    let elsewhere = Listener::start().await;
    listener.answers(Reply::Redirect(elsewhere.uri().as_str().to_owned()));
    server.lock_user("ada").await;
    later(&server, 0).await;
    assert_eq!(listener.heard().len(), 1);
    assert!(elsewhere.heard().is_empty());

    let (server, listener) =
        told(&["user-locked"], |receiver| receiver.reach = Reach::Public).await;
    server.lock_user("ada").await;
    later(&server, 0).await;
    assert!(listener.heard().is_empty());
    assert_eq!(server.rows()["outbox"], 1, "it is tried again");
}

/// Attacks: AD58.
#[tokio::test]
async fn two_nodes_tell_a_receiver_each_thing_once() {
    let (server, listener) = told(&["user-locked"], |_| {}).await;
    let other = server.another_node().await;
    for user in ["ada", "bob", "eve"] {
        server.lock_user(user).await;
    }
    for _ in 0..2 {
        let (one, two) = (server.server(), other.server());
        let (one, two) = tokio::join!(one.deliver_outbox(), two.deliver_outbox());
        one.unwrap();
        two.unwrap();
        server.advance(3);
    }
    assert_eq!(listener.heard().len(), 3);
    assert_eq!(server.rows()["outbox"], 0);
}
