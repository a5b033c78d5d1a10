//! Sign-ins that failed, those of one minute that are alike as one event: its name is made of what they have in common, so that all nodes
//! count in one row.

use std::net::IpAddr;

use safeconduct_protocol::encoding::sha256;
use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::time::Timestamp;

use crate::by::{By, Door, Who};
use crate::driver::{DriverError, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

const WRITE: &str = "INSERT INTO events \
     (id, at, kind, by_kind, by_name, door, address, correlation_id, user_id, client_id, detail, name_hash, times) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (id) DO UPDATE SET times = events.times + excluded.times, correlation_id = excluded.correlation_id, number = NULL, \
         at = CASE WHEN events.at > excluded.at THEN events.at ELSE excluded.at END";

const WRITTEN: &str = "SELECT 1 FROM events WHERE id = $1 AND correlation_id = $2";

/// Sign-ins of one minute that failed and are alike.
#[derive(Clone, Copy, Debug)]
pub struct FailedSignIns<'a> {
    /// When the minute began.
    pub minute: Timestamp,
    /// When the last of them was.
    pub last_at: Timestamp,
    /// How many there were since they were written the last time.
    pub times: i64,
    /// Why.
    pub reason: &'a str,
    /// Whose they would have been, if that is known.
    pub user: Option<&'a UserId>,
    /// The keyed hash of the name that was typed, if it is not.
    pub name_hash: Option<&'a str>,
    /// The client that was to be signed in to.
    pub client: Option<&'a ClientId>,
    /// The network they came from.
    pub network: Option<IpAddr>,
    /// The request of the last of them.
    pub correlation_id: Option<&'a str>,
}

impl FailedSignIns<'_> {
    /// As long as the names of other events, and sorted by its minute.
    fn name(&self) -> String {
        let network = self.network.map(|network| network.to_string());
        let common = [
            self.reason,
            self.user.map_or("", UserId::as_str),
            self.name_hash.unwrap_or_default(),
            self.client.map_or("", ClientId::as_str),
            network.as_deref().unwrap_or_default(),
        ];
        let hash = sha256(common.join("\n").as_bytes());
        let hash: String = hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{:016x}{hash}", self.minute.seconds().max(0))
    }

    fn statement(&self) -> Statement {
        let by = By::new(Who::Unknown, Door::Page);
        let by = match self.correlation_id {
            Some(request) => by.in_request(self.network, request),
            None => by,
        };
        let begun = Statement::new(WRITE).bind(self.name()).bind(self.last_at);
        by.bind_to(begun.bind("sign-in-failed"))
            .bind(self.user.map(UserId::as_str))
            .bind(self.client.map(ClientId::as_str))
            .bind(self.reason)
            .bind(self.name_hash)
            .bind(self.times)
    }
}

impl Store {
    /// Adds to what is written of sign-ins that failed.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was added then, unless the commit is unknown.
    pub async fn write_failed_sign_ins<'a>(
        &self,
        failed: impl IntoIterator<Item = FailedSignIns<'a>>,
    ) -> Result<(), StoreError> {
        let mut failed: Vec<_> = failed.into_iter().collect();
        // Nodes that write the same rows in other orders would wait for one another in a circle.
        failed.sort_by_cached_key(FailedSignIns::name);
        let statements = failed.iter().map(FailedSignIns::statement);
        match self.commit(Unit::new(statements)).await {
            Ok(_) => Ok(()),
            Err(DriverError::Unknown(reason)) => self.settle_failed_sign_ins(&failed, reason).await,
            Err(other) => Err(other.into()),
        }
    }

    /// Whether what nobody confirmed was written: all of it was if one row names the request that it was written for. A row that another node
    /// has written since names another one; of many rows not all have been.
    pub(crate) async fn settle_failed_sign_ins(
        &self,
        failed: &[FailedSignIns<'_>],
        reason: String,
    ) -> Result<(), StoreError> {
        for row in failed {
            let Some(request) = row.correlation_id else {
                continue;
            };
            let look = Statement::new(WRITTEN).bind(row.name()).bind(request);
            match self.row(look).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(_) => return Err(StoreError::CommitUnknown(reason)),
            }
        }
        Err(StoreError::Unavailable(reason))
    }
}
