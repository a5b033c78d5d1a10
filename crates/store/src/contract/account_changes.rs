//! What users take away and add of what they sign in with: what is demanded of them is left, and the session they do it in still stands.

use std::slice;
use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::passkey::PasskeyName;
use safeconduct_protocol::random;

use super::passkeys::id;
use super::second_factors::codes;
use super::{HOST, World, owner, sealed};
use crate::databases::{Kind, databases};
use crate::{
    Membership, NewSession, NewUser, OtpAddition, OtpRemoval, PasskeyAddition, PasskeyRemoval,
    Remover, SessionSeen, StoreError,
};

impl World {
    /// Makes the user a member of a group that demands a second factor.
    async fn demand(&self) {
        self.add_group("staff", true).await;
        assert_eq!(self.join("staff").await, Membership::Changed);
    }

    async fn remove_app(&self, by: Remover<'_>) -> OtpRemoval {
        let removed = self.store.remove_otp(&self.user, by, None, self.now());
        removed.await.unwrap()
    }

    async fn has(&self) -> (bool, usize) {
        let app = self.store.otp(&self.user).await.unwrap();
        let passkeys = self.store.passkeys_of(&self.user).await.unwrap();
        (app.is_some(), passkeys.len())
    }

    /// What becomes of the session of the user between the look at it, `seen`, and the write.
    async fn pass(&self, meanwhile: Meanwhile, seen: &mut SessionSeen) {
        let (store, user) = (&self.store, &self.user);
        match meanwhile {
            Meanwhile::Ended => drop(store.end_session(&seen.id, user, self.now()).await.unwrap()),
            Meanwhile::NewPassword => {
                let password = sealed("sealed:new");
                let set = store.set_password(user, &password, None, self.now());
                set.await.unwrap();
            }
            Meanwhile::Locked => store.lock_user(user, self.now()).await.unwrap(),
            Meanwhile::AnotherCookie => seen.hash[0] ^= 1,
            Meanwhile::AnotherEpoch => seen.user_epoch -= 1,
            Meanwhile::Over => self.advance(1_000_000),
        }
    }
}

/// Attacks: PE43.
#[apply(databases)]
#[tokio::test]
async fn the_last_second_factor_stays_while_one_is_demanded(
    database: Kind,
    #[values(false, true)] by_the_server: bool,
) {
    let world = World::on(database).await;
    if !by_the_server {
        world.demand().await;
    }
    let seen = world.seen();
    let by = Remover::Owner {
        session: &seen,
        relying_party: HOST,
        second_factor_required: by_the_server,
    };
    // With the password alone left, nothing would be.
    world.added("one", 0).await;
    assert_eq!(world.remove_by(by, "one").await, PasskeyRemoval::Demanded);
    assert!(world.kinds("passkey-removed").await.is_empty());
    // Each stands in for the other.
    world.enrol().await;
    assert_eq!(world.remove_app(by).await, OtpRemoval::Removed);
    world.added("two", 0).await;
    assert_eq!(world.remove_by(by, "two").await, PasskeyRemoval::Removed);
    world.enrol().await;
    assert_eq!(world.remove_by(by, "one").await, PasskeyRemoval::Removed);
    assert_eq!(world.remove_app(by).await, OtpRemoval::Demanded);
    assert_eq!(world.has().await, (true, 0));
    // A passkey that is good elsewhere is none.
    world.added("three", 0).await;
    let elsewhere = Remover::Owner {
        session: &seen,
        relying_party: Some("new.example.com"),
        second_factor_required: by_the_server,
    };
    assert_eq!(world.remove_app(elsewhere).await, OtpRemoval::Demanded);
    let by = Remover::Operator;
    assert_eq!(world.remove_by(by, "three").await, PasskeyRemoval::Removed);
    assert_eq!(world.remove_app(by).await, OtpRemoval::Removed);
}

/// Attacks: PE43.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_second_factors_that_are_removed_at_once_one_stays(database: Kind) {
    let world = Arc::new(World::on(database).await);
    world.demand().await;
    world.added("one", 0).await;
    world.enrol().await;
    let (first, second) = (Arc::clone(&world), Arc::clone(&world));
    let passkey = tokio::spawn(async move { first.remove_by(owner(&first.seen()), "one").await });
    let app = tokio::spawn(async move { second.remove_app(owner(&second.seen())).await });
    let outcomes = (passkey.await.unwrap(), app.await.unwrap());
    match outcomes {
        (PasskeyRemoval::Removed, OtpRemoval::Demanded) => assert_eq!(world.has().await, (true, 0)),
        (PasskeyRemoval::Demanded, OtpRemoval::Removed) => {
            assert_eq!(world.has().await, (false, 1));
        }
        other => panic!("{other:?}"),
    }
}

/// Who knows the password alone, and its owner, are asked to set up a second factor in the same moment.
///
/// Attacks: PE41.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_first_factors_that_are_added_at_once_one_is(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let adding: Vec<_> = (0..64)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                if number % 2 == 0 {
                    world.enrol_first().await == OtpAddition::Added
                } else {
                    let added = world.add_first(&format!("number {number}")).await;
                    added == PasskeyAddition::Added
                }
            })
        })
        .collect();
    let mut won = 0;
    for added in adding {
        won += usize::from(added.await.unwrap());
    }
    let (app, passkeys) = world.has().await;
    assert_eq!((won, usize::from(app) + passkeys), (1, 1));
}

/// What is good at another host is none; whoever has proved what there is adds another beside it.
#[apply(databases)]
#[tokio::test]
async fn a_first_factor_is_added_to_an_account_that_has_none(database: Kind) {
    let world = World::on(database).await;
    world.added_at("new.example.com", "elsewhere").await;
    assert_eq!(world.enrol_first().await, OtpAddition::Added);
    assert_eq!(world.enrol_first().await, OtpAddition::Already);
    assert_eq!(world.add_first("one").await, PasskeyAddition::Over);
    let added = world.add_in(&world.seen(), "one").await;
    assert_eq!(added, PasskeyAddition::Added);
    assert_eq!(world.add_first("two").await, PasskeyAddition::Over);
    assert_eq!(world.has().await, (true, 2));
}

/// What becomes of a session between the look at it and the write.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Ended,
    NewPassword,
    Locked,
    AnotherCookie,
    AnotherEpoch,
    Over,
}

/// Attacks: PE70.
#[apply(databases)]
#[tokio::test]
async fn nothing_is_changed_in_a_session_that_is_over(
    database: Kind,
    #[values(
        Meanwhile::Ended,
        Meanwhile::NewPassword,
        Meanwhile::Locked,
        Meanwhile::AnotherCookie,
        Meanwhile::AnotherEpoch,
        Meanwhile::Over
    )]
    meanwhile: Meanwhile,
) {
    let world = World::on(database).await;
    let (store, user) = (&world.store, &world.user);
    world.added("one", 0).await;
    world.enrol().await;
    let mut seen: SessionSeen = world.seen();
    world.pass(meanwhile, &mut seen).await;
    let by = owner(&seen);
    let another = codes(30);
    let replaced = store.replace_recovery_codes(user, &another, &seen, None, world.now());
    assert_eq!(replaced.await, Err(StoreError::NotFound("such session")));
    assert_eq!(world.remove_app(by).await, OtpRemoval::SessionChanged);
    let removed = world.remove_by(by, "one").await;
    assert_eq!(removed, PasskeyRemoval::SessionChanged);
    let added = world.add_in(&seen, "two").await;
    assert_eq!(added, PasskeyAddition::Over);
    assert_eq!(world.has().await, (true, 1));
    for kind in [
        "second-factor-removed",
        "passkey-removed",
        "recovery-codes-made",
    ] {
        assert!(world.kinds(kind).await.is_empty(), "{kind}");
    }
}

/// Attacks: PE70.
#[apply(databases)]
#[tokio::test]
async fn nothing_is_renamed_or_deleted_in_a_session_that_is_over(
    database: Kind,
    #[values(
        Meanwhile::Ended,
        Meanwhile::NewPassword,
        Meanwhile::Locked,
        Meanwhile::AnotherCookie,
        Meanwhile::AnotherEpoch,
        Meanwhile::Over
    )]
    meanwhile: Meanwhile,
) {
    let world = World::on(database).await;
    let (store, user) = (&world.store, &world.user);
    world.added("one", 0).await;
    let mut seen = world.seen();
    world.pass(meanwhile, &mut seen).await;
    let now = world.now();
    let known = store.user(user).await.unwrap().unwrap();
    let mut called = PersonClaims::default();
    called.set("name", "Ada".into()).unwrap();
    let changed = store.update_claims(user, known.updated_at, &called, Some(&seen), now);
    assert!(!changed.await.unwrap());
    // Of the version that is good now: what a password set meanwhile makes of links is another matter.
    let version = store.linked_user(user).await.unwrap().unwrap().link_version;
    let link = Link::make(LinkPurpose::ChangeAddress, user.clone(), version, 1, now);
    let link = link.about(MailAddress::parse("ada@new.example").unwrap());
    let changed = store.change_address_by_link(&link, &known, &seen, None, now);
    assert!(!changed.await.unwrap());
    let (one, name) = (id("one"), PasskeyName::typed("Phone").unwrap());
    let renamed = store.rename_passkey(user, &one, &name, &seen, now);
    assert!(!renamed.await.unwrap());
    let removed = store.remove_access(user, &world.client, Some(&seen), now);
    assert!(!removed.await.unwrap());
    let deleted = store.delete_own_account(user, &seen, now);
    assert!(!deleted.await.unwrap());
    assert_eq!(store.user(user).await.unwrap(), Some(known));
    assert_eq!(world.passkey("one").await.name, "My key");
    let linked = store.linked_user(user).await.unwrap().unwrap();
    assert_eq!(linked.link_version, version);
    for kind in [
        "claims-updated",
        "passkey-renamed",
        "access-removed",
        "user-deleted",
    ] {
        assert!(world.kinds(kind).await.is_empty(), "{kind}");
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_session_that_stands_changes_what_is_known_and_deletes_the_account(database: Kind) {
    let world = World::on(database).await;
    let (store, user, seen, now) = (&world.store, &world.user, world.seen(), world.now());
    let known = store.user(user).await.unwrap().unwrap();
    let mut called = PersonClaims::default();
    called.set("name", "Ada".into()).unwrap();
    let changed = store.update_claims(user, known.updated_at, &called, Some(&seen), now);
    assert!(changed.await.unwrap());
    let known = store.user(user).await.unwrap().unwrap();
    assert_eq!(known.claims, called);
    let deleted = store.delete_own_account(user, &seen, now);
    assert!(deleted.await.unwrap());
    assert!(store.user(user).await.unwrap().is_none());
    assert!(world.person().await.is_none());
    let once_more = store.delete_own_account(user, &seen, now);
    assert!(!once_more.await.unwrap());
    assert_eq!(world.kinds("user-deleted").await.len(), 1);
}

/// Another session of the user's, and one of somebody else's.
async fn two_more_sessions(world: &World) -> (NewSession, NewSession) {
    let session = |user: &UserId| NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        user: user.clone(),
        ..world.new_session()
    };
    let (bob, now) = (UserId::generate(), world.now());
    let added = NewUser {
        id: bob.clone(),
        ..world.new_user("bob")
    };
    world.store.add_user(added, now).await.unwrap();
    let (other, of_bob) = (session(&world.user), session(&bob));
    for session in [&other, &of_bob] {
        assert!(world.store.start_session(session, now).await.unwrap());
    }
    (other, of_bob)
}

async fn ids(world: &World, user: &UserId) -> Vec<SessionId> {
    let sessions = world.store.list_sessions(Some(user), world.now()).await;
    let sessions = sessions.unwrap().into_iter();
    sessions.map(|session| session.id).collect()
}

/// Attacks: PE70, PE73.
#[apply(databases)]
#[tokio::test]
async fn a_user_ends_sessions_of_their_own_and_only_in_one_that_stands(
    database: Kind,
    #[values(false, true)] all_others: bool,
) {
    let world = World::on(database).await;
    let (store, user, now) = (&world.store, &world.user, world.now());
    let (other, of_bob) = two_more_sessions(&world).await;
    let end = async |seen: &SessionSeen, id: &SessionId| {
        let ended = match all_others {
            true => store.end_other_sessions(user, seen, now).await,
            false => store.end_own_session(id, user, seen, now).await,
        };
        ended.unwrap();
    };
    let seen = world.seen();
    let over = SessionSeen {
        hash: random::bytes(),
        ..world.seen()
    };
    end(&over, &other.id).await;
    if !all_others {
        end(&seen, &of_bob.id).await;
    }
    assert_eq!(ids(&world, user).await.len(), 2);
    end(&seen, &other.id).await;
    // Twice is once.
    end(&seen, &other.id).await;
    assert_eq!(ids(&world, user).await, slice::from_ref(&world.session));
    assert_eq!(ids(&world, &of_bob.user).await, slice::from_ref(&of_bob.id));
    let (kind, detail) = match all_others {
        true => ("sessions-ended", &world.session),
        false => ("session-ended", &other.id),
    };
    let told = Some(detail.as_str().to_owned());
    assert_eq!(world.kinds(kind).await, [told]);
}
