//! A whole server, driven from outside: a real database file, the real routes, a clock that stands still, and no socket.
//!
//! What a test says reads as steps of the protocol: a [`Browser`] asks, signs in and allows; a client exchanges, refreshes,
//! revokes. Every answer on the way is held to what every answer must be (see `answer`).

mod administration;
mod answer;
mod back_channel;
mod browser;
mod cast;
mod database;
mod listener;
mod log;
mod parameters;
mod proof;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::header;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::client_address::ClientAddress;
use safeconduct_server::settings::{MailSettings, MailTls};
use safeconduct_server::{MasterKey, MasterKeys, Server, Settings, routes};
use safeconduct_store::Store;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

pub(crate) use self::answer::Answer;
pub(crate) use self::back_channel::{Code, Credentials, Form, Tokens};
pub(crate) use self::browser::{Ask, Browser};
pub(crate) use self::cast::{
    CALLBACK, MAIL, MAIL_API, NOTES, NOTES_API, SIGNED_OUT, STATE, assertion, assertion_key,
    password_of, registration, secret_of,
};
pub(crate) use self::listener::{Heard, Listener, Reply};
pub(crate) use self::log::Log;
pub(crate) use self::parameters::{READ, read_at};
pub(crate) use self::proof::{proof_key, with_proof};

/// The issuer of most tests, as it would be in production.
pub(crate) const ISSUER: &str = "https://id.example";
/// When every test begins: a day in 2027.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Where requests come from unless a test says otherwise (RFC 5737).
pub(crate) const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// `text` with another letter at byte `at`, whatever stands there: a letter that is always the same would now and then be the right one.
pub(crate) fn changed_at(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// A server with the whole cast of clients and users.
pub(crate) struct TestServer {
    server: Server,
    router: Router,
    clock: Clock,
    directory: Arc<TempDir>,
}

impl TestServer {
    /// A server at [`ISSUER`] as it comes out of the box.
    pub(crate) async fn start() -> Self {
        Self::start_at(ISSUER).await
    }

    /// The same under another name.
    pub(crate) async fn start_at(issuer: &str) -> Self {
        Self::start_with(Settings::new(Issuer::parse(issuer).unwrap())).await
    }

    /// A server whose operator decided something else.
    pub(crate) async fn start_with(settings: Settings) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        database::found_in(directory.path(), settings.issuer.as_str());
        Self::open(settings, Clock::test(BEGINNING), directory).await
    }

    async fn open(settings: Settings, clock: Clock, directory: Arc<TempDir>) -> Self {
        log::listen();
        let store = Store::open(&database::url(directory.path())).await.unwrap();
        let masters = database::master_keys(directory.path());
        let server = Server::new(settings, store, masters, clock.clone());
        let server = server.await.unwrap();
        Self {
            router: routes::public(&server),
            server,
            clock,
            directory,
        }
    }

    /// Stops it and starts another process on the same database.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same, after its operator changed the settings.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.server.settings().clone();
        change(&mut settings);
        self.server.store().close().await;
        Self::open(settings, self.clock, self.directory).await
    }

    /// Another node: a second server with the same settings on the same database, at the same time.
    pub(crate) async fn another_node(&self) -> Self {
        self.another_node_with(|_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn another_node_with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let (mut settings, clock) = (self.server.settings().clone(), self.clock.clone());
        change(&mut settings);
        Self::open(settings, clock, Arc::clone(&self.directory)).await
    }

    /// The server itself, for what its program does with it.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The master keys as this node, and the operator beside it, would read them now.
    pub(crate) fn masters(&self) -> MasterKeys {
        database::master_keys(self.directory.path())
    }

    /// Adds a new master key to the file that the nodes on this database read.
    pub(crate) fn add_master_key(&self) -> MasterKey {
        let bytes = safeconduct_protocol::random::bytes();
        database::add_master_key(self.directory.path(), bytes);
        MasterKey::from_bytes(bytes)
    }

    /// Its issuer identifier.
    pub(crate) fn issuer(&self) -> &str {
        self.server.settings().issuer.as_str()
    }

    /// The clock that stands still.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    /// A browser that was never here.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// A browser in which `user` is signed in.
    pub(crate) async fn sign_in(&self, user: &str) -> Browser<'_> {
        let mut browser = self.browser();
        // The portal asks for no consent: after the sign-in nothing is left to ask.
        let page = browser.authorize(&Ask::of("portal")).await;
        let answer = browser.sign_in(&page, user).await;
        assert!(answer.has_code(), "{answer}");
        browser
    }

    /// A code for what `ask` asks, allowed by `user` in a browser of their own.
    pub(crate) async fn code(&self, user: &str, ask: &Ask) -> Code {
        self.sign_in(user).await.code(ask).await
    }

    /// The tokens for what `ask` asks, allowed by `user` in a browser of their own.
    pub(crate) async fn tokens(&self, user: &str, ask: &Ask) -> Tokens {
        let code = self.code(user, ask).await;
        self.exchange(&code).await.tokens()
    }

    /// What the server answers to a request under its own name.
    pub(crate) async fn send(&self, mut request: Request) -> Answer {
        let authority = self.server.settings().issuer.authority();
        let headers = request.headers_mut();
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, authority.parse().unwrap());
        }
        let extensions = request.extensions_mut();
        if extensions.get::<ClientAddress>().is_none() {
            extensions.insert(from(SOMEWHERE));
        }
        answer_to(self.router.clone(), request, readable_paths(self)).await
    }

    /// What the server answers to requests that come all at once, on the threads of the runtime.
    pub(crate) async fn send_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
    ) -> Vec<Answer> {
        self.begin(requests).join_all().await
    }

    /// The answers to requests that come all at once, as they come. Whoever drops them has hung up.
    pub(crate) fn begin(&self, requests: impl IntoIterator<Item = Request>) -> JoinSet<Answer> {
        let authority = self.server.settings().issuer.authority();
        let mut answers = JoinSet::new();
        for mut request in requests {
            let headers = request.headers_mut();
            headers.insert(header::HOST, authority.parse().unwrap());
            let readable = readable_paths(self);
            answers.spawn(answer_to(self.router.clone(), request, readable));
        }
        answers
    }

    /// `GET path`, as anybody may send it.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }
}

/// A mail server that nothing is ever sent to: mails wait.
pub(crate) fn mail_to_nowhere() -> MailSettings {
    MailSettings {
        host: "mail.acme.example".to_owned(),
        port: 465,
        tls: MailTls::Implicit,
        credentials: None,
        from: MailAddress::parse("login@acme.example").unwrap(),
        hello_name: None,
        ca_file: None,
        deadline: Duration::from_secs(1),
        new_device: false,
    }
}

/// What the accept loop would note about a request from `address`.
pub(crate) fn from(address: IpAddr) -> ClientAddress {
    ClientAddress {
        address,
        hostile: false,
    }
}

/// The addresses whose answers the scripts of any origin may read.
pub(crate) fn readable_paths(server: &TestServer) -> Vec<String> {
    let path = server.server().settings().issuer.path();
    let below = [
        "/token",
        "/revoke",
        "/userinfo",
        "/par",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
    ];
    let mut paths: Vec<String> = below.map(|endpoint| format!("{path}{endpoint}")).into();
    paths.push(format!("/.well-known/oauth-authorization-server{path}"));
    paths
}

async fn answer_to(router: Router, request: Request, readable: Vec<String>) -> Answer {
    let path = request.uri().path().to_owned();
    let Ok(response) = router.oneshot(request).await;
    let answer = Answer::read(response).await;
    let expected = if readable.contains(&path) { "*" } else { "" };
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, expected, "{path}: {answer:?}");
    answer
}
