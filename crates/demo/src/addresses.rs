//! Where the three parties live: their ports, and the URLs that follow from them.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpListener;

/// Where the search for another port begins, and how far it goes.
const OTHERS: std::ops::Range<u16> = 8430..8530;
/// How often the system is asked for a port that is free on both loopback addresses.
const TRIES: usize = 32;

/// The base URLs of the parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The authorization server: its issuer.
    pub(crate) server: String,
    /// The web app.
    pub(crate) app: String,
    /// The API: the audience of its tokens.
    pub(crate) api: String,
}

impl Addresses {
    /// The addresses at these ports.
    pub(crate) fn at(ports: Ports) -> Self {
        let [server, app, api] = ports.0.map(|port| format!("http://localhost:{port}"));
        Self { server, app, api }
    }

    /// Where the server sends browsers back to.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/auth/callback", self.app)
    }

    /// Where it sends them back to after signing out.
    pub(crate) fn post_logout_redirect_uri(&self) -> String {
        format!("{}/auth/logged-out", self.app)
    }

    /// Where it tells the app that somebody signed out.
    pub(crate) fn backchannel_logout_uri(&self) -> String {
        format!("{}/auth/backchannel", self.app)
    }

    /// Another API that tokens may be for, though nobody runs it.
    pub(crate) fn other_api(&self) -> String {
        format!("{}/calendar", self.api)
    }

    /// Whether this is where everybody expects it.
    pub(crate) fn are_usual(&self) -> bool {
        *self == Self::at(Ports::USUAL)
    }

    /// A URL without what all of them have in common.
    pub(crate) fn short<'u>(&self, url: &'u str) -> &'u str {
        url.strip_prefix("http://localhost").unwrap_or(url)
    }
}

/// Three ports on the command line: `SERVER,APP,API`, 0 for any that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports([u16; 3]);

impl Ports {
    /// Those of a demo that finds them free.
    pub(crate) const USUAL: Self = Self([8420, 8421, 8422]);
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ports = text
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<u16>, _>>();
        let ports = ports
            .ok()
            .and_then(|ports| <[u16; 3]>::try_from(ports).ok());
        ports
            .map(Self)
            .ok_or_else(|| "three ports with commas between them are expected".to_owned())
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [server, app, api] = self.0;
        write!(f, "{server},{app},{api}")
    }
}

/// The ports that are listened on.
pub(crate) fn ports_of(bound: &[Bound; 3]) -> Ports {
    Ports(bound.each_ref().map(|bound| bound.port))
}

/// One party's listeners: a port on every loopback address of this machine.
pub(crate) struct Bound {
    pub(crate) port: u16,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Binds the listeners of the server, the app and the API, in this order: at `ports`, or at the usual ones and, where one is
/// taken, at the next free one. Nothing but this machine can connect.
///
/// # Errors
/// No port is free, or one of `ports` is not.
pub(crate) async fn bind_all(ports: Option<Ports>) -> io::Result<[Bound; 3]> {
    let mut others = OTHERS;
    let mut all = Vec::new();
    for port in ports.unwrap_or(Ports::USUAL).0 {
        all.push(match ports {
            Some(_) => bind(port).await?,
            None => bind_usual(port, &mut others).await?,
        });
    }
    let all = <[Bound; 3]>::try_from(all);
    Ok(all.unwrap_or_else(|_| unreachable!("each of three ports was bound")))
}

/// Binds listeners at any port that is free.
///
/// # Errors
/// There is none.
pub(crate) async fn bind_any() -> io::Result<Bound> {
    bind(0).await
}

async fn bind_usual(port: u16, others: &mut std::ops::Range<u16>) -> io::Result<Bound> {
    let mut refused = match bind(port).await {
        Ok(bound) => return Ok(bound),
        Err(error) => error,
    };
    for other in others {
        match bind(other).await {
            Ok(bound) => return Ok(bound),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Binds listeners at `port`, or at any free one for 0.
async fn bind(port: u16) -> io::Result<Bound> {
    let tries = if port == 0 { TRIES } else { 1 };
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        match bind_both(port).await {
            Ok(bound) => return Ok(bound),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// `localhost` is either address, and a browser may try either first: both are listened at, or neither.
async fn bind_both(port: u16) -> io::Result<Bound> {
    let v4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let port = v4.local_addr()?.port();
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
    let listeners = match v6 {
        Ok(v6) => vec![v4, v6],
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
        // A machine without IPv6.
        Err(_) => vec![v4],
    };
    Ok(Bound { port, listeners })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_three_numbers() {
        assert_eq!("1,2,3".parse(), Ok(Ports([1, 2, 3])));
        assert_eq!(Ports([1, 2, 3]).to_string(), "1,2,3");
        for bad in ["", "1,2", "1,2,3,4", "a,b,c", "1,2,70000"] {
            assert!(bad.parse::<Ports>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_and_not_shared() {
        let bound = bind(0).await.unwrap();
        assert!(bind(bound.port).await.is_err());
        let mut others = OTHERS;
        let next = bind_usual(bound.port, &mut others).await.unwrap();
        assert!(next.port != bound.port && OTHERS.contains(&next.port));
    }
}
