//! An issuer in this process: real keys, real PKCE, rotated refresh tokens, and faults where the test asks for them.
//!
//! It approves every authorization request at once. What becomes of codes and tokens is `tokens.rs`'s concern.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::axum::extract::{RawForm, RawQuery, State};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use ::axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::secret::Secret;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::fault::{Endpoint, Fault, broken_off};
use super::tokens::Tokens;
use crate::builder::ClientBuilder;
use crate::client::Client;

/// Parameters of a query or a form.
pub(super) type Pairs = Vec<(String, String)>;

/// An issuer on a port of this machine. Stops when its last clone is dropped.
#[derive(Clone)]
pub struct FakeIssuer(Arc<Shared>);

struct Shared {
    url: String,
    inside: Arc<Inside>,
    serving: JoinHandle<()>,
}

/// What the endpoints share.
struct Inside {
    url: String,
    clock: Clock,
    key: SigningKey,
    metadata: Mutex<Value>,
    faults: Mutex<VecDeque<Fault>>,
    tokens: Mutex<Tokens>,
    user: Mutex<String>,
    counts: watch::Sender<Counts>,
    gate: watch::Sender<bool>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    metadata: usize,
    tokens: usize,
}

/// The token endpoint, held shut. Dropping it lets the waiting requests go on.
pub struct Gate(Arc<Inside>);

impl FakeIssuer {
    /// The identifier of the one client this issuer knows.
    pub const CLIENT_ID: &'static str = "test-app";
    /// That client's secret.
    pub const CLIENT_SECRET: &'static str = "a secret for tests, known to all";

    /// Starts an issuer on the machine's clock.
    pub async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    /// Starts an issuer on `clock`.
    ///
    /// # Panics
    /// If no port of this machine can be had.
    pub async fn start_at(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a test machine has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let url = format!("http://{address}");
        let inside = Arc::new(Inside {
            metadata: Mutex::new(metadata(&url)),
            key: SigningKey::generate(Algorithm::Es256).expect("a P-256 key can be made"),
            tokens: Mutex::new(Tokens::new(&url, clock.clone())),
            url: url.clone(),
            clock,
            faults: Mutex::default(),
            user: Mutex::new("alice".to_owned()),
            counts: watch::Sender::default(),
            gate: watch::Sender::new(true),
        });
        let router = router(inside.clone());
        let serving = tokio::spawn(async move {
            // It ends when it is aborted, and with the test.
            let _ = ::axum::serve(listener, router).await;
        });
        Self(Arc::new(Shared {
            url,
            inside,
            serving,
        }))
    }

    /// The issuer's identifier.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// A client of this issuer: confidential, reached at `http://localhost:8421`, on the issuer's clock.
    pub fn client(&self) -> ClientBuilder {
        Client::new(self.url(), Self::CLIENT_ID)
            .base_url("http://localhost:8421")
            .scopes(["offline_access", "notes.read"])
            .secret(Secret::new(Self::CLIENT_SECRET))
            .clock(self.0.inside.clock.clone())
    }

    /// Who is signed in at this issuer from now on, the `sub` of its tokens; `alice` at first.
    pub fn signs_in(&self, user: &str) {
        *lock(&self.0.inside.user) = user.to_owned();
    }

    /// How many seconds access tokens live from now on; 300 at first. `None`: the answer does not say.
    pub fn access_lifetime(&self, seconds: Option<i64>) {
        lock(&self.0.inside.tokens).access_lifetime = seconds;
    }

    /// Makes the issuer do these things wrong, one per request to the endpoint concerned, in this order.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.0.inside.faults).extend(faults);
    }

    /// Changes one member of the metadata; `null` removes it.
    pub fn change_metadata(&self, member: &str, value: Value) {
        let mut metadata = lock(&self.0.inside.metadata);
        match (metadata.as_object_mut(), value) {
            (Some(members), Value::Null) => {
                members.remove(member);
            }
            (Some(members), value) => {
                members.insert(member.to_owned(), value);
            }
            (None, _) => {}
        }
    }

    /// Registers the public half of a key for `private_key_jwt`.
    pub fn trust(&self, key: &SigningKey) {
        lock(&self.0.inside.tokens).trusted = Some(key.verification_key());
    }

    /// Shuts the token endpoint: requests come in and wait until the gate is dropped.
    pub fn hold_tokens(&self) -> Gate {
        self.0.inside.gate.send_replace(false);
        Gate(self.0.inside.clone())
    }

    /// Waits until the token endpoint was asked `count` times in all.
    pub async fn until_token_requests(&self, count: usize) {
        let mut counts = self.0.inside.counts.subscribe();
        // The sender lives in this issuer: the wait ends by the count alone.
        let _ = counts.wait_for(|counts| counts.tokens >= count).await;
    }

    /// How often metadata was asked for.
    pub fn metadata_requests(&self) -> usize {
        self.0.inside.counts.borrow().metadata
    }

    /// How often the token endpoint was asked.
    pub fn token_requests(&self) -> usize {
        self.0.inside.counts.borrow().tokens
    }

    /// How often a refresh token was presented.
    pub fn refreshes(&self) -> usize {
        lock(&self.0.inside.tokens).refreshes
    }

    /// How many grants were ended by the client, at the revocation endpoint.
    pub fn revocations(&self) -> usize {
        lock(&self.0.inside.tokens).revocations
    }

    /// Whether a refresh token or a code was used again after it should have been forgotten.
    pub fn saw_reuse(&self) -> bool {
        lock(&self.0.inside.tokens).saw_reuse
    }

    /// The names of the methods the client authenticated with, in order.
    pub fn authentications(&self) -> Vec<&'static str> {
        lock(&self.0.inside.tokens).authentications.clone()
    }

    /// Ends every grant, as a person does who withdraws consent.
    pub fn revoke_everything(&self) {
        lock(&self.0.inside.tokens).revoke_everything();
    }

    /// Plays the browser at the authorization endpoint: the address it is sent back to.
    ///
    /// # Panics
    /// If the answer is no redirect: the client sent a request that this issuer does not take.
    pub async fn authorize(&self, url: &Url) -> Url {
        assert_eq!(
            url.origin().ascii_serialization(),
            self.url(),
            "not this issuer's address"
        );
        let response = authorize(&self.0.inside, url.query().unwrap_or_default());
        let location = response.headers().get(header::LOCATION);
        location
            .and_then(|location| Url::parse(location.to_str().ok()?).ok())
            .expect("the authorization endpoint redirects")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.gate.send_replace(true);
    }
}

impl Inside {
    /// The next scripted fault of `endpoint`, if its turn has come.
    fn fault(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let next = faults
            .iter()
            .position(|fault| fault.endpoint() == endpoint)?;
        faults.remove(next)
    }
}

fn router(inside: Arc<Inside>) -> Router {
    let metadata = || get(serve_metadata);
    Router::new()
        .route("/.well-known/oauth-authorization-server", metadata())
        .route("/.well-known/openid-configuration", metadata())
        .route("/jwks", get(serve_keys))
        .route("/authorize", get(serve_authorize))
        .route("/token", post(serve_token))
        .route("/revoke", post(serve_revoke))
        .with_state(inside)
}

fn metadata(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "revocation_endpoint": format!("{url}/revoke"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

async fn serve_metadata(State(inside): State<Arc<Inside>>) -> Response {
    inside.counts.send_modify(|counts| counts.metadata += 1);
    if let Some(fault) = inside.fault(Endpoint::Metadata)
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let fresh = [(header::CACHE_CONTROL, "max-age=3600")];
    (fresh, Json(lock(&inside.metadata).clone())).into_response()
}

async fn serve_keys(State(inside): State<Arc<Inside>>) -> Json<Value> {
    Json(json!({ "keys": [inside.key.public_jwk()] }))
}

async fn serve_authorize(State(inside): State<Arc<Inside>>, RawQuery(query): RawQuery) -> Response {
    authorize(&inside, &query.unwrap_or_default())
}

fn authorize(inside: &Inside, query: &str) -> Response {
    let sent: Pairs = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let fault = inside.fault(Endpoint::Authorization);
    let user = lock(&inside.user).clone();
    let Some((redirect_uri, code)) = lock(&inside.tokens).authorize(&sent, &user) else {
        return (StatusCode::BAD_REQUEST, "not a request this issuer takes").into_response();
    };
    let mut back = redirect_uri;
    let state = match fault {
        Some(Fault::WrongState) => "another.state",
        _ => value(&sent, "state"),
    };
    let mut answer = back.query_pairs_mut();
    match fault {
        Some(Fault::Denies(error)) => answer.append_pair("error", error),
        _ => answer.append_pair("code", &code),
    };
    answer.append_pair("state", state);
    match fault {
        Some(Fault::NoIssuer) => {}
        Some(Fault::WrongIssuer) => {
            answer.append_pair("iss", "https://evil.example");
        }
        _ => {
            answer.append_pair("iss", &inside.url);
        }
    }
    drop(answer);
    (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, back.to_string())],
    )
        .into_response()
}

async fn serve_token(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    inside.counts.send_modify(|counts| counts.tokens += 1);
    let mut gate = inside.gate.subscribe();
    // The sender is in this very issuer: the wait ends when the gate opens.
    let _ = gate.wait_for(|open| *open).await;
    let fault = inside.fault(Endpoint::Token);
    if let Some(fault) = fault
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let sent: Pairs = form_urlencoded::parse(&form).into_owned().collect();
    let granted = lock(&inside.tokens).redeem(&inside.key, &headers, &sent);
    let answer = match granted {
        Ok(body) => Json(body).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    };
    match fault {
        Some(Fault::LosesAnswer) => broken_off(answer),
        _ => answer,
    }
}

async fn serve_revoke(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> StatusCode {
    let sent: Pairs = form_urlencoded::parse(&form).into_owned().collect();
    match lock(&inside.tokens).revoke(&headers, &sent) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

/// The value of a parameter; empty if it was not sent.
pub(super) fn value<'a>(sent: &'a Pairs, name: &str) -> &'a str {
    let found = sent.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
