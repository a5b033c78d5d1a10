//! Client authentication (RFC 6749 §2.3): the one registered way, once, and nothing that tells a stranger more.

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use rstest::rstest;

use crate::support::{
    Ask, Credentials, Form, ISSUER, Log, NOTES_API, TestServer, assertion, secret_of,
};

pub(crate) const FAILED: &str =
    "401 invalid_client (client-authentication-method or client-authentication-failed)";

/// A request that succeeds for the robot with any good assertion.
pub(crate) fn own_token() -> Form {
    Form::new()
        .with("grant_type", "client_credentials")
        .with("scope", "notes.read")
}

fn basic(id: &str, secret: &str) -> Credentials {
    Credentials::Basic(id.to_owned(), secret.to_owned())
}

fn post(id: &str, secret: &str) -> Credentials {
    Credentials::Post(id.to_owned(), secret.to_owned())
}

/// Attacks: T01, T03.
#[tokio::test]
async fn a_client_that_fails_learns_nothing_about_why() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    let form = code.exchange();
    let mut answers = Vec::new();
    for credentials in [
        // A wrong secret, an unknown client, another method, a secret of somebody else.
        basic("shop", "wrong"),
        basic("nobody", &secret_of("shop")),
        basic("shop", &secret_of("bank")),
        post("shop", &secret_of("shop")),
        post("nobody", &secret_of("shop")),
        post("robot", &secret_of("robot")),
        Credentials::Id("shop".to_owned()),
        Credentials::Id("nobody".to_owned()),
        Credentials::Id("robot".to_owned()),
        Credentials::Id("no body".to_owned()),
        basic("kiosk", "anything"),
        basic("shop", ""),
        basic("shop", &secret_of("shop").to_uppercase()),
        basic("shop", &secret_of("shop")[1..]),
    ] {
        let mut answer = server.token_with(&credentials, &form).await;
        assert_eq!(answer.to_string(), FAILED, "{answer:?}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"safeconduct\", charset=\"UTF-8\""
        );
        answer.headers.remove("x-correlation-id");
        answers.push(format!("{answer:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: T16.
#[tokio::test]
async fn a_disabled_client_fails_like_an_unknown_one() {
    let server = TestServer::start().await;
    assert_eq!(
        server
            .client_credentials("robot", "notes.read")
            .await
            .status,
        200
    );
    server.disable_client("robot").await;
    server.disable_client("shop").await;
    assert_eq!(
        server
            .client_credentials("robot", "notes.read")
            .await
            .to_string(),
        "401 invalid_client (client-assertion-refused)"
    );
    assert_eq!(server.introspect("shop", "x").await.to_string(), FAILED);
    // One that signs, one that is disabled, one with a secret, and one that nobody registered.
    server.enable_client("robot").await;
    let mut answers = Vec::new();
    for id in ["robot", "shop", "bank", "nobody"] {
        let text = assertion(id, "https://elsewhere.example", server.now());
        let mut answer = server
            .token_with(&Credentials::Assertion(text), &own_token())
            .await;
        answer.headers.remove("x-correlation-id");
        answers.push(format!("{answer:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(
        server
            .client_credentials("robot", "notes.read")
            .await
            .status,
        200
    );
}

/// Attacks: T03.
#[tokio::test]
async fn a_client_authenticates_once_and_in_one_way() {
    let server = TestServer::start().await;
    let good = server.credentials("shop");
    let code = server.code("ada", &Ask::of("shop")).await;
    let form = code.exchange();
    let assertion = assertion("robot", ISSUER, server.now());
    for (credentials, form, refused) in [
        (
            &good,
            form.clone().and("client_secret", &secret_of("shop")),
            "400 invalid_request (client-authentication-repeated)",
        ),
        (
            &good,
            form.clone().and("client_assertion", &assertion),
            "400 invalid_request (client-authentication-repeated)",
        ),
        (
            &good,
            form.clone().and("client_id", "bank"),
            "400 invalid_request (client-id-differs)",
        ),
        (
            &post("shop", "x"),
            form.clone().and("client_secret", "y"),
            "400 invalid_request (parameter-repeated)",
        ),
        (
            &post("shop", "x"),
            form.clone().and("client_id", "shop"),
            "400 invalid_request (parameter-repeated)",
        ),
        (
            &Credentials::Nothing,
            form.clone(),
            "401 invalid_client (client-authentication-missing)",
        ),
    ] {
        let answer = server.token_with(credentials, &form).await;
        assert_eq!(answer.to_string(), refused);
    }
    let mut two = server.back_channel("/token", &good, &form);
    let header = two.headers()["authorization"].clone();
    two.headers_mut().append("authorization", header);
    assert_eq!(
        server.send(two).await.to_string(),
        "400 invalid_request (client-authentication-repeated)"
    );
    // The id in the body beside the header is no second way (RFC 6749 §3.2.1).
    assert_eq!(
        server
            .token_with(&good, &form.and("client_id", "shop"))
            .await
            .status,
        200
    );
}

#[rstest]
#[case::bearer("Bearer abc", "401 invalid_client (client-authentication-malformed)")]
#[case::no_scheme("c2hvcDp4", "401 invalid_client (client-authentication-malformed)")]
#[case::not_base64("Basic ???", "401 invalid_client (client-authentication-malformed)")]
#[case::no_colon(
    "Basic c2hvcA==",
    "401 invalid_client (client-authentication-malformed)"
)]
#[case::not_utf8("Basic /zp4", "401 invalid_client (client-authentication-malformed)")]
#[case::nul(
    "Basic c2hvcDolMDA=",
    "401 invalid_client (client-authentication-malformed)"
)]
#[case::empty("", "401 invalid_client (client-authentication-malformed)")]
#[tokio::test]
async fn a_header_that_cannot_be_read_is_refused(#[case] header: &str, #[case] refused: &str) {
    let server = TestServer::start().await;
    let request = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", header)
        .body(Body::from(own_token().encode()))
        .unwrap();
    assert_eq!(server.send(request).await.to_string(), refused);
    assert_eq!(server.token("robot", &own_token()).await.status, 200);
}

/// As Authlib, requests-oauthlib and `curl -u` send it: id and secret as they are, joined and in base64.
#[rstest]
#[case::plus("a+secret+of+0123456789abcdef")]
#[case::percent("a%20secret%2Fof-0123456789abcdef")]
#[tokio::test]
async fn a_right_secret_that_was_not_form_encoded_is_refused_and_the_log_says_so(
    #[case] secret: &str,
) {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    server.rotate_secret("shop", secret, 0).await;
    let send = async |secret: &str| {
        let credentials = STANDARD.encode(format!("shop:{secret}"));
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Basic {credentials}"))
            .body(Body::from(code.exchange().encode()))
            .unwrap();
        Log::of(server.send(request)).await
    };
    let says = "the right secret, but not form-encoded";
    let (answer, log) = send(secret).await;
    assert_eq!(answer.to_string(), FAILED);
    assert!(log.contains(says), "{log}");
    let (answer, log) = send(&format!("{secret}%20")).await;
    assert_eq!(answer.to_string(), FAILED);
    assert!(log.contains("wrong secret") && !log.contains(says), "{log}");
    assert!(!log.contains(secret), "{log}");
    let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    assert_eq!(send(&encoded).await.0.status, 200);
}

#[tokio::test]
async fn a_plus_that_was_not_encoded_in_the_body_is_told_in_the_log() {
    let server = TestServer::start().await;
    server
        .rotate_secret("mailer", "a+secret+of+0123456789abcdef", 0)
        .await;
    let send = async |secret: &str| {
        let form = format!(
            "{}&client_id=mailer&client_secret={secret}",
            own_token().encode()
        );
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        Log::of(server.send(request)).await
    };
    let (answer, log) = send("a+secret+of+0123456789abcdef").await;
    assert_eq!(answer.to_string(), FAILED);
    assert!(
        log.contains("the right secret, but not form-encoded"),
        "{log}"
    );
    let (answer, _) = send("a%2Bsecret%2Bof%2B0123456789abcdef").await;
    assert_ne!(answer.to_string(), FAILED);
}

/// Attacks: T04.
#[tokio::test]
async fn nothing_is_read_from_the_url() {
    let server = TestServer::start().await;
    let code = server.code("ada", &Ask::of("shop")).await;
    let secret =
        form_urlencoded::byte_serialize(secret_of("mailer").as_bytes()).collect::<String>();
    for query in [
        format!("client_id=mailer&client_secret={secret}"),
        code.exchange().encode(),
        "code=x".to_owned(),
        "x".to_owned(),
    ] {
        for path in ["/token", "/introspect", "/revoke"] {
            let mut request =
                server.back_channel(path, &server.credentials("shop"), &code.exchange());
            *request.uri_mut() = format!("{path}?{query}").parse().unwrap();
            assert_eq!(
                server.send(request).await.to_string(),
                "400 invalid_request (credentials-in-query)"
            );
        }
    }
    assert_eq!(server.exchange(&code).await.status, 200);
}

/// Attacks: T12.
#[tokio::test]
async fn only_a_form_of_bearable_size_is_read() {
    let server = TestServer::start().await;
    let send = async |content_type: &str, body: Vec<u8>| {
        let mut request = server.back_channel("/token", &server.credentials("robot"), &Form::new());
        request
            .headers_mut()
            .insert("content-type", content_type.parse().unwrap());
        *request.body_mut() = Body::from(body);
        server.send(request).await.to_string()
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    let many = "a=b&".repeat(100_000).into_bytes();
    let long_name = [b"a".repeat(100_000), b"=b".to_vec()].concat();
    assert_eq!(
        send(FORM, many).await,
        "413 invalid_request (request-too-large)"
    );
    assert_eq!(
        send(FORM, long_name).await,
        "413 invalid_request (request-too-large)"
    );
    assert_eq!(
        send(FORM, "a=b&".repeat(101).into_bytes()).await,
        "413 invalid_request (request-too-large)"
    );
    assert_eq!(
        send(FORM, b"grant_type=\x00".to_vec()).await,
        "400 invalid_request (request-malformed)"
    );
    assert_eq!(
        send(FORM, b"grant_type=%ff".to_vec()).await,
        "400 invalid_request (request-malformed)"
    );
    assert_eq!(
        send(FORM, vec![0xff; 100]).await,
        "400 invalid_request (request-malformed)"
    );
    for content_type in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
    ] {
        let answer = send(content_type, own_token().encode().into_bytes()).await;
        assert_eq!(
            answer, "400 invalid_request (content-type-unsupported)",
            "{content_type}"
        );
    }
    let mut request = server.back_channel("/token", &server.credentials("robot"), &own_token());
    let value = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
        .parse()
        .unwrap();
    request.headers_mut().insert("content-type", value);
    assert_eq!(server.send(request).await.status, 200);
}

/// Attacks: T10.
#[tokio::test]
async fn the_endpoints_answer_to_post_alone() {
    let server = TestServer::start().await;
    // What a browser asks before a script's request is answered where scripts may call.
    for (path, allowed) in [
        ("/token", "POST,OPTIONS"),
        ("/introspect", "POST"),
        ("/revoke", "POST,OPTIONS"),
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if allowed.contains(method) {
                continue;
            }
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap();
            let answer = server.send(request).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
        let form = own_token().with("token", "x");
        let posted = server.back_channel(path, &server.credentials("robot"), &form);
        assert_eq!(server.send(posted).await.status, 200, "{path}");
    }
}

/// Attacks: T15.
#[tokio::test]
async fn a_grant_type_is_known_and_registered_or_refused() {
    let server = TestServer::start().await;
    for (client, grant_type, refused) in [
        (
            "shop",
            "password",
            "400 unsupported_grant_type (grant-type-unsupported)",
        ),
        (
            "shop",
            "implicit",
            "400 unsupported_grant_type (grant-type-unsupported)",
        ),
        (
            "shop",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "400 unsupported_grant_type (grant-type-unsupported)",
        ),
        (
            "shop",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "400 unsupported_grant_type (grant-type-unsupported)",
        ),
        (
            "shop",
            "Authorization_Code",
            "400 unsupported_grant_type (grant-type-unsupported)",
        ),
        ("shop", "", "400 invalid_request (grant-type-missing)"),
        (
            "shop",
            "client_credentials",
            "400 unauthorized_client (grant-type-not-allowed)",
        ),
        (
            "kiosk",
            "client_credentials",
            "400 unauthorized_client (grant-type-not-allowed)",
        ),
        (
            "shop",
            "refresh_token",
            "400 invalid_request (refresh-token-missing)",
        ),
        (
            NOTES_API,
            "client_credentials",
            "400 unauthorized_client (grant-type-not-allowed)",
        ),
    ] {
        let form = Form::new()
            .with("grant_type", grant_type)
            .with("username", "ada")
            .with("password", "x");
        assert_eq!(
            server.token(client, &form).await.to_string(),
            refused,
            "{client} {grant_type}"
        );
    }
    assert_eq!(server.token("robot", &own_token()).await.status, 200);
    // A registration that should never have been made is still not obeyed.
    server
        .change_client("kiosk", |kiosk| {
            kiosk
                .grant_types
                .push(safeconduct_protocol::client::GrantType::ClientCredentials);
        })
        .await;
    let answer = server.client_credentials("kiosk", "notes.read").await;
    assert_snapshot!(answer, @"400 unauthorized_client (public-client)");
}

/// Attacks: T16.
#[tokio::test]
async fn a_client_acts_for_itself_within_its_registration() {
    let server = TestServer::start().await;
    let answer = server.client_credentials("robot", "notes.read").await;
    assert_snapshot!(answer, @r#"200 {"access_token":"…","expires_in":300,"scope":"notes.read","token_type":"Bearer"}"#);
    let token = answer.tokens();
    assert!(token.refresh.is_none());
    let introspected = server.introspect(NOTES_API, &token.access).await.json();
    assert_eq!(
        introspected["sub"], "robot",
        "never a user's, which begins with u-"
    );
    assert!(introspected.get("grant_id").is_none());

    let all = server
        .token(
            "robot",
            &Form::new().with("grant_type", "client_credentials"),
        )
        .await;
    assert_eq!(all.tokens().scope, "notes.read notes.write");
    let some = server
        .client_credentials(
            "robot",
            "notes.read openid profile offline_access mail.read",
        )
        .await;
    assert_eq!(some.tokens().scope, "notes.read");
    for (scope, refused) in [
        ("mail.read", "400 invalid_scope (scope-not-registered)"),
        (
            "openid profile offline_access",
            "400 invalid_scope (scope-needs-a-person)",
        ),
        ("a\\b", "400 invalid_scope (scope-malformed)"),
    ] {
        assert_eq!(
            server.client_credentials("robot", scope).await.to_string(),
            refused
        );
    }
    let other = own_token().with("resource", "https://mail.example/api");
    assert_snapshot!(server.token("robot", &other).await, @"400 invalid_target (resource-not-allowed)");
}

/// Attacks: T21.
#[tokio::test]
async fn the_use_of_a_secret_is_noted_once_an_hour() {
    let server = TestServer::start().await;
    let form = Form::new().with("token", "x");
    let asks = async |secret: &str| {
        let credentials = basic("shop", secret);
        let answer = server.send(server.back_channel("/introspect", &credentials, &form));
        answer.await;
        let clients = server.store().clients().await.unwrap();
        let shop = clients
            .iter()
            .find(|record| record.client.id.as_str() == "shop");
        shop.unwrap().secrets[0].last_used_at
    };
    let (right, start) = (secret_of("shop"), server.now());
    assert_eq!(
        asks("a wrong one").await,
        None,
        "a stranger has nothing written"
    );
    assert_eq!(asks(&right).await, Some(start));
    server.advance(3_599);
    assert_eq!(asks(&right).await, Some(start));
    server.advance(1);
    assert_eq!(asks(&right).await, Some(server.now()));
}

/// Attacks: AD41.
#[tokio::test]
async fn an_old_secret_is_good_for_the_overlap_and_no_longer() {
    let server = TestServer::start().await;
    let (old, new) = (
        basic("shop", &secret_of("shop")),
        basic("shop", "the next secret of the shop"),
    );
    let form = Form::new().with("token", "x");
    let answers = async |credentials: &Credentials| {
        server
            .send(server.back_channel("/introspect", credentials, &form))
            .await
            .to_string()
    };
    const SERVED: &str = r#"200 {"active":false}"#;
    assert_eq!(answers(&old).await, SERVED);
    server
        .rotate_secret("shop", "the next secret of the shop", 3_600)
        .await;
    assert_eq!(
        (answers(&old).await, answers(&new).await),
        (SERVED.to_owned(), SERVED.to_owned())
    );
    server.advance(3_599);
    assert_eq!(answers(&old).await, SERVED);
    server.advance(1);
    assert_eq!(
        (answers(&old).await, answers(&new).await),
        (FAILED.to_owned(), SERVED.to_owned())
    );
}
