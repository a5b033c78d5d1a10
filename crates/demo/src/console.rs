//! The console of the demo's server, started as its operator would: an app that signs in at the server and knows the API of administrators by
//! its address.

use safeconduct_client::{Client, Clock, Resource};
use safeconduct_console::{Console, Settings};
use safeconduct_protocol::administration;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::addresses::Addresses;

/// The command line, as which a console signs in.
pub(crate) const CLIENT_ID: &str = "safeconduct-cli";

/// Starts it in front of the API at `api`, until the demo stops. Gives the address that opens it.
pub(crate) async fn start(
    addresses: &Addresses,
    api: &str,
    serving: &mut JoinSet<()>,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<String> {
    let resource = Resource::new(administration::resource(&addresses.server));
    let client = Client::new(&addresses.server, CLIENT_ID)
        .scopes(["openid", "profile", "admin:write"])
        .resource(resource.reached_at(api))
        .userinfo(false)
        .dpop(true)
        .build()?;
    let settings = Settings {
        app: client.native(),
        api: api.to_owned(),
        signed_in: Box::new(|| {}),
        clock: Clock::system(),
    };
    let console = Console::bind(([127, 0, 0, 1], 0).into(), settings).await?;
    let address = console.opener().address();
    let stopped = async move {
        // The sender lives as long as the parties; were it gone, stopping would be right as well.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    serving.spawn(async move {
        if let Err(error) = console.run(stopped).await {
            tracing::error!(%error, "the console ended");
        }
    });
    Ok(address)
}
