//! One change of one expression.

use std::ops::Range;

/// A change of a file, and the tests that must fail while it is made.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What is changed, in words.
    pub what: String,
    /// The file, from the root of the repository.
    pub file: String,
    /// Which of its bytes are the expression.
    pub range: Range<usize>,
    /// The expression that is there instead. Where it is empty, the statement is left out.
    pub to: String,
    /// The tests, in the order in which they are run until one fails.
    pub tests: Vec<Tests>,
}

/// Some tests of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tests {
    /// The target's name in the list.
    pub target: String,
    /// Parts of their names; all tests, where there is none.
    pub filters: Vec<String>,
}

impl Tests {
    /// Reads a target and parts of names, as the list writes them.
    pub fn read(text: &str) -> Self {
        let mut words = text.split_whitespace().map(str::to_owned);
        Self {
            target: words.next().unwrap_or_default(),
            filters: words.collect(),
        }
    }
}

/// Where `text` stands in `source`. White space is not compared, so that a reformatted line is the same line.
pub fn places(source: &str, text: &str) -> Vec<Range<usize>> {
    let letters = |text: &str| -> Vec<(usize, char)> {
        let all = text.char_indices();
        all.filter(|(_, letter)| !letter.is_whitespace()).collect()
    };
    let (source, text) = (letters(source), letters(text));
    let Some((_, last)) = text.last() else {
        return Vec::new();
    };
    let same = |window: &&[(usize, char)]| {
        let pairs = window.iter().zip(&text);
        pairs.into_iter().all(|((_, one), (_, other))| one == other)
    };
    source
        .windows(text.len())
        .filter(same)
        .map(|window| window[0].0..window[text.len() - 1].0 + last.len_utf8())
        .collect()
}
