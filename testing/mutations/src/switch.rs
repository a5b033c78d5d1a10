//! All changes of a file at once, each of them made only where the environment asks for it.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use crate::edit::Edit;

/// The variable that holds the number of the change to make.
pub const VARIABLE: &str = "MUTATION";

/// A file with every change built in.
pub struct Switched {
    /// Its text.
    pub text: String,
    /// For each change, the lines that exist because of it.
    pub lines: Vec<(usize, RangeInclusive<usize>)>,
    /// Changes that share a part of their place with another one, which is built in, but not the whole of it.
    pub overlapping: Vec<usize>,
}

/// Builds numbered changes of one file into its source.
pub fn switched<'e>(source: &str, edits: impl IntoIterator<Item = (usize, &'e Edit)>) -> Switched {
    let mut edits: Vec<(usize, &Edit)> = edits.into_iter().collect();
    edits.sort_by_key(|(number, edit)| (edit.range.start, Reverse(edit.range.end), *number));
    let mut switched = Switched {
        text: String::new(),
        lines: Vec::new(),
        overlapping: Vec::new(),
    };
    let (mut at, mut next) = (0, 0);
    while next < edits.len() {
        let range = edits[next].1.range.clone();
        let rest = &edits[next..];
        let same = rest
            .iter()
            .take_while(|(_, edit)| edit.range == range)
            .count();
        if range.start < at {
            let numbers = rest[..same].iter().map(|(number, _)| *number);
            switched.overlapping.extend(numbers);
        } else {
            switched.text.push_str(&source[at..range.start]);
            switched.ask(&rest[..same], &source[range.clone()]);
            at = range.end;
        }
        next += same;
    }
    switched.text.push_str(&source[at..]);
    switched
}

impl Switched {
    /// `expression`, or what is there instead of it.
    fn ask(&mut self, edits: &[(usize, &Edit)], expression: &str) {
        let first = self.line();
        let mut asks = "(if";
        for (number, edit) in edits {
            let begins = self.line();
            let question = format!(
                r#"{asks} ::std::env::var_os("{VARIABLE}").is_some_and(|asked| asked == "{number}") {{"#
            );
            self.text.push_str(&question);
            self.text.push_str(&format!("\n{}\n}} ", edit.to));
            self.lines.push((*number, begins..=self.line()));
            asks = "else if";
        }
        let is_statement = edits.iter().any(|(_, edit)| edit.to.is_empty());
        let end = if is_statement { ";" } else { "" };
        self.text
            .push_str(&format!("else {{\n{expression}{end}\n}})"));
        // What is wrong with the whole is wrong with one of them: with the only one, as a rule.
        if let [(number, _)] = edits {
            self.lines.push((*number, first..=self.line()));
        }
    }

    fn line(&self) -> usize {
        self.text.matches('\n').count() + 1
    }
}
