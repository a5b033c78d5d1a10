//! What is known about users: kept whole, changed by one at a time, and told only to whom a good token is.

use std::sync::Arc;

use rstest_reuse::apply;
use safeconduct_protocol::claims::{ClaimsDemand, PersonClaims};
use safeconduct_protocol::dpop::Thumbprint;
use safeconduct_protocol::grant::Grant;
use safeconduct_protocol::ids::UserId;
use serde_json::{Value, json};

use super::{OFFLINE, ONLINE, World};
use crate::databases::{Kind, databases};
use crate::{NewUser, StoreError, UserImport, UserRecord};

fn claims(known: &[(&str, Value)]) -> PersonClaims {
    let mut claims = PersonClaims::default();
    for (name, value) in known {
        claims.set(name, value.clone()).unwrap();
    }
    claims
}

fn known_of_bob() -> PersonClaims {
    claims(&[
        ("email", json!("bob@example.com")),
        ("email_verified", json!(true)),
        (
            "address",
            json!({"formatted": "1 High Street\nOxford", "country": "GB"}),
        ),
    ])
}

fn bob(world: &World) -> NewUser {
    NewUser {
        id: UserId::generate(),
        name: Some("Bob".to_owned()),
        claims: known_of_bob(),
        ..world.new_user("bob")
    }
}

async fn record(world: &World, id: &UserId) -> UserRecord {
    world
        .store
        .user(id)
        .await
        .unwrap()
        .expect("the user is there")
}

#[apply(databases)]
#[tokio::test]
async fn what_is_known_of_a_person_comes_back_with_their_name(database: Kind) {
    let world = World::on(database).await;
    let bob = bob(&world);
    let id = bob.id.clone();
    world.store.add_user(bob, world.now()).await.unwrap();
    let kept = record(&world, &id).await;
    let mut expected = known_of_bob();
    expected.set("name", json!("Bob")).unwrap();
    assert_eq!(
        (&kept.claims, kept.name.as_deref()),
        (&expected, Some("Bob"))
    );
    assert_eq!(kept.updated_at, world.now());
    let (store, by_name) = (&world.store, Some(kept));
    assert_eq!(store.user_by_name("BOB").await.unwrap(), by_name);
    let listed = store.list_users("", Some("ada"), 10).await.unwrap();
    assert_eq!(listed.into_iter().next(), by_name);
}

#[apply(databases)]
#[tokio::test]
async fn there_is_one_name_and_the_accounts_own_comes_first(database: Kind) {
    let world = World::on(database).await;
    let named = |username: &str, name: Option<&str>| NewUser {
        id: UserId::generate(),
        name: name.map(str::to_owned),
        claims: claims(&[("name", json!("Claimed"))]),
        ..world.new_user(username)
    };
    let users = [
        named("with", Some("Account")),
        named("without", None),
        NewUser {
            claims: PersonClaims::default(),
            ..named("nobody", None)
        },
    ];
    let users = users.map(UserImport::from).to_vec();
    world.store.import_users(users, world.now()).await.unwrap();
    for (username, name) in [
        ("with", Some("Account")),
        ("without", Some("Claimed")),
        ("nobody", None),
    ] {
        let kept = world.store.user_by_name(username).await.unwrap().unwrap();
        assert_eq!(kept.name.as_deref(), name);
        let claimed = kept.claims.claim("name").and_then(Value::as_str);
        assert_eq!(claimed, name);
    }
}

#[apply(databases)]
#[tokio::test]
async fn an_account_whose_name_is_no_claim_has_none(database: Kind) {
    let world = World::on(database).await;
    let odd = NewUser {
        name: Some("two\nlines".to_owned()),
        ..bob(&world)
    };
    let id = odd.id.clone();
    world.store.add_user(odd, world.now()).await.unwrap();
    let kept = record(&world, &id).await;
    assert_eq!(kept.name.as_deref(), Some("two\nlines"));
    assert_eq!(kept.claims, known_of_bob());
}

#[apply(databases)]
#[tokio::test]
async fn an_import_brings_what_is_known(database: Kind) {
    let world = World::on(database).await;
    let bob = bob(&world);
    let id = bob.id.clone();
    world
        .store
        .import_users(vec![bob.into()], world.now())
        .await
        .unwrap();
    let kept = record(&world, &id).await;
    assert_eq!(kept.claims.claim("email"), Some(&json!("bob@example.com")));
}

#[apply(databases)]
#[tokio::test]
async fn changing_what_is_known_replaces_all_of_it_and_ends_nothing(database: Kind) {
    let world = World::on(database).await;
    let (store, user) = (&world.store, &world.user);
    let grant = world.granted(ONLINE).await;
    let first = record(&world, user).await;
    world.advance(10);
    let known = claims(&[("name", json!("Ada")), ("nickname", json!("Countess"))]);
    let update = async |seen, known: &PersonClaims| {
        store
            .update_claims(user, seen, known, None, world.now())
            .await
            .unwrap()
    };
    assert!(update(first.updated_at, &known).await);
    let second = record(&world, user).await;
    assert_eq!(
        (second.name.as_deref(), &second.claims),
        (Some("Ada"), &known)
    );
    assert_eq!((second.updated_at, second.epoch), (world.now(), 1));
    assert!(world.person().await.is_some() && world.is_active(grant.id).await);

    assert!(
        !update(first.updated_at, &PersonClaims::default()).await,
        "somebody was faster"
    );
    assert_eq!(record(&world, user).await, second);
    assert!(update(second.updated_at, &PersonClaims::default()).await);
    let third = record(&world, user).await;
    assert_eq!((third.name, third.claims.is_empty()), (None, true));
    let events = world.events().await;
    let updates = events.iter().filter(|kind| *kind == "claims-updated");
    assert_eq!(
        updates.count(),
        2,
        "and none for the change that was not made"
    );
}

#[apply(databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_changes_to_the_same_record_one_is_made_within_its_very_second(database: Kind) {
    let world = Arc::new(World::on(database).await);
    let seen = record(&world, &world.user).await.updated_at;
    assert_eq!(seen, world.now());
    let changes: Vec<_> = (0..64)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let known = claims(&[("nickname", json!(format!("number {n}")))]);
                let made = world
                    .store
                    .update_claims(&world.user, seen, &known, None, world.now())
                    .await
                    .unwrap();
                made.then_some(known)
            })
        })
        .collect();
    let mut made = Vec::new();
    for change in changes {
        made.extend(change.await.unwrap());
    }
    assert_eq!(made, [record(&world, &world.user).await.claims]);
}

#[apply(databases)]
#[tokio::test]
async fn nothing_is_known_of_a_deleted_user(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let bob = bob(&world);
    let id = bob.id.clone();
    store.add_user(bob, now).await.unwrap();
    store.delete_user(&id, now).await.unwrap();
    let gone = store
        .update_claims(&id, now, &known_of_bob(), None, now)
        .await;
    assert_eq!(gone, Err(StoreError::NotFound("such user")));
    let row = store
        .row(
            crate::driver::Statement::new("SELECT name, claims FROM users WHERE id = $1")
                .bind(id.as_str()),
        )
        .await;
    let mut row = row.unwrap().expect("the id is never given again");
    assert_eq!(row.optional_text(), Ok(None));
    assert_eq!(row.optional_text(), Ok(None));
}

#[apply(databases)]
#[tokio::test]
async fn a_grant_keeps_its_key_and_what_was_asked_for_through_every_use(database: Kind) {
    let world = World::on(database).await;
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let asked = r#"{"userinfo":{"email":null},"id_token":{"nickname":null}}"#;
    let mut code = world.allow(OFFLINE).await;
    code.dpop_jkt = Thumbprint::parse(jkt);
    code.claims = ClaimsDemand::parse(asked).unwrap().request;
    assert!(code.dpop_jkt.is_some() && !code.claims.is_empty());
    world.redeem(&code).await;
    let grant = Grant::of(&code);
    assert_eq!(
        world.store.grant(code.id).await.unwrap(),
        Some(grant.clone())
    );
    let listed = world
        .store
        .list_grants(&crate::GrantFilter::default(), 1)
        .await
        .unwrap();
    assert_eq!(listed[0].grant, grant);
    for _ in ["rotated", "given again"] {
        world.rotate(&grant, 0).await;
        let rotated = world.kept(&grant).await;
        assert_eq!(rotated.dpop_jkt, grant.dpop_jkt);
        assert_eq!(rotated.claims, grant.claims);
        assert_eq!(rotated.session, world.session);
    }
}

#[apply(databases)]
#[tokio::test]
async fn userinfo_tells_of_the_person_and_of_what_they_allowed(database: Kind) {
    let world = World::on(database).await;
    let (store, now) = (&world.store, world.now());
    let known = claims(&[("name", json!("Ada")), ("email", json!("ada@example.com"))]);
    assert!(
        store
            .update_claims(&world.user, now, &known, None, now)
            .await
            .unwrap()
    );
    let grant = world.granted(ONLINE).await;
    let view = store.userinfo(grant.id, "jti", 1, now).await.unwrap();
    let view = view.expect("the grant lives");
    assert_eq!(
        (view.user, view.username.as_str(), view.updated_at),
        (world.user.clone(), "ada", now.plus(1)),
        "a second change within a second is told apart"
    );
    assert_eq!((view.claims, view.grant), (known, grant));
}
