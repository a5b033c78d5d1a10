//! What the tests stand on: an issuer, an API with one of everything, a console in front of them, and a browser.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use safeconduct_client::testing::FakeIssuer;
use safeconduct_client::{Client, Clock, Resource};
use safeconduct_console::{Console, Opener, Settings};
use safeconduct_testing_browser::{Browser, Page};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Text that acts where it is taken for markup, and misleads where it is shown as it is.
pub(crate) const NASTY: &str =
    "<script>alert(1)</script>\u{202e}\"><img src=x onerror=alert(2)>=cmd()";
/// The secret of every client that is registered.
pub(crate) const SECRET: &str = "S3cr3t-of-the-wiki";
/// Problem details.
pub(crate) const PROBLEM: &str = r#"{"type":"","title":"It is so.","status":400,"detail":"this time","instance":"/","correlation_id":"c0ffee","errors":[{"pointer":"kind","detail":"there is none"}]}"#;
/// An answer that asks for a sign-in.
pub(crate) const STEP_UP: Wanted = Wanted;

/// A challenge (RFC 9470).
#[derive(Clone, Copy)]
pub(crate) struct Wanted;

/// What the API answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Json(StatusCode, Value),
    StepUp,
}

impl From<(StatusCode, Value)> for Answer {
    fn from((status, body): (StatusCode, Value)) -> Self {
        Self::Json(status, body)
    }
}

impl From<Wanted> for Answer {
    fn from(_: Wanted) -> Self {
        Self::StepUp
    }
}

/// A request as the API got it: method and path, query, headers, body.
#[derive(Clone)]
struct Asked(String, String, HeaderMap, Value);

/// An API with one of everything.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    inside: Arc<Inside>,
    serving: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Default)]
struct Inside {
    asked: Mutex<Vec<Asked>>,
    once: Mutex<HashMap<String, Vec<Answer>>>,
    always: Mutex<HashMap<String, Answer>>,
    nasty: Mutex<bool>,
}

/// A user.
pub(crate) fn user(id: &str, name: &str) -> Value {
    json!({
        "username": name, "id": id, "locked": true, "name": "Ada L", "email": "ada@example.com",
        "created_at": AT, "updated_at": AT, "administrator": true, "groups": ["staff"],
        "passkeys": [{"name": "Laptop", "id": "p1", "backup_eligible": true, "backed_up": true, "added_at": AT, "last_used_at": null}],
        "authenticator_added_at": AT, "recovery_codes": 9, "sessions": 12, "grants": 40, "consents": 1,
    })
}

const AT: &str = "2027-01-15T08:00:00Z";

fn session() -> Value {
    json!({
        "id": "s1", "username": "ada", "user": "u1", "factors": ["pwd", "otp"], "started_at": AT, "last_seen_at": AT,
        "idle_at": AT, "address": "192.0.2.1", "correlation_id": "r1", "told_of_its_end": ["wiki"], "grants": ["g1"],
    })
}

fn grant() -> Value {
    json!({
        "id": "g1", "user": "u1", "client": "wiki", "scope": "openid", "audience": "https://id.example", "session": "s1",
        "alive": true, "created_at": AT, "last_used_at": AT, "idle_at": AT, "expires_at": AT, "revoked_at": AT,
        "revoked_because": "reuse",
    })
}

fn client() -> Value {
    json!({
        "client_id": "wiki", "client_name": "Wiki", "redirect_uris": ["https://a.example/cb"], "contacts": ["a@example.com"],
        "grant_types": ["authorization_code"], "scopes": ["openid"], "token_endpoint_auth_method": "client_secret_basic",
        "enabled": false, "declared": false, "created_at": AT, "client_secret": SECRET,
        "secrets": [{"id": "k1", "created_at": AT, "expires_at": AT, "last_four": "wxyz", "made_by": {"kind": "person", "name": "u1"}}],
    })
}

fn event() -> Value {
    json!({
        "id": "e1", "at": AT, "kind": "user-locked", "user": "u1", "client": "wiki", "grant": "g1", "detail": "so", "times": 2,
        "name_hash": null, "by": {"kind": "person", "name": "u1"}, "door": "api", "address": "192.0.2.1", "correlation_id": "r1",
    })
}

/// What is at a path, unless the test says otherwise.
fn sample(method: &str, path: &str) -> Value {
    let list = |item: Value| json!({"items": [item], "next_cursor": null});
    let group = json!({
        "name": "staff", "display": "Staff", "require_second_factor": true, "declared": false, "members": 1, "created_at": AT,
    });
    let key = json!({
        "id": 4, "purpose": "RS256", "state": "retired", "created_at": AT, "activated_at": AT, "retired_at": AT,
        "master_key": "m", "kid": "k",
    });
    let delivery = json!({
        "id": "d1", "kind": "mail", "recipient": "ada@example.com", "about": "link", "user": "u1", "attempts": 0,
        "last_answer": "451", "created_at": AT, "next_at": AT,
    });
    let parts: Vec<&str> = path.trim_start_matches("/admin/v1/").split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["status"]) => json!({
            "version": "0.1.0", "issuer": "https://id.example", "node": "n1", "ready": true, "now": AT,
        }),
        ("GET", ["users"]) => list(user("u2", "bob")),
        ("GET", ["users", "alice" | "u1"]) => user("u1", "ada"),
        ("GET", ["users", _]) => user("u2", "bob"),
        ("GET", ["users", _, "consents"]) => list(json!({
            "client": "wiki", "allowed": {"https://id.example": "openid"}, "changed_at": AT,
        })),
        ("POST", ["users", _, "links"]) => json!({
            "username": "ada", "id": "u1", "purpose": "recover", "link": "https://id.example/link?link=l1", "expires_at": AT,
        }),
        ("GET", ["sessions"]) => list(session()),
        ("GET", ["sessions", _]) => session(),
        ("GET", ["grants"]) => list(grant()),
        ("GET", ["grants", _]) => grant(),
        ("GET", ["clients"]) => list(client()),
        ("GET", ["clients", _]) | ("POST", ["clients", ..]) => client(),
        ("GET", ["groups"]) => list(group),
        ("GET", ["groups", _]) | ("POST", ["groups"]) => group,
        ("GET", ["groups", _, "members"]) => {
            list(json!({"username": "ada", "id": "u1", "added_at": AT}))
        }
        ("GET", ["keys"]) => list(key),
        ("GET", ["events"]) => list(event()),
        ("GET", ["deliveries"]) => list(delivery),
        ("GET", ["receivers"]) => {
            list(json!({"name": "fleet", "failing_since": AT, "paused_at": AT}))
        }
        ("GET", ["refusals"]) => list(json!({
            "at": AT, "reason": "code-expired", "said": "so", "detail": "why", "correlation_id": "r1", "method": "GET",
            "route": "/authorize", "address": "192.0.2.1",
        })),
        ("GET", ["explain", _]) => json!({
            "about": "request", "known": {"state": "alive"}, "events": [event()], "advice": ["do it"],
        }),
        _ => json!({}),
    }
}

/// The same with every text that a user or an app may choose replaced by what acts where it is markup.
fn poisoned(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let is_ours = [
                AT,
                "u1",
                "u2",
                "s1",
                "g1",
                "retired",
                "wiki",
                "staff",
                "authorization_code",
                "client_secret_basic",
            ];
            let is_ours = is_ours.contains(&text.as_str());
            Value::String(if is_ours { text } else { NASTY.to_owned() })
        }
        Value::Array(items) => items.into_iter().map(poisoned).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            members
                .map(|(name, value)| (name, poisoned(value)))
                .collect()
        }
        other => other,
    }
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let name = format!("{} {}", request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let sample = sample(request.method().as_str(), request.uri().path());
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    inside
        .asked
        .lock()
        .unwrap()
        .push(Asked(name.clone(), query, headers, body));
    let once = inside
        .once
        .lock()
        .unwrap()
        .get_mut(&name)
        .filter(|answers| !answers.is_empty())
        .map(|answers| answers.remove(0));
    let said = once.or_else(|| inside.always.lock().unwrap().get(&name).cloned());
    match said {
        Some(Answer::StepUp) => {
            let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="3600""#;
            (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
        }
        Some(Answer::Json(status, body)) => (status, axum::Json(body)).into_response(),
        None => {
            let nasty = *inside.nasty.lock().unwrap();
            let body = if nasty { poisoned(sample) } else { sample };
            ([("etag", "\"7\"")], axum::Json(body)).into_response()
        }
    }
}

impl Api {
    async fn start() -> Self {
        let inside = Arc::new(Inside::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(inside.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            inside,
            serving: Arc::new(Mutex::new(Some(serving))),
        }
    }

    /// What it answers to the next request that is called so: method and path.
    pub(crate) fn once(&self, name: &str, answer: impl Into<Answer>) {
        let mut once = self.inside.once.lock().unwrap();
        once.entry(name.to_owned()).or_default().push(answer.into());
    }

    /// What it answers from now on.
    pub(crate) fn always(&self, name: &str, answer: impl Into<Answer>) {
        let mut always = self.inside.always.lock().unwrap();
        always.insert(name.to_owned(), answer.into());
    }

    /// From now on others have chosen every text.
    pub(crate) fn nasty(&self) {
        *self.inside.nasty.lock().unwrap() = true;
    }

    /// What it was asked.
    pub(crate) fn requests(&self) -> Vec<String> {
        let asked = self.inside.asked.lock().unwrap();
        asked.iter().map(|asked| asked.0.clone()).collect()
    }

    /// What it was asked to change.
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut asked = self.requests();
        asked.retain(|name| !name.starts_with("GET "));
        asked
    }

    fn last(&self, name: &str) -> Asked {
        let asked = self.inside.asked.lock().unwrap();
        asked.iter().rfind(|asked| asked.0 == name).unwrap().clone()
    }

    pub(crate) fn last_body(&self, name: &str) -> Value {
        self.last(name).3
    }

    pub(crate) fn last_query(&self, name: &str) -> String {
        self.last(name).1
    }

    pub(crate) fn last_header(&self, name: &str, header: &str) -> String {
        self.last(name).2[header].to_str().unwrap().to_owned()
    }

    /// It answers no more.
    pub(crate) async fn stop(&self) {
        let serving = self.serving.lock().unwrap().take().unwrap();
        serving.abort();
        let _ = serving.await;
    }
}

/// All of it.
pub(crate) struct Setting {
    pub(crate) issuer: FakeIssuer,
    pub(crate) api: Api,
    pub(crate) browser: Browser,
    pub(crate) opener: Opener,
    /// The address that opens the console.
    pub(crate) opened: String,
    pub(crate) origin: String,
    pub(crate) signed_in: Arc<AtomicUsize>,
}

fn settings(issuer: &FakeIssuer, api: &Api, signed_in: Arc<AtomicUsize>) -> Settings {
    let client = Client::new(issuer.url(), FakeIssuer::CLIENT_ID)
        .scopes(["openid", "profile", "offline_access", "admin:write"])
        .resource(Resource::new(format!("{}/admin", issuer.url())).reached_at(&api.url))
        .userinfo(false)
        .dpop(true)
        .build()
        .unwrap();
    Settings {
        app: client.native(),
        api: api.url.clone(),
        signed_in: Box::new(move || {
            signed_in.fetch_add(1, Ordering::Relaxed);
        }),
        clock: Clock::system(),
    }
}

impl Setting {
    pub(crate) async fn start() -> Self {
        let (issuer, api) = (FakeIssuer::start().await, Api::start().await);
        let signed_in = Arc::new(AtomicUsize::new(0));
        let settings = settings(&issuer, &api, signed_in.clone());
        let console = Console::bind("127.0.0.1:0".parse().unwrap(), settings)
            .await
            .unwrap();
        let opener = console.opener();
        let opened = opener.address();
        tokio::spawn(console.run(std::future::pending()));
        let (before, _) = opened.split_once("/open/").unwrap();
        let (origin, _) = before.rsplit_once('/').unwrap();
        Self {
            issuer,
            api,
            browser: Browser::new("", "").unwrap(),
            opener,
            origin: origin.to_owned(),
            opened,
            signed_in,
        }
    }

    /// Another console of the same server, at `address`.
    pub(crate) async fn bind(&self, address: &str) -> io::Result<()> {
        let settings = settings(&self.issuer, &self.api, Arc::default());
        Console::bind(address.parse().unwrap(), settings)
            .await
            .map(drop)
    }

    /// Where its pages are.
    pub(crate) fn base(&self) -> String {
        let (base, _) = self.opened.split_once("/open/").unwrap();
        base.to_owned()
    }

    /// Opens it in the browser, whose user signs in.
    pub(crate) async fn open(&self) -> Page {
        self.browser.visit(&self.opened).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        let url = format!("{}{path}", self.base());
        self.browser.visit(&url).await.unwrap()
    }

    pub(crate) async fn follow(&self, page: &Page, id: &str) -> Page {
        self.browser.follow(page, id).await.unwrap()
    }
}

/// Sends a request as the browser that opened the console would, but for `headers` and `body`; gives status and text.
pub(crate) async fn send(
    setting: &Setting,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let opened = http.get(setting.opener.address()).send().await.unwrap();
    let cookie = opened.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let mut all = HashMap::from([
        ("cookie", cookie.as_str()),
        ("origin", &setting.origin),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ]);
    all.extend(headers.iter().copied());
    let url = format!("{}{path}", setting.base());
    let mut request = http
        .request(method.parse().unwrap(), url)
        .body(body.to_owned());
    for (name, value) in all {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
