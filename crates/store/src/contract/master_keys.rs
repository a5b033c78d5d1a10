//! One master key after another, row by row.

use rstest_reuse::apply;

use super::administration::master;
use super::{ISSUER, World};
use crate::databases::{Kind, databases};
use crate::{KeyRow, MasterKeyAnswer, MasterKeyId, NewKey, Replacement, ResealedKey, StoreError};

fn key(id: i64, purpose: &str, master: MasterKeyId) -> NewKey {
    NewKey {
        id,
        purpose: purpose.to_owned(),
        active: true,
        sealed: format!("sealed:{id}"),
        master,
    }
}

impl World {
    async fn key_rows(&self) -> Vec<KeyRow> {
        self.store.catalog().await.unwrap().keys
    }

    async fn announce_key(&self, next: &str) -> Result<(), StoreError> {
        let (active, next) = (master("check"), master(next));
        self.store
            .announce_master_key(active, next, self.now())
            .await
    }
}

#[apply(databases)]
#[tokio::test]
async fn of_two_operators_with_a_master_key_each_one_is_first(database: Kind) {
    let world = World::on(database).await;
    let (one, other) = tokio::join!(world.announce_key("one"), world.announce_key("other"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let next = world.store.cluster().await.unwrap().unwrap().master.next;
    let first = if one.is_ok() { "one" } else { "other" };
    assert_eq!(
        next.map(|next| (next.id, next.wrapping)),
        Some((master(first), false))
    );
    for again in ["one", "other", "check"] {
        let refused = world.announce_key(again).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_master_key_is_active_when_nothing_is_left_under_the_one_before(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let (old, new) = (master("check"), master("new"));
    store
        .add_keys(vec![key(1, "a", old), key(2, "b", old)], now)
        .await
        .unwrap();
    world.announce_key("new").await.unwrap();
    assert!(!store.activate_master_key(new, "new", now).await.unwrap());
    store.begin_wrapping(new, now).await.unwrap();
    store.begin_wrapping(new, now).await.unwrap();
    let abandoned = store.abandon_master_key(new, now).await;
    assert!(
        matches!(abandoned, Err(StoreError::Conflict(_))),
        "it wraps"
    );
    let both = store
        .join_cluster(ISSUER, &["check", "new"], now)
        .await
        .unwrap();
    assert_eq!(both.master.wraps(), new);
    for (held, lacking) in [("check", new), ("new", old)] {
        let refused = store.join_cluster(ISSUER, &[held], now).await;
        assert_eq!(refused, Err(StoreError::LacksMasterKey { id: lacking }));
    }
    let rows = world.key_rows().await;
    assert!(store.rewrap_key(&rows[0], "again:1", new).await.unwrap());
    assert!(
        !store.rewrap_key(&rows[0], "late:1", new).await.unwrap(),
        "it was changed since it was read"
    );
    assert!(!store.activate_master_key(new, "new", now).await.unwrap());
    assert!(store.rewrap_key(&rows[1], "again:2", new).await.unwrap());
    assert!(store.activate_master_key(new, "new", now).await.unwrap());
    assert!(
        store.activate_master_key(new, "new", now).await.unwrap(),
        "and stays so"
    );
    let cluster = store.join_cluster(ISSUER, &["new"], now).await.unwrap();
    assert_eq!((cluster.master.active, cluster.master.next), (new, None));
    let refused = store.join_cluster(ISSUER, &["check"], now).await;
    assert_eq!(refused, Err(StoreError::LacksMasterKey { id: new }));
    let kept = world.key_rows().await.into_iter();
    let kept: Vec<_> = kept.map(|row| (row.sealed, row.master)).collect();
    assert_eq!(
        kept,
        [("again:1".to_owned(), new), ("again:2".to_owned(), new)]
    );
    let again = store.announce_master_key(new, old, now).await;
    assert!(
        matches!(again, Err(StoreError::Conflict(_))),
        "what is retired stays retired"
    );
    let known: Vec<_> = store.master_keys().await.unwrap();
    let known: Vec<_> = known.into_iter().map(|key| (key.id, key.retired)).collect();
    assert!(known.len() == 2 && known.contains(&(old, true)) && known.contains(&(new, false)));
}

#[apply(databases)]
#[tokio::test]
async fn a_master_key_that_does_not_wrap_is_given_no_row(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let (old, new, third) = (master("check"), master("new"), master("third"));
    store.add_keys(vec![key(1, "a", old)], now).await.unwrap();
    let row = world.key_rows().await.remove(0);
    // One operator waits for the nodes while another one takes the key back.
    world.announce_key("new").await.unwrap();
    store.abandon_master_key(new, now).await.unwrap();
    let begun = store.begin_wrapping(new, now).await;
    assert!(matches!(begun, Err(StoreError::Conflict(_))), "{begun:?}");
    assert!(!store.rewrap_key(&row, "taken back", new).await.unwrap());
    world.announce_key("new").await.unwrap();
    assert!(!store.rewrap_key(&row, "too early", new).await.unwrap());
    assert_eq!(world.key_rows().await, std::slice::from_ref(&row));
    let (begun, abandoned) = tokio::join!(
        store.begin_wrapping(new, now),
        store.abandon_master_key(new, now)
    );
    assert!(begun.is_ok() != abandoned.is_ok(), "one of them is first");
    if abandoned.is_ok() {
        world.announce_key("new").await.unwrap();
        store.begin_wrapping(new, now).await.unwrap();
    }
    assert!(store.rewrap_key(&row, "again:1", new).await.unwrap());
    assert!(store.activate_master_key(new, "new", now).await.unwrap());
    // Whoever was slow finds the next one wrapping.
    store.announce_master_key(new, third, now).await.unwrap();
    store.begin_wrapping(third, now).await.unwrap();
    let row = world.key_rows().await.remove(0);
    assert!(!store.rewrap_key(&row, "late", new).await.unwrap());
    assert!(store.rewrap_key(&row, "third:1", third).await.unwrap());
    let row = world.key_rows().await.remove(0);
    assert!(!store.rewrap_key(&row, "later", new).await.unwrap());
    assert_eq!(world.key_rows().await, [row]);
}

#[apply(databases)]
#[tokio::test]
async fn every_answer_of_a_node_is_later_than_the_one_before(database: Kind) {
    let world = World::on(database).await;
    let (store, new) = (&world.store, master("new"));
    world.announce_key("new").await.unwrap();
    let mut said = Vec::new();
    for (proof, after) in [(None, 5), (Some("proof"), 5), (Some("proof"), -900)] {
        let answer = MasterKeyAnswer {
            node: "node".to_owned(),
            proof: proof.map(str::to_owned),
            answered_at: world.now().plus(after),
        };
        store.answer_for_master_key(new, &answer).await.unwrap();
        let mut kept = store.master_key_answers(new).await.unwrap();
        assert_eq!((kept.len(), kept[0].proof.as_deref()), (1, proof));
        said.push(kept.remove(0).answered_at);
    }
    assert!(said[0] < said[1] && said[1] < said[2], "{said:?}");
}

#[apply(databases)]
#[tokio::test]
async fn a_key_is_added_under_the_master_key_that_wraps_or_not_at_all(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let (old, new) = (master("check"), master("new"));
    world.announce_key("new").await.unwrap();
    store.add_keys(vec![key(1, "a", old)], now).await.unwrap();
    store.begin_wrapping(new, now).await.unwrap();
    let late = store.add_keys(vec![key(2, "b", old)], now).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let replacement = Replacement {
        purposes: vec!["a".to_owned()],
        withdrawn: Vec::new(),
        retired: Vec::new(),
        new: vec![key(2, "a", old)],
        master: old,
    };
    assert_eq!(store.replace_keys(replacement, now).await, Ok(None));
    let rows = world.key_rows().await;
    assert_eq!(rows.len(), 1);
    // Whichever of the two is first, nothing is left behind under the key before.
    let (wrapped, added) = tokio::join!(
        async {
            assert!(store.rewrap_key(&rows[0], "again:1", new).await.unwrap());
            store.activate_master_key(new, "new", now).await.unwrap()
        },
        store.add_keys(vec![key(3, "c", old)], now)
    );
    assert!(wrapped && added.is_err());
    store.add_keys(vec![key(4, "d", new)], now).await.unwrap();
    assert!(world.key_rows().await.iter().all(|row| row.master == new));
}

/// Attacks: A01.
#[apply(databases)]
#[tokio::test]
async fn lost_keys_are_replaced_together_with_era_and_sessions_or_not_at_all(database: Kind) {
    let world = World::on(database).await;
    let (store, now, it) = (&world.store, world.now(), master("check"));
    let keys = ["a", "b", "c"].into_iter().zip(1..);
    let keys = keys.map(|(purpose, id)| key(id, purpose, it));
    store.add_keys(keys.collect(), now).await.unwrap();
    let replacement = |lost: i64| Replacement {
        purposes: vec!["a".to_owned()],
        withdrawn: vec![(lost, "b".to_owned())],
        retired: vec![(
            "c".to_owned(),
            ResealedKey {
                id: 3,
                sealed: "retired:3".to_owned(),
                master: it,
            },
        )],
        new: vec![key(11, "a", it), key(12, "b", it), key(13, "c", it)],
        master: it,
    };
    let before = store.cluster().await.unwrap();
    assert_eq!(store.replace_keys(replacement(7), now).await, Ok(None));
    assert_eq!(store.cluster().await.unwrap(), before);
    assert!(world.person().await.is_some());
    let era = store.replace_keys(replacement(2), now).await.unwrap();
    assert_eq!(
        era,
        store.cluster().await.unwrap().map(|cluster| cluster.era)
    );
    assert_ne!(era, before.map(|cluster| cluster.era));
    assert!(world.person().await.is_none());
    let left: Vec<_> = world.key_rows().await;
    let left: Vec<_> = left
        .iter()
        .map(|row| (row.id, row.state.as_str()))
        .collect();
    assert_eq!(
        left,
        [
            (3, "retired"),
            (11, "active"),
            (12, "active"),
            (13, "active")
        ]
    );
}
