//! How nodes learn of each other's guesses: by rows of the store, told and heard with the poll. The books themselves are kept in
//! `ledgers`.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Store, StoreError};

use super::{KnownBrowser, Permit, RetryAfter, Throttle};
use crate::catalog::boot_milliseconds;

/// How long ago others may have been heard before a guess hears them again, in milliseconds: where nothing polls, or the node
/// was suspended.
const OLDEST: i64 = 1_000;

impl Throttle {
    /// Permission to check one password, as [`check`](Self::check) gives it, by what all nodes have counted.
    ///
    /// # Errors
    /// The store's, where it had to be asked.
    pub(crate) async fn permit(
        &self,
        store: &Store,
        username: &str,
        address: IpAddr,
        browser: &KnownBrowser,
        now: Timestamp,
    ) -> Result<Result<Permit<'_>, RetryAfter>, StoreError> {
        let heard_at = self.heard_at.load(Ordering::Acquire);
        if self.settings.enabled && boot_milliseconds().saturating_sub(heard_at) > OLDEST {
            self.hear(store, now).await?;
        }
        Ok(self.check(username, address, browser, now))
    }

    /// Hears what others have counted and tells what was counted here, if anything was, in one row.
    ///
    /// # Errors
    /// The store's; what could not be told is told the next time.
    pub(crate) async fn exchange(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        if !self.settings.enabled {
            return Ok(());
        }
        self.hear(store, now).await?;
        let told = self.ledgers().tell(&self.node, now.seconds());
        if let Some(row) = told {
            let written = store.tell_guesses(&row, now).await;
            written.inspect_err(|_| self.ledgers().untold())?;
        }
        Ok(())
    }

    async fn hear(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let started = boot_milliseconds();
        let mut listed = store.guess_versions().await?;
        listed.retain(|(node, _)| *node != self.node);
        let mut told = Vec::new();
        let unheard = self.ledgers().unheard(&listed);
        for node in unheard {
            told.extend(store.guesses_of(node).await?);
        }
        self.ledgers().hear(&listed, told, now.seconds());
        self.heard_at.store(started, Ordering::Release);
        Ok(())
    }
}
