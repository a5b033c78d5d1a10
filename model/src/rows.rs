//! The rows of the database that a grant's life depends on, and what the statements of `safeconduct_store` do to them.
//!
//! A statement is atomic as far as the grant's own row goes. What it asks of other rows it sees as they were when it began
//! ([`Rows::see`]): so it is on PostgreSQL at READ COMMITTED. SQLite is the case where nothing comes in between. What is not
//! here: scope, audience and keys (the rules decide about them alone), when a session ends by its age, and how many generations in a
//! row were given again: no walk has as many as it takes.

use safeconduct_protocol::authorization_code::{RedeemedRow, Redemption};
use safeconduct_protocol::grant::{Epochs, NewGrant};
use safeconduct_protocol::refresh_token::{RefreshDecision, RefreshState, Retried, Rotation};
use safeconduct_protocol::time::Timestamp;

use crate::mistake::Mistake;

/// How far before the mark a request may lie that redeems a code, in seconds: `REDEEM` of `grants.rs`.
const LONGEST_SLEEP: i64 = 300;

/// What [`Epochs`] are, as a part of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InForce {
    /// The user's epoch.
    pub user: i64,
    /// The client's.
    pub client: i64,
    /// The consent's.
    pub consent: i64,
}

impl From<Epochs> for InForce {
    fn from(epochs: Epochs) -> Self {
        let Epochs {
            user,
            client,
            consent,
        } = epochs;
        Self {
            user,
            client,
            consent,
        }
    }
}

impl From<InForce> for Epochs {
    fn from(epochs: InForce) -> Self {
        let InForce {
            user,
            client,
            consent,
        } = epochs;
        Self {
            user,
            client,
            consent,
        }
    }
}

/// The row of `grants`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantRow {
    /// `code_id`: which of the request's codes bought it, from 0.
    pub code: u8,
    /// `attempt`: which request made the row.
    pub attempt: u8,
    /// `era`.
    pub era: i64,
    /// `user_epoch`, `client_epoch`, `consent_epoch`.
    pub epochs: InForce,
    /// `offline`.
    pub offline: bool,
    /// `generation`.
    pub generation: i64,
    /// `rotated_at`.
    pub rotated_at: Timestamp,
    /// `rotated_by`.
    pub rotated_by: Option<u8>,
    /// `expires_at`.
    pub expires_at: Timestamp,
    /// `idle_expires_at`.
    pub idle_expires_at: Timestamp,
    /// `forget_at`.
    pub forget_at: Timestamp,
    /// Whether `revoked_at` is set.
    pub revoked: bool,
}

impl GrantRow {
    /// The row that a redemption proposes.
    pub fn proposed(new: &NewGrant, code: u8, attempt: u8) -> Self {
        Self {
            code,
            attempt,
            era: new.era,
            epochs: new.epochs.into(),
            offline: new.is_offline(),
            generation: 0,
            rotated_at: new.created_at,
            rotated_by: None,
            expires_at: new.expires_at,
            idle_expires_at: new.idle_expires_at,
            forget_at: new.forget_at,
            revoked: false,
        }
    }

    fn redeemed(&self) -> RedeemedRow {
        RedeemedRow {
            attempt: self.attempt.to_string(),
            code_id: self.code.to_string(),
            revoked: self.revoked,
        }
    }
}

/// What a rotation binds to its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rotating {
    /// The generation that is presented.
    pub presented: i64,
    /// The era sealed into the token.
    pub era: i64,
    /// See [`Rotation::retry_window`].
    pub retry_window: Option<i64>,
    /// The request's moment.
    pub now: Timestamp,
    /// How long the successor may lie unused.
    pub idle_until: Timestamp,
}

impl Rotating {
    /// The rule that decides.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            presented: self.presented,
            retry_window: self.retry_window,
            shared_limit: None,
            now: self.now,
        }
    }
}

/// A deciding statement with what is bound to it: all that a request remembers of what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    /// `REDEEM` of `grants.rs`.
    Redeem(GrantRow),
    /// `ROTATE` of `rotation.rs`.
    Rotate(Rotating),
}

impl Write {
    /// The moment of the request.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Redeem(row) => row.rotated_at,
            Self::Rotate(rotating) => rotating.now,
        }
    }
}

/// What a statement saw when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// Whether the grant had a row.
    pub grant: bool,
    /// Whether everything that the grant rests on stood.
    pub standing: bool,
    /// Whether things have been forgotten by a time so far after the request's moment that its tombstone may be among them.
    pub slept: bool,
    /// Whether the presented generation was current; asked by nobody but [`Mistake::RotationReadsFirst`].
    pub current: bool,
}

/// Something that ends what was allowed, or lets it be allowed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blow {
    /// The user is locked.
    Lock,
    /// And unlocked.
    Unlock,
    /// The user gets another password.
    SetPassword,
    /// The client is disabled.
    Disable,
    /// And enabled.
    Enable,
    /// The user withdraws consent.
    Withdraw,
    /// The browser session ends.
    EndSession,
    /// The grant is revoked by its id.
    Revoke,
}

impl Blow {
    /// All of them.
    pub const ALL: [Blow; 8] = [
        Self::Lock,
        Self::Unlock,
        Self::SetPassword,
        Self::Disable,
        Self::Enable,
        Self::Withdraw,
        Self::EndSession,
        Self::Revoke,
    ];
}

/// All of the database that one grant depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rows {
    /// `meta.era`.
    pub era: i64,
    /// `users.epoch`, `clients.epoch`, `consents.epoch`.
    pub epochs: InForce,
    /// Whether `users.locked_at` is set.
    pub locked: bool,
    /// `clients.enabled`.
    pub enabled: bool,
    /// Whether the session has its row. Whether it idles is nobody's business here: it decides about the browser alone.
    pub session: bool,
    /// `time_marks.at` of this era: the latest time by which anything was forgotten.
    pub mark: Option<Timestamp>,
    /// The row of the grant.
    pub grant: Option<GrantRow>,
}

impl Rows {
    /// A database in its era `era` with a user who is signed in and a client, and nothing allowed yet.
    pub fn new(era: i64) -> Self {
        let epochs = InForce {
            user: 1,
            client: 1,
            consent: 0,
        };
        Self {
            era,
            epochs,
            locked: false,
            enabled: true,
            session: true,
            mark: None,
            grant: None,
        }
    }

    /// Whether the user may sign in and the client may be used.
    pub fn may_sign_in(&self) -> bool {
        !self.locked && self.enabled
    }

    /// What `write` sees when it begins: the view `parties`, the session unless the grant outlives it, and the mark.
    pub fn see(&self, write: &Write, mistake: Option<Mistake>) -> Seen {
        let standing = match (write, &self.grant) {
            (Write::Redeem(row), _) => self.stands(row.era, row.epochs, row.offline, mistake),
            (Write::Rotate(_), Some(row)) => {
                let epochs = if mistake == Some(Mistake::EpochsNotCompared) {
                    self.epochs
                } else {
                    row.epochs
                };
                self.stands(row.era, epochs, row.offline, mistake)
            }
            (Write::Rotate(_), None) => false,
        };
        let current = match (write, &self.grant) {
            (Write::Rotate(rotating), Some(row)) => row.generation == rotating.presented,
            _ => false,
        };
        let too_old = |mark: Timestamp| mark >= write.now().plus(LONGEST_SLEEP);
        let slept = matches!(write, Write::Redeem(_)) && self.mark.is_some_and(too_old);
        Seen {
            grant: self.grant.is_some(),
            standing,
            slept: slept && mistake != Some(Mistake::MarkNotCompared),
            current: current && mistake == Some(Mistake::RotationReadsFirst),
        }
    }

    /// `REDEEM`: `INSERT … WHERE … ON CONFLICT (id) DO UPDATE … RETURNING`, and what the row says to `attempt`.
    pub fn redeem(
        &mut self,
        proposed: &GrantRow,
        seen: Seen,
        mistake: Option<Mistake>,
    ) -> Redemption {
        if !seen.grant && !seen.standing {
            return Redemption::settle(None, "", "");
        }
        if mistake == Some(Mistake::ReadThenWrite) && !seen.grant {
            self.grant = None;
        }
        let row = self.grant.get_or_insert(GrantRow {
            revoked: seen.slept,
            ..*proposed
        });
        let same_code = row.code == proposed.code && row.attempt != proposed.attempt;
        let blind = matches!(mistake, Some(Mistake::NoAttempt | Mistake::DoNothing));
        if same_code && !blind {
            row.revoked = true;
        }
        self.whose(proposed, mistake)
    }

    /// What the grant's row says to the attempt that proposed `proposed`.
    pub fn whose(&self, proposed: &GrantRow, mistake: Option<Mistake>) -> Redemption {
        let (mine, code) = (proposed.redeemed(), proposed.code.to_string());
        let row = self.grant.as_ref().map(GrantRow::redeemed);
        let row = row.map(|row| match mistake {
            Some(Mistake::NoAttempt) => RedeemedRow {
                attempt: mine.attempt.clone(),
                ..row
            },
            _ => row,
        });
        Redemption::settle(row.as_ref(), &mine.attempt, &code)
    }

    /// `ROTATE`: the conditional `UPDATE`, whose `CASE`s are [`Rotation::decide`], by `attempt`.
    pub fn rotate(
        &mut self,
        rotating: &Rotating,
        attempt: u8,
        seen: Seen,
        mistake: Option<Mistake>,
    ) -> RefreshDecision {
        let Some(row) = self.grant.as_mut().filter(|_| seen.grant) else {
            return RefreshDecision::Dead;
        };
        let same_era = row.era == rotating.era || mistake == Some(Mistake::EraNotCompared);
        let state = RefreshState {
            generation: if seen.current {
                rotating.presented
            } else {
                row.generation
            },
            rotated_at: row.rotated_at,
            idle_expires_at: row.idle_expires_at,
            alive: !row.revoked && same_era && seen.standing,
            retried: Retried::default(),
        };
        let mut rotation = rotating.rotation();
        match mistake {
            Some(Mistake::WindowIgnored) => rotation.retry_window = None,
            Some(Mistake::GenerationNotCompared) => rotation.presented = row.generation,
            Some(Mistake::NoRetry) => rotation.retry_window = Some(-1),
            _ => {}
        }
        let decision = rotation.decide(&state);
        match decision {
            RefreshDecision::Rotate => {
                row.generation = state.generation + 1;
                row.rotated_at = rotating.now;
                row.rotated_by = Some(attempt);
                row.idle_expires_at = row.expires_at.min(rotating.idle_until);
            }
            RefreshDecision::Reuse | RefreshDecision::RetriedLate | RefreshDecision::Shared => {
                row.revoked = mistake != Some(Mistake::ReuseForgiven);
            }
            RefreshDecision::Retry
            | RefreshDecision::RetryReported
            | RefreshDecision::Dead
            | RefreshDecision::Expired
            | RefreshDecision::LostHistory => {}
        }
        decision
    }

    /// What the second look at an unconfirmed rotation finds: `settle_rotation` of `rotation.rs`.
    pub fn was_rotated_by(&self, attempt: u8, rotating: &Rotating) -> bool {
        let seen = self.see(&Write::Rotate(*rotating), None);
        self.grant.is_some_and(|row| {
            let alive = !row.revoked && row.era == rotating.era && seen.standing;
            alive && row.rotated_by == Some(attempt)
        })
    }

    /// `GOOD` of `access_tokens.rs`: whether an access token of the grant, sealed in `era`, is good.
    pub fn introspect(&self, era: i64, now: Timestamp, mistake: Option<Mistake>) -> bool {
        self.grant.is_some_and(|row| {
            let same_era = row.era == era || mistake == Some(Mistake::EraNotCompared);
            let kept = !row.revoked && same_era && row.forget_at > now;
            kept && self.stands(row.era, row.epochs, row.offline, mistake)
        })
    }

    /// The unit of one administrative write. Says whether there was anything to change.
    pub fn strike(&mut self, blow: Blow, mistake: Option<Mistake>) -> bool {
        match blow {
            Blow::Lock if self.locked => return false,
            Blow::Lock => {
                self.locked = true;
                self.epochs.user += 1;
                self.session = false;
            }
            Blow::Unlock if !self.locked => return false,
            Blow::Unlock => {
                self.locked = false;
                if mistake == Some(Mistake::UnlockLowersEpoch) {
                    self.epochs.user -= 1;
                }
            }
            Blow::SetPassword => {
                self.epochs.user += 1;
                self.session = false;
            }
            Blow::Disable if !self.enabled => return false,
            Blow::Disable => {
                self.enabled = false;
                self.epochs.client += 1;
            }
            Blow::Enable if self.enabled => return false,
            Blow::Enable => self.enabled = true,
            Blow::Withdraw => self.epochs.consent += 1,
            Blow::EndSession if !self.session => return false,
            Blow::EndSession => self.session = false,
            Blow::Revoke => match &mut self.grant {
                Some(row) if !row.revoked => row.revoked = true,
                _ => return false,
            },
        }
        true
    }

    /// `begin_era` of `cluster.rs`, which names the era by the moment and by chance.
    pub fn begin_era(&mut self, era: i64) {
        self.era = era;
        self.session = false;
        self.mark = None;
    }

    /// `mark_time` of `time_marks.rs`.
    pub fn mark_time(&mut self, now: Timestamp) {
        self.mark = self.mark.max(Some(now));
    }

    /// `GRANTS` of `sweep.rs`. Says whether there was anything to forget.
    pub fn sweep(&mut self, now: Timestamp) -> bool {
        let due = self.grant.is_some_and(|row| row.forget_at <= now);
        if due {
            self.grant = None;
        }
        due
    }

    fn stands(&self, era: i64, epochs: InForce, offline: bool, mistake: Option<Mistake>) -> bool {
        let same_era = self.era == era || mistake == Some(Mistake::EraNotCompared);
        same_era && self.may_sign_in() && self.epochs == epochs && (offline || self.session)
    }
}
