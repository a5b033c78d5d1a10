//! `docs/reliability.md` promises nothing without a test: every row names one, and every test it names is in the tree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

const RELIABILITY: &str = include_str!("../../../docs/reliability.md");

/// What was measured follows the promises, in tables of its own.
const FIGURES: &str = "## The last run";

#[test]
fn every_promise_names_a_test_and_every_test_it_names_exists() {
    let tests = tree::Tests::default();
    let (promises, _) = RELIABILITY.split_once(FIGURES).unwrap();
    let rows = tree::rows(promises);
    assert!(rows.len() > 25, "the tables are not read");
    for row in rows {
        let [what, promise, named] = row.as_slice() else {
            panic!("not three cells: {row:?}");
        };
        assert!(!what.is_empty() && !promise.is_empty());
        assert!(tests.assert_present(named) > 0, "no test shows: {what}");
    }
}
