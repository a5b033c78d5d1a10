//! The question to the person: when it is asked, what it says, and whose answer counts.

use rstest::rstest;
use safeconduct_protocol::client::ConsentPolicy;

use crate::support::{Answer, Ask, CALLBACK, Form, MAIL, NOTES, STATE, TestServer};

fn is_consent(answer: &Answer) -> bool {
    answer.body.contains("id=\"consent-allow\"")
}

/// Attacks: G03.
#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_it_leads() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada
        .authorize(&Ask::of("shop").scope("notes.read notes.write offline_access"))
        .await;
    assert_eq!(page.to_string(), "200 page “Allow The shop? – Safeconduct”");
    for said in [
        "<bdi>The shop</bdi>",
        "<bdi>shop.example</bdi>",
        "<bdi>ada</bdi>",
        "<bdi>Notes</bdi>",
        NOTES,
        "Read your notes",
        "Change your notes",
        "Keep access while you are not using the app",
        "id=\"consent-allow\" type=\"submit\" name=\"decision\" value=\"allow\"",
        "id=\"consent-deny\" type=\"submit\" name=\"decision\" value=\"deny\"",
    ] {
        assert!(page.body.contains(said), "{said}: {page:?}");
    }
}

#[tokio::test]
async fn an_answer_is_remembered_for_this_person_client_and_api() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    ada.code(&Ask::of("mailer")).await;
    assert!(
        ada.authorize(&Ask::of("mailer")).await.has_code(),
        "asked once"
    );
    assert!(
        server
            .sign_in("ada")
            .await
            .authorize(&Ask::of("mailer"))
            .await
            .has_code(),
        "in any browser of hers"
    );

    assert!(
        is_consent(
            &server
                .sign_in("bob")
                .await
                .authorize(&Ask::of("mailer"))
                .await
        ),
        "another person"
    );
    assert!(
        is_consent(&ada.authorize(&Ask::of("shop")).await),
        "another client"
    );
    assert!(
        is_consent(&ada.authorize(&Ask::of("mailer").scope("mail.read")).await),
        "another API"
    );
    ada.code(&Ask::of("mailer").scope("mail.read")).await;
    assert!(
        ada.authorize(&Ask::of("mailer").scope("mail.read").with("resource", MAIL))
            .await
            .has_code()
    );
    assert!(
        ada.authorize(&Ask::of("mailer")).await.has_code(),
        "and the first answer stands"
    );
}

#[tokio::test]
async fn a_wider_request_asks_for_what_is_new() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    ada.code(&Ask::of("shop")).await;
    let wider = Ask::of("shop").scope("notes.read notes.write");
    let page = ada.authorize(&wider).await;
    let (asked, allowed) = page.body.split_once("You have already allowed").unwrap();
    assert!(
        asked.contains("Change your notes") && !asked.contains("Read your notes"),
        "{page:?}"
    );
    assert!(allowed.contains("Read your notes"), "{page:?}");
    assert!(ada.allow(&page).await.has_code());
    assert!(ada.authorize(&wider).await.has_code());
    assert!(
        ada.authorize(&Ask::of("shop").scope("notes.write"))
            .await
            .has_code(),
        "a part of it is not asked again"
    );
}

#[tokio::test]
async fn a_no_goes_back_to_the_client_and_is_not_remembered() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    let answer = ada.deny(&page).await;
    let expected = format!(
        "303 {CALLBACK} error=access_denied (consent-denied) state={STATE} iss=https://id.example"
    );
    assert_eq!(answer.to_string(), expected);
    assert!(server.consents("ada").await.is_empty());
    assert!(is_consent(&ada.authorize(&Ask::of("shop")).await));
    assert!(
        ada.allow(&page).await.has_code(),
        "Back, and another answer"
    );
}

#[tokio::test]
async fn who_is_asked_is_the_clients_policy() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    for _ in 0..2 {
        assert!(
            ada.authorize(&Ask::of("portal").scope("notes.read notes.write"))
                .await
                .has_code(),
            "never"
        );
        let page = ada.authorize(&Ask::of("bank")).await;
        assert!(is_consent(&page), "always");
        assert!(ada.allow(&page).await.has_code());
    }
    assert!(server.consents("ada").await.is_empty());
    // A policy that turns stricter holds at once, and forgets nothing.
    ada.code(&Ask::of("shop")).await;
    server
        .change_client("shop", |shop| shop.consent = ConsentPolicy::Always)
        .await;
    assert!(is_consent(&ada.authorize(&Ask::of("shop")).await));
}

/// Attacks: R21.
#[rstest]
#[case::private_scheme("com.example.phone:/callback")]
#[case::loopback("http://127.0.0.1:51004/callback")]
#[tokio::test]
async fn an_app_on_the_device_is_asked_about_every_time(#[case] redirect_uri: &str) {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("phone").with("redirect_uri", redirect_uri);
    for _ in 0..2 {
        let page = ada.authorize(&ask).await;
        assert!(
            is_consent(&page),
            "any app can borrow its name (RFC 8252 §8.6)"
        );
        assert!(ada.allow(&page).await.has_code());
    }
    assert!(server.consents("ada").await.is_empty());
    // A public client on the web can prove where it is, and is remembered.
    ada.code(&Ask::of("kiosk")).await;
    assert!(ada.authorize(&Ask::of("kiosk")).await.has_code());
}

/// Attacks: L02.
#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")], "cross-site-form")]
#[case::same_site(&[("sec-fetch-site", "same-site")], "cross-site-form")]
#[case::another_origin(&[("origin", "https://evil.example")], "cross-site-form")]
#[case::nothing(&[], "form-origin-unknown")]
#[tokio::test]
async fn a_form_of_another_site_allows_nothing(
    #[case] headers: &[(&str, &str)],
    #[case] refused: &str,
) {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    let form = Form::new()
        .with("pending", &page.hidden("pending"))
        .with("decision", "allow");
    assert_eq!(
        ada.post_from("/consent", &form, headers).await.to_string(),
        format!("403 page ({refused})")
    );
    assert!(server.consents("ada").await.is_empty());
    assert!(ada.allow(&page).await.has_code());
}

/// Attacks: L04.
#[tokio::test]
async fn only_who_was_asked_can_answer() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    // Two tabs: in one ada is asked, in the other bob signs in.
    let asked = browser.authorize(&Ask::of("shop")).await;
    let tab = browser.authorize(&Ask::of("bank")).await;
    let tab = browser
        .post(
            "/login/switch",
            &Form::new().with("pending", &tab.hidden("pending")),
        )
        .await;
    browser.sign_in(&tab, "bob").await;

    let refused = "400 page (pending-request-from-another-session)";
    assert_eq!(browser.allow(&asked).await.to_string(), refused);
    assert_eq!(
        browser.deny(&asked).await.to_string(),
        refused,
        "nor is a no of his hers"
    );
    assert!(server.consents("ada").await.is_empty() && server.consents("bob").await.is_empty());
    // What the tab shows after a reload is bob's own question.
    let reloaded = browser
        .get(&format!("/authorize?pending={}", asked.hidden("pending")))
        .await;
    assert!(
        is_consent(&reloaded) && reloaded.body.contains("<bdi>bob</bdi>"),
        "{reloaded:?}"
    );
    assert!(browser.allow(&reloaded).await.has_code());
    assert!(server.consents("ada").await.is_empty());
}

#[tokio::test]
async fn a_question_outlives_a_new_sign_in_of_the_same_person() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let asked = ada.authorize(&Ask::of("shop")).await;
    let tab = ada.authorize(&Ask::of("bank")).await;
    let tab = ada
        .post(
            "/login/switch",
            &Form::new().with("pending", &tab.hidden("pending")),
        )
        .await;
    ada.sign_in(&tab, "ada").await;
    assert!(ada.allow(&asked).await.has_code());
}

#[tokio::test]
async fn who_is_signed_out_has_nothing_to_answer() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    ada.sign_out().await;
    assert_eq!(
        ada.allow(&page).await.to_string(),
        "400 page (pending-request-signed-out)"
    );
    let reloaded = ada
        .get(&format!("/authorize?pending={}", page.hidden("pending")))
        .await;
    let consent = ada.sign_in(&reloaded, "ada").await;
    assert!(
        ada.allow(&consent).await.has_code(),
        "a reload asks who they are and goes on"
    );
}

#[tokio::test]
async fn a_form_that_was_never_a_question_allows_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let login = ada.authorize(&Ask::of("shop")).await;
    let consent = ada.sign_in(&login, "ada").await;
    assert_eq!(
        ada.allow(&login).await.to_string(),
        "400 page (pending-request-not-due)"
    );
    assert!(ada.allow(&consent).await.has_code());
}

#[tokio::test]
async fn an_answer_is_yes_or_no() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    let form = Form::new().with("pending", &page.hidden("pending"));
    for (form, name) in [
        (form.clone(), "decision-missing"),
        (form.clone().with("decision", "Allow"), "decision-missing"),
        (form.clone().with("decision", "yes"), "decision-missing"),
        (
            form.clone()
                .with("decision", "deny")
                .and("decision", "allow"),
            "parameter-repeated",
        ),
        (
            form.clone().with("decision", "allow").and("pending", "x"),
            "parameter-repeated",
        ),
    ] {
        assert_eq!(
            ada.post("/consent", &form).await.to_string(),
            format!("400 page ({name})")
        );
    }
    assert!(server.consents("ada").await.is_empty());
    assert!(ada.allow(&page).await.has_code());
}

/// Attacks: L27.
#[tokio::test]
async fn what_was_answered_stays_answered() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let ask = Ask::of("shop");
    let page = ada.authorize(&ask).await;
    let link = format!("/authorize?pending={}", page.hidden("pending"));
    // A double click makes two codes of one request; see `code` for what they buy.
    let (first, second) = (ada.allow(&page).await, ada.allow(&page).await);
    assert!(first.has_code() && second.has_code() && first.location() != second.location());

    let tokens = server.exchange(&first.code(&ask)).await.tokens();
    let answered = "200 page “You have already answered – Safeconduct”";
    assert_eq!(
        ada.allow(&page).await.to_string(),
        answered,
        "Back and Allow"
    );
    assert_eq!(
        ada.deny(&page).await.to_string(),
        answered,
        "Back and Don't allow"
    );
    assert_eq!(
        ada.get(&link).await.to_string(),
        answered,
        "Back and reload"
    );
    assert!(server.is_active(&tokens.access).await);
}

#[tokio::test]
async fn withdrawn_consent_is_asked_for_again() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    ada.code(&Ask::of("shop")).await;
    server.withdraw_consent("ada", "shop").await;
    let page = ada.authorize(&Ask::of("shop")).await;
    assert!(is_consent(&page) && !page.body.contains("You have already allowed"));

    // Withdrawn while the page stands open: the answer that comes after it is a new one, and counts.
    server.withdraw_consent("ada", "shop").await;
    let ask = Ask::of("shop");
    let page = ada.authorize(&ask).await;
    let tokens = server
        .exchange(&ada.allow(&page).await.code(&ask))
        .await
        .tokens();
    assert!(server.is_active(&tokens.access).await);
}

#[tokio::test]
async fn two_tabs_that_ask_for_different_things_are_both_remembered() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let read = ada.authorize(&Ask::of("shop").scope("notes.read")).await;
    let write = ada.authorize(&Ask::of("shop").scope("notes.write")).await;
    assert!(ada.allow(&read).await.has_code());
    assert!(ada.allow(&write).await.has_code());
    assert!(
        ada.authorize(&Ask::of("shop").scope("notes.read notes.write"))
            .await
            .has_code()
    );
}

#[tokio::test]
async fn another_account_may_be_used_instead() {
    let server = TestServer::start().await;
    let mut browser = server.sign_in("ada").await;
    let ask = Ask::of("shop");
    let page = browser.authorize(&ask).await;
    let page = browser
        .post(
            "/login/switch",
            &Form::new().with("pending", &page.hidden("pending")),
        )
        .await;
    let page = browser.sign_in(&page, "bob").await;
    let code = browser.allow(&page).await.code(&ask);
    let tokens = server.exchange(&code).await.tokens();
    let introspected = server.introspect("notes-api", &tokens.access).await.json();
    assert_eq!(introspected["sub"], server.user("bob").await.as_str());
    assert!(server.consents("ada").await.is_empty());
}
