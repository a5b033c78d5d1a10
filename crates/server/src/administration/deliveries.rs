//! Deliveries: mails and logouts that wait to be told.

use safeconduct_store::WaitingMessage;

use super::{Administration, Page, Refused};

impl Administration<'_> {
    /// What waits, in the order of its names.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries(&self, page: &Page<'_>) -> Result<Vec<WaitingMessage>, Refused> {
        let after = page.after.unwrap_or_default();
        Ok(self.store.messages_after(after, page.limit).await?)
    }

    /// What waits under this name.
    ///
    /// # Errors
    /// Nothing, or the database's.
    pub async fn delivery(&self, id: &str) -> Result<WaitingMessage, Refused> {
        let found = match id.contains('\0') {
            true => None,
            false => self.store.message(id).await?,
        };
        found.ok_or_else(|| Refused::NoDelivery(id.to_owned()))
    }

    /// Lets it be told at once, by whichever node looks first.
    ///
    /// # Errors
    /// It does not wait any more, or the database's.
    pub async fn retry_delivery(&self, waiting: &WaitingMessage) -> Result<(), Refused> {
        let retried = self.store.retry_message_now(&waiting.row, self.now);
        still_there(retried.await?, waiting)
    }

    /// Takes it back, untold.
    ///
    /// # Errors
    /// It does not wait any more, or the database's.
    pub async fn drop_delivery(&self, waiting: &WaitingMessage) -> Result<(), Refused> {
        let dropped = self.store.drop_message(&waiting.row, self.now);
        still_there(dropped.await?, waiting)
    }
}

fn still_there(was_there: bool, waiting: &WaitingMessage) -> Result<(), Refused> {
    match was_there {
        true => Ok(()),
        false => Err(Refused::NoDelivery(waiting.row.id.clone())),
    }
}
