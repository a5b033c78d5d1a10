//! Whether the values of a configuration fit together. What is dangerous is refused, what is odd is a warning.
//!
//! Scopes, resources and clients are judged in `declared.rs`.

use std::path::PathBuf;

use http::uri::Authority;
use safeconduct_protocol::metadata::{Issuer, IssuerError};
use safeconduct_protocol::passkey::RelyingParty;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::sign_up::SignUp;
use safeconduct_server::client_address::Network;
use safeconduct_server::event_receivers::EventReceiver;
use safeconduct_server::pages::Look;
use safeconduct_server::settings::MailSettings;
use safeconduct_store::{OpenError, Store};
use url::{Host, Url};

use super::administration;
use super::at::At;
use super::declared::{self, Declared};
use super::duration::Span;
use super::event_receivers::{self, Receiver};
use super::file::Config;
use super::findings::Findings;
use super::layers::Layers;
use super::location::{Location, Misnamed};
use super::log_level;
use super::look;
use super::mail;
use super::problem::{Origin, Problems};
use super::sign_up;
use super::tls::{self, TlsFiles};

/// A configuration whose values fit together. Made by [`check`] alone.
pub(crate) struct Checked {
    pub(crate) config: Config,
    pub(crate) issuer: Issuer,
    /// The file it was read from, where there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) database: Location,
    /// Where its password is named.
    password_origin: Origin,
    /// The file that holds the master key, where one is named.
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) declared: Declared,
    /// The certificate and the key that it shows itself by, where it speaks TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// The mail server, where there is one.
    pub(crate) mail: Option<mail::Mail>,
    /// Whom events are pushed to.
    pub(crate) event_receivers: Vec<Receiver>,
    /// Who may create an account by themselves.
    pub(crate) sign_up: SignUp,
    pub(crate) look: Look,
    /// The name under which the API of administrators is public, where it is.
    pub(crate) administration_url: Option<Issuer>,
    pub(crate) warnings: Problems,
}

impl Checked {
    /// What mails are sent by, with the password for it.
    ///
    /// # Errors
    /// The password can't be read.
    pub(crate) fn mail_settings(&self) -> Result<Option<MailSettings>, Problems> {
        self.mail.as_ref().map(mail::Mail::settings).transpose()
    }

    /// Whom events are pushed to, with what they are called with.
    ///
    /// # Errors
    /// What one is called with can't be read.
    pub(crate) fn receiver_settings(&self) -> Result<Vec<EventReceiver>, Problems> {
        let receivers = self.event_receivers.iter();
        receivers.map(Receiver::settings).collect()
    }

    /// The database's URL as the store opens it, with the password.
    ///
    /// # Errors
    /// The password can't be read.
    pub(crate) fn database_url(&self) -> Result<Secret, Problems> {
        self.database.url().map_err(|(message, advice)| {
            Problems::one(self.password_origin.clone(), message, advice)
        })
    }
}

/// Judges `config`.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn check(
    config: Config,
    problems: Problems,
    layers: &Layers<'_>,
) -> Result<Checked, Problems> {
    let mut findings = Findings {
        layers,
        problems,
        warnings: layers.warnings.clone(),
    };
    let issuer = check_issuer(&config.issuer, &mut findings);
    check_server(&config, &mut findings);
    check_port(&config, &mut findings);
    check_proxies(&config, &mut findings);
    check_lifetimes(&config, &mut findings);
    check_login(&config, issuer.as_ref(), &mut findings);
    check_log(&config, &mut findings);
    let database = database(&config, &mut findings);
    let key_file = At::key("secrets").then("master_key_file");
    let master_key_file = config
        .secrets
        .master_key_file
        .as_deref()
        .map(|path| layers.resolve(&key_file, path));
    let password_origin = layers.origin(&At::key("database").then("password_file"));
    let tls = tls::check(&config, &mut findings);
    let mail = mail::check(&config, &mut findings);
    let event_receivers = event_receivers::check(&config, &mut findings);
    let sign_up = sign_up::check(&config, &mut findings);
    let declared = declared::check(&config, &mut findings);
    let look = look::check(&config, &mut findings);
    let administration_url = administration::check(&config, issuer.as_ref(), &mut findings);
    let Findings {
        problems, warnings, ..
    } = findings;
    let file = layers.file().map(std::path::Path::to_owned);
    match (issuer, database) {
        (Some(issuer), Some(database)) if problems.is_empty() => Ok(Checked {
            config,
            issuer,
            file,
            database,
            password_origin,
            master_key_file,
            declared,
            tls,
            mail,
            event_receivers,
            sign_up,
            look,
            administration_url,
            warnings: warnings.sorted(),
        }),
        _ => Err(problems.sorted()),
    }
}

fn check_issuer(issuer: &str, findings: &mut Findings<'_>) -> Option<Issuer> {
    let error = match Issuer::parse(issuer) {
        Ok(issuer) => {
            warn_of_path(&issuer, findings);
            return Some(issuer);
        }
        Err(error) => error,
    };
    let canonical = Url::parse(issuer).map(|url| url.as_str().trim_end_matches('/').to_owned());
    let advice = match (error, canonical) {
        (IssuerError::NotCanonical, Ok(canonical)) => format!("write {canonical}"),
        _ => String::new(),
    };
    findings.refuse(&At::key("issuer"), error.to_string(), advice);
    None
}

/// Cookies and scripts know no paths: what else is served at the host can act as anybody who is signed in here.
fn warn_of_path(issuer: &Issuer, findings: &mut Findings<'_>) {
    if !issuer.path().is_empty() {
        findings.warn(
            &At::key("issuer"),
            format!(
                "the issuer has a path, and trusts everything at {}",
                issuer.origin()
            ),
            "give it a host of its own, or serve nothing else there that you would not trust with everybody's sign-in",
        );
    }
}

fn check_server(config: &Config, findings: &mut Findings<'_>) {
    let server = At::key("server");
    let listen = server.then("listen");
    if config.server.listen.is_empty() {
        findings.refuse(
            &listen,
            "`server.listen` names no address",
            "write one, such as \"127.0.0.1:8420\"",
        );
    }
    let admin = server.then("admin_listen");
    if config.server.admin_listen.port() != 0
        && config.server.listen.contains(&config.server.admin_listen)
    {
        findings.refuse(
            &admin,
            "`server.admin_listen` is also in `server.listen`",
            "give health and metrics a port of their own",
        );
    }
    if !config.server.admin_listen.ip().is_loopback() {
        findings.warn(
            &admin,
            "health and metrics are reachable from other machines",
            "see that only your monitoring reaches this port",
        );
    }
    check_internal_hosts(config, findings);
}

fn check_internal_hosts(config: &Config, findings: &mut Findings<'_>) {
    let hosts = At::key("server").then("internal_hosts");
    for (index, host) in config.server.internal_hosts.iter().enumerate() {
        let plain = !host.is_empty() && !host.contains('@');
        if !plain || host.parse::<Authority>().is_err() {
            findings.refuse(
                &hosts.item(index),
                format!("`{host}` is not a host with or without a port"),
                "write it as it stands in the URL that is called, such as \"safeconduct:8420\"",
            );
        }
    }
}

/// Where the issuer is this machine, the server has to listen at its port.
fn check_port(config: &Config, findings: &mut Findings<'_>) {
    let issuer = Url::parse(&config.issuer)
        .ok()
        .filter(|url| url.scheme() == "http");
    let Some(port) = issuer.and_then(|url| url.port_or_known_default()) else {
        return;
    };
    if config
        .server
        .listen
        .iter()
        .all(|address| address.port() != port)
    {
        let at = At::key("server").then("listen");
        findings.warn(
            &at,
            format!("the issuer is at port {port}, and nobody listens there"),
            format!("add \"127.0.0.1:{port}\", or change the port of the issuer"),
        );
    }
}

/// Whose word is taken for the address of a client. With too few proxies all clients are one; with too many, one client is all.
fn check_proxies(config: &Config, findings: &mut Findings<'_>) {
    let server = At::key("server");
    let proxies = server.then("trusted_proxies");
    for (index, written) in config.server.trusted_proxies.iter().enumerate() {
        let at = proxies.item(index);
        let network = match written.parse::<Network>() {
            Ok(network) => network,
            Err(error) => {
                findings.refuse(&at, error.to_string(), "");
                continue;
            }
        };
        if network.is_everybody() {
            findings.refuse(
                &at,
                format!("`{written}` is everybody: any client could write an address of its choice into X-Forwarded-For"),
                "name the addresses of your proxies, or the network that holds nothing else, such as 10.0.0.0/8",
            );
        } else if network.is_far_and_wide() {
            findings.warn(
                &at,
                format!("`{written}` holds very many addresses, and each may write an address of its choice into X-Forwarded-For"),
                "name the addresses of your proxies, or the network that holds nothing else",
            );
        }
    }
    let https = Url::parse(&config.issuer).is_ok_and(|url| url.scheme() == "https");
    let behind_proxy = https && config.server.tls.certificate.is_none();
    if behind_proxy && config.server.trusted_proxies.is_empty() && config.login.throttle {
        let on_loopback = config.server.listen.iter().all(|to| to.ip().is_loopback());
        let advice = if on_loopback {
            "write trusted_proxies = [\"127.0.0.1\", \"::1\"] into [server] if the proxy is on this machine"
        } else {
            "write its addresses into [server] as trusted_proxies = [\"10.0.0.7\"]"
        };
        findings.warn(
            &server,
            "`server.trusted_proxies` is empty: all people count as one address, that of the proxy that speaks https, and one stranger's wrong passwords shut everybody out",
            advice,
        );
    }
}

fn check_log(config: &Config, findings: &mut Findings<'_>) {
    let level = At::key("log").then("level");
    match log_level::check(&config.log.level) {
        Ok(None) => {}
        Ok(Some(warning)) => findings.warn(&level, format!("`{level}`: {warning}"), ""),
        Err((message, advice)) => findings.refuse(&level, message, advice),
    }
}

fn check_lifetimes(config: &Config, findings: &mut Findings<'_>) {
    let (tokens, sessions) = (&config.tokens, &config.sessions);
    for (table, key, value, longer_key, most) in [
        (
            "tokens",
            "refresh_idle",
            tokens.refresh_idle,
            "refresh_ttl",
            tokens.refresh_ttl,
        ),
        (
            "sessions",
            "idle",
            sessions.idle,
            "absolute",
            sessions.absolute,
        ),
    ] {
        let at = At::key(table).then(key);
        if value > most {
            let message = format!("`{at}` is longer than `{table}.{longer_key}`");
            findings.refuse(&at, message, format!("{most} at most"));
        }
    }
    if tokens.access_ttl > Span::hours(1) {
        findings.warn(
            &At::key("tokens").then("access_ttl"),
            format!("access tokens live for {}", tokens.access_ttl),
            "an API that validates by JWT alone accepts a revoked token that long",
        );
    }
}

/// Seconds in which what a node counted of guesses is kept: no budget may take longer to be whole again.
const LONGEST_BUDGET: i64 = 24 * 3600;

fn check_login(config: &Config, issuer: Option<&Issuer>, findings: &mut Findings<'_>) {
    let login = &config.login;
    let budgets = [
        ("per_pair", login.per_pair),
        ("per_account", login.per_account),
        ("per_address", login.per_address),
        ("sign_ins", login.sign_ins),
    ];
    for (name, budget) in budgets {
        let whole = i64::from(budget.burst) * budget.refill.as_seconds();
        if whole > LONGEST_BUDGET {
            let key = At::key("login").then(name);
            findings.refuse(
                &key,
                format!("`{key}` takes more than a day to be whole again"),
                "make burst times refill 24h at most: what a node has counted is kept for a day",
            );
        }
    }
    // On a developer's own machine nobody misses them.
    let is_address = |issuer: &Issuer| issuer.domain().is_none() && !issuer.is_development();
    if login.passkeys && issuer.is_some_and(is_address) {
        findings.warn(
            &At::key("login").then("passkeys"),
            "nobody can have a passkey: browsers make none for an IP address",
            "give the issuer a name, or set `login.passkeys` to false",
        );
    }
    if let (Some(id), Some(issuer)) = (&login.passkey_rp_id, issuer) {
        check_passkey_host(id, issuer, findings);
    }
    check_related_origins(config, issuer, findings);
    if !config.login.throttle {
        findings.warn(
            &At::key("login").then("throttle"),
            "passwords can be guessed at any speed",
            "switch it off only where something in front counts failed sign-ins",
        );
    }
}

/// Passkeys of a domain are those of every server in it.
fn check_passkey_host(id: &str, issuer: &Issuer, findings: &mut Findings<'_>) {
    let (key, host) = (At::key("login").then("passkey_rp_id"), issuer.host());
    let is_domain = matches!(Host::parse(id), Ok(Host::Domain(domain)) if domain == id);
    if !RelyingParty::may_be_id(id, host) && is_domain && id.contains('.') {
        let origin = issuer.origin();
        findings.warn(
            &key,
            format!("browsers use passkeys of {id} at {host} only where https://{id}/.well-known/webauthn names {origin}, and Firefox does not"),
            "have it named there: `login.passkey_related_origins`, where that host is a Safeconduct",
        );
    } else if !RelyingParty::may_be_id(id, host) {
        findings.refuse(
            &key,
            format!("`{key}` is `{id}`, and browsers make no passkeys for that at {host}"),
            "name the issuer's own host, or a domain above it that is yours; without the key it is the issuer's",
        );
    } else if id != host {
        findings.warn(
            &key,
            format!("every server below {id} can ask for the passkeys of this one, make others in their place and have them forgotten"),
            "leave the key out, unless another of your servers has to share the passkeys and you trust all that there are",
        );
    }
}

/// The most origins that a browser is told of.
const MOST_RELATED_ORIGINS: usize = 20;

/// Browsers compare origins as they write them, and look for the list at the host that passkeys belong to.
fn check_related_origins(config: &Config, issuer: Option<&Issuer>, findings: &mut Findings<'_>) {
    let (key, login) = (
        At::key("login").then("passkey_related_origins"),
        &config.login,
    );
    let origins = &login.passkey_related_origins;
    if origins.is_empty() {
        return;
    }
    for (index, origin) in origins.iter().enumerate() {
        let url = Url::parse(origin).ok();
        let written = url.as_ref().map(|url| url.origin().ascii_serialization());
        let is_secure = |url: &Url| {
            let host = url.host_str().unwrap_or_default();
            url.scheme() == "https" || (url.scheme() == "http" && host == "localhost")
        };
        if !url.as_ref().is_some_and(is_secure) || written.as_ref() != Some(origin) {
            findings.refuse(
                &key.item(index),
                format!("`{origin}` is no origin as browsers write it"),
                "write the scheme, the host in lower case and a port that is not the usual one: https://acme.example",
            );
        }
    }
    if origins.len() > MOST_RELATED_ORIGINS {
        findings.refuse(
            &key,
            format!("`{key}` has more than {MOST_RELATED_ORIGINS} origins"),
            "browsers read those of five domains",
        );
    }
    let own = issuer.and_then(Issuer::domain);
    let host = login.passkey_rp_id.as_deref().or(own);
    if !login.passkeys || host.is_none() || host != own {
        findings.refuse(
            &key,
            format!("`{key}` is read by nobody: passkeys do not belong to the issuer's host"),
            "serve the list at /.well-known/webauthn of the host that they belong to, and leave the key out",
        );
    }
}

fn database(config: &Config, findings: &mut Findings<'_>) -> Option<Location> {
    let url = At::key("database").then("url");
    let file = At::key("database").then("password_file");
    let location = match Location::parse(&config.database.url) {
        Ok(Location::Sqlite(path)) => Location::Sqlite(findings.layers.resolve(&url, &path)),
        Ok(postgres) => postgres,
        // The URL may hold a password: it is not repeated here.
        Err(Misnamed { message, advice }) => {
            findings.refuse(&url, format!("`{url}` {message}"), advice);
            return None;
        }
    };
    if location.file().is_none()
        && let Err(OpenError::UrlPart { part, advice }) = Store::understands(&config.database.url)
    {
        findings.refuse(
            &url,
            format!("`{url}` has {part} that it cannot have"),
            advice,
        );
        return None;
    }
    let password_file = config.database.password_file.as_deref();
    if location.has_password() {
        if !findings.layers.is_from_environment(&url) {
            findings.refuse(
                &url,
                format!("`{url}` holds a password"),
                format!(
                    "put it into a file that only safeconduct may read, and name that with `{file}`"
                ),
            );
        } else if password_file.is_some() {
            findings.refuse(
                &url,
                format!("the password stands here and in `{file}`"),
                "take it out of one of them",
            );
        }
    }
    if password_file.is_some() && location.file().is_some() {
        findings.warn(
            &file,
            format!("`{file}` is not read"),
            "SQLite has no password; who may read the file may read the database",
        );
    }
    let password_file = password_file.map(|path| findings.layers.resolve(&file, path));
    Some(location.with_password_file(password_file))
}
