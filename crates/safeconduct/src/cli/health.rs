//! `safeconduct health`: asks the server of this configuration how it is, where there is nothing else to ask with, as in an image of a container.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::context::{Context, block_on};
use super::failure::Failure;
use super::output::write_line;
use crate::config::Flag;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Health {
    /// Ask only whether it is alive, and not whether it can serve
    #[arg(long)]
    live: bool,
    /// The address of health and metrics
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
}

impl Health {
    /// Asks, and prints the answer.
    ///
    /// # Errors
    /// Exit 1 where nobody answers, or the answer is no.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let flag = self.admin_listen.map(|address| Flag {
            name: "--admin-listen",
            key: "server.admin_listen",
            value: address.to_string(),
        });
        let checked = context.load(flag.into_iter().collect())?;
        let address = reachable(checked.config.server.admin_listen);
        let path = if self.live { "live" } else { "ready" };
        block_on(ask(&format!("http://{address}/health/{path}")))
    }
}

async fn ask(url: &str) -> Result<(), Failure> {
    let failed = |error: reqwest::Error| {
        let told = format!("no answer from {url}");
        Failure::failed(&told, error.without_url())
    };
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let answer = client.build().map_err(failed)?.get(url).send().await;
    let answer = answer.map_err(failed)?;
    let status = answer.status();
    let told = answer.text().await.map_err(failed)?;
    if status != reqwest::StatusCode::OK {
        return Err(Failure::Failed(told.trim_end().to_owned()));
    }
    write_line(told.trim_end()).map(drop)
}

/// Where a listener at `address` is reached from this machine: it may listen on every address there is.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_this_machine() {
        for (listens, asked) in [
            ("0.0.0.0:8429", "127.0.0.1:8429"),
            ("[::]:8429", "[::1]:8429"),
            ("10.0.0.7:8429", "10.0.0.7:8429"),
        ] {
            let listens = listens.parse().unwrap();
            assert_eq!(reachable(listens).to_string(), asked);
        }
    }
}
