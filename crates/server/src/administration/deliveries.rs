//! Deliveries: mails, logouts and security events that wait to be told, and what was given up within the week.

use safeconduct_store::ListedMessage;

use super::{Administration, Page, Refused};

impl Administration<'_> {
    /// What waits, in the order of its names.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries(&self, page: &Page<'_>) -> Result<Vec<ListedMessage>, Refused> {
        let after = page.after.unwrap_or_default();
        Ok(self.store.messages_after(after, page.limit).await?)
    }

    /// What was given up within the week, in the order of its names.
    ///
    /// # Errors
    /// The database's.
    pub async fn given_up_deliveries(
        &self,
        page: &Page<'_>,
    ) -> Result<Vec<ListedMessage>, Refused> {
        let after = page.after.unwrap_or_default();
        let found = self.store.given_up_messages_after(after, page.limit);
        Ok(found.await?)
    }

    /// What waits under this name, or was given up.
    ///
    /// # Errors
    /// Nothing, or the database's.
    pub async fn delivery(&self, id: &str) -> Result<ListedMessage, Refused> {
        let found = match id.contains('\0') {
            true => None,
            false => self.store.message(id).await?,
        };
        found.ok_or_else(|| Refused::NoDelivery(id.to_owned()))
    }

    /// Lets it be told at once, by whichever node looks first. What was given up is tried as long again as a new one.
    ///
    /// # Errors
    /// It is not there any more, or the database's.
    pub async fn retry_delivery(&self, found: &ListedMessage) -> Result<(), Refused> {
        let retried = self.store.retry_message_now(found, self.now);
        still_there(retried.await?, found)
    }

    /// Takes it back, untold.
    ///
    /// # Errors
    /// It is not there any more, or the database's.
    pub async fn drop_delivery(&self, found: &ListedMessage) -> Result<(), Refused> {
        let dropped = self.store.drop_message(found, self.now);
        still_there(dropped.await?, found)
    }
}

fn still_there(was_there: bool, found: &ListedMessage) -> Result<(), Refused> {
    match was_there {
        true => Ok(()),
        false => Err(Refused::NoDelivery(found.row.id.clone())),
    }
}
