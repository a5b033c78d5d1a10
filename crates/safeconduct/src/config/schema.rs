//! Which keys exist and what may stand there: read from the types in `file.rs` by way of their JSON schema, so that what is refused,
//! the names of environment variables and the reference can never say something else than the types.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use safeconduct_protocol::registration::Registration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use super::at::At;
use super::duration::Span;
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

/// The kind of a single value, and its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer {
        least: u64,
        most: Option<u64>,
    },
    Boolean,
    Duration {
        least: Span,
        most: Option<Span>,
    },
    /// An IP address and a port.
    Address,
    /// One of these words, each with its meaning.
    Word(Vec<(String, String)>),
    /// The same, or a list of texts.
    WordOrList(Vec<(String, String)>),
    /// Anything; judged where it is used.
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
    /// Whether it may stand there once more for each language: `name` and `"name#de"`.
    pub(crate) by_language: bool,
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

impl Kind {
    /// Whether `value` is one of this kind.
    pub(super) fn admits(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Text => text.is_some(),
            Self::Integer { .. } => value.is_u64(),
            Self::Boolean => value.is_boolean(),
            Self::Duration { .. } => text.is_some_and(|text| text.parse::<Span>().is_ok()),
            Self::Address => text.is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Word(words) => words.iter().any(|(word, _)| Some(word.as_str()) == text),
            Self::WordOrList(words) => match value.as_array() {
                Some(items) => items.iter().all(Value::is_string),
                None => words.iter().any(|(word, _)| Some(word.as_str()) == text),
            },
            Self::Free => true,
        }
    }

    /// Whether `value`, which is of this kind, may stand there.
    ///
    /// # Errors
    /// What it is, and what may be.
    pub(super) fn is_in_range(&self, value: &Value) -> Result<(), (String, String)> {
        match self {
            Self::Integer { least, most } => {
                let number = value.as_u64().unwrap_or_default();
                if (*least..=most.unwrap_or(u64::MAX)).contains(&number) {
                    return Ok(());
                }
                let advice = most.map_or_else(
                    || format!("the server needs at least {least}"),
                    |most| format!("choose a number from {least} to {most}"),
                );
                Err((format!("is {number}"), advice))
            }
            Self::Duration {
                least,
                most: Some(most),
            } => match value.as_str().and_then(|text| text.parse::<Span>().ok()) {
                Some(span) if !(least..=most).contains(&&span) => Err((
                    format!("is {span}"),
                    format!("choose a time from {least} to {most}"),
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The range, as the reference says it.
    #[cfg(test)]
    pub(super) fn range(&self) -> Option<String> {
        match self {
            Self::Integer { least: 0, .. } => None,
            Self::Integer { least, most: None } => Some(format!("At least {least}")),
            Self::Integer {
                least,
                most: Some(most),
            } => Some(format!("{least} to {most}")),
            Self::Duration { least, most } => Some(format!("`{least}` to `{}`", (*most)?)),
            _ => None,
        }
    }
}

impl Shape {
    /// What must stand at `at`, and how it is written, where `written` stands instead if that is text.
    pub(super) fn demand(&self, written: Option<&str>, at: &At) -> (String, String) {
        let (what, advice) = match self {
            Self::Table(_) | Self::Named(_) => {
                return (
                    "a table".to_owned(),
                    format!("write [{at}], and its keys below that"),
                );
            }
            Self::List(_) => (
                "a list",
                "write it in brackets, with commas between its items",
            ),
            Self::Leaf(Kind::Text | Kind::Free) => ("text", "write it in quotes"),
            Self::Leaf(Kind::Integer { .. }) => ("a whole number", ""),
            Self::Leaf(Kind::Boolean) => ("true or false", ""),
            Self::Leaf(Kind::Duration { .. }) => (
                "a length of time",
                "write a number and a unit, such as \"60s\", \"5m\", \"8h\" or \"30d\"",
            ),
            Self::Leaf(Kind::Address) => ("an IP address and a port", "such as \"127.0.0.1:8420\""),
            Self::Leaf(Kind::Word(words)) => return demand_of_words(words, written),
            Self::Leaf(Kind::WordOrList(words)) => {
                let (what, advice) = demand_of_words(words, written);
                return (format!("{what}, or a list in brackets"), advice);
            }
        };
        (what.to_owned(), advice.to_owned())
    }
}

fn demand_of_words(words: &[(String, String)], written: Option<&str>) -> (String, String) {
    let words = words.iter().map(|(word, _)| word.as_str());
    let quoted: Vec<String> = words.clone().map(|word| format!("`{word}`")).collect();
    let what = match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    let meant = written.and_then(|written| meant(written, words));
    let advice = meant.map(|meant| format!("did you mean `{meant}`?"));
    (what, advice.unwrap_or_default())
}

/// The shape of a whole configuration.
pub(crate) fn shape() -> Shape {
    let mut shape = shape_of(schema_of::<Config>().as_value());
    if let Shape::Table(tables) = &mut shape
        && let Some(Shape::List(client)) = tables.get_mut("clients").map(|key| &mut key.shape)
        && let Shape::Table(keys) = &mut **client
    {
        // Within its table, the name of a client is just that.
        let name = keys.remove("client_name");
        keys.extend(name.map(|name| ("name".to_owned(), name)));
    }
    shape
}

/// The members of a client's registration.
pub(crate) fn registration() -> BTreeMap<String, Key> {
    keys_of(schema_of::<Registration>().as_value())
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
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
        let words = words.collect();
        return Shape::Leaf(match schema["orList"] == true {
            true => Kind::WordOrList(words),
            false => Kind::Word(words),
        });
    }
    match type_of(schema) {
        "object" if schema["properties"].is_object() => Shape::Table(keys_of(schema)),
        "object" => Shape::Named(Box::new(shape_of(&schema["additionalProperties"]))),
        "array" => Shape::List(Box::new(shape_of(&schema["items"]))),
        "string" => Shape::Leaf(match schema["format"].as_str() {
            Some("duration") => Kind::Duration {
                least: span_of(&schema["least"]).unwrap_or(Span::seconds(0)),
                most: span_of(&schema["most"]),
            },
            Some("address") => Kind::Address,
            _ => Kind::Text,
        }),
        "integer" => Shape::Leaf(Kind::Integer {
            least: schema["minimum"].as_u64().unwrap_or_default(),
            most: schema["maximum"].as_u64(),
        }),
        "boolean" => Shape::Leaf(Kind::Boolean),
        _ => Shape::Leaf(Kind::Free),
    }
}

fn span_of(value: &Value) -> Option<Span> {
    value.as_str()?.parse().ok()
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
            by_language: property["byLanguage"] == true,
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

/// The first sentence of a comment, with its full stop.
pub(crate) fn first_sentence(text: &str) -> String {
    let line = one_line(text);
    let sentence = line.split_inclusive(". ").next().unwrap_or_default();
    sentence.trim_end().to_owned()
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
