//! Sees every request to the three parties and every answer, and knows which of them belong to one flow.
//!
//! It stands as a layer before each party's router and changes nothing. Messages belong together when they carry the same
//! `state`, code or token, or come from the same browser; what `message.rs` makes of a message is all that is kept, a
//! bounded number of flows with a bounded number of messages each.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::encoding;
use tokio::sync::broadcast;

use super::field::is_artifact;
use super::message::{self, Answer, Message, Party, location};

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

/// What the attacks put on their requests: who they are in the play (`browser`, `app` or `attacker`), and the number of
/// their flow.
pub(crate) const RUN: HeaderName = HeaderName::from_static("demo-run");

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

type Thread = [u8; 32];

/// What ties a message to others.
struct Threads {
    /// States, codes and tokens: each belongs to one flow.
    values: Vec<Thread>,
    /// The cookies the browser sent: those of its latest flow.
    cookies: Vec<Thread>,
    /// The cookies it was given.
    new_cookies: Vec<Thread>,
    /// The flow and the part that an attack claims.
    run: Option<(FlowId, Party)>,
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

    /// The flow that the browser's session in the app came from.
    pub(crate) fn flow_of(&self, headers: &HeaderMap) -> Option<FlowId> {
        let memory = self.memory();
        let mut cookies = sent_cookies(Party::App, headers).into_iter();
        cookies.find_map(|thread| memory.threads.get(&thread).copied())
    }

    /// Whether a flow is an attack.
    pub(crate) fn is_attack(&self, flow: FlowId) -> bool {
        let memory = self.memory();
        memory
            .flows
            .iter()
            .any(|known| known.id == flow && known.is_attack)
    }

    /// Hears of every message from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
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

/// A sign-in begins when the app sends a browser to `/authorize`, or when somebody comes there alone.
fn begins_flow(message: &Message) -> bool {
    let sends = |redirect: &message::Redirect| {
        redirect.to.ends_with("/authorize") && redirect.field("state").is_some()
    };
    match message.to {
        Party::App => message.answer.redirect.as_ref().is_some_and(sends),
        Party::Server => {
            message.request.path.ends_with("/authorize")
                && message.request.field("client_id").is_some()
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
    threads.hear(to, &parts.headers, &body);
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
        Party::Server if path.ends_with("/token") || path.ends_with("/revoke") => Party::App,
        Party::Server if path.ends_with("/introspect") => Party::Api,
        Party::Api => Party::App,
        _ => Party::Browser,
    }
}

impl Threads {
    fn of_request(to: Party, parts: &http::request::Parts, body: &Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let credentials = parts.headers.get(header::AUTHORIZATION);
        let credentials = credentials
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut values = state(query);
        values.extend(artifacts(query));
        values.extend(artifacts(credentials));
        values.extend(artifacts(&String::from_utf8_lossy(body)));
        Self {
            values,
            cookies: sent_cookies(to, &parts.headers),
            new_cookies: Vec::new(),
            run: run(&parts.headers),
        }
    }

    fn hear(&mut self, to: Party, headers: &HeaderMap, body: &Bytes) {
        if let Some(url) = location(headers) {
            let query = url.query().unwrap_or_default();
            self.values.extend(state(query));
            self.values.extend(artifacts(query));
        }
        self.values
            .extend(artifacts(&String::from_utf8_lossy(body)));
        let set = headers.get_all(header::SET_COOKIE).iter();
        let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
        self.new_cookies
            .extend(pairs.filter_map(|pair| cookie(to, pair)));
    }
}

fn run(headers: &HeaderMap) -> Option<(FlowId, Party)> {
    let (who, flow) = headers.get(RUN)?.to_str().ok()?.split_once(' ')?;
    let party = match who {
        "browser" => Party::Browser,
        "app" => Party::App,
        _ => Party::Attacker,
    };
    Some((FlowId(flow.parse().ok()?), party))
}

/// The `state` of a query.
fn state(query: &str) -> Vec<Thread> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == "state" && !value.is_empty())
        .map(|(_, value)| encoding::sha256(value.as_bytes()))
        .collect()
}

/// Every code and token in a text.
fn artifacts(text: &str) -> Vec<Thread> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter))
        .filter(|word| is_artifact(word))
        .map(|word| encoding::sha256(word.as_bytes()))
        .collect()
}

fn sent_cookies(to: Party, headers: &HeaderMap) -> Vec<Thread> {
    let sent = headers.get_all(header::COOKIE).iter();
    sent.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| cookie(to, pair.trim()))
        .collect()
}

/// A cookie that tells one browser from another at `to`. On localhost all ports share their cookies, so each party's own
/// have to be told apart by name: the client library's begin with `sc-app` and `sc-login`.
fn cookie(to: Party, pair: &str) -> Option<Thread> {
    let (name, value) = pair.split_once('=')?;
    let ours = match to {
        Party::App => name == "sc-app",
        Party::Server => !name.starts_with("sc-app") && !name.starts_with("sc-login"),
        _ => false,
    };
    (ours && !value.is_empty()).then(|| encoding::sha256(pair.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    use super::*;

    const CODE: &str = "sc_code_AAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const TOKEN: &str = "sc_at_BBBBBBBBBBBBBBBBBBBBBBBBBBBB";

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
            .route("/token", post(async || format!("{{\"access_token\":\"{TOKEN}\"}}")));
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
