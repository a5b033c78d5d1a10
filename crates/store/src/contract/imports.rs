//! Users who come from another system, with the ids that apps know them by, their locks and their groups.

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;

use super::{World, client};
use crate::databases::{Kind, databases};
use crate::{Group, NewUser, UserImport};

const OF_BOB: &str = "0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01";
const OF_A_CLIENT: &str = "0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d02";

impl World {
    fn coming(&self, name: &str, id: &str, groups: &[&str]) -> UserImport {
        UserImport {
            user: NewUser {
                id: UserId::imported(id).unwrap(),
                ..self.new_user(name)
            },
            locked: name == "bob",
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        }
    }

    async fn import(&self, users: &[UserImport]) -> (usize, Vec<usize>) {
        let done = self.store.import_users(users.to_vec(), self.now());
        let done = done.await.unwrap();
        (done.added, done.taken)
    }
}

/// Attacks: AP73, AP74, AP75.
#[apply(databases)]
#[tokio::test]
async fn who_comes_from_elsewhere_keeps_id_lock_and_groups(database: Kind) {
    let world = World::on(database).await;
    let staff = Group {
        name: "staff".to_owned(),
        display: None,
        second_factor_required: false,
    };
    world.store.add_group(&staff, world.now()).await.unwrap();
    let bob = world.coming("bob", OF_BOB, &["staff", "gone"]);
    assert_eq!(world.import(std::slice::from_ref(&bob)).await, (1, vec![]));
    let kept = world.store.user_by_name("bob").await.unwrap().unwrap();
    assert_eq!((kept.id.as_str(), kept.locked), (OF_BOB, true));
    let groups = world.store.groups_of(&kept.id).await.unwrap();
    assert_eq!(groups, ["staff"]);
    // The same again, and another user under the same id.
    let other = world.coming("other", OF_BOB, &["staff"]);
    assert_eq!(world.import(&[bob, other]).await, (0, vec![0, 1]));
    // Nothing of another user comes to who has the id already: no password, no lock, no group.
    let ada = world.store.user_by_name("ada").await.unwrap().unwrap();
    let mut thief = world.coming("bob", OF_BOB, &["staff"]);
    thief.user.id = ada.id.clone();
    thief.user.username = "thief".to_owned();
    assert_eq!(world.import(&[thief]).await, (0, vec![0]));
    assert_eq!(world.password().await.as_deref(), Some("sealed:ada"));
    let ada = world.store.user_by_name("ada").await.unwrap().unwrap();
    assert!(!ada.locked && world.store.groups_of(&ada.id).await.unwrap().is_empty());
    assert_eq!(world.store.members_of("staff").await.unwrap().len(), 1);
    // Nor is the id of who was deleted given again.
    world
        .store
        .delete_user(&kept.id, world.now())
        .await
        .unwrap();
    let again = world.coming("bob", OF_BOB, &["staff"]);
    assert_eq!(world.import(&[again]).await, (0, vec![0]));
    assert!(world.store.members_of("staff").await.unwrap().is_empty());
}

/// Attacks: AP74, T17.
#[apply(databases)]
#[tokio::test]
async fn an_id_is_a_users_or_a_clients_and_never_of_both(database: Kind) {
    let world = World::on(database).await;
    let create = |id: &'static str| {
        let (store, now) = (world.store.clone(), world.now());
        async move {
            store
                .create_client(&client(id), None, false, now)
                .await
                .is_ok()
        }
    };
    assert!(create(OF_A_CLIENT).await);
    let bob = world.coming("bob", OF_BOB, &[]);
    let twin = world.coming("twin", OF_A_CLIENT, &[]);
    assert_eq!(world.import(&[bob, twin]).await, (1, vec![1]));
    assert!(world.store.user_by_name("twin").await.unwrap().is_none());
    assert!(!create(OF_BOB).await);
}
