//! `/admin/v1/events` and `/admin/v1/explain`: what happened, and what is known of a request, a grant, a user or a client.

use std::collections::BTreeMap;

use http::Method;
use safeconduct_protocol::{
    error::Reason,
    ids::{ClientId, GrantId},
    time::Timestamp,
};
use safeconduct_store::{Door, Event, EventFilter, event_kinds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Call, Done, Nothing, Operation},
    paging::Paging,
    problem::Problem,
    shown::{EventEntry, List},
};
use crate::administration::Page;

/// Which events.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsAsked {
    /// About this user: a username or an id.
    pub(super) user: Option<String>,
    /// About this client.
    pub(super) client: Option<String>,
    /// About this grant.
    pub(super) grant: Option<String>,
    /// Of this kind.
    pub(super) kind: Option<String>,
    /// By who came by this door.
    pub(super) door: Option<DoorName>,
    /// In this request.
    pub(super) correlation_id: Option<String>,
    /// Not before.
    #[schemars(extend("format" = "date-time"))]
    pub(super) since: Option<String>,
    /// Before.
    #[schemars(extend("format" = "date-time"))]
    pub(super) until: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    pub(super) limit: Option<u32>,
    /// Where the page begins.
    pub(super) cursor: Option<String>,
}

/// By which door somebody came.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DoorName {
    Cli,
    Api,
    Console,
    Page,
    Endpoint,
    Server,
}

impl From<DoorName> for Door {
    fn from(door: DoorName) -> Self {
        match door {
            DoorName::Cli => Self::Cli,
            DoorName::Api => Self::Api,
            DoorName::Console => Self::Console,
            DoorName::Page => Self::Page,
            DoorName::Endpoint => Self::Endpoint,
            DoorName::Server => Self::Server,
        }
    }
}

/// What is known of something, and what can be done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Explanation {
    /// What it is: `request`, `grant`, `user`, `client` and the like.
    about: String,
    /// What is known of it.
    known: BTreeMap<String, String>,
    /// What happened to it, the oldest first.
    events: Vec<EventEntry>,
    /// What can be done.
    advice: Vec<String>,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/admin/v1/events",
            (
                "listEvents",
                "What happened, and who did it; the newest first",
            ),
            list,
        ),
        Operation::new(
            Method::GET,
            "/admin/v1/explain/{id}",
            (
                "explain",
                "What is known of a request, a grant, a user or a client, and what mends it",
            ),
            explain,
        ),
    ]
}

async fn list(
    call: Call,
    asked: EventsAsked,
    _: Nothing,
) -> Result<Done<List<EventEntry>>, Problem> {
    let administration = call.administration();
    let paging = Paging::of(&call, asked.limit, asked.cursor.as_deref())?;
    let filter = filter(&call, asked).await?;
    let page = Page {
        after: paging.after().filter(|after| Event::is_id(after)),
        limit: paging.limit(),
    };
    let found = administration.events(&filter, &page).await?;
    let items = found.events.into_iter().map(EventEntry::from).collect();
    Ok(Done::new(paging.list_before(items, found.next)?))
}

/// What is asked for, as the store reads it.
pub(super) async fn filter(call: &Call, asked: EventsAsked) -> Result<EventFilter, Problem> {
    let user = match &asked.user {
        Some(user) => Some(call.administration().user(user).await?.id),
        None => None,
    };
    let of = |name: &'static str| Problem::of_value(name, "this can't be one");
    let client = asked.client.as_deref().map(ClientId::parse);
    let grant = asked.grant.as_deref().map(GrantId::parse);
    let is_known = |kind: &String| event_kinds().any(|(known, _, _)| known == kind);
    if asked.kind.as_ref().is_some_and(|kind| !is_known(kind)) {
        return Err(Problem::of_value(
            "kind",
            "there are no events of this kind",
        ));
    }
    Ok(EventFilter {
        user,
        client: client
            .map(|id| id.ok_or_else(|| of("client")))
            .transpose()?,
        grant: grant.map(|id| id.ok_or_else(|| of("grant"))).transpose()?,
        kinds: asked.kind.into_iter().collect(),
        door: asked.door.map(Door::from),
        name_hash: None,
        correlation_id: asked.correlation_id,
        since: asked
            .since
            .as_deref()
            .map(|text| time("since", text))
            .transpose()?,
        until: asked
            .until
            .as_deref()
            .map(|text| time("until", text))
            .transpose()?,
    })
}

fn time(name: &'static str, text: &str) -> Result<Timestamp, Problem> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|time| Timestamp::from_seconds(time.as_second()))
        .map_err(|_| Problem::of_value(name, "write it as in 2027-01-15T08:00:00Z"))
}

async fn explain(call: Call, _: Nothing, _: Nothing) -> Result<Done<Explanation>, Problem> {
    let story = call.administration().explain(call.path("id")).await?;
    if story.facts.is_empty() && story.events.is_empty() {
        let told = "nothing is known of it here; what was refused is in the log alone";
        return Err(Problem::new(Reason::ThingNotFound).saying(told));
    }
    let facts = story.facts.into_iter();
    Ok(Done::new(Explanation {
        about: story.subject.as_str().to_owned(),
        known: facts.map(|(name, fact)| (name.to_owned(), fact)).collect(),
        events: story.events.into_iter().map(EventEntry::from).collect(),
        advice: story.advice,
    }))
}
