//! A row is kept until the last moment at which anything that is presented could still name it, and no longer. One second before,
//! what names it is refused by the row; once the row is gone, what named it is refused by itself.

use safeconduct_protocol::client::GrantType;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_server::Settings;

use crate::client_auth::own_token;
use crate::dpop;
use crate::support::{Ask, Credentials, ISSUER, TestServer, assertion, proof_key};

/// How far the clocks of two nodes may be apart, in seconds: what says that something was used or revoked is kept for so much longer.
const APART: i64 = 60;

const CODE_REDEEMED: &str = "400 invalid_grant (code-redeemed)";
const CODE_EXPIRED: &str = "400 invalid_grant (code-expired)";

/// How many rows of a table a sweep leaves.
async fn left(server: &TestServer, table: &str) -> i64 {
    server.server().sweep().await.unwrap();
    server.rows()[table]
}

fn settings() -> Settings {
    Settings::new(Issuer::parse(ISSUER).unwrap())
}

#[tokio::test]
async fn a_proof_is_remembered_until_it_is_too_old_on_every_node() {
    let server = TestServer::start().await;
    server
        .change_client("shop", |shop| {
            shop.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    let proof = server.prove(&proof_key(), "POST", "/token", None);
    let present = async || {
        let answer = server.token_with_proof(&proof, "shop", &own_token()).await;
        answer.to_string()
    };
    assert!(present().await.starts_with("200"));
    server.advance(60);
    assert_eq!(present().await, dpop::REPLAYED);
    server.advance(1);
    assert_eq!(present().await, dpop::REFUSED, "its age alone refuses it");
    server.advance(APART - 1);
    assert_eq!(left(&server, "used_ids").await, 1, "not everywhere yet");
    server.advance(1);
    assert_eq!(left(&server, "used_ids").await, 0);
    assert_eq!(present().await, dpop::REFUSED);
}

#[tokio::test]
async fn an_assertion_is_remembered_until_it_has_expired_on_every_node() {
    let server = TestServer::start().await;
    let once = Credentials::Assertion(assertion("robot", ISSUER, server.now()));
    let present = async || server.token_with(&once, &own_token()).await.to_string();
    assert!(present().await.starts_with("200"));
    server.advance(59);
    let replayed = "401 invalid_client (client-assertion-replayed)";
    assert_eq!(present().await, replayed);
    server.advance(1);
    let expired = "401 invalid_client (client-assertion-refused)";
    assert_eq!(present().await, expired);
    server.advance(APART - 1);
    assert_eq!(left(&server, "used_ids").await, 1, "not everywhere yet");
    server.advance(1);
    assert_eq!(left(&server, "used_ids").await, 0);
    assert_eq!(present().await, expired);
}

#[tokio::test]
async fn a_pushed_request_is_remembered_until_the_last_page_it_led_to_is_too_old() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("bank");
    let pushed = ask.pushed_as(&server.push(&ask).await);
    server.advance(59);
    let (first, second) = (ada.authorize(&pushed).await, ada.authorize(&pushed).await);
    assert!(ada.allow(&first).await.has_code());
    server.advance(15 * 60);
    let used = "400 page (pushed-request-used)";
    assert_eq!(ada.allow(&second).await.to_string(), used);
    server.advance(1);
    let expired = "400 page (pending-request-expired)";
    assert_eq!(ada.allow(&second).await.to_string(), expired);
    server.advance(APART - 1);
    assert_eq!(left(&server, "used_ids").await, 1, "not everywhere yet");
    server.advance(1);
    assert_eq!(left(&server, "used_ids").await, 0);
    assert_eq!(ada.allow(&second).await.to_string(), expired);
}

#[tokio::test]
async fn a_revocation_is_remembered_until_its_token_has_expired_on_every_node() {
    let server = TestServer::start().await;
    let (revoked, other) = (
        server.tokens("ada", &Ask::of("shop")).await,
        server.tokens("ada", &Ask::of("shop")).await,
    );
    assert_eq!(server.revoke("shop", &revoked.access).await.status, 200);
    server.advance(299);
    assert_eq!(left(&server, "revoked_tokens").await, 1);
    assert!(!server.is_active(&revoked.access).await);
    assert!(server.is_active(&other.access).await);
    server.advance(1);
    assert!(!server.is_active(&other.access).await, "it has expired");
    server.advance(APART - 1);
    assert_eq!(left(&server, "revoked_tokens").await, 1, "not everywhere");
    server.advance(1);
    assert_eq!(left(&server, "revoked_tokens").await, 0);
    assert!(!server.is_active(&revoked.access).await);
}

#[tokio::test]
async fn a_tombstone_answers_for_its_code_until_that_has_expired_also_for_a_node_that_slept() {
    let server = TestServer::start().await;
    server
        .change_client("shop", |shop| {
            shop.grant_types = vec![GrantType::AuthorizationCode];
        })
        .await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop");
    let page = ada.authorize(&ask).await;
    // The last code that the request can become, at its last moment.
    server.advance(15 * 60);
    let code = ada.allow(&page).await.code(&ask);
    assert_eq!(server.exchange(&code).await.status, 200);
    server.advance(59);
    assert_eq!(server.exchange(&code).await.to_string(), CODE_REDEEMED);
    server.advance(1);
    assert_eq!(server.exchange(&code).await.to_string(), CODE_EXPIRED);
    server.advance(599);
    assert_eq!(left(&server, "grants").await, 1);
    server.advance(1);
    assert_eq!(left(&server, "grants").await, 0);
    assert_eq!(server.exchange(&code).await.to_string(), CODE_EXPIRED);
}

#[tokio::test]
async fn a_grants_row_stays_as_long_as_the_last_token_of_its_last_refresh() {
    let mut settings = settings();
    settings.lifetimes.refresh = 3_600;
    settings.lifetimes.refresh_idle = 3_600;
    let server = TestServer::start_with(settings).await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    server.advance(3_599);
    let last = server.refresh("shop", &tokens).await.tokens();
    server.advance(1);
    let expired = "400 invalid_grant (refresh-token-expired)";
    assert_eq!(server.refresh("shop", &last).await.to_string(), expired);
    server.advance(298);
    assert_eq!(left(&server, "grants").await, 1);
    assert!(server.is_active(&last.access).await);
    server.advance(1);
    assert!(!server.is_active(&last.access).await, "it has expired");
    server.advance(1);
    assert_eq!(left(&server, "grants").await, 0);
    assert!(!server.is_active(&last.access).await);
    assert_eq!(server.refresh("shop", &last).await.to_string(), expired);
}

#[tokio::test]
async fn a_session_is_kept_to_its_absolute_end() {
    let mut settings = settings();
    settings.sessions.idle = 3_600;
    settings.sessions.absolute = 3_600;
    let server = TestServer::start_with(settings).await;
    let mut ada = server.sign_in("ada").await;
    server.advance(3_599);
    assert_eq!(left(&server, "sessions").await, 1);
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    server.advance(1);
    assert_eq!(left(&server, "sessions").await, 0);
    let page = ada.authorize(&Ask::of("portal")).await;
    assert_eq!(page.to_string(), "200 page “Sign in – Safeconduct”");
}

#[tokio::test]
async fn a_replaced_secret_is_kept_until_it_is_good_no_more() {
    let server = TestServer::start().await;
    server.rotate_secret("shop", "another secret", 60).await;
    let secrets = server.rows()["client_secrets"];
    server.advance(59);
    assert_eq!(left(&server, "client_secrets").await, secrets);
    assert_eq!(server.revoke("shop", "nothing").await.status, 200);
    server.advance(1);
    assert_eq!(left(&server, "client_secrets").await, secrets - 1);
    assert_eq!(server.revoke("shop", "nothing").await.status, 401);
}
