//! The receivers of security events that a configuration names: whether they can be told what they are to be told, and where no stranger
//! listens.

use std::collections::HashSet;
use std::path::PathBuf;

use safeconduct_protocol::ids::ClientId;
use safeconduct_server::event_receivers::{EventReceiver, SignalKind, check_endpoint, is_header};
use safeconduct_server::outgoing::Reach;

use super::at::At;
use super::file::{self, Config};
use super::findings::Findings;
use super::problem::{Origin, Problems};
use super::secret_file;

/// The most letters of a name.
const LONGEST_NAME: usize = 64;

/// A receiver of a configuration. What it is called with is read when it is needed.
pub(crate) struct Receiver {
    receiver: EventReceiver,
    /// The file of the header, and where that was written.
    authorization: Option<(PathBuf, Origin)>,
}

impl Receiver {
    /// What the server needs to know of it, the header among it.
    ///
    /// # Errors
    /// The file can't be read, everyone on this machine can read it, or it holds what is no header.
    pub(crate) fn settings(&self) -> Result<EventReceiver, Problems> {
        let mut receiver = self.receiver.clone();
        if let Some((path, origin)) = &self.authorization {
            let refuse =
                |message: String, advice: String| Problems::one(origin.clone(), message, advice);
            let header =
                secret_file::read(path).map_err(|(message, advice)| refuse(message, advice))?;
            if !is_header(&header) {
                let message = format!("{} holds what is no header", path.display());
                let advice =
                    "write what stands behind `Authorization:`, such as Bearer and a token";
                return Err(refuse(message, advice.to_owned()));
            }
            receiver.authorization = Some(header);
        }
        Ok(receiver)
    }
}

/// Judges `[[event_receivers]]`.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> Vec<Receiver> {
    let mut names = HashSet::new();
    let mut receivers = Vec::new();
    for (index, written) in config.event_receivers.iter().enumerate() {
        let at = At::key("event_receivers").item(index);
        check_name(&written.name, &mut names, &at, findings);
        let reach = match written.allow_private_network {
            true => Reach::Private,
            false => Reach::Public,
        };
        check_where(written, reach, &at, findings);
        if written.audience.is_empty() {
            findings.refuse(
                &at.then("audience"),
                "an event without an audience could be told to others",
                "write what the receiver calls itself, such as its URL",
            );
        }
        let events = events_of(written, &at, findings);
        let client = client_of(written, &at, findings);
        let file = at.then("authorization_file");
        let authorization = written.authorization_file.as_deref().map(|path| {
            (
                findings.layers.resolve(&file, path),
                findings.layers.origin(&file),
            )
        });
        receivers.push(Receiver {
            receiver: EventReceiver {
                name: written.name.clone(),
                endpoint: written.endpoint.clone(),
                audience: written.audience.clone(),
                events,
                authorization: None,
                client,
                signing_alg: written.signing_alg,
                reach,
            },
            authorization,
        });
    }
    receivers
}

/// How far a receiver has come is remembered by its name.
fn check_name<'n>(
    name: &'n str,
    names: &mut HashSet<&'n str>,
    at: &At,
    findings: &mut Findings<'_>,
) {
    let at = at.then("name");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        findings.refuse(
            &at,
            format!("`{name}` is no name of a receiver"),
            "write small letters, digits and hyphens, such as \"siem\"",
        );
    } else if !names.insert(name) {
        findings.refuse(
            &at,
            format!("two receivers are called `{name}`"),
            "give each a name of its own: how far it has been told is remembered by it",
        );
    }
}

fn check_where(written: &file::EventReceiver, reach: Reach, at: &At, findings: &mut Findings<'_>) {
    let checked = check_endpoint(&written.endpoint, written.allow_http, reach);
    if let Err(why) = checked {
        findings.refuse(
            &at.then("endpoint"),
            format!("events can't be pushed to `{}`: {why}", shown(&written.endpoint)),
            "write the https URL that the receiver gave you; in a network of yours set allow_private_network = true, and without TLS allow_http = true",
        );
    } else if written.allow_http {
        findings.warn(
            &at.then("allow_http"),
            format!(
                "what `{}` is told goes over the network in the clear",
                written.name
            ),
            "leave it out where the receiver has a certificate",
        );
    }
}

/// An endpoint without what may be a password in it.
fn shown(endpoint: &str) -> String {
    match endpoint.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => endpoint.to_owned(),
    }
}

fn events_of(
    written: &file::EventReceiver,
    at: &At,
    findings: &mut Findings<'_>,
) -> Vec<SignalKind> {
    let at = at.then("events");
    if written.events.is_empty() {
        findings.refuse(
            &at,
            format!("`{}` would be told nothing", written.name),
            "name events, such as \"session-revoked\", or leave it out",
        );
    }
    let mut events: Vec<SignalKind> = Vec::new();
    for (index, name) in written.events.iter().enumerate() {
        match SignalKind::parse(name) {
            Some(kind) if events.contains(&kind) => {}
            Some(kind) => events.push(kind),
            None => {
                let near = SignalKind::all().max_by(|one, other| {
                    let of = |kind: &SignalKind| strsim::jaro(kind.as_str(), name);
                    of(one).total_cmp(&of(other))
                });
                let near = near.map_or("session-revoked", SignalKind::as_str);
                findings.refuse(
                    &at.item(index),
                    format!("`{name}` is nothing that receivers are told"),
                    format!("did you mean `{near}`? docs/reference/events.md has all of them"),
                );
            }
        }
    }
    events
}

fn client_of(
    written: &file::EventReceiver,
    at: &At,
    findings: &mut Findings<'_>,
) -> Option<ClientId> {
    let name = written.client.as_deref()?;
    let client = ClientId::parse(name);
    if client.is_none() {
        findings.refuse(
            &at.then("client"),
            format!("`{name}` can't be the id of a client"),
            "name the client whose users the receiver knows",
        );
    }
    client
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::said_against;

    /// What is said against a receiver with this in it.
    fn said(more: &str) -> String {
        let text = format!(
            "issuer = \"http://localhost:8420\"\n[[event_receivers]]\nname = \"siem\"\naudience = \"https://siem.example\"\n{more}"
        );
        said_against(&text)
    }

    /// Attacks: AD44.
    #[rstest]
    #[case("endpoint = \"https://siem.example/events\"\n", "")]
    #[case("endpoint = \"http://siem.example/events\"\n", "in the clear")]
    #[case(
        "endpoint = \"http://siem.example/events\"\nallow_http = true\n",
        "goes over the network in the clear"
    )]
    #[case(
        "endpoint = \"https://169.254.169.254/\"\nallow_private_network = true\n",
        "none that may be called"
    )]
    #[case("endpoint = \"https://10.0.0.7/\"\n", "none that may be called")]
    #[case("endpoint = \"https://10.0.0.7/\"\nallow_private_network = true\n", "")]
    #[case(
        "endpoint = \"https://siem.example/\"\nevents = [\"session-revokd\"]\n",
        "did you mean `session-revoked`?"
    )]
    #[case(
        "endpoint = \"https://siem.example/\"\nevents = [\"event-undelivered\"]\n",
        "is nothing that receivers are told"
    )]
    #[case(
        "endpoint = \"https://siem.example/\"\nevents = []\n",
        "would be told nothing"
    )]
    #[case(
        "endpoint = \"https://siem.example/\"\nevents = [\"user-locked\", \"credential-change\"]\n",
        ""
    )]
    #[case(
        "endpoint = \"https://siem.example/\"\n[[event_receivers]]\nname = \"siem\"\naudience = \"a\"\nendpoint = \"https://b.example/\"\n",
        "two receivers are called `siem`"
    )]
    fn a_receiver_is_one_that_may_be_told(#[case] more: &str, #[case] says: &str) {
        let said = said(more);
        assert!(said.contains(says), "{said}");
        assert_eq!(says.is_empty(), said.is_empty(), "{said}");
    }

    #[test]
    fn a_password_in_an_endpoint_is_not_shown() {
        let said = said("endpoint = \"https://ada:hunter2@siem.example/\"\n");
        assert!(said.contains("…@siem.example"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
