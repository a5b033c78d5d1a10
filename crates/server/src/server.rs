//! The server: what every endpoint works with. Made once at start; cloning it is cheap.

use std::sync::Arc;

use safeconduct_protocol::{clock::Clock, seal::Seal, time::Timestamp};
use safeconduct_store::Store;

use crate::{
    back_channel::{self, BackChannel},
    catalog::{Catalog, CatalogCache, POLL, Source},
    fault::{Failure, Fault},
    keys::{self, MasterKey},
    pages::Pages,
    password::Passwords,
    settings::Settings,
    telemetry::Telemetry,
    throttle::Throttle,
};

/// How often rows that have ended are swept.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(60);
/// The most rows one sweep deletes.
const SWEPT_AT_ONCE: u32 = 1_000;

/// An authorization server.
#[derive(Clone)]
pub struct Server(Arc<Parts>);

struct Parts {
    settings: Settings,
    store: Store,
    catalog: CatalogCache,
    pages: Pages,
    passwords: Passwords,
    throttle: Throttle,
    back_channel: BackChannel,
    telemetry: Telemetry,
    clock: Clock,
}

impl Server {
    /// Joins the store's cluster, makes its first keys if it has none, and gets everything ready to serve.
    ///
    /// # Errors
    /// A fault if the store belongs to another issuer or another master key, or something can't be made ready.
    pub async fn new(
        settings: Settings,
        store: Store,
        master: MasterKey,
        clock: Clock,
    ) -> Result<Self, Fault> {
        let issuer = settings.issuer.as_str();
        let cluster = store
            .join_cluster(issuer, &master.check_value(), clock.now())
            .await?;
        let registered = store.catalog().await?.clients;
        let algorithms: Vec<_> = registered
            .iter()
            .map(|record| record.client.openid.id_token_signed_response_alg)
            .collect();
        let now = clock.now();
        keys::create_missing(&store, &master, issuer, &cluster, &algorithms, now).await?;
        let source = Source {
            store: store.clone(),
            master,
            issuer: settings.issuer.clone(),
            clock: clock.clone(),
        };
        let catalog = CatalogCache::load(source).await?;
        let pages = Pages::new(&settings.product_name, settings.issuer.path());
        let passwords = Passwords::start(settings.passwords);
        Ok(Self(Arc::new(Parts {
            pages: pages.map_err(|error| Fault::new(error.to_string()))?,
            passwords: passwords
                .map_err(|error| Fault::new(format!("starting the password threads: {error}")))?,
            throttle: Throttle::new(settings.throttle),
            back_channel: BackChannel::default(),
            telemetry: Telemetry::new(),
            settings,
            store,
            catalog,
            clock,
        })))
    }

    /// Keeps the copy of the catalog fresh, sweeps what has ended, and tells clients of it, until the task is dropped.
    pub async fn keep_house(&self) {
        tokio::join!(self.look_and_sweep(), back_channel::keep_telling(self));
    }

    async fn look_and_sweep(&self) {
        let mut poll = tokio::time::interval(POLL);
        let mut sweep = tokio::time::interval(SWEEP);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = poll.tick() => {
                    if let Err(fault) = self.0.catalog.refresh().await {
                        tracing::warn!(%fault, "the store could not be looked at; requests will look for themselves");
                    }
                }
                _ = sweep.tick() => {
                    if let Err(error) = self.0.store.sweep(self.now(), SWEPT_AT_ONCE).await {
                        tracing::warn!(%error, "sweeping failed; the next sweep tries again");
                    }
                }
            }
        }
    }

    /// Reads the catalog now instead of within half a second.
    ///
    /// # Errors
    /// The store's.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.0.catalog.refresh().await
    }

    /// Tells clients of sessions that have ended now instead of within seconds: those that are due and were left by the node
    /// that ended the session.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_clients(&self) -> Result<(), Fault> {
        while back_channel::deliver_due(self).await? {}
        Ok(())
    }

    /// Whether requests can be served: the store answers.
    pub async fn is_ready(&self) -> bool {
        self.0.catalog.refresh().await.is_ok()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Its metrics.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn back_channel(&self) -> &BackChannel {
        &self.0.back_channel
    }

    pub(crate) async fn catalog(&self) -> Result<Arc<Catalog>, Failure> {
        Ok(self.0.catalog.current().await?)
    }

    /// The path of an endpoint on this origin, below the issuer's own path.
    pub(crate) fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.0.settings.issuer.path())
    }
}

/// What one request works with: one copy of the catalog and one moment, from beginning to end.
pub(crate) struct Exchange<'s> {
    pub(crate) server: &'s Server,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) now: Timestamp,
}

impl<'s> Exchange<'s> {
    pub(crate) async fn begin(server: &'s Server) -> Result<Self, Failure> {
        Ok(Self {
            server,
            catalog: server.catalog().await?,
            now: server.now(),
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        self.server.settings().issuer.as_str()
    }

    pub(crate) fn seal(&self) -> &Seal {
        self.catalog.keys.seal()
    }

    pub(crate) fn era(&self) -> i64 {
        self.catalog.cluster.era
    }
}
