//! Clients that only members of groups may use: what a user holds there ends with their last membership, and stays ended.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;

use super::{OFFLINE, World, client};
use crate::databases::{Kind, databases};
use crate::{Group, Membership};

impl World {
    /// Lets only members of these groups use the client; none: everybody.
    async fn admit(&self, groups: &[&str]) {
        let records = self.store.clients().await.unwrap();
        let record = records
            .iter()
            .find(|record| record.client.id == self.client);
        let mut changed = client(self.client.as_str());
        changed.groups = groups.iter().map(|&group| group.to_owned()).collect();
        let seen = record.unwrap().version;
        let done = self.store.update_client(seen, &changed, self.now());
        assert!(done.await.unwrap());
    }

    async fn count(&self, kind: &str) -> usize {
        let events = self.events().await;
        events.iter().filter(|event| *event == kind).count()
    }

    async fn leave(&self, group: &str) {
        let left = self.store.remove_member(group, &self.user, self.now());
        assert_eq!(left.await.unwrap(), Membership::Changed);
    }

    async fn is_admitted(&self) -> bool {
        self.person().await.unwrap().admitted
    }

    async fn with_groups(database: Kind, groups: &[&str]) -> Self {
        let world = Self::on(database).await;
        for &name in groups {
            let group = Group {
                name: name.to_owned(),
                display: None,
                second_factor_required: false,
            };
            world.store.add_group(&group, world.now()).await.unwrap();
        }
        world
    }
}

/// Attacks: AP20, AP23, AP25.
#[apply(databases)]
#[tokio::test]
async fn what_rests_on_a_membership_ends_with_it_for_good(database: Kind) {
    let world = World::with_groups(database, &["staff", "guests"]).await;
    assert!(world.is_admitted().await);
    world.admit(&["staff", "guests"]).await;
    assert!(!world.is_admitted().await);
    let code = world.allow(OFFLINE).await;
    assert_eq!(world.redeem(&code).await, Redemption::Ended);
    world.join("staff").await;
    assert!(world.is_admitted().await);
    let grant = world.granted(OFFLINE).await;
    let pending = world.allow(OFFLINE).await;
    assert!(world.is_active(grant.id).await);
    // One of two is enough.
    world.join("guests").await;
    world.leave("staff").await;
    assert!(world.is_active(grant.id).await);
    world.leave("guests").await;
    assert!(!world.is_admitted().await && !world.is_active(grant.id).await);
    assert_eq!(world.redeem(&pending).await, Redemption::Ended);
    world.join("staff").await;
    assert!(world.is_admitted().await);
    assert!(!world.is_active(grant.id).await, "what has ended has ended");
    assert_eq!(world.count("group-member-removed").await, 2);
}

/// A group that is removed, and one that is made anew under its name; a rule that names none that there is.
///
/// Attacks: AP23, AP29.
#[apply(databases)]
#[tokio::test]
async fn what_rests_on_a_group_ends_with_it(database: Kind) {
    let world = World::with_groups(database, &["staff", "others"]).await;
    world.admit(&["staff"]).await;
    world.join("staff").await;
    let grant = world.granted(OFFLINE).await;
    world
        .store
        .remove_group("others", world.now())
        .await
        .unwrap();
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.count("admitting-group-removed").await, 0);
    world
        .store
        .remove_group("staff", world.now())
        .await
        .unwrap();
    assert!(!world.is_admitted().await && !world.is_active(grant.id).await);
    assert_eq!(world.count("admitting-group-removed").await, 1);
    world.add_group("staff", false).await;
    assert!(!world.is_admitted().await, "nobody is in it");
    world.join("staff").await;
    assert!(world.is_admitted().await && !world.is_active(grant.id).await);
}

#[apply(databases)]
#[tokio::test]
async fn another_rule_ends_what_the_client_held_and_none_ends_nothing(database: Kind) {
    let world = World::with_groups(database, &["staff", "guests"]).await;
    let before = world.granted(OFFLINE).await;
    world.join("staff").await;
    world.admit(&["staff"]).await;
    assert!(!world.is_active(before.id).await);
    assert_eq!(world.count("client-restricted").await, 1);
    let grant = world.granted(OFFLINE).await;
    world.admit(&["staff"]).await;
    assert!(world.is_active(grant.id).await, "the same rule again");
    world.admit(&[]).await;
    assert!(world.is_active(grant.id).await, "everybody may");
    assert_eq!(world.count("client-restricted").await, 1);
    world.admit(&["guests"]).await;
    assert!(!world.is_active(grant.id).await);
}

/// Who is in a group while it is taken from them, and redeems codes at the same time, holds nothing in the end.
///
/// Attacks: AP23.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_codes_beside_the_end_of_a_membership_none_lives_on(database: Kind) {
    let world = Arc::new(World::with_groups(database, &["staff"]).await);
    world.admit(&["staff"]).await;
    world.join("staff").await;
    let mut codes = Vec::new();
    for _ in 0..64 {
        codes.push(world.allow(OFFLINE).await);
    }
    let redeemed: Vec<_> = codes
        .iter()
        .cloned()
        .map(|code| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.redeem(&code).await })
        })
        .collect();
    world.leave("staff").await;
    for redeemed in redeemed {
        let outcome = redeemed.await.unwrap();
        assert!(matches!(outcome, Redemption::Won | Redemption::Ended));
    }
    for code in &codes {
        assert!(!world.is_active(code.id).await);
    }
    world.join("staff").await;
    for code in &codes {
        assert!(!world.is_active(code.id).await, "not revived either");
    }
}
