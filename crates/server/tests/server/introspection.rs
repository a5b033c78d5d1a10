//! Introspection (RFC 7662): an API learns about the tokens that are for it, and nobody learns anything else.

use insta::assert_snapshot;
use safeconduct_protocol::encoding;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, Credentials, Form, MAIL_API, NOTES_API, TestServer};

/// Exactly this, to the byte.
fn assert_nothing_is_said(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (200, r#"{"active":false}"#),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Attacks: T24.
#[tokio::test]
async fn an_api_learns_what_a_token_for_it_says() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let answer = server.introspect(NOTES_API, &tokens.access).await;
    assert_snapshot!(answer, @r#"200 {"acr":"urn:safeconduct:acr:password","active":true,"amr":["pwd"],"aud":"https://notes.example/api","auth_time":1800000000,"client_id":"shop","era":1,"exp":1800000300,"grant_id":"…","iat":1800000000,"iss":"https://id.example","jti":"…","scope":"notes.read","sub":"…","token_type":"Bearer"}"#);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["sub"], server.user("ada").await.as_str());
}

#[tokio::test]
async fn a_sealed_token_says_the_same_as_a_signed_one() {
    let server = TestServer::start().await;
    let sealed = server.tokens("ada", &Ask::of("vault")).await;
    let signed = server.tokens("ada", &Ask::of("shop")).await;
    assert!(sealed.access.starts_with("sc_at_") && !sealed.access.contains('.'));
    let said = async |token: &str| {
        let mut said = server.introspect(NOTES_API, token).await.json();
        for own in ["client_id", "grant_id", "jti"] {
            said.as_object_mut().unwrap().remove(own).unwrap();
        }
        said
    };
    assert_eq!(said(&sealed.access).await, said(&signed.access).await);
}

/// Attacks: I02.
#[tokio::test]
async fn nobody_else_learns_anything() {
    let server = TestServer::start().await;
    for client in ["shop", "vault"] {
        let tokens = server.tokens("ada", &Ask::of(client)).await;
        for stranger in [MAIL_API, "shop", "bank", "robot", "vault"] {
            assert_nothing_is_said(&server.introspect(stranger, &tokens.access).await);
        }
        assert!(server.is_active(&tokens.access).await);
    }
}

#[tokio::test]
async fn a_token_for_the_issuer_is_its_clients_own_business() {
    let server = TestServer::start().await;
    let tokens = server
        .tokens("ada", &Ask::of("shop").scope("profile"))
        .await;
    assert_eq!(
        server.introspect("shop", &tokens.access).await.json()["aud"],
        "https://id.example"
    );
    for stranger in [NOTES_API, MAIL_API, "bank"] {
        assert_nothing_is_said(&server.introspect(stranger, &tokens.access).await);
    }
}

/// Attacks: I01.
#[tokio::test]
async fn who_asks_must_authenticate() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("kiosk")).await;
    let form = Form::new().with("token", &tokens.access);
    for (credentials, refused) in [
        (
            Credentials::Nothing,
            "401 invalid_client (client-authentication-missing)",
        ),
        (
            Credentials::Id("kiosk".to_owned()),
            "401 invalid_client (introspection-without-credentials)",
        ),
        (
            Credentials::Id(NOTES_API.to_owned()),
            "401 invalid_client (client-authentication-method or client-authentication-failed)",
        ),
        (
            Credentials::Basic(NOTES_API.to_owned(), "wrong".to_owned()),
            "401 invalid_client (client-authentication-method or client-authentication-failed)",
        ),
    ] {
        let answer = server
            .send(server.back_channel("/introspect", &credentials, &form))
            .await;
        assert_eq!(answer.to_string(), refused);
    }
    // An access token is no way to authenticate.
    let mut bearer = server.back_channel("/introspect", &Credentials::Nothing, &form);
    bearer.headers_mut().insert(
        "authorization",
        format!("Bearer {}", tokens.access).parse().unwrap(),
    );
    let answer = server.send(bearer).await;
    assert_snapshot!(answer, @"401 invalid_client (client-authentication-malformed)");
    assert!(server.is_active(&tokens.access).await);
}

/// Attacks: F13.
#[tokio::test]
async fn what_is_no_access_token_of_ours_is_inactive() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let code = ada.code(&Ask::of("shop")).await;
    let tokens = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let sealed = server
        .exchange(&ada.code(&Ask::of("vault")).await)
        .await
        .tokens();
    let parts: Vec<&str> = tokens.access.split('.').collect();
    let with_claims = |change: &dyn Fn(&mut Value)| {
        let mut claims: Value =
            serde_json::from_slice(&encoding::decode(parts[1]).unwrap()).unwrap();
        change(&mut claims);
        format!(
            "{}.{}.{}",
            parts[0],
            encoding::encode(claims.to_string().as_bytes()),
            parts[2]
        )
    };
    let with_header = |header: Value, signature: &str| {
        format!(
            "{}.{}.{signature}",
            encoding::encode(header.to_string().as_bytes()),
            parts[1]
        )
    };
    let public = server.get("/.well-known/jwks.json").await.body;
    let hs256 = {
        let unsigned = with_header(json!({ "alg": "HS256", "typ": "at+jwt" }), "");
        let signature =
            encoding::hmac_sha256(public.as_bytes(), unsigned.trim_end_matches('.').as_bytes());
        format!("{unsigned}{}", encoding::encode(&signature))
    };
    for token in [
        "x",
        ".",
        "..",
        "sc_at_",
        tokens.refresh_token(),
        &tokens.refresh_token().replace("sc_rt_", "sc_at_"),
        &code.text,
        &sealed.access[..sealed.access.len() - 1],
        &sealed.access.to_uppercase(),
        &format!("{}A", sealed.access),
        &format!("{} ", tokens.access),
        &format!("{}.", tokens.access),
        &format!("{}.{}", parts[0], parts[1]),
        &with_header(json!({ "alg": "none", "typ": "at+jwt" }), ""),
        &with_header(json!({ "alg": "ES256", "typ": "JWT" }), parts[2]),
        &hs256,
        &with_claims(&|claims| claims["scope"] = json!("notes.read notes.write")),
        &with_claims(&|claims| claims["exp"] = json!(9_999_999_999_i64)),
        &with_claims(&|claims| claims["sub"] = json!("admin")),
        &"A".repeat(60_000),
    ] {
        assert_nothing_is_said(&server.introspect(NOTES_API, token).await);
    }
    assert!(server.is_active(&tokens.access).await && server.is_active(&sealed.access).await);
}

#[tokio::test]
async fn an_access_token_lives_five_minutes() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let signed = server
        .exchange(&ada.code(&Ask::of("shop")).await)
        .await
        .tokens();
    let sealed = server
        .exchange(&ada.code(&Ask::of("vault")).await)
        .await
        .tokens();
    server.advance(299);
    assert!(server.is_active(&signed.access).await && server.is_active(&sealed.access).await);
    server.advance(1);
    for token in [&signed.access, &sealed.access] {
        assert_nothing_is_said(&server.introspect(NOTES_API, token).await);
    }
}

#[tokio::test]
async fn a_token_says_only_what_its_client_may_still_have() {
    let server = TestServer::start().await;
    let token = server
        .tokens("ada", &Ask::of("shop").scope("notes.read notes.write"))
        .await
        .access;
    let own = server
        .client_credentials("robot", "notes.read notes.write")
        .await
        .tokens()
        .access;
    for (client, token) in [("shop", &token), ("robot", &own)] {
        let scope = safeconduct_protocol::scope::Scope::parse("notes.read profile").unwrap();
        server
            .change_client(client, |client| client.scopes = scope)
            .await;
        assert_eq!(
            server.introspect(NOTES_API, token).await.json()["scope"],
            "notes.read"
        );
        server
            .change_client(client, |client| client.scopes = Default::default())
            .await;
        assert_nothing_is_said(&server.introspect(NOTES_API, token).await);
        server.change_client(client, |_| {}).await;
        assert_eq!(
            server.introspect(NOTES_API, token).await.json()["scope"],
            "notes.read notes.write"
        );
    }
}

#[tokio::test]
async fn a_request_names_one_token() {
    let server = TestServer::start().await;
    let tokens = server.tokens("ada", &Ask::of("shop")).await;
    let api = server.credentials(NOTES_API);
    let form = Form::new().with("token", &tokens.access);
    for (form, refused) in [
        (Form::new(), "400 invalid_request (token-missing)"),
        (
            form.clone().with("token", ""),
            "400 invalid_request (token-missing)",
        ),
        (
            form.clone().and("token", &tokens.access),
            "400 invalid_request (parameter-repeated)",
        ),
    ] {
        assert_eq!(
            server
                .send(server.back_channel("/introspect", &api, &form))
                .await
                .to_string(),
            refused
        );
    }
    // A hint only helps to look; a wrong one changes nothing (RFC 7662 §2.1).
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let answer = server
            .send(server.back_channel(
                "/introspect",
                &api,
                &form.clone().with("token_type_hint", hint),
            ))
            .await;
        assert_eq!(answer.json()["active"], true, "{hint}");
    }
}
