//! The databases that the tests run on. `#[apply(databases)]` makes two tests of a claim, one for each; those that end in
//! `_on_postgresql` need an installed PostgreSQL, of which they share one server. `#[apply(drivers)]` makes a third one, through
//! an installed PgBouncer.

use std::sync::LazyLock;

use rstest_reuse::template;
use safeconduct_testing_postgres::{Database, Pooler, Postgres};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::Store;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgresql,
    Pgbouncer,
}

#[template]
#[rstest::rstest]
#[case::on_sqlite(Kind::Sqlite)]
#[case::on_postgresql(Kind::Postgresql)]
fn databases(#[case] database: Kind) {}

#[template]
#[rstest::rstest]
#[case::on_sqlite(Kind::Sqlite)]
#[case::on_postgresql(Kind::Postgresql)]
#[case::through_pgbouncer(Kind::Pgbouncer)]
fn drivers(#[case] database: Kind) {}

/// An empty database, gone with this handle.
pub(crate) struct Empty {
    url: String,
    kept: Storage,
}

enum Storage {
    Directory(#[expect(dead_code, reason = "it is kept for its end")] TempDir),
    Database(Database),
}

impl Empty {
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let directory = TempDir::new().unwrap();
                Self {
                    url: format!("sqlite:{}", directory.path().join("test.db").display()),
                    kept: Storage::Directory(directory),
                }
            }
            Kind::Pgbouncer => {
                static POOLER: LazyLock<Pooler> =
                    LazyLock::new(|| Pooler::start(Postgres::shared()));
                let database = Postgres::shared().create_database();
                Self {
                    url: POOLER.url(&database),
                    kept: Storage::Database(database),
                }
            }
            Kind::Postgresql => {
                let database = Postgres::shared().create_database();
                Self {
                    url: database.url(),
                    kept: Storage::Database(database),
                }
            }
        }
    }

    /// One that has its schema already, where making it takes time.
    pub(crate) async fn with_schema(kind: Kind) -> Self {
        static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
        if kind != Kind::Postgresql {
            return Self::of(kind);
        }
        let template = TEMPLATE.get_or_init(async || {
            let database = Postgres::shared().create_database();
            Store::open(&database.url()).await.unwrap().close().await;
            database
        });
        let database = Postgres::shared().create_database_like(template.await.name());
        Self {
            url: database.url(),
            kept: Storage::Database(database),
        }
    }

    /// Another one with everything that is in this one, to which nobody may be connected.
    pub(crate) fn copy(&self) -> Self {
        match &self.kept {
            Storage::Directory(_) => {
                let copy = Self::of(Kind::Sqlite);
                let [from, to] = [self, &copy].map(|one| one.url.strip_prefix("sqlite:").unwrap());
                std::fs::copy(from, to).unwrap();
                copy
            }
            Storage::Database(database) => {
                let database = Postgres::shared().create_database_like(database.name());
                Self {
                    url: database.url(),
                    kept: Storage::Database(database),
                }
            }
        }
    }

    /// Runs SQL in it that no driver is asked for, on PostgreSQL.
    pub(crate) fn sql(&self, sql: &str) -> String {
        match &self.kept {
            Storage::Database(database) => database.sql(sql),
            Storage::Directory(_) => panic!("this database is a file"),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
