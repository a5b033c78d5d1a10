//! Flags over environment over file: one tree of values, each of which still knows where it came from.
//!
//! Every value keeps its span. Those of the file are byte ranges of its text; the spans of variables and flags lie behind
//! its end, one range each, so that any error leads back to the line, the variable or the flag that caused it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::at::{At, Step};
use super::problem::{Origin, Problems};
use super::schema::{self, Kind, Setting, Shape};
use super::variables::{self, Variable};

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file and its text.
    pub(crate) file: Option<(PathBuf, String)>,
    /// The variables of the environment that begin with `SAFECONDUCT_`.
    pub(crate) environment: Vec<(String, String)>,
    /// What was given on the command line.
    pub(crate) flags: Vec<Flag>,
}

/// A setting from the command line.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// The flag as it is typed: `--listen`.
    pub(crate) name: &'static str,
    /// The key it sets: `server.listen`.
    pub(crate) key: &'static str,
    pub(crate) value: String,
}

/// The merged tree and the way back from a span to its source.
pub(crate) struct Layers<'a> {
    pub(crate) tree: Spanned<DeTable<'a>>,
    file: Option<&'a Path>,
    /// Where each line of the file begins.
    lines: Vec<usize>,
    /// Where the text of the file ends, and the ranges of the others begin.
    end: usize,
    /// The variables and flags in the order of their spans, each one byte long.
    others: Vec<&'a str>,
    /// What is odd about the sources themselves.
    pub(crate) warnings: Problems,
}

impl<'a> Layers<'a> {
    /// Puts the layers over each other.
    ///
    /// # Errors
    /// Text that is not TOML, and variables that name no setting.
    pub(crate) fn merge(sources: &'a Sources) -> Result<Self, Problems> {
        let (file, text) = match &sources.file {
            Some((path, text)) => (Some(path.as_path()), text.as_str()),
            None => (None, ""),
        };
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut layers = Self {
            tree,
            file,
            lines,
            end: text.len() + 1,
            others: Vec::new(),
            warnings: Problems::default(),
        };
        let mut problems = Problems::default();
        for error in errors {
            problems.add(
                layers.origin_of(error.span()),
                schema::one_line(error.message()),
                "",
            );
        }
        let settings = schema::settings();
        for (name, value) in &sources.environment {
            match variables::read(name, value, &settings) {
                Variable::Sets(setting) => layers.set(name, setting, value),
                Variable::Foreign => {}
                Variable::Refused { advice } => {
                    problems.add(Origin::variable(name), variables::SETS_NOTHING, advice);
                }
                Variable::Doubtful { advice } => {
                    let warnings = &mut layers.warnings;
                    warnings.add(Origin::variable(name), variables::SETS_NOTHING, advice);
                }
            }
        }
        for flag in &sources.flags {
            let setting = settings
                .iter()
                .find(|setting| setting.path.join(".") == flag.key)
                .expect("every flag names a setting");
            layers.set(flag.name, setting, &flag.value);
        }
        problems.or(layers)
    }

    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&'a Path> {
        self.file
    }

    /// Whether any layer sets the key `name` of the root.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tree.get_ref().contains_key(name)
    }

    /// Where the value at `at` was written; of a value that is nowhere, where the nearest table around it is.
    pub(crate) fn origin(&self, at: &At) -> Origin {
        self.origin_of(Some(self.span(at)))
    }

    /// Where `span` lies.
    pub(crate) fn origin_of(&self, span: Option<Range<usize>>) -> Origin {
        let start = span.map_or(0, |span| span.start);
        if let Some(other) = start
            .checked_sub(self.end)
            .and_then(|index| self.others.get(index))
        {
            return Origin::variable(other);
        }
        match self.file {
            Some(file) => Origin {
                source: file.display().to_string(),
                line: Some(self.lines.partition_point(|line| *line <= start)),
            },
            None => Origin {
                source: "the configuration".to_owned(),
                line: None,
            },
        }
    }

    /// A path that stands at `at`, as seen from where it was written: the folder of the file, or the working directory.
    pub(crate) fn resolve(&self, at: &At, path: &Path) -> PathBuf {
        let from_file = self.span(at).start < self.end;
        match self.file.and_then(Path::parent) {
            Some(folder) if from_file => folder.join(path),
            _ => path.to_owned(),
        }
    }

    /// Whether what stands at `at` was set by a variable of the environment.
    pub(crate) fn is_from_environment(&self, at: &At) -> bool {
        let index = self.span(at).start.checked_sub(self.end);
        index
            .and_then(|index| self.others.get(index))
            .is_some_and(|source| source.starts_with(schema::PREFIX))
    }

    /// Lays one value over whatever stands at the setting's place.
    fn set(&mut self, source: &'a str, setting: &Setting, text: &'a str) {
        let start = self.end + self.others.len();
        let span = start..start + 1;
        self.others.push(source);
        let Some((last, tables)) = setting.path.split_last() else {
            return;
        };
        let mut table = self.tree.get_mut();
        for name in tables {
            if !table
                .get(name.as_str())
                .is_some_and(|value| value.get_ref().is_table())
            {
                table.insert(
                    Spanned::new(span.clone(), name.clone().into()),
                    Spanned::new(span.clone(), DeValue::Table(DeTable::new())),
                );
            }
            let Some(DeValue::Table(inner)) = table.get_mut(name.as_str()).map(Spanned::get_mut)
            else {
                return;
            };
            table = inner;
        }
        table.insert(
            Spanned::new(span.clone(), last.clone().into()),
            Spanned::new(span.clone(), value_of(text, &setting.shape, &span)),
        );
    }

    fn span(&self, at: &At) -> Range<usize> {
        let mut span = self.tree.span();
        let mut value: Option<&DeValue<'_>> = None;
        for step in at.steps() {
            let next = match (step, value) {
                (Step::Key(name), None) => self.tree.get_ref().get(name.as_str()),
                (Step::Key(name), Some(value)) => value.get(name.as_str()),
                (Step::Index(index), Some(value)) => value.get(*index),
                (Step::Index(_), None) => None,
            };
            let Some(next) = next else { break };
            span = next.span();
            value = Some(next.get_ref());
        }
        span
    }
}

/// A text from outside as the kind of value that belongs there; what does not fit stays text, and is refused as such.
fn value_of<'a>(text: &'a str, shape: &Shape, span: &Range<usize>) -> DeValue<'a> {
    match shape {
        Shape::List(item) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            DeValue::Array(
                items
                    .map(|one| Spanned::new(span.clone(), value_of(one, item, span)))
                    .collect(),
            )
        }
        Shape::Leaf(Kind::WordOrList(words)) if words.iter().all(|(word, _)| word != text) => {
            let list = Shape::List(Box::new(Shape::Leaf(Kind::Text)));
            value_of(text, &list, span)
        }
        Shape::Leaf(Kind::Integer { .. } | Kind::Boolean) => DeValue::parse(text.trim())
            .map_or_else(|_| DeValue::String(text.into()), Spanned::into_inner),
        _ => DeValue::String(text.into()),
    }
}
