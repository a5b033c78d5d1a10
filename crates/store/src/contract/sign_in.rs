//! Users, sessions and remembered consent.

use rstest_reuse::apply;
use safeconduct_protocol::authentication::{Factor, Factors};
use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::random;
use safeconduct_protocol::scope::Scope;

use super::{API, HOST, SESSION_IDLE, World, sealed};
use crate::databases::{Kind, databases};
use crate::driver::Statement;
use crate::{
    NewSession, NewUser, SealedPassword, SessionRenewal, StoreError, UserImport, UserRecord,
};

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

#[apply(databases)]
#[tokio::test]
async fn a_name_belongs_to_one_user_in_any_case_of_its_letters(database: Kind) {
    let world = World::on(database).await;
    let taken = NewUser {
        id: UserId::generate(),
        ..world.new_user("ADA")
    };
    assert!(matches!(
        world.store.add_user(taken, world.now()).await,
        Err(StoreError::Conflict(_))
    ));
    let credential = world.store.credential("Ada").await.unwrap().unwrap();
    assert_eq!(
        (credential.user, credential.username.as_str()),
        (world.user.clone(), "ada")
    );
    assert_eq!(credential.sealed_password.as_deref(), Some("sealed:ada"));
    for nobody in ["bob", "ada\0", "\0"] {
        assert!(world.store.credential(nobody).await.unwrap().is_none());
        assert!(world.store.user_by_name(nobody).await.unwrap().is_none());
    }
}

/// Composed and decomposed, as two keyboards send it.
const ONE: &str = "j\u{fc}rgen";
const OTHER: &str = "Ju\u{308}rgen";

#[apply(databases)]
#[tokio::test]
async fn a_name_is_one_name_however_it_is_typed(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let id = UserId::generate();
    let user = NewUser {
        id: id.clone(),
        ..world.new_user(OTHER)
    };
    store.add_user(user, world.now()).await.unwrap();
    for typed in [ONE, OTHER, "J\u{dc}RGEN"] {
        let credential = store.credential(typed).await.unwrap().unwrap();
        assert_eq!(
            (&credential.user, credential.username.as_str()),
            (&id, "J\u{fc}rgen")
        );
        assert_eq!(store.user_by_name(typed).await.unwrap().unwrap().id, id);
        let taken = NewUser {
            id: UserId::generate(),
            ..world.new_user(typed)
        };
        let refusal = store.add_user(taken, world.now()).await;
        assert!(
            matches!(refusal, Err(StoreError::Conflict(_))),
            "{refusal:?}"
        );
    }
}

/// A page goes on behind the key that is kept, whatever rule it was made by: here two names have become one, as they may when
/// Unicode's tables change.
#[apply(databases)]
#[tokio::test]
async fn no_user_is_listed_twice_or_left_out_where_two_names_have_become_one(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    for name in [ONE, "ju", "zoe", "kept"] {
        let id = UserId::generate();
        let user = NewUser {
            id,
            ..world.new_user(name)
        };
        store.add_user(user, world.now()).await.unwrap();
    }
    let other = "UPDATE users SET username = $1, username_key = $2, username_bytes = $3 WHERE username_key = 'kept'";
    let key = OTHER.to_lowercase();
    let bytes = key.clone().into_bytes();
    let other = Statement::new(other).bind(OTHER).bind(key).bind(bytes);
    store.commit(other).await.unwrap();
    let all = store.list_users("", None, 100).await.unwrap();
    assert_eq!(all.len(), 5);
    let mut paged: Vec<UserRecord> = Vec::new();
    for _ in &all {
        let after = paged.last().map(|user| user.username_key.as_str());
        paged.extend(store.list_users("", after, 1).await.unwrap());
    }
    assert_eq!(paged, all);
    let last = all.last().map(|user| user.username_key.as_str());
    assert_eq!(store.list_users("", last, 1).await.unwrap(), []);
}

/// Attacks: I15.
#[apply(databases)]
#[tokio::test]
async fn a_deleted_users_name_is_free_and_their_id_is_not(database: Kind) {
    let world = World::on(database).await;
    world
        .store
        .delete_user(&world.user, world.now())
        .await
        .unwrap();
    assert!(world.store.credential("ada").await.unwrap().is_none());
    assert!(world.store.user(&world.user).await.unwrap().is_none());
    assert_eq!(
        world.store.delete_user(&world.user, world.now()).await,
        Err(StoreError::NotFound("such user"))
    );
    let same_id = world
        .store
        .add_user(world.new_user("eve"), world.now())
        .await;
    assert!(same_id.is_err(), "an id is never given twice");
    let another = NewUser {
        id: UserId::generate(),
        ..world.new_user("ada")
    };
    world.store.add_user(another, world.now()).await.unwrap();
}

#[apply(databases)]
#[tokio::test]
async fn an_import_adds_who_is_new_and_names_who_is_not(database: Kind) {
    let world = World::on(database).await;
    let names = (0..1_100).map(|n| {
        if n == 700 {
            "Ada".to_owned()
        } else {
            format!("user{n:04}")
        }
    });
    let users = names
        .map(|name| NewUser {
            id: UserId::generate(),
            ..world.new_user(&name)
        })
        .map(UserImport::from)
        .collect();
    let imported = world.store.import_users(users, world.now()).await.unwrap();
    assert_eq!((imported.added, imported.taken), (1_099, vec![700]));
    let page = world
        .store
        .list_users("", Some("user0498"), 3)
        .await
        .unwrap();
    let names: Vec<_> = page.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["user0499", "user0500", "user0501"]);
    let credential = world.store.credential("user0701").await.unwrap().unwrap();
    assert_eq!(
        credential.sealed_password.as_deref(),
        Some("sealed:user0701")
    );
    assert_eq!(
        world.store.credential("ada").await.unwrap().unwrap().user,
        world.user
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_better_hash_replaces_the_one_it_was_made_for_and_ends_nothing(database: Kind) {
    let world = World::on(database).await;
    let (store, user) = (&world.store, &world.user);
    assert!(
        store
            .refresh_password_hash(user, "sealed:ada", &sealed("sealed:better"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .refresh_password_hash(user, "sealed:ada", &sealed("sealed:late"))
            .await
            .unwrap()
    );
    let credential = store.credential("ada").await.unwrap().unwrap();
    assert_eq!(
        (credential.sealed_password.as_deref(), credential.epoch),
        (Some("sealed:better"), 1)
    );
    assert!(world.person().await.is_some());
}

#[apply(databases)]
#[tokio::test]
async fn locking_is_idempotent_and_unlocking_gives_back_the_sign_in_alone(database: Kind) {
    let world = World::on(database).await;
    let (store, user, now) = (&world.store, &world.user, world.now());
    store.lock_user(user, now).await.unwrap();
    store.lock_user(user, now).await.unwrap();
    let credential = store.credential("ada").await.unwrap().unwrap();
    assert_eq!((credential.locked, credential.epoch), (true, 2));
    store.unlock_user(user, now).await.unwrap();
    let credential = store.credential("ada").await.unwrap().unwrap();
    assert_eq!((credential.locked, credential.epoch), (false, 2));
    assert!(world.person().await.is_none(), "the session stays dead");
    assert_eq!(
        store.lock_user(&UserId::generate(), now).await,
        Err(StoreError::NotFound("such user"))
    );
}

/// Attacks: L17.
#[apply(databases)]
#[tokio::test]
async fn a_session_does_not_start_for_a_user_who_was_locked_meanwhile(database: Kind) {
    let world = World::on(database).await;
    let session = NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        ..world.new_session()
    };
    world
        .store
        .lock_user(&world.user, world.now())
        .await
        .unwrap();
    assert!(
        !world
            .store
            .start_session(&session, world.now())
            .await
            .unwrap()
    );
    world
        .store
        .unlock_user(&world.user, world.now())
        .await
        .unwrap();
    assert!(
        !world
            .store
            .start_session(&session, world.now())
            .await
            .unwrap(),
        "they proved it before the lock"
    );
    let session = NewSession {
        user_epoch: 2,
        ..session
    };
    assert!(
        world
            .store
            .start_session(&session, world.now())
            .await
            .unwrap()
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_session_that_replaces_another_ends_it(database: Kind) {
    let world = World::on(database).await;
    let bob = NewUser {
        id: UserId::generate(),
        ..world.new_user("bob")
    };
    let session = NewSession {
        id: SessionId::generate(),
        hash: random::bytes(),
        user: bob.id.clone(),
        replaces: Some((world.session.clone(), world.user.clone())),
        ..world.new_session()
    };
    world.store.add_user(bob, world.now()).await.unwrap();
    assert!(
        world
            .store
            .start_session(&session, world.now())
            .await
            .unwrap()
    );
    assert!(world.person().await.is_none());
    let events = world.store.events(None, 100).await.unwrap().into_iter();
    let ended: Vec<_> = events
        .filter(|event| event.kind == "session-ended")
        .collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].user.as_ref(), ended[0].detail.as_deref()),
        (Some(&world.user), Some(world.session.as_str()))
    );
    let view = world
        .store
        .signed_in(session.hash, None, API, HOST, world.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.person.username, "bob");
    assert_eq!(
        world
            .store
            .list_sessions(None, world.now())
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        world
            .store
            .list_sessions(Some(&world.user), world.now())
            .await
            .unwrap()
            .len(),
        0
    );
}

/// Attacks: L06.
#[apply(databases)]
#[tokio::test]
async fn renewing_gives_the_session_another_cookie_once(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now().plus(10));
    let (new, other) = (random::bytes(), random::bytes());
    let proved = Factors::of(Factor::Password, now).and(Factor::Otp, now.plus(-5));
    let renew = async |old, hash, epoch| {
        let renewal = SessionRenewal {
            id: world.session.clone(),
            old_hash: old,
            new_hash: hash,
            factors: proved,
            idle_expires_at: now.plus(100),
            user_epoch: epoch,
        };
        store.renew_session(&renewal, now).await.unwrap()
    };
    assert!(
        !renew(world.hash, new, 2).await,
        "the user has another epoch"
    );
    assert!(renew(world.hash, new, 1).await);
    assert!(
        !renew(world.hash, other, 1).await,
        "the old cookie is used up"
    );
    assert!(world.person().await.is_none());
    let view = store
        .signed_in(new, None, API, HOST, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (view.person.session, view.person.factors),
        (world.session.clone(), proved)
    );
    assert_eq!(view.idle_expires_at, now.plus(100));
}

/// Attacks: L32.
#[apply(databases)]
#[tokio::test]
async fn a_session_idles_out_and_no_touch_carries_it_past_its_end(database: Kind) {
    let world = World::on(database).await;
    let start = world.now();
    world.advance(SESSION_IDLE - 1);
    assert!(world.person().await.is_some());
    world
        .store
        .touch_session(&world.session, world.now().plus(1_000_000), world.now())
        .await
        .unwrap();
    let view = world
        .store
        .signed_in(world.hash, None, API, HOST, world.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.idle_expires_at, view.absolute_expires_at);
    assert_eq!(view.absolute_expires_at, start.plus(2 * SESSION_IDLE));
    world.advance(SESSION_IDLE + 1);
    assert!(world.person().await.is_none());
    world
        .store
        .touch_session(&world.session, world.now().plus(100), world.now())
        .await
        .unwrap();
    assert!(
        world.person().await.is_none(),
        "what has ended is not touched back to life"
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_session_that_idled_can_be_continued_by_a_new_proof_and_ended(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    world.advance(SESSION_IDLE);
    let now = world.now();
    let left = store.session_at(world.hash, now).await.unwrap().unwrap();
    assert_eq!(left.person.session, world.session);
    assert_eq!(store.list_sessions(None, now).await.unwrap().len(), 1);
    store
        .touch_session(&world.session, now.plus(100), now)
        .await
        .unwrap();
    assert!(world.person().await.is_none(), "a visit alone is no proof");

    let (hash, idle) = (random::bytes(), now.plus(100));
    let renew = async |old, now| {
        let renewal = SessionRenewal {
            id: world.session.clone(),
            old_hash: old,
            new_hash: hash,
            factors: Factors::of(Factor::Password, now),
            idle_expires_at: idle,
            user_epoch: 1,
        };
        store.renew_session(&renewal, now).await.unwrap()
    };
    assert!(renew(world.hash, now).await);
    let view = store
        .signed_in(hash, None, API, HOST, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        view.absolute_expires_at, left.absolute_expires_at,
        "its last end never moves"
    );
    let over = view.absolute_expires_at;
    assert!(!renew(hash, over).await, "what has ended is not continued");
    assert_eq!(store.session_at(hash, over).await.unwrap(), None);
    assert_eq!(store.list_sessions(None, over).await.unwrap(), []);
    store.lock_user(&world.user, now).await.unwrap();
    assert_eq!(store.session_at(hash, now).await.unwrap(), None);
}

#[apply(databases)]
#[tokio::test]
async fn consent_is_remembered_by_audience_and_widens(database: Kind) {
    let world = World::on(database).await;
    let record = async |audience, text| {
        world
            .store
            .record_consent(
                &world.user,
                &world.client,
                audience,
                &scope(text),
                0,
                world.now(),
            )
            .await
            .unwrap()
    };
    assert!(record(API, "a b").await);
    assert!(record(API, "b c").await);
    assert!(record("https://other.example", "d").await);
    assert_eq!(world.person().await.unwrap().consented, scope("a b c"));
    let consents = world.store.list_consents(&world.user).await.unwrap();
    assert_eq!(consents[0].scopes["https://other.example"], scope("d"));
    assert_eq!(world.person().await.unwrap().epochs.consent, 0);
}

#[apply(databases)]
#[tokio::test]
async fn a_withdrawal_wins_over_the_answer_to_an_older_page(database: Kind) {
    let world = World::on(database).await;
    let record = async |epoch| {
        world
            .store
            .record_consent(
                &world.user,
                &world.client,
                API,
                &scope("a"),
                epoch,
                world.now(),
            )
            .await
            .unwrap()
    };
    assert!(record(0).await);
    world
        .store
        .withdraw_consent(&world.user, &world.client, world.now())
        .await
        .unwrap();
    assert!(!record(0).await);
    assert!(world.person().await.unwrap().consented.is_empty());
    assert!(
        world
            .store
            .list_consents(&world.user)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.person().await.unwrap().epochs.consent, 1);
    assert!(record(1).await);
    assert_eq!(world.person().await.unwrap().consented, scope("a"));
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_given_at_the_same_time_are_all_remembered(database: Kind) {
    let world = std::sync::Arc::new(World::on(database).await);
    let answers: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move {
                world
                    .store
                    .record_consent(
                        &world.user,
                        &world.client,
                        API,
                        &scope(name),
                        0,
                        world.now(),
                    )
                    .await
            })
        })
        .into();
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Ok(true));
    }
    assert_eq!(world.person().await.unwrap().consented, scope("a b c d"));
}

#[apply(databases)]
#[tokio::test]
async fn what_passwords_cost_is_counted_as_they_come_change_and_go(database: Kind) {
    let world = World::on(database).await;
    let store = &world.store;
    let costs = async || {
        let mut costs = store.password_costs().await.unwrap();
        costs.sort();
        costs
    };
    let usual = Some("m=19456,t=2,p=1".to_owned());
    let dear = Some("m=65536,t=4,p=1".to_owned());
    let before = costs().await;
    assert_eq!(before.len(), 1, "{before:?}");
    let (_, others) = before[0];
    let of_cost = |cost: &Option<String>| SealedPassword {
        cost: cost.clone(),
        ..sealed("sealed:imported")
    };
    let ids: Vec<_> = (0..3).map(|_| UserId::generate()).collect();
    let users = ids.iter().enumerate().map(|(number, id)| NewUser {
        id: id.clone(),
        sealed_password: Some(of_cost(&dear)),
        ..world.new_user(&format!("imported {number}"))
    });
    store
        .import_users(users.map(UserImport::from).collect(), world.now())
        .await
        .unwrap();
    assert_eq!(costs().await, [(usual.clone(), others), (dear.clone(), 3)]);
    // One signs in, one gets another password, one goes.
    assert!(
        store
            .refresh_password_hash(&ids[0], "sealed:imported", &sealed("sealed:new"))
            .await
            .unwrap()
    );
    assert_eq!(costs().await, [(usual.clone(), others + 1), (dear, 2)]);
    store
        .set_password(&ids[1], &of_cost(&None), None, world.now())
        .await
        .unwrap();
    store.delete_user(&ids[2], world.now()).await.unwrap();
    assert_eq!(costs().await, [(None, 1), (usual, others + 1)]);
}
