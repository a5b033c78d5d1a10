//! `docs/reference/databases.md` names all the SQL that a database has to know. Its table is held to the statements of the store.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../docs/reference/databases.md");

/// Where the URL is read, and its parameters are listed.
const ADDRESS: &str = include_str!("../../store/src/driver/postgres/address.rs");

#[test]
fn the_page_names_all_the_sql_that_is_used_and_no_other() {
    let (_, section) = PAGE
        .split_once("\n## The SQL that is needed\n")
        .expect("the page has the section");
    let table = section.lines().filter(|line| line.starts_with("| "));
    let code = table.flat_map(|row| row.split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = code.flat_map(words).collect();

    let files = files();
    let statements = files.iter().flat_map(|text| statements(text));
    let used: Vec<String> = statements.collect();
    let used: BTreeSet<&str> = used.iter().flat_map(|statement| words(statement)).collect();
    assert!(used.len() > 40, "where are the statements? {used:?}");
    assert_eq!(named, used);
}

#[test]
fn the_page_names_every_parameter_of_the_url() {
    let named = parameters(PAGE.lines());
    let read = ADDRESS.lines().filter_map(|line| line.strip_prefix("//! "));
    let read = parameters(read);
    assert!(read.len() > 5, "where are the parameters? {read:?}");
    assert!(read.is_subset(&named), "{named:?} lacks some of {read:?}");
}

/// What the first cells of a table name.
fn parameters<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<&'t str> {
    let names = lines.filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    names.map(|(name, _)| name).collect()
}

/// The words of SQL, which are in capitals wherever SQL is written here.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_capital = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    text.split(move |c| !is_word(c)).filter(is_capital)
}

/// The statements that both databases share: the files of the store beside its drivers, without their tests, and the
/// migrations.
fn files() -> Vec<String> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store");
    let read = |directory: PathBuf| {
        let entries = fs::read_dir(directory).expect("the store is in the tree");
        let paths = entries.map(|entry| entry.expect("a file can be listed").path());
        let files = paths.filter(|path| path.is_file());
        files.map(|path| fs::read_to_string(path).expect("source is text"))
    };
    read(store.join("src"))
        .map(|file| {
            file.split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .chain(read(store.join("migrations")))
        .collect()
}

/// The SQL of a file: what stands between quotes and begins as a statement does or is part of one, or the whole of a migration.
fn statements(file: &str) -> Vec<String> {
    const BEGINNINGS: [&str; 7] = [
        "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ",
    ];
    let begins = |text: &str| {
        BEGINNINGS
            .iter()
            .any(|word| text.trim_start().starts_with(word))
    };
    let code: String = file
        .lines()
        .filter(|line| !line.trim_start().starts_with("--") && !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    if begins(&code) {
        return vec![code];
    }
    let (mut found, mut around) = (Vec::new(), String::new());
    for (number, part) in code.split('"').enumerate() {
        if number % 2 == 0 {
            around.push_str(part);
            around.drain(..around.rfind(';').map_or(0, |end| end + 1));
        } else if begins(part) || around.contains("concat!(") {
            found.push(part.to_owned());
        }
    }
    found
}
