//! Security Event Tokens: what one says, and which ones a receiver takes.

use rstest::rstest;
use safeconduct_protocol::jose::{Algorithm, KeySet, SigningKey};
use safeconduct_protocol::security_event::{
    ACCESS_ENDED, AccessEnded, Envelope, EventRefusal, ReceivedEvent, Receiver, SECURITY_EVENT_TYP,
    SecurityEventToken,
};
use safeconduct_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::fixtures::{ISSUER, NOTES, SERVER_KEY, SERVER_KEYS};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const ENVELOPE: Envelope<'_> = Envelope {
    issuer: ISSUER,
    audience: NOTES,
    id: "e1",
    transaction: Some("req-1"),
    now: NOW,
};

/// No `sub`, so that none is taken for an ID Token, and no `exp`.
#[test]
fn a_token_says_one_thing_that_happened() {
    let ended = AccessEnded {
        event_timestamp: NOW.seconds(),
        grants: vec!["g1".to_owned()],
        ..AccessEnded::default()
    };
    let token = SecurityEventToken::of_access(ENVELOPE, &ended);
    assert_eq!(serde_json::to_value(&token).unwrap(), good());
}

/// A guard that does not understand what a later release says must not take it for less.
#[test]
fn what_ended_does_not_read_with_anything_else_beside_it() {
    let read = |ended: Value| serde_json::from_value::<AccessEnded>(ended).is_ok();
    assert!(read(json!({"event_timestamp": 1, "grants": ["g1"]})));
    assert!(!read(json!({"event_timestamp": 1, "sessions": ["s1"]})));
}

fn receive(token: &str, keys: &KeySet) -> Result<ReceivedEvent, EventRefusal> {
    let receiver = Receiver {
        issuer: ISSUER,
        audience: NOTES,
        algorithms: &[Algorithm::Es256],
    };
    receiver.accept(token, keys, NOW)
}

fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": NOTES, "iat": NOW.seconds(), "jti": "e1", "txn": "req-1",
        "events": { ACCESS_ENDED: { "event_timestamp": NOW.seconds(), "grants": ["g1"] } },
    })
}

#[test]
fn a_good_one_is_taken() {
    let token = SERVER_KEY.sign_jwt(SECURITY_EVENT_TYP, &good()).unwrap();
    let received = receive(&token, &SERVER_KEYS).unwrap();
    assert_eq!(
        (received.id.as_str(), received.event_type.as_str()),
        ("e1", ACCESS_ENDED)
    );
    assert_eq!(received.transaction.as_deref(), Some("req-1"));
    let ended: AccessEnded = serde_json::from_value(received.payload).unwrap();
    assert_eq!(ended.grants, ["g1"]);
}

/// Attacks: AD61.
#[rstest]
#[case::of_another_issuer(json!({"iss": "https://evil.example"}), "invalid_issuer")]
#[case::of_nobody(json!({"iss": null}), "invalid_issuer")]
#[case::for_another(json!({"aud": "https://mail.example.com"}), "invalid_audience")]
#[case::for_nobody(json!({"aud": []}), "invalid_audience")]
#[case::with_an_end(json!({"exp": NOW.seconds() + 60}), "invalid_request")]
#[case::with_a_subject(json!({"sub": "ada"}), "invalid_request")]
#[case::of_no_time(json!({"iat": null}), "invalid_request")]
#[case::of_tomorrow(json!({"iat": NOW.seconds() + 86_400}), "invalid_request")]
#[case::without_a_name(json!({"jti": null}), "invalid_request")]
#[case::of_two_events(json!({"events": {"a": {}, "b": {}}}), "invalid_request")]
#[case::of_no_event(json!({"events": {}}), "invalid_request")]
#[case::of_something_else(json!({"events": ["a"]}), "invalid_request")]
#[case::of_an_event_that_is_none(json!({"events": {"a": "b"}}), "invalid_request")]
fn one_that_is_not_right_is_refused_by_its_name(#[case] change: Value, #[case] err: &str) {
    let mut claims = good();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let token = SERVER_KEY.sign_jwt(SECURITY_EVENT_TYP, &claims).unwrap();
    assert_eq!(receive(&token, &SERVER_KEYS).unwrap_err().code(), err);
}

/// Attacks: AD61.
#[test]
fn one_of_another_key_or_type_is_refused_by_its_name() {
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = stranger.sign_jwt(SECURITY_EVENT_TYP, &good()).unwrap();
    let refused = |token: &str| receive(token, &SERVER_KEYS).unwrap_err().code();
    assert_eq!(refused(&token), "invalid_key");
    for typ in ["at+jwt", "JWT", "logout+jwt"] {
        let token = SERVER_KEY.sign_jwt(typ, &good()).unwrap();
        assert_eq!(refused(&token), "invalid_request", "{typ}");
    }
    assert_eq!(refused("no token"), "invalid_request");
}
