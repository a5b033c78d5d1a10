//! Identifiers that must not be mixed up: who, for whom, and under which grant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{encoding, random, time::Timestamp};

/// The longest client identifier, in bytes.
pub const LONGEST_CLIENT_ID: usize = 128;
/// What every user identifier begins with, and no client identifier may (RFC 9700 §4.15: a client's `sub` never reads as a user's).
const USER_PREFIX: &str = "u-";

/// A new identifier for a token, a code or an attempt: 128 random bits, 22 characters.
pub fn new_id() -> String {
    encoding::encode(&random::bytes::<16>())
}

/// A client identifier (RFC 6749 §2.2): 1 to 128 bytes of `A–Z a–z 0–9 . _ ~ : / -`, not beginning like a user identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// What no client is called.
const ACCOUNT_PAGES: &str = "safeconduct:account";
/// What no client is called but the one that is built in.
const COMMAND_LINE: &str = "safeconduct-cli";

impl ClientId {
    /// Reads a client identifier; `None` if it is not of the form.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:/-".contains(&byte);
        let fits =
            !text.is_empty() && text.len() <= LONGEST_CLIENT_ID && !text.starts_with(USER_PREFIX);
        (fits && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// By which this server calls its own account pages where a sign-in leads to them. No client can be registered under it.
    pub fn account_pages() -> Self {
        Self(ACCOUNT_PAGES.to_owned())
    }

    /// The command line of this server, as the client that it is at the API of administrators. No other can be registered under it.
    pub fn command_line() -> Self {
        Self(COMMAND_LINE.to_owned())
    }

    /// A new identifier for a client that was given none: `c-` and 128 random bits.
    pub fn generate() -> Self {
        Self(format!("c-{}", new_id()))
    }

    /// The identifier as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's stable identifier, the `sub` of their tokens: `u-` and 128 random bits; or the UUID (RFC 9562) by which apps knew them at the system
/// that they came from. Never reused, and no client's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

impl UserId {
    /// A new user's identifier.
    pub fn generate() -> Self {
        Self(format!("{USER_PREFIX}{}", new_id()))
    }

    /// Reads a user identifier; `None` if it is not of the form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::imported(text).or_else(|| {
            let body = text.strip_prefix(USER_PREFIX)?;
            (encoding::decode(body)?.len() == 16).then(|| Self(text.to_owned()))
        })
    }

    /// The identifier that a user had elsewhere: a UUID in lower case, as RFC 9562 §4 writes it. `None` for any other text.
    pub fn imported(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok().filter(|uuid| !uuid.is_nil())?;
        let mut buffer = Uuid::encode_buffer();
        let written = uuid.as_hyphenated().encode_lower(&mut buffer);
        (written == text).then(|| Self(text.to_owned()))
    }

    /// The identifier as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier in fewer characters: without what ours begin with.
    pub(crate) fn shortened(&self) -> &str {
        self.0.strip_prefix(USER_PREFIX).unwrap_or(&self.0)
    }

    /// The identifier that was [`shortened`](Self::shortened).
    pub(crate) fn of_shortened(text: &str) -> Option<Self> {
        Self::imported(text).or_else(|| Self::parse(&format!("{USER_PREFIX}{text}")))
    }
}

/// A browser session's public identifier (`sid`): 128 random bits. It outlives the cookie's secret, which is renewed at every sign-in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

impl SessionId {
    /// A new session's identifier.
    pub fn generate() -> Self {
        Self(new_id())
    }

    /// Reads a session identifier; `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        (encoding::decode(text)?.len() == 16).then(|| Self(text.to_owned()))
    }

    /// The identifier as it is stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one name of an authorization from the first redirect to the last API call: a UUID (version 7), so it tells when it was born.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantId(Uuid);

impl GrantId {
    /// A new grant's identifier, born at `milliseconds` since 1970.
    pub fn generate(milliseconds: i64) -> Self {
        let millis = u64::try_from(milliseconds).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random::bytes::<10>()).into_uuid())
    }

    /// Reads a grant identifier; `None` unless it is a version 7 UUID in its one canonical spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text)
            .ok()
            .filter(|uuid| uuid.get_version_num() == 7)?;
        let grant = Self(uuid);
        (grant.to_string() == text).then_some(grant)
    }

    /// Its 16 bytes.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The identifier of these bytes; `None` unless they are a version 7 UUID.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::parse(&Uuid::from_bytes(bytes).to_string())
    }

    /// When the identifier was made. Nothing that carries it is accepted long after that (see `Lifetimes::latest_redemption`).
    pub fn born(self) -> Timestamp {
        let bytes = self.0.as_bytes();
        let millis = bytes[..6]
            .iter()
            .fold(0_i64, |sum, &byte| (sum << 8) | i64::from(byte));
        Timestamp::from_seconds(millis / 1000)
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl From<GrantId> for String {
    fn from(id: GrantId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for GrantId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("grant id"))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> String {
        id.0
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> String {
        id.0
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("client id"))
    }
}

impl TryFrom<String> for UserId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("user id"))
    }
}

impl TryFrom<String> for SessionId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("session id"))
    }
}

/// A text that is not the value it should be; it names the kind, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed {0}")]
pub struct Malformed(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_id_tells_when_it_was_born() {
        let id = GrantId::generate(1_795_000_123_456);
        assert_eq!(id.born(), Timestamp::from_seconds(1_795_000_123));
        assert_eq!(GrantId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn a_grant_id_has_one_spelling() {
        let id = GrantId::generate(1_795_000_123_456).to_string();
        assert_eq!(GrantId::parse(&id.to_uppercase()), None);
        assert_eq!(GrantId::parse(&id.replace('-', "")), None);
        assert_eq!(
            GrantId::parse("9b2b8b1e-97f0-4f0a-8b0e-0d9b7c1f0c11"),
            None,
            "version 4 tells no birth"
        );
    }

    /// Attacks: AP74.
    #[test]
    fn a_user_keeps_the_uuid_that_apps_know_them_by() {
        let uuid = "0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01";
        let user = UserId::imported(uuid).unwrap();
        assert_eq!(user.as_str(), uuid);
        assert_eq!(UserId::parse(uuid).as_ref(), Some(&user));
        for id in [user, UserId::generate()] {
            assert_eq!(UserId::of_shortened(id.shortened()), Some(id));
        }
        for other in [
            "0D8A7A1E-0A52-4A3E-9C19-0D0C4B6F7D01",
            "0d8a7a1e0a524a3e9c190d0c4b6f7d01",
            "{0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01}",
            "urn:uuid:0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01",
            "00000000-0000-0000-0000-000000000000",
            "ada",
            "",
        ] {
            assert_eq!(UserId::parse(other), None, "{other}");
        }
    }

    /// Attacks: T17.
    #[test]
    fn a_client_never_reads_as_a_user() {
        let user = UserId::generate();
        assert!(ClientId::parse(user.as_str()).is_none());
        assert!(UserId::parse(ClientId::generate().as_str()).is_none());
    }

    #[test]
    fn client_ids_hold_nothing_that_needs_escaping() {
        for bad in [
            "",
            "a b",
            "a\0",
            "a'--",
            "a\"",
            "(cn=*)",
            "é",
            "a%20",
            &"x".repeat(129),
        ] {
            assert!(ClientId::parse(bad).is_none(), "{bad:?}");
        }
        assert!(ClientId::parse("https://app.example/client.json").is_some());
    }
}
