//! Revocation (RFC 7009): a refresh token takes its grant along, an access token goes alone, and only the owner's word counts.

use insta::assert_snapshot;

use crate::support::{Ask, Code, Credentials, Form, NOTES_API, TestServer};

/// Attacks: F15, I07.
#[tokio::test]
async fn a_revoked_refresh_token_takes_everything_of_its_grant_along() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for client in ["shop", "kiosk", "robot", "vault"] {
        let first = server
            .exchange(&ada.code(&Ask::of(client)).await)
            .await
            .tokens();
        let other = server
            .exchange(&ada.code(&Ask::of(client)).await)
            .await
            .tokens();
        let second = server.refresh(client, &first).await.tokens();
        assert_eq!(
            server
                .revoke(client, second.refresh_token())
                .await
                .to_string(),
            "200"
        );
        for tokens in [&first, &second] {
            assert!(!server.is_active(&tokens.access).await);
            assert_eq!(
                server.refresh(client, tokens).await.to_string(),
                "400 invalid_grant (grant-ended)"
            );
        }
        assert!(server.is_active(&other.access).await, "another grant lives");
        // Any refresh token of the grant does, and again is the same as once.
        assert_eq!(
            server
                .revoke(client, first.refresh_token())
                .await
                .to_string(),
            "200"
        );
        assert_eq!(
            server
                .revoke(client, second.refresh_token())
                .await
                .to_string(),
            "200"
        );
    }
}

/// Attacks: I07.
#[tokio::test]
async fn an_older_refresh_token_revokes_as_well() {
    let server = TestServer::start().await;
    let first = server.tokens("ada", &Ask::of("shop")).await;
    let second = server.refresh("shop", &first).await.tokens();
    let third = server.refresh("shop", &second).await.tokens();
    assert_eq!(
        server
            .revoke("shop", first.refresh_token())
            .await
            .to_string(),
        "200"
    );
    assert!(!server.is_active(&third.access).await);
}

/// Attacks: I07.
#[tokio::test]
async fn a_revoked_access_token_goes_alone() {
    let server = TestServer::start().await;
    for client in ["shop", "vault"] {
        let first = server.tokens("ada", &Ask::of(client)).await;
        let second = server.refresh(client, &first).await.tokens();
        assert_eq!(
            server.revoke(client, &first.access).await.to_string(),
            "200"
        );
        assert!(!server.is_active(&first.access).await);
        assert!(server.is_active(&second.access).await);
        assert_eq!(
            server.revoke(client, &first.access).await.to_string(),
            "200"
        );
        assert_eq!(server.refresh(client, &second).await.status, 200);
    }
    let own = server
        .client_credentials("robot", "notes.read")
        .await
        .tokens();
    assert!(server.is_active(&own.access).await);
    assert_eq!(server.revoke("robot", &own.access).await.to_string(), "200");
    assert!(!server.is_active(&own.access).await);
    let server = server.restart().await;
    assert!(!server.is_active(&own.access).await);
}

/// Attacks: I01.
#[tokio::test]
async fn only_the_client_it_was_issued_to_revokes_a_token() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    for stranger in ["bank", "kiosk", "robot", NOTES_API] {
        for token in [tokens.refresh_token(), &tokens.access] {
            let answer = server.revoke(stranger, token).await;
            assert_eq!(
                answer.to_string(),
                "400 unauthorized_client (token-of-another-client)",
                "{stranger}"
            );
        }
    }
    let form = Form::new().with("token", tokens.refresh_token());
    for credentials in [
        Credentials::Nothing,
        Credentials::Id("shop".to_owned()),
        Credentials::Basic("shop".to_owned(), "wrong".to_owned()),
    ] {
        let answer = server
            .send(server.back_channel("/revoke", &credentials, &form))
            .await;
        assert!(
            answer.to_string().starts_with("401 invalid_client"),
            "{answer:?}"
        );
    }
    assert!(server.is_active(&tokens.access).await);
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);
}

/// RFC 7009 §2.2: what has ended is nobody's any more.
#[tokio::test]
async fn a_refresh_token_that_has_ended_is_not_told_from_any_other_text() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let refresh_token = tokens.refresh_token();
    assert_eq!(server.revoke("bank", refresh_token).await.status, 400);
    server.advance(401 * 24 * 3600);
    for client in ["bank", "shop"] {
        let answer = server.revoke(client, refresh_token).await;
        assert_eq!(answer.to_string(), "200", "{client}");
    }
}

/// Attacks: T24.
#[tokio::test]
async fn what_cannot_be_used_any_more_counts_as_revoked() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let tokens = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let code: Code = ada.code(&Ask::of("shop")).await;
    let text = tokens.refresh_token();
    for token in [
        "x",
        "sc_rt_",
        "sc_at_",
        "a.b.c",
        &text[..text.len() - 1],
        &format!("{text}A"),
        &code.text,
        &"A".repeat(60_000),
    ] {
        let answer = server.revoke("shop", token).await;
        assert_eq!(answer.to_string(), "200", "{token}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert!(
        server.is_active(&tokens.access).await,
        "and nothing else was touched"
    );
    assert_eq!(
        server.exchange(&code).await.status,
        200,
        "nor is a code revoked by its name"
    );
    server.advance(300);
    assert_eq!(
        server.revoke("shop", &tokens.access).await.to_string(),
        "200"
    );
    assert_eq!(server.refresh("shop", &tokens).await.status, 200);
}

#[tokio::test]
async fn a_wrong_hint_is_no_reason_to_look_away() {
    let server = TestServer::start().await;
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let tokens = server.tokens("ada", &Ask::of("shop")).await;
        let form = Form::new()
            .with("token", tokens.refresh_token())
            .with("token_type_hint", hint);
        let request = server.back_channel("/revoke", &server.credentials("shop"), &form);
        assert_eq!(server.send(request).await.to_string(), "200");
        assert!(!server.is_active(&tokens.access).await);
    }
    let request = server.back_channel("/revoke", &server.credentials("shop"), &Form::new());
    assert_snapshot!(server.send(request).await, @"400 invalid_request (token-missing)");
}
