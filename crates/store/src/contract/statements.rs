//! What a release asks of a database, the next one's database still answers: nodes of both may serve at the same time.
//!
//! `releases/schema-N.sql` holds the statements of the last state of this program whose schema was version N. The file of the
//! present version is held to the sources, and stays behind when a migration makes another one present.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rstest_reuse::apply;
use rusqlite::Connection;

use crate::Store;
use crate::databases::{Empty, Kind, databases};
use crate::schema::MIGRATIONS;

/// Set to write the file of the present version anew.
const KEEP: &str = "KEEP_STATEMENTS";

#[test]
fn the_statements_of_this_release_are_kept_for_the_next_one() {
    let sources = fs::read_dir(directory("src")).unwrap();
    let sources = sources.map(|entry| entry.unwrap().path());
    let sources = sources.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let found: BTreeSet<String> = sources
        .flat_map(|path| statements(&fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.len() > 80, "where are the statements?");
    let lines: String = found.iter().map(|sql| format!("{sql};\n")).collect();
    let file = directory("releases").join(format!("schema-{}.sql", MIGRATIONS.len()));
    if env::var_os(KEEP).is_some() {
        fs::write(&file, &lines).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == lines,
        "{} is not what the sources say: {KEEP}=1 cargo test -p safeconduct-store releases",
        file.display()
    );
}

/// Attacks: A08, E22.
#[apply(databases)]
#[tokio::test]
async fn what_every_release_asks_is_understood(database: Kind) {
    let empty = Empty::of(database);
    Store::open(empty.url()).await.unwrap().close().await;
    let mut releases = 0;
    for entry in fs::read_dir(directory("releases")).unwrap() {
        let file = fs::read_to_string(entry.unwrap().path()).unwrap();
        let asked: Vec<&str> = file.lines().collect();
        assert!(asked.len() > 80);
        match database {
            Kind::Sqlite => {
                let path = empty.url().strip_prefix("sqlite:").unwrap();
                let connection = Connection::open(path).unwrap();
                for sql in asked {
                    connection.prepare(sql).map(drop).unwrap();
                }
            }
            Kind::Postgresql | Kind::Pgbouncer => {
                let prepare = |(number, sql)| format!("PREPARE s{number} AS {sql}\n");
                let asked = asked.iter().filter(|sql| !sql.starts_with("CREATE "));
                let all: String = asked.enumerate().map(prepare).collect();
                empty.sql(&all);
            }
        }
        releases += 1;
    }
    assert!(releases > 1, "there is a release before this one");
}

/// A statement is planned when it is first prepared, which may be on a day when there are no grants yet, and PostgreSQL keeps
/// the plan until it has counted them. So it has to be the plan for many from the start: in by the front of an index.
#[tokio::test]
async fn however_few_grants_there_are_they_are_looked_for_as_if_there_were_many_on_postgresql() {
    let empty = Empty::with_schema(Kind::Postgresql).await;
    let file = format!("schema-{}.sql", MIGRATIONS.len());
    let file = fs::read_to_string(directory("releases").join(file)).unwrap();
    let of_grants = file.lines().filter(|sql| sql.contains(" grants "));
    // What administrators list may take its time.
    let asked = of_grants.filter(|sql| !sql.contains("CAST($1 AS TEXT) IS NULL"));
    let plan = |(number, sql): (usize, &str)| {
        let is_used = |place: &usize| sql.contains(&format!("${place}"));
        let places = (1..100).rev().find(is_used).unwrap();
        let nulls = vec!["NULL"; places].join(", ");
        format!("PREPARE s{number} AS {sql} EXPLAIN EXECUTE s{number}({nulls});\n")
    };
    let all: String = asked.enumerate().map(plan).collect();
    let plans = empty.sql(&format!(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; {all}"
    ));
    let fronts = [
        ("grants_pkey", "(id = "),
        ("grants_of_user", "(user_id = "),
        ("grants_by_end", "(forget_at <"),
    ];
    let mut lines = plans.lines().peekable();
    let mut looked = 0;
    while let Some(line) = lines.next() {
        assert!(!line.contains("Seq Scan on grants"), "{plans}");
        let index = fronts
            .iter()
            .find(|(index, _)| line.contains(&format!("{index} on")));
        if let Some((_, front)) = index.filter(|_| line.contains("Scan")) {
            let condition = lines.next().unwrap();
            assert!(condition.contains(front), "{line}\n{condition}");
            looked += 1;
        }
    }
    assert!(looked > 10, "the plans are not read: {plans}");
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The SQL in a source file: the string literals that begin as a statement does, without those of its tests.
fn statements(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    // A backslash at the end of a line takes the beginning of the next one away.
    let code = lines.fold(String::new(), |code, line| match code.strip_suffix('\\') {
        Some(begun) => format!("{begun}{}", line.trim_start()),
        None => format!("{code}\n{line}"),
    });
    let begins = |text: &str| {
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE "]
            .iter()
            .any(|word| text.starts_with(word))
    };
    let literals = code.split('"').skip(1).step_by(2);
    literals
        .filter(|text| begins(text))
        .map(str::to_owned)
        .collect()
}
