//! What guesses were charged, by this node and by the others, and what that leaves.
//!
//! A budget is a bucket that refills by the clock (the generic cell rate algorithm, in whole seconds). A *stretch* is a time
//! without a moment at which the bucket was full. Each node keeps and exports only what it charged itself in the stretch under
//! way, as one sum with the time of the first charge. From the sums of all nodes follows when the bucket is full again:
//! taken in the order of their beginnings, each adds its seconds. So a sum that is merged twice counts once, one that is merged
//! late is not lost, and keys that are full are not exported.

use std::collections::HashMap;

use safeconduct_store::NodeGuesses;

use super::{
    Budget, Limit,
    export::{self, Entry, KINDS, MOST},
    table::{Slot, Table},
};

/// How far the clocks of two nodes may differ, in seconds. What lies further ahead is not counted.
const SKEW: i64 = 60;

/// What one node charged to one key in the stretch under way.
#[derive(Clone, Copy, Default)]
struct Spending {
    since: i64,
    seconds: i64,
}

/// A time without a moment at which the budget was full.
struct Stretch {
    since: i64,
    full_at: i64,
}

pub(super) struct Buckets {
    budgets: [Budget; KINDS],
    own: [Table<Spending>; KINDS],
    others: HashMap<String, OtherNode>,
    /// Whether anything changed since the last export.
    changed: bool,
    version: i64,
}

struct OtherNode {
    version: i64,
    spent: [HashMap<u64, Spending>; KINDS],
}

impl Buckets {
    pub(super) fn new(budgets: [Budget; KINDS], slots: usize) -> Self {
        Self {
            budgets,
            own: std::array::from_fn(|_| Table::new(slots)),
            others: HashMap::new(),
            changed: false,
            version: 0,
        }
    }

    /// Seconds until there can be one more guess at `key`; `None` if there can be one now.
    pub(super) fn wait(&mut self, limit: Limit, key: u64, now: i64) -> Option<u32> {
        self.pull_back(limit, key, now);
        let budget = self.budgets[limit as usize];
        let full_at = self.stretch(limit, key, now).full_at.max(now);
        let wait = full_at.saturating_add(budget.one()) - now - budget.whole();
        (wait > 0).then(|| u32::try_from(wait).unwrap_or(u32::MAX))
    }

    /// Takes the price of one guess at `key`.
    pub(super) fn charge(&mut self, limit: Limit, key: u64, now: i64) {
        let price = self.budgets[limit as usize].one();
        let stretch = self.stretch(limit, key, now);
        let own = self.own[limit as usize].find(key).map(|slot| slot.value);
        let is_under_way = |own: &Spending| stretch.full_at > now && own.since >= stretch.since;
        let own = own.filter(is_under_way).unwrap_or(Spending {
            since: now,
            seconds: 0,
        });
        let spending = Spending {
            seconds: own.seconds.saturating_add(price),
            ..own
        };
        let until = stretch.full_at.max(now).saturating_add(price);
        self.own[limit as usize].put(key, until, spending);
        self.changed = true;
    }

    /// Gives the price of one guess back.
    pub(super) fn refund(&mut self, limit: Limit, key: u64) {
        let price = self.budgets[limit as usize].one();
        if let Some(slot) = self.own[limit as usize].find_mut(key) {
            let back = price.min(slot.value.seconds);
            slot.value.seconds -= back;
            slot.until -= back;
            self.changed = true;
        }
    }

    /// What has changed since the last export, in the name of `node`; `None` if nothing has.
    pub(super) fn export(&mut self, node: &str, now: i64) -> Option<NodeGuesses> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        self.version += 1;
        let mut exported: [Vec<Entry>; KINDS] = Default::default();
        for (exported, own) in exported.iter_mut().zip(&self.own) {
            *exported = most_spent(own.live(now), |slot| Entry {
                key: slot.key,
                at: slot.value.since,
                seconds: u32::try_from(slot.value.seconds).unwrap_or(u32::MAX),
            });
        }
        Some(NodeGuesses {
            node: node.to_owned(),
            version: self.version,
            spent: export::encode(&exported),
        })
    }

    /// The export could not be written: it is made again.
    pub(super) fn not_exported(&mut self) {
        self.changed = true;
    }

    /// The nodes among `listed` that have exported something new.
    pub(super) fn unmerged<'l>(&self, listed: &'l [(String, i64)]) -> Vec<&'l str> {
        let is_news = |(node, version): &&(String, i64)| {
            self.others.get(node).map(|other| other.version) != Some(*version)
        };
        let news = listed.iter().filter(is_news);
        news.map(|(node, _)| node.as_str()).collect()
    }

    /// Takes in what other nodes exported. Those that are not `listed` any more are gone.
    pub(super) fn merge(&mut self, listed: &[(String, i64)], exported: Vec<NodeGuesses>, now: i64) {
        self.others
            .retain(|node, _| listed.iter().any(|(listed, _)| listed == node));
        let mut touched = Vec::new();
        for row in exported {
            let Some(spent) = export::decode(&row.spent) else {
                tracing::warn!(
                    node = row.node,
                    "what another node counted of guesses can't be read; it is not counted here"
                );
                self.others.insert(row.node, OtherNode::silent(row.version));
                continue;
            };
            for (limit, entries) in Limit::ALL.into_iter().zip(&spent) {
                touched.extend(entries.iter().map(|entry| (limit, entry.key)));
            }
            self.others.insert(
                row.node,
                OtherNode {
                    version: row.version,
                    spent: spent.map(by_key),
                },
            );
        }
        // What others charged prolongs the stretches in which this node charged as well.
        for (limit, key) in touched {
            let full_at = self.stretch(limit, key, now).full_at;
            if let Some(slot) = self.own[limit as usize].find_mut(key) {
                slot.until = slot.until.max(full_at);
            }
        }
    }

    fn stretch(&self, limit: Limit, key: u64, now: i64) -> Stretch {
        let own = self.own[limit as usize].find(key).map(|slot| slot.value);
        let others = self.others.values();
        let others = others.filter_map(|node| node.spent[limit as usize].get(&key).copied());
        let mut spendings: Vec<Spending> = own
            .into_iter()
            .chain(others)
            .filter(|spending| spending.since <= now + SKEW)
            .collect();
        spendings.sort_by_key(|spending| spending.since);
        let mut stretch = Stretch {
            since: i64::MIN,
            full_at: i64::MIN,
        };
        for Spending { since, seconds } in spendings {
            if since > stretch.full_at {
                stretch = Stretch {
                    since,
                    full_at: since,
                };
            }
            stretch.full_at = stretch.full_at.saturating_add(seconds);
        }
        // No more can be owed than what every node lets pass at once.
        let nodes = i64::try_from(self.others.len()).unwrap_or(i64::MAX - 1) + 1;
        let most = self.budgets[limit as usize].whole().saturating_mul(nodes);
        stretch.full_at = stretch.full_at.min(now.saturating_add(most));
        stretch
    }

    /// A clock that was set back must not turn into a wait that is longer than the budget.
    fn pull_back(&mut self, limit: Limit, key: u64, now: i64) {
        let whole = self.budgets[limit as usize].whole();
        let own = self.own[limit as usize].find_mut(key);
        if let Some(slot) = own.filter(|slot| slot.value.since > now + SKEW) {
            let seconds = slot.value.seconds.min(whole);
            slot.value = Spending {
                since: now,
                seconds,
            };
            slot.until = now.saturating_add(seconds);
        }
    }

    /// How many entries there is room for in each table.
    #[cfg(test)]
    pub(super) fn slots(&self) -> [usize; KINDS] {
        self.own.each_ref().map(Table::slots)
    }
}

impl OtherNode {
    fn silent(version: i64) -> Self {
        Self {
            version,
            spent: Default::default(),
        }
    }
}

/// The entries that end last, at most [`MOST`].
fn most_spent<'s, T: Copy + 's>(
    slots: impl Iterator<Item = &'s Slot<T>>,
    exported: impl Fn(&Slot<T>) -> Entry,
) -> Vec<Entry> {
    let mut slots: Vec<_> = slots.collect();
    if slots.len() > MOST {
        slots.select_nth_unstable_by_key(MOST, |slot| std::cmp::Reverse(slot.until));
        slots.truncate(MOST);
    }
    slots.into_iter().map(exported).collect()
}

fn by_key(entries: Vec<Entry>) -> HashMap<u64, Spending> {
    let spending = |entry: Entry| {
        let spending = Spending {
            since: entry.at,
            seconds: i64::from(entry.seconds),
        };
        (entry.key, spending)
    };
    entries.into_iter().map(spending).collect()
}
