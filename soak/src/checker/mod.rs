//! The checker: a pure function over a history. It knows the promises and nothing of how they are kept.
//!
//! Everything that was handed out belongs to a family: a code, and every token that came of it. For each the checker
//! works out two things from what its users and the operator saw. What *surely* ended it, and when: a yes to anything of it that was asked
//! later breaks a promise. And what *perhaps* ended it: a no to something good needs such an excuse. An answer that never came
//! is both at once: it may have taken effect, now or a little later, or never.
//!
//! | | how a history shows it |
//! |---|---|
//! | I1 | a code was redeemed twice; or what it bought works after a replay was refused |
//! | I2 | a refresh token works after its successor was used; or anything works after such a reuse was refused |
//! | I3 | something works that a sign-out, a revocation, a lock or a disabled client had ended |
//! | I4 | something that was handed out is refused, and nothing in the history could have ended it |
//! | I5 | something works in the wrong hands, was never issued, or is said to be somebody else's |
//! | I6 | what may be used once was used twice |
//! | I7 | an answer that is neither yes, no nor 503; or a yes from a node that can't reach its memory |
//! | I8 | a 503 or a silence of a node that no fault was done to, or 30 seconds after it was over |
//!
//! What it can't see: two successors of one generation that are used in step. The protocol itself can't tell that from a
//! client that lost an answer; so the load lets one of the two run ahead.

mod facts;
mod family;
mod faults;
mod switch;

use std::fmt;

use crate::history::{Event, History};
use facts::Facts;

pub use faults::{Recovery, recoveries};

/// How long a change that the operator made may take to reach every node's copy: a disabled client, not what it was granted.
pub const COPIES_FOLLOW: std::time::Duration = std::time::Duration::from_secs(1);
/// How long a request without an answer may still take effect: a node that was stopped finds it when it goes on.
pub const LINGERS: std::time::Duration = std::time::Duration::from_secs(90);
/// How long a node that was stopped may keep something from the others: 5 seconds of a statement, and 10 without a word.
pub const HELD_UP: std::time::Duration = std::time::Duration::from_secs(15);
/// How long recovery may take.
pub const RECOVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A code buys tokens at most once, ever.
    I1,
    /// A refresh token has one live successor; reuse ends the family.
    I2,
    /// What was ended stays ended.
    I3,
    /// What was handed out lasts.
    I4,
    /// Nothing is accepted that was never issued, or in the wrong hands.
    I5,
    /// What is good once is used once.
    I6,
    /// Unavailability is an error, never a weaker check.
    I7,
    /// Recovery takes no hands and at most 30 seconds.
    I8,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How.
    pub claim: String,
    /// The events that show it.
    pub shown_by: Vec<Event>,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:?}: {}", self.invariant, self.claim)?;
        for event in &self.shown_by {
            writeln!(formatter, "    {event}")?;
        }
        Ok(())
    }
}

/// Every promise that the history breaks.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Found {
        events: &history.events,
        violations: Vec::new(),
    };
    let facts = Facts::collect(history, &mut found);
    facts.judge_people(&mut found);
    for family in facts.families() {
        family::judge(family, &facts, &mut found);
    }
    faults::judge(history, &mut found);
    found.violations
}

/// The violations so far.
struct Found<'h> {
    events: &'h [Event],
    violations: Vec<Violation>,
}

impl Found<'_> {
    fn broken(&mut self, invariant: Invariant, claim: impl Into<String>, events: &[usize]) {
        let shown_by = events.iter().map(|index| self.events[*index].clone());
        self.violations.push(Violation {
            invariant,
            claim: claim.into(),
            shown_by: shown_by.collect(),
        });
    }
}

#[cfg(test)]
mod tests;
