//! Redirect URIs: what may be registered, and whether a sent one is a registered one.
//!
//! Comparison is by exact string (RFC 9700 §2.1); the port of a loopback address is the only exception (RFC 8252 §7.3). So a
//! URI without a path is one URI, and the same with a `/` is another: an app registers the one that it sends. A parsed URL is never compared: every known bypass lives between two parsers.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    difference::{self, Port},
    loopback::{is_loopback, is_loopback_literal},
};

/// The longest redirect URI, in bytes.
pub const LONGEST_REDIRECT_URI: usize = 1024;

/// A redirect URI that a client registered, character by character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

/// Why a redirect URI can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectUriError {
    /// Not an absolute URI.
    #[error("it is not an absolute URI")]
    NotAbsolute,
    /// Longer than 1024 bytes.
    #[error("it is longer than 1024 bytes")]
    TooLong,
    /// A space, a control or a non-ASCII character, or a backslash.
    #[error("it holds a character that must be percent-encoded")]
    Character,
    /// A fragment (RFC 6749 §3.1.2).
    #[error("it has a fragment (#…)")]
    Fragment,
    /// `http` to a host that is not loopback.
    #[error("http is for loopback addresses only; use https")]
    PlainHttp,
    /// A scheme that is neither http(s) nor a reversed domain name (RFC 8252 §7.1).
    #[error("a private-use scheme must be a reversed domain name, like com.example.app")]
    Scheme,
    /// A user name or password before the host.
    #[error("it names a user (user@host)")]
    UserInformation,
    /// A pattern instead of a URI.
    #[error("patterns are not supported; register each URI")]
    Wildcard,
    /// Something a URL parser would write differently, so that two readers could disagree about it.
    #[error(
        "write it as a browser would: scheme and host in lower case, no default port, no . or .. in the path, a / before the query"
    )]
    NotCanonical,
}

impl RedirectUri {
    /// Reads a URI for registration.
    ///
    /// # Errors
    /// Says what is wrong with it: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1.
    pub fn register(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > LONGEST_REDIRECT_URI {
            return Err(RedirectUriError::TooLong);
        }
        if text
            .bytes()
            .any(|byte| !byte.is_ascii_graphic() || b"\\\"<>^`{|}".contains(&byte))
        {
            return Err(RedirectUriError::Character);
        }
        if text.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        if text.contains('*') {
            return Err(RedirectUriError::Wildcard);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::NotAbsolute)?;
        if !url.username().is_empty()
            || url.password().is_some()
            || authority_of(text).contains('@')
        {
            return Err(RedirectUriError::UserInformation);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(RedirectUriError::PlainHttp),
            scheme if scheme.contains('.') => {}
            _ => return Err(RedirectUriError::Scheme),
        }
        // Where nothing follows the authority, a browser writes the `/` that the app may leave out.
        let least_path_left_out = url.as_str().strip_suffix('/') == Some(text);
        if url.as_str() != text && !least_path_left_out {
            return Err(RedirectUriError::NotCanonical);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `sent` is this URI: the same string, or the same but for the port of a loopback IP address (RFC 8252 §7.3).
    pub fn admits(&self, sent: &str) -> bool {
        self.0 == sent
            || (has_free_port(&self.0)
                && without_port(&self.0) == without_port(sent)
                && port_is_plain(sent))
    }

    /// The host a user is sent back to, with its port where it has one; the scheme for private-use schemes.
    pub fn host(&self) -> String {
        host_of(&self.0)
    }

    /// Whether the answer goes to an app on the user's own computer: a loopback address or a private-use scheme.
    pub fn stays_on_device(&self) -> bool {
        Url::parse(&self.0)
            .is_ok_and(|url| !matches!(url.scheme(), "https" | "http") || is_loopback(&url))
    }
}

/// The host of a URI for users, with its port where it has one; the scheme for private-use schemes.
pub fn host_of(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => format!("{}:", url.scheme()),
        },
        Err(_) => String::new(),
    }
}

/// How `sent` differs from the registered URI it resembles most, for the operator's eyes.
pub fn difference(registered: &[RedirectUri], sent: &str) -> String {
    let registered = registered.iter().map(RedirectUri::as_str);
    difference::to_the_closest(registered, sent, Port::FreeOnLoopback)
}

/// Whether its port is free (RFC 8252 §7.3).
fn has_free_port(uri: &str) -> bool {
    uri.starts_with("http://") && is_loopback_literal(authority_of(uri))
}

/// What stands between `//` and the next `/`, `?` or `#`.
fn authority_of(uri: &str) -> &str {
    let rest = uri.split_once("//").map_or("", |(_, rest)| rest);
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

fn port_of(uri: &str) -> Option<&str> {
    let authority = authority_of(uri);
    let after_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    authority[after_host..]
        .split_once(':')
        .map(|(_, port)| port)
}

fn without_port(uri: &str) -> String {
    match port_of(uri) {
        Some(port) => {
            let authority = authority_of(uri);
            uri.replacen(authority, &authority[..authority.len() - port.len() - 1], 1)
        }
        None => uri.to_owned(),
    }
}

fn port_is_plain(uri: &str) -> bool {
    port_of(uri).is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number > 0 && number.to_string() == port)
    })
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> String {
        uri.0
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectUriError;
    fn try_from(text: String) -> Result<Self, RedirectUriError> {
        Self::register(&text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn registered(text: &str) -> RedirectUri {
        RedirectUri::register(text).unwrap()
    }

    #[rstest]
    #[case("https://rp.example/cb")]
    #[case("https://rp.example/cb?tenant=7&x=%7E")]
    #[case("https://rp.example:8443/")]
    #[case("https://rp.example")]
    #[case("https://rp.example:8443")]
    #[case("http://localhost:8000")]
    #[case("http://127.0.0.1")]
    #[case("http://[::1]:8000")]
    #[case("http://localhost:8421/auth/callback")]
    #[case("http://127.0.0.1/cb")]
    #[case("http://[::1]/cb")]
    #[case("com.example.app:/oauth")]
    fn can_be_registered(#[case] text: &str) {
        assert!(registered(text).admits(text));
    }

    /// Attacks: R09, R10, R16, R21.
    #[rstest]
    #[case("http://rp.example/cb", RedirectUriError::PlainHttp)]
    #[case("http://127.0.0.1.evil.example/cb", RedirectUriError::PlainHttp)]
    #[case("https://rp.example/cb#x", RedirectUriError::Fragment)]
    #[case("https://*.rp.example/cb", RedirectUriError::Wildcard)]
    #[case("https://user@rp.example/cb", RedirectUriError::UserInformation)]
    #[case("https://@rp.example/cb", RedirectUriError::UserInformation)]
    #[case("javascript:alert(1)", RedirectUriError::Scheme)]
    #[case("JaVaScRiPt:alert(1)", RedirectUriError::Scheme)]
    #[case("data:text/html,x", RedirectUriError::Scheme)]
    #[case("myapp://cb", RedirectUriError::Scheme)]
    #[case("/cb", RedirectUriError::NotAbsolute)]
    #[case("//evil.example", RedirectUriError::NotAbsolute)]
    #[case("", RedirectUriError::NotAbsolute)]
    #[case(" https://rp.example/", RedirectUriError::Character)]
    #[case("java\tscript:x", RedirectUriError::Character)]
    #[case("https://rp.example/\r\nSet-Cookie:x", RedirectUriError::Character)]
    #[case("https://rp.example\\@evil.example", RedirectUriError::Character)]
    #[case("https://rp.example/a/../cb", RedirectUriError::NotCanonical)]
    #[case("https://RP.example/cb", RedirectUriError::NotCanonical)]
    #[case("https://rp.example:443/cb", RedirectUriError::NotCanonical)]
    #[case("https://RP.example", RedirectUriError::NotCanonical)]
    #[case("https://rp.example:443", RedirectUriError::NotCanonical)]
    #[case("https://rp.example?x=1", RedirectUriError::NotCanonical)]
    #[case("https:rp.example", RedirectUriError::NotCanonical)]
    #[case("https:/rp.example", RedirectUriError::NotCanonical)]
    #[case("https:///rp.example", RedirectUriError::NotCanonical)]
    #[case("https://rp.example/..", RedirectUriError::NotCanonical)]
    #[case("https://", RedirectUriError::NotAbsolute)]
    #[case("http://rp.example", RedirectUriError::PlainHttp)]
    #[case("https://rp.example#", RedirectUriError::Fragment)]
    #[case("https://user@rp.example", RedirectUriError::UserInformation)]
    #[case("http://2130706433/cb", RedirectUriError::NotCanonical)]
    fn cannot_be_registered(#[case] text: &str, #[case] because: RedirectUriError) {
        assert_eq!(RedirectUri::register(text), Err(because));
    }

    /// Attacks: R01, R02, R03, R06, R11.
    #[rstest]
    #[case("https://rp.example.evil.com/cb")]
    #[case("https://evilrp.example/cb")]
    #[case("https://rp.example@evil.com/cb")]
    #[case("https://a@b@evil.com/cb")]
    #[case("https://rp.example/CB")]
    #[case("https://rp.example/cb/")]
    #[case("https://rp.example/cb/../x")]
    #[case("https://rp.example/cb/..;/x")]
    #[case("https://rp.example/./cb")]
    #[case("https://rp.example//cb")]
    #[case("https://rp.example/cb;x")]
    #[case("https://rp.example/cb?")]
    #[case("https://rp.example/cb?x=1")]
    #[case("https://rp.example/cb#x")]
    #[case("https://rp.example/cb%23")]
    #[case("https://rp.example/%63b")]
    #[case("https://rp.example:443/cb")]
    #[case("https://rp.example:8443/cb")]
    #[case("https://RP.EXAMPLE/cb")]
    #[case("HTTPS://rp.example/cb")]
    #[case("http://rp.example/cb")]
    #[case("//rp.example/cb")]
    #[case("https:rp.example/cb")]
    #[case("https:/rp.example/cb")]
    #[case("https:///rp.example/cb")]
    #[case("https://rp.example/cb\0")]
    #[case("https://rp.example/cb\r\n")]
    #[case(" https://rp.example/cb")]
    #[case("https://rp.example\u{2024}com/cb")]
    #[case("")]
    fn only_the_same_string_is_admitted(#[case] sent: &str) {
        assert!(!registered("https://rp.example/cb").admits(sent));
    }

    /// The shortest URI there is admits nothing that only begins like it.
    /// Attacks: R07.
    #[rstest]
    #[case("https://rp.example/")]
    #[case("https://rp.example?")]
    #[case("https://rp.example?x=1")]
    #[case("https://rp.example#")]
    #[case("https://rp.example/cb")]
    #[case("https://rp.example.evil.com")]
    #[case("https://rp.example@evil.com")]
    #[case("https://rp.example:443")]
    #[case("https://rp.example:@evil.com")]
    #[case("https://rp.example\\.evil.com")]
    #[case("https://rp.example%2eevil.com")]
    #[case("https://rp.example ")]
    #[case("https://RP.example")]
    #[case("https:rp.example")]
    #[case("http://rp.example")]
    fn a_uri_without_a_path_is_exactly_that_string(#[case] sent: &str) {
        assert!(!registered("https://rp.example").admits(sent));
    }

    /// Attacks: R12, R13.
    #[rstest]
    #[case("http://127.0.0.1", "http://127.0.0.1:8000", true)]
    #[case("http://127.0.0.1:1", "http://127.0.0.1", true)]
    #[case("http://[::1]", "http://[::1]:8000", true)]
    #[case("http://127.0.0.1", "http://127.0.0.1:8000/", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1:8000?x", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1:80@evil.com", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1:80\\@evil.com", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1.evil.com", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1:", false)]
    #[case("http://127.0.0.1", "http://127.0.0.1:80:90", false)]
    #[case("http://127.0.0.1/", "http://127.0.0.1:8000", false)]
    #[case("http://localhost:8000", "http://localhost:8001", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true)]
    #[case("http://127.0.0.1:1234/cb?x=1", "http://127.0.0.1:49152/cb?x=1", true)]
    #[case("http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", true)]
    #[case("http://[::1]/cb", "http://[::1]:5000/cb", true)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:5000/other", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb?x=1", false)]
    #[case("http://127.0.0.1/cb", "http://localhost:5000/cb", false)]
    #[case("http://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.2:5000/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.1:5000/cb", false)]
    #[case("http://127.0.0.1/cb", "http://0x7f.1/cb", false)]
    #[case("http://127.0.0.1/cb", "http://2130706433/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1.evil.com/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.com/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:80:90/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:080/cb", false)]
    #[case("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false)]
    #[case("http://127.0.0.1/cb", "http://[::ffff:127.0.0.1]:80/cb", false)]
    #[case("http://localhost/cb", "http://localhost:5000/cb", false)]
    #[case("https://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false)]
    fn only_a_loopback_address_may_change_its_port(
        #[case] uri: &str,
        #[case] sent: &str,
        #[case] admitted: bool,
    ) {
        assert_eq!(registered(uri).admits(sent), admitted);
    }
}
