//! Every run, for as long as one likes: `./scripts/soak`. The table at the end is for docs/reliability.md.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use safeconduct_soak::report::Report;
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
    /// How often everything is repeated
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Leave out what needs another database than these
    #[arg(long, value_enum, default_values = ["sqlite", "postgresql"])]
    on: Vec<On>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum On {
    Sqlite,
    Postgresql,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let length = Length {
        calm: arguments.requests,
        around_a_fault: arguments.around_a_fault,
        kills: arguments.kills,
    };
    let mut report = Report::default();
    for _ in 0..arguments.rounds {
        if arguments.on.contains(&On::Sqlite) {
            on_sqlite(&length, &mut report).await?;
        }
        if arguments.on.contains(&On::Postgresql) {
            on_postgresql(&length, &mut report).await?;
        }
    }
    println!("\n{report}");
    Ok(())
}

async fn on_sqlite(length: &Length, report: &mut Report) -> Result<()> {
    report.add(&sqlite::calm(length).await?);
    report.add(&sqlite::kills(length).await?);
    report.add(&sqlite::pause(length).await?);
    report.add(&sqlite::full_disk(length).await?);
    Ok(())
}

async fn on_postgresql(length: &Length, report: &mut Report) -> Result<()> {
    report.add(&postgresql::calm(length).await?);
    report.add(&postgresql::one_node(length).await?);
    report.add(&postgresql::database_killed(length).await?);
    report.add(&postgresql::promotion(length).await?);
    report.add(&postgresql::partition(length).await?);
    report.add(&postgresql::clocks_seconds_apart(length).await?);
    report.add(&postgresql::clocks_minutes_apart(length).await?);
    Ok(())
}
