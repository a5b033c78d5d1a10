//! Pages that refuse a request which this server sealed lead back to its client; all others name nobody.

use safeconduct_protocol::error::REGISTRY;

use crate::support::{Answer, Ask, Browser, Form, TestServer};

/// Where "shop" and "circle" have their front page.
const FRONT_PAGE: &str = "https://shop.example/";

/// Asserts that this is the refusal `name`, and that the page leads back to the client.
fn leads_back(answer: &Answer, name: &str) {
    assert_eq!(answer.to_string(), format!("400 page ({name})"));
    let link = format!("id=\"way-back\" href=\"{FRONT_PAGE}\"");
    assert!(answer.body.contains(&link), "{answer:?}");
}

/// Asserts that the page names no client; it leads to the front page, as every refusal does that proves none.
fn leads_nowhere(answer: &Answer) {
    assert!(!answer.body.contains("way-back"), "{answer:?}");
    let prefix = answer.body.split_once("action=\"").unwrap().1;
    let (prefix, _) = prefix.split_once("/language\"").unwrap();
    let link = format!("id=\"front-page\" href=\"{prefix}/\"");
    assert!(answer.body.contains(&link), "{answer:?}");
}

/// Chooses German at the foot of a page that refuses, by the field `by`.
async fn in_german(browser: &mut Browser<'_>, page: &Answer, by: &str) -> Answer {
    let form = Form::new()
        .with(by, &page.hidden(by))
        .with("language", "de");
    let answer = browser.post("/language", &form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    browser.follow(answer).await
}

/// The name of a refusal, on its page in German.
fn refused_in_german(page: &Answer) -> &str {
    assert_eq!(page.header("content-language"), "de");
    let (_, name) = page.body.split_once("id=\"error-code\">").unwrap();
    name.split_once('<').unwrap().0
}

#[tokio::test]
async fn a_request_that_is_refused_says_the_same_in_another_language() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop").with("ui_locales", "fr");
    let pushed = ask.pushed_as(&server.push(&ask).await);
    let page = ada.authorize(&pushed).await;
    assert!(ada.allow(&page).await.has_code());
    let foreign = ask.clone().with("redirect_uri", "https://evil.example/");
    let unknown = ask
        .with("client_id", "ghost")
        .with("client_secret", "60481729");
    for (ask, name, proven) in [
        (&pushed, "pushed-request-used", true),
        (&foreign, "redirect-uri-not-registered", false),
        (&unknown, "client-unknown", false),
    ] {
        let page = ada.authorize(ask).await;
        let arrival = page.hidden("arrival");
        assert!(arrival.starts_with("sc_po_"), "{arrival}");
        let again = in_german(&mut ada, &page, "arrival").await;
        assert_eq!(refused_in_german(&again), name);
        assert_eq!(again.body.contains("id=\"way-back\""), proven, "{again:?}");
        // What was received is told as before, and a secret as little.
        assert_eq!(
            again.body.contains("evil.example"),
            name == "redirect-uri-not-registered"
        );
        assert!(!again.body.contains("60481729"), "{again:?}");
        // Chosen once more, the request has not grown.
        let once_more = in_german(&mut ada, &again, "arrival").await;
        assert_eq!(
            once_more.hidden("arrival").len(),
            again.hidden("arrival").len()
        );
    }
}

/// Attacks: L03.
#[tokio::test]
async fn a_form_that_is_refused_says_the_same_in_another_language_without_what_was_typed() {
    let server = TestServer::start().await;
    let page = server.browser().authorize(&Ask::of("shop")).await;
    let mut other = server.sign_in("ada").await;
    let refused = other.guess(&page, "ada", "60481729").await;
    leads_back(&refused, "pending-request-from-another-browser");
    let again = in_german(&mut other, &refused, "arrival").await;
    assert_eq!(
        refused_in_german(&again),
        "pending-request-from-another-browser"
    );
    assert!(again.body.contains(FRONT_PAGE), "{again:?}");
    assert!(!again.body.contains("60481729") && !again.body.contains(&page.hidden("pending")));
    // What is no sealed request of ours asks for nothing again.
    for arrival in ["", "x", &page.hidden("pending")] {
        let form = Form::new().with("arrival", arrival).with("language", "de");
        let answer = other.post("/language", &form).await;
        let led = match arrival {
            "" => "303 /",
            _ => "400 page (pending-request-not-recognised)",
        };
        assert_eq!(answer.to_string(), led, "{arrival}");
    }
}

#[tokio::test]
async fn a_page_that_refuses_leads_to_its_entry_of_the_errors_reference() {
    let server = TestServer::start_at("https://id.example/tenant").await;
    let mut browser = server.browser();
    let refused = browser.get("/tenant/nowhere").await;
    leads_nowhere(&refused);
    let link = "id=\"error-entry\" href=\"/tenant/errors/not-found\"";
    assert!(refused.body.contains(link), "{refused:?}");
    // Its own address says whatever was asked for: the entry is what is read in another language.
    let entry = in_german(&mut browser, &refused, "back").await;
    assert_eq!(entry.header("content-language"), "de");
    assert!(
        entry.body.contains("<h1><code>not-found</code></h1>"),
        "{entry:?}"
    );
    assert!(
        entry
            .body
            .contains("<code>/.well-known/oauth-authorization-server</code>"),
        "{entry:?}"
    );
    for entry in &REGISTRY {
        let page = browser.get(&format!("/tenant/errors/{}", entry.name)).await;
        assert_eq!(page.status, 200, "{}", entry.name);
    }
    for name in ["no-such-name", "Not-Found", "..%2f", "%ff", "not-found/"] {
        let page = browser.get(&format!("/tenant/errors/{name}")).await;
        assert_eq!(page.to_string(), "404 page (not-found)", "{name}");
    }
}

/// Each of the ways into a page that is over, or never was: what leads on is what the sealed request proves, or the front page.
#[tokio::test]
async fn no_page_that_refuses_is_a_dead_end() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    for (path, name) in [
        ("/nowhere", "404 page (not-found)"),
        ("/assets/nothing.css", "404 page (not-found)"),
        ("/errors/nothing", "404 page (not-found)"),
        ("/login", "405 page (form-reopened)"),
        ("/account/sessions/end", "405 page (form-reopened)"),
        ("/link?link=x", "400 page (link-not-recognised)"),
    ] {
        let answer = browser.open(path).await;
        assert_eq!(answer.to_string(), name, "{path}");
        leads_nowhere(&answer);
    }
    let answer = browser.post("/errors/not-found", &Form::new()).await;
    assert_eq!(answer.to_string(), "405 page (method-not-allowed)");
    leads_nowhere(&answer);
    // Who is signed in finds the account there.
    let mut ada = server.sign_in("ada").await;
    assert!(ada.open("/").await.body.contains("id=\"account-link\""));

    // Back after a sign-in that is finished, before its code is redeemed and after.
    let page = ada.authorize(&Ask::of("shop")).await;
    let back = format!("/authorize?pending={}", page.hidden("pending"));
    let ask = Ask::of("shop");
    let page = ada.authorize(&ask).await;
    let pending = page.hidden("pending");
    let code = ada.allow(&page).await.code(&ask);
    let form = Form::new().with("pending", &pending);
    server.exchange(&code).await.tokens();
    let reopened = format!("/authorize?pending={pending}");
    for answer in [
        ada.get(&reopened).await,
        ada.post("/consent", &form.clone().with("decision", "allow"))
            .await,
    ] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer
                .body
                .contains(&format!("id=\"way-back\" href=\"{FRONT_PAGE}\""))
        );
    }
    // An older page of the same browser goes on.
    assert!(ada.get(&back).await.has_code());
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
