//! `safeconduct serve`: the authorization server, from the configuration to the last answer.

mod certificate;
mod declarations;
mod reload;
mod reserved;
mod settings;
mod signals;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use safeconduct_server::keys::MasterKeys;
use safeconduct_server::listener::{self, Drained, Listener, LiveLimits};
use safeconduct_server::telemetry::Telemetry;
use safeconduct_server::{CrossOrigin, Server, routes};
use safeconduct_store::Store;
use tokio::sync::watch;

use self::certificate::ShownCertificate;
use self::declarations::{Secrets, reconcile};
use self::reload::{Keys, Reload, Source};
use self::reserved::Reserved;
use self::settings::{admin_limits, limits, settings};
use self::signals::{Hangups, Signals};
use super::context::{Context, master_keys};
use super::database::Database;
use super::failure::Failure;
use super::files;
use super::supervisor;
use crate::config::{Checked, Flag};
use crate::logging::{self, Level};

/// How the server differs from its configuration this time.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// An address to listen on; once for each
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<SocketAddr>,
    /// The address of health and metrics
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// The database
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The file of the master key
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<String>,
    /// Disable the clients that the configuration declares no more, and end what they were granted; without it, such a start is
    /// refused
    #[arg(long)]
    prune: bool,
    /// The form of the log
    #[arg(long, value_name = "FORMAT", value_parser = ["pretty", "json"])]
    log_format: Option<String>,
}

impl Serve {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// The configuration, the master key, an address or the database can't be used.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        // First of all, so that no signal meets a program that does not know it.
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::failed("no runtime could be started", error))?;
        let signals = {
            let _entered = runtime.enter();
            signals::listen()?
        };
        let source = Source {
            file: context.config.clone(),
            prune: self.prune,
            flags: self.flags(),
        };
        let checked = context.load(source.flags.clone())?;
        let log = logging::start(&checked.config.log);
        checked.warnings.warn();
        let secrets = checked.declared.secrets()?;
        secrets.warnings.warn();
        for (message, advice) in files::open_to_others(&checked) {
            tracing::warn!(advice, "{message}");
        }
        let declared = Secrets {
            secrets: secrets.of_clients,
            prune: source.prune,
        };
        runtime.block_on(serve(checked, declared, source, log, signals))
    }

    fn flags(self) -> Vec<Flag> {
        let listen = self
            .listen
            .iter()
            .map(SocketAddr::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let given = [
            ("--issuer", "issuer", self.issuer),
            (
                "--listen",
                "server.listen",
                Some(listen).filter(|listen| !listen.is_empty()),
            ),
            (
                "--admin-listen",
                "server.admin_listen",
                self.admin_listen.map(|address| address.to_string()),
            ),
            ("--database", "database.url", self.database),
            (
                "--master-key-file",
                "secrets.master_key_file",
                self.master_key_file,
            ),
            ("--log-format", "log.format", self.log_format),
        ];
        given
            .into_iter()
            .filter_map(|(name, key, value)| {
                Some(Flag {
                    name,
                    key,
                    value: value?,
                })
            })
            .collect()
    }
}

async fn serve(
    checked: Checked,
    secrets: Secrets,
    source: Source,
    log: Level,
    (mut signals, hangups): (Signals, Hangups),
) -> Result<(), Failure> {
    let reserved = checked.config.server.listen.iter();
    let reserved = reserved.map(|address| Reserved::new(*address, "--listen"));
    let reserved = reserved.collect::<Result<Vec<_>, _>>()?;
    let reserved_for_admin = Reserved::new(checked.config.server.admin_listen, "--admin-listen")?;
    let started = Keys::of(&checked.config);
    let admin_limits = LiveLimits::from(admin_limits(&checked));
    let limits = LiveLimits::from(limits(&checked));
    let telemetry = Telemetry::new();
    let masters = master_keys(&checked)?;
    let certificate = ShownCertificate::of(&checked, &telemetry)?;

    let (stop, stopping) = watch::channel(false);
    let admin_listener = reserved_for_admin.listen()?;
    let admin_address = shown(admin_listener.local_addr());
    let admin_routes = Arc::new(OnceLock::new());
    let admin = tokio::spawn(listener::serve(
        vec![admin_listener.into()],
        routes::admin_of_starting(Arc::clone(&admin_routes)),
        admin_limits.clone(),
        telemetry.clone(),
        CrossOrigin::none(),
        until(stopping.clone()),
    ));
    let server = tokio::select! {
        started = start(checked, secrets, masters.clone(), telemetry) => started?,
        () = signals.next() => {
            supervisor::stopping();
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    let listeners = listen(reserved, certificate.as_ref())?;
    let maintenance = tokio::spawn({
        let server = server.clone();
        async move { server.maintain().await }
    });
    tokio::spawn(stop_waiting(server.clone(), stopping.clone()));
    // Only here is it set.
    let _ = admin_routes.set(routes::admin(&server));
    announce(&server, &listeners, &admin_address);
    supervisor::ready();
    let reload = Reload {
        source,
        started,
        server: server.clone(),
        masters,
        limits: limits.clone(),
        admin_limits,
        certificate,
        log,
    };
    let reloading = tokio::spawn(reload.run(hangups));

    let public = listener::serve(
        listeners,
        routes::public(&server),
        limits,
        server.telemetry().clone(),
        CrossOrigin::of(&server.settings().issuer),
        until(stopping),
    );
    drain(async { tokio::join!(public, admin).0 }, &stop, &mut signals).await;
    reloading.abort();
    maintenance.abort();
    server.store().close().await;
    Ok(())
}

/// Lets clients connect, in TLS where there is a certificate.
fn listen(
    reserved: Vec<Reserved>,
    certificate: Option<&ShownCertificate>,
) -> Result<Vec<Listener>, Failure> {
    let tls = certificate.map(ShownCertificate::tls);
    let listeners = reserved.into_iter().map(|reserved| {
        let listener = Listener::from(reserved.listen()?);
        Ok(listener.with_tls(tls.clone()))
    });
    listeners.collect()
}

/// Ends what waits for something to happen as soon as the server is to stop.
async fn stop_waiting(server: Server, stopping: watch::Receiver<bool>) {
    until(stopping).await;
    server.stop_waiting();
}

/// Serves until a signal says that this is the end, then until requests under way are finished or a second signal cuts them off.
async fn drain(
    serving: impl Future<Output = Drained>,
    stop: &watch::Sender<bool>,
    signals: &mut Signals,
) {
    tokio::pin!(serving);
    tokio::select! {
        _ = &mut serving => {}
        () = signals.next() => {
            tracing::info!("stopping: requests under way are finished; a second signal cuts them off");
            supervisor::stopping();
            let _ = stop.send(true);
            tokio::select! {
                drained = &mut serving => tracing::info!(cut = drained.cut, "stopped"),
                () = signals.next() => tracing::warn!("stopped at once; requests under way were cut off"),
            }
        }
    }
}

/// Opens the database, for which it may have to wait, and makes the server.
async fn start(
    checked: Checked,
    secrets: Secrets,
    masters: MasterKeys,
    telemetry: Telemetry,
) -> Result<Server, Failure> {
    let settings = settings(&checked)?;
    let database = Database::open_late(checked, masters).await?;
    reconcile(&database, secrets).await?;
    let Database {
        store,
        masters,
        clock,
        ..
    } = database;
    Ok(Server::counting(settings, Store::clone(&store), masters, clock, telemetry).await?)
}

/// The end of a server that was told to stop.
async fn until(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the server; were it gone, stopping would be right as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn shown(address: std::io::Result<SocketAddr>) -> String {
    address.map_or_else(|_| "?".to_owned(), |address| address.to_string())
}

fn announce(server: &Server, listeners: &[Listener], admin_listen: &str) {
    let listen = listeners
        .iter()
        .map(|listener| shown(listener.local_addr()));
    let listen = listen.collect::<Vec<_>>().join(", ");
    tracing::info!(
        issuer = server.settings().issuer.as_str(),
        listen,
        admin_listen,
        "safeconduct is ready"
    );
}
