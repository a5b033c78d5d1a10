//! Which password is hashed next: a fair queue of bounded size. Pure: no threads, no clock.
//!
//! Service is shared at three levels, the larger first: the network that a request comes from (an IPv6 /48, an IPv4 /24), the
//! address in it (an IPv6 /64), the account that is named. So 60 connections of one account have the share of one account, and
//! as many addresses as one network can make up have the share of one network. What is charged is the work of the hash.
//!
//! At each level the members take turns by virtual time (weighted fair queueing with equal weights): a member's *virtual time* is
//! where its service so far has brought it, and the earliest goes first. The level's clock is where a member would be that had
//! been served evenly with all others since they began to wait; a newcomer begins there, ahead of every member that has been
//! served more than its share, and behind every one that has been passed over. So new ones come first (as the new flows of
//! RFC 8290 §4.2 do), and however many of them come, none waits for ever.
//!
//! A full queue drops a request of the requester with most of them waiting, not the newest (RFC 8290 §4.1).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// The most that wait for one account, as soon as another request waits.
const PER_ACCOUNT: usize = 2;
/// The most that wait for one address, as soon as so many networks wait that it has no larger share of the queue.
const PER_ADDRESS: usize = 4;

/// For whom a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Requester {
    /// The network of the request: its IPv6 /48 or IPv4 /24.
    pub(crate) network: IpAddr,
    /// The address of the request: its IPv6 /64, or the IPv4 address.
    pub(crate) address: IpAddr,
    /// The keyed hash of the account's name, whether there is such an account or not.
    pub(crate) account: u64,
}

/// A request that waits in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What came of joining the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined<T> {
    /// It waits.
    Waits(Ticket),
    /// It waits, instead of another, which comes out unhashed.
    InsteadOf(Ticket, T),
    /// It doesn't wait: there is no room for it.
    Refused(T),
}

/// The jobs that wait.
pub(super) struct FairQueue<T> {
    capacity: usize,
    /// In the order in which they came.
    waiting: Vec<Waiting<T>>,
    tickets: u64,
    all: Level,
    shares: HashMap<Key, Share>,
}

struct Waiting<T> {
    ticket: Ticket,
    requester: Requester,
    cost: u64,
    job: T,
}

/// A member of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Network(IpAddr),
    Address(IpAddr),
    Account(IpAddr, u64),
}

impl Requester {
    /// The server itself, or its operator.
    pub(crate) const OURSELVES: Self = Self {
        network: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        account: 0,
    };

    /// From the largest to the smallest.
    fn keys(&self) -> [Key; 3] {
        [
            Key::Network(self.network),
            Key::Address(self.address),
            Key::Account(self.address, self.account),
        ]
    }
}

/// The members that share what one key is served.
#[derive(Clone, Copy, Default)]
struct Level {
    clock: u64,
    /// How many members wait.
    active: u64,
}

/// What is known of one key that waits, or has been served lately.
#[derive(Clone, Copy, Default)]
struct Share {
    virtual_time: u64,
    /// It was not served since it began to wait: of two with one virtual time it goes first.
    is_new: bool,
    waiting: usize,
    cost: u64,
    members: Level,
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            waiting: Vec::new(),
            tickets: 0,
            all: Level::default(),
            shares: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Joins the queue with a job that costs `cost`.
    pub(super) fn push(&mut self, requester: Requester, cost: u64, job: T) -> Joined<T> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.push(Waiting {
            ticket,
            requester,
            cost,
            job,
        });
        self.forget();
        self.count_in(&requester, cost);
        let Some(candidates) = self.too_many(&requester) else {
            return Joined::Waits(ticket);
        };
        let dropped = self.remove(self.largest(candidates));
        if dropped.ticket == ticket {
            Joined::Refused(dropped.job)
        } else {
            Joined::InsteadOf(ticket, dropped.job)
        }
    }

    /// Takes out the next job.
    pub(super) fn pop(&mut self) -> Option<T> {
        let index = self.next()?;
        let (requester, cost) = (self.waiting[index].requester, self.waiting[index].cost);
        self.charge(&requester, cost);
        Some(self.remove(index).job)
    }

    /// Takes out one that does not wait any more; `None` if it is out already.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<T> {
        let index = self
            .waiting
            .binary_search_by_key(&ticket, |waiting| waiting.ticket);
        Some(self.remove(index.ok()?).job)
    }

    /// The jobs of which one must be given up after `requester` came: of its account, of its address, or of the whole queue.
    fn too_many(&self, requester: &Requester) -> Option<Vec<usize>> {
        let [_, address, account] = requester.keys();
        // An office behind one address may fill what the networks that wait leave of the queue.
        let networks = usize::try_from(self.all.active).unwrap_or(usize::MAX);
        let per_address = PER_ADDRESS.max(self.capacity / networks.saturating_add(1));
        let has_too_many = |key: &Key, most| {
            let waiting = self.shares[key].waiting;
            waiting > most && self.waiting.len() > waiting
        };
        let indexes = 0..self.waiting.len();
        let of = |key| {
            let is_of = |index: &usize| self.waiting[*index].requester.keys().contains(&key);
            Some(indexes.clone().filter(is_of).collect())
        };
        if has_too_many(&account, PER_ACCOUNT) {
            of(account)
        } else if has_too_many(&address, per_address) {
            of(address)
        } else {
            (self.waiting.len() > self.capacity).then(|| indexes.collect())
        }
    }

    /// The index of the next job: at each level the earliest virtual time, then a newcomer, then the one that came first.
    fn next(&self) -> Option<usize> {
        let mut chosen: Vec<usize> = (0..self.waiting.len()).collect();
        for level in 0..3 {
            let key = |index: &usize| self.waiting[*index].requester.keys()[level];
            let order = |index: &usize| {
                let share = &self.shares[&key(index)];
                (share.virtual_time, !share.is_new)
            };
            let first = key(chosen.iter().min_by_key(|index| (order(index), **index))?);
            chosen.retain(|index| key(index) == first);
        }
        chosen.first().copied()
    }

    /// Which of some jobs is given up: at each level one of the requester who waits for most work, then the latest.
    fn largest(&self, mut candidates: Vec<usize>) -> usize {
        for level in 0..3 {
            let key = |index: &usize| self.waiting[*index].requester.keys()[level];
            let cost = |index: &usize| self.shares[&key(index)].cost;
            let largest = candidates.iter().max_by_key(|index| (cost(index), **index));
            let largest = key(largest.expect("there is more than one candidate"));
            candidates.retain(|index| key(index) == largest);
        }
        *candidates
            .last()
            .expect("the largest key has a job waiting")
    }

    fn count_in(&mut self, requester: &Requester, cost: u64) {
        let mut above = None;
        for key in requester.keys() {
            let level = self.members_of(above);
            let clock = level.clock;
            let share = self.shares.entry(key).or_default();
            let begins = share.waiting == 0;
            share.waiting += 1;
            share.cost += cost;
            if begins {
                share.is_new = share.virtual_time <= clock;
                share.virtual_time = share.virtual_time.max(clock);
                self.members_of(above).active += 1;
            }
            above = Some(key);
        }
    }

    fn remove(&mut self, index: usize) -> Waiting<T> {
        let removed = self.waiting.remove(index);
        let mut above = None;
        for key in removed.requester.keys() {
            let share = self
                .shares
                .get_mut(&key)
                .expect("every job that waits is counted");
            share.waiting -= 1;
            share.cost -= removed.cost;
            if share.waiting == 0 {
                self.members_of(above).active -= 1;
            }
            above = Some(key);
        }
        removed
    }

    fn charge(&mut self, requester: &Requester, cost: u64) {
        let mut above = None;
        for key in requester.keys() {
            let level = self.members_of(above);
            level.clock += (cost / level.active.max(1)).max(1);
            let share = self
                .shares
                .get_mut(&key)
                .expect("every job that waits is counted");
            share.virtual_time += cost.max(1);
            share.is_new = false;
            above = Some(key);
        }
    }

    fn members_of(&mut self, above: Option<Key>) -> &mut Level {
        match above {
            None => &mut self.all,
            Some(key) => {
                let share = self.shares.get_mut(&key);
                &mut share.expect("a key is counted before its members").members
            }
        }
    }

    /// A key that neither waits nor is ahead of the others is a newcomer when it comes back: nothing needs to be known of it. Where
    /// still too much would be known, all are forgotten that don't wait.
    fn forget(&mut self) {
        let most = 8 * self.capacity + 8;
        if self.shares.len() <= most {
            return;
        }
        let clock = self.all.clock;
        self.shares.retain(|key, share| {
            share.waiting > 0 || matches!(key, Key::Network(_)) && share.virtual_time > clock
        });
        if self.shares.len() > most {
            self.shares.retain(|_, share| share.waiting > 0);
        }
    }
}

#[cfg(test)]
mod tests;
