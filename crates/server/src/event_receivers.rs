//! Receivers of security events that the configuration declares (RFC 8935): who they are, and what they are told.

use reqwest::header::HeaderValue;
use safeconduct_protocol::{ids::ClientId, jose::Algorithm, secret::Secret};
use safeconduct_store::event_kinds;
use url::Url;

use crate::outgoing::Reach;

/// Whoever is told of events.
#[derive(Clone)]
pub struct EventReceiver {
    /// What the operator calls it.
    pub name: String,
    /// Where it takes Security Event Tokens.
    pub endpoint: String,
    /// Who it is: the `aud` of what it is told.
    pub audience: String,
    /// What it is told.
    pub events: Vec<SignalKind>,
    /// The `Authorization` header that it wants.
    pub authorization: Option<Secret>,
    /// The client by whose `sub` and `sid` it knows users and their sessions; without one, they are public.
    pub client: Option<ClientId>,
    /// What it is told is signed with.
    pub signing_alg: Algorithm,
    /// Where it may be.
    pub reach: Reach,
}

/// As what an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// `session-revoked` of CAEP: a session of a user ended, or all of them.
    SessionRevoked,
    /// `session-established` of CAEP.
    SessionEstablished,
    /// `credential-change` of CAEP.
    CredentialChange,
    /// An event of ours, of this kind.
    Own(&'static str),
}

/// What is never told: it would be told of that again, and so on for ever.
const NEVER: [&str; 4] = [
    "event-undelivered",
    "receiver-paused",
    "receiver-resumed",
    "receiver-forgotten",
];

impl SignalKind {
    /// The events of CAEP.
    pub const CAEP: [Self; 3] = [
        Self::SessionRevoked,
        Self::SessionEstablished,
        Self::CredentialChange,
    ];

    /// What there is to be told.
    pub fn all() -> impl Iterator<Item = Self> {
        let own = event_kinds().map(|(kind, ..)| kind);
        let own = own.filter(|kind| !NEVER.contains(kind)).map(Self::Own);
        Self::CAEP.into_iter().chain(own)
    }

    /// What is called so; `None` for what is not, or is never told.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == name)
    }

    /// How the configuration calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionRevoked => "session-revoked",
            Self::SessionEstablished => "session-established",
            Self::CredentialChange => "credential-change",
            Self::Own(kind) => kind,
        }
    }
}

/// Whether events may be pushed to `endpoint`: by `https`, or in the clear where `allow_http` says so, to where `reach` goes, and with no name
/// or password in the URL.
///
/// # Errors
/// Why not.
pub fn check_endpoint(endpoint: &str, allow_http: bool, reach: Reach) -> Result<(), &'static str> {
    let url = Url::parse(endpoint).map_err(|_| "it is no URL")?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("it has a user name, a password or a fragment in it");
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err("it would be told in the clear"),
        _ => return Err("it is no URL that begins with https://"),
    }
    reach.check(&url)
}

/// Whether `secret` can be sent as a header.
pub fn is_header(secret: &Secret) -> bool {
    HeaderValue::from_str(secret.expose()).is_ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_none_twice() {
        let all: Vec<_> = SignalKind::all().collect();
        for kind in &all {
            assert_eq!(SignalKind::parse(kind.as_str()), Some(*kind));
            // It stands behind a full stop in the outbox.
            assert!(!kind.as_str().contains('.'));
        }
        assert!(all.len() > 50);
        assert_eq!(SignalKind::parse("event-undelivered"), None);
    }

    /// Attacks: AD44.
    #[rstest]
    #[case("https://receiver.example/events", false, Reach::Public, true)]
    #[case("http://receiver.example/events", false, Reach::Public, false)]
    #[case("http://receiver.example/events", true, Reach::Public, true)]
    #[case("https://10.0.0.7/events", false, Reach::Public, false)]
    #[case("https://10.0.0.7/events", false, Reach::Private, true)]
    #[case("https://169.254.169.254/", false, Reach::Private, false)]
    #[case("https://ada:secret@receiver.example/", false, Reach::Public, false)]
    #[case("ftp://receiver.example/", true, Reach::Private, false)]
    fn an_endpoint_is_one_that_may_be_called(
        #[case] endpoint: &str,
        #[case] allow_http: bool,
        #[case] reach: Reach,
        #[case] may: bool,
    ) {
        assert_eq!(check_endpoint(endpoint, allow_http, reach).is_ok(), may);
    }
}
