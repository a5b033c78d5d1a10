//! Redirect URIs: what may be registered, and whether a sent one is a registered one.
//!
//! Comparison is by exact string (RFC 9700 §2.1); the port of a loopback address is the only exception (RFC 8252 §7.3).
//! A parsed URL is never compared: every known bypass lives between two parsers.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest redirect URI, in bytes.
const LONGEST: usize = 1024;

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
        "write it as a browser would: scheme and host in lower case, no default port, no . or .. in the path, / as the least path"
    )]
    NotCanonical,
}

impl RedirectUri {
    /// Reads a URI for registration.
    ///
    /// # Errors
    /// Says what is wrong with it: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1.
    pub fn register(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > LONGEST {
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
        if url.as_str() != text {
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
            || (is_loopback_literal(&self.0)
                && without_port(&self.0) == without_port(sent)
                && port_is_plain(sent))
    }

    /// The host a person is sent back to, with its port where it has one; the scheme for private-use schemes.
    pub fn host(&self) -> String {
        host_of(&self.0)
    }

    /// Whether the answer goes to an app on the person's own computer: a loopback address or a private-use scheme.
    pub fn stays_on_device(&self) -> bool {
        Url::parse(&self.0)
            .is_ok_and(|url| !matches!(url.scheme(), "https" | "http") || is_loopback(&url))
    }
}

/// The host of a URI for people, with its port where it has one; the scheme for private-use schemes.
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

/// How `sent` differs from the registered URI it resembles most, part by part, for the operator's eyes: "trailing slash",
/// "http instead of https", "localhost instead of 127.0.0.1", "port 8080 instead of 8421", ….
pub fn difference(registered: &[RedirectUri], sent: &str) -> String {
    let Some(sent_url) = Url::parse(sent).ok() else {
        return "it is not an absolute URI".to_owned();
    };
    let closest = registered
        .iter()
        .filter_map(|uri| {
            Some((
                parts_that_differ(
                    &Url::parse(uri.as_str()).ok()?,
                    &sent_url,
                    uri.as_str(),
                    sent,
                ),
                uri,
            ))
        })
        .min_by_key(|(parts, _)| parts.len());
    match closest {
        None => "the client has no redirect URI registered".to_owned(),
        Some((parts, uri)) if parts.len() <= 3 => {
            format!("{} (registered: {uri})", parts.join(", "))
        }
        Some(_) => "it resembles no registered URI".to_owned(),
    }
}

fn parts_that_differ(
    registered: &Url,
    sent: &Url,
    registered_text: &str,
    sent_text: &str,
) -> Vec<String> {
    let mut parts = Vec::new();
    let mut differ = |registered: &str, sent: &str, name: &str| {
        if registered != sent {
            let (registered, sent) = (or_none(registered), or_none(sent));
            parts.push(format!("{name}{sent} instead of {registered}"));
        }
    };
    differ(registered.scheme(), sent.scheme(), "");
    differ(
        registered.host_str().unwrap_or(""),
        sent.host_str().unwrap_or(""),
        "",
    );
    let port = |url: &Url| {
        url.port_or_known_default()
            .map(|port| port.to_string())
            .unwrap_or_default()
    };
    if registered.scheme() == sent.scheme() {
        differ(&port(registered), &port(sent), "port ");
    }
    if registered.path().trim_end_matches('/') == sent.path().trim_end_matches('/') {
        if registered.path() != sent.path() {
            parts.push(
                if sent.path().len() > registered.path().len() {
                    "trailing slash"
                } else {
                    "no trailing slash"
                }
                .to_owned(),
            );
        }
    } else if registered.path().eq_ignore_ascii_case(sent.path()) {
        parts.push("upper and lower case of the path".to_owned());
    } else {
        differ(registered.path(), sent.path(), "path ");
    }
    let mut differ = |registered: &str, sent: &str, name: &str| {
        if registered != sent {
            parts.push(format!(
                "{name}{} instead of {}",
                or_none(sent),
                or_none(registered)
            ));
        }
    };
    differ(
        registered.query().unwrap_or(""),
        sent.query().unwrap_or(""),
        "query ",
    );
    differ(
        registered.fragment().unwrap_or(""),
        sent.fragment().unwrap_or(""),
        "fragment ",
    );
    if parts.is_empty() && registered_text != sent_text {
        parts.push("spelled differently (encoding, case of the host, default port)".to_owned());
    }
    parts
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The two spellings RFC 8252 §7.3 gives a free port to. `localhost` is a name, resolved by others, and gets none.
fn is_loopback_literal(uri: &str) -> bool {
    let authority = authority_of(uri);
    uri.starts_with("http://")
        && ["127.0.0.1", "[::1]"]
            .iter()
            .any(|host| authority == *host || authority.starts_with(&format!("{host}:")))
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
    #[case("http://localhost:8421/auth/callback")]
    #[case("http://127.0.0.1/cb")]
    #[case("http://[::1]/cb")]
    #[case("com.example.app:/oauth")]
    fn can_be_registered(#[case] text: &str) {
        assert!(registered(text).admits(text));
    }

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
    #[case("https://rp.example", RedirectUriError::NotCanonical)]
    #[case("http://2130706433/cb", RedirectUriError::NotCanonical)]
    fn cannot_be_registered(#[case] text: &str, #[case] because: RedirectUriError) {
        assert_eq!(RedirectUri::register(text), Err(because));
    }

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

    #[rstest]
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

    #[rstest]
    #[case(
        "https://rp.example/cb/",
        "trailing slash (registered: https://rp.example/cb)"
    )]
    #[case(
        "http://rp.example/cb",
        "http instead of https (registered: https://rp.example/cb)"
    )]
    #[case(
        "https://rp.example:8443/cb",
        "port 8443 instead of 443 (registered: https://rp.example/cb)"
    )]
    #[case(
        "https://rp.example/CB",
        "upper and lower case of the path (registered: https://rp.example/cb)"
    )]
    #[case(
        "https://rp.example/cb?x=1",
        "query x=1 instead of none (registered: https://rp.example/cb)"
    )]
    #[case(
        "https://rp.example:443/cb",
        "spelled differently (encoding, case of the host, default port) (registered: https://rp.example/cb)"
    )]
    #[case("nonsense", "it is not an absolute URI")]
    fn a_difference_is_named_by_its_part(#[case] sent: &str, #[case] says: &str) {
        assert_eq!(
            difference(&[registered("https://rp.example/cb")], sent),
            says
        );
    }
}
