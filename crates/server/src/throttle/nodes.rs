//! How nodes learn of each other's guesses: by rows of the store, exported and merged with the poll. What is counted is in
//! `buckets`.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{Store, StoreError};

use super::{KnownBrowser, Permit, RetryAfter, Throttle};
use crate::timekeeping::boot_milliseconds;

/// How long ago others may have been merged before a guess merges them again, in milliseconds: where nothing polls, or the node
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
        self.catch_up(store, now).await?;
        Ok(self.check(username, address, browser, now))
    }

    /// The same for [`check_passkey`](Throttle::check_passkey).
    ///
    /// # Errors
    /// The store's, where it had to be asked.
    pub(crate) async fn permit_passkey(
        &self,
        store: &Store,
        username: &str,
        address: IpAddr,
        browser: &KnownBrowser,
        now: Timestamp,
    ) -> Result<Result<Permit<'_>, RetryAfter>, StoreError> {
        self.catch_up(store, now).await?;
        Ok(self.check_passkey(username, address, browser, now))
    }

    /// Permission to learn whether a name is free, by a link to sign up that is `of` a user who will be: from the same budgets.
    pub(crate) async fn permit_question(
        &self,
        store: &Store,
        of: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Result<Permit<'_>, RetryAfter>, StoreError> {
        self.catch_up(store, now).await?;
        Ok(self.check_mail(of, address, now))
    }

    /// Merges what others have counted, where that was too long ago.
    async fn catch_up(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let merged_at = self.merged_at.load(Ordering::Acquire);
        if self.settings.enabled && boot_milliseconds().saturating_sub(merged_at) > OLDEST {
            self.merge(store, now).await?;
        }
        Ok(())
    }

    /// The same for [`check_mail`](Throttle::check_mail). It is not given back.
    ///
    /// # Errors
    /// The store's, where it had to be asked.
    pub(crate) async fn permit_mail(
        &self,
        store: &Store,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Result<(), RetryAfter>, StoreError> {
        self.catch_up(store, now).await?;
        Ok(self.check_mail(name, address, now).map(Permit::failed))
    }

    /// Merges what others have counted and exports what was counted here, if anything was, in one row.
    ///
    /// # Errors
    /// The store's; what could not be exported is exported the next time.
    pub(crate) async fn share(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        if !self.settings.enabled {
            return Ok(());
        }
        self.merge(store, now).await?;
        let exported = self.buckets().export(&self.node, now.seconds());
        if let Some(row) = exported {
            let written = store.write_guesses(&row, now).await;
            written.inspect_err(|_| self.buckets().not_exported())?;
        }
        Ok(())
    }

    async fn merge(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let started = boot_milliseconds();
        let mut listed = store.guess_versions().await?;
        listed.retain(|(node, _)| *node != self.node);
        let mut exported = Vec::new();
        let unmerged = self.buckets().unmerged(&listed);
        for node in unmerged {
            exported.extend(store.guesses_of(node).await?);
        }
        self.buckets().merge(&listed, exported, now.seconds());
        self.merged_at.store(started, Ordering::Release);
        Ok(())
    }
}
