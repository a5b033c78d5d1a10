//! `safeconduct explain`: the story of a request, a grant, a user or a client, out of the database and of the log.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use safeconduct_server::administration::explain::Story;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audit::ShownEvent;
use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row as _, note, printable, write_out};
use super::place::{Place, only_here};
use super::remote::Remote;

/// The most lines of the log that are shown: the last ones.
const MOST_LINES: usize = 200;
/// The most requests whose lines are looked for.
const MOST_REQUESTS: usize = 1_000;
/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// The fields of a line by which it is about something.
const NAMES: [&str; 4] = ["correlation_id", "grant_id", "sub", "client_id"];

/// What is known about something, and what can be done.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The log is read where it is given and is as JSON lines (log.format = \"json\"); a guard's log may stand beside the server's. Nothing is changed."
)]
pub(crate) struct Explain {
    /// A correlation id (from an error page or an answer), a grant id, a username or user id, or a client_id
    id: String,
    /// Read this log as well; may be repeated, in the order of time
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
}

/// A story as shown.
#[derive(Serialize, Deserialize)]
struct StoryRecord {
    about: Cow<'static, str>,
    known: Map<String, Value>,
    events: Vec<ShownEvent>,
    #[serde(default)]
    log: Vec<Value>,
    advice: Vec<String>,
}

impl Explain {
    /// Does it.
    ///
    /// # Errors
    /// Nothing is known of it, a log can't be read, or the database's.
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
        match place {
            Place::Here(database) => self.run_here(database, output).await,
            Place::There(server) => self.run_by_api(server, output).await,
        }
    }

    async fn run_by_api(self, server: &Remote, output: Format) -> Result<(), Failure> {
        if !self.log.is_empty() {
            return Err(only_here("a log is read beside the database"));
        }
        let shown: StoryRecord = server.get(&["explain", &self.id], &[]).await?;
        let facts: Vec<_> = (shown.known.iter())
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        match output {
            Format::Json => output.record(&shown),
            Format::Table => print(&facts, &shown),
        }
    }

    async fn run_here(self, database: &Database, output: Format) -> Result<(), Failure> {
        let story = database.administration().explain(&self.id).await?;
        let log = read_logs(&self.log, &story)?;
        if story.facts.is_empty() && story.events.is_empty() && log.is_empty() {
            let advice = match self.log.is_empty() {
                true => "what was refused is in the log alone: name it with --log FILE",
                false => "the log may have been given away by now, or be another node's",
            };
            let told = format!("nothing is known of {}", self.id);
            return Err(Failure::NotFound(told).with_advice(advice));
        }
        let mut advice = story.advice;
        advice.extend(advice_for(&log));
        let shown = StoryRecord {
            about: story.subject.as_str().into(),
            known: (story.facts.iter())
                .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
                .collect(),
            events: story.events.into_iter().map(ShownEvent::from).collect(),
            log,
            advice,
        };
        match output {
            Format::Json => output.record(&shown),
            Format::Table => print(&story.facts, &shown),
        }
    }
}

fn print(facts: &[(&str, String)], shown: &StoryRecord) -> Result<(), Failure> {
    for (name, value) in facts {
        write_out(&format!("{name}: {}", printable(value)))?;
    }
    for event in &shown.events {
        write_out(&printable(&event.cells().join("  ")))?;
    }
    for line in &shown.log {
        write_out(&printable(&as_text(line)))?;
    }
    for advice in &shown.advice {
        note(advice);
    }
    Ok(())
}

/// A line as people read it: when, what, and the rest by name.
fn as_text(line: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Some(members) = line.as_object() else {
        return text(line);
    };
    let first =
        ["timestamp", "message"].map(|name| members.get(name).map(text).unwrap_or_default());
    let rest = members.iter().filter(|(name, value)| {
        !["timestamp", "level", "message", "target"].contains(&name.as_str()) && !value.is_null()
    });
    let mut rest: Vec<_> = rest
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    rest.sort();
    format!("{}  {}  {}", first[0], first[1], rest.join(" "))
}

/// The lines about what a story is about, and all others of the same requests.
fn read_logs(files: &[PathBuf], story: &Story) -> Result<Vec<Value>, Failure> {
    let mut names: HashSet<String> = story.names.iter().cloned().collect();
    let of_events = story
        .events
        .iter()
        .filter_map(|event| event.by.correlation_id());
    let mut requests: HashSet<String> = of_events.map(str::to_owned).collect();
    for file in files {
        each_line(file, |line| {
            let is_named = NAMES.iter().any(|name| {
                let value = line.get(*name).and_then(Value::as_str);
                value.is_some_and(|value| names.contains(value))
            });
            if let Some(request) = line.get("correlation_id").and_then(Value::as_str)
                && is_named
                && requests.len() < MOST_REQUESTS
            {
                requests.insert(request.to_owned());
            }
        })?;
    }
    names.extend(requests);
    let mut found = std::collections::VecDeque::new();
    for file in files {
        each_line(file, |line| {
            let is_of = NAMES.iter().any(|name| {
                let value = line.get(*name).and_then(Value::as_str);
                value.is_some_and(|value| names.contains(value))
            });
            if is_of {
                if found.len() == MOST_LINES {
                    found.pop_front();
                }
                found.push_back(Value::Object(line));
            }
        })?;
    }
    Ok(found.into())
}

/// Reads the lines of a log that are JSON objects; passes over the others, and over those that are too long.
fn each_line(path: &Path, mut see: impl FnMut(Map<String, Value>)) -> Result<(), Failure> {
    let wrong = |error| Failure::failed(&format!("{} can't be read", path.display()), error);
    let mut reader = BufReader::new(File::open(path).map_err(wrong)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(wrong)? == 0 {
            return Ok(());
        }
        if line.len() <= LONGEST_LINE
            && let Ok(Value::Object(members)) = serde_json::from_slice(&line)
        {
            see(members);
        }
    }
}

/// What mends what the log says was refused; of each refusal once.
fn advice_for(log: &[Value]) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    for line in log {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let Some(refusal) = text("refusal") else {
            continue;
        };
        let client = text("client_id").unwrap_or("CLIENT");
        let mends = match refusal {
            "redirect-uri-not-registered" => format!(
                "`safeconduct client edit {client} --redirect-uri URI`, with every address that it is to have"
            ),
            "client-disabled" => format!("`safeconduct client enable {client}`"),
            "client-unknown" => "`safeconduct client list` names those that there are".to_owned(),
            "client-authentication-failed" => {
                format!("`safeconduct client rotate-secret {client} --overlap 1h`")
            }
            _ => format!("docs/reference/errors.md#{refusal}"),
        };
        let told = format!("{refusal}: {mends}");
        if !advice.contains(&told) {
            advice.push(told);
        }
    }
    advice
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_in_the_log_is_told_with_what_mends_it_once() {
        let line = json!({"refusal": "client-disabled", "client_id": "shop"});
        let other = json!({"refusal": "nonce-replayed"});
        assert_eq!(
            advice_for(&[line.clone(), line, other]),
            [
                "client-disabled: `safeconduct client enable shop`",
                "nonce-replayed: docs/reference/errors.md#nonce-replayed",
            ]
        );
    }

    #[test]
    fn a_line_of_the_log_is_read_as_when_what_and_the_rest() {
        let line = json!({"timestamp": "T", "level": "INFO", "message": "refused", "status": 400, "refusal": "r"});
        assert_eq!(as_text(&line), "T  refused  refusal=r status=400");
    }
}
