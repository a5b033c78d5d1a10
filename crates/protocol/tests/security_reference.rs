//! `docs/security.md` claims no defence without a test: every row names one, and every test it names is in the tree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const SECURITY: &str = include_str!("../../../docs/security.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of the tables: attack, defence, tests.
fn rows() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<&str> {
        line.trim_matches('|').split(" | ").map(str::trim).collect()
    };
    SECURITY
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| attack "))
        .map(cells)
        .collect()
}

/// The text of every Rust file of a crate.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text += &fs::read_to_string(&path).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_defence_names_a_test_and_every_test_it_names_exists() {
    let mut crates: HashMap<&str, String> = HashMap::new();
    let rows = rows();
    assert!(rows.len() > 50, "the tables are not read");
    for row in rows {
        let [attack, defence, tests] = row.as_slice() else {
            panic!("not three cells: {row:?}");
        };
        assert!(!attack.is_empty() && !defence.is_empty());
        assert!(tests.contains("::"), "no test against: {attack}");
        for test in tests.split_whitespace() {
            let (name_of_crate, test) = test.trim_matches('`').split_once("::").unwrap();
            let sources = crates.entry(name_of_crate).or_insert_with(|| {
                let directory = match name_of_crate {
                    "fuzz" => root().join("fuzz"),
                    other => root().join("crates").join(other),
                };
                sources(&directory)
            });
            let is_there = sources.contains(&format!("fn {test}("))
                || sources.contains(&format!("fn {test}<"));
            assert!(is_there, "{name_of_crate} has no test {test}");
        }
    }
}
