//! Signing out: who wants to can, nobody else can make them, and what rested on the session is over.

use insta::assert_snapshot;
use rstest::rstest;

use crate::support::{Ask, Form, TestServer};

const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";

#[tokio::test]
async fn signing_out_ends_the_session_and_its_cookie() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let elsewhere = server.sign_in("ada").await;
    let before = ada.clone();
    let answer = ada.sign_out().await;
    assert_snapshot!(answer, @"303 /signed-out");
    assert_eq!(
        answer.cookies(),
        ["__Host-sc-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"]
    );
    assert_eq!(
        ada.follow(answer).await.to_string(),
        "200 page “You are signed out – Safeconduct”"
    );

    for mut browser in [ada, before] {
        assert_eq!(
            browser.authorize(&Ask::of("portal")).await.to_string(),
            SIGN_IN
        );
    }
    assert!(
        elsewhere
            .clone()
            .authorize(&Ask::of("portal"))
            .await
            .has_code(),
        "her other browser is signed in"
    );
}

#[tokio::test]
async fn a_link_signs_nobody_out() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.get("/logout").await;
    assert!(
        page.body.contains("<bdi>ada</bdi>") && page.body.contains("id=\"logout-yes\""),
        "{page:?}"
    );
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    let mut nobody = server.browser();
    assert_eq!(nobody.get("/logout").await.to_string(), "303 /signed-out");
}

#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")])]
#[case::same_site(&[("sec-fetch-site", "same-site")])]
#[case::another_origin(&[("origin", "https://evil.example")])]
#[case::nothing(&[])]
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_out(#[case] headers: &[(&str, &str)]) {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let form = Form::new().with("csrf", &ada.get("/logout").await.hidden("csrf"));
    let answer = ada.post_from("/logout/confirm", &form, headers).await;
    assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    assert_eq!(ada.sign_out().await.to_string(), "303 /signed-out");
}

#[tokio::test]
async fn the_form_carries_what_only_this_browser_can_make() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let mut bob = server.sign_in("bob").await;
    let his = bob.get("/logout").await.hidden("csrf");
    let session = ada.session().1;
    for csrf in [his.as_str(), "", "x", &session] {
        let answer = ada.post("/logout/confirm", &Form::new().with("csrf", csrf)).await;
        assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    }
    assert!(ada.authorize(&Ask::of("portal")).await.has_code());
    assert!(
        !ada.get("/logout").await.body.contains(&session),
        "the page does not say the cookie"
    );
}

#[tokio::test]
async fn the_front_page_knows_who_is_there() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.get("/").await;
    assert!(page.body.contains("<bdi>ada</bdi>"), "{page:?}");
    let answer = ada
        .post("/logout/confirm", &Form::new().with("csrf", &page.hidden("csrf")))
        .await;
    assert_eq!(answer.to_string(), "303 /signed-out");
    let page = ada.get("/").await;
    assert!(
        !page.body.contains("ada") && !page.body.contains("logout-form"),
        "{page:?}"
    );
}

#[tokio::test]
async fn who_is_signed_out_may_sign_out_again() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    server.end_sessions("ada").await;
    let answer = ada.post("/logout/confirm", &Form::new()).await;
    assert!(
        answer.to_string() == "303 /signed-out" || answer.status == 403,
        "{answer:?}"
    );
    assert_eq!(
        server
            .browser()
            .post("/logout/confirm", &Form::new())
            .await
            .to_string(),
        "303 /signed-out"
    );
    assert_eq!(ada.get("/logout").await.to_string(), "303 /signed-out");
}
