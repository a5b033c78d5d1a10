//! What may stand in the configuration: one type for each table, one field for each key. That of a client is in
//! `registration.rs`.
//!
//! The comments on the fields are the reference that operators read (`docs/reference/configuration.md` is made from
//! them), so each says the unit and what the key is for. Whether the values fit together is decided in `check.rs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::duration::Span;
use super::registration::{Client, SigningAlgorithm};

/// The whole configuration. `issuer` is the one key that has no default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The URL by which browsers, apps and APIs know this server: what every token carries as `iss`, byte for byte.
    /// `https`, without query, fragment or trailing slash; a path is allowed. `http` only on `localhost`, `127.0.0.1` or `[::1]`.
    ///
    /// The database remembers it: a server with another issuer refuses to start on it.
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) server: Server,
    #[serde(default)]
    pub(crate) database: Database,
    #[serde(default)]
    pub(crate) secrets: Secrets,
    #[serde(default)]
    pub(crate) tokens: Tokens,
    #[serde(default)]
    pub(crate) dpop: Dpop,
    #[serde(default)]
    pub(crate) sessions: Sessions,
    #[serde(default)]
    pub(crate) login: Login,
    #[serde(default)]
    pub(crate) ui: Ui,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) scopes: BTreeMap<String, Scope>,
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
    #[serde(default)]
    pub(crate) clients: Vec<Client>,
}

/// Where the server listens, and what it grants a connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// The addresses that serve browsers and apps, each an IP address and a port. TLS is the work of the proxy in front.
    pub(crate) listen: Vec<SocketAddr>,
    /// The address of `/health/live`, `/health/ready` and `/metrics`. Keep it away from the public.
    pub(crate) admin_listen: SocketAddr,
    /// The proxies whose `X-Forwarded-For` is believed, as addresses or networks (`10.0.0.0/8`). Anyone else's is ignored. Without
    /// them, all people behind the proxy that speaks https count as one address where wrong passwords are counted. A network that is
    /// everybody (`0.0.0.0/0`) is refused.
    pub(crate) trusted_proxies: Vec<String>,
    /// Other names of this server, each a host with or without a port, as a container or a service beside it calls it
    /// (`safeconduct:8420`). Under them `/token`, `/par`, `/userinfo`, `/introspect`, `/revoke` and the documents below
    /// `/.well-known` are answered, and never a page. The issuer, and what tokens, metadata and DPoP proofs name, stays the same.
    pub(crate) internal_hosts: Vec<String>,
    pub(crate) limits: Limits,
}

/// What one connection, and all of them together, may take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// How long a connection may take to send the head of its request.
    pub(crate) header_timeout: Span,
    /// How long a connection may take to send the body of its request, once its head is there.
    pub(crate) body_timeout: Span,
    /// How long the server may take to answer a whole request.
    pub(crate) request_timeout: Span,
    /// How long an answer may wait for a client that does not read it.
    pub(crate) write_timeout: Span,
    /// How long a connection may stay open between two requests.
    pub(crate) idle_timeout: Span,
    /// How long requests under way may take to finish once the server was asked to stop.
    pub(crate) drain_timeout: Span,
    /// The largest body of a request, in bytes.
    pub(crate) max_body_bytes: usize,
    /// The most connections at one time.
    pub(crate) max_connections: usize,
    /// The most connections at one time from one address.
    pub(crate) max_connections_per_address: usize,
}

/// The database: a file for one node, or PostgreSQL for any number of them ([many nodes](../guides/many-nodes.md)).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `sqlite:` and the path of a file, which is made on first start; or `postgres://USER@HOST/NAME`, where parameters such
    /// as `sslmode` may follow ([databases](databases.md)). A password may stand in it only if it comes from the environment.
    pub(crate) url: String,
    /// The file that holds the password of the PostgreSQL user. It is read at every start.
    pub(crate) password_file: Option<PathBuf>,
    /// How long a server that starts waits for a database that cannot be reached yet, or has no connection left: up to 10 minutes.
    /// Meanwhile `/health/live` says 200, `/health/ready` 503. What waiting does not mend, such as a wrong password, ends the
    /// server at once. `"0s"` waits for nothing.
    pub(crate) wait: Span,
}

/// Secrets are never written in this file: it names the files that hold them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// The file that holds the master key, 32 bytes as base64, as hex or raw; only its owner may read it. The key itself may
    /// stand in the environment instead, as `SAFECONDUCT_MASTER_KEY`. With neither, a server whose issuer is `http` on this
    /// machine and whose database is a file makes `master.key` beside it. All nodes of one database need the same key. While one
    /// takes the place of another, the file holds both, a line each: `docs/guides/keys.md`.
    pub(crate) master_key_file: Option<PathBuf>,
}

/// How long codes and tokens live. An ID Token lives as long as the access token beside it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    /// How long an authorization code may be exchanged: 10 seconds to 10 minutes.
    pub(crate) code_ttl: Span,
    /// How long an access token is valid: 30 seconds to 24 hours. An API that validates by JWT alone sees a revocation only
    /// when this time is over.
    pub(crate) access_ttl: Span,
    /// How long a sign-in can be kept alive by refreshing, counted from the consent: up to 400 days.
    pub(crate) refresh_ttl: Span,
    /// How long a refresh token may lie unused.
    pub(crate) refresh_idle: Span,
    /// How long a public client may repeat a refresh whose answer it lost: up to 5 minutes. `0s` allows none. A client that
    /// authenticates may always repeat its last one.
    pub(crate) refresh_retry_window: Span,
}

/// What proofs of possession (DPoP, RFC 9449) must show.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dpop {
    /// Whether each proof must carry a nonce that this server gave out in the last five minutes or so (RFC 9449 §8). It stops
    /// proofs that were made in advance, and costs a client one more request whenever its nonce is too old.
    pub(crate) require_nonce: bool,
}

/// How long a browser stays signed in at this server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sessions {
    /// How long a browser may stay away before its user has to sign in again. It ends nothing else: an app that keeps refreshing
    /// goes on.
    pub(crate) idle: Span,
    /// How long a session lasts whatever its use. Grants without `offline_access` end with it.
    pub(crate) absolute: Span,
}

/// How password guessing is slowed down. Counters are in memory and of a fixed size. All nodes of one database share each budget: they
/// tell one another what they counted, twice a second.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Login {
    /// Whether wrong passwords are counted at all. Switch it off only where something in front does it.
    pub(crate) throttle: bool,
    /// The budget of one account from one address.
    #[serde(deserialize_with = "per_pair")]
    pub(crate) per_pair: Budget,
    /// The budget of one account from everywhere.
    #[serde(deserialize_with = "per_account")]
    pub(crate) per_account: Budget,
    /// The budget of one address on all accounts. An IPv6 address counts as its /64.
    #[serde(deserialize_with = "per_address")]
    pub(crate) per_address: Budget,
    /// How often one account may sign in. Beyond it a right password is counted like a wrong one: a person never notices, a flood
    /// with the right password waits as a guesser does.
    #[serde(deserialize_with = "sign_ins")]
    pub(crate) sign_ins: Budget,
}

/// Wrong passwords that are allowed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// How many are free before there is a wait.
    pub(crate) burst: u32,
    /// The time after which one more is allowed.
    pub(crate) refill: Span,
}

/// What people see.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ui {
    /// The name at the top of every page.
    pub(crate) name: String,
}

/// What the server writes to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// The form of a line. Without it: `pretty` on a terminal, `json` elsewhere.
    pub(crate) format: Option<LogFormat>,
    /// What is worth a line: `error`, `warn`, `info`, `debug`, `trace` or `off`, also by module (`info,safeconduct_store=debug`). Any
    /// other word is refused.
    pub(crate) level: String,
}

/// The form of a log line.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people, with colours.
    Pretty,
    /// For machines, one object a line.
    Json,
}

/// A scope that clients may ask for. The key of the table is its name: `[scopes."notes.read"]`. `openid`, `profile`, `email`,
/// `phone`, `address` and `offline_access` are known without being declared; a text that is declared for one of them replaces
/// the built-in one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    /// What the consent page says of it, by language: `text.en = "Read your notes"`. English is what this version shows.
    #[serde(default)]
    pub(crate) text: BTreeMap<String, String>,
}

/// An API that access tokens are good for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    /// Its identifier, an absolute URI without fragment: the `resource` that clients ask for and the `aud` of its tokens.
    pub(crate) uri: String,
    /// Its name on the consent page. Without it, the host of `uri`.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The scopes that belong to it.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The id of the client that may introspect tokens for this API, and no other. Without it, nobody may.
    #[serde(default)]
    pub(crate) client: Option<String>,
    /// What access tokens for it are signed with, whichever client gets them. `RS256` (RFC 9068 §2.1) is for APIs whose library knows
    /// nothing else: its tokens are 250 characters longer.
    #[serde(default = "access_token_signing_alg")]
    pub(crate) access_token_signing_alg: SigningAlgorithm,
}

fn access_token_signing_alg() -> SigningAlgorithm {
    SigningAlgorithm::Es256
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8420))],
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8429)),
            trusted_proxies: Vec::new(),
            internal_hosts: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Span::seconds(10),
            body_timeout: Span::seconds(30),
            request_timeout: Span::seconds(30),
            write_timeout: Span::seconds(30),
            idle_timeout: Span::seconds(60),
            drain_timeout: Span::seconds(20),
            max_body_bytes: 64 * 1024,
            max_connections: 4096,
            max_connections_per_address: 256,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:safeconduct.db".to_owned(),
            password_file: None,
            wait: Span::seconds(30),
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            code_ttl: Span::seconds(60),
            access_ttl: Span::minutes(5),
            refresh_ttl: Span::days(30),
            refresh_idle: Span::days(7),
            refresh_retry_window: Span::seconds(60),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle: Span::hours(8),
            absolute: Span::days(14),
        }
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            throttle: true,
            per_pair: Budget {
                burst: 5,
                refill: Span::seconds(60),
            },
            per_account: Budget {
                burst: 50,
                refill: Span::seconds(60),
            },
            per_address: Budget {
                burst: 100,
                refill: Span::seconds(10),
            },
            sign_ins: Budget {
                burst: 1_000,
                refill: Span::seconds(1),
            },
        }
    }
}

/// What is written of a budget; the rest is as the budget of that name is by default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBudget {
    burst: Option<u32>,
    refill: Option<Span>,
}

impl WrittenBudget {
    fn over(self, default: Budget) -> Budget {
        Budget {
            burst: self.burst.unwrap_or(default.burst),
            refill: self.refill.unwrap_or(default.refill),
        }
    }
}

fn per_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
    let written = WrittenBudget::deserialize(deserializer)?;
    Ok(written.over(Login::default().per_pair))
}

fn per_account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
    let written = WrittenBudget::deserialize(deserializer)?;
    Ok(written.over(Login::default().per_account))
}

fn per_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
    let written = WrittenBudget::deserialize(deserializer)?;
    Ok(written.over(Login::default().per_address))
}

fn sign_ins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Budget, D::Error> {
    let written = WrittenBudget::deserialize(deserializer)?;
    Ok(written.over(Login::default().sign_ins))
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            name: "Safeconduct".to_owned(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: None,
            level: "info".to_owned(),
        }
    }
}
