//! The sweeper: deletes what has passed its end, a bounded number of rows at a time, and never anything that could still
//! decide a request. Of sessions that lapsed it queues the clients that are to be told.
//!
//! A row is kept until the last moment at which anything that is presented could still name it, by whichever clock; from then on what
//! names it is refused by itself:
//!
//! | rows | are kept until | what names them, and why it is refused then |
//! |---|---|---|
//! | sessions and their clients | the absolute end | a cookie, a grant: dead without the row, at the same moment |
//! | used ids | the end of what carried the id, and [`LEEWAY`] | a proof, an assertion, a form of a pushed request: too old by then, on the node whose clock is furthest behind |
//! | revoked tokens | the token's end, and [`LEEWAY`] | the access token: expired, likewise |
//! | grants | the end of the last access token, and of the code with [`TOMBSTONE`](safeconduct_protocol::authorization_code::TOMBSTONE) | a refresh token, an access token: expired. The code: expired, also on a node that has slept |
//! | client secrets | the end that a replacement set | the secret: no longer good at that moment |
//!
//! Of the others nothing that is presented names a row: events are kept for 400 days (sign-ins that failed for 90), messages of the outbox are tried for a day,
//! what a node counted of guesses is kept for a day after it was written last, and how many mails went to an address until an hour
//! after the last one.
//!
//! Of some rows nothing can be said once they are gone: an id that was used once, a token that was revoked, a code that was
//! redeemed. With those it is noted, in the same unit, until when what they forbade could be good again (`time_marks.rs`).

use safeconduct_protocol::time::Timestamp;

use crate::driver::{Row, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::messages::GIVEN_UP;
use crate::single_use::LEEWAY;
use crate::store::{ActingStore, Store};
use crate::time_marks;

/// How long after a grant was made its code could still make it anew, in seconds: longer than any code lives.
const CODE_OVER: i64 = 3600;

/// How long sign-ins that failed are kept, in seconds: 90 days. Strangers write them, and they say from where.
const FAILED: i64 = 90 * 24 * 3600;

/// How long events are kept, in seconds: 400 days.
const EVENTS: i64 = 400 * 24 * 3600;

const SESSIONS: &str = "DELETE FROM sessions WHERE id IN \
     (SELECT id FROM sessions WHERE absolute_expires_at <= $1 ORDER BY absolute_expires_at LIMIT $2)";

/// By when those are good again that come first, if they are forgotten. The same rows, or some with an earlier end, are deleted.
const END_OF_USED_IDS: &str = "SELECT MAX(expires_at), MAX(expires_at) FROM \
     (SELECT expires_at FROM used_ids WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS first";

/// The row is looked at once more: a use that comes first may have given it another end.
const USED_IDS: &str = "DELETE FROM used_ids WHERE expires_at <= $1 AND (kind, owner, hash) IN \
     (SELECT kind, owner, hash FROM used_ids WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

const END_OF_REVOKED_TOKENS: &str = "SELECT MAX(expires_at), MAX(expires_at) FROM \
     (SELECT expires_at FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS first";

const REVOKED_TOKENS: &str = "DELETE FROM revoked_tokens WHERE jti IN \
     (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Without its row a grant is dead, and its tokens with it; only its code could make it anew, and that for no longer than
/// [`CODE_OVER`].
const END_OF_GRANTS: &str = "SELECT MAX(forget_at), \
         MAX(CASE WHEN created_at + $3 < forget_at THEN created_at + $3 ELSE forget_at END) FROM \
     (SELECT forget_at, created_at FROM grants WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2) AS first";

const GRANTS: &str = "DELETE FROM grants WHERE id IN \
     (SELECT id FROM grants WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2)";

const CLIENT_SECRETS: &str = "DELETE FROM client_secrets WHERE id IN \
     (SELECT id FROM client_secrets WHERE expires_at <= $1 LIMIT $2)";

const OLD_EVENTS: &str =
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)";

const OLD_FAILED: &str = "DELETE FROM events WHERE id IN \
     (SELECT id FROM events WHERE kind = 'sign-in-failed' AND id < $1 ORDER BY id LIMIT $2)";

const OLD_FAILED_LEFT: &str = "SELECT COUNT(*) FROM \
     (SELECT 1 FROM events WHERE kind = 'sign-in-failed' AND id < $1 LIMIT $2) AS due";

const GIVEN_UP_MESSAGES: &str = "DELETE FROM given_up_messages WHERE id IN \
     (SELECT id FROM given_up_messages WHERE given_up_at <= $1 ORDER BY given_up_at LIMIT $2)";

const GIVEN_UP_MESSAGES_LEFT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM given_up_messages WHERE given_up_at <= $1 LIMIT $2) AS due";

const IDEMPOTENCY_KEYS: &str = "DELETE FROM idempotency_keys WHERE expires_at <= $1 AND hash IN \
     (SELECT hash FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

const IDEMPOTENCY_KEYS_LEFT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM idempotency_keys WHERE expires_at <= $1 LIMIT $2) AS due";

/// The row is looked at once more: a mail that comes first may have moved its end.
const MAIL_BUDGETS: &str = "DELETE FROM mail_budgets WHERE resets_at <= $1 AND (recipient, topic) IN \
     (SELECT recipient, topic FROM mail_budgets WHERE resets_at <= $1 ORDER BY resets_at LIMIT $2)";

const MAIL_BUDGETS_LEFT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM mail_budgets WHERE resets_at <= $1 LIMIT $2) AS due";

const SESSIONS_LEFT: &str = "SELECT COUNT(*) FROM \
     (SELECT 1 FROM sessions WHERE absolute_expires_at <= $1 LIMIT $2) AS due";

const USED_IDS_LEFT: &str = "SELECT COUNT(*) FROM \
     (SELECT 1 FROM used_ids WHERE expires_at <= $1 LIMIT $2) AS due";

const REVOKED_TOKENS_LEFT: &str = "SELECT COUNT(*) FROM \
     (SELECT 1 FROM revoked_tokens WHERE expires_at <= $1 LIMIT $2) AS due";

const GRANTS_LEFT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM grants WHERE forget_at <= $1 LIMIT $2) AS due";

const CLIENT_SECRETS_LEFT: &str = "SELECT COUNT(*) FROM \
     (SELECT 1 FROM client_secrets WHERE expires_at <= $1 LIMIT $2) AS due";

const OLD_EVENTS_LEFT: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE id < $1 LIMIT $2) AS due";

/// The kinds of rows that are swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweepable {
    /// Sessions that have passed their absolute end.
    Sessions,
    /// Clients that were signed in to in sessions that have lapsed; those that can't go on without one are told now.
    SessionClients,
    /// What could not be told to others for a day.
    Messages,
    /// Ids of what was used and has expired.
    UsedIds,
    /// Revocations of expired access tokens.
    RevokedTokens,
    /// Grants and tombstones that nothing can name any more.
    Grants,
    /// Client secrets that were replaced.
    ClientSecrets,
    /// Sign-ins that failed more than 90 days ago.
    FailedSignIns,
    /// Events older than 400 days.
    Events,
    /// What nodes that are gone have counted of guessed passwords.
    Guesses,
    /// Counts of mails to addresses that none went to for an hour.
    MailBudgets,
    /// Messages that were given up a week ago.
    GivenUpMessages,
    /// Keys of requests that are over.
    IdempotencyKeys,
}

impl Sweepable {
    /// Every kind, in the order in which they are swept: what sessions leave behind comes after them.
    pub const ALL: [Self; 13] = [
        Self::Sessions,
        Self::SessionClients,
        Self::Messages,
        Self::UsedIds,
        Self::RevokedTokens,
        Self::Grants,
        Self::ClientSecrets,
        Self::FailedSignIns,
        Self::Events,
        Self::Guesses,
        Self::MailBudgets,
        Self::GivenUpMessages,
        Self::IdempotencyKeys,
    ];

    /// Its name in metrics: its table's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::SessionClients => "session_clients",
            Self::Messages => "outbox",
            Self::UsedIds => "used_ids",
            Self::RevokedTokens => "revoked_tokens",
            Self::Grants => "grants",
            Self::ClientSecrets => "client_secrets",
            Self::FailedSignIns => "failed_sign_ins",
            Self::Events => "events",
            Self::Guesses => "guesses",
            Self::MailBudgets => "mail_budgets",
            Self::GivenUpMessages => "given_up_messages",
            Self::IdempotencyKeys => "idempotency_keys",
        }
    }

    /// What counts the rows that are due, where a request can make many; `None` where they are few.
    fn left(self) -> Option<&'static str> {
        match self {
            Self::Sessions => Some(SESSIONS_LEFT),
            Self::UsedIds => Some(USED_IDS_LEFT),
            Self::RevokedTokens => Some(REVOKED_TOKENS_LEFT),
            Self::Grants => Some(GRANTS_LEFT),
            Self::ClientSecrets => Some(CLIENT_SECRETS_LEFT),
            Self::FailedSignIns => Some(OLD_FAILED_LEFT),
            Self::Events => Some(OLD_EVENTS_LEFT),
            Self::MailBudgets => Some(MAIL_BUDGETS_LEFT),
            Self::GivenUpMessages => Some(GIVEN_UP_MESSAGES_LEFT),
            Self::IdempotencyKeys => Some(IDEMPOTENCY_KEYS_LEFT),
            Self::SessionClients | Self::Messages | Self::Guesses => None,
        }
    }
}

/// What is gone where a row of some kind is, for whom it would be good again.
struct Forgetting {
    /// Finds the last end among the rows that come first, and until when what they forbade could be good again.
    end: Statement,
    /// Deletes them.
    delete: &'static str,
    /// For how many seconds beyond its end a row is kept.
    kept: i64,
}

impl Store {
    /// How many rows of a kind have passed their end and are there still; no more than `most` are counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_backlog(
        &self,
        kind: Sweepable,
        now: Timestamp,
        most: u32,
    ) -> Result<u64, StoreError> {
        let statement = match (kind, kind.left()) {
            (_, None) => return Ok(0),
            (Sweepable::FailedSignIns, Some(sql)) => old_events(sql, now.plus(-FAILED), most),
            (Sweepable::Events, Some(sql)) => old_events(sql, now.plus(-EVENTS), most),
            (Sweepable::GivenUpMessages, Some(sql)) => Statement::new(sql)
                .bind(now.plus(-GIVEN_UP))
                .bind(i64::from(most)),
            (Sweepable::UsedIds | Sweepable::RevokedTokens, Some(sql)) => Statement::new(sql)
                .bind(now.plus(-LEEWAY))
                .bind(i64::from(most)),
            (_, Some(sql)) => Statement::new(sql).bind(now).bind(i64::from(most)),
        };
        let counted = self.list(statement, |row| row.integer()).await?;
        Ok(counted.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// Deletes rows without which something could be good again, and notes until when. The end is found first: rows that come
    /// meanwhile may be deleted in place of others, but none that ends later than what is noted.
    async fn forget(&self, forgetting: Forgetting, limit: u32) -> Result<u64, StoreError> {
        let decode = |row: &mut Row| Ok((row.optional_time()?, row.optional_time()?));
        let found = self.list(forgetting.end, decode).await?;
        let Some((Some(last), Some(good_until))) = found.into_iter().next() else {
            return Ok(0);
        };
        let note = time_marks::forgotten(good_until.plus(forgetting.kept));
        let delete = Statement::new(forgetting.delete)
            .bind(last)
            .bind(i64::from(limit));
        let rows = self.commit(Unit::new([note, delete])).await?;
        Ok(rows.last().map_or(0, Rows::count))
    }

    async fn delete(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.commit(statement).await?.iter().map(Rows::count).sum())
    }
}

impl ActingStore {
    /// Deletes at most `limit` rows of one kind, in one unit; how many. As many as `limit` means that there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_some(
        &self,
        kind: Sweepable,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let until = |sql| Statement::new(sql).bind(now).bind(i64::from(limit));
        let ended = |sql| {
            let end = now.plus(-LEEWAY);
            Statement::new(sql).bind(end).bind(i64::from(limit))
        };
        match kind {
            Sweepable::Sessions => self.delete(until(SESSIONS)).await,
            Sweepable::SessionClients => self.queue_lapsed(now, limit).await,
            Sweepable::Messages => self.give_up_old_messages(now, limit).await,
            Sweepable::UsedIds => {
                let forgetting = Forgetting {
                    end: ended(END_OF_USED_IDS),
                    delete: USED_IDS,
                    kept: LEEWAY,
                };
                self.forget(forgetting, limit).await
            }
            Sweepable::RevokedTokens => {
                let forgetting = Forgetting {
                    end: ended(END_OF_REVOKED_TOKENS),
                    delete: REVOKED_TOKENS,
                    kept: LEEWAY,
                };
                self.forget(forgetting, limit).await
            }
            Sweepable::Grants => {
                let forgetting = Forgetting {
                    end: until(END_OF_GRANTS).bind(CODE_OVER),
                    delete: GRANTS,
                    kept: 0,
                };
                self.forget(forgetting, limit).await
            }
            Sweepable::ClientSecrets => self.delete(until(CLIENT_SECRETS)).await,
            Sweepable::FailedSignIns => {
                self.delete(old_events(OLD_FAILED, now.plus(-FAILED), limit))
                    .await
            }
            Sweepable::Events => {
                self.delete(old_events(OLD_EVENTS, now.plus(-EVENTS), limit))
                    .await
            }
            Sweepable::Guesses => self.sweep_guesses(now).await,
            Sweepable::MailBudgets => self.delete(until(MAIL_BUDGETS)).await,
            Sweepable::IdempotencyKeys => self.delete(until(IDEMPOTENCY_KEYS)).await,
            Sweepable::GivenUpMessages => {
                let old = Statement::new(GIVEN_UP_MESSAGES).bind(now.plus(-GIVEN_UP));
                self.delete(old.bind(i64::from(limit))).await
            }
        }
    }
}

fn old_events(sql: &'static str, before: Timestamp, limit: u32) -> Statement {
    let oldest = format!("{:016x}", before.seconds().max(0));
    Statement::new(sql).bind(oldest).bind(i64::from(limit))
}
