//! Events: looked through from the newest, taken away from the oldest without a gap, and followed by their numbers as they come.

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Event, EventFilter, SETTLED, Store, StoreError};

use crate::failed_attempts::{MINUTE, hash_of_name};

use super::{Administration, Page, Refused};

/// How many are read at a time.
const PAGE: u32 = 500;

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
    since: Timestamp,
    /// The number of the last event that was looked at.
    last: Option<i64>,
}

impl Follower {
    /// One that begins with what happens from the minute of `since` on.
    pub fn new(filter: EventFilter, since: Timestamp) -> Self {
        let since = since.plus(-since.seconds().rem_euclid(MINUTE));
        let since = filter.since.map_or(since, |from| from.max(since));
        Self {
            filter: EventFilter {
                since: Some(since),
                ..filter
            },
            since,
            last: None,
        }
    }

    /// What has appeared since the last look.
    ///
    /// # Errors
    /// The database's. The next look gives what this one could not.
    pub async fn look(&mut self, store: &Store, now: Timestamp) -> Result<Vec<Event>, StoreError> {
        store.number_events(now).await?;
        let mut last = match self.last {
            Some(last) => last,
            None => store.number_before(self.since).await?,
        };
        let mut found = Vec::new();
        loop {
            let page = store.events_behind(last, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            last = page.last().map_or(last, |event| event.number);
            found.extend(page.into_iter().map(|numbered| numbered.event));
            if is_last {
                break;
            }
        }
        self.last = Some(last);
        found.retain(|event| self.filter.admits(event));
        Ok(found)
    }
}
