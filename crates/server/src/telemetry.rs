//! Owns the metrics of one server: their names, their labels, their Prometheus text.
//!
//! No recorder is installed for the process: each server counts for itself, so that several can live in one process.
//! No label names a client, a user or anything else that a stranger chooses; whatever counts calls here with words from
//! the program. `METRICS` says what there is, and `docs/reference/metrics.md` is that list. The route that answers `/metrics`
//! belongs to the admin listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use safeconduct_store::{OutboxKind, Sweepable};

use crate::readiness::NotReady;
use crate::refusals::LastRefusals;

const REQUEST_DURATION: &str = "safeconduct_http_request_duration_seconds";
const TOKEN_REQUESTS: &str = "safeconduct_token_requests_total";
const AUTHORIZE: &str = "safeconduct_authorize_total";
const LOGIN_ATTEMPTS: &str = "safeconduct_login_attempts_total";
const CONSENT: &str = "safeconduct_consent_total";
const LOGOUT_TOKENS: &str = "safeconduct_logout_tokens_total";
const MAILS: &str = "safeconduct_mails_total";
const PUSHED_EVENTS: &str = "safeconduct_pushed_events_total";
const SWEPT: &str = "safeconduct_swept_rows_total";
const SWEEP_BACKLOG: &str = "safeconduct_sweep_backlog_rows";
const OUTBOX_ROWS: &str = "safeconduct_outbox_rows";
const OUTBOX_OLDEST: &str = "safeconduct_outbox_oldest_seconds";
const REFRESH_REUSE: &str = "safeconduct_refresh_reuse_detected_total";
const REFRESH_SHARED: &str = "safeconduct_refresh_shared_total";
const RATE_LIMITED: &str = "safeconduct_rate_limited_total";
const PASSWORD_HASH_QUEUE: &str = "safeconduct_password_hash_queue";
const PASSWORD_HASH_WORK: &str = "safeconduct_password_hash_work_total";
const CONNECTIONS: &str = "safeconduct_connections";
const TLS_HANDSHAKES_FAILED: &str = "safeconduct_tls_handshakes_failed_total";
const CERTIFICATE_ENDS: &str = "safeconduct_certificate_ends_timestamp_seconds";
const RELOADS: &str = "safeconduct_reloads_total";
const NOT_READY: &str = "safeconduct_not_ready";
const CLOCK_OFFSET: &str = "safeconduct_clock_offset_seconds";
const CATALOG_AGE: &str = "safeconduct_catalog_age_seconds";
const BUILD_INFO: &str = "safeconduct_build_info";

/// Upper bounds in seconds: from a page out of memory to a request that waits for a password slot.
const DURATION_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Samples of a duration are kept one by one until they are folded into their buckets. Scraping folds them; so does every
/// 4096th request, or a server that nobody scrapes would grow.
const FOLD_EVERY: u64 = 4096;

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// The metrics of one server. Clones count into the same numbers.
#[derive(Clone)]
pub struct Telemetry(Arc<Recording>);

struct Recording {
    recorder: PrometheusRecorder,
    durations: AtomicU64,
    refusals: LastRefusals,
}

impl Telemetry {
    /// Metrics that start at zero, with `safeconduct_build_info` naming this version.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full(REQUEST_DURATION.to_owned()),
                &DURATION_BUCKETS,
            )
            .expect("the list of buckets is not empty")
            .build_recorder();
        describe(&recorder);
        let telemetry = Self(Arc::new(Recording {
            recorder,
            durations: AtomicU64::new(0),
            refusals: LastRefusals::default(),
        }));
        telemetry.gauge(BUILD_INFO, [("version", env!("CARGO_PKG_VERSION"))], 1.0);
        telemetry.gauge(PASSWORD_HASH_QUEUE, [], 0.0);
        telemetry.gauge(CONNECTIONS, [], 0.0);
        for reason in NotReady::REASONS {
            telemetry.not_ready(reason, false);
        }
        for kind in OutboxKind::ALL {
            telemetry.outbox(kind, 0, 0);
        }
        for kind in Sweepable::ALL {
            telemetry.swept(kind, 0);
            telemetry.sweep_backlog(kind, 0);
        }
        telemetry.clock_offset(0);
        telemetry.add(REFRESH_REUSE, [], 0);
        telemetry.add(TLS_HANDSHAKES_FAILED, [], 0);
        for outcome in ["done", "refused"] {
            telemetry.add(RELOADS, [("outcome", outcome)], 0);
        }
        telemetry
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.recorder.handle().render()
    }

    /// One answered request. `route` is the pattern that matched (`/token`), never the path that was sent.
    pub fn http_request(&self, route: &str, status: StatusCode, elapsed: Duration) {
        let labels = vec![
            Label::new("route", route.to_owned()),
            Label::new("status", status.as_str().to_owned()),
        ];
        self.0
            .recorder
            .register_histogram(&Key::from_parts(REQUEST_DURATION, labels), &METADATA)
            .record(elapsed.as_secs_f64());
        if self.0.durations.fetch_add(1, Ordering::Relaxed) % FOLD_EVERY == FOLD_EVERY - 1 {
            self.0.recorder.handle().run_upkeep();
        }
    }

    /// One request at the token endpoint. `grant` is a grant type we know or `unknown`; `outcome` is `issued` or the error
    /// code of RFC 6749 §5.2.
    pub fn token_request(&self, grant: &'static str, outcome: &'static str) {
        self.add(TOKEN_REQUESTS, [("grant", grant), ("outcome", outcome)], 1);
    }

    /// The last requests that were refused.
    pub(crate) fn refusals(&self) -> &LastRefusals {
        &self.0.refusals
    }

    /// One authorization request that was answered: with a code, with an error to its client, or with a page that refuses at
    /// `/authorize`. `outcome` is `issued` or the error code.
    pub fn authorize(&self, outcome: &'static str) {
        self.add(AUTHORIZE, [("outcome", outcome)], 1);
    }

    /// One attempt to sign in. `method` is `password`, `passkey`, `otp` or `recovery_code`; `outcome` is `success` or `failure` where it was checked, `throttled` or `busy`
    /// where it was not.
    pub fn login_attempt(&self, method: &'static str, outcome: &'static str) {
        self.add(
            LOGIN_ATTEMPTS,
            [("method", method), ("outcome", outcome)],
            1,
        );
    }

    /// One decision on the consent page: `allow` or `deny`.
    pub fn consent(&self, decision: &'static str) {
        self.add(CONSENT, [("decision", decision)], 1);
    }

    /// One attempt to deliver a message of the outbox: `delivered`; `failed`, to be tried again; `unavailable`, the same for all mails;
    /// `refused` by the recipient; or `given_up`.
    pub(crate) fn outbox_attempt(&self, kind: OutboxKind, outcome: &'static str) {
        match kind {
            OutboxKind::Logout => self.add(LOGOUT_TOKENS, [("outcome", outcome)], 1),
            OutboxKind::Mail => self.add(MAILS, [("outcome", outcome)], 1),
            OutboxKind::Event => self.add(PUSHED_EVENTS, [("outcome", outcome)], 1),
        }
    }

    /// So many rows that had passed their end were deleted.
    pub(crate) fn swept(&self, kind: Sweepable, rows: u64) {
        self.add(SWEPT, [("kind", kind.as_str())], rows);
    }

    /// How many rows have passed their end and are still to be deleted.
    pub(crate) fn sweep_backlog(&self, kind: Sweepable, rows: u64) {
        self.gauge(SWEEP_BACKLOG, [("kind", kind.as_str())], rows as f64);
    }

    /// How many messages wait in the outbox, and for how many seconds the oldest has.
    pub(crate) fn outbox(&self, kind: OutboxKind, rows: u64, oldest: i64) {
        self.gauge(OUTBOX_ROWS, [("kind", kind.as_str())], rows as f64);
        self.gauge(OUTBOX_OLDEST, [("kind", kind.as_str())], oldest as f64);
    }

    /// A refresh token came back after it was replaced, too late to be given its successor again: its grant is revoked (RFC 9700 §4.14).
    pub fn refresh_reuse_detected(&self) {
        self.add(REFRESH_REUSE, [], 1);
    }

    /// The generations of a refresh token were asked for twice so often in a row that two holders may use it. `outcome`: `reported`,
    /// `revoked`.
    pub fn refresh_shared(&self, outcome: &'static str) {
        self.add(REFRESH_SHARED, [("outcome", outcome)], 1);
    }

    /// Something was turned away for there being too much of it. `limit` names what: `connections`, `login_account`, ….
    pub fn rate_limited(&self, limit: &'static str) {
        self.add(RATE_LIMITED, [("limit", limit)], 1);
    }

    /// Passwords that wait for a hashing thread; measured when the metrics are read.
    pub fn password_hash_queue(&self, waiting: usize) {
        self.gauge(PASSWORD_HASH_QUEUE, [], waiting as f64);
    }

    /// How much hashing was done since the start; measured when the metrics are read.
    pub(crate) fn password_hash_work(&self, done: u64) {
        self.0
            .recorder
            .register_counter(&key(PASSWORD_HASH_WORK, []), &METADATA)
            .absolute(done);
    }

    /// Whether the server is not ready for this reason: 1 or 0.
    pub(crate) fn not_ready(&self, reason: &'static str, is_why: bool) {
        self.gauge(NOT_READY, [("reason", reason)], f64::from(u8::from(is_why)));
    }

    /// By how many seconds this node's clock is ahead of the database's.
    pub(crate) fn clock_offset(&self, seconds: i64) {
        self.gauge(CLOCK_OFFSET, [], seconds as f64);
    }

    /// How long ago the copy of clients and keys was known to be right; measured when the metrics are read.
    pub(crate) fn catalog_age(&self, age: Duration) {
        self.gauge(CATALOG_AGE, [], age.as_secs_f64());
    }

    /// A connection was accepted.
    pub(crate) fn connection_opened(&self) {
        self.connections().increment(1.0);
    }

    /// A connection that was accepted is gone.
    pub(crate) fn connection_closed(&self) {
        self.connections().decrement(1.0);
    }

    /// A client that connected did not agree on TLS.
    pub(crate) fn tls_handshake_failed(&self) {
        self.add(TLS_HANDSHAKES_FAILED, [], 1);
    }

    /// The certificate that is shown ends then, in seconds since 1970.
    pub fn certificate_ends(&self, at: i64) {
        self.gauge(CERTIFICATE_ENDS, [], at as f64);
    }

    /// The configuration was read again, and is in force as far as it can be (`done`), or nothing of it is (`refused`).
    pub fn reloaded(&self, outcome: &'static str) {
        self.add(RELOADS, [("outcome", outcome)], 1);
    }

    fn connections(&self) -> metrics::Gauge {
        self.0
            .recorder
            .register_gauge(&Key::from_static_name(CONNECTIONS), &METADATA)
    }

    fn add<const N: usize>(&self, name: &'static str, labels: Labels<N>, count: u64) {
        debug_assert!(is_listed(name, &labels), "{name} {labels:?}");
        self.0
            .recorder
            .register_counter(&key(name, labels), &METADATA)
            .increment(count);
    }

    fn gauge<const N: usize>(&self, name: &'static str, labels: Labels<N>, value: f64) {
        debug_assert!(is_listed(name, &labels), "{name} {labels:?}");
        self.0
            .recorder
            .register_gauge(&key(name, labels), &METADATA)
            .set(value);
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

type Labels<const N: usize> = [(&'static str, &'static str); N];

fn key<const N: usize>(name: &'static str, labels: Labels<N>) -> Key {
    let labels: Vec<Label> = labels
        .into_iter()
        .map(|(name, value)| Label::from_static_parts(name, value))
        .collect();
    Key::from_parts(name, labels)
}

/// How the values of a metric go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Histogram,
    Counter,
    Gauge,
}

/// One metric: its labels with every value they have, and what it says.
struct Metric {
    name: &'static str,
    of: Type,
    labels: &'static str,
    says: &'static str,
}

const fn metric(name: &'static str, of: Type, labels: &'static str, says: &'static str) -> Metric {
    Metric {
        name,
        of,
        labels,
        says,
    }
}

/// Every metric there is.
#[rustfmt::skip]
static METRICS: [Metric; 25] = [
    metric(REQUEST_DURATION, Type::Histogram, "`route`: the pattern that matched, or `unmatched`; `status`", "Time from a whole request to its answer, by matched route and status."),
    metric(TOKEN_REQUESTS, Type::Counter, "`grant`: `authorization_code`, `refresh_token`, `client_credentials`, `unknown`; `outcome`: `issued`, or the error code", "Token requests by grant type and outcome."),
    metric(AUTHORIZE, Type::Counter, "`outcome`: `issued`, or the error code", "Authorization requests that were answered, with a code or an error, by outcome."),
    metric(LOGIN_ATTEMPTS, Type::Counter, "`method`: `password`, `passkey`, `otp`, `recovery_code`; `outcome`: `success`, `failure`, `throttled`, `busy`", "Attempts to sign in by method and outcome."),
    metric(CONSENT, Type::Counter, "`decision`: `allow`, `deny`", "Answers on the consent page."),
    metric(LOGOUT_TOKENS, Type::Counter, "`outcome`: `delivered`, `failed`, `refused`, `given_up`", "Attempts to tell a client that a session has ended, by outcome; what failed is tried again."),
    metric(MAILS, Type::Counter, "`outcome`: `delivered`, `failed`, `unavailable`, `refused`, `given_up`", "Attempts to hand a mail to the mail server, by outcome; what failed is tried again, and so is what could not be tried because the server is unavailable: no connection, no TLS, no sign-in."),
    metric(PUSHED_EVENTS, Type::Counter, "`outcome`: `delivered`, `failed`, `refused`, `given_up`", "Attempts to push an event to a receiver, by outcome; what failed is tried again."),
    metric(REFRESH_REUSE, Type::Counter, "", "Refresh tokens that came back after they were replaced, too late to be given their successor again; each revoked its grant."),
    metric(REFRESH_SHARED, Type::Counter, "`outcome`: `reported`, `revoked`", "Refresh tokens that two holders seem to use, by outcome."),
    metric(RATE_LIMITED, Type::Counter, "`limit`: `connections`, `connections_per_address`, `handshakes`, `login_pair`, `login_account`, `login_address`, `login_sign_ins`, `second_factor`, `password_queue`", "Refusals for too much of something, by limit."),
    metric(PASSWORD_HASH_QUEUE, Type::Gauge, "", "Passwords that wait for a hashing thread."),
    metric(PASSWORD_HASH_WORK, Type::Counter, "", "Work of the passwords that were hashed: KiB of memory, times passes over it; for imported hashes of other algorithms, what takes as long."),
    metric(CONNECTIONS, Type::Gauge, "", "Open connections on all listeners."),
    metric(TLS_HANDSHAKES_FAILED, Type::Counter, "", "Clients that connected and did not agree on TLS: silent ones, ones of other protocols, ones that do not trust the certificate."),
    metric(CERTIFICATE_ENDS, Type::Gauge, "", "When the certificate that is shown ends, as Unix time; not there without `server.tls`."),
    metric(RELOADS, Type::Counter, "`outcome`: `done`, `refused`", "Times that the configuration was read again, by what came of it; of a refused one nothing is in force."),
    metric(SWEPT, Type::Counter, "`kind`: the kind of row", "Rows that had passed their end and were deleted, by kind."),
    metric(SWEEP_BACKLOG, Type::Gauge, "`kind`: the kind of row", "Rows that have passed their end and are still to be deleted, by kind; at most 100,000 are counted."),
    metric(OUTBOX_ROWS, Type::Gauge, "`kind`: the kind of message", "Messages that are still to be delivered, by kind; counted every minute."),
    metric(OUTBOX_OLDEST, Type::Gauge, "`kind`: the kind of message", "Time for which the oldest message in the outbox has waited, by kind."),
    metric(NOT_READY, Type::Gauge, "`reason`: `store`, `catalog`, `clock`, `rewound`, `writes`, `master-key`", "1 for the reason why requests should be sent to another node."),
    metric(CLOCK_OFFSET, Type::Gauge, "", "By how much this node's clock is ahead of the database's."),
    metric(CATALOG_AGE, Type::Gauge, "", "Time since the copy of clients and keys was known to be right."),
    metric(BUILD_INFO, Type::Gauge, "`version`", "Always 1; the version that runs."),
];

/// Whether the list has such a metric, with these labels and, where it names values, with these.
fn is_listed(name: &str, labels: &[(&'static str, &'static str)]) -> bool {
    METRICS
        .iter()
        .filter(|metric| metric.name == name)
        .any(|metric| labels.iter().all(|label| metric.has(*label)))
}

impl Metric {
    fn has(&self, (name, value): (&str, &str)) -> bool {
        let mut labels = self.labels.split("; ");
        let label = labels.find_map(|label| label.strip_prefix(&format!("`{name}`")));
        label.is_some_and(|values| {
            let is_open = !values.contains('`') || values.contains("the error code");
            is_open || values.contains(&format!("`{value}`"))
        })
    }
}

fn describe(recorder: &PrometheusRecorder) {
    for metric in &METRICS {
        let (name, says) = (
            KeyName::from_const_str(metric.name),
            SharedString::const_str(metric.says),
        );
        match metric.of {
            Type::Histogram => recorder.describe_histogram(name, Some(Unit::Seconds), says),
            Type::Counter => recorder.describe_counter(name, None, says),
            Type::Gauge => recorder.describe_gauge(name, None, says),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Type {
        const fn as_str(self) -> &'static str {
            match self {
                Self::Histogram => "histogram",
                Self::Counter => "counter",
                Self::Gauge => "gauge",
            }
        }
    }

    fn line<'a>(rendered: &'a str, start: &str) -> Option<&'a str> {
        rendered.lines().find(|line| line.starts_with(start))
    }

    #[test]
    fn a_new_server_shows_its_version_and_zeroes() {
        let rendered = Telemetry::new().render();
        assert_eq!(
            line(&rendered, BUILD_INFO),
            Some(concat!(
                "safeconduct_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ))
        );
        assert_eq!(
            line(&rendered, REFRESH_REUSE),
            Some("safeconduct_refresh_reuse_detected_total 0")
        );
    }

    #[test]
    fn two_servers_in_one_process_count_apart() {
        let (one, other) = (Telemetry::new(), Telemetry::new());
        one.token_request("authorization_code", "issued");
        one.clone().token_request("authorization_code", "issued");
        let expected =
            r#"safeconduct_token_requests_total{grant="authorization_code",outcome="issued"} 2"#;
        assert_eq!(line(&one.render(), TOKEN_REQUESTS), Some(expected));
        assert_eq!(line(&other.render(), TOKEN_REQUESTS), None);
    }

    #[test]
    fn a_request_lands_in_the_bucket_of_its_duration() {
        let telemetry = Telemetry::new();
        telemetry.http_request("/token", StatusCode::OK, Duration::from_millis(3));
        let rendered = telemetry.render();
        let series =
            "safeconduct_http_request_duration_seconds_bucket{route=\"/token\",status=\"200\"";
        assert_eq!(
            line(&rendered, &format!("{series},le=\"0.0025\"")),
            Some(&*format!("{series},le=\"0.0025\"}} 0"))
        );
        assert_eq!(
            line(&rendered, &format!("{series},le=\"0.005\"")),
            Some(&*format!("{series},le=\"0.005\"}} 1"))
        );
    }

    #[test]
    fn connections_go_up_and_down() {
        let telemetry = Telemetry::new();
        telemetry.connection_opened();
        telemetry.connection_opened();
        telemetry.connection_closed();
        assert_eq!(
            line(&telemetry.render(), CONNECTIONS),
            Some("safeconduct_connections 1")
        );
    }

    /// Every metric at work once.
    fn at_work() -> Telemetry {
        let telemetry = Telemetry::new();
        telemetry.http_request("/token", StatusCode::OK, Duration::ZERO);
        telemetry.authorize("issued");
        telemetry.login_attempt("password", "success");
        telemetry.consent("allow");
        telemetry.rate_limited("login_account");
        telemetry.outbox_attempt(OutboxKind::Logout, "delivered");
        telemetry.outbox_attempt(OutboxKind::Mail, "unavailable");
        telemetry.outbox_attempt(OutboxKind::Event, "delivered");
        telemetry.token_request("refresh_token", "invalid_grant");
        telemetry.refresh_shared("reported");
        telemetry.password_hash_queue(3);
        telemetry.password_hash_work(7);
        telemetry.catalog_age(Duration::ZERO);
        telemetry.certificate_ends(0);
        telemetry
    }

    #[test]
    fn every_metric_has_its_help_line_and_type_and_no_other_is_there() {
        let rendered = at_work().render();
        let mut types: Vec<&str> = rendered
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .collect();
        types.sort_unstable();
        let mut listed: Vec<String> = METRICS
            .iter()
            .map(|metric| format!("{} {}", metric.name, metric.of.as_str()))
            .collect();
        listed.sort_unstable();
        assert_eq!(types, listed);
        for Metric { name, says, .. } in &METRICS {
            assert!(
                line(&rendered, &format!("# HELP {name} {says}")).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn the_reference_lists_what_there_is() {
        let page = include_str!("../../../docs/reference/metrics.md");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let listed: Vec<String> = METRICS
            .iter()
            .map(
                |Metric {
                     name,
                     of,
                     labels,
                     says,
                 }| {
                    format!("| `{name}` | {} | {labels} | {says} |", of.as_str())
                },
            )
            .collect();
        assert_eq!(rows, listed);
    }

    #[test]
    fn a_value_that_is_not_listed_is_told_from_one_that_is() {
        assert!(is_listed(CONSENT, &[("decision", "deny")]));
        assert!(!is_listed(CONSENT, &[("decision", "den")]));
        assert!(!is_listed(CONSENT, &[("outcome", "deny")]));
        assert!(is_listed(AUTHORIZE, &[("outcome", "invalid_scope")]));
        assert!(!is_listed("safeconduct_other", &[]));
    }
}
