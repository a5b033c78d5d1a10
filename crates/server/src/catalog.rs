//! The node's copy of what is read often and changed rarely: clients, scopes, resources and keys.
//!
//! A copy is as good as its last look at the store's revision. Each use checks its age: older than a second, and it looks
//! again before it answers, so that a rotated secret is dead everywhere within a second, and a node that lost its store says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use safeconduct_protocol::{
    authentication::Acr,
    claims,
    client::{Client, ConsentPolicy, GrantType},
    clock::Clock,
    error::{Reason, Refusal},
    ids::ClientId,
    jose::{KeySet, VerificationKey},
    language::Language,
    metadata::{Issuer, Metadata},
    registration::Registration,
    resource::{Resource, Resources, ScopeDescription},
    scope::{OFFLINE_ACCESS, OPENID, Scope},
    sent::Sent,
    time::Timestamp,
};
use safeconduct_store::{ClientRecord, Cluster, SECRET_USE_NOTED, SecretHash, Store};

use crate::{
    addresses::{ACCOUNT_PAGES, AGAIN},
    built_in,
    fault::Fault,
    keys::{Keys, MasterKeys},
    timekeeping::boot_milliseconds,
};

/// How often a node looks at the revision by itself.
pub(crate) const POLL: Duration = Duration::from_millis(500);
/// From which age on, in whole milliseconds, a use takes another look: what is used is less than a second old.
const OLDEST: i64 = 1_000;

/// How old a copy may be at most, in milliseconds: some things in it end by the clock, like retired keys.
const REREAD: i64 = 3_600_000;

/// One consistent copy.
pub(crate) struct Catalog {
    revision: i64,
    read_at: i64,
    pub(crate) cluster: Cluster,
    clients: HashMap<ClientId, KnownClient>,
    scopes: HashMap<String, ScopeDescription>,
    /// Whether any of them is for members of groups alone.
    pub(crate) has_ruled_scopes: bool,
    pub(crate) resources: Resources,
    pub(crate) keys: Keys,
    pub(crate) metadata: String,
    pub(crate) jwks: String,
    /// The account pages, as a sign-in for them knows them.
    pub(crate) account: Arc<Client>,
}

/// A client with what it needs to authenticate.
#[derive(Clone)]
pub(crate) struct KnownClient {
    pub(crate) client: Arc<Client>,
    pub(crate) enabled: bool,
    pub(crate) epoch: i64,
    pub(crate) assertion_keys: Arc<KeySet>,
    secrets: Arc<[KnownSecret]>,
}

/// A secret, and when its last use was written down, as far as this node knows.
pub(crate) struct KnownSecret {
    pub(crate) kept: SecretHash,
    noted_at: AtomicI64,
}

impl KnownSecret {
    /// Whether the use of it at `now` is to be written down, which is said to one of those who ask within an hour.
    pub(crate) fn is_to_be_noted(&self, now: Timestamp) -> bool {
        let noted = self.noted_at.load(Ordering::Relaxed);
        let is_due = now.seconds().saturating_sub(noted) >= SECRET_USE_NOTED;
        let taken = || {
            let now = now.seconds();
            let (ours, seen) = (Ordering::Relaxed, Ordering::Relaxed);
            self.noted_at.compare_exchange(noted, now, ours, seen)
        };
        is_due && taken().is_ok()
    }
}

impl KnownClient {
    fn from_record(record: ClientRecord) -> Self {
        let keys = record.client.jwks.iter().flat_map(|jwks| &jwks.keys);
        let usable = keys.flat_map(|jwk| {
            jwk.algorithms()
                .filter_map(|algorithm| VerificationKey::new(jwk, algorithm).ok())
        });
        Self {
            assertion_keys: Arc::new(KeySet::new(usable.collect())),
            client: Arc::new(record.client),
            enabled: record.enabled,
            epoch: record.epoch,
            secrets: record.secrets.into_iter().map(KnownSecret::from).collect(),
        }
    }

    /// The secrets that are good now; several, while one replaces another.
    pub(crate) fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &KnownSecret> {
        let secrets = self.secrets.iter();
        secrets.filter(move |secret| secret.kept.is_good(now))
    }
}

impl From<SecretHash> for KnownSecret {
    fn from(kept: SecretHash) -> Self {
        let noted_at = kept.last_used_at.map_or(i64::MIN, Timestamp::seconds);
        Self {
            noted_at: AtomicI64::new(noted_at),
            kept,
        }
    }
}

/// The account pages, as the client that a sign-in for them is for: one that asks for nothing, and is given no code and no token.
fn account_pages(issuer: &Issuer, product_name: &str) -> Result<Client, Fault> {
    let registration = Registration {
        name: Some(product_name.to_owned()),
        redirect_uris: ACCOUNT_PAGES
            .into_iter()
            .flat_map(|page| [page.to_owned(), format!("{page}{AGAIN}")])
            .map(|page| issuer.endpoint(&page))
            .collect(),
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        scopes: vec![OPENID.to_owned()],
        consent: ConsentPolicy::Never,
        ..Registration::default()
    };
    let client = registration.register_account_pages();
    client.map_err(|findings| Fault::new(format!("the account pages: {findings:?}")))
}

/// Whether a client is there: the command line is one only where there is an API for it.
fn is_there(record: &ClientRecord, source: &Source) -> bool {
    source.administration || record.client.id != ClientId::command_line()
}

/// The APIs that were declared, and the one that is built in.
fn resources(declared: Vec<Resource>, source: &Source) -> Resources {
    let own = (source.administration)
        .then(|| built_in::api(source.issuer.as_str()))
        .flatten();
    Resources::new(declared.into_iter().chain(own).collect())
}

impl Catalog {
    async fn read(source: &Source) -> Result<Self, Fault> {
        let read_at = boot_milliseconds();
        let (issuer, now) = (&source.issuer, source.clock.now());
        let rows = source.store.catalog().await?;
        let cluster = rows
            .cluster
            .ok_or_else(|| Fault::new("the database belongs to no cluster"))?;
        let keys = Keys::open(&source.masters, issuer.as_str(), &cluster, &rows.keys, now)?;
        let scopes: HashMap<_, _> = rows
            .scopes
            .into_iter()
            .map(|scope| (scope.name.clone(), scope))
            .collect();
        let mut names: Vec<String> = scopes
            .keys()
            .cloned()
            .chain(claims::scopes().chain([OFFLINE_ACCESS]).map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        let json = |result: Result<String, serde_json::Error>| {
            result.map_err(|error| Fault::new(error.to_string()))
        };
        Ok(Self {
            revision: rows.revision,
            read_at,
            cluster,
            clients: rows
                .clients
                .into_iter()
                .filter(|record| is_there(record, source))
                .map(|record| (record.client.id.clone(), KnownClient::from_record(record)))
                .collect(),
            has_ruled_scopes: scopes.values().any(|scope| !scope.groups.is_empty()),
            scopes,
            resources: resources(rows.resources, source),
            metadata: json(serde_json::to_string(&Metadata::of(
                issuer,
                names,
                &keys.algorithms(),
                source.acr,
                source.sign_up,
            )))?,
            jwks: json(serde_json::to_string(keys.published()))?,
            account: Arc::new(account_pages(issuer, &source.product_name)?),
            keys,
        })
    }

    /// The client, enabled or not.
    pub(crate) fn client(&self, id: &ClientId) -> Option<&KnownClient> {
        self.clients.get(id)
    }

    /// The enabled client of that id.
    ///
    /// # Errors
    /// `client-unknown`, `client-disabled`: to a stranger they read the same.
    pub(crate) fn enabled_client(&self, id: &ClientId) -> Result<Arc<Client>, Refusal> {
        match self.client(id) {
            None => Err(Refusal::new(Reason::ClientUnknown).because(Sent(id.as_str()).to_string())),
            Some(known) if !known.enabled => {
                Err(Refusal::new(Reason::ClientDisabled).because(id.as_str()))
            }
            Some(known) => Ok(known.client.clone()),
        }
    }

    /// The client that a request of `id` came from and `redirect_uri` leads back to, or this server's account pages.
    ///
    /// # Errors
    /// Those of [`enabled_client`](Self::enabled_client) and of `Client::prove_redirect_uri`: either may be gone by now.
    pub(crate) fn client_at(
        &self,
        id: &ClientId,
        redirect_uri: &str,
    ) -> Result<Arc<Client>, Refusal> {
        let client = if *id == self.account.id {
            self.account.clone()
        } else {
            self.enabled_client(id)?
        };
        client.prove_redirect_uri(redirect_uri)?;
        Ok(client)
    }

    /// Whether a scope of that name exists here, whoever is registered for it.
    pub(crate) fn knows_scope(&self, name: &str) -> bool {
        self.scopes.contains_key(name)
            || self.resources.iter().any(|api| api.scopes.contains(name))
            || claims::scopes_of_people().contains(name)
    }

    /// What users read about a scope.
    pub(crate) fn scope(&self, name: &str) -> Option<&ScopeDescription> {
        self.scopes.get(name)
    }

    /// The scopes of `scope` that only members of groups may have, each with these.
    pub(crate) fn ruled_scopes<'s>(&'s self, scope: &'s Scope) -> Vec<(&'s str, &'s [String])> {
        if !self.has_ruled_scopes {
            return Vec::new();
        }
        let known = scope.names().filter_map(|name| {
            let described = self.scopes.get(name)?;
            Some((name, described.groups.as_slice()))
        });
        known.filter(|(_, groups)| !groups.is_empty()).collect()
    }

    /// The name that users read instead of the resource's URI, in `language`.
    pub(crate) fn resource_name(&self, audience: &str, language: Language) -> Option<String> {
        let name = self.resources.find(audience)?.name_in(language);
        Some(name.map_or_else(
            || safeconduct_protocol::redirect_uri::host_of(audience),
            str::to_owned,
        ))
    }

    /// Everything that a token of this server may be for.
    pub(crate) fn audiences<'c>(&'c self, issuer: &'c str) -> impl Iterator<Item = &'c str> {
        self.resources
            .iter()
            .map(|resource| resource.uri.as_str())
            .chain([issuer])
    }
}

/// The newest copy, and when it was last known to be right.
pub(crate) struct CatalogCache {
    current: ArcSwap<Catalog>,
    looked_at: AtomicI64,
    refreshing: tokio::sync::Mutex<()>,
    source: Source,
}

/// Where copies come from.
pub(crate) struct Source {
    pub(crate) store: Store,
    pub(crate) masters: MasterKeys,
    pub(crate) issuer: Issuer,
    pub(crate) clock: Clock,
    /// What users know the server by.
    pub(crate) product_name: String,
    /// The authentication contexts that accounts here can meet.
    pub(crate) acr: &'static [Acr],
    /// Whether users may create accounts by themselves.
    pub(crate) sign_up: bool,
    /// Whether the API of administrators is on.
    pub(crate) administration: bool,
}

impl CatalogCache {
    pub(crate) async fn load(source: Source) -> Result<Self, Fault> {
        let started = boot_milliseconds();
        Ok(Self {
            current: ArcSwap::from_pointee(Catalog::read(&source).await?),
            looked_at: AtomicI64::new(started),
            refreshing: tokio::sync::Mutex::new(()),
            source,
        })
    }

    /// A copy that was right within the last second.
    pub(crate) async fn current(&self) -> Result<Arc<Catalog>, Fault> {
        if self.is_stale() {
            let _one_at_a_time = self.refreshing.lock().await;
            if self.is_stale() {
                self.look().await?;
            }
        }
        Ok(self.current.load_full())
    }

    /// Looks at the revision now, and reads what changed.
    pub(crate) async fn refresh(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.refreshing.lock().await;
        self.look().await
    }

    /// The copy that is held, right or not.
    pub(crate) fn held(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// The master keys of this process.
    pub(crate) fn masters(&self) -> &MasterKeys {
        &self.source.masters
    }

    /// How long ago the copy was last known to be right.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(self.milliseconds_old().try_into().unwrap_or_default())
    }

    fn is_stale(&self) -> bool {
        self.milliseconds_old() >= OLDEST
    }

    fn milliseconds_old(&self) -> i64 {
        boot_milliseconds() - self.looked_at.load(Ordering::Acquire)
    }

    async fn look(&self) -> Result<(), Fault> {
        // The age counts from before the look: what changes while it runs is seen by the next one.
        let started = boot_milliseconds();
        let held = self.current.load_full();
        let revision = self.source.store.revision().await?;
        if revision != held.revision || started - held.read_at > REREAD {
            let read = Catalog::read(&self.source).await?;
            log_takeover(&held, &read);
            self.current.store(Arc::new(read));
        }
        self.looked_at.store(started, Ordering::Release);
        Ok(())
    }
}

/// Logs once which era, master key and signing keys this node works with from now on, where they are others.
fn log_takeover(before: &Catalog, after: &Catalog) {
    let (old, new) = (&before.cluster, &after.cluster);
    if old.era != new.era {
        tracing::info!(era = new.era, "a new era has begun");
    }
    if old.master.wraps() != new.master.wraps() {
        tracing::info!(master_key = %new.master.wraps(), "another master key wraps the keys");
    }
    for algorithm in after.keys.algorithms() {
        let kid = |catalog: &Catalog| Some(catalog.keys.signing(algorithm)?.kid().to_owned());
        let (old, new) = (kid(before), kid(after));
        if old != new {
            let kid = new.unwrap_or_default();
            tracing::info!(algorithm = algorithm.name(), kid, "another key signs");
        }
    }
}
