//! Security Event Tokens (RFC 8417): what this server tells others of what happened, as the Shared Signals Framework 1.0 has them, and how
//! whoever receives one holds it to that.
//!
//! A token says one thing that happened. It has no `exp`, because that it happened is true for ever, and no `sub`, so that it is
//! never taken for an ID Token.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    jose::{Algorithm, Audience, Expectation, JoseError, KeySet, Typ, verify},
    time::Timestamp,
};

/// The `typ` of a Security Event Token (RFC 8417 §2.3).
pub const SECURITY_EVENT_TYP: &str = "secevent+jwt";
/// The media type by which one is pushed (RFC 8935 §2.1).
pub const SECURITY_EVENT_MEDIA_TYPE: &str = "application/secevent+jwt";

/// What an event of the Continuous Access Evaluation Profile 1.0 is called.
macro_rules! caep {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/caep/event-type/",
            $name
        )
    };
}

/// What an event of Risk Incident Sharing and Coordination 1.0 is called.
macro_rules! risc {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/risc/event-type/",
            $name
        )
    };
}

/// The event by which guards learn which tokens are dead before their time.
pub const ACCESS_ENDED: &str = "urn:safeconduct:event:access-ended";

/// What an event is about (RFC 9493 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum SubjectIdentifier {
    /// A person, as tokens of an issuer name them.
    IssSub {
        /// The issuer.
        iss: String,
        /// The person.
        sub: String,
    },
    /// Something that has a name of its own.
    Opaque {
        /// The name.
        id: String,
    },
    /// Several that together are one (Shared Signals Framework 1.0 §3.3).
    Complex {
        /// The person.
        user: Box<SubjectIdentifier>,
        /// Their session.
        session: Box<SubjectIdentifier>,
    },
}

/// What changed of a credential (CAEP §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialChange {
    /// There is a new one.
    Create,
    /// It has another value.
    Update,
    /// It is no more.
    Delete,
}

impl CredentialChange {
    /// Its name in `change_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Who set it off (CAEP §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// An administrator.
    Admin,
    /// The person it is about.
    User,
    /// A rule.
    Policy,
    /// The server.
    System,
}

impl Initiator {
    /// Its name in `initiating_entity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Policy => "policy",
            Self::System => "system",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// A session has ended, or all of a person's (CAEP §3.1).
    SessionRevoked,
    /// A credential has changed (CAEP §3.3).
    CredentialChanged {
        /// Its type, of the names that CAEP has.
        credential_type: &'static str,
        /// What changed of it.
        change: CredentialChange,
        /// What its owner calls it.
        friendly_name: Option<String>,
    },
    /// An account can't be signed in to (RISC §2.3).
    AccountDisabled,
    /// It can be again (RISC §2.4).
    AccountEnabled,
    /// It is gone (RISC §2.5).
    AccountPurged,
}

impl SecurityEvent {
    /// The names of all that are told of people, in the order of the types.
    pub const TYPES: [&'static str; 5] = [
        caep!("session-revoked"),
        caep!("credential-change"),
        risc!("account-disabled"),
        risc!("account-enabled"),
        risc!("account-purged"),
    ];

    /// Its name in `events`.
    pub fn type_uri(&self) -> &'static str {
        let place = match self {
            Self::SessionRevoked => 0,
            Self::CredentialChanged { .. } => 1,
            Self::AccountDisabled => 2,
            Self::AccountEnabled => 3,
            Self::AccountPurged => 4,
        };
        Self::TYPES[place]
    }

    /// What stands under that name: when it happened, in seconds, and who set it off.
    fn payload(&self, at: Timestamp, initiator: Initiator) -> Map<String, Value> {
        let mut payload = Map::new();
        payload.insert("event_timestamp".to_owned(), at.seconds().into());
        // RISC knows neither of the two; both allow more members (RFC 8417 §1.2).
        payload.insert("initiating_entity".to_owned(), initiator.as_str().into());
        if let Self::CredentialChanged {
            credential_type,
            change,
            friendly_name,
        } = self
        {
            payload.insert("credential_type".to_owned(), (*credential_type).into());
            payload.insert("change_type".to_owned(), change.as_str().into());
            if let Some(name) = friendly_name {
                payload.insert("friendly_name".to_owned(), name.as_str().into());
            }
        }
        payload
    }
}

/// Which tokens are dead before their time, for the guard of one API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEnded {
    /// When that happened, in seconds.
    pub event_timestamp: i64,
    /// All tokens of these grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The tokens with these `jti`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
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
    sub_id: Option<SubjectIdentifier>,
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
    /// Tells what happened to `subject` at a moment, and who set it off.
    pub fn new(
        envelope: Envelope<'_>,
        subject: SubjectIdentifier,
        event: &SecurityEvent,
        at: Timestamp,
        initiator: Initiator,
    ) -> Self {
        let events = json!({ event.type_uri(): event.payload(at, initiator) });
        Self::of(envelope, Some(subject), events)
    }

    /// Tells a guard which tokens are dead before their time.
    pub fn of_access(envelope: Envelope<'_>, ended: &AccessEnded) -> Self {
        Self::of(envelope, None, json!({ ACCESS_ENDED: ended }))
    }

    fn of(envelope: Envelope<'_>, sub_id: Option<SubjectIdentifier>, events: Value) -> Self {
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
    /// What it is about, where it says so at the top.
    pub subject: Option<Value>,
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
            subject: claim("sub_id"),
            event_type,
            payload,
        })
    }
}
