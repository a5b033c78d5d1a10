//! The report, as Markdown: what `docs/performance.md` shows of a run.

use std::fmt;
use std::time::Duration;

use safeconduct_protocol::clock::Clock;

use crate::limits::Limit;
use crate::load::Measured;
use crate::machine;
use crate::scenario::Scenario;
use crate::statistics::Durations;

/// Everything that a run found.
pub(crate) struct Report {
    command: String,
    date: String,
    /// What the machine can do at best.
    pub(crate) limits: Vec<Limit>,
    /// The time to the first answer of a server that had to make its database and keys.
    pub(crate) first_start: Option<Duration>,
    /// The same on what was there already.
    pub(crate) next_start: Option<Duration>,
    /// The server's memory before the first run, in bytes.
    pub(crate) resident_idle: u64,
    /// The most memory that it had, in bytes.
    pub(crate) resident_peak: u64,
    /// The runs, in their order.
    pub(crate) rows: Vec<Row>,
    /// What went wrong and has no figure.
    pub(crate) failures: Vec<String>,
}

/// One run.
pub(crate) struct Row {
    /// Whose.
    pub(crate) contestant: &'static str,
    /// Of what.
    pub(crate) scenario: Scenario,
    /// With so many at once.
    pub(crate) connections: usize,
    /// How long the disk took to flush just before.
    pub(crate) flush: Durations,
    /// The figures.
    pub(crate) measured: Measured,
}

impl Report {
    /// A report of a run that begins now, with these arguments.
    pub(crate) fn new(arguments: impl Iterator<Item = String>) -> Self {
        let arguments: Vec<String> = arguments.collect();
        let command = format!(
            "cargo run --release -p safeconduct-bench -- {}",
            arguments.join(" ")
        );
        let now = jiff::Timestamp::from_second(Clock::system().now().seconds());
        let now = now.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self {
            command: command.trim_end_matches([' ', '-']).to_owned(),
            date: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            limits: Vec::new(),
            first_start: None,
            next_start: None,
            resident_idle: 0,
            resident_peak: 0,
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Whether this run was made already.
    pub(crate) fn has(&self, contestant: &str, scenario: Scenario, connections: usize) -> bool {
        self.find(contestant, scenario, connections).is_some()
    }

    fn find(&self, contestant: &str, scenario: Scenario, connections: usize) -> Option<&Row> {
        self.rows.iter().find(|row| {
            (row.contestant, row.scenario, row.connections) == (contestant, scenario, connections)
        })
    }

    /// What a request costs the bare server, with the number of connections that is nearest.
    fn floor(&self, connections: usize) -> Option<f64> {
        let floors = self
            .rows
            .iter()
            .filter(|row| row.scenario == Scenario::Floor);
        floors
            .min_by_key(|row| row.connections.abs_diff(connections))
            .map(|row| row.measured.cost())
    }

    fn write_runs(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| server | scenario | conn. | flows/s | p50 ms | p99 ms | **CPU µs/flow** | of database | × floor | driver µs/flow | flush p50 / p99 ms | noise | RSS MiB |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        )?;
        for row in &self.rows {
            let Row {
                contestant,
                scenario,
                connections,
                flush,
                measured,
            } = row;
            let times = self
                .floor(*connections)
                .map(|floor| measured.cost() / floor / f64::from(scenario.requests()));
            writeln!(
                formatter,
                "| {contestant} | {scenario} | {connections} | {} | {} | {} | **{}** | {} | {} | {} | {} / {} | {:.2} | {} |",
                whole(measured.rate()),
                milliseconds(measured.flows.percentile(50)),
                milliseconds(measured.flows.percentile(99)),
                short(measured.cost()),
                measured
                    .database_cost()
                    .map_or_else(|| "–".to_owned(), short),
                times.map_or_else(|| "–".to_owned(), |times| format!("{times:.1}")),
                short(measured.driver_cost()),
                milliseconds(flush.percentile(50)),
                milliseconds(flush.percentile(99)),
                measured.noise,
                mebibytes(measured.memory.resident),
            )?;
        }
        Ok(())
    }

    /// Safeconduct beside its peer.
    fn write_comparison(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.contestant == "node-oidc-provider")
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        writeln!(
            formatter,
            "\n| scenario | conn. | safeconduct, CPU µs/flow | node-oidc-provider, CPU µs/flow | factor |\n|---|--:|--:|--:|--:|"
        )?;
        for other in others {
            let Some(own) = self.find("safeconduct", other.scenario, other.connections) else {
                continue;
            };
            let (own, cost) = (own.measured.cost(), other.measured.cost());
            writeln!(
                formatter,
                "| {} | {} | {} | {} | {:.1} |",
                other.scenario,
                other.connections,
                short(own),
                short(cost),
                cost / own
            )?;
        }
        Ok(())
    }

    fn write_limits(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "\n| limit: one thread, nothing else | per second | CPU µs |\n|---|--:|--:|"
        )?;
        for Limit {
            operation,
            rate,
            cost,
        } in &self.limits
        {
            writeln!(
                formatter,
                "| {operation} | {} | {} |",
                whole(*rate),
                short(*cost)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}, {}\n", self.date, machine::description())?;
        writeln!(formatter, "```\n{}\n```\n", self.command)?;
        for failure in &self.failures {
            writeln!(formatter, "No figure: {failure}\n")?;
        }
        self.write_runs(formatter)?;
        self.write_comparison(formatter)?;
        self.write_limits(formatter)?;
        if let (Some(first), Some(next)) = (self.first_start, self.next_start) {
            writeln!(
                formatter,
                "\nFrom start to the first answer: {} ms on an existing database, {} ms where database and keys had to be made. \
                 Memory: {} MiB idle, {} MiB at most.",
                milliseconds(next),
                milliseconds(first),
                mebibytes(self.resident_idle),
                mebibytes(self.resident_peak),
            )?;
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> String {
    short(duration.as_secs_f64() * 1e3)
}

fn mebibytes(bytes: u64) -> String {
    whole(bytes as f64 / f64::from(1 << 20))
}

/// Three digits, of a number that may be of any size.
fn short(number: f64) -> String {
    match number {
        number if number < 1.0 => format!("{number:.2}"),
        number if number < 100.0 => format!("{number:.1}"),
        number => whole(number),
    }
}

/// Without a fraction, with commas between the thousands.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::machine::Memory;

    #[rstest]
    #[case(0.084, "0.08")]
    #[case(9.46, "9.5")]
    #[case(123.4, "123")]
    #[case(1234.5, "1,234")]
    #[case(1_234_567.0, "1,234,567")]
    fn numbers_are_short_enough_to_read(#[case] number: f64, #[case] text: &str) {
        assert_eq!(short(number), text);
    }

    fn row(contestant: &'static str, scenario: Scenario, milliseconds: u64) -> Row {
        let measured = Measured {
            flows: Durations::new(vec![Duration::from_millis(1); 1000]),
            elapsed: Duration::from_secs(2),
            server: Duration::from_millis(milliseconds),
            database: None,
            driver: Duration::from_millis(50),
            noise: 0.25,
            memory: Memory {
                resident: 20 << 20,
                peak: 30 << 20,
            },
        };
        let flush = Durations::new(vec![Duration::from_micros(200)]);
        Row {
            contestant,
            scenario,
            connections: 16,
            flush,
            measured,
        }
    }

    #[test]
    fn a_flow_is_held_against_as_many_requests_of_the_floor() {
        let mut report = Report::new(["--seconds".to_owned(), "2".to_owned()].into_iter());
        report.rows.push(row("floor", Scenario::Floor, 10));
        report.rows.push(row("safeconduct", Scenario::CodeSso, 100));
        report
            .rows
            .push(row("node-oidc-provider", Scenario::CodeSso, 1200));
        let text = report.to_string();
        let expected = [
            "| safeconduct | code_sso | 16 | 500 | 1.0 | 1.0 | **100** | – | 5.0 | 50.0 | 0.20 / 0.20 | 0.25 | 20 |",
            "| code_sso | 16 | 100 | 1,200 | 12.0 |",
            "cargo run --release -p safeconduct-bench -- --seconds 2",
        ];
        for line in expected {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
