//! What a command prints: tables for people, JSON for scripts. Data goes to standard output, everything said about it to
//! standard error.

use std::fmt::{self, Display};
use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use safeconduct_protocol::time::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::failure::Failure;

/// The form of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// JSON for scripts.
    Json,
}

/// Something that fits in a row.
pub(crate) trait Row: Serialize {
    /// The heads of the columns.
    const COLUMNS: &'static [&'static str];

    /// One cell for each column.
    fn cells(&self) -> Vec<String>;
}

impl Format {
    /// Prints `rows`: one row each, or one JSON array.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(crate) fn list<T: Row>(self, rows: &[T]) -> Result<(), Failure> {
        match self {
            Self::Json => print_json(&rows),
            Self::Table if rows.is_empty() => {
                note("none");
                Ok(())
            }
            Self::Table => {
                let mut table = plain_table();
                table.set_header(T::COLUMNS.iter().map(|head| head.to_uppercase()));
                for row in rows {
                    table.add_row(row.cells().iter().map(|cell| printable(cell)));
                }
                print(&table)
            }
        }
    }

    /// Prints one record: a line for each field, or one JSON object.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(crate) fn record<T: Serialize>(self, record: &T) -> Result<(), Failure> {
        if self == Self::Json {
            return print_json(record);
        }
        let text = serde_json::to_string(record).and_then(|text| serde_json::from_str(&text));
        let Fields(fields) =
            text.map_err(|error| Failure::failed("the answer can't be shown", error))?;
        let mut table = plain_table();
        for (name, value) in fields {
            table.add_row([name.replace('_', " "), printable(&cell_of(&value))]);
        }
        print(&table)
    }
}

/// The members of a JSON object in the order in which they were written, which a map would not keep.
#[derive(Debug)]
pub(super) struct Fields(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = members.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Says something to the person at the terminal.
pub(crate) fn note(text: impl Display) {
    // A closed standard error can't be told of on standard error.
    let _ = writeln!(io::stderr(), "{text}");
}

/// A point in time for people and scripts alike: RFC 3339 in UTC.
pub(crate) fn when(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.seconds())
        .map_or_else(|_| time.seconds().to_string(), |time| time.to_string())
}

/// `count` and the noun in its number.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn print(table: &Table) -> Result<(), Failure> {
    let lines: Vec<String> = table
        .lines()
        .map(|line| {
            line.trim_end()
                .strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    write_out(&lines.join("\n"))
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed("the answer can't be shown", error))?;
    write_out(&text)
}

/// Writes a line to standard output, and says whether anybody is there to read the next one.
///
/// # Errors
/// Standard output can't be written.
pub(crate) fn write_line(text: &str) -> Result<bool, Failure> {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed("standard output can't be written", error)),
    }
}

/// Writes `text` and a newline to standard output. A reader that went away (`| head`) is no failure.
pub(crate) fn write_out(text: &str) -> Result<(), Failure> {
    write_line(text).map(drop)
}

fn cell_of(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        // An image is nothing to read.
        Value::String(text) if text.starts_with("data:") => {
            let kind = text.split_once(',').map_or("data:", |(kind, _)| kind);
            format!("{kind},…")
        }
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "–".to_owned(),
        Value::Array(items) => items.iter().map(cell_of).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            members
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), cell_of(value)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        other => other.to_string(),
    }
}

/// `text` without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_stored_text() {
        assert_eq!(printable("Ada\u{1b}[2J\u{9b}x"), "Ada\u{fffd}[2J\u{fffd}x");
    }
}
