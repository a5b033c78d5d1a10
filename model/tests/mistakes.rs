//! The checker is checked: every mistake in the rules or the statements, and every limit that the promises have, is found.

use std::collections::BTreeSet;

use rstest::rstest;
use safeconduct_model::{
    A_CLIENT_GETS_ON, Bounds, CODE_ONCE, ENDED_STAYS_ENDED, ERA_FORGETS, KEPT, Life, Mistake,
    NOBODY_ELSE, ONE_SUCCESSOR, ONLY_IN_TIME, REPLAY_ENDS, REUSE_ENDS,
};
use stateright::{Checker, HasDiscoveries, Model};

#[rstest]
#[case(Mistake::ReadThenWrite, Bounds::REDEMPTION, CODE_ONCE)]
#[case(Mistake::NoAttempt, Bounds::REDEMPTION, CODE_ONCE)]
#[case(Mistake::DoNothing, Bounds::REDEMPTION, REPLAY_ENDS)]
#[case(
    Mistake::WindowIgnored,
    Bounds::ROTATION_OF_A_PUBLIC_CLIENT,
    ONLY_IN_TIME
)]
#[case(Mistake::GenerationNotCompared, Bounds::ROTATION, ONLY_IN_TIME)]
#[case(Mistake::RotationReadsFirst, Bounds::ROTATION, ONE_SUCCESSOR)]
#[case(Mistake::ReuseForgiven, Bounds::ROTATION, REUSE_ENDS)]
#[case(Mistake::NoRetry, Bounds::LOST_ANSWERS, A_CLIENT_GETS_ON)]
#[case(Mistake::EpochsNotCompared, Bounds::ENDS, ENDED_STAYS_ENDED)]
#[case(Mistake::UnlockLowersEpoch, Bounds::ENDS_OF_CODES, ENDED_STAYS_ENDED)]
#[case(Mistake::SentBeforeCommit, Bounds::ROTATION, KEPT)]
#[case(Mistake::UnheardMeansDone, Bounds::UNHEARD, KEPT)]
#[case(Mistake::ClientNotCompared, Bounds::REDEMPTION, NOBODY_ELSE)]
#[case(Mistake::EraNotCompared, Bounds::RESTORED, ERA_FORGETS)]
#[case(Mistake::ErasCounted, Bounds::RESTORED_TWICE, ERA_FORGETS)]
#[case(Mistake::MarkNotCompared, Bounds::FORGOTTEN_BY_A_SLEEPER, CODE_ONCE)]
fn a_mistake_is_found(
    #[case] mistake: Mistake,
    #[case] bounds: Bounds,
    #[case] broken: &'static str,
) {
    let story = counterexample(|| Life::with_mistake(bounds, Some(mistake)), broken);
    println!("{mistake:?} breaks \"{broken}\":\n{story}");
}

#[test]
fn a_read_before_the_write_sells_a_code_twice() {
    let life = || Life::with_mistake(Bounds::REDEMPTION, Some(Mistake::ReadThenWrite));
    let story = counterexample(life, CODE_ONCE);
    let (steps, _) = story.rsplit_once('\n').unwrap();
    insta::assert_snapshot!(steps, @r"
    the user allows the client: a code
    node 0: a replay presents code 0
    node 1: the client presents code 0
    node 1: the client with code 0: the statement begins
    node 0: a replay with code 0: the statement begins
    node 0: a replay with code 0: committed, Redeemed: refresh token 0
    node 1: the client with code 0: committed, Redeemed: refresh token 0
    ");
}

/// Why there is `safeconduct restored`: a copy of the database knows nothing of what was redeemed, rotated and ended after it was made.
#[rstest]
#[case(CODE_ONCE)]
#[case(ONE_SUCCESSOR)]
#[case(ENDED_STAYS_ENDED)]
fn a_restore_without_an_era_breaks(#[case] broken: &'static str) {
    counterexample(|| Life::new(Bounds::RESTORED_SILENTLY), broken);
}

/// The statement of a sleeper begins, and sees neither mark nor reason; then the tombstone is swept; then it inserts. See the
/// README.
#[test]
fn a_request_that_wakes_together_with_the_sweeper_redeems_again() {
    counterexample(|| Life::new(Bounds::FORGOTTEN_BY_ALL), CODE_ONCE);
}

/// The shortest way to break a property, as a story.
fn counterexample(new: impl Fn() -> Life, broken: &'static str) -> String {
    let only = HasDiscoveries::AnyOf(BTreeSet::from([broken]));
    let mut seen = 0;
    for depth in 1.. {
        let checker = new().checker().finish_when(only.clone());
        let checker = checker.target_max_depth(depth).spawn_bfs().join();
        if let Some(path) = checker.discovery(broken) {
            return checker.model().story(path);
        }
        assert_ne!(
            checker.unique_state_count(),
            seen,
            "nothing breaks \"{broken}\""
        );
        seen = checker.unique_state_count();
    }
    unreachable!("every walk within bounds comes to an end")
}
