//! What receivers of the Shared Signals Framework 1.0 are told: whom an event is about (RFC 9493), and what happened, in the events of CAEP 1.0
//! where one fits and in our own everywhere else.

use serde::Serialize;

/// How the names of our own events begin.
const OWN: &str = "urn:safeconduct:event:";

/// How the names of the events of CAEP begin.
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";

/// Whom or what an event is about (RFC 9493 §3, Shared Signals Framework 1.0 §3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum SubjectId {
    /// A user, by the `sub` of their tokens.
    IssSub {
        /// Who gave it.
        iss: String,
        /// The `sub`.
        sub: String,
    },
    /// Something that only the two parties know by this name.
    Opaque {
        /// The name.
        id: String,
    },
    /// The issuer as a whole.
    Uri {
        /// Its URL.
        uri: String,
    },
    /// Several that belong together.
    Complex {
        /// The user.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<Box<SubjectId>>,
        /// Their session, by its `sid`.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<Box<SubjectId>>,
        /// The client, by its `client_id`.
        #[serde(skip_serializing_if = "Option::is_none")]
        application: Option<Box<SubjectId>>,
    },
}

/// Who set something off (CAEP 1.0 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InitiatingEntity {
    /// An administrator, or software in the name of one.
    Admin,
    /// The user whom it is about.
    User,
    /// The server, because it was time.
    System,
}

/// What kind of credential changed (CAEP 1.0 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialType {
    /// A password.
    Password,
    /// A passkey. Which kind of authenticator made it is not known; nearly all are of the device.
    Fido2Platform,
    /// An authenticator app.
    App,
}

/// What became of a credential (CAEP 1.0 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeType {
    /// There is one that there was not.
    Create,
    /// It is another one.
    Update,
    /// It is gone.
    Delete,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signal {
    #[serde(skip)]
    event_type: String,
    /// When, in seconds.
    event_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiating_entity: Option<InitiatingEntity>,
    #[serde(flatten)]
    what: What,
}

/// When something happened, and who set it off, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// When, in seconds.
    pub at: i64,
    /// Who.
    pub by: Option<InitiatingEntity>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum What {
    Nothing {},
    Credential {
        credential_type: CredentialType,
        change_type: ChangeType,
        #[serde(skip_serializing_if = "Option::is_none")]
        friendly_name: Option<String>,
    },
    Own(OwnEvent),
}

/// What an event of our own says beside its kind. What there is not is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnEvent {
    /// Which client it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Which grant it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// What else there is to say, as the reference of events has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often, where several are told as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

impl Signal {
    /// A session ended, or all of a user (CAEP 1.0 §3.1).
    pub fn session_revoked(on: Occasion) -> Self {
        Self::new(caep("session-revoked"), on, What::Nothing {})
    }

    /// A session began (CAEP 1.0 §3.6).
    pub fn session_established(on: Occasion) -> Self {
        Self::new(caep("session-established"), on, What::Nothing {})
    }

    /// A credential of a user changed (CAEP 1.0 §3.3).
    pub fn credential_change(
        on: Occasion,
        credential_type: CredentialType,
        change_type: ChangeType,
        friendly_name: Option<String>,
    ) -> Self {
        let what = What::Credential {
            credential_type,
            change_type,
            friendly_name,
        };
        Self::new(caep("credential-change"), on, what)
    }

    /// An event of ours.
    pub fn own(kind: &str, on: Occasion, event: OwnEvent) -> Self {
        Self::new(format!("{OWN}{kind}"), on, What::Own(event))
    }

    fn new(event_type: String, on: Occasion, what: What) -> Self {
        Self {
            event_type,
            event_timestamp: on.at,
            initiating_entity: on.by,
            what,
        }
    }

    /// Its name in `events`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }
}

fn caep(name: &str) -> String {
    format!("{CAEP}{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    const ON: Occasion = Occasion {
        at: 1_800_000_000,
        by: Some(InitiatingEntity::User),
    };

    #[test]
    fn events_of_caep_read_as_its_examples() {
        let revoked = Signal::session_revoked(Occasion { by: None, ..ON });
        assert_eq!(
            revoked.event_type(),
            "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
        );
        assert_eq!(
            to_value(&revoked).unwrap(),
            json!({"event_timestamp": 1_800_000_000})
        );
        let (passkey, delete) = (CredentialType::Fido2Platform, ChangeType::Delete);
        let change = Signal::credential_change(ON, passkey, delete, Some("Ada’s phone".to_owned()));
        assert_eq!(
            to_value(&change).unwrap(),
            json!({
                "event_timestamp": 1_800_000_000,
                "initiating_entity": "user",
                "credential_type": "fido2-platform",
                "change_type": "delete",
                "friendly_name": "Ada’s phone",
            })
        );
    }

    #[test]
    fn an_event_of_ours_says_what_there_is() {
        let event = OwnEvent {
            detail: Some("totp".to_owned()),
            ..OwnEvent::default()
        };
        let own = Signal::own("second-factor-added", ON, event);
        assert_eq!(
            own.event_type(),
            "urn:safeconduct:event:second-factor-added"
        );
        assert_eq!(
            to_value(&own).unwrap(),
            json!({"event_timestamp": 1_800_000_000, "initiating_entity": "user", "detail": "totp"})
        );
    }

    #[test]
    fn subjects_read_as_the_specification_has_them() {
        let user = SubjectId::IssSub {
            iss: "https://id.example".to_owned(),
            sub: "u-1".to_owned(),
        };
        let session = SubjectId::Opaque {
            id: "s-1".to_owned(),
        };
        let both = SubjectId::Complex {
            user: Some(Box::new(user)),
            session: Some(Box::new(session)),
            application: None,
        };
        assert_eq!(
            to_value(both).unwrap(),
            json!({
                "format": "complex",
                "user": {"format": "iss_sub", "iss": "https://id.example", "sub": "u-1"},
                "session": {"format": "opaque", "id": "s-1"},
            })
        );
    }
}
