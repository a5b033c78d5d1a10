//! Security Event Tokens (RFC 8417): what this server tells guards of what happened, in the form that the Shared Signals Framework 1.0 gives
//! them, and how whoever receives one holds it to that.
//!
//! A token says one thing that happened. It has no `exp`, because that it happened is true for ever, and no `sub`, so that it is
//! never taken for an ID Token.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    jose::{Algorithm, Audience, Expectation, JoseError, KeySet, Typ, verify},
    shared_signals::{Signal, SubjectId},
    time::Timestamp,
};

/// The `typ` of a Security Event Token (RFC 8417 §2.3).
pub const SECURITY_EVENT_TYP: &str = "secevent+jwt";

/// The event by which guards learn which tokens are dead before their time.
pub const ACCESS_ENDED: &str = "urn:safeconduct:event:access-ended";

/// Which tokens are dead before their time, for the guard of one API. What a later release says beside this does not read here, so that a
/// guard which does not understand it does not take it for less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessEnded {
    /// When that happened, in seconds.
    pub event_timestamp: i64,
    /// All tokens of these grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The tokens with these `jti`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
    /// Whose those grants and tokens are, where they are of one client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// All tokens of these clients that were issued until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<String>,
    /// Any token that was issued until then may be: only the issuer knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any: bool,
}

/// The claims of a Security Event Token (RFC 8417 §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityEventToken {
    iss: String,
    aud: String,
    iat: Timestamp,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_id: Option<SubjectId>,
    events: Value,
}

/// What every token says beside what happened.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Who tells it.
    pub issuer: &'a str,
    /// Whom it is told.
    pub audience: &'a str,
    /// Its name, by which a receiver knows one that comes twice.
    pub id: &'a str,
    /// The request that set it off: its correlation id.
    pub transaction: Option<&'a str>,
    /// When it is told.
    pub now: Timestamp,
}

impl SecurityEventToken {
    /// Tells a guard which tokens are dead before their time.
    pub fn of_access(envelope: Envelope<'_>, ended: &AccessEnded) -> Self {
        Self::new(envelope, None, json!({ ACCESS_ENDED: ended }))
    }

    /// Tells a receiver what happened to `subject`.
    pub fn of_signal(envelope: Envelope<'_>, subject: SubjectId, signal: &Signal) -> Self {
        let events = json!({ signal.event_type(): signal });
        Self::new(envelope, Some(subject), events)
    }

    fn new(envelope: Envelope<'_>, sub_id: Option<SubjectId>, events: Value) -> Self {
        Self {
            iss: envelope.issuer.to_owned(),
            aud: envelope.audience.to_owned(),
            iat: envelope.now,
            jti: envelope.id.to_owned(),
            txn: envelope.transaction.map(str::to_owned),
            sub_id,
            events,
        }
    }
}

/// A Security Event Token that was received and is good.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedEvent {
    /// Its name: what comes twice under one is one.
    pub id: String,
    /// The request that set it off, as the transmitter calls it.
    pub transaction: Option<String>,
    /// What happened.
    pub event_type: String,
    /// What there is to say of it.
    pub payload: Value,
}

/// Why a Security Event Token is refused, by the names that its transmitter is told (RFC 8935 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventRefusal {
    /// It is not one, or says what none may.
    #[error("it is no Security Event Token")]
    Request,
    /// No known key signed it.
    #[error("no key of the transmitter signed it")]
    Key,
    /// It is of another transmitter.
    #[error("it is of another transmitter")]
    Issuer,
    /// It is for another receiver.
    #[error("it is for another receiver")]
    Audience,
}

impl EventRefusal {
    /// Its name in `err`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Request => "invalid_request",
            Self::Key => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}

impl From<JoseError> for EventRefusal {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::Issuer => Self::Issuer,
            JoseError::Audience => Self::Audience,
            JoseError::UnknownKey | JoseError::AmbiguousKey | JoseError::Signature => Self::Key,
            _ => Self::Request,
        }
    }
}

/// Who may tell a receiver something, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'a> {
    /// The transmitter.
    pub issuer: &'a str,
    /// The receiver.
    pub audience: &'a str,
    /// What the transmitter signs with.
    pub algorithms: &'a [Algorithm],
}

impl Receiver<'_> {
    /// Accepts or refuses a token: of the transmitter, for us, of the type, with an `iat` that has come and no `exp`, with one event
    /// (RFC 8417 §2.2, Shared Signals Framework 1.0 §4).
    ///
    /// # Errors
    /// [`EventRefusal`], whose name the transmitter is told.
    pub fn accept(
        &self,
        token: &str,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<ReceivedEvent, EventRefusal> {
        let typ = Typ::OneOf(&[SECURITY_EVENT_TYP]);
        let audience = Audience::Member(self.audience);
        let expect = Expectation::new(typ, self.algorithms, self.issuer, audience).without_exp();
        let verified = verify(token, &expect, keys, now)?;
        let claim = |name: &str| verified.claim(name).cloned();
        let (Some(id), None) = (verified.jti(), claim("sub")) else {
            return Err(EventRefusal::Request);
        };
        let Some(Value::Object(events)) = claim("events") else {
            return Err(EventRefusal::Request);
        };
        let mut events = events.into_iter();
        let (Some((event_type, payload @ Value::Object(_))), None) = (events.next(), events.next())
        else {
            return Err(EventRefusal::Request);
        };
        Ok(ReceivedEvent {
            id: id.to_owned(),
            transaction: claim("txn").and_then(|txn| txn.as_str().map(str::to_owned)),
            event_type,
            payload,
        })
    }
}
