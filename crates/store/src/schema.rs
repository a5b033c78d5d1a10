//! The schema: forward-only migrations, and which of them a database still lacks. Running them under a lock is the
//! driver's part.
//!
//! Until 0.1.0 is released there is one migration, which is edited in place: a database that an older development build made is
//! refused. From then on a released migration never changes; what it got wrong, a later one puts right. Nodes of two releases serve
//! one database while it is upgraded, so that each migration leaves the release before it everything it asks for: it adds tables,
//! and columns that may be NULL or have a default (expand); what no release asks for any more is taken away one release later
//! (contract).
//!
//! One text serves both databases: the column types are TEXT, BIGINT and BYTEA, which SQLite takes as it takes any type name
//! (bytes stay bytes under every affinity it could derive from it).

use crate::driver::OpenError;

/// One step of the schema.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    /// Counts from 1 without a gap.
    pub(crate) version: i64,
    /// What it is for, as in the file's name.
    pub(crate) name: &'static str,
    /// Its statements.
    pub(crate) sql: &'static str,
}

/// Every migration of this release, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "foundation",
    sql: include_str!("../migrations/V1__foundation.sql"),
}];

/// Where a database remembers what was run on it. The text is kept whole, so that a difference can be looked at.
pub(crate) const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_history \
     (version BIGINT PRIMARY KEY, name TEXT NOT NULL, sql TEXT NOT NULL)";

/// Reads `version` and `sql` of what was run, oldest first.
pub(crate) const READ_HISTORY: &str = "SELECT version, sql FROM schema_history ORDER BY version";

/// Notes one migration: version, name, sql.
pub(crate) const WRITE_HISTORY: &str =
    "INSERT INTO schema_history (version, name, sql) VALUES ($1, $2, $3)";

/// The migrations that a database lacks, given the version and text of those it has, oldest first.
///
/// # Errors
/// [`OpenError::Newer`] for a schema from a later release, [`OpenError::Divergent`] for one that no release made.
pub(crate) fn pending<'m>(
    migrations: &'m [Migration],
    applied: &[(i64, String)],
) -> Result<&'m [Migration], OpenError> {
    for (position, (version, sql)) in applied.iter().enumerate() {
        match migrations.get(position) {
            None => {
                let found = applied.last().map_or(*version, |(last, _)| *last);
                return Err(OpenError::Newer {
                    found,
                    known: migrations.len() as i64,
                });
            }
            Some(migration) if migration.version != *version || migration.sql != sql => {
                return Err(OpenError::Divergent { version: *version });
            }
            Some(_) => {}
        }
    }
    Ok(&migrations[applied.len()..])
}

/// One step of the schema, and whether a database has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStep {
    /// Counts from 1.
    pub version: i64,
    /// What it is for, in a word or two.
    pub name: &'static str,
    /// Whether it was run on the database.
    pub applied: bool,
}

/// Every step of this release, given the version and text of those that a database has taken, oldest first.
///
/// # Errors
/// As [`pending`].
pub(crate) fn steps(applied: &[(i64, String)]) -> Result<Vec<SchemaStep>, OpenError> {
    pending(MIGRATIONS, applied)?;
    let steps = MIGRATIONS
        .iter()
        .enumerate()
        .map(|(position, migration)| SchemaStep {
            version: migration.version,
            name: migration.name,
            applied: position < applied.len(),
        });
    Ok(steps.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TWO: &[Migration] = &[
        Migration {
            version: 1,
            name: "one",
            sql: "ONE",
        },
        Migration {
            version: 2,
            name: "two",
            sql: "TWO",
        },
    ];

    fn applied(texts: &[&str]) -> Vec<(i64, String)> {
        (1..)
            .zip(texts.iter().map(|text| (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_database_lacks_what_was_not_run_on_it() {
        assert_eq!(pending(TWO, &applied(&[])).unwrap(), TWO);
        assert_eq!(pending(TWO, &applied(&["ONE"])).unwrap(), &TWO[1..]);
        assert_eq!(pending(TWO, &applied(&["ONE", "TWO"])).unwrap(), &[]);
    }

    #[test]
    fn a_schema_of_a_later_release_is_refused() {
        let refusal = pending(TWO, &applied(&["ONE", "TWO", "THREE", "FOUR"])).unwrap_err();
        assert!(
            matches!(refusal, OpenError::Newer { found: 4, known: 2 }),
            "{refusal}"
        );
    }

    #[test]
    fn a_schema_of_another_text_is_refused() {
        let refusal = pending(TWO, &applied(&["ONE", "two"])).unwrap_err();
        assert!(
            matches!(refusal, OpenError::Divergent { version: 2 }),
            "{refusal}"
        );
    }

    /// It had migrations of its own, of which the first was another one.
    #[test]
    fn a_schema_of_an_older_development_build_is_refused_as_that() {
        let refusal = pending(&TWO[..1], &applied(&["AN OLDER ONE", "TWO"])).unwrap_err();
        assert!(
            refusal.to_string().contains("older development build"),
            "{refusal}"
        );
    }

    #[test]
    fn every_migration_file_is_run_in_its_order() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let files: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: Vec<String> = MIGRATIONS
            .iter()
            .map(|migration| format!("V{}__{}.sql", migration.version, migration.name))
            .collect();
        assert_eq!(files.len(), listed.len());
        assert!(
            listed.iter().all(|name| files.contains(name)),
            "{files:?} against {listed:?}"
        );
        assert!(
            MIGRATIONS
                .iter()
                .zip(1..)
                .all(|(migration, version)| migration.version == version)
        );
    }
}
