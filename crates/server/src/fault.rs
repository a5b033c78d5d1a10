//! Faults: what went wrong on our side. A fault is logged once, with its cause, and told to nobody.

use safeconduct_protocol::error::{Reason, Refusal};
use safeconduct_store::{RedeemError, StoreError};

use crate::timekeeping::ClockFault;

/// Something that is our mistake or our environment's, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// A fault in words. Never put a secret in them.
    pub fn new(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }
}

/// Why there is no answer of the good kind: the caller's doing, or ours.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Faulted(Fault),
    /// There is no time to judge by.
    Untimely(ClockFault),
}

impl Failure {
    /// The refusal that the caller is given. A fault is logged here, once, and becomes `fault`, `store-unavailable` or
    /// `clock-not-believed`.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Faulted(Fault::Store(
                error @ (StoreError::Unavailable(_) | StoreError::CommitUnknown(_)),
            )) => {
                tracing::error!(%error, "the store is unavailable");
                Reason::StoreUnavailable.into()
            }
            Self::Faulted(Fault::Store(error @ StoreError::LacksMasterKey { .. })) => {
                tracing::error!(%error, "this node lacks a master key");
                Reason::StoreUnavailable.into()
            }
            Self::Untimely(fault) => {
                tracing::error!(%fault, "there is no time to judge by");
                match fault {
                    ClockFault::Rewound => Reason::StoreUnavailable.into(),
                    _ => Reason::ClockNotBelieved.into(),
                }
            }
            Self::Faulted(fault) => {
                tracing::error!(%fault, "a fault of ours");
                Reason::Fault.into()
            }
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Faulted(fault)
    }
}

impl From<ClockFault> for Failure {
    fn from(fault: ClockFault) -> Self {
        Self::Untimely(fault)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Faulted(error.into())
    }
}

impl From<RedeemError> for Failure {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Replayed(kind) => kind.refusal().into(),
            RedeemError::Store(error) => Self::Faulted(error.into()),
        }
    }
}
