//! What the reference pages are held to: the files and the tests that are in the tree.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of a page's tables, without the one that names the columns and the line below it.
pub(crate) fn rows(page: &'static str) -> Vec<Vec<&'static str>> {
    let lines: Vec<&str> = page.lines().collect();
    let is_row = |index: &usize| {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        lines[*index].starts_with("| ") && !next.starts_with("|--")
    };
    let cells = |index| -> Vec<&str> {
        let line: &str = lines[index];
        line.trim_matches('|').split(" | ").map(str::trim).collect()
    };
    (0..lines.len()).filter(is_row).map(cells).collect()
}

/// The tests of every crate, by the text of its files.
#[derive(Default)]
pub(crate) struct Tests(RefCell<HashMap<String, String>>);

impl Tests {
    /// Asserts that every test that `cell` names, as `crate::test`, is there, and says how many it names.
    pub(crate) fn assert_present(&self, cell: &str) -> usize {
        let names = cell.split_whitespace();
        names
            .map(|name| {
                let (name_of_crate, test) = name.trim_matches('`').split_once("::").unwrap();
                assert!(
                    self.has(name_of_crate, test),
                    "{name_of_crate} has no test {test}"
                );
            })
            .count()
    }

    fn has(&self, name_of_crate: &str, test: &str) -> bool {
        let mut crates = self.0.borrow_mut();
        let sources = crates
            .entry(name_of_crate.to_owned())
            .or_insert_with(|| sources(&directory_of(name_of_crate)));
        sources.contains(&format!("fn {test}(")) || sources.contains(&format!("fn {test}<"))
    }
}

fn directory_of(name_of_crate: &str) -> PathBuf {
    match name_of_crate {
        "fuzz" | "interop" | "model" | "soak" => root().join(name_of_crate),
        other => root().join("crates").join(other),
    }
}

/// The text of every Rust file of a crate.
fn sources(directory: &Path) -> String {
    let files = rust_files(directory).into_iter();
    files
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

/// Every Rust file below a directory of ours.
pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let is_installed = path.ends_with("node_modules") || path.ends_with("target");
            if path.is_dir() && !is_installed {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}
