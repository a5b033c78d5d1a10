//! `/account/sessions`: where the user is signed in, and the end of that.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use safeconduct_protocol::authentication::Factor;
use safeconduct_store::SessionRecord;

use super::visit::{Demand, Visit, Visitor};
use crate::{
    addresses::{ACCOUNT_SESSIONS, END_OTHERS, END_SESSION},
    fault::Failure,
    form::PostedForm,
    outbox,
    pages::{AccountPage, Section, SessionLine, SessionsPage},
    reader::Reader,
    respond,
    server::Server,
};

/// `GET /account/sessions`.
pub(crate) async fn get(
    State(server): State<Server>,
    reader: Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = show(&server, reader, query.as_deref(), &headers).await;
    respond::person(&server, answer, reader)
}

/// `POST /account/sessions/end`: a session of this user's ends.
pub(crate) async fn end(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = end_some(&server, reader, &form, Which::Named).await;
    respond::person(&server, answer, reader)
}

/// `POST /account/sessions/end-others`: every session of this user's ends but this one.
pub(crate) async fn end_others(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = end_some(&server, reader, &form, Which::Others).await;
    respond::person(&server, answer, reader)
}

/// Which sessions are to end.
enum Which {
    Named,
    Others,
}

async fn show(
    server: &Server,
    reader: Reader,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let demand = Demand::SignedIn;
    let visit = match Visit::of(server, reader, headers, ACCOUNT_SESSIONS, demand).await? {
        Visitor::Known(visit) => visit,
        Visitor::Unproven(response) => return Ok(response),
    };
    let (user, now) = (&visit.view.person.user, visit.exchange.now);
    let sessions = server.store().list_sessions(Some(user), now).await?;
    let lines: Vec<SessionLine> = sessions
        .iter()
        .map(|session| line(&visit, session))
        .collect();
    let page = AccountPage::Sessions(SessionsPage {
        end_session_action: &server.path(END_SESSION),
        end_others_action: &server.path(END_OTHERS),
        sessions: &lines,
    });
    Ok(visit.page((Section::Sessions, ACCOUNT_SESSIONS), query, &page))
}

fn line(visit: &Visit<'_>, session: &SessionRecord) -> SessionLine {
    let (pages, now) = (visit.exchange.pages(), visit.exchange.now);
    let factors = session.factors.iter();
    SessionLine {
        id: session.id.as_str().to_owned(),
        is_this: session.id == visit.view.person.session,
        started: pages.date(session.started_at),
        last_seen: pages.moment(session.last_seen_at, now),
        factors: factors.map(|(factor, _)| Factor::as_str(factor)).collect(),
    }
}

async fn end_some(
    server: &Server,
    reader: Reader,
    form: &PostedForm,
    which: Which,
) -> Result<Response, Failure> {
    let changing = Visit::changing(server, reader, form, ACCOUNT_SESSIONS).await?;
    let (visit, parameters) = match changing {
        Visitor::Known(known) => known,
        Visitor::Unproven(response) => return Ok(response),
    };
    let (store, now) = (server.store(), visit.exchange.now);
    let person = &visit.view.person;
    let named = parameters.one("session")?.unwrap_or_default();
    let mut queued = Vec::new();
    // Only what is in the user's own list can be named.
    for session in store.list_sessions(Some(&person.user), now).await? {
        let is_meant = match which {
            Which::Named => session.id.as_str() == named,
            Which::Others => session.id != person.session,
        };
        if is_meant {
            queued.extend(store.end_session(&session.id, &person.user, now).await?);
        }
    }
    outbox::notify(server, queued).await;
    Ok(visit.lead_to(ACCOUNT_SESSIONS))
}
