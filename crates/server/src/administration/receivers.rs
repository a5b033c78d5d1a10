//! Receivers of security events: how far each has been told, and whether it is told anything. What a receiver is, the configuration says.

use safeconduct_store::ReceiverRecord;

use super::{Administration, Refused};

impl Administration<'_> {
    /// Every receiver that was ever declared, and not forgotten.
    ///
    /// # Errors
    /// The database's.
    pub async fn receivers(&self) -> Result<Vec<ReceiverRecord>, Refused> {
        Ok(self.store.receivers().await?)
    }

    /// Tells a paused receiver again, from where it was left.
    ///
    /// # Errors
    /// It is not paused, there is none, or the database's.
    pub async fn resume_receiver(&self, name: &str) -> Result<(), Refused> {
        match self.store.resume_receiver(name, self.now).await? {
            true => Ok(()),
            false => Err(Refused::NoReceiver(name.to_owned())),
        }
    }

    /// Forgets a receiver, with what waits for it. One that is still declared begins anew.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn forget_receiver(&self, name: &str) -> Result<(), Refused> {
        match self.store.forget_receiver(name, self.now).await? {
            true => Ok(()),
            false => Err(Refused::NoReceiver(name.to_owned())),
        }
    }
}
