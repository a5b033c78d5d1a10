//! Consents: what users let clients have without being asked again.

use safeconduct_protocol::ids::ClientId;
use safeconduct_store::{ConsentRecord, UserRecord};

use super::{Administration, Refused};

impl Administration<'_> {
    /// What a user lets which clients have without being asked again.
    ///
    /// # Errors
    /// The database's.
    pub async fn consents(&self, user: &UserRecord) -> Result<Vec<ConsentRecord>, Refused> {
        Ok(self.store.list_consents(&user.id).await?)
    }

    /// What a user lets `client` have.
    ///
    /// # Errors
    /// Nothing, or the database's.
    pub async fn consent(
        &self,
        user: &UserRecord,
        client: &ClientId,
    ) -> Result<ConsentRecord, Refused> {
        let consents = self.consents(user).await?;
        let found = consents.into_iter().find(|found| found.client == *client);
        found.ok_or_else(|| Refused::NoConsent {
            user: user.username.clone(),
            client: client.clone(),
        })
    }

    /// Withdraws what a user lets `client` have: every grant that rests on it ends, the client is told where it can be, and the user is asked
    /// again.
    ///
    /// # Errors
    /// The database's.
    pub async fn withdraw_consent(
        &self,
        user: &UserRecord,
        client: &ClientId,
    ) -> Result<(), Refused> {
        self.store
            .remove_access(&user.id, client, None, self.now)
            .await?;
        Ok(())
    }
}
