//! `/account/sessions`: where the user is signed in, and the end of that.

use axum::response::Response;
use safeconduct_protocol::{authentication::Factor, ids::SessionId};
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
    request.answer(end_one(&request).await)
}

/// `POST /account/sessions/end-others`: every session of this user's ends but this one.
pub(crate) async fn end_others(request: FormRequest) -> Response {
    request.answer(end_all_others(&request).await)
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
        browser: session.device.browser(),
        system: session.device.system(),
        factors: factors.map(|(factor, _)| Factor::as_str(factor)).collect(),
    }
}

async fn end_one(request: &FormRequest) -> Answer {
    let (visit, parameters) = request.visit(ACCOUNT_SESSIONS).await?;
    let (server, user) = (visit.exchange.server, &visit.view.person.user);
    let named = parameters.one("session")?.and_then(SessionId::parse);
    if let Some(id) = named {
        let (seen, now) = (visit.seen(), visit.exchange.now);
        let store = visit.store();
        let ended = store.end_own_session(&id, user, &seen, now);
        outbox::notify(server, ended.await?).await;
    }
    Ok(visit.lead_to(ACCOUNT_SESSIONS))
}

async fn end_all_others(request: &FormRequest) -> Answer {
    let (visit, _) = request.visit(ACCOUNT_SESSIONS).await?;
    let (server, user) = (visit.exchange.server, &visit.view.person.user);
    let (seen, now) = (visit.seen(), visit.exchange.now);
    let store = visit.store();
    let ended = store.end_other_sessions(user, &seen, now);
    outbox::notify(server, ended.await?).await;
    Ok(visit.lead_to(ACCOUNT_SESSIONS))
}
