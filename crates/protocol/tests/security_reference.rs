//! `docs/security.md` claims no defence without a test: every row names one, and every test it names is in the tree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

const SECURITY: &str = include_str!("../../../docs/security.md");

#[test]
fn every_defence_names_a_test_and_every_test_it_names_exists() {
    let tests = tree::Tests::default();
    let rows = tree::rows(SECURITY);
    assert!(rows.len() > 50, "the tables are not read");
    for row in rows {
        let [attack, defence, named] = row.as_slice() else {
            panic!("not three cells: {row:?}");
        };
        assert!(!attack.is_empty() && !defence.is_empty());
        assert!(tests.assert_present(named) > 0, "no test against: {attack}");
    }
}
