//! Pushed authorization requests: what the browser carries, and when there is no other way.

use rstest::rstest;
use safeconduct_client::testing::{FakeIssuer, Fault};
use safeconduct_client::{BeginOptions, ErrorKind, LoginOptions, Prompt, PushedRequests};

use crate::{issuer_and_clock, kind, parameter, sign_in};

#[tokio::test]
async fn the_browser_carries_a_reference_and_nothing_else() {
    let (issuer, _) = issuer_and_clock().await;
    issuer.takes_pushed_requests(false);
    let client = issuer.client().resource("http://localhost:8422");
    let client = client.build().unwrap();
    let wishes = LoginOptions::new().prompt(Prompt::Login);
    let options = BeginOptions::new().login(wishes);
    let url = client.begin(&options).await.unwrap().url;
    let mut names: Vec<String> = url.query_pairs().map(|(name, _)| name.into()).collect();
    names.sort_unstable();
    assert_eq!(names, ["client_id", "request_uri"]);
    assert!(parameter(&url, "request_uri").unwrap().starts_with("urn:"));
    let signed_in = sign_in(&client, &issuer).await.unwrap();
    assert_eq!(signed_in.identity().unwrap().sub(), "alice");
    assert_eq!(issuer.pushed_requests(), 2);
}

#[rstest]
#[case::announced(PushedRequests::WhenAdvertised, true, 1)]
#[case::not_announced(PushedRequests::WhenAdvertised, false, 0)]
#[case::never(PushedRequests::Never, true, 0)]
#[case::always(PushedRequests::Always, true, 1)]
#[tokio::test]
async fn requests_are_pushed_where_that_is_announced(
    #[case] when: PushedRequests,
    #[case] announced: bool,
    #[case] pushed: usize,
) {
    let (issuer, _) = issuer_and_clock().await;
    if announced {
        issuer.takes_pushed_requests(false);
    }
    let client = issuer.client().pushed_requests(when).build().unwrap();
    sign_in(&client, &issuer).await.unwrap();
    assert_eq!(issuer.pushed_requests(), pushed);
}

#[tokio::test]
async fn what_the_issuer_refuses_is_refused() {
    for required in [false, true] {
        let (issuer, _) = issuer_and_clock().await;
        issuer.takes_pushed_requests(required);
        let client = issuer.client().build().unwrap();
        sign_in(&client, &issuer).await.unwrap();
        issuer.script([Fault::PushRefused("invalid_scope")]);
        let refused = client.begin(&BeginOptions::new()).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::PushedRequest);
        assert_eq!(refused.oauth_error(), Some("invalid_scope"));
        sign_in(&client, &issuer).await.unwrap();
    }
}

#[rstest]
#[case::a_wish(PushedRequests::WhenAdvertised, false, None)]
#[case::required_by_the_issuer(PushedRequests::WhenAdvertised, true, Some(ErrorKind::IssuerBusy))]
#[case::required_by_the_app(PushedRequests::Always, false, Some(ErrorKind::IssuerBusy))]
#[tokio::test]
async fn an_outage_is_got_round_where_pushing_is_no_must(
    #[case] when: PushedRequests,
    #[case] required: bool,
    #[case] expected: Option<ErrorKind>,
) {
    let (issuer, _) = issuer_and_clock().await;
    issuer.takes_pushed_requests(required);
    let client = issuer.client().pushed_requests(when).build().unwrap();
    issuer.script([Fault::PushBusy]);
    let begun = client.begin(&BeginOptions::new()).await;
    let plain = begun
        .as_ref()
        .is_ok_and(|begun| parameter(&begun.url, "state").is_some());
    assert_eq!(plain, expected.is_none());
    assert_eq!(kind(begun), expected);
    sign_in(&client, &issuer).await.unwrap();
}

#[tokio::test]
async fn a_must_that_cannot_be_is_a_clear_mistake() {
    let (issuer, _) = issuer_and_clock().await;
    let begin = async |issuer: &FakeIssuer, when: PushedRequests| {
        let client = issuer.client().pushed_requests(when).build().unwrap();
        kind(client.begin(&BeginOptions::new()).await)
    };
    let no_endpoint = begin(&issuer, PushedRequests::Always).await;
    assert_eq!(no_endpoint, Some(ErrorKind::IssuerMetadata));
    issuer.takes_pushed_requests(true);
    let not_wanted = begin(&issuer, PushedRequests::Never).await;
    assert_eq!(not_wanted, Some(ErrorKind::Configuration));

    let client = issuer.client().build().unwrap();
    let metadata = client.metadata().await.unwrap();
    let plain = client.authorization_request(&metadata, &BeginOptions::new());
    assert_eq!(kind(plain), Some(ErrorKind::Configuration));
}
