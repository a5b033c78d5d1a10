//! Pages that refuse a request which this server sealed lead back to its client; all others name nobody.

use crate::support::{Answer, Ask, Form, TestServer};

/// Where "shop" and "circle" have their front page.
const FRONT_PAGE: &str = "https://shop.example/";

/// Asserts that this is the refusal `name`, and that the page leads back to the client.
fn leads_back(answer: &Answer, name: &str) {
    assert_eq!(answer.to_string(), format!("400 page ({name})"));
    let link = format!("id=\"way-back\" href=\"{FRONT_PAGE}\"");
    assert!(answer.body.contains(&link), "{answer:?}");
}

fn leads_nowhere(answer: &Answer) {
    assert!(!answer.body.contains("way-back"), "{answer:?}");
}

#[tokio::test]
async fn an_expired_sign_in_leads_back_to_the_app() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    let pending = page.hidden("pending");
    server.advance(15 * 60 + 1);
    let reopened = format!("/authorize?pending={pending}");
    leads_back(&browser.get(&reopened).await, "pending-request-expired");
    leads_back(
        &browser.sign_in(&page, "ada").await,
        "pending-request-expired",
    );
    let form = Form::new().with("pending", &pending);
    for path in ["/login/switch", "/login/continue", "/consent"] {
        leads_back(&browser.post(path, &form).await, "pending-request-expired");
    }
    // The app begins again, in the same browser.
    let page = browser.authorize(&Ask::of("portal")).await;
    assert!(browser.sign_in(&page, "ada").await.has_code());
}

/// Attacks: L03.
#[tokio::test]
async fn another_browsers_form_leads_back_to_the_app_and_no_further() {
    let server = TestServer::start().await;
    let page = server.browser().authorize(&Ask::of("shop")).await;
    let mut other = server.sign_in("ada").await;
    let answer = other.sign_in(&page, "ada").await;
    leads_back(&answer, "pending-request-from-another-browser");
    let answer = server.browser().sign_in(&page, "ada").await;
    leads_back(&answer, "pending-request-without-cookie");
    // Neither the sealed request nor anything of the other browser's is on the page.
    assert!(!answer.body.contains(&page.hidden("pending")), "{answer:?}");
    assert!(!answer.body.contains("callback"), "{answer:?}");
}

#[tokio::test]
async fn back_after_a_pushed_request_leads_back_to_the_app() {
    let server = TestServer::start().await;
    let ask = Ask::of("shop");
    let pushed = ask.pushed_as(&server.push(&ask).await);
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&pushed).await;
    assert!(ada.allow(&page).await.has_code());
    leads_back(&ada.authorize(&pushed).await, "pushed-request-used");

    let late = ask.pushed_as(&server.push(&ask).await);
    server.advance(60);
    leads_back(&ada.authorize(&late).await, "pushed-request-expired");
    // Another client that brings it is told nothing of whose it is.
    let stolen = late.with("client_id", "kiosk");
    let answer = ada.authorize(&stolen).await;
    assert_eq!(
        answer.to_string(),
        "400 page (pushed-request-not-recognised)"
    );
    leads_nowhere(&answer);
}

#[tokio::test]
async fn a_client_that_is_gone_is_not_led_back_to() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    let mut neighbour = server.browser();
    let its_page = neighbour.authorize(&Ask::of("shop")).await;
    server.advance(15 * 60 + 1);
    let answer = neighbour.sign_in(&its_page, "ada").await;
    leads_back(&answer, "pending-request-expired");
    server.disable_client("shop").await;
    let answer = browser.sign_in(&page, "ada").await;
    assert_eq!(answer.to_string(), "400 page (pending-request-expired)");
    leads_nowhere(&answer);
}

#[tokio::test]
async fn what_was_never_ours_leads_nowhere() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("shop")).await;
    let mut pending = page.hidden("pending");
    pending.pop();
    let answer = browser.get(&format!("/authorize?pending={pending}")).await;
    assert_eq!(
        answer.to_string(),
        "400 page (pending-request-not-recognised)"
    );
    leads_nowhere(&answer);
    let foreign = Ask::of("shop").with("redirect_uri", "https://evil.example/");
    leads_nowhere(&browser.authorize(&foreign).await);
    // A form from another site is refused before anything in it is read.
    let form = Form::new().with("pending", &page.hidden("pending"));
    let answer = browser
        .post_from("/login", &form, &[("sec-fetch-site", "cross-site")])
        .await;
    assert_eq!(answer.to_string(), "403 page (cross-site-form)");
    leads_nowhere(&answer);
    assert_eq!(browser.sign_in(&page, "ada").await.status, 200);
}

#[tokio::test]
async fn a_form_that_is_reopened_by_its_address_says_so() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    for path in [
        "/login",
        "/login/continue",
        "/login/switch",
        "/consent",
        "/logout/confirm",
    ] {
        let answer = server.get(&format!("/tenant{path}")).await;
        assert_eq!(answer.to_string(), "405 page (form-reopened)", "{path}");
        assert_eq!(answer.header("allow"), "POST", "{path}");
    }
    let answer = server.get("/tenant/token").await;
    assert_eq!(
        answer.to_string(),
        "405 invalid_request (method-not-allowed)"
    );
}
