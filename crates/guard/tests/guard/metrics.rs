//! What is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use safeconduct_guard::{Reason, Secret};
use serde_json::json;

use crate::support::{FakeIssuer, alice, verdict};

/// Sums up everything that is counted, by name and labels.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<BTreeMap<String, f64>>>);

struct One(Counted, String);

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(One::new(self, key)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(One::new(self, key)))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl One {
    fn new(counted: &Counted, key: &Key) -> Self {
        let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
        Self(
            counted.clone(),
            format!("{} {}", key.name(), labels.join(" "))
                .trim_end()
                .to_owned(),
        )
    }

    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut counted = self.0.0.lock().unwrap();
        let value = counted.entry(self.1.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.change(|sum| sum + f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, value: u64) {
        self.change(|_| f64::from(u32::try_from(value).unwrap()));
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.change(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

#[test]
fn every_validation_is_counted_by_its_outcome() {
    let counted = Counted::default();
    let story = async {
        let issuer = FakeIssuer::start().await;
        let guard = issuer
            .guard_builder()
            .introspection("notes-api", Secret::new("secret"))
            .build()
            .unwrap();
        let token = issuer.token();
        issuer.activate(&token, json!({}));
        for _ in 0..3 {
            assert_eq!(verdict(&guard, &token).await, alice());
        }
        assert_eq!(verdict(&guard, "opaque").await, Err(Reason::NotActive));
        assert_eq!(verdict(&guard, "a.b.c").await, Err(Reason::Malformed));
        issuer.fail();
        issuer.clock.advance(1200);
        assert_eq!(
            verdict(&guard, "opaque").await,
            Err(Reason::IssuerUnavailable)
        );
        assert_eq!(verdict(&guard, &token).await, Err(Reason::Expired));
    };
    // The recorder is the thread's, and so is everything that the story starts.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&counted, || runtime.block_on(story));
    let lines: Vec<_> = counted
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    guard_introspections_total active: 1
    guard_introspections_total failed: 1
    guard_introspections_total refused: 1
    guard_introspections_total remembered: 2
    guard_jwks_fetches_total failed: 1
    guard_jwks_fetches_total ok: 1
    guard_keys_age_seconds: 1200
    guard_validations_total expired: 1
    guard_validations_total issuer-unavailable: 1
    guard_validations_total malformed: 1
    guard_validations_total not-active: 1
    guard_validations_total valid: 3
    ");
}
