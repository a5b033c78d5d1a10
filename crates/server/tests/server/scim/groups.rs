//! Groups: who joins and who leaves, member by member, in the shapes that clients send.

use http::{Method, header};
use serde_json::{Value, json};

use super::{Directory, filtered, told};
use crate::second_factor::events;

/// A group of these users. Gives the path.
async fn group(directory: &Directory, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members
        .iter()
        .map(|path| json!({"value": id(path)}))
        .collect();
    let entra = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": format!("{name}-1"),
        "displayName": name,
        "members": members,
        "meta": {"resourceType": "Group"},
    });
    let made = directory.send(Method::POST, "/Groups", entra).await;
    assert_eq!(made.status, 201, "{made:?}");
    format!("/Groups/{}", id_of(&made.json()))
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn id_of(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

impl Directory {
    /// Who is in a group, by path, in the order of these.
    async fn members(&self, group: &str, among: &[&str]) -> Vec<bool> {
        let group = self.get(group).await.json();
        let none = Vec::new();
        let members = group["members"].as_array().unwrap_or(&none);
        let is_in = |path: &&str| members.iter().any(|member| member["value"] == id(path));
        among.iter().map(is_in).collect()
    }
}

/// Attacks: AD14, AD15, AD16, AD17, AD18, AD19.
#[tokio::test]
async fn members_join_and_leave_one_by_one() {
    let directory = Directory::start().await;
    let mut paths = Vec::new();
    for name in ["grace", "alan", "edsger"] {
        paths.push(directory.user(name).await);
    }
    let [a, b, c] = [0, 1, 2].map(|at| paths[at].as_str());
    let all = [a, b, c];
    let staff = group(&directory, "Staff", &all).await;
    let patch = |operations: Value| directory.patch(&staff, operations);
    assert_eq!(directory.members(&staff, &all).await, [true; 3]);
    let tag = directory.get(&staff).await.header("etag").to_owned();

    // Nothing is changed: the same version, no event.
    for nothing in [
        json!([{"op": "add", "path": "members", "value": [{"value": id(a)}]}]),
        json!([{"op": "Remove", "path": "members", "value": []}]),
        json!([{"op": "Remove", "path": "members", "value": [{"value": "u-AAAAAAAAAAAAAAAAAAAAAA"}]}]),
        json!([{"op": "replace", "path": "members", "value": [{"value": id(a)}, {"value": id(b)}, {"value": id(c)}]}]),
    ] {
        let done = patch(nothing.clone()).await;
        assert_eq!(
            (done.status.as_u16(), done.body.as_str()),
            (204, ""),
            "{nothing}"
        );
        assert_eq!(done.header("etag"), tag, "{nothing}");
    }
    assert_eq!(events(&directory.server, "group-member-removed").await, 0);
    assert_eq!(events(&directory.server, "group-member-added").await, 3);

    // These leave, and no others.
    patch(json!([{"op": "Remove", "path": "members", "value": [{"value": id(a)}]}])).await;
    assert_eq!(directory.members(&staff, &all).await, [false, true, true]);
    let two = json!([
        {"op": "remove", "path": format!("members[value eq \"{}\"]", id(b))},
        {"op": "add", "path": "members", "value": [{"value": id(a), "$ref": null, "display": "Grace"}]},
    ]);
    assert_eq!(patch(two).await.status, 204);
    assert_eq!(directory.members(&staff, &all).await, [true, false, true]);
    // Without a value, all of them.
    patch(json!([{"op": "remove", "path": "members"}])).await;
    assert_eq!(directory.members(&staff, &all).await, [false; 3]);
    assert_ne!(directory.get(&staff).await.header("etag"), tag);
    assert_eq!(events(&directory.server, "group-member-removed").await, 4);
    let back = json!([{"op": "replace", "value": {"members": [{"value": id(c), "type": "User"}]}}]);
    assert_eq!(patch(back).await.status, 204);
    assert_eq!(directory.members(&staff, &all).await, [false, false, true]);
}

/// Attacks: AD20, AD24, AD37.
#[tokio::test]
async fn of_members_who_cannot_be_none_joins() {
    let directory = Directory::start().await;
    let a = directory.user("grace").await;
    let staff = group(&directory, "Staff", &[]).await;
    let tag = directory.get(&staff).await.header("etag").to_owned();
    for other in ["u-AAAAAAAAAAAAAAAAAAAAAA", "robot", id(&staff)] {
        let members = json!([{"value": id(&a)}, {"value": other}]);
        let refused = directory.patch(
            &staff,
            json!([{"op": "add", "path": "members", "value": members}]),
        );
        assert_eq!(told(&refused.await), "400 invalidValue", "{other}");
        let body = json!({"displayName": "Others", "members": members});
        let refused = directory.send(Method::POST, "/Groups", body).await;
        assert_eq!(told(&refused), "400 invalidValue", "{other}");
    }
    let mixed = json!([
        {"op": "add", "path": "members", "value": [{"value": id(&a)}]},
        {"op": "replace", "path": "nothing", "value": 1},
    ]);
    assert_eq!(
        told(&directory.patch(&staff, mixed).await),
        "400 invalidPath"
    );
    assert_eq!(directory.members(&staff, &[&a]).await, [false]);
    assert_eq!(directory.get(&staff).await.header("etag"), tag);
    assert_eq!(events(&directory.server, "group-member-added").await, 0);
    assert_eq!(
        directory
            .found("/Groups", "displayName eq \"Others\"")
            .await
            .len(),
        0
    );
}

/// Attacks: AD21.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_joins_at_the_same_time_is_in() {
    let directory = Directory::start().await;
    let mut paths = Vec::new();
    for number in 0..16 {
        paths.push(directory.user(&format!("user-{number}")).await);
    }
    let staff = group(&directory, "Staff", &[]).await;
    let server = &directory.server;
    let mut joining = tokio::task::JoinSet::new();
    for path in &paths {
        let body = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id(path)}]}]});
        let request = directory.request(Method::PATCH, &staff, Some(&body));
        let router = safeconduct_server::routes::admin(server.server());
        joining.spawn(tower::ServiceExt::oneshot(router, request));
    }
    while let Some(done) = joining.join_next().await {
        assert_eq!(done.unwrap().unwrap().status(), 204);
    }
    let all: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(directory.members(&staff, &all).await, [true; 16]);
}

/// Attacks: AD22.
#[tokio::test]
async fn more_members_than_a_request_may_change_are_told_so() {
    let directory = Directory::start().await;
    let staff = group(&directory, "Staff", &[]).await;
    let member = |number: usize| format!("u-{number:021}A");
    let members: Vec<String> = (0..5_001).map(member).collect();
    let refused = directory
        .patch(
            &staff,
            json!([{"op": "add", "path": "members", "value": members}]),
        )
        .await;
    assert_eq!(refused.status, 413);
    assert!(refused.body.contains("5000"), "{refused:?}");
}

/// Attacks: AD36, AD48.
#[tokio::test]
async fn nobody_becomes_an_administrator_by_being_provisioned() {
    let directory = Directory::start().await;
    let eve = directory.path_of("eve").await;
    for name in ["administrators", "Administrators", " administrators"] {
        let made = directory
            .send(Method::POST, "/Groups", json!({"displayName": name}))
            .await;
        assert_eq!(made.status, 403, "{name}");
    }
    let verbs = directory
        .server
        .administer(async |verbs| verbs.add_administrator("ada").await);
    verbs.await;
    let found = directory
        .found("/Groups", "displayName eq \"administrators\"")
        .await;
    let path = format!("/Groups/{}", id_of(&found[0]));
    for (method, body) in [
        (
            Method::PATCH,
            json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id(&eve)}]}]}),
        ),
        (
            Method::PATCH,
            json!({"Operations": [{"op": "remove", "path": "members"}]}),
        ),
        (
            Method::PATCH,
            json!({"Operations": [{"op": "replace", "path": "displayName", "value": "Others"}]}),
        ),
        (
            Method::PUT,
            json!({"displayName": "administrators", "members": [{"value": id(&eve)}]}),
        ),
        (Method::DELETE, json!({})),
    ] {
        let refused = directory.send(method.clone(), &path, body.clone()).await;
        assert_eq!(refused.status, 403, "{method} {body}");
    }
    let staff = group(&directory, "Staff", &[]).await;
    let renamed =
        json!([{"op": "replace", "value": {"id": id(&staff), "displayName": "administrators"}}]);
    assert_eq!(directory.patch(&staff, renamed).await.status, 403);
    assert_eq!(events(&directory.server, "administrators-guarded").await, 9);
    let ada = directory.path_of("ada").await;
    assert_eq!(directory.members(&path, &[&ada, &eve]).await, [true, false]);
}

/// What apps know a group by stays, whatever people read.
#[tokio::test]
async fn a_group_is_called_otherwise_and_keeps_its_id_and_its_name() {
    let directory = Directory::start().await;
    let a = directory.user("grace").await;
    let staff = group(&directory, "Staff", &[&a]).await;
    let others = group(&directory, "Others", &[]).await;
    let renamed =
        json!([{"op": "Replace", "value": {"id": id(&staff), "displayName": "All Staff"}}]);
    assert_eq!(directory.patch(&staff, renamed).await.status, 204);
    let kept = directory.get(&staff).await.json();
    assert_eq!(
        (&kept["displayName"], &kept["externalId"]),
        (&"All Staff".into(), &"Staff-1".into())
    );
    let groups = directory
        .server
        .store()
        .groups_of(&directory.server.user("grace").await)
        .await;
    assert_eq!(groups.unwrap(), ["Staff"]);
    assert_eq!(
        directory.get(&a).await.json()["groups"][0]["display"],
        "All Staff"
    );

    let taken = json!([{"op": "replace", "path": "displayName", "value": "All Staff"}]);
    assert_eq!(
        told(&directory.patch(&others, taken).await),
        "409 uniqueness"
    );
    for taken in ["Staff", "All Staff"] {
        let made = directory
            .send(Method::POST, "/Groups", json!({"displayName": taken}))
            .await;
        assert_eq!(told(&made), "409 uniqueness", "{taken}");
    }
    assert_eq!(directory.delete(&staff).await.status, 204);
    assert_eq!(directory.get(&staff).await.status, 404);
    assert_eq!(directory.get(&a).await.json().get("groups"), None);
    let again = group(&directory, "All Staff", &[]).await;
    assert_ne!(id(&again), id(&staff));
}

#[tokio::test]
async fn a_group_is_changed_in_the_version_that_was_seen() {
    let directory = Directory::start().await;
    let a = directory.user("grace").await;
    let staff = group(&directory, "Staff", &[]).await;
    let join =
        json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id(&a)}]}]});
    let send = |tag: &'static str| {
        directory.send_if(Method::PATCH, &staff, (header::IF_MATCH, tag), join.clone())
    };
    assert_eq!(send("W/\"2\"").await.status, 412);
    assert_eq!(send("W/\"1\"").await.header("etag"), "W/\"2\"");
    assert_eq!(send("W/\"1\"").await.status, 412);
    // A user who is deleted is in it no more, which is another version.
    directory.delete(&a).await;
    let group = directory.get(&staff).await;
    assert_eq!(
        (group.header("etag"), group.json().get("members")),
        ("W/\"3\"", None)
    );
}

/// The way of authentik: whole groups without a path, one operation for each member, and `members` in every answer.
#[tokio::test]
async fn authentik_provisions_a_group() {
    let directory = Directory::start().await;
    let (a, b) = (directory.user("grace").await, directory.user("alan").await);
    let made = directory
        .send(
            Method::POST,
            "/Groups",
            json!({"externalId": "ak-1", "displayName": "staff"}),
        )
        .await;
    let staff = format!("/Groups/{}", id_of(&made.json()));
    let again = directory
        .send(Method::POST, "/Groups", json!({"displayName": "staff"}))
        .await;
    assert_eq!(told(&again), "409 uniqueness");
    assert_eq!(
        directory
            .found("/Groups", "displayName eq \"staff\"")
            .await
            .len(),
        1
    );
    let operations: Vec<Value> = [&a, &b]
        .map(|path| json!({"op": "add", "path": "members", "value": [{"value": id(path)}]}))
        .to_vec();
    assert_eq!(directory.patch(&staff, json!(operations)).await.status, 204);
    assert_eq!(directory.members(&staff, &[&a, &b]).await, [true, true]);
    let remove = json!([{"op": "remove", "path": "members", "value": [{"value": id(&a)}]}]);
    directory.patch(&staff, remove).await;
    assert_eq!(directory.members(&staff, &[&a, &b]).await, [false, true]);
    let whole = json!([{"op": "replace", "value": {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": id(&staff), "displayName": "staff", "externalId": "ak-1", "members": [{"value": id(&a)}]}}]);
    assert_eq!(directory.patch(&staff, whole).await.status, 204);
    assert_eq!(directory.members(&staff, &[&a, &b]).await, [true, false]);
}

/// Attacks: AD07, AD23.
#[tokio::test]
async fn members_are_asked_for_by_one_and_left_out_where_nobody_asks() {
    let directory = Directory::start().await;
    let (a, b) = (directory.user("grace").await, directory.user("alan").await);
    let staff = group(&directory, "Staff", &[&a]).await;
    let is_in =
        |group: String, user: String| format!("id eq \"{group}\" and members eq \"{user}\"");
    let entra = is_in(id(&staff).to_owned(), id(&a).to_owned());
    assert_eq!(directory.found("/Groups", &entra).await.len(), 1);
    let entra = is_in(id(&staff).to_owned(), id(&b).to_owned());
    assert_eq!(directory.found("/Groups", &entra).await.len(), 0);
    let by_member = format!("members[value eq \"{}\"]", id(&a));
    assert_eq!(directory.found("/Groups", &by_member).await.len(), 1);
    let without = format!("not (members.value eq \"{}\")", id(&b));
    assert_eq!(directory.found("/Groups", &without).await.len(), 1);
    let all = directory
        .get(&filtered("/Groups", "members co \"u\""))
        .await;
    assert_eq!(told(&all), "400 invalidFilter");
    for shown in ["excludedAttributes=members", "attributes=displayName"] {
        for path in [format!("{staff}?{shown}"), format!("/Groups?{shown}")] {
            let answer = directory.get(&path).await;
            assert!(!answer.body.contains(id(&a)), "{path}");
        }
    }
    let of_user = directory
        .found("/Users", &format!("groups.value eq \"{}\"", id(&staff)))
        .await;
    assert_eq!(of_user.len(), 1);
}
