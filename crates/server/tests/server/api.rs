//! The API of administrators: what it shows and changes, that nobody overwrites what they have not seen, and its document.

use axum::body::Body;
use axum::extract::Request;
use http::{Method, header};
use serde_json::{Value, json};

use crate::administrators::{Admin, HOST, send, told};
use crate::second_factor::events;
use crate::support::Answer;

const DOCUMENT: &str = include_str!("../../../../docs/reference/openapi.json");

impl Admin {
    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path).await;
        assert_eq!(told(&answer), "200", "{path}");
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// A request with `If-Match` beside.
    async fn send_if(&self, method: Method, path: &str, tag: &str, body: Option<&Value>) -> Answer {
        self.send_beside(&method, path, body, &[("if-match", tag)])
            .await
    }
}

#[test]
fn the_document_is_the_one_that_is_committed() {
    let document = safeconduct_server::api::document();
    if std::env::var_os("SAFECONDUCT_REGENERATE").is_some() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/openapi.json"
        );
        std::fs::write(path, &document).unwrap();
        return;
    }
    assert!(
        document == DOCUMENT,
        "SAFECONDUCT_REGENERATE=1 writes docs/reference/openapi.json"
    );
}

#[test]
fn every_name_in_the_document_is_there_once() {
    let document: Value = serde_json::from_str(&safeconduct_server::api::document()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // Of two types of one name the second is numbered.
    let numbered: Vec<_> = (schemas.keys())
        .filter(|name| name.ends_with(|last: char| last.is_ascii_digit()))
        .collect();
    assert!(numbered.is_empty() && schemas.len() > 15, "{numbered:?}");
    let mut ids = std::collections::HashSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
        }
    }
    assert!(ids.len() > 35, "{}", ids.len());
}

#[tokio::test]
async fn sessions_grants_and_consents_are_seen_and_ended() {
    let admin = Admin::at_the_command_line().await;
    let sessions = admin.items("/admin/v1/sessions?user=ada").await;
    let session = sessions.last().unwrap()["id"].as_str().unwrap().to_owned();
    let grants = admin
        .items("/admin/v1/grants?user=ada&client=safeconduct-cli")
        .await;
    assert_eq!(grants.len(), 1);
    assert_eq!(
        grants[0]["scope"],
        "admin:read admin:write offline_access openid scim"
    );
    let shown = admin.get(&format!("/admin/v1/sessions/{session}")).await;
    assert_eq!(shown.json()["username"], "ada");
    let path = format!("/admin/v1/sessions/{session}");
    let ended = admin.send(Method::DELETE, &path, None).await;
    assert_eq!(told(&ended), "204");
    assert_eq!(events(&admin.server, "session-ended").await, 1);
    let again = admin.get(&format!("/admin/v1/sessions/{session}")).await;
    assert_eq!(told(&again), "404 thing-not-found");
    let event = &admin.items("/admin/v1/events?kind=session-ended").await[0];
    assert_eq!(
        (&event["by"]["kind"], &event["door"]),
        (&json!("person"), &json!("api"))
    );
    assert_eq!(event["correlation_id"].as_str().unwrap().len(), 16);
    let grant = grants[0]["id"].as_str().unwrap();
    let path = format!("/admin/v1/grants/{grant}");
    let revoked = admin.send(Method::DELETE, &path, None).await;
    assert_eq!(told(&revoked), "204");
    assert_eq!(
        told(&admin.get("/admin/v1/me").await),
        "401 access-token-refused"
    );
}

#[tokio::test]
async fn what_was_refused_just_now_is_told_with_its_reason() {
    let admin = Admin::at_the_command_line().await;
    let status = admin.get("/admin/v1/status").await.json();
    assert_eq!(
        (&status["ready"], &status["warnings"]),
        (&json!(true), &json!([]))
    );
    let ask = crate::support::Ask::of("shop");
    let wrong = ask.with("redirect_uri", "https://shop.example/callbac");
    let page = admin.server.browser().authorize(&wrong).await;
    assert_eq!(page.status, 400);
    let refused = admin.get("/admin/v1/sessions/nobody").await;
    let last = admin.items("/admin/v1/refusals").await;
    let told = |refusal: &Value| {
        let text = |name: &str| refusal[name].as_str().unwrap().to_owned();
        (
            text("reason"),
            text("method"),
            text("route"),
            text("correlation_id"),
        )
    };
    let name = |answer: &Answer| answer.header("x-correlation-id").to_owned();
    let expected = |reason: &str, route: &str, answer: &Answer| {
        let get = "GET".to_owned();
        (reason.to_owned(), get, route.to_owned(), name(answer))
    };
    let (first, second) = (
        expected("thing-not-found", "/admin/v1/sessions/{session}", &refused),
        expected("redirect-uri-not-registered", "/authorize", &page),
    );
    assert_eq!([told(&last[0]), told(&last[1])], [first, second]);
    let detail = last[1]["detail"].as_str().unwrap();
    assert!(detail.contains("callbac"), "{detail}");
}

/// Attacks: AD47.
#[tokio::test]
async fn a_child_is_found_at_its_parent_alone() {
    let admin = Admin::at_the_command_line().await;
    let consents = admin.items("/admin/v1/users/bob/consents").await;
    assert_eq!(consents.len(), 0);
    let shop = admin.send(Method::DELETE, "/admin/v1/users/bob/consents/shop", None);
    assert_eq!(told(&shop.await), "404 thing-not-found");
    let passkey = admin.send(Method::DELETE, "/admin/v1/users/bob/passkeys/x", None);
    assert_eq!(told(&passkey.await), "404 thing-not-found");
    let app = admin.send(Method::DELETE, "/admin/v1/users/bob/authenticator", None);
    assert_eq!(
        told(&app.await),
        "404 thing-not-found",
        "ada has one, and bob has none"
    );
    // Her own, who is the only administrator.
    let app = admin.send(Method::DELETE, "/admin/v1/users/ada/authenticator", None);
    assert_eq!(told(&app.await), "409 last-administrator");
}

#[tokio::test]
async fn users_are_found_kept_out_and_helped_back_in() {
    let admin = Admin::at_the_command_line().await;
    let found = |path: &'static str| async {
        let found = admin.items(path).await;
        let names = found
            .iter()
            .map(|user| user["username"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("/admin/v1/users").await, "ada bob eve");
    assert_eq!(found("/admin/v1/users?prefix=B").await, "bob");
    assert_eq!(found("/admin/v1/users?prefix=x").await, "");
    let ada = admin.server.user("ada").await;
    let by_id = admin.items(&format!("/admin/v1/users?prefix={ada}")).await;
    assert_eq!(by_id[0]["username"], "ada");
    let shown = admin.get("/admin/v1/users/ada").await.json();
    assert_eq!(
        (&shown["administrator"], &shown["email"]),
        (&json!(true), &json!("ada@lovelace.example"))
    );
    assert_eq!(
        (&shown["grants"], &shown["recovery_codes"]),
        (&json!(1), &json!(10))
    );

    let nothing = json!({});
    assert_eq!(
        told(&admin.post("/admin/v1/users/bob/lock", &nothing).await),
        "204"
    );
    assert_eq!(
        admin.get("/admin/v1/users/bob").await.json()["locked"],
        true
    );
    let link = admin
        .post(
            "/admin/v1/users/bob/links",
            &json!({ "purpose": "recover" }),
        )
        .await;
    assert_eq!(told(&link), "409 conflict");
    assert_eq!(
        told(&admin.post("/admin/v1/users/bob/unlock", &nothing).await),
        "204"
    );
    let link = admin
        .post(
            "/admin/v1/users/bob/links",
            &json!({ "purpose": "recover" }),
        )
        .await;
    let url = link.json()["link"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://id.example/link?link="), "{url}");
    assert_eq!(
        told(&admin.post("/admin/v1/users/bob/end", &nothing).await),
        "204"
    );
    assert_eq!(
        told(&admin.post("/admin/v1/users/ada/lock", &nothing).await),
        "409 last-administrator"
    );
}

/// Attacks: AD39, AD40.
#[tokio::test]
async fn a_client_is_a_document_that_nobody_overwrites_unseen() {
    let admin = Admin::at_the_command_line().await;
    let document = json!({
        "client_id": "wiki", "client_name": "Wiki", "redirect_uris": ["https://wiki.example/callback"],
        "scope": "openid notes.read", "policy_uri": "https://wiki.example/policy",
    });
    let created = admin.post("/admin/v1/clients", &document).await;
    assert_eq!(told(&created), "201", "{created:?}");
    assert_eq!(created.header("location"), "/admin/v1/clients/wiki");
    let secret = created.json()["client_secret"].as_str().unwrap().to_owned();
    assert!(secret.len() > 40 && created.json()["client_secret_expires_at"] == 0);
    assert_eq!(
        told(&admin.post("/admin/v1/clients", &document).await),
        "409 conflict"
    );

    let one = "/admin/v1/clients/wiki";
    let seen = admin.get(one).await;
    assert!(!seen.body.contains(&secret), "{seen:?}");
    let tag = seen.header("etag").to_owned();
    let changed = json!({
        "client_name": "The Wiki", "redirect_uris": ["https://wiki.example/callback"], "scope": "openid notes.read",
    });
    let blind = admin.send(Method::PUT, one, Some(&changed)).await;
    assert_eq!(told(&blind), "428 precondition-missing");
    let replaced = admin.send_if(Method::PUT, one, &tag, Some(&changed)).await;
    assert_eq!(told(&replaced), "200");
    assert_eq!(replaced.json()["client_name"], "The Wiki");
    assert!(
        replaced.json().get("policy_uri").is_none(),
        "left out is taken away"
    );
    assert_eq!(
        replaced.json()["secrets"].as_array().unwrap().len(),
        1,
        "the secret stays"
    );
    let stale = admin.send_if(Method::PUT, one, &tag, Some(&document)).await;
    assert_eq!(told(&stale), "412 precondition-failed");
    let tag = replaced.header("etag").to_owned();
    assert_eq!(stale.header("etag"), tag);
}

/// A client that the test made, and the state that it is in.
/// Attacks: AD41.
#[tokio::test]
async fn two_secrets_are_good_at_a_time_and_each_says_what_it_is() {
    let admin = Admin::at_the_command_line().await;
    let made = admin
        .post(
            "/admin/v1/clients",
            &json!({
                "client_id": "press",
                "grant_types": ["client_credentials"],
                "scope": "notes.read",
            }),
        )
        .await;
    assert_eq!(told(&made), "201");
    let first = made.json()["client_secret"].as_str().unwrap().to_owned();
    const SECRETS: &str = "/admin/v1/clients/press/secrets";
    let rotate = async |overlap| admin.post(SECRETS, &json!({ "overlap": overlap })).await;
    let second = rotate(3600).await;
    assert_eq!(told(&second), "200");
    assert_eq!(told(&rotate(3600).await), "409 conflict");
    let shown = admin.get("/admin/v1/clients/press").await.json();
    let mut secrets = shown["secrets"].as_array().unwrap().clone();
    assert_eq!(secrets.len(), 2);
    // Made in one second, they come in any order.
    secrets.sort_by_key(|secret| secret["expires_at"].is_null());
    assert_eq!(secrets[0]["last_four"], first[first.len() - 4..]);
    assert_eq!(secrets[0]["made_by"]["kind"], "person");
    assert_eq!(secrets[0]["last_used_at"], Value::Null);
    let path = |secret: &Value| format!("{SECRETS}/{}", secret["id"].as_str().unwrap());
    let end = async |path: &str| told(&admin.send(Method::DELETE, path, None).await);
    let of_another = path(&secrets[0]).replace("press", "shop");
    assert_eq!(end(&of_another).await, "404 thing-not-found");
    assert_eq!(end(&path(&secrets[0])).await, "204");
    assert_eq!(end(&path(&secrets[0])).await, "404 thing-not-found");
    assert_eq!(end(&path(&secrets[1])).await, "409 conflict");
    assert_eq!(events(&admin.server, "client-secret-ended").await, 1);
    // One that leaks is replaced at once, however many there are.
    assert_eq!(told(&rotate(3600).await), "200");
    assert_eq!(told(&rotate(0).await), "200");
}

/// Attacks: AD57.
#[tokio::test]
async fn without_its_database_the_api_says_so_and_changes_nothing() {
    let admin = Admin::at_the_command_line().await;
    let before = admin.server.rows();
    admin.server.server().store().close().await;
    let client = json!({"grant_types": ["client_credentials"]});
    let group = json!({"name": "Night watch"});
    for (method, path, body) in [
        (Method::GET, "/admin/v1/me", None),
        (Method::GET, "/admin/v1/users?prefix=a", None),
        (Method::GET, "/admin/v1/events", None),
        (Method::POST, "/admin/v1/clients", Some(&client)),
        (Method::POST, "/admin/v1/groups", Some(&group)),
        (Method::POST, "/admin/v1/users/bob/lock", None),
    ] {
        let answer = admin.send(method, path, body).await;
        assert_eq!(told(&answer), "503 store-unavailable", "{path}");
        assert_eq!(answer.header("retry-after"), "2", "{path}");
    }
    assert_eq!(admin.server.rows(), before);
}

/// Attacks: AD55.
#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once() {
    let admin = Admin::at_the_command_line().await;
    let asked = json!({"grant_types": ["client_credentials"]});
    let post = async |key: &str, body: &Value| {
        let headers = [("idempotency-key", key)];
        admin
            .send_beside(&Method::POST, "/admin/v1/clients", Some(body), &headers)
            .await
    };
    let first = post("k-1", &asked).await;
    assert_eq!(told(&first), "201");
    let clients = admin.items("/admin/v1/clients").await.len();
    let again = post("k-1", &asked).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(admin.items("/admin/v1/clients").await.len(), clients);
    let dump = admin.server.dump();
    let secret = first.json()["client_secret"].as_str().unwrap().to_owned();
    let is_in = |(_, value): &(_, Vec<u8>)| value.windows(43).any(|part| part == secret.as_bytes());
    assert!(!dump.iter().any(is_in), "the answer is kept sealed");
    let other = json!({"grant_types": ["client_credentials"], "client_name": "Other"});
    assert_eq!(
        told(&post("k-1", &other).await),
        "422 idempotency-key-reused"
    );
    assert_eq!(told(&post("k-2", &other).await), "201");
    // What was refused has changed nothing, and is judged anew.
    let wrong = json!({"grant_types": ["of-none"]});
    for _ in 0..2 {
        let refused = post("k-3", &wrong).await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    for unfit in ["", "a b", &"x".repeat(256)] {
        assert_eq!(
            told(&post(unfit, &asked).await),
            "400 value-refused",
            "{unfit}"
        );
    }
    // Its answer got lost: it is not done again.
    admin
        .server
        .change("UPDATE idempotency_keys SET answer = NULL");
    assert_eq!(told(&post("k-2", &other).await), "409 request-not-answered");
}

async fn wiki(admin: &Admin) -> String {
    let document = json!({ "client_id": "wiki", "redirect_uris": ["https://wiki.example/callback"], "scope": "openid" });
    let created = admin.post("/admin/v1/clients", &document).await;
    created.header("etag").to_owned()
}

/// Attacks: AD39, AD43, AD50.
#[tokio::test]
async fn a_client_is_nothing_that_its_document_may_not_say() {
    let admin = Admin::at_the_command_line().await;
    let tag = wiki(&admin).await;
    let one = "/admin/v1/clients/wiki";
    for (wrong, pointer) in [
        (
            json!({ "grant_types": ["authorization_code"], "scope": "openid" }),
            "no redirect URI for codes",
        ),
        (
            json!({ "redirect_uris": ["https://wiki.example/"], "client_secret_expires_at": 0 }),
            "not the client's to say",
        ),
        (
            json!({ "redirect_uris": ["https://wiki.example/"], "skip_consent": true }),
            "no such member",
        ),
        (
            json!({ "redirect_uris": ["https://wiki.example/"], "sub": "somebody" }),
            "no such member",
        ),
        (
            json!({ "redirect_uris": ["http://wiki.example/"] }),
            "in the clear",
        ),
    ] {
        let answer = admin.send_if(Method::PUT, one, &tag, Some(&wrong)).await;
        assert_eq!(told(&answer), "400 value-refused", "{pointer}: {answer:?}");
    }
    // A scope of this API is registered by the configuration or the shell alone.
    let grab = json!({ "redirect_uris": ["https://wiki.example/"], "scope": "openid admin:write" });
    let answer = admin.send_if(Method::PUT, one, &tag, Some(&grab)).await;
    assert_eq!(told(&answer), "403 shell-only");
    let grab = json!({ "grant_types": ["client_credentials"], "scope": "scim" });
    assert_eq!(
        told(&admin.post("/admin/v1/clients", &grab).await),
        "403 shell-only"
    );

    let gone = admin.send_if(Method::DELETE, one, &tag, None).await;
    assert_eq!(told(&gone), "204");
    assert_eq!(told(&admin.get(one).await), "404 thing-not-found");
    let cli = admin.get("/admin/v1/clients/safeconduct-cli").await;
    let answer = admin.send_if(
        Method::DELETE,
        "/admin/v1/clients/safeconduct-cli",
        cli.header("etag"),
        None,
    );
    assert_eq!(told(&answer.await), "409 conflict");
}

/// Attacks: AD56.
#[tokio::test]
async fn a_key_that_is_needed_is_not_deleted() {
    let admin = Admin::at_the_command_line().await;
    let keys = admin.items("/admin/v1/keys").await;
    let active = keys
        .iter()
        .find(|key| key["purpose"] == "sign:ES256")
        .unwrap();
    let path = format!("/admin/v1/keys/{}", active["id"]);
    let answer = admin.send(Method::DELETE, &path, None).await;
    assert_eq!(told(&answer), "409 key-needed");
    let rotate = json!({ "which": "ES256", "now": true });
    for done in ["published", "used"] {
        let rotated = admin.post("/admin/v1/keys/rotate", &rotate).await.json();
        let step = rotated["steps"][0]["done"].as_str().unwrap().to_owned();
        assert!([done, "used"].contains(&step.as_str()), "{rotated}");
        if step == "used" {
            break;
        }
    }
    let answer = admin.send(Method::DELETE, &path, None).await;
    assert_eq!(told(&answer), "409 key-needed");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(" is needed until 2027-01-"), "{detail}");
    let keys = admin.items("/admin/v1/keys").await;
    for key in &keys {
        assert_eq!(
            key["needed_until"].is_string(),
            key["state"] == "retired",
            "{key}"
        );
    }
    let retired = keys.iter().find(|key| key["id"] == active["id"]).unwrap();
    let until = retired["needed_until"].as_str().unwrap();
    assert!(detail.ends_with(until), "{detail}");
    assert_eq!(
        told(&admin.send(Method::DELETE, "/admin/v1/keys/x", None).await),
        "404 thing-not-found"
    );
}

#[tokio::test]
async fn a_list_goes_on_by_a_cursor_of_its_own() {
    let admin = Admin::at_the_command_line().await;
    let first = admin.get("/admin/v1/users?limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = admin
        .get(&format!("/admin/v1/users?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["items"][0]["username"], "bob");
    for other in [
        format!("/admin/v1/users?limit=1&prefix=a&cursor={cursor}"),
        format!("/admin/v1/sessions?cursor={cursor}"),
        "/admin/v1/users?cursor=x".to_owned(),
    ] {
        assert_eq!(
            told(&admin.get(&other).await),
            "400 cursor-refused",
            "{other}"
        );
    }
    for wrong in [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1&limit=1",
        "limit=-1",
    ] {
        let answer = admin.get(&format!("/admin/v1/users?{wrong}")).await;
        assert_eq!(told(&answer), "400 value-refused", "{wrong}");
    }
    let mut seen = Vec::new();
    let mut path = "/admin/v1/events?limit=7".to_owned();
    loop {
        let page = admin.get(&path).await.json();
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/admin/v1/events?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    let all = admin.items("/admin/v1/events?limit=200").await;
    let all: Vec<_> = all
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_body_is_strict_json() {
    let admin = Admin::at_the_command_line().await;
    let path = "/admin/v1/users/bob/links";
    for (content_type, body, expected) in [
        (
            "text/plain",
            r#"{"purpose":"recover"}"#,
            "415 media-type-unsupported",
        ),
        ("application/json", "", "400 value-refused"),
        ("application/json", "{", "400 value-refused"),
        ("application/json", "[]", "400 value-refused"),
        (
            "application/json",
            r#"{"purpose":"admin"}"#,
            "400 value-refused",
        ),
        (
            "application/json",
            r#"{"purpose":"recover","user":"ada"}"#,
            "400 value-refused",
        ),
        (
            "application/json",
            r#"{"purpose":"recover","purpose":"invite"}"#,
            "400 value-refused",
        ),
        (
            "application/json",
            r#"{"purpose":"re\u0000cover"}"#,
            "400 value-refused",
        ),
        (
            "application/json; charset=utf-8",
            r#"{"purpose":"recover"}"#,
            "200",
        ),
    ] {
        let answer = admin.send_raw(path, content_type, body.to_owned()).await;
        assert_eq!(told(&answer), expected, "{body}");
    }
    let deep = format!("{{\"purpose\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let answer = admin.send_raw(path, "application/json", deep).await;
    assert_eq!(told(&answer), "400 value-refused");
    let long = format!("{{\"purpose\":\"{}\"}}", "x".repeat(70_000));
    let answer = admin.send_raw(path, "application/json", long).await;
    assert_eq!(told(&answer), "413 request-too-large");
    let request = Request::get("/admin/openapi.json").header(header::HOST, HOST);
    let served = send(&admin.server, request.body(Body::empty()).unwrap()).await;
    assert_eq!(served.body, safeconduct_server::api::document());
}

/// A group in the state `old` and another one since.
async fn is_changed_and_removed_as_seen(admin: &Admin, address: &str, old: &str) {
    // It has changed since it was read: who belongs to it is part of it.
    let to = json!({"require_second_factor": true});
    let change = async |tag: &str| {
        let changed = admin.send_if(Method::PUT, address, tag, Some(&to));
        told(&changed.await)
    };
    let unseen = admin.send(Method::PUT, address, Some(&to)).await;
    assert_eq!(told(&unseen), "428 precondition-missing");
    assert_eq!(change(old).await, "412 precondition-failed");
    let tag = admin.get(address).await.header("etag").to_owned();
    assert_eq!(change(&tag).await, "200");
    assert_eq!(change(&tag).await, "412 precondition-failed");
    let shown = admin.get(address).await.json();
    assert_eq!(
        (&shown["display"], &shown["require_second_factor"]),
        (&Value::Null, &json!(true))
    );
    let removed = admin.send_if(Method::DELETE, address, &tag, None).await;
    assert_eq!(told(&removed), "412 precondition-failed");
    let removed = admin.send_if(Method::DELETE, address, "*", None).await;
    assert_eq!(told(&removed), "204");
    assert_eq!(told(&admin.get(address).await), "404 thing-not-found");
}

#[tokio::test]
async fn groups_are_made_changed_joined_left_and_removed() {
    let admin = Admin::at_the_command_line().await;
    let new = json!({"name": "Night watch", "display": "The watch"});
    let made = admin.post("/admin/v1/groups", &new).await;
    assert_eq!(told(&made), "201");
    let address = made.header("location").to_owned();
    assert_eq!(address, "/admin/v1/groups/Night%20watch");
    let shown = admin.get(&address).await.json();
    assert_eq!(
        (&shown["name"], &shown["members"], &shown["declared"]),
        (&json!("Night watch"), &json!(0), &json!(false))
    );
    assert_eq!(
        told(&admin.post("/admin/v1/groups", &new).await),
        "409 conflict"
    );
    let put = |path: String, body: Option<Value>| {
        let admin = &admin;
        async move { told(&admin.send(Method::PUT, &path, body.as_ref()).await) }
    };
    for user in ["bob", "ada", "bob"] {
        let member = format!("{address}/members/{user}");
        assert_eq!(put(member, None).await, "204");
    }
    let nobody = put(format!("{address}/members/nobody"), None).await;
    assert_eq!(nobody, "404 thing-not-found");
    // A page at a time.
    let first = admin
        .get(&format!("{address}/members?limit=1"))
        .await
        .json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = admin
        .items(&format!("{address}/members?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(rest.len(), 1);
    let mut both = [&first["items"][0]["username"], &rest[0]["username"]].map(Value::to_string);
    both.sort();
    assert_eq!(both, [r#""ada""#, r#""bob""#]);
    let member = format!("{address}/members/ada");
    assert_eq!(
        told(&admin.send(Method::DELETE, &member, None).await),
        "204"
    );
    assert_eq!(admin.items(&format!("{address}/members")).await.len(), 1);

    is_changed_and_removed_as_seen(&admin, &address, made.header("etag")).await;
    // Of administrators this says who they are, and changes nothing.
    let own = "/admin/v1/groups/administrators";
    assert_eq!(admin.items(&format!("{own}/members")).await.len(), 1);
    let member = format!("{own}/members/bob");
    assert_eq!(put(member, None).await, "409 conflict");
    assert_eq!(
        told(&admin.send_if(Method::DELETE, own, "*", None).await),
        "409 conflict"
    );
    assert_eq!(admin.items("/admin/v1/groups").await.len(), 1);
}

/// Attacks: AD66.
#[tokio::test]
async fn what_is_known_is_told_to_who_may_read_and_holds_no_secret() {
    let admin = Admin::asking("openid offline_access scim").await;
    for id in ["bob", "shop", "0198a6c0-0000-7000-8000-000000000000"] {
        let told = told(&admin.get(&format!("/admin/v1/explain/{id}")).await);
        assert_eq!(told, "403 administration-scope-missing");
    }
    let admin = Admin::at_the_command_line().await;
    let grants = admin.items("/admin/v1/grants?user=ada").await;
    let grant = grants[0]["id"].as_str().unwrap();
    for id in ["ada", "shop", grant] {
        let answer = admin.get(&format!("/admin/v1/explain/{id}")).await;
        assert_eq!(told(&answer), "200");
        for secret in [
            crate::support::secret_of("shop"),
            crate::support::password_of("ada"),
            admin.tokens.access.clone(),
            admin.tokens.refresh_token().to_owned(),
            "$argon2".to_owned(),
        ] {
            assert!(!answer.body.contains(&secret), "{id}");
        }
    }
    let unknown = admin.get("/admin/v1/explain/0123456789abcdef").await;
    assert_eq!(told(&unknown), "404 thing-not-found");
}
