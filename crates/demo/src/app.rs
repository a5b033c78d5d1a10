//! The web app "Demo Notes", as anybody would write it with the client crate: a button, a page of notes. Beside it, what
//! makes it a demo: the panel that tells what just happened, and the buttons that try to break it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use http::header::{self, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use safeconduct_client::axum::{Api, User};
use safeconduct_client::{Client, Error};
use safeconduct_protocol::encoding;
use serde::Deserialize;
use url::{Host, Url};

use super::addresses::Addresses;
use super::attacks::{Attack, Attacks, Outcome};
use super::message::Message;
use super::next::NextStep;
use super::pages::{self, AttackPage, Button, HomePage, NotesPage, Pages, Panel, Visitor};
use super::people::{LONGEST_NOTE, Note};
use super::recorder::{FlowId, Recorder};
use super::story::{self, RENEWAL, Step};
use super::terminal::Terminal;

/// The longest form, in bytes.
const LONGEST_FORM: usize = 8 * 1024;
/// How many ends of attacks are remembered.
const MOST_OUTCOMES: usize = 32;

/// What every page is sent with, its policy apart.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: with it a browser sends `Origin: null` even to the page's own origin.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

struct Parts {
    client: Client,
    recorder: Recorder,
    attacks: Attacks,
    addresses: Addresses,
    terminal: Terminal,
    pages: Pages,
    policy: HeaderValue,
    outcomes: Mutex<VecDeque<Arc<Outcome>>>,
}

impl App {
    /// The app that signs people in with `client`.
    ///
    /// # Errors
    /// A template is broken.
    pub(crate) fn new(
        client: Client,
        recorder: Recorder,
        attacks: Attacks,
        addresses: Addresses,
        terminal: Terminal,
    ) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Parts {
            policy: policy(&addresses)?,
            client,
            recorder,
            attacks,
            addresses,
            terminal,
            pages: Pages::new()?,
            outcomes: Mutex::default(),
        })))
    }

    /// What was said in a flow that is still remembered.
    fn messages_of(&self, flow: Option<FlowId>) -> Vec<Arc<Message>> {
        flow.map_or_else(Vec::new, |flow| self.0.recorder.messages(flow))
    }

    fn api(&self, path: &str) -> String {
        format!("{}{path}", self.0.addresses.api)
    }

    fn outcomes(&self) -> MutexGuard<'_, VecDeque<Arc<Outcome>>> {
        self.0
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the visitor may do next.
    fn next_after(&self, steps: &[Step<'_>], is_signed_in: bool) -> NextStep {
        let attacks_tried = !self.outcomes().is_empty();
        NextStep::after(steps, is_signed_in, attacks_tried)
    }

    fn remember(&self, outcome: Outcome) {
        let mut outcomes = self.outcomes();
        if outcomes.len() >= MOST_OUTCOMES {
            outcomes.pop_front();
        }
        outcomes.push_back(Arc::new(outcome));
    }

    /// The button of an attack, with how it ended the last time.
    fn button(&self, attack: Attack) -> Button {
        let button = Button::of(attack);
        let outcomes = self.outcomes();
        match outcomes
            .iter()
            .rev()
            .find(|outcome| outcome.attack == attack)
        {
            Some(last) => button.after(last.run.0, last.is_refused(), last.verdict()),
            None => button,
        }
    }
}

/// The app's routes, with everything that makes a page safe.
pub(crate) fn router(app: App) -> Router {
    let client = app.0.client.clone();
    Router::new()
        .route("/", get(home))
        .route("/notes", get(notes).post(write_note))
        .route("/notes/delete", post(delete_note))
        .route("/renew", post(renew))
        .route("/break/{attack}", post(break_it))
        .route("/broken/{run}", get(broken))
        .route("/assets/{name}", get(asset))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(app.clone())
        .layer(middleware::map_response_with_state(app, secured))
        .merge(client.routes())
        .layer(client.layer())
}

/// Sends people who typed 127.0.0.1 to localhost: to a cookie these are two hosts, and the sign-in would be lost between
/// them. Goes on last.
pub(crate) fn on_localhost(addresses: &Addresses, router: Router) -> Router {
    let base: Arc<str> = addresses.app.as_str().into();
    router.layer(middleware::from_fn_with_state(base, to_localhost))
}

async fn to_localhost(State(base): State<Arc<str>>, request: Request, next: Next) -> Response {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let url = named.and_then(|host| Url::parse(&format!("http://{host}/")).ok());
    let is_address = url.is_some_and(|url| !matches!(url.host(), Some(Host::Domain(_))));
    if is_address && request.method() == Method::GET {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        return Redirect::to(&format!("{base}{path}")).into_response();
    }
    next.run(request).await
}

async fn home(State(app): State<App>, user: Option<User>, headers: HeaderMap) -> Response {
    let messages = app.messages_of(app.0.recorder.flow_of(&headers));
    let mut steps = story::steps(&messages, &app.0.addresses);
    let next = app.next_after(&steps, user.is_some());
    // Whoever is signed in reads the whole story beside their notes.
    steps.retain(|step| step.is_farewell() && user.is_none());
    page(app.0.pages.home(&HomePage {
        visitor: user.as_ref().map(visitor),
        addresses: (&app.0.addresses).into(),
        next: next.hint(),
        panel: Panel::of(steps),
    }))
}

async fn notes(
    State(app): State<App>,
    user: User,
    api: Api,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let notes: Vec<Note> = api
        .get(&app.api("/notes"))
        .await?
        .error_for_status()?
        .json()
        .await?;
    let flow = app.0.recorder.flow_of(&headers);
    let messages = app.messages_of(flow);
    let steps = story::steps(&messages, &app.0.addresses);
    let next = app.next_after(&steps, true);
    let rendered = app.0.pages.notes(&NotesPage {
        visitor: visitor(&user),
        addresses: (&app.0.addresses).into(),
        notes,
        longest_note: LONGEST_NOTE,
        next: next.hint(),
        identity: story::identity(&messages, &app.0.addresses),
        panel: Panel::of(steps),
        attacks: Attack::ALL
            .into_iter()
            .map(|attack| app.button(attack))
            .collect(),
    });
    let bookmark = flow.and_then(|flow| app.0.recorder.bookmark(flow, &headers));
    let bookmark = bookmark.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
    Ok((bookmark, page(rendered)).into_response())
}

#[derive(Deserialize)]
struct NewNote {
    csrf_token: String,
    text: String,
}

async fn write_note(
    State(app): State<App>,
    user: User,
    api: Api,
    headers: HeaderMap,
    Form(form): Form<NewNote>,
) -> Result<Response, Error> {
    if !is_own_form(&app, &user, &headers, &form.csrf_token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let note = Note { text: form.text };
    let answer = api.post(&app.api("/notes")).json(&note).await?;
    if answer.status() != StatusCode::UNPROCESSABLE_ENTITY {
        answer.error_for_status()?;
    }
    Ok(Redirect::to("/notes").into_response())
}

#[derive(Deserialize)]
struct Ordered {
    csrf_token: String,
}

/// Deletes the newest note. Where the API wants a more recent sign-in first (RFC 9470), the browser goes for it, and comes back to the
/// button.
async fn delete_note(
    State(app): State<App>,
    user: User,
    api: Api,
    headers: HeaderMap,
    Form(form): Form<Ordered>,
) -> Result<Response, Error> {
    if !is_own_form(&app, &user, &headers, &form.csrf_token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let answer = api.request(Method::DELETE, &app.api("/notes")).await?;
    let refused = match answer.status() {
        StatusCode::NOT_FOUND => None,
        _ => answer.error_for_status().err(),
    };
    let max_age = refused
        .as_ref()
        .and_then(|error| error.step_up()?.max_age());
    match (refused, max_age) {
        (None, _) => Ok(Redirect::to("/notes").into_response()),
        (Some(_), Some(age)) => {
            let login = format!("/auth/login?next=/notes%23delete&max_age={}", age.as_secs());
            Ok(Redirect::to(&login).into_response())
        }
        (Some(error), None) => Err(error),
    }
}

/// Has the app renew its tokens, which it would do by itself shortly before they end.
async fn renew(
    State(app): State<App>,
    user: User,
    headers: HeaderMap,
    Form(form): Form<Ordered>,
) -> Result<Response, Error> {
    if !is_own_form(&app, &user, &headers, &form.csrf_token) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    user.renew().await?;
    Ok(Redirect::to(&format!("/notes#step-{RENEWAL}")).into_response())
}

async fn break_it(
    State(app): State<App>,
    user: User,
    Path(attack): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Ordered>,
) -> Response {
    if !is_own_form(&app, &user, &headers, &form.csrf_token) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(attack) = Attack::named(&attack) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let outcome = app.0.attacks.run(attack).await;
    app.0.terminal.attack(&outcome);
    let address = format!("/broken/{}", outcome.run.0);
    app.remember(outcome);
    Redirect::to(&address).into_response()
}

async fn broken(State(app): State<App>, user: User, Path(run): Path<u64>) -> Response {
    let outcome = app
        .outcomes()
        .iter()
        .find(|outcome| outcome.run == FlowId(run))
        .cloned();
    let Some(outcome) = outcome else {
        return Redirect::to("/notes").into_response();
    };
    let mut messages = app.0.recorder.messages(outcome.run);
    messages.sort_by_key(|message| message.began);
    let place = Attack::ALL
        .iter()
        .position(|attack| *attack == outcome.attack)
        .unwrap_or_default();
    page(app.0.pages.attack(&AttackPage {
        visitor: visitor(&user),
        attack: Button::of(outcome.attack),
        refused: outcome.is_refused(),
        verdict: outcome.verdict(),
        trials: &outcome.trials,
        messages: messages.iter().map(AsRef::as_ref).collect(),
        next: app.button(Attack::ALL[(place + 1) % Attack::ALL.len()]),
    }))
}

async fn asset(Path(name): Path<String>) -> Response {
    if pages::stylesheet_path() != format!("/assets/{name}") {
        return StatusCode::NOT_FOUND.into_response();
    }
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        pages::STYLESHEET,
    )
        .into_response()
}

async fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response()
}

async fn secured(State(app): State<App>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, app.0.policy.clone());
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Forms go to the app itself. Browsers hold the redirects that follow to the same list, and signing out leads to the server.
fn policy(addresses: &Addresses) -> Result<HeaderValue, InvalidHeaderValue> {
    let server = &addresses.server;
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {server}; base-uri 'none'; frame-ancestors 'none'"
    ))
}

fn visitor(user: &User) -> Visitor {
    Visitor {
        name: user.name().map(str::to_owned),
        csrf_token: user.csrf_token().to_owned(),
        logout_form: user.logout_form(),
    }
}

/// Whether a form came from a page of this app that only this browser was shown.
fn is_own_form(app: &App, user: &User, headers: &HeaderMap, csrf_token: &str) -> bool {
    let differs = |name: HeaderName, expected: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value != expected)
    };
    let elsewhere = differs(header::ORIGIN, &app.0.addresses.app)
        || differs(HeaderName::from_static("sec-fetch-site"), "same-origin");
    !elsewhere && encoding::constant_time_eq(csrf_token.as_bytes(), user.csrf_token().as_bytes())
}

fn page(rendered: Result<String, minijinja::Error>) -> Response {
    match rendered {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Sorry, this page is broken.\n",
            )
                .into_response()
        }
    }
}
