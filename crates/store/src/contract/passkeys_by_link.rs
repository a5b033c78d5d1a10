//! Passkeys that the holder of a one-time link brings: once, in place of a password, and never in place of a factor that is there.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::passkey::PasskeyName;

use super::passkeys::{HANDLE, id, made};
use super::{World, sealed};
use crate::databases::{Kind, databases};
use crate::{NewPasskeyRow, NewUser, PasskeyAdder, PasskeyAddition};

const HOST: &str = "id.example.com";

impl World {
    async fn bring(&self, link: &Link, name: &str) -> PasskeyAddition {
        let new = NewPasskeyRow {
            user: link.user(),
            passkey: &made(name, 0, true),
            name: &PasskeyName::typed("My key").unwrap(),
            handle: &HANDLE,
            rp_id: HOST,
            challenge: &self.challenge(),
            by: PasskeyAdder::Link { link, ends: None },
            mail: None,
        };
        self.store.add_passkey(&new, self.now()).await.unwrap()
    }

    async fn may_bring(&self, host: &str) -> bool {
        let may = self.store.may_bring_passkey(&self.user, host);
        may.await.unwrap()
    }
}

/// Attacks: PE23, PE59.
#[apply(databases)]
#[tokio::test]
async fn a_link_brings_one_passkey_and_ends_what_rested_on_the_account(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted("notes.read offline_access").await;
    let [link, other] = [
        world.link(LinkPurpose::Recover).await,
        world.link(LinkPurpose::Invite).await,
    ];
    assert_eq!(world.bring(&link, "one").await, PasskeyAddition::Added);
    assert!(world.person().await.is_none(), "sessions end");
    assert_eq!(world.rows_of("sessions").await, 0, "and no row stays");
    assert!(!world.is_active(grant.id).await, "and grants do");
    assert_eq!(world.password().await.as_deref(), Some("sealed:ada"));
    assert_eq!(world.linked().await.link_version, link.version() + 1);
    for dead in [&link, &other] {
        assert_eq!(world.bring(dead, "two").await, PasskeyAddition::LinkUsed);
        assert_eq!(world.use_link(dead, "by link").await, None);
    }
    let kept = world.store.passkeys_of(&world.user).await.unwrap();
    let kept: Vec<_> = kept.into_iter().map(|passkey| passkey.id).collect();
    assert_eq!(kept, [id("one")]);
    assert_eq!(world.kinds("passkey-added").await.len(), 1);
}

#[apply(databases)]
#[tokio::test]
async fn what_cannot_be_added_uses_no_link_up(database: Kind) {
    let world = World::on(database).await;
    world.added("theirs", 0).await;
    let bob = NewUser {
        id: UserId::generate(),
        sealed_password: None,
        ..world.new_user("bob")
    };
    let of_bob = bob.id.clone();
    world.store.add_user(bob, world.now()).await.unwrap();
    let linked = world.store.linked_user(&of_bob).await.unwrap().unwrap();
    let version = linked.link_version;
    let link = Link::make(LinkPurpose::Invite, of_bob, version, 1, world.now());
    let known = world.bring(&link, "theirs").await;
    assert_eq!(known, PasskeyAddition::Known);
    world
        .store
        .lock_user(link.user(), world.now())
        .await
        .unwrap();
    let locked = world.bring(&link, "mine").await;
    assert_eq!(locked, PasskeyAddition::LinkUsed);
    let passkey = world.store.passkey(&id("mine")).await.unwrap();
    assert!(passkey.is_none());
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_passkeys_and_passwords_at_once_by_one_link_one_wins(database: Kind) {
    let world = Arc::new(World::without_password(database).await);
    let link = world.link(LinkPurpose::Invite).await;
    let uses: Vec<_> = (0..64)
        .map(|number| {
            let (world, link) = (Arc::clone(&world), link.clone());
            tokio::spawn(async move {
                let name = format!("number {number}");
                if number % 2 == 0 {
                    world.use_link(&link, &name).await.is_some()
                } else {
                    world.bring(&link, &name).await == PasskeyAddition::Added
                }
            })
        })
        .collect();
    let mut won = 0;
    for used in uses {
        won += usize::from(used.await.unwrap());
    }
    let passkeys = world.store.passkeys_of(&world.user).await.unwrap().len();
    let credential = world.store.credential("bob").await.unwrap().unwrap();
    let passwords = usize::from(credential.sealed_password.is_some());
    assert_eq!((won, passkeys + passwords), (1, 1));
    assert_eq!(world.linked().await.link_version, link.version() + 1);
}

/// A link proves no factor, and a passkey is two: it is brought where the account has a password or nothing. What is good at another host only
/// is no factor.
///
/// Attacks: PE60.
#[apply(databases)]
#[tokio::test]
async fn a_passkey_that_a_link_brings_stands_in_for_no_other_factor(database: Kind) {
    // A password alone: its owner would add one behind it.
    let world = World::on(database).await;
    assert!(world.may_bring(HOST).await);
    // Beside an authenticator app.
    world.enrol().await;
    let link = world.link(LinkPurpose::Recover).await;
    assert!(!world.may_bring(HOST).await);
    assert_eq!(world.bring(&link, "one").await, PasskeyAddition::Over);
    assert!(
        world.use_link(&link, "new").await.is_some(),
        "a password is set"
    );

    // A password and a passkey.
    let world = World::on(database).await;
    world.added("one", 0).await;
    let link = world.link(LinkPurpose::Recover).await;
    assert!(!world.may_bring(HOST).await);
    assert!(world.may_bring("new.example").await);
    assert_eq!(world.bring(&link, "two").await, PasskeyAddition::Over);

    // A passkey alone, whether or not anything demands it by now.
    let world = World::without_password(database).await;
    assert!(world.may_bring(HOST).await, "there is none yet");
    world.added("one", 0).await;
    assert!(!world.may_bring(HOST).await);
    let link = world.link(LinkPurpose::Recover).await;
    assert_eq!(world.bring(&link, "two").await, PasskeyAddition::Over);

    let set = world.link(LinkPurpose::Recover).await;
    let password = sealed("new");
    let set = world
        .store
        .set_password_by_link(&set, &password, None, world.now());
    assert!(
        set.await.unwrap().is_some(),
        "a password is set at any time"
    );
}
