//! Requests that this server makes: to which addresses it may connect at all, whoever wrote the URL, and the one way in which it does.
//!
//! What is checked is what is connected to: a name is resolved once for each connection, and only to addresses that are allowed, so that a
//! name which leads elsewhere a moment later (DNS rebinding) leads nowhere. Redirects are not followed, no proxy is asked.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
};

use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::{Host, Url};

use crate::fault::{Fault, cause_of};

/// How far a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To addresses that are anybody's.
    Public,
    /// To those of private networks and of this machine as well; never to what gives a machine its credentials, nor to a link-local address.
    Private,
}

/// At which clouds tell a machine its credentials, beside the link-local ones: Azure, Alibaba, Oracle, Amazon and Google by IPv6.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

impl Reach {
    /// Whether a connection to `address` may be made.
    pub fn admits(self, address: IpAddr) -> bool {
        let address = plain(address);
        if METADATA.contains(&address) || is_never_called(address) {
            return false;
        }
        self == Self::Private || is_public(address)
    }

    /// Whether `url` may be called, as far as can be said before its host is resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self, url: &Url) -> Result<(), &'static str> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain("localhost")) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(Host::Domain(_)) => None,
            None => return Err("it names no host"),
        };
        match address {
            Some(address) if !self.admits(address) => Err(NOT_ALLOWED),
            _ => Ok(()),
        }
    }
}

const NOT_ALLOWED: &str = "its address is none that may be called";

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, by NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let last = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => last(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => last(high, low),
        [0x2002, high, low, ..] => last(high, low),
        _ => address,
    }
}

fn is_never_called(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let reserved = v4.octets()[0] == 0 || v4.octets()[0] >= 240;
            v4.is_link_local() || v4.is_multicast() || reserved
        }
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let special = match v4.octets() {
                // Of carriers (RFC 6598), of protocols (RFC 6890), for tests of networks (RFC 2544).
                [100, 64..128, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
                _ => v4.is_documentation(),
            };
            !v4.is_loopback() && !v4.is_private() && !special
        }
        IpAddr::V6(v6) => match v6.segments() {
            // Teredo, for documentation (RFC 3849, RFC 9637), NAT64 of one's own (RFC 8215), site-local.
            [0x2001, 0 | 0xdb8, ..] | [0x3fff, 0..0x1000, ..] | [0x64, 0xff9b, ..] => false,
            [0xfec0..=0xfeff, ..] => false,
            _ => !v6.is_loopback() && !v6.is_unique_local(),
        },
    }
}

/// What makes requests. Made when it is needed for the first time: a server that calls nobody needs no trusted certificates.
#[derive(Default)]
pub(crate) struct Outgoing {
    public: OnceLock<reqwest::Client>,
    private: OnceLock<reqwest::Client>,
}

impl Outgoing {
    /// A request to `url`, which waits as long as its caller says.
    ///
    /// # Errors
    /// Why it may not be made, or can't.
    pub(crate) fn post(&self, url: &str, reach: Reach) -> Result<reqwest::RequestBuilder, Fault> {
        let url = Url::parse(url).map_err(|_| Fault::new("it is no URL"))?;
        reach.check(&url).map_err(Fault::new)?;
        Ok(self.client(reach)?.post(url))
    }

    fn client(&self, reach: Reach) -> Result<&reqwest::Client, Fault> {
        let kept = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let made = client(Names {
            reach,
            lookup: system,
        })?;
        Ok(kept.get_or_init(|| made))
    }
}

fn client(names: Names) -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(Arc::new(names))
        .user_agent(concat!("safeconduct/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Fault::new(format!("no TLS for outgoing calls: {}", cause_of(&error))))
}

/// The addresses of a name, once they are known.
type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = fn(String) -> Found;

/// Resolves names, and gives only addresses that may be connected to.
struct Names {
    reach: Reach,
    lookup: Lookup,
}

fn system(name: String) -> Found {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (self.reach, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|address| reach.admits(address.ip()));
            if found.is_empty() {
                return Err(NOT_ALLOWED.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;

    /// Attacks: AD44.
    #[rstest]
    #[case("93.184.216.34", true, true)]
    #[case("2606:2800:220:1::1", true, true)]
    #[case("127.0.0.1", false, true)]
    #[case("10.1.2.3", false, true)]
    #[case("192.168.0.1", false, true)]
    #[case("100.64.0.1", false, true)]
    #[case("198.51.100.7", false, true)]
    #[case("::1", false, true)]
    #[case("fd12::1", false, true)]
    #[case("::ffff:10.0.0.1", false, true)]
    #[case("64:ff9b::10.0.0.1", false, true)]
    #[case("2002:a00:1::1", false, true)]
    #[case("169.254.169.254", false, false)]
    #[case("::ffff:169.254.169.254", false, false)]
    #[case("::169.254.169.254", false, false)]
    #[case("64:ff9b::a9fe:a9fe", false, false)]
    #[case("2002:a9fe:a9fe::1", false, false)]
    #[case("fe80::1", false, false)]
    #[case("fd00:ec2::254", false, false)]
    #[case("100.100.100.200", false, false)]
    #[case("168.63.129.16", false, false)]
    #[case("0.0.0.0", false, false)]
    #[case("::", false, false)]
    #[case("224.0.0.1", false, false)]
    #[case("255.255.255.255", false, false)]
    #[case("ff02::1", false, false)]
    fn only_some_addresses_are_connected_to(
        #[case] address: &str,
        #[case] public: bool,
        #[case] private: bool,
    ) {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(Reach::Public.admits(address), public);
        assert_eq!(Reach::Private.admits(address), private);
    }

    /// Attacks: AD44.
    #[rstest]
    #[case("https://receiver.example/events", true)]
    #[case("https://169.254.169.254/latest", false)]
    #[case("https://0xa9fea9fe/", false)]
    #[case("https://[::ffff:a9fe:a9fe]/", false)]
    #[case("https://localhost/", false)]
    #[case("https://2130706433/", false)]
    fn an_address_in_a_url_is_checked_however_it_is_written(#[case] url: &str, #[case] may: bool) {
        let url = Url::parse(url).unwrap();
        assert_eq!(Reach::Public.check(&url).is_ok(), may, "{url}");
    }

    /// A name that is harmless when it is looked at, and leads to this machine when it is connected to.
    ///
    /// Attacks: AD44.
    #[tokio::test]
    async fn a_name_that_leads_elsewhere_when_it_is_connected_to_leads_nowhere() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://rebound.example:{port}/")).unwrap();
        assert_eq!(Reach::Public.check(&url), Ok(()));
        let here: Lookup = |_| Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) });
        let of = |reach| {
            let names = Names {
                reach,
                lookup: here,
            };
            client(names).unwrap()
        };
        let refused = of(Reach::Public).get(url.clone()).send().await.unwrap_err();
        assert!(cause_of(&refused).contains(NOT_ALLOWED), "{refused:?}");
        // The same name is connected to where that is allowed: the first connection that arrives is this one.
        let private = of(Reach::Private);
        let allowed = tokio::spawn(async move { private.get(url).send().await });
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
        assert!(allowed.await.unwrap().is_err());
    }
}
