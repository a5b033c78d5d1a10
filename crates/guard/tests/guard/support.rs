//! An authorization server that does what a test tells it, on a port of its own, and counts who asks for what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use safeconduct_guard::{Clock, Guard, GuardBuilder, Reason, Timestamp};
use safeconduct_protocol::jose::{Algorithm, JwkSet, SigningKey};
use safeconduct_protocol::random;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The API of every test.
pub(crate) const API: &str = "https://api.example.com";
/// When every test begins.
pub(crate) const START: i64 = 1_800_000_000;

/// The issuer.
pub(crate) struct FakeIssuer {
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) key: SigningKey,
    script: Arc<Script>,
    server: AbortHandle,
}

/// What it answers, and what it was asked.
pub(crate) struct Script {
    url: String,
    good_jwks: Vec<u8>,
    metadata: Mutex<Reply>,
    jwks: Mutex<Reply>,
    introspection: Mutex<Reply>,
    by_token: Mutex<HashMap<String, Value>>,
    open: watch::Sender<bool>,
    /// Whether a request for keys that waits has its answer already.
    answered: AtomicBool,
    pub(crate) asked_for_metadata: AtomicUsize,
    pub(crate) asked_for_keys: AtomicUsize,
    pub(crate) asked_about_tokens: AtomicUsize,
    /// Requests that wait, or were ended while waiting.
    pub(crate) waiting: watch::Sender<usize>,
    last_credentials: Mutex<Option<String>>,
    last_form: Mutex<Vec<u8>>,
}

/// One scripted answer.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::text(&body.to_string())
    }

    pub(crate) fn text(body: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}

impl FakeIssuer {
    /// An issuer that answers as it should.
    pub(crate) async fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), "")
    }

    /// As [`FakeIssuer::start`], on a listener of the test's, with `path` behind the host of its name.
    pub(crate) fn start_on(listener: TcpListener, path: &str) -> Self {
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let metadata = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "introspection_endpoint": format!("{url}/introspect"),
        });
        let script = Arc::new(Script {
            url: url.clone(),
            good_jwks: jwk_set(&[&key]).to_string().into_bytes(),
            metadata: Mutex::new(Reply::json(&metadata)),
            jwks: Mutex::new(Reply::status(404)),
            introspection: Mutex::new(Reply::json(&json!({"active": false}))),
            by_token: Mutex::default(),
            open: watch::Sender::new(true),
            answered: AtomicBool::new(false),
            asked_for_metadata: AtomicUsize::new(0),
            asked_for_keys: AtomicUsize::new(0),
            asked_about_tokens: AtomicUsize::new(0),
            waiting: watch::Sender::new(0),
            last_credentials: Mutex::default(),
            last_form: Mutex::default(),
        });
        let app = Router::new()
            .route(
                &format!("/.well-known/oauth-authorization-server{path}"),
                get(metadata_document),
            )
            .route(&format!("{path}/jwks"), get(jwks))
            .route(&format!("{path}/introspect"), post(introspect))
            .route("/elsewhere", any(elsewhere))
            .with_state(Arc::clone(&script));
        let server =
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }).abort_handle();
        let clock = Clock::test(Timestamp::from_seconds(START));
        let issuer = Self {
            url,
            clock,
            key,
            script,
            server,
        };
        issuer.publish(&[&issuer.key]);
        issuer
    }

    /// A guard of [`API`] that trusts this issuer, being set up.
    pub(crate) fn guard_builder(&self) -> GuardBuilder {
        Guard::new(&self.url, API)
            .unwrap()
            .clock(self.clock.clone())
            .http_timeout(Duration::from_secs(5))
    }

    /// A guard of [`API`] that trusts this issuer.
    pub(crate) fn guard(&self) -> Guard {
        self.guard_builder().build().unwrap()
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        self.answer_keys(Reply::json(&jwk_set(keys)));
    }

    pub(crate) fn answer_keys(&self, reply: Reply) {
        *self.script.jwks.lock().unwrap() = reply;
    }

    pub(crate) fn answer_metadata(&self, reply: Reply) {
        *self.script.metadata.lock().unwrap() = reply;
    }

    /// What is answered about tokens of which nothing else is said.
    pub(crate) fn answer_introspection(&self, reply: Reply) {
        *self.script.introspection.lock().unwrap() = reply;
    }

    /// Says of `token` that it is active, with these claims changed.
    pub(crate) fn activate(&self, token: &str, change: Value) {
        let mut claims = self.claims(change);
        claims["active"] = true.into();
        claims["token_type"] = "Bearer".into();
        self.script
            .by_token
            .lock()
            .unwrap()
            .insert(token.to_owned(), claims);
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.script.by_token.lock().unwrap().remove(token);
    }

    /// Everything answers 503 until [`FakeIssuer::recover`].
    pub(crate) fn fail(&self) {
        self.answer_metadata(Reply::status(503));
        self.answer_keys(Reply::status(503));
        self.answer_introspection(Reply::status(503));
    }

    pub(crate) fn recover(&self) {
        let url = &self.url;
        self.answer_metadata(Reply::json(&json!({
            "issuer": url, "jwks_uri": format!("{url}/jwks"), "introspection_endpoint": format!("{url}/introspect"),
        })));
        self.publish(&[&self.key]);
        self.answer_introspection(Reply::json(&json!({"active": false})));
    }

    /// Requests for keys and about tokens wait until [`FakeIssuer::resume`].
    pub(crate) fn pause(&self) {
        self.script.open.send_replace(false);
    }

    /// As [`FakeIssuer::pause`], and what a request for keys then gets is what was published when it came.
    pub(crate) fn pause_answered(&self) {
        self.script.answered.store(true, Ordering::SeqCst);
        self.pause();
    }

    pub(crate) fn resume(&self) {
        self.script.open.send_replace(true);
    }

    /// Waits until so many requests wait.
    pub(crate) async fn has_waiting(&self, count: usize) {
        let mut waiting = self.script.waiting.subscribe();
        within(waiting.wait_for(|waiting| *waiting == count))
            .await
            .unwrap();
    }

    pub(crate) fn asked_for_keys(&self) -> usize {
        self.script.asked_for_keys.load(Ordering::SeqCst)
    }

    pub(crate) fn asked_for_metadata(&self) -> usize {
        self.script.asked_for_metadata.load(Ordering::SeqCst)
    }

    pub(crate) fn asked_about_tokens(&self) -> usize {
        self.script.asked_about_tokens.load(Ordering::SeqCst)
    }

    pub(crate) fn last_credentials(&self) -> Option<String> {
        self.script.last_credentials.lock().unwrap().clone()
    }

    pub(crate) fn last_form(&self) -> String {
        String::from_utf8(self.script.last_form.lock().unwrap().clone()).unwrap()
    }

    /// The claims of a good token with `change`; a `null` takes a claim out.
    pub(crate) fn claims(&self, change: Value) -> Value {
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "iss": self.url, "aud": API, "sub": "alice", "client_id": "app", "scope": "notes.read",
            "iat": now, "exp": now + 300, "jti": random::token(), "grant_id": "grant-1",
        });
        let claims = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        Value::Object(std::mem::take(claims))
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        self.token_with(json!({}))
    }

    /// A good token with `change` in its claims.
    pub(crate) fn token_with(&self, change: Value) -> String {
        self.sign(&self.key, "at+jwt", change)
    }

    pub(crate) fn sign(&self, key: &SigningKey, typ: &str, change: Value) -> String {
        key.sign_jwt(typ, &self.claims(change)).unwrap()
    }
}

impl Drop for FakeIssuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn jwk_set(keys: &[&SigningKey]) -> Value {
    serde_json::to_value(JwkSet {
        keys: keys.iter().map(|key| key.public_jwk()).collect(),
    })
    .unwrap()
}

/// Why `guard` refuses `token`; the subject if it does not.
pub(crate) async fn verdict(guard: &Guard, token: &str) -> Result<String, Reason> {
    match within(guard.validate(token)).await {
        Ok(token) => Ok(token.subject().to_owned()),
        Err(denied) => Err(denied.reason()),
    }
}

pub(crate) fn alice() -> Result<String, Reason> {
    Ok("alice".to_owned())
}

/// Nothing hangs: a test that waits for ten seconds has failed.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("nothing hangs")
}

/// Waits until `condition` holds, letting other tasks run.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn metadata_document(State(script): State<Arc<Script>>) -> Reply {
    script.asked_for_metadata.fetch_add(1, Ordering::SeqCst);
    script.metadata.lock().unwrap().clone()
}

/// Where redirects lead: to what would be a good answer to everything, if anybody followed.
async fn elsewhere(State(script): State<Arc<Script>>) -> Reply {
    let url = &script.url;
    let keys: Value = serde_json::from_slice(&script.good_jwks).unwrap();
    Reply::json(&json!({
        "issuer": url, "jwks_uri": format!("{url}/jwks"), "introspection_endpoint": format!("{url}/introspect"),
        "keys": keys["keys"], "active": true, "iss": url, "aud": API, "sub": "alice", "client_id": "app",
    }))
}

async fn jwks(State(script): State<Arc<Script>>) -> Reply {
    script.asked_for_keys.fetch_add(1, Ordering::SeqCst);
    let now = script.jwks.lock().unwrap().clone();
    script.turn().await;
    match script.answered.load(Ordering::SeqCst) {
        true => now,
        false => script.jwks.lock().unwrap().clone(),
    }
}

async fn introspect(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Reply {
    script.asked_about_tokens.fetch_add(1, Ordering::SeqCst);
    let credentials = headers
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap().to_owned());
    *script.last_credentials.lock().unwrap() = credentials;
    *script.last_form.lock().unwrap() = body.to_vec();
    script.turn().await;
    let token = form_urlencoded::parse(&body)
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned());
    let known = token.and_then(|token| script.by_token.lock().unwrap().get(&token).cloned());
    match known {
        Some(claims) => Reply::json(&claims),
        None => script.introspection.lock().unwrap().clone(),
    }
}

impl Script {
    async fn turn(&self) {
        struct Waiting<'a>(&'a watch::Sender<usize>);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|waiting| *waiting -= 1);
            }
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _waiting = Waiting(&self.waiting);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}
