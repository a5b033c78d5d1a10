//! Groups: one of a name, whoever joins and leaves, and what they demand of a session.

use std::sync::Arc;

use rstest_reuse::apply;

use super::World;
use crate::databases::{Kind, databases};
use crate::{Declared, Group, Membership, Reconciled, StoreError};

fn group(name: &str, second_factor_required: bool) -> Group {
    Group {
        name: name.to_owned(),
        display: None,
        second_factor_required,
    }
}

impl World {
    pub(super) async fn add_group(&self, name: &str, second_factor_required: bool) {
        let group = group(name, second_factor_required);
        self.store.add_group(&group, self.now()).await.unwrap();
    }

    pub(super) async fn join(&self, name: &str) -> Membership {
        let joined = self.store.add_member(name, &self.user, self.now());
        joined.await.unwrap()
    }

    async fn is_demanded(&self) -> bool {
        self.person().await.unwrap().second_factor_required
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_group_is_made_changed_and_removed(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    world.add_group("staff", false).await;
    let again = store.add_group(&group("staff", true), now).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let change = |display, required| store.change_group("staff", display, required, now);
    change(Some("The staff"), Some(true)).await.unwrap();
    change(None, None).await.unwrap();
    let kept = store.group("staff").await.unwrap().unwrap();
    assert_eq!(kept.group.display.as_deref(), Some("The staff"));
    assert!(kept.group.second_factor_required);
    change(Some(""), None).await.unwrap();
    let kept = store.group("staff").await.unwrap().unwrap();
    assert_eq!((kept.group.display, kept.members), (None, 0));
    assert_eq!(store.groups().await.unwrap().len(), 1);

    store.remove_group("staff", now).await.unwrap();
    for gone in [
        store.remove_group("staff", now).await,
        change(None, Some(true)).await,
    ] {
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    }
    assert_eq!(store.group("staff").await.unwrap(), None);
}

impl World {
    /// What the file that declares these groups, and nothing else, came to.
    async fn declare(&self, groups: &[Group]) -> Reconciled {
        let declared = Declared {
            groups: groups.to_vec(),
            ..Declared::default()
        };
        let reconciled = self.store.reconcile(&declared, self.now());
        reconciled.await.unwrap()
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_declared_group_is_what_the_file_says_and_changes_nowhere_else(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let mut staff = group("staff", true);
    let declared = world.declare(std::slice::from_ref(&staff)).await;
    assert_eq!(declared.declared_groups, ["staff"]);
    let kept = store.group("staff").await.unwrap().unwrap();
    assert_eq!((kept.declared, &kept.group), (true, &staff));
    for refused in [
        store.change_group("staff", None, Some(false), now).await,
        store.remove_group("staff", now).await,
    ] {
        assert!(
            matches!(refused, Err(StoreError::NotFound(_))),
            "{refused:?}"
        );
    }
    let again = store.add_group(&staff, now).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(
        world.join("staff").await,
        Membership::Changed,
        "who belongs to it is for commands to say"
    );

    let events = world.events().await.len();
    let same = world.declare(std::slice::from_ref(&staff)).await;
    assert_eq!(same, Reconciled::default());
    assert_eq!(world.events().await.len(), events);
    staff.display = Some("The staff".to_owned());
    staff.second_factor_required = false;
    let changed = world.declare(std::slice::from_ref(&staff)).await;
    assert_eq!(changed.declared_groups, ["staff"]);
    let kept = store.group("staff").await.unwrap().unwrap();
    assert_eq!((kept.group, kept.members), (staff, 1));
}

#[apply(databases)]
#[tokio::test]
async fn a_file_by_which_two_groups_would_read_alike_is_refused(database: Kind) {
    let world = World::on(database).await;
    let called = |name: &str, display: &str| Group {
        display: Some(display.to_owned()),
        ..group(name, false)
    };
    world.add_group("guests", false).await;
    for alike in [
        vec![called("staff", "guests")],
        vec![called("staff", "Us"), called("crew", "Us")],
        vec![called("staff", "crew"), group("crew", false)],
    ] {
        let declared = Declared {
            groups: alike,
            ..Declared::default()
        };
        let refused = world.store.reconcile(&declared, world.now()).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        assert!(world.store.compare_with_declared(&declared).await.is_err());
    }
    assert_eq!(world.store.groups().await.unwrap().len(), 1);
    // A group that the file takes over reads as the file says.
    let file = [called("guests", "Visitors"), called("staff", "guests")];
    let declared = world.declare(&file).await;
    assert_eq!(declared.declared_groups, ["guests", "staff"]);
}

#[apply(databases)]
#[tokio::test]
async fn the_file_takes_over_a_group_of_the_name_and_leaves_what_it_drops_as_it_is(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    world.add_group("staff", false).await;
    world.add_group("guests", false).await;
    world.join("staff").await;
    let declared = world.declare(&[group("staff", true)]).await;
    assert_eq!(declared.declared_groups, ["staff"]);
    assert!(world.is_demanded().await, "its members stay");

    let gone = world.declare(&[]).await;
    assert_eq!(gone.undeclared_groups, ["staff"]);
    assert_eq!(world.declare(&[]).await, Reconciled::default());
    assert!(
        world.is_demanded().await,
        "nothing is demanded less by that"
    );
    let kept = store.group("staff").await.unwrap().unwrap();
    assert_eq!((kept.declared, kept.members), (false, 1));
    store
        .change_group("staff", None, Some(false), now)
        .await
        .unwrap();
    assert!(!world.is_demanded().await);
}

#[apply(databases)]
#[tokio::test]
async fn what_a_group_demands_is_demanded_of_its_members_alone(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    assert_eq!(world.join("staff").await, Membership::NoGroup);
    world.add_group("staff", true).await;
    world.add_group("guests", false).await;
    assert!(!world.is_demanded().await);
    assert_eq!(world.join("guests").await, Membership::Changed);
    assert!(!world.is_demanded().await);
    assert_eq!(world.join("staff").await, Membership::Changed);
    assert_eq!(world.join("staff").await, Membership::Already);
    assert!(world.is_demanded().await);
    assert_eq!(
        store.groups_of(&world.user).await.unwrap(),
        ["guests", "staff"]
    );
    let members = store.members_of("staff").await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].username, "ada");

    let left = store.remove_member("staff", &world.user, now);
    assert_eq!(left.await.unwrap(), Membership::Changed);
    let left = store.remove_member("staff", &world.user, now);
    assert_eq!(left.await.unwrap(), Membership::Already);
    assert!(!world.is_demanded().await);
}

#[apply(databases)]
#[tokio::test]
async fn a_user_who_is_deleted_and_a_group_that_is_removed_leave_no_member(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    world.add_group("staff", true).await;
    world.join("staff").await;
    store.remove_group("staff", now).await.unwrap();
    world.add_group("staff", true).await;
    assert!(
        !world.is_demanded().await,
        "a new group of that name is empty"
    );
    world.join("staff").await;
    store.delete_user(&world.user, now).await.unwrap();
    assert_eq!(store.members_of("staff").await.unwrap(), []);
    assert_eq!(store.group("staff").await.unwrap().unwrap().members, 0);
    assert_eq!(world.join("staff").await, Membership::NoUser);
}

/// However they come together, no member outlives the group it joined.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_joins_while_the_group_is_removed_is_in_no_later_one(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let now = world.now();
    for _ in 0..16 {
        world.add_group("staff", true).await;
        let joining = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.join("staff").await }
        });
        world.store.remove_group("staff", now).await.unwrap();
        let joined = joining.await.unwrap();
        assert!(
            matches!(joined, Membership::Changed | Membership::NoGroup),
            "{joined:?}"
        );
        assert!(!world.is_demanded().await);
        assert_eq!(world.store.members_of("staff").await.unwrap(), []);
    }
}
