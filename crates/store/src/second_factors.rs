//! What a user proves beside a password: codes of an authenticator app, whose secret is a credential of the kind `totp`, and recovery
//! codes. Each code is good once, which the write says that uses it; the same write gives the session its new cookie. How often codes
//! may be judged is counted before they are.

use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::time::Timestamp;

use crate::client_secrets::HashedSecret;
use crate::driver::{Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::{NewEvent, record_code_used, record_guessed};
use crate::mail;
use crate::sessions::{SessionRenewal, SessionSeen};
use crate::store::{ActingStore, Store};

/// How many codes that are not right are judged for a user, whatever the session and the node.
const MOST_GUESSES: i64 = 10;

/// For how many seconds no code may have been judged until the count begins anew. As it begins behind the last one and not the first,
/// there is no span of this length in which more are judged.
const GUESSES_SPAN: i64 = 300;

const OTP: &str = "SELECT c.sealed, c.counter, c.changed_at, \
         (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = c.user_id) \
     FROM credentials c WHERE c.user_id = $1 AND c.kind = 'totp' AND c.name = ''";

const ADD_OTP: &str = "INSERT INTO credentials (user_id, kind, name, sealed, sealed_by, counter, changed_at) \
     SELECT u.id, 'totp', '', $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM live_users u \
     WHERE u.id = $1 ON CONFLICT (user_id, kind, name) DO NOTHING";

const USE_OTP: &str = "UPDATE credentials SET counter = $3 \
     WHERE user_id = $1 AND kind = 'totp' AND name = '' AND changed_at = $2 AND counter < $3";

const REMOVE_OTP: &str = "DELETE FROM credentials WHERE user_id = $1 AND kind = 'totp'";

/// What is left fulfils what is demanded. $2 is whether it is demanded anyway, $3 the host that passkeys have to be good at.
const MEETS_DEMAND: &str = "SELECT 1 FROM users u WHERE u.id = $1 AND ( \
         (CAST($2 AS BIGINT) = 0 AND NOT EXISTS (SELECT 1 FROM group_members m JOIN groups g ON g.name = m.group_name \
             WHERE m.user_id = u.id AND g.second_factor_required = 1)) \
         OR EXISTS (SELECT 1 FROM credentials a WHERE a.user_id = u.id AND a.kind = 'totp') \
         OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id = CAST($3 AS TEXT)))";

/// $2 is the host that passkeys have to be good at.
const HAS_NONE: &str = "SELECT 1 FROM users u WHERE u.id = $1 \
     AND NOT EXISTS (SELECT 1 FROM credentials a WHERE a.user_id = u.id AND a.kind = 'totp') \
     AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id = CAST($2 AS TEXT))";

const ADD_CODE: &str =
    "INSERT INTO recovery_codes (user_id, hash, hashed_by, created_at) VALUES ($1, $2, $3, $4)";

const USE_CODE: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";

const FORGET_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";

const HAS_OTP: &str =
    "SELECT 1 FROM credentials WHERE user_id = $1 AND kind = 'totp' AND name = ''";

/// $2 is now, $3 when the count begins anew, $4 the most guesses.
const CHARGE: &str = "INSERT INTO second_factor_guesses (user_id, judged, resets_at) \
     SELECT u.id, 1, CAST($3 AS BIGINT) FROM live_users u WHERE u.id = $1 \
     ON CONFLICT (user_id) DO UPDATE SET \
         judged = CASE WHEN second_factor_guesses.resets_at <= $2 THEN 1 ELSE second_factor_guesses.judged + 1 END, \
         resets_at = CASE WHEN second_factor_guesses.resets_at > excluded.resets_at \
             THEN second_factor_guesses.resets_at ELSE excluded.resets_at END \
     WHERE second_factor_guesses.resets_at <= $2 OR second_factor_guesses.judged < $4";

const WAITS: &str = "SELECT resets_at FROM second_factor_guesses WHERE user_id = $1";

/// What was right is no guess.
const GIVE_BACK: &str =
    "UPDATE second_factor_guesses SET judged = judged - 1 WHERE user_id = $1 AND judged > 0";

/// The authenticator app of a user.
#[derive(Clone)]
pub struct AuthenticatorRecord {
    /// Its secret, sealed.
    pub sealed: String,
    /// The last step whose code was used.
    pub last_step: i64,
    /// When it was added.
    pub added_at: Timestamp,
    /// How many recovery codes are left beside it.
    pub recovery_codes: u64,
}

/// An authenticator app about to be added, with its recovery codes.
pub struct NewOtp {
    /// Its secret, sealed.
    pub sealed: String,
    /// The number of the key it is sealed with.
    pub key: i64,
    /// The step whose code confirmed it: used by that.
    pub step: i64,
    /// Its recovery codes, hashed.
    pub recovery_codes: Vec<HashedSecret>,
    /// What tells its owner.
    pub mail: Option<Mail>,
}

/// In which session of theirs the user of an account adds an authenticator app.
#[derive(Clone, Copy)]
pub enum OtpAdder<'a> {
    /// In one that has proved what the account has.
    Proved,
    /// In one that has proved no second factor: the account has none. Of two that would be the first, one is added, or who knows the
    /// password would have one beside the owner's.
    First {
        /// The host that passkeys have to be good at, if any are good.
        relying_party: Option<&'a str>,
    },
}

/// What adding an authenticator app came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpAddition {
    /// It is added, and the session has its new cookie.
    Added,
    /// There is one already; or something else, and the session has not proved it.
    Already,
    /// The session is not what it was. Nothing is added.
    SessionChanged,
}

/// On whose word something that proves a user is taken away.
#[derive(Clone, Copy)]
pub enum Remover<'a> {
    /// The operator's: whatever is left.
    Operator,
    /// Its owner's. What is left has to let them in, and to fulfil what is demanded of them.
    Owner {
        /// The session in which they do it.
        session: &'a SessionSeen,
        /// The host that passkeys have to be good at, if any are good.
        relying_party: Option<&'a str>,
        /// Whether a second factor is demanded, beside what groups demand.
        second_factor_required: bool,
    },
}

impl Remover<'_> {
    /// The host that passkeys have to be good at.
    pub(crate) fn relying_party(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Owner { relying_party, .. } => *relying_party,
        }
    }

    /// The statements behind a removal that undo it: the first unless the session is what it was, the second unless what is left
    /// fulfils what is demanded. The same for passkeys and authenticator apps, as each stands in for the other.
    pub(crate) fn conditions(&self, user: &UserId, now: Timestamp) -> Vec<Statement> {
        match self {
            Self::Operator => Vec::new(),
            Self::Owner {
                session,
                relying_party,
                second_factor_required,
            } => {
                let meets_demand = Statement::new(MEETS_DEMAND)
                    .bind(user.as_str())
                    .bind(*second_factor_required)
                    .bind(*relying_party)
                    .expect_some();
                vec![session.statement(user, now), meets_demand]
            }
        }
    }
}

/// What removing an authenticator app came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpRemoval {
    /// It is removed, with its recovery codes.
    Removed,
    /// There is none.
    Absent,
    /// The session is not what it was. Nothing is removed.
    SessionChanged,
    /// A second factor is demanded, and there would be none.
    Demanded,
}

/// What using a code came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorUse {
    /// It is used up, and the session has its new cookie.
    Proved,
    /// It was used before, or is none.
    Refused,
    /// The session is not what it was. Nothing is used up.
    SessionChanged,
}

/// Whether a code may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Yes, and it is counted.
    Judged,
    /// Not for so many seconds: too many were wrong.
    Wait(i64),
}

impl Store {
    /// The authenticator app of a user, if they have one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn otp(&self, user: &UserId) -> Result<Option<AuthenticatorRecord>, StoreError> {
        let row = self.row(Statement::new(OTP).bind(user.as_str())).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(AuthenticatorRecord {
            sealed: row.text()?,
            last_step: row.integer()?,
            added_at: row.time()?,
            recovery_codes: row.integer()?.unsigned_abs(),
        }))
    }

    /// Uses the code of `step`, which the secret of `otp` makes, and gives the session a new cookie: if no code of that step or a
    /// later one was used, and the app is still the one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_otp(
        &self,
        user: &UserId,
        otp: &AuthenticatorRecord,
        step: i64,
        renewal: &SessionRenewal,
        now: Timestamp,
    ) -> Result<SecondFactorUse, StoreError> {
        let spend = Statement::new(USE_OTP)
            .bind(user.as_str())
            .bind(otp.added_at)
            .bind(step);
        self.prove(user, spend, [], renewal, now).await
    }

    async fn prove(
        &self,
        user: &UserId,
        spend: Statement,
        told: impl IntoIterator<Item = Statement>,
        renewal: &SessionRenewal,
        now: Timestamp,
    ) -> Result<SecondFactorUse, StoreError> {
        let give_back = Statement::new(GIVE_BACK).bind(user.as_str());
        let unit = Unit::new([spend.expect_some(), renewal.statement(now), give_back]).and(told);
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => SecondFactorUse::Proved,
            UnitOutcome::Unmet { statement: 0 } => SecondFactorUse::Refused,
            UnitOutcome::Unmet { .. } => SecondFactorUse::SessionChanged,
        })
    }
}

impl ActingStore {
    /// Adds the authenticator app of a user who has none, and gives their session, in which they confirmed it, a new cookie. Recovery
    /// codes from before are no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_otp(
        &self,
        user: &UserId,
        otp: &NewOtp,
        adder: OtpAdder<'_>,
        renewal: &SessionRenewal,
        now: Timestamp,
    ) -> Result<OtpAddition, StoreError> {
        let first = match adder {
            OtpAdder::Proved => None,
            OtpAdder::First { relying_party } => Some(has_none(user, relying_party)),
        };
        let last_of_account = usize::from(first.is_some());
        let add = Statement::new(ADD_OTP)
            .bind(user.as_str())
            .bind(otp.sealed.as_str())
            .bind(otp.key)
            .bind(otp.step)
            .bind(now)
            .expect_some();
        let event = NewEvent::new("second-factor-added").user(user);
        let unit = Unit::new(first)
            .and([add, renewal.statement(now)])
            .and(new_codes(user, &otp.recovery_codes, now))
            .then(event.detail("totp").by(self.by(), now))
            .and(mail::queue(otp.mail.as_ref(), now))
            .in_turn(user.as_str());
        Ok(match self.run(unit).await? {
            UnitOutcome::Done(_) => OtpAddition::Added,
            UnitOutcome::Unmet { statement } if statement <= last_of_account => {
                OtpAddition::Already
            }
            UnitOutcome::Unmet { .. } => OtpAddition::SessionChanged,
        })
    }

    /// Counts one more code that is about to be judged for `user`, if it may be: this write decides, before anything is compared.
    /// `mail` is sent if it is the last one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn charge_second_factor(
        &self,
        user: &UserId,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<Guess, StoreError> {
        let charge = Statement::new(CHARGE)
            .bind(user.as_str())
            .bind(now)
            .bind(now.plus(GUESSES_SPAN))
            .bind(MOST_GUESSES)
            .expect_some();
        let (event, record) = record_guessed(user, MOST_GUESSES, self.by(), now);
        let unit = Unit::from(charge)
            .then(record)
            .and(mail::queue_if_recorded(mail, &event, now));
        if self.committed(unit).await? {
            return Ok(Guess::Judged);
        }
        let waits = Statement::new(WAITS).bind(user.as_str());
        let until = self.list(waits, |row| row.time()).await?;
        let wait = until.first().map_or(GUESSES_SPAN, |until| until.since(now));
        Ok(Guess::Wait(wait.max(1)))
    }

    /// Uses the recovery code of `user` that hashes to `hash`, and gives the session a new cookie.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_recovery_code(
        &self,
        user: &UserId,
        hash: [u8; 32],
        renewal: &SessionRenewal,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<SecondFactorUse, StoreError> {
        let spend = Statement::new(USE_CODE)
            .bind(user.as_str())
            .bind(hash.as_slice());
        let event = record_code_used(user, self.by(), now);
        let told = [event].into_iter().chain(mail::queue(mail, now));
        self.prove(user, spend, told, renewal, now).await
    }

    /// Gives a user with an authenticator app another set of recovery codes, in a session of theirs. Those from before are no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no app for them to stand in for, or the session is not what it was.
    pub async fn replace_recovery_codes(
        &self,
        user: &UserId,
        codes: &[HashedSecret],
        session: &SessionSeen,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let has_app = Statement::new(HAS_OTP).bind(user.as_str()).expect_some();
        let event = NewEvent::new("recovery-codes-made").user(user);
        let unit = Unit::from(has_app)
            .and(new_codes(user, codes, now))
            .then(session.statement(user, now))
            .then(event.by(self.by(), now))
            .and(mail::queue(mail, now))
            .in_turn(user.as_str());
        match self.run(unit).await? {
            UnitOutcome::Done(_) => Ok(()),
            UnitOutcome::Unmet { statement: 0 } => {
                Err(StoreError::NotFound("such authenticator app"))
            }
            UnitOutcome::Unmet { .. } => Err(StoreError::NotFound("such session")),
        }
    }

    /// Takes the authenticator app of a user away, with its recovery codes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_otp(
        &self,
        user: &UserId,
        by: Remover<'_>,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<OtpRemoval, StoreError> {
        let remove = Statement::new(REMOVE_OTP).bind(user.as_str()).expect_some();
        let event = NewEvent::new("second-factor-removed").user(user);
        let unit = Unit::from(remove)
            .then(Statement::new(FORGET_CODES).bind(user.as_str()))
            .and(by.conditions(user, now))
            .then(event.detail("totp").by(self.by(), now))
            .and(mail::queue(mail, now))
            .in_turn(user.as_str());
        let outcome = match by {
            Remover::Operator => self.run_where_another_administers(user, unit).await?,
            Remover::Owner { .. } => self.run(unit).await?,
        };
        Ok(match outcome {
            UnitOutcome::Done(_) => OtpRemoval::Removed,
            UnitOutcome::Unmet { statement: 0 } => OtpRemoval::Absent,
            UnitOutcome::Unmet { statement: 1 | 2 } => OtpRemoval::SessionChanged,
            UnitOutcome::Unmet { .. } => OtpRemoval::Demanded,
        })
    }
}

/// The statement that fails its unit where `user` has a second factor: an authenticator app, or a passkey that is good at the host
/// `relying_party`.
pub(crate) fn has_none(user: &UserId, relying_party: Option<&str>) -> Statement {
    Statement::new(HAS_NONE)
        .bind(user.as_str())
        .bind(relying_party)
        .expect_some()
}

/// The statements that put `codes` in the place of those that a user had.
fn new_codes(
    user: &UserId,
    codes: &[HashedSecret],
    now: Timestamp,
) -> impl Iterator<Item = Statement> {
    let forget = Statement::new(FORGET_CODES).bind(user.as_str());
    let add = |code: &HashedSecret| {
        Statement::new(ADD_CODE)
            .bind(user.as_str())
            .bind(code.hash.as_slice())
            .bind(code.key)
            .bind(now)
    };
    let add: Vec<_> = codes.iter().map(add).collect();
    std::iter::once(forget).chain(add)
}
