//! Events: what changed that matters to security and administration. One is written in the unit of its change, and only
//! if there is a change; refusals go to logs and metrics. [`EVENTS`] says what there is, and `docs/reference/events.md` is that list.

use std::sync::atomic::{AtomicU64, Ordering};

use safeconduct_protocol::ids::{ClientId, GrantId, UserId};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;

use crate::by::By;
use crate::driver::{DriverError, Row, Statement, Unit};
use crate::error::StoreError;
use crate::store::Store;

/// The columns that [`begun`] binds: the name of an event, when and what, and who did it.
macro_rules! begin {
    ($also:literal) => {
        concat!(
            "INSERT INTO events (id, at, kind, by_kind, by_name, door, address, correlation_id, ",
            $also,
            ") "
        )
    };
}

/// Writes one event.
const RECORD: &str = concat!(
    begin!("user_id, client_id, grant_id, detail"),
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);

/// The same for a grant, unless this write was not the one that revoked it.
const RECORD_REVOCATION: &str = concat!(
    begin!("user_id, client_id, grant_id, detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, g.user_id, g.client_id, g.id, g.revoked_reason FROM grants g \
     WHERE g.id = $9 AND g.revoked_by = $10"
);

/// The same for a grant whose generations in a row were given again so often, $11, unless this write was not the one that counted the
/// last.
const RECORD_SHARED: &str = concat!(
    begin!("user_id, client_id, grant_id"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, g.user_id, g.client_id, g.id FROM grants g \
     WHERE g.id = $9 AND g.retried_by = $10 AND g.retried_in_a_row = $11"
);

/// The same for a user whose last recovery code but so many was used in this unit.
const RECORD_CODE_USED: &str = concat!(
    begin!("user_id, detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, CAST(COUNT(*) AS TEXT) FROM recovery_codes r WHERE r.user_id = $9"
);

/// The same for a user for whom as many codes as $10 were judged in a row, and were not right.
const RECORD_GUESSED: &str = concat!(
    begin!("user_id"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, g.user_id FROM second_factor_guesses g WHERE g.user_id = $9 AND g.judged = $10"
);

/// The same for a passkey of a user, whose name is the detail.
const RECORD_OF_PASSKEY: &str = concat!(
    begin!("user_id, detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, p.user_id, p.name FROM passkeys p WHERE p.id = $9"
);

/// The same for a user who is not in the group $10 yet.
const RECORD_JOINING: &str = concat!(
    begin!("user_id, detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, u.id, CAST($10 AS TEXT) FROM users u WHERE u.id = $9 \
     AND NOT EXISTS (SELECT 1 FROM group_members m WHERE m.user_id = $9 AND m.group_name = $10)"
);

/// The same for a user who is in the group $10.
const RECORD_LEAVING: &str = concat!(
    begin!("user_id, detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, m.user_id, m.group_name FROM group_members m \
     WHERE m.user_id = $9 AND m.group_name = $10"
);

/// The same for a client that users of other groups may use from now on: $10, a line each.
const RECORD_RESTRICTION: &str = concat!(
    begin!("client_id"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, c.id FROM clients c \
     WHERE c.id = $9 AND CAST($10 AS TEXT) IS NOT NULL AND COALESCE(c.groups, '') <> CAST($10 AS TEXT)"
);

/// The same for a group by which users may use a client.
const RECORD_ADMITTING_GROUP: &str = concat!(
    begin!("detail"),
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS TEXT) \
     WHERE EXISTS (SELECT 1 FROM client_groups c WHERE c.group_name = CAST($9 AS TEXT))"
);

const BUMP_REVISION: &str = "UPDATE revision SET number = number + 1";

/// What [`read`] takes of a row.
macro_rules! columns {
    () => {
        "id, at, kind, user_id, client_id, grant_id, detail, by_kind, by_name, door, address, correlation_id, times, name_hash"
    };
}

pub(crate) use columns;

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events WHERE id > $1 ORDER BY id LIMIT $2"
);

/// Those of one user, the newest first. $2 is the name of the one before which they were, or behind every name there can be.
const OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM events WHERE user_id = $1 AND id < $2 AND kind <> 'sign-in-failed' ORDER BY id DESC LIMIT $3"
);

/// Sorts behind the name of every event, which begins with a hexadecimal digit.
const BEHIND_ALL: &str = "g";

/// Every event there is: its kind, what it is about, and what its detail is.
#[rustfmt::skip]
static EVENTS: &[(&str, &str, &str)] = &[
    ("cluster-created", "", "the issuer"),
    ("era-begun", "", ""),
    ("catalog-changed", "", ""),
    ("client-created", "client", "`declared` where the configuration did it"),
    ("client-updated", "client", "`declared` where the configuration did it"),
    ("client-restricted", "client", ""),
    ("client-secret-added", "client", ""),
    ("client-secret-ended", "client", ""),
    ("client-secret-rehashed", "client", ""),
    ("client-disabled", "client", "`no longer declared` where the configuration did it"),
    ("client-enabled", "client", ""),
    ("client-deleted", "client", ""),
    ("user-added", "user", ""),
    ("user-renamed", "user", ""),
    ("user-signed-up", "user", "`invited` where an operator's link did it"),
    ("users-imported", "", ""),
    ("claims-updated", "user", "`email` where its user confirmed another address"),
    ("password-set", "user", "`invite` or `recover` where a link did it; `others ended` where its owner ended everything else by it"),
    ("link-made", "user", "`invite`, `recover` or `sign-up-invite`, by command"),
    ("links-ended", "user", ""),
    ("second-factor-added", "user", "`totp`"),
    ("second-factor-removed", "user", "`totp`"),
    ("passkey-added", "user", "its name"),
    ("passkey-renamed", "user", "its new name"),
    ("passkey-removed", "user", "its name"),
    ("passkey-backup-eligible", "user", "its name"),
    ("passkey-count-behind", "user", "`let in` or `refused`"),
    ("recovery-codes-made", "user", ""),
    ("recovery-code-used", "user", "how many are left"),
    ("second-factor-guessed", "user", ""),
    ("user-locked", "user", ""),
    ("user-unlocked", "user", ""),
    ("user-deleted", "user", ""),
    ("group-added", "", "the group"),
    ("group-changed", "", "the group"),
    ("group-removed", "", "the group"),
    ("admitting-group-removed", "", "the group"),
    ("group-member-added", "user", "the group"),
    ("group-member-removed", "user", "the group"),
    ("administrator-added", "user", ""),
    ("administrator-removed", "user", ""),
    ("administrators-guarded", "user if of one", "what was refused"),
    ("session-started", "user", "the session"),
    ("sign-in-failed", "user if known, client", "why"),
    ("session-ended", "user", "the session"),
    ("sessions-ended", "user", "the session that goes on, if one does"),
    ("all-sessions-ended", "", ""),
    ("consent-given", "user, client", "the API"),
    ("consent-withdrawn", "user, client", ""),
    ("access-removed", "user, client", ""),
    ("grant-revoked", "user, client, grant", "why"),
    ("grants-revoked", "user, client if of one", "why"),
    ("refresh-token-shared", "user, client, grant", ""),
    ("access-token-revoked", "client", "the token's `jti`"),
    ("logout-undelivered", "user, client", "the session"),
    ("mail-undelivered", "user", "what it was about"),
    ("event-undelivered", "", "the receiver"),
    ("message-retried", "user, client of a logout", "`mail`, `logout` or `event`"),
    ("message-dropped", "user, client of a logout", "`mail`, `logout` or `event`"),
    ("receiver-paused", "", "the receiver"),
    ("receiver-resumed", "", "the receiver"),
    ("receiver-forgotten", "", "the receiver"),
    ("keys-added", "", ""),
    ("keys-replaced", "", ""),
    ("key-promoted", "", ""),
    ("key-deleted", "", "the key"),
    ("master-key-announced", "", "the master key"),
    ("master-key-abandoned", "", "the master key"),
    ("master-key-wraps", "", "the master key"),
    ("master-key-activated", "", "the master key"),
];

/// The kinds of events, each with what it is about and what its detail is.
pub fn event_kinds() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    EVENTS.iter().copied()
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; sorts by time.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What, like `grant-revoked`.
    pub kind: String,
    /// The user it is about.
    pub user: Option<UserId>,
    /// The client it is about.
    pub client: Option<ClientId>,
    /// The grant it is about.
    pub grant: Option<GrantId>,
    /// What else there is to say; never a secret.
    pub detail: Option<String>,
    /// How often, where several are told as one.
    pub times: u64,
    /// The keyed hash of a name that was typed and may be nobody's.
    pub name_hash: Option<String>,
    /// Who did it, and how.
    pub by: By,
}

impl Store {
    /// At most `limit` events after the one named `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, after: Option<&str>, limit: u32) -> Result<Vec<Event>, StoreError> {
        let statement = Statement::new(LIST)
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit));
        Ok(self.list(statement, read).await?)
    }

    /// At most `limit` events about `user` before the one named `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_of(
        &self,
        user: &UserId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let statement = Statement::new(OF_USER)
            .bind(user.as_str())
            .bind(before.unwrap_or(BEHIND_ALL))
            .bind(i64::from(limit));
        Ok(self.list(statement, read).await?)
    }
}

pub(crate) fn read(row: &mut Row) -> Result<Event, DriverError> {
    let optional = |text: Option<String>| text.unwrap_or_default();
    Ok(Event {
        id: row.text()?,
        at: row.time()?,
        kind: row.text()?,
        user: UserId::parse(&optional(row.optional_text()?)),
        client: ClientId::parse(&optional(row.optional_text()?)),
        grant: GrantId::parse(&optional(row.optional_text()?)),
        detail: row.optional_text()?,
        by: By::read(row)?,
        times: row.optional_integer()?.map_or(1, i64::unsigned_abs),
        name_hash: row.optional_text()?,
    })
}

/// An event about to be written.
#[derive(Clone, Copy, Default)]
pub(crate) struct NewEvent<'a> {
    kind: &'static str,
    user: Option<&'a UserId>,
    client: Option<&'a ClientId>,
    detail: Option<&'a str>,
}

impl<'a> NewEvent<'a> {
    pub(crate) fn new(kind: &'static str) -> Self {
        debug_assert!(EVENTS.iter().any(|(listed, ..)| *listed == kind), "{kind}");
        Self {
            kind,
            ..Self::default()
        }
    }

    pub(crate) fn user(self, user: &'a UserId) -> Self {
        Self {
            user: Some(user),
            ..self
        }
    }

    pub(crate) fn client(self, client: &'a ClientId) -> Self {
        Self {
            client: Some(client),
            ..self
        }
    }

    pub(crate) fn detail(self, detail: &'a str) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// The statement that writes it: `by` did it.
    pub(crate) fn by(self, by: &By, now: Timestamp) -> Statement {
        begun(RECORD, event_id(now), self.kind, by, now)
            .bind(self.user.map(UserId::as_str))
            .bind(self.client.map(ClientId::as_str))
            .bind(None::<&str>)
            .bind(self.detail)
    }
}

/// `sql` with the values of its first eight parameters.
fn begun(sql: &'static str, id: String, kind: &'static str, by: &By, now: Timestamp) -> Statement {
    debug_assert!(EVENTS.iter().any(|(listed, ..)| *listed == kind), "{kind}");
    by.bind_to(Statement::new(sql).bind(id).bind(now).bind(kind))
}

/// Writes that `grant` was revoked, if the write named `attempt` did it.
pub(crate) fn record_revocation(
    grant: GrantId,
    attempt: &str,
    by: &By,
    now: Timestamp,
) -> Statement {
    begun(RECORD_REVOCATION, event_id(now), "grant-revoked", by, now)
        .bind(grant.to_string())
        .bind(attempt)
}

/// Writes that two holders may use the refresh tokens of `grant`, if the write named `attempt` counted the generation that makes it
/// `in_a_row`.
pub(crate) fn record_shared(
    grant: GrantId,
    attempt: &str,
    in_a_row: i64,
    by: &By,
    now: Timestamp,
) -> Statement {
    begun(
        RECORD_SHARED,
        event_id(now),
        "refresh-token-shared",
        by,
        now,
    )
    .bind(grant.to_string())
    .bind(attempt)
    .bind(in_a_row)
}

/// Writes that `kind` happened to the passkey of this id, as it is called at that point of the unit.
pub(crate) fn record_of_passkey(
    kind: &'static str,
    id: &[u8],
    by: &By,
    now: Timestamp,
) -> Statement {
    begun(RECORD_OF_PASSKEY, event_id(now), kind, by, now).bind(id)
}

/// Writes that `user` used a recovery code, and how many are left.
pub(crate) fn record_code_used(user: &UserId, by: &By, now: Timestamp) -> Statement {
    begun(
        RECORD_CODE_USED,
        event_id(now),
        "recovery-code-used",
        by,
        now,
    )
    .bind(user.as_str())
}

/// Writes that the codes of `user` are being guessed, if just as many as `most` were judged by now; and the id of that event.
pub(crate) fn record_guessed(
    user: &UserId,
    most: i64,
    by: &By,
    now: Timestamp,
) -> (String, Statement) {
    let id = event_id(now);
    let record = begun(RECORD_GUESSED, id.clone(), "second-factor-guessed", by, now)
        .bind(user.as_str())
        .bind(most);
    (id, record)
}

/// Writes that `user` joins or leaves `group`, unless that is how it is at this point of the unit; and the id of that event.
pub(crate) fn record_membership(
    joins: bool,
    user: &UserId,
    group: &str,
    by: &By,
    now: Timestamp,
) -> (String, Statement) {
    let (sql, kind) = match joins {
        true => (RECORD_JOINING, "group-member-added"),
        false => (RECORD_LEAVING, "group-member-removed"),
    };
    let id = event_id(now);
    let record = begun(sql, id.clone(), kind, by, now)
        .bind(user.as_str())
        .bind(group);
    (id, record)
}

/// Writes that users of other `groups` may use `client` from now on, unless it stands so already.
pub(crate) fn record_restriction(
    client: &ClientId,
    groups: Option<&str>,
    by: &By,
    now: Timestamp,
) -> Statement {
    begun(
        RECORD_RESTRICTION,
        event_id(now),
        "client-restricted",
        by,
        now,
    )
    .bind(client.as_str())
    .bind(groups)
}

/// Writes that `group` goes, if clients may be used by who is in it.
pub(crate) fn record_admitting_group(group: &str, by: &By, now: Timestamp) -> Statement {
    let kind = "admitting-group-removed";
    begun(RECORD_ADMITTING_GROUP, event_id(now), kind, by, now).bind(group)
}

/// `unit` as an administrative write: whoever holds a copy of the catalog learns of it, and it is remembered.
pub(crate) fn administrative(unit: Unit, event: NewEvent<'_>, by: &By, now: Timestamp) -> Unit {
    unit.then(Statement::new(BUMP_REVISION))
        .then(event.by(by, now))
}

impl Event {
    /// Whether `text` can be the id of an event.
    pub fn is_id(text: &str) -> bool {
        text.len() == 48 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Hexadecimal digits alone, which every collation sorts alike: the second, a count within this process, chance.
fn event_id(now: Timestamp) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let chance = u64::from_be_bytes(random::bytes());
    format!("{:016x}{count:016x}{chance:016x}", now.seconds().max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lists_what_there_is() {
        let page = include_str!("../../../docs/reference/events.md");
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|line| !line.starts_with("| kind |"))
            .filter(|line| line.starts_with("| `"))
            .collect();
        let listed: Vec<String> = EVENTS
            .iter()
            .map(|(kind, about, detail)| format!("| `{kind}` | {about} | {detail} |"))
            .collect();
        assert_eq!(rows, listed);
    }

    #[test]
    fn what_is_listed_is_written_somewhere() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut sources = String::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &std::fs::read_to_string(path).unwrap();
            }
        }
        // Once in the list, and where it happens.
        for (kind, ..) in EVENTS {
            let written = sources.matches(&format!("\"{kind}\"")).count() > 1;
            assert!(written, "{kind}");
        }
    }
}
