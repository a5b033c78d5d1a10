//! The runs: what is done to the nodes, on which database, and what must have been seen beside kept promises, so that no run
//! passes in which nothing happened.

pub mod postgresql;
pub mod sqlite;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::history::{Answer, Fault};
use crate::stage::Outcome;

/// Longer than every time limit: a node's for a request, a caller's for an answer, the database's for a statement.
pub const LONGER_THAN_ANYBODY_WAITS: Duration = Duration::from_secs(7);

/// How long a run is, for those that have no end of their own.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Requests of the run in which nothing goes wrong.
    pub calm: u64,
    /// Requests before, and again after each fault.
    pub around_a_fault: u64,
    /// Kills of the run in which a node is killed again and again.
    pub kills: usize,
}

/// What `./scripts/test` runs, in a few minutes.
pub const SHORT: Length = Length {
    calm: 100_000,
    around_a_fault: 6_000,
    kills: 200,
};

/// Fails unless the run was at least so long, and had a yes for every second request.
fn was_long_enough(outcome: Outcome, operations: u64) -> Result<Outcome> {
    let granted = outcome.count(|answer| matches!(answer, Answer::Granted(())));
    ensure!(
        outcome.operations >= operations && granted as u64 >= operations / 2,
        "{}: only {granted} of {} requests were granted",
        outcome.name,
        outcome.operations
    );
    Ok(outcome)
}

/// Fails unless somebody was told 503 by the nodes of the fault while it lasted: it was to be felt.
fn was_felt(outcome: &Outcome, fault: &Fault) -> Result<()> {
    let unavailable = outcome.count_during(fault, |answer| *answer == Answer::Unavailable);
    ensure!(
        unavailable > 0,
        "nobody was told 503 during: {}",
        fault.name
    );
    Ok(())
}
