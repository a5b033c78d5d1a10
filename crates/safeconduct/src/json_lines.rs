//! The log as JSON: one object for each line, in which the fields of the request (`correlation_id`, `trace_id`) stand beside those of what
//! is said, so that every line about a request is found by one field.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as one line.
pub(crate) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let metadata = event.metadata();
        let mut line = Fields::default();
        line.put("timestamp", timestamp);
        line.put("level", metadata.level().as_str());
        event.record(&mut line);
        // What the line says itself comes before what its request says.
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let Some(kept) = extensions.get::<FormattedFields<JsonFields>>() else {
                continue;
            };
            let of_span: Map<String, Value> = serde_json::from_str(kept).unwrap_or_default();
            for (name, value) in of_span {
                line.put(&name, value);
            }
        }
        line.put("target", metadata.target());
        writeln!(writer, "{{{}}}", line.members.join(","))
    }
}

/// The members of an object in the order in which they came, the first of each name.
#[derive(Default)]
struct Fields {
    names: HashSet<String>,
    members: Vec<String>,
}

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        if self.names.insert(name.to_owned()) {
            let member = format!("{}:{}", Value::from(name), value.into());
            self.members.push(member);
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_about_a_request_names_it_in_one_field() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .event_format(JsonLines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", correlation_id = %"0123456789abcdef");
            span.in_scope(|| tracing::info!(sub = "ada", times = 3, right = true, "signed \"in\""));
            tracing::info!(correlation_id = %"fedcba9876543210", "answered");
            tracing::warn!("of no request");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0]["correlation_id"], "0123456789abcdef");
        assert_eq!(lines[0]["message"], "signed \"in\"");
        assert_eq!(
            (&lines[0]["times"], &lines[0]["right"]),
            (&3.into(), &true.into())
        );
        assert_eq!(lines[1]["correlation_id"], "fedcba9876543210");
        assert_eq!(
            (&lines[2]["level"], lines[2].get("correlation_id")),
            (&"WARN".into(), None)
        );
    }
}
