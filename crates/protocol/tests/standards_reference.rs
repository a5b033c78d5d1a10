//! `docs/reference/standards.md` says of every specification how far it is here: a status that its row bears out, files that
//! are in the tree, and files of tests that are too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

use safeconduct_protocol::error::REGISTRY;

const STANDARDS: &str = include_str!("../../../docs/reference/standards.md");

/// Where the page is.
const DIRECTORY: &str = "docs/reference";

/// What a specification leaves to choose follows, in a table of its own.
const CHOICES: &str = "\n## What may be chosen\n";

fn halves() -> (&'static str, &'static str) {
    STANDARDS.split_once(CHOICES).unwrap()
}

#[test]
fn every_status_is_borne_out_by_the_tree() {
    let rows = tree::rows(halves().0);
    assert!(rows.len() > 40, "the tables are not read");
    for row in rows {
        let [specification, status, what, code, named] = row.as_slice() else {
            panic!("not five cells: {row:?}");
        };
        assert!(what.len() > 20, "{specification}: nothing is said");
        let code = tree::files(DIRECTORY, code).len();
        let tests = tree::files_of_tests(DIRECTORY, named).len();
        match *status {
            "done" | "partly" => assert!(code > 0 && tests > 0, "{specification}"),
            "refused" => assert!(tests > 0, "{specification}: refused by no test"),
            "not here" => assert!(code + tests == 0, "{specification}"),
            other => panic!("{specification}: {other} is no status"),
        }
    }
}

#[test]
fn a_specification_has_one_row() {
    let mut names: Vec<&str> = tree::rows(halves().0).iter().map(|row| row[0]).collect();
    let rows = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows);
}

#[test]
fn every_choice_is_made_and_has_its_reason() {
    let rows = tree::rows(halves().1);
    assert!(rows.len() > 50, "the table is not read");
    for row in rows {
        let [specification, what, here, why] = row.as_slice() else {
            panic!("not four cells: {row:?}");
        };
        assert!(!specification.is_empty() && !what.is_empty());
        assert!(
            ["served", "refused", "passed over", "not sent"].contains(here),
            "{what}: {here}"
        );
        assert!(!why.is_empty(), "{what}: no reason");
        tree::files(DIRECTORY, why);
        for name in why
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains('-'))
        {
            let registered = REGISTRY.iter().any(|entry| entry.name == name);
            assert!(registered, "{what}: there is no refusal {name}");
        }
    }
}
