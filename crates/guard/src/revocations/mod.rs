//! Seeing a revocation at once though tokens are validated here: the issuer is asked, by a request that it holds open, which tokens are dead
//! before their time (RFC 8936), and those are refused from then on.
//!
//! What the guard does not know by this it does not assume: while it follows nothing, or knows too little of a token, it does
//! what [`WithoutRevocations`] says.

mod ended;
mod following;
mod poll;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use safeconduct_issuer::Http;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

pub(crate) use self::ended::{Ended, Known, Presented};
pub(crate) use self::following::{Followed, follow};
use crate::claims::Claims;
use crate::introspection::Introspection;

/// How long the issuer may leave a question open, by default and at most.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How many grants, tokens and clients are kept that have ended, by default: some 16 MB.
const MOST_KEPT: usize = 250_000;

/// What a guard does with a token while it does not know which tokens have been revoked: before it has heard of all, when the issuer has not
/// answered for two intervals, and of a token of which the issuer alone knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutRevocations {
    /// It asks the issuer about the token, as with [`GuardBuilder::introspection`](crate::GuardBuilder::introspection).
    #[default]
    Introspect,
    /// It lets none pass: 503 while it hears nothing, 401 for a token of which the issuer alone knows.
    Refuse,
    /// It lets the token pass, as a guard that follows no revocations does. One of which the issuer alone knows is refused with 401.
    GoOn,
}

/// How far a guard knows which tokens have been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationState {
    /// It follows no revocations.
    Off,
    /// It has not heard of all yet.
    Starting,
    /// It knows of every revocation, usually within a second.
    Following,
    /// The issuer has not answered for two intervals, or has not come to an end of what there is to say.
    Lost,
}

/// Before any moment.
pub(crate) const EVER: i64 = i64::MIN;

/// What is decided of a token here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may pass.
    Passes,
    /// It has ended, or may have and nobody is asked.
    Ended,
    /// The issuer is to be asked, after that moment, in milliseconds.
    Ask { after: i64 },
    /// Nothing is known at the moment.
    Unknown,
}

/// What a builder says of it.
pub(crate) struct Settings {
    pub(crate) without: WithoutRevocations,
    pub(crate) wait: Duration,
    pub(crate) most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            without: WithoutRevocations::default(),
            wait: LONGEST_WAIT,
            most: MOST_KEPT,
        }
    }
}

impl Settings {
    pub(crate) fn wait(&mut self, wait: Duration) {
        self.wait = wait.clamp(SHORTEST_WAIT, LONGEST_WAIT);
    }
}

const STARTING: u8 = 0;
/// Following, and nothing has ended.
const QUIET: u8 = 1;
const FOLLOWING: u8 = 2;
const LOST: u8 = 3;

/// The revocations that a guard follows.
pub(crate) struct Revocations {
    pub(crate) settings: Settings,
    /// Who asks, about revocations and about single tokens.
    pub(crate) introspection: Introspection,
    http: Http,
    state: AtomicU8,
    /// The longest that a token lives of which everything is known, in seconds.
    lifetime: AtomicI64,
    ended: RwLock<Ended>,
    is_started: AtomicBool,
    changed: Notify,
}

impl Revocations {
    pub(crate) fn new(settings: Settings, introspection: Introspection, http: Http) -> Self {
        Self {
            ended: RwLock::new(Ended::with_room_for(settings.most)),
            settings,
            introspection,
            http,
            state: AtomicU8::new(STARTING),
            lifetime: AtomicI64::new(0),
            is_started: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Whether the caller is the one to start following.
    pub(crate) fn is_to_be_started(&self) -> bool {
        self.state.load(Ordering::Acquire) == STARTING
            && !self.is_started.swap(true, Ordering::AcqRel)
    }

    /// What is decided of a token with these claims. Where nothing has ended, this looks at nothing but the state and the token's life.
    pub(crate) fn judge(&self, claims: &Claims) -> Verdict {
        let state = self.state.load(Ordering::Acquire);
        let (Some(issued_at), Some(expires_at)) = (claims.issued_at(), claims.expires_at) else {
            return self.unsure(EVER);
        };
        let is_covered = expires_at.since(issued_at) <= self.lifetime.load(Ordering::Acquire);
        if state == QUIET && is_covered {
            return Verdict::Passes;
        }
        let known = self.known().of(&Presented {
            grant: claims.text("grant_id"),
            id: claims.text("jti"),
            client: claims.client(),
            issued_at,
        });
        match (known, state) {
            (Known::Ended, _) => Verdict::Ended,
            (Known::Unsure { since }, _) => self.unsure(since),
            (Known::Good, STARTING | LOST) => match self.settings.without {
                WithoutRevocations::Introspect => Verdict::Ask { after: EVER },
                WithoutRevocations::Refuse => Verdict::Unknown,
                WithoutRevocations::GoOn => Verdict::Passes,
            },
            (Known::Good, _) if is_covered => Verdict::Passes,
            (Known::Good, _) => self.unsure(EVER),
        }
    }

    /// What is decided where the issuer alone knows, since that moment.
    fn unsure(&self, after: i64) -> Verdict {
        match self.settings.without {
            WithoutRevocations::Introspect => Verdict::Ask { after },
            WithoutRevocations::Refuse | WithoutRevocations::GoOn => Verdict::Ended,
        }
    }

    /// How far everything is known.
    pub(crate) fn state(&self) -> RevocationState {
        match self.state.load(Ordering::Acquire) {
            STARTING => RevocationState::Starting,
            LOST => RevocationState::Lost,
            _ => RevocationState::Following,
        }
    }

    /// Waits until everything was heard once, so long at most. Afterwards, a guard that hears nothing is not ready if it lets no token pass then.
    ///
    /// # Errors
    /// What the issuer does not do.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<(), &'static str> {
        // What comes of it, the state says.
        let _ = timeout(patience, self.begun()).await;
        match self.state() {
            RevocationState::Starting => Err("has not said yet which tokens were revoked"),
            RevocationState::Lost if self.settings.without == WithoutRevocations::Refuse => {
                Err("does not say any more which tokens were revoked")
            }
            _ => Ok(()),
        }
    }

    /// Waits until the state is another than [`RevocationState::Starting`].
    async fn begun(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state() != RevocationState::Starting {
                return;
            }
            changed.await;
        }
    }

    /// Everything is known now, of tokens that live so long.
    fn has_heard_all(&self, lifetime: i64, now: Timestamp) {
        self.lifetime.store(lifetime, Ordering::Release);
        let mut ended = self.change();
        ended.sweep(now.seconds());
        let state = match ended.is_empty(lifetime, now) {
            true => QUIET,
            false => FOLLOWING,
        };
        let kept = ended.len();
        self.move_to(state);
        drop(ended);
        metrics::gauge!("guard_revocations_kept").set(u32::try_from(kept).unwrap_or(u32::MAX));
    }

    /// Something has ended: from now on it is looked for.
    fn learn(&self, learn: impl FnOnce(&mut Ended)) {
        let mut ended = self.change();
        learn(&mut ended);
        if self.state.load(Ordering::Acquire) == QUIET {
            self.move_to(FOLLOWING);
        }
    }

    /// The issuer does not answer any more.
    fn has_lost_track(&self) {
        self.move_to(LOST);
    }

    fn move_to(&self, state: u8) {
        let before = self.state.swap(state, Ordering::AcqRel);
        if before == state {
            return;
        }
        match state {
            LOST => tracing::warn!("the issuer does not say any more which tokens were revoked"),
            _ if before == LOST || before == STARTING => {
                tracing::info!("the issuer says which tokens were revoked");
            }
            _ => {}
        }
        self.changed.notify_waiters();
    }

    /// It is valid between any two of its changes, so that a panic elsewhere leaves nothing half done.
    fn known(&self) -> RwLockReadGuard<'_, Ended> {
        self.ended.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Ended> {
        self.ended.write().unwrap_or_else(PoisonError::into_inner)
    }
}
