//! Which addresses may be trusted with a secret: https, or http that never leaves this machine.
//!
//! The issuer, its endpoints, the app's own base URL and the API are all judged here.

use url::{Host, Url};

use crate::error::Error;

/// Reads an address the app configures; `name` is the setting, for the message.
///
/// # Errors
/// [`ErrorKind::Configuration`](crate::ErrorKind) if it isn't https (or http on loopback), names a user, or has a query or fragment.
pub(crate) fn configured(name: &str, text: &str) -> Result<Url, Error> {
    let refuse = |why: &str| Err(Error::configuration(format!("{name} `{text}` {why}")));
    let Ok(url) = Url::parse(text) else {
        return refuse("is not an absolute URL");
    };
    if !is_protected(&url) {
        return refuse("must be https; http is for localhost, 127.0.0.1 and [::1] only");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not name a user");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must have neither query nor fragment");
    }
    Ok(url)
}

/// Whether what is sent to `url` is protected on its way.
pub(crate) fn is_protected(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether `url` names this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether `url` lies at or below `base`: same scheme, host and port, and a path that continues it at a `/`.
pub(crate) fn is_under(base: &Url, url: &Url) -> bool {
    let prefix = base.path().trim_end_matches('/');
    let below = url
        .path()
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    base.origin() == url.origin()
        && below
        && url.username().is_empty()
        && url.password().is_none()
        && !hides_a_separator(url.path())
}

/// An encoded slash, backslash or dot that a server behind `url` might decode and then climb out of the base path.
fn hides_a_separator(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25"]
        .iter()
        .any(|hidden| path.contains(hidden))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://id.example.com", true)]
    #[case("http://localhost:8420", true)]
    #[case("http://127.0.0.1:8420", true)]
    #[case("http://127.8.8.8", true)]
    #[case("http://[::1]:8420", true)]
    #[case("http://id.example.com", false)]
    #[case("http://localhost.example.com", false)]
    #[case("http://127.0.0.1.example.com", false)]
    #[case("http://0.0.0.0", false)]
    #[case("ftp://localhost", false)]
    #[case("https://user@id.example.com", false)]
    #[case("https://id.example.com?x", false)]
    #[case("https://id.example.com#x", false)]
    #[case("id.example.com", false)]
    fn secrets_travel_protected_or_not_at_all(#[case] text: &str, #[case] fits: bool) {
        assert_eq!(configured("issuer", text).is_ok(), fits);
    }

    /// Attacks: K19.
    #[rstest]
    #[case("https://api.example.com/v1/notes", true)]
    #[case("https://api.example.com/v1", true)]
    #[case("https://api.example.com/v1?x=1", true)]
    #[case("https://api.example.com:443/v1/", true)]
    #[case("https://api.example.com/v10", false)]
    #[case("https://api.example.com/v1/../admin", false)]
    #[case("https://api.example.com/v1/%2e%2e/admin", false)]
    #[case("https://api.example.com/v1/..%2fadmin", false)]
    #[case("https://api.example.com/v1/%252e%252e/admin", false)]
    #[case("http://api.example.com/v1", false)]
    #[case("https://api.example.com:444/v1", false)]
    #[case("https://api.example.com.evil.example/v1", false)]
    #[case("https://evil@api.example.com/v1", false)]
    #[case("https://api.example.com@evil.example/v1", false)]
    fn a_token_stays_under_its_resource(#[case] url: &str, #[case] under: bool) {
        let base = Url::parse("https://api.example.com/v1").unwrap();
        assert_eq!(is_under(&base, &Url::parse(url).unwrap()), under);
    }
}
