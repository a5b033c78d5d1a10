//! What may stand in the configuration: one type for each table, one field for each key, with its comment, its range and its default.
//!
//! The comments are the reference that operators read (`docs/reference/configuration.md` is made from them), so each says the unit
//! and what the key is for. Whether the values fit together is decided in `check.rs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::password;
use safeconduct_protocol::registration::{Names, Registration};
use safeconduct_protocol::resource::Resources;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::duration::Span;

/// Makes a table of the configuration: of each key its comment, its range, its type and its default.
macro_rules! table {
    ($(#[$about:meta])* $name:ident {
        $($(#[$key_about:meta])* $key:ident: $type:ty = $default:expr,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub(crate) struct $name {
            $($(#[$key_about])* pub(crate) $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }
    };
}

/// The whole configuration. `issuer` is the one key that has no default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    pub(crate) mail: Mail,
    #[serde(default)]
    pub(crate) account: Account,
    #[serde(default)]
    pub(crate) administration: Administration,
    #[serde(default)]
    pub(crate) ui: Ui,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, Group>,
    #[serde(default)]
    pub(crate) scopes: BTreeMap<String, Scope>,
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
    #[serde(default)]
    pub(crate) clients: Vec<Client>,
    #[serde(default)]
    pub(crate) event_receivers: Vec<EventReceiver>,
}

table! {
    /// Where the server listens, and what it grants a connection.
    Server {
        /// The addresses that serve browsers and apps, each an IP address and a port. In TLS with `[server.tls]`; without it, TLS is the
        /// work of the proxy in front.
        #[schemars(schema_with = "addresses")]
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 8420))],
        /// The address of `/health/live`, `/health/ready` and `/metrics`. Keep it away from the public.
        #[schemars(schema_with = "address")]
        admin_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8429)),
        /// The proxies whose `X-Forwarded-For` is believed, as addresses or networks (`10.0.0.0/8`). Anyone else's is ignored. Without
        /// them, all people behind the proxy that speaks https count as one address where wrong passwords are counted. A network that is
        /// everybody (`0.0.0.0/0`) is refused.
        trusted_proxies: Vec<String> = Vec::new(),
        /// Other names of this server, each a host with or without a port, as a container or a service beside it calls it
        /// (`safeconduct:8420`). Under them `/token`, `/par`, `/userinfo`, `/introspect`, `/revoke` and the documents below
        /// `/.well-known` are answered, and never a page. The issuer, and what tokens, metadata and DPoP proofs name, stays the same.
        internal_hosts: Vec<String> = Vec::new(),
        limits: Limits = Limits::default(),
        tls: Tls = Tls::default(),
    }
}

table! {
    /// TLS by the server itself, on every address of `server.listen`; health and metrics stay as they are. HTTP/1.1 is spoken in it, by TLS 1.2
    /// and 1.3. Both files are read again when they change (looked at every ten seconds) and at a SIGHUP; connections go on with what they
    /// were shown. A file that is missing, half written, expired or not the other's then changes nothing, and is told in the log; at a start it is refused
    /// ([operating](../guides/running.md#a-certificate)).
    Tls {
        /// The file with the certificate for the issuer's host, as PEM, behind it those that lead to an authority that clients trust.
        certificate: Option<PathBuf> = None,
        /// The file with its private key, as PEM, not encrypted. One that everyone on the machine can read is refused, but on a read-only mount.
        key: Option<PathBuf> = None,
    }
}

table! {
    /// What one connection, and all of them together, may take.
    Limits {
        /// How long a connection may take to send the head of its request.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        header_timeout: Span = Span::seconds(10),
        /// How long a connection may take to send the body of its request, once its head is there.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        body_timeout: Span = Span::seconds(30),
        /// How long the server may take to answer a whole request.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        request_timeout: Span = Span::seconds(30),
        /// How long an answer may wait for a client that does not read it.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        write_timeout: Span = Span::seconds(30),
        /// How long a connection may stay open between two requests.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        idle_timeout: Span = Span::seconds(60),
        /// How long requests under way may take to finish once the server was asked to stop.
        #[schemars(extend("least" = "1s", "most" = "10m"))]
        drain_timeout: Span = Span::seconds(20),
        /// The largest body of a request, in bytes.
        #[schemars(range(min = 8192))]
        max_body_bytes: usize = 64 * 1024,
        /// The most connections at one time.
        #[schemars(range(min = 16))]
        max_connections: usize = 4096,
        /// The most connections at one time from one address.
        #[schemars(range(min = 1))]
        max_connections_per_address: usize = 256,
    }
}

table! {
    /// The database: a file for one node, or PostgreSQL for any number of them ([many nodes](../guides/many-nodes.md)).
    Database {
        /// `sqlite:` and the path of a file, which is made on first start; or `postgres://USER@HOST/NAME`, where parameters such
        /// as `sslmode` may follow ([databases](databases.md)). A password may stand in it only if it comes from the environment.
        url: String = "sqlite:safeconduct.db".to_owned(),
        /// The file that holds the password of the PostgreSQL user. It is read at every start.
        password_file: Option<PathBuf> = None,
        /// How long a server that starts waits for a database that cannot be reached yet, or has no connection left.
        /// Meanwhile `/health/live` says 200, `/health/ready` 503. What waiting does not mend, such as a wrong password, ends the
        /// server at once. `"0s"` waits for nothing.
        #[schemars(extend("least" = "0s", "most" = "10m"))]
        wait: Span = Span::seconds(30),
    }
}

table! {
    /// Secrets are never written in this file: it names the files that hold them.
    Secrets {
        /// The file that holds the master key, 32 bytes as base64, as hex or raw. One that everyone on the machine can read is refused,
        /// but on a read-only mount; one that its group can read is warned of. The key itself may stand in the environment instead, as
        /// `SAFECONDUCT_MASTER_KEY`. With neither, a server whose issuer is `http` on this machine and whose database is a file makes
        /// `master.key` beside it. All nodes of one database need the same key. While one takes the place of another, the file holds
        /// both, a line each: `docs/guides/keys.md`.
        master_key_file: Option<PathBuf> = None,
    }
}

table! {
    /// How long codes and tokens live. An ID Token lives as long as the access token beside it.
    Tokens {
        /// How long an authorization code may be exchanged.
        #[schemars(extend("least" = "10s", "most" = "10m"))]
        code_ttl: Span = Span::seconds(60),
        /// How long an access token is valid. An API that validates by JWT alone sees a revocation only
        /// when this time is over.
        #[schemars(extend("least" = "30s", "most" = "1d"))]
        access_ttl: Span = Span::minutes(5),
        /// How long a sign-in can be kept alive by refreshing, counted from the redemption of its code.
        #[schemars(extend("least" = "1m", "most" = "400d"))]
        refresh_ttl: Span = Span::days(30),
        /// How long a refresh token may lie unused.
        #[schemars(extend("least" = "1m", "most" = "400d"))]
        refresh_idle: Span = Span::days(7),
        /// How long a public client may repeat a refresh whose answer it lost. `0s` allows none. A client that
        /// authenticates, or whose tokens are bound to a key, may always repeat its last one.
        #[schemars(extend("least" = "0s", "most" = "5m"))]
        refresh_retry_window: Span = Span::seconds(60),
    }
}

table! {
    /// What proofs of possession (DPoP, RFC 9449) must show.
    Dpop {
        /// Whether each proof must carry a nonce that this server gave out in the last five minutes or so (RFC 9449 §8). It stops
        /// proofs that were made in advance, and costs a client one more request whenever its nonce is too old.
        require_nonce: bool = false,
    }
}

table! {
    /// How long a browser stays signed in at this server.
    Sessions {
        /// How long a browser may stay away before its user has to sign in again. It ends nothing else: an app that keeps refreshing
        /// goes on.
        #[schemars(extend("least" = "1m", "most" = "400d"))]
        idle: Span = Span::hours(8),
        /// How long a session lasts whatever its use. Grants without `offline_access` end with it.
        #[schemars(extend("least" = "1m", "most" = "400d"))]
        absolute: Span = Span::days(14),
    }
}

table! {
    /// What people prove when they sign in, what new passwords must be, and how guessing is slowed down. Counters are in memory and of a fixed size. All nodes of one database
    /// share each budget: they tell one another what they counted, twice a second.
    Login {
        /// Whether people prove a second factor beside their password: codes of an authenticator app, and recovery codes in its place.
        /// With `off` no account can be given an app; an account that has one is asked for a code all the same. With `offered` an account is given one where a client
        /// (`require_second_factor`) or a group demands it, on the way there, and others are offered one after a sign-in with the password alone, until they say *Not now*. With `required` every
        /// account has to have one: it is set up at the next sign-in. Wherever one is demanded, a passkey will do as well, if there are any, and with `off` it is what the page there makes
        /// ([sign-in methods](../guides/sign-in-methods.md)).
        second_factor: SecondFactor = SecondFactor::Off,
        /// Whether people sign in with passkeys, and add them on their account page. One is two factors: who signs in with it is asked for no
        /// code. Browsers make passkeys for a name and not for an IP address: where the issuer's host is one, there are none. They belong to the issuer's host: at
        /// another one every passkey is dead.
        passkeys: bool = true,
        /// The host that passkeys belong to, where it is not the issuer's own: a domain above it, such as `acme.example` where the issuer is
        /// `https://id.acme.example`. Every server of that domain can ask for the passkeys of this one then, and make others in their place
        /// (WebAuthn Level 3 §13.4.8): set it only where another of your servers has to share them, and you trust all of them. Another host kills
        /// every passkey that was made before; when the issuer moves, name the host of before here, and have it serve a list with the new
        /// origin (`passkey_related_origins`): Chrome and Safari go on with them then, and Firefox does not.
        passkey_rp_id: Option<String> = None,
        /// Other origins at which browsers may make and use the passkeys of the issuer's host, each as browsers write it:
        /// `["https://acme.example"]`, at most 20. They are told at `/.well-known/webauthn` (WebAuthn Level 3 §5.11), which browsers read
        /// since Chrome 128 and Safari 18, and may stop reading behind the fifth domain. Whoever serves one of these origins can ask for the
        /// passkeys of this server, make others in their place and have them forgotten: name only servers of yours, such as the one that takes this host's place.
        passkey_related_origins: Vec<String> = Vec::new(),
        /// How many characters a new password has at least (NIST SP 800-63B-4 §3.1.1.2). 8 is right where people show a second factor
        /// as well; 15 is the recommendation where the password is all they show. Passwords that are set already are never judged. Whatever
        /// stands here, a new password has at most 1,024 bytes, may be of any characters, and is none of the common ones, no name or address of its
        /// owner, and no name of this server, in any case.
        #[schemars(range(min = 8, max = 64))]
        password_min_length: usize = password::LEAST_MINIMUM,
        /// Whether wrong passwords, refused passkeys and requests for mail are counted at all. Switch it off only where something in front does it.
        throttle: bool = true,
        /// The budget of one account from one address.
        per_pair: Budget = Budget {
            burst: 5,
            refill: Span::seconds(60),
        },
        /// The budget of one account from everywhere.
        per_account: Budget = Budget {
            burst: 50,
            refill: Span::seconds(60),
        },
        /// The budget of one address on all accounts. An IPv6 address counts as its /64.
        per_address: Budget = Budget {
            burst: 100,
            refill: Span::seconds(10),
        },
        /// How often one account may sign in. Beyond it a right password is counted like a wrong one: a person never notices, a flood
        /// with the right password waits as a guesser does.
        sign_ins: Budget = Budget {
            burst: 1_000,
            refill: Span::seconds(1),
        },
    }
}

/// Whether people prove a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SecondFactor {
    /// No account can be given an authenticator app.
    Off,
    /// An account may have one.
    Offered,
    /// Every account has to have one.
    Required,
}

/// Wrong passwords that are allowed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Budget {
    /// How many are free before there is a wait.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) burst: u32,
    /// The time after which one more is allowed.
    #[schemars(extend("least" = "1s", "most" = "1d"))]
    pub(crate) refill: Span,
}

table! {
    /// What people may do with their accounts by themselves.
    Account {
        /// Whether users may delete their accounts, on a page that asks for the name of the account. What is deleted does not come back.
        delete: bool = false,
        /// Who may create an account by themselves, each with a mail address that they prove to read: nobody; whom you invite
        /// (`safeconduct user invite --sign-up`); everybody; or everybody at one of these mail domains, and whom you invite:
        /// `registration = ["example.com"]`. What is below a domain is another domain. All but `off` and `invite` need `[mail]`, have
        /// *Create an account* on the sign-in page, and serve `prompt=create`. A link to sign up that is out when this changes is judged by what
        /// stands here then ([sign-in methods](../guides/sign-in-methods.md)). In the environment, domains stand with commas between them.
        registration: SignUp = SignUp::Word(SignUpWord::Off),
    }
}

/// Who may create an account by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SignUp {
    Word(SignUpWord),
    /// Everybody whose address is at one of these.
    Domains(Vec<String>),
}

/// Who may, if that is no matter of domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SignUpWord {
    /// Nobody.
    Off,
    /// Whom an operator invites.
    Invite,
    /// Everybody.
    Open,
}

impl JsonSchema for SignUp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SignUp".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut words = SignUpWord::json_schema(generator);
        words.insert("orList".to_owned(), true.into());
        words
    }
}

table! {
    /// The API by which administrators see and change everything ([operating](../guides/operating.md)): `/admin/v1`, and SCIM at `/scim/v2`. `safeconduct admin add`
    /// makes the first administrator.
    Administration {
        /// Whether there is one. It is served at `server.admin_listen`, which has to be an address of this machine alone then.
        api: bool = false,
        /// The URL of a host of its own, such as `https://admin.example.com`, under which the API is served at `server.listen` instead. The proxy
        /// in front passes the `Host` on. It is none of the issuer's names: no page of this server is there.
        url: Option<String> = None,
    }
}

table! {
    /// The mail server by which people are told of what happens to their accounts, and are sent their links ([mail](../guides/mail.md)).
    /// `safeconduct mail test` sends a mail by it.
    Mail {
        /// The host of the mail server. Its certificate has to name it. Without this key, no mail is sent and none is queued.
        host: Option<String> = None,
        /// Its port. Without this key: 465 with `tls = "implicit"`, 587 with `starttls`, 25 with `none`.
        port: Option<u16> = None,
        /// How the connection is encrypted: `implicit` from its first byte (RFC 8314), `starttls` after a word in clear, or not sent at
        /// all. With `none` nothing is encrypted, which is only allowed to a server on this machine (`localhost`, `127.0.0.1`).
        tls: MailTls = MailTls::Implicit,
        /// The name to sign in with at the mail server, if it wants one.
        username: Option<String> = None,
        /// The file that holds the password for it, on one line. It is read at every start.
        password_file: Option<PathBuf> = None,
        /// The address that mails come from. The name beside it is `ui.name`.
        from: Option<String> = None,
        /// What this server calls itself to the mail server. Without this key, the host of the issuer.
        hello_name: Option<String> = None,
        /// The file with the certificates (PEM) of the authority that may vouch for the mail server. Without this key, those that this
        /// machine trusts.
        ca_file: Option<PathBuf> = None,
        /// How long a mail may take, from the connection to the last answer. What took longer is tried again, and may arrive twice.
        #[schemars(extend("least" = "5s", "most" = "10m"))]
        timeout: Span = Span::seconds(60),
        /// Whether people are told of a sign-in with a browser that their account was not used in during the last 30 days.
        new_device: bool = true,
    }
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailTls {
    /// From its first byte.
    Implicit,
    /// After a word in clear.
    Starttls,
    /// Not at all.
    None,
}

table! {
    /// What people see.
    Ui {
        /// The name at the top of every page.
        name: String = "Safeconduct".to_owned(),
        /// The language of pages for people whose app, choice and browser name none that there is ([languages](../guides/languages.md)).
        default_language: Language = Language::English,
        /// The image beside the name, in place of ours: a file of SVG, PNG, JPEG or WebP, at most 64 KiB. It is read at start, shown two
        /// lines high, and served by this server.
        logo: Option<PathBuf> = None,
        /// What the sign-in page says below its form, by language tag: `sign_in_text.en = "Your name is the one of your badge."` For whom
        /// there is no text it is that of `default_language`, else the English one, else any.
        sign_in_text: BTreeMap<String, String> = BTreeMap::new(),
        colours: Colours = Colours::default(),
        links: Links = Links::default(),
    }
}

table! {
    /// The colours of the pages, each as `#rrggbb`, in the light and in the dark. What is left out is ours; all others follow from these.
    /// Two that stand on one another and have less contrast than 4.5:1 are refused with their ratio, lines with less than 3:1 (WCAG 2.2).
    Colours {
        accent: Accent = Accent::default(),
        background: Background = Background::default(),
        card: Card = Card::default(),
        text: Ink = Ink::default(),
    }
}

/// Makes the table of one colour.
macro_rules! shade {
    ($(#[$about:meta])* $name:ident) => {
        table! {
            $(#[$about])*
            $name {
                /// Where people prefer light pages, or nothing.
                light: Option<String> = None,
                /// Where people prefer dark ones.
                dark: Option<String> = None,
            }
        }
    };
}

shade! {
    /// Links, and the buttons that lead on. What is written on such a button is white where that can be read, else black.
    Accent
}
shade! {
    /// The page around the card.
    Background
}
shade! {
    /// The card that everything stands on.
    Card
}
shade! {
    /// What is written on the card.
    Ink
}

table! {
    /// Where the links at the foot of every page lead: `https` URLs, or `http` on loopback. A link that is left out is not there.
    Links {
        /// Help for people who cannot sign in. It may be an address of mail too: `mailto:help@example.com`.
        help: Option<String> = None,
        /// The privacy policy.
        privacy: Option<String> = None,
        /// The terms of service.
        terms: Option<String> = None,
    }
}

table! {
    /// What the server writes to standard error.
    Log {
        /// The form of a line. Without it: `pretty` on a terminal, `json` elsewhere.
        format: Option<LogFormat> = None,
        /// What is worth a line: `error`, `warn`, `info`, `debug`, `trace` or `off`, also by module (`info,safeconduct_store=debug`). Any
        /// other word is refused.
        level: String = "info".to_owned(),
    }
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

/// A group of users, and what it demands of them. The key of the table is its name: `[groups.staff]`. It changes here only: each start makes
/// the database agree with the file, also where `safeconduct group add` made a group of that name. One that is gone from the file stays as it
/// is, and commands may change it. Who belongs to a group is said by `safeconduct group add-member`, and never here: a file names people by
/// what they sign in with, and whoever took a name that is free would be in the group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Group {
    /// What people read instead of the name.
    #[serde(default)]
    pub(crate) display: Option<String>,
    /// Whether its members have to prove a second factor, whatever they sign in to ([sign-in methods](../guides/sign-in-methods.md)).
    #[serde(default)]
    pub(crate) require_second_factor: bool,
}

/// A scope that clients may ask for. The key of the table is its name: `[scopes."notes.read"]`. `openid`, `profile`, `email`,
/// `phone`, `address`, `groups` and `offline_access` are known without being declared; a text that is declared for one of them replaces
/// the built-in one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Scope {
    /// What the consent page says of it, by language tag: `text.en = "Read your notes"`, `text.de = "Ihre Notizen lesen"`. For whom there is no
    /// text it is that of `ui.default_language`, else the English one, else any.
    #[serde(default)]
    pub(crate) text: BTreeMap<String, String>,
    /// The groups whose members may have it; one of them is enough. Without any, everybody may. Clients by themselves are not asked
    /// (`client_credentials`): what they may have is registered.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

/// A client that is declared here. It changes here only: each start makes the database agree with the file. A client that is
/// gone from the file is disabled by `safeconduct serve --prune`; without that word, such a start is refused. Clients made by
/// `safeconduct client create` are left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Client {
    /// The `client_id`.
    pub(crate) id: String,
    /// The file that holds its secret, at least 32 characters; white space at the end is ignored.
    #[serde(default)]
    pub(crate) secret_file: Option<PathBuf>,
    /// The file that holds its `jwks`.
    #[serde(default)]
    pub(crate) jwks_file: Option<PathBuf>,
    /// The file of its logo on the consent page: SVG, PNG, JPEG or WebP, at most 64 KiB. It is what `logo_uri` would be.
    #[serde(default)]
    pub(crate) logo_file: Option<PathBuf>,
    /// Whether the file takes over a client of this id that was made by `safeconduct client create`: what is written here, its secret
    /// included, replaces what is registered. Without it, a file that declares such a client is refused.
    #[serde(default)]
    pub(crate) adopt: bool,
    #[serde(flatten)]
    pub(crate) registration: Registration,
}

/// An API that access tokens are good for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Resource {
    /// Its identifier, an absolute URI without fragment: the `resource` that clients ask for and the `aud` of its tokens.
    pub(crate) uri: String,
    /// Its name on the consent page. Without it, the host of `uri`. For people of another language, beside it: `"name#de" = "Notizen-API"`.
    #[serde(default)]
    #[schemars(extend("byLanguage" = true))]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(crate) names: Names,
    /// The scopes that belong to it.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The id of the client that may introspect tokens for this API, and no other. Without it, nobody may.
    #[serde(default)]
    pub(crate) client: Option<String>,
    /// What access tokens for it are signed with, whichever client gets them. `RS256` (RFC 9068 §2.1) is for APIs whose library knows
    /// nothing else: its tokens are 250 characters longer.
    #[serde(default = "Resources::default_algorithm")]
    pub(crate) access_token_signing_alg: Algorithm,
}

/// A receiver that security events are pushed to, as signed tokens (RFC 8935): a monitoring system, or an app that wants to know of sessions
/// that end elsewhere ([events for machines](../guides/events-for-machines.md)). It is told what appears once it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventReceiver {
    /// Its name here: small letters, digits and hyphens. How far it has been told is remembered by it.
    pub(crate) name: String,
    /// Where it takes events: an `https` URL that leads to no private network. It is called without redirects and without a proxy.
    pub(crate) endpoint: String,
    /// Who it is: the `aud` of what it is told.
    pub(crate) audience: String,
    /// What it is told: `session-revoked`, `session-established` and `credential-change` of CAEP, and kinds of events of
    /// [the reference](events.md), such as `user-locked`.
    #[serde(default = "caep_events")]
    pub(crate) events: Vec<String>,
    /// The file that holds the `Authorization` header it is called with, such as `Bearer` and a token.
    #[serde(default)]
    pub(crate) authorization_file: Option<PathBuf>,
    /// The client whose `sub` and `sid` it knows users and sessions by; it is told nothing that is of another client alone. Without it, users
    /// are named as public clients know them. Whichever it is, it is told of every user.
    #[serde(default)]
    pub(crate) client: Option<String>,
    /// What its events are signed with. `RS256` is what receivers have to understand (CAEP Interoperability Profile).
    #[serde(default = "signing_alg_of_events")]
    pub(crate) signing_alg: Algorithm,
    /// Whether it may be in a private network, or on this machine. What gives a machine of a cloud its credentials is never called.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
    /// Whether it may be called in the clear, by `http`.
    #[serde(default)]
    pub(crate) allow_http: bool,
}

fn caep_events() -> Vec<String> {
    ["session-revoked", "credential-change"]
        .map(str::to_owned)
        .into()
}

fn signing_alg_of_events() -> Algorithm {
    Algorithm::Rs256
}

fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "address" })
}

fn addresses(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": address(generator) })
}
