//! Every run, for as long as one likes: `./scripts/soak`. The table at the end is for docs/reliability.md.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use safeconduct_soak::report::Report;
use safeconduct_soak::run::Outcome;
use safeconduct_soak::scenarios::{Length, postgresql, sqlite};

/// Drives servers under load through every fault, and holds every answer to what was promised
#[derive(Debug, Parser)]
struct Arguments {
    /// Requests in each of the two runs in which nothing goes wrong
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// Requests before and after each fault
    #[arg(long, default_value_t = 50_000)]
    around_a_fault: u64,
    /// Kills of the one node on SQLite
    #[arg(long, default_value_t = 1_000)]
    kills: usize,
    /// Seconds for which a node is stopped, cut off, or without a disk
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(7..=80))]
    outlasting: u64,
    /// Only this; can be repeated
    #[arg(long, value_enum)]
    only: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Run {
    SqliteCalm,
    SqliteKills,
    SqlitePause,
    SqliteFullDisk,
    PostgresqlCalm,
    PostgresqlOneNode,
    PostgresqlDatabaseKilled,
    PostgresqlPromotion,
    PostgresqlPartition,
    PostgresqlClocksSecondsApart,
    PostgresqlClocksMinutesApart,
}

impl Run {
    async fn run(self, length: &Length) -> Result<Outcome> {
        match self {
            Self::SqliteCalm => sqlite::calm(length).await,
            Self::SqliteKills => sqlite::kills(length).await,
            Self::SqlitePause => sqlite::pause(length).await,
            Self::SqliteFullDisk => sqlite::full_disk(length).await,
            Self::PostgresqlCalm => postgresql::calm(length).await,
            Self::PostgresqlOneNode => postgresql::one_node(length).await,
            Self::PostgresqlDatabaseKilled => postgresql::database_killed(length).await,
            Self::PostgresqlPromotion => postgresql::promotion(length).await,
            Self::PostgresqlPartition => postgresql::partition(length).await,
            Self::PostgresqlClocksSecondsApart => postgresql::clocks_seconds_apart(length).await,
            Self::PostgresqlClocksMinutesApart => postgresql::clocks_minutes_apart(length).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let length = Length {
        calm: arguments.requests,
        around_a_fault: arguments.around_a_fault,
        kills: arguments.kills,
        outlasting: Duration::from_secs(arguments.outlasting),
    };
    let is_wanted = |run: &&Run| arguments.only.is_empty() || arguments.only.contains(run);
    let mut report = Report::default();
    let mut failed = false;
    for run in Run::value_variants().iter().filter(is_wanted) {
        match run.run(&length).await {
            Ok(outcome) => println!("{}", report.add(&outcome)),
            Err(error) => {
                eprintln!("{run:?}: {error:#}");
                failed = true;
            }
        }
    }
    println!("\n{report}");
    ExitCode::from(u8::from(failed))
}
