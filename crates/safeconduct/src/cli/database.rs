//! The database as the commands work on it: opened, known to be this issuer's and this master key's, its keys unwrapped.

use std::time::Duration;

use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::password::PasswordRule;
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::administration::Administration;
use safeconduct_server::administration::master_keys::MasterKeyRotation;
use safeconduct_server::keys::{self, Keys, MasterKeys};
use safeconduct_server::{Fault, Notices};
use safeconduct_store::{ActingStore, By, Cluster, OpenError, Store, StoreError};
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::shell_user;
use super::supervisor;
use crate::config::Checked;

/// How long after a failure a late database is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How much longer than the wait a start may take: for a last attempt, and for what follows it.
const SLACK: Duration = Duration::from_secs(60);

/// An open database.
pub(crate) struct Database {
    pub(crate) checked: Checked,
    /// In the hands of who runs the command; in its own for a server.
    pub(crate) store: ActingStore,
    pub(crate) cluster: Cluster,
    pub(crate) masters: MasterKeys,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
}

/// A database that is known to be this issuer's and these master keys', its keys not looked at.
pub(crate) struct Connected {
    pub(crate) checked: Checked,
    /// In the hands of who runs the command; in its own for a server.
    pub(crate) store: ActingStore,
    pub(crate) cluster: Cluster,
    pub(crate) masters: MasterKeys,
    pub(crate) clock: Clock,
}

impl Connected {
    /// How another master key takes over, at this moment.
    pub(crate) fn master_key_rotation(&self) -> MasterKeyRotation<'_> {
        MasterKeyRotation {
            store: &self.store,
            masters: &self.masters,
            cluster: &self.cluster,
            issuer: self.checked.issuer.as_str(),
            now: self.now(),
        }
    }

    /// Opens the database of a configuration.
    ///
    /// # Errors
    /// It can't be opened, or belongs to another issuer or another master key.
    pub(crate) async fn open(checked: Checked, masters: MasterKeys) -> Result<Self, Failure> {
        let url = checked.database_url()?;
        Self::on(
            Store::open(url.expose()),
            shell_user::by(),
            checked,
            masters,
        )
        .await
    }

    /// The same of a database that was restored, and may be a backup.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    async fn open_restored(checked: Checked, masters: MasterKeys) -> Result<Self, Failure> {
        let url = checked.database_url()?;
        let opening = Store::open_restored(url.expose());
        Self::on(opening, shell_user::by(), checked, masters).await
    }

    /// The same for a server that starts: it waits for a database that comes late, as long as the configuration says.
    ///
    /// # Errors
    /// It can't be opened and waiting does not mend that, or it was waited for long enough.
    async fn open_late(checked: Checked, masters: MasterKeys) -> Result<Self, Failure> {
        let wait = checked.config.database.wait.as_duration();
        let url = checked.database_url()?;
        Self::on(
            await_database(url.expose(), wait),
            By::server(),
            checked,
            masters,
        )
        .await
    }

    async fn on(
        opening: impl Future<Output = Result<Store, OpenError>>,
        by: By,
        checked: Checked,
        masters: MasterKeys,
    ) -> Result<Self, Failure> {
        let file = checked.database.file();
        let new_file = file.filter(|file| !file.exists());
        let store = opening.await?.by(by);
        if let Some(path) = new_file {
            tracing::info!(path = %path.display(), "made a new database");
        }
        Self::to(store, checked, masters).await
    }

    async fn to(
        store: ActingStore,
        checked: Checked,
        masters: MasterKeys,
    ) -> Result<Self, Failure> {
        let clock = Clock::system();
        let cluster = store
            .join_cluster(
                checked.issuer.as_str(),
                &masters.check_values(),
                clock.now(),
            )
            .await?;
        Ok(Self {
            checked,
            store,
            cluster,
            masters,
            clock,
        })
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Database {
    /// Opens the database of a configuration, and makes the keys that it lacks.
    ///
    /// # Errors
    /// It can't be opened, or belongs to another issuer or another master key.
    pub(crate) async fn open(checked: Checked, masters: MasterKeys) -> Result<Self, Failure> {
        Self::of(Connected::open(checked, masters).await?).await
    }

    /// The same of a database that was restored, and may be a backup.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) async fn open_restored(
        checked: Checked,
        masters: MasterKeys,
    ) -> Result<Self, Failure> {
        Self::of(Connected::open_restored(checked, masters).await?).await
    }

    /// The same for a server that starts: it waits for a database that comes late, as long as the configuration says.
    ///
    /// # Errors
    /// As [`open`](Self::open), after waiting.
    pub(crate) async fn open_late(checked: Checked, masters: MasterKeys) -> Result<Self, Failure> {
        Self::of(Connected::open_late(checked, masters).await?).await
    }

    /// The same for a server that has opened it already, and reads its configuration again.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) async fn again(
        checked: Checked,
        store: ActingStore,
        masters: MasterKeys,
    ) -> Result<Self, Failure> {
        Self::of(Connected::to(store, checked, masters).await?).await
    }

    async fn of(connected: Connected) -> Result<Self, Failure> {
        let Connected {
            checked,
            store,
            cluster,
            masters,
            clock,
        } = connected;
        let issuer = checked.issuer.as_str();
        let clients = checked.declared.clients.iter();
        let clients = clients.map(|declared| declared.client.openid.id_token_signed_response_alg);
        let mut algorithms: Vec<_> = clients.collect();
        let apis = checked.declared.resources.iter();
        algorithms.extend(apis.map(|api| api.access_token_signing_alg));
        keys::create_missing(&store, &masters, issuer, &cluster, &algorithms, clock.now()).await?;
        let keys = Keys::open(
            &masters,
            issuer,
            &cluster,
            &store.catalog().await?.keys,
            clock.now(),
        )?;
        Ok(Self {
            checked,
            store,
            cluster,
            masters,
            keys,
            clock,
        })
    }

    /// What administrators can do with it at this moment.
    pub(crate) fn administration(&self) -> Administration<'_> {
        let (declared, config) = (&self.checked.declared, &self.checked.config);
        Administration {
            store: &self.store,
            masters: &self.masters,
            keys: &self.keys,
            passwords: PasswordRule::new(
                config.login.password_min_length,
                self.checked.issuer.as_str(),
                &config.ui.name,
            ),
            notices: Notices::new(self.checked.mail.is_some(), config.ui.default_language),
            issuer: self.checked.issuer.as_str(),
            cluster: &self.cluster,
            knows_scope: Box::new(|name| declared.knows_scope(name)),
            declared: declared
                .clients
                .iter()
                .map(|declared| &declared.client.id)
                .collect(),
            now: self.now(),
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Opens a database that may not be there yet.
async fn await_database(url: &str, wait: Duration) -> Result<Store, OpenError> {
    let end = Instant::now() + wait;
    let mut is_told = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match Store::open(url).await {
            Err(error) if error.may_pass() && left > PAUSE => {
                if !is_told {
                    tracing::warn!(%error, seconds = left.as_secs(), "the database is waited for");
                    is_told = true;
                }
                supervisor::starting(left + SLACK);
                sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let said = error.to_string();
        match error {
            OpenError::Url { .. } | OpenError::UrlPart { .. } => Self::Configuration(said),
            _ => Self::Failed(said),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OtherIssuer { .. }
            | StoreError::OtherMasterKey
            | StoreError::LacksMasterKey { .. } => Self::Configuration(error.to_string()),
            StoreError::NotAdopted(ids) => Self::Configuration(not_adopted(&ids)),
            StoreError::Undeclared(ids) => Self::Configuration(undeclared(&ids)),
            StoreError::Conflict(_) => Self::Conflict(error.to_string()),
            StoreError::NotFound(_) => Self::NotFound(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn not_adopted(ids: &[ClientId]) -> String {
    let sentences = ids.iter().map(|id| {
        format!(
            "the client {id} was made by command, and the configuration declares it too\n    write adopt = true into its table if the file is to take it over, its secret included; else take it out of the file"
        )
    });
    sentences.collect::<Vec<_>>().join("\n")
}

/// What a start without `--prune` says of clients that are gone from the configuration.
pub(crate) fn undeclared(ids: &[ClientId]) -> String {
    let sentences = ids.iter().map(|id| {
        format!(
            "the configuration declares the client {id} no more, and that would disable it and end all that it was granted\n    put it back; or let it go: `safeconduct client disable {id}`, or `safeconduct serve --prune`"
        )
    });
    sentences.collect::<Vec<_>>().join("\n")
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Other(what) => Self::Failed(what),
        }
    }
}
