//! `checks.toml`: the checks that protect somebody, and the tests that must fail without them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::edit::{Edit, Tests, places};

const LIST: &str = include_str!("../checks.toml");

/// The whole list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What is built to run tests, by the name that the checks use.
    pub targets: BTreeMap<String, Target>,
    /// The files, each with its checks.
    pub files: Vec<Checked>,
}

/// Something that `cargo test` builds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Arguments of `cargo test`.
    pub build: String,
    /// The folder of its package, where its tests run. All of its tests judge the random mutations of that package.
    pub folder: String,
}

/// A file, and its checks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// From the root of the repository.
    pub file: String,
    /// The tests of those of its checks that name no others.
    pub tests: String,
    /// The checks.
    pub checks: Vec<Check>,
}

/// One check, and how it is taken out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What nobody looks at any more once it is out.
    pub without: String,
    /// A piece of the file, with the expression that goes between « and ».
    pub from: String,
    /// The expression that comes instead; where there is none, the statement goes.
    #[serde(default)]
    pub to: String,
    /// Its tests.
    pub tests: Option<String>,
}

impl List {
    /// The list as it was when this program was built.
    ///
    /// # Errors
    /// If it does not read.
    pub fn read() -> Result<Self> {
        toml::from_str(LIST).context("checks.toml")
    }

    /// Every check, as a change of the files below `root`; an error for one that is not in its file exactly once.
    pub fn edits(&self, root: &Path) -> Vec<Result<Edit>> {
        let of_file = |file: &Checked| {
            let source = std::fs::read_to_string(root.join(&file.file));
            let source = source.map_err(|error| format!("{}: {error}", file.file));
            let edit = |check: &Check| match &source {
                Ok(source) => file.edit(source, check),
                Err(error) => bail!("{error}"),
            };
            file.checks.iter().map(edit).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of_file).collect()
    }

    /// All tests of the package that `file` belongs to.
    pub fn all_tests_of<'l>(&'l self, file: &'l str) -> impl Iterator<Item = Tests> + 'l {
        let of_its_package = move |(_, target): &(&String, &Target)| {
            file.strip_prefix(&target.folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let names = self.targets.iter().filter(of_its_package);
        names.map(|(name, _)| Tests {
            target: name.clone(),
            filters: Vec::new(),
        })
    }
}

impl Checked {
    /// The tests of `check`.
    pub fn tests_of(&self, check: &Check) -> Tests {
        Tests::read(check.tests.as_ref().unwrap_or(&self.tests))
    }

    fn edit(&self, source: &str, check: &Check) -> Result<Edit> {
        let (file, from) = (&self.file, &check.from);
        let marked = from.split_once('«').and_then(|(before, rest)| {
            let (expression, after) = rest.split_once('»')?;
            Some((before, expression, after))
        });
        let (before, expression, after) =
            marked.with_context(|| format!("{file}: no « and » in {from}"))?;
        let found = places(source, &format!("{before}{expression}{after}"));
        ensure!(
            found.len() == 1,
            "{file} holds this {} times, and not once: {from}",
            found.len()
        );
        let begin = skipping(source, found[0].start, before);
        let begin = begin + source[begin..].len() - source[begin..].trim_start().len();
        Ok(Edit {
            what: format!("without {}", check.without),
            file: file.clone(),
            range: begin..skipping(source, begin, expression),
            to: check.to.clone(),
            tests: vec![self.tests_of(check)],
        })
    }
}

/// Where `text`, which begins at `begin` but for white space, ends.
fn skipping(source: &str, begin: usize, text: &str) -> usize {
    let letters = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .count();
    let mut found = source[begin..]
        .char_indices()
        .filter(|(_, letter)| !letter.is_whitespace());
    match letters.checked_sub(1).and_then(|last| found.nth(last)) {
        Some((at, letter)) => begin + at + letter.len_utf8(),
        None => begin,
    }
}
