//! Administrators: the group that is made with its first, and never loses its last, whoever takes whom out at the same moment.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;

use super::World;
use crate::databases::{Kind, databases};
use crate::{ActingStore, By, Door, Membership, Remover, StoreError, Who};

const API: &str = "https://id.example.com/admin";

impl World {
    /// The store in the hands of an administrator at the API.
    fn by_api(&self) -> ActingStore {
        let by = By::new(Who::Person(self.user.clone()), Door::Api);
        crate::Store::by(&self.store, by)
    }

    async fn newcomer(&self, username: &str) -> UserId {
        let mut user = self.new_user(username);
        user.id = UserId::generate();
        let id = user.id.clone();
        self.store.add_user(user, self.now()).await.unwrap();
        id
    }

    async fn administrators(&self) -> Vec<String> {
        let members = self.store.members_of("administrators").await.unwrap();
        members.into_iter().map(|member| member.username).collect()
    }
}

#[apply(databases)]
#[tokio::test]
async fn an_administrator_is_made_with_the_group_and_proves_a_second_factor(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    assert!(!store.is_administrator(&world.user).await.unwrap());
    let added = store.add_administrator(&world.user, now).await.unwrap();
    assert_eq!(added, Membership::Changed);
    let again = store.add_administrator(&world.user, now).await.unwrap();
    assert_eq!(again, Membership::Already);
    let nobody = UserId::generate();
    let nobody = store.add_administrator(&nobody, now).await.unwrap();
    assert_eq!(nobody, Membership::NoUser);
    assert!(store.is_administrator(&world.user).await.unwrap());
    let person = world.person().await.unwrap();
    assert!(person.administrator && person.second_factor_required);
    store.lock_user(&world.user, now).await.unwrap();
    assert!(
        !store.is_administrator(&world.user).await.unwrap(),
        "locked"
    );
}

#[apply(databases)]
#[tokio::test]
async fn the_last_who_can_sign_in_stays_save_for_the_shell(database: Kind) {
    let world = World::on(database).await;
    let (ada, now) = (world.user.clone(), world.now());
    let (store, api) = (&world.store, world.by_api());
    store.add_administrator(&ada, now).await.unwrap();
    let eve = world.newcomer("eve").await;
    let mut invited = world.new_user("invited");
    (invited.id, invited.sealed_password) = (UserId::generate(), None);
    let id = invited.id.clone();
    store.add_user(invited, now).await.unwrap();
    store.add_administrator(&id, now).await.unwrap();
    let operator = Remover::Operator;
    for refused in [
        store.remove_administrator(&ada, API, now).await.map(|_| ()),
        api.lock_user(&ada, now).await,
        api.delete_user(&ada, now).await,
        api.remove_otp(&ada, operator, None, now).await.map(|_| ()),
    ] {
        assert_eq!(refused, Err(StoreError::LastAdministrator));
    }
    // Others are locked and deleted as ever.
    api.lock_user(&eve, now).await.unwrap();
    api.unlock_user(&eve, now).await.unwrap();
    store.add_administrator(&eve, now).await.unwrap();
    api.lock_user(&ada, now).await.unwrap();
    assert_eq!(
        api.delete_user(&eve, now).await,
        Err(StoreError::LastAdministrator),
        "ada is locked"
    );
    assert_eq!(
        api.remove_administrator(&ada, API, now).await.unwrap(),
        Membership::Changed
    );
    store.lock_user(&eve, now).await.unwrap();
    assert_eq!(world.administrators().await, ["eve", "invited"]);
}

/// Attacks: AD45.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_who_take_one_another_out_one_stays(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let now = world.now();
    let mut users = Vec::new();
    for number in 0..64 {
        let user = world.newcomer(&format!("user {number}")).await;
        world.store.add_administrator(&user, now).await.unwrap();
        users.push(user);
    }
    let tasks = users.iter().enumerate().map(|(number, user)| {
        let (world, user) = (Arc::clone(&world), user.clone());
        tokio::spawn(async move {
            let api = world.by_api();
            match number % 3 {
                0 => api.lock_user(&user, now).await,
                1 => api.delete_user(&user, now).await,
                _ => api.remove_administrator(&user, API, now).await.map(|_| ()),
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => {}
            Err(StoreError::LastAdministrator) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 1);
    let mut live = 0;
    for user in &users {
        live += usize::from(world.store.is_administrator(user).await.unwrap());
    }
    assert_eq!(live, 1);
}
