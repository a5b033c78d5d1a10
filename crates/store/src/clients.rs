//! Registered clients. An id is given once: a deleted client leaves its row behind. Disabling ends what
//! the client holds by raising its epoch; enabling never lowers it.

use safeconduct_protocol::client::Client;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::client_secrets::{self, HashedSecret, SecretHash, Which, exists};
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{self, NewEvent, administrative};
use crate::store::{ActingStore, Store, from_json, to_json};

const CREATE: &str = "INSERT INTO clients (id, registration, version, enabled, declared, epoch, created_at, groups) \
     SELECT $1, $2, 1, 1, $3, 1, $4, CAST($5 AS TEXT) WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = $1) ON CONFLICT (id) DO NOTHING";

/// The client that is built in, as this release describes it.
const BUILD_IN: &str = "INSERT INTO clients (id, registration, version, enabled, declared, epoch, created_at) \
     VALUES ($1, $2, 1, 1, 1, 1, $3) \
     ON CONFLICT (id) DO UPDATE SET registration = $2, declared = 1, version = clients.version + 1 WHERE clients.registration <> $2";

/// Where other users may use a client from now on, what it held ends with its epoch; where everybody may, nothing does.
macro_rules! restricted {
    ($groups:literal) => {
        concat!(
            "epoch = epoch + CASE WHEN CAST(",
            $groups,
            " AS TEXT) IS NOT NULL AND COALESCE(groups, '') <> CAST(",
            $groups,
            " AS TEXT) THEN 1 ELSE 0 END, groups = CAST(",
            $groups,
            " AS TEXT)"
        )
    };
}

const UPDATE: &str = concat!(
    "UPDATE clients SET registration = $2, declared = $3, version = version + 1, ",
    restricted!("$4"),
    " WHERE id = $1 AND deleted_at IS NULL"
);

const UPDATE_REGISTRATION: &str = concat!(
    "UPDATE clients SET registration = $2, version = version + 1, ",
    restricted!("$4"),
    " WHERE id = $1 AND version = $3 AND deleted_at IS NULL"
);

const CLEAR_GROUPS: &str = "DELETE FROM client_groups WHERE client_id = $1";

const ADD_GROUP: &str = "INSERT INTO client_groups (client_id, group_name) VALUES ($1, $2)";

const DISABLE: &str = "UPDATE clients SET enabled = 0, epoch = epoch + 1 \
     WHERE id = $1 AND enabled = 1 AND deleted_at IS NULL";

const ENABLE: &str =
    "UPDATE clients SET enabled = 1 WHERE id = $1 AND enabled = 0 AND deleted_at IS NULL";

const IS_AT: &str = "SELECT 1 FROM clients WHERE id = $1 AND version = $2 AND deleted_at IS NULL";

/// Held against whoever replaces the registration meanwhile.
const HOLD: &str = "UPDATE clients SET version = version WHERE id = $1";

const DELETE: &str = "UPDATE clients SET enabled = 0, epoch = epoch + 1, deleted_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL";

const LIST: &str = "SELECT registration, version, enabled, declared, epoch, created_at FROM clients \
     WHERE deleted_at IS NULL ORDER BY id";

const LIST_AFTER: &str = "SELECT registration, version, enabled, declared, epoch, created_at FROM clients \
     WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2";

const ONE: &str = "SELECT registration, version, enabled, declared, epoch, created_at FROM clients \
     WHERE deleted_at IS NULL AND id = $1";

/// A client as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRecord {
    /// Its registration.
    pub client: Client,
    /// Raised when its registration changes.
    pub version: i64,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether the configuration file declares it, and is the place to change it.
    pub declared: bool,
    /// Raised when it is disabled or deleted.
    pub epoch: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its secrets, oldest first; several live at once while one replaces another.
    pub secrets: Vec<SecretHash>,
}

impl Store {
    /// Every client that was not deleted, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients(&self) -> Result<Vec<ClientRecord>, StoreError> {
        // A secret read before its client is a client without one for a moment; the other way round is a refusal too many.
        let records = self.list(Statement::new(LIST), read).await?;
        self.with_secrets(records, Which::All).await
    }

    /// At most `limit` of them, behind the one of the id `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ClientRecord>, StoreError> {
        let page = Statement::new(LIST_AFTER)
            .bind(after)
            .bind(i64::from(limit));
        let records = self.list(page, read).await?;
        let last = records.last().map(|record| record.client.id.to_string());
        let between = Which::Between(after, last.as_deref().unwrap_or(after));
        self.with_secrets(records, between).await
    }

    /// The client of this id, unless it was deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client(&self, id: &str) -> Result<Option<ClientRecord>, StoreError> {
        let found = self.list(Statement::new(ONE).bind(id), read).await?;
        let found = self.with_secrets(found, Which::Between(id, id)).await?;
        Ok(found.into_iter().next())
    }

    async fn with_secrets(
        &self,
        mut records: Vec<ClientRecord>,
        which: Which<'_>,
    ) -> Result<Vec<ClientRecord>, StoreError> {
        let mut secrets = self.client_secrets(which).await?;
        for record in &mut records {
            let id = record.client.id.as_str();
            record.secrets = secrets.remove(id).unwrap_or_default();
        }
        Ok(records)
    }
}

impl ActingStore {
    /// Registers a client, with the hash of its secret if it has one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a client has the id or ever had it.
    pub async fn create_client(
        &self,
        client: &Client,
        secret: Option<HashedSecret>,
        declared: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let unit = Unit::new(creation(client, secret, declared, self.by(), now));
        let event = NewEvent::new("client-created").client(&client.id);
        if self
            .committed(administrative(unit, event, self.by(), now))
            .await?
        {
            Ok(())
        } else {
            Err(StoreError::Conflict(format!(
                "the client id {} is taken, or was, by a client or a user: ids are not given twice",
                client.id
            )))
        }
    }

    /// Registers a client that is built into this release, as it is described there; writes nothing where it stands so already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn build_in_client(&self, client: &Client, now: Timestamp) -> Result<(), StoreError> {
        let build_in = Statement::new(BUILD_IN)
            .bind(client.id.as_str())
            .bind(to_json(client))
            .bind(now)
            .expect_some();
        let event = NewEvent::new("client-created").client(&client.id);
        let event = event.detail("built in");
        self.committed(administrative(build_in.into(), event, self.by(), now))
            .await?;
        Ok(())
    }

    /// Replaces a client's registration, unless it was changed after `seen`, the `version` of the record that the new one was made
    /// from; says whether it did. What it may no longer have, its grants lose at the next mint.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_client(
        &self,
        seen: i64,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = Statement::new(UPDATE_REGISTRATION)
            .bind(client.id.as_str())
            .bind(to_json(client))
            .bind(seen)
            .bind(groups_column(client))
            .expect_some();
        let restricted = record_restriction(client, self.by(), now);
        let unit = Unit::new([exists(&client.id), restricted, update]).and(admission(client));
        let event = NewEvent::new("client-updated").client(&client.id);
        self.change_client(unit, event, now).await
    }

    /// Disables a client: everything it holds is dead, and stays dead if it is enabled again. Disabling twice is disabling.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn disable_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        let unit =
            Unit::from(exists(id)).then(Statement::new(DISABLE).bind(id.as_str()).expect_some());
        self.change_client(unit, NewEvent::new("client-disabled").client(id), now)
            .await
            .map(drop)
    }

    /// Lets a disabled client be used again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn enable_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        let unit =
            Unit::from(exists(id)).then(Statement::new(ENABLE).bind(id.as_str()).expect_some());
        self.change_client(unit, NewEvent::new("client-enabled").client(id), now)
            .await
            .map(drop)
    }

    /// Deletes a client and its secrets. Its id is never given again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        let unit = Unit::new([
            Statement::new(DELETE)
                .bind(id.as_str())
                .bind(now)
                .expect_some(),
            client_secrets::deletion(id),
        ]);
        self.change_client(unit, NewEvent::new("client-deleted").client(id), now)
            .await
            .map(drop)
    }

    /// [Deletes](Self::delete_client) a client, unless its registration was changed after `seen`; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_client_as_seen(
        &self,
        id: &ClientId,
        seen: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let unit = Unit::new([
            Statement::new(HOLD).bind(id.as_str()),
            Statement::new(IS_AT)
                .bind(id.as_str())
                .bind(seen)
                .expect_some(),
            Statement::new(DELETE)
                .bind(id.as_str())
                .bind(now)
                .expect_some(),
            client_secrets::deletion(id),
        ]);
        let event = NewEvent::new("client-deleted").client(id);
        Ok(self
            .committed(administrative(unit, event, self.by(), now))
            .await?)
    }

    /// Commits a change whose first statement finds the client; `false` if another one finds that there is nothing to do.
    pub(crate) async fn change_client(
        &self,
        unit: Unit,
        event: NewEvent<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match self
            .run(administrative(unit, event, self.by(), now))
            .await?
        {
            UnitOutcome::Done(_) => Ok(true),
            UnitOutcome::Unmet { statement: 0 } => Err(StoreError::NotFound("such client")),
            UnitOutcome::Unmet { .. } => Ok(false),
        }
    }
}

/// The statements that register a client; the first one fails if the id is taken.
pub(crate) fn creation(
    client: &Client,
    secret: Option<HashedSecret>,
    declared: bool,
    by: &By,
    now: Timestamp,
) -> Vec<Statement> {
    let create = Statement::new(CREATE)
        .bind(client.id.as_str())
        .bind(to_json(client))
        .bind(declared)
        .bind(now)
        .bind(groups_column(client))
        .expect_some();
    [create]
        .into_iter()
        .chain(admission(client))
        .chain(secret.map(|hash| client_secrets::addition(&client.id, hash, by, now)))
        .collect()
}

/// The statement that makes a registration what the configuration file says.
pub(crate) fn declaration(client: &Client, by: &By, now: Timestamp) -> Vec<Statement> {
    let update = Statement::new(UPDATE)
        .bind(client.id.as_str())
        .bind(to_json(client))
        .bind(true)
        .bind(groups_column(client))
        .expect_some();
    [record_restriction(client, by, now), update]
        .into_iter()
        .chain(admission(client))
        .collect()
}

/// The groups whose members may use a client, a line each; `None` where everybody may.
fn groups_column(client: &Client) -> Option<String> {
    (!client.groups.is_empty()).then(|| {
        let names: Vec<&str> = client.groups.iter().map(String::as_str).collect();
        names.join("\n")
    })
}

/// The statements that say the same in rows.
fn admission(client: &Client) -> Vec<Statement> {
    let id = client.id.as_str();
    let clear = Statement::new(CLEAR_GROUPS).bind(id);
    let groups = client.groups.iter();
    let add = groups.map(|group| Statement::new(ADD_GROUP).bind(id).bind(group.as_str()));
    std::iter::once(clear).chain(add).collect()
}

/// The event that other users may use it from now on, where that is so: before it is written.
fn record_restriction(client: &Client, by: &By, now: Timestamp) -> Statement {
    events::record_restriction(&client.id, groups_column(client).as_deref(), by, now)
}

/// The statement that disables a client that is enabled.
pub(crate) fn disabling(id: &ClientId) -> Statement {
    Statement::new(DISABLE).bind(id.as_str())
}

fn read(row: &mut Row) -> Result<ClientRecord, DriverError> {
    Ok(ClientRecord {
        client: from_json(&row.text()?, "client's registration")?,
        version: row.integer()?,
        enabled: row.truth()?,
        declared: row.truth()?,
        epoch: row.integer()?,
        created_at: row.time()?,
        secrets: Vec::new(),
    })
}
