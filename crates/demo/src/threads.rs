//! What ties messages to each other: states, codes, tokens and the sessions they name, and the cookies of a browser. Only
//! digests are kept; which flow a digest belongs to is the recorder's memory.

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, header};
use safeconduct_protocol::{cookie, encoding, random};

use super::field::is_artifact;
use super::message::{Jwt, Party, location};
use super::recorder::FlowId;

/// What the attacks put on their requests: who they are in the play (`browser`, `app` or `attacker`), and the number of
/// their flow.
pub(crate) const RUN: HeaderName = HeaderName::from_static("demo-run");

/// The cookie that reminds a browser of its flow.
const BOOKMARK: &str = "sc-app-flow";

/// The SHA-256 of something that messages have in common.
pub(super) type Thread = [u8; 32];

/// A cookie's name and value.
type Pair<'h> = (&'h [u8], &'h [u8]);

/// What ties a message to others.
pub(super) struct Threads {
    /// States, codes and tokens: each belongs to one flow.
    pub(super) values: Vec<Thread>,
    /// The cookies the browser sent: those of its latest flow.
    pub(super) cookies: Vec<Thread>,
    /// The cookies it was given.
    pub(super) new_cookies: Vec<Thread>,
    /// The flow and the part that an attack claims.
    pub(super) run: Option<(FlowId, Party)>,
}

/// A new bookmark, as `name=value`, and what it is known by.
pub(super) fn new_bookmark() -> (String, Thread) {
    let pair = format!("{BOOKMARK}={}", random::token());
    let thread = encoding::sha256(pair.as_bytes());
    (pair, thread)
}

impl Threads {
    /// What a request to `to` has in common with others.
    pub(super) fn of_request(to: Party, parts: &http::request::Parts, body: &Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let credentials = parts.headers.get(header::AUTHORIZATION);
        let credentials = credentials
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let mut values = state(query);
        values.extend(state(&body));
        let (query, body) = (decoded(query), decoded(&body));
        for text in [query.as_str(), credentials, body.as_str()] {
            values.extend(artifacts(text));
            values.extend(sessions(text));
        }
        Self {
            values,
            cookies: sent_cookies(to, &parts.headers),
            new_cookies: Vec::new(),
            run: run(&parts.headers),
        }
    }

    /// Adds what its answer has.
    pub(super) fn add_answer(&mut self, to: Party, headers: &HeaderMap, body: &Bytes) {
        if let Some(url) = location(headers) {
            let query = url.query().unwrap_or_default();
            self.values.extend(state(query));
            self.values.extend(artifacts(&decoded(query)));
        }
        let body = String::from_utf8_lossy(body);
        self.values.extend(artifacts(&body));
        self.values.extend(sessions(&body));
        let set = headers.get_all(header::SET_COOKIE).iter();
        let pairs = set.filter_map(|value| cookie::pairs(value.as_bytes()).next());
        self.new_cookies
            .extend(pairs.filter_map(|pair| own_cookie(to, pair)));
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

/// The `state` of a query or a form.
fn state(query: &str) -> Vec<Thread> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == "state" && !value.is_empty())
        .map(|(_, value)| encoding::sha256(value.as_bytes()))
        .collect()
}

/// The values of a query or a form as they are meant; any other text as it is.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes())
        .flat_map(|(name, value)| [name, " ".into(), value, " ".into()])
        .collect()
}

/// Every code and token in a text.
fn artifacts(text: &str) -> Vec<Thread> {
    words(text)
        .map(|word| encoding::sha256(word.as_bytes()))
        .collect()
}

/// The session at the server that each JWT in a text names: what a logout token has in common with the sign-in it ends.
fn sessions(text: &str) -> Vec<Thread> {
    words(text)
        .filter_map(Jwt::read)
        .filter_map(|token| Some(format!("sid {}", token.claims["sid"].as_str()?)))
        .map(|session| encoding::sha256(session.as_bytes()))
        .collect()
}

/// What looks like a code or a token.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter))
        .filter(|word| is_artifact(word))
}

/// The cookies that tell one browser from another at `to`.
pub(super) fn sent_cookies(to: Party, headers: &HeaderMap) -> Vec<Thread> {
    pairs(headers)
        .filter_map(|pair| own_cookie(to, pair))
        .collect()
}

/// The bookmarks that a browser sent.
pub(super) fn bookmarks(headers: &HeaderMap) -> impl Iterator<Item = Thread> {
    let ours = pairs(headers).filter(|(name, _)| *name == BOOKMARK.as_bytes());
    ours.map(thread_of)
}

/// Name and value of each cookie that a browser sent.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = Pair<'_>> {
    let sent = headers.get_all(header::COOKIE).iter();
    sent.flat_map(|value| cookie::pairs(value.as_bytes()))
}

/// A cookie that tells one browser from another at `to`. On localhost all ports share their cookies, so each party's own
/// have to be told apart by name: the client library's begin with `sc-app` and `sc-login`.
fn own_cookie(to: Party, pair: Pair<'_>) -> Option<Thread> {
    let (name, value) = pair;
    let of_session = name.starts_with(b"sc-app") && name != BOOKMARK.as_bytes();
    let of_app = name.starts_with(b"sc-app") || name.starts_with(b"sc-login");
    let ours = match to {
        Party::App => of_session,
        Party::Server => !of_app,
        _ => false,
    };
    (ours && !value.is_empty()).then(|| thread_of(pair))
}

fn thread_of((name, value): Pair<'_>) -> Thread {
    encoding::sha256(&[name, b"=", value].concat())
}
