//! What a server keeps for its outbox while it runs.

use std::{sync::OnceLock, time::Duration};

use reqwest::redirect::Policy;

use super::concurrency::Deliveries;
use crate::fault::{Fault, cause_of};

/// The deliveries of this node, and what makes them.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(super) deliveries: Deliveries,
    /// Made when it is needed for the first time: a server whose clients do not ask to be notified needs no trusted certificates.
    http: OnceLock<reqwest::Client>,
}

/// How an attempt ended.
pub(super) enum Answer {
    Delivered,
    /// There was no use in it, or not this time.
    Failed(String),
    /// Nothing came back, or nothing in time.
    Silent(String),
    /// There is no use in another attempt.
    Refused(String),
}

impl Outbox {
    /// What calls recipients.
    pub(super) fn http(&self, timeout: Duration) -> Result<&reqwest::Client, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let made = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .timeout(timeout)
            .user_agent(concat!("safeconduct/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Fault::new(format!("no TLS for outgoing calls: {}", cause_of(&error)))
            })?;
        Ok(self.http.get_or_init(|| made))
    }
}
