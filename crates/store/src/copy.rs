//! Copying a whole database into a new one, of the same kind or the other: from one moment of the source, into one transaction
//! of the target. Issuer, cluster, era and keys come along, so that what was handed out before is good afterwards.

use std::sync::LazyLock;

use thiserror::Error;

use crate::driver::DriverError;
use crate::driver::transfer::{FillError, Part, Table, Tally, way};
use crate::error::StoreError;
use crate::store::Store;

/// Every table with its columns, but for the history of the schema, which the target has of its own.
pub(crate) const COLUMNS: &[(&str, &str)] = &[
    ("meta", "one, issuer, cluster_id, era, key_check"),
    ("revision", "one, number"),
    (
        "users",
        "id, username, username_key, username_bytes, name, claims, epoch, locked_at, created_at, updated_at, deleted_at, \
         declined_offers, passkey_handle, link_version, address_key, email_key, labels, version",
    ),
    (
        "credentials",
        "user_id, kind, name, sealed, sealed_by, cost, counter, changed_at",
    ),
    (
        "passkeys",
        "id, user_id, public_key, sign_count, backup_eligible, backed_up, transports, rp_id, name, created_at, last_used_at",
    ),
    ("recovery_codes", "user_id, hash, hashed_by, created_at"),
    ("second_factor_guesses", "user_id, judged, resets_at"),
    (
        "groups",
        "name, id, display, second_factor_required, declared, version, created_at, changed_at",
    ),
    ("group_members", "user_id, group_name, added_at"),
    ("external_ids", "client_id, kind, resource_id, external_id"),
    (
        "sessions",
        "id, hash, user_id, user_epoch, factors, started_at, last_seen_at, idle_expires_at, absolute_expires_at, device",
    ),
    (
        "clients",
        "id, registration, version, enabled, declared, epoch, groups, created_at, deleted_at",
    ),
    ("client_groups", "client_id, group_name"),
    (
        "client_secrets",
        "id, client_id, hash, hashed_by, created_at, expires_at, by_kind, by_name, last_four, last_used_at",
    ),
    ("scopes", "name, position, description"),
    ("resources", "uri, position, description"),
    ("consents", "user_id, client_id, epoch, scopes, changed_at"),
    (
        "grants",
        "id, code_id, attempt, era, client_id, user_id, session_id, offline, scope, audience, factors, acr, \
         user_epoch, client_epoch, consent_epoch, generation, rotated_at, rotated_by, retries, retried_generation, \
         retried_in_a_row, retried_by, created_at, last_used_at, expires_at, idle_expires_at, forget_at, revoked_at, \
         revoked_reason, revoked_by, dpop_jkt, claims",
    ),
    ("used_ids", "kind, owner, hash, expires_at"),
    ("revoked_tokens", "jti, client_id, expires_at"),
    (
        "keys",
        "id, purpose, state, sealed, master, created_at, activated_at, retired_at",
    ),
    (
        "events",
        "id, at, kind, user_id, client_id, grant_id, detail, by_kind, by_name, door, address, correlation_id, times, name_hash, \
         number",
    ),
    ("event_numbers", "one, last"),
    ("event_receivers", "name, last, failing_since, paused_at"),
    (
        "session_clients",
        "session_id, client_id, user_id, offline, ends_at",
    ),
    (
        "outbox",
        "id, kind, recipient, user_id, about, created_at, attempts, next_at, last_answer",
    ),
    (
        "given_up_messages",
        "id, kind, recipient, user_id, about, created_at, attempts, last_answer, given_up_at",
    ),
    ("idempotency_keys", "hash, request, answer, expires_at"),
    (
        "mail_budgets",
        "recipient, topic, mails, resets_at, last_mail",
    ),
    ("guesses", "node, version, written_at, spent"),
    ("time_marks", "era, at, number, forgotten"),
    ("master_keys", "id, place, wrapping, changed_at"),
    ("master_key_answers", "node, master, proof, answered_at"),
];

/// What a new database has in it before anybody has used it.
const CLEAR: &[(&str, &str)] = &[
    ("revision", "DELETE FROM revision"),
    ("event_numbers", "DELETE FROM event_numbers"),
];

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let tables = COLUMNS.iter().map(|(name, columns)| {
        let clear = CLEAR.iter().find(|(table, _)| table == name);
        Table::new(name, columns, clear.map(|(_, clear)| *clear))
    });
    tables.collect()
});

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// Its name.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// Why a database was not copied. The target is as it was before.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyError {
    /// The source was never used.
    #[error("there is nothing to copy: no server was ever started on the source")]
    Unused,
    /// The target holds something.
    #[error("the target is in use (its table {table} has rows): name a new database")]
    NotEmpty {
        /// The first table with a row in it.
        table: &'static str,
    },
    /// Not as many rows arrived as were read.
    #[error(
        "of {table}, {read} rows were read and {written} are there: nothing was kept of the copy"
    )]
    Miscounted {
        /// The table.
        table: &'static str,
        /// Rows of the source.
        read: u64,
        /// Rows of the target.
        written: u64,
    },
    /// A row of the source is not one that the target can hold.
    #[error("a row of the source cannot be kept in the target: {0}")]
    Unfit(String),
    /// Somebody wrote to the source while it was read, and goes on to do so.
    #[error("the source was written to while it was copied: nothing was kept of the copy")]
    Changed,
    /// The source failed.
    #[error("the source failed: {0}")]
    Source(StoreError),
    /// The target failed. After [`StoreError::CommitUnknown`] it may hold the whole copy, and is [`NotEmpty`](Self::NotEmpty) then.
    #[error("the target failed: {0}")]
    Target(StoreError),
}

impl Store {
    /// How many rows each table has that is [copied](Self::copy_from).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_rows(&self) -> Result<Vec<TableRows>, StoreError> {
        Ok(named(self.driver().count(&TABLES).await?))
    }

    /// Copies everything that is in `source`, as of one moment, into this database, which nobody has used: all of it or nothing.
    /// `progress` hears of every few hundred rows: the table, and how many of it have come. Gives the rows of each table, as they
    /// were counted on both sides.
    ///
    /// What happens at the source after that moment is not in the copy: a code that is redeemed there could be redeemed here again.
    /// Whoever copies stops the source's servers first, and starts none on it afterwards. One that was forgotten shows when the
    /// source is read for the second time, before anything is kept.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn copy_from(
        &self,
        source: &Store,
        mut progress: impl FnMut(&'static str, u64),
    ) -> Result<Vec<TableRows>, CopyError> {
        let cluster = source.cluster().await.map_err(CopyError::Source)?;
        if cluster.is_none() {
            return Err(CopyError::Unused);
        }
        let (sink, mut coming) = way();
        let (going, end) = way();
        let passing = async {
            let mut tally = Tally::of_none(TABLES.len());
            while let Some(part) = coming.recv().await {
                match &part {
                    Part::Rows { table, rows } => {
                        progress(TABLES[*table].name, tally.add(*table, rows));
                    }
                    Part::End(_) => {
                        // The target keeps nothing of what has no end.
                        if source.tally().await? != tally {
                            return Err(CopyError::Changed);
                        }
                    }
                }
                if going.send(part).await.is_err() {
                    break;
                }
            }
            // From here on neither side waits for the other.
            drop((coming, going));
            Ok(tally)
        };
        let (read, passed, written) = tokio::join!(
            source.driver().dump(&TABLES, sink),
            passing,
            self.driver().fill(&TABLES, end)
        );
        let tally = passed?;
        match (written, read) {
            (Ok(()), _) => Ok(named(tally.into_counts())),
            (Err(FillError::Cut), Err(error)) => Err(CopyError::Source(error.into())),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// What is there to be copied.
    async fn tally(&self) -> Result<Tally, CopyError> {
        let (sink, mut coming) = way();
        let adding = async {
            let mut tally = Tally::of_none(TABLES.len());
            while let Some(part) = coming.recv().await {
                if let Part::Rows { table, rows } = part {
                    tally.add(table, &rows);
                }
            }
            tally
        };
        let (read, tally) = tokio::join!(self.driver().dump(&TABLES, sink), adding);
        let read = read.map(|()| tally);
        read.map_err(|error| CopyError::Source(error.into()))
    }
}

fn named(counts: Vec<u64>) -> Vec<TableRows> {
    let counts = TABLES.iter().zip(counts);
    counts
        .map(|(table, rows)| TableRows {
            table: table.name,
            rows,
        })
        .collect()
}

impl From<FillError> for CopyError {
    fn from(error: FillError) -> Self {
        match error {
            FillError::NotEmpty(table) => Self::NotEmpty { table },
            FillError::Miscounted {
                table,
                read,
                written,
            } => Self::Miscounted {
                table,
                read,
                written,
            },
            FillError::Cut => Self::Source(StoreError::Unavailable(
                "it was not read to its end".to_owned(),
            )),
            FillError::Driver(DriverError::Constraint(reason)) => Self::Unfit(reason),
            FillError::Driver(error) => Self::Target(error.into()),
        }
    }
}
