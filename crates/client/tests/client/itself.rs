//! Tokens for the app itself: kept, shared, renewed ahead.

use std::time::Duration;

use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{Client, ErrorKind};
use tokio::task::JoinSet;

use crate::{issuer_and_clock, kind};

#[tokio::test]
async fn a_thousand_tasks_ask_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let source = issuer
        .client()
        .build()
        .unwrap()
        .client_credentials()
        .unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..1000 {
        let source = source.clone();
        tasks.spawn(async move { source.token().await.unwrap().expose().to_owned() });
    }
    let tokens = tasks.join_all().await;
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(issuer.token_requests(), 1);

    clock.advance(300);
    assert!(source.token().await.unwrap().expose() != tokens[0]);
    assert_eq!(issuer.token_requests(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_behind_the_scenes() {
    let (issuer, clock) = issuer_and_clock().await;
    let source = issuer
        .client()
        .build()
        .unwrap()
        .client_credentials()
        .unwrap();
    let first = source.token().await.unwrap();
    clock.advance(240);
    assert!(source.token().await.unwrap() == first, "it is still good");
    let renewed = async {
        while source.token().await.unwrap() == first {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), renewed)
        .await
        .unwrap();
    assert_eq!(issuer.token_requests(), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_a_minute() {
    let (issuer, clock) = issuer_and_clock().await;
    let source = issuer
        .client()
        .build()
        .unwrap()
        .client_credentials()
        .unwrap();
    let first = source.token().await.unwrap();
    let second = source.token_instead_of(&first).await.unwrap();
    assert!(second != first);
    assert!(source.token_instead_of(&second).await.unwrap() == second);
    clock.advance(60);
    assert!(source.token_instead_of(&second).await.unwrap() != second);
}

#[tokio::test]
async fn a_failure_is_shared_and_not_repeated_at_once() {
    let (issuer, clock) = issuer_and_clock().await;
    let source = issuer
        .client()
        .build()
        .unwrap()
        .client_credentials()
        .unwrap();
    issuer.script([Fault::Refuses("invalid_client")]);
    assert_eq!(kind(source.token().await), Some(ErrorKind::TokenRefused));
    assert_eq!(kind(source.token().await), Some(ErrorKind::TokenRefused));
    assert_eq!(issuer.token_requests(), 1);
    clock.advance(1);
    assert_eq!(kind(source.token().await), None);
}

#[tokio::test]
async fn a_public_client_cannot_act_for_itself() {
    let issuer = FakeIssuer::start().await;
    let client = Client::new(issuer.url(), "test-app").build().unwrap();
    assert_eq!(
        kind(client.client_credentials()),
        Some(ErrorKind::Configuration)
    );
}
