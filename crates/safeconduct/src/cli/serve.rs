//! `safeconduct serve`: the authorization server, from the configuration to the last answer.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use safeconduct_protocol::grant::Lifetimes;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::keys::MasterKeys;
use safeconduct_server::listener::{self, Drained, Limits};
use safeconduct_server::settings::{
    AdministrationSettings, SecondFactor, SessionLifetimes, Settings,
};
use safeconduct_server::telemetry::Telemetry;
use safeconduct_server::throttle::{Budget, ThrottleSettings};
use safeconduct_server::{CrossOrigin, Server, routes};
use safeconduct_store::{Reconciled, Store};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::context::{Context, master_keys};
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
        // First of all, so that no signal meets a program that does not know it.
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::failed("no runtime could be started", error))?;
        let signals = {
            let _entered = runtime.enter();
            Signals::new()?
        };
        let prune = self.prune;
        let checked = context.load(self.flags())?;
        logging::start(&checked.config.log);
        let secrets = checked.declared.secrets();
        let of_secrets = secrets.iter().flat_map(|secrets| &secrets.warnings.0);
        for warning in checked.warnings.0.iter().chain(of_secrets) {
            tracing::warn!(place = %warning.origin, advice = %warning.advice, "{}", warning.message);
        }
        let secrets = secrets?.of_clients;
        let declared = Secrets { secrets, prune };
        runtime.block_on(serve(checked, declared, signals))
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

/// What the configuration does not say of the clients that it declares.
struct Secrets {
    secrets: Vec<Option<Secret>>,
    prune: bool,
}

async fn serve(checked: Checked, secrets: Secrets, mut signals: Signals) -> Result<(), Failure> {
    let reserved = checked.config.server.listen.iter();
    let reserved = reserved.map(|address| Reserved::new(*address, "--listen"));
    let reserved = reserved.collect::<Result<Vec<_>, _>>()?;
    let reserved_for_admin = Reserved::new(checked.config.server.admin_listen, "--admin-listen")?;
    let administration = &checked.config.administration;
    let api = administration.api;
    // Elsewhere than on the administrators' listener, SCIM is where it has an address.
    let is_provisioned_outside = api && checked.administration_url.is_some();
    let limits = limits(&checked.config.server, is_provisioned_outside);
    let telemetry = Telemetry::new();
    let masters = master_keys(&checked)?;

    let (stop, stopping) = watch::channel(false);
    let admin_listener = reserved_for_admin.listen()?;
    let admin_address = address_of(&admin_listener);
    let admin_routes = Arc::new(OnceLock::new());
    let admin = tokio::spawn(listener::serve(
        vec![admin_listener],
        routes::admin_of_starting(Arc::clone(&admin_routes)),
        Limits {
            provisions: api,
            max_connections: 64,
            max_connections_per_address: 64,
            ..limits.clone()
        },
        telemetry.clone(),
        CrossOrigin::none(),
        until(stopping.clone()),
    ));
    let server = tokio::select! {
        started = start(checked, secrets, masters, telemetry) => started?,
        () = signals.next() => {
            supervisor::stopping();
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    let listeners = reserved.into_iter().map(Reserved::listen);
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    let maintenance = tokio::spawn({
        let server = server.clone();
        async move { server.maintain().await }
    });
    tokio::spawn({
        let (server, stopping) = (server.clone(), stopping.clone());
        async move {
            until(stopping).await;
            server.stop_waiting();
        }
    });
    // Only here is it set.
    let _ = admin_routes.set(routes::admin(&server));
    announce(&server, &listeners, &admin_address);
    supervisor::ready();

    let public = listener::serve(
        listeners,
        routes::public(&server),
        limits,
        server.telemetry().clone(),
        CrossOrigin::of(&server.settings().issuer),
        until(stopping),
    );
    drain(async { tokio::join!(public, admin).0 }, &stop, &mut signals).await;
    maintenance.abort();
    server.store().close().await;
    Ok(())
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

/// Makes the database agree with what the configuration declares.
async fn reconcile(
    database: &Database,
    Secrets { secrets, prune }: Secrets,
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
        declared_groups,
        undeclared_groups,
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
    for group in declared_groups {
        tracing::info!(group, "the group is what the file declares");
    }
    for group in undeclared_groups {
        tracing::info!(
            group,
            "the file declares the group no more: it stays, and commands may change it"
        );
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

/// The signals that ask a server to stop. A hangup is one of them, until it has a meaning of its own.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where it was ignored from the beginning, as `nohup` has it.
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed("signals can't be waited for", error))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: if is_hangup_ignored() {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            },
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            Some(()) = hangup(&mut self.hangup) => {}
        }
    }
}

async fn hangup(signal: &mut Option<Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// Whether who started the program lets it ignore a hangup. Where that is not said, it does not.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit n - 1 is signal n, and a hangup is 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// A port that is bound and not listened on: until there is a server to answer, a client that connects is refused at once, and goes to
/// another node.
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

fn address_of(listener: &TcpListener) -> String {
    let address = listener.local_addr();
    address.map_or_else(|_| "?".to_owned(), |address| address.to_string())
}

fn announce(server: &Server, listeners: &[TcpListener], admin_listen: &str) {
    let listen = listeners.iter().map(address_of);
    let listen = listen.collect::<Vec<_>>().join(", ");
    tracing::info!(
        issuer = server.settings().issuer.as_str(),
        listen,
        admin_listen,
        "safeconduct is ready"
    );
}

fn settings(checked: &Checked) -> Result<Settings, Failure> {
    let Config {
        server,
        tokens,
        dpop,
        sessions,
        login,
        account,
        ui,
        ..
    } = &checked.config;
    let defaults = Settings::new(checked.issuer.clone());
    Ok(Settings {
        internal_hosts: server.internal_hosts.clone(),
        product_name: ui.name.clone(),
        mail: checked.mail_settings()?,
        look: checked.look.clone(),
        default_language: ui.default_language,
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
        account_deletion: account.delete,
        sign_up: checked.sign_up.clone(),
        password_min_length: login.password_min_length,
        passkeys: login.passkeys,
        passkey_rp_id: login.passkey_rp_id.clone(),
        passkey_related_origins: login.passkey_related_origins.clone(),
        second_factor: match login.second_factor {
            config::SecondFactor::Off => SecondFactor::Off,
            config::SecondFactor::Offered => SecondFactor::Offered,
            config::SecondFactor::Required => SecondFactor::Required,
        },
        throttle: ThrottleSettings {
            enabled: login.throttle,
            per_pair: budget(login.per_pair),
            per_account: budget(login.per_account),
            per_address: budget(login.per_address),
            sign_ins: budget(login.sign_ins),
            ..defaults.throttle
        },
        administration: administration(checked),
        ..defaults
    })
}

fn administration(checked: &Checked) -> Option<AdministrationSettings> {
    let declared = checked.declared.clients.iter();
    let declared = declared.map(|declared| declared.client.id.clone());
    (checked.config.administration.api).then(|| AdministrationSettings {
        url: checked.administration_url.clone(),
        declared: declared.collect(),
    })
}

fn budget(budget: config::Budget) -> Budget {
    Budget {
        burst: budget.burst,
        refill: u32::try_from(budget.refill.as_seconds()).unwrap_or(u32::MAX),
    }
}

fn limits(server: &config::Server, provisions: bool) -> Limits {
    let limits = &server.limits;
    Limits {
        header_timeout: limits.header_timeout.as_duration(),
        body_timeout: limits.body_timeout.as_duration(),
        idle_timeout: limits.idle_timeout.as_duration(),
        request_timeout: limits.request_timeout.as_duration(),
        write_timeout: limits.write_timeout.as_duration(),
        drain_timeout: limits.drain_timeout.as_duration(),
        max_body_bytes: limits.max_body_bytes,
        provisions,
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
