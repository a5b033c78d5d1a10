//! Passwords that are changed by their owners: one change of those that come at the same time, and what it ends.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::authentication::{Factor, Factors};
use safeconduct_protocol::ids::SessionId;
use safeconduct_protocol::random;

use super::{SESSION_IDLE, World, sealed};
use crate::databases::{Kind, databases};
use crate::{NewSession, PasswordChange, SessionRenewal};

impl World {
    fn change_of_password(&self) -> SessionRenewal {
        SessionRenewal {
            id: self.session.clone(),
            old_hash: self.hash,
            new_hash: random::bytes(),
            factors: Factors::of(Factor::Password, self.now()),
            idle_expires_at: self.now().plus(SESSION_IDLE),
            user_epoch: 1,
        }
    }

    /// Whether the password was changed.
    async fn change_password(&self, to: &str, ends_others: bool) -> bool {
        let change = PasswordChange {
            user: &self.user,
            password: &sealed(to),
            renewal: &self.change_of_password(),
            ends_others,
            mail: None,
        };
        let changed = self.store.change_password(&change, self.now()).await;
        changed.unwrap().is_some()
    }

    async fn another_session(&self) {
        let session = NewSession {
            id: SessionId::generate(),
            hash: random::bytes(),
            ..self.new_session()
        };
        assert!(
            self.store
                .start_session(&session, self.now())
                .await
                .unwrap()
        );
    }

    async fn sessions_left(&self) -> usize {
        let sessions = self.store.list_sessions(Some(&self.user), self.now());
        sessions.await.unwrap().len()
    }
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_changes_at_once_one_wins(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let changes = (0..64).map(|number| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let to = format!("sealed:{number}");
            world
                .change_password(&to, number % 2 == 0)
                .await
                .then_some(to)
        })
    });
    let mut won = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        won.extend(change.await.unwrap());
    }
    let kept = world.store.credential("ada").await.unwrap().unwrap();
    assert_eq!(Some(won), kept.sealed_password.map(|kept| vec![kept]));
}

#[apply(databases)]
#[tokio::test]
async fn what_else_rests_on_the_old_password_ends_or_goes_on(database: Kind) {
    let world = World::on(database).await;
    world.another_session().await;
    let grant = world.granted("notes.read").await;
    assert!(world.change_password("sealed:new", false).await);
    assert_eq!(world.sessions_left().await, 2);
    let found = world.store.live_grants_of(&world.user, 10, world.now());
    assert_eq!(found.await.unwrap()[0].grant.id, grant.id);
    assert!(
        !world.change_password("sealed:newer", true).await,
        "by the old cookie"
    );

    let world = World::on(database).await;
    world.another_session().await;
    world.granted("notes.read").await;
    assert!(world.change_password("sealed:new", true).await);
    assert_eq!(world.sessions_left().await, 1);
    let found = world.store.live_grants_of(&world.user, 10, world.now());
    assert_eq!(found.await.unwrap().len(), 0);
}
