//! How a mail gets into the outbox: in the unit of what it tells of, if its address was not written to too often of late and there is
//! room. The write decides both, so that no number of nodes sends more.
//!
//! **To tell of something**, a method of the store takes an `Option<&Mail>`, which the server makes with `Notices` (`None` where no mail
//! is set up, or the user has no address that is known to be theirs), and puts [`queue`] behind the statements that do it. What undoes
//! those undoes the mail. Where the cause may not come to pass in a unit that is committed all the same, [`queue_if_recorded`] looks for its event.
//!
//! **For what a stranger asks for** there is [`Store::queue_asked_mail`], which takes as long whether or not there is anybody to write to.

use safeconduct_protocol::encoding::sha256;
use safeconduct_protocol::ids::{UserId, new_id};
use safeconduct_protocol::language::Language;
use safeconduct_protocol::mail::{MOST_IN_AN_HOUR, Mail, MailAddress, MailPurpose, Topic};
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::driver::{DriverError, Rows, Statement, Unit};
use crate::error::StoreError;
use crate::store::{Store, from_json, to_json};

/// The kind of these rows, and their one recipient: the mail server.
pub(crate) const KIND: &str = "mail";

const HOUR: i64 = 3600;

/// How many mails wait at most: what strangers ask for finds no room where there is still some for what users must be told, and what they
/// ask for at addresses that are nobody's yet finds none where there is still some for who has an account.
const ROOM_SIGN_UP: i64 = 5_000;
const ROOM_REQUESTED: i64 = 10_000;
const ROOM: i64 = 20_000;

/// Counts a mail, if there may be one more. As the hour begins behind the last one and not the first, there is no hour in which more
/// are counted. $6 is how many may wait, $7 how many are counted, $8 the event without which there is no mail, or nothing.
const CHARGE: &str = "INSERT INTO mail_budgets (recipient, topic, mails, resets_at, last_mail) \
     SELECT $1, $2, 1, CAST($3 AS BIGINT), $4 \
     WHERE (SELECT COUNT(*) FROM outbox o WHERE o.kind = 'mail') < $6 \
       AND (CAST($8 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM events e WHERE e.id = $8)) \
     ON CONFLICT (recipient, topic) DO UPDATE SET \
         mails = CASE WHEN mail_budgets.resets_at <= $5 THEN 1 ELSE mail_budgets.mails + 1 END, \
         resets_at = CASE WHEN mail_budgets.resets_at > excluded.resets_at \
             THEN mail_budgets.resets_at ELSE excluded.resets_at END, \
         last_mail = excluded.last_mail \
     WHERE mail_budgets.resets_at <= $5 OR mail_budgets.mails < $7";

/// Writes the mail that was counted just now.
const QUEUE: &str = "INSERT INTO outbox (id, kind, recipient, user_id, about, created_at, attempts, next_at) \
     SELECT b.last_mail, 'mail', 'mail', $4, $5, CAST($6 AS BIGINT), 0, CAST($6 AS BIGINT) FROM mail_budgets b \
     WHERE b.recipient = $1 AND b.topic = $2 AND b.last_mail = $3";

/// Writes one row, the same for everybody who asks: a commit that writes nothing takes no time.
const ASKED: &str = "INSERT INTO mail_budgets (recipient, topic, mails, resets_at, last_mail) \
     VALUES ($1, '', 1, $2, '') \
     ON CONFLICT (recipient, topic) DO UPDATE SET mails = mail_budgets.mails + 1, resets_at = excluded.resets_at";

/// What a row says of a mail beside whose account it is about.
#[derive(Serialize, Deserialize)]
struct About {
    purpose: MailPurpose,
    to: MailAddress,
    language: Language,
}

impl Store {
    /// Queues a mail that a stranger asked for; says whether it is queued. `None` stands for an unknown user, and takes as long: the
    /// requester learns nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue_asked_mail(
        &self,
        mail: Option<&Mail>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let asked = Statement::new(ASKED)
            .bind(b"".as_slice())
            .bind(now.plus(HOUR));
        let queue = match mail {
            Some(mail) => statements(mail, None, room(mail), now),
            None => nothing(now),
        };
        let unit = Unit::from(asked).and(queue);
        let rows = self.commit(unit).await?;
        Ok(rows.last().map_or(0, Rows::count) > 0)
    }
}

/// The statements that queue `mail`, if there is one, in the unit of what it tells of.
pub(crate) fn queue(mail: Option<&Mail>, now: Timestamp) -> impl Iterator<Item = Statement> {
    let statements = mail.map(|mail| statements(mail, None, room(mail), now));
    statements.into_iter().flatten()
}

/// The same, if the event of this id was written before in the unit.
pub(crate) fn queue_if_recorded(
    mail: Option<&Mail>,
    event: &str,
    now: Timestamp,
) -> impl Iterator<Item = Statement> {
    let statements = mail.map(|mail| statements(mail, Some(event), room(mail), now));
    statements.into_iter().flatten()
}

fn room(mail: &Mail) -> i64 {
    match (mail.purpose, mail.purpose.topic()) {
        (MailPurpose::SignUp, _) => ROOM_SIGN_UP,
        (_, Topic::Requested) => ROOM_REQUESTED,
        (_, Topic::Happened(_)) => ROOM,
    }
}

fn statements(mail: &Mail, event: Option<&str>, room: i64, now: Timestamp) -> [Statement; 2] {
    let about = About {
        purpose: mail.purpose,
        to: mail.to.clone(),
        language: mail.language,
    };
    // Whoever has an account had its address written down; of who has none, anybody makes up as many as they like.
    let counted = match mail.purpose {
        MailPurpose::SignUp => mail.to.mailbox(),
        _ => mail.to.key(),
    };
    let budget = Budget {
        recipient: sha256(counted.as_bytes()),
        topic: mail.purpose.topic(),
        room,
    };
    budget.statements(mail.user.as_str(), &to_json(&about), event, now)
}

/// The same statements, which find no room.
fn nothing(now: Timestamp) -> [Statement; 2] {
    let budget = Budget {
        recipient: sha256(&[]),
        topic: Topic::Requested,
        room: 0,
    };
    budget.statements("", "", None, now)
}

struct Budget {
    recipient: [u8; 32],
    topic: Topic,
    room: i64,
}

impl Budget {
    fn statements(
        &self,
        user: &str,
        about: &str,
        event: Option<&str>,
        now: Timestamp,
    ) -> [Statement; 2] {
        let id = new_id();
        let of = |sql| {
            Statement::new(sql)
                .bind(self.recipient.as_slice())
                .bind(self.topic.as_str())
        };
        let charge = of(CHARGE)
            .bind(now.plus(HOUR))
            .bind(id.as_str())
            .bind(now)
            .bind(self.room)
            .bind(MOST_IN_AN_HOUR)
            .bind(event);
        let queue = of(QUEUE).bind(id.as_str()).bind(user).bind(about).bind(now);
        [charge, queue]
    }
}

/// A mail from its columns.
pub(crate) fn read(user: UserId, about: &str) -> Result<Mail, DriverError> {
    let about: About = from_json(about, "mail")?;
    Ok(Mail {
        purpose: about.purpose,
        to: about.to,
        user,
        language: about.language,
    })
}
