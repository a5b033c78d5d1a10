//! The runs: what is done to the nodes, on which database, and what must have been seen beside kept promises, so that no run
//! passes in which nothing happened.

pub mod postgresql;
pub mod sqlite;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::history::{Answer, Fault, Node};
use crate::run::Outcome;

/// How long a run is, for those that have no end of their own.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Requests of the run in which nothing goes wrong.
    pub calm: u64,
    /// Requests before, and again after each fault.
    pub around_a_fault: u64,
    /// Kills of the run in which a node is killed again and again.
    pub kills: usize,
    /// How long a node is stopped, cut off or without a disk: longer than every time limit, which are a node's 3 seconds for a
    /// request and a caller's 5 for an answer, and shorter than a request without an answer may still take effect.
    pub outlasting: Duration,
}

/// What `./scripts/test` runs, in a few minutes.
pub const SHORT: Length = Length {
    calm: 20_000,
    around_a_fault: 3_000,
    kills: 100,
    outlasting: Duration::from_secs(7),
};

/// Fails unless the run was at least so long, and had a yes for every second request.
fn was_long_enough(outcome: Outcome, operations: u64) -> Result<Outcome> {
    let granted = outcome.count(|answer| matches!(answer, Answer::Granted(())));
    let all = outcome.operations();
    ensure!(
        all as u64 >= operations && granted as u64 >= operations / 2,
        "{}: only {granted} of {all} requests were granted",
        outcome.name
    );
    Ok(outcome)
}

/// Fails unless the other nodes served while the fault lasted.
fn others_served(outcome: &Outcome, fault: &Fault, others: &[Node]) -> Result<()> {
    let there = Fault {
        nodes: others.to_vec(),
        ..fault.clone()
    };
    let granted = outcome.count_during(&there, |act| act.answer() == Answer::Granted(()));
    ensure!(granted > 0, "nobody was served during: {}", fault.name);
    Ok(())
}

/// Fails unless somebody was told 503 by the nodes of the fault while it lasted: it was to be felt.
fn was_felt(outcome: &Outcome, fault: &Fault) -> Result<()> {
    let unavailable = outcome.count_during(fault, |act| act.answer() == Answer::Unavailable);
    ensure!(
        unavailable > 0,
        "nobody was told 503 during: {}",
        fault.name
    );
    Ok(())
}
