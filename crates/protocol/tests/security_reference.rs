//! `docs/security.md` claims no defence without a test: every row names files of tests, and each is in the tree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

const SECURITY: &str = include_str!("../../../docs/security.md");

#[test]
fn every_defence_names_the_files_of_its_tests() {
    let rows = tree::rows(SECURITY);
    assert!(rows.len() > 50, "the tables are not read");
    for row in rows {
        let [attack, defence, named] = row.as_slice() else {
            panic!("not three cells: {row:?}");
        };
        assert!(!attack.is_empty() && !defence.is_empty());
        let files = tree::files_of_tests("docs", named);
        assert!(!files.is_empty(), "no test against: {attack}");
    }
}
