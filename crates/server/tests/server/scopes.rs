//! Scopes that a client may not have: left out, told and logged, at every address where a client names any. An app that asks for
//! whatever the metadata lists signs people in with what it is registered for.

use safeconduct_protocol::scope::Scope;

use crate::support::{Ask, Form, Log, MAIL, TestServer};

/// What mcp-remote sends: the scopes of the app and all that it read in the metadata.
const MORE: &str = "notes.read notes.admin mail.read email offline_access";
/// What the shop is registered for in these tests.
const REGISTERED: &str = "notes.read notes.write";

async fn server_with(client: &str) -> TestServer {
    let server = TestServer::start().await;
    server
        .change_client(client, |client| client.scopes = scope(REGISTERED))
        .await;
    server
}

fn scope(names: &str) -> Scope {
    Scope::parse(names).unwrap()
}

/// Attacks: Q13.
#[tokio::test]
async fn what_the_client_may_not_have_is_left_out_and_told() {
    let server = server_with("shop").await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").scope(MORE);
    let (page, log) = Log::of(ada.authorize(&ask)).await;
    for said in [
        "client_id=shop",
        "notes.admin (no scope of ours)",
        "mail.read (not registered for this client)",
        "email (not registered for this client)",
        "offline_access (not registered for this client)",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(page.body.contains("Read your notes"), "{page:?}");
    for unsaid in ["notes.admin", "mail", "Keep access", "email"] {
        assert!(!page.body.contains(unsaid), "{unsaid}: {page:?}");
    }
    let code = ada.allow(&page).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    assert_eq!(tokens.scope, "notes.read");
    let introspected = server.introspect("notes-api", &tokens.access).await;
    assert_eq!(introspected.json()["scope"], "notes.read");
}

#[tokio::test]
async fn what_was_left_out_is_asked_for_once_it_is_registered() {
    let server = server_with("shop").await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").scope("notes.read offline_access");
    ada.code(&ask).await;
    assert!(ada.authorize(&ask).await.has_code(), "nothing new is asked");
    server.change_client("shop", |_| {}).await;
    let page = ada.authorize(&ask).await;
    assert!(page.body.contains("Keep access"), "{page:?}");
    let code = ada.allow(&page).await.code(&ask);
    let scope = server.exchange(&code).await.tokens().scope;
    assert_eq!(scope, "notes.read offline_access");
}

/// A scope that nobody may have is no reason to ask anybody.
#[tokio::test]
async fn a_silent_request_is_answered_for_what_is_left() {
    let server = server_with("shop").await;
    let mut ada = server.sign_in("ada").await;
    ada.code(&Ask::of("shop")).await;
    let silent = Ask::of("shop").scope(MORE).with("prompt", "none");
    let code = ada.authorize(&silent).await.code(&silent);
    assert_eq!(server.exchange(&code).await.tokens().scope, "notes.read");
}

#[tokio::test]
async fn a_pushed_request_is_judged_when_it_is_pushed_and_when_it_arrives() {
    let server = server_with("shop").await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").scope("notes.read notes.write offline_access");
    let (answer, log) = Log::of(server.push(&ask)).await;
    assert!(log.contains("offline_access (not registered"), "{log}");
    server
        .change_client("shop", |shop| shop.scopes = scope("notes.read"))
        .await;
    let pushed = ask.pushed_as(&answer);
    let (page, log) = Log::of(ada.authorize(&pushed)).await;
    assert!(log.contains("notes.write (not registered"), "{log}");
    let code = ada.allow(&page).await.code(&ask);
    assert_eq!(server.exchange(&code).await.tokens().scope, "notes.read");
}

/// `claims` asks for the claims of a scope: without that scope it asks for nothing, and nobody is asked about them.
#[tokio::test]
async fn a_claim_of_a_scope_that_is_left_out_is_left_out() {
    let server = TestServer::start().await;
    server
        .change_client("club", |club| club.scopes = scope("openid notes.read"))
        .await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("club").scope("openid email notes.read").with(
        "claims",
        r#"{"userinfo":{"email":{"essential":true},"name":null}}"#,
    );
    let page = ada.authorize(&ask).await;
    assert!(!page.body.contains("email"), "{page:?}");
    let code = ada.allow(&page).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    assert_eq!(tokens.scope, "notes.read openid");
    let about = server.userinfo(&tokens.access).await.json();
    assert!(about.get("email").is_none() && about.get("name").is_none());
}

/// Attacks: T16.
#[tokio::test]
async fn a_client_gets_nothing_for_itself_that_only_a_person_gives() {
    let server = TestServer::start().await;
    let (answer, log) =
        Log::of(server.client_credentials("robot", "notes.read profile offline_access openid x"))
            .await;
    assert_eq!(answer.tokens().scope, "notes.read");
    for said in [
        "profile (only a person can give it)",
        "offline_access (only a person can give it)",
        "openid (not registered for this client)",
        "x (no scope of ours)",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert_eq!(answer.tokens().refresh, None);
}

/// Requested and registered decide for which API: what is left out is no second one, and no way to another.
#[tokio::test]
async fn what_is_left_out_decides_nothing_about_the_api() {
    let server = server_with("shop").await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").scope("notes.read mail.read");
    let tokens = ada.tokens(&ask).await;
    assert!(server.is_active(&tokens.access).await);
    let other = ada.authorize(&ask.with("resource", MAIL)).await;
    assert_eq!(other.parameter("error").as_deref(), Some("invalid_target"));
}

/// Attacks: Q13.
#[tokio::test]
async fn a_refresh_gives_what_is_left_and_never_more_than_was_granted() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop").scope("notes.read notes.write");
    let tokens = server.tokens("ada", &ask).await;
    let more = tokens.refresh().with("scope", "notes.read offline_access");
    assert_eq!(
        server.token("shop", &more).await.to_string(),
        "400 invalid_scope (scope-exceeds-grant)"
    );
    server
        .change_client("shop", |shop| shop.scopes = scope("notes.read"))
        .await;
    let (answer, log) = Log::of(server.token("shop", &tokens.refresh())).await;
    assert_eq!(answer.tokens().scope, "notes.read");
    assert!(log.contains("notes.write (not registered"), "{log}");
}

#[tokio::test]
async fn a_stranger_writes_a_short_line_whatever_the_scope() {
    let server = server_with("kiosk").await;
    let many: Vec<String> = (0..99)
        .map(|n| format!("s{n}-{}", "x".repeat(10)))
        .collect();
    let ask = Ask::of("kiosk").scope(&format!("notes.read {}", many.join(" ")));
    let (answer, log) = Log::of(server.push(&ask)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(log.contains("and 91 more"), "{log}");
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
    let nothing_left = Ask::of("kiosk").scope(&many.join(" "));
    let (answer, log) = Log::of(server.push(&nothing_left)).await;
    assert_eq!(
        answer.to_string(),
        "400 invalid_scope (scope-not-registered)"
    );
    assert!(log.contains("and 94 more"), "{log}");
    let form = Form::new().with("grant_type", "client_credentials");
    let form = form.with("scope", &many.join(" "));
    let (_, log) = Log::of(server.token("robot", &form)).await;
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
}
