//! The checker is itself tested: a small server that keeps every promise, driven as the real one is, breaks none; with one
//! mistake in it, it is caught, by the promise that the mistake breaks.
//!
//! The server keeps everything in memory. Where a mistake is to read first and to write after, it lets others go first in
//! between, as a database does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rstest::rstest;
use safeconduct_protocol::random;
use safeconduct_soak::caller::World;
use safeconduct_soak::checker::{Invariant, check};
use safeconduct_soak::history::{History, User};
use safeconduct_soak::participants::{CODE_VERIFIER, Machines, REDIRECT_URI};
use safeconduct_soak::visitor::{Visitor, below};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, yield_now};

const PEOPLE: usize = 16;
const REQUESTS: u64 = 3_000;
/// What people do is up to chance, and some things are rare: a mistake may take several days to show.
const DAYS: usize = 10;

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Nothing,
    /// Whether a code was redeemed is read first, and written after.
    RedemptionReadThenWritten,
    /// Replaying a code is refused, and ends nothing.
    ReplayForgiven,
    /// Each refresh token is good once by itself, whatever became of the others.
    TokensOfTheirOwn,
    /// Reusing a refresh token is refused, and ends nothing.
    ReuseForgiven,
    /// Some revocations are acknowledged and not made.
    RevocationForgotten,
    /// Signing out ends the session, and nothing that hangs on it.
    GrantsOutliveSessions,
    /// Some grants are answered and not kept.
    AnsweredBeforeWritten,
    /// Any client may redeem any code.
    AnyClient,
    /// Whether something was used that is good once is read first, and written after.
    UseReadThenWritten,
    /// A token that is not known is a fault.
    FaultInsteadOfRefusal,
}

#[rstest]
#[case(Mistake::Nothing, None)]
#[case(Mistake::RedemptionReadThenWritten, Some(Invariant::I1))]
#[case(Mistake::ReplayForgiven, Some(Invariant::I1))]
#[case(Mistake::TokensOfTheirOwn, Some(Invariant::I2))]
#[case(Mistake::ReuseForgiven, Some(Invariant::I2))]
#[case(Mistake::RevocationForgotten, Some(Invariant::I3))]
#[case(Mistake::GrantsOutliveSessions, Some(Invariant::I3))]
#[case(Mistake::AnsweredBeforeWritten, Some(Invariant::I4))]
#[case(Mistake::AnyClient, Some(Invariant::I5))]
#[case(Mistake::UseReadThenWritten, Some(Invariant::I6))]
#[case(Mistake::FaultInsteadOfRefusal, Some(Invariant::I7))]
#[tokio::test]
async fn a_mistake_is_caught(#[case] mistake: Mistake, #[case] caught: Option<Invariant>) {
    let mut broken = BTreeSet::new();
    for _ in 0..DAYS {
        let history = a_day_at(mistake).await;
        broken.extend(check(&history).iter().map(|one| one.invariant));
        match caught {
            None => assert!(broken.is_empty(), "a server without a mistake: {broken:?}"),
            Some(invariant) if broken.contains(&invariant) => return,
            Some(_) => {}
        }
    }
    assert_eq!(caught, None, "only {broken:?}");
}

/// What people live through at such a server.
async fn a_day_at(mistake: Mistake) -> History {
    let server = Server(Arc::new((mistake, Mutex::default())));
    let address = server.start().await;
    let subject = |number| (format!("person-{number}"), User(number));
    let subjects: HashMap<String, User> = (0..PEOPLE).map(subject).collect();
    let machines = Machines::generate().unwrap();
    let world = Arc::new(World::new(vec![address], subjects, machines));
    let mut people = JoinSet::new();
    for user in (0..PEOPLE).map(User) {
        let world = Arc::clone(&world);
        people.spawn(async move {
            let mut visitor = Visitor::new(user, &world);
            visitor.live(|| world.asked() < REQUESTS).await;
            visitor.look_back(Duration::from_secs(10)).await;
            visitor.into_events()
        });
    }
    let events = people.join_all().await.concat();
    assert!(events.len() as u64 >= REQUESTS);
    History::new(events, Vec::new(), Vec::new())
}

/// The server: its mistake, and its memory.
#[derive(Clone)]
struct Server(Arc<(Mistake, Mutex<Memory>)>);

#[derive(Default)]
struct Memory {
    /// The user of each session cookie.
    sessions: HashMap<String, String>,
    codes: HashMap<String, Code>,
    grants: Vec<Grant>,
    refresh_tokens: HashMap<String, RefreshToken>,
    access_tokens: HashMap<String, AccessToken>,
    /// What was used that is good once.
    used: HashSet<String>,
    /// The state of each request that was pushed.
    pushed: HashMap<String, String>,
}

#[derive(Clone)]
struct Code {
    user: String,
    client: String,
    session: String,
    /// Which grant it became.
    grant: Option<usize>,
}

struct Grant {
    user: String,
    client: String,
    session: String,
    generation: usize,
    dead: bool,
}

#[derive(Clone, Copy)]
struct RefreshToken {
    grant: usize,
    generation: usize,
    used: bool,
}

#[derive(Clone, Copy)]
struct AccessToken {
    grant: usize,
    revoked: bool,
}

type Fields = HashMap<String, String>;

impl Server {
    async fn start(&self) -> SocketAddr {
        let router = Router::new()
            .route("/authorize", get(authorize))
            .route("/par", post(par))
            .route("/login", post(login))
            .route("/token", post(token))
            .route("/introspect", post(introspect))
            .route("/userinfo", get(userinfo))
            .route("/revoke", post(revoke))
            .route("/logout", get(logout))
            .route("/logout/confirm", post(confirm))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.0.0 == mistake
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.1.lock().unwrap()
    }

    async fn redeem(&self, client: &str, form: &Fields) -> Response {
        let name = &form["code"];
        let found = self.memory().codes.get(name).cloned();
        let Some(code) = found else {
            return self.unknown();
        };
        let theirs = code.client == client || self.makes(Mistake::AnyClient);
        if !theirs || form["code_verifier"] != CODE_VERIFIER {
            return refused();
        }
        if self.makes(Mistake::RedemptionReadThenWritten) {
            yield_now().await;
            if code.grant.is_some() {
                self.memory().end(code.grant);
                return refused();
            }
        }
        let mut memory = self.memory();
        let grant = memory.codes[name].grant;
        if grant.is_some() && !self.makes(Mistake::RedemptionReadThenWritten) {
            if !self.makes(Mistake::ReplayForgiven) {
                memory.end(grant);
            }
            return refused();
        }
        if !memory.sessions.contains_key(&code.session) {
            return refused();
        }
        let grant = memory.grants.len();
        memory.grants.push(Grant {
            user: code.user,
            client: code.client,
            session: code.session,
            generation: 0,
            dead: self.makes(Mistake::AnsweredBeforeWritten) && below(8) == 0,
        });
        memory.codes.get_mut(name).unwrap().grant = Some(grant);
        memory.hand_out(grant, 0)
    }

    async fn refresh(&self, client: &str, form: &Fields) -> Response {
        let name = &form["refresh_token"];
        let found = self.memory().refresh_tokens.get(name).copied();
        let Some(token) = found else {
            return self.unknown();
        };
        if self.makes(Mistake::TokensOfTheirOwn) {
            yield_now().await;
        }
        let mut memory = self.memory();
        let alive = self.is_alive(&memory, token.grant);
        if memory.grants[token.grant].client != client || !alive {
            return refused();
        }
        if self.makes(Mistake::TokensOfTheirOwn) {
            memory.refresh_tokens.get_mut(name).unwrap().used = true;
            return match token.used {
                true => refused(),
                false => memory.hand_out(token.grant, token.generation + 1),
            };
        }
        match memory.grants[token.grant].generation - token.generation {
            0 | 1 => memory.hand_out(token.grant, token.generation + 1),
            _ => {
                if !self.makes(Mistake::ReuseForgiven) {
                    memory.end(Some(token.grant));
                }
                refused()
            }
        }
    }

    /// Whether this is the first use of something that is good once.
    async fn is_first(&self, text: &str) -> bool {
        if self.makes(Mistake::UseReadThenWritten) {
            let used = self.memory().used.contains(text);
            yield_now().await;
            self.memory().used.insert(text.to_owned());
            return !used;
        }
        self.memory().used.insert(text.to_owned())
    }

    fn is_alive(&self, memory: &Memory, grant: usize) -> bool {
        let grant = &memory.grants[grant];
        let session = memory.sessions.contains_key(&grant.session);
        !grant.dead && (session || self.makes(Mistake::GrantsOutliveSessions))
    }

    fn good(&self, memory: &Memory, token: &str) -> Option<usize> {
        let token = memory.access_tokens.get(token)?;
        (!token.revoked && self.is_alive(memory, token.grant)).then_some(token.grant)
    }

    fn unknown(&self) -> Response {
        match self.makes(Mistake::FaultInsteadOfRefusal) {
            true => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            false => refused(),
        }
    }
}

impl Memory {
    fn end(&mut self, grant: Option<usize>) {
        if let Some(grant) = grant {
            self.grants[grant].dead = true;
        }
    }

    fn hand_out(&mut self, grant: usize, generation: usize) -> Response {
        let (access, refresh) = (random::token(), random::token());
        let newest = &mut self.grants[grant].generation;
        *newest = (*newest).max(generation);
        let token = RefreshToken {
            grant,
            generation,
            used: false,
        };
        self.refresh_tokens.insert(refresh.clone(), token);
        let token = AccessToken {
            grant,
            revoked: false,
        };
        self.access_tokens.insert(access.clone(), token);
        granted(json!({ "access_token": access, "refresh_token": refresh }))
    }
}

async fn authorize(
    State(server): State<Server>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let cookie = cookie(&headers);
    let pushed = query.get("request_uri");
    if let Some(uri) = pushed
        && server.memory().sessions.contains_key(&cookie)
        && !server.is_first(uri).await
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut memory = server.memory();
    let Some(user) = memory.sessions.get(&cookie).cloned() else {
        let headers = [(header::SET_COOKIE, "__Host-sc-browser-iIex0aUE=b")];
        return (headers, r#"<input name="pending" value="p">"#).into_response();
    };
    let name = random::token();
    let code = Code {
        user,
        client: query["client_id"].clone(),
        session: cookie,
        grant: None,
    };
    memory.codes.insert(name.clone(), code);
    let state = pushed.map_or_else(|| &query["state"], |uri| &memory.pushed[uri]);
    see_other(&format!("{REDIRECT_URI}?code={name}&state={state}"))
}

async fn par(State(server): State<Server>, Form(form): Form<Fields>) -> Response {
    let uri = random::token();
    let state = form["state"].clone();
    server.memory().pushed.insert(uri.clone(), state);
    granted(json!({ "request_uri": uri }))
}

async fn login(State(server): State<Server>, Form(form): Form<Fields>) -> Response {
    let session = random::token();
    let user = form["username"].clone();
    server.memory().sessions.insert(session.clone(), user);
    let set = (
        header::SET_COOKIE,
        format!("__Host-sc-session-iIex0aUE={session}"),
    );
    ([set], see_other("/authorize")).into_response()
}

async fn token(
    State(server): State<Server>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let client = client(&headers);
    match form["grant_type"].as_str() {
        "authorization_code" => server.redeem(&client, &form).await,
        "refresh_token" => server.refresh(&client, &form).await,
        _ => {
            let proof = headers.get("dpop").map(|proof| proof.to_str().unwrap());
            match server
                .is_first(proof.unwrap_or_else(|| &form["client_assertion"]))
                .await
            {
                true => granted(json!({})),
                false => unauthorized(),
            }
        }
    }
}

async fn introspect(
    State(server): State<Server>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let memory = server.memory();
    let good = server.good(&memory, &form["token"]);
    match good.filter(|_| client(&headers) == "api") {
        Some(grant) => {
            let grant = &memory.grants[grant];
            granted(json!({ "active": true, "sub": grant.user, "client_id": grant.client }))
        }
        None => granted(json!({ "active": false })),
    }
}

async fn userinfo(State(server): State<Server>, headers: HeaderMap) -> Response {
    let memory = server.memory();
    let token = authorization(&headers, "Bearer ");
    match server.good(&memory, &token) {
        Some(grant) => granted(json!({ "sub": memory.grants[grant].user })),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn revoke(State(server): State<Server>, Form(form): Form<Fields>) -> Response {
    let mut memory = server.memory();
    if server.makes(Mistake::RevocationForgotten) && below(4) == 0 {
        return StatusCode::OK.into_response();
    }
    if let Some(token) = memory.access_tokens.get_mut(&form["token"]) {
        token.revoked = true;
    }
    let grant = memory.refresh_tokens.get(&form["token"]);
    let grant = grant.map(|token| token.grant);
    memory.end(grant);
    StatusCode::OK.into_response()
}

async fn logout(State(server): State<Server>, headers: HeaderMap) -> Response {
    match server.memory().sessions.contains_key(&cookie(&headers)) {
        true => r#"<input name="csrf" value="c">"#.into_response(),
        false => signed_out(),
    }
}

async fn confirm(State(server): State<Server>, headers: HeaderMap) -> Response {
    server.memory().sessions.remove(&cookie(&headers));
    signed_out()
}

fn signed_out() -> Response {
    let taken_away = (header::SET_COOKIE, "__Host-sc-session-iIex0aUE=".to_owned());
    ([taken_away], see_other("/signed-out")).into_response()
}

fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

fn granted(body: Value) -> Response {
    Json(body).into_response()
}

fn refused() -> Response {
    let body = Json(json!({ "error": "invalid_grant" }));
    (StatusCode::BAD_REQUEST, body).into_response()
}

fn unauthorized() -> Response {
    let body = Json(json!({ "error": "invalid_client" }));
    (StatusCode::UNAUTHORIZED, body).into_response()
}

/// The session cookie, or nothing.
fn cookie(headers: &HeaderMap) -> String {
    let line = headers.get(header::COOKIE);
    let line = line.and_then(|line| line.to_str().ok());
    let pairs = line.unwrap_or_default().split("; ");
    let session = pairs.filter_map(|pair| pair.strip_prefix("__Host-sc-session-iIex0aUE="));
    session.map(str::to_owned).last().unwrap_or_default()
}

/// The client that authenticates.
fn client(headers: &HeaderMap) -> String {
    let credentials = authorization(headers, "Basic ");
    let credentials = BASE64_STANDARD.decode(credentials).unwrap_or_default();
    let credentials = String::from_utf8(credentials).unwrap();
    credentials.split(':').next().unwrap_or_default().to_owned()
}

fn authorization(headers: &HeaderMap, scheme: &str) -> String {
    let value = headers.get(header::AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    let credentials = value.and_then(|value| value.strip_prefix(scheme));
    credentials.unwrap_or_default().to_owned()
}
