//! `safeconduct serve`: the authorization server, from the configuration to the last answer.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use safeconduct_protocol::grant::Lifetimes;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::accept::{self, Limits};
use safeconduct_server::settings::{SessionLifetimes, Settings};
use safeconduct_server::throttle::{Budget, ThrottleSettings};
use safeconduct_server::{CrossOrigin, Server, routes};
use safeconduct_store::Reconciled;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::context::{Context, master_key};
use super::database::Database;
use super::failure::Failure;
use super::supervisor;
use crate::config::{self, Checked, Config, Flag};
use crate::logging;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

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
        let prune = self.prune;
        let checked = context.load(self.flags())?;
        logging::start(&checked.config.log);
        for warning in &checked.warnings.0 {
            tracing::warn!(place = %warning.place, advice = %warning.advice, "{}", warning.message);
        }
        let secrets = checked.declared.secrets()?;
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::failed("no runtime could be started", error))?;
        runtime.block_on(serve(checked, secrets, prune))
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

async fn serve(checked: Checked, secrets: Vec<Option<Secret>>, prune: bool) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let reserved = checked.config.server.listen.iter();
    let reserved = reserved.map(|address| Reserved::new(*address, "--listen"));
    let reserved = reserved.collect::<Result<Vec<_>, _>>()?;
    let reserved_for_admin = Reserved::new(checked.config.server.admin_listen, "--admin-listen")?;
    let limits = limits(&checked.config.server);
    let settings = settings(&checked);

    let key = master_key(&checked)?;
    let database = Database::open(checked, &key).await?;
    reconcile(&database, secrets, prune).await?;
    let Database {
        store,
        master,
        clock,
        ..
    } = database;
    let server = Server::new(settings, store, master, clock).await?;
    let listeners = reserved.into_iter().map(Reserved::listen);
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    let admin_listener = reserved_for_admin.listen()?;
    let house = tokio::spawn({
        let server = server.clone();
        async move { server.keep_house().await }
    });
    announce(&server, &listeners, &admin_listener);
    supervisor::ready();

    let (stop, stopping) = watch::channel(false);
    let public = accept::serve(
        listeners,
        routes::public(&server),
        limits.clone(),
        server.telemetry().clone(),
        CrossOrigin::of(&server.settings().issuer),
        until(stopping.clone()),
    );
    let admin_limits = Limits {
        max_connections: 64,
        max_connections_per_address: 64,
        ..limits
    };
    let admin = accept::serve(
        vec![admin_listener],
        routes::admin(&server),
        admin_limits,
        server.telemetry().clone(),
        CrossOrigin::none(),
        until(stopping),
    );
    let serving = async { tokio::join!(public, admin) };
    tokio::pin!(serving);
    tokio::select! {
        _ = &mut serving => {}
        () = signals.next() => {
            tracing::info!("stopping: requests under way are finished; a second signal cuts them off");
            supervisor::stopping();
            let _ = stop.send(true);
            tokio::select! {
                (drained, _) = &mut serving => tracing::info!(cut = drained.cut, "stopped"),
                () = signals.next() => tracing::warn!("stopped at once; requests under way were cut off"),
            }
        }
    }
    house.abort();
    server.store().close().await;
    Ok(())
}

/// Makes the database agree with what the configuration declares.
async fn reconcile(
    database: &Database,
    secrets: Vec<Option<Secret>>,
    prune: bool,
) -> Result<(), Failure> {
    let hashes = secrets.iter().map(|secret| {
        secret
            .as_ref()
            .map(|secret| database.keys.hash_client_secret(secret))
    });
    let declared = database.checked.declared.for_store(hashes, prune);
    let Reconciled {
        created,
        changed,
        taken_over,
        disabled,
        still_disabled,
        ..
    } = database.store.reconcile(&declared, database.now()).await?;
    for (what, clients) in [
        ("created", created),
        ("changed", changed),
        (
            "taken over: the file is the place to change it now",
            taken_over,
        ),
        ("disabled: the file declares it no more", disabled),
    ] {
        clients
            .iter()
            .for_each(|client| tracing::info!(%client, "the declared client was {what}"));
    }
    for client in still_disabled {
        tracing::warn!(%client, "the declared client is disabled; `safeconduct client enable {client}` lets it work again");
    }
    Ok(())
}

/// The end of a server that was told to stop.
async fn until(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the server; were it gone, stopping would be right as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The two signals that ask a server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed("signals can't be waited for", error))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A port that is free, and on which nobody is kept waiting: until there is somebody to answer, whoever connects is refused, and
/// goes to another node.
struct Reserved {
    socket: TcpSocket,
    address: SocketAddr,
    flag: &'static str,
}

impl Reserved {
    fn new(address: SocketAddr, flag: &'static str) -> Result<Self, Failure> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let bound = socket.and_then(|socket| {
            // What the last server has left behind is no hindrance; another listener is.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        });
        let socket = bound.map_err(|error| taken(address, flag, &error))?;
        Ok(Self {
            socket,
            address,
            flag,
        })
    }

    fn listen(self) -> Result<TcpListener, Failure> {
        let listener = self.socket.listen(BACKLOG);
        listener.map_err(|error| taken(self.address, self.flag, &error))
    }
}

fn taken(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there: stop it, or choose another address with "
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address: choose another with ",
        ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose another with ",
        _ => "choose another with ",
    };
    Failure::Failed(format!(
        "{address} can't be listened on: {error}\n    {advice}{flag}"
    ))
}

fn announce(server: &Server, listeners: &[TcpListener], admin: &TcpListener) {
    let address = |listener: &TcpListener| {
        listener
            .local_addr()
            .map_or_else(|_| "?".to_owned(), |address| address.to_string())
    };
    let listen = listeners.iter().map(address).collect::<Vec<_>>().join(", ");
    tracing::info!(
        issuer = server.settings().issuer.as_str(),
        listen,
        admin_listen = address(admin),
        "safeconduct is ready"
    );
}

fn settings(checked: &Checked) -> Settings {
    let Config {
        tokens,
        dpop,
        sessions,
        login,
        ui,
        ..
    } = &checked.config;
    let defaults = Settings::new(checked.issuer.clone());
    Settings {
        product_name: ui.name.clone(),
        dpop_nonce_required: dpop.require_nonce,
        lifetimes: Lifetimes {
            code: tokens.code_ttl.as_seconds(),
            access_token: tokens.access_ttl.as_seconds(),
            refresh: tokens.refresh_ttl.as_seconds(),
            refresh_idle: tokens.refresh_idle.as_seconds(),
            refresh_retry_window: tokens.refresh_retry_window.as_seconds(),
            ..defaults.lifetimes
        },
        sessions: SessionLifetimes {
            idle: sessions.idle.as_seconds(),
            absolute: sessions.absolute.as_seconds(),
        },
        throttle: ThrottleSettings {
            enabled: login.throttle,
            per_pair: budget(login.per_pair),
            per_account: budget(login.per_account),
            per_address: budget(login.per_address),
            sign_ins: budget(login.sign_ins),
            ..defaults.throttle
        },
        ..defaults
    }
}

fn budget(budget: config::Budget) -> Budget {
    Budget {
        burst: budget.burst,
        refill: u32::try_from(budget.refill.as_seconds()).unwrap_or(u32::MAX),
    }
}

fn limits(server: &config::Server) -> Limits {
    let limits = &server.limits;
    Limits {
        header_timeout: limits.header_timeout.as_duration(),
        body_timeout: limits.body_timeout.as_duration(),
        idle_timeout: limits.idle_timeout.as_duration(),
        request_timeout: limits.request_timeout.as_duration(),
        write_timeout: limits.write_timeout.as_duration(),
        drain_timeout: limits.drain_timeout.as_duration(),
        max_body_bytes: limits.max_body_bytes,
        max_connections: limits.max_connections,
        max_connections_per_address: limits.max_connections_per_address,
        trusted_proxies: server
            .trusted_proxies
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
        ..Limits::default()
    }
}
