//! What the API shows of things, by the names that the command line has for them (`-o json`). Times are RFC 3339, in UTC.

use std::collections::BTreeMap;

use safeconduct_protocol::{registration::Registration, time::Timestamp};
use safeconduct_store::{
    ClientRecord, ConsentRecord, Event, GrantRecord, ListedMessage, Message, MessageState,
    PasskeyRecord, ReceiverRecord, SecretHash, SessionRecord, UserRecord, Who,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::administration::{keys::ListedKey, sessions::SessionDetails};

/// A time, in UTC (RFC 3339).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(super) struct Time(#[schemars(extend("format" = "date-time"))] String);

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let written = jiff::Timestamp::from_second(time.seconds());
        Self(written.map_or_else(|_| time.seconds().to_string(), |time| time.to_string()))
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(super) struct List<T> {
    /// What is on it.
    pub(super) items: Vec<T>,
    /// Where the next page begins: `cursor` of the same request. There is none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A browser that is signed in at this server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Session {
    /// Its name, `sid` in ID Tokens.
    pub(super) id: String,
    /// The name that its user signs in with.
    username: String,
    /// Its user.
    user: String,
    /// By what they proved who they are (RFC 8176).
    factors: Vec<String>,
    /// When they signed in.
    started_at: Time,
    /// When it was used last, within five minutes.
    last_seen_at: Time,
    /// From when on its user has to prove again who they are.
    idle_at: Time,
}

impl From<SessionRecord> for Session {
    fn from(session: SessionRecord) -> Self {
        let methods = session.factors.methods().into_iter();
        Self {
            factors: methods.map(str::to_owned).collect(),
            id: session.id.to_string(),
            username: session.username,
            user: session.user.to_string(),
            started_at: session.started_at.into(),
            last_seen_at: session.last_seen_at.into(),
            idle_at: session.idle_expires_at.into(),
        }
    }
}

/// A session, how it began, and what ends with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct SessionWithDetails {
    #[serde(flatten)]
    session: Session,
    /// From where it began.
    address: Option<String>,
    /// In which request it began.
    correlation_id: Option<String>,
    /// The clients that are told of its end.
    told_of_its_end: Vec<String>,
    /// The grants that end with it.
    grants: Vec<String>,
}

impl From<SessionDetails> for SessionWithDetails {
    fn from(details: SessionDetails) -> Self {
        let begun = details.begun.as_ref().map(|event| &event.by);
        let told = details.told.iter().map(ToString::to_string);
        let grants = details.grants.iter();
        Self {
            address: begun.and_then(|by| by.address().map(|address| address.to_string())),
            correlation_id: begun.and_then(|by| by.correlation_id().map(str::to_owned)),
            told_of_its_end: told.collect(),
            grants: grants.map(|grant| grant.grant.id.to_string()).collect(),
            session: details.session.into(),
        }
    }
}

/// What a user let a client do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Grant {
    /// Its name in events, tokens and the log.
    pub(super) id: String,
    /// Who allowed it.
    user: String,
    /// To whom.
    client: String,
    /// What was allowed.
    scope: String,
    /// For which API, or this server.
    audience: String,
    /// In which session.
    session: String,
    /// Whether it is good for anything.
    alive: bool,
    /// When its code was redeemed.
    created_at: Time,
    /// When its tokens were renewed last.
    last_used_at: Time,
    /// When it ends if it is not used.
    idle_at: Time,
    /// When it ends whatever happens.
    expires_at: Time,
    /// When it was revoked.
    revoked_at: Option<Time>,
    /// Why it was revoked.
    revoked_because: Option<String>,
}

impl Grant {
    pub(super) fn of(record: &GrantRecord, alive: bool) -> Self {
        let grant = &record.grant;
        Self {
            id: grant.id.to_string(),
            user: grant.user.to_string(),
            client: grant.client.to_string(),
            scope: grant.scope.to_string(),
            audience: grant.audience.clone(),
            session: grant.session.to_string(),
            alive,
            created_at: record.created_at.into(),
            last_used_at: record.last_used_at.into(),
            idle_at: grant.idle_expires_at.into(),
            expires_at: grant.expires_at.into(),
            revoked_at: record.revoked_at.map(Time::from),
            revoked_because: record.revoked_reason.clone(),
        }
    }
}

/// What a user lets a client have without being asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Consent {
    /// The client.
    client: String,
    /// The scope, by API.
    allowed: BTreeMap<String, String>,
    /// When it changed last.
    changed_at: Time,
}

impl From<ConsentRecord> for Consent {
    fn from(record: ConsentRecord) -> Self {
        let scopes = record.scopes.iter();
        Self {
            client: record.client.to_string(),
            allowed: scopes
                .map(|(api, scope)| (api.clone(), scope.to_string()))
                .collect(),
            changed_at: record.changed_at.into(),
        }
    }
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct User {
    /// The name that they sign in with.
    pub(super) username: String,
    /// The id of the account, `sub` where that is not pairwise.
    pub(super) id: String,
    /// Whether they are kept out.
    locked: bool,
    /// When the account was made.
    created_at: Time,
    /// When what is known of them changed last.
    updated_at: Time,
    /// What is known of them, by the names of OpenID Connect, stands beside.
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl From<UserRecord> for User {
    fn from(user: UserRecord) -> Self {
        let claims = user.claims.iter();
        let claims = claims
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        Self {
            username: user.username,
            id: user.id.to_string(),
            locked: user.locked,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
            claims,
        }
    }
}

/// A passkey of a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Passkey {
    /// What its owner calls it.
    name: String,
    /// Its name for authenticators.
    id: String,
    /// Whether it may be copied to other devices of its owner.
    backup_eligible: bool,
    /// Whether it is.
    backed_up: bool,
    /// When it was made.
    added_at: Time,
    /// When somebody signed in with it last.
    last_used_at: Option<Time>,
}

impl From<PasskeyRecord> for Passkey {
    fn from(passkey: PasskeyRecord) -> Self {
        Self {
            id: passkey.id.to_string(),
            backup_eligible: passkey.kept.backup_eligible,
            backed_up: passkey.backed_up,
            added_at: passkey.created_at.into(),
            last_used_at: passkey.last_used_at.map(Time::from),
            name: passkey.name,
        }
    }
}

/// A client as it is registered, by the names of RFC 7591 and ours.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Client {
    /// Its id.
    pub(super) client_id: String,
    /// What it is registered with.
    #[serde(flatten)]
    registration: Map<String, Value>,
    /// Whether it may be used.
    enabled: bool,
    /// Whether the configuration declares it, and is the place to change it.
    declared: bool,
    /// When it was registered.
    created_at: Time,
    /// Its secrets, which nobody can read.
    secrets: Vec<ClientSecret>,
}

/// A secret of a client: when it came, and when it goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct ClientSecret {
    /// Its name.
    id: String,
    /// When it was made.
    created_at: Time,
    /// When it ends, if it does.
    expires_at: Option<Time>,
    /// How it ends, where that gives nothing away.
    last_four: Option<String>,
    /// Who made it.
    made_by: EventActor,
    /// When the client authenticated with it last, within the hour.
    last_used_at: Option<Time>,
}

impl From<SecretHash> for ClientSecret {
    fn from(secret: SecretHash) -> Self {
        Self {
            id: secret.id,
            created_at: secret.created_at.into(),
            expires_at: secret.expires_at.map(Time::from),
            last_four: secret.last_four,
            made_by: EventActor::from(&secret.made_by),
            last_used_at: secret.last_used_at.map(Time::from),
        }
    }
}

impl From<ClientRecord> for Client {
    fn from(record: ClientRecord) -> Self {
        let registration = serde_json::to_value(Registration::from(&record.client));
        Self {
            registration: match registration {
                Ok(Value::Object(members)) => members,
                _ => Map::new(),
            },
            client_id: record.client.id.to_string(),
            enabled: record.enabled,
            declared: record.declared,
            created_at: record.created_at.into(),
            secrets: record.secrets.into_iter().map(ClientSecret::from).collect(),
        }
    }
}

/// A key of this server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Key {
    /// Its number.
    id: i64,
    /// What it is for.
    purpose: String,
    /// `next`, `active` or `retired`.
    state: String,
    /// When it was made.
    created_at: Time,
    /// When it came into use.
    activated_at: Option<Time>,
    /// When its successor came into use.
    retired_at: Option<Time>,
    /// Until when it is kept from then on; longer, where rows were made with it and still are.
    needed_until: Option<Time>,
    /// The master key that wraps it.
    master_key: String,
    /// Its name in the JWKS, where it signs.
    kid: Option<String>,
}

impl From<ListedKey> for Key {
    fn from(key: ListedKey) -> Self {
        let needed_until = key.needed_until().map(Time::from);
        let ListedKey { row, kid } = key;
        Self {
            needed_until,
            id: row.id,
            purpose: row.purpose,
            state: row.state,
            created_at: row.created_at.into(),
            activated_at: row.activated_at.map(Time::from),
            retired_at: row.retired_at.map(Time::from),
            master_key: row.master.to_string(),
            kid,
        }
    }
}

/// Whether something is still to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DeliveryState {
    /// It is.
    Waiting,
    /// It was given up.
    GivenUp,
}

/// Something that is still to be told to somebody, or was given up.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Delivery {
    /// Its name.
    pub(super) id: String,
    /// What it is.
    kind: String,
    /// To whom.
    recipient: String,
    /// Of what.
    about: String,
    /// About whom; of an event that says what is told.
    user: Option<String>,
    /// How often it was tried.
    attempts: i64,
    /// What came of it the last time.
    last_answer: Option<String>,
    /// When it was queued.
    created_at: Time,
    /// `waiting` or `given-up`.
    state: DeliveryState,
    /// When it is tried next; never, where it was given up.
    next_at: Option<Time>,
    /// When it was given up. It is forgotten a week later.
    given_up_at: Option<Time>,
}

impl From<ListedMessage> for Delivery {
    fn from(listed: ListedMessage) -> Self {
        let row = listed.row;
        let (state, next_at, given_up_at) = match listed.state {
            MessageState::Waiting { next_at } => (DeliveryState::Waiting, Some(next_at), None),
            MessageState::GivenUp { at } => (DeliveryState::GivenUp, None, Some(at)),
        };
        let (recipient, about) = match &row.message {
            Message::Logout {
                client, session, ..
            } => (client.to_string(), session.to_string()),
            Message::Mail(mail) => (mail.to.to_string(), mail.purpose.as_str().to_owned()),
            Message::Event(signal) => (signal.receiver.clone(), signal.signal.clone()),
        };
        Self {
            kind: row.message.kind().as_str().to_owned(),
            recipient,
            about,
            user: row.message.user().map(ToString::to_string),
            id: row.id,
            attempts: row.attempts,
            last_answer: listed.last_answer,
            created_at: row.created_at.into(),
            state,
            next_at: next_at.map(Time::from),
            given_up_at: given_up_at.map(Time::from),
        }
    }
}

/// Whom security events are pushed to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Receiver {
    /// Its name in the configuration.
    name: String,
    /// Since when it has taken nothing, if it was told something in vain.
    failing_since: Option<Time>,
    /// Since when it is told nothing.
    paused_at: Option<Time>,
}

impl From<ReceiverRecord> for Receiver {
    fn from(record: ReceiverRecord) -> Self {
        Self {
            name: record.name,
            failing_since: record.failing_since.map(Time::from),
            paused_at: record.paused_at.map(Time::from),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct EventEntry {
    /// Its name, which sorts by its time.
    pub(super) id: String,
    /// When.
    at: Time,
    /// What.
    kind: String,
    /// Whom it is about.
    user: Option<String>,
    /// Which client it is about.
    client: Option<String>,
    /// Which grant it is about.
    grant: Option<String>,
    /// What more there is to say.
    detail: Option<String>,
    /// How often it happened, where several are one.
    times: u64,
    /// What stands for a name that was typed and may be nobody's.
    name_hash: Option<String>,
    /// Who did it.
    by: EventActor,
    /// By which door they came.
    door: String,
    /// From where.
    address: Option<String>,
    /// In which request.
    correlation_id: Option<String>,
}

/// Who did something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct EventActor {
    /// `person`, `client`, `shell`, `server` or `unknown`.
    kind: String,
    /// Which of those.
    name: Option<String>,
}

impl From<&Who> for EventActor {
    fn from(who: &Who) -> Self {
        Self {
            kind: who.kind().to_owned(),
            name: who.name().map(str::to_owned),
        }
    }
}

impl From<Event> for EventEntry {
    fn from(event: Event) -> Self {
        let by = &event.by;
        Self {
            at: event.at.into(),
            door: by.door().as_str().to_owned(),
            address: by.address().map(|address| address.to_string()),
            correlation_id: by.correlation_id().map(str::to_owned),
            by: EventActor::from(by.who()),
            id: event.id,
            kind: event.kind,
            user: event.user.map(|user| user.to_string()),
            client: event.client.map(|client| client.to_string()),
            grant: event.grant.map(|grant| grant.to_string()),
            detail: event.detail,
            times: event.times,
            name_hash: event.name_hash,
        }
    }
}
