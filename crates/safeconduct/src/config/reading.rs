//! One walk over the merged tree, along the shape that the types give it: what no key is, what is missing, what has another type
//! than its key and what is out of its range is said at once, in words about the key. What is not written is the default.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize as _;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::at::At;
use super::file::Config;
use super::layers::Layers;
use super::problem::Problems;
use super::schema::{self, Key, Shape};

/// The configuration that is written, and what is out of its range in it.
///
/// # Errors
/// What keeps it from being read: unknown keys, missing ones, and values of another type than their keys have.
pub(super) fn read(layers: &Layers<'_>) -> Result<(Config, Problems), Problems> {
    let Shape::Table(keys) = schema::shape() else {
        return Err(Problems::default());
    };
    let mut reader = Reader {
        layers,
        problems: Problems::default(),
        is_readable: true,
    };
    let root = &layers.tree;
    let values = reader.table(root.get_ref(), root.span(), &keys, &At::default());
    if !reader.is_readable {
        return Err(reader.problems.sorted());
    }
    match Config::deserialize(Value::Object(values)) {
        Ok(config) => Ok((config, reader.problems)),
        // A type that reads less than its shape says.
        Err(error) => {
            let mut problems = reader.problems;
            problems.add(layers.origin(&At::default()), error.to_string(), "");
            Err(problems.sorted())
        }
    }
}

struct Reader<'r, 'a> {
    layers: &'r Layers<'a>,
    problems: Problems,
    /// Whether everything has a value.
    is_readable: bool,
}

impl Reader<'_, '_> {
    fn table(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
        keys: &BTreeMap<String, Key>,
        at: &At,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        let mut meant = Vec::new();
        for (name, value) in table {
            match key_of(name.get_ref(), keys) {
                Some(key) => {
                    let read = self.value(value, &key.shape, &at.then(name.get_ref()));
                    values.extend(read.map(|read| (name.get_ref().to_string(), read)));
                }
                None => meant.extend(self.unknown(name, keys, at)),
            }
        }
        for (name, key) in keys {
            // A required key that was misspelt is not missed as well.
            let is_missing = key.required && !table.contains_key(name.as_str());
            if is_missing && !meant.contains(name) {
                let origin = self.layers.origin_of(Some(span.clone()));
                let message = format!("`{}` is missing", at.then(name));
                self.problems
                    .add(origin, message, schema::first_sentence(&key.about));
                self.is_readable = false;
            }
            if let (None, Some(default)) = (values.get(name), &key.default) {
                values.insert(name.clone(), default.clone());
            }
        }
        values
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, shape: &Shape, at: &At) -> Option<Value> {
        let written = value.get_ref();
        match (shape, written) {
            (Shape::Table(keys), DeValue::Table(table)) => {
                Some(self.table(table, value.span(), keys, at).into())
            }
            (Shape::Named(inner), DeValue::Table(table)) => {
                let values = table.iter().filter_map(|(name, value)| {
                    let read = self.value(value, inner, &at.then(name.get_ref()))?;
                    Some((name.get_ref().to_string(), read))
                });
                Some(Value::Object(values.collect()))
            }
            (Shape::List(inner), DeValue::Array(items)) => {
                let items = items.iter().enumerate();
                let values =
                    items.filter_map(|(index, item)| self.value(item, inner, &at.item(index)));
                Some(Value::Array(values.collect()))
            }
            (Shape::Leaf(kind), _) => {
                let read = json(written).filter(|read| kind.admits(read));
                let Some(read) = read else {
                    return self.wrong_type(value, shape, at);
                };
                if let Err((message, advice)) = kind.is_in_range(&read) {
                    let message = format!("`{at}` {message}");
                    self.problems
                        .add(self.layers.origin_of(Some(value.span())), message, advice);
                }
                Some(read)
            }
            _ => self.wrong_type(value, shape, at),
        }
    }

    fn wrong_type(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        shape: &Shape,
        at: &At,
    ) -> Option<Value> {
        let (what, advice) = shape.demand(value.get_ref().as_str(), at);
        let origin = self.layers.origin_of(Some(value.span()));
        self.problems
            .add(origin, format!("`{at}` must be {what}"), advice);
        self.is_readable = false;
        None
    }

    /// Says that there is no such key; the one that was probably meant.
    fn unknown(
        &mut self,
        name: &Spanned<DeString<'_>>,
        keys: &BTreeMap<String, Key>,
        at: &At,
    ) -> Option<String> {
        let known = keys.keys().map(String::as_str);
        let meant = schema::meant(name.get_ref(), known.clone());
        let advice = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("unknown key `{}`", at.then(name.get_ref()));
        let origin = self.layers.origin_of(Some(name.span()));
        self.problems.add(origin, message, advice);
        self.is_readable = false;
        meant.map(str::to_owned)
    }
}

/// The key that a name stands for: it itself, or it in a language (`"name#de"`).
fn key_of<'k>(name: &str, keys: &'k BTreeMap<String, Key>) -> Option<&'k Key> {
    let in_a_language = || {
        let (of, _) = name.split_once('#')?;
        keys.get(of).filter(|key| key.by_language)
    };
    keys.get(name).or_else(in_a_language)
}

/// A value of TOML as JSON; `None` for one that JSON does not have.
fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()?
            .into(),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| json(item.get_ref()));
            Value::Array(items.collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let members = table.iter();
            let members = members
                .map(|(name, value)| Some((name.get_ref().to_string(), json(value.get_ref())?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
        DeValue::Float(_) | DeValue::Datetime(_) => return None,
    })
}
