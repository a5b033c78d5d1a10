//! Clusters, clients, keys, and what the configuration file declares.

use std::collections::{BTreeMap, HashSet};

use rstest_reuse::apply;
use safeconduct_protocol::ids::ClientId;
use safeconduct_protocol::resource::{Resource, ResourceUri, Resources, ScopeDescription};
use safeconduct_protocol::scope::Scope;

use super::{API, ISSUER, World, client};
use crate::databases::{Kind, databases};
use crate::{
    Catalog, ClientRecord, Declared, HashedSecret, MasterKeyId, NewKey, Reconciled, ResealedKey,
    Store, StoreError,
};

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

async fn catalog(world: &World) -> Catalog {
    world.store.catalog().await.unwrap()
}

pub(super) async fn record(world: &World, name: &str) -> ClientRecord {
    let catalog = catalog(world).await;
    catalog
        .clients
        .into_iter()
        .find(|record| record.client.id == id(name))
        .expect("the client is in the catalog")
}

/// Attacks: E25.
#[apply(databases)]
#[tokio::test]
async fn a_database_belongs_to_the_first_issuer_and_master_key(database: Kind) {
    let world = World::on(database).await;
    let cluster = world.store.cluster().await.unwrap().unwrap();
    assert_eq!(cluster.era, 1);
    assert_eq!(
        world
            .store
            .join_cluster(ISSUER, &["check"], world.now())
            .await,
        Ok(cluster)
    );
    let other = world
        .store
        .join_cluster("https://evil.example", &["check"], world.now())
        .await;
    assert_eq!(
        other,
        Err(StoreError::OtherIssuer {
            expected: ISSUER.to_owned()
        })
    );
    assert_eq!(
        world
            .store
            .join_cluster(ISSUER, &["other"], world.now())
            .await,
        Err(StoreError::OtherMasterKey)
    );
}

#[tokio::test]
async fn a_url_that_names_no_database_is_refused_without_repeating_it() {
    for url in [
        "mysql://user:hush@db/sc",
        "postgres://user:hush@db:hush/sc",
        "sqlite:",
        "sqlite::memory:",
        "safeconduct.db",
    ] {
        let refusal = Store::open(url)
            .await
            .err()
            .expect("it must be refused")
            .to_string();
        assert!(
            !refusal.contains("hush") && refusal.contains("postgres://"),
            "{refusal}"
        );
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_closed_store_takes_no_writes(database: Kind) {
    let world = World::on(database).await;
    world.store.close().await;
    world.store.close().await;
    let late = world.store.lock_user(&world.user, world.now()).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
}

#[apply(databases)]
#[tokio::test]
async fn every_administrative_change_moves_the_revision_and_only_changes_do(database: Kind) {
    let world = World::on(database).await;
    let (store, shop, now) = (&world.store, &world.client, world.now());
    let mut before = store.revision().await.unwrap();
    let mut moved = async || {
        let after = store.revision().await.unwrap();
        std::mem::replace(&mut before, after) != after
    };
    store
        .create_client(&client("other"), Some(hashed(1)), false, now)
        .await
        .unwrap();
    assert!(moved().await);
    store
        .add_client_secret(shop, hashed(2), None, now)
        .await
        .unwrap();
    assert!(moved().await);
    store.disable_client(shop, now).await.unwrap();
    assert!(moved().await);
    store.disable_client(shop, now).await.unwrap();
    assert!(!moved().await);
    store.enable_client(shop, now).await.unwrap();
    assert!(moved().await);
    store.enable_client(shop, now).await.unwrap();
    assert!(!moved().await);
    assert!(store.update_client(1, &client("shop"), now).await.unwrap());
    assert!(moved().await);
    let late = store.update_client(1, &client("shop"), now).await;
    assert_eq!(late, Ok(false));
    assert!(!moved().await);
    store.delete_client(shop, now).await.unwrap();
    assert!(moved().await);
    assert!(
        store
            .create_client(&client("shop"), None, false, now)
            .await
            .is_err()
    );
    assert!(!moved().await);
    assert_eq!(
        store.disable_client(shop, now).await,
        Err(StoreError::NotFound("such client"))
    );
    assert_eq!(
        store.update_client(2, &client("shop"), now).await,
        Err(StoreError::NotFound("such client"))
    );
    assert_eq!(
        store.add_client_secret(shop, hashed(3), None, now).await,
        Err(StoreError::NotFound("such client"))
    );
    assert!(!moved().await);
}

#[apply(databases)]
#[tokio::test]
async fn clients_are_read_page_by_page_each_with_its_secrets(database: Kind) {
    let world = World::on(database).await;
    for (number, name) in ["a", "Z", "b"].into_iter().enumerate() {
        let secret = Some(hashed(number as u8));
        let (store, named) = (&world.store, client(name));
        let made = store.create_client(&named, secret, false, world.now());
        made.await.unwrap();
    }
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.store.clients_after(&after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.client.id.to_string();
        all.extend(page);
    }
    assert_eq!(all, world.store.clients().await.unwrap());
    assert_eq!(all.len(), 4);
    let with_secret = all.iter().filter(|record| record.secrets.len() == 1);
    assert_eq!(with_secret.count(), 3);
}

#[apply(databases)]
#[tokio::test]
async fn a_client_comes_back_as_it_was_registered(database: Kind) {
    let world = World::on(database).await;
    let kept = record(&world, "shop").await;
    assert_eq!(kept.client, client("shop"));
    assert_eq!(
        (kept.enabled, kept.declared, kept.epoch, kept.created_at),
        (true, false, 1, world.now())
    );
    let mut changed = client("shop");
    changed.name = "A better shop".to_owned();
    let update = world
        .store
        .update_client(kept.version, &changed, world.now());
    assert_eq!(update.await, Ok(true));
    assert_eq!(record(&world, "shop").await.client, changed);
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_changes_made_of_one_registration_one_is_kept(database: Kind) {
    let world = std::sync::Arc::new(World::on(database).await);
    let seen = record(&world, "shop").await.version;
    let changes: Vec<_> = (0..64)
        .map(|number| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move {
                let mut changed = client("shop");
                changed.name = format!("Shop {number}");
                let made = world.store.update_client(seen, &changed, world.now());
                made.await.unwrap().then_some(changed)
            })
        })
        .collect();
    let mut made = Vec::new();
    for change in changes {
        made.extend(change.await.unwrap());
    }
    let kept = record(&world, "shop").await;
    assert_eq!((made, kept.version), (vec![kept.client], seen + 1));
}

#[apply(databases)]
#[tokio::test]
async fn a_client_id_is_given_once(database: Kind) {
    let world = World::on(database).await;
    let create = async || {
        world
            .store
            .create_client(&client("shop"), None, false, world.now())
            .await
    };
    assert!(matches!(create().await, Err(StoreError::Conflict(_))));
    world
        .store
        .delete_client(&world.client, world.now())
        .await
        .unwrap();
    assert!(catalog(&world).await.clients.is_empty());
    assert!(matches!(create().await, Err(StoreError::Conflict(_))));
}

#[apply(databases)]
#[tokio::test]
async fn secrets_overlap_while_one_replaces_another(database: Kind) {
    let world = World::on(database).await;
    let (store, shop, now) = (&world.store, &world.client, world.now());
    store
        .add_client_secret(shop, hashed(1), None, now)
        .await
        .unwrap();
    let overlap = now.plus(3600);
    store
        .add_client_secret(shop, hashed(2), Some(overlap), now.plus(1))
        .await
        .unwrap();
    let secrets = record(&world, "shop").await.secrets;
    assert_eq!(
        secrets
            .iter()
            .map(|secret| secret.expires_at)
            .collect::<Vec<_>>(),
        [Some(overlap), None]
    );
    assert_eq!((secrets[0].hash, secrets[1].hash), ([1; 32], [2; 32]));
    store
        .add_client_secret(shop, hashed(3), Some(now.plus(2)), now.plus(2))
        .await
        .unwrap();
    let secrets = record(&world, "shop").await.secrets;
    assert!(
        secrets[..2]
            .iter()
            .all(|secret| secret.expires_at == Some(now.plus(2))),
        "an end only ever comes nearer"
    );
}

pub(super) fn declared(clients: &[&str]) -> Declared {
    let scope = |name: &str| ScopeDescription {
        name: name.to_owned(),
        text: [("en".to_owned(), format!("May {name}"))].into(),
        groups: Vec::new(),
    };
    Declared {
        clients: clients
            .iter()
            .map(|name| (client(name), Some(hashed(7))))
            .collect(),
        scopes: vec![scope("notes.write"), scope("notes.read")],
        resources: vec![Resource {
            uri: ResourceUri::parse(API).unwrap(),
            name: None,
            names: BTreeMap::new(),
            scopes: Scope::parse("notes.read notes.write").unwrap(),
            client: None,
            access_token_signing_alg: Resources::default_algorithm(),
        }],
        groups: Vec::new(),
        adopted: HashSet::new(),
        prune: true,
    }
}

#[apply(databases)]
#[tokio::test]
async fn reconciling_twice_writes_once(database: Kind) {
    let world = World::on(database).await;
    let first = world
        .store
        .reconcile(&declared(&["web", "cli"]), world.now())
        .await
        .unwrap();
    assert_eq!(first.created, [id("web"), id("cli")]);
    assert!(first.catalog_changed);
    let before = catalog(&world).await;
    assert_eq!(
        before.scopes,
        declared(&[]).scopes,
        "in the order of the file"
    );
    assert_eq!(before.resources, declared(&[]).resources);
    let events = world.events().await.len();
    let second = world
        .store
        .reconcile(&declared(&["web", "cli"]), world.now())
        .await
        .unwrap();
    assert_eq!(second, Reconciled::default());
    assert_eq!(catalog(&world).await.revision, before.revision);
    assert_eq!(world.events().await.len(), events);
    assert!(
        !record(&world, "shop").await.declared,
        "what the file does not name stays as it is"
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_client_gone_from_the_file_is_disabled_and_stays_so_when_it_returns(database: Kind) {
    let world = World::on(database).await;
    world
        .store
        .reconcile(&declared(&["web"]), world.now())
        .await
        .unwrap();
    let gone = world
        .store
        .reconcile(&declared(&[]), world.now())
        .await
        .unwrap();
    assert_eq!(gone.disabled, [id("web")]);
    let web = record(&world, "web").await;
    assert_eq!((web.enabled, web.epoch), (false, 2));
    let back = world
        .store
        .reconcile(&declared(&["web"]), world.now())
        .await
        .unwrap();
    assert_eq!(
        back,
        Reconciled {
            still_disabled: vec![id("web")],
            ..Reconciled::default()
        }
    );
    assert!(!record(&world, "web").await.enabled);
}

#[apply(databases)]
#[tokio::test]
async fn another_secret_or_registration_in_the_file_replaces_what_is_kept_and_ends_nothing(
    database: Kind,
) {
    let world = World::on(database).await;
    world
        .store
        .reconcile(&declared(&["web"]), world.now())
        .await
        .unwrap();
    let mut file = declared(&["web"]);
    file.clients[0].1 = Some(hashed(8));
    assert_eq!(
        world
            .store
            .reconcile(&file, world.now())
            .await
            .unwrap()
            .changed,
        [id("web")]
    );
    let web = record(&world, "web").await;
    assert_eq!(
        web.secrets
            .iter()
            .map(|secret| secret.hash)
            .collect::<Vec<_>>(),
        [[8; 32]]
    );
    file.clients[0].0.name = "Another name".to_owned();
    assert_eq!(
        world
            .store
            .reconcile(&file, world.now())
            .await
            .unwrap()
            .changed,
        [id("web")]
    );
    let web = record(&world, "web").await;
    assert_eq!((web.client.name.as_str(), web.epoch), ("Another name", 1));
}

#[apply(databases)]
#[tokio::test]
async fn a_client_gone_from_the_file_is_left_alone_until_there_is_a_word_for_it(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let both = declared(&["web", "cli"]);
    store.reconcile(&both, world.now()).await.unwrap();
    let before = catalog(&world).await;
    let without = Declared {
        prune: false,
        ..declared(&["cli"])
    };
    let refusal = store.reconcile(&without, world.now()).await;
    assert_eq!(refusal, Err(StoreError::Undeclared(vec![id("web")])));
    let would = store.compare_with_declared(&without).await.unwrap();
    assert_eq!(would.disabled, [id("web")]);
    let after = catalog(&world).await;
    assert_eq!(
        (after.revision, after.clients),
        (before.revision, before.clients)
    );

    // Disabling it is a word for it, too.
    store.disable_client(&id("web"), world.now()).await.unwrap();
    store.reconcile(&without, world.now()).await.unwrap();
}

#[apply(databases)]
#[tokio::test]
async fn the_file_takes_over_a_client_that_was_registered_by_hand_where_it_says_so(database: Kind) {
    let world = World::on(database).await;
    world
        .store
        .disable_client(&world.client, world.now())
        .await
        .unwrap();
    let before = record(&world, "shop").await;
    let refusal = world
        .store
        .reconcile(&declared(&["shop"]), world.now())
        .await;
    assert_eq!(refusal, Err(StoreError::NotAdopted(vec![id("shop")])));
    assert_eq!(record(&world, "shop").await, before);
    let adopting = Declared {
        adopted: HashSet::from([id("shop")]),
        ..declared(&["shop"])
    };
    let reconciled = world.store.reconcile(&adopting, world.now()).await.unwrap();
    assert_eq!(reconciled.taken_over, [id("shop")]);
    assert_eq!(
        (reconciled.changed, reconciled.still_disabled),
        (vec![id("shop")], vec![id("shop")])
    );
    let shop = record(&world, "shop").await;
    assert_eq!((shop.declared, shop.enabled), (true, false));
}

#[apply(databases)]
#[tokio::test]
async fn a_declared_id_that_belonged_to_a_deleted_client_is_refused(database: Kind) {
    let world = World::on(database).await;
    world
        .store
        .delete_client(&world.client, world.now())
        .await
        .unwrap();
    let refusal = world
        .store
        .reconcile(&declared(&["web", "shop"]), world.now())
        .await;
    assert!(
        matches!(refusal, Err(StoreError::Conflict(_))),
        "{refusal:?}"
    );
    assert!(
        catalog(&world).await.clients.is_empty(),
        "nothing of the file was taken"
    );
}

fn key(id: i64, active: bool) -> NewKey {
    NewKey {
        id,
        purpose: "sign:ES256".to_owned(),
        active,
        sealed: format!("sealed:{id}"),
        master: master("check"),
    }
}

/// The name of the master key that makes `key_check`.
pub(super) fn master(key_check: &str) -> MasterKeyId {
    MasterKeyId::of(key_check)
}

/// A client secret, hashed with the first key.
pub(super) fn hashed(byte: u8) -> HashedSecret {
    HashedSecret {
        hash: [byte; 32],
        key: 1,
        last_four: None,
    }
}

#[apply(databases)]
#[tokio::test]
async fn of_two_first_starts_one_makes_the_keys(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let (first, second) = tokio::join!(
        store.add_keys(vec![key(1, true), key(2, false)], now),
        store.add_keys(vec![key(3, true), key(4, false)], now)
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(catalog(&world).await.keys.len(), 2);
    let again = store.add_keys(vec![key(5, false)], now).await;
    assert!(
        matches!(again, Err(StoreError::Conflict(_))),
        "one next key is enough"
    );
}

#[apply(databases)]
#[tokio::test]
async fn promoting_a_key_retires_the_one_before_it(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    store
        .add_keys(vec![key(1, true), key(2, false)], now)
        .await
        .unwrap();
    let resealed = |id, text: &str| ResealedKey {
        id,
        sealed: text.to_owned(),
        master: master("check"),
    };
    let (next, active) = (resealed(2, "active:2"), resealed(1, "retired:1"));
    assert!(
        store.promote_key(&next, None, now).await.is_err(),
        "two active keys of one purpose"
    );
    store.promote_key(&next, Some(&active), now).await.unwrap();
    assert!(matches!(
        store.promote_key(&next, Some(&active), now).await,
        Err(StoreError::Conflict(_))
    ));
    let keys = catalog(&world).await.keys;
    let seen: Vec<_> = keys
        .iter()
        .map(|key| (key.id, key.state.as_str(), key.sealed.as_str()))
        .collect();
    assert_eq!(
        seen,
        [(1, "retired", "retired:1"), (2, "active", "active:2")]
    );
    assert!(
        store.delete_key(2, now).await.is_err(),
        "an active key is in use"
    );
    store.delete_key(1, now).await.unwrap();
}
