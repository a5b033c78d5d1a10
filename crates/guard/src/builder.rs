//! Setting up a guard. Nothing is asked of the issuer here: the API and its issuer may start in any order.

use std::sync::Arc;
use std::time::Duration;

use safeconduct_issuer::{Address, Http, HttpSettings};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::dpop::NonceKey;
use safeconduct_protocol::scope::{self, Scope};
use safeconduct_protocol::secret::Secret;

use crate::config_error::ConfigError;
use crate::dialect::Dialect;
use crate::dpop::Dpop;
use crate::foreign::{self, Foreign};
use crate::guard::{Guard, Parts, Validation};
use crate::introspection::{self, Introspection};
use crate::metadata::{self, Issuer, Keys};
use crate::profile::Profile;
use crate::resource::Resource;
use crate::revocations::{self, Revocations};
use crate::trusted::{self, Trusted, TrustedIssuers};

/// How the guard names itself to its issuer.
const USER_AGENT: &str = concat!("safeconduct-guard/", env!("CARGO_PKG_VERSION"));
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_HTTP_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_LEEWAY: Duration = Duration::from_secs(60);
/// Where a template has the tenant.
const TENANT: &str = "{tid}";

/// How tokens are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// JWTs, here, with the issuer's keys. A revocation is seen when the token expires, or at once with [`GuardBuilder::revocations`].
    Jwt,
    /// Any token, by asking the issuer.
    Introspection,
    /// JWTs here and then by asking the issuer too; any other token by asking.
    Both,
}

/// A guard being set up: see [`Guard::new`](crate::Guard::new).
#[must_use = "nothing is guarded until `build`"]
pub struct GuardBuilder {
    issuers: Vec<Named>,
    pub(crate) foreign: Foreign,
    resource: Resource,
    introspection: Option<(Mode, String, Secret)>,
    introspection_cache: Duration,
    pub(crate) revocations: Option<(String, Secret)>,
    pub(crate) revocation_settings: revocations::Settings,
    base_url: Option<Address>,
    nonces: Option<NonceKey>,
    leeway: Duration,
    http_timeout: Duration,
    clock: Clock,
}

/// An issuer to be trusted.
struct Named {
    address: Address,
    tenant: Option<String>,
    /// `None`: that of the guard.
    profile: Option<Profile>,
}

impl GuardBuilder {
    pub(crate) fn new(issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        let mut builder = Self::without_issuers(audience)?;
        builder.add(issuer, None, None)?;
        Ok(builder)
    }

    pub(crate) fn of_tenants<S: AsRef<str>>(
        template: &str,
        tenants: impl IntoIterator<Item = S>,
        audience: &str,
    ) -> Result<Self, ConfigError> {
        let no_tenant = |text: &str| ConfigError::Tenant(text.to_owned());
        if !template.contains(TENANT) {
            return Err(no_tenant(template));
        }
        let mut builder = Self::without_issuers(audience)?;
        for tenant in tenants {
            let tenant = tenant.as_ref();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if tenant.is_empty() || !tenant.bytes().all(is_plain) {
                return Err(no_tenant(tenant));
            }
            builder.add(
                &template.replace(TENANT, tenant),
                Some(tenant.to_owned()),
                None,
            )?;
        }
        if builder.issuers.is_empty() {
            return Err(no_tenant(template));
        }
        Ok(builder)
    }

    fn without_issuers(audience: &str) -> Result<Self, ConfigError> {
        let address = Address::identifier(audience)
            .map_err(|error| ConfigError::Audience(audience.to_owned(), error))?;
        Ok(Self {
            issuers: Vec::new(),
            foreign: Foreign::new(audience),
            resource: Resource::new(address),
            introspection: None,
            introspection_cache: introspection::LONGEST_CACHE,
            revocations: None,
            revocation_settings: revocations::Settings::default(),
            base_url: None,
            nonces: None,
            leeway: LONGEST_LEEWAY,
            http_timeout: HTTP_TIMEOUT,
            clock: Clock::system(),
        })
    }

    fn add(
        &mut self,
        issuer: &str,
        tenant: Option<String>,
        profile: Option<Profile>,
    ) -> Result<(), ConfigError> {
        let address = Address::identifier(issuer)
            .map_err(|error| ConfigError::Issuer(issuer.to_owned(), error))?;
        self.issuers.push(Named {
            address,
            tenant,
            profile,
        });
        Ok(())
    }

    /// Accepts the tokens of `issuer` too, which writes them by `profile`. Whose token one is, its `iss` says, and then the keys of that
    /// issuer alone verify it. All other settings hold for every issuer; where they differ, make a guard for each and join them with
    /// [`GuardLayer::or`](crate::GuardLayer::or).
    ///
    /// # Errors
    /// [`ConfigError::Issuer`], as [`Guard::new`].
    pub fn trust(mut self, issuer: impl AsRef<str>, profile: Profile) -> Result<Self, ConfigError> {
        self.add(issuer.as_ref(), None, Some(profile))?;
        Ok(self)
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

    /// The API's name for users, for its metadata.
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
    /// no token lives past its `exp`, unless [`GuardBuilder::expiry_leeway`] says so.
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
    ///
    /// # Errors
    /// [`ConfigError`], where settings do not fit one another or their issuer.
    pub fn build(self) -> Result<Guard, ConfigError> {
        let clock = self.clock.clone();
        self.assemble(|issuer| Keys::new(issuer.clone(), clock.clone(), metadata::count))
    }

    /// The guard that trusts `keys` and makes no request.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn build_with_keys(
        self,
        keys: &safeconduct_protocol::jose::KeySet,
    ) -> Result<Guard, ConfigError> {
        let clock = self.clock.clone();
        self.assemble(|_| Keys::fixed(keys.clone(), clock.clone()))
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn first_issuer(&self) -> String {
        self.issuers[0].address.to_string()
    }

    fn assemble(mut self, keys: impl Fn(&Issuer) -> Keys) -> Result<Guard, ConfigError> {
        let expiry_leeway = self.foreign.expiry_leeway()?;
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(0);
        let issuers = self.trusted(keys)?;
        let validation = match self.introspection.take() {
            None => Validation::Jwt,
            Some(_) if self.issuers.len() > 1 => return Err(ConfigError::SeveralIntrospected),
            Some((mode, client_id, secret)) => {
                let alone = mode == Mode::Introspection;
                foreign::check_introspection(&issuers.first().dialect, alone)?;
                let cache = self.introspection_cache;
                let introspection =
                    Introspection::new(client_id, secret, cache, leeway, expiry_leeway);
                match mode {
                    Mode::Introspection => Validation::Introspection(introspection),
                    Mode::Jwt | Mode::Both => Validation::Both(introspection),
                }
            }
        };
        let revocations = self.followed(leeway, expiry_leeway)?;
        let base_url = match &self.base_url {
            Some(url) => url.without_end(),
            None => self.resource.audience.origin(),
        };
        let parts = Parts {
            issuers,
            audiences: self.foreign.audiences,
            validation,
            revocations,
            dpop: Dpop::new(base_url.to_owned(), self.nonces),
            leeway,
            expiry_leeway,
            clock: self.clock,
        };
        Ok(Guard::assemble(parts, self.resource))
    }

    /// The revocations that the guard follows, if it does.
    fn followed(
        &mut self,
        leeway: i64,
        expiry_leeway: i64,
    ) -> Result<Option<Revocations>, ConfigError> {
        let Some((client_id, secret)) = self.revocations.take() else {
            return Ok(None);
        };
        if self.issuers.len() > 1 {
            return Err(ConfigError::SeveralIntrospected);
        }
        // Of grants at another audience nothing would be told.
        if self.foreign.audiences.len() > 1 {
            return Err(ConfigError::SeveralAudiencesFollowed);
        }
        let settings = std::mem::take(&mut self.revocation_settings);
        let cache = self.introspection_cache;
        let asking = Introspection::new(client_id, secret, cache, leeway, expiry_leeway);
        // The issuer holds the answer back for as long as the guard waits.
        let timeout = self.http_timeout + settings.wait;
        let http = Http::new(USER_AGENT, timeout, HttpSettings::default());
        Ok(Some(Revocations::new(settings, asking, http)))
    }

    fn trusted(&self, keys: impl Fn(&Issuer) -> Keys) -> Result<TrustedIssuers, ConfigError> {
        let mut trusted: Vec<Trusted> = Vec::new();
        let mut dialects: Vec<Arc<Dialect>> = Vec::new();
        for named in &self.issuers {
            let profile = named.profile.unwrap_or(self.foreign.profile);
            let known = dialects.iter().find(|known| known.profile == profile);
            let dialect = match known {
                Some(dialect) => Arc::clone(dialect),
                None => Arc::new(self.foreign.dialect(profile)?),
            };
            dialects.push(Arc::clone(&dialect));
            let (names, tenant) = trusted::names(&named.address, profile, named.tenant.clone())
                .map_err(ConfigError::Tenant)?;
            let mut before = trusted.iter().flat_map(|trusted| &trusted.names);
            if let Some(twice) = before.find(|name| names.contains(name)) {
                return Err(ConfigError::IssuerTwice(twice.clone()));
            }
            let address = named.address.clone();
            let http = Http::new(USER_AGENT, self.http_timeout, HttpSettings::default());
            let issuer = Issuer::new(address, profile.is_openid_first(), http, self.clock.clone());
            trusted.push(Trusted {
                keys: keys(&issuer),
                issuer,
                dialect,
                names,
                tenant,
            });
        }
        Ok(TrustedIssuers::new(trusted))
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

    #[test]
    fn revocations_are_followed_for_one_audience() {
        let build = |audiences: &[&str]| {
            GuardBuilder::new("http://localhost:8420", "http://localhost:8422")
                .unwrap()
                .audiences(audiences.iter().copied())
                .revocations("api", Secret::new("secret"))
                .build()
                .err()
        };
        assert_eq!(build(&["notes"]), None);
        let several = build(&["notes", "mail"]);
        assert_eq!(several, Some(ConfigError::SeveralAudiencesFollowed));
    }
}
