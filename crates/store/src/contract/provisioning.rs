//! What clients of SCIM make of users and groups: of many who try the same at once one does, and whoever joins is in.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::{ClientId, UserId, new_id};
use serde_json::json;
use tokio::task::JoinSet;

use super::World;
use crate::databases::{Kind, databases};
use crate::{
    Group, GroupChange, GroupLookup, GroupReplacement, MemberChange, NewUser, ProvisionedGroup,
    ProvisionedUser, StoreError, UserChange, UserLookup, UserOrder, UserReplacement,
};

const MANY: usize = 64;

impl World {
    async fn provisioned(&self) -> ProvisionedUser {
        let found = self.store.provisioned_user(&self.client, &self.user).await;
        found.unwrap().unwrap()
    }

    async fn add_provisioned(
        &self,
        username: &str,
        email: Option<&str>,
    ) -> Result<UserId, StoreError> {
        let mut claims = PersonClaims::default();
        if let Some(email) = email {
            claims.set("email", json!(email)).unwrap();
        }
        let user = NewUser {
            id: UserId::generate(),
            username: username.to_owned(),
            name: None,
            claims: claims.clone(),
            sealed_password: None,
        };
        let id = user.id.clone();
        let new = UserReplacement {
            claims,
            external_id: Some(format!("E-{username}")),
            ..as_it_is(&self.provisioned().await)
        };
        let added = self
            .store
            .add_provisioned_user(&self.client, user, &new, self.now());
        added.await.map(|()| id)
    }

    async fn replace(&self, from: &ProvisionedUser, to: &UserReplacement) -> UserChange {
        let replaced = self.store.replace_user(&self.client, from, to, self.now());
        replaced.await.unwrap()
    }

    async fn find(&self, lookup: UserLookup<'_>) -> Vec<UserId> {
        let found = self.store.provisioned_users(&self.client, lookup, 10).await;
        found
            .unwrap()
            .into_iter()
            .map(|user| user.record.id)
            .collect()
    }

    async fn provision_group(&self, name: &str) -> ProvisionedGroup {
        let group = Group {
            name: name.to_owned(),
            display: None,
            second_factor_required: false,
        };
        let id = new_id();
        let made = self.store.add_provisioned_group(
            &self.client,
            (&id, &group),
            Some("G"),
            &[],
            self.now(),
        );
        assert_eq!(made.await.unwrap(), GroupChange::Done);
        self.group_of(&id).await
    }

    async fn group_of(&self, id: &str) -> ProvisionedGroup {
        let found = self
            .store
            .provisioned_groups(&self.client, GroupLookup::Id(id), 1)
            .await;
        found.unwrap().pop().unwrap()
    }

    async fn change(&self, group: &ProvisionedGroup, to: &GroupReplacement) -> GroupChange {
        let changed = self
            .store
            .replace_group(&self.client, group, to, self.now());
        changed.await.unwrap()
    }
}

fn as_it_is(user: &ProvisionedUser) -> UserReplacement {
    UserReplacement {
        seen: user.version,
        username: user.record.username.clone(),
        claims: user.record.claims.clone(),
        labels: user.labels.clone(),
        active: !user.record.locked,
        password: None,
        external_id: user.external_id.clone(),
        mails: Vec::new(),
    }
}

fn joining(users: impl IntoIterator<Item = UserId>) -> GroupReplacement {
    let members = users
        .into_iter()
        .map(|user| MemberChange { user, joins: true });
    GroupReplacement {
        members: members.collect(),
        ..GroupReplacement::default()
    }
}

/// Attacks: AD08.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_add_the_same_name_one_does(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let mut adding = JoinSet::new();
    for _ in 0..MANY {
        let world = Arc::clone(&world);
        adding.spawn(async move { world.add_provisioned("Grace", None).await });
    }
    let added = adding.join_all().await;
    let won: Vec<&UserId> = added
        .iter()
        .filter_map(|added| added.as_ref().ok())
        .collect();
    assert_eq!(won.len(), 1);
    assert_eq!(
        world.find(UserLookup::Name("GRACE")).await,
        [won[0].clone()]
    );
    assert_eq!(world.find(UserLookup::ExternalId("E-Grace")).await.len(), 1);
}

/// Attacks: AD29.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_replace_the_same_version_one_does(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let seen = world.provisioned().await;
    let mut replacing = JoinSet::new();
    for number in 0..MANY {
        let (world, seen) = (Arc::clone(&world), seen.clone());
        replacing.spawn(async move {
            let mut to = as_it_is(&seen);
            to.claims
                .set("nickname", json!(format!("n{number}")))
                .unwrap();
            world.replace(&seen, &to).await
        });
    }
    let mut outcomes = replacing.join_all().await;
    outcomes.retain(|outcome| *outcome != UserChange::Changed);
    assert_eq!(outcomes, [UserChange::Done]);
    assert_eq!(world.provisioned().await.version, seen.version + 1);
    let kinds = world.events().await;
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == "claims-updated")
            .count(),
        1
    );
}

/// Attacks: AD08.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_the_same_name_one_does(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(
            world
                .add_provisioned(&format!("user-{number}"), None)
                .await
                .unwrap(),
        );
    }
    let mut renaming = JoinSet::new();
    for id in ids {
        let world = Arc::clone(&world);
        renaming.spawn(async move {
            let from = world
                .store
                .provisioned_user(&world.client, &id)
                .await
                .unwrap()
                .unwrap();
            let mut to = as_it_is(&from);
            to.username = "Grace".to_owned();
            world.replace(&from, &to).await
        });
    }
    let mut outcomes = renaming.join_all().await;
    outcomes.retain(|outcome| *outcome != UserChange::NameTaken);
    assert_eq!(outcomes, [UserChange::Done]);
}

/// Attacks: AD21.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_joins_at_once_is_in_and_each_is_one_event(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let group = world.provision_group("staff").await;
    let mut ids = Vec::new();
    for number in 0..MANY {
        ids.push(
            world
                .add_provisioned(&format!("user-{number}"), None)
                .await
                .unwrap(),
        );
    }
    let mut adding = JoinSet::new();
    for id in ids.clone() {
        let (world, group) = (Arc::clone(&world), group.clone());
        adding.spawn(async move { world.change(&group, &joining([id])).await });
    }
    assert!(
        adding
            .join_all()
            .await
            .iter()
            .all(|done| *done == GroupChange::Done)
    );
    ids.sort();
    let members = world.store.member_ids("staff", None, 100).await.unwrap();
    assert_eq!(members, ids);
    let kinds = world.events().await;
    let joined = kinds
        .iter()
        .filter(|kind| *kind == "group-member-added")
        .count();
    assert_eq!(joined, MANY);
    assert_eq!(
        world.group_of(&group.id).await.version,
        group.version + MANY as i64
    );
}

/// Attacks: AD17, AD19, AD20.
#[apply(databases)]
#[tokio::test]
async fn a_change_of_members_is_whole_and_nothing_where_nothing_changes(database: Kind) {
    let world = World::on(database).await;
    let group = world.provision_group("staff").await;
    let grace = world.add_provisioned("grace", None).await.unwrap();
    let nobody = UserId::generate();
    let both = joining([grace.clone(), nobody.clone()]);
    assert_eq!(
        world.change(&group, &both).await,
        GroupChange::NoUser(nobody.clone())
    );
    let alone = joining([nobody.clone()]);
    let told = world.change(&group, &alone).await;
    assert_eq!(
        told,
        GroupChange::NoUser(nobody.clone()),
        "the first of them"
    );
    assert_eq!(world.store.member_ids("staff", None, 9).await.unwrap(), []);
    let leaving = |user: &UserId| GroupReplacement {
        members: vec![MemberChange {
            user: user.clone(),
            joins: false,
        }],
        ..GroupReplacement::default()
    };
    for nothing in [
        leaving(&grace),
        leaving(&nobody),
        GroupReplacement::default(),
    ] {
        assert_eq!(world.change(&group, &nothing).await, GroupChange::Done);
        assert_eq!(world.group_of(&group.id).await, group);
    }
    let stale = GroupReplacement {
        seen: Some(7),
        ..joining([grace.clone()])
    };
    assert_eq!(world.change(&group, &stale).await, GroupChange::Changed);
    // Several at once are one version.
    let some = joining([grace.clone(), world.user.clone()]);
    assert_eq!(world.change(&group, &some).await, GroupChange::Done);
    assert_eq!(world.change(&group, &some).await, GroupChange::Done);
    assert_eq!(world.group_of(&group.id).await.version, group.version + 1);
    let by_member = GroupLookup::Member(grace.as_str());
    assert_eq!(
        world
            .store
            .provisioned_groups(&world.client, by_member, 9)
            .await
            .unwrap()
            .len(),
        1
    );
    let kinds = world.events().await;
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| kind.starts_with("group-member"))
            .count(),
        2
    );

    let seen = Some(group.version);
    let removed = world
        .store
        .remove_provisioned_group(&group, seen, world.now())
        .await;
    assert_eq!(removed.unwrap(), GroupChange::Changed);
    let removed = world
        .store
        .remove_provisioned_group(&group, None, world.now())
        .await;
    assert_eq!(removed.unwrap(), GroupChange::Done);
    assert_eq!(world.change(&group, &some).await, GroupChange::NoGroup);
}

/// Removed and made anew, it would demand nothing.
#[apply(databases)]
#[tokio::test]
async fn a_group_that_demands_a_second_factor_stays(database: Kind) {
    let world = World::on(database).await;
    let group = Group {
        name: "vault".to_owned(),
        display: None,
        second_factor_required: true,
    };
    let id = new_id();
    let (client, now) = (&world.client, world.now());
    let made = world
        .store
        .add_provisioned_group(client, (&id, &group), None, &[], now);
    assert_eq!(made.await.unwrap(), GroupChange::Done);
    let group = world.group_of(&id).await;
    let removed = world.store.remove_provisioned_group(&group, None, now);
    assert_eq!(removed.await.unwrap(), GroupChange::Demanding);
    assert_eq!(world.group_of(&id).await, group);
}

#[apply(databases)]
#[tokio::test]
async fn no_two_groups_read_alike(database: Kind) {
    let world = World::on(database).await;
    let staff = world.provision_group("staff").await;
    let others = world.provision_group("others").await;
    let called = |name: &str| GroupReplacement {
        called: Some(name.to_owned()),
        ..GroupReplacement::default()
    };
    assert_eq!(
        world.change(&others, &called("staff")).await,
        GroupChange::Taken
    );
    assert_eq!(
        world.change(&staff, &called("All")).await,
        GroupChange::Done
    );
    assert_eq!(
        world.change(&others, &called("All")).await,
        GroupChange::Taken
    );
    assert_eq!(
        world.change(&others, &called("staff")).await,
        GroupChange::Done
    );
    let found = world
        .store
        .provisioned_groups(&world.client, GroupLookup::Display("All"), 9)
        .await;
    assert_eq!(found.unwrap()[0].name, "staff");
    let taken = world
        .store
        .change_group("staff", Some("staff"), None, world.now())
        .await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
}

/// Attacks: AD03, AD38.
#[apply(databases)]
#[tokio::test]
async fn users_are_found_by_what_they_are_called_until_they_are_deleted(database: Kind) {
    let world = World::on(database).await;
    let grace = world
        .add_provisioned("Grace", Some("Grace@Example.com"))
        .await
        .unwrap();
    let lookups = [
        UserLookup::Id(grace.as_str()),
        UserLookup::Name("grace"),
        UserLookup::Email("GRACE@example.com"),
        UserLookup::ExternalId("E-Grace"),
    ];
    for lookup in lookups {
        assert_eq!(
            world.find(lookup).await,
            std::slice::from_ref(&grace),
            "{lookup:?}"
        );
    }
    assert!(
        world
            .find(UserLookup::ExternalId("e-grace"))
            .await
            .is_empty()
    );
    let other = ClientId::parse("other").unwrap();
    let of_other = world
        .store
        .provisioned_users(&other, UserLookup::ExternalId("E-Grace"), 9)
        .await;
    assert!(of_other.unwrap().is_empty());
    assert_eq!(world.store.count_users().await.unwrap(), 2);

    let deleted = world
        .store
        .delete_provisioned_user(&grace, Some(9), world.now())
        .await;
    assert_eq!(deleted.unwrap(), UserChange::Changed);
    let deleted = world
        .store
        .delete_provisioned_user(&grace, Some(1), world.now())
        .await;
    assert_eq!(deleted.unwrap(), UserChange::Done);
    for lookup in lookups {
        assert!(world.find(lookup).await.is_empty(), "{lookup:?}");
    }
    let deleted = world
        .store
        .delete_provisioned_user(&grace, None, world.now())
        .await;
    assert_eq!(deleted.unwrap(), UserChange::NoUser);
    assert_eq!(world.store.count_users().await.unwrap(), 1);
}

#[apply(databases)]
#[tokio::test]
async fn pages_of_users_are_in_their_order(database: Kind) {
    let world = World::on(database).await;
    for name in ["Bob", "carol", "\u{e5}sa"] {
        world.add_provisioned(name, None).await.unwrap();
    }
    let page = async |order: UserOrder<'_>, limit, offset| {
        let page = world
            .store
            .provisioned_users_page(&world.client, order, limit, offset)
            .await;
        let names = page.unwrap().into_iter().map(|user| user.record.username);
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        page(UserOrder::Name(""), 9, 0).await,
        ["ada", "Bob", "carol", "\u{e5}sa"]
    );
    assert_eq!(page(UserOrder::Name("bob"), 1, 0).await, ["carol"]);
    assert_eq!(page(UserOrder::Name(""), 2, 1).await, ["Bob", "carol"]);
    assert_eq!(
        page(UserOrder::NameDown(None), 2, 1).await,
        ["carol", "Bob"]
    );
    assert_eq!(page(UserOrder::NameDown(Some("bob")), 9, 0).await, ["ada"]);
    let all = world
        .store
        .provisioned_users_page(&world.client, UserOrder::Id(""), 9, 0)
        .await
        .unwrap();
    let ids: Vec<&str> = all.iter().map(|user| user.record.id.as_str()).collect();
    let behind = world
        .store
        .provisioned_users_page(&world.client, UserOrder::Id(ids[1]), 9, 1)
        .await
        .unwrap();
    assert_eq!(behind.len(), 1);
    assert_eq!(behind[0].record.id.as_str(), ids[3]);
    assert!(page(UserOrder::Id(""), 9, u64::MAX).await.is_empty());
}

/// What SCIM alone keeps is part of what is known of a user.
#[apply(databases)]
#[tokio::test]
async fn another_name_of_the_directory_or_another_label_is_remembered(database: Kind) {
    let world = World::on(database).await;
    for change in [
        (|to: &mut UserReplacement| to.external_id = Some("E-2".to_owned())) as fn(&mut _),
        |to| to.labels = Some("{}".to_owned()),
    ] {
        let before = world.events().await.len();
        let from = world.provisioned().await;
        let mut to = as_it_is(&from);
        assert_eq!(world.replace(&from, &to).await, UserChange::Done);
        assert_eq!(world.events().await.len(), before, "nothing is changed");
        let from = world.provisioned().await;
        to = as_it_is(&from);
        change(&mut to);
        assert_eq!(world.replace(&from, &to).await, UserChange::Done);
        let events = world.events().await;
        assert_eq!(events.len(), before + 1);
        assert!(events.contains(&"claims-updated".to_owned()));
    }
}

/// One write ends everything, and says so once.
#[apply(databases)]
#[tokio::test]
async fn who_is_kept_out_has_nothing_left(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(super::OFFLINE).await;
    let from = world.provisioned().await;
    let mut to = as_it_is(&from);
    to.active = false;
    to.username = "Countess".to_owned();
    assert_eq!(world.replace(&from, &to).await, UserChange::Done);
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.person().await, None);
    assert_eq!(world.rows_of("sessions").await, 0);
    let kept = world.provisioned().await;
    assert!(kept.record.locked);
    let mut back = as_it_is(&kept);
    back.active = true;
    assert_eq!(world.replace(&kept, &back).await, UserChange::Done);
    assert!(!world.is_active(grant.id).await, "what has ended has ended");
    let mut kinds = world.events().await;
    kinds.retain(|kind| kind.starts_with("user-"));
    kinds.sort();
    assert_eq!(
        kinds,
        ["user-added", "user-locked", "user-renamed", "user-unlocked"]
    );
}

/// Attacks: AD36.
#[apply(databases)]
#[tokio::test]
async fn an_administrator_is_nobodys_to_let_others_in_to(database: Kind) {
    let world = World::on(database).await;
    world
        .store
        .add_administrator(&world.user, world.now())
        .await
        .unwrap();
    let from = world.provisioned().await;
    let as_it_is = || as_it_is(&from);
    let mut renamed = as_it_is();
    renamed.username = "eve".to_owned();
    let mut with_password = as_it_is();
    with_password.password = Some(super::sealed("other"));
    let mut with_email = as_it_is();
    with_email
        .claims
        .set("email", json!("eve@example.com"))
        .unwrap();
    for to in [renamed, with_password, with_email] {
        assert_eq!(world.replace(&from, &to).await, UserChange::Administrator);
    }
    let deleted = world
        .store
        .delete_provisioned_user(&world.user, None, world.now());
    assert_eq!(deleted.await.unwrap(), UserChange::Administrator);
    assert_eq!(world.provisioned().await, from);
    let mut nickname = as_it_is();
    nickname.claims.set("nickname", json!("A")).unwrap();
    assert_eq!(world.replace(&from, &nickname).await, UserChange::Done);
}
