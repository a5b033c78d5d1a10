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
    let listed = ["CAST($1 AS TEXT) IS NULL", "ORDER BY g.id DESC"];
    let asked = of_grants.filter(|sql| !listed.iter().any(|of_list| sql.contains(of_list)));
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
        ("grants_ended", "(user_id = "),
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
    let mut named = constants().into_iter().filter(|(found, _)| found == name);
    named.next().unwrap().1
}

/// The statements of the store: the constants that begin as one does.
fn all() -> Vec<String> {
    let begins = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let texts = constants().into_iter().map(|(_, text)| text);
    texts
        .filter(|text| begins.iter().any(|word| text.starts_with(word)))
        .collect()
}

/// A macro that a source file defines and texts are written with: its file, its name, its parameters and what it becomes.
struct Macro<'s> {
    file: &'s str,
    name: &'s str,
    parameters: Vec<&'s str>,
    body: &'s str,
}

/// Name and value of every text that the sources name, whichever literals and macros it is put together of.
fn constants() -> Vec<(String, String)> {
    let sources = sources();
    let macros: Vec<Macro<'_>> = sources
        .iter()
        .flat_map(|(file, code)| {
            code.split("macro_rules! ")
                .skip(1)
                .map(|text| defined(file, text))
        })
        .collect();
    let mut found = Vec::new();
    for (file, code) in &sources {
        for text in code.split("const ").skip(1) {
            if let Some((name, expression)) = text.split_once(": &str =") {
                let expression = &expression[..end_of(expression, ';')];
                found.push((name.to_owned(), value_of(expression, file, &macros)));
            }
        }
    }
    found
}

fn defined<'s>(file: &'s str, text: &'s str) -> Macro<'s> {
    let (name, rule) = text.split_once(" {").unwrap();
    let (parameters, body) = rule.split_once("=>").unwrap();
    let parameters = parameters.split('$').skip(1);
    let body = body.trim_start().strip_prefix('{').unwrap();
    Macro {
        file,
        name,
        parameters: parameters
            .map(|one| one.split(':').next().unwrap())
            .collect(),
        body: &body[..end_of(body, '}')],
    }
}

/// The literals of an expression in their order, with those that its macros become.
fn value_of(expression: &str, file: &str, macros: &[Macro<'_>]) -> String {
    let mut value = String::new();
    let mut rest = expression;
    while let Some(next) = rest.find(['"', '!']) {
        let (before, after) = (&rest[..next], &rest[next + 1..]);
        if rest[next..].starts_with('"') {
            let (literal, left) = after.split_once('"').unwrap();
            value.push_str(literal);
            rest = left;
            continue;
        }
        let path = before
            .rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .next()
            .unwrap();
        let (module, name) = path.rsplit_once("::").unwrap_or((file, path));
        let of_this_name = || macros.iter().filter(|one| one.name == name);
        let called = of_this_name()
            .find(|one| one.file == module)
            .or_else(|| of_this_name().next());
        // What is no macro of ours is concat!, which adds nothing to the literals in it.
        rest = after;
        if let Some(called) = called {
            let arguments = &after[1..][..end_of(&after[1..], ')')];
            let mut body = called.body.to_owned();
            for (parameter, argument) in called
                .parameters
                .iter()
                .zip(arguments.split('"').skip(1).step_by(2))
            {
                body = body.replace(&format!("${parameter}"), &format!("\"{argument}\""));
            }
            value.push_str(&value_of(&body, called.file, macros));
            rest = &after[arguments.len() + 2..];
        }
    }
    value
}

/// Where an expression ends, by the first `end` that is in no literal and closes nothing that was opened in it.
fn end_of(text: &str, end: char) -> usize {
    let (mut in_literal, mut depth) = (false, 0);
    for (position, c) in text.char_indices() {
        match c {
            '"' => in_literal = !in_literal,
            _ if in_literal => {}
            _ if c == end && depth == 0 => return position,
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("{text} has no end")
}

/// Name and text of every source file of the store, without its drivers and tests, a literal on one line.
fn sources() -> Vec<(String, String)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = fs::read_dir(sources).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let code = files.map(|path| {
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        // A backslash at the end of a line takes the beginning of the next one away.
        let code = lines.fold(String::new(), |code, line| match code.strip_suffix('\\') {
            Some(begun) => format!("{begun}{}", line.trim_start()),
            None => format!("{code}\n{line}"),
        });
        let name = path.file_stem().unwrap().to_string_lossy();
        (name.into_owned(), code)
    });
    code.collect()
}
