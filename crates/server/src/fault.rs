//! Faults: what went wrong on our side. A fault is logged once, with its cause, and not told to the caller.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use safeconduct_protocol::error::{Reason, Refusal};
use safeconduct_store::{RedeemError, StoreError};

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

/// Why there is no time to judge by. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// It says a time at which this program did not exist, or will not.
    #[error(
        "the clock says {now} seconds since 1970, which can't be the time: set it, or let NTP set it"
    )]
    Impossible {
        /// What it says.
        now: i64,
    },
    /// It lies before what was done already.
    #[error(
        "the clock is {seconds} s before the time until which something could be good again that was forgotten: set it right, or, if \
         it is right, wait until then, or run safeconduct restored"
    )]
    Behind {
        /// By how much.
        seconds: i64,
    },
    /// It lies years after anything that was done.
    #[error(
        "the clock is {seconds} s after the last sweep of this database: set it right, or, if that is so, run safeconduct \
         restored"
    )]
    Ahead {
        /// By how much.
        seconds: i64,
    },
    /// It differs from the database's.
    #[error("the clock differs from the database's by {seconds} s: let NTP set both")]
    Off {
        /// By how much it is ahead; negative where it is behind.
        seconds: i64,
    },
    /// The database shows an earlier moment than this node has seen of it.
    #[error(
        "the database has gone back in time: it was restored while this node ran, or a standby took over that lacked something. \
         Run safeconduct restored"
    )]
    Rewound,
}

/// Why there is no answer of the good kind: the caller's doing, or ours.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Faulted(Fault),
    ClockNotTrusted(ClockFault),
}

impl Failure {
    /// The refusal that the caller is given. A fault is logged here, once, and becomes `fault`, `store-unavailable`, `store-rewound`,
    /// `master-key-missing` or `clock-not-believed`.
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
                Reason::MasterKeyMissing.into()
            }
            Self::ClockNotTrusted(fault) => {
                tracing::error!(%fault, "there is no time to judge by");
                match fault {
                    ClockFault::Rewound => Reason::StoreRewound.into(),
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
        Self::ClockNotTrusted(fault)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LastAdministrator => Reason::LastAdministrator.into(),
            other => Self::Faulted(other.into()),
        }
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

/// The answer when a handler panicked. What the panic said stays in the log: it may quote the request.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked; its request is answered with 500");
    let entry = Reason::Fault.entry();
    let body = serde_json::json!({
        "error": entry.error.as_str(),
        "error_description": entry.public,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::INTERNAL_SERVER_ERROR, headers, body.to_string()).into_response()
}

/// The cause at the bottom, which says "connection refused".
pub(crate) fn cause_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use safeconduct_store::MasterKeyId;

    use super::*;

    fn store(error: StoreError) -> Failure {
        error.into()
    }

    #[rstest]
    #[case::gone(store(StoreError::Unavailable("refused".into())), Reason::StoreUnavailable)]
    #[case::nobody_knows(store(StoreError::CommitUnknown("reset".into())), Reason::StoreUnavailable)]
    #[case::a_key_is_missing(
        store(StoreError::LacksMasterKey { id: MasterKeyId::of("check") }),
        Reason::MasterKeyMissing
    )]
    #[case::damaged(store(StoreError::Fault("torn".into())), Reason::Fault)]
    #[case::gone_back(ClockFault::Rewound.into(), Reason::StoreRewound)]
    #[case::another_time(ClockFault::Off { seconds: 40 }.into(), Reason::ClockNotBelieved)]
    #[case::our_mistake(Fault::new("oh").into(), Reason::Fault)]
    fn what_goes_wrong_here_is_told_as_what_it_is(
        #[case] failure: Failure,
        #[case] reason: Reason,
    ) {
        assert_eq!(failure.into_refusal().reason(), reason);
    }
}
