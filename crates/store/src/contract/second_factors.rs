//! Authenticator apps and recovery codes: each code is good once, and few are judged.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authentication::{Factor, Factors};
use safeconduct_protocol::ids::{SessionId, UserId};
use safeconduct_protocol::random;

use super::administration::hashed;
use super::{HOST, SESSION_IDLE, World, operator};
use crate::databases::{Kind, databases};
use crate::{
    AuthenticatorRecord, Guess, HashedSecret, NewOtp, NewSession, NewUser, OtpAdder, OtpAddition,
    OtpRemoval, Remover, SecondFactorUse, SessionRenewal, Store, StoreError,
};

const STEP: i64 = 60_000_000;

fn app(step: i64) -> NewOtp {
    NewOtp {
        sealed: "sealed:secret".to_owned(),
        key: 1,
        step,
        recovery_codes: codes(10),
        mail: None,
    }
}

pub(super) fn codes(from: u8) -> Vec<HashedSecret> {
    (from..from + 10).map(hashed).collect()
}

impl World {
    fn renewal(&self, session: &SessionId, old_hash: [u8; 32], factor: Factor) -> SessionRenewal {
        SessionRenewal {
            id: session.clone(),
            old_hash,
            new_hash: random::bytes(),
            factors: Factors::of(Factor::Password, self.now()).and(factor, self.now()),
            idle_expires_at: self.now().plus(SESSION_IDLE),
            user_epoch: 1,
        }
    }

    /// Another session of the user, about to prove a factor.
    pub(super) async fn another(&self, factor: Factor) -> SessionRenewal {
        let session = NewSession {
            id: SessionId::generate(),
            hash: random::bytes(),
            ..self.new_session()
        };
        let started = self.store.start_session(&session, self.now()).await;
        assert!(started.unwrap());
        self.renewal(&session.id, session.hash, factor)
    }

    /// Adds an app to an account that has nothing, in a session that has proved nothing.
    pub(super) async fn enrol_first(&self) -> OtpAddition {
        let renewal = self.another(Factor::Otp).await;
        let first = OtpAdder::First {
            relying_party: HOST,
        };
        let app = app(STEP);
        let added = (self.store).add_otp(&self.user, &app, first, &renewal, self.now());
        added.await.unwrap()
    }

    pub(super) async fn enrol(&self) -> AuthenticatorRecord {
        let renewal = self.another(Factor::Otp).await;
        let app = app(STEP);
        let proved = OtpAdder::Proved;
        let added = (self.store).add_otp(&self.user, &app, proved, &renewal, self.now());
        assert_eq!(added.await.unwrap(), OtpAddition::Added);
        self.store.otp(&self.user).await.unwrap().unwrap()
    }

    async fn use_step(&self, otp: &AuthenticatorRecord, step: i64) -> SecondFactorUse {
        let renewal = self.another(Factor::Otp).await;
        let used = self
            .store
            .use_otp(&self.user, otp, step, &renewal, self.now());
        used.await.unwrap()
    }

    async fn use_code(&self, user: &UserId, byte: u8) -> SecondFactorUse {
        let renewal = self.another(Factor::RecoveryCode).await;
        let hash = hashed(byte).hash;
        let used = self
            .store
            .use_recovery_code(user, hash, &renewal, None, self.now());
        used.await.unwrap()
    }

    async fn charge(&self) -> Guess {
        let charged = self
            .store
            .charge_second_factor(&self.user, None, self.now());
        charged.await.unwrap()
    }

    async fn left(&self) -> u64 {
        let otp = self.store.otp(&self.user).await.unwrap();
        otp.map_or(0, |otp| otp.recovery_codes)
    }

    pub(super) async fn kinds(&self, kind: &str) -> Vec<Option<String>> {
        let events = self.store.events(None, 1000).await.unwrap().into_iter();
        let of_kind = events.filter(|event| event.kind == kind);
        of_kind
            .map(|event| {
                assert_eq!(event.user.as_ref(), Some(&self.user));
                event.detail
            })
            .collect()
    }
}

#[apply(databases)]
#[tokio::test]
async fn an_app_is_added_once_with_its_codes_and_a_new_cookie(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    assert!(store.otp(&world.user).await.unwrap().is_none());
    let person = world.person().await.unwrap();
    assert!(!person.enrolled.otp && !person.enrolled.recovery_codes);
    let stale = world.renewal(&world.session, random::bytes(), Factor::Otp);
    let first = OtpAdder::First {
        relying_party: HOST,
    };
    let one = app(STEP);
    let added = store.add_otp(&world.user, &one, first, &stale, now).await;
    assert_eq!(added.unwrap(), OtpAddition::SessionChanged);
    assert!(store.otp(&world.user).await.unwrap().is_none());
    let renewal = world.renewal(&world.session, world.hash, Factor::Otp);
    let added = store.add_otp(&world.user, &one, first, &renewal, now).await;
    assert_eq!(added.unwrap(), OtpAddition::Added);
    assert!(world.person().await.is_none(), "the old cookie is dead");
    let view = store
        .signed_in(renewal.new_hash, None, "", HOST, now)
        .await
        .unwrap();
    let person = view.unwrap().person;
    assert_eq!(
        (person.session, person.factors),
        (world.session.clone(), renewal.factors)
    );
    assert!(person.enrolled.otp && person.enrolled.recovery_codes);
    let otp = store.otp(&world.user).await.unwrap().unwrap();
    assert_eq!(
        (otp.last_step, otp.recovery_codes, otp.added_at),
        (STEP, 10, now)
    );
    let again = world.another(Factor::Otp).await;
    let added = store
        .add_otp(&world.user, &app(STEP + 1), OtpAdder::Proved, &again, now)
        .await;
    assert_eq!(added.unwrap(), OtpAddition::Already);
    assert_eq!(
        world.kinds("second-factor-added").await,
        [Some("totp".to_owned())]
    );
}

/// Attacks: PE30, PE32.
#[apply(databases)]
#[tokio::test]
async fn a_step_is_used_once_and_none_before_it_is_used_after_it(database: Kind) {
    let world = World::on(database).await;
    let otp = world.enrol().await;
    for (step, used) in [
        (STEP, SecondFactorUse::Refused),
        (STEP + 2, SecondFactorUse::Proved),
        (STEP + 2, SecondFactorUse::Refused),
        (STEP + 1, SecondFactorUse::Refused),
        (STEP + 3, SecondFactorUse::Proved),
    ] {
        assert_eq!(world.use_step(&otp, step).await, used, "{step}");
    }
    world.advance(1);
    world
        .store
        .remove_otp(&world.user, Remover::Operator, None, world.now())
        .await
        .unwrap();
    assert_eq!(
        world.use_step(&otp, STEP + 9).await,
        SecondFactorUse::Refused
    );
    let other = world.enrol().await;
    assert_eq!(
        world.use_step(&otp, STEP + 9).await,
        SecondFactorUse::Refused
    );
    assert_eq!(
        world.use_step(&other, STEP + 9).await,
        SecondFactorUse::Proved
    );
}

/// Attacks: PE44.
#[apply(databases)]
#[tokio::test]
async fn a_code_that_comes_too_late_for_its_session_is_not_used_up(database: Kind) {
    let world = World::on(database).await;
    let otp = world.enrol().await;
    let (store, now) = (&world.store, world.now());
    let renewal = world.renewal(&world.session, world.hash, Factor::Otp);
    let stale = world.renewal(&world.session, random::bytes(), Factor::Otp);
    let use_it = async |renewal| {
        store
            .use_otp(&world.user, &otp, STEP + 1, renewal, now)
            .await
    };
    assert_eq!(
        use_it(&stale).await.unwrap(),
        SecondFactorUse::SessionChanged
    );
    assert_eq!(use_it(&renewal).await.unwrap(), SecondFactorUse::Proved);
    let code = hashed(10).hash;
    let used = store
        .use_recovery_code(&world.user, code, &renewal, None, now)
        .await;
    assert_eq!(used.unwrap(), SecondFactorUse::SessionChanged);
    assert_eq!(world.left().await, 10);
    assert!(world.person().await.is_none(), "the old cookie is dead");
    store.lock_user(&world.user, now).await.unwrap();
    let locked = world.renewal(&world.session, renewal.new_hash, Factor::Otp);
    let used = store
        .use_otp(&world.user, &otp, STEP + 2, &locked, now)
        .await;
    assert_eq!(used.unwrap(), SecondFactorUse::SessionChanged);
}

/// Attacks: PE29, PE36.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_uses_at_once_one_wins(
    database: Kind,
    #[values(Factor::Otp, Factor::RecoveryCode)] factor: Factor,
) {
    let world = Arc::new(World::on(database).await);
    let otp = world.enrol().await;
    let mut tries = Vec::new();
    for _ in 0..64 {
        let renewal = world.another(factor).await;
        let (world, otp) = (Arc::clone(&world), otp.clone());
        tries.push(tokio::spawn(async move {
            let (store, user, now) = (&world.store, &world.user, world.now());
            let used = match factor {
                Factor::Otp => store.use_otp(user, &otp, STEP + 1, &renewal, now).await,
                _ => {
                    store
                        .use_recovery_code(user, hashed(10).hash, &renewal, None, now)
                        .await
                }
            };
            used.unwrap()
        }));
    }
    let mut won = 0;
    for one in tries {
        match one.await.unwrap() {
            SecondFactorUse::Proved => won += 1,
            other => assert_eq!(other, SecondFactorUse::Refused),
        }
    }
    assert_eq!(won, 1);
    let left = if factor == Factor::Otp { 10 } else { 9 };
    assert_eq!(world.left().await, left);
}

/// Attacks: PE37.
#[apply(databases)]
#[tokio::test]
async fn a_recovery_code_is_of_one_user_and_one_set(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let no_app = store
        .replace_recovery_codes(&world.user, &codes(30), &world.seen(), None, now)
        .await;
    assert_eq!(no_app, Err(StoreError::NotFound("such authenticator app")));
    world.enrol().await;
    let bob = UserId::generate();
    let user = NewUser {
        id: bob.clone(),
        ..world.new_user("bob")
    };
    store.add_user(user, now).await.unwrap();
    assert_eq!(world.use_code(&bob, 10).await, SecondFactorUse::Refused);
    assert_eq!(
        world.use_code(&world.user, 9).await,
        SecondFactorUse::Refused
    );
    assert_eq!(
        world.use_code(&world.user, 10).await,
        SecondFactorUse::Proved
    );
    assert_eq!(
        world.use_code(&world.user, 10).await,
        SecondFactorUse::Refused
    );
    assert_eq!(
        world.use_code(&world.user, 11).await,
        SecondFactorUse::Proved
    );
    let used = world.kinds("recovery-code-used").await;
    assert_eq!(used, [Some("9".to_owned()), Some("8".to_owned())]);
    store
        .replace_recovery_codes(&world.user, &codes(30), &world.seen(), None, now)
        .await
        .unwrap();
    assert_eq!(world.left().await, 10);
    assert_eq!(
        world.use_code(&world.user, 12).await,
        SecondFactorUse::Refused
    );
    assert_eq!(
        world.use_code(&world.user, 30).await,
        SecondFactorUse::Proved
    );
    assert_eq!(world.kinds("recovery-codes-made").await, [None]);
}

/// Attacks: PE33.
#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_guesses_over_two_nodes_ten_are_judged(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let other = Store::open(world.database.url()).await.unwrap();
    let nodes = [world.store.clone(), other.by(operator())];
    let (user, now) = (world.user.clone(), world.now());
    let tries: Vec<_> = (0..64)
        .map(|number| {
            let (node, user) = (nodes[number % 2].clone(), user.clone());
            tokio::spawn(async move {
                let mut judged = 0;
                for _ in 0..157 {
                    let charged = node.charge_second_factor(&user, None, now).await;
                    judged += usize::from(charged.unwrap() == Guess::Judged);
                }
                judged
            })
        })
        .collect();
    let mut judged = 0;
    for one in tries {
        judged += one.await.unwrap();
    }
    assert_eq!(judged, 10);
    assert_eq!(world.kinds("second-factor-guessed").await, [None]);
    assert_eq!(world.charge().await, Guess::Wait(300));
    world.advance(299);
    assert_eq!(world.charge().await, Guess::Wait(1));
    world.advance(1);
    assert_eq!(world.charge().await, Guess::Judged);
}

/// Attacks: PE33.
#[apply(databases)]
#[tokio::test]
async fn in_no_five_minutes_more_than_ten_are_judged(database: Kind) {
    let world = World::on(database).await;
    let mut judged = Vec::new();
    for _ in 0..200 {
        if world.charge().await == Guess::Judged {
            judged.push(world.now());
        }
        world.advance(17);
    }
    assert!(judged.len() > 60, "{judged:?}");
    for eleven in judged.windows(11) {
        assert!(eleven[10].since(eleven[0]) >= 300, "{eleven:?}");
    }
}

#[apply(databases)]
#[tokio::test]
async fn what_was_right_is_no_guess(database: Kind) {
    let world = World::on(database).await;
    let otp = world.enrol().await;
    for step in 1..30 {
        assert_eq!(world.charge().await, Guess::Judged);
        assert_eq!(
            world.use_step(&otp, STEP + step).await,
            SecondFactorUse::Proved
        );
    }
    assert_eq!(
        world.kinds("second-factor-guessed").await,
        [] as [Option<String>; 0]
    );
}

#[apply(databases)]
#[tokio::test]
async fn a_new_password_leaves_the_second_factor_and_removing_it_takes_all_of_it(database: Kind) {
    let world = World::on(database).await;
    let (store, user, now) = (&world.store, &world.user, world.now());
    let remove = async || {
        let removed = store.remove_otp(user, Remover::Operator, None, now);
        removed.await.unwrap()
    };
    assert_eq!(remove().await, OtpRemoval::Absent);
    world.enrol().await;
    store
        .set_password(user, &super::sealed("sealed:new"), None, now)
        .await
        .unwrap();
    assert_eq!(world.left().await, 10);
    assert_eq!(remove().await, OtpRemoval::Removed);
    assert!(store.otp(user).await.unwrap().is_none());
    assert_eq!(remove().await, OtpRemoval::Absent);
    let rows = store.count_rows().await.unwrap();
    assert!(
        rows.iter()
            .any(|rows| rows.table == "recovery_codes" && rows.rows == 0)
    );
    assert_eq!(
        world.kinds("second-factor-removed").await,
        [Some("totp".to_owned())]
    );
}

#[apply(databases)]
#[tokio::test]
async fn nothing_is_left_of_a_deleted_users_second_factor(database: Kind) {
    let world = World::on(database).await;
    world.enrol().await;
    assert_eq!(world.charge().await, Guess::Judged);
    world
        .store
        .delete_user(&world.user, world.now())
        .await
        .unwrap();
    let rows = world.store.count_rows().await.unwrap();
    for table in ["credentials", "recovery_codes", "second_factor_guesses"] {
        let found = rows.iter().find(|rows| rows.table == table).unwrap();
        assert_eq!(found.rows, 0, "{table}");
    }
    assert!(matches!(world.charge().await, Guess::Wait(_)));
}
