//! `/account/sessions`: where the user is signed in, and the end of that.

use axum::response::Response;
use safeconduct_protocol::authentication::Factor;
use safeconduct_store::SessionRecord;

use super::visit::{Answer, Demand, FormRequest, PageRequest, Visit};
use crate::{
    addresses::{ACCOUNT_SESSIONS, END_OTHERS, END_SESSION},
    outbox,
    pages::{AccountPage, Section, SessionLine, SessionsPage},
};

/// `GET /account/sessions`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

/// `POST /account/sessions/end`: a session of this user's ends.
pub(crate) async fn end(request: FormRequest) -> Response {
    request.answer(end_some(&request, Which::Named).await)
}

/// `POST /account/sessions/end-others`: every session of this user's ends but this one.
pub(crate) async fn end_others(request: FormRequest) -> Response {
    request.answer(end_some(&request, Which::Others).await)
}

/// Which sessions are to end.
enum Which {
    Named,
    Others,
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_SESSIONS, Demand::SignedIn).await?;
    let (user, now) = (&visit.view.person.user, visit.exchange.now);
    let server = visit.exchange.server;
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
    Ok(visit.page(
        (Section::Sessions, ACCOUNT_SESSIONS),
        request.query(),
        &page,
    ))
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

async fn end_some(request: &FormRequest, which: Which) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_SESSIONS).await?;
    let server = visit.exchange.server;
    let (store, now) = (visit.store(), visit.exchange.now);
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
