//! Client assertions (RFC 7523): signed by the client, for this server, and good once.

use safeconduct_protocol::client::AssertionAudience;
use safeconduct_protocol::encoding;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::jose::{Algorithm, JwkSet, SigningKey};
use serde_json::{Value, json};

use crate::client_auth::own_token;
use crate::support::{
    Answer, Ask, Credentials, Form, ISSUER, TestServer, assertion, assertion_key,
};

const REFUSED: &str = "401 invalid_client (client-assertion-refused)";
const REPLAYED: &str = "401 invalid_client (client-assertion-replayed)";

/// Claims of a flawless assertion, with `changes` made; `null` removes.
fn claims(server: &TestServer, changes: Value) -> Value {
    let now = server.now();
    let mut claims = json!({
        "iss": "robot", "sub": "robot", "aud": ISSUER, "jti": new_id(),
        "iat": now.seconds(), "exp": now.plus(60).seconds(),
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// A JWT with any header and signature.
pub(crate) fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| encoding::encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = encoding::encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

async fn try_assertion(server: &TestServer, assertion: &str) -> Answer {
    server
        .token_with(&Credentials::Assertion(assertion.to_owned()), &own_token())
        .await
}

/// Attacks: T08.
#[tokio::test]
async fn an_assertion_is_good_once() {
    let server = TestServer::start().await;
    let once = assertion("robot", ISSUER, server.now());
    assert_eq!(try_assertion(&server, &once).await.status, 200);
    assert_eq!(try_assertion(&server, &once).await.to_string(), REPLAYED);
    // At every endpoint, whatever it was used for before.
    let form = Form::new().with("token", "x");
    for path in ["/introspect", "/revoke"] {
        let replayed = Credentials::Assertion(once.clone());
        assert_eq!(
            server
                .send(server.back_channel(path, &replayed, &form))
                .await
                .to_string(),
            REPLAYED,
            "{path}"
        );
        let fresh = Credentials::Assertion(assertion("robot", ISSUER, server.now()));
        assert_eq!(
            server
                .send(server.back_channel(path, &fresh, &form))
                .await
                .status,
            200,
            "{path}"
        );
        assert_eq!(
            server
                .send(server.back_channel(path, &fresh, &form))
                .await
                .to_string(),
            REPLAYED,
            "{path}"
        );
    }
    let server = server.restart().await;
    assert_eq!(try_assertion(&server, &once).await.to_string(), REPLAYED);
    assert_eq!(
        server
            .client_credentials("robot", "notes.read")
            .await
            .status,
        200
    );
}

/// Attacks: T08.
#[tokio::test]
async fn a_replayed_assertion_redeems_no_code_and_rotates_no_token() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let (first, second) = (
        ada.code(&Ask::of("robot")).await,
        ada.code(&Ask::of("robot")).await,
    );
    let once = server.credentials("robot");
    let tokens = server.token_with(&once, &first.exchange()).await.tokens();
    assert_eq!(
        server
            .token_with(&once, &second.exchange())
            .await
            .to_string(),
        REPLAYED
    );
    assert_eq!(
        server
            .token_with(&once, &tokens.refresh())
            .await
            .to_string(),
        REPLAYED
    );
    assert_eq!(
        server
            .token_with(&once, &first.exchange())
            .await
            .to_string(),
        REPLAYED,
        "and no grant is revoked"
    );
    assert!(server.is_active(&tokens.access).await);
    assert_eq!(server.exchange(&second).await.status, 200);
    assert_eq!(
        server
            .generation(&server.refresh("robot", &tokens).await.tokens())
            .await,
        1
    );
}

/// Attacks: T08.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_uses_of_an_assertion_at_once_one_is_served() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("robot")).await;
    for form in [own_token(), tokens.refresh()] {
        let once = server.credentials("robot");
        let answers = server
            .send_all((0..64).map(|_| server.back_channel("/token", &once, &form)))
            .await;
        let (served, refused): (Vec<Answer>, Vec<Answer>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(served.len(), 1);
        assert!(refused.iter().all(|answer| answer.to_string() == REPLAYED));
    }
}

/// Attacks: T07, T09.
#[tokio::test]
async fn an_assertion_names_everything_and_nothing_for_long() {
    let server = TestServer::start().await;
    let now = server.now();
    let sign = |changes| {
        assertion_key()
            .sign_jwt("JWT", &claims(&server, changes))
            .unwrap()
    };
    let at = |seconds: i64| now.plus(seconds).seconds();
    for good in [
        json!({}),
        json!({ "nbf": at(8) }),
        json!({ "nbf": at(-600), "iat": null }),
        json!({ "exp": at(300) }),
        json!({ "extra": "ignored" }),
    ] {
        assert_eq!(
            try_assertion(&server, &sign(good.clone())).await.status,
            200,
            "{good}"
        );
    }
    for bad in [
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(257) }),
        json!({ "jti": 7 }),
        json!({ "exp": null }),
        json!({ "exp": at(-61) }),
        json!({ "exp": at(24 * 3_600) }),
        json!({ "exp": format!("{}", at(60)) }),
        json!({ "exp": 1e300 }),
        json!({ "iat": at(120), "exp": at(180) }),
        json!({ "nbf": at(120) }),
        json!({ "sub": null }),
        json!({ "sub": "shop" }),
        json!({ "aud": null }),
        json!({ "aud": "https://id.example/" }),
        json!({ "aud": "https://id.example/token" }),
        json!({ "aud": "https://evil.example" }),
        json!({ "aud": [] }),
        json!({ "aud": [ISSUER] }),
        json!({ "aud": [ISSUER, "https://evil.example"] }),
    ] {
        assert_eq!(
            try_assertion(&server, &sign(bad.clone())).await.to_string(),
            REFUSED,
            "{bad}"
        );
    }
    assert_eq!(try_assertion(&server, &sign(json!({}))).await.status, 200);
}

/// Attacks: T06.
#[tokio::test]
async fn an_assertion_is_signed_with_a_registered_key() {
    let server = TestServer::start().await;
    let good = claims(&server, json!({}));
    let key = assertion_key();
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let public = serde_json::to_string(&key.public_jwk()).unwrap();
    let hs256 = |secret: &str| {
        let secret = secret.to_owned();
        move |signed: &[u8]| encoding::hmac_sha256(secret.as_bytes(), signed).to_vec()
    };
    let by_stranger = stranger.sign_jwt("JWT", &good).unwrap();
    let (_, stranger_signature) = by_stranger.rsplit_once('.').unwrap();
    let mine = key.sign_jwt("JWT", &good).unwrap();
    let (mine_signed, mine_signature) = mine.rsplit_once('.').unwrap();
    let (mine_header, _) = mine_signed.split_once('.').unwrap();
    let other_claims = encoding::encode(
        claims(&server, json!({ "exp": server.now().plus(299).seconds() }))
            .to_string()
            .as_bytes(),
    );
    for forged in [
        jwt(&json!({ "alg": "none" }), &good, |_| Vec::new()),
        jwt(&json!({ "alg": "None", "typ": "JWT" }), &good, |_| {
            Vec::new()
        }),
        jwt(&json!({ "typ": "JWT" }), &good, |_| Vec::new()),
        jwt(
            &json!({ "alg": "HS256", "kid": key.kid() }),
            &good,
            hs256(&public),
        ),
        jwt(&json!({ "alg": "HS256" }), &good, hs256(key.kid())),
        jwt(&json!({ "alg": "ES256", "kid": key.kid() }), &good, |_| {
            vec![0; 64]
        }),
        jwt(
            &json!({ "alg": "ES256", "kid": stranger.kid(), "jwk": stranger.public_jwk() }),
            &good,
            |_| encoding::decode(stranger_signature).unwrap(),
        ),
        by_stranger.clone(),
        format!("{mine_signed}.{stranger_signature}"),
        format!("{mine_header}.{other_claims}.{mine_signature}"),
        format!("{mine_signed}."),
        format!("{mine_signed}.{mine_signature}="),
        format!("{mine_signed}.{mine_signature}.x"),
        key.sign_jwt("at+jwt", &good).unwrap(),
    ] {
        let answer = try_assertion(&server, &forged).await;
        assert_eq!(answer.to_string(), REFUSED, "{forged}");
    }
    assert_eq!(
        try_assertion(&server, &mine).await.status,
        200,
        "and none of these used its jti up"
    );
}

/// Attacks: T06.
#[tokio::test]
async fn an_assertion_is_for_the_client_that_signs_it() {
    let server = TestServer::start().await;
    let theirs = SigningKey::generate(Algorithm::EdDsa).unwrap();
    server
        .change_client("robot", |robot| {
            robot.jwks = Some(JwkSet {
                keys: vec![theirs.public_jwk()],
            })
        })
        .await;
    let good = claims(&server, json!({}));
    assert_eq!(
        try_assertion(&server, &assertion_key().sign_jwt("JWT", &good).unwrap())
            .await
            .to_string(),
        REFUSED,
        "the key is gone"
    );
    assert_eq!(
        try_assertion(&server, &theirs.sign_jwt("JWT", &good).unwrap())
            .await
            .status,
        200
    );

    // A client with a secret has no assertion, and an assertion says which client it is of.
    let shop = claims(&server, json!({ "iss": "shop", "sub": "shop" }));
    assert_eq!(
        try_assertion(&server, &theirs.sign_jwt("JWT", &shop).unwrap())
            .await
            .to_string(),
        REFUSED
    );
    let nobody = claims(&server, json!({ "iss": "nobody", "sub": "nobody" }));
    assert_eq!(
        try_assertion(&server, &theirs.sign_jwt("JWT", &nobody).unwrap())
            .await
            .to_string(),
        REFUSED
    );
    let fresh =
        Credentials::Assertion(theirs.sign_jwt("JWT", &claims(&server, json!({}))).unwrap());
    let answer = server
        .token_with(&fresh, &own_token().with("client_id", "shop"))
        .await;
    assert_eq!(answer.to_string(), REFUSED);
    assert_eq!(
        server
            .token_with(&fresh, &own_token().with("client_id", "robot"))
            .await
            .status,
        200
    );
}

/// Attacks: T07.
#[tokio::test]
async fn the_token_endpoint_is_an_audience_only_where_the_registration_says_so() {
    let server = TestServer::start().await;
    let to = |aud: &str| {
        assertion_key()
            .sign_jwt("JWT", &claims(&server, json!({ "aud": aud })))
            .unwrap()
    };
    let endpoint = "https://id.example/token";
    assert_eq!(
        try_assertion(&server, &to(endpoint)).await.to_string(),
        REFUSED
    );
    server
        .change_client("robot", |robot| {
            robot.assertion_audience = AssertionAudience::TokenEndpoint
        })
        .await;
    assert_eq!(try_assertion(&server, &to(endpoint)).await.status, 200);
    let another = to("https://id.example/introspect");
    assert_eq!(try_assertion(&server, &another).await.to_string(), REFUSED);
}

#[tokio::test]
async fn the_issuer_is_an_audience_whatever_the_registration_says() {
    let server = TestServer::start().await;
    for audience in [AssertionAudience::Issuer, AssertionAudience::TokenEndpoint] {
        server
            .change_client("robot", |robot| robot.assertion_audience = audience)
            .await;
        let assertion = assertion_key()
            .sign_jwt("JWT", &claims(&server, json!({ "aud": ISSUER })))
            .unwrap();
        assert_eq!(try_assertion(&server, &assertion).await.status, 200);
    }
}

#[tokio::test]
async fn an_assertion_that_is_no_jwt_is_refused() {
    let server = TestServer::start().await;
    for text in [
        "x",
        "a.b.c",
        "..",
        &"a".repeat(20_000),
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        let answer = try_assertion(&server, text).await;
        assert_eq!(answer.to_string(), REFUSED, "{text}");
    }
    let good = assertion("robot", ISSUER, server.now());
    for kind in [
        "",
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
    ] {
        let form = own_token()
            .with("client_assertion", &good)
            .with("client_assertion_type", kind);
        let answer = server.token_with(&Credentials::Nothing, &form).await;
        assert_eq!(
            answer.to_string(),
            "401 invalid_client (client-assertion-type-unsupported)"
        );
    }
    assert_eq!(try_assertion(&server, &good).await.status, 200);
}
