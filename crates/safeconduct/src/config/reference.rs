//! `docs/reference/configuration.md`, written from the types: every key with its meaning, its default and its variable.
//!
//! The page is made and compared by a test: `SAFECONDUCT_REGENERATE=1 cargo test -p safeconduct configuration_reference`.

use std::fmt::Write as _;

use serde_json::Value;

use super::check_sources;
use super::layers::Sources;
use super::schema::{self, Kind, Shape};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/configuration.md"
);

/// The tables in the order in which a reader meets them.
const TABLES: [&str; 17] = [
    "server",
    "database",
    "secrets",
    "tokens",
    "dpop",
    "sessions",
    "login",
    "mail",
    "account",
    "administration",
    "ui",
    "log",
    "groups",
    "scopes",
    "resources",
    "clients",
    "event_receivers",
];

/// What stands above the keys.
const INTRODUCTION: &str = include_str!("reference.md");

#[test]
fn configuration_reference_is_up_to_date() {
    let written = reference();
    if std::env::var_os("SAFECONDUCT_REGENERATE").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == written,
        "docs/reference/configuration.md is stale: SAFECONDUCT_REGENERATE=1 cargo test -p safeconduct configuration_reference"
    );
}

/// What the page says of a key that is not written is what it is in a configuration that says nothing.
#[test]
fn every_default_of_the_reference_is_the_real_one() {
    let text = "issuer = \"https://id.example\"\n[groups.a]\n[scopes.a]\n[[resources]]\nuri = \"https://a.example\"\n\
        [[clients]]\nid = \"web\"\nsecret_file = \"s\"\n\
        [[event_receivers]]\nname = \"a\"\nendpoint = \"https://a.example\"\naudience = \"a\"";
    let sources = Sources {
        file: Some(("safeconduct.toml".into(), text.to_owned())),
        ..Sources::default()
    };
    let config = check_sources(&sources).unwrap().config;
    let config = serde_json::to_value(config).unwrap();
    let page = reference();
    let mut compared = 0;
    for section in page.split("\n### `").skip(1) {
        let (path, about) = section.split_once('`').unwrap();
        let real = path.split('.').fold(&config, |value, key| {
            let value = value.get(0).or(value.get("a")).unwrap_or(value);
            let key = if path == "clients.name" {
                "client_name"
            } else {
                key
            };
            value.get(key).unwrap_or(&Value::Null)
        });
        let shown = about.split_once("\nDefault: `").map(|(_, rest)| {
            let (shown, _) = rest.split_once('`').unwrap();
            let read: toml::Table = format!("it = {shown}").parse().unwrap();
            serde_json::to_value(&read["it"]).unwrap()
        });
        let is_required = about.contains("\nRequired");
        if !is_required && path != "clients.secret_file" {
            assert_eq!(shown.unwrap_or(Value::Null), *real, "{path}");
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared} keys were compared");
}

#[test]
fn every_table_is_in_the_reference() {
    let Shape::Table(keys) = schema::shape() else {
        panic!("the configuration is a table")
    };
    let tables: Vec<&String> = keys
        .iter()
        .filter(|(_, key)| !matches!(key.shape, Shape::Leaf(_)))
        .map(|(name, _)| name)
        .collect();
    let mut listed = TABLES.to_vec();
    listed.sort_unstable();
    assert_eq!(tables, listed);
}

#[test]
fn the_example_of_the_reference_is_a_configuration() {
    let (_, rest) = INTRODUCTION.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let file = Some(("example.toml".into(), example.to_owned()));
    let checked = check_sources(&Sources {
        file,
        ..Sources::default()
    })
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(checked.warnings.to_string(), "");
}

fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let Shape::Table(keys) = schema::shape() else {
        return page;
    };
    let root = keys
        .iter()
        .filter(|(_, key)| matches!(key.shape, Shape::Leaf(_)));
    root.for_each(|(name, key)| write_key(&mut page, &[name], key, true));
    for name in TABLES {
        let key = &keys[name];
        write_table(&mut page, &[name], &key.shape, &key.about, true);
    }
    page
}

/// A table, its own keys first and the tables inside it after them.
fn write_table(page: &mut String, path: &[&str], shape: &Shape, about: &str, has_variable: bool) {
    let (keys, heading) = match shape {
        Shape::Table(keys) => (keys, format!("[{}]", path.join("."))),
        Shape::Named(inner) | Shape::List(inner) => match (&**inner, shape) {
            (Shape::Table(keys), Shape::List(_)) => (keys, format!("[[{}]]", path.join("."))),
            (Shape::Table(keys), _) => (keys, format!("[{}.\"…\"]", path.join("."))),
            _ => return,
        },
        Shape::Leaf(_) => return,
    };
    let has_variable = has_variable && matches!(shape, Shape::Table(_));
    let about = if about.is_empty() {
        about_items(path[0])
    } else {
        about.to_owned()
    };
    write!(page, "\n## `{heading}`\n\n{}\n", paragraphs(&about)).unwrap();
    for (name, key) in keys {
        let path = [path, &[name.as_str()]].concat();
        if !matches!(key.shape, Shape::Table(_)) {
            write_key(page, &path, key, has_variable);
        }
    }
    for (name, key) in keys {
        if matches!(key.shape, Shape::Table(_)) {
            write_table(
                page,
                &[path, &[name.as_str()]].concat(),
                &key.shape,
                &key.about,
                has_variable,
            );
        }
    }
}

/// What is said of the items of `groups`, `scopes`, `resources` and `clients`: the comment on their type.
fn about_items(table: &str) -> String {
    let generator = schemars::SchemaGenerator::default();
    let schema = generator.into_root_schema_for::<super::file::Config>();
    let name = match table {
        "groups" => "Group",
        "scopes" => "Scope",
        "resources" => "Resource",
        _ => "Client",
    };
    schema.as_value()["$defs"][name]["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn write_key(page: &mut String, path: &[&str], key: &schema::Key, has_variable: bool) {
    write!(
        page,
        "\n### `{}`\n\n{}\n",
        path.join("."),
        paragraphs(&key.about)
    )
    .unwrap();
    let one = match &key.shape {
        Shape::List(item) => item,
        shape => shape,
    };
    if let Shape::Leaf(Kind::Word(words) | Kind::WordOrList(words)) = one {
        page.push('\n');
        words
            .iter()
            .for_each(|(word, meaning)| writeln!(page, "- `{word}`: {meaning}").unwrap());
    }
    let mut facts = Vec::new();
    match (&key.default, key.required) {
        (Some(default), _) => facts.push(format!("Default: `{}`", toml_of(default))),
        (None, true) => facts.push("Required".to_owned()),
        (None, false) => {}
    }
    if let Shape::Leaf(kind) = &key.shape {
        facts.extend(kind.range());
    }
    let list_of_tables =
        matches!(&key.shape, Shape::List(item) if !matches!(**item, Shape::Leaf(_)));
    if has_variable && !list_of_tables && !matches!(key.shape, Shape::Named(_)) {
        facts.push(format!(
            "Environment: `SAFECONDUCT_{}`",
            path.join("__").to_uppercase()
        ));
    }
    if !facts.is_empty() {
        write!(page, "\n{}\n", facts.join(" · ")).unwrap();
    }
}

/// A comment as Markdown: its lines joined, its paragraphs kept.
fn paragraphs(about: &str) -> String {
    about
        .split("\n\n")
        .map(schema::one_line)
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(toml_of).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml_of(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
