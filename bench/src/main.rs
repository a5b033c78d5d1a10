//! The load driver behind `docs/performance.md`: `cargo run --release -p safeconduct-bench`.
//!
//! It starts `safeconduct serve` as an operator would, drives whole flows over HTTP/1.1 on this machine, checks every
//! answer, and prints what a flow costs as a Markdown report. Beside each figure stand, from the same run, what a bare
//! server costs (`floor`) and what the processor and the disk could do at best (`limits`): figures of two runs, or of two
//! machines, are not comparable without them. Nothing here is a test, and no test here takes time.

mod connection;
mod contestant;
mod disk;
mod floor;
mod flows;
mod limits;
mod load;
mod machine;
mod report;
mod scenario;
mod sign_in;
mod statistics;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;

use contestant::{
    Contestant,
    safeconduct::{Memory, Serve},
};
use report::{Report, Row};
use scenario::Scenario;
use sign_in::Person;

/// Measures what flows through Safeconduct cost on this machine
#[derive(Debug, Parser)]
#[command(name = "safeconduct-bench")]
struct Arguments {
    /// What to measure; without it, everything
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// How many connections ask at once; one run for each number
    #[arg(long, value_delimiter = ',', default_value = "16,128", value_parser = clap::value_parser!(u16).range(1..=128))]
    connections: Vec<u16>,
    /// How long a run is measured, after a second of warming up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each run is made; the one that other programs disturbed least is reported
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    passes: u8,
    /// What the server logs: at `info`, its default, a line for each request
    #[arg(long, default_value = "info")]
    log: String,
    /// Drive node-oidc-provider too, from bench/peers/node-oidc-provider (after `npm ci` there)
    #[arg(long)]
    peer: bool,
    /// Drive Safeconduct on PostgreSQL too, on a server of its own (Debian: postgresql)
    #[arg(long)]
    postgresql: bool,
    /// Be the bare server instead
    #[arg(long, hide = true)]
    serve_floor: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.serve_floor {
        return floor::serve();
    }
    // One thread drives, so that the server has at least the other cores.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(measure(&arguments))?;
    print!("{report}");
    ensure!(
        report.failures.is_empty(),
        "not everything could be measured"
    );
    Ok(())
}

/// A server that is measured, and the people who use it.
struct Entrant {
    contestant: Contestant,
    people: Vec<Person>,
}

async fn measure(arguments: &Arguments) -> Result<Report> {
    let serving = |memory| Serve::new(&arguments.log, memory);
    let serve = serving(Memory::Sqlite)?;
    let mut report = Report::new(std::env::args().skip(1));
    eprintln!("limits");
    report.limits = limits::measure(serve.directory())?;
    report.first_start = Some(serve.first_start().await?);
    let server = serve.start().await?;
    report.next_start = Some(server.started_in);
    report.resident_idle = machine::memory(server.id())?.resident;

    let mut entrants = vec![
        Entrant::new(Contestant::floor().await?).await?,
        Entrant::new(server).await?,
    ];
    // Kept to the end: it has the database.
    let on_postgresql;
    if arguments.postgresql {
        on_postgresql = serving(Memory::postgresql())?;
        on_postgresql.first_start().await?;
        entrants.push(Entrant::new(on_postgresql.start().await?).await?);
    }
    if arguments.peer {
        entrants.push(Entrant::new(Contestant::node().await?).await?);
    }
    let chosen = match arguments.scenarios.as_slice() {
        [] => Scenario::OF_A_SERVER.to_vec(),
        chosen => chosen.to_vec(),
    };
    for scenario in std::iter::once(Scenario::Floor).chain(chosen) {
        for &connections in &arguments.connections {
            let connections = scenario.at_most(usize::from(connections));
            // One after the other within the minute, so that all have the same neighbours.
            for entrant in &entrants {
                if entrant.contestant.target.offers(scenario)
                    && !report.has(entrant.contestant.name, scenario, connections)
                {
                    entrant
                        .run(
                            arguments,
                            scenario,
                            connections,
                            serve.directory(),
                            &mut report,
                        )
                        .await;
                }
            }
        }
    }
    report.resident_peak = machine::memory(entrants[1].contestant.id())?.peak;
    Ok(report)
}

impl Entrant {
    async fn new(contestant: Contestant) -> Result<Self> {
        let people = if contestant.target.offers(Scenario::CodeSso) {
            eprintln!("{}: signing people in", contestant.name);
            sign_in::everybody(&contestant.target).await?
        } else {
            Vec::new()
        };
        Ok(Self { contestant, people })
    }

    /// Measures `scenario`, and keeps of several passes the one with the least noise. The disk is asked in `directory`.
    async fn run(
        &self,
        arguments: &Arguments,
        scenario: Scenario,
        connections: usize,
        directory: &Path,
        report: &mut Report,
    ) {
        let name = self.contestant.name;
        let mut best: Option<Row> = None;
        for _ in 0..arguments.passes {
            eprintln!("{name}: {scenario}, {connections} connections");
            match self.pass(arguments, scenario, connections, directory).await {
                Ok(row) => {
                    let noise = row.measured.noise;
                    if best.as_ref().is_none_or(|best| noise < best.measured.noise) {
                        best = Some(row);
                    }
                }
                Err(wrong) => {
                    let failure =
                        format!("{name}, {scenario}, {connections} connections: {wrong:#}");
                    eprintln!("{failure}");
                    report.failures.push(failure);
                    return;
                }
            }
        }
        report.rows.extend(best);
    }

    async fn pass(
        &self,
        arguments: &Arguments,
        scenario: Scenario,
        connections: usize,
        directory: &Path,
    ) -> Result<Row> {
        let contestant = &self.contestant;
        let workers =
            flows::prepare(scenario, &contestant.target, &self.people, connections).await?;
        let flush = disk::flush(directory)?;
        let window = Duration::from_secs(arguments.seconds);
        let measured = load::drive(workers, contestant.processes(), window).await?;
        Ok(Row {
            contestant: contestant.name,
            scenario,
            connections,
            flush,
            measured,
        })
    }
}
