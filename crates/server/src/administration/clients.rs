//! Clients: registered, changed, given new secrets, stopped and deleted. What a client may be is decided by the protocol.

use safeconduct_protocol::{
    client::{AuthenticationMethod, Client},
    ids::ClientId,
    registration::{self, Finding, KnowsScope, Registration, SecretOrigin},
    secret::Secret,
};
use safeconduct_store::{ClientRecord, StoreError};
use serde_json::{Map, Value};

use super::{Administration, Page, Refused};
use crate::keys::create_missing;

/// A client that was registered.
pub struct Created {
    /// It.
    pub client: Client,
    /// Its secret, if it authenticates with one. Only the hash is kept.
    pub secret: Option<Secret>,
    /// What is odd about it.
    pub oddities: Vec<Finding>,
}

/// A client that was changed.
pub struct Changed {
    /// As it is now.
    pub record: ClientRecord,
    /// Whether it knows its users by another `sub` from now on.
    pub has_other_subjects: bool,
    /// Whether it authenticates with a secret, and has none.
    pub lacks_secret: bool,
    /// What is odd about it.
    pub oddities: Vec<Finding>,
}

impl Administration<'_> {
    /// Every client, by id.
    ///
    /// # Errors
    /// The database's.
    pub async fn clients(&self) -> Result<Vec<ClientRecord>, Refused> {
        Ok(self.store.clients().await?)
    }

    /// A page of them; it begins behind an id.
    ///
    /// # Errors
    /// The database's.
    pub async fn clients_page(&self, page: &Page<'_>) -> Result<Vec<ClientRecord>, Refused> {
        let after = page.after.unwrap_or_default();
        Ok(self.store.clients_after(after, page.limit).await?)
    }

    /// The client `id`.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn client(&self, id: &str) -> Result<ClientRecord, Refused> {
        let found = match ClientId::parse(id) {
            Some(_) => self.store.client(id).await?,
            None => None,
        };
        found.ok_or_else(|| Refused::NoClient(id.to_owned()))
    }

    /// Registers a client, under an id of its own unless one is named.
    ///
    /// # Errors
    /// The registration is wrong, the id is taken, or the database's.
    pub async fn create_client(
        &self,
        id: Option<&str>,
        members: Map<String, Value>,
    ) -> Result<Created, Refused> {
        self.create_client_with(id, members, None).await
    }

    /// The same, with the secret that it has had elsewhere, if that was `known`.
    pub(super) async fn create_client_with(
        &self,
        id: Option<&str>,
        members: Map<String, Value>,
        known: Option<Secret>,
    ) -> Result<Created, Refused> {
        let id = match id {
            Some(id) => {
                registration::client_id(id).map_err(|wrong| Refused::Registration(vec![wrong]))?
            }
            None => ClientId::generate(),
        };
        let client = self.register(&id, &Registration::default(), members, &*self.knows_scope)?;
        self.may_register(None, Some(&client))?;
        // A client that exists is no reason to make keys. Whether it does is decided by the write below.
        if self.store.client(id.as_str()).await?.is_some() {
            return Err(Refused::ClientTaken(id));
        }
        self.make_keys_for(&client).await?;
        let secret = has_secret(&client).then(|| known.unwrap_or_else(Secret::for_client));
        let hash = secret
            .as_ref()
            .map(|secret| self.keys.hash_client_secret(secret));
        let created = self
            .store
            .create_client(&client, hash, false, self.now)
            .await;
        match created {
            Ok(()) => Ok(Created {
                oddities: registration::oddities(&client),
                client,
                secret,
            }),
            Err(StoreError::Conflict(_)) => Err(Refused::ClientTaken(id)),
            Err(other) => Err(other.into()),
        }
    }

    /// Changes members of a client's registration; what is not named stays as it is.
    ///
    /// # Errors
    /// There is no such client, the configuration declares it, the registration would be wrong, another administrator came between, or
    /// the database's.
    pub async fn change_client(
        &self,
        id: &str,
        members: Map<String, Value>,
    ) -> Result<Changed, Refused> {
        let before = self.client(id).await?;
        if before.declared {
            return Err(Refused::Declared(before.client.id));
        }
        // A scope that it had before may be gone from the configuration; that is no reason to keep it from changing.
        let knows_scope = |name: &str| match before.client.scopes.contains(name) {
            true => Ok(()),
            false => (self.knows_scope)(name),
        };
        let registered = Registration::from(&before.client);
        let client = self.register(&before.client.id, &registered, members, &knows_scope)?;
        self.may_register(Some(&before.client), Some(&client))?;
        self.make_keys_for(&client).await?;
        if !self
            .store
            .update_client(before.version, &client, self.now)
            .await?
        {
            return Err(Refused::Raced(id.to_owned()));
        }
        let subjects = |client: &Client| (client.openid.subject_type, client.sector());
        Ok(Changed {
            has_other_subjects: subjects(&before.client) != subjects(&client),
            lacks_secret: has_secret(&client) && before.secrets.is_empty(),
            oddities: registration::oddities(&client),
            record: ClientRecord {
                client,
                version: before.version + 1,
                ..before
            },
        })
    }

    /// Replaces all that a client is registered with; what is left out of `members` is as if it was never there. `seen` is the version that
    /// the administrator made the change from.
    ///
    /// # Errors
    /// There is no such client, the configuration declares it, the registration would be wrong, another administrator came between, or
    /// the database's.
    pub async fn replace_client(
        &self,
        id: &str,
        seen: i64,
        members: Map<String, Value>,
    ) -> Result<(), Refused> {
        let before = self.client(id).await?;
        self.may_register(Some(&before.client), None)?;
        if before.declared {
            return Err(Refused::Declared(before.client.id));
        }
        let knows_scope = |name: &str| match before.client.scopes.contains(name) {
            true => Ok(()),
            false => (self.knows_scope)(name),
        };
        let empty = Registration::default();
        let client = self.register(&before.client.id, &empty, members, &knows_scope)?;
        self.may_register(Some(&before.client), Some(&client))?;
        self.make_keys_for(&client).await?;
        match self.store.update_client(seen, &client, self.now).await? {
            true => Ok(()),
            false => Err(Refused::Changed(id.to_owned())),
        }
    }

    /// Deletes a client for good, unless it was changed after the version `seen`.
    ///
    /// # Errors
    /// As [`delete_client`](Self::delete_client); another administrator came between.
    pub async fn delete_client_as_seen(&self, id: &str, seen: i64) -> Result<(), Refused> {
        let found = self.deletable_client(id).await?;
        let deleted = self.store.delete_client_as_seen(&found, seen, self.now);
        match deleted.await? {
            true => Ok(()),
            false => Err(Refused::Changed(id.to_owned())),
        }
    }

    /// Gives a client a new secret. The others stay good for `overlap` seconds.
    ///
    /// # Errors
    /// There is no such client, the configuration declares it, it has no secret, two are good already and would stay so, or the database's.
    pub async fn rotate_client_secret(
        &self,
        id: &str,
        overlap: i64,
    ) -> Result<(ClientId, Secret), Refused> {
        let record = self.client(id).await?;
        let client = record.client;
        self.may_register(Some(&client), Some(&client))?;
        if record.declared {
            return Err(Refused::Declared(client.id));
        }
        if !has_secret(&client) {
            return Err(Refused::NoSecret {
                method: client.authentication.as_str(),
                client: client.id,
            });
        }
        let secret = Secret::for_client();
        let hash = self.keys.hash_client_secret(&secret);
        let end = self.now.plus(overlap);
        let added = self
            .store
            .add_client_secret(&client.id, hash, Some(end), self.now);
        match added.await? {
            true => Ok((client.id, secret)),
            false => Err(Refused::TwoSecrets(client.id)),
        }
    }

    /// Ends one of a client's secrets now, where another one is good.
    ///
    /// # Errors
    /// There is no such client or secret, the configuration declares it, it is the only one, or the database's.
    pub async fn end_client_secret(&self, id: &str, secret: &str) -> Result<ClientId, Refused> {
        let record = self.client(id).await?;
        let client = record.client;
        self.may_register(Some(&client), Some(&client))?;
        if record.declared {
            return Err(Refused::Declared(client.id));
        }
        let mut good = record.secrets.iter().filter(|one| one.is_good(self.now));
        if !good.any(|one| one.id == secret) {
            return Err(Refused::NoSuchSecret {
                client: client.id,
                secret: secret.to_owned(),
            });
        }
        match self
            .store
            .end_client_secret(&client.id, secret, self.now)
            .await?
        {
            true => Ok(client.id),
            false => Err(Refused::LastSecret(client.id)),
        }
    }

    /// Stops a client: everything it was granted ends.
    ///
    /// # Errors
    /// There is no such client, or the database's.
    pub async fn disable_client(&self, id: &str) -> Result<(), Refused> {
        let client = self.client(id).await?.client;
        self.may_register(Some(&client), None)?;
        Ok(self.store.disable_client(&client.id, self.now).await?)
    }

    /// Lets a disabled client work again; what was ended stays ended.
    ///
    /// # Errors
    /// There is no such client, or the database's.
    pub async fn enable_client(&self, id: &str) -> Result<(), Refused> {
        let client = self.client(id).await?.client;
        self.may_register(Some(&client), Some(&client))?;
        Ok(self.store.enable_client(&client.id, self.now).await?)
    }

    /// The client `id`, if it may be deleted.
    ///
    /// # Errors
    /// There is no such client, the configuration declares it, or the database's.
    pub async fn deletable_client(&self, id: &str) -> Result<ClientId, Refused> {
        let client = self.client(id).await?.client;
        self.may_register(Some(&client), None)?;
        let id = client.id;
        if self.declared.contains(&&id) || id == ClientId::command_line() {
            return Err(Refused::Declared(id));
        }
        Ok(id)
    }

    /// Deletes a client for good; its id is never used again.
    ///
    /// # Errors
    /// There is no such client, the configuration declares it, or the database's.
    pub async fn delete_client(&self, id: &str) -> Result<(), Refused> {
        let id = self.deletable_client(id).await?;
        Ok(self.store.delete_client(&id, self.now).await?)
    }

    pub(super) fn register(
        &self,
        id: &ClientId,
        registration: &Registration,
        members: Map<String, Value>,
        knows_scope: &KnowsScope<'_>,
    ) -> Result<Client, Refused> {
        registration
            .changed(members)
            .map_err(|error| Refused::Unfit(format!("this is no registration: {error}")))?
            .register(id, SecretOrigin::Generated, knows_scope)
            .map_err(Refused::Registration)
    }

    /// Makes the key that a client has its ID Tokens signed with, where there is none yet.
    async fn make_keys_for(&self, client: &Client) -> Result<(), Refused> {
        let algorithms = [client.openid.id_token_signed_response_alg];
        let Self {
            store,
            masters,
            issuer,
            cluster,
            now,
            ..
        } = self;
        Ok(create_missing(store, masters, issuer, cluster, &algorithms, *now).await?)
    }
}

fn has_secret(client: &Client) -> bool {
    matches!(
        client.authentication,
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost
    )
}
