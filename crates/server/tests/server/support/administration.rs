//! What an operator does to users and clients, through the store's own methods. The server knows of it when they return.

use std::collections::BTreeMap;

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::client::Client;
use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::language::Language;
use safeconduct_protocol::password::{AcceptedPassword, LEAST_MINIMUM, PasswordRule};
use safeconduct_protocol::resource::{Resource, ScopeDescription};
use safeconduct_protocol::secret::Secret;
use safeconduct_server::Notices;
use safeconduct_server::administration::{Administration, Refused};
use safeconduct_server::password::{ImportedHash, PasswordSettings, Passwords};
use safeconduct_store::{
    ActingStore, By, ConsentRecord, Declared, Door, SessionRecord, Store, Who,
};

use super::{TestServer, cast, database};

impl TestServer {
    /// The store in the hands of an operator.
    pub(crate) fn store(&self) -> ActingStore {
        self.server.store().by(By::shell("grace (uid 1000)"))
    }

    pub(crate) async fn user(&self, username: &str) -> UserId {
        self.store()
            .user_by_name(username)
            .await
            .unwrap()
            .unwrap()
            .id
    }

    pub(crate) async fn lock_user(&self, username: &str) {
        self.store()
            .lock_user(&self.user(username).await, self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn unlock_user(&self, username: &str) {
        self.store()
            .unlock_user(&self.user(username).await, self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn delete_user(&self, username: &str) {
        self.store()
            .delete_user(&self.user(username).await, self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn set_password(&self, username: &str, password: &str) {
        let user = self.user(username).await;
        let passwords = Passwords::start(PasswordSettings::default()).unwrap();
        let password = accepted(self.issuer(), username, password);
        let hash = passwords.hash(password).await.unwrap();
        let sealed = database::keys(&self.store(), self.issuer())
            .await
            .seal_password(&user, &hash)
            .unwrap();
        self.store()
            .set_password(&user, &sealed, None, self.now())
            .await
            .unwrap();
    }

    /// A one-time link that an administrator made, as its path and query.
    pub(crate) async fn invite(&self, username: &str) -> String {
        let made = self.administer(async |verbs| verbs.invite(username, None).await);
        self.path_of(&made.await.url)
    }

    /// The same for another password.
    pub(crate) async fn recover(&self, username: &str) -> String {
        let made = self.administer(async |verbs| verbs.recover(username).await);
        self.path_of(&made.await.url)
    }

    /// A link by which whoever reads mail at this address creates an account.
    pub(crate) async fn invite_to_sign_up(&self, address: &str) -> String {
        let made = self.administer(async |verbs| verbs.invite_to_sign_up(address).await);
        self.path_of(&made.await.url)
    }

    fn path_of(&self, url: &Secret) -> String {
        let origin = self.server.settings().issuer.origin();
        url.expose().strip_prefix(&origin).unwrap().to_owned()
    }

    /// What an operator does by a verb, which must not be refused.
    pub(crate) async fn administer<T>(
        &self,
        verb: impl AsyncFnOnce(&Administration<'_>) -> Result<T, Refused>,
    ) -> T {
        self.administer_with(self.store(), verb).await.unwrap()
    }

    /// The same in the hands of a user who is an administrator, over HTTP.
    pub(crate) async fn administer_in_person<T>(
        &self,
        username: &str,
        verb: impl AsyncFnOnce(&Administration<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let by = By::new(Who::Person(self.user(username).await), Door::Api);
        let store = Store::by(&self.store(), by);
        self.administer_with(store, verb).await
    }

    async fn administer_with<T>(
        &self,
        store: ActingStore,
        verb: impl AsyncFnOnce(&Administration<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let (masters, cluster) = (self.masters(), store.cluster().await.unwrap());
        let keys = database::keys(&self.store(), self.issuer()).await;
        let administration = Administration {
            store: &store,
            masters: &masters,
            keys: &keys,
            passwords: PasswordRule::new(LEAST_MINIMUM, self.issuer(), "Safeconduct"),
            issuer: self.issuer(),
            cluster: &cluster.unwrap(),
            knows_scope: Box::new(|_| Ok(())),
            declared: Vec::new(),
            notices: Notices::new(false, Language::default()),
            now: self.now(),
        };
        verb(&administration).await
    }

    /// Gives a user a hash that another system made, as an import does.
    pub(crate) async fn import_password(&self, username: &str, written: &str) {
        let user = self.user(username).await;
        let passwords = Passwords::start(PasswordSettings::default()).unwrap();
        let imported = ImportedHash::read(written).unwrap();
        let hash = passwords.import(&imported).await.unwrap();
        let keys = database::keys(&self.store(), self.issuer()).await;
        let password = keys.seal_password(&user, &hash).unwrap();
        self.store()
            .set_password(&user, &password, None, self.now())
            .await
            .unwrap();
    }

    /// How many passwords cost how much to check.
    pub(crate) async fn password_costs(&self) -> BTreeMap<String, u64> {
        let costs = self.store().password_costs().await.unwrap();
        let costs = costs.into_iter();
        costs
            .map(|(cost, count)| (cost.unwrap_or_default(), count))
            .collect()
    }

    /// The hash of a user's password, opened.
    pub(crate) async fn stored_hash(&self, username: &str) -> String {
        let credential = self.store().credential(username).await.unwrap().unwrap();
        let keys = database::keys(&self.store(), self.issuer()).await;
        keys.open_password(&credential.user, &credential.sealed_password.unwrap())
            .unwrap()
    }

    pub(crate) async fn withdraw_consent(&self, username: &str, client: &str) {
        let user = self.user(username).await;
        self.store()
            .withdraw_consent(&user, &id(client), self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn consents(&self, username: &str) -> Vec<ConsentRecord> {
        self.store()
            .list_consents(&self.user(username).await)
            .await
            .unwrap()
    }

    pub(crate) async fn sessions(&self, username: &str) -> Vec<SessionRecord> {
        let user = self.user(username).await;
        self.store()
            .list_sessions(Some(&user), self.now())
            .await
            .unwrap()
    }

    pub(crate) async fn end_sessions(&self, username: &str) {
        self.store()
            .end_sessions_of(&self.user(username).await, self.now())
            .await
            .unwrap();
    }

    pub(crate) async fn disable_client(&self, client: &str) {
        self.store()
            .disable_client(&id(client), self.now())
            .await
            .unwrap();
        self.refresh_catalog().await;
    }

    pub(crate) async fn enable_client(&self, client: &str) {
        self.store()
            .enable_client(&id(client), self.now())
            .await
            .unwrap();
        self.refresh_catalog().await;
    }

    pub(crate) async fn delete_client(&self, client: &str) {
        self.store()
            .delete_client(&id(client), self.now())
            .await
            .unwrap();
        self.refresh_catalog().await;
    }

    /// Changes how a client of the cast is registered.
    pub(crate) async fn change_client(&self, client: &str, change: impl FnOnce(&mut Client)) {
        let mut client = cast::registration(client);
        change(&mut client);
        let records = self.store().clients().await.unwrap();
        let kept = records.iter().find(|record| record.client.id == client.id);
        let seen = kept.unwrap().version;
        let store = self.store();
        let changed = store.update_client(seen, &client, self.now());
        assert!(changed.await.unwrap());
        self.refresh_catalog().await;
    }

    /// Gives a client another secret; the old one is good for `overlap` more seconds.
    pub(crate) async fn rotate_secret(&self, client: &str, secret: &str, overlap: i64) {
        let hash = database::keys(&self.store(), self.issuer())
            .await
            .hash_client_secret(&Secret::new(secret));
        let until = Some(self.now().plus(overlap));
        let (store, client) = (self.store(), id(client));
        let added = store.add_client_secret(&client, hash, until, self.now());
        assert!(added.await.unwrap());
        self.refresh_catalog().await;
    }

    /// Says that the database was restored from a backup.
    pub(crate) async fn begin_era(&self) {
        self.store().begin_era(self.now()).await.unwrap();
        self.refresh_catalog().await;
    }

    /// Declares every API anew, each with this change.
    pub(crate) async fn change_apis(&self, change: impl FnMut(&mut Resource)) {
        let mut resources = cast::resources();
        resources.iter_mut().for_each(change);
        self.declare_apis(resources).await;
    }

    /// Gives a scope to members of a group alone.
    pub(crate) async fn rule_scope(&self, name: &str, group: &str) {
        let mut scopes = cast::scopes();
        let ruled = scopes.iter_mut().find(|scope| scope.name == name);
        ruled.unwrap().groups = vec![group.to_owned()];
        self.declare(scopes, cast::resources()).await;
    }

    /// Takes an API out of the declaration.
    pub(crate) async fn remove_api(&self, uri: &str) {
        let others = cast::resources().into_iter();
        let others = others.filter(|resource| resource.uri.as_str() != uri);
        self.declare_apis(others.collect()).await;
    }

    /// Declares the APIs of the cast as they were in the beginning.
    pub(crate) async fn restore_apis(&self) {
        self.declare_apis(cast::resources()).await;
    }

    async fn declare_apis(&self, resources: Vec<Resource>) {
        self.declare(cast::scopes(), resources).await;
    }

    async fn declare(&self, scopes: Vec<ScopeDescription>, resources: Vec<Resource>) {
        let declared = Declared {
            scopes,
            resources,
            ..Declared::default()
        };
        let reconciled = self.store().reconcile(&declared, self.now()).await;
        assert!(reconciled.unwrap().catalog_changed);
        self.refresh_catalog().await;
    }

    /// What happens by itself within half a second.
    async fn refresh_catalog(&self) {
        self.server.refresh().await.unwrap();
    }
}

/// A password that may be set.
pub(super) fn accepted(issuer: &str, username: &str, password: &str) -> AcceptedPassword {
    let rule = PasswordRule::new(LEAST_MINIMUM, issuer, "Safeconduct");
    let password = rule.accept(Secret::new(password), username, &PersonClaims::default());
    password.unwrap()
}

fn id(client: &str) -> ClientId {
    ClientId::parse(client).unwrap()
}
