//! Every statement of the store, as its sources have it, and how PostgreSQL looks for rows of grants with them.

use std::fs;
use std::path::Path;

use crate::databases::{Empty, Kind};

/// A statement is planned when it is first prepared, which may be on a day when there are no grants yet, and PostgreSQL keeps
/// the plan until it has counted them. So it has to be the plan for many from the start: in by the front of an index.
#[tokio::test]
async fn however_few_grants_there_are_they_are_looked_for_as_if_there_were_many_on_postgresql() {
    let empty = Empty::with_schema(Kind::Postgresql).await;
    let statements = all();
    assert!(statements.len() > 80, "where are the statements?");
    let of_grants = statements.iter().filter(|sql| sql.contains(" grants "));
    // What administrators list may take its time.
    let asked = of_grants.filter(|sql| !sql.contains("CAST($1 AS TEXT) IS NULL"));
    let plan = |(number, sql): (usize, &String)| {
        let is_used = |place: &usize| sql.contains(&format!("${place}"));
        let places = (1..100).rev().find(is_used).unwrap();
        let nulls = vec!["NULL"; places].join(", ");
        format!("PREPARE s{number} AS {sql}; EXPLAIN EXECUTE s{number}({nulls});\n")
    };
    let all: String = asked.enumerate().map(plan).collect();
    let plans = empty.sql(&format!(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; {all}"
    ));
    let fronts = [
        ("grants_pkey", "(id = "),
        ("grants_of_user", "(user_id = "),
        ("grants_by_end", "(forget_at <"),
    ];
    let mut lines = plans.lines().peekable();
    let mut looked = 0;
    while let Some(line) = lines.next() {
        assert!(!line.contains("Seq Scan on grants"), "{plans}");
        let index = fronts
            .iter()
            .find(|(index, _)| line.contains(&format!("{index} on")));
        if let Some((_, front)) = index.filter(|_| line.contains("Scan")) {
            let condition = lines.next().unwrap();
            assert!(condition.contains(front), "{line}\n{condition}");
            looked += 1;
        }
    }
    assert!(looked > 10, "the plans are not read: {plans}");
}

/// The statement of this name.
pub(super) fn named(name: &str) -> String {
    let begins = format!("const {name}: &str =");
    let sources = sources();
    let after = sources.iter().find_map(|code| code.split(&begins).nth(1));
    after.unwrap().split('"').nth(1).unwrap().to_owned()
}

/// The statements of the store: the string literals that begin as one does.
fn all() -> Vec<String> {
    let begins = |text: &&str| {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE "]
            .iter()
            .any(|word| text.starts_with(word))
    };
    let mut found = Vec::new();
    for code in sources() {
        let literals = code.split('"').skip(1).step_by(2);
        found.extend(literals.filter(begins).map(str::to_owned));
    }
    found
}

/// The sources of the store without its drivers and tests, a literal on one line.
fn sources() -> Vec<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = fs::read_dir(sources).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let code = files.map(|path| {
        let source = fs::read_to_string(path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        // A backslash at the end of a line takes the beginning of the next one away.
        lines.fold(String::new(), |code, line| match code.strip_suffix('\\') {
            Some(begun) => format!("{begun}{}", line.trim_start()),
            None => format!("{code}\n{line}"),
        })
    });
    code.collect()
}
