//! Sign-ins that failed: why, for the log and for events. The page says none of it.
//!
//! Who fails to sign in is a stranger, and what a stranger can make us write is bounded: attempts of one minute that are alike (account or
//! name, network, reason, client) are one event with a count, and a node tells a bounded number of each kind apart in a minute (`failed_attempts`); beyond
//! that there is one event for each reason. An account is written by its id; a name that is none by a keyed hash, because now and then
//! what is typed there is a password.

use safeconduct_protocol::{
    ids::{ClientId, GrantId, UserId},
    time::Timestamp,
};
use safeconduct_store::{FailedSignIns, StoreError};

use crate::{
    client_address,
    failed_attempts::{Alike, MINUTE, hash_of_name},
    server::{Exchange, Server},
};

/// Who an attempt was for.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// This account.
    Account(&'a UserId),
    /// Who is called so, if there is such an account.
    Name(&'a str),
    /// Nobody was named.
    Nobody,
}

/// Why a sign-in failed, and whose it would have been, as far as that is known.
pub(crate) struct Cause {
    pub(crate) user: Option<UserId>,
    /// A name of the list in `docs/reference/events.md`.
    pub(crate) reason: &'static str,
}

impl Cause {
    /// For this reason, whoever it was.
    pub(crate) fn new(reason: &'static str, user: Option<&UserId>) -> Self {
        let user = user.cloned();
        Self { user, reason }
    }

    /// A sign-in with this cause: `typed` is the name that was typed, if one was, and `grant` what the client of the request would have
    /// got.
    pub(crate) fn of<'a>(
        &'a self,
        typed: Option<&'a str>,
        (client, grant): (&'a ClientId, GrantId),
    ) -> FailedSignIn<'a> {
        let whose = match (&self.user, typed) {
            (Some(user), _) => Whose::Account(user),
            (None, Some(name)) => Whose::Name(name),
            (None, None) => Whose::Nobody,
        };
        FailedSignIn {
            whose,
            reason: self.reason,
            client,
            grant,
        }
    }
}

/// A sign-in that failed.
pub(crate) struct FailedSignIn<'a> {
    whose: Whose<'a>,
    reason: &'static str,
    client: &'a ClientId,
    grant: GrantId,
}

impl Exchange<'_> {
    /// Says in the log why a sign-in failed, and counts it.
    pub(crate) fn sign_in_failed(&self, failed: &FailedSignIn<'_>) {
        let (user, name) = match failed.whose {
            Whose::Account(user) => (Some(user), None),
            Whose::Name(name) => (None, Some(hash_of_name(&self.catalog.keys.guesses(), name))),
            Whose::Nobody => (None, None),
        };
        let address = self.origin().and_then(|origin| origin.address);
        tracing::info!(
            reason = failed.reason,
            sub = user.map(tracing::field::display),
            name_hash = name,
            client_id = %failed.client,
            grant_id = %failed.grant,
            address = address.map(tracing::field::display),
            "a sign-in failed"
        );
        let alike = Alike {
            minute: self.now.seconds().div_euclid(MINUTE) * MINUTE,
            reason: failed.reason,
            user: user.cloned(),
            name,
            network: address.map(client_address::network),
            client: Some(failed.client.clone()),
        };
        let request = self.origin().map(|origin| origin.correlation.to_string());
        self.server
            .failed_attempts()
            .count(alike, request, self.now);
    }
}

impl Server {
    /// Writes what was counted since the last time. What can't be written is counted on.
    pub(crate) async fn write_failed_sign_ins(&self) -> Result<(), StoreError> {
        let taken = self.failed_attempts().take();
        if taken.is_empty() {
            return Ok(());
        }
        let rows = taken.iter().map(|(alike, unwritten)| FailedSignIns {
            minute: Timestamp::from_seconds(alike.minute),
            last_at: unwritten.at,
            times: unwritten.times,
            reason: alike.reason,
            user: alike.user.as_ref(),
            name_hash: alike.name.as_deref(),
            client: alike.client.as_ref(),
            network: alike.network,
            correlation_id: unwritten.correlation_id.as_deref(),
        });
        let written = self.store().write_failed_sign_ins(rows).await;
        if written.is_err() {
            self.failed_attempts().put_back(taken, self.now());
        }
        written
    }
}
