//! The addresses a guard is told to trust: which may be spoken to, and where their well-known documents stand.

use std::fmt;

use url::{Host, Url};

/// Why an address cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not an absolute URL of plain ASCII.
    #[error("is not an absolute URL such as https://id.example.com")]
    Malformed,
    /// `http`, and the host is not this machine.
    #[error("must begin with https:// (http:// is for localhost, 127.0.0.1 and [::1] alone)")]
    Insecure,
    /// A user name or a password stands in it.
    #[error("must not carry a user name or a password")]
    Credentials,
    /// A query or a fragment stands in it.
    #[error("must not carry a query or a fragment")]
    QueryOrFragment,
}

/// An `https` URL, or an `http` URL of this machine, kept byte for byte as it was written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    text: String,
    loopback: bool,
}

impl Address {
    /// Reads the identifier of an issuer or a resource: no query, no fragment (RFC 8414 §2, RFC 9728 §1.2).
    pub(crate) fn identifier(text: &str) -> Result<Self, AddressError> {
        let address = Self::endpoint(text)?;
        if text.contains(['?', '#']) {
            return Err(AddressError::QueryOrFragment);
        }
        Ok(address)
    }

    /// Reads the URL of an endpoint, which may have a query.
    pub(crate) fn endpoint(text: &str) -> Result<Self, AddressError> {
        // What a parser would repair (spaces, backslashes) or a quoted string could not hold is refused.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>^`{|}".contains(&byte);
        if !text.bytes().all(plain)
            || !(text.starts_with("https://") || text.starts_with("http://"))
        {
            return Err(AddressError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
        let loopback = is_loopback(&url);
        if url.scheme() != "https" && !loopback {
            return Err(AddressError::Insecure);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(AddressError::QueryOrFragment);
        }
        Ok(Self {
            text: text.to_owned(),
            loopback,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    pub(crate) fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Where the well-known document `name` of this identifier stands: before its path, without the slash that ends
    /// it (RFC 8414 §3, RFC 9728 §3).
    pub(crate) fn well_known(&self, name: &str) -> String {
        let (origin, path) = self.split();
        format!("{origin}/.well-known/{name}{path}")
    }

    /// The path of [`Address::well_known`].
    pub(crate) fn well_known_path(&self, name: &str) -> String {
        format!("/.well-known/{name}{}", self.split().1)
    }

    /// Scheme, host and port, as they were written.
    pub(crate) fn origin(&self) -> &str {
        self.split().0
    }

    /// The address without the slash that ends it.
    pub(crate) fn without_end(&self) -> &str {
        self.text.strip_suffix('/').unwrap_or(&self.text)
    }

    fn split(&self) -> (&str, &str) {
        let authority = self
            .text
            .find("://")
            .map_or(0, |scheme| scheme + "://".len());
        let end = self.text[authority..]
            .find('/')
            .map_or(self.text.len(), |slash| authority + slash);
        let (origin, path) = self.text.split_at(end);
        (origin, path.strip_suffix('/').unwrap_or(path))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://id.example.com")]
    #[case("https://id.example.com/")]
    #[case("https://id.example.com:8443/tenant/a")]
    #[case("http://localhost:8420")]
    #[case("http://127.0.0.1:8420")]
    #[case("http://[::1]:8420")]
    fn https_and_this_machine_are_trusted(#[case] text: &str) {
        assert_eq!(
            Address::identifier(text).map(|address| address.to_string()),
            Ok(text.to_owned())
        );
    }

    #[rstest]
    #[case("", AddressError::Malformed)]
    #[case("notes-api", AddressError::Malformed)]
    #[case("https:id.example.com", AddressError::Malformed)]
    #[case("https://id.example.com\\@evil.example", AddressError::Malformed)]
    #[case("https://id.example.com/a b", AddressError::Malformed)]
    #[case("https://id.example.com/\"", AddressError::Malformed)]
    #[case("HTTPS://id.example.com", AddressError::Malformed)]
    #[case("ftp://id.example.com", AddressError::Malformed)]
    #[case("http://id.example.com", AddressError::Insecure)]
    #[case("http://localhost.evil.example", AddressError::Insecure)]
    #[case("http://127.0.0.1.evil.example", AddressError::Insecure)]
    #[case("https://user@id.example.com", AddressError::Credentials)]
    #[case("https://id.example.com?", AddressError::QueryOrFragment)]
    #[case("https://id.example.com?tenant=a", AddressError::QueryOrFragment)]
    #[case("https://id.example.com#", AddressError::QueryOrFragment)]
    fn anything_else_is_refused(#[case] text: &str, #[case] error: AddressError) {
        assert_eq!(Address::identifier(text).err(), Some(error));
    }

    #[rstest]
    #[case("https://a.example", "https://a.example/.well-known/x")]
    #[case("https://a.example/", "https://a.example/.well-known/x")]
    #[case("https://a.example/t/1", "https://a.example/.well-known/x/t/1")]
    #[case("https://a.example/t/", "https://a.example/.well-known/x/t")]
    #[case("http://[::1]:80/t", "http://[::1]:80/.well-known/x/t")]
    fn a_well_known_document_stands_before_the_path(
        #[case] identifier: &str,
        #[case] document: &str,
    ) {
        let address = Address::identifier(identifier).unwrap();
        assert_eq!(address.well_known("x"), document);
        assert!(document.ends_with(&address.well_known_path("x")));
    }
}
