//! Events: looked through from the newest, taken away from the oldest without a gap, and followed as they come.

use std::collections::HashSet;

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Event, EventFilter, SETTLED, Store, StoreError};

use crate::failed_attempts::{MINUTE, hash_of_name};

use super::{Administration, Page, Refused};

/// How many are read at a time.
const PAGE: u32 = 500;

/// How many seconds back each look of a [`Follower`] goes: sign-ins that failed are named by the start of their minute, and counted on within
/// it. Every tenth goes back as far as an event may be late.
const LOOK: i64 = MINUTE + 10;

/// Some events, and where to go on.
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// The name to go on behind; `None` where there are no more.
    pub next: Option<String>,
}

impl Administration<'_> {
    /// Events, the newest first, before the one that the page begins behind.
    ///
    /// # Errors
    /// The database's.
    pub async fn events(
        &self,
        filter: &EventFilter,
        page: &Page<'_>,
    ) -> Result<EventPage, Refused> {
        let more = page.limit.saturating_add(1);
        let mut events = self.store.events_before(filter, page.after, more).await?;
        let is_more = events.len() > page.limit as usize;
        events.truncate(page.limit as usize);
        let last = events.last().map(|event| event.id.clone());
        Ok(EventPage {
            next: last.filter(|_| is_more),
            events,
        })
    }

    /// What stands for a name in the events of sign-ins that failed, where it is nobody's.
    pub fn hash_of_typed_name(&self, name: &str) -> String {
        hash_of_name(&self.keys.guesses(), name)
    }

    /// Some events behind the one named `after`, oldest first, as far as nothing can appear between them any more: whoever goes on
    /// behind the last of them misses none, whatever is committed meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn settled_events(
        &self,
        filter: &EventFilter,
        after: &str,
    ) -> Result<EventPage, Refused> {
        let settled = self.now.plus(-SETTLED);
        let filter = EventFilter {
            until: Some(filter.until.map_or(settled, |until| until.min(settled))),
            ..filter.clone()
        };
        let events = self.store.events_after(&filter, after, PAGE).await?;
        let is_more = events.len() == PAGE as usize;
        let last = events.last().map(|event| event.id.clone());
        Ok(EventPage {
            next: last.filter(|_| is_more),
            events,
        })
    }
}

/// Gives events as they appear, each once, in the order in which they appear; sign-ins that failed again where their count has grown.
pub struct Follower {
    filter: EventFilter,
    /// Those that were given and are young enough to be met again, with their counts.
    given: HashSet<(String, u64)>,
    looks: u64,
    looked_at: Option<Timestamp>,
}

impl Follower {
    /// One that begins with what happens from the minute of `since` on.
    pub fn new(filter: EventFilter, since: Timestamp) -> Self {
        let since = since.plus(-since.seconds().rem_euclid(MINUTE));
        Self {
            filter: EventFilter {
                since: Some(filter.since.map_or(since, |from| from.max(since))),
                ..filter
            },
            given: HashSet::new(),
            looks: 0,
            looked_at: None,
        }
    }

    /// What has appeared since the last look.
    ///
    /// # Errors
    /// The database's. The next look gives what this one could not.
    pub async fn look(&mut self, store: &Store, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        let is_deep = self.looks.is_multiple_of(10);
        let back = if is_deep { SETTLED } else { LOOK };
        // A look that was late goes back to the one before.
        let from = self.looked_at.map_or(now, |last| last.min(now)).plus(-back);
        let filter = EventFilter {
            since: Some(self.filter.since.map_or(from, |since| since.max(from))),
            ..self.filter.clone()
        };
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = store.events_after(&filter, &after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            if let Some(last) = page.last() {
                after.clone_from(&last.id);
            }
            found.extend(page);
            if is_last {
                break;
            }
        }
        (self.looks, self.looked_at) = (self.looks + 1, Some(now));
        if is_deep {
            let met: HashSet<_> = found.iter().map(|event| (&event.id, event.times)).collect();
            self.given.retain(|(id, times)| met.contains(&(id, *times)));
        }
        found.retain(|event| self.given.insert((event.id.clone(), event.times)));
        Ok(found)
    }
}
