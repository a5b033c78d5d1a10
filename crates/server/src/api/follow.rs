//! `/admin/v1/events/follow`: events as they appear, as server-sent events (WHATWG HTML §9.2), each once and in the order in which they appear
//! on all nodes.
//!
//! Nothing is kept for who follows. The `id` of an event is a sealed cursor; whoever lost the stream goes on behind it, at any node, and misses
//! nothing. A stream ends with the token that it was asked for with, and with everything that this rests on: that is looked at before each
//! answer. Events are read when they can be sent: who does not read costs no memory, and is cut by the listener.

use std::{convert::Infallible, fmt::Write as _};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
};
use futures_util::stream::unfold;
use http::{HeaderName, header};
use safeconduct_protocol::{administration, error::Reason};
use safeconduct_store::{EventFilter, NUMBERED_WITHIN, NumberedEvent, StoreError};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    caller::{Needs, still_stands},
    events::{self, DoorName, EventsAsked},
    operation::{Call, Operation},
    paging::Paging,
    problem::Problem,
    shown::EventEntry,
};
use crate::{
    fault::Failure,
    security_events::{Following, Log},
    settings::FollowSettings,
};

/// How long who lost the stream waits before asking again, in milliseconds.
const RETRY: u32 = 3_000;
/// How many events are read at a time.
const PAGE: u32 = 100;
/// How many streams one asker has at a node.
const MOST_OF_ONE: usize = 8;
const LAST_EVENT_ID: &str = "last-event-id";
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Which events, and from where on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FollowAsked {
    /// About this user: a username or an id.
    user: Option<String>,
    /// About this client.
    client: Option<String>,
    /// About this grant.
    grant: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// By who came by this door.
    door: Option<DoorName>,
    /// In this request.
    correlation_id: Option<String>,
    /// Not before: of what happened already, as far as somebody followed it. Without it, from now on.
    #[schemars(extend("format" = "date-time"))]
    since: Option<String>,
    /// Where to go on: the `id` of the last one. The header `Last-Event-ID` says the same, and before it.
    cursor: Option<String>,
    /// Whether the answer ends with the first events, or after a few seconds without any: for who can't read a stream.
    once: Option<bool>,
}

pub(super) fn operation() -> Operation {
    Operation::streaming::<FollowAsked, EventEntry, _, _>(
        "/admin/v1/events/follow",
        (
            "followEvents",
            "Events as they appear, as server-sent events: each `data` is one, its `id` is where to go on",
        ),
        "text/event-stream",
        follow,
    )
}

async fn follow(call: Call, asked: FollowAsked) -> Result<Response, Problem> {
    let is_once = asked.once.unwrap_or_default();
    let sent = call.headers.get(LAST_EVENT_ID);
    let sent = sent.and_then(|value| value.to_str().ok());
    let cursor = sent.or(asked.cursor.as_deref()).map(str::to_owned);
    let filter = EventsAsked {
        user: asked.user,
        client: asked.client,
        grant: asked.grant,
        kind: asked.kind,
        door: asked.door,
        correlation_id: asked.correlation_id,
        since: asked.since,
        ..EventsAsked::default()
    };
    let filter = events::filter(&call, filter).await?;
    let feed = call.server.feed();
    let following = feed.admit_follower(&call.caller.name(), MOST_OF_ONE);
    let following = following.ok_or(Reason::Overloaded)?;
    let store = call.server.store();
    let last = store.number_events(call.now).await;
    let last = last.map_err(Failure::from)?;
    let paging = Paging::of(&call, None, cursor.as_deref())?;
    let number = match (paging.after(), filter.since) {
        (Some(after), _) => {
            let number = after.parse().ok().filter(|number| *number <= last);
            number.ok_or(Reason::CursorRefused)?
        }
        (None, Some(since)) => {
            let before = store.number_before(since).await;
            before.map_err(Failure::from)?.min(last)
        }
        (None, None) => last,
    };
    let begun = format!(
        "retry: {RETRY}\nid: {}\n\n",
        paging.seal(number.to_string())?
    );
    let settings = call.server.settings().administration.as_ref();
    let settings = settings.map(|api| api.follow).unwrap_or_default();
    let now = Instant::now();
    let stream = Stream {
        call,
        filter,
        number,
        once: is_once.then(|| now + settings.once),
        comment_at: now + settings.comment,
        settings,
        begun: Some(begun),
        is_over: false,
        _following: following,
    };
    let parts = unfold(stream, async |mut stream| {
        let part = stream.part().await?;
        Some((Ok::<_, Infallible>(Bytes::from(part)), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (NO_BUFFERING, "no"),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// A stream, as far as it was sent.
struct Stream {
    call: Call,
    filter: EventFilter,
    /// The number of the last event that was looked at.
    number: i64,
    /// Until when it waits for the events that it ends with, if it does.
    once: Option<Instant>,
    /// When something has to be said.
    comment_at: Instant,
    settings: FollowSettings,
    /// What stands before everything.
    begun: Option<String>,
    is_over: bool,
    _following: Following,
}

impl Stream {
    /// What is sent next; `None` where the stream ends.
    async fn part(&mut self) -> Option<String> {
        if let Some(begun) = self.begun.take() {
            return Some(begun);
        }
        if self.is_over {
            return None;
        }
        match self.next().await {
            Ok(part) => part,
            Err(error) => {
                tracing::warn!(%error, "events could not be read for who follows them");
                None
            }
        }
    }

    async fn next(&mut self) -> Result<Option<String>, StoreError> {
        let server = self.call.server.clone();
        let log = Log {
            store: server.store(),
            clock: server.clock(),
            within: NUMBERED_WITHIN,
        };
        loop {
            let events = server.store().events_behind(self.number, PAGE).await?;
            let now = Instant::now();
            let is_late = self.once.is_some_and(|end| now >= end);
            let says_something = !events.is_empty() || now >= self.comment_at || is_late;
            if says_something && !self.may_go_on().await {
                return Ok(None);
            }
            if let Some(last) = events.last().map(|event| event.number) {
                let Some(text) = self.told(&events, last) else {
                    return Ok(None);
                };
                self.number = last;
                self.comment_at = now + self.settings.comment;
                // Behind events that are not asked for there may be others.
                let tells = text.contains("data: ");
                self.is_over = self.once.is_some() && tells;
                return Ok(Some(text));
            }
            if server.feed().is_over() || is_late {
                return Ok(None);
            }
            if now >= self.comment_at {
                self.comment_at = now + self.settings.comment;
                return Ok(Some(":\n\n".to_owned()));
            }
            let until = self.once.unwrap_or(self.comment_at).min(self.comment_at);
            server.feed().appears(&log, self.number, until).await?;
        }
    }

    /// The events that are asked for, and where to go on.
    fn told(&self, events: &[NumberedEvent], last: i64) -> Option<String> {
        let paging = Paging::of(&self.call, None, None).ok()?;
        let mut text = String::new();
        for numbered in events.iter().filter(|n| self.filter.admits(&n.event)) {
            let entry = EventEntry::from(numbered.event.clone());
            let data = serde_json::to_string(&entry).ok()?;
            let id = paging.seal(numbered.number.to_string()).ok()?;
            let _ = write!(text, "id: {id}\ndata: {data}\n\n");
        }
        if text.is_empty() {
            let id = paging.seal(last.to_string()).ok()?;
            let _ = write!(text, "id: {id}\n\n");
        }
        Some(text)
    }

    /// Whether who asked may still see what comes.
    async fn may_go_on(&self) -> bool {
        let needs = Needs {
            scope: administration::READ,
        };
        still_stands(&self.call.server, &self.call.caller, needs).await
    }
}
