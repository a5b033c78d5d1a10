//! What users take away and add of what they sign in with: what is demanded of them is left, and the session they do it in still stands.

use std::sync::Arc;

use rstest_reuse::apply;

use super::second_factors::codes;
use super::{HOST, World, owner, sealed};
use crate::databases::{Kind, databases};
use crate::{
    Membership, OtpRemoval, PasskeyAddition, PasskeyRemoval, Remover, SessionSeen, StoreError,
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
    match meanwhile {
        Meanwhile::Ended => drop(
            store
                .end_session(&seen.id, user, world.now())
                .await
                .unwrap(),
        ),
        Meanwhile::NewPassword => {
            let password = sealed("sealed:new");
            let set = store.set_password(user, &password, None, world.now());
            set.await.unwrap();
        }
        Meanwhile::Locked => store.lock_user(user, world.now()).await.unwrap(),
        Meanwhile::AnotherCookie => seen.hash[0] ^= 1,
        Meanwhile::AnotherEpoch => seen.user_epoch -= 1,
        Meanwhile::Over => world.advance(1_000_000),
    }
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
