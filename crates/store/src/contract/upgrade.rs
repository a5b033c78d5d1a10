//! The steps of the schema as operators take them. What two releases on one database need is tested with made-up steps, beside each
//! driver.

use rstest_reuse::apply;

use crate::databases::{Empty, Kind, databases};
use crate::driver::Statement;
use crate::{OpenError, Store};

#[apply(databases)]
#[tokio::test]
async fn a_plan_changes_nothing_and_migrating_takes_what_is_missing(database: Kind) {
    let empty = Empty::of(database);
    for _ in 0..2 {
        let plan = Store::migrations(empty.url()).await.unwrap();
        assert!(plan.iter().all(|step| !step.applied), "{plan:?}");
        assert_eq!(plan[0].name, "foundation");
    }
    let taken = Store::migrate(empty.url()).await.unwrap();
    assert!(!taken.is_empty() && taken.iter().all(|step| step.applied));
    assert_eq!(Store::migrations(empty.url()).await.unwrap(), taken);
    assert_eq!(Store::migrate(empty.url()).await.unwrap(), []);
}

#[apply(databases)]
#[tokio::test]
async fn of_several_who_migrate_at_once_one_says_that_it_did(database: Kind) {
    let empty = Empty::of(database);
    let url = empty.url();
    let (one, two, three) = tokio::join!(
        Store::migrate(url),
        Store::migrate(url),
        Store::migrate(url)
    );
    let mut taken = [one, two, three].map(|taken| taken.unwrap().len());
    taken.sort_unstable();
    let all = Store::migrations(url).await.unwrap().len();
    assert_eq!(taken, [0, 0, all]);
}

/// It had steps of its own, of which the first was another one and there were more of them.
#[apply(databases)]
#[tokio::test]
async fn a_database_of_an_older_development_build_is_refused_and_left_as_it_is(database: Kind) {
    let empty = Empty::of(database);
    let store = Store::open(empty.url()).await.unwrap();
    for older in [
        "UPDATE schema_history SET sql = 'CREATE TABLE users (id TEXT)'",
        "INSERT INTO schema_history (version, name, sql) VALUES (2, 'openid_connect', 'SELECT 1')",
    ] {
        store.commit(Statement::new(older)).await.unwrap();
    }
    store.close().await;
    let refusals = [
        Store::open(empty.url()).await.map(drop),
        Store::migrate(empty.url()).await.map(drop),
        Store::migrations(empty.url()).await.map(drop),
    ];
    for refusal in refusals.map(Result::unwrap_err) {
        assert!(
            matches!(refusal, OpenError::Divergent { version: 1 }),
            "{refusal}"
        );
        let sentence = "the database was made by an older development build";
        assert!(refusal.to_string().starts_with(sentence), "{refusal}");
    }
}
