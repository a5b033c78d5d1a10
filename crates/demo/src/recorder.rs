//! Sees every request to the three parties and every answer, and knows which of them belong to one flow.
//!
//! It stands as a layer before each party's router and changes nothing. Messages belong together when `threads.rs` finds
//! something that they have in common; what `message.rs` makes of a message is all that is kept, a bounded number of flows
//! with a bounded number of messages each.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::broadcast;

use super::message::{self, Answer, Message, Party};
use super::threads::{Thread, Threads, bookmarks, new_bookmark, sent_cookies};

/// How many flows are remembered.
const MOST_FLOWS: usize = 64;
/// How many messages of one flow are remembered.
const MOST_MESSAGES: usize = 120;
/// How many of them are its first ones, which tell how it began.
const FIRST_MESSAGES: usize = 24;
/// The longest body that is read, in bytes; the parties themselves accept less and answer less.
const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// How many messages the terminal may lag behind before it misses one.
const LONGEST_LAG: usize = 256;

/// One sign-in and all that came of it, or one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FlowId(pub(crate) u64);

/// The news that a message was answered.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) flow: FlowId,
    pub(crate) message: Arc<Message>,
}

/// The memory of what was said. Clones share it.
#[derive(Clone)]
pub(crate) struct Recorder {
    memory: Arc<Mutex<Memory>>,
    news: broadcast::Sender<News>,
    clock: Clock,
}

#[derive(Default)]
struct Memory {
    /// Counts the beginnings and ends of messages.
    moments: u64,
    newest: u64,
    flows: VecDeque<Flow>,
    /// Which flow a value belongs to, by the value's SHA-256.
    threads: HashMap<Thread, FlowId>,
}

struct Flow {
    id: FlowId,
    is_attack: bool,
    messages: Vec<Arc<Message>>,
}

impl Recorder {
    /// A recorder that has seen nothing.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            memory: Arc::default(),
            news: broadcast::Sender::new(LONGEST_LAG),
            clock,
        }
    }

    /// Sees everything that `router`, which belongs to `party`, is asked and answers.
    pub(crate) fn watch(&self, party: Party, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state((self.clone(), party), see))
    }

    /// Begins the flow of an attack.
    pub(crate) fn begin_attack(&self) -> FlowId {
        self.memory().begin(true)
    }

    /// What was said in a flow, in the order of the answers; nothing if it was forgotten.
    pub(crate) fn messages(&self, flow: FlowId) -> Vec<Arc<Message>> {
        let memory = self.memory();
        let flow = memory.flows.iter().find(|known| known.id == flow);
        flow.map_or_else(Vec::new, |flow| flow.messages.clone())
    }

    /// The flow that the browser's session in the app came from; without one, the flow it has a bookmark of.
    pub(crate) fn flow_of(&self, headers: &HeaderMap) -> Option<FlowId> {
        let memory = self.memory();
        let sessions = sent_cookies(Party::App, headers);
        let mut cookies = sessions.into_iter().chain(bookmarks(headers));
        cookies.find_map(|thread| memory.threads.get(&thread).copied())
    }

    /// The cookie by which a browser finds `flow` again after its session in the app has ended; `None` if it has it already.
    pub(crate) fn bookmark(&self, flow: FlowId, headers: &HeaderMap) -> Option<String> {
        let mut memory = self.memory();
        if bookmarks(headers).any(|thread| memory.threads.get(&thread) == Some(&flow)) {
            return None;
        }
        let (pair, thread) = new_bookmark();
        memory.threads.insert(thread, flow);
        Some(format!("{pair}; Path=/; HttpOnly; SameSite=Lax"))
    }

    /// Whether a flow is an attack.
    pub(crate) fn is_attack(&self, flow: FlowId) -> bool {
        let memory = self.memory();
        memory
            .flows
            .iter()
            .any(|known| known.id == flow && known.is_attack)
    }

    /// Receives every message from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// What time it is for what is recorded.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, threads: &Threads, message: Message) {
        let message = Arc::new(message);
        let flow = {
            let mut memory = self.memory();
            let Some(flow) = memory.flow_for(threads, &message) else {
                return;
            };
            memory.tie(flow, threads, message.to);
            memory.add(flow, Arc::clone(&message));
            flow
        };
        // Nobody may be listening.
        let _ = self.news.send(News { flow, message });
    }
}

impl Memory {
    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    fn begin(&mut self, is_attack: bool) -> FlowId {
        if self.flows.len() >= MOST_FLOWS
            && let Some(oldest) = self.flows.pop_front()
        {
            self.threads.retain(|_, flow| *flow != oldest.id);
        }
        self.newest += 1;
        let id = FlowId(self.newest);
        self.flows.push_back(Flow {
            id,
            is_attack,
            messages: Vec::new(),
        });
        id
    }

    /// The flow a message belongs to; a new one if it begins one; none for what is no part of any, such as stylesheets.
    fn flow_for(&mut self, threads: &Threads, message: &Message) -> Option<FlowId> {
        if let Some((flow, _)) = threads.run {
            self.adopt(flow, &threads.values);
            return Some(flow);
        }
        let known = |thread: &Thread| self.threads.get(thread).copied();
        if let Some(flow) = threads.values.iter().find_map(known) {
            return Some(flow);
        }
        if begins_flow(message) {
            return Some(self.begin(false));
        }
        if is_scenery(message) {
            return None;
        }
        threads.cookies.iter().find_map(known)
    }

    /// Takes into an attack's flow what the app pushed for it: that message did not know whom it was for.
    fn adopt(&mut self, flow: FlowId, values: &[Thread]) {
        let known = values.iter().find_map(|value| self.threads.get(value));
        let pushed = self.flows.iter().position(|other| {
            Some(&other.id) == known
                && !other.is_attack
                && other
                    .messages
                    .iter()
                    .all(|m| m.request.path.ends_with("/par"))
        });
        let Some(pushed) = pushed.and_then(|place| self.flows.remove(place)) else {
            return;
        };
        for known in self
            .threads
            .values_mut()
            .filter(|known| **known == pushed.id)
        {
            *known = flow;
        }
        for message in pushed.messages {
            self.add(flow, message);
        }
    }

    fn tie(&mut self, flow: FlowId, threads: &Threads, to: Party) {
        // At the app the cookie is that of a session, which keeps its flow; at the server that of a browser, which goes on
        // to the next.
        let cookies = match to {
            Party::Server => threads.cookies.as_slice(),
            _ => &[],
        };
        for thread in threads
            .values
            .iter()
            .chain(cookies)
            .chain(&threads.new_cookies)
        {
            self.threads.insert(*thread, flow);
        }
    }

    fn add(&mut self, flow: FlowId, message: Arc<Message>) {
        let Some(flow) = self.flows.iter_mut().find(|known| known.id == flow) else {
            return;
        };
        if flow.messages.len() >= MOST_MESSAGES {
            flow.messages.remove(FIRST_MESSAGES);
        }
        flow.messages.push(message);
    }
}

/// A sign-in begins when the app pushes its request, or sends a browser to `/authorize` without, or when somebody comes there
/// alone.
fn begins_flow(message: &Message) -> bool {
    let (path, asks) = (&message.request.path, |name| {
        message.request.field(name).is_some()
    });
    let sends = |redirect: &message::Redirect| {
        redirect.to.ends_with("/authorize") && redirect.field("state").is_some()
    };
    match message.to {
        Party::App => message.answer.redirect.as_ref().is_some_and(sends),
        Party::Server => {
            (path.ends_with("/authorize") && asks("client_id"))
                || (path.ends_with("/par") && asks("state"))
        }
        _ => false,
    }
}

/// What a browser fetches beside the flow.
fn is_scenery(message: &Message) -> bool {
    let path = message.request.path.as_str();
    let own_page = message.to == Party::App && !path.starts_with("/auth/");
    let asset = path.starts_with("/assets/") || path == "/favicon.ico";
    own_page || asset || path.starts_with("/.well-known/")
}

async fn see(
    State((recorder, to)): State<(Recorder, Party)>,
    request: Request,
    next: Next,
) -> Response {
    let (began, at, clock) = (
        recorder.memory().moment(),
        recorder.clock.now(),
        Instant::now(),
    );
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let asked = message::Request::of(&parts, &body);
    let mut threads = Threads::of_request(to, &parts, &body);
    let from = match &threads.run {
        Some((_, party)) => *party,
        None => caller(to, parts.uri.path()),
    };

    let response = next.run(Request::from_parts(parts, Body::from(body))).await;

    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    threads.add_answer(to, &parts.headers, &body);
    let message = Message {
        began,
        ended: recorder.memory().moment(),
        from,
        to,
        at,
        milliseconds: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        request: asked,
        answer: Answer::of(&parts, &body),
    };
    recorder.keep(&threads, message);
    Response::from_parts(parts, Body::from(body))
}

/// Who asks a party at `path`, as the protocol has it.
fn caller(to: Party, path: &str) -> Party {
    match to {
        Party::Server
            if ["/par", "/token", "/userinfo", "/revoke"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            Party::App
        }
        Party::Server if path.ends_with("/introspect") => Party::Api,
        Party::App if path.ends_with("/backchannel") => Party::Server,
        Party::Api => Party::App,
        _ => Party::Browser,
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use http::header;
    use safeconduct_protocol::encoding;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    const CODE: &str = "sc_code_AAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const TOKEN: &str = "sc_at_BBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    const SID: &str = "s-1";

    /// A JWT that names the session `sid`.
    fn naming(sid: &str) -> String {
        let encode = |json: Value| encoding::encode(json.to_string().as_bytes());
        format!(
            "{}.{}.c2ln",
            encode(json!({"alg": "RS256"})),
            encode(json!({ "sid": sid }))
        )
    }

    fn redirect(to: &'static str, cookie: &'static str) -> impl IntoResponse {
        (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, to), (header::SET_COOKIE, cookie)],
        )
    }

    /// The three parties as mere mouths.
    fn parties(recorder: &Recorder) -> [Router; 3] {
        let app = Router::new()
            .route(
                "/auth/login",
                get(async || {
                    redirect(
                        "http://localhost:8420/authorize?state=xyz&client_id=a",
                        "sc-login-1=x",
                    )
                }),
            )
            .route(
                "/auth/callback",
                get(async || redirect("/notes", "sc-app=session")),
            )
            .route("/auth/backchannel", post(async || ""))
            .route("/notes", get(async || "notes"));
        let server = Router::new()
            .route("/authorize", get(async || redirect("/login", "browser=1")))
            .route(
                "/login",
                post(async || {
                    redirect(
                        "http://localhost:8421/auth/callback?state=xyz&code=sc_code_AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                        "browser=2",
                    )
                }),
            )
            .route("/par", post(async || "{}"))
            .route(
                "/token",
                post(async || {
                    json!({ "access_token": TOKEN, "id_token": naming(SID) }).to_string()
                }),
            );
        let api = Router::new().route("/notes", get(async || "[]"));
        [
            recorder.watch(Party::App, app),
            recorder.watch(Party::Server, server),
            recorder.watch(Party::Api, api),
        ]
    }

    async fn ask(router: &Router, line: &str, headers: &[(&str, &str)], body: &str) {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        router.clone().oneshot(request).await.unwrap();
    }

    async fn sign_in([app, server, api]: &[Router; 3]) {
        ask(app, "GET /auth/login", &[], "").await;
        ask(server, "GET /authorize?state=xyz&client_id=a", &[], "").await;
        let form = ("content-type", "application/x-www-form-urlencoded");
        ask(
            server,
            "POST /login",
            &[("cookie", "browser=1; sc-app=other"), form],
            "password=hush",
        )
        .await;
        ask(
            app,
            &format!("GET /auth/callback?state=xyz&code={CODE}"),
            &[],
            "",
        )
        .await;
        ask(server, "POST /token", &[form], &format!("code={CODE}")).await;
        ask(
            api,
            "GET /notes",
            &[("authorization", &format!("Bearer {TOKEN}"))],
            "",
        )
        .await;
        ask(app, "GET /notes", &[("cookie", "sc-app=session")], "").await;
    }

    #[tokio::test]
    async fn the_messages_of_a_sign_in_find_together() {
        let recorder = Recorder::new(Clock::system());
        let parties = parties(&recorder);
        sign_in(&parties).await;
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "sc-app=session".parse().unwrap());
        let flow = recorder.flow_of(&headers).unwrap();
        let lines: Vec<String> = recorder
            .messages(flow)
            .iter()
            .map(|message| {
                format!(
                    "{} -> {}: {}",
                    message.from.name(),
                    message.to.name(),
                    message.line()
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        browser -> app: GET /auth/login
        browser -> server: GET /authorize
        browser -> server: POST /login
        browser -> app: GET /auth/callback
        app -> server: POST /token
        app -> API: GET /notes
        ");
    }

    /// The lines of the flow that a browser with these cookies is in.
    fn lines(recorder: &Recorder, cookies: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookies.parse().unwrap());
        let flow = recorder.flow_of(&headers);
        let messages = flow.map_or_else(Vec::new, |flow| recorder.messages(flow));
        messages.iter().map(|message| message.line()).collect()
    }

    #[tokio::test]
    async fn a_logout_token_finds_the_sign_in_that_it_ends_and_a_bookmark_outlives_it() {
        let recorder = Recorder::new(Clock::system());
        let parties = parties(&recorder);
        sign_in(&parties).await;
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "sc-app=session".parse().unwrap());
        let flow = recorder.flow_of(&headers).unwrap();
        let bookmark = recorder.bookmark(flow, &headers).unwrap();
        let bookmark = bookmark.split(';').next().unwrap();

        for sid in ["another", SID] {
            let told = format!("logout_token={}", naming(sid));
            ask(&parties[0], "POST /auth/backchannel", &[], &told).await;
        }
        let lines = lines(&recorder, &format!("{bookmark}; other=x"));
        let told = lines.iter().filter(|line| line.ends_with("/backchannel"));
        assert_eq!(told.count(), 1, "{lines:?}");
        headers.insert(header::COOKIE, bookmark.parse().unwrap());
        assert_eq!(recorder.bookmark(flow, &headers), None);
    }

    #[tokio::test]
    async fn a_pushed_request_begins_its_flow_or_joins_the_attack_that_caused_it() {
        let recorder = Recorder::new(Clock::system());
        let [app, server, _] = parties(&recorder);
        let form = ("content-type", "application/x-www-form-urlencoded");
        ask(&server, "POST /par", &[form], "state=xyz").await;
        ask(&app, "GET /auth/login", &[], "").await;
        let told = recorder.messages(FlowId(1));
        assert_eq!(
            told.len(),
            2,
            "the answer to the browser has the state of the request"
        );

        ask(&server, "POST /par", &[form], "state=abc").await;
        let run = recorder.begin_attack();
        let claim = format!("browser {}", run.0);
        let line = "GET /authorize?state=abc&client_id=a";
        ask(&server, line, &[("demo-run", &claim)], "").await;
        let told = recorder.messages(run);
        assert_eq!(told[0].line(), "POST /par");
        assert_eq!((told.len(), recorder.memory().flows.len()), (2, 2));
    }

    #[tokio::test]
    async fn an_attack_keeps_its_messages_to_itself() {
        let recorder = Recorder::new(Clock::system());
        let parties = parties(&recorder);
        sign_in(&parties).await;
        let run = recorder.begin_attack();
        let claim = format!("attacker {}", run.0);
        ask(
            &parties[1],
            "POST /token",
            &[("demo-run", &claim)],
            &format!("code={CODE}"),
        )
        .await;
        let messages = recorder.messages(run);
        assert_eq!((messages.len(), messages[0].from), (1, Party::Attacker));
        assert!(recorder.is_attack(run) && !recorder.is_attack(FlowId(1)));
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let recorder = Recorder::new(Clock::system());
        let parties = parties(&recorder);
        for number in 0..200 {
            let line = format!("GET /authorize?client_id=a&state={number}");
            ask(&parties[1], &line, &[], "").await;
        }
        for _ in 0..200 {
            ask(&parties[1], "GET /authorize?client_id=a&state=199", &[], "").await;
        }
        let memory = recorder.memory();
        assert_eq!(memory.flows.len(), MOST_FLOWS);
        assert!(memory.threads.len() <= 2 * MOST_FLOWS);
        assert_eq!(memory.flows.back().unwrap().messages.len(), MOST_MESSAGES);
    }
}
