//! Waiting until something happens: one of those who wait looks into the store for all of them. Nobody looks where nobody waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use safeconduct_protocol::{clock::Clock, ids::ClientId};
use safeconduct_store::{Store, StoreError};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

/// How often the store is looked into while somebody waits.
const LOOK: Duration = Duration::from_millis(250);
/// How many may wait at this node, and of them for one client. Who may not wait is answered at once.
const MOST: usize = 1024;
const MOST_OF_CLIENT: usize = 256;
/// How many streams of events there are at this node.
const MOST_FOLLOWING: usize = 256;

/// Where it is looked for what happened.
pub(crate) struct Log<'s> {
    pub(crate) store: &'s Store,
    pub(crate) clock: &'s Clock,
    /// For how many seconds what happened can matter.
    pub(crate) within: i64,
}

/// Who waits at this node.
pub(crate) struct Feed {
    /// The number of the last event that this node has seen.
    newest: watch::Sender<i64>,
    /// Held by the one who looks.
    looking: tokio::sync::Mutex<()>,
    waiting: Mutex<HashMap<ClientId, usize>>,
    followers: Arc<Mutex<HashMap<String, usize>>>,
    is_over: watch::Sender<bool>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            newest: watch::Sender::new(0),
            looking: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            followers: Arc::default(),
            is_over: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// Permission for a client to wait.
    pub(crate) fn admit(&self, client: &ClientId) -> Option<Waiting<'_>> {
        let mut waiting = self.waiting();
        let all: usize = waiting.values().sum();
        let of_client = waiting.entry(client.clone()).or_default();
        if all >= MOST || *of_client >= MOST_OF_CLIENT {
            return None;
        }
        *of_client += 1;
        Some(Waiting {
            feed: self,
            client: client.clone(),
        })
    }

    /// Permission for a stream of events to whoever is called so, of which there may be `most`.
    pub(crate) fn admit_follower(&self, name: &str, most: usize) -> Option<Following> {
        let mut followers = counted(&self.followers);
        let all: usize = followers.values().sum();
        let of_one = followers.get(name).copied().unwrap_or_default();
        if all >= MOST_FOLLOWING || of_one >= most {
            return None;
        }
        followers.insert(name.to_owned(), of_one + 1);
        Some(Following {
            followers: Arc::clone(&self.followers),
            name: name.to_owned(),
        })
    }

    /// Waits until there is an event with a greater number than `behind`, or the moment `until` has come.
    pub(crate) async fn appears(
        &self,
        log: &Log<'_>,
        behind: i64,
        until: Instant,
    ) -> Result<(), StoreError> {
        let appeared = async {
            tokio::select! {
                () = reaches(self.newest.subscribe(), |newest| *newest > behind) => Ok(()),
                () = reaches(self.is_over.subscribe(), |is_over| *is_over) => Ok(()),
                _looks = self.looking.lock() => {
                    while self.look(log).await? <= behind {
                        sleep(LOOK).await;
                    }
                    Ok(())
                }
            }
        };
        timeout_at(until, appeared).await.unwrap_or(Ok(()))
    }

    /// Ends all waiting, now and from now on: the process is to stop.
    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Numbers what has appeared; the number of the last event. A database that lost its last events has a smaller one than before.
    pub(crate) async fn look(&self, log: &Log<'_>) -> Result<i64, StoreError> {
        let since = log.clock.now().plus(-log.within);
        let last = log.store.number_events_since(since).await?;
        self.has_seen(last);
        Ok(last)
    }

    fn has_seen(&self, last: i64) {
        self.newest.send_if_modified(|newest| {
            let before = std::mem::replace(newest, last);
            before != last
        });
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<ClientId, usize>> {
        counted(&self.waiting)
    }
}

/// Waits until a value is what it is to be. Its sender lives as long as the server does.
async fn reaches<T>(mut value: watch::Receiver<T>, is_reached: impl FnMut(&T) -> bool) {
    let _ = value.wait_for(is_reached).await;
}

/// A place among those who wait, until it is dropped.
pub(crate) struct Waiting<'f> {
    feed: &'f Feed,
    client: ClientId,
}

impl Waiting<'_> {
    /// Waits until there is an event with a greater number than `behind`, or the moment `until` has come.
    pub(crate) async fn appears(
        &self,
        log: &Log<'_>,
        behind: i64,
        until: Instant,
    ) -> Result<(), StoreError> {
        self.feed.appears(log, behind, until).await
    }
}

/// A stream of events, until it is dropped.
pub(crate) struct Following {
    followers: Arc<Mutex<HashMap<String, usize>>>,
    name: String,
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followers = counted(&self.followers);
        if let Some(count) = followers.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                followers.remove(&self.name);
            }
        }
    }
}

/// It is valid between any two of its changes, so that a panic elsewhere leaves nothing half done.
fn counted<K>(of: &Mutex<HashMap<K, usize>>) -> MutexGuard<'_, HashMap<K, usize>> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.feed.waiting();
        if let Some(count) = waiting.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database that lost its last events, after a failover: else whoever waits would be answered with nothing, again and again.
    #[test]
    fn the_last_number_falls_with_that_of_the_database() {
        let feed = Feed::default();
        feed.has_seen(100);
        feed.has_seen(50);
        assert_eq!(*feed.newest.borrow(), 50);
    }

    #[test]
    fn one_client_cannot_take_every_place() {
        let feed = Feed::default();
        let client = |name: &str| ClientId::parse(name).unwrap();
        let of_one: Vec<_> = std::iter::from_fn(|| feed.admit(&client("one"))).collect();
        assert_eq!(of_one.len(), MOST_OF_CLIENT);
        let others: Vec<_> = (0..MOST)
            .filter_map(|number| feed.admit(&client(&format!("api-{number}"))))
            .collect();
        assert_eq!(others.len(), MOST - MOST_OF_CLIENT);
        drop(of_one);
        assert!(feed.admit(&client("one")).is_some());
        drop(others);
        let waiting: usize = feed.waiting().values().sum();
        assert_eq!(waiting, 0);
    }
}
