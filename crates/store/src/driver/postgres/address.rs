//! The database URL: where the server is, who we are to it, and how we speak with it. It is the URL that PostgreSQL's own
//! programs take; what it says beyond them is read here and taken out.
//!
//! | parameter | |
//! |---|---|
//! | `sslmode` | `disable`, `prefer`, `require`, `verify-ca`, `verify-full`; by default `verify-full`, and `prefer` on this machine |
//! | `sslrootcert` | a PEM file with the authorities that may vouch for the server, in place of the system's |
//! | `pool_size` | the most connections of one node, 2 to 500; 16 |
//! | `connect_timeout` | seconds until a connection must be there; 5 |
//! | `statement_timeout` | seconds until a statement must be done; 5 |
//! | `pgbouncer` | `true` behind PgBouncer in transaction mode |

use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::driver::OpenError;

/// What is handed on to the client library as it stands.
const HANDED_ON: &[&str] = &[
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "tcp_user_timeout",
    "user",
];

const KNOWN: &str = "known are sslmode, sslrootcert, pool_size, connect_timeout, statement_timeout, pgbouncer, \
     and what PostgreSQL's own programs take there";

/// What a session says to `safeconduct.direct` that was made for us alone. A pooler hands no options of ours on: it refuses them,
/// or drops them.
pub(super) const DIRECT: &str = "yes";

/// How the server proves who it is, as PostgreSQL's programs call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// No encryption.
    Disable,
    /// Encryption if the server offers it; it need not prove anything.
    Prefer,
    /// Encryption; the server need not prove anything.
    Require,
    /// An authority vouches for the server's key, under whatever name.
    VerifyCa,
    /// An authority vouches for the server under the name that the URL has for it.
    VerifyFull,
}

/// Everything that a URL says.
#[derive(Clone)]
pub(super) struct Address {
    /// For the client library.
    pub(super) config: Config,
    /// Host, port and database: what errors call it.
    pub(super) server: String,
    pub(super) tls: Tls,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) pool_size: usize,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
    /// Whether one connection of ours may be many of the server's, one for each transaction.
    pub(super) pooled: bool,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (place, query) = split_query(url);
        let mut handed_on = place.to_owned();
        let mut own = Own::default();
        for (name, value) in parameters(query)? {
            if HANDED_ON.contains(&name.as_str()) {
                let separator = if handed_on.contains('?') { '&' } else { '?' };
                // The value is handed on as it was written, escapes and all.
                let _ = write!(handed_on, "{separator}{name}={}", value.written);
            } else {
                own.take(&name, &value.decoded)?;
            }
        }
        let mut config = Config::from_str(&handed_on).map_err(|_| unreadable())?;
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
        let places = hosts.len().max(addresses.len());
        let nameless = hosts
            .iter()
            .any(|host| matches!(host, Host::Tcp(name) if name.is_empty()));
        let uneven = |count: usize| count > 1 && count != places;
        let unequal = !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len();
        if places == 0 || nameless || unequal || uneven(config.get_ports().len()) {
            return Err(unreadable());
        }
        let tls = own.tls.unwrap_or_else(|| default_tls(&config));
        // PostgreSQL's programs, too, take a root certificate for the wish to verify.
        let tls = match (tls, &own.root_certificates) {
            (Tls::Require, Some(_)) => Tls::VerifyCa,
            (tls, _) => tls,
        };
        own.complete(&mut config, tls);
        Ok(Self {
            server: name(&config),
            config,
            tls,
            root_certificates: own.root_certificates,
            pool_size: own.pool_size,
            connect_timeout: own.connect_timeout,
            statement_timeout: own.statement_timeout,
            pooled: own.pooled,
        })
    }
}

/// What the URL says to us alone.
struct Own {
    tls: Option<Tls>,
    root_certificates: Option<PathBuf>,
    pool_size: usize,
    connect_timeout: Duration,
    statement_timeout: Duration,
    pooled: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            tls: None,
            root_certificates: None,
            pool_size: 16,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            pooled: false,
        }
    }
}

impl Own {
    fn take(&mut self, name: &str, value: &str) -> Result<(), OpenError> {
        match name {
            "sslmode" => self.tls = Some(sslmode(value)?),
            "sslrootcert" => self.root_certificates = (value != "system").then(|| value.into()),
            "pool_size" => {
                let sizes = 2..=500;
                let size = value.parse().ok().filter(|size| sizes.contains(size));
                self.pool_size = size.ok_or_else(|| part(name, "write a number from 2 to 500"))?;
            }
            "connect_timeout" => self.connect_timeout = seconds(name, value)?,
            "statement_timeout" => self.statement_timeout = seconds(name, value)?,
            "pgbouncer" => {
                let truth = value.parse();
                self.pooled = truth.map_err(|_| part(name, "write true or false"))?;
            }
            // Nothing else is ever asked for.
            "target_session_attrs" if matches!(value, "read-write" | "primary") => {}
            "target_session_attrs" => return Err(part(name, "write read-write, or leave it out")),
            _ => return Err(part(name, KNOWN)),
        }
        Ok(())
    }

    fn complete(&self, config: &mut Config, tls: Tls) {
        if config.get_application_name().is_none() {
            config.application_name("safeconduct");
        }
        if !self.pooled {
            let given = config.get_options().unwrap_or_default();
            let options = format!("{given} -c safeconduct.direct={DIRECT}");
            config.options(options.trim_start());
        }
        config.connect_timeout(self.connect_timeout);
        // A connection that leads nowhere is noticed by the first who waits on it, and by nobody before: see `pool`.
        if config.get_keepalives_idle() > Duration::from_secs(60) {
            config.keepalives_idle(Duration::from_secs(60));
        }
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
        // Of several hosts, the primary.
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
    }
}

fn unreadable() -> OpenError {
    OpenError::UrlPart {
        part: "a user, host, port or database".to_owned(),
        advice: "write postgres://USER:PASSWORD@HOST:PORT/NAME, \
                 and in a user or a password %2F, %40, %3A, %3F and %25 for / @ : ? and %",
    }
}

fn part(name: &str, advice: &'static str) -> OpenError {
    OpenError::UrlPart {
        part: format!("a parameter {name}"),
        advice,
    }
}

/// What stands before the parameters, and the parameters. A question mark before the host would be the password's.
fn split_query(url: &str) -> (&str, &str) {
    let place = url.find('@').unwrap_or(0);
    match url[place..].find('?') {
        Some(mark) => (&url[..place + mark], &url[place + mark + 1..]),
        None => (url, ""),
    }
}

/// A parameter's value.
struct Written<'a> {
    written: &'a str,
    decoded: String,
}

fn parameters(query: &str) -> Result<Vec<(String, Written<'_>)>, OpenError> {
    let decode = |text| percent_decode_str(text).decode_utf8().ok();
    query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let (name, written) = parameter.split_once('=')?;
            let decoded = decode(written)?.into_owned();
            Some((decode(name)?.into_owned(), Written { written, decoded }))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| OpenError::UrlPart {
            part: "a parameter".to_owned(),
            advice: "write NAME=VALUE, with & between two of them",
        })
}

fn sslmode(value: &str) -> Result<Tls, OpenError> {
    Ok(match value {
        "disable" => Tls::Disable,
        "prefer" => Tls::Prefer,
        "require" => Tls::Require,
        "verify-ca" => Tls::VerifyCa,
        "verify-full" => Tls::VerifyFull,
        _ => {
            let advice = "write disable, prefer, require, verify-ca or verify-full";
            return Err(part("sslmode", advice));
        }
    })
}

fn seconds(name: &str, value: &str) -> Result<Duration, OpenError> {
    let seconds = value.parse().ok();
    seconds
        .filter(|seconds| (1..=3600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| part(name, "write a number of seconds from 1 to 3600"))
}

/// Who listens on this machine's own wire may as well read its memory; a Unix socket has no wire at all.
fn default_tls(config: &Config) -> Tls {
    let hosts = config.get_hosts();
    let unix = |host: &Host| !matches!(host, Host::Tcp(_));
    let near = |host: &Host| match host {
        Host::Tcp(name) => {
            let address = name
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
            name == "localhost" || address
        }
        _ => true,
    };
    let addresses = config.get_hostaddrs();
    if !addresses.iter().all(IpAddr::is_loopback) || !hosts.iter().all(near) {
        Tls::VerifyFull
    } else if !hosts.is_empty() && hosts.iter().all(unix) {
        Tls::Disable
    } else {
        Tls::Prefer
    }
}

/// What errors call the database. No user, and above all no password.
fn name(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let ports = config.get_ports();
    let mut places: Vec<String> = hosts
        .enumerate()
        .map(|(index, host)| {
            let port = ports.get(index).or(ports.first());
            format!("{host}:{}", port.unwrap_or(&5432))
        })
        .collect();
    if places.is_empty() {
        places.extend(config.get_hostaddrs().iter().map(IpAddr::to_string));
    }
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    format!("{}/{database}", places.join(","))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    #[rstest]
    #[case("postgres://sc@db.example.com/sc", Tls::VerifyFull)]
    #[case("postgresql://sc@127.0.0.1,db.example.com/sc", Tls::VerifyFull)]
    #[case("postgres://sc@localhost/sc?hostaddr=192.0.2.1", Tls::VerifyFull)]
    #[case("postgres://sc@localhost/sc", Tls::Prefer)]
    #[case("postgres://sc@[::1]:5433/sc", Tls::Prefer)]
    #[case("postgres:///sc?host=/run/postgresql", Tls::Disable)]
    #[case("postgres://sc@db/sc?sslmode=disable", Tls::Disable)]
    #[case("postgres://sc@db/sc?sslmode=prefer", Tls::Prefer)]
    #[case("postgres://sc@db/sc?sslmode=require", Tls::Require)]
    #[case(
        "postgres://sc@db/sc?sslmode=require&sslrootcert=/ca.pem",
        Tls::VerifyCa
    )]
    #[case("postgres://sc@db/sc?sslmode=verify-ca", Tls::VerifyCa)]
    #[case("postgres://sc@localhost/sc?sslmode=verify-full", Tls::VerifyFull)]
    fn the_server_proves_itself_unless_it_is_near(#[case] url: &str, #[case] tls: Tls) {
        assert_eq!(parse(url).tls, tls);
    }

    #[test]
    fn a_url_says_where_who_and_how() {
        let address = parse(
            "postgres://sc:p%40ss%3F@db:5433/names?pool_size=4&connect_timeout=1&sslrootcert=%2Fetc%2Fca.pem\
             &pgbouncer=true&statement_timeout=9&target_session_attrs=read-write&options=-csearch_path%3Dsc",
        );
        assert_eq!(address.server, "db:5433/names");
        assert_eq!(address.config.get_user(), Some("sc"));
        assert_eq!(address.config.get_password(), Some(b"p@ss?".as_slice()));
        assert_eq!(address.config.get_options(), Some("-csearch_path=sc"));
        assert_eq!(address.config.get_application_name(), Some("safeconduct"));
        assert_eq!((address.pool_size, address.pooled), (4, true));
        assert_eq!(address.connect_timeout, Duration::from_secs(1));
        assert_eq!(address.statement_timeout, Duration::from_secs(9));
        assert_eq!(address.root_certificates, Some("/etc/ca.pem".into()));
    }

    #[rstest]
    #[case("postgres://sc:hush@db/sc?sslmode=hush", "sslmode")]
    #[case("postgres://sc:hush@db/sc?pool_size=1", "pool_size")]
    #[case("postgres://sc:hush@db/sc?pool_size=hush", "pool_size")]
    #[case("postgres://sc:hush@db/sc?statement_timeout=0", "statement_timeout")]
    #[case("postgres://sc:hush@db/sc?connect_timeout=hush", "connect_timeout")]
    #[case("postgres://sc:hush@db/sc?pgbouncer=yes", "pgbouncer")]
    #[case(
        "postgres://sc:hush@db/sc?target_session_attrs=any",
        "target_session_attrs"
    )]
    #[case("postgres://sc:hush@db/sc?sslkey=hush", "sslkey")]
    #[case("postgres://sc:hush@db/sc?pool_size", "a parameter")]
    #[case("postgres://sc:hush@db:port/sc", "host, port")]
    #[case("postgres:///sc", "host, port")]
    #[case("postgres://sc:hush@:5432/sc", "host, port")]
    #[case("postgres://sc:hush@one,two:1,three/sc?port=5", "host, port")]
    #[case("postgres://sc:hush@one,two/sc?hostaddr=127.0.0.1", "host, port")]
    #[case("postgres://", "host, port")]
    fn what_a_url_cannot_say_is_named_and_not_repeated(#[case] url: &str, #[case] named: &str) {
        let refusal = Address::parse(url)
            .err()
            .expect("it is refused")
            .to_string();
        assert!(refusal.contains(named), "{refusal}");
        assert!(!refusal.contains("hush"), "{refusal}");
    }
}
