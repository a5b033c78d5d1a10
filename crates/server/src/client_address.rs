//! Owns the question who is asking: the peer of a socket, and the client behind trusted proxies.
//!
//! What an address may do is not decided here; the connection caps and the login throttle do that.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

/// The other end of the socket, in the extensions of every request: a client, or the proxy in front of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The address that a request is counted under, in the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client's address as far as it can be believed. An IPv4 address written as IPv6 is IPv4 here.
    pub address: IpAddr,
    /// A trusted proxy passed on something that is no address. The request then counts under the proxy's own address:
    /// garbage never buys a fresh budget.
    pub hostile: bool,
}

/// Where a request comes from, for a handler that counts it. Without the accept loop in front there is one address for everybody.
pub(crate) struct RequestAddress(pub(crate) IpAddr);

impl<S: Sync> FromRequestParts<S> for RequestAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<ClientAddress>();
        let nobody = IpAddr::from([0, 0, 0, 0]);
        Ok(Self(client.map_or(nobody, |client| client.address)))
    }
}

/// The address of the client that speaks through `peer`.
///
/// `X-Forwarded-For` is read only when `peer` is in `trusted`, from the right: each proxy appends whom it heard, so the
/// rightmost address outside `trusted` is the last one that a trusted proxy vouches for. Whatever stands left of it is the
/// client's own claim and is not looked at.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> ClientAddress {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut believed = ClientAddress {
        address: peer,
        hostile: false,
    };
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for entry in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        if !is_trusted(believed.address) {
            break;
        }
        believed = match forwarded_address(entry) {
            Some(address) => ClientAddress {
                address,
                hostile: false,
            },
            None => {
                return ClientAddress {
                    address: peer,
                    hostile: true,
                };
            }
        };
    }
    believed
}

/// Notices a proxy that nobody named: `X-Forwarded-For` from outside the trusted ones. The first one is worth a line in the log;
/// more of them would be a line for each request of a stranger.
#[derive(Default)]
pub(super) struct UnnamedProxy(AtomicBool);

impl UnnamedProxy {
    /// Whether this request is the first that came so.
    pub(super) fn is_new(&self, peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> bool {
        headers.contains_key("x-forwarded-for")
            && !trusted.iter().any(|network| network.contains(peer))
            && !self.0.swap(true, Ordering::Relaxed)
    }
}

/// The network that an address is in, as far as fairness goes: an IPv6 /48 (what one customer may be given, RFC 6177), an IPv4 /24.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))
        }
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8))),
    }
}

/// The address that budgets are kept for: an IPv6 client owns its whole /64, and every address in it.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

/// One entry of `X-Forwarded-For`: an address, or an address with a port as some proxies write it.
fn forwarded_address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()?;
    Some(address.to_canonical())
}

/// A block of addresses, written `10.0.0.0/8`, `fd00::/8`, or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NetworkError {
    /// The part before the slash is no address.
    #[error("{0:?} is not an address: write one like 10.0.0.0/8, fd00::/8 or 127.0.0.1")]
    Address(String),
    /// The part after the slash is no length for this family.
    #[error("{0:?} is not a prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6")]
    Prefix(String),
    /// Bits beyond the prefix are set: one of the two numbers is a slip.
    #[error("{0} has bits set beyond its prefix; the network is {1}")]
    HostBits(String, Network),
}

impl Network {
    /// Whether `address` is in this block. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.prefix) == Some(self.base)
    }

    /// Whether every address of a family is in this block.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// Whether more addresses are in this block than anybody has proxies: wider than 10.0.0.0/8, or than what a provider is
    /// given of IPv6, unless it is the private range fc00::/7 (RFC 4193).
    pub fn is_far_and_wide(&self) -> bool {
        match self.base {
            IpAddr::V4(_) => self.prefix < 8,
            IpAddr::V6(base) => self.prefix < 32 && !base.is_unique_local(),
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| NetworkError::Address(address.to_owned()))?;
        let prefix = match prefix {
            Some(digits) => digits
                .parse()
                .map_err(|_| NetworkError::Prefix(digits.to_owned()))?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        let base =
            masked(address, prefix).ok_or_else(|| NetworkError::Prefix(prefix.to_string()))?;
        let network = Self { base, prefix };
        if base != address {
            return Err(NetworkError::HostBits(text.to_owned(), network));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.base, self.prefix)
    }
}

/// `address` with all bits after the first `prefix` cleared; `None` if the family has no so many bits.
fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32u32.checked_sub(prefix)?)
                .unwrap_or(0);
            Some(IpAddr::V4((address.to_bits() & mask).into()))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128u32.checked_sub(prefix)?)
                .unwrap_or(0);
            Some(IpAddr::V6((address.to_bits() & mask).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn seen_from(peer: &str, lines: &[&str]) -> (String, bool) {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let seen = client_address(ip(peer), &forwarded(lines), &trusted);
        (seen.address.to_string(), seen.hostile)
    }

    #[test]
    fn a_proxy_that_nobody_named_is_noticed_once() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let unnamed = UnnamedProxy::default();
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let sent = forwarded(&["198.51.100.7"]);
        assert!(!unnamed.is_new(peer, &HeaderMap::new(), &trusted));
        assert!(!unnamed.is_new("10.0.0.9".parse().unwrap(), &sent, &trusted));
        assert!(unnamed.is_new(peer, &sent, &trusted));
        assert!(!unnamed.is_new(peer, &sent, &trusted));
    }

    /// Attacks: L18.
    #[rstest]
    #[case::a_stranger_claims_another("203.0.113.9", &["198.51.100.1"], "203.0.113.9")]
    #[case::a_stranger_sends_garbage("203.0.113.9", &["<script>"], "203.0.113.9")]
    #[case::a_proxy_names_its_client("10.0.0.1", &["198.51.100.1"], "198.51.100.1")]
    #[case::the_client_forged_the_left_end("10.0.0.1", &["127.0.0.1, 198.51.100.1"], "198.51.100.1")]
    #[case::garbage_left_of_the_client("10.0.0.1", &["garbage, 198.51.100.1"], "198.51.100.1")]
    #[case::two_proxies("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1")]
    #[case::two_lines_read_as_one("10.0.0.1", &["192.0.2.7, 198.51.100.1", "10.0.0.2"], "198.51.100.1")]
    #[case::proxies_all_the_way("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3")]
    #[case::a_proxy_that_says_nothing("10.0.0.1", &[], "10.0.0.1")]
    #[case::ipv6_through_ipv6("fd00::1", &["2001:db8::7"], "2001:db8::7")]
    #[case::with_a_port("10.0.0.1", &["198.51.100.1:5123"], "198.51.100.1")]
    #[case::ipv6_with_a_port("10.0.0.1", &["[2001:db8::7]:5123"], "2001:db8::7")]
    #[case::ipv4_written_as_ipv6("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1")]
    fn the_last_address_a_trusted_proxy_vouches_for_counts(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] address: &str,
    ) {
        assert_eq!(seen_from(peer, lines), (address.to_owned(), false));
    }

    /// Attacks: L18.
    #[rstest]
    #[case::garbage(&["garbage"])]
    #[case::empty(&[""])]
    #[case::trailing_comma(&["198.51.100.1,"])]
    #[case::unknown(&["unknown"])]
    #[case::garbage_behind_a_second_proxy(&["198.51.100.1, x, 10.0.0.2"])]
    #[case::a_port_alone(&[":80"])]
    fn garbage_from_a_trusted_proxy_counts_as_the_proxy_and_is_marked(#[case] lines: &[&str]) {
        assert_eq!(seen_from("10.0.0.1", lines), ("10.0.0.1".to_owned(), true));
    }

    /// Attacks: L18.
    #[test]
    fn bytes_that_are_no_text_are_garbage() {
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_bytes(b"\xff\xfe").unwrap(),
        );
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert!(client_address(ip("10.0.0.1"), &headers, &trusted).hostile);
    }

    #[rstest]
    #[case("10.0.0.0/8", "10.255.1.2", true)]
    #[case("10.0.0.0/8", "11.0.0.0", false)]
    #[case("0.0.0.0/0", "203.0.113.1", true)]
    #[case("0.0.0.0/0", "2001:db8::1", false)]
    #[case("::/0", "2001:db8::1", true)]
    #[case("127.0.0.1", "127.0.0.1", true)]
    #[case("127.0.0.1", "127.0.0.2", false)]
    #[case("127.0.0.1", "::ffff:127.0.0.1", true)]
    #[case("2001:db8::/33", "2001:db8:7fff::1", true)]
    #[case("2001:db8::/33", "2001:db8:8000::1", false)]
    fn a_network_holds_what_shares_its_prefix(
        #[case] network: &str,
        #[case] address: &str,
        #[case] held: bool,
    ) {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(ip(address)), held);
    }

    #[rstest]
    #[case(
        "10.0.0.0/33",
        r#""33" is not a prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6"#
    )]
    #[case(
        "::/129",
        r#""129" is not a prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6"#
    )]
    #[case(
        "::/-1",
        r#""-1" is not a prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6"#
    )]
    #[case(
        "proxy/8",
        r#""proxy" is not an address: write one like 10.0.0.0/8, fd00::/8 or 127.0.0.1"#
    )]
    #[case(
        "10.1.2.3/8",
        "10.1.2.3/8 has bits set beyond its prefix; the network is 10.0.0.0/8"
    )]
    fn a_slip_in_a_network_is_explained(#[case] text: &str, #[case] explanation: &str) {
        assert_eq!(
            text.parse::<Network>().unwrap_err().to_string(),
            explanation
        );
    }

    /// Attacks: L14.
    #[test]
    fn an_ipv6_client_is_its_64() {
        assert_eq!(
            neighbourhood(ip("2001:db8:1:2:3:4:5:6")),
            ip("2001:db8:1:2::")
        );
        assert_eq!(neighbourhood(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(neighbourhood(ip("192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn a_network_is_a_48_or_a_24() {
        for (address, of) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("::ffff:192.0.2.1", "192.0.2.0"),
            ("192.0.2.255", "192.0.2.0"),
        ] {
            assert_eq!(network(ip(address)), ip(of));
        }
    }

    proptest! {
        /// Attacks: L18.
        #[test]
        fn no_header_moves_a_stranger(line in "[ -~]{0,80}", peer: std::net::Ipv4Addr) {
            prop_assume!(peer.octets()[0] != 10);
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let seen = client_address(peer.into(), &forwarded(&[&line]), &trusted);
            prop_assert_eq!(seen, ClientAddress { address: peer.into(), hostile: false });
        }
    }
}
