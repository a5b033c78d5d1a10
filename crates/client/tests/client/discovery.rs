//! Metadata over the wire: where it is looked for, what is refused, how long it is kept.

use rstest::rstest;
use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{BeginOptions, Client, ErrorKind};
use serde_json::{Value, json};

use crate::{cookie_header, issuer_and_clock, kind};

#[tokio::test]
async fn nothing_is_fetched_before_it_is_needed() {
    let issuer = FakeIssuer::start().await;
    let client = issuer.client().build().unwrap();
    assert_eq!(issuer.metadata_requests(), 0);
    client.metadata().await.unwrap();
    client.metadata().await.unwrap();
    assert_eq!(issuer.metadata_requests(), 1);
}

#[rstest]
#[case::for_an_identity(&["openid"])]
#[case::for_access_alone(&["notes.read"])]
#[tokio::test]
async fn metadata_is_looked_for_in_both_places(#[case] scopes: &[&str]) {
    let issuer = FakeIssuer::start().await;
    let client = issuer
        .client()
        .scopes(scopes.iter().copied())
        .build()
        .unwrap();
    issuer.script([Fault::MetadataMissing]);
    client.metadata().await.unwrap();
    assert_eq!(issuer.metadata_requests(), 2);
}

/// Attacks: K05, LI38.
#[rstest]
#[case::another_issuer("issuer", json!("https://evil.example"))]
#[case::plain_endpoint("token_endpoint", json!("http://evil.example/token"))]
#[case::plain_keys("jwks_uri", json!("http://evil.example/jwks"))]
#[case::plain_userinfo("userinfo_endpoint", json!("http://evil.example/userinfo"))]
#[case::nothing("token_endpoint", Value::Null)]
#[tokio::test]
async fn misleading_metadata_is_refused(#[case] member: &str, #[case] value: Value) {
    let issuer = FakeIssuer::start().await;
    let before = issuer.client().build().unwrap();
    before.metadata().await.unwrap();
    issuer.change_metadata(member, value);
    let client = issuer.client().build().unwrap();
    assert_eq!(
        kind(client.metadata().await),
        Some(ErrorKind::IssuerMetadata)
    );
}

/// Attacks: K05, K18.
#[rstest]
#[case::redirect(Fault::MetadataRedirects, ErrorKind::IssuerMetadata)]
#[case::endless(Fault::MetadataEndless, ErrorKind::IssuerUnreachable)]
#[case::busy(Fault::MetadataBusy, ErrorKind::IssuerBusy)]
#[tokio::test]
async fn broken_metadata_is_not_followed(#[case] fault: Fault, #[case] expected: ErrorKind) {
    let issuer = FakeIssuer::start().await;
    let before = issuer.client().build().unwrap();
    before.metadata().await.unwrap();
    issuer.script([fault]);
    let client = issuer.client().build().unwrap();
    assert_eq!(kind(client.metadata().await), Some(expected));
}

/// Attacks: LI50.
#[tokio::test]
async fn an_issuer_without_s256_is_not_signed_in_at() {
    let issuer = FakeIssuer::start().await;
    let before = issuer.client().build().unwrap();
    before.begin(&BeginOptions::new()).await.unwrap();
    issuer.change_metadata("code_challenge_methods_supported", json!(["plain"]));
    let client = issuer.client().build().unwrap();
    let begun = client.begin(&BeginOptions::new()).await;
    assert_eq!(kind(begun), Some(ErrorKind::IssuerMetadata));
}

#[tokio::test]
async fn an_issuer_that_comes_up_later_is_found() {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.script([Fault::MetadataBusy]);
    let client = issuer.client().build().unwrap();
    assert!(client.metadata().await.is_err());
    assert!(
        client.metadata().await.is_err(),
        "the failure is shared for a moment"
    );
    assert_eq!(issuer.metadata_requests(), 1);
    clock.advance(1);
    assert!(client.metadata().await.is_ok());
}

#[tokio::test]
async fn metadata_is_renewed_and_survives_an_outage() {
    let (issuer, clock) = issuer_and_clock().await;
    let client = issuer.client().build().unwrap();
    client.metadata().await.unwrap();
    clock.advance(3600);
    client.metadata().await.unwrap();
    assert_eq!(issuer.metadata_requests(), 2);

    clock.advance(3600);
    issuer.script([Fault::MetadataBusy, Fault::MetadataBusy]);
    assert!(client.metadata().await.is_ok(), "the last is used");
    clock.advance(86_400);
    assert_eq!(kind(client.metadata().await), Some(ErrorKind::IssuerBusy));
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_a_clear_error() {
    // Port 9 of this machine is not spoken on.
    let client = Client::new("http://127.0.0.1:9", "test-app")
        .build()
        .unwrap();
    let error = client.metadata().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IssuerUnreachable);
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
}

#[rstest]
#[case::pushed_requests("pushed_authorization_request_endpoint", "par")]
#[case::tokens("token_endpoint", "token")]
#[case::userinfo("userinfo_endpoint", "userinfo")]
#[case::revocation("revocation_endpoint", "revoke")]
#[tokio::test]
async fn an_endpoint_that_moved_is_found_again(#[case] member: &str, #[case] path: &str) {
    let (issuer, clock) = issuer_and_clock().await;
    issuer.takes_pushed_requests(true);
    let client = issuer.client().userinfo(true).build().unwrap();
    let whole_way = async || {
        let begun = client.begin(&BeginOptions::new()).await?;
        let back = issuer.authorize(&begun.url).await;
        let cookies = cookie_header(&begun.set_cookies);
        let signed_in = client.finish(back.query().unwrap(), &cookies).await?;
        let started = client.start_session(&signed_in, "").await?;
        started.session.end().await
    };
    issuer.change_metadata(member, format!("{}/before", issuer.url()).into());
    let first = whole_way().await;
    assert!(first.is_err() || issuer.revocations() == 0);
    issuer.change_metadata(member, format!("{}/{path}", issuer.url()).into());
    clock.advance(10);
    whole_way().await.unwrap();
    assert_ne!(issuer.revocations(), 0);
    assert_eq!(issuer.metadata_requests(), 2);

    issuer.script([Fault::Refuses("invalid_grant")]);
    whole_way().await.unwrap_err();
    clock.advance(10);
    whole_way().await.unwrap();
    assert_eq!(issuer.metadata_requests(), 2, "a refusal is an answer");
}
