//! What nodes tell each other of guessed passwords: one row for each node, and bounded.

use rstest_reuse::apply;

use super::World;
use crate::NodeGuesses;
use crate::databases::{Kind, databases};

const DAY: i64 = 24 * 3600;

fn told(node: &str, version: i64, spent: &[u8]) -> NodeGuesses {
    NodeGuesses {
        node: node.to_owned(),
        version,
        spent: spent.to_vec(),
    }
}

impl World {
    async fn tell(&self, told: &NodeGuesses) {
        self.store.write_guesses(told, self.now()).await.unwrap();
    }

    async fn versions(&self) -> Vec<(String, i64)> {
        self.store.guess_versions().await.unwrap()
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_node_has_one_row_however_often_it_tells(database: Kind) {
    let world = World::on(database).await;
    for version in 1..=20 {
        world
            .tell(&told("one", version, &version.to_be_bytes()))
            .await;
    }
    world.advance(1);
    world.tell(&told("two", 1, b"")).await;
    let expected = [("two".to_owned(), 1), ("one".to_owned(), 20)];
    assert_eq!(world.versions().await, expected);
    let kept = world.store.guesses_of("one").await.unwrap();
    assert_eq!(kept, Some(told("one", 20, &20_i64.to_be_bytes())));
    assert_eq!(world.store.guesses_of("three").await.unwrap(), None);
}

#[apply(databases)]
#[tokio::test]
async fn the_rows_of_dead_nodes_go_after_a_day_and_at_once_where_they_are_many(database: Kind) {
    let world = World::on(database).await;
    for number in 0..100 {
        world.advance(1);
        world.tell(&told(&format!("node-{number}"), 1, b"x")).await;
    }
    assert_eq!(world.versions().await.len(), 64);
    let swept = world.store.sweep_guesses(world.now()).await.unwrap();
    assert_eq!(swept, 36);
    assert_eq!(world.versions().await[0].0, "node-99");
    world.advance(DAY - 1);
    world.store.sweep_guesses(world.now()).await.unwrap();
    assert_eq!(
        world.versions().await.len(),
        1,
        "a second younger than a day"
    );
    world.advance(1);
    world.store.sweep_guesses(world.now()).await.unwrap();
    assert!(world.versions().await.is_empty());
}
