//! Reconciling the database with the configuration file, which alone may change what it declares: clients, scopes,
//! resources and groups. What was registered by other means stays as it is.

use std::collections::{HashMap, HashSet};

use safeconduct_protocol::client::Client;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::resource::{Resource, ScopeDescription};
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::client_secrets::{self, HashedSecret};
use crate::clients::{self, ClientRecord};
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::groups::{self, Group, GroupRecord};
use crate::store::{ActingStore, Store, to_json};

/// How often another administrative write may come first before we give up.
const TRIES: usize = 8;

const CLAIM_REVISION: &str = "UPDATE revision SET number = number + 1 WHERE number = $1";
const DELETED: &str = "SELECT id FROM clients WHERE deleted_at IS NOT NULL ORDER BY id";
const CLEAR_SCOPES: &str = "DELETE FROM scopes";
const ADD_SCOPE: &str = "INSERT INTO scopes (name, position, description) VALUES ($1, $2, $3)";
const CLEAR_RESOURCES: &str = "DELETE FROM resources";
const ADD_RESOURCE: &str = "INSERT INTO resources (uri, position, description) VALUES ($1, $2, $3)";

/// What the configuration file declares.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Clients, each with the hash of its secret if it has one.
    pub clients: Vec<(Client, Option<HashedSecret>)>,
    /// Every scope.
    pub scopes: Vec<ScopeDescription>,
    /// Every resource.
    pub resources: Vec<Resource>,
    /// Groups, which the file takes over where there are some of the name.
    pub groups: Vec<Group>,
    /// Which of the clients may be one that was registered by other means until now: the file takes it over.
    pub adopted: HashSet<ClientId>,
    /// Whether a client that the file declares no more is disabled. Otherwise it is not reconciled with such a file.
    pub prune: bool,
}

/// What reconciling did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Clients that were new.
    pub created: Vec<ClientId>,
    /// Clients that were registered otherwise, or had another secret.
    pub changed: Vec<ClientId>,
    /// Clients that were registered by other means until now.
    pub taken_over: Vec<ClientId>,
    /// Clients that the file declared once and does no more.
    pub disabled: Vec<ClientId>,
    /// Declared clients that are disabled and stay so until somebody enables them.
    pub still_disabled: Vec<ClientId>,
    /// Whether scopes or resources were others.
    pub catalog_changed: bool,
    /// Groups that were new, or others, or made by other means until now.
    pub declared_groups: Vec<String>,
    /// Groups that the file declared once and does no more. They stay as they are, and commands may change them.
    pub undeclared_groups: Vec<String>,
}

impl Declared {
    /// Whether the file has a word for what would surprise its author.
    ///
    /// # Errors
    /// [`StoreError::NotAdopted`], [`StoreError::Undeclared`].
    pub fn judge(&self, reconciled: &Reconciled) -> Result<(), StoreError> {
        let taken_over = reconciled.taken_over.iter();
        let unasked: Vec<ClientId> = taken_over
            .filter(|id| !self.adopted.contains(id))
            .cloned()
            .collect();
        if !unasked.is_empty() {
            return Err(StoreError::NotAdopted(unasked));
        }
        if !self.prune && !reconciled.disabled.is_empty() {
            return Err(StoreError::Undeclared(reconciled.disabled.clone()));
        }
        Ok(())
    }
}

impl Reconciled {
    fn changes_anything(&self) -> bool {
        let is_quiet = self.created.is_empty()
            && self.changed.is_empty()
            && self.disabled.is_empty()
            && self.declared_groups.is_empty()
            && self.undeclared_groups.is_empty();
        self.catalog_changed || !is_quiet
    }
}

impl Store {
    /// What [`ActingStore::reconcile`] would do if it had a word for everything. Nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a client id that belonged to a deleted client.
    pub async fn compare_with_declared(
        &self,
        declared: &Declared,
    ) -> Result<Reconciled, StoreError> {
        self.refuse_deleted(declared).await?;
        let (_, reconciled) = self
            .difference(declared, &By::server(), Timestamp::from_seconds(0))
            .await?;
        Ok(reconciled)
    }

    /// What reconciling changes, as `by` does it.
    async fn difference(
        &self,
        declared: &Declared,
        by: &By,
        now: Timestamp,
    ) -> Result<(Vec<Statement>, Reconciled), StoreError> {
        let records = self.clients().await?;
        let mut difference = Difference::new(by, now);
        for (client, secret) in &declared.clients {
            match records.iter().find(|record| record.client.id == client.id) {
                None => difference.create(client, *secret),
                Some(record) => difference.change(record, client, *secret),
            }
        }
        difference.disable_gone(&records, declared);
        if self.scopes().await? != declared.scopes || self.resources().await? != declared.resources
        {
            difference.replace_catalog(declared);
        }
        let groups = self.groups().await?;
        refuse_alike(&groups, declared)?;
        difference.groups(&groups, declared);
        Ok((difference.unit, difference.reconciled))
    }

    async fn refuse_deleted(&self, declared: &Declared) -> Result<(), StoreError> {
        let deleted: HashSet<String> = self
            .list(Statement::new(DELETED), Row::text)
            .await?
            .into_iter()
            .collect();
        match declared
            .clients
            .iter()
            .find(|(client, _)| deleted.contains(client.id.as_str()))
        {
            Some((client, _)) => Err(StoreError::Conflict(format!(
                "the client id {} belonged to a client that was deleted: ids are not given twice, choose another",
                client.id
            ))),
            None => Ok(()),
        }
    }
}

impl ActingStore {
    /// Makes the database say what the file says, in one unit; writes nothing where it does already. A client gone from
    /// the file is disabled, and nobody is enabled here.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a client id that belonged to a deleted client, [`StoreError::NotAdopted`] and
    /// [`StoreError::Undeclared`] where more would happen than the file has a word for. Nothing is changed then.
    pub async fn reconcile(
        &self,
        declared: &Declared,
        now: Timestamp,
    ) -> Result<Reconciled, StoreError> {
        for _ in 0..TRIES {
            let revision = self.revision().await?;
            self.refuse_deleted(declared).await?;
            let (unit, reconciled) = self.difference(declared, self.by(), now).await?;
            declared.judge(&reconciled)?;
            if !reconciled.changes_anything() {
                return Ok(reconciled);
            }
            // The difference was taken from what was there at this revision; if it has moved, it is taken again.
            let claim = Statement::new(CLAIM_REVISION).bind(revision).expect_some();
            match self.run(Unit::new([claim].into_iter().chain(unit))).await {
                Ok(UnitOutcome::Done(_)) => return Ok(reconciled),
                Ok(UnitOutcome::Unmet { .. }) => {}
                Err(DriverError::Constraint(_)) if !declared.groups.is_empty() => {
                    let told = "a declared group is called as another group is";
                    return Err(StoreError::Conflict(told.to_owned()));
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(StoreError::Unavailable(
            "the configuration is being changed by others all the time".to_owned(),
        ))
    }
}

/// What there is to write, while it is found out, and what that comes to.
struct Difference<'b> {
    by: &'b By,
    now: Timestamp,
    unit: Vec<Statement>,
    reconciled: Reconciled,
}

impl<'b> Difference<'b> {
    fn new(by: &'b By, now: Timestamp) -> Self {
        Self {
            by,
            now,
            unit: Vec::new(),
            reconciled: Reconciled::default(),
        }
    }

    fn record(&mut self, event: NewEvent<'_>) {
        self.unit.push(event.by(self.by, self.now));
    }

    fn create(&mut self, client: &Client, secret: Option<HashedSecret>) {
        self.unit
            .extend(clients::creation(client, secret, true, self.by, self.now));
        let event = NewEvent::new("client-created").client(&client.id);
        self.record(event.detail("declared"));
        self.reconciled.created.push(client.id.clone());
    }

    fn change(&mut self, record: &ClientRecord, client: &Client, secret: Option<HashedSecret>) {
        if !record.enabled {
            self.reconciled.still_disabled.push(client.id.clone());
        }
        if !record.declared {
            self.reconciled.taken_over.push(client.id.clone());
        }
        let same_registration = record.declared && record.client == *client;
        let same_secret = record
            .secrets
            .iter()
            .map(|kept| kept.hash)
            .eq(secret.map(|secret| secret.hash));
        if same_registration && same_secret {
            return;
        }
        let declaration = clients::declaration(client, self.by, self.now);
        self.unit.extend(declaration);
        if !same_secret {
            let replacement = client_secrets::replacement(&client.id, secret, self.by, self.now);
            self.unit.extend(replacement);
        }
        let event = NewEvent::new("client-updated").client(&client.id);
        self.record(event.detail("declared"));
        self.reconciled.changed.push(client.id.clone());
    }

    fn disable_gone(&mut self, records: &[ClientRecord], declared: &Declared) {
        let named: HashSet<&ClientId> = declared
            .clients
            .iter()
            .map(|(client, _)| &client.id)
            .collect();
        let gone = records.iter().filter(|record| {
            let id = &record.client.id;
            let is_built_in = *id == ClientId::command_line();
            record.declared && record.enabled && !named.contains(id) && !is_built_in
        });
        for record in gone {
            let id = &record.client.id;
            self.unit.push(clients::disabling(id).expect_some());
            let event = NewEvent::new("client-disabled").client(id);
            self.record(event.detail("no longer declared"));
            self.reconciled.disabled.push(id.clone());
        }
    }

    fn groups(&mut self, records: &[GroupRecord], declared: &Declared) {
        for group in &declared.groups {
            let record = records
                .iter()
                .find(|record| record.group.name == group.name);
            if record.is_some_and(|record| record.declared && record.group == *group) {
                continue;
            }
            let kind = match record {
                Some(_) => "group-changed",
                None => "group-added",
            };
            self.unit.push(groups::declaration(group, self.now));
            self.record(NewEvent::new(kind).detail(&group.name));
            self.reconciled.declared_groups.push(group.name.clone());
        }
        let is_gone = |record: &&GroupRecord| {
            let name = &record.group.name;
            record.declared && declared.groups.iter().all(|group| group.name != *name)
        };
        for record in records.iter().filter(is_gone) {
            let name = &record.group.name;
            self.unit.push(groups::undeclaration(name));
            self.record(NewEvent::new("group-changed").detail(name));
            self.reconciled.undeclared_groups.push(name.clone());
        }
    }

    fn replace_catalog(&mut self, declared: &Declared) {
        self.unit.extend(catalog_replacement(declared));
        self.record(NewEvent::new("catalog-changed"));
        self.reconciled.catalog_changed = true;
    }
}

/// Refuses a file after which two groups would read alike.
fn refuse_alike(records: &[GroupRecord], declared: &Declared) -> Result<(), StoreError> {
    let is_declared = |name: &str| declared.groups.iter().any(|group| group.name == name);
    let others = records.iter().map(|record| &record.group);
    let others = others.filter(|group| !is_declared(&group.name));
    let mut seen = HashMap::new();
    for group in declared.groups.iter().chain(others) {
        let read = group.display.as_ref().unwrap_or(&group.name);
        if let Some(first) = seen.insert(read, &group.name) {
            return Err(StoreError::Conflict(format!(
                "the groups {first} and {} would both read {read}: give one of them another display",
                group.name
            )));
        }
    }
    Ok(())
}

fn catalog_replacement(declared: &Declared) -> Vec<Statement> {
    let scopes = (0_i64..).zip(&declared.scopes).map(|(position, scope)| {
        Statement::new(ADD_SCOPE)
            .bind(scope.name.as_str())
            .bind(position)
            .bind(to_json(scope))
    });
    let resources = (0_i64..)
        .zip(&declared.resources)
        .map(|(position, resource)| {
            Statement::new(ADD_RESOURCE)
                .bind(resource.uri.as_str())
                .bind(position)
                .bind(to_json(resource))
        });
    [Statement::new(CLEAR_SCOPES)]
        .into_iter()
        .chain(scopes)
        .chain([Statement::new(CLEAR_RESOURCES)])
        .chain(resources)
        .collect()
}
