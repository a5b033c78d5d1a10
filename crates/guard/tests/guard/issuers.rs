//! Several issuers at one guard, and the key sets and algorithms that others have.

use rstest::rstest;
use safeconduct_guard::{Algorithm, Guard, Profile, Reason};
use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::SigningKey;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{API, FakeIssuer, Reply, alice, jwk_set, verdict};

async fn asked(issuer: &FakeIssuer) -> usize {
    issuer.asked_for_keys() + issuer.asked_for_metadata()
}

/// Attacks: LI31.
#[tokio::test]
async fn whose_token_it_is_the_token_says_and_only_that_issuers_keys_prove() {
    let [one, other, nobody] = [
        FakeIssuer::start().await,
        FakeIssuer::start().await,
        FakeIssuer::start().await,
    ];
    let builder = one.guard_builder();
    let builder = builder.trust(&other.url, Profile::Hydra).unwrap();
    let guard = builder.build().unwrap();
    assert_eq!(guard.issuers().collect::<Vec<_>>(), [&one.url, &other.url]);
    let metadata = serde_json::to_value(guard.metadata()).unwrap();
    assert_eq!(
        metadata["authorization_servers"],
        json!([one.url, other.url])
    );

    let unlisted = nobody.token();
    assert_eq!(verdict(&guard, &unlisted).await, Err(Reason::WrongIssuer));
    let slash = one.token_with(json!({"iss": format!("{}/", one.url)}));
    assert_eq!(verdict(&guard, &slash).await, Err(Reason::WrongIssuer));
    assert_eq!(
        asked(&one).await + asked(&other).await + asked(&nobody).await,
        0
    );

    let token = guard.validate(&one.token()).await.unwrap();
    assert_eq!(token.issuer(), one.url);
    assert_eq!(asked(&other).await, 0);
    let of_other = other.sign(&other.key, "JWT", json!({}));
    let token = guard.validate(&of_other).await.unwrap();
    assert_eq!(token.issuer(), other.url);
    // Each by its own profile, and by its own keys.
    let typ = one.sign(&one.key, "JWT", json!({}));
    assert_eq!(verdict(&guard, &typ).await, Err(Reason::WrongType));
    let forged = one.sign(&other.key, "at+jwt", json!({}));
    assert_eq!(verdict(&guard, &forged).await, Err(Reason::UnknownKey));
    let under_the_others_name = one.token_with(json!({"iss": other.url}));
    let refused = verdict(&guard, &under_the_others_name).await;
    assert_eq!(refused, Err(Reason::UnknownKey));
    let unsigned = format!("{}.", of_other.rsplit_once('.').unwrap().0);
    assert_eq!(
        verdict(&guard, &unsigned).await,
        Err(Reason::WrongSignature)
    );
    assert!(guard.ready().await.is_ok());
}

/// Attacks: LI07, LI08.
#[tokio::test]
async fn a_tenant_that_is_not_listed_is_not_asked_for() {
    const TENANTS: [&str; 2] = [
        "6d1c3f0a-7a55-4be0-9f1e-0b4d8b6f2a11",
        "0a5b9c1e-2d5e-4a6f-8c3d-1f2e3d4c5b6a",
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = FakeIssuer::start_on(listener, &format!("/{}/v2.0", TENANTS[0]));
    let template = issuer.url.replace(TENANTS[0], "{tid}");
    let guard = Guard::of_tenants(&template, TENANTS, API)
        .unwrap()
        .clock(issuer.clock.clone())
        .build()
        .unwrap();
    for tid in ["9188040d-6c67-4c5b-b112-36a304b66dad", "..", "{tid}", "a/b"] {
        let iss = template.replace("{tid}", tid);
        let token = issuer.token_with(json!({"iss": iss, "tid": tid}));
        assert_eq!(
            verdict(&guard, &token).await,
            Err(Reason::WrongIssuer),
            "{tid}"
        );
    }
    assert_eq!(asked(&issuer).await, 0);
    let of_the_other = issuer.token_with(json!({"tid": TENANTS[1]}));
    assert_eq!(
        verdict(&guard, &of_the_other).await,
        Err(Reason::WrongIssuer)
    );
    let token = issuer.token_with(json!({"tid": TENANTS[0]}));
    assert_eq!(verdict(&guard, &token).await, alice());
}

/// Attacks: LI22.
#[rstest]
#[case(Algorithm::Es384)]
#[case(Algorithm::Es512)]
#[case(Algorithm::Rs384)]
#[case(Algorithm::Rs512)]
#[case(Algorithm::Ps384)]
#[case(Algorithm::Ps512)]
#[tokio::test]
async fn another_algorithm_passes_where_it_is_named(#[case] algorithm: Algorithm) {
    let issuer = FakeIssuer::start().await;
    let key = SigningKey::generate(algorithm).unwrap();
    let mut set = jwk_set(&[&issuer.key]);
    let foreign = serde_json::to_value(key.public_jwk()).unwrap();
    set["keys"].as_array_mut().unwrap().push(foreign);
    issuer.answer_keys(Reply::json(&set));
    let token = issuer.sign(&key, "at+jwt", json!({}));
    let strict = issuer.guard();
    assert_eq!(
        verdict(&strict, &token).await,
        Err(Reason::AlgorithmNotAllowed)
    );
    assert_eq!(verdict(&strict, &issuer.token()).await, alice());

    let builder = issuer.guard_builder().accept_algorithms([algorithm]);
    let guard = builder.build().unwrap();
    assert_eq!(verdict(&guard, &token).await, alice());
    assert_eq!(verdict(&guard, &issuer.token()).await, alice());
    // Under the name of a key of another kind.
    let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": issuer.key.kid()});
    let header = encoding::encode(header.to_string().as_bytes());
    let (_, rest) = token.split_once('.').unwrap();
    let misnamed = format!("{header}.{rest}");
    assert_eq!(verdict(&guard, &misnamed).await, Err(Reason::UnknownKey));
    let others = Algorithm::FOREIGN
        .into_iter()
        .filter(|other| *other != algorithm);
    for other in others {
        let header = json!({"alg": other, "typ": "at+jwt", "kid": key.kid()});
        let header = encoding::encode(header.to_string().as_bytes());
        let renamed = format!("{header}.{rest}");
        assert_eq!(
            verdict(&guard, &renamed).await,
            Err(Reason::AlgorithmNotAllowed)
        );
    }
}

/// Attacks: LI21.
#[rstest]
#[case::nothing("{}")]
#[case::no_keys(r#"{"keys":[]}"#)]
#[case::only_a_secret(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#)]
#[tokio::test]
async fn an_issuer_without_keys_is_its_own_fault_and_not_the_clients(#[case] keys: &str) {
    let issuer = FakeIssuer::start().await;
    issuer.answer_keys(Reply::text(keys));
    let guard = issuer.guard();
    for _ in 0..2 {
        let denied = guard.validate(&issuer.token()).await.unwrap_err();
        assert_eq!(denied.reason().name(), "issuer-has-no-keys");
        assert_eq!(denied.status(), 503);
    }
    let not_ready = guard.ready().await.unwrap_err().to_string();
    assert!(not_ready.contains("key"), "{not_ready}");

    let header = json!({"alg": "HS256", "typ": "at+jwt"}).to_string();
    let good = issuer.token();
    let (_, rest) = good.split_once('.').unwrap();
    let with_a_secret = format!("{}.{rest}", encoding::encode(header.as_bytes()));
    assert_eq!(
        verdict(&guard, &with_a_secret).await,
        Err(Reason::AlgorithmNotAllowed)
    );
}

/// Attacks: LI23.
#[tokio::test]
async fn keys_without_an_algorithm_and_broken_ones_beside_them_are_no_obstacle() {
    let issuer = FakeIssuer::start().await;
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    let mut set = jwk_set(&[&key]);
    let members = set["keys"][0].as_object_mut().unwrap();
    members.remove("alg");
    members.insert("x5c".into(), json!(["MIIC"]));
    members.insert("issuer".into(), json!("https://other.example"));
    for broken in [
        json!({"kty": "RSA", "kid": "b"}),
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kid": 7}),
    ] {
        set["keys"].as_array_mut().unwrap().insert(0, broken);
    }
    issuer.answer_keys(Reply::json(&set));
    let guard = issuer.guard();
    let token = issuer.sign(&key, "at+jwt", json!({}));
    assert_eq!(verdict(&guard, &token).await, alice());
    // The set names no key: the one that fits is meant.
    let mut nameless = jwk_set(&[&key]);
    nameless["keys"][0].as_object_mut().unwrap().remove("kid");
    nameless["keys"][0].as_object_mut().unwrap().remove("alg");
    issuer.answer_keys(Reply::json(&nameless));
    let header = json!({"alg": "RS256", "typ": "at+jwt"}).to_string();
    let (_, rest) = token.split_once('.').unwrap();
    let nameless = format!("{}.{rest}", encoding::encode(header.as_bytes()));
    assert_eq!(
        verdict(&issuer.guard(), &nameless).await,
        Err(Reason::WrongSignature),
        "its key was found"
    );
}
