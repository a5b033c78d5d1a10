//! An issuer in this process: real keys, real PKCE, ID Tokens, rotated refresh tokens, and faults where the test asks for them.
//!
//! What a test says to it and asks of it is here. How it answers is `endpoints.rs`'s concern, what becomes of codes and tokens
//! `tokens.rs`'s.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::random;
use safeconduct_protocol::secret::Secret;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::endpoints;
use super::fault::{Endpoint, Fault};
use super::keys::Keys;
use super::proofs::Proofs;
use super::tokens::{SignedIn, Tokens};
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
pub(super) struct Inside {
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) keys: Mutex<Keys>,
    pub(super) metadata: Mutex<Value>,
    faults: Mutex<VecDeque<Fault>>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) proofs: Mutex<Proofs>,
    pub(super) signed_in: Mutex<SignedIn>,
    /// What userinfo tells of whom, beyond what it tells of everybody.
    pub(super) claims: Mutex<HashMap<String, Value>>,
    /// Who signed out, in order.
    pub(super) sign_outs: Mutex<Vec<String>>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) gate: watch::Sender<bool>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) metadata: usize,
    pub(super) keys: usize,
    pub(super) tokens: usize,
    pub(super) user_info: usize,
    pub(super) pushed: usize,
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
            metadata: Mutex::new(endpoints::metadata(&url)),
            keys: Mutex::new(Keys::new()),
            tokens: Mutex::new(Tokens::new(&url, clock.clone())),
            url: url.clone(),
            signed_in: Mutex::new(sign_in("alice", &clock)),
            clock,
            faults: Mutex::default(),
            proofs: Mutex::default(),
            claims: Mutex::default(),
            sign_outs: Mutex::default(),
            counts: watch::Sender::default(),
            gate: watch::Sender::new(true),
        });
        let router = endpoints::router(inside.clone());
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

    /// A client of this issuer: confidential, reached at `http://localhost:8421`, on the issuer's clock. It asks for an identity
    /// and for access; set other scopes for a client that asks for less. It is registered with what ID Tokens are signed with now.
    pub fn client(&self) -> ClientBuilder {
        let algorithm = lock(&self.0.inside.keys).algorithm;
        Client::new(self.url(), Self::CLIENT_ID)
            .base_url("http://localhost:8421")
            .scopes(["openid", "profile", "email", "offline_access", "notes.read"])
            .secret(Secret::new(Self::CLIENT_SECRET))
            .id_token_algorithm(algorithm)
            .clock(self.0.inside.clock.clone())
    }

    /// Who is signed in at this issuer from now on, the `sub` of its tokens, in a new session; `alice` at first. Userinfo tells
    /// their name, which is `user` too, and an e-mail address at `example.com`, as far as the scope goes.
    pub fn signs_in(&self, user: &str) {
        *lock(&self.0.inside.signed_in) = sign_in(user, &self.0.inside.clock);
    }

    /// The authentication context and methods (`acr`, `amr`) of the session that is going on, in ID Tokens and access tokens from now
    /// on: `urn:example:password` and `pwd` at first. Without a context neither says any.
    pub fn authenticated_by(&self, acr: Option<&str>, methods: &[&str]) {
        let mut signed_in = lock(&self.0.inside.signed_in);
        signed_in.acr = acr.map(str::to_owned);
        signed_in.methods = methods.iter().map(|method| (*method).to_owned()).collect();
    }

    /// How many seconds ago the session that is going on began (`auth_time`).
    pub fn signed_in_ago(&self, seconds: i64) {
        lock(&self.0.inside.signed_in).at = self.0.inside.clock.now().plus(-seconds);
    }

    /// Does from now on what `acr_values` and `max_age` ask (RFC 9470 §5): the session gets the first context that is asked for, and who
    /// signed in too long ago signs in again. At first it does not care.
    pub fn steps_up(&self) {
        lock(&self.0.inside.tokens).steps_up = true;
    }

    /// The identifier (`sid`) of the session at this issuer that is going on.
    pub fn sid(&self) -> String {
        lock(&self.0.inside.signed_in).sid.clone()
    }

    /// What userinfo tells of `user` from now on beside or instead of the usual: the members of a JSON object.
    pub fn claims(&self, user: &str, claims: Value) {
        lock(&self.0.inside.claims).insert(user.to_owned(), claims);
    }

    /// What ID Tokens and logout tokens are signed with from now on; RS256 at first.
    pub fn id_tokens_signed_with(&self, algorithm: Algorithm) {
        lock(&self.0.inside.keys).sign_with(algorithm);
    }

    /// What ID Tokens say from now on beside or instead of the usual: the members of a JSON object, of which `null` takes one away.
    pub fn id_tokens_say(&self, claims: Value) {
        lock(&self.0.inside.keys).claims = claims;
    }

    /// Signs with a new key from now on where that is ES256. The old one stays published.
    pub fn rotate_keys(&self) {
        lock(&self.0.inside.keys).rotate();
    }

    /// Announces that authorization requests may be pushed here, or must be.
    pub fn takes_pushed_requests(&self, required: bool) {
        let endpoint = format!("{}/par", self.url());
        self.change_metadata("pushed_authorization_request_endpoint", endpoint.into());
        self.change_metadata("require_pushed_authorization_requests", required.into());
    }

    /// Demands a nonce in every DPoP proof from now on, another one than before.
    pub fn demands_nonce(&self) {
        lock(&self.0.inside.proofs).demand_nonce();
    }

    /// What refresh tokens begin with from now on; `rt-` at first.
    pub fn refresh_tokens_begin_with(&self, prefix: &str) {
        lock(&self.0.inside.tokens).refresh_prefix = prefix.to_owned();
    }

    /// Takes every refresh token once from now on: the same one again is a theft and ends its grant, though its answer was lost.
    pub fn forgives_no_retry(&self) {
        lock(&self.0.inside.tokens).forgives_retries = false;
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

    /// How often the keys were asked for.
    pub fn key_requests(&self) -> usize {
        self.0.inside.counts.borrow().keys
    }

    /// How often userinfo was asked for.
    pub fn user_info_requests(&self) -> usize {
        self.0.inside.counts.borrow().user_info
    }

    /// How often an authorization request was pushed.
    pub fn pushed_requests(&self) -> usize {
        self.0.inside.counts.borrow().pushed
    }

    /// How many DPoP proofs were taken.
    pub fn proofs(&self) -> usize {
        lock(&self.0.inside.proofs).count()
    }

    /// Who signed out at this issuer, in order.
    pub fn sign_outs(&self) -> Vec<String> {
        lock(&self.0.inside.sign_outs).clone()
    }

    /// How often the token endpoint was asked.
    pub fn token_requests(&self) -> usize {
        self.0.inside.counts.borrow().tokens
    }

    /// How often a refresh token was presented.
    pub fn refreshes(&self) -> usize {
        lock(&self.0.inside.tokens).refreshes
    }

    /// The value of a parameter in the last request that was pushed, if it was there.
    pub fn last_pushed(&self, parameter: &str) -> Option<String> {
        let tokens = lock(&self.0.inside.tokens);
        values(&tokens.last_pushed, parameter).pop()
    }

    /// The value of a parameter in the last request for a token, if it was there.
    pub fn last_token_request(&self, parameter: &str) -> Option<String> {
        let tokens = lock(&self.0.inside.tokens);
        values(&tokens.last_request, parameter).pop()
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

    /// Ends every grant, as a user does who withdraws consent.
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
        let response = endpoints::authorize(&self.0.inside, url.query().unwrap_or_default());
        let location = response.headers().get(header::LOCATION);
        location
            .and_then(|location| Url::parse(location.to_str().ok()?).ok())
            .expect("the authorization endpoint redirects")
    }

    /// Plays the browser at the end_session_endpoint: the address it is sent back to.
    ///
    /// # Panics
    /// If the answer is no redirect: the hint is no ID Token of this issuer, or there is nowhere to go back to.
    pub async fn end_session(&self, url: &Url) -> Url {
        let endpoint = format!("{}/logout?", self.url());
        assert!(
            url.as_str().starts_with(&endpoint),
            "not this issuer's address"
        );
        endpoints::end_session(&self.0.inside, url.query().unwrap_or_default())
            .expect("a sign-out with a proper hint leads back")
    }

    pub(super) fn inside(&self) -> &Inside {
        &self.0.inside
    }
}

fn sign_in(user: &str, clock: &Clock) -> SignedIn {
    SignedIn {
        user: user.to_owned(),
        sid: random::token(),
        at: clock.now(),
        acr: Some("urn:example:password".to_owned()),
        methods: vec!["pwd".to_owned()],
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
    pub(super) fn fault(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let next = faults
            .iter()
            .position(|fault| fault.endpoint() == endpoint)?;
        faults.remove(next)
    }
}

/// The value of a parameter; empty if it was not sent.
pub(super) fn value<'a>(sent: &'a Pairs, name: &str) -> &'a str {
    let found = sent.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

/// All values of a parameter.
pub(super) fn values(sent: &Pairs, name: &str) -> Vec<String> {
    let found = sent.iter().filter(|(key, _)| key == name);
    found.map(|(_, value)| value.clone()).collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
