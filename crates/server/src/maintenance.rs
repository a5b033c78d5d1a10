//! What a server does without a request: it polls the store twice a second and reports whether it is ready, sweeps what has
//! ended every minute, and works through the outbox.

use std::time::Duration;

use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{MasterKeyAnswer, OutboxKind, StoreError, Sweepable};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::{
    catalog::POLL, fault::Fault, outbox, readiness::NotReady, security_events, server::Server,
    timekeeping::Leaps,
};

/// How often rows that have ended are swept. A sweep that takes longer is followed by the next one.
const SWEEP: Duration = Duration::from_secs(60);
/// The most rows of a kind that one unit deletes.
const SWEPT_AT_ONCE: u32 = 1_000;
/// As far as rows are counted that are still to be swept.
const MOST_COUNTED: u32 = 100_000;
/// How long the store may take to answer a look.
const PATIENCE: Duration = Duration::from_secs(2);

impl Server {
    /// Keeps the copy of the catalog fresh, sweeps what has ended, and delivers what is in the outbox, until the task is dropped.
    pub async fn maintain(&self) {
        tokio::join!(
            self.keep_polling(),
            self.keep_sweeping(),
            outbox::run(self),
            security_events::run(self),
        );
    }

    async fn keep_polling(&self) {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            poll.tick().await;
            self.poll().await;
        }
    }

    async fn keep_sweeping(&self) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaps = Leaps::default();
        loop {
            sweep.tick().await;
            if !leaps.may_forget(self.now()) {
                tracing::warn!("the clock has leapt: nothing is forgotten by it yet");
            } else if let Err(fault) = self.sweep().await {
                tracing::warn!(%fault, "sweeping failed; the next sweep tries again");
            }
        }
    }

    async fn poll(&self) {
        // A node that is to get no requests because of its clock still serves those it gets.
        let may_share = matches!(self.readiness().await, Ok(()) | Err(NotReady::Clock(_)));
        if may_share && let Err(fault) = self.share_guesses().await {
            tracing::warn!(%fault, "the counts of guessed passwords could not be shared; the next poll tries again");
        }
        if may_share && let Err(error) = self.write_failed_sign_ins().await {
            tracing::warn!(%error, "sign-ins that failed could not be written down; the next poll tries again");
        }
        if may_share && let Err(fault) = self.learn_password_costs().await {
            tracing::warn!(%fault, "what stored passwords cost could not be read; the next poll reads it");
        }
        if let Err(fault) = self.answer_for_master_key().await {
            tracing::warn!(%fault, "whether the next master key is here could not be reported; the next poll tries again");
        }
    }

    /// Does now what happens by itself twice a second: reads what other nodes and the operator have changed, compares the
    /// clock, shares the counts of guessed passwords, writes down which sign-ins failed, and once a minute counts what checking a stored password costs.
    ///
    /// # Errors
    /// The store's.
    pub async fn refresh(&self) -> Result<(), Fault> {
        self.look().await?;
        self.share_guesses().await?;
        self.write_failed_sign_ins().await?;
        self.learn_password_costs().await?;
        self.answer_for_master_key().await
    }

    /// Does now what happens by itself every minute: deletes rows that have ended, of every kind a bounded number at a time, until
    /// there are no more or the next sweep is due; and counts what waits in the outbox.
    ///
    /// # Errors
    /// The store's, or a fault if the clock is not one to forget by. What fails for one kind is no hindrance for the others.
    pub async fn sweep(&self) -> Result<(), Fault> {
        let begun = Instant::now();
        let now = self.time().time_to_forget(self.store()).await?;
        let mut failed = None;
        let mut kinds = Vec::new();
        for kind in Sweepable::ALL {
            match self.store().sweep_backlog(kind, now, MOST_COUNTED).await {
                Ok(backlog) => {
                    self.telemetry().sweep_backlog(kind, backlog);
                    kinds.push((kind, backlog));
                }
                Err(error) => failed = Some(error),
            }
        }
        while !kinds.is_empty() && begun.elapsed() < SWEEP {
            let mut left = Vec::with_capacity(kinds.len());
            for (kind, backlog) in kinds {
                match self.sweep_some(kind, backlog, now).await {
                    Ok(Some(backlog)) => left.push((kind, backlog)),
                    Ok(None) => {}
                    Err(error) => failed = Some(error),
                }
            }
            kinds = left;
        }
        self.forget_retired_keys(now).await?;
        self.measure_outbox(now).await?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Deletes some rows of a kind. How many are left, if there may be more.
    async fn sweep_some(
        &self,
        kind: Sweepable,
        backlog: u64,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let begun = Instant::now();
        let swept = self
            .own_store()
            .sweep_some(kind, now, SWEPT_AT_ONCE)
            .await?;
        self.telemetry().swept(kind, swept);
        let left = backlog.saturating_sub(swept);
        if swept < u64::from(SWEPT_AT_ONCE) {
            self.telemetry().sweep_backlog(kind, 0);
            return Ok(None);
        }
        self.telemetry().sweep_backlog(kind, left);
        // Requests have the writer for as long as the sweeper had it.
        sleep(begun.elapsed()).await;
        Ok(Some(left))
    }

    async fn measure_outbox(&self, now: Timestamp) -> Result<(), Fault> {
        let backlog = self.store().outbox_backlog().await?;
        for kind in OutboxKind::ALL {
            let waiting = backlog.iter().find(|waiting| waiting.kind == kind);
            let rows = waiting.map_or(0, |waiting| waiting.rows);
            let oldest = waiting.map_or(0, |waiting| now.since(waiting.oldest));
            self.telemetry().outbox(kind, rows, oldest);
        }
        Ok(())
    }

    /// Forgets retired keys that nothing needs any more. Nearly always there is none, and nobody is asked.
    async fn forget_retired_keys(&self, now: Timestamp) -> Result<(), Fault> {
        let catalog = self.cache().current().await?;
        for key in catalog.keys.to_be_forgotten(now) {
            if key.goes_with_its_rows() {
                self.own_store().delete_unused_key(key.id, now).await?;
                continue;
            }
            match self.own_store().delete_key(key.id, now).await {
                // Another node was faster.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Delivers now, instead of within seconds, what is due in the outbox: logouts of sessions that have ended, which were left by
    /// the node that ended the session; mails; and what receivers are to be told.
    ///
    /// # Errors
    /// The store's.
    pub async fn deliver_outbox(&self) -> Result<(), Fault> {
        security_events::queue_for_receivers(self).await?;
        Ok(outbox::deliver_due(self).await?)
    }

    /// Whether requests should be sent here. It asks the store, and waits no longer than two seconds for it; or four, where its
    /// last write failed and it is tried whether it takes another.
    ///
    /// # Errors
    /// Why not.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        let (readiness, fault) = match timeout(PATIENCE, self.look()).await {
            Ok(Ok(())) => match timeout(PATIENCE, self.store().may_be_written(self.now())).await {
                Ok(Ok(())) => (self.time().is_right().map_err(NotReady::from), None),
                Ok(Err(error)) => (Err(NotReady::Writes), Some(error.to_string())),
                Err(_) => (Err(NotReady::Writes), Some("it takes its time".to_owned())),
            },
            Ok(Err(fault)) => (Err(NotReady::because(&fault)), Some(fault.to_string())),
            Err(_) => (Err(NotReady::Store), Some("it takes its time".to_owned())),
        };
        self.report(readiness, &fault.unwrap_or_default());
        readiness
    }

    async fn look(&self) -> Result<(), Fault> {
        self.cache().refresh().await?;
        self.store().may_be_used().await?;
        self.time().compare(self.store()).await
    }

    /// A node whose clock is not believed counts nothing that others should go by.
    async fn share_guesses(&self) -> Result<(), Fault> {
        if let Ok(now) = self.time().moment() {
            self.throttle().adopt(self.cache().held().keys.guesses());
            self.throttle().share(self.store(), now).await?;
        }
        Ok(())
    }

    async fn learn_password_costs(&self) -> Result<(), Fault> {
        if let Ok(now) = self.time().moment()
            && self.passwords().is_behind_with_costs(now)
        {
            let counts = self.store().password_costs().await?;
            self.passwords().learn_costs(&counts, now);
        }
        Ok(())
    }

    /// Reports to the operator who announced a master key whether this node has it, at every poll until it wraps: what counts is
    /// reported after the question, and a node that is gone reports nothing. It does not matter whether the clock is believed.
    async fn answer_for_master_key(&self) -> Result<(), Fault> {
        let announced = self.cache().held().cluster.master.next;
        let Some(next) = announced.filter(|next| !next.wrapping) else {
            return Ok(());
        };
        let key = self.cache().masters().find(next.id);
        let answer = MasterKeyAnswer {
            proof: key.map(|key| key.proof_of(self.name())),
            node: self.name().to_owned(),
            answered_at: self.now(),
        };
        Ok(self.store().answer_for_master_key(next.id, &answer).await?)
    }

    /// Puts into the metrics whether the server is ready, and into the log when that changes.
    fn report(&self, readiness: Result<(), NotReady>, detail: &str) {
        let reason = readiness.err().map(NotReady::reason);
        for each in NotReady::REASONS {
            self.telemetry().not_ready(each, reason == Some(each));
        }
        self.telemetry().clock_offset(self.time().offset());
        match readiness {
            _ if !self.last_readiness().changes_to(reason) => {}
            Ok(()) => tracing::info!("ready again"),
            Err(why) => tracing::warn!(reason = why.reason(), detail, "not ready: {why}"),
        }
    }
}
