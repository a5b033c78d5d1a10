//! What runs came to, as a table in Markdown.

use std::fmt;
use std::time::Duration;

use crate::history::Answer;
use crate::stage::Outcome;

/// A line for each run.
#[derive(Default)]
pub struct Report(Vec<String>);

impl Report {
    /// Adds a run, and repeats its line at once: a long run is watched.
    pub fn add(&mut self, outcome: &Outcome) {
        let line = line(outcome);
        println!("{line}");
        self.0.push(line);
    }
}

/// The line of one run.
pub fn line(outcome: &Outcome) -> String {
    let seconds = outcome.took.as_secs_f64();
    let slowest = (outcome.recoveries.iter())
        .map(|recovery| recovery.took)
        .max();
    format!(
        "| {} | {} | {} | {:.0} | {} | {} | {} | {} | {} | {} | {} |",
        outcome.name,
        outcome.nodes,
        outcome.operations,
        outcome.operations as f64 / seconds,
        outcome.count(|answer| matches!(answer, Answer::Granted(()))),
        outcome.count(|answer| matches!(answer, Answer::Refused(_))),
        outcome.count(|answer| matches!(answer, Answer::Unavailable)),
        outcome.count(|answer| matches!(answer, Answer::Lost | Answer::Abandoned)),
        outcome.history.faults.len(),
        slowest.map_or_else(|| "–".to_owned(), in_seconds),
        outcome.violations.len(),
    )
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HEAD)?;
        self.0
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// The first two lines of the table.
pub const HEAD: &str = "\
| run | nodes | requests | per second | yes | no | 503 | no answer | faults | slowest recovery, s | promises broken |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

fn in_seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}
