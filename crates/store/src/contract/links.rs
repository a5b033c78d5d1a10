//! One-time links: one use ends every link of a user, a new password does, and nothing else of theirs is lost.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::MailAddress;
use serde_json::json;

use super::{World, sealed};
use crate::databases::{Kind, databases};
use crate::{LinkedUser, NewUser, StoreError};

impl World {
    pub(super) async fn linked(&self) -> LinkedUser {
        self.store.linked_user(&self.user).await.unwrap().unwrap()
    }

    pub(super) async fn link(&self, purpose: LinkPurpose) -> Link {
        let version = self.linked().await.link_version;
        Link::make(purpose, self.user.clone(), version, 1, self.now())
    }

    pub(super) async fn use_link(&self, link: &Link, password: &str) -> Option<i64> {
        let password = sealed(password);
        let used = self
            .store
            .set_password_by_link(link, &password, None, self.now());
        used.await.unwrap()
    }

    pub(super) async fn password(&self) -> Option<String> {
        let credential = self.store.credential("ada").await.unwrap();
        credential.unwrap().sealed_password
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_what_rested_on_the_old_one(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted("notes.read offline_access").await;
    let otp = world.enrol().await;
    let [link, other] = [
        world.link(LinkPurpose::Recover).await,
        world.link(LinkPurpose::Invite).await,
    ];
    assert_eq!(world.use_link(&link, "new").await, Some(2));
    assert_eq!(world.password().await.as_deref(), Some("new"));
    assert!(world.person().await.is_none(), "sessions end");
    assert!(!world.is_active(grant.id).await, "and grants do");
    let kept = world.store.otp(&world.user).await.unwrap().unwrap();
    assert_eq!(
        (kept.added_at, kept.recovery_codes),
        (otp.added_at, otp.recovery_codes),
        "a second factor stays"
    );
    for dead in [&link, &other] {
        assert_eq!(world.use_link(dead, "another").await, None);
    }
    assert_eq!(world.password().await.as_deref(), Some("new"));
    let details = world.kinds("password-set").await;
    assert_eq!(details, [Some("recover".to_owned())]);
    let newer = world.link(LinkPurpose::Recover).await;
    assert_eq!(world.use_link(&newer, "newest").await, Some(3));
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_uses_of_links_at_once_one_wins(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let link = world.link(LinkPurpose::Recover).await;
    let uses: Vec<_> = (0..64)
        .map(|number| {
            let (world, link) = (Arc::clone(&world), link.clone());
            tokio::spawn(async move {
                let password = format!("password {number}");
                let used = world.use_link(&link, &password).await;
                used.map(|_| password)
            })
        })
        .collect();
    let mut won = Vec::new();
    for used in uses {
        won.extend(used.await.unwrap());
    }
    assert_eq!(won.len(), 1);
    assert_eq!(world.password().await, won.pop());
    assert_eq!(world.kinds("password-set").await.len(), 1);
    assert_eq!(world.linked().await.link_version, link.version() + 1);
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test]
async fn a_link_dies_with_the_password_that_was_there_and_is_of_no_use_to_who_is_kept_out(
    database: Kind,
) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let link = world.link(LinkPurpose::Recover).await;
    store
        .set_password(&world.user, &sealed("set"), None, now)
        .await
        .unwrap();
    assert_eq!(world.use_link(&link, "by link").await, None);
    let link = world.link(LinkPurpose::Recover).await;
    store.lock_user(&world.user, now).await.unwrap();
    assert!(world.linked().await.locked);
    assert_eq!(world.use_link(&link, "by link").await, None);
    store.unlock_user(&world.user, now).await.unwrap();
    assert_eq!(world.password().await.as_deref(), Some("set"));
    assert_eq!(
        world.use_link(&link, "by link").await,
        None,
        "an unlock revives nothing"
    );
    let link = world.link(LinkPurpose::Recover).await;
    assert_eq!(world.use_link(&link, "by link").await, Some(4));
    let link = world.link(LinkPurpose::Recover).await;
    store.delete_user(&world.user, now).await.unwrap();
    assert_eq!(world.use_link(&link, "by link").await, None);
    assert!(store.linked_user(&world.user).await.unwrap().is_none());
    let made = store.link_made(&world.user, LinkPurpose::Recover, now);
    assert!(matches!(made.await, Err(StoreError::NotFound(_))));
    assert!(world.kinds("link-made").await.is_empty());
}

/// Attacks: PE59, PE64.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_confirmations_of_addresses_at_once_one_wins(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let user = world.store.user(&world.user).await.unwrap().unwrap();
    let recovery = world.link(LinkPurpose::Recover).await;
    let confirmations: Vec<_> = (0..64)
        .map(|number| {
            let (world, user, recovery) = (Arc::clone(&world), user.clone(), recovery.clone());
            tokio::spawn(async move {
                let address = MailAddress::parse(&format!("ada{number}@example.com")).unwrap();
                let link = recovery.about(address.clone());
                let (store, session, now) = (&world.store, world.seen(), world.now());
                let changed = store.change_address_by_link(&link, &user, &session, None, now);
                changed.await.unwrap().then_some(address)
            })
        })
        .collect();
    let mut won = Vec::new();
    for confirmation in confirmations {
        won.extend(confirmation.await.unwrap());
    }
    assert_eq!(won.len(), 1);
    let kept = world.store.user(&world.user).await.unwrap().unwrap();
    assert_eq!(MailAddress::of(&kept.claims), won.pop());
    assert_eq!(kept.epoch, user.epoch, "nothing ends");
    assert!(world.person().await.is_some());
    assert_eq!(world.kinds("claims-updated").await.len(), 1);
    assert_eq!(world.use_link(&recovery, "by link").await, None);
    let about_nothing = world.link(LinkPurpose::ChangeAddress).await;
    let (store, session, now) = (&world.store, world.seen(), world.now());
    let changed = store.change_address_by_link(&about_nothing, &kept, &session, None, now);
    assert!(!changed.await.unwrap());
}

/// Attacks: PE59, PE64.
#[apply(databases)]
#[tokio::test]
async fn another_verified_address_ends_links_and_finds_the_account(database: Kind) {
    let world = World::on(database).await;
    let claims = |address: &str, is_verified: bool| {
        let mut claims = PersonClaims::default();
        claims.set("email", json!(address)).unwrap();
        claims.set("email_verified", json!(is_verified)).unwrap();
        claims
    };
    let change = async |known: &PersonClaims| {
        let (store, id, now) = (&world.store, &world.user, world.now());
        let seen = store.user(id).await.unwrap().unwrap().updated_at;
        let changed = store.update_claims(id, seen, known, None, now);
        assert!(changed.await.unwrap());
    };
    let found = async |key: &str| {
        let found = world.store.user_by_address(key).await.unwrap();
        found.map(|user| user.id)
    };
    let link = world.link(LinkPurpose::Recover).await;
    change(&claims("Ada@example.com", false)).await;
    assert_eq!(found("ada@example.com").await, None, "nobody verified it");
    assert_eq!(world.linked().await.link_version, link.version());
    change(&claims("Ada@example.com", true)).await;
    assert_eq!(found("ada@example.com").await, Some(world.user.clone()));
    assert_eq!(world.use_link(&link, "by link").await, None);
    let link = world.link(LinkPurpose::Recover).await;
    change(&claims("ada@EXAMPLE.com", true)).await;
    assert_eq!(world.linked().await.link_version, link.version());
    change(&claims("ada@new.example", true)).await;
    assert_eq!(found("ada@example.com").await, None);
    assert_eq!(world.use_link(&link, "by link").await, None);
    let bob = NewUser {
        id: UserId::generate(),
        claims: claims("ada@new.example", true),
        ..world.new_user("bob")
    };
    world.advance(1);
    world.store.add_user(bob, world.now()).await.unwrap();
    assert_eq!(found("ada@new.example").await, Some(world.user.clone()));
    world
        .store
        .delete_user(&world.user, world.now())
        .await
        .unwrap();
    let left = world.store.user_by_address("ada@new.example").await;
    assert_eq!(left.unwrap().unwrap().username, "bob");
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test]
async fn links_that_an_operator_ends_are_dead_and_nothing_else_is(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let link = world.link(LinkPurpose::Recover).await;
    assert!(store.end_links(&world.user, now).await.unwrap());
    assert_eq!(world.use_link(&link, "by link").await, None);
    assert!(world.person().await.is_some(), "the session stays");
    assert_eq!(world.password().await.as_deref(), Some("sealed:ada"));
    assert_eq!(world.kinds("links-ended").await, [None]);
    let next = world.link(LinkPurpose::Recover).await;
    assert!(world.use_link(&next, "by link").await.is_some());
    store.delete_user(&world.user, now).await.unwrap();
    assert!(!store.end_links(&world.user, now).await.unwrap());
    assert!(!store.end_links(&UserId::generate(), now).await.unwrap());
}

#[apply(databases)]
#[tokio::test]
async fn a_link_of_one_user_changes_nothing_for_another(database: Kind) {
    let world = World::on(database).await;
    let bob = NewUser {
        id: UserId::generate(),
        sealed_password: None,
        ..world.new_user("bob")
    };
    let id = bob.id.clone();
    world.store.add_user(bob, world.now()).await.unwrap();
    let linked = world.store.linked_user(&id).await.unwrap().unwrap();
    assert!(!linked.has_password && world.linked().await.has_password);
    let made = world.store.link_made(&id, LinkPurpose::Invite, world.now());
    made.await.unwrap();
    let link = Link::make(
        LinkPurpose::Invite,
        id.clone(),
        linked.link_version,
        1,
        world.now(),
    );
    assert_eq!(world.use_link(&link, "of bob").await, Some(2));
    let credential = world.store.credential("bob").await.unwrap().unwrap();
    assert_eq!(credential.sealed_password.as_deref(), Some("of bob"));
    assert_eq!(world.password().await.as_deref(), Some("sealed:ada"));
    assert!(world.person().await.is_some());
}
