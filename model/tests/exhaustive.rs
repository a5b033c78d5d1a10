//! Every moment within the bounds, and what holds in all of them. With `MODEL=larger` one more request is in flight: hours.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Instant;

use rstest::rstest;
use safeconduct_model::{Bounds, Life};
use stateright::{Checker, Model};

#[rstest]
#[case::a_code_is_redeemed_and_replayed(Bounds::REDEMPTION)]
#[case::tokens_rotate(Bounds::ROTATION)]
#[case::tokens_of_a_public_client_rotate(Bounds::ROTATION_OF_A_PUBLIC_CLIENT)]
#[case::commits_go_unheard(Bounds::UNHEARD)]
#[case::answers_are_lost(Bounds::LOST_ANSWERS)]
#[case::answers_to_a_public_client_are_lost(Bounds::LOST_ANSWERS_OF_A_PUBLIC_CLIENT)]
#[case::everything_is_ended(Bounds::ENDS)]
#[case::everything_is_ended_while_codes_are_redeemed(Bounds::ENDS_OF_CODES)]
#[case::the_database_is_restored_and_an_era_begins(Bounds::RESTORED)]
#[case::clocks_are_apart(Bounds::SKEWED)]
#[case::rows_are_forgotten(Bounds::FORGOTTEN)]
fn it_holds_in_every_moment_while(#[case] bounds: Bounds) {
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
}
