//! One moment of the model: the database, two nodes, what is in flight, what everybody holds, and what a witness has seen.

use safeconduct_protocol::time::Timestamp;

use crate::cast::IssuedCode;
use crate::request::{Request, Sender, Stage};
use crate::rows::Rows;

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub now: Timestamp,
    /// The database.
    pub rows: Rows,
    /// A copy of the database that was made before.
    pub backup: Option<Rows>,
    /// The era as each node last read it.
    pub nodes: [i64; 2],
    /// What is in flight, sorted.
    pub requests: Vec<Request>,
    /// The codes of the one authorization request.
    pub codes: [Option<IssuedCode>; 2],
    /// Which codes the client has sent. It sends each once.
    pub sent: [bool; 2],
    /// The refresh token that the client has.
    pub held: Option<Held>,
    /// What was handed out in each history, whether it arrived or not.
    pub handed_out: Vec<Option<HandedOut>>,
    /// What everybody should agree on about the past.
    pub witness: Witness,
}

/// A refresh token in the hands of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// In which history it was handed out.
    pub history: u8,
    /// Its generation.
    pub generation: i64,
}

/// The tokens of one history. Where several differ in their end, the latest stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandedOut {
    /// The era they seal.
    pub era: i64,
    /// Refresh tokens from generation 0 to this one.
    pub generation: i64,
    /// When the last refresh token ends.
    pub expires_at: Timestamp,
    /// When the last access token ends.
    pub access_until: Timestamp,
}

/// What was seen to happen, whatever the database remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// How many eras have begun.
    pub history: u8,
    /// How often the database was replaced by its copy.
    pub restored: u8,
    /// How many blows were struck.
    pub blows: u8,
    /// How often each code bought tokens.
    pub bought: [u8; 2],
    /// How often each generation was rotated.
    pub rotated: [u8; 4],
    /// Whether a redeemed code came back.
    pub replayed: bool,
    /// Whether a refresh token came back that was replaced twice, or too long ago.
    pub reused: bool,
    /// Whether such a token was accepted, or gave anything but its one successor.
    pub too_old_accepted: bool,
    /// Whether another client got anything.
    pub stolen: bool,
    /// Whether every token that was handed out has been ended by a blow.
    pub tokens_ended: bool,
}

impl State {
    /// The request of the client that waits for its answer.
    pub fn is_waiting(&self) -> bool {
        let mut senders = self.requests.iter().map(|request| request.sender);
        senders.any(|sender| sender == Sender::Client)
    }

    /// Whether any request of the client has come to `stage`.
    pub fn answered(&self, is_it: impl Fn(&Stage) -> bool) -> bool {
        self.requests.iter().any(|request| is_it(&request.stage))
    }

    /// A name that nothing in flight and no row has.
    pub fn new_attempt(&self) -> u8 {
        let taken = self.requests.iter().map(|request| request.attempt).max();
        // The names of what has ended are all 0.
        taken.unwrap_or(0) + 1
    }

    /// Gives equal states one form: requests are sorted, and attempts, of which only sameness matters, are numbered in that
    /// order. An attempt that is no longer in flight will never ask again whether a row is its own.
    pub fn normalize(&mut self) {
        let before = self.attempts_in_rows();
        self.requests.sort_by_key(|request| {
            let Request {
                sender,
                node,
                artifact,
                stage,
                attempt,
            } = *request;
            let in_rows = before.map(|in_row| in_row == Some(attempt));
            (sender, node, artifact, stage, in_rows)
        });
        let old: Vec<u8> = self
            .requests
            .iter()
            .map(|request| request.attempt)
            .collect();
        let new = |attempt: u8| {
            let place = old.iter().position(|one| *one == attempt);
            place.map_or(0, |place| u8::try_from(place + 1).unwrap_or(u8::MAX))
        };
        for request in &mut self.requests {
            request.attempt = new(request.attempt);
        }
        for rows in [Some(&mut self.rows), self.backup.as_mut()] {
            if let Some(row) = rows.and_then(|rows| rows.grant.as_mut()) {
                row.attempt = new(row.attempt);
                row.rotated_by = row.rotated_by.map(new);
            }
        }
    }

    fn attempts_in_rows(&self) -> [Option<u8>; 4] {
        let of = |rows: Option<&Rows>| rows.and_then(|rows| rows.grant);
        let (row, old) = (of(Some(&self.rows)), of(self.backup.as_ref()));
        [
            row.map(|row| row.attempt),
            row.and_then(|row| row.rotated_by),
            old.map(|row| row.attempt),
            old.and_then(|row| row.rotated_by),
        ]
    }
}
