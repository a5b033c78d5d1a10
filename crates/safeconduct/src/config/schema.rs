//! Which keys exist: read from the types in `file.rs` by way of their JSON schema, so that "unknown key", the names of
//! environment variables and the reference can never say something else than the types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::Config;

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
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the reference shows it, which a test writes")
    )]
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
        format!("SAFECONDUCT_{}", self.path.join("__").to_uppercase())
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
        let key = Key {
            shape: shape_of(property),
            required: required(name),
            about: property["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            default: property
                .get("default")
                .filter(|default| !default.is_null())
                .cloned(),
        };
        (name.clone(), key)
    };
    properties.map(key).collect()
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
