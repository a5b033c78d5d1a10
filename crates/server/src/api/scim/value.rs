//! Reads what clients send of a resource into one form: names as the schema writes them, nothing that is not kept, no value where none is
//! assigned (RFC 7643 §2.5). What only differs in how a client writes JSON is forgiven here.

use serde_json::{Map, Value};

use super::error::{ScimError, ScimType};
use super::schema::{Attribute, Kind, MEMBERS, Mutability, Named, ResourceType};

/// The attribute that says which schemas a body is of.
const SCHEMAS: &str = "schemas";

/// The most values of an attribute, but for the members of a group: those of a resource are compared with each other.
const MOST_VALUES: usize = 50;

/// The longest text, in bytes. No claim and no password is as long.
const LONGEST_TEXT: usize = 4096;

/// A body that is one resource, as far as it can be written.
///
/// # Errors
/// `invalidSyntax` for a schema of something else and for an attribute that is named twice, `invalidValue` for a value of another form.
pub(crate) fn resource(
    kind: ResourceType,
    sent: Map<String, Value>,
) -> Result<Map<String, Value>, ScimError> {
    let mut read = Map::new();
    for (name, value) in sent {
        if name.eq_ignore_ascii_case(SCHEMAS) {
            check_schemas(kind, &value)?;
            continue;
        }
        for (name, value) in spread(kind, name, value)? {
            take(kind, &mut read, &name, value)?;
        }
    }
    Ok(read)
}

/// The same under the name of its schema, which holds its attributes one level below.
pub(crate) fn spread(
    kind: ResourceType,
    name: String,
    value: Value,
) -> Result<Vec<(String, Value)>, ScimError> {
    match (kind.named(&name), value) {
        (Named::Schema, Value::Object(below)) => Ok(below.into_iter().collect()),
        (Named::Schema, _) => Err(ScimError::of(
            ScimType::InvalidSyntax,
            "What stands under the name of a schema is an object.",
        )),
        (_, value) => Ok(vec![(name, value)]),
    }
}

fn take(
    kind: ResourceType,
    read: &mut Map<String, Value>,
    name: &str,
    value: Value,
) -> Result<(), ScimError> {
    let Named::Kept { attribute, part } = kind.named(name) else {
        return Ok(());
    };
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    match part {
        None => {
            let Some(value) = assigned(attribute, value)? else {
                return Ok(());
            };
            match (read.get_mut(attribute.name), value) {
                (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
                (Some(_), _) => return Err(twice(attribute)),
                (None, value) => {
                    read.insert(attribute.name.to_owned(), value);
                }
            }
        }
        Some(part) if !attribute.multi_valued => {
            let Some(value) = single(part, value)? else {
                return Ok(());
            };
            let there = read
                .entry(attribute.name)
                .or_insert_with(|| Value::Object(Map::new()));
            there[part.name] = value;
        }
        Some(_) => {
            return Err(ScimError::of(
                ScimType::InvalidSyntax,
                format!(
                    "{} may have several values: they are in an array.",
                    attribute.name
                ),
            ));
        }
    }
    Ok(())
}

fn twice(attribute: &Attribute) -> ScimError {
    ScimError::of(
        ScimType::InvalidSyntax,
        format!("{} is named twice.", attribute.name),
    )
}

fn check_schemas(kind: ResourceType, value: &Value) -> Result<(), ScimError> {
    let is_ours = |schema: &Value| {
        let schema = schema.as_str();
        schema.is_some_and(|schema| schema.eq_ignore_ascii_case(kind.schema()))
    };
    match value {
        Value::Null => Ok(()),
        Value::Array(schemas) if schemas.is_empty() || schemas.iter().any(is_ours) => Ok(()),
        one if is_ours(one) => Ok(()),
        _ => Err(ScimError::of(
            ScimType::InvalidSyntax,
            format!("The schemas of a {} hold {}.", kind.name(), kind.schema()),
        )),
    }
}

/// The whole value of an attribute; `None` where that is nothing.
///
/// # Errors
/// `invalidValue`.
pub(crate) fn assigned(
    attribute: &'static Attribute,
    value: Value,
) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        return single(attribute, value);
    }
    let values = match value {
        Value::Null => return Ok(None),
        Value::Array(values) => values,
        one => vec![one],
    };
    check_count(attribute, values.len())?;
    let mut read = Vec::with_capacity(values.len());
    for value in values {
        read.extend(single(attribute, value)?);
    }
    Ok((!read.is_empty()).then_some(Value::Array(read)))
}

/// Refuses more values than an attribute may have. How many members join or leave a group is for the verbs to judge.
///
/// # Errors
/// `invalidValue`.
pub(crate) fn check_count(attribute: &Attribute, count: usize) -> Result<(), ScimError> {
    if count <= MOST_VALUES || attribute.name == MEMBERS {
        return Ok(());
    }
    let told = format!("{} has at most {MOST_VALUES} values.", attribute.name);
    Err(ScimError::of(ScimType::InvalidValue, told))
}

/// One value of an attribute, or of a part; `None` where that is nothing.
///
/// # Errors
/// `invalidValue`.
pub(crate) fn single(
    attribute: &'static Attribute,
    value: Value,
) -> Result<Option<Value>, ScimError> {
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Text | Kind::Reference, Value::String(text)) if text.is_empty() => Ok(None),
        (Kind::Text | Kind::Reference, Value::String(text)) if text.len() > LONGEST_TEXT => {
            let told = format!("{} has at most {LONGEST_TEXT} bytes.", attribute.name);
            Err(ScimError::of(ScimType::InvalidValue, told))
        }
        (Kind::Text | Kind::Reference, Value::String(text)) if !text.contains('\0') => {
            Ok(Some(Value::String(text)))
        }
        (Kind::Boolean, Value::Bool(truth)) => Ok(Some(Value::Bool(truth))),
        (Kind::Boolean, Value::String(text)) => match boolean(&text) {
            Some(truth) => Ok(Some(Value::Bool(truth))),
            None => Err(form(attribute)),
        },
        (Kind::Complex, Value::Object(parts)) => {
            let mut read = Map::new();
            for (name, value) in parts {
                let Some(part) = attribute.part(&name) else {
                    continue;
                };
                if let Some(value) = single(part, value)? {
                    read.insert(part.name.to_owned(), value);
                }
            }
            Ok((!read.is_empty()).then_some(Value::Object(read)))
        }
        (Kind::Complex, Value::String(text)) => {
            // A value alone, as in "members": ["u-1"].
            let part = attribute
                .significant_part()
                .ok_or_else(|| form(attribute))?;
            let value = single(part, Value::String(text))?;
            let of_part = |value| Value::Object(Map::from_iter([(part.name.to_owned(), value)]));
            Ok(value.map(of_part))
        }
        _ => Err(form(attribute)),
    }
}

/// True or false, as text in any case: Entra writes `"False"`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match (is("true"), is("false")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn form(attribute: &Attribute) -> ScimError {
    let form = match attribute.kind {
        Kind::Text | Kind::Reference | Kind::Time => "text without a NUL",
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Complex => "an object",
    };
    ScimError::of(
        ScimType::InvalidValue,
        format!("{} is {form}.", attribute.name),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: ResourceType, body: Value) -> Result<Value, ScimError> {
        let Value::Object(body) = body else {
            panic!("a resource is an object")
        };
        resource(kind, body).map(Value::Object)
    }

    /// Attacks: AD09.
    #[test]
    fn what_is_not_kept_and_what_only_the_server_writes_is_passed_over() {
        let read = read(
            ResourceType::User,
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
                "id": "u-1",
                "meta": {"resourceType": "User"},
                "groups": [{"value": "administrators"}],
                "admin": true,
                "roles": [],
                "title": "Countess",
                "USERNAME": "ada",
                "externalId": null,
                "active": "False",
                "name": {"formatted": "Ada Lovelace", "GivenName": "Ada", "familyName": ""},
                "emails": [{"value": "ada@example.com", "type": "work", "display": "Ada", "primary": "True"}],
                "phoneNumbers": [],
                "addresses": [{}],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "7", "manager": "u-2"}
            }),
        );
        assert_eq!(
            read.unwrap(),
            json!({
                "userName": "ada",
                "active": false,
                "name": {"givenName": "Ada"},
                "emails": [{"value": "ada@example.com", "type": "work", "primary": true}],
            })
        );
    }

    /// Attacks: AD26.
    #[test]
    fn a_name_may_be_dotted_and_stand_behind_its_schema() {
        let read = read(
            ResourceType::User,
            json!({
                "urn:ietf:params:scim:schemas:core:2.0:User": {"userName": "ada"},
                "name.givenName": "Ada",
                "name": {"familyName": "Lovelace"},
                "urn:ietf:params:scim:schemas:core:2.0:User:locale": "en-GB",
            }),
        );
        assert_eq!(
            read.unwrap(),
            json!({
                "userName": "ada",
                "name": {"givenName": "Ada", "familyName": "Lovelace"},
                "locale": "en-GB",
            })
        );
    }

    #[test]
    fn a_member_may_be_an_id_alone_and_lead_nowhere() {
        let read = read(
            ResourceType::Group,
            json!({"displayName": "Staff", "members": ["u-1", {"value": "u-2", "$ref": null, "display": "Bob"}]}),
        );
        assert_eq!(
            read.unwrap(),
            json!({"displayName": "Staff", "members": [{"value": "u-1"}, {"value": "u-2"}]})
        );
    }

    #[test]
    fn a_value_of_another_form_is_refused() {
        for (body, kind) in [
            (json!({"active": "maybe"}), ScimType::InvalidValue),
            (json!({"userName": 7}), ScimType::InvalidValue),
            (json!({"userName": "a\0b"}), ScimType::InvalidValue),
            (json!({"name": "Ada"}), ScimType::InvalidValue),
            (json!({"addresses": ["London"]}), ScimType::InvalidValue),
            (json!({"emails": [["a"]]}), ScimType::InvalidValue),
            (
                json!({"emails.value": "a@example.com"}),
                ScimType::InvalidSyntax,
            ),
            (
                json!({"userName": "a", "username": "b"}),
                ScimType::InvalidSyntax,
            ),
            (json!({"schemas": ["urn:x"]}), ScimType::InvalidSyntax),
            (
                json!({"urn:ietf:params:scim:schemas:core:2.0:User": 1}),
                ScimType::InvalidSyntax,
            ),
        ] {
            let refused = read(ResourceType::User, body.clone()).unwrap_err();
            assert_eq!(refused.kind(), Some(kind), "{body}");
        }
    }
}
