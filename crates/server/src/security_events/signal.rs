//! What a receiver is told of an event: as a signal of CAEP where one fits, as an event of our own where the receiver asks for that; and about
//! whom, by the names that the receiver has for users and sessions.
//!
//! A receiver that knows users as a client does is told of no other client.

use safeconduct_protocol::{
    client::Client,
    ids::{SessionId, UserId},
    shared_signals::{
        ChangeType, CredentialType, InitiatingEntity, Occasion, OwnEvent, Signal, SubjectId,
    },
    subject::Subjects,
};
use safeconduct_store::{Door, Event, Who};

use crate::event_receivers::{EventReceiver, SignalKind};

/// The kinds whose detail names a session, which a receiver knows by another name.
const OF_SESSIONS: [&str; 4] = [
    "session-started",
    "session-ended",
    "sessions-ended",
    "logout-undelivered",
];

/// As what `receiver` is told of an event.
pub(crate) fn kinds_of<'r>(
    receiver: &'r EventReceiver,
    event: &'r Event,
) -> impl Iterator<Item = SignalKind> + 'r {
    let is_of_another =
        receiver.client.is_some() && event.client.is_some() && receiver.client != event.client;
    let asked = receiver.events.iter().copied();
    asked.filter(move |kind| !is_of_another && signal_of(*kind, event).is_some())
}

/// What is told of an event as `kind`; `None` where that says nothing of it.
pub(crate) fn signal_of(kind: SignalKind, event: &Event) -> Option<Signal> {
    let on = Occasion {
        at: event.at.seconds(),
        by: initiating_entity(event),
    };
    match kind {
        SignalKind::SessionRevoked => {
            let is_one = event.kind == "session-ended";
            (is_one || ends_all_sessions(event)).then(|| Signal::session_revoked(on))
        }
        SignalKind::SessionEstablished => {
            (event.kind == "session-started").then(|| Signal::session_established(on))
        }
        SignalKind::CredentialChange => {
            let (credential, change, name) = credential_change(event)?;
            Some(Signal::credential_change(on, credential, change, name))
        }
        SignalKind::Own(kind) => (event.kind == kind).then(|| {
            let is_of_session = OF_SESSIONS.contains(&kind);
            let own = OwnEvent {
                client_id: event.client.as_ref().map(ToString::to_string),
                grant_id: event.grant.map(|grant| grant.to_string()),
                detail: event.detail.clone().filter(|_| !is_of_session),
                times: Some(event.times).filter(|times| *times > 1),
            };
            Signal::own(kind, on, own)
        }),
    }
}

/// Whether every session of its user ended with it. Those of a user who goes on in one of them are told as all: a receiver can't know which.
fn ends_all_sessions(event: &Event) -> bool {
    match event.kind.as_str() {
        "sessions-ended" | "user-locked" | "user-deleted" => true,
        // Its owner may let all of it go on.
        "password-set" => event.detail.is_some() || !is_by_owner(event),
        _ => false,
    }
}

fn credential_change(event: &Event) -> Option<(CredentialType, ChangeType, Option<String>)> {
    use CredentialType::{App, Fido2Platform, Password};
    let named = || event.detail.clone();
    Some(match (event.kind.as_str(), event.detail.as_deref()) {
        ("password-set", Some("invite")) => (Password, ChangeType::Create, None),
        ("password-set", _) => (Password, ChangeType::Update, None),
        ("second-factor-added", _) => (App, ChangeType::Create, None),
        ("second-factor-removed", _) => (App, ChangeType::Delete, None),
        ("passkey-added", _) => (Fido2Platform, ChangeType::Create, named()),
        ("passkey-removed", _) => (Fido2Platform, ChangeType::Delete, named()),
        _ => return None,
    })
}

fn is_by_owner(event: &Event) -> bool {
    matches!(event.by.who(), Who::Person(person) if Some(person) == event.user.as_ref())
}

fn initiating_entity(event: &Event) -> Option<InitiatingEntity> {
    match (event.by.who(), event.by.door()) {
        (Who::Person(_), Door::Page) => Some(InitiatingEntity::User),
        (Who::Person(_) | Who::Shell(_), _) | (Who::Client(_), Door::Api) => {
            Some(InitiatingEntity::Admin)
        }
        (Who::Server, _) => Some(InitiatingEntity::System),
        (Who::Client(_) | Who::Unknown, _) => None,
    }
}

/// By which names a receiver knows users and sessions.
pub(crate) struct Names<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subjects: &'a Subjects,
    /// The client whose names they are; without one, they are public.
    pub(crate) client: Option<&'a Client>,
}

impl Names<'_> {
    /// Whom or what an event is about, as `kind`.
    pub(crate) fn subject_of(&self, kind: SignalKind, event: &Event) -> SubjectId {
        let Some(user) = &event.user else {
            let client = event.client.as_ref();
            return match client {
                Some(client) => SubjectId::Complex {
                    user: None,
                    session: None,
                    application: Some(opaque(client.as_str())),
                },
                None => SubjectId::Uri {
                    uri: self.issuer.to_owned(),
                },
            };
        };
        let one_session = ["session-started", "session-ended"].contains(&event.kind.as_str());
        let session = event.detail.as_deref().filter(|_| one_session);
        match (kind, session.and_then(SessionId::parse)) {
            (SignalKind::CredentialChange, _) | (_, None) => self.user(user),
            (_, Some(session)) => SubjectId::Complex {
                user: Some(Box::new(self.user(user))),
                session: Some(opaque(self.session(&session).as_str())),
                application: None,
            },
        }
    }

    fn user(&self, user: &UserId) -> SubjectId {
        let sub = match self.client {
            Some(client) => self.subjects.subject(client, user),
            None => user.as_str().to_owned(),
        };
        SubjectId::IssSub {
            iss: self.issuer.to_owned(),
            sub,
        }
    }

    fn session(&self, session: &SessionId) -> SessionId {
        match self.client {
            Some(client) => self.subjects.session(client, session),
            None => session.clone(),
        }
    }
}

fn opaque(id: &str) -> Box<SubjectId> {
    Box::new(SubjectId::Opaque { id: id.to_owned() })
}
