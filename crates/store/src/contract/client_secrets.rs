//! Secrets of clients: how many are good, their ends, and what is known of each.

use rstest_reuse::apply;

use super::World;
use super::administration::{hashed, record};
use crate::databases::{Kind, databases};
use crate::{ActingStore, HashedSecret, Store};

#[apply(databases)]
#[tokio::test]
async fn a_third_secret_has_to_wait_for_the_end_of_the_first(database: Kind) {
    let world = World::on(database).await;
    let (store, shop, now) = (&world.store, &world.client, world.now());
    let hour = Some(now.plus(3600));
    let add = async |byte, until, now| {
        store
            .add_client_secret(shop, hashed(byte), until, now)
            .await
    };
    assert_eq!(add(1, None, now).await, Ok(true));
    assert_eq!(add(2, hour, now).await, Ok(true));
    let refused = [add(3, hour, now).await, add(3, None, now).await];
    assert_eq!(refused, [Ok(false), Ok(false)]);
    let mut kept = record(&world, "shop").await.secrets;
    // Made in one second, they come in any order.
    kept.sort_by_key(|secret| secret.expires_at.is_none());
    let ends: Vec<_> = kept.iter().map(|secret| secret.expires_at).collect();
    assert_eq!(ends, [hour, None], "a refusal moves no end");
    // Where the others end at once there is room.
    assert_eq!(add(3, Some(now), now).await, Ok(true));
    let good = async |now| {
        let secrets = record(&world, "shop").await.secrets.into_iter();
        let good = secrets.filter(|secret| secret.is_good(now));
        good.map(|secret| secret.id).collect::<Vec<_>>()
    };
    let only = good(now).await;
    assert_eq!(only.len(), 1);
    assert_eq!(add(4, None, now).await, Ok(true));

    let end = async |secret: &str| store.end_client_secret(shop, secret, now).await;
    assert_eq!(end(&kept[0].id).await, Ok(false), "it has ended");
    assert_eq!(end(&only[0]).await, Ok(true));
    let left = good(now).await;
    assert_eq!(left.len(), 1);
    assert_eq!(end(&left[0]).await, Ok(false), "the last one stays");
    let events = world.events().await;
    let count = |kind: &str| events.iter().filter(|one| *one == kind).count();
    assert_eq!(
        (count("client-secret-added"), count("client-secret-ended")),
        (4, 1)
    );
}

/// Each with connections of its own: the units of one node come one behind the other.
async fn four_nodes(world: &World) -> Vec<ActingStore> {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        let node = Store::open(world.database.url()).await.unwrap();
        nodes.push(node.by(super::operator()));
    }
    nodes
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_secrets_added_at_once_two_are_good(database: Kind) {
    let world = std::sync::Arc::new(World::on(database).await);
    let nodes = four_nodes(&world).await;
    let adds: Vec<_> = (0..64)
        .map(|number| {
            let (world, node) = (world.clone(), nodes[usize::from(number) % 4].clone());
            tokio::spawn(async move {
                let (shop, now) = (&world.client, world.now());
                let added = node.add_client_secret(shop, hashed(number), None, now);
                added.await.unwrap()
            })
        })
        .collect();
    let mut added = 0;
    for add in adds {
        added += usize::from(add.await.unwrap());
    }
    assert_eq!((added, record(&world, "shop").await.secrets.len()), (2, 2));
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_secrets_that_are_ended_at_once_one_stays(database: Kind) {
    let world = std::sync::Arc::new(World::on(database).await);
    let (shop, now) = (&world.client, world.now());
    for byte in [1, 2] {
        let added = world.store.add_client_secret(shop, hashed(byte), None, now);
        assert_eq!(added.await, Ok(true));
    }
    let secrets = record(&world, "shop").await.secrets;
    let ends: Vec<_> = (0..64)
        .map(|number| {
            let (world, secret) = (world.clone(), secrets[number % 2].id.clone());
            tokio::spawn(async move {
                let ended = world
                    .store
                    .end_client_secret(&world.client, &secret, world.now());
                ended.await.unwrap()
            })
        })
        .collect();
    let mut ended = 0;
    for end in ends {
        ended += usize::from(end.await.unwrap());
    }
    assert_eq!(ended, 1);
}

#[apply(databases)]
#[tokio::test]
async fn the_last_use_of_a_secret_is_written_once_an_hour_and_moves_no_revision(database: Kind) {
    let world = World::on(database).await;
    let (store, shop, start) = (&world.store, &world.client, world.now());
    let ends = *b"a1Z9";
    let secret = HashedSecret {
        last_four: Some(ends),
        ..hashed(1)
    };
    assert_eq!(
        store.add_client_secret(shop, secret, None, start).await,
        Ok(true)
    );
    let revision = store.revision().await.unwrap();
    let kept = record(&world, "shop").await.secrets.remove(0);
    assert_eq!(kept.last_four.as_deref(), Some("a1Z9"));
    assert_eq!(&kept.made_by, super::operator().who());
    assert_eq!(kept.last_used_at, None);
    for (used, noted) in [(0, 0), (3_599, 0), (3_600, 3_600), (10, 3_600)] {
        store
            .client_secret_used(&kept.id, start.plus(used))
            .await
            .unwrap();
        let at = record(&world, "shop").await.secrets[0].last_used_at;
        assert_eq!(at, Some(start.plus(noted)), "used at {used}");
    }
    assert_eq!(store.revision().await.unwrap(), revision);
}
