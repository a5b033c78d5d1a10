//! Setting up a guard. Nothing is asked of the issuer here: the API and its issuer may start in any order.

use std::time::Duration;

use safeconduct_issuer::{Address, AddressError, Http};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::dpop::NonceKey;
use safeconduct_protocol::scope::{self, Scope};
use safeconduct_protocol::secret::Secret;

use crate::dpop::Dpop;
use crate::guard::{Guard, Validation};
use crate::introspection::{self, Introspection};
use crate::metadata::{self, Issuer, Keys};
use crate::resource::Resource;

/// How the guard names itself to its issuer.
const USER_AGENT: &str = concat!("safeconduct-guard/", env!("CARGO_PKG_VERSION"));
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_HTTP_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// Why a guard cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The issuer cannot be trusted.
    #[error("the issuer {0:?} {1}")]
    Issuer(String, AddressError),
    /// The audience is no identifier of an API.
    #[error("the audience {0:?} {1}")]
    Audience(String, AddressError),
    /// The URL that clients reach the API at is none.
    #[error("the base URL {0:?} {1}")]
    BaseUrl(String, AddressError),
}

/// How tokens are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// JWTs, here, with the issuer's keys. A revocation is seen when the token expires.
    Jwt,
    /// Any token, by asking the issuer.
    Introspection,
    /// JWTs here and then by asking the issuer too; any other token by asking.
    Both,
}

/// A guard being set up: see [`Guard::new`](crate::Guard::new).
#[must_use = "nothing is guarded until `build`"]
pub struct GuardBuilder {
    issuer: Address,
    resource: Resource,
    introspection: Option<(Mode, String, Secret)>,
    introspection_cache: Duration,
    base_url: Option<Address>,
    nonces: Option<NonceKey>,
    leeway: Duration,
    http_timeout: Duration,
    clock: Clock,
}

impl GuardBuilder {
    pub(crate) fn new(issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        let issuer = Address::identifier(issuer)
            .map_err(|error| ConfigError::Issuer(issuer.to_owned(), error))?;
        let audience = Address::identifier(audience)
            .map_err(|error| ConfigError::Audience(audience.to_owned(), error))?;
        Ok(Self {
            issuer,
            resource: Resource::new(audience),
            introspection: None,
            introspection_cache: introspection::LONGEST_CACHE,
            base_url: None,
            nonces: None,
            leeway: LONGEST_LEEWAY,
            http_timeout: HTTP_TIMEOUT,
            clock: Clock::system(),
        })
    }

    /// The scopes that the API gives a meaning to, for its metadata (RFC 9728 §2). Names that break RFC 6749 §3.3 are
    /// left out.
    pub fn scopes_supported<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let mut supported = Scope::default();
        for name in names {
            match Scope::parse(name.as_ref()) {
                Some(scope) if scope::is_name(name.as_ref()) => supported = supported.union(&scope),
                _ => tracing::error!(
                    name = name.as_ref(),
                    "not a scope: left out of the metadata"
                ),
            }
        }
        self.resource.scopes_supported = supported;
        self
    }

    /// The API's name for people, for its metadata.
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.resource.name = Some(name.into());
        self
    }

    /// Asks the issuer about each token too ([`Mode::Both`]), as the client that the issuer lets introspect tokens for
    /// this audience. Only so is a revocation seen before the token expires, and an opaque token understood.
    pub fn introspection(mut self, client_id: impl Into<String>, secret: Secret) -> Self {
        self.introspection = Some((Mode::Both, client_id.into(), secret));
        self
    }

    /// Asks the issuer about each token and reads none here ([`Mode::Introspection`]).
    pub fn introspection_only(mut self, client_id: impl Into<String>, secret: Secret) -> Self {
        self.introspection = Some((Mode::Introspection, client_id.into(), secret));
        self
    }

    /// How long an introspection response is remembered: at most, and by default, 30 seconds. With
    /// [`Duration::ZERO`] every request asks, and a revocation is seen at once.
    pub fn introspection_cache(mut self, time: Duration) -> Self {
        self.introspection_cache = time.min(introspection::LONGEST_CACHE);
        self
    }

    /// Where clients reach what the application sees as `/`: by default the scheme, host and port of the audience. The URL
    /// that a DPoP proof is for (`htu`, RFC 9449 §4.3) is this one with the path of the request behind it, so it matters where a
    /// proxy takes a prefix off or serves another host. The request's own `Host` is never believed.
    ///
    /// # Errors
    /// [`ConfigError::BaseUrl`] if it is not an `https` URL, or `http` on this machine, without query and fragment.
    pub fn base_url(mut self, url: impl AsRef<str>) -> Result<Self, ConfigError> {
        let url = url.as_ref();
        let address = Address::identifier(url)
            .map_err(|error| ConfigError::BaseUrl(url.to_owned(), error))?;
        self.base_url = Some(address);
        Ok(self)
    }

    /// Lets no bearer token pass, only tokens that are bound to a key and come with its proof (RFC 9449). Without this, a
    /// token that is bound still needs its proof, and one that is not passes as it is.
    pub fn require_dpop(mut self) -> Self {
        self.resource.dpop_required = true;
        self
    }

    /// Lets a proof pass only with a nonce of this API's, which changes every five minutes and is good for ten: a proof made
    /// in advance, by an attacker who had the key for a moment, is worth nothing (RFC 9449 §11.2). A client learns the nonce from the
    /// first refusal, which costs it one more request. Each process has nonces of its own: see [`GuardBuilder::dpop_nonce_key`].
    pub fn dpop_nonce(mut self, on: bool) -> Self {
        self.nonces = on.then(NonceKey::generate);
        self
    }

    /// As [`GuardBuilder::dpop_nonce`], with nonces made from `key`, 256 random bits: the same in every process that serves
    /// the API, so that each takes the nonces of the others.
    pub fn dpop_nonce_key(mut self, key: [u8; 32]) -> Self {
        self.nonces = Some(NonceKey::new(key));
        self
    }

    /// How far ahead of ours the issuer's clock may be: at most, and by default, 60 seconds. It moves `nbf` and `iat`;
    /// no token lives past its `exp`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(LONGEST_LEEWAY);
        self
    }

    /// How long one request to the issuer may take, half of it for the connection: 10 seconds by default.
    pub fn http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout.max(SHORTEST_HTTP_TIMEOUT);
        self
    }

    /// The clock that decides what has expired: [`Clock::system`] by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Tells expected against got in the body of a refusal. Only for an API on this machine; elsewhere it stays in
    /// the log.
    pub fn development(mut self, on: bool) -> Self {
        self.resource.explains = on && self.resource.audience.is_loopback();
        if on && !self.resource.explains {
            tracing::warn!(audience = %self.resource.audience, "development mode is for an API on this machine: not on");
        }
        self
    }

    /// The guard.
    pub fn build(mut self) -> Guard {
        let issuer = self.issuer();
        let keys = || Keys::new(issuer.clone(), self.clock.clone(), metadata::count);
        let validation = match self.introspection.take() {
            None => Validation::Jwt(keys()),
            Some((mode, client_id, secret)) => {
                let introspection =
                    Introspection::new(client_id, secret, self.introspection_cache, self.leeway);
                match mode {
                    Mode::Introspection => Validation::Introspection(introspection),
                    Mode::Jwt | Mode::Both => Validation::Both(keys(), introspection),
                }
            }
        };
        self.assemble(issuer, validation)
    }

    /// The guard that trusts `keys` and makes no request.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn build_with_keys(self, keys: safeconduct_protocol::jose::KeySet) -> Guard {
        let issuer = self.issuer();
        let validation = Validation::Jwt(Keys::fixed(keys, self.clock.clone()));
        self.assemble(issuer, validation)
    }

    fn issuer(&self) -> Issuer {
        let http = Http::new(USER_AGENT, self.http_timeout, self.issuer.is_loopback());
        Issuer::new(self.issuer.clone(), false, http, self.clock.clone())
    }

    fn assemble(self, issuer: Issuer, validation: Validation) -> Guard {
        let base_url = match &self.base_url {
            Some(url) => url.without_end(),
            None => self.resource.audience.origin(),
        };
        let dpop = Dpop::new(base_url.to_owned(), self.nonces);
        Guard::assemble(
            issuer,
            self.resource,
            validation,
            dpop,
            self.leeway,
            self.clock,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attacks: S02.
    #[test]
    fn issuer_and_audience_must_be_https_or_on_this_machine() {
        let error = |issuer, audience| {
            GuardBuilder::new(issuer, audience)
                .err()
                .unwrap()
                .to_string()
        };
        insta::assert_snapshot!(error("http://id.example.com", "https://api.example.com"), @r#"the issuer "http://id.example.com" must begin with https:// (http:// is for localhost, 127.0.0.1 and [::1] alone)"#);
        insta::assert_snapshot!(error("https://id.example.com", "notes"), @r#"the audience "notes" is not an absolute URL such as https://id.example.com"#);
        insta::assert_snapshot!(error("https://id.example.com", ""), @r#"the audience "" is not an absolute URL such as https://id.example.com"#);
        assert!(GuardBuilder::new("http://localhost:8420", "http://localhost:8422").is_ok());
    }
}
