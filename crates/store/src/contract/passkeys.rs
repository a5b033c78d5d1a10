//! Passkeys: a challenge is answered once, a count that rises is raised by the write, and the last way in stays.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authentication::{Factor, Factors};
use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::passkey::{
    Asserted, CredentialId, MOST_PASSKEYS, NewPasskey, PasskeyKey, PasskeyName, SignCount,
    USER_HANDLE,
};
use safeconduct_protocol::random;
use safeconduct_protocol::single_use::{SingleUse, UsedId};

use super::{HOST, SESSION_IDLE, World, owner};
use crate::databases::{Kind, databases};
use crate::{
    NewPasskeyRow, NewSession, NewUser, PasskeyAdder, PasskeyAddition, PasskeyAnswer,
    PasskeyRecord, PasskeyRemoval, PasskeyUse, Remover, SessionRenewal, SessionSeen, SignIn,
};

pub(super) const HANDLE: [u8; USER_HANDLE] = [7; USER_HANDLE];

/// A public key: the base point of P-256, which is on the curve.
const KEY: &str = "a5010203262001215820\
    6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    225820\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn key() -> PasskeyKey {
    let bytes: Vec<u8> = (0..KEY.len() / 2)
        .map(|at| u8::from_str_radix(&KEY[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    PasskeyKey::read(&bytes).unwrap()
}

pub(super) fn id(name: &str) -> CredentialId {
    CredentialId::from_bytes(name.as_bytes()).unwrap()
}

pub(super) fn made(name: &str, sign_count: u32, backup_eligible: bool) -> NewPasskey {
    NewPasskey {
        id: id(name),
        key: key(),
        sign_count,
        backup_eligible,
        backed_up: false,
        transports: vec!["internal", "usb"],
        aaguid: [0xab; 16],
    }
}

fn asserted(sign_count: SignCount) -> Asserted {
    Asserted {
        sign_count,
        backup_eligible: false,
        newly_eligible: false,
        backed_up: false,
    }
}

impl World {
    pub(super) fn challenge(&self) -> UsedId {
        UsedId {
            owner: String::new(),
            ..self.id(SingleUse::PasskeyChallenge)
        }
    }

    async fn add(&self, user: &UserId, passkey: &NewPasskey, handle: &[u8]) -> PasskeyAddition {
        self.add_at("id.example.com", &self.seen(), user, passkey, handle)
            .await
    }

    async fn add_at(
        &self,
        rp_id: &str,
        session: &SessionSeen,
        user: &UserId,
        passkey: &NewPasskey,
        handle: &[u8],
    ) -> PasskeyAddition {
        let by = PasskeyAdder::Session(session);
        self.add_by(by, rp_id, user, passkey, handle).await
    }

    /// Adds a passkey to an account that has nothing, in a session that has proved nothing.
    pub(super) async fn add_first(&self, name: &str) -> PasskeyAddition {
        let (seen, passkey) = (self.seen(), made(name, 0, false));
        let by = PasskeyAdder::First(&seen);
        self.add_by(by, "id.example.com", &self.user, &passkey, &HANDLE)
            .await
    }

    async fn add_by(
        &self,
        by: PasskeyAdder<'_>,
        rp_id: &str,
        user: &UserId,
        passkey: &NewPasskey,
        handle: &[u8],
    ) -> PasskeyAddition {
        let new = NewPasskeyRow {
            user,
            passkey,
            name: &PasskeyName::typed("My key").unwrap(),
            handle,
            rp_id,
            challenge: &self.challenge(),
            by,
            mail: None,
        };
        self.store.add_passkey(&new, self.now()).await.unwrap()
    }

    pub(super) async fn added(&self, name: &str, sign_count: u32) {
        let passkey = made(name, sign_count, false);
        let added = self.add(&self.user, &passkey, &HANDLE).await;
        assert_eq!(added, PasskeyAddition::Added);
    }

    /// Adds a passkey that is good at another host.
    pub(super) async fn added_at(&self, rp_id: &str, name: &str) {
        let (seen, passkey) = (self.seen(), made(name, 0, false));
        let added = self.add_at(rp_id, &seen, &self.user, &passkey, &HANDLE);
        assert_eq!(added.await, PasskeyAddition::Added);
    }

    /// Adds a passkey of the user in a session of theirs.
    pub(super) async fn add_in(&self, session: &SessionSeen, name: &str) -> PasskeyAddition {
        let passkey = made(name, 0, false);
        self.add_at("id.example.com", session, &self.user, &passkey, &HANDLE)
            .await
    }

    fn start(&self) -> SignIn {
        SignIn::Start(NewSession {
            id: SessionId::generate(),
            hash: random::bytes(),
            factors: Factors::of(Factor::Passkey, self.now()),
            ..self.new_session()
        })
    }

    async fn sign_in(&self, name: &str, asserted: Asserted, challenge: &UsedId) -> PasskeyUse {
        let answer = PasskeyAnswer {
            id: &id(name),
            owner: &self.user,
            asserted: &asserted,
            challenge,
        };
        let used = self
            .store
            .use_passkey(&answer, &self.start(), self.now())
            .await;
        used.unwrap()
    }

    async fn counted(&self, name: &str, sign_count: SignCount) -> PasskeyUse {
        self.sign_in(name, asserted(sign_count), &self.challenge())
            .await
    }

    pub(super) async fn passkey(&self, name: &str) -> PasskeyRecord {
        let found = self.store.passkey(&id(name)).await.unwrap();
        found.unwrap().0
    }

    async fn sessions(&self) -> usize {
        let sessions = self.store.list_sessions(Some(&self.user), self.now());
        sessions.await.unwrap().len()
    }

    async fn remove(&self, name: &str) -> PasskeyRemoval {
        self.remove_by(owner(&self.seen()), name).await
    }

    pub(super) async fn remove_by(&self, by: Remover<'_>, name: &str) -> PasskeyRemoval {
        let (id, now) = (id(name), self.now());
        let removed = self
            .store
            .remove_passkey(&self.user, &id, by, None, now)
            .await;
        removed.unwrap()
    }

    /// A user without a password, in place of the one that there is.
    pub(super) async fn without_password(database: Kind) -> Self {
        let mut world = Self::on(database).await;
        world.user = UserId::generate();
        world.session = SessionId::generate();
        world.hash = random::bytes();
        let user = NewUser {
            sealed_password: None,
            ..world.new_user("bob")
        };
        world.store.add_user(user, world.now()).await.unwrap();
        let session = world.new_session();
        let started = world.store.start_session(&session, world.now()).await;
        assert!(started.unwrap());
        world
    }
}

#[apply(databases)]
#[tokio::test]
async fn a_passkey_is_added_kept_and_found(database: Kind) {
    let world = World::on(database).await;
    assert!(!world.person().await.unwrap().enrolled.passkey);
    let handle = world.store.passkey_handle(&world.user).await.unwrap();
    assert_eq!(handle, None);
    world.added("one", 3).await;
    world.advance(5);
    world.added("two", 0).await;

    assert!(world.person().await.unwrap().enrolled.passkey);
    let handle = world.store.passkey_handle(&world.user).await.unwrap();
    assert_eq!(handle.as_deref(), Some(HANDLE.as_slice()));
    let kept = world.store.passkeys_of(&world.user).await.unwrap();
    assert_eq!(
        kept.iter().map(|passkey| &passkey.id).collect::<Vec<_>>(),
        [&id("one"), &id("two")]
    );
    let (one, owner) = world.store.passkey(&id("one")).await.unwrap().unwrap();
    assert_eq!(one, kept[0]);
    assert_eq!((one.name.as_str(), one.kept.sign_count), ("My key", 3));
    assert_eq!(one.kept.key, key());
    assert_eq!(one.kept.user_handle, HANDLE);
    assert_eq!(one.transports, ["internal", "usb"]);
    assert_eq!(
        (one.created_at, one.last_used_at),
        (world.now().plus(-5), None)
    );
    assert_eq!(
        (owner.user, owner.username.as_str(), owner.epoch),
        (world.user.clone(), "ada", 1)
    );
    assert!(world.store.passkey(&id("three")).await.unwrap().is_none());
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|kind| *kind == "passkey-added")
            .count(),
        2
    );
}

/// Attacks: PE17.
#[apply(databases)]
#[tokio::test]
async fn a_passkey_is_one_users_and_stays_so(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 3).await;
    let before = world.passkey("one").await;
    let bob = UserId::generate();
    let user = NewUser {
        id: bob.clone(),
        ..world.new_user("bob")
    };
    world.store.add_user(user, world.now()).await.unwrap();
    for user in [&bob, &world.user] {
        let handle: [u8; USER_HANDLE] = if *user == bob {
            [8; USER_HANDLE]
        } else {
            HANDLE
        };
        let added = world.add(user, &made("one", 0, true), &handle).await;
        assert_eq!(added, PasskeyAddition::Known);
    }
    assert_eq!(world.passkey("one").await, before);
    let handle = world.store.passkey_handle(&bob).await.unwrap();
    assert_eq!(handle, None, "nothing of what was refused is kept");
}

#[apply(databases)]
#[tokio::test]
async fn an_account_has_one_handle_and_a_challenge_adds_one_passkey(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 0).await;
    let other = world
        .add(&world.user, &made("two", 0, false), &[8; USER_HANDLE])
        .await;
    assert_eq!(other, PasskeyAddition::Over);

    let challenge = world.challenge();
    let name = PasskeyName::typed("My key").unwrap();
    for (key, expected) in [
        ("two", PasskeyAddition::Added),
        ("three", PasskeyAddition::Over),
    ] {
        let new = NewPasskeyRow {
            user: &world.user,
            passkey: &made(key, 0, false),
            name: &name,
            handle: &HANDLE,
            rp_id: "id.example.com",
            challenge: &challenge,
            by: PasskeyAdder::Session(&world.seen()),
            mail: None,
        };
        let added = world.store.add_passkey(&new, world.now()).await;
        assert_eq!(added.unwrap(), expected, "{key}");
    }

    let (nobody, four) = (UserId::generate(), made("four", 0, false));
    let stranger = world.add(&nobody, &four, &HANDLE).await;
    assert_eq!(stranger, PasskeyAddition::Over);
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    let locked = world.add(&world.user, &four, &HANDLE).await;
    assert_eq!(locked, PasskeyAddition::Over);
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_account_has_so_many_passkeys_and_no_more_however_many_come_at_once(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let tries: Vec<_> = (0..MOST_PASSKEYS + 5)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let passkey = made(&format!("key {number}"), 0, false);
                world.add(&world.user, &passkey, &HANDLE).await
            })
        })
        .collect();
    let mut added = 0;
    for one in tries {
        match one.await.unwrap() {
            PasskeyAddition::Added => added += 1,
            other => assert_eq!(other, PasskeyAddition::TooMany),
        }
    }
    assert_eq!(added, MOST_PASSKEYS);
}

/// Attacks: PE10.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_answer_64_times_at_once_makes_one_session(database: Kind) {
    let world = Arc::new(World::on(database).await);
    world.added("one", 0).await;
    // Of a key that does not count: nothing but the challenge can tell one use from another.
    let challenge = world.challenge();
    let before = world.sessions().await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (world, challenge) = (Arc::clone(&world), challenge.clone());
            tokio::spawn(async move {
                let asserted = asserted(SignCount::Unused);
                world.sign_in("one", asserted, &challenge).await
            })
        })
        .collect();
    let mut proved = 0;
    for one in tries {
        match one.await.unwrap() {
            PasskeyUse::Proved => proved += 1,
            other => assert_eq!(other, PasskeyUse::Replayed),
        }
    }
    assert_eq!((proved, world.sessions().await), (1, before + 1));
}

/// Two who hold one security key, each with a challenge of their own.
///
/// Attacks: PE09.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_answers_with_one_count_one_is_taken(database: Kind) {
    let world = Arc::new(World::on(database).await);
    world.added("one", 5).await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.counted("one", SignCount::Risen(6)).await })
        })
        .collect();
    let mut proved = 0;
    for one in tries {
        match one.await.unwrap() {
            PasskeyUse::Proved => proved += 1,
            other => assert_eq!(other, PasskeyUse::Changed),
        }
    }
    assert_eq!((proved, world.passkey("one").await.kept.sign_count), (1, 6));
}

/// Attacks: PE09.
#[apply(databases)]
#[tokio::test]
async fn a_count_only_rises_and_what_is_let_in_behind_it_is_an_event(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 0).await;
    let count = async || world.passkey("one").await.kept.sign_count;
    for (sign_count, expected, kept) in [
        (SignCount::Unused, PasskeyUse::Proved, 0),
        (SignCount::Risen(7), PasskeyUse::Proved, 7),
        // Judged by what was kept before: the write finds another count.
        (SignCount::Unused, PasskeyUse::Changed, 7),
        (SignCount::Risen(7), PasskeyUse::Changed, 7),
        (SignCount::Behind, PasskeyUse::Proved, 7),
        (SignCount::Risen(8), PasskeyUse::Proved, 8),
    ] {
        world.advance(1);
        assert_eq!(world.counted("one", sign_count).await, expected);
        assert_eq!(count().await, kept, "{sign_count:?}");
    }
    assert_eq!(world.passkey("one").await.last_used_at, Some(world.now()));
    let challenge = world.challenge();
    for _ in 0..2 {
        let noted = world
            .store
            .note_copied_passkey(&world.user, &challenge, world.now());
        noted.await.unwrap();
    }
    assert_eq!(
        world.kinds("passkey-count-behind").await,
        [Some("let in".to_owned()), Some("refused".to_owned())]
    );
    let used = world.sign_in("one", asserted(SignCount::Risen(9)), &challenge);
    assert_eq!(used.await, PasskeyUse::Replayed);
}

/// Attacks: PE07, PE08.
#[apply(databases)]
#[tokio::test]
async fn a_key_becomes_eligible_for_backup_with_an_event_and_stays_so(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 0).await;
    let raised = Asserted {
        backup_eligible: true,
        newly_eligible: true,
        backed_up: true,
        ..asserted(SignCount::Unused)
    };
    let used = world.sign_in("one", raised, &world.challenge()).await;
    assert_eq!(used, PasskeyUse::Proved);
    let passkey = world.passkey("one").await;
    assert!(passkey.kept.backup_eligible && passkey.backed_up);
    assert_eq!(
        world.kinds("passkey-backup-eligible").await,
        [Some("My key".to_owned())]
    );
    // Judged before the other one was written.
    let lost = world.counted("one", SignCount::Unused).await;
    assert_eq!(lost, PasskeyUse::Changed);
    assert!(world.passkey("one").await.kept.backup_eligible);
}

#[apply(databases)]
#[tokio::test]
async fn a_passkey_renews_a_session_or_changes_nothing(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 5).await;
    let renewal = |old_hash| SessionRenewal {
        id: world.session.clone(),
        old_hash,
        new_hash: random::bytes(),
        factors: Factors::of(Factor::Password, world.now()).and(Factor::Passkey, world.now()),
        idle_expires_at: world.now().plus(SESSION_IDLE),
        user_epoch: 1,
    };
    let challenge = world.challenge();
    let (one, risen) = (id("one"), asserted(SignCount::Risen(6)));
    let prove = async |session: SessionRenewal| {
        let answer = PasskeyAnswer {
            id: &one,
            owner: &world.user,
            asserted: &risen,
            challenge: &challenge,
        };
        let session = SignIn::Renew(session);
        let used = world
            .store
            .use_passkey(&answer, &session, world.now())
            .await;
        used.unwrap()
    };
    let stale = prove(renewal(random::bytes())).await;
    assert_eq!(stale, PasskeyUse::SessionChanged);
    assert_eq!(world.passkey("one").await.kept.sign_count, 5);
    let renewal = renewal(world.hash);
    assert_eq!(prove(renewal.clone()).await, PasskeyUse::Proved);
    assert!(world.person().await.is_none(), "the old cookie is dead");
    let view = world
        .store
        .signed_in(renewal.new_hash, None, "", HOST, world.now());
    let person = view.await.unwrap().unwrap().person;
    assert_eq!(
        (person.session, person.factors),
        (renewal.id, renewal.factors)
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_passkey_of_who_is_locked_or_deleted_is_no_way_in(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 0).await;
    let (store, now) = (&world.store, world.now());
    let locked = async || store.passkey(&id("one")).await.unwrap().unwrap().1.locked;
    assert!(!locked().await);
    store.lock_user(&world.user, now).await.unwrap();
    assert!(locked().await);
    let used = world.counted("one", SignCount::Unused).await;
    assert_eq!(used, PasskeyUse::SessionChanged);
    store.unlock_user(&world.user, now).await.unwrap();
    assert_eq!(world.passkey("one").await.kept.sign_count, 0);
    store.delete_user(&world.user, now).await.unwrap();
    assert!(store.passkey(&id("one")).await.unwrap().is_none());
    assert!(store.passkeys_of(&world.user).await.unwrap().is_empty());
    assert_eq!(store.passkey_handle(&world.user).await.unwrap(), None);
}

/// Attacks: PE24.
#[apply(databases)]
#[tokio::test]
async fn a_passkey_is_renamed_and_removed_by_its_owner_alone(database: Kind) {
    let world = World::on(database).await;
    world.added("one", 0).await;
    let (store, now) = (&world.store, world.now());
    let (one, name) = (id("one"), PasskeyName::typed("Phone").unwrap());
    let bob = NewUser {
        id: UserId::generate(),
        ..world.new_user("bob")
    };
    let stranger = bob.id.clone();
    let of_stranger = NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        user: stranger.clone(),
        ..world.new_session()
    };
    store.add_user(bob, now).await.unwrap();
    assert!(store.start_session(&of_stranger, now).await.unwrap());
    let seen_of_stranger = SessionSeen {
        id: of_stranger.id,
        hash: of_stranger.hash,
        user_epoch: 1,
    };
    for (user, session, done) in [
        (&stranger, &seen_of_stranger, false),
        (&world.user, &world.seen(), true),
    ] {
        let renamed = store.rename_passkey(user, &one, &name, session, now);
        assert_eq!(renamed.await.unwrap(), done);
    }
    assert_eq!(world.passkey("one").await.name, "Phone");
    let removed = store
        .remove_passkey(&stranger, &id("one"), Remover::Operator, None, now)
        .await;
    assert_eq!(removed.unwrap(), PasskeyRemoval::Absent);
    assert_eq!(world.remove("one").await, PasskeyRemoval::Removed);
    assert_eq!(world.remove("one").await, PasskeyRemoval::Absent);
    assert_eq!(
        world.kinds("passkey-removed").await,
        [Some("Phone".to_owned())]
    );
    let used = world.counted("one", SignCount::Unused).await;
    assert_eq!(used, PasskeyUse::Changed);
    assert!(!world.person().await.unwrap().enrolled.passkey);
}

/// Attacks: PE71.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_passkeys_that_are_removed_at_once_without_a_password_one_stays(database: Kind) {
    let world = Arc::new(World::without_password(database).await);
    world.added("one", 0).await;
    assert_eq!(world.remove("one").await, PasskeyRemoval::LastWayIn);
    world.added("two", 0).await;
    let both = ["one", "two"].map(|name| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.remove(name).await })
    });
    let mut outcomes = Vec::new();
    for one in both {
        outcomes.push(one.await.unwrap());
    }
    outcomes.sort_by_key(|outcome| *outcome != PasskeyRemoval::Removed);
    assert_eq!(
        outcomes,
        [PasskeyRemoval::Removed, PasskeyRemoval::LastWayIn]
    );
    let left = world.store.passkeys_of(&world.user).await.unwrap();
    assert_eq!(left.len(), 1);
    let last = world.store.remove_passkey(
        &world.user,
        &left[0].id,
        Remover::Operator,
        None,
        world.now(),
    );
    assert_eq!(last.await.unwrap(), PasskeyRemoval::Removed);
}

/// Attacks: PE71.
#[apply(databases)]
#[tokio::test]
async fn a_passkey_of_another_host_counts_for_nothing(database: Kind) {
    let world = World::without_password(database).await;
    let (seen, old) = (world.seen(), made("old", 0, false));
    let added = world.add_at("old.example.com", &seen, &world.user, &old, &HANDLE);
    assert_eq!(added.await, PasskeyAddition::Added);
    for (host, counts) in [
        (HOST, false),
        (Some("old.example.com"), true),
        (None, false),
    ] {
        let view = world
            .store
            .signed_in(world.hash, None, "", host, world.now());
        let person = view.await.unwrap().unwrap().person;
        assert_eq!(person.enrolled.passkey, counts, "{host:?}");
    }
    world.added("one", 0).await;
    assert_eq!(world.remove("one").await, PasskeyRemoval::LastWayIn);
    assert_eq!(world.remove("old").await, PasskeyRemoval::Removed);
}
