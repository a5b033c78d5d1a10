//! The refreshes of this process that are under way: one for all who wait for it.

use safeconduct_issuer::SingleFlight;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::secret::Secret;

use crate::error::Error;
use crate::store::SessionKey;
use crate::tokens::resource::TargetName;

/// The longest pause between two refreshes of a session that fail, in seconds.
pub(crate) const LONGEST_PAUSE: i64 = 32;

/// The refreshes of this process.
pub(crate) struct Refreshes(pub(crate) SingleFlight<Wanted, Secret, Error>);

/// What a refresh is for: a session whose token for an API ends or is not there yet, or whose token (by its hash) an API refused or the app wants replaced.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) session: SessionKey,
    pub(crate) api: TargetName,
    pub(crate) refused: Option<[u8; 32]>,
    pub(crate) replaced: Option<[u8; 32]>,
}

impl Refreshes {
    pub(crate) fn new(clock: Clock) -> Self {
        Self(SingleFlight::new(clock, LONGEST_PAUSE))
    }
}
