//! Reads the changes of a PATCH, with what is forgiven to the clients that there are.

use serde_json::{Map, Value};

use super::change::{Change, Verb, mutability, no_target};
use crate::api::scim::error::{ScimError, ScimType};
use crate::api::scim::filter::{ValuePath, value_path};
use crate::api::scim::schema::{Mutability, Named, ResourceType};
use crate::api::scim::value::spread;

/// The schema of such a request.
pub(super) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The most operations of one request.
const MOST_OPERATIONS: usize = 1_000;

/// The changes that a body asks of the resource `id`, in their order.
///
/// # Errors
/// `invalidSyntax`, `invalidPath`, `invalidFilter`, `noTarget` or `mutability`.
pub(crate) fn changes(
    kind: ResourceType,
    id: &str,
    body: Map<String, Value>,
) -> Result<Vec<Change>, ScimError> {
    let mut operations = None;
    for (name, value) in body {
        if name.eq_ignore_ascii_case("Operations") {
            operations = Some(value);
        } else if name.eq_ignore_ascii_case("schemas") && !is_patch(&value) {
            return Err(syntax(format!("The schemas of a PATCH hold {PATCH}.")));
        }
    }
    let Some(Value::Array(operations)) = operations else {
        return Err(syntax("A PATCH has an array of Operations."));
    };
    if operations.len() > MOST_OPERATIONS {
        let told = format!("A PATCH has at most {MOST_OPERATIONS} operations.");
        return Err(ScimError::new(http::StatusCode::PAYLOAD_TOO_LARGE, told));
    }
    let mut changes = Vec::with_capacity(operations.len());
    for operation in operations {
        read(kind, id, operation, &mut changes)?;
    }
    Ok(changes)
}

fn is_patch(schemas: &Value) -> bool {
    let is_ours = |schema: &Value| {
        schema
            .as_str()
            .is_some_and(|schema| schema.eq_ignore_ascii_case(PATCH))
    };
    match schemas {
        Value::Array(schemas) => schemas.iter().any(is_ours),
        one => one.is_null() || is_ours(one),
    }
}

fn read(
    kind: ResourceType,
    id: &str,
    operation: Value,
    changes: &mut Vec<Change>,
) -> Result<(), ScimError> {
    let Value::Object(operation) = operation else {
        return Err(syntax("An operation is an object."));
    };
    let (mut verb, mut path, mut value) = (None, None, Value::Null);
    for (name, sent) in operation {
        match name.to_ascii_lowercase().as_str() {
            "op" => verb = sent.as_str().and_then(Verb::parse),
            "path" => path = Some(sent),
            "value" => value = sent,
            _ => {}
        }
    }
    let verb = verb.ok_or_else(|| syntax("The op of an operation is add, replace or remove."))?;
    match path {
        Some(Value::String(path)) if !path.trim().is_empty() => {
            let Some(path) = value_path(kind, &path)? else {
                return Err(invalid_path());
            };
            one(kind, verb, path, value, changes)
        }
        None | Some(Value::Null | Value::String(_)) => {
            if verb == Verb::Remove {
                return Err(no_target("A remove has a path."));
            }
            let Value::Object(members) = value else {
                return Err(syntax(
                    "Without a path, the value is an object of attributes.",
                ));
            };
            merged(kind, id, verb, members, changes)
        }
        Some(_) => Err(invalid_path()),
    }
}

/// Each attribute of an object by itself.
fn merged(
    kind: ResourceType,
    id: &str,
    verb: Verb,
    members: Map<String, Value>,
    changes: &mut Vec<Change>,
) -> Result<(), ScimError> {
    for (name, value) in members {
        // Okta names the id of the group that it renames.
        let is_its_id = name.eq_ignore_ascii_case("id") && value.as_str() == Some(id);
        if name.eq_ignore_ascii_case("schemas") || is_its_id {
            continue;
        }
        for (name, value) in spread(kind, name, value)? {
            match value_path(kind, &name)? {
                Some(path) if path.named != Named::Unknown => {
                    one(kind, verb, path, value, changes)?;
                }
                // As in a whole resource.
                _ => {}
            }
        }
    }
    Ok(())
}

fn one(
    kind: ResourceType,
    verb: Verb,
    path: ValuePath,
    value: Value,
    changes: &mut Vec<Change>,
) -> Result<(), ScimError> {
    let (attribute, part) = match path.named {
        Named::Kept { attribute, part } => (attribute, part.or(path.part)),
        Named::NotKept => return Ok(()),
        Named::Schema => {
            let Value::Object(below) = value else {
                return Err(invalid_path());
            };
            return merged(kind, "", verb, below, changes);
        }
        Named::Unknown => return Err(invalid_path()),
    };
    if attribute.mutability == Mutability::ReadOnly {
        return Err(mutability(format!(
            "{} is the server's to write.",
            attribute.name
        )));
    }
    if verb == Verb::Remove
        && part.is_none()
        && (attribute.required || attribute.mutability == Mutability::WriteOnly)
    {
        return Err(mutability(format!(
            "{} can't be taken away.",
            attribute.name
        )));
    }
    changes.push(Change {
        verb,
        attribute,
        filter: path.filter,
        part,
        value,
    });
    Ok(())
}

fn syntax(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidSyntax, detail)
}

fn invalid_path() -> ScimError {
    ScimError::of(
        ScimType::InvalidPath,
        "The path names an attribute, such as userName, name.givenName or emails[type eq \"work\"].value.",
    )
}
