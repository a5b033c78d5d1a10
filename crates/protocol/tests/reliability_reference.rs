//! `docs/reliability.md` promises nothing without a test: every row names files of tests, and each is in the tree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

const RELIABILITY: &str = include_str!("../../../docs/reliability.md");

/// What was measured follows the promises, in tables of its own.
const FIGURES: &str = "## The last run";

#[test]
fn every_promise_names_the_files_of_its_tests() {
    let (promises, _) = RELIABILITY.split_once(FIGURES).unwrap();
    let rows = tree::rows(promises);
    assert!(rows.len() > 25, "the tables are not read");
    for row in rows {
        let [what, promise, named] = row.as_slice() else {
            panic!("not three cells: {row:?}");
        };
        assert!(!what.is_empty() && !promise.is_empty());
        let files = tree::files_of_tests("docs", named);
        assert!(!files.is_empty(), "no test shows: {what}");
    }
}
