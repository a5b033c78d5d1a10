//! The claim `groups`: whom it is told, where, and how much of it.

use safeconduct_protocol::client::{AccessTokenFormat, Client};
use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::scope::Scope;
use serde_json::{Value, json};

use crate::id_token::{read, sign_in};
use crate::second_factor::payload;
use crate::support::{Ask, NOTES_API, TestServer, Tokens};

/// A server where `club` may ask for groups, and `ada` is in two.
async fn start(change: impl FnOnce(&mut Client)) -> TestServer {
    let server = TestServer::start().await;
    for group in ["staff", "grafana-admin", "others"] {
        server.add_group(group, false).await;
    }
    server.join("staff", "ada").await;
    server.join("grafana-admin", "ada").await;
    server
        .change_client("club", |client| {
            client.scopes = client.scopes.union(&Scope::parse("groups").unwrap());
            change(client);
        })
        .await;
    server
}

fn ask() -> Ask {
    sign_in("club").scope("openid groups offline_access")
}

async fn in_id_token(server: &TestServer, tokens: &Tokens) -> Option<Value> {
    let token = read(server, "club", tokens, Algorithm::Rs256).await;
    token.claim("groups").cloned()
}

async fn at_userinfo(server: &TestServer, tokens: &Tokens) -> Option<Value> {
    let told = server.userinfo(&tokens.access).await.json();
    told.get("groups").cloned()
}

/// Attacks: AP01, AP03, AP04, AP14.
#[tokio::test]
async fn groups_are_told_at_userinfo_where_they_were_allowed() {
    let server = start(|_| {}).await;
    let tokens = server.tokens("ada", &ask()).await;
    let both = json!(["grafana-admin", "staff"]);
    assert_eq!(at_userinfo(&server, &tokens).await, Some(both));
    assert_eq!(in_id_token(&server, &tokens).await, None);
    assert!(payload(&tokens.access).get("groups").is_none());
    let tokens = server.tokens("bob", &ask()).await;
    assert_eq!(at_userinfo(&server, &tokens).await, Some(json!([])));
    let without = sign_in("club").scope("openid profile");
    let tokens = server.tokens("ada", &without).await;
    assert_eq!(at_userinfo(&server, &tokens).await, None);
}

/// Attacks: AP04, AP05.
#[tokio::test]
async fn groups_that_a_client_may_not_ask_for_are_left_out_however_it_asks() {
    let server = TestServer::start().await;
    server.add_group("staff", false).await;
    server.join("staff", "ada").await;
    let essential = json!({"groups": {"essential": true}});
    let essential = json!({"userinfo": essential, "id_token": essential});
    let ask = ask().with("claims", &essential.to_string());
    let tokens = server.tokens("ada", &ask).await;
    assert_eq!(at_userinfo(&server, &tokens).await, None);
    assert_eq!(in_id_token(&server, &tokens).await, None);
    // Where it may, it is told in the place that it names.
    let server = start(|_| {}).await;
    let claims = json!({"id_token": {"groups": null}}).to_string();
    let ask = sign_in("club").with("claims", &claims);
    let tokens = server.tokens("ada", &ask).await;
    let both = json!(["grafana-admin", "staff"]);
    assert_eq!(in_id_token(&server, &tokens).await, Some(both));
    assert_eq!(at_userinfo(&server, &tokens).await, None);
}

/// Attacks: AP02, AP14, AP15.
#[tokio::test]
async fn tokens_carry_the_groups_of_the_moment_where_that_is_registered() {
    let server = start(|client| {
        client.openid.scope_claims_in_id_token = true;
        client.openid.groups_in_access_token = true;
        client.openid.groups_claim = vec!["grafana-*".to_owned()];
        client.openid.groups_claim_without_prefix = true;
    })
    .await;
    let ask = ask().scope("openid profile groups offline_access notes.read");
    let tokens = server.tokens("ada", &ask).await;
    let admin = json!(["admin"]);
    assert_eq!(in_id_token(&server, &tokens).await, Some(admin.clone()));
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert!(token.claim("name").is_some(), "those of other scopes too");
    assert_eq!(payload(&tokens.access)["groups"], admin);
    let introspected = server.introspect(NOTES_API, &tokens.access).await.json();
    assert_eq!(introspected["groups"], admin);
    let (ada, store) = (server.user("ada").await, server.store());
    let left = store.remove_member("grafana-admin", &ada, server.now());
    left.await.unwrap();
    let introspected = server.introspect(NOTES_API, &tokens.access).await.json();
    assert_eq!(introspected["groups"], json!([]), "not what the token says");
    let tokens = server.refresh("club", &tokens).await.tokens();
    assert_eq!(in_id_token(&server, &tokens).await, Some(json!([])));
    assert_eq!(payload(&tokens.access)["groups"], json!([]));
}

/// Attacks: AP06, AP07.
#[tokio::test]
async fn what_is_too_long_for_a_token_stays_at_userinfo_whole() {
    let server = start(|client| {
        client.openid.scope_claims_in_id_token = true;
        client.openid.groups_in_access_token = true;
    })
    .await;
    for number in 0..60 {
        let group = format!("a group with a name that is rather long {number:04}");
        server.add_group(&group, false).await;
        server.join(&group, "ada").await;
    }
    let ask = ask().scope("openid email groups notes.read");
    let tokens = server.tokens("ada", &ask).await;
    assert_eq!(in_id_token(&server, &tokens).await, None);
    let token = read(&server, "club", &tokens, Algorithm::Rs256).await;
    assert!(token.claim("email").is_some(), "the rest is there");
    assert!(payload(&tokens.access).get("groups").is_none());
    let told = at_userinfo(&server, &tokens).await.unwrap();
    assert_eq!(told.as_array().unwrap().len(), 62);
}

#[tokio::test]
async fn of_a_sealed_token_introspection_tells_the_groups() {
    let server = start(|client| {
        client.openid.groups_in_access_token = true;
        client.access_token_format = AccessTokenFormat::Opaque;
    })
    .await;
    let ask = ask().scope("openid groups notes.read");
    let tokens = server.tokens("ada", &ask).await;
    let introspected = server.introspect(NOTES_API, &tokens.access).await.json();
    assert_eq!(introspected["groups"], json!(["grafana-admin", "staff"]));
}
