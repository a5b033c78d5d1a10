//! Running migrations on PostgreSQL: all that are missing or none, and one node at a time, whichever starts first.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::failure::refusal;
use crate::driver::OpenError;
use crate::schema::{self, Migration};

/// Who upgrades holds this lock until the end of the transaction: "Safecond" in ASCII.
const LOCK: i64 = 0x5361_6665_636f_6e64;

/// Others that start at the same time wait here. Then nothing may keep a table busy for long: behind an upgrade that waits for
/// one, every request that needs it waits, too.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '60s'";

const IMPATIENT: &str = "SET LOCAL lock_timeout = '3s'";

/// Whether there is a history that can be read, as t or f.
const HAS_HISTORY: &str = "SELECT to_regclass('schema_history') IS NOT NULL";

/// The first of our tables that we may not use as the store does. Whoever migrated owns them all, and nothing else is ours.
pub(super) const FORBIDDEN: &str = "SELECT CAST('schema_history' AS TEXT) WHERE to_regclass('schema_history') IS NULL UNION ALL \
     SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND (relnamespace, relowner) = \
     (SELECT relnamespace, relowner FROM pg_class WHERE oid = to_regclass('schema_history')) \
     AND NOT (has_table_privilege(oid, 'SELECT') AND (relkind = 'v' OR relname = 'schema_history' OR \
     (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')))) \
     ORDER BY 1 LIMIT 1";

/// Whether we may make tables, and change those that are there, as t or f.
const MAY_MIGRATE: &str = "SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AND COALESCE( \
     (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('schema_history')), true)";

/// How many connections we could have at most, were we alone.
const ROOM: &str = "SELECT LEAST(CAST(current_setting('max_connections') AS INT) \
     - CAST(current_setting('superuser_reserved_connections') AS INT), \
     (SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user), \
     (SELECT NULLIF(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))";

/// A schema, over a connection that nobody else uses.
pub(super) struct Schema<'a> {
    pub(super) client: &'a Client,
    /// What errors call the database.
    pub(super) server: &'a str,
}

impl Schema<'_> {
    /// Version and text of what was run on the database, oldest first.
    pub(super) async fn history(&self) -> Result<Vec<(i64, String)>, OpenError> {
        if self.word(HAS_HISTORY).await?.as_deref() != Some("t") {
            return Ok(Vec::new());
        }
        let rows = self.ask(schema::READ_HISTORY).await?;
        let read = |row: Vec<Option<String>>| {
            let mut columns = row.into_iter();
            let version = columns.next()??.parse().ok()?;
            Some((version, columns.next()??))
        };
        rows.into_iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or_else(|| OpenError::Taken {
                server: self.server.to_owned(),
                reason: "schema_history is not ours".to_owned(),
            })
    }

    /// Runs what the database lacks of `migrations`, and says how many those were.
    pub(super) async fn upgrade(&self, migrations: &[Migration]) -> Result<usize, OpenError> {
        if schema::pending(migrations, &self.history().await?)?.is_empty() {
            return Ok(0);
        }
        self.run(BEGIN).await?;
        self.run(&format!(
            "SELECT pg_advisory_xact_lock({LOCK}); {IMPATIENT}"
        ))
        .await?;
        self.run(schema::CREATE_HISTORY).await?;
        // Read again: another node may have come first while this one waited for the lock.
        let missing = schema::pending(migrations, &self.history().await?)?;
        for migration in missing {
            self.run(migration.sql).await?;
            let row = [
                (
                    &migration.version as &(dyn tokio_postgres::types::ToSql + Sync),
                    Type::INT8,
                ),
                (&migration.name, Type::TEXT),
                (&migration.sql, Type::TEXT),
            ];
            let written = self.client.execute_typed(schema::WRITE_HISTORY, &row).await;
            written.map_err(|error| self.refusal(&error))?;
            let (version, name) = (migration.version, migration.name);
            tracing::info!(version, name, "the database schema was upgraded");
        }
        self.run("COMMIT").await?;
        Ok(missing.len())
    }

    /// Refuses a user who may not read and write all of it, which would show only when somebody asks for what needs it.
    pub(super) async fn may_be_used(&self) -> Result<(), OpenError> {
        match self.word(FORBIDDEN).await? {
            None => Ok(()),
            Some(table) => Err(self.denied(format!("permission denied for table {table}"))),
        }
    }

    /// Refuses a user who could not take a step of the schema.
    pub(super) async fn may_be_migrated(&self) -> Result<(), OpenError> {
        if self.word(MAY_MIGRATE).await?.as_deref() == Some("t") {
            return Ok(());
        }
        Err(self.denied("it may not make or change tables".to_owned()))
    }

    /// Refuses a server that would not give one node all the connections it may want.
    pub(super) async fn has_room_for(&self, pool_size: usize) -> Result<(), OpenError> {
        let room = self.word(ROOM).await?.and_then(|room| room.parse().ok());
        match room {
            Some(room) if room < pool_size => Err(OpenError::Crowded {
                server: self.server.to_owned(),
                room,
                pool_size,
            }),
            _ => Ok(()),
        }
    }

    /// Says in the log what only the server's operator can judge: it is right for a test, and for nothing else.
    pub(super) async fn warn_of_forgetting(&self) -> Result<(), OpenError> {
        if self.word("SHOW fsync").await?.as_deref() == Some("off") {
            let server = self.server;
            tracing::warn!(
                server,
                "PostgreSQL runs with fsync = off: a power cut loses what was answered"
            );
        }
        Ok(())
    }

    async fn run(&self, sql: &str) -> Result<(), OpenError> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| self.refusal(&error))
    }

    /// The first column of the first row.
    async fn word(&self, sql: &str) -> Result<Option<String>, OpenError> {
        let first = self.ask(sql).await?.into_iter().next();
        Ok(first.and_then(|row| row.into_iter().next()).flatten())
    }

    /// The rows of a statement without parameters, as text, prepared nowhere.
    async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, OpenError> {
        let messages = self.client.simple_query(sql).await;
        let messages = messages.map_err(|error| self.refusal(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows
            .map(|row| {
                (0..row.len())
                    .map(|index| row.get(index).map(str::to_owned))
                    .collect()
            })
            .collect())
    }

    fn denied(&self, reason: String) -> OpenError {
        OpenError::Rights {
            server: self.server.to_owned(),
            reason,
        }
    }

    fn refusal(&self, error: &Error) -> OpenError {
        refusal(self.server, error)
    }
}
