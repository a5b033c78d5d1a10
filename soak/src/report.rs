//! What runs came to, as a table in Markdown: a line for each, and one for all of each database.

use std::fmt;
use std::time::Duration;

use crate::history::Answer;
use crate::run::Outcome;

/// The first two lines of the table.
const HEAD: &str = "\
| run | nodes | requests | per second | yes | no | 503 | silence | left | faults | slowest recovery, s | tester late by, s | promises broken |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// The runs so far.
#[derive(Default)]
pub struct Report(Vec<Line>);

/// What one run came to, or several.
#[derive(Clone)]
struct Line {
    run: String,
    nodes: String,
    requests: usize,
    took: Duration,
    granted: usize,
    refused: usize,
    unavailable: usize,
    lost: usize,
    left: usize,
    faults: usize,
    recovery: Option<Duration>,
    late: Duration,
    broken: usize,
}

impl Report {
    /// Adds a run; its line, for those who watch.
    pub fn add(&mut self, outcome: &Outcome) -> String {
        let line = Line::of(outcome);
        let text = line.to_string();
        self.0.push(line);
        text
    }

    /// One line for each kind of site of which there are several.
    fn sums(&self) -> Vec<Line> {
        let mut sums: Vec<Line> = Vec::new();
        for line in &self.0 {
            match sums.iter_mut().find(|sum| sum.nodes == line.nodes) {
                Some(sum) => sum.take(line),
                None => sums.push(line.clone()),
            }
        }
        sums.retain(|sum| sum.run == SUM);
        sums
    }
}

const SUM: &str = "**all**";

impl Line {
    fn of(outcome: &Outcome) -> Self {
        let recoveries = outcome.recoveries.iter();
        Self {
            run: outcome.name.clone(),
            nodes: outcome.nodes.clone(),
            requests: outcome.operations(),
            took: outcome.took,
            granted: outcome.count(|answer| matches!(answer, Answer::Granted(()))),
            refused: outcome.count(|answer| matches!(answer, Answer::Refused(_))),
            unavailable: outcome.count(|answer| *answer == Answer::Unavailable),
            lost: outcome.count(|answer| *answer == Answer::Lost),
            left: outcome.count(|answer| *answer == Answer::Abandoned),
            faults: outcome.history.faults.len(),
            recovery: recoveries.map(|recovery| recovery.took).max(),
            late: outcome.late,
            broken: outcome.violations.len(),
        }
    }

    fn take(&mut self, other: &Self) {
        SUM.clone_into(&mut self.run);
        self.requests += other.requests;
        self.took += other.took;
        self.granted += other.granted;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.lost += other.lost;
        self.left += other.left;
        self.faults += other.faults;
        self.recovery = self.recovery.max(other.recovery);
        self.late = self.late.max(other.late);
        self.broken += other.broken;
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = self.requests as f64 / self.took.as_secs_f64();
        write!(
            formatter,
            "| {} | {} | {} | {per_second:.0} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.run,
            self.nodes,
            self.requests,
            self.granted,
            self.refused,
            self.unavailable,
            self.lost,
            self.left,
            self.faults,
            self.recovery.map_or_else(|| "–".to_owned(), in_seconds),
            in_seconds(self.late),
            self.broken,
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HEAD)?;
        let mut lines = self.0.clone();
        lines.sort_by(|one, other| one.nodes.cmp(&other.nodes));
        lines.extend(self.sums());
        lines
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

fn in_seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}
