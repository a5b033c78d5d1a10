//! Administrators: who may use the API for all this, made by the shell or by another of them in person; and what no client may do to them
//! by itself, or it would become what they are.

use safeconduct_protocol::{
    administration::{self, GROUP},
    client::Client,
    ids::UserId,
};
use safeconduct_store::{Door, Member, Membership, StoreError, UserRecord, Who};

use super::{Administration, Refused};
use crate::fault::Fault;

impl Administration<'_> {
    /// Who administers this server, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn administrators(&self) -> Result<Vec<Member>, Refused> {
        Ok(self.store.members_of(GROUP).await?)
    }

    /// Lets a user administer this server. Gives the user.
    ///
    /// # Errors
    /// There is no such user, a client asks by itself, or the database's.
    pub async fn add_administrator(&self, user: &str) -> Result<UserRecord, Refused> {
        self.in_person(GROUP)?;
        let found = self.user(user).await?;
        match self.store.add_administrator(&found.id, self.now).await? {
            Membership::Changed | Membership::Already => Ok(found),
            Membership::NoUser | Membership::NoGroup => Err(Refused::NoUser(user.to_owned())),
        }
    }

    /// Lets a user administer this server no more, at once. Gives the user.
    ///
    /// # Errors
    /// There is no such administrator, or no other who can sign in; a client asks by itself; the database's.
    pub async fn remove_administrator(&self, user: &str) -> Result<UserRecord, Refused> {
        self.in_person(GROUP)?;
        let found = self.user(user).await?;
        let api = administration::resource(self.issuer);
        let removed = self
            .store
            .remove_administrator(&found.id, &api, self.now)
            .await;
        match removed.map_err(|error| last(error, &found))? {
            Membership::Changed => Ok(found),
            _ => Err(Refused::NoAdministrator(found.username)),
        }
    }

    /// Refuses what only a user may do, or a command on the server.
    pub(super) fn in_person(&self, what: &str) -> Result<(), Refused> {
        match self.store.asker().who() {
            Who::Client(_) => Err(Refused::InPersonOnly(what.to_owned())),
            _ => Ok(()),
        }
    }

    /// Refuses what a client may not do by itself to an administrator: change what they sign in with, or where links are sent to.
    ///
    /// # Errors
    /// It is one, and a client asks; the database's.
    pub async fn may_touch(&self, user: &UserId) -> Result<(), Refused> {
        if self.in_person("").is_ok() || !self.store.is_administrator(user).await? {
            return Ok(());
        }
        Err(Refused::InPersonOnly(user.to_string()))
    }

    /// Refuses by HTTP what would let a client administer, and to change one that may or give it a secret: whoever has its credentials
    /// administers without a second factor and without an end. To stop it (`after` is `None`) takes a user.
    pub(super) fn may_register(
        &self,
        before: Option<&Client>,
        after: Option<&Client>,
    ) -> Result<(), Refused> {
        let door = self.store.asker().door();
        if !matches!(door, Door::Api | Door::Console) {
            return Ok(());
        }
        let administers = |client: &&Client| {
            !client
                .scopes
                .intersection(&administration::scopes())
                .is_empty()
        };
        let (before, after_administers) = (before.filter(administers), after.filter(administers));
        match (before, after) {
            (Some(client), None) => self.in_person(client.id.as_str()),
            (Some(client), Some(_)) => Err(Refused::ShellOnly(client.id.to_string())),
            (None, _) => match after_administers {
                Some(client) => Err(Refused::ShellOnly(client.id.to_string())),
                None => Ok(()),
            },
        }
    }
}

/// What the store says of the last administrator, by name.
pub(super) fn last(error: StoreError, user: &UserRecord) -> Refused {
    match error {
        StoreError::LastAdministrator => Refused::LastAdministrator(user.username.clone()),
        other => Refused::Fault(Fault::from(other)),
    }
}
