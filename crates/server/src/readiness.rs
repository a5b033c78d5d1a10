//! Whether requests should be sent to this node, and why not. It is found out in `maintenance`.

use std::sync::{Mutex, PoisonError};

use safeconduct_store::{MasterKeyId, StoreError};

use crate::fault::{ClockFault, Fault};

/// Why requests should be sent to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The store can't be reached, or takes its time.
    #[error("the store does not answer")]
    Store,
    /// The store answers what it is asked, and takes nothing that is to be kept: its disk is full, for instance.
    #[error("the store takes no writes: see the log")]
    Writes,
    /// The store answers, and what it says can't be used: the node's copy of clients and keys can't be renewed.
    #[error("the copy of clients and keys is stale and can't be renewed: see the log")]
    Catalog,
    /// The clock can't be believed, or not enough.
    #[error(transparent)]
    Clock(ClockFault),
    /// Keys are wrapped with a master key that this node lacks.
    #[error("this node lacks the master key {0}: add it to its file of the master key")]
    MasterKey(MasterKeyId),
    /// The store shows an earlier moment than it did before.
    #[error("{}", ClockFault::Rewound)]
    Rewound,
}

impl NotReady {
    /// Every reason, as the metrics name it.
    pub(crate) const REASONS: [&'static str; 6] = [
        "store",
        "catalog",
        "clock",
        "rewound",
        "writes",
        "master-key",
    ];

    /// Its name in metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Store => Self::REASONS[0],
            Self::Catalog => Self::REASONS[1],
            Self::Clock(_) => Self::REASONS[2],
            Self::Rewound => Self::REASONS[3],
            Self::Writes => Self::REASONS[4],
            Self::MasterKey(_) => Self::REASONS[5],
        }
    }

    pub(crate) fn because(fault: &Fault) -> Self {
        match fault {
            Fault::Store(StoreError::Unavailable(_) | StoreError::CommitUnknown(_)) => Self::Store,
            Fault::Store(StoreError::LacksMasterKey { id }) => Self::MasterKey(*id),
            _ => Self::Catalog,
        }
    }
}

impl From<ClockFault> for NotReady {
    fn from(fault: ClockFault) -> Self {
        match fault {
            ClockFault::Rewound => Self::Rewound,
            fault => Self::Clock(fault),
        }
    }
}

/// The readiness that was reported last, by the name of the reason against it.
#[derive(Default)]
pub(crate) struct LastReadiness(Mutex<Option<&'static str>>);

impl LastReadiness {
    /// Notes what is reported now. Whether it is anything new.
    pub(crate) fn changes_to(&self, reason: Option<&'static str>) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, reason) != reason
    }
}
