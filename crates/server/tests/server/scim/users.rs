//! Users: made once, replaced, changed in part, kept out, deleted; and what nobody makes of an administrator.

use http::{Method, header};
use serde_json::{Value, json};

use super::{Directory, let_provision, token_of, told};
use crate::second_factor::events;
use crate::support::{Ask, mail_to_nowhere};

/// Attacks: AD09, AD10, AD48.
#[tokio::test]
async fn a_client_makes_a_user_and_says_nothing_of_id_groups_and_rights() {
    let directory = Directory::start().await;
    let entra = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "1",
        "userName": "Grace@example.com",
        "active": true,
        "emails": [{"primary": true, "type": "work", "value": "grace@example.com"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Grace Hopper", "familyName": "Hopper", "givenName": "Grace"},
        "roles": [],
        "id": "u-1",
        "groups": [{"value": "staff"}],
        "admin": true,
    });
    let made = directory.send(Method::POST, "/Users", entra.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let user = made.json();
    let id = user["id"].as_str().unwrap();
    assert_eq!(
        made.header("location"),
        format!("http://127.0.0.1:8429/scim/v2/Users/{id}")
    );
    assert_eq!(made.header("etag"), "W/\"1\"");
    assert_eq!(user["meta"]["version"], "W/\"1\"");
    assert!(id.starts_with("u-") && id.len() > 20, "{id}");
    assert_eq!(
        (&user["externalId"], &user["userName"]),
        (&"1".into(), &"Grace@example.com".into())
    );
    assert_eq!(user["emails"], entra["emails"]);
    assert_eq!(
        (user.get("groups"), user.get("admin"), user.get("roles")),
        (None, None, None)
    );
    assert_eq!(directory.get(&format!("/Users/{id}")).await.json(), user);

    let again = directory.send(Method::POST, "/Users", entra).await;
    assert_eq!(told(&again), "409 uniqueness");
    let other_case = json!({"userName": "GRACE@EXAMPLE.COM"});
    let again = directory.send(Method::POST, "/Users", other_case).await;
    assert_eq!(told(&again), "409 uniqueness");
    assert_eq!(events(&directory.server, "user-added").await, 1 + 3);

    for groups in [
        json!([{"value": "administrators"}]),
        json!(["Administrators"]),
    ] {
        let body = json!({"userName": "mallory", "groups": groups});
        assert_eq!(
            directory.send(Method::POST, "/Users", body).await.status,
            403
        );
    }
    assert_eq!(events(&directory.server, "administrators-guarded").await, 2);
    let bad = json!({"userName": "line\nbreak"});
    assert_eq!(
        told(&directory.send(Method::POST, "/Users", bad).await),
        "400 invalidValue"
    );
}

/// Attacks: AD08.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_make_the_same_user_one_does() {
    let directory = Directory::start().await;
    let body = json!({"userName": "grace"});
    let all = (0..16).map(|_| directory.send(Method::POST, "/Users", body.clone()));
    let mut statuses: Vec<u16> = Vec::new();
    for answer in futures_of(all).await {
        statuses.push(answer.status.as_u16());
    }
    statuses.sort_unstable();
    let mut expected = vec![409; 15];
    expected.insert(0, 201);
    assert_eq!(statuses, expected);
}

/// Runs them side by side.
async fn futures_of<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_done = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *output = Some(ready),
                    std::task::Poll::Pending => is_done = false,
                }
            }
        }
        match is_done {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    waiting
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}

/// Attacks: AD11, AD12.
#[tokio::test]
async fn who_is_no_longer_active_is_out_everywhere_at_once() {
    let directory = Directory::start().await;
    let server = &directory.server;
    let other = server.another_node().await;
    let path = directory.path_of("ada").await;
    let entra = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    let okta = json!([{"op": "replace", "value": {"active": false}}]);
    for (way, operations) in [("Entra", Some(entra)), ("Okta", Some(okta)), ("PUT", None)] {
        let ask = Ask::of("bank").scope("notes.read offline_access");
        let mut browser = server.sign_in("ada").await;
        let tokens = {
            let code = browser.code(&ask).await;
            server.exchange(&code).await.tokens()
        };
        assert!(other.is_active(&tokens.access).await, "{way}");
        let done = match operations {
            Some(operations) => directory.patch(&path, operations).await,
            None => {
                let body = json!({"userName": "ada", "active": false});
                directory.send(Method::PUT, &path, body).await
            }
        };
        assert_eq!(
            (done.status.as_u16(), &done.json()["active"]),
            (200, &false.into()),
            "{way}"
        );
        assert!(!other.is_active(&tokens.access).await, "{way}");
        assert_eq!(other.refresh("bank", &tokens).await.status, 400, "{way}");
        assert!(server.sessions("ada").await.is_empty(), "{way}");

        // Found all the same, as Entra asks, and let in again without what has ended.
        let found = directory.found("/Users", "userName eq \"ada\"").await;
        assert_eq!(found[0]["active"], false, "{way}");
        let back = json!([{"op": "replace", "path": "active", "value": true}]);
        assert_eq!(
            directory.patch(&path, back).await.json()["active"],
            true,
            "{way}"
        );
        assert!(!other.is_active(&tokens.access).await, "{way}");
    }
    assert_eq!(events(server, "user-locked").await, 3);
    assert_eq!(events(server, "user-unlocked").await, 3);
}

/// Attacks: AD11.
#[tokio::test]
async fn a_put_that_says_nothing_of_active_leaves_it_and_takes_away_what_it_leaves_out() {
    let directory = Directory::start().await;
    let path = directory.user("grace").await;
    let full = json!({"userName": "grace", "displayName": "Grace", "externalId": "E", "active": false, "locale": "en"});
    let put = |body: Value| directory.send(Method::PUT, &path, body);
    assert_eq!(put(full).await.status, 200);
    let least = put(json!({"userName": "Grace H", "id": "other", "meta": {}}))
        .await
        .json();
    assert_eq!(least["active"], false);
    assert_eq!(least["userName"], "Grace H");
    for gone in ["displayName", "externalId", "locale"] {
        assert_eq!(least.get(gone), None, "{gone}");
    }
    assert_eq!(events(&directory.server, "user-renamed").await, 1);
    assert_eq!(
        told(&put(json!({"displayName": "x"})).await),
        "400 invalidValue"
    );
    assert_eq!(
        told(&put(json!({"userName": "ada"})).await),
        "409 uniqueness"
    );
    assert_eq!(
        put(json!({"userName": "GRACE h"})).await.json()["userName"],
        "GRACE h"
    );
    let nobody = "/Users/u-AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(
        directory
            .send(Method::PUT, nobody, json!({"userName": "x"}))
            .await
            .status,
        404
    );
    assert_eq!(directory.delete(nobody).await.status, 404);
}

/// Attacks: AD24, AD27.
#[tokio::test]
async fn a_patch_is_done_whole_or_not_at_all() {
    let directory = Directory::start().await;
    let path = directory.user("grace").await;
    let before = directory.get(&path).await;
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "Grace"},
        {"op": "replace", "path": "active", "value": "maybe"},
    ]);
    assert_eq!(
        told(&directory.patch(&path, operations).await),
        "400 invalidValue"
    );
    let other_id = json!([{"op": "replace", "path": "id", "value": "u-1"}]);
    assert_eq!(
        told(&directory.patch(&path, other_id).await),
        "400 mutability"
    );
    assert_eq!(directory.get(&path).await.json(), before.json());
    assert_eq!(events(&directory.server, "claims-updated").await, 0);

    let same = json!([{"op": "add", "path": "userName", "value": "grace"}]);
    let same = directory.patch(&path, same).await;
    assert_eq!(same.header("etag"), before.header("etag"));
}

/// Attacks: AD28, AD29.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_made_of_the_version_that_was_seen() {
    let directory = Directory::start().await;
    let path = directory.user("grace").await;
    let body = |name: &str| json!({"userName": "grace", "displayName": name});
    let put = |tag: &'static str, name: &str| {
        directory.send_if(Method::PUT, &path, (header::IF_MATCH, tag), body(name))
    };
    assert_eq!(put("W/\"7\"", "a").await.status, 412);
    assert_eq!(put("W/\"1\"", "a").await.header("etag"), "W/\"2\"");
    assert_eq!(put("\"2\"", "b").await.status, 200);
    assert_eq!(put("*", "c").await.status, 200);
    let both = futures_of(["d", "e"].map(|name| put("W/\"4\"", name)).into_iter()).await;
    let mut statuses: Vec<u16> = both.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let known = directory
        .send_if(
            Method::GET,
            &path,
            (header::IF_NONE_MATCH, "W/\"5\""),
            json!({}),
        )
        .await;
    assert_eq!((known.status.as_u16(), known.body.as_str()), (304, ""));
    let stale = directory
        .send_if(
            Method::DELETE,
            &path,
            (header::IF_MATCH, "W/\"4\""),
            json!({}),
        )
        .await;
    assert_eq!(stale.status, 412);
    // What another door changes is another version as well.
    directory.server.lock_user("grace").await;
    assert_eq!(put("W/\"5\"", "f").await.status, 412);
}

/// Attacks: AD38.
#[tokio::test]
async fn a_name_is_free_again_and_an_id_is_not() {
    let directory = Directory::start().await;
    let first = directory.user("grace").await;
    assert_eq!(directory.delete(&first).await.status, 204);
    for method in [Method::GET, Method::DELETE] {
        let gone = directory.send(method, &first, json!({})).await;
        assert_eq!(gone.status, 404);
    }
    assert_ne!(directory.user("grace").await, first);
}

#[tokio::test]
async fn a_password_is_held_to_the_rule_and_ends_what_there_was() {
    let directory = Directory::start().await;
    let path = directory.path_of("ada").await;
    let patch = |password: &str| {
        directory.patch(
            &path,
            json!([{"op": "replace", "path": "password", "value": password}]),
        )
    };
    for unfit in ["short", "ada"] {
        let refused = patch(unfit).await;
        assert_eq!(told(&refused), "400 invalidValue", "{unfit}");
        assert!(
            !refused.body.contains(&format!("\"{unfit}\"")),
            "{refused:?}"
        );
    }
    let server = &directory.server;
    let tokens = server.tokens("ada", &Ask::of("portal")).await;
    let set = patch("4f9d1a52-6b0c-4c6f-8a6e-0d9b7f1c2e3a").await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(set.json().get("password"), None);
    assert!(!server.is_active(&tokens.access).await);
    assert!(server.stored_hash("ada").await.starts_with("$argon2id$"));
    assert_eq!(events(server, "password-set").await, 1);
}

/// With an address of its own choice, a directory could get in by *Forgot your password?* as well.
#[tokio::test]
async fn whoever_gets_another_address_or_password_is_told_at_the_one_that_was_theirs() {
    let directory = Directory::start_with(|settings| settings.mail = Some(mail_to_nowhere())).await;
    let ada = directory.path_of("ada").await;
    let waiting = || directory.server.rows()["outbox"];
    let patch = async |path: &str, value: Value| {
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        assert_eq!(directory.patch(&ada, operations).await.status, 200);
    };
    patch("nickName", "A".into()).await;
    assert_eq!(waiting(), 0);
    patch("emails", json!([{"value": "eve@example.com"}])).await;
    assert_eq!(waiting(), 1);
    // Nobody has proved the new address: it is told of nothing.
    patch("password", "a wholly other battery".into()).await;
    assert_eq!(waiting(), 1);
}

/// Attacks: AD36.
#[tokio::test]
async fn nothing_that_lets_anybody_in_is_made_of_an_administrator() {
    let directory = Directory::start().await;
    let server = &directory.server;
    server
        .administer(async |verbs| verbs.add_administrator("ada").await)
        .await;
    let ada = directory.path_of("ada").await;
    let email = json!([{"value": "eve@example.com"}]);
    for operations in [
        json!([{"op": "replace", "path": "password", "value": "a wholly other battery"}]),
        json!([{"op": "replace", "path": "userName", "value": "eve2"}]),
        json!([{"op": "replace", "path": "emails", "value": email}]),
    ] {
        let refused = directory.patch(&ada, operations.clone()).await;
        assert_eq!(refused.status, 403, "{operations}");
    }
    let harmless = json!([{"op": "replace", "path": "nickName", "value": "A"}]);
    assert_eq!(directory.patch(&ada, harmless).await.status, 200);
    // The last one stays; of two, one may go, and comes back by an administrator alone.
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(directory.patch(&ada, off.clone()).await.status, 409);
    server
        .administer(async |verbs| verbs.add_administrator("bob").await)
        .await;
    assert_eq!(directory.delete(&ada).await.status, 403);
    assert_eq!(events(server, "administrators-guarded").await, 4);
    assert_eq!(
        directory.patch(&ada, off.clone()).await.json()["active"],
        false
    );
    let on = json!([{"op": "replace", "path": "active", "value": true}]);
    assert_eq!(directory.patch(&ada, on).await.status, 403);
    let bob = directory.path_of("bob").await;
    assert_eq!(directory.patch(&bob, off).await.status, 409);
    assert_eq!(events(server, "administrators-guarded").await, 5);
}

/// Attacks: AD03.
#[tokio::test]
async fn what_one_client_calls_a_user_means_nothing_to_another() {
    let mut directory = Directory::start().await;
    let path = directory.user("grace").await;
    let named = json!([{"op": "add", "path": "externalId", "value": "E-1"}]);
    assert_eq!(
        directory.patch(&path, named).await.json()["externalId"],
        "E-1"
    );
    assert_eq!(
        directory
            .found("/Users", "externalId eq \"E-1\"")
            .await
            .len(),
        1
    );
    assert!(
        directory
            .found("/Users", "externalId eq \"e-1\"")
            .await
            .is_empty()
    );

    let_provision(&directory.server, "bank").await;
    let first = directory.token.clone();
    directory.token = token_of(&directory.server, "bank", "scim").await;
    assert!(
        directory
            .found("/Users", "externalId eq \"E-1\"")
            .await
            .is_empty()
    );
    assert_eq!(directory.get(&path).await.json().get("externalId"), None);
    let named = json!({"userName": "grace", "externalId": "other"});
    assert_eq!(directory.send(Method::PUT, &path, named).await.status, 200);
    directory.token = first;
    assert_eq!(directory.get(&path).await.json()["externalId"], "E-1");
}

/// The way that Okta takes: a test of the connection, a look, a person, a profile, a goodbye.
#[tokio::test]
async fn okta_provisions_a_person() {
    let directory = Directory::start().await;
    let test = directory.get("/Users?startIndex=1&count=2").await.json();
    assert_eq!(
        (&test["startIndex"], &test["itemsPerPage"]),
        (&1.into(), &2.into())
    );
    assert!(
        directory
            .found("/Users", "userName eq \"grace@example.com\"")
            .await
            .is_empty()
    );
    let person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "grace@example.com",
        "name": {"givenName": "Grace", "familyName": "Hopper"},
        "emails": [{"primary": true, "value": "grace@example.com", "type": "work"}],
        "displayName": "Grace Hopper",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq-another-battery",
        "active": true,
    });
    let made = directory.send(Method::POST, "/Users", person.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut profile = made.json();
    let path = format!("/Users/{}", profile["id"].as_str().unwrap());
    // What was read is sent back whole.
    profile["name"]["familyName"] = "Murray".into();
    let put = directory.send(Method::PUT, &path, profile).await;
    assert_eq!(put.json()["name"]["familyName"], "Murray");
    let off = json!([{"op": "replace", "value": {"active": false}}]);
    assert_eq!(directory.patch(&path, off).await.json()["active"], false);
    // It tries again after a time-out, and hears that there is one.
    assert_eq!(
        told(&directory.send(Method::POST, "/Users", person).await),
        "409 uniqueness"
    );
}

/// The way of Rauthy: by its own name first, by the name to sign in with then, and the whole of it.
#[tokio::test]
async fn rauthy_provisions_a_person() {
    let directory = Directory::start().await;
    assert!(
        directory
            .found("/Users", "externalId eq \"r-1\"")
            .await
            .is_empty()
    );
    let found = directory.found("/Users", "userName eq \"ada\"").await;
    let path = format!("/Users/{}", found[0]["id"].as_str().unwrap());
    let whole = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": "r-1",
        "userName": "ada",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "emails": [{"value": "ada@example.com", "primary": true}],
        "active": true,
    });
    assert_eq!(directory.send(Method::PUT, &path, whole).await.status, 200);
    assert_eq!(
        directory
            .found("/Users", "externalId eq \"r-1\"")
            .await
            .len(),
        1
    );
}
