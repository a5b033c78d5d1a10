//! Browser sessions: known by the hash of their cookie. One that idles no longer says who sits there; it ends with its row, which is
//! kept until somebody ends it or its absolute end, because the grants that were not meant to outlive it rest on it.

use safeconduct_protocol::authentication::Factors;
use safeconduct_protocol::authorization::{Enrolled, Offers, SignedInUser};
use safeconduct_protocol::device::Device;
use safeconduct_protocol::grant::Epochs;
use safeconduct_protocol::ids::{ClientId, SessionId, UserId};
use safeconduct_protocol::mail::Mail;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::consents;
use crate::driver::{DriverError, Row, Statement, Unit, UnitOutcome};
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::logouts;
use crate::mail;
use crate::outbox::{self, OutboxRow};
use crate::store::{ActingStore, Store, factors, session_id, user_id};

const START: &str = "INSERT INTO sessions \
     (id, hash, user_id, user_epoch, factors, started_at, last_seen_at, idle_expires_at, absolute_expires_at, device) \
     SELECT $1, $2, u.id, u.epoch, $5, $6, $6, $7, $8, $9 FROM live_users u \
     WHERE u.id = $3 AND u.epoch = $4";

const RENEW: &str = "UPDATE sessions SET hash = $3, factors = $4, last_seen_at = $7, \
         idle_expires_at = CASE WHEN absolute_expires_at < $5 THEN absolute_expires_at ELSE $5 END, user_epoch = $6 \
     WHERE id = $1 AND hash = $2 AND absolute_expires_at > $7 AND EXISTS \
         (SELECT 1 FROM live_users u WHERE u.id = sessions.user_id AND u.epoch = $6)";

const OF_COOKIE: &str = "SELECT s.id, s.user_id, u.username, s.factors, \
         (SELECT COUNT(*) FROM credentials a WHERE a.user_id = u.id AND a.kind = 'totp'), \
         (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id), \
         (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id AND p.rp_id = CAST($4 AS TEXT)), \
         (SELECT COUNT(*) FROM group_members m JOIN groups g ON g.name = m.group_name \
             WHERE m.user_id = u.id AND g.second_factor_required = 1), \
         (SELECT COUNT(*) FROM group_members m WHERE m.user_id = u.id AND m.group_name = 'administrators'), \
         CASE WHEN c.groups IS NULL OR EXISTS (SELECT 1 FROM client_groups cg JOIN group_members gm ON gm.group_name = cg.group_name \
             WHERE cg.client_id = c.id AND gm.user_id = u.id) THEN 1 ELSE 0 END, \
         u.epoch, COALESCE(c.epoch, 0), COALESCE(k.epoch, 0), k.scopes, \
         s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, u.declined_offers \
     FROM sessions s JOIN live_users u ON u.id = s.user_id AND u.epoch = s.user_epoch \
     LEFT JOIN clients c ON c.id = $2 \
     LEFT JOIN consents k ON k.user_id = s.user_id AND k.client_id = $2 \
     WHERE s.hash = $1 AND s.absolute_expires_at > $3";

/// The row is written so that nothing ends it meanwhile.
const STANDS: &str = "UPDATE sessions SET last_seen_at = $5 \
     WHERE id = $1 AND hash = $2 AND user_id = $3 AND user_epoch = $4 AND absolute_expires_at > $5 AND EXISTS \
         (SELECT 1 FROM live_users u WHERE u.id = sessions.user_id AND u.epoch = $4)";

const TOUCH: &str = "UPDATE sessions SET last_seen_at = $3, \
         idle_expires_at = CASE WHEN absolute_expires_at < $2 THEN absolute_expires_at ELSE $2 END \
     WHERE id = $1 AND idle_expires_at > $3";

const DECLINE: &str = "UPDATE users SET declined_offers = $2 WHERE id = $1 AND deleted_at IS NULL";

const END: &str = "DELETE FROM sessions WHERE id = $1";

const END_OF_USER: &str = "DELETE FROM sessions WHERE user_id = $1";

const END_ALL: &str = "DELETE FROM sessions";

/// What [`read_record`] takes of a row.
macro_rules! columns {
    () => {
        "s.id, s.user_id, u.username, s.factors, s.started_at, s.last_seen_at, s.idle_expires_at, s.device"
    };
}

pub(crate) use columns;

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sessions s JOIN live_users u ON u.id = s.user_id AND u.epoch = s.user_epoch \
     WHERE s.absolute_expires_at > $2 AND (CAST($1 AS TEXT) IS NULL OR s.user_id = CAST($1 AS TEXT)) \
     ORDER BY s.started_at, s.id"
);

/// A session about to start.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its public name (`sid`).
    pub id: SessionId,
    /// The hash of the cookie's secret.
    pub hash: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// By what they proved who they are, and when.
    pub factors: Factors,
    /// The user's epoch when they proved it.
    pub user_epoch: i64,
    /// When it ends, whatever happens.
    pub absolute_expires_at: Timestamp,
    /// When it idles if it is not used.
    pub idle_expires_at: Timestamp,
    /// The session of another user in the same browser, and who that is: it ends with this start.
    pub replaces: Option<(SessionId, UserId)>,
    /// What tells its owner of it.
    pub mail: Option<Mail>,
    /// What it began in.
    pub device: Device,
}

impl NewSession {
    /// The unit that starts it behind `first`. The statement after those fails it if the user is not what they were.
    pub(crate) fn begin(&self, first: Vec<Statement>, by: &By, now: Timestamp) -> Unit {
        let start = Statement::new(START)
            .bind(self.id.as_str())
            .bind(self.hash.as_slice())
            .bind(self.user.as_str())
            .bind(self.user_epoch)
            .bind(self.factors.to_string())
            .bind(now)
            .bind(self.idle_expires_at.min(self.absolute_expires_at))
            .bind(self.absolute_expires_at)
            .bind(self.device.to_string())
            .expect_some();
        let old = self.replaces.as_ref();
        let end = old.map(|(old, user)| ending_with_event(old, user, by, now));
        let event = NewEvent::new("session-started")
            .user(&self.user)
            .detail(self.id.as_str())
            .by(by, now);
        let unit = Unit::new(first)
            .then(start)
            .and(end.into_iter().flatten())
            .then(event)
            .and(mail::queue(self.mail.as_ref(), now));
        match old {
            Some((_, user)) => unit.in_turn(user.as_str()),
            None => unit,
        }
    }
}

/// A session about to get a new cookie, because its user has proved who they are once more.
#[derive(Clone, Debug)]
pub struct SessionRenewal {
    /// Its public name (`sid`).
    pub id: SessionId,
    /// The hash of the cookie's secret that it has.
    pub old_hash: [u8; 32],
    /// The hash of the secret that it gets.
    pub new_hash: [u8; 32],
    /// By what its user has proved who they are, and when.
    pub factors: Factors,
    /// When it idles if it is not used.
    pub idle_expires_at: Timestamp,
    /// The user's epoch when they proved it.
    pub user_epoch: i64,
}

impl SessionRenewal {
    /// The statement that renews it, and fails its unit if the session is not what it was.
    pub(crate) fn statement(&self, now: Timestamp) -> Statement {
        Statement::new(RENEW)
            .bind(self.id.as_str())
            .bind(self.old_hash.as_slice())
            .bind(self.new_hash.as_slice())
            .bind(self.factors.to_string())
            .bind(self.idle_expires_at)
            .bind(self.user_epoch)
            .bind(now)
            .expect_some()
    }
}

/// The session in which a user may change something of their account, as it was when that was found.
#[derive(Clone, Debug)]
pub struct SessionSeen {
    /// Its public name (`sid`).
    pub id: SessionId,
    /// The hash of the cookie's secret that it had.
    pub hash: [u8; 32],
    /// The user's epoch.
    pub user_epoch: i64,
}

impl SessionSeen {
    /// The statement that fails its unit if the session is not what it was: ended, with another cookie, or of a user who is locked or
    /// has another password.
    pub(crate) fn statement(&self, user: &UserId, now: Timestamp) -> Statement {
        Statement::new(STANDS)
            .bind(self.id.as_str())
            .bind(self.hash.as_slice())
            .bind(user.as_str())
            .bind(self.user_epoch)
            .bind(now)
            .expect_some()
    }
}

/// The session that a sign-in begins or goes on with.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// A new one.
    Start(NewSession),
    /// One of the same user's, which gets a new cookie.
    Renew(SessionRenewal),
}

impl SignIn {
    /// The unit that begins or renews it behind `first`. The statement after those fails it if session or user are not what they were.
    pub(crate) fn unit(&self, first: Vec<Statement>, by: &By, now: Timestamp) -> Unit {
        match self {
            Self::Start(session) => session.begin(first, by, now),
            Self::Renew(renewal) => Unit::new(first).then(renewal.statement(now)),
        }
    }
}

/// A session that has not ended, and what its user is to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Who is signed in, with the epochs in force and what they have allowed the client.
    pub person: SignedInUser,
    /// When it was last used, to within what the server cares to write down.
    pub last_seen_at: Timestamp,
    /// When it idles if it is not used.
    pub idle_expires_at: Timestamp,
    /// When it ends, whatever happens.
    pub absolute_expires_at: Timestamp,
    /// What its user was offered after a sign-in, and did not want.
    pub declined: Offers,
}

/// A session in a list, idle or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its public name (`sid`).
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// By what they proved who they are, and when.
    pub factors: Factors,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it idles if it is not used.
    pub idle_expires_at: Timestamp,
    /// What it began in.
    pub device: Device,
}

impl Store {
    /// The session whose cookie hashes to `hash` while it says who sits there, with what its user is to `client` for tokens of
    /// `audience`. Passkeys count that are good at the host `relying_party`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signed_in(
        &self,
        hash: [u8; 32],
        client: Option<&ClientId>,
        audience: &str,
        relying_party: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        let view = self
            .session_of(hash, client, audience, relying_party, now)
            .await?;
        Ok(view.filter(|view| view.idle_expires_at > now))
    }

    /// The session whose cookie hashes to `hash`, though it may have idled: whom a new sign-in continues or replaces, and what
    /// signing out ends. It proves nothing about who sits there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_at(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        self.session_of(hash, None, "", None, now).await
    }

    async fn session_of(
        &self,
        hash: [u8; 32],
        client: Option<&ClientId>,
        audience: &str,
        relying_party: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        let statement = Statement::new(OF_COOKIE)
            .bind(hash.as_slice())
            .bind(client.map(ClientId::as_str))
            .bind(now)
            .bind(relying_party);
        let row = self.row(statement).await?;
        Ok(row.map(|mut row| view(&mut row, audience)).transpose()?)
    }

    /// Notes that a session was used, and moves the moment from which it is idle. Nothing but a browser's visit does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn touch_session(
        &self,
        id: &SessionId,
        idle_expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit(
            Statement::new(TOUCH)
                .bind(id.as_str())
                .bind(idle_expires_at)
                .bind(now),
        )
        .await?;
        Ok(())
    }

    /// Remembers that the user of a session does not want what they were offered after signing in, and what they did not want before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn decline_offers(
        &self,
        view: &SessionView,
        offers: &Offers,
    ) -> Result<(), StoreError> {
        let declined = view.declined.and(offers).to_string();
        let decline = Statement::new(DECLINE).bind(view.person.user.as_str());
        self.commit(decline.bind(declined)).await?;
        Ok(())
    }

    /// Sessions that have not ended, of one user or of all, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_sessions(
        &self,
        user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let statement = Statement::new(LIST)
            .bind(user.map(UserId::as_str))
            .bind(now);
        Ok(self.list(statement, read_record).await?)
    }
}

impl ActingStore {
    /// Begins or renews a session, whether it had idled or not; `false` if its user was locked, deleted or given another password since they
    /// proved who they are, or the session to be renewed is not what it was: ended, or renewed by another request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_in(&self, session: &SignIn, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self
            .committed(session.unit(Vec::new(), self.by(), now))
            .await?)
    }

    /// Ends a session of `user`, and with it every grant that was not meant to outlive it. The clients that are to be told are queued
    /// in the same unit, and returned so that somebody may tell them at once. Ending twice is ending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_session(
        &self,
        id: &SessionId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let [queue, forget, end] = ending(id, now);
        let event = NewEvent::new("session-ended")
            .user(user)
            .detail(id.as_str())
            .by(self.by(), now);
        let unit = Unit::new([queue, forget, end.expect_some(), event]);
        let queued = match self.run(unit.in_turn(user.as_str())).await? {
            UnitOutcome::Done(rows) => rows.into_iter().next(),
            UnitOutcome::Unmet { .. } => None,
        };
        let rows = queued.into_iter().flatten();
        Ok(rows
            .map(|mut row| outbox::read(&mut row))
            .collect::<Result<_, _>>()?)
    }

    /// Ends every session of a user. The clients that are to be told are queued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_sessions_of(&self, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let [queue, forget, end] = ending_of_user(user, now);
        let event = NewEvent::new("sessions-ended")
            .user(user)
            .by(self.by(), now);
        let unit = Unit::new([queue, forget, end.expect_some(), event]);
        self.committed(unit.in_turn(user.as_str())).await?;
        Ok(())
    }
}

/// The statements that end a session, in the turn of its user. The first one returns the clients to be told, the last one whether there was a session.
fn ending(id: &SessionId, now: Timestamp) -> [Statement; 3] {
    let [queue, forget] = logouts::queue(id, now);
    [queue, forget, Statement::new(END).bind(id.as_str())]
}

/// The statements that end a session of `user` and record that, in the turn of that user.
pub(crate) fn ending_with_event(
    id: &SessionId,
    user: &UserId,
    by: &By,
    now: Timestamp,
) -> [Statement; 4] {
    let [queue, forget, end] = ending(id, now);
    let event = NewEvent::new("session-ended").user(user);
    [queue, forget, end, event.detail(id.as_str()).by(by, now)]
}

/// The statements that end every session of a user, in the turn of that user. The last one says whether there was one.
pub(crate) fn ending_of_user(user: &UserId, now: Timestamp) -> [Statement; 3] {
    let [queue, forget] = logouts::queue_of_user(user, now);
    [
        queue,
        forget,
        Statement::new(END_OF_USER).bind(user.as_str()),
    ]
}

/// The statements that end every session there is.
pub(crate) fn ending_all(now: Timestamp) -> [Statement; 3] {
    let [queue, forget] = logouts::queue_all(now);
    [queue, forget, Statement::new(END_ALL)]
}

/// A session from its [`columns`].
pub(crate) fn read_record(row: &mut Row) -> Result<SessionRecord, DriverError> {
    Ok(SessionRecord {
        id: session_id(&row.text()?)?,
        user: user_id(&row.text()?)?,
        username: row.text()?,
        factors: factors(&row.text()?)?,
        started_at: row.time()?,
        last_seen_at: row.time()?,
        idle_expires_at: row.time()?,
        device: Device::parse(&row.text()?),
    })
}

fn view(row: &mut Row, audience: &str) -> Result<SessionView, DriverError> {
    Ok(SessionView {
        person: SignedInUser {
            session: session_id(&row.text()?)?,
            user: user_id(&row.text()?)?,
            username: row.text()?,
            factors: factors(&row.text()?)?,
            enrolled: Enrolled {
                otp: row.integer()? > 0,
                recovery_codes: row.integer()? > 0,
                passkey: row.integer()? > 0,
            },
            second_factor_required: row.integer()? > 0,
            administrator: row.integer()? > 0,
            admitted: row.integer()? > 0,
            withheld: Scope::default(),
            addable: Offers::default(),
            epochs: Epochs {
                user: row.integer()?,
                client: row.integer()?,
                consent: row.integer()?,
            },
            consented: match row.optional_text()? {
                Some(scopes) => consents::read(&scopes)?
                    .remove(audience)
                    .unwrap_or_default(),
                None => Scope::default(),
            },
        },
        last_seen_at: row.time()?,
        idle_expires_at: row.time()?,
        absolute_expires_at: row.time()?,
        declined: row
            .optional_text()?
            .map(|names| Offers::parse(&names))
            .unwrap_or_default(),
    })
}
