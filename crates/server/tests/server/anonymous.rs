//! What nobody in particular sends: it may cost time, and never a row.

use axum::body::Body;
use axum::extract::Request;
use safeconduct_protocol::pushed_request::REQUEST_URI;

use crate::support::{Ask, Code, Credentials, Form, TestServer, assertion, proof_key, with_proof};

/// How many of each kind are sent; twenty kinds, so more than ten thousand in all.
const MANY: usize = 600;

/// Attacks: C10, Z02.
#[tokio::test]
async fn ten_thousand_requests_of_strangers_write_nothing() {
    let server = TestServer::start().await;
    let spent = server.code("ada", &Ask::of("kiosk")).await;
    server.exchange(&spent).await.tokens();
    let before = (server.rows(), server.dump());

    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    let ask = Ask::of("shop");
    let authorize = format!("/authorize?{}", ask.form.encode());
    let resume = format!("/authorize?pending={}", page.hidden("pending"));
    let form = Form::new().with("pending", &page.hidden("pending"));
    let broken = Code::of(&ask, "sc_code_x".to_owned());
    let silent = format!("{authorize}&prompt=none");
    let guessed = format!("/authorize?client_id=shop&request_uri={REQUEST_URI}x");
    let public = Ask::of("circle").scope("openid");
    let key = proof_key();
    for _ in 0..MANY {
        server.get(&authorize).await;
        browser.get(&resume).await;
        server.browser().post("/authorize", &ask.form).await;
        server
            .get("/authorize?client_id=nobody&redirect_uri=https%3A%2F%2Fevil.example")
            .await;
        // Without a password, so that it is the write that is tested and not the hashing.
        browser
            .post("/login", &form.clone().with("username", "ada"))
            .await;
        browser
            .post("/consent", &form.clone().with("decision", "allow"))
            .await;
        browser.post("/logout", &Form::new()).await;
        browser.post("/logout/confirm", &Form::new()).await;
        server
            .token_with(&Credentials::Id("kiosk".to_owned()), &broken.exchange())
            .await;
        server
            .token_with(
                &Credentials::Basic("shop".to_owned(), "wrong".to_owned()),
                &broken.exchange(),
            )
            .await;
        server
            .token_with(
                &Credentials::Assertion("a.b.c".to_owned()),
                &broken.exchange(),
            )
            .await;
        server.get(&silent).await;
        server.get(&guessed).await;
        // Anybody can push in the name of a client without credentials, and prove a key that they have just made.
        assert_eq!(server.push(&public).await.status, 201);
        let proof = server.prove(&key, "POST", "/par", None);
        let proven = with_proof(server.push_request(&public), &proof);
        assert_eq!(server.send(proven).await.status, 201);
        server
            .token_proving(&key, "kiosk", &broken.exchange())
            .await;
        server.userinfo("x.y.z").await;
        server.userinfo_proving(&key, "x.y.z").await;
        for path in ["/introspect", "/revoke"] {
            let request = server.back_channel(
                path,
                &Credentials::Id("kiosk".to_owned()),
                &Form::new().with("token", "x"),
            );
            server.send(request).await;
        }
    }
    assert_eq!((server.rows(), server.dump()), before);
}

/// Attacks: Z02.
#[tokio::test]
async fn nor_do_wrong_passwords_and_forged_assertions() {
    let server = TestServer::start().await;
    let before = (server.rows(), server.dump());
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    for number in 0..20 {
        browser.guess(&page, "ada", "wrong").await;
        browser
            .guess(&page, &format!("nobody-{number}"), "wrong")
            .await;
        let expired = assertion("robot", server.issuer(), server.now().plus(-600));
        server
            .token_with(
                &Credentials::Assertion(expired),
                &Form::new().with("grant_type", "client_credentials"),
            )
            .await;
        let request = Request::get("/").header(
            "cookie",
            format!("__Host-sc-session-IKabd8GB={}", "A".repeat(43)),
        );
        server.send(request.body(Body::empty()).unwrap()).await;
    }
    assert_eq!((server.rows(), server.dump()), before);
}

/// Attacks: F12, F15.
#[tokio::test]
async fn a_grant_takes_one_row_however_often_it_is_used() {
    let server = TestServer::start().await;
    let mut tokens = server.tokens("ada", &Ask::of("shop")).await;
    let before = server.rows();
    for _ in 0..50 {
        tokens = server.refresh("shop", &tokens).await.tokens();
        assert!(server.is_active(&tokens.access).await);
    }
    assert_eq!(server.rows(), before);
    assert_eq!(before["grants"], 1);
}
