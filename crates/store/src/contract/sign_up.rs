//! Signing up: an account comes of a link once, and an address has one of them, however many try.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::UserId;
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::passkey::PasskeyName;
use serde_json::json;

use super::passkeys::{HANDLE, made};
use super::{World, sealed};
use crate::databases::{Kind, databases};
use crate::{FirstPasskey, NewUser, SignUpState, SignedUp};

const DONE: SignedUp = SignedUp::Done { epoch: 1 };
const USED: SignedUp = SignedUp::Over(SignUpState::Used);
const ADDRESS_TAKEN: SignedUp = SignedUp::Over(SignUpState::AddressTaken);

fn address(text: &str) -> MailAddress {
    MailAddress::parse(text).unwrap()
}

impl World {
    fn link_to_sign_up(&self, to: &str) -> Link {
        let (purpose, user) = (LinkPurpose::SignUp, UserId::generate());
        Link::to_sign_up(purpose, user, address(to), 1, self.now())
    }

    async fn sign_up(&self, link: &Link, username: &str) -> SignedUp {
        let mut claims = PersonClaims::default();
        let to = link.address().unwrap().as_str();
        claims.set("email", json!(to)).unwrap();
        claims.set("email_verified", json!(true)).unwrap();
        let user = NewUser {
            id: link.user().clone(),
            username: username.to_owned(),
            name: None,
            claims,
            sealed_password: Some(sealed(&format!("password of {username}"))),
        };
        let signed_up = self.store.sign_up(link, &user, None, self.now());
        signed_up.await.unwrap()
    }

    async fn sign_up_with(&self, link: &Link, username: &str, passkey: &str) -> SignedUp {
        let user = NewUser {
            id: link.user().clone(),
            sealed_password: None,
            ..self.new_user(username)
        };
        let first = FirstPasskey {
            passkey: &made(passkey, 0, true),
            name: &PasskeyName::typed("My key").unwrap(),
            handle: &HANDLE,
            rp_id: "id.example.com",
            challenge: &self.challenge(),
            ends: Some((&self.session, &self.user)),
        };
        let signed_up = self.store.sign_up(link, &user, Some(&first), self.now());
        signed_up.await.unwrap()
    }

    /// What the events of those who signed up say.
    async fn signed_up(&self) -> Vec<Option<String>> {
        let events = self.store.events(None, 1000).await.unwrap().into_iter();
        let of_kind = events.filter(|event| event.kind == "user-signed-up");
        of_kind.map(|event| event.detail).collect()
    }

    async fn state(&self, link: &Link) -> SignUpState {
        let state = self
            .store
            .sign_up_state(link.user(), link.address().unwrap());
        state.await.unwrap()
    }
}

#[apply(databases)]
#[tokio::test]
async fn an_account_is_created_with_its_address_its_password_and_its_event(database: Kind) {
    let world = World::on(database).await;
    let link = world.link_to_sign_up("Grace@example.com");
    assert_eq!(world.state(&link).await, SignUpState::Open);
    assert_eq!(world.sign_up(&link, "grace").await, DONE);
    let found = world.store.user_by_address("grace@example.com").await;
    let grace = found.unwrap().unwrap();
    assert_eq!((&grace.id, grace.username.as_str()), (link.user(), "grace"));
    let credential = world.store.credential("grace").await.unwrap().unwrap();
    assert_eq!(
        credential.sealed_password.as_deref(),
        Some("password of grace")
    );
    assert_eq!((credential.epoch, credential.locked), (1, false));
    assert_eq!(world.signed_up().await, [None]);
    assert_eq!(world.state(&link).await, SignUpState::Used);
    let (purpose, user) = (LinkPurpose::SignUpInvite, UserId::generate());
    let to = address("hedy@example.com");
    let invited = Link::to_sign_up(purpose, user, to, 1, world.now());
    assert_eq!(world.sign_up(&invited, "hedy").await, DONE);
    let events = world.signed_up().await;
    assert_eq!(events.last(), Some(&Some("invited".to_owned())));
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test]
async fn what_is_taken_meanwhile_is_told_apart_and_nothing_is_written(database: Kind) {
    let world = World::on(database).await;
    let first = world.link_to_sign_up("grace@example.com");
    let second = world.link_to_sign_up("GRACE@example.com");
    assert_eq!(world.sign_up(&first, "ADA").await, SignedUp::NameTaken);
    assert_eq!(world.state(&first).await, SignUpState::Open, "still good");
    assert_eq!(world.sign_up(&first, "grace").await, DONE);
    assert_eq!(world.sign_up(&first, "grace").await, USED);
    assert_eq!(world.sign_up(&first, "another").await, USED);
    assert_eq!(world.state(&second).await, SignUpState::AddressTaken);
    assert_eq!(world.sign_up(&second, "another").await, ADDRESS_TAKEN);
    assert!(world.store.user_by_name("another").await.unwrap().is_none());
    let now = world.now();
    world.store.lock_user(first.user(), now).await.unwrap();
    assert_eq!(world.sign_up(&second, "another").await, ADDRESS_TAKEN);
    world.store.delete_user(first.user(), now).await.unwrap();
    assert_eq!(world.sign_up(&first, "again").await, USED, "deleted since");
    assert_eq!(world.sign_up(&second, "another").await, DONE);
    assert_eq!(world.signed_up().await.len(), 2);
    let of_another = NewUser {
        id: UserId::generate(),
        ..world.new_user("somebody")
    };
    let link = world.link_to_sign_up("somebody@example.com");
    let refused = world.store.sign_up(&link, &of_another, None, now).await;
    let refused = refused.unwrap();
    assert_eq!(refused, USED, "of another id");
}

/// Attacks: PE59.
#[apply(databases)]
#[tokio::test]
async fn an_invitation_that_is_taken_back_creates_no_account(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let link = world.link_to_sign_up("grace@example.com");
    let ended = store.end_links(link.user(), now).await.unwrap();
    assert!(!ended, "none was made for that id");
    store.sign_up_link_made(link.user(), now).await.unwrap();
    assert!(store.end_links(link.user(), now).await.unwrap());
    assert_eq!(world.state(&link).await, SignUpState::Used);
    assert_eq!(world.sign_up(&link, "grace").await, USED);
    assert!(!store.end_links(link.user(), now).await.unwrap());
    assert_eq!(world.signed_up().await, []);
    let users = store.list_users("", None, 100).await.unwrap();
    assert_eq!(users.len(), 1, "nobody is there");
    let another = world.link_to_sign_up("grace@example.com");
    assert_eq!(world.sign_up(&another, "grace").await, DONE);
}

#[apply(databases)]
#[tokio::test]
async fn an_account_is_created_with_a_passkey_and_whoever_was_signed_in_is_not(database: Kind) {
    let world = World::on(database).await;
    let link = world.link_to_sign_up("grace@example.com");
    assert_eq!(world.sign_up_with(&link, "grace", "one").await, DONE);
    let credential = world.store.credential("grace").await.unwrap().unwrap();
    assert!(credential.sealed_password.is_none());
    let kept = world.store.passkeys_of(link.user()).await.unwrap();
    assert_eq!(
        (kept.len(), kept[0].kept.user_handle.as_slice()),
        (1, &HANDLE[..])
    );
    assert!(world.person().await.is_none());
    // A passkey that is somebody's makes no account, and uses no link up.
    let another = world.link_to_sign_up("hedy@example.com");
    let refused = world.sign_up_with(&another, "hedy", "one").await;
    assert_eq!(refused, SignedUp::PasskeyRefused);
    assert_eq!(world.state(&another).await, SignUpState::Open);
    let taken = world.sign_up_with(&another, "GRACE", "two").await;
    assert_eq!(taken, SignedUp::NameTaken);
    assert_eq!(world.sign_up_with(&another, "hedy", "two").await, DONE);
    assert_eq!(world.sign_up_with(&another, "again", "three").await, USED);
}

/// With one link; with 64 links of one address; with 64 addresses for one name.
/// Attacks: PE59.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_at_once_one_signs_up(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let one = world.link_to_sign_up("one@example.com");
    for way in ["link", "address", "name"] {
        let attempts: Vec<_> = (0..64)
            .map(|number| {
                let world = Arc::clone(&world);
                let link = match way {
                    "link" => one.clone(),
                    "address" => world.link_to_sign_up("two@example.com"),
                    _ => world.link_to_sign_up(&format!("three{number}@example.com")),
                };
                let username = match way {
                    "name" => "three".to_owned(),
                    way => format!("{way}-{number}"),
                };
                tokio::spawn(async move {
                    if way == "link" && number % 2 == 0 {
                        return world.sign_up_with(&link, &username, &username).await;
                    }
                    world.sign_up(&link, &username).await
                })
            })
            .collect();
        let expected = match way {
            "link" => USED,
            "address" => ADDRESS_TAKEN,
            _ => SignedUp::NameTaken,
        };
        let mut won = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                DONE => won += 1,
                lost => assert_eq!(lost, expected, "{way}"),
            }
        }
        assert_eq!(won, 1, "{way}");
    }
    assert_eq!(world.signed_up().await.len(), 3);
    // Ada was there before.
    assert_eq!(
        world.store.list_users("", None, 100).await.unwrap().len(),
        4
    );
}
