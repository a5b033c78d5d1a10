//! What one change makes of a resource, in the form that is sent.

use serde_json::{Map, Value};

use super::change::{Change, Verb, no_target};
use crate::api::scim::error::{ScimError, ScimType};
use crate::api::scim::filter::Filter;
use crate::api::scim::schema::Attribute;
use crate::api::scim::value::{assigned, check_count, single};

/// Which of several is the one that is used.
const PRIMARY: &str = "primary";

/// Applies a change.
///
/// # Errors
/// `invalidValue`, `noTarget` or `invalidPath`; what was changed by then is the caller's to drop.
pub(crate) fn apply(resource: &mut Map<String, Value>, change: Change) -> Result<(), ScimError> {
    match change.attribute.multi_valued {
        true => several(resource, change),
        false => one(resource, change),
    }
}

/// An attribute of one value.
fn one(resource: &mut Map<String, Value>, change: Change) -> Result<(), ScimError> {
    let Change {
        verb,
        attribute,
        part,
        value,
        ..
    } = change;
    let value = match (verb, part) {
        (Verb::Remove, _) => None,
        (_, Some(part)) => single(part, value)?,
        (_, None) => single(attribute, value)?,
    };
    let Some(part) = part else {
        match (value, resource.get_mut(attribute.name)) {
            (None, _) => {
                resource.remove(attribute.name);
            }
            // Of a complex one, the parts that are named.
            (Some(Value::Object(parts)), Some(Value::Object(there))) => there.extend(parts),
            (Some(value), _) => {
                resource.insert(attribute.name.to_owned(), value);
            }
        }
        return Ok(());
    };
    let there = resource
        .entry(attribute.name)
        .or_insert_with(|| Value::Object(Map::new()));
    set(there, part, value);
    if there.as_object().is_none_or(Map::is_empty) {
        resource.remove(attribute.name);
    }
    Ok(())
}

/// An attribute of several values.
fn several(resource: &mut Map<String, Value>, change: Change) -> Result<(), ScimError> {
    let attribute = change.attribute;
    let there = resource
        .entry(attribute.name)
        .or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(values) = there else {
        return Err(no_target("The attribute has no such values."));
    };
    match (
        change.verb,
        change.filter.is_some() || change.part.is_some(),
    ) {
        (Verb::Remove, false) => remove(values, attribute, change.value)?,
        (Verb::Remove, true) => remove_some(values, change.filter.as_ref(), change.part),
        (Verb::Add, false) => add(values, attribute, change.value)?,
        (Verb::Replace, false) => {
            *values = array(assigned(attribute, change.value)?);
        }
        (Verb::Add | Verb::Replace, true) => set_some(values, change)?,
    }
    check_count(attribute, values.len())?;
    if values.is_empty() {
        resource.remove(attribute.name);
    }
    Ok(())
}

fn array(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Appends what is not there yet.
fn add(
    values: &mut Vec<Value>,
    attribute: &'static Attribute,
    value: Value,
) -> Result<(), ScimError> {
    for value in array(assigned(attribute, value)?) {
        if values.contains(&value) {
            continue;
        }
        if is_primary(&value) {
            no_longer_primary(values);
        }
        values.push(value);
    }
    Ok(())
}

/// All of them; with a value, only those that are like it (Entra, authentik and others mean these).
fn remove(
    values: &mut Vec<Value>,
    attribute: &'static Attribute,
    value: Value,
) -> Result<(), ScimError> {
    if value.is_null() {
        values.clear();
        return Ok(());
    }
    for removed in array(assigned(attribute, value)?) {
        values.retain(|value| !is_like(value, &removed));
    }
    Ok(())
}

fn is_like(value: &Value, removed: &Value) -> bool {
    match (removed, value) {
        (Value::Object(removed), Value::Object(value)) => removed
            .iter()
            .all(|(name, part)| value.get(name) == Some(part)),
        (removed, value) => removed == value,
    }
}

fn remove_some(values: &mut Vec<Value>, filter: Option<&Filter>, part: Option<&'static Attribute>) {
    let fits = |value: &Value| filter.is_none_or(|filter| filter.holds_of_value(value));
    let Some(part) = part else {
        values.retain(|value| !fits(value));
        return;
    };
    for value in values.iter_mut().filter(|value| fits(value)) {
        set(value, part, None);
    }
    values.retain(|value| value.as_object().is_none_or(|parts| !parts.is_empty()));
}

/// Sets values that fit, or a part of them. An add makes one where none fits.
fn set_some(values: &mut Vec<Value>, change: Change) -> Result<(), ScimError> {
    let filter = change.filter.as_ref();
    let value = match change.part {
        Some(part) => single(part, change.value)?,
        None => single(change.attribute, change.value)?,
    };
    let fits: Vec<usize> = (0..values.len())
        .filter(|at| filter.is_none_or(|filter| filter.holds_of_value(&values[*at])))
        .collect();
    let mut places = fits;
    if places.is_empty() {
        if change.verb == Verb::Replace && filter.is_some() {
            return Err(no_target(format!(
                "No value of {} fits.",
                change.attribute.name
            )));
        }
        values.push(made_for(filter));
        places.push(values.len() - 1);
    }
    let becomes_primary = match (change.part, &value) {
        (Some(part), Some(Value::Bool(true))) => part.name == PRIMARY,
        (None, Some(value)) => is_primary(value),
        _ => false,
    };
    if becomes_primary {
        if places.len() > 1 {
            let told = "One value is primary, and several fit.";
            return Err(ScimError::of(ScimType::InvalidValue, told));
        }
        no_longer_primary(values);
    }
    for place in places {
        match (change.part, &value) {
            (Some(part), value) => set(&mut values[place], part, value.clone()),
            (None, Some(Value::Object(parts))) => {
                if let Value::Object(there) = &mut values[place] {
                    there.extend(parts.clone());
                }
            }
            (None, _) => values[place] = Value::Object(Map::new()),
        }
    }
    values.retain(|value| value.as_object().is_none_or(|parts| !parts.is_empty()));
    Ok(())
}

/// A value with what the filter demands of it: `emails[type eq "work"]` makes one of that type.
fn made_for(filter: Option<&Filter>) -> Value {
    let demanded = filter.map(Filter::demanded).unwrap_or_default();
    let parts = demanded
        .into_iter()
        .map(|(part, value)| (part.name.to_owned(), value.clone()));
    Value::Object(parts.collect())
}

fn set(value: &mut Value, part: &Attribute, to: Option<Value>) {
    let Value::Object(parts) = value else {
        return;
    };
    match to {
        Some(to) => parts.insert(part.name.to_owned(), to),
        None => parts.remove(part.name),
    };
}

fn is_primary(value: &Value) -> bool {
    value.get(PRIMARY) == Some(&Value::Bool(true))
}

fn no_longer_primary(values: &mut [Value]) {
    for value in values.iter_mut().filter(|value| is_primary(value)) {
        value[PRIMARY] = false.into();
    }
}
