//! SCIM: people and groups, provisioned by a client, in the very shapes that Entra, Okta, authentik and Rauthy send.

mod bulk;
mod groups;
mod lists;
mod users;

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderName, Method, header};
use safeconduct_protocol::client::{Client, GrantType};
use safeconduct_protocol::scope::Scope;
use safeconduct_server::routes;
use safeconduct_server::settings::{AdministrationSettings, Settings};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{Answer, TestServer};

const HOST: &str = "127.0.0.1:8429";
const BASE: &str = "/scim/v2";

/// A server, and a client that provisions into it.
pub(crate) struct Directory {
    pub(crate) server: TestServer,
    token: String,
}

/// Lets a client provision.
async fn let_provision(server: &TestServer, client: &str) {
    let change = |client: &mut Client| {
        client.scopes = Scope::parse("notes.read scim").unwrap();
        if !client.grant_types.contains(&GrantType::ClientCredentials) {
            client.grant_types.push(GrantType::ClientCredentials);
        }
    };
    server.change_client(client, change).await;
}

async fn token_of(server: &TestServer, client: &str, scope: &str) -> String {
    server
        .client_credentials(client, scope)
        .await
        .tokens()
        .access
}

impl Directory {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, where something else is decided.
    async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let server = TestServer::start().await;
        let server = server
            .restart_with(|settings| {
                settings.administration = Some(AdministrationSettings::default());
                change(settings);
            })
            .await;
        let_provision(&server, "robot").await;
        let token = token_of(&server, "robot", "scim").await;
        Self { server, token }
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Request {
        let request = Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        request.unwrap()
    }

    pub(crate) async fn answer(&self, request: Request) -> Answer {
        let Ok(response) = routes::admin(self.server.server()).oneshot(request).await;
        let answer = Answer::read(response).await;
        if !answer.body.is_empty() {
            let kind = answer.header("content-type");
            assert_eq!(kind, "application/scim+json", "{answer:?}");
        }
        if answer.status.is_client_error() {
            let error = answer.json();
            assert_eq!(error["status"], answer.status.as_str(), "{answer:?}");
            assert_eq!(
                error["schemas"],
                json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
            );
        }
        answer
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        self.answer(self.request(method, path, Some(&body))).await
    }

    /// The same, if it is what `header` says.
    async fn send_if(
        &self,
        method: Method,
        path: &str,
        (name, value): (HeaderName, &str),
        body: Value,
    ) -> Answer {
        let mut request = self.request(method, path, Some(&body));
        request.headers_mut().insert(name, value.parse().unwrap());
        self.answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.answer(self.request(Method::GET, path, None)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.answer(self.request(Method::DELETE, path, None)).await
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.send(Method::PATCH, path, body).await
    }

    /// Makes a user. Gives the path.
    pub(crate) async fn user(&self, username: &str) -> String {
        let made = self
            .send(Method::POST, "/Users", json!({"userName": username}))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        format!("/Users/{}", made.json()["id"].as_str().unwrap())
    }

    /// The path of a user of the cast.
    async fn path_of(&self, username: &str) -> String {
        format!("/Users/{}", self.server.user(username).await)
    }

    /// What a filter finds.
    async fn found(&self, path: &str, filter: &str) -> Vec<Value> {
        let answer = self.get(&filtered(path, filter)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let list = answer.json();
        let found = list["Resources"].as_array().unwrap().clone();
        assert_eq!(list["totalResults"], found.len(), "{list}");
        found
    }
}

fn filtered(path: &str, filter: &str) -> String {
    let filter: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    format!("{path}?filter={filter}")
}

/// What SCIM calls what is wrong, behind the status.
fn told(answer: &Answer) -> String {
    let status = answer.status.as_str();
    match answer.status.is_client_error() {
        true => match answer.json()["scimType"].as_str() {
            Some(kind) => format!("{status} {kind}"),
            None => status.to_owned(),
        },
        false => status.to_owned(),
    }
}

/// Attacks: AD35.
#[tokio::test]
async fn who_has_no_token_or_another_scope_is_told_so_in_scim() {
    let mut directory = Directory::start().await;
    for path in [
        "/Users",
        "/Groups/x",
        "/Schemas",
        "/ServiceProviderConfig",
        "/Me",
    ] {
        let mut request = directory.request(Method::GET, path, None);
        request.headers_mut().remove(header::AUTHORIZATION);
        let refused = directory.answer(request).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.challenges()[0], "Bearer scope=\"scim\"", "{path}");
    }
    let other_api = token_of(&directory.server, "robot", "notes.read").await;
    directory.token = other_api;
    assert_eq!(directory.get("/Users").await.status, 401);
    let change = |client: &mut Client| client.scopes = Scope::parse("admin:read").unwrap();
    directory.server.change_client("robot", change).await;
    directory.token = token_of(&directory.server, "robot", "admin:read").await;
    let refused = directory.get("/Users").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.challenges()[0].contains("insufficient_scope"),
        "{refused:?}"
    );
}

/// Attacks: AD34.
#[tokio::test]
async fn what_is_no_request_of_scim_is_told_so_in_scim() {
    let directory = Directory::start().await;
    let with = |kind: Option<&'static str>, body: &'static str| {
        let mut request = directory.request(Method::POST, "/Users", None);
        if let Some(kind) = kind {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        *request.body_mut() = Body::from(body);
        directory.answer(request)
    };
    assert_eq!(with(Some("text/xml"), "<user/>").await.status, 415);
    for body in [
        "",
        "{",
        "[]",
        "{\"a\":1,\"a\":2}",
        "{\"userName\":\"\\ud800\"}",
    ] {
        let refused = with(Some("application/json"), body).await;
        assert_eq!(told(&refused), "400 invalidSyntax", "{body}");
    }
    assert_eq!(
        told(&with(Some("application/json"), "{\"userName\":\"a\\u0000\"}").await),
        "400 invalidValue"
    );
    let large = json!({"userName": "a", "x": "x".repeat(1024 * 1024)});
    assert_eq!(
        directory.send(Method::POST, "/Users", large).await.status,
        413
    );
    for (method, path, status) in [
        (Method::GET, "", 404),
        (Method::GET, "/Robots", 404),
        (Method::GET, "/Users/x", 404),
        (Method::GET, "/Users/%2F..", 404),
        (Method::GET, "/Users/%ff", 404),
        (Method::GET, "/Groups/%00", 404),
        (Method::PUT, "/Users", 405),
        (Method::POST, "/Schemas", 405),
        (Method::DELETE, "/ServiceProviderConfig", 405),
        (Method::GET, "/Bulk", 405),
        (Method::GET, "/Schemas/urn:x", 404),
        (Method::GET, "/ResourceTypes/Robot", 404),
        (Method::GET, "/Schemas?filter=id%20pr", 403),
        (Method::GET, "/Me", 501),
        (Method::POST, "/Me", 501),
    ] {
        let answer = directory.send(method.clone(), path, json!({})).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn discovery_says_what_there_is() {
    let directory = Directory::start().await;
    let config = directory.get("/ServiceProviderConfig").await.json();
    assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
    let location = format!("http://{HOST}{BASE}/ServiceProviderConfig");
    assert_eq!(config["meta"]["location"], location);
    for path in ["/Schemas", "/ResourceTypes"] {
        let all = directory.get(path).await.json();
        for one in all["Resources"].as_array().unwrap() {
            let at = format!("{path}/{}", one["id"].as_str().unwrap());
            assert_eq!(directory.get(&at).await.json(), *one);
        }
    }
}
