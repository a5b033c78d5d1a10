//! Every moment within the bounds, and what holds in all of them. With `MODEL=larger` one more request is in flight: hours.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Instant;

use rstest::rstest;
use safeconduct_model::{Bounds, Life};
use stateright::{Checker, Model};

/// Attacks: C03, F03, E04.
#[rstest]
#[case::a_code_is_redeemed_and_replayed(
    "redeemed and replayed, two codes, three requests at once",
    Bounds::REDEMPTION
)]
#[case::tokens_rotate(
    "rotated over three generations, confidential client",
    Bounds::ROTATION
)]
#[case::tokens_of_a_public_client_rotate(
    "the same, public client",
    Bounds::ROTATION_OF_A_PUBLIC_CLIENT
)]
#[case::commits_go_unheard("commits unheard, client impatient", Bounds::UNHEARD)]
#[case::answers_are_lost("answers lost, confidential client", Bounds::LOST_ANSWERS)]
#[case::answers_to_a_public_client_are_lost(
    "answers lost, public client",
    Bounds::LOST_ANSWERS_OF_A_PUBLIC_CLIENT
)]
#[case::everything_is_ended("two blows to a grant that ends with its session", Bounds::ENDS)]
#[case::everything_is_ended_while_codes_are_redeemed(
    "two blows while two codes are redeemed",
    Bounds::ENDS_OF_CODES
)]
#[case::the_database_is_restored_and_an_era_begins("restored, era begun", Bounds::RESTORED)]
#[case::a_copy_is_restored_twice("the same copy restored twice", Bounds::RESTORED_TWICE)]
#[case::clocks_are_apart("clocks a minute apart", Bounds::SKEWED)]
#[case::rows_are_forgotten("forgotten by the sweeper", Bounds::FORGOTTEN)]
#[case::rows_are_forgotten_while_a_node_sleeps(
    "the same while a node sleeps",
    Bounds::FORGOTTEN_BY_A_SLEEPER
)]
fn it_holds_in_every_moment_while(#[case] walk: &str, #[case] bounds: Bounds) {
    let larger = std::env::var_os("MODEL").is_some_and(|model| model == "larger");
    let (bounds, threads) = if larger {
        (
            bounds.larger(),
            available_parallelism().map_or(1, NonZero::get),
        )
    } else {
        (bounds, 1)
    };
    let begun = Instant::now();
    let checker = Life::new(bounds)
        .checker()
        .threads(threads)
        .spawn_dfs()
        .join();
    println!(
        "{} moments, {} steps between them, at most {} from the first, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64(),
    );
    let life = checker.model();
    for (name, path) in checker.discoveries() {
        if life.property(name).expectation.discovery_is_failure() {
            println!("{name} does NOT hold:\n{}\n", life.story(path));
        }
    }
    checker.assert_properties();
    let row = [
        walk.to_owned(),
        with_commas(checker.unique_state_count()),
        with_commas(checker.state_count()),
    ];
    let row = format!("| {} |", row.join(" | "));
    let table = include_str!("../README.md");
    assert!(
        larger || table.contains(&row),
        "this is what README.md should say:\n{row}"
    );
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
