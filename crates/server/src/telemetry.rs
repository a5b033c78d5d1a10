//! Owns the metrics of one server: their names, their labels, their Prometheus text.
//!
//! No recorder is installed for the process: each server counts for itself, so that several can live in one process.
//! No label names a client, a user or anything else that a stranger chooses; whatever counts calls here with words from
//! the program. The route that answers `/metrics` belongs to the admin listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use safeconduct_store::{OutboxKind, Sweepable};

use crate::readiness::NotReady;

const REQUEST_DURATION: &str = "safeconduct_http_request_duration_seconds";
const TOKEN_REQUESTS: &str = "safeconduct_token_requests_total";
const AUTHORIZE: &str = "safeconduct_authorize_total";
const LOGIN_ATTEMPTS: &str = "safeconduct_login_attempts_total";
const CONSENT: &str = "safeconduct_consent_total";
const LOGOUT_TOKENS: &str = "safeconduct_logout_tokens_total";
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

    /// One answered authorization request. `outcome` is `issued`, `sign_in`, `consent`, or the error code.
    pub fn authorize(&self, outcome: &'static str) {
        self.add(AUTHORIZE, [("outcome", outcome)], 1);
    }

    /// One attempt to sign in. `method` is `password`; `outcome` is `signed_in`, `refused`, `throttled` or `busy`.
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

    /// One attempt to tell a message of the outbox: `delivered`; `failed`, to be tried again; `refused` by the recipient; or
    /// `given_up`.
    pub(crate) fn outbox_attempt(&self, kind: OutboxKind, outcome: &'static str) {
        match kind {
            OutboxKind::Logout => self.add(LOGOUT_TOKENS, [("outcome", outcome)], 1),
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

    /// A refresh token came back after its successor was used: its grant is revoked (RFC 9700 §4.14).
    pub fn refresh_reuse_detected(&self) {
        self.add(REFRESH_REUSE, [], 1);
    }

    /// The generations of a refresh token were asked for twice so often in a row that two holders may use it. `outcome`: `reported`,
    /// `revoked`.
    pub fn refresh_shared(&self, outcome: &'static str) {
        self.add(REFRESH_SHARED, [("outcome", outcome)], 1);
    }

    /// Something was turned away for there being too much of it. `limit` names what: `connections`, `account`, ….
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

    fn connections(&self) -> metrics::Gauge {
        self.0
            .recorder
            .register_gauge(&Key::from_static_name(CONNECTIONS), &METADATA)
    }

    fn add<const N: usize>(&self, name: &'static str, labels: Labels<N>, count: u64) {
        self.0
            .recorder
            .register_counter(&key(name, labels), &METADATA)
            .increment(count);
    }

    fn gauge<const N: usize>(&self, name: &'static str, labels: Labels<N>, value: f64) {
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

/// What each counter counts.
const COUNTERS: [(&str, &str); 10] = [
    (TOKEN_REQUESTS, "Token requests by grant type and outcome."),
    (AUTHORIZE, "Authorization requests by outcome."),
    (LOGIN_ATTEMPTS, "Attempts to sign in by method and outcome."),
    (CONSENT, "Answers on the consent page."),
    (
        LOGOUT_TOKENS,
        "Attempts to tell a client that a session has ended, by outcome.",
    ),
    (
        SWEPT,
        "Rows that had passed their end and were deleted, by kind.",
    ),
    (
        REFRESH_REUSE,
        "Refresh tokens used again; each revoked its grant.",
    ),
    (
        REFRESH_SHARED,
        "Refresh tokens that two holders seem to use, by outcome.",
    ),
    (
        RATE_LIMITED,
        "Refusals for too much of something, by limit.",
    ),
    (
        PASSWORD_HASH_WORK,
        "Work of the passwords that were hashed: KiB of memory, times passes over it.",
    ),
];

/// What each gauge shows.
const GAUGES: [(&str, &str); 9] = [
    (
        PASSWORD_HASH_QUEUE,
        "Passwords that wait for a hashing thread.",
    ),
    (CONNECTIONS, "Open connections on all listeners."),
    (
        SWEEP_BACKLOG,
        "Rows that have passed their end and are still to be deleted, by kind; at most 100,000 are counted.",
    ),
    (
        OUTBOX_ROWS,
        "Messages that are still to be told, by kind; counted every minute.",
    ),
    (
        OUTBOX_OLDEST,
        "Time for which the oldest message in the outbox has waited, by kind.",
    ),
    (
        NOT_READY,
        "1 for the reason why requests should be sent to another node.",
    ),
    (
        CLOCK_OFFSET,
        "By how much this node's clock is ahead of the database's.",
    ),
    (
        CATALOG_AGE,
        "Time since the copy of clients and keys was known to be right.",
    ),
    (BUILD_INFO, "Always 1; the version that runs."),
];

fn describe(recorder: &PrometheusRecorder) {
    let text = SharedString::const_str;
    let name = KeyName::from_const_str;
    recorder.describe_histogram(
        name(REQUEST_DURATION),
        Some(Unit::Seconds),
        text("Time from a whole request to its answer, by matched route and status."),
    );
    for (counter, description) in COUNTERS {
        recorder.describe_counter(name(counter), None, text(description));
    }
    for (gauge, description) in GAUGES {
        recorder.describe_gauge(name(gauge), None, text(description));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn every_metric_has_its_help_line_and_type() {
        let telemetry = Telemetry::new();
        telemetry.http_request("/token", StatusCode::OK, Duration::ZERO);
        telemetry.authorize("issued");
        telemetry.login_attempt("password", "signed_in");
        telemetry.consent("allow");
        telemetry.rate_limited("account");
        telemetry.outbox_attempt(OutboxKind::Logout, "delivered");
        telemetry.token_request("refresh_token", "invalid_grant");
        telemetry.refresh_reuse_detected();
        telemetry.refresh_shared("reported");
        telemetry.password_hash_queue(3);
        telemetry.password_hash_work(7);
        telemetry.catalog_age(Duration::ZERO);
        let rendered = telemetry.render();
        for name in [
            REQUEST_DURATION,
            TOKEN_REQUESTS,
            AUTHORIZE,
            LOGIN_ATTEMPTS,
            CONSENT,
            LOGOUT_TOKENS,
            REFRESH_REUSE,
            REFRESH_SHARED,
            RATE_LIMITED,
            PASSWORD_HASH_QUEUE,
            CONNECTIONS,
            SWEPT,
            SWEEP_BACKLOG,
            OUTBOX_ROWS,
            OUTBOX_OLDEST,
            NOT_READY,
            CLOCK_OFFSET,
            CATALOG_AGE,
            BUILD_INFO,
        ] {
            assert!(
                line(&rendered, &format!("# HELP {name} ")).is_some(),
                "{name}"
            );
            assert!(
                line(&rendered, &format!("# TYPE {name} ")).is_some(),
                "{name}"
            );
        }
    }
}
