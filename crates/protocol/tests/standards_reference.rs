//! `docs/reference/standards.md` says of every specification how far it is here: a status that its row bears out, files that
//! are in the tree, and tests that are too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

const STANDARDS: &str = include_str!("../../../docs/reference/standards.md");

/// The files that a cell links to, relative to the page.
fn links(cell: &str) -> Vec<&str> {
    cell.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .collect()
}

#[test]
fn every_status_is_borne_out_by_the_tree() {
    let tests = tree::Tests::default();
    let rows = tree::rows(STANDARDS);
    assert!(rows.len() > 40, "the tables are not read");
    for row in rows {
        let [specification, status, what, code, named] = row.as_slice() else {
            panic!("not five cells: {row:?}");
        };
        assert!(what.len() > 20, "{specification}: nothing is said");
        let links = links(code);
        for link in &links {
            let file = tree::root().join("docs/reference").join(link);
            assert!(file.is_file(), "{specification}: no file {link}");
        }
        let tests = tests.assert_present(named);
        match *status {
            "done" | "partly" => assert!(!links.is_empty() && tests > 0, "{specification}"),
            "refused" => assert!(tests > 0, "{specification}: refused by no test"),
            "not here" => assert!(links.is_empty() && tests == 0, "{specification}"),
            other => panic!("{specification}: {other} is no status"),
        }
    }
}

#[test]
fn a_specification_has_one_row() {
    let mut names: Vec<&str> = tree::rows(STANDARDS).iter().map(|row| row[0]).collect();
    let rows = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows);
}
