//! What people see and end of their own account: where they are signed in, and which apps have access.
//!
//! The pages ask for a proof by the rule that every sign-in goes by, as if they were a client: to be shown they want what the account
//! demands, and to change anything they want it fresh. A form here acts on the session alone, so it carries a token that only this
//! browser's session cookie can make.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use safeconduct_protocol::{
    authorization::{CheckedRequest, FRESH, Next},
    encoding,
    ids::ClientId,
    parameters::Parameters,
    scope::Scope,
    secret::Secret,
    time::Timestamp,
};
use safeconduct_store::SessionView;

use crate::{
    addresses::{ACCOUNT, END_OTHERS, END_SESSION, REMOVE_ACCESS},
    browser::{self, Browser},
    endpoints::logout::confirmation,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, arrived, words},
    outbox,
    pages::{AccountPage, AppLine, SessionLine},
    reader::Reader,
    respond,
    server::{Exchange, Server},
};

/// The most grants that are looked through for the list of apps.
const MOST_GRANTS: u32 = 500;

/// `GET /account`.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    headers: HeaderMap,
) -> Response {
    respond::person(&server, show(&server, reader, &headers).await, reader)
}

/// `POST /account/sessions/end`: a session of this user's ends.
pub(crate) async fn end_session(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    change(&server, reader, &form, Change::EndSession).await
}

/// `POST /account/sessions/end-others`: every session of this user's ends but this one.
pub(crate) async fn end_others(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    change(&server, reader, &form, Change::EndOthers).await
}

/// `POST /account/apps/remove`: an app loses all that this user let it do.
pub(crate) async fn remove_access(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    change(&server, reader, &form, Change::RemoveAccess).await
}

/// What a form of the account page asks for.
#[derive(Clone, Copy)]
enum Change {
    EndSession,
    EndOthers,
    RemoveAccess,
}

/// Who is at the account pages, by what the rule says of a request for them.
enum Visitor {
    /// The user of this session has proved what is demanded.
    User(Box<SessionView>),
    /// Something is due before.
    Unproven(Response),
}

impl Visitor {
    /// Judges who sits at `browser`. `max_age` is how old the proof may be, in seconds.
    async fn at(
        exchange: &Exchange<'_>,
        browser: &Browser,
        max_age: Option<i64>,
    ) -> Result<Self, Failure> {
        let client = exchange.catalog.account.clone();
        let page = exchange.server.settings().issuer.endpoint(ACCOUNT);
        let request = CheckedRequest::of_account(&client, &page, max_age);
        let binding = browser.binding().cloned().unwrap_or_else(Secret::generate);
        let pending = arrived(exchange, request.clone(), &binding);
        let view = browser.person(exchange, &pending).await?;
        let user = view.as_ref().map(|view| &view.person);
        let next = pending.next(&client, user, exchange.catalog.keys.subjects());
        if let (Ok(Next::Issue(_)), Some(view)) = (next, view) {
            return Ok(Self::User(Box::new(view)));
        }
        let response = Journey::begin(exchange, browser, request, client, None).await?;
        Ok(Self::Unproven(response))
    }
}

async fn show(server: &Server, reader: Reader, headers: &HeaderMap) -> Result<Response, Failure> {
    let exchange = Exchange::with(server, reader.language).await?;
    let browser = Browser::read(&server.settings().issuer, headers);
    match Visitor::at(&exchange, &browser, None).await? {
        Visitor::Unproven(response) => Ok(response),
        Visitor::User(view) => page(&exchange, &browser, &view).await,
    }
}

async fn page(
    exchange: &Exchange<'_>,
    browser: &Browser,
    view: &SessionView,
) -> Result<Response, Failure> {
    let (server, now) = (exchange.server, exchange.now);
    let user = &view.person;
    let sessions = server.store().list_sessions(Some(&user.user), now).await?;
    let sessions: Vec<SessionLine> = sessions
        .iter()
        .map(|session| SessionLine {
            id: session.id.as_str().to_owned(),
            is_this: session.id == user.session,
            started: date(session.started_at),
            last_seen: date(session.last_seen_at),
        })
        .collect();
    let token = browser.account_token().unwrap_or_default();
    let html = exchange.pages().account(&AccountPage {
        account: &user.username,
        csrf: &token,
        end_session_action: &server.path(END_SESSION),
        end_others_action: &server.path(END_OTHERS),
        remove_access_action: &server.path(REMOVE_ACCESS),
        sign_out_action: &confirmation(server),
        sign_out_csrf: &browser.sign_out_token().unwrap_or_default(),
        minutes: server
            .settings()
            .lifetimes
            .access_token
            .div_euclid(60)
            .max(1),
        sessions: &sessions,
        apps: &apps(exchange, view).await?,
    });
    Ok(respond::page(StatusCode::OK, html))
}

/// The apps that can do something for the user now, or that need not ask again: by name.
async fn apps(exchange: &Exchange<'_>, view: &SessionView) -> Result<Vec<AppLine>, Failure> {
    let (store, user) = (exchange.server.store(), &view.person.user);
    let consents = store.list_consents(user).await?;
    let grants = store
        .live_grants_of(user, MOST_GRANTS, exchange.now)
        .await?;
    let consented = consents.iter().map(|consent| &consent.client);
    let granted = grants.iter().map(|record| &record.grant.client);
    let mut clients: Vec<&ClientId> = consented.chain(granted).collect();
    clients.sort();
    clients.dedup();
    let lines = clients.into_iter().filter_map(|id| {
        let client = &exchange.catalog.client(id)?.client;
        let of_this = || grants.iter().filter(|record| record.grant.client == *id);
        let consent = consents.iter().find(|consent| consent.client == *id);
        let allowed = consent
            .into_iter()
            .flat_map(|consent| consent.scopes.values());
        let scopes = allowed.chain(of_this().map(|record| &record.grant.scope));
        let scope = scopes.fold(Scope::default(), |all, scope| all.union(scope));
        let since = of_this().map(|record| record.created_at);
        let since = since.chain(consent.map(|consent| consent.changed_at)).min();
        let last_used = of_this().map(|record| record.last_used_at).max();
        Some(AppLine {
            id: id.as_str().to_owned(),
            name: client.name_in(exchange.language()).to_owned(),
            scopes: words(exchange, &scope),
            since: since.map(date),
            last_used: last_used.map(date),
        })
    });
    let mut lines: Vec<AppLine> = lines.collect();
    lines.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(lines)
}

/// A day as `YYYY-MM-DD` (RFC 3339), in UTC: the same in every language.
fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}

async fn change(server: &Server, reader: Reader, form: &PostedForm, change: Change) -> Response {
    respond::person(server, changed(server, reader, form, change).await, reader)
}

async fn changed(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    change: Change,
) -> Result<Response, Failure> {
    let issuer = &server.settings().issuer;
    browser::own_form(issuer, form.headers())?;
    let parameters = form.parameters()?;
    let browser = Browser::read(issuer, form.headers());
    let exchange = Exchange::with(server, reader.language).await?;
    let view = match Visitor::at(&exchange, &browser, Some(FRESH)).await? {
        Visitor::Unproven(response) => return Ok(response),
        Visitor::User(view) => view,
    };
    let presented = parameters.one("csrf")?.unwrap_or_default();
    let is_ours =
        |expected: String| encoding::constant_time_eq(presented.as_bytes(), expected.as_bytes());
    // A form of an earlier sign-in asks for nothing: the page is shown as it is now.
    if browser.account_token().is_some_and(is_ours) {
        apply(&exchange, &view, &parameters, change).await?;
    }
    Ok(respond::lead_to(exchange.pages(), &server.path(ACCOUNT)))
}

async fn apply(
    exchange: &Exchange<'_>,
    view: &SessionView,
    parameters: &Parameters,
    change: Change,
) -> Result<(), Failure> {
    let (server, now) = (exchange.server, exchange.now);
    let user = &view.person;
    let store = server.store();
    match change {
        Change::RemoveAccess => {
            let named = parameters.one("client")?.unwrap_or_default();
            // Only what is in the user's own list can be named, here and below.
            if apps(exchange, view)
                .await?
                .iter()
                .any(|app| app.id == named)
                && let Some(client) = ClientId::parse(named)
            {
                store.remove_access(&user.user, &client, now).await?;
                tracing::info!(sub = %user.user, client_id = %client, "access was removed by the user");
            }
        }
        Change::EndSession | Change::EndOthers => {
            let named = parameters.one("session")?.unwrap_or_default();
            let mut queued = Vec::new();
            for session in store.list_sessions(Some(&user.user), now).await? {
                let is_meant = match change {
                    Change::EndSession => session.id.as_str() == named,
                    _ => session.id != user.session,
                };
                if is_meant {
                    queued.extend(store.end_session(&session.id, &user.user, now).await?);
                }
            }
            outbox::notify(server, queued).await;
        }
    }
    Ok(())
}
