//! Many changes in one request.

use http::Method;
use safeconduct_server::listener::AnswerBy;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Directory;

fn bulk(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    })
}

impl Directory {
    /// Method and status of what was done, in the order of the request.
    async fn bulk(&self, body: Value) -> Vec<String> {
        let answer = self.send(Method::POST, "/Bulk", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let results = answer.json();
        let results = results["Operations"].as_array().unwrap().iter();
        let told = results.map(|result| {
            format!(
                "{} {}",
                result["method"].as_str().unwrap(),
                result["status"].as_str().unwrap()
            )
        });
        told.collect()
    }
}

/// Attacks: AD11, AD33.
#[tokio::test]
async fn operations_refer_to_what_is_made_beside_them() {
    let directory = Directory::start().await;
    let ada = directory.path_of("ada").await;
    let boss = |name: &str| json!({"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": format!("bulkId:{name}")}}});
    let mut first = boss("b");
    first["userName"] = "grace".into();
    let mut second = boss("a");
    second["userName"] = "alan".into();
    let done = directory
        .bulk(bulk(json!([
            // Before those who are in it.
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "Staff", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]}},
            // Each the manager of the other, which is not kept.
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": first},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": second},
            {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [{"op": "remove", "path": "members", "value": [{"value": "bulkId:b"}]}]}},
            {"method": "PATCH", "path": ada, "data": {"Operations": [{"op": "replace", "path": "active", "value": false}]}},
            {"method": "POST", "path": "/Groups", "bulkId": "x", "data": {"displayName": "Nobody", "members": [{"value": "bulkId:unknown"}]}},
            {"method": "POST", "path": "/Users", "bulkId": "y", "data": {"userName": "grace"}},
            {"method": "GET", "path": "/Users"},
            {"method": "PUT", "path": "/Robots/1", "data": {}},
        ])))
        .await;
    assert_eq!(
        done,
        [
            "POST 201",
            "POST 201",
            "POST 201",
            "PATCH 204",
            "PATCH 200",
            "POST 400",
            "POST 409",
            "GET 400",
            "PUT 404"
        ]
    );
    let staff = directory.found("/Groups", "displayName eq \"Staff\"").await;
    let members = staff[0]["members"].as_array().unwrap();
    assert_eq!(members.len(), 1);
    let grace = directory.server.user("grace").await;
    assert_eq!(members[0]["value"], grace.as_str());
    assert!(directory.server.sessions("ada").await.is_empty());
}

/// Cut off by the time-out of requests, nobody would know what was done.
#[tokio::test]
async fn what_there_is_no_time_for_is_told_so() {
    let directory = Directory::start().await;
    let body = bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "grace"}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "Staff", "members": [{"value": "bulkId:a"}]}},
    ]));
    let mut request = directory.request(Method::POST, "/Bulk", Some(&body));
    let overdue = AnswerBy(Instant::now());
    request.extensions_mut().insert(overdue);
    let answer = directory.answer(request).await.json();
    let statuses = answer["Operations"].as_array().unwrap().iter();
    let statuses: Vec<&Value> = statuses.map(|operation| &operation["status"]).collect();
    assert_eq!(statuses, ["503", "503"]);
    assert_eq!(directory.bulk(body).await, ["POST 201", "POST 201"]);
}

/// Attacks: AD28.
#[tokio::test]
async fn an_operation_whose_version_is_none_is_not_done() {
    let directory = Directory::start().await;
    let ada = directory.path_of("ada").await;
    let versions = [json!(1), json!("\n"), json!(["W/\"1\""]), json!("W/\"99\"")];
    let operations = versions
        .map(|version| json!({"method": "DELETE", "path": ada, "version": version, "data": null}));
    assert_eq!(
        directory.bulk(bulk(json!(operations))).await,
        ["DELETE 400", "DELETE 400", "DELETE 400", "DELETE 412"]
    );
    assert_eq!(directory.get(&ada).await.status, 200);
}

/// Attacks: AD33.
#[tokio::test]
async fn groups_that_wait_for_each_other_are_told_so() {
    let directory = Directory::start().await;
    let group = |name: &str, other: &str| json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": [{"value": format!("bulkId:{other}")}]}});
    let done = directory
        .bulk(bulk(json!([group("a", "b"), group("b", "a")])))
        .await;
    assert_eq!(done, ["POST 400", "POST 400"], "a group is in no group");
}

/// Attacks: AD33.
#[tokio::test]
async fn it_ends_at_the_error_that_is_one_too_many() {
    let directory = Directory::start().await;
    let operations = json!([
        {"method": "DELETE", "path": "/Users/x"},
        {"method": "DELETE", "path": "/Users/y"},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "grace"}},
    ]);
    let mut body = bulk(operations.clone());
    body["failOnErrors"] = 2.into();
    assert_eq!(directory.bulk(body).await, ["DELETE 404", "DELETE 404"]);
    assert!(
        directory
            .found("/Users", "userName eq \"grace\"")
            .await
            .is_empty()
    );
    assert_eq!(directory.bulk(bulk(operations)).await.len(), 3);

    let many: Vec<Value> = (0..1_001)
        .map(|number| json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": {"userName": format!("u{number}")}}))
        .collect();
    let refused = directory
        .send(Method::POST, "/Bulk", bulk(json!(many)))
        .await;
    assert_eq!(refused.status, 413);
    assert_eq!(
        directory.get("/Users?count=0").await.json()["totalResults"],
        4
    );
    for bad in [json!({}), json!({"Operations": []}), bulk(json!({}))] {
        let answer = directory.send(Method::POST, "/Bulk", bad.clone()).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{bad}");
    }
}
