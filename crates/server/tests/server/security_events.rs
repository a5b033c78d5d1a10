//! What guards are told: which tokens are dead before their time, at once, though they validate them by themselves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use safeconduct_guard::{Guard, GuardBuilder, Reason, RevocationState, WithoutRevocations};
use safeconduct_protocol::secret::Secret;
use safeconduct_server::routes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::support::{
    Answer, Ask, Credentials, MAIL, MAIL_API, NOTES, NOTES_API, SOMEWHERE, TestServer, from,
    secret_of,
};

impl TestServer {
    /// `POST /security-events` by `client`.
    pub(crate) async fn poll(&self, client: &str, body: &Value) -> Answer {
        self.poll_with(
            &self.credentials(client),
            "application/json",
            &body.to_string(),
        )
        .await
    }

    async fn poll_with(&self, credentials: &Credentials, kind: &str, body: &str) -> Answer {
        let form = crate::support::Form::new();
        let mut request = self.back_channel("/security-events", credentials, &form);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        *request.body_mut() = Body::from(body.to_owned());
        self.send(request).await
    }

    /// What the API is told at once behind `cursor`, which moves on.
    async fn told(&self, client: &str, cursor: &mut Option<String>) -> Vec<Value> {
        let question = json!({"returnImmediately": true, "cursor": cursor});
        let answer = self.poll(client, &question).await;
        assert_eq!(answer.status, 200, "{answer}");
        let answer = answer.json();
        *cursor = Some(answer["cursor"].as_str().unwrap().to_owned());
        assert_eq!(answer["moreAvailable"], false);
        let sets: BTreeMap<String, String> =
            serde_json::from_value(answer["sets"].clone()).unwrap();
        sets.values().map(|set| ended(set)).collect()
    }
}

/// What a token says has ended, without looking at the signature.
fn ended(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let payload = safeconduct_protocol::encoding::decode(payload).unwrap();
    let mut claims: Value = serde_json::from_slice(&payload).unwrap();
    let mut ended = claims["events"]["urn:safeconduct:event:access-ended"].take();
    ended.as_object_mut().unwrap().remove("event_timestamp");
    ended
}

fn grant_of(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let payload = safeconduct_protocol::encoding::decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["grant_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_api_is_told_what_ended_of_its_own_and_nothing_else() {
    let server = TestServer::start().await;
    let notes = server.tokens("ada", &Ask::of("shop")).await;
    let of_bob = server.tokens("bob", &Ask::of("shop")).await;
    let (mut at_notes, mut at_mail) = (None, None);
    server.told(NOTES_API, &mut at_notes).await;
    server.told(MAIL_API, &mut at_mail).await;

    server.lock_user("ada").await;
    let grants = json!([{"grants": [grant_of(&notes.access)]}]);
    let before = at_notes.clone();
    assert_eq!(json!(server.told(NOTES_API, &mut at_notes).await), grants);
    assert_eq!(server.told(MAIL_API, &mut at_mail).await, [json!(null); 0]);
    // Whoever lost the answer asks again with the cursor before it, and gets it again.
    assert_eq!(
        json!(server.told(NOTES_API, &mut before.clone()).await),
        grants
    );
    assert_eq!(
        server.told(NOTES_API, &mut at_notes).await,
        [json!(null); 0]
    );
    // Whoever begins anew is told what can still be presented.
    assert!(server.told(NOTES_API, &mut None).await.contains(&grants[0]));
    server.advance(10 * 60);
    assert_eq!(server.told(NOTES_API, &mut None).await, [json!(null); 0]);

    // A grant that goes on is not named, whatever ends beside it.
    let of_bob_again = server.tokens("bob", &Ask::of("shop")).await;
    let offline = Ask::of("club").scope("notes.read offline_access");
    server.tokens("bob", &offline).await;
    server.told(NOTES_API, &mut at_notes).await;
    server.end_sessions("bob").await;
    let told = server.told(NOTES_API, &mut at_notes).await;
    // The first one was used too long ago.
    assert_ne!(grant_of(&of_bob.access), grant_of(&of_bob_again.access));
    assert_eq!(told, [json!({"grants": [grant_of(&of_bob_again.access)]})]);

    server.disable_client("shop").await;
    let told = server.told(NOTES_API, &mut at_notes).await;
    assert_eq!(told, [json!({"clients": ["shop"]})]);
    let token = server.tokens("eve", &Ask::of("portal")).await;
    server.told(NOTES_API, &mut at_notes).await;
    server.revoke("portal", &token.access).await;
    let told = server.told(NOTES_API, &mut at_notes).await;
    assert!(told[0]["tokens"][0].is_string(), "{told:?}");
    server.store().end_all_sessions(server.now()).await.unwrap();
    let told = server.told(NOTES_API, &mut at_notes).await;
    assert_eq!(told, [json!({"any": true})]);
}

/// Attacks: AD69.
#[tokio::test]
async fn of_a_user_it_is_told_once_and_an_answer_ends_where_it_is_full() {
    let server = TestServer::start().await;
    let of_ada = grant_of(&server.tokens("ada", &Ask::of("shop")).await.access);
    let of_bob = grant_of(&server.tokens("bob", &Ask::of("shop")).await.access);
    let mut cursor = None;
    server.told(NOTES_API, &mut cursor).await;
    server.end_sessions("ada").await;
    server.lock_user("ada").await;
    server.lock_user("bob").await;
    let all = [json!({"grants": [of_ada]}), json!({"grants": [of_bob]})];
    let told = server.told(NOTES_API, &mut cursor.clone()).await;
    assert_eq!(told, all);
    for (one, is_more) in all.iter().zip([true, false]) {
        let ask = json!({"returnImmediately": true, "cursor": cursor, "maxEvents": 1});
        let mut answer = server.poll(NOTES_API, &ask).await.json();
        let sets: BTreeMap<String, String> = serde_json::from_value(answer["sets"].take()).unwrap();
        let told: Vec<_> = sets.values().map(|set| ended(set)).collect();
        assert_eq!(told, std::slice::from_ref(one));
        assert_eq!(answer["moreAvailable"], is_more);
        cursor = answer["cursor"].as_str().map(str::to_owned);
    }
}

#[tokio::test]
async fn only_the_client_of_an_api_is_told() {
    let server = TestServer::start().await;
    let now = json!({"returnImmediately": true});
    for stranger in ["shop", "bank"] {
        let answer = server.poll(stranger, &now).await;
        let refused = "400 unauthorized_client (event-poll-not-allowed)";
        assert_eq!(answer.to_string(), refused);
    }
    let of_another = json!({"returnImmediately": true, "resource": MAIL});
    let answer = server.poll(NOTES_API, &of_another).await;
    let refused = "400 unauthorized_client (event-poll-not-allowed)";
    assert_eq!(answer.to_string(), refused);
    let named = json!({"returnImmediately": true, "resource": NOTES});
    assert_eq!(server.poll(NOTES_API, &named).await.status, 200);

    let nobody = server.poll_with(&Credentials::Nothing, "application/json", "{}");
    let refused = "401 invalid_client (client-authentication-missing)";
    assert_eq!(nobody.await.to_string(), refused);
    let wrong = Credentials::Basic(NOTES_API.to_owned(), "wrong".to_owned());
    let answer = server.poll_with(&wrong, "application/json", "{}").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_question_that_does_not_read_is_refused_and_a_cursor_is_of_one_era() {
    let server = TestServer::start().await;
    let api = server.credentials(NOTES_API);
    for (kind, body) in [
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", r#"{"maxEvents":-1}"#),
        ("application/json", r#"{"cursor":7}"#),
        ("application/json", r#"{"cursor":"a","cursor":"b"}"#),
        ("application/x-www-form-urlencoded", "{}"),
        ("text/plain", "{}"),
    ] {
        let answer = server.poll_with(&api, kind, body).await;
        let refused = "400 invalid_request (event-poll-malformed)";
        assert_eq!(answer.to_string(), refused, "{kind} {body}");
    }
    let mut cursor = None;
    server.told(NOTES_API, &mut cursor).await;
    let ask = json!({"returnImmediately": true, "cursor": cursor});
    assert_eq!(server.poll(NOTES_API, &ask).await.status, 200);
    let unknown = "400 invalid_request (event-cursor-not-recognised)";
    let forged = json!({"returnImmediately": true, "cursor": "sc_ec_AAAA"});
    assert_eq!(server.poll(NOTES_API, &forged).await.to_string(), unknown);
    server.begin_era().await;
    assert_eq!(server.poll(NOTES_API, &ask).await.to_string(), unknown);
    cursor = None;
    server.told(NOTES_API, &mut cursor).await;
    let old = json!({"returnImmediately": true, "cursor": cursor});
    server.advance(3601);
    assert_eq!(server.poll(NOTES_API, &old).await.to_string(), unknown);
}

/// Whoever waits is answered as soon as something has ended, and when the process is to stop.
#[tokio::test]
async fn who_waits_is_answered_when_something_ends() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let mut cursor = None;
    server.told(NOTES_API, &mut cursor).await;
    let ask = json!({"cursor": cursor});
    let waiting = server.poll(NOTES_API, &ask);
    let (answer, ()) = tokio::join!(waiting, server.lock_user("ada"));
    let sets = answer.json()["sets"].take();
    let sets: BTreeMap<String, String> = serde_json::from_value(sets).unwrap();
    let told = ended(sets.values().next().unwrap());
    assert_eq!(told, json!({"grants": [grant_of(&tokens.access)]}));

    let ask = json!({"cursor": answer.json()["cursor"]});
    let stop = async { server.server().stop_waiting() };
    let (answer, ()) = tokio::join!(server.poll(NOTES_API, &ask), stop);
    assert_eq!(answer.json()["sets"], json!({}));
    // From then on nobody waits.
    assert_eq!(server.poll(NOTES_API, &ask).await.status, 200);
}

/// A network that leads to the nodes of one cluster, which take turns. What one of the guards asks, by a secret of its own, can be held up.
struct Network {
    issuer: String,
    answering: Arc<Mutex<VecDeque<Router>>>,
    introspections: Arc<AtomicUsize>,
    is_cut: watch::Sender<bool>,
}

/// The secret of the guard that may be cut off.
const OF_THE_THIRD: &str = "of-the-third-guard";

impl Network {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            answering: Arc::default(),
            introspections: Arc::default(),
            is_cut: watch::Sender::new(false),
        };
        let answering = Arc::clone(&network.answering);
        let introspections = Arc::clone(&network.introspections);
        let is_cut = network.is_cut.subscribe();
        let of_the_third = STANDARD.encode(format!("{NOTES_API}:{OF_THE_THIRD}"));
        let of_the_third = format!("Basic {of_the_third}");
        let pass_on = Router::new().fallback(async move |mut request: Request| {
            request.extensions_mut().insert(from(SOMEWHERE));
            if request.uri().path() == "/introspect" {
                introspections.fetch_add(1, Ordering::SeqCst);
            }
            let sent = request.headers().get(header::AUTHORIZATION);
            let is_of_the_third = sent.is_some_and(|sent| *sent == of_the_third);
            let router = next(&answering);
            let cut = cut(is_cut.clone(), is_of_the_third);
            tokio::select! {
                biased;
                () = cut => std::future::pending().await,
                answer = router.oneshot(request) => answer,
            }
        });
        tokio::spawn(axum::serve(listener, pass_on).into_future());
        network
    }

    async fn serve(&self) -> TestServer {
        let server = TestServer::start_at(&self.issuer).await;
        server
            .rotate_secret(NOTES_API, OF_THE_THIRD, 24 * 3600)
            .await;
        let nodes = [server.another_node().await, server.another_node().await];
        let routers = [&server, &nodes[0], &nodes[1]].map(|node| routes::public(node.server()));
        self.answering.lock().unwrap().extend(routers);
        server
    }
}

/// The node whose turn it is.
fn next(answering: &Mutex<VecDeque<Router>>) -> Router {
    let mut answering = answering.lock().unwrap();
    answering.rotate_left(1);
    answering[0].clone()
}

async fn cut(mut is_cut: watch::Receiver<bool>, is_of_the_third: bool) {
    let _ = is_cut.wait_for(|is_cut| *is_cut && is_of_the_third).await;
}

fn guard(server: &TestServer, secret: &str) -> GuardBuilder {
    Guard::new(server.issuer(), NOTES)
        .unwrap()
        .clock(server.clock())
        .revocations(NOTES_API, Secret::new(secret))
}

/// Waits for what comes by itself. The limit runs out only where it does not come.
async fn comes(what: &str, mut is_there: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_there().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "{what}");
}

/// Attacks: AD62.
#[tokio::test(flavor = "multi_thread")]
async fn three_guards_refuse_what_was_revoked_and_one_that_is_cut_off_knows_that_it_is() {
    let network = Network::open().await;
    let server = network.serve().await;
    let usual = || guard(&server, &secret_of(NOTES_API)).build().unwrap();
    let third = guard(&server, OF_THE_THIRD)
        .revocation_interval(Duration::from_secs(1))
        .http_timeout(Duration::from_secs(1))
        .without_revocations(WithoutRevocations::Refuse);
    let guards = [usual(), usual(), third.build().unwrap()];
    let third = &guards[2];
    for guard in &guards {
        guard.ready().await.unwrap();
        assert_eq!(guard.revocation_state(), RevocationState::Following);
    }
    let mut tokens = Vec::new();
    for user in ["ada", "bob", "eve"] {
        tokens.push(server.tokens(user, &Ask::of("shop")).await.access);
    }
    let denied = async |guard: &Guard, token: &str| {
        let denied = guard.validate(token).await.err();
        denied.map(|denied| denied.reason())
    };
    for guard in &guards {
        for token in &tokens {
            assert_eq!(denied(guard, token).await, None);
        }
    }

    server.end_sessions("ada").await;
    for guard in &guards {
        let refuses = async || denied(guard, &tokens[0]).await == Some(Reason::NotActive);
        comes("a revoked token is refused", refuses).await;
        assert_eq!(denied(guard, &tokens[1]).await, None);
    }

    network.is_cut.send_replace(true);
    let is_lost = async || third.revocation_state() == RevocationState::Lost;
    comes("it is noticed that nothing is heard", is_lost).await;
    server.lock_user("bob").await;
    for guard in &guards[..2] {
        let refuses = async || denied(guard, &tokens[1]).await == Some(Reason::NotActive);
        comes("a revoked token is refused", refuses).await;
    }
    // It passes nothing that it can't know, and refuses what it knows.
    let unknown = Some(Reason::IssuerUnavailable);
    assert_eq!(denied(third, &tokens[1]).await, unknown);
    assert_eq!(denied(third, &tokens[2]).await, unknown);
    assert_eq!(denied(third, &tokens[0]).await, Some(Reason::NotActive));
    assert!(third.ready().await.is_err());

    network.is_cut.send_replace(false);
    let follows = async || third.revocation_state() == RevocationState::Following;
    comes("it is heard again", follows).await;
    // What was missed is known by the moment at which it follows again.
    assert_eq!(denied(third, &tokens[1]).await, Some(Reason::NotActive));
    assert_eq!(denied(third, &tokens[2]).await, None);
    assert_eq!(network.introspections.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_hears_nothing_asks_about_each_token_unless_it_is_told_to_go_on() {
    let network = Network::open().await;
    let server = network.serve().await;
    network.is_cut.send_replace(true);
    let asking = || guard(&server, OF_THE_THIRD).http_timeout(Duration::from_secs(1));
    let going_on = asking().without_revocations(WithoutRevocations::GoOn);
    let (asking, going_on) = (asking().build().unwrap(), going_on.build().unwrap());
    let token = server.tokens("ada", &Ask::of("shop")).await.access;
    going_on.validate(&token).await.unwrap();
    assert_eq!(going_on.revocation_state(), RevocationState::Starting);
    // It asks the issuer, which does not answer either.
    let denied = asking.validate(&token).await.unwrap_err();
    assert_eq!(denied.reason(), Reason::IssuerUnavailable);
    assert_eq!(network.introspections.load(Ordering::SeqCst), 1);
    assert!(asking.ready().await.is_err());
}

/// Attacks: AD64.
#[tokio::test(flavor = "multi_thread")]
async fn a_guard_without_room_asks_about_what_is_older() {
    let network = Network::open().await;
    let server = network.serve().await;
    let full = guard(&server, &secret_of(NOTES_API)).most_revocations(0);
    let full = full.build().unwrap();
    full.ready().await.unwrap();
    let revoked = server.tokens("ada", &Ask::of("shop")).await.access;
    let good = server.tokens("bob", &Ask::of("shop")).await.access;
    full.validate(&good).await.unwrap();
    assert_eq!(network.introspections.load(Ordering::SeqCst), 0);
    server.end_sessions("ada").await;
    let refuses = async || full.validate(&revoked).await.is_err();
    comes("a revoked token is refused", refuses).await;
    full.validate(&good).await.unwrap();
    assert_eq!(network.introspections.load(Ordering::SeqCst), 2);
    // What is issued later is known to be good without a question.
    server.advance(61);
    let later = server.tokens("bob", &Ask::of("shop")).await.access;
    full.validate(&later).await.unwrap();
    assert_eq!(network.introspections.load(Ordering::SeqCst), 2);
}
