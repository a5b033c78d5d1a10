//! Issuers that write otherwise: further audiences, other algorithms, clocks that are off.

use std::time::Duration;

use rstest::rstest;
use safeconduct_client::testing::FakeIssuer;
use safeconduct_client::{Algorithm, ErrorKind};
use serde_json::{Value, json};

use crate::{issuer_and_clock, kind, sign_in};

const US: &str = FakeIssuer::CLIENT_ID;

/// Attacks: LI36.
#[rstest]
#[case::trusted(json!({"aud": [US, "project"], "azp": US}), None)]
#[case::alone(json!({"aud": US}), None)]
#[case::untrusted(json!({"aud": [US, "another-app"], "azp": US}), Some(ErrorKind::IdToken))]
#[case::for_another_party(json!({"aud": [US, "project"], "azp": "project"}), Some(ErrorKind::IdToken))]
#[case::for_no_party(json!({"aud": [US, "project"]}), Some(ErrorKind::IdToken))]
#[case::for_the_trusted_one_alone(json!({"aud": "project", "azp": US}), Some(ErrorKind::IdToken))]
#[tokio::test]
async fn an_id_token_may_name_a_trusted_audience_beside_this_client(
    #[case] claims: Value,
    #[case] refused: Option<ErrorKind>,
) {
    let issuer = FakeIssuer::start().await;
    issuer.id_tokens_say(claims);
    let trusting = issuer.client().trusted_audiences(["project"]);
    let trusting = trusting.build().unwrap();
    assert_eq!(kind(sign_in(&trusting, &issuer).await), refused);
}

/// Attacks: LI36.
#[tokio::test]
async fn without_a_word_no_other_audience_is_trusted_and_the_log_says_how_it_would_be() {
    let issuer = FakeIssuer::start().await;
    issuer.id_tokens_say(json!({"aud": [US, "project"], "azp": US}));
    let client = issuer.client().build().unwrap();
    let refused = sign_in(&client, &issuer).await.err().unwrap().to_string();
    assert!(
        refused.contains("project") && refused.contains("trusted_audiences"),
        "{refused}"
    );
}

/// Attacks: LI22.
#[rstest]
#[tokio::test]
async fn what_only_other_issuers_sign_with_is_taken_where_it_is_named(
    #[values(
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps384,
        Algorithm::Ps512
    )]
    algorithm: Algorithm,
) {
    let issuer = FakeIssuer::start().await;
    let unnamed = issuer.client().build().unwrap();
    issuer.id_tokens_signed_with(algorithm);
    issuer.change_metadata(
        "id_token_signing_alg_values_supported",
        json!([algorithm.name()]),
    );
    let refused = sign_in(&unnamed, &issuer).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert!(refused.to_string().contains(algorithm.name()), "{refused}");
    assert_eq!(issuer.token_requests(), 0, "no code is spent in vain");

    let named = issuer.client().id_token_algorithm(algorithm);
    let named = named.build().unwrap();
    let signed_in = sign_in(&named, &issuer).await.unwrap();
    assert_eq!(signed_in.identity().unwrap().sub(), "alice");
}

/// Attacks: LI25.
#[tokio::test]
async fn an_issuer_whose_clock_is_off_signs_in_where_that_is_allowed() {
    let (issuer, clock) = issuer_and_clock().await;
    let exact = issuer.client().build().unwrap();
    let lenient = issuer
        .client()
        .leeway(Duration::from_secs(60))
        .expiry_leeway(Duration::from_secs(120))
        .build()
        .unwrap();
    let now = clock.now().seconds();
    for claims in [json!({"exp": now - 30}), json!({"iat": now + 45})] {
        issuer.id_tokens_say(claims);
        let refused = sign_in(&exact, &issuer).await;
        assert_eq!(kind(refused), Some(ErrorKind::IdToken));
        sign_in(&lenient, &issuer).await.unwrap();
    }
    issuer.id_tokens_say(json!({"exp": (now + 300).to_string()}));
    let refused = sign_in(&lenient, &issuer).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::IdToken);
    assert!(refused.to_string().contains("exp is"), "{refused}");
}
