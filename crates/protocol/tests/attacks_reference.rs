//! `docs/reference/attacks.md` against the tests. Which attacks a test holds off is written at the test itself, in a line
//! `/// Attacks: C01, C02.` above its attributes, and the last column of the page is made from these lines:
//! `SAFECONDUCT_REGENERATE=1 cargo test -p safeconduct-protocol --test attacks_reference`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ATTACKS: &str = include_str!("../../../docs/reference/attacks.md");

/// What stands above a test before the ids of the attacks that it holds off.
const MARK: &str = "/// Attacks: ";

/// How the cell of an attack begins that no test holds off.
const REASONS: [&str; 4] = [
    "Not built: ",
    "The operator's: ",
    "Held by ",
    "Not tested: ",
];

/// Where tests are.
const ROOMS: [&str; 5] = ["crates", "fuzz", "model", "soak", "interop"];

/// The tests of each file, against one attack.
type ByFile = BTreeMap<PathBuf, Vec<String>>;

#[test]
fn the_page_names_the_tests_that_say_what_they_hold_off() {
    let marked = marked();
    let lines = ATTACKS.lines().map(|line| with_tests(line, &marked));
    let written = lines.collect::<Vec<String>>().join("\n") + "\n";
    if std::env::var_os("SAFECONDUCT_REGENERATE").is_some() {
        fs::write(tree::root().join("docs/reference/attacks.md"), &written).unwrap();
        return;
    }
    assert!(
        ATTACKS == written,
        "docs/reference/attacks.md is stale: SAFECONDUCT_REGENERATE=1 cargo test -p safeconduct-protocol --test attacks_reference"
    );
}

#[test]
fn an_attack_has_one_row_with_tests_or_a_reason() {
    let marked = marked();
    let rows = tree::rows(ATTACKS);
    assert!(rows.len() > 200, "the tables are not read");
    for row in &rows {
        let [id, attack, outcome, held_by] = row.as_slice() else {
            panic!("not four cells: {row:?}");
        };
        assert!(!attack.is_empty(), "{id}");
        let is_excused = REASONS.iter().any(|reason| held_by.starts_with(reason));
        assert!(
            marked.contains_key(*id) != is_excused,
            "{id}: no test and no reason, or both"
        );
        assert!(!outcome.is_empty() || is_excused, "{id}");
        tree::files_of_tests("docs/reference", held_by);
    }
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let unknown: Vec<&String> = marked
        .keys()
        .filter(|id| !ids.contains(&id.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "tests name attacks without a row: {unknown:?}"
    );
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for pair in ids.windows(2) {
        let same_section = pair[0].starts_with(&pair[1][..1]);
        assert!(!same_section || pair[0] < pair[1], "{pair:?} in this order");
    }
}

/// A line of the page, with the tests of its attack if it is the row of one.
fn with_tests(line: &str, marked: &BTreeMap<String, ByFile>) -> String {
    let mut cells: Vec<&str> = line.split(" | ").collect();
    let id = cells[0].trim_start_matches("| ");
    let Some(tests) = marked.get(id).filter(|_| cells.len() == 4) else {
        return line.to_owned();
    };
    let files = tests.iter().map(|(file, names)| {
        let label = file.with_extension("");
        let crate_name = label.iter().find(|part| *part != "crates").unwrap();
        let stem = label.file_stem().unwrap();
        format!(
            "[{}/{}](../../{}) {}",
            crate_name.display(),
            stem.display(),
            file.display(),
            names.join(" ")
        )
    });
    let files = files.collect::<Vec<String>>().join("<br>") + " |";
    cells[3] = &files;
    cells.join(" | ")
}

/// What every test of the workspace says that it holds off: by attack, then by file.
fn marked() -> BTreeMap<String, ByFile> {
    let mut marked = BTreeMap::new();
    let root = tree::root();
    for file in ROOMS.iter().flat_map(|room| rust_files(&root.join(room))) {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(&root).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate() {
            if let Some(ids) = line.strip_prefix(MARK) {
                let name = test_below(&lines[number + 1..], file);
                add(&mut marked, ids, file, &name);
            }
        }
    }
    marked
}

fn add(marked: &mut BTreeMap<String, ByFile>, ids: &str, file: &Path, name: &str) {
    let ids = ids
        .strip_suffix('.')
        .unwrap_or_else(|| panic!("{name}: no full stop"));
    for id in ids.split(", ") {
        let by_file = marked.entry(id.to_owned()).or_default();
        let names = by_file.entry(file.to_owned()).or_default();
        names.push(format!("`{name}`"));
    }
}

/// The name of the test that begins with these lines: attributes, one of which makes it a test, then the function.
fn test_below(lines: &[&str], file: &Path) -> String {
    let is_function = |line: &&&str| line.starts_with("fn ") || line.contains(" fn ");
    let function = lines.iter().find(is_function).unwrap();
    let above = lines.iter().take_while(|line| *line != function);
    let is_test = above
        .clone()
        .any(|line| line.contains("test]") || line.contains("test("));
    let (_, name) = function.split_once("fn ").unwrap();
    let name = name.split(['(', '<']).next().unwrap();
    assert!(is_test, "{}: {name} is no test", file.display());
    name.to_owned()
}

/// Every Rust file below a directory of ours.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
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
