//! Which keys exist: read from the types in `file.rs` by way of their JSON schema, so that "unknown key", the names of
//! environment variables and the reference can never say something else than the types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::file::Config;

/// How the names of all variables of this program begin.
pub(crate) const PREFIX: &str = "SAFECONDUCT_";

/// What may stand at one place of the configuration.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A table with these keys and no other.
    Table(BTreeMap<String, Key>),
    /// A table whose keys the operator chooses (`[scopes."notes.read"]`).
    Named(Box<Shape>),
    /// A list, or an array of tables.
    List(Box<Shape>),
    /// One value.
    Leaf(Kind),
}

/// The kind of a single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Boolean,
    /// One of these words, each with its meaning.
    Word(Vec<(String, String)>),
    /// Anything; judged by whoever reads it.
    Free,
}

/// A key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// The comment on its field.
    pub(crate) about: String,
    /// The default as JSON; `None` where there is none.
    pub(crate) default: Option<Value>,
}

/// A single setting outside of lists and chosen names: what an environment variable can reach.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The keys from the root: `["server", "listen"]`.
    pub(crate) path: Vec<String>,
    pub(crate) shape: Shape,
}

impl Setting {
    /// The variable that sets it: `SAFECONDUCT_SERVER__LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.join("__").to_uppercase())
    }
}

/// The shape of a whole configuration.
pub(crate) fn shape() -> Shape {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    shape_of(
        settings
            .into_generator()
            .into_root_schema_for::<Config>()
            .as_value(),
    )
}

/// Every setting that an environment variable can reach, in the order of their names.
pub(crate) fn settings() -> Vec<Setting> {
    let mut found = Vec::new();
    collect(&shape(), &mut Vec::new(), &mut found);
    found
}

/// The name among `known` that `written` was probably meant to be.
pub(crate) fn meant<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn collect(shape: &Shape, path: &mut Vec<String>, found: &mut Vec<Setting>) {
    let Shape::Table(keys) = shape else { return };
    for (name, key) in keys {
        path.push(name.clone());
        match &key.shape {
            Shape::Leaf(Kind::Free) | Shape::Named(_) => {}
            Shape::List(item) if !matches!(**item, Shape::Leaf(_)) => {}
            Shape::Leaf(_) | Shape::List(_) => found.push(Setting {
                path: path.clone(),
                shape: key.shape.clone(),
            }),
            Shape::Table(_) => collect(&key.shape, path, found),
        }
        path.pop();
    }
}

fn shape_of(schema: &Value) -> Shape {
    if let Some(choices) = schema["anyOf"].as_array() {
        // An optional value: the alternative is null, which TOML does not have.
        let present = choices.iter().find(|choice| choice["type"] != "null");
        return present.map_or(Shape::Leaf(Kind::Free), shape_of);
    }
    if let Some(words) = schema["oneOf"].as_array() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let words = words
            .iter()
            .map(|word| (text(&word["const"]), one_line(&text(&word["description"]))));
        return Shape::Leaf(Kind::Word(words.collect()));
    }
    match type_of(schema) {
        "object" if schema["properties"].is_object() => Shape::Table(keys_of(schema)),
        "object" => Shape::Named(Box::new(shape_of(&schema["additionalProperties"]))),
        "array" => Shape::List(Box::new(shape_of(&schema["items"]))),
        "string" => Shape::Leaf(Kind::Text),
        "integer" => Shape::Leaf(Kind::Integer),
        "boolean" => Shape::Leaf(Kind::Boolean),
        _ => Shape::Leaf(Kind::Free),
    }
}

fn keys_of(schema: &Value) -> BTreeMap<String, Key> {
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|one| one == name))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let key = |(name, property): (&String, &Value)| {
        let default = property.get("default").filter(|default| !default.is_null());
        let mut shape = shape_of(property);
        if let (Shape::Table(members), Some(Value::Object(values))) = (&mut shape, default) {
            default_members(members, values);
        }
        let key = Key {
            shape,
            required: required(name),
            about: property["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            default: default.cloned(),
        };
        (name.clone(), key)
    };
    properties.map(key).collect()
}

/// What a table is where it is not written at all, each of its members is where that is not written.
fn default_members(members: &mut BTreeMap<String, Key>, values: &Map<String, Value>) {
    for (name, value) in values {
        let Some(member) = members.get_mut(name) else {
            continue;
        };
        member.required = false;
        if let (Shape::Table(inner), Value::Object(values)) = (&mut member.shape, value) {
            default_members(inner, values);
        }
        if !value.is_null() {
            member.default = Some(value.clone());
        }
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or_default(),
        _ => "",
    }
}

/// A comment as one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, check_sources};
    use super::*;

    #[test]
    fn every_setting_has_a_variable() {
        let variables: Vec<String> = settings().iter().map(Setting::variable).collect();
        for expected in [
            "SAFECONDUCT_ISSUER",
            "SAFECONDUCT_SERVER__LIMITS__MAX_CONNECTIONS",
            "SAFECONDUCT_SERVER__LISTEN",
            "SAFECONDUCT_LOG__FORMAT",
        ] {
            assert!(
                variables.iter().any(|name| name == expected),
                "{expected} in {variables:?}"
            );
        }
        assert!(
            !variables
                .iter()
                .any(|name| name.contains("CLIENTS") || name.contains("SCOPES"))
        );
    }

    #[test]
    fn every_setting_may_be_written_alone() {
        fn walk(keys: &BTreeMap<String, Key>, path: &str, written: &mut Vec<String>) {
            for (name, key) in keys {
                let path = format!("{path}.{name}");
                match &key.shape {
                    Shape::Table(inner) => walk(inner, &path, written),
                    _ => {
                        assert!(!key.required, "{path} is required");
                        // JSON's lists, numbers and texts are TOML as well.
                        let value = key.default.as_ref().map(Value::to_string);
                        written.extend(value.map(|value| format!("{} = {value}", &path[1..])));
                    }
                }
            }
        }
        let Shape::Table(mut keys) = shape() else {
            panic!("the configuration is a table")
        };
        keys.remove("issuer");
        let mut written = Vec::new();
        walk(&keys, "", &mut written);
        assert!(written.len() > 30, "{written:?}");
        for line in written {
            let text = format!("issuer = \"http://localhost:8420\"\n{line}");
            let sources = Sources {
                file: Some(("safeconduct.toml".into(), text)),
                ..Sources::default()
            };
            let said = check_sources(&sources).map(|_| ());
            assert_eq!(said, Ok(()), "{line}");
        }
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        fn walk(shape: &Shape, path: &str) {
            match shape {
                Shape::Table(keys) => {
                    for (name, key) in keys {
                        assert!(
                            !key.about.is_empty()
                                || matches!(
                                    key.shape,
                                    Shape::Table(_) | Shape::Named(_) | Shape::List(_)
                                ),
                            "{path}.{name}"
                        );
                        walk(&key.shape, &format!("{path}.{name}"));
                    }
                }
                Shape::Named(inner) | Shape::List(inner) => walk(inner, path),
                Shape::Leaf(_) => {}
            }
        }
        walk(&shape(), "");
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_key() {
        assert_eq!(
            meant("acess_ttl", ["code_ttl", "access_ttl"]),
            Some("access_ttl")
        );
        assert_eq!(meant("isuer", ["issuer", "server"]), Some("issuer"));
        assert_eq!(meant("colour", ["issuer", "server"]), None);
    }
}
