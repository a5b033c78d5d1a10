//! What real apps do that specifications leave open, or that they do in spite of them.

use safeconduct_protocol::redirect_uri::RedirectUri;
use serde_json::Map;

use crate::support::{Ask, Credentials, TestServer, secret_of};

/// Proxmox, Portainer and kubelogin register a bare origin, Immich's app an address without a host.
///
/// Attacks: AP30, AP31.
#[tokio::test]
async fn odd_addresses_work_as_they_are_registered() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for uri in [
        "https://pve.acme.example:8006",
        "http://localhost:8000",
        "app.immich:///oauth-callback",
        "https://portainer.acme.example/",
    ] {
        let registered = RedirectUri::register(uri).unwrap();
        server
            .change_client("portal", |client| client.redirect_uris = vec![registered])
            .await;
        let ask = Ask::of("portal").with("redirect_uri", uri);
        let answer = ada.authorize(&ask).await;
        assert!(answer.header("location").starts_with(uri), "{answer:?}");
        let tokens = server.exchange(&answer.code(&ask)).await;
        assert_eq!(tokens.status, 200, "{uri}: {tokens:?}");
        let other = match uri.strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{uri}/"),
        };
        let answer = ada.authorize(&ask.with("redirect_uri", &other)).await;
        assert_eq!(answer.to_string(), "400 page (redirect-uri-not-registered)");
    }
}

/// Grafana and others that find out how a server takes secrets try one way, then the other, with the same code. GitLab and Jenkins send
/// the scope again.
///
/// Attacks: AP32, AP33.
#[tokio::test]
async fn a_code_outlives_a_wrong_way_to_authenticate_and_a_scope_beside_it() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("mailer")).await;
    let form = code.exchange().with("scope", "notes.read openid profile");
    let wrong = Credentials::Basic("mailer".to_owned(), secret_of("mailer"));
    assert_eq!(server.token_with(&wrong, &form).await.status, 401);
    let right = Credentials::Post("mailer".to_owned(), secret_of("mailer"));
    let answer = server.token_with(&right, &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["scope"], "notes.read", "what was allowed");
}

/// Grafana's preset for GitHub asks for `user:email` alone.
///
/// Attacks: AP34.
#[tokio::test]
async fn a_request_without_any_scope_of_ours_is_told_what_is_missing() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let answer = ada.authorize(&Ask::of("club").scope("user:email")).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_scope"));
    let told = answer.parameter("error_description").unwrap();
    assert!(told.contains("openid"), "{told}");
}

/// Apps that send a secret without encoding it first change `+`, `%` and the like on the way.
///
/// Attacks: AP35.
#[tokio::test]
async fn a_secret_that_is_made_here_needs_no_encoding() {
    let server = TestServer::start().await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let members = Map::from_iter([(
            "redirect_uris".to_owned(),
            serde_json::json!(["https://app.acme.example/callback"]),
        )]);
        let created = server
            .administer(async |administration| administration.create_client(None, members).await)
            .await;
        let secret = created.secret.unwrap();
        let secret = secret.expose().to_owned();
        assert_eq!(secret.len(), 43);
        assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(!seen.contains(&secret));
        seen.push(secret);
    }
}

/// Two tabs that refresh at the same moment.
///
/// Attacks: AP36.
#[tokio::test]
async fn two_refreshes_with_one_token_give_one_successor() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop").scope("notes.read offline_access");
    let tokens = server.tokens("ada", &ask).await;
    let one = server.refresh("shop", &tokens).await.tokens();
    let two = server.refresh("shop", &tokens).await.tokens();
    assert_eq!(server.generation(&one).await, server.generation(&two).await);
    let next = server.refresh("shop", &one).await;
    assert_eq!(next.status, 200, "{next:?}");
}
