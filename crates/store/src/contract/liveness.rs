//! Whatever a grant rests on: when it ends, every use of the grant ends, and undoing the ending revives nothing.

use rstest_reuse::apply;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::ids::SessionId;
use safeconduct_protocol::random;
use safeconduct_protocol::refresh_token::RefreshDecision;

use super::{OFFLINE, ONLINE, SESSION_IDLE, World, sealed};
use crate::databases::{Kind, databases};
use crate::{NewSession, Sweepable};

/// What ends a grant.
#[derive(Clone, Copy)]
enum Ending {
    UserLocked,
    UserLockedAndUnlocked,
    PasswordChanged,
    UserDeleted,
    ClientDisabled,
    ClientDisabledAndEnabled,
    ClientDeleted,
    ConsentWithdrawn,
    AccessRemoved,
    SessionEnded,
    SessionsOfUserEnded,
    EraBegun,
    GrantRevoked,
    GrantsOfUserRevoked,
}

impl Ending {
    /// A scope whose grant outlives the session: what ends more than that is felt without it.
    fn scope(self) -> &'static str {
        match self {
            Self::SessionEnded | Self::SessionsOfUserEnded => ONLINE,
            _ => OFFLINE,
        }
    }

    async fn happens(self, world: &World, grant: Option<safeconduct_protocol::ids::GrantId>) {
        let (store, user, client, now) = (&world.store, &world.user, &world.client, world.now());
        match self {
            Self::UserLocked => store.lock_user(user, now).await.unwrap(),
            Self::UserLockedAndUnlocked => {
                store.lock_user(user, now).await.unwrap();
                store.unlock_user(user, now).await.unwrap();
            }
            Self::PasswordChanged => store
                .set_password(user, &sealed("sealed:new"), None, now)
                .await
                .unwrap(),
            Self::UserDeleted => store.delete_user(user, now).await.unwrap(),
            Self::ClientDisabled => store.disable_client(client, now).await.unwrap(),
            Self::ClientDisabledAndEnabled => {
                store.disable_client(client, now).await.unwrap();
                store.enable_client(client, now).await.unwrap();
            }
            Self::ClientDeleted => store.delete_client(client, now).await.unwrap(),
            Self::ConsentWithdrawn => store.withdraw_consent(user, client, now).await.unwrap(),
            Self::AccessRemoved => {
                let removed = store.remove_access(user, client, None, now);
                assert!(removed.await.unwrap());
            }
            Self::SessionEnded => drop(
                store
                    .end_session(&world.session, &world.user, now)
                    .await
                    .unwrap(),
            ),
            Self::SessionsOfUserEnded => store.end_sessions_of(user, now).await.unwrap(),
            Self::EraBegun => drop(store.begin_era(now).await.unwrap()),
            Self::GrantRevoked => store
                .revoke_grant(grant.unwrap(), client, "test", now)
                .await
                .unwrap(),
            Self::GrantsOfUserRevoked => store
                .revoke_grants_of(user, Some(client), "test", now)
                .await
                .unwrap(),
        }
    }
}

/// Attacks: C12.
#[apply(databases)]
#[tokio::test]
async fn a_code_is_worth_nothing_after(
    database: Kind,
    #[values(
        Ending::UserLocked,
        Ending::UserLockedAndUnlocked,
        Ending::PasswordChanged,
        Ending::UserDeleted,
        Ending::ClientDisabled,
        Ending::ClientDisabledAndEnabled,
        Ending::ClientDeleted,
        Ending::ConsentWithdrawn,
        Ending::AccessRemoved,
        Ending::SessionEnded,
        Ending::SessionsOfUserEnded,
        Ending::EraBegun
    )]
    ending: Ending,
) {
    let world = World::on(database).await;
    let code = world.allow(ending.scope()).await;
    ending.happens(&world, None).await;
    assert_eq!(world.redeem(&code).await, Redemption::Ended);
    assert!(!world.is_active(code.id).await);
}

/// Attacks: I04.
#[apply(databases)]
#[tokio::test]
async fn a_grant_is_dead_in_every_use_after(
    database: Kind,
    #[values(
        Ending::UserLocked,
        Ending::UserLockedAndUnlocked,
        Ending::PasswordChanged,
        Ending::UserDeleted,
        Ending::ClientDisabled,
        Ending::ClientDisabledAndEnabled,
        Ending::ClientDeleted,
        Ending::ConsentWithdrawn,
        Ending::AccessRemoved,
        Ending::SessionEnded,
        Ending::SessionsOfUserEnded,
        Ending::EraBegun,
        Ending::GrantRevoked,
        Ending::GrantsOfUserRevoked
    )]
    ending: Ending,
) {
    let world = World::on(database).await;
    let grant = world.granted(ending.scope()).await;
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Retry);
    assert!(world.is_active(grant.id).await);
    ending.happens(&world, Some(grant.id)).await;
    assert!(!world.is_active(grant.id).await);
    assert_eq!(
        world.rotate(&grant, 0).await,
        RefreshDecision::Dead,
        "a retry"
    );
    assert_eq!(
        world.rotate(&grant, 1).await,
        RefreshDecision::Dead,
        "a rotation"
    );
}

#[apply(databases)]
#[tokio::test]
async fn another_user_or_client_is_not_touched_by_a_blow(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let now = world.now();
    let stranger = safeconduct_protocol::ids::UserId::generate();
    let other = safeconduct_protocol::ids::ClientId::parse("other").unwrap();
    world
        .store
        .create_client(&super::client("other"), None, false, now)
        .await
        .unwrap();
    world.store.disable_client(&other, now).await.unwrap();
    world
        .store
        .revoke_grant(grant.id, &other, "not its own", now)
        .await
        .unwrap();
    world
        .store
        .revoke_grants_of(&world.user, Some(&other), "another client", now)
        .await
        .unwrap();
    world
        .store
        .revoke_grants_of(&stranger, None, "another user", now)
        .await
        .unwrap();
    world
        .store
        .withdraw_consent(&world.user, &other, now)
        .await
        .unwrap();
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test]
async fn a_revoked_access_token_is_dead_alone(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(ONLINE).await;
    let expires_at = world.now().plus(300);
    for _ in 0..2 {
        world
            .store
            .revoke_access_token("stolen", &world.client, expires_at, world.now())
            .await
            .unwrap();
    }
    assert!(!world.is_good(grant.id, "stolen").await);
    assert!(world.is_good(grant.id, "another").await);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
}

#[apply(databases)]
#[tokio::test]
async fn a_clients_own_token_dies_with_the_client_the_era_and_its_name(database: Kind) {
    let world = World::on(database).await;
    let (store, client, now) = (&world.store, &world.client, world.now());
    let alive = async |epoch, jti, era| {
        store
            .client_token_alive(client, epoch, jti, era)
            .await
            .unwrap()
    };
    assert!(alive(1, "jti", 1).await);
    assert!(!alive(1, "jti", 2).await);
    store
        .revoke_access_token("stolen", client, now.plus(300), now)
        .await
        .unwrap();
    assert!(!alive(1, "stolen", 1).await);
    store.disable_client(client, now).await.unwrap();
    assert!(!alive(1, "jti", 1).await && !alive(2, "jti", 1).await);
    store.enable_client(client, now).await.unwrap();
    assert!(!alive(1, "jti", 1).await && alive(2, "jti", 1).await);
}

#[apply(databases)]
#[tokio::test]
async fn an_online_grant_outlives_the_idling_of_its_session_and_ends_with_it(database: Kind) {
    let mut world = World::on(database).await;
    (world.session, world.hash) = (SessionId::generate(), random::bytes());
    let session = NewSession {
        idle_expires_at: world.now().plus(1_000),
        absolute_expires_at: world.now().plus(5_000),
        ..world.new_session()
    };
    let started = world.store.start_session(&session, world.now()).await;
    assert_eq!(started, Ok(true));
    let grant = world.granted(ONLINE).await;
    let (early, late) = (world.allow(ONLINE).await, world.allow(ONLINE).await);

    world.advance(1_000);
    assert!(world.person().await.is_none(), "the browser has to prove");
    let sweep = async |now| {
        let swept = world.store.sweep_some(Sweepable::Sessions, now, 9).await;
        swept.unwrap()
    };
    assert_eq!(sweep(world.now()).await, 0);
    assert_eq!(world.redeem(&early).await, Redemption::Won);
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 0).await, RefreshDecision::Rotate);
    let left = world.store.session_at(world.hash, world.now()).await;
    let idle = left.unwrap().unwrap().idle_expires_at;
    assert_eq!(idle, world.now(), "a refresh moves nothing of the session");

    world.advance(3_999);
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Rotate);
    world.advance(1);
    assert!(!world.is_active(grant.id).await);
    assert_eq!(world.rotate(&grant, 1).await, RefreshDecision::Dead);
    assert_eq!(world.rotate(&grant, 2).await, RefreshDecision::Dead);
    assert_eq!(world.redeem(&late).await, Redemption::Ended);
    assert_eq!(sweep(world.now()).await, 1);
}

#[apply(databases)]
#[tokio::test]
async fn an_offline_grant_outlives_its_session(database: Kind) {
    let world = World::on(database).await;
    let grant = world.granted(OFFLINE).await;
    let code = world.allow(OFFLINE).await;
    world
        .store
        .end_session(&world.session, &world.user, world.now())
        .await
        .unwrap();
    assert!(world.is_active(grant.id).await);
    assert_eq!(world.redeem(&code).await, Redemption::Won);
    world.advance(SESSION_IDLE);
    assert!(world.is_active(grant.id).await);
}
