//! What comes from another system: groups, users and clients. Each is added where there is none of its name, and nothing that exists is changed,
//! so that the same import can be run again.

use safeconduct_protocol::{
    client::Client,
    ids::{ClientId, UserId},
    registration::{self, Registration},
    secret::Secret,
};
use safeconduct_store::{Group, NewUser, UserImport};
use serde_json::{Map, Value};

use super::{
    Administration, Refused,
    clients::Created,
    users::{NewPassword, Person, hasher, unhashed},
};

/// How many users are hashed and written at a time.
const PAGE: usize = 500;

/// What an import did with many of a kind.
#[derive(Default)]
pub struct Imported {
    /// How many were added.
    pub added: usize,
    /// The names of those that are there already, or whose id another user or a client has or had. Nothing was changed for them.
    pub existing: Vec<String>,
}

/// A client as another system has it, in the members of RFC 7591.
pub struct ImportedClient {
    /// Its id, which it keeps.
    pub id: String,
    /// What it is registered with.
    pub members: Map<String, Value>,
    /// Its secret, where that is known and long enough: the app goes on with it.
    pub secret: Option<Secret>,
}

impl Administration<'_> {
    /// Whether there is a user of each of these names.
    ///
    /// # Errors
    /// The database's.
    pub async fn known_users(&self, people: &[Person]) -> Result<Vec<String>, Refused> {
        let mut known = Vec::new();
        for person in people {
            if self.store.user_by_name(&person.username).await?.is_some() {
                known.push(person.username.clone());
            }
        }
        Ok(known)
    }

    /// Adds groups; those that there are stay as they are.
    ///
    /// # Errors
    /// A name that no group can have, or the database's. Some may have been added.
    pub async fn import_groups(&self, groups: &[Group]) -> Result<Imported, Refused> {
        let mut imported = Imported::default();
        for group in groups {
            match self.add_group(group).await {
                Ok(_) => imported.added += 1,
                Err(Refused::GroupTaken(name)) => imported.existing.push(name),
                Err(other) => return Err(other),
            }
        }
        Ok(imported)
    }

    /// Adds many users, each with their password, their lock and their groups at once. After an error, some may have been added.
    ///
    /// # Errors
    /// A password can't be hashed, or the database's.
    pub async fn import_users(&self, people: &[Person]) -> Result<Imported, Refused> {
        let passwords = hasher()?;
        let mut imported = Imported::default();
        for page in people.chunks(PAGE) {
            let mut users = Vec::with_capacity(page.len());
            for person in page {
                let id = person.id.clone().unwrap_or_else(UserId::generate);
                let sealed_password = match &person.password {
                    Some(NewPassword::Clear(password)) => {
                        Some(self.seal(&passwords, &id, password.clone()).await?)
                    }
                    Some(NewPassword::Hash(imported)) => {
                        let hash = passwords.import(imported).await.map_err(unhashed)?;
                        Some(self.keys.seal_password(&id, &hash)?)
                    }
                    None => None,
                };
                users.push(UserImport {
                    user: NewUser {
                        id,
                        username: person.username.clone(),
                        name: None,
                        claims: person.claims.clone(),
                        sealed_password,
                    },
                    locked: person.locked,
                    groups: person.groups.clone(),
                });
            }
            let done = self.store.import_users(users, self.now).await?;
            imported.added += done.added;
            let taken = done.taken.iter().filter_map(|index| page.get(*index));
            imported
                .existing
                .extend(taken.map(|person| person.username.clone()));
        }
        Ok(imported)
    }

    /// What a client would be registered as.
    ///
    /// # Errors
    /// Its registration is wrong.
    pub fn judge_import(&self, client: &ImportedClient) -> Result<Client, Refused> {
        let id = registration::client_id(&client.id);
        let id: ClientId = id.map_err(|wrong| Refused::Registration(vec![wrong]))?;
        self.register(
            &id,
            &Registration::default(),
            client.members.clone(),
            &*self.knows_scope,
        )
    }

    /// Registers a client under its id, with its secret if it has one.
    ///
    /// # Errors
    /// As [`create_client`](Self::create_client).
    pub async fn import_client(&self, client: &ImportedClient) -> Result<Created, Refused> {
        let members = client.members.clone();
        self.create_client_with(Some(&client.id), members, client.secret.clone())
            .await
    }
}
