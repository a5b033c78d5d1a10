//! From the merged tree to typed values: every value that does not fit its key is told at once, not the first alone.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::file::Config;
use super::layers::Layers;
use super::problem::Problems;
use super::schema::{self, Shape};

/// Reads the values. What is wrong with one is told and the value left out, until the rest can be read: only then is it known
/// what else is wrong.
///
/// # Errors
/// Unknown keys, missing ones, and values of another kind than their keys have.
pub(super) fn read(layers: &Layers<'_>) -> Result<Config, Problems> {
    let shape = schema::shape();
    let mut problems = layers.unknown_and_missing();
    let mut tree = layers.tree.clone();
    leave_out_unknown(tree.get_mut(), &shape);
    loop {
        let error = match Config::deserialize(toml::Deserializer::from(tree.clone())) {
            Ok(config) => return problems.or(config),
            Err(error) => error,
        };
        let place = layers.place_of(error.span());
        problems.add(place, schema::one_line(error.message()), "");
        let left_out = error
            .span()
            .is_some_and(|span| leave_out(tree.get_mut(), &shape, &span));
        if !left_out {
            return Err(problems.sorted());
        }
    }
}

/// A text in the place of one that must be there and is missing or wrong. No value stands where this one stands.
fn placeholder<'a>() -> Spanned<DeValue<'a>> {
    Spanned::new(0..0, DeValue::String("".into()))
}

/// Takes out the keys that no type knows, and fills in those that are missed: both were told.
fn leave_out_unknown(table: &mut DeTable<'_>, shape: &Shape) {
    if let Shape::Table(keys) = shape {
        let names: Vec<String> = table
            .keys()
            .map(|name| name.get_ref().to_string())
            .collect();
        for name in names.iter().filter(|name| !keys.contains_key(*name)) {
            table.remove(name.as_str());
        }
        let missing = keys
            .iter()
            .filter(|(name, key)| key.required && !table.contains_key(name.as_str()))
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>();
        for name in missing {
            table.insert(Spanned::new(0..0, name.into()), placeholder());
        }
    }
    for (name, value) in table.iter_mut() {
        let Some(inner) = inner_shape(shape, name.get_ref()) else {
            continue;
        };
        match (value.get_mut(), inner) {
            (DeValue::Table(table), inner) => leave_out_unknown(table, inner),
            (DeValue::Array(items), Shape::List(inner)) => {
                for item in items.iter_mut() {
                    if let DeValue::Table(table) = item.get_mut() {
                        leave_out_unknown(table, inner);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Takes out the innermost value that `span` lies in. False if there is none.
fn leave_out(table: &mut DeTable<'_>, shape: &Shape, span: &Range<usize>) -> bool {
    let around = |value: &Spanned<DeValue<'_>>| {
        value.span().start <= span.start && span.end <= value.span().end && value.span() != (0..0)
    };
    for (name, value) in table.iter_mut() {
        let Some(inner) = inner_shape(shape, name.get_ref()) else {
            continue;
        };
        let left_out = match value.get_mut() {
            DeValue::Table(table) => leave_out(table, inner, span),
            DeValue::Array(items) => leave_out_of_list(items, inner, span),
            _ => false,
        };
        if left_out {
            return true;
        }
    }
    let Some(name) = table
        .iter()
        .find(|(_, value)| around(value))
        .map(|(name, _)| name.get_ref().to_string())
    else {
        return false;
    };
    table.remove(name.as_str());
    if matches!(shape, Shape::Table(keys) if keys.get(&name).is_some_and(|key| key.required)) {
        table.insert(Spanned::new(0..0, name.into()), placeholder());
    }
    true
}

fn leave_out_of_list(items: &mut DeArray<'_>, shape: &Shape, span: &Range<usize>) -> bool {
    let Shape::List(shape) = shape else {
        return false;
    };
    for item in items.iter_mut() {
        if let DeValue::Table(table) = item.get_mut()
            && leave_out(table, shape, span)
        {
            return true;
        }
    }
    let wrong = items
        .iter()
        .position(|item| item.span().start <= span.start && span.end <= item.span().end);
    let Some(wrong) = wrong else { return false };
    let rest = items.iter().enumerate();
    *items = rest
        .filter(|(index, _)| *index != wrong)
        .map(|(_, item)| item.clone())
        .collect();
    true
}

fn inner_shape<'s>(shape: &'s Shape, name: &str) -> Option<&'s Shape> {
    match shape {
        Shape::Table(keys) => keys.get(name).map(|key| &key.shape),
        Shape::Named(inner) => Some(inner),
        Shape::List(_) | Shape::Leaf(_) => None,
    }
}
