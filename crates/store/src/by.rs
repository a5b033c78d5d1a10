//! Who changes something, and how: what every event says beside what it is about. [`Store::by`] gives the store to someone, and the
//! methods that write events are there and nowhere else.

use std::net::IpAddr;
use std::sync::Arc;

use safeconduct_protocol::ids::{ClientId, UserId};

use crate::driver::{DriverError, Row, Statement};
use crate::store::{ActingStore, Store};

/// The most characters that are kept of the name of a shell's user.
const LONGEST_NAME: usize = 128;

/// Who changes something, from where, and in which request. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By(Arc<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    who: Who,
    door: Door,
    address: Option<IpAddr>,
    correlation_id: Option<String>,
}

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody knows.
    Unknown,
    /// A user who proved who they are, with a password, a link or whatever their account has.
    Person(UserId),
    /// A client that authenticated, or a public one that showed its id.
    Client(ClientId),
    /// Whoever runs a command, by the name that the machine has for them.
    Shell(String),
    /// The server, because it was time.
    Server,
}

/// By which door they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A command.
    Cli,
    /// The administrators' API.
    Api,
    /// The administrators' console.
    Console,
    /// A page of ours, in a browser.
    Page,
    /// What apps call.
    Endpoint,
    /// None: the server was inside.
    Server,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 6] = [
        Self::Cli,
        Self::Api,
        Self::Console,
        Self::Page,
        Self::Endpoint,
        Self::Server,
    ];

    /// Its name in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Console => "console",
            Self::Page => "page",
            Self::Endpoint => "endpoint",
            Self::Server => "server",
        }
    }

    /// The door of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.as_str() == name)
    }
}

impl Who {
    /// What they are, in the column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Person(_) => "person",
            Self::Client(_) => "client",
            Self::Shell(_) => "shell",
            Self::Server => "server",
        }
    }

    /// Which of those.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown | Self::Server => None,
            Self::Person(user) => Some(user.as_str()),
            Self::Client(client) => Some(client.as_str()),
            Self::Shell(name) => Some(name),
        }
    }

    /// What a later release has, or nobody, is unknown.
    pub(crate) fn parse(kind: &str, name: &str) -> Self {
        let known = match kind {
            "person" => UserId::parse(name).map(Self::Person),
            "client" => ClientId::parse(name).map(Self::Client),
            "shell" => Some(Self::Shell(name.to_owned())),
            "server" => Some(Self::Server),
            _ => None,
        };
        known.unwrap_or(Self::Unknown)
    }
}

impl By {
    /// `who` by `door`, from nowhere and in no request.
    pub fn new(who: Who, door: Door) -> Self {
        Self(Arc::new(Parts {
            who,
            door,
            address: None,
            correlation_id: None,
        }))
    }

    /// The server, because it was time.
    pub fn server() -> Self {
        Self::new(Who::Server, Door::Server)
    }

    /// Who runs a command. What no text may hold is left out of `name`, and what is too long for one.
    pub fn shell(name: &str) -> Self {
        let name = name.chars().filter(|char| !char.is_control());
        let name = name.take(LONGEST_NAME).collect();
        Self::new(Who::Shell(name), Door::Cli)
    }

    /// The same in the request of this name, from an address if that is known.
    #[must_use]
    pub fn in_request(self, address: Option<IpAddr>, correlation_id: &str) -> Self {
        Self(Arc::new(Parts {
            address,
            correlation_id: Some(correlation_id.to_owned()),
            ..Arc::unwrap_or_clone(self.0)
        }))
    }

    /// Who.
    pub fn who(&self) -> &Who {
        &self.0.who
    }

    /// By which door.
    pub fn door(&self) -> Door {
        self.0.door
    }

    /// From where.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// In which request.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// Gives the next five parameters of `statement` their values: kind, name, door, address, correlation id.
    pub(crate) fn bind_to(&self, statement: Statement) -> Statement {
        let Parts {
            who,
            door,
            address,
            correlation_id,
        } = &*self.0;
        statement
            .bind(who.kind())
            .bind(who.name())
            .bind(door.as_str())
            .bind(address.map(|address| address.to_string()))
            .bind(correlation_id.as_deref())
    }

    /// From the five columns.
    pub(crate) fn read(row: &mut Row) -> Result<Self, DriverError> {
        let (kind, name) = (row.text()?, row.optional_text()?);
        let door = row.text()?;
        Ok(Self(Arc::new(Parts {
            who: Who::parse(&kind, name.as_deref().unwrap_or_default()),
            door: Door::parse(&door).unwrap_or(Door::Server),
            address: row.optional_text()?.and_then(|text| text.parse().ok()),
            correlation_id: row.optional_text()?,
        })))
    }
}

impl Store {
    /// The store in the hands of `by`, who can change what leaves an event.
    pub fn by(&self, by: By) -> ActingStore {
        ActingStore::new(self.clone(), by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_s_user_is_called_by_what_a_column_holds() {
        let long = format!("a\0d\na{}", "x".repeat(200));
        let by = By::shell(&long);
        let name = by.who().name().unwrap();
        assert!(name.starts_with("adax"), "{name}");
        assert_eq!(name.len(), LONGEST_NAME);
    }

    #[test]
    fn what_is_written_of_who_it_was_is_read_as_the_same() {
        let user = UserId::generate();
        for who in [
            Who::Unknown,
            Who::Person(user),
            Who::Client(ClientId::parse("shop").unwrap()),
            Who::Shell("ada (1000)".to_owned()),
            Who::Server,
        ] {
            assert_eq!(Who::parse(who.kind(), who.name().unwrap_or_default()), who);
        }
        for door in Door::ALL {
            assert_eq!(Door::parse(door.as_str()), Some(door));
        }
    }
}
