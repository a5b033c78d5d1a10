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
