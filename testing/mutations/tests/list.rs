//! The list can't rot: what it takes out is there. And how mutations are built in.

use std::collections::BTreeMap;

use safeconduct_testing_mutations::cargo::has_failure;
use safeconduct_testing_mutations::edit::{Edit, places};
use safeconduct_testing_mutations::list::List;
use safeconduct_testing_mutations::switch::{VARIABLE, switched};
use safeconduct_testing_mutations::{root, sample};

#[test]
fn every_check_of_the_list_stands_in_its_file_once() {
    let list = List::read().unwrap();
    let (edits, errors): (Vec<_>, Vec<_>) =
        list.edits(&root()).into_iter().partition(Result::is_ok);
    let errors: Vec<String> = errors
        .into_iter()
        .filter_map(|error| error.err().map(|error| error.to_string()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert!(edits.len() > 200, "the list is not read");
}

#[test]
fn every_check_has_tests_and_no_two_are_in_each_others_way() {
    let list = List::read().unwrap();
    let mut by_file: BTreeMap<String, Vec<(usize, Edit)>> = BTreeMap::new();
    for (number, edit) in list.edits(&root()).into_iter().flatten().enumerate() {
        for tests in &edit.tests {
            assert!(list.targets.contains_key(&tests.target), "{}", edit.what);
            assert!(!tests.filters.is_empty(), "{}", edit.what);
        }
        let of_file = by_file.entry(edit.file.clone()).or_default();
        of_file.push((number, edit));
    }
    for (file, edits) in by_file {
        let source = std::fs::read_to_string(root().join(&file)).unwrap();
        let switched = switched(&source, edits.iter().map(|(number, edit)| (*number, edit)));
        assert!(switched.overlapping.is_empty(), "{file}");
        // What is part of a pattern or stands inside a text is no expression, and would not compile.
        let parsed = syn::parse_file(&switched.text).map(drop);
        assert!(parsed.is_ok(), "{file}: {parsed:?}");
        for (number, edit) in &edits {
            let asked = format!(r#"asked == "{number}""#);
            assert_eq!(switched.text.matches(&asked).count(), 1, "{}", edit.what);
            assert_ne!(source[edit.range.clone()], edit.to, "{}", edit.what);
        }
    }
}

#[test]
fn white_space_is_not_compared() {
    let source = "fn a() {\n    if one\n        && two {}\n}\n";
    assert_eq!(places(source, "if one && two {").first(), Some(&(13..36)));
    assert_eq!(places(source, "if one || two {"), []);
    assert_eq!(places("a; a;", "a;").len(), 2);
}

fn edit(source: &str, expression: &str, to: &str) -> Edit {
    Edit {
        what: String::new(),
        file: String::new(),
        range: places(source, expression)[0].clone(),
        to: to.to_owned(),
        tests: Vec::new(),
    }
}

#[test]
fn a_change_is_made_where_it_is_asked_for_and_nowhere_else() {
    let source = "if a == b && c { check(a)?; }";
    let edits = [
        edit(source, "a == b && c", "c"),
        edit(source, "check(a)?", ""),
        edit(source, "a == b && c", "true"),
        edit(source, "a == b", "false"),
    ];
    let switched = switched(source, edits.iter().enumerate());
    let expected = format!(
        "if (if ::std::env::var_os(\"{VARIABLE}\").is_some_and(|asked| asked == \"0\") {{\nc\n}} \
         else if ::std::env::var_os(\"{VARIABLE}\").is_some_and(|asked| asked == \"2\") {{\ntrue\n}} \
         else {{\na == b && c\n}}) {{ \
         (if ::std::env::var_os(\"{VARIABLE}\").is_some_and(|asked| asked == \"1\") {{\n\n}} \
         else {{\ncheck(a)?;\n}}); }}"
    );
    assert_eq!(switched.text, expected);
    assert_eq!(switched.overlapping, [3], "inside of another one");
    let line_of = |number| switched.lines.iter().find(|(whose, _)| *whose == number);
    assert_eq!(line_of(0), Some(&(0, 1..=3)));
    assert_eq!(line_of(2), Some(&(2, 3..=5)));
}

#[test]
fn a_sample_changes_code_and_neither_comments_nor_texts() {
    let source = r#"
// if a == b {
fn holds(text: &str, limit: usize) -> bool {
    let closure = || 1;
    check(text)?;
    let fits = text.len() < limit; // c && d
    if fits && text != "if x == y {" {
        return false;
    }
    matches!(closure(), 'a'..)
}

#[cfg(test)]
mod tests {
    fn other() -> bool { 1 == 2 }
}
"#;
    let changed: Vec<(&str, String)> = sample::sites(source)
        .into_iter()
        .map(|(range, to, _)| (source[range].lines().next().unwrap_or(""), to))
        .filter(|(expression, _)| !expression.is_empty())
        .collect();
    let condition = r#"fits && text != "if x == y {""#;
    assert_eq!(
        changed,
        [
            (condition, format!("!({condition})")),
            (condition, condition.replace("!=", "==")),
            (condition, condition.replace("&&", "||")),
            ("text.len() < limit", "text.len() >= limit".to_owned()),
            ("check(text)?", String::new()),
        ]
    );
    let bodies = sample::sites(source)
        .into_iter()
        .filter(|(range, _, _)| source[range.clone()].contains("closure = "));
    assert_eq!(
        bodies.count(),
        5,
        "true, false, and another operator in each of three places"
    );
}

#[test]
fn a_failure_is_seen_before_the_end_of_all_tests() {
    let running = "\nrunning 2 tests\ntest code::once ... ok\n";
    assert!(!has_failure(running));
    assert!(has_failure(&format!(
        "{running}test code::twice ... FAILED\n"
    )));
}
