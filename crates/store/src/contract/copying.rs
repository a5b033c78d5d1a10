//! A copy is the same database: what was handed out before is good afterwards, and what was used up stays used.

use std::collections::BTreeMap;

use rstest_reuse::apply;
use rusqlite::Connection;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::refresh_token::RefreshDecision;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::single_use::SingleUse;

use super::administration::{hashed, master};
use super::{API, ISSUER, OFFLINE, World, operator};
use crate::databases::{Empty, Kind, databases};
use crate::{
    CopyError, Declared, NewKey, NewUser, NodeGuesses, RedeemError, Store, TableRows, UserImport,
};

impl World {
    /// Leaves a row in every table that a server writes.
    async fn live(&self) {
        let (store, now) = (&self.store, self.now());
        let scope = Scope::parse("a").unwrap();
        let consent = store.record_consent(&self.user, &self.client, API, &scope, 0, now);
        assert!(consent.await.unwrap());
        let key = NewKey {
            id: 1,
            purpose: "sign:ES256".to_owned(),
            active: true,
            sealed: "sealed".to_owned(),
            master: master("check"),
        };
        store.add_keys(vec![key], now).await.unwrap();
        store
            .add_client_secret(&self.client, hashed(1), None, now)
            .await
            .unwrap();
        let declared = Declared {
            clients: Vec::new(),
            ..super::administration::declared(&[])
        };
        store.reconcile(&declared, now).await.unwrap();
        let told = NodeGuesses {
            node: "one".to_owned(),
            version: 1,
            spent: vec![0, 255],
        };
        store.write_guesses(&told, now).await.unwrap();
        self.enrol().await;
        store
            .charge_second_factor(&self.user, None, now)
            .await
            .unwrap();
        store.mark_time(now).await.unwrap();
        // More than travel together.
        let users = (0..1_100).map(|number| NewUser {
            id: UserId::generate(),
            ..self.new_user(&format!("user {number}"))
        });
        store
            .import_users(users.map(UserImport::from).collect(), now)
            .await
            .unwrap();
    }

    /// This world on a copy of its database.
    async fn moved_to(self, target: Kind) -> Self {
        let database = Empty::of(target);
        let store = Store::open(database.url()).await.unwrap().by(operator());
        store.copy_from(&self.store, |_, _| {}).await.unwrap();
        Self {
            store,
            database,
            ..self
        }
    }
}

fn by_name(rows: &[TableRows]) -> BTreeMap<&'static str, u64> {
    rows.iter().map(|rows| (rows.table, rows.rows)).collect()
}

/// Attacks: A08.
#[apply(databases)]
#[tokio::test]
async fn what_was_handed_out_before_is_good_and_what_was_used_is_used(
    database: Kind,
    #[values(Kind::Sqlite, Kind::Postgresql)] target: Kind,
) {
    let world = World::on(database).await;
    world.live().await;
    let code = world.allow(OFFLINE).await;
    let waiting = world.allow(OFFLINE).await;
    let proof = [world.id(SingleUse::DpopProof)];
    assert_eq!(
        world.try_to_redeem(&code, &proof).await,
        Ok(Redemption::Won)
    );
    let grant = world.store.grant(code.id).await.unwrap().unwrap();
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
    let now = world.now();
    let revoking = world
        .store
        .revoke_access_token("stolen", &world.client, now.plus(300), now);
    revoking.await.unwrap();
    let before = world.store.catalog().await.unwrap();
    let events = world.events().await;
    let rows = world.store.count_rows().await.unwrap();

    let world = world.moved_to(target).await;
    assert_eq!(world.store.count_rows().await.unwrap(), rows);
    let after = world.store.catalog().await.unwrap();
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    assert_eq!(world.events().await, events);
    let joined = world
        .store
        .join_cluster(ISSUER, &["check"], now)
        .await
        .unwrap();
    assert_eq!(Some(joined), before.cluster);
    assert!(
        world.person().await.is_some(),
        "the browser is still signed in"
    );
    assert!(world.is_active(grant.id).await && !world.is_good(grant.id, "stolen").await);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Retry);
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
    let replay = Err(RedeemError::Replayed(SingleUse::DpopProof));
    assert_eq!(world.try_to_redeem(&waiting, &proof).await, replay);
    assert_eq!(world.redeem(&waiting).await, Redemption::Won);
    assert_eq!(world.redeem(&code).await, Redemption::Replayed);
    assert_eq!(
        world.store.guesses_of("one").await.unwrap().unwrap().spent,
        [0, 255]
    );
}

#[apply(databases)]
#[tokio::test]
async fn progress_is_told_and_ends_at_what_was_counted(database: Kind) {
    let world = World::on(database).await;
    world.live().await;
    let target = Empty::of(database);
    let store = Store::open(target.url()).await.unwrap().by(operator());
    let mut told = Vec::new();
    let copied = store
        .copy_from(&world.store, |table, rows| told.push((table, rows)))
        .await
        .unwrap();
    let users: Vec<u64> = told
        .iter()
        .filter(|(table, _)| *table == "users")
        .map(|(_, rows)| *rows)
        .collect();
    assert_eq!(users, [500, 1_000, 1_101]);
    assert_eq!(
        told.into_iter().collect::<BTreeMap<_, _>>(),
        by_name(&copied)
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_database_in_use_is_no_target_and_an_unused_one_no_source(database: Kind) {
    let (world, other) = (World::on(database).await, World::on(database).await);
    let rows = other.store.count_rows().await.unwrap();
    let refusal = other.store.copy_from(&world.store, |_, _| {}).await;
    assert_eq!(refusal, Err(CopyError::NotEmpty { table: "meta" }));
    assert_eq!(other.store.count_rows().await.unwrap(), rows);

    let unused = Empty::of(database);
    let unused = Store::open(unused.url()).await.unwrap().by(operator());
    let refusal = other.store.copy_from(&unused, |_, _| {}).await;
    assert_eq!(refusal, Err(CopyError::Unused));
}

#[apply(databases)]
#[tokio::test]
async fn a_source_that_is_written_to_meanwhile_leaves_the_target_empty(database: Kind) {
    let world = World::on(database).await;
    world.live().await;
    let target = Empty::of(database);
    let store = Store::open(target.url()).await.unwrap().by(operator());
    // As many rows as before: no count would show it.
    let rename = "UPDATE users SET name = 'Eve' WHERE username_key = 'user 7'";
    let mut renamed = false;
    let copied = store.copy_from(&world.store, |_, _| {
        if std::mem::replace(&mut renamed, true) {
            return;
        }
        match world.database.url().strip_prefix("sqlite:") {
            Some(path) => {
                let connection = Connection::open(path).unwrap();
                assert_eq!(connection.execute(rename, []).unwrap(), 1);
            }
            None => {
                world.database.sql(rename);
            }
        }
    });
    assert_eq!(copied.await, Err(CopyError::Changed));
    assert!(store.cluster().await.unwrap().is_none());
    store.copy_from(&world.store, |_, _| {}).await.unwrap();
}

#[tokio::test]
async fn what_the_target_cannot_hold_leaves_it_empty_on_postgresql() {
    let world = World::on(Kind::Sqlite).await;
    world.live().await;
    let path = world.database.url().strip_prefix("sqlite:").unwrap();
    let connection = Connection::open(path).unwrap();
    // Written by a hand that is not ours: PostgreSQL has no such text.
    let detail =
        "UPDATE events SET detail = 'a' || char(0) || 'b' WHERE id = (SELECT MAX(id) FROM events)";
    connection.execute(detail, []).unwrap();
    let database = Empty::of(Kind::Postgresql);
    let store = Store::open(database.url()).await.unwrap().by(operator());
    let refusal = store.copy_from(&world.store, |_, _| {}).await;
    assert!(matches!(refusal, Err(CopyError::Unfit(_))), "{refusal:?}");
    let rows = by_name(&store.count_rows().await.unwrap());
    assert!(
        rows.iter()
            .all(|(table, rows)| *rows == u64::from(["revision", "event_numbers"].contains(table))),
        "{rows:?}"
    );
}

#[tokio::test]
async fn no_table_and_no_column_is_forgotten_by_the_copy_on_postgresql() {
    let database = Empty::of(Kind::Postgresql);
    Store::open(database.url()).await.unwrap().close().await;
    let columns = database.sql(
        "SELECT table_name || '.' || column_name FROM information_schema.columns JOIN information_schema.tables \
         USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE' \
         AND table_name <> 'schema_history' ORDER BY 1",
    );
    let mut copied: Vec<String> = crate::copy::COLUMNS
        .iter()
        .flat_map(|(table, columns)| {
            columns
                .split(", ")
                .map(move |column| format!("{table}.{column}"))
        })
        .collect();
    copied.sort();
    assert_eq!(copied, columns.lines().collect::<Vec<_>>());
}
