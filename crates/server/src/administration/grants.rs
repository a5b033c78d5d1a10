//! Grants: what users let clients do, and the end of that.

use safeconduct_protocol::ids::{ClientId, GrantId};
use safeconduct_store::{GrantRecord, ListedGrant, UserRecord};

use super::{Administration, Page, Refused};

/// Why a grant is over that an operator ended, in its row and its event.
const REASON: &str = "revoked-by-operator";

impl Administration<'_> {
    /// Grants that are alive, of one user, to one client, or all; the newest first.
    ///
    /// # Errors
    /// What a page begins behind is no grant's id, or the database's.
    pub async fn grants(
        &self,
        user: Option<&UserRecord>,
        client: Option<&ClientId>,
        page: &Page<'_>,
    ) -> Result<Vec<GrantRecord>, Refused> {
        let before = page.after.map(grant_id).transpose()?;
        let whose = (user.map(|user| &user.id), client);
        let (limit, now) = (page.limit, self.now);
        Ok(self
            .store
            .live_grants_before(whose, before, limit, now)
            .await?)
    }

    /// A grant, alive or not.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn grant(&self, id: &str) -> Result<ListedGrant, Refused> {
        let found = self.store.listed_grant(grant_id(id)?, self.now).await?;
        found.ok_or_else(|| Refused::NoGrant(id.to_owned()))
    }

    /// Ends a grant, whatever its session. One that has ended stays as it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_grant(&self, grant: &ListedGrant) -> Result<(), Refused> {
        let grant = &grant.record.grant;
        let (store, now) = (self.store, self.now);
        Ok(store
            .revoke_grant(grant.id, &grant.client, REASON, now)
            .await?)
    }

    /// Ends every grant of a user, or those to one client; sessions and consents stay.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_grants_of(
        &self,
        user: &UserRecord,
        client: Option<&ClientId>,
    ) -> Result<(), Refused> {
        let (store, now) = (self.store, self.now);
        Ok(store
            .revoke_grants_of(&user.id, client, REASON, now)
            .await?)
    }
}

fn grant_id(text: &str) -> Result<GrantId, Refused> {
    GrantId::parse(text).ok_or_else(|| Refused::NoGrant(text.to_owned()))
}
