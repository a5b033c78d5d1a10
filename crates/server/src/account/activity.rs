//! `/account/activity`: what happened to the account, in words, the newest first. What is not in the list of kinds is for
//! the operator, or has no words yet.

use axum::response::Response;
use safeconduct_protocol::parameters::Parameters;
use safeconduct_store::Event;

use super::visit::{Answer, Demand, PageRequest, Visit};
use crate::{
    addresses::ACCOUNT_ACTIVITY,
    pages::{AccountPage, ActivityPage, EventLine, Section},
};

/// How many events are looked at for a page.
const PAGE: u32 = 50;

/// The events that are told to the user they are about.
const KINDS: [&str; 21] = [
    "user-added",
    "user-signed-up",
    "user-locked",
    "user-unlocked",
    "claims-updated",
    "password-set",
    "second-factor-added",
    "second-factor-removed",
    "passkey-added",
    "passkey-renamed",
    "passkey-removed",
    "passkey-count-behind",
    "recovery-codes-made",
    "recovery-code-used",
    "second-factor-guessed",
    "session-started",
    "session-ended",
    "sessions-ended",
    "consent-given",
    "consent-withdrawn",
    "access-removed",
];

/// `GET /account/activity`.
pub(crate) async fn get(request: PageRequest) -> Response {
    request.answer(show(&request).await)
}

async fn show(request: &PageRequest) -> Answer {
    let visit = request.visit(ACCOUNT_ACTIVITY, Demand::SignedIn).await?;
    let (server, query) = (visit.exchange.server, request.query().unwrap_or_default());
    let parameters = Parameters::parse(query.as_bytes()).unwrap_or_default();
    let before = parameters.one("before").ok().flatten();
    // What can be no event begins at the newest.
    let before = before.filter(|id| Event::is_id(id));
    let user = &visit.view.person.user;
    let events = server.store().events_of(user, before, PAGE).await?;
    let lines: Vec<EventLine> = events
        .iter()
        .filter_map(|event| line(&visit, event))
        .collect();
    let is_full = u32::try_from(events.len()).is_ok_and(|read| read == PAGE);
    let last = events.last().filter(|_| is_full);
    let earlier = last.map(|last| {
        let page = server.path(ACCOUNT_ACTIVITY);
        format!("{page}?before={}", last.id)
    });
    let page = AccountPage::Activity(ActivityPage {
        events: &lines,
        earlier: earlier.as_deref(),
    });
    Ok(visit.page((Section::Activity, ACCOUNT_ACTIVITY), None, &page))
}

fn line(visit: &Visit<'_>, event: &Event) -> Option<EventLine> {
    let exchange = &visit.exchange;
    let kind = KINDS.into_iter().find(|kind| *kind == event.kind)?;
    let app = event.client.as_ref().map(|id| {
        let known = exchange.catalog.client(id);
        let name = known.map(|known| known.client.name_in(exchange.language()));
        name.unwrap_or(id.as_str()).to_owned()
    });
    // The session that went on is named.
    let kind = match (kind, &event.detail) {
        ("sessions-ended", Some(_)) => "other-sessions-ended",
        (kind, _) => kind,
    };
    let left = event.detail.as_deref().and_then(|left| left.parse().ok());
    Some(EventLine {
        kind,
        at: exchange.pages().moment(event.at, exchange.now),
        app: app.unwrap_or_default(),
        left: left.unwrap_or_default(),
    })
}
