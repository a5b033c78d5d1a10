//! The addresses that are trusted: which may be spoken to, and where an issuer's documents stand.

use std::fmt;

use safeconduct_protocol::loopback::is_loopback;
use url::Url;

use crate::network::PlainHttp;

/// Why an address cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No scheme, or no host behind it.
    #[error("is not an absolute URL such as https://id.example.com")]
    Malformed,
    /// A character that a reader of URLs would repair, or leave out.
    #[error(
        "holds a character that no URL has, such as a space, a backslash or a letter outside ASCII"
    )]
    Character,
    /// Another scheme than `https`, or `http` where the host is not this machine.
    #[error("must begin with https:// (http:// is for localhost, 127.0.0.1 and [::1] alone)")]
    Insecure,
    /// `http` to an address that is in no private network, where private networks are allowed.
    #[error(
        "must begin with https://: it is in no private network, which plain http is allowed for"
    )]
    Public,
    /// A user name or a password stands in it.
    #[error("must not carry a user name or a password")]
    Credentials,
    /// A query or a fragment stands in what names an issuer or an API.
    #[error("must not carry a query or a fragment")]
    QueryOrFragment,
    /// A fragment stands in the URL of an endpoint.
    #[error("must not carry a fragment")]
    Fragment,
}

/// An `https` URL, or an `http` URL of this machine or, where that is allowed, of a private network; kept byte for byte as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    url: Url,
    plain: PlainHttp,
}

impl Address {
    /// Reads the identifier of an issuer or a resource: no query, no fragment (RFC 8414 §2, RFC 9728 §1.2).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn identifier(text: &str) -> Result<Self, AddressError> {
        Self::identifier_over(text, PlainHttp::OnThisMachine)
    }

    /// As [`Address::identifier`], where plain http may go as far as `plain` says.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn identifier_over(text: &str, plain: PlainHttp) -> Result<Self, AddressError> {
        let address = Self::read(text, plain)?;
        if text.contains(['?', '#']) {
            return Err(AddressError::QueryOrFragment);
        }
        Ok(address)
    }

    /// Reads the URL of an endpoint, which may have a query.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn endpoint(text: &str) -> Result<Self, AddressError> {
        Self::endpoint_over(text, PlainHttp::OnThisMachine)
    }

    /// As [`Address::endpoint`], where plain http may go as far as `plain` says.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn endpoint_over(text: &str, plain: PlainHttp) -> Result<Self, AddressError> {
        let address = Self::read(text, plain)?;
        if address.url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        Ok(address)
    }

    fn read(text: &str, plain: PlainHttp) -> Result<Self, AddressError> {
        // What a parser would repair (spaces, backslashes) or a quoted string could not hold is refused.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>^`{|}".contains(&byte);
        if !text.bytes().all(is_plain) {
            return Err(AddressError::Character);
        }
        let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
        // As it is written: a lenient parser reads `https:id.example.com` too.
        if !(text.starts_with("https://") || text.starts_with("http://") && plain.allows(&url)) {
            let is_public = text.starts_with("http://") && plain == PlainHttp::InPrivateNetwork;
            return Err(match is_public {
                true => AddressError::Public,
                false => AddressError::Insecure,
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
            plain,
        })
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address as a request needs it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// How far plain http may go for what is found there.
    pub fn plain_http(&self) -> PlainHttp {
        self.plain
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Where the well-known document `name` of this identifier stands: before its path, without the slash that ends
    /// it (RFC 8414 §3, RFC 9728 §3).
    pub fn well_known(&self, name: &str) -> String {
        format!("{}{}", self.origin(), self.well_known_path(name))
    }

    /// The path of [`Address::well_known`].
    pub fn well_known_path(&self, name: &str) -> String {
        let path = self.split().1;
        format!(
            "/.well-known/{name}{}",
            path.strip_suffix('/').unwrap_or(path)
        )
    }

    /// Scheme, host and port, as they were written.
    pub fn origin(&self) -> &str {
        self.split().0
    }

    /// The address without the slash that ends it.
    pub fn without_end(&self) -> &str {
        self.text.strip_suffix('/').unwrap_or(&self.text)
    }

    fn split(&self) -> (&str, &str) {
        let authority = self.url.scheme().len() + "://".len();
        let end = self.text[authority..]
            .find('/')
            .map_or(self.text.len(), |slash| authority + slash);
        self.text.split_at(end)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether what is sent to `url` is protected on its way: by TLS, or because it never leaves this machine, or the private network that
/// `plain` allows.
pub fn is_protected(url: &Url, plain: PlainHttp) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => plain.allows(url),
        _ => false,
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
    #[case("http://127.8.8.8")]
    #[case("http://[::1]:8420")]
    fn https_and_this_machine_are_trusted(#[case] text: &str) {
        let address = Address::identifier(text).unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(address.is_https(), text.starts_with("https:"));
        let url = Url::parse(text).unwrap();
        assert!(is_protected(&url, PlainHttp::OnThisMachine));
    }

    #[rstest]
    #[case("", AddressError::Malformed)]
    #[case("notes-api", AddressError::Malformed)]
    #[case("id.example.com", AddressError::Malformed)]
    #[case("https:id.example.com", AddressError::Insecure)]
    #[case("https://", AddressError::Malformed)]
    #[case("urn:example:api", AddressError::Insecure)]
    #[case("file:///etc/passwd", AddressError::Insecure)]
    #[case("https://id.example.com\\@evil.example", AddressError::Character)]
    #[case("https://id.example.com/a b", AddressError::Character)]
    #[case("https://id.example.com/\"", AddressError::Character)]
    #[case("https://id.exämple.com", AddressError::Character)]
    #[case("HTTPS://id.example.com", AddressError::Insecure)]
    #[case("ftp://id.example.com", AddressError::Insecure)]
    #[case("ftp://localhost", AddressError::Insecure)]
    #[case("http://id.example.com", AddressError::Insecure)]
    #[case("http://0.0.0.0", AddressError::Insecure)]
    #[case("http://localhost.evil.example", AddressError::Insecure)]
    #[case("http://127.0.0.1.evil.example", AddressError::Insecure)]
    #[case("https://user@id.example.com", AddressError::Credentials)]
    #[case("https://:secret@id.example.com", AddressError::Credentials)]
    #[case("https://id.example.com?", AddressError::QueryOrFragment)]
    #[case("https://id.example.com?tenant=a", AddressError::QueryOrFragment)]
    #[case("https://id.example.com#", AddressError::QueryOrFragment)]
    fn anything_else_is_refused(#[case] text: &str, #[case] error: AddressError) {
        assert_eq!(Address::identifier(text).err(), Some(error));
    }

    /// Attacks: LI58.
    #[test]
    fn plain_http_crosses_a_private_network_where_that_is_said() {
        let read = |text| Address::identifier_over(text, PlainHttp::InPrivateNetwork).err();
        assert_eq!(read("http://keycloak:8080/realms/r"), None);
        assert_eq!(read("https://id.example.com"), None);
        assert_eq!(read("http://8.8.8.8"), Some(AddressError::Public));
        assert_eq!(read("ftp://keycloak"), Some(AddressError::Insecure));
        let strict = Address::identifier("http://keycloak:8080").err();
        assert_eq!(strict, Some(AddressError::Insecure));
    }

    #[test]
    fn an_endpoint_may_have_a_query_and_no_fragment() {
        let endpoint = |text| Address::endpoint(text).map(|address| address.to_string());
        let with_query = "https://id.example.com/authorize?tenant=a";
        assert_eq!(endpoint(with_query), Ok(with_query.to_owned()));
        assert_eq!(
            endpoint("https://id.example.com/authorize#a"),
            Err(AddressError::Fragment)
        );
        assert_eq!(
            endpoint("http://id.example.com/authorize"),
            Err(AddressError::Insecure)
        );
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
