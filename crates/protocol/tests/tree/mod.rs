//! What the reference pages are held to: the files that are in the tree.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files that a cell of a page in `directory`, from the root of the repository, links to. Each must be there.
pub(crate) fn files(directory: &str, cell: &str) -> Vec<PathBuf> {
    let links = cell.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
    links
        .map(|link| {
            let path = link.split_once('#').map_or(link, |(path, _)| path);
            let file = root().join(directory).join(path);
            assert!(file.is_file(), "there is no {link}: {cell}");
            file
        })
        .collect()
}

/// Those of them that are Rust, in each of which there must be tests.
pub(crate) fn files_of_tests(directory: &str, cell: &str) -> Vec<PathBuf> {
    let mut files = files(directory, cell);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let attributes = ["#[test]", "#[tokio::test", "#[rstest]"];
        let holds_tests = attributes.iter().any(|attribute| text.contains(attribute));
        assert!(holds_tests, "no tests are in {}", file.display());
    }
    files
}
