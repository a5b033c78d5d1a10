//! Mutations at random: what nobody has thought of while writing the list.
//!
//! A file is read as text, with its comments, texts and tests left out; it is formatted by rustfmt, which is what makes that enough.
//! A mutation that does not compile proves nothing and is passed over.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use crate::edit::{Edit, Tests};
use crate::list::{Checked, List};

/// An expression, what is there instead, and the kind of change in words.
type Site = (Range<usize>, String, &'static str);

const OPERATORS: [(&str, &str, &str); 8] = [
    ("==", "!=", "another comparison"),
    ("!=", "==", "another comparison"),
    ("<=", ">", "another comparison"),
    (">=", "<", "another comparison"),
    ("<", ">=", "another comparison"),
    (">", "<=", "another comparison"),
    ("&&", "||", "another connective"),
    ("||", "&&", "another connective"),
];

/// Mutations of the files which the list names, in an order that `seed` decides; no two of them of places that overlap.
///
/// # Errors
/// If a file can't be read.
pub fn shuffled(list: &List, root: &Path, seed: u64) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    for file in &list.files {
        let source = std::fs::read_to_string(root.join(&file.file));
        let source = source.with_context(|| file.file.clone())?;
        let tests = tests_of(list, file);
        edits.extend(sites(&source).into_iter().map(|(range, to, kind)| Edit {
            what: format!("line {}: {kind}", source[..range.start].lines().count()),
            file: file.file.clone(),
            range,
            to,
            tests: tests.clone(),
        }));
    }
    shuffle(&mut edits, seed);
    let mut apart: Vec<Edit> = Vec::new();
    for edit in edits {
        let overlaps = |other: &Edit| {
            other.file == edit.file
                && other.range.start < edit.range.end
                && edit.range.start < other.range.end
        };
        if !apart.iter().any(overlaps) {
            apart.push(edit);
        }
    }
    Ok(apart)
}

/// The tests of the file's checks, target by target, and after them all tests of its package.
fn tests_of(list: &List, file: &Checked) -> Vec<Tests> {
    let own: BTreeSet<Tests> = file
        .checks
        .iter()
        .map(|check| file.tests_of(check))
        .collect();
    let targets: BTreeSet<&String> = own.iter().map(|tests| &tests.target).collect();
    let together = targets.into_iter().map(|target| Tests {
        target: target.clone(),
        filters: own
            .iter()
            .filter(|tests| tests.target == *target)
            .flat_map(|tests| tests.filters.clone())
            .collect(),
    });
    together.chain(list.all_tests_of(&file.file)).collect()
}

/// Every mutation of `source`.
pub fn sites(source: &str) -> Vec<Site> {
    let code = code(source);
    let mut sites = Vec::new();
    for range in conditions(&code) {
        let turned = format!("!({})", &source[range.clone()]);
        sites.push((range.clone(), turned, "a condition turned round"));
        sites.extend(with_other_operators(source, &code, &range));
    }
    for range in verdicts(&code) {
        for verdict in ["true", "false"] {
            let kind = "a body that always says the same";
            sites.push((range.clone(), verdict.to_owned(), kind));
        }
        sites.extend(with_other_operators(source, &code, &range));
    }
    for range in bindings(&code) {
        sites.extend(with_other_operators(source, &code, &range));
    }
    let left_out = |range| (range, String::new(), "a check that may refuse, left out");
    sites.extend(statements(&code).into_iter().map(left_out));
    sites
}

/// `source` of the same length, with spaces for what is no code: comments, what stands in quotes, and the tests at the end.
fn code(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod ").unwrap_or(source.len());
    let mut bytes = source.as_bytes()[..end].to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let length = length_of_no_code(&bytes[at..]);
        let is_comment = length > 0 && bytes[at] == b'/';
        // The quotes stay, so that what stood there is still an operand.
        let blank = match is_comment {
            true => at..at + length,
            false => at + 1..at + length.saturating_sub(1).max(1),
        };
        for byte in &mut bytes[blank] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length.max(1);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many bytes at the beginning of `rest` are a comment or a literal in quotes.
fn length_of_no_code(rest: &[u8]) -> usize {
    let until = |end: &[u8], from: usize| {
        let found = rest[from..]
            .windows(end.len())
            .position(|bytes| bytes == end);
        found.map_or(rest.len(), |found| from + found + end.len())
    };
    let quoted = |quote: u8| {
        let mut at = 1;
        while at < rest.len() && rest[at] != quote {
            at += if rest[at] == b'\\' { 2 } else { 1 };
        }
        (at + 1).min(rest.len())
    };
    match rest {
        [b'/', b'/', ..] => until(b"\n", 2),
        [b'/', b'*', ..] => until(b"*/", 2),
        [b'r', b'#', b'"', ..] => until(b"\"#", 3),
        [b'r', b'"', ..] => until(b"\"", 2),
        [b'"', ..] => quoted(b'"'),
        // Another apostrophe begins a lifetime.
        [b'\'', b'\\', ..] | [b'\'', _, b'\'', ..] => quoted(b'\''),
        _ => 0,
    }
}

/// An expression, once for each operator in it, with another operator. They have white space around them, which brackets of types
/// never have, and follow an operand, which closures don't.
fn with_other_operators(source: &str, code: &str, range: &Range<usize>) -> Vec<Site> {
    let is_space = |at: usize| code.as_bytes().get(at).is_some_and(u8::is_ascii_whitespace);
    let follows_operand = |at: usize| {
        let before = code[..at].trim_end().bytes().last();
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_)]}\"'?".contains(&byte))
    };
    let mut sites = Vec::new();
    for (operator, other, kind) in OPERATORS {
        for (at, _) in code[range.clone()].match_indices(operator) {
            let (begin, end) = (range.start + at, range.start + at + operator.len());
            if begin > 0 && is_space(begin - 1) && is_space(end) && follows_operand(begin) {
                let (before, after) = (&source[range.start..begin], &source[end..range.end]);
                sites.push((range.clone(), format!("{before}{other}{after}"), kind));
            }
        }
    }
    sites
}

/// What stands between an `if` and its `{` or `=>`.
fn conditions(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, word) in code.match_indices("if ") {
        let begin = at + word.len();
        let is_word = code[..at]
            .bytes()
            .last()
            .is_none_or(|byte| byte.is_ascii_whitespace());
        let end = end_of(&code[begin..], |rest| {
            rest.starts_with('{') || rest.starts_with("=>")
        });
        if let Some(length) = end.filter(|_| is_word) {
            let condition = code[begin..begin + length].trim_end();
            if !condition.split_whitespace().any(|word| word == "let") {
                found.push(begin..begin + condition.len());
            }
        }
    }
    found
}

/// Bodies of functions that say yes or no.
fn verdicts(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, signature) in code.match_indices("-> bool {") {
        let begin = at + signature.len();
        if let Some(length) = end_of(&code[begin..], |rest| rest.starts_with('}')) {
            found.push(begin..begin + length);
        }
    }
    found
}

/// What a name is bound to.
fn bindings(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("let ") {
        let Some(equals) = end_of(&code[at..], |rest| rest.starts_with(" = ")) else {
            continue;
        };
        let begin = at + equals + " = ".len();
        // A block behind it may return: then it is no expression alone.
        let end = end_of(&code[begin..], |rest| rest.starts_with([';', '{']));
        if let Some(length) = end.filter(|length| code[begin + length..].starts_with(';')) {
            found.push(begin..begin + length);
        }
    }
    found
}

/// Up to where `is_end` holds outside of all brackets.
fn end_of(rest: &str, is_end: impl Fn(&str) -> bool) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, letter) in rest.char_indices() {
        if depth == 0 && is_end(&rest[at..]) {
            return Some(at);
        }
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

/// Statements on one line that are there for their `?` alone.
fn statements(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut at, mut begins) = (0, true);
    for line in code.split_inclusive('\n') {
        let statement = line.trim();
        let opened = statement.matches('(').count();
        let is_check = statement.ends_with("?;")
            && opened > 0
            && opened == statement.matches(')').count()
            && !statement.contains(" = ")
            && !statement.starts_with(['.', ')', '}', '|'])
            && !statement.starts_with("return ");
        if begins && is_check {
            let begin = at + line.len() - line.trim_start().len();
            found.push(begin..begin + statement.len() - 1);
        }
        if !statement.is_empty() {
            begins = statement.ends_with([';', '{', '}']);
        }
        at += line.len();
    }
    found
}

/// SplitMix64 decides; how good chance is does not matter here, and that a seed gives the same order does.
fn shuffle(edits: &mut [Edit], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for index in (1..edits.len()).rev() {
        let other = next() % (index as u64 + 1);
        edits.swap(index, usize::try_from(other).unwrap_or(0));
    }
}
