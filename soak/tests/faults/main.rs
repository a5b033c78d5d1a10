//! The claims of docs/reliability.md: what must not happen to servers under load, whatever happens to them.
//!
//! Each test starts the built program and judges a history of thousands of requests. They are run one after the
//! other, so that the load of one is not the fault of another: `./scripts/test faults`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use safeconduct_soak::report::Report;
use safeconduct_soak::run::Outcome;
use safeconduct_soak::scenarios::{SHORT, postgresql, sqlite};
use tokio::sync::Mutex;

/// One run at a time, and what they came to.
static REPORT: LazyLock<Mutex<Report>> = LazyLock::new(Mutex::default);

/// A run keeps every promise. The table of all so far is in `target/tmp/faults.md`.
async fn holds(run: impl Future<Output = anyhow::Result<Outcome>>) {
    let mut report = REPORT.lock().await;
    let outcome = run.await.unwrap();
    println!("{}", report.add(&outcome));
    let table = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults.md");
    fs::write(table, report.to_string()).unwrap();
}

/// Attacks: E28.
#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_for_64_people_at_once() {
    holds(sqlite::calm(&SHORT)).await;
}

/// Attacks: E01, E02, E03, E04.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_cost_nothing_that_was_answered() {
    holds(sqlite::kills(&SHORT)).await;
}

/// Attacks: E16.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_goes_on_as_if_it_knew() {
    holds(sqlite::pause(&SHORT)).await;
}

/// Attacks: E07.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_and_no_weaker_check_as_root() {
    holds(sqlite::full_disk(&SHORT)).await;
}

/// Attacks: C03, F03, E15, E28.
#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_on_three_nodes_on_postgresql() {
    holds(postgresql::calm(&SHORT)).await;
}

/// Attacks: E16.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_be_killed_and_stopped_on_postgresql() {
    holds(postgresql::one_node(&SHORT)).await;
}

/// Attacks: E09.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_may_be_killed_on_postgresql() {
    holds(postgresql::database_killed(&SHORT)).await;
}

/// Attacks: C03, F03, E10.
#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_standby_takes_over_and_nothing_is_lost_on_postgresql() {
    holds(postgresql::promotion(&SHORT)).await;
}

/// Attacks: E11.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_says_so_and_knows_nothing_better_on_postgresql() {
    holds(postgresql::partition(&SHORT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_may_be_half_a_minute_apart_with_faketime_on_postgresql() {
    holds(postgresql::clocks_seconds_apart(&SHORT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_minutes_off_serves_nobody_with_faketime_on_postgresql() {
    holds(postgresql::clocks_minutes_apart(&SHORT)).await;
}
