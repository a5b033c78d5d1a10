//! The server: what every endpoint works with. Made once at start; cloning it is cheap.

use std::sync::Arc;

use arc_swap::ArcSwap;
use safeconduct_protocol::{
    clock::Clock,
    error::Refusal,
    ids::{ClientId, UserId, new_id},
    language::Language,
    password::PasswordRule,
    seal::Seal,
    sealed::Sealed,
    time::Timestamp,
};
use safeconduct_store::{ActingStore, By, Door, Store, Who};

use crate::{
    addresses::{RECOVER, SIGN_UP_FOR},
    built_in,
    catalog::{Catalog, CatalogCache, Source},
    failed_attempts::FailedAttempts,
    fault::{Failure, Fault},
    keys::{self, MasterKeys},
    origin::Origin,
    outbox::Outbox,
    pages::{PageSet, Pages},
    password::Passwords,
    reader::Reader,
    readiness::LastReadiness,
    security_events::Feed,
    settings::Settings,
    smtp::MailServer,
    telemetry::Telemetry,
    throttle::Throttle,
    timekeeping::Timekeeper,
};

/// An authorization server.
#[derive(Clone)]
pub struct Server(Arc<Parts>);

struct Parts {
    settings: Settings,
    store: Store,
    catalog: CatalogCache,
    pages: PageSet,
    passwords: Passwords,
    password_rule: PasswordRule,
    throttle: Throttle,
    failed_attempts: FailedAttempts,
    outbox: Outbox,
    feed: Feed,
    mail_server: Option<MailServer>,
    telemetry: Telemetry,
    time: Timekeeper,
    last_readiness: LastReadiness,
    name: String,
    declared: ArcSwap<Vec<ClientId>>,
}

impl AsRef<Settings> for Server {
    fn as_ref(&self) -> &Settings {
        self.settings()
    }
}

impl Server {
    /// Joins the store's cluster, makes its first keys if it has none, and gets everything ready to serve.
    ///
    /// # Errors
    /// A fault if the store belongs to another issuer or another master key, or something can't be made ready.
    pub async fn new(
        settings: Settings,
        store: Store,
        masters: impl Into<MasterKeys>,
        clock: Clock,
    ) -> Result<Self, Fault> {
        Self::counting(settings, store, masters, clock, Telemetry::new()).await
    }

    /// The same with metrics that something was counted in already.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn counting(
        settings: Settings,
        store: Store,
        masters: impl Into<MasterKeys>,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Result<Self, Fault> {
        let masters = masters.into();
        let issuer = settings.issuer.as_str();
        let own = store.by(By::server());
        let cluster = own
            .join_cluster(issuer, &masters.check_values(), clock.now())
            .await?;
        let registered = store.catalog().await?;
        let clients = registered.clients.iter();
        let of_clients = clients.map(|record| record.client.openid.id_token_signed_response_alg);
        let apis = registered.resources.iter();
        let receivers = settings.event_receivers.iter();
        let algorithms: Vec<_> = of_clients
            .chain(apis.map(|api| api.access_token_signing_alg))
            .chain(receivers.map(|receiver| receiver.signing_alg))
            .collect();
        let now = clock.now();
        if settings.administration.is_some() {
            own.build_in_client(&built_in::command_line()?, now).await?;
        }
        keys::create_missing(&own, &masters, issuer, &cluster, &algorithms, now).await?;
        let source = Source {
            store: store.clone(),
            masters,
            issuer: settings.issuer.clone(),
            clock: clock.clone(),
            product_name: settings.product_name.clone(),
            acr: settings.contexts(),
            sign_up: settings.people_sign_up(),
            administration: settings.administration.is_some(),
        };
        let catalog = CatalogCache::load(source).await?;
        let guesses = catalog.current().await?.keys.guesses();
        let pages = PageSet::new(
            &settings.product_name,
            settings.issuer.path(),
            &settings.look,
        );
        let passwords = Passwords::start(settings.passwords);
        let passwords = passwords
            .map_err(|error| Fault::new(format!("starting the password threads: {error}")))?;
        passwords.learn_costs(&store.password_costs().await?, now);
        let mail_server = settings.mail.as_ref();
        let mail_server = mail_server.map(|mail| MailServer::new(mail, settings.issuer.host()));
        Ok(Self(Arc::new(Parts {
            pages: pages.map_err(|error| Fault::new(error.to_string()))?,
            passwords,
            password_rule: PasswordRule::new(
                settings.password_min_length,
                settings.issuer.as_str(),
                &settings.product_name,
            ),
            throttle: Throttle::new(settings.throttle, guesses),
            failed_attempts: FailedAttempts::default(),
            outbox: Outbox::default(),
            feed: Feed::default(),
            mail_server: mail_server.transpose()?,
            telemetry,
            time: Timekeeper::start(clock, &store).await?,
            last_readiness: LastReadiness::default(),
            name: name(),
            declared: ArcSwap::from_pointee(declared_of(&settings)),
            settings,
            store,
            catalog,
        })))
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The clients that the configuration declares, and is the place to change.
    pub(crate) fn declared(&self) -> Arc<Vec<ClientId>> {
        self.0.declared.load_full()
    }

    /// The configuration declares these clients from now on.
    pub fn declare(&self, clients: Vec<ClientId>) {
        self.0.declared.store(Arc::new(clients));
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The store in the server's own hands: for what happens because it is time.
    pub(crate) fn own_store(&self) -> ActingStore {
        self.store().by(By::server())
    }

    /// Its metrics.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// What the clock says, believed or not.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.0.time.clock()
    }

    pub(crate) fn time(&self) -> &Timekeeper {
        &self.0.time
    }

    pub(crate) fn last_readiness(&self) -> &LastReadiness {
        &self.0.last_readiness
    }

    /// This process, to an operator: its machine, its number there, and what no other start has.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// The pages in every language.
    pub(crate) fn pages(&self) -> &PageSet {
        &self.0.pages
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// What new passwords must be.
    pub(crate) fn password_rule(&self) -> &PasswordRule {
        &self.0.password_rule
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// The sign-ins that failed and are not written yet.
    pub(crate) fn failed_attempts(&self) -> &FailedAttempts {
        &self.0.failed_attempts
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Who waits for something to happen.
    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Answers who waits for something to happen: the process is to stop.
    pub fn stop_waiting(&self) {
        self.feed().end();
    }

    /// What mails are handed to, if they are.
    pub(crate) fn mail_server(&self) -> Option<&MailServer> {
        self.0.mail_server.as_ref()
    }

    pub(crate) async fn catalog(&self) -> Result<Arc<Catalog>, Failure> {
        Ok(self.0.catalog.current().await?)
    }

    pub(crate) fn cache(&self) -> &CatalogCache {
        &self.0.catalog
    }

    /// Where a user asks for a link by mail, if mail is set up.
    pub(crate) fn recover_url(&self) -> Option<String> {
        let mail = self.settings().mail.as_ref();
        mail.map(|_| self.path(RECOVER))
    }

    /// Where the wish for an account is posted on the way to a client, where users may create one.
    pub(crate) fn sign_up_action(&self) -> Option<String> {
        let people_sign_up = self.settings().people_sign_up();
        people_sign_up.then(|| self.path(SIGN_UP_FOR))
    }

    /// The path of an endpoint on this origin, below the issuer's own path.
    pub(crate) fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.0.settings.issuer.path())
    }
}

fn name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => "a machine without a name",
        machine => machine,
    };
    let start: String = new_id().chars().take(6).collect();
    format!("{machine}, process {}, start {start}", std::process::id())
}

/// What one request works with: one copy of the catalog and one moment, from beginning to end. Without a clock that can be
/// believed there is no moment, and nothing is judged or signed.
pub(crate) struct Exchange<'s> {
    pub(crate) server: &'s Server,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) now: Timestamp,
    /// `None` where no request is answered.
    origin: Option<Origin>,
    /// What the pages are in that it ends with, if it ends with one.
    language: Language,
}

impl<'s> Exchange<'s> {
    /// One with an app, which is shown no page; or with nobody, where no request is answered.
    pub(crate) async fn begin(server: &'s Server, origin: Option<Origin>) -> Result<Self, Failure> {
        Ok(Self {
            server,
            catalog: server.catalog().await?,
            now: server.time().moment()?,
            origin,
            language: server.settings().default_language,
        })
    }

    /// By which the log knows the request; empty where none is answered.
    pub(crate) fn correlation_id(&self) -> &str {
        let origin = self.origin.as_ref();
        origin.map_or("", |origin| origin.correlation.as_str())
    }

    /// One with a user.
    pub(crate) async fn with(server: &'s Server, reader: Reader) -> Result<Self, Failure> {
        let mut exchange = Self::begin(server, Some(reader.origin)).await?;
        exchange.language = reader.language;
        Ok(exchange)
    }

    /// From here on the pages are in the language that a request wishes for, if it wishes for one.
    pub(crate) fn wished(&mut self, ui_locales: Option<Language>) {
        self.language = ui_locales.unwrap_or(self.language);
    }

    /// The pages in the language of the user.
    pub(crate) fn pages(&self) -> &'s Pages {
        self.server.pages().of(self.language)
    }

    /// The language of the user.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// The store in the hands of a user who has proved who they are.
    pub(crate) fn store_of_person(&self, person: &UserId) -> ActingStore {
        self.store_of(Who::Person(person.clone()), Door::Page)
    }

    /// The store in the hands of a client.
    pub(crate) fn store_of_client(&self, client: &ClientId) -> ActingStore {
        self.store_of(Who::Client(client.clone()), Door::Endpoint)
    }

    /// The store in the hands of who has not proved who they are.
    pub(crate) fn store_of_nobody(&self) -> ActingStore {
        self.store_of(Who::Unknown, Door::Page)
    }

    /// Where the request comes from that is answered, if one is.
    pub(crate) fn origin(&self) -> Option<Origin> {
        self.origin
    }

    fn store_of(&self, who: Who, door: Door) -> ActingStore {
        let by = match self.origin {
            Some(origin) => origin.by(who, door),
            None => By::new(who, door),
        };
        self.server.store().by(by)
    }

    pub(crate) fn issuer(&self) -> &str {
        self.server.settings().issuer.as_str()
    }

    pub(crate) fn seal(&self) -> &Seal {
        self.catalog.keys.seal()
    }

    /// The text in which an artifact is handed out.
    pub(crate) fn sealed<T: Sealed>(&self, artifact: &T) -> Result<String, Fault> {
        let sealed = artifact.seal(self.seal());
        sealed.map_err(|error| Fault::new(format!("sealing a {}: {error}", T::KIND.name())))
    }

    /// Takes back what was handed out sealed.
    ///
    /// # Errors
    /// What its kind says to a text that does not open, to one of another era, and to one whose time is over.
    pub(crate) fn open<T: Sealed>(&self, text: &str) -> Result<T, Refusal> {
        let opened: T = self.recognise(text)?;
        opened.is_current(&self.server.settings().lifetimes, self.now)?;
        Ok(opened)
    }

    /// The same, whatever its age: for a rule that judges first whose it is, so that a stranger learns nothing of its end.
    pub(crate) fn recognise<T: Sealed>(&self, text: &str) -> Result<T, Refusal> {
        T::recognise(self.seal(), text, self.era())
    }

    pub(crate) fn era(&self) -> i64 {
        self.catalog.cluster.era
    }
}

fn declared_of(settings: &Settings) -> Vec<ClientId> {
    let administration = settings.administration.iter();
    administration
        .flat_map(|settings| settings.declared.clone())
        .collect()
}
