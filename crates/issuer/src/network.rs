//! Which networks plain http may cross: this machine, and where that is said aloud, a private one.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use safeconduct_protocol::loopback::is_loopback;
use url::{Host, Url};

/// Where plain http may be spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// On this machine alone.
    #[default]
    OnThisMachine,
    /// In a private network too: between containers, whose way nobody else shares.
    InPrivateNetwork,
}

impl PlainHttp {
    /// Whether `url`, of http, may be spoken to. What a name stands for is looked at when it is connected to.
    pub(crate) fn allows(self, url: &Url) -> bool {
        is_loopback(url)
            || self == Self::InPrivateNetwork
                && match url.host() {
                    Some(Host::Domain(_)) => true,
                    Some(Host::Ipv4(address)) => is_private(address.into()),
                    Some(Host::Ipv6(address)) => is_private(address.into()),
                    None => false,
                }
    }
}

/// Finds the addresses of a name in a private network, and no others.
pub(crate) struct PrivateAddresses;

impl Resolve for PrivateAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let private: Vec<SocketAddr> =
                found.filter(|address| is_private(address.ip())).collect();
            if private.is_empty() {
                return Err(not_private(name.as_str()).into());
            }
            Ok(Box::new(private.into_iter()) as Addrs)
        })
    }
}

fn not_private(name: &str) -> String {
    format!("{name} has no address in a private network, and plain http goes nowhere else")
}

/// Whether `address` is of this machine or of a private network (RFC 1918, RFC 6598, RFC 4193). Link-local addresses, at which clouds
/// serve credentials, are neither.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64);
            address.is_private() || address.is_loopback() || shared
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(mapped.into()),
            None => address.is_loopback() || address.is_unique_local(),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Attacks: LI58.
    #[rstest]
    #[case("http://keycloak:8080", true)]
    #[case("http://10.0.0.1", true)]
    #[case("http://172.31.255.255", true)]
    #[case("http://192.168.1.1", true)]
    #[case("http://100.64.0.1", true)]
    #[case("http://[fd00::1]", true)]
    #[case("http://[::ffff:10.0.0.1]", true)]
    #[case("http://172.32.0.1", false)]
    #[case("http://100.128.0.1", false)]
    #[case("http://169.254.169.254", false)]
    #[case("http://0.0.0.0", false)]
    #[case("http://8.8.8.8", false)]
    #[case("http://[2001:db8::1]", false)]
    #[case("http://[fe80::1]", false)]
    #[case("http://[::ffff:8.8.8.8]", false)]
    fn a_private_network_is_one_that_no_stranger_shares(#[case] url: &str, #[case] private: bool) {
        let url = Url::parse(url).unwrap();
        assert_eq!(PlainHttp::InPrivateNetwork.allows(&url), private);
        assert!(!PlainHttp::OnThisMachine.allows(&url));
    }

    /// Attacks: LI58.
    #[tokio::test]
    async fn what_a_name_stands_for_is_looked_at_when_it_is_connected_to() {
        let resolve = async |name: &str| {
            let found = PrivateAddresses.resolve(name.parse().ok()?).await;
            found.ok().map(Iterator::count)
        };
        assert!(resolve("localhost").await.unwrap() > 0);
        assert!(resolve("10.1.2.3").await.unwrap() > 0);
        assert_eq!(resolve("8.8.8.8").await, None);
    }
}
