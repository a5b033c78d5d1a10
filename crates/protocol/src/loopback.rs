//! What is this computer itself, as seen from this computer.

use url::{Host, Url};

/// Whether the host of a URL is this computer: an address of the loopback network, or the name `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether a host, with or without a port, is one of the two spellings that RFC 8252 §7.3 gives a free port to. `localhost` is a
/// name, resolved by others, and is none of them.
pub fn is_loopback_literal(authority: &str) -> bool {
    ["127.0.0.1", "[::1]"].iter().any(|literal| {
        let rest = authority.strip_prefix(literal);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}
