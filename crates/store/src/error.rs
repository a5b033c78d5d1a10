//! How the store says no. Everything that is no state of the protocol ends as [`StoreError::Unavailable`] or
//! [`StoreError::Fault`]; what a client may be told about it is the server's.

use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::single_use::SingleUse;
use thiserror::Error;

use crate::driver::DriverError;
use crate::master_key_id::MasterKeyId;

/// Why a method of the store did not do what it says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing was changed; the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database was lost while it committed: the change may have been made or not.
    #[error("it is not known whether the database made the change: {0}")]
    CommitUnknown(String),
    /// What should be new exists, or something else came first.
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// The user is the only one who can administer this server.
    #[error("nobody else can administer this server")]
    LastAdministrator,
    /// The configuration declares clients that were registered by other means, and does not say that it takes them over.
    #[error("registered by other means, and declared without being adopted: {}", listed(.0))]
    NotAdopted(Vec<ClientId>),
    /// The configuration declares clients no more, and does not say that they are to be disabled.
    #[error("declared no more: {}", listed(.0))]
    Undeclared(Vec<ClientId>),
    /// The database belongs to a server with another issuer.
    #[error(
        "this database belongs to the issuer {expected}: set that issuer, or use another database"
    )]
    OtherIssuer {
        /// The issuer that the database was made for.
        expected: String,
    },
    /// The database was made with another master key.
    #[error(
        "this database was made with another master key: start with that key, or use another database"
    )]
    OtherMasterKey,
    /// Keys of the database are wrapped with a master key that is not here.
    #[error(
        "keys of this database are wrapped with the master key {id}, which is not here: add it to the file of the master key, a line for each key"
    )]
    LacksMasterKey {
        /// Which.
        id: MasterKeyId,
    },
    /// The database is damaged or a statement is wrong: ours to repair.
    #[error("the store failed: {0}")]
    Fault(String),
}

impl From<DriverError> for StoreError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Unavailable(reason) => Self::Unavailable(reason),
            DriverError::Unknown(reason) => Self::CommitUnknown(reason),
            DriverError::Constraint(_) | DriverError::Corrupt(_) | DriverError::Bug(_) => {
                Self::Fault(error.to_string())
            }
        }
    }
}

/// Why a request that uses something up was not carried out at all; a refusal by the state of a code or a grant is no error.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RedeemError {
    /// What may be used once was used before; nothing was changed.
    #[error("the {} was used before", .0.as_str())]
    Replayed(SingleUse),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DriverError> for RedeemError {
    fn from(error: DriverError) -> Self {
        Self::Store(error.into())
    }
}

fn listed(ids: &[ClientId]) -> String {
    ids.iter()
        .map(ClientId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
