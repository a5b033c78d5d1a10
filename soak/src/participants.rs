//! Who takes part: the people, the apps, the API, and two programs with tokens of their own; and the configuration that says so.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::Result;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::dpop::ProofKey;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use safeconduct_protocol::random;
use serde_json::json;

use crate::history::{App, User};

/// The name that every node answers to.
pub const HOST: &str = "id.soak.example";
/// The issuer.
pub const ISSUER: &str = "https://id.soak.example";
/// How many people there are, each with one browser.
pub const PEOPLE: usize = 64;
/// How many apps there are.
pub const APPS: usize = 12;
/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";
/// The secret of every client that has one. It protects nothing: all of it is gone after the run.
pub const SECRET: &str = "a-secret-of-forty-three-characters-as-drawn";
/// What the apps ask for.
pub const SCOPE: &str = "openid notes.read";
/// Where the apps wait for their answer.
pub const REDIRECT_URI: &str = "https://app.soak.example/callback";
/// The pair of RFC 7636, appendix B.
pub const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its challenge.
pub const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The client that stands for the API.
pub const API: &str = "api";
/// The client that authenticates with assertions.
pub const MACHINE: &str = "machine";
/// The client that proves a key.
pub const ROBOT: &str = "robot";

/// The name that a user signs in with.
pub fn username(user: User) -> String {
    format!("person-{}", user.0)
}

/// The id of an app.
pub fn client_id(app: App) -> String {
    format!("app-{}", app.0)
}

/// The app with this id.
pub fn app_of(client_id: &str) -> Option<App> {
    let number = client_id.strip_prefix("app-")?.parse().ok()?;
    (number < APPS).then_some(App(number))
}

/// The header by which a client authenticates (RFC 6749 §2.3.1).
pub fn authorization(client: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{client}:{SECRET}"))
    )
}

/// The keys of the clients that have some: for assertions (RFC 7523), and for proofs (RFC 9449).
pub struct Machines {
    assertions: SigningKey,
    proofs: ProofKey,
}

impl Machines {
    /// New ones.
    ///
    /// # Errors
    /// No key can be made.
    pub fn generate() -> Result<Self> {
        Ok(Self {
            assertions: SigningKey::generate(Algorithm::Es256)?,
            proofs: ProofKey::generate(),
        })
    }

    /// An assertion that was never used.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn assertion(&self) -> Result<String> {
        let now = Clock::system().now().seconds();
        let claims = json!({
            "iss": MACHINE, "sub": MACHINE, "aud": ISSUER, "jti": random::token(), "iat": now, "exp": now + 60,
        });
        Ok(self.assertions.sign_jwt("JWT", &claims)?)
    }

    /// A proof for the token endpoint that was never used.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn proof(&self) -> Result<String> {
        let uri = format!("{ISSUER}/token");
        let now = Clock::system().now();
        Ok(self.proofs.prove("POST", &uri, None, None, now)?)
    }

    fn jwks(&self) -> Result<String> {
        let keys = [self.assertions.public_jwk()];
        Ok(serde_json::to_string(&json!({ "keys": keys }))?)
    }
}

/// The configuration of one node, and the key file that it names as `machine.jwks`.
///
/// The times of the server are short, so that a fault can outlast them all; those of codes and tokens are long, so that nothing is
/// refused for its age. The apps with an even number have opaque access tokens.
///
/// # Errors
/// The keys can't be written down.
pub fn configuration(
    listen: SocketAddr,
    admin: SocketAddr,
    database: &str,
    machines: &Machines,
) -> Result<(String, String)> {
    let mut text = format!(
        r#"
issuer = "{ISSUER}"
server.listen = ["{listen}"]
server.admin_listen = "{admin}"
server.limits.request_timeout = "3s"
server.limits.max_connections_per_address = 4096
database.url = "{database}"
secrets.master_key_file = "master-key"
tokens.code_ttl = "10m"
tokens.access_ttl = "24h"
login.throttle = false
log.level = "warn"
scopes."notes.read".text.en = "Read your notes"
[[resources]]
uri = "https://api.soak.example"
scopes = ["notes.read"]
client = "{API}"
[[clients]]
id = "{API}"
grant_types = []
secret_file = "secret"
[[clients]]
id = "{MACHINE}"
grant_types = ["client_credentials"]
scopes = ["notes.read"]
jwks_file = "machine.jwks"
[[clients]]
id = "{ROBOT}"
grant_types = ["client_credentials"]
scopes = ["notes.read"]
secret_file = "secret"
"#
    );
    for app in (0..APPS).map(App) {
        let id = client_id(app);
        let format = if app.0 % 2 == 0 { "opaque" } else { "jwt" };
        write!(
            text,
            r#"
[[clients]]
id = "{id}"
redirect_uris = ["{REDIRECT_URI}"]
scopes = ["openid", "notes.read"]
consent = "never"
access_token_format = "{format}"
id_token_signed_response_alg = "ES256"
secret_file = "secret"
"#
        )?;
    }
    Ok((text, machines.jwks()?))
}
