//! The mail address of an account: another one becomes the user's by a link that was sent there, opened by the user and confirmed; and a
//! forgotten password, from the mail on.

use safeconduct_testing_mail::{MailServer, Received};
use serde_json::{Value, json};

use crate::mail::{both, later};
use crate::recover::set;
use crate::support::{Answer, Ask, Browser, Form, TestServer};

const PAGE: &str = "200 page “Email address – Safeconduct”";
const CONFIRM: &str = "200 page “Confirm your email address – Safeconduct”";
const SIGN_IN: &str = "200 page “Sign in – Safeconduct”";
const USED: &str = "400 page (link-used)";
const OLD: &str = "ada@lovelace.example";
const NEW: &str = "ada@new.example";

impl Browser<'_> {
    /// Signs in on the way to the page of the address.
    async fn at_address(&mut self, username: &str) -> Answer {
        let page = self.open("/account/address").await;
        let page = self.sign_in(&page, username).await;
        assert_eq!(page.to_string(), PAGE);
        page
    }

    async fn change_address(&mut self, page: &Answer, typed: &str) -> Answer {
        self.post("/account/address", &form(page).with("email", typed))
            .await
    }

    async fn confirm_address(&mut self, page: &Answer) -> Answer {
        let form = form(page).with("link", &page.hidden("link"));
        self.post("/link", &form).await
    }
}

fn form(page: &Answer) -> Form {
    // The last form of the page: the first one signs out.
    let (_, csrf) = page.body.rsplit_once("name=\"csrf\" value=\"").unwrap();
    Form::new().with("csrf", csrf.split('"').next().unwrap())
}

/// The path of the link in a mail.
fn link(mail: &Received) -> String {
    let text = mail.said();
    let (_, rest) = text.split_once("https://id.example/link").unwrap();
    format!("/link{}", rest.split_whitespace().next().unwrap())
}

/// What was sent to an address, but for what tells of a sign-in.
fn sent_to(mail: &MailServer, address: &str) -> Vec<Received> {
    let mails = mail.mails().into_iter();
    let meant = mails.filter(|mail| {
        let subject = mail.header("Subject").unwrap();
        mail.to.contains(address) && !subject.starts_with("A new sign-in")
    });
    meant.collect()
}

async fn known(server: &TestServer) -> (Value, Value) {
    let store = server.server().store();
    let ada = store.user_by_name("ada").await.unwrap().unwrap().claims;
    let claim = |name| ada.claim(name).cloned().unwrap_or_default();
    (claim("email"), claim("email_verified"))
}

/// Asks for another address, and gives the link that was sent there.
async fn asked(server: &TestServer, mail: &MailServer, browser: &mut Browser<'_>) -> String {
    let page = browser.at_address("ada").await;
    let answer = browser.change_address(&page, NEW).await;
    assert_eq!(answer.to_string(), PAGE);
    assert!(answer.body.contains("id=\"sent\""), "{answer:?}");
    later(server, 3).await;
    link(&sent_to(mail, NEW)[0])
}

/// Attacks: PE64.
#[tokio::test]
async fn an_address_is_confirmed_by_its_user_and_the_old_one_is_told() {
    let (server, mail) = both().await;
    let before = server.recover("ada").await;
    let mut ada = server.browser();
    let sent = asked(&server, &mail, &mut ada).await;
    assert_eq!(known(&server).await, (json!(OLD), json!(true)), "not yet");
    let page = ada.open(&sent).await;
    assert_eq!(page.to_string(), CONFIRM);
    assert!(page.body.contains(NEW) && !page.body.contains("<script"));
    assert_eq!(known(&server).await.0, json!(OLD), "opening does nothing");
    let answer = ada.confirm_address(&page).await;
    assert_eq!(answer.to_string(), "303 /account");
    let shown = ada.follow(answer).await;
    assert!(shown.body.contains(NEW), "still signed in: {shown:?}");
    assert_eq!(known(&server).await, (json!(NEW), json!(true)));
    later(&server, 3).await;
    assert_eq!(sent_to(&mail, OLD).len(), 1);
    // Neither the same link, nor its form, nor one that was made for the old address.
    assert_eq!(ada.confirm_address(&page).await.to_string(), USED);
    assert_eq!(ada.open(&sent).await.to_string(), USED);
    assert_eq!(ada.open(&before).await.to_string(), USED);
}

/// Attacks: PE58.
#[tokio::test]
async fn a_form_of_another_site_confirms_no_address() {
    let (server, mail) = both().await;
    let mut ada = server.browser();
    let sent = asked(&server, &mail, &mut ada).await;
    let page = ada.open(&sent).await;
    let posted = form(&page).with("link", &page.hidden("link"));
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("origin", "https://evil.example")],
        &[],
    ] {
        let answer = ada.post_from("/link", &posted, headers).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert_eq!(known(&server).await.0, json!(OLD));
    let answer = ada.confirm_address(&page).await;
    assert_eq!(answer.to_string(), "303 /account");
}

/// Attacks: PE59, PE64.
#[tokio::test]
async fn who_reads_the_mail_alone_confirms_nothing() {
    let (server, mail) = both().await;
    let mut ada = server.browser();
    let sent = asked(&server, &mail, &mut ada).await;
    let of_ada = ada.open(&sent).await;
    let mut scanner = server.browser();
    assert_eq!(scanner.open(&sent).await.to_string(), SIGN_IN);
    let answer = scanner.confirm_address(&of_ada).await;
    assert_eq!(answer.to_string(), SIGN_IN);
    let mut eve = server.browser();
    eve.at_address("eve").await;
    let another = "400 page (link-of-another-user)";
    assert_eq!(eve.open(&sent).await.to_string(), another);
    let own = eve.open("/account/address").await;
    let form = form(&own).with("link", &of_ada.hidden("link"));
    assert_eq!(eve.post("/link", &form).await.to_string(), another);
    // Another sign-in of hers, from whose page the form is not.
    let mut elsewhere = server.browser();
    elsewhere.at_address("ada").await;
    let answer = elsewhere.confirm_address(&of_ada).await;
    assert_eq!(answer.to_string(), "303 /link");
    let form = self::form(&of_ada).with("link", &of_ada.hidden("link"));
    let cross_site = [("sec-fetch-site", "cross-site")];
    assert_eq!(ada.post_from("/link", &form, &cross_site).await.status, 403);
    assert_eq!(known(&server).await.0, json!(OLD));
    server.advance(3600);
    let late = ada.confirm_address(&of_ada).await;
    assert_eq!(late.to_string(), "400 page (link-expired)");
}

/// A link that sets a password confirms no address, and the other way round: what is typed beside it is not looked at.
/// Attacks: PE59.
#[tokio::test]
async fn a_link_is_good_for_its_purpose_alone() {
    let (server, mail) = both().await;
    let mut ada = server.browser();
    let sent = asked(&server, &mail, &mut ada).await;
    let page = ada.open(&sent).await;
    let passwords = form(&page)
        .with("link", &page.hidden("link"))
        .with("password", "seven small boats at noon")
        .with("again", "seven small boats at noon");
    ada.post("/link", &passwords).await;
    let mut elsewhere = server.browser();
    let page = elsewhere.authorize(&Ask::of("portal")).await;
    assert!(elsewhere.sign_in(&page, "ada").await.has_code());
}

#[tokio::test]
async fn a_change_asks_for_an_address_and_a_fresh_sign_in() {
    let (server, mail) = both().await;
    let mut ada = server.browser();
    let page = ada.at_address("ada").await;
    for typed in [
        "",
        "ada",
        "a@b.example,c@d.example",
        "ada@new.example\nBcc: x@y.example",
    ] {
        let answer = ada.change_address(&page, typed).await;
        assert_eq!(answer.status, 400, "{typed}");
        assert!(answer.body.contains("id=\"email-problem\""), "{answer:?}");
    }
    let stale = Form::new().with("csrf", "x").with("email", NEW);
    let answer = ada.post("/account/address", &stale).await;
    assert_eq!(answer.to_string(), "303 /account/address");
    server.advance(301);
    let answer = ada.change_address(&page, NEW).await;
    assert!(answer.body.contains("id=\"password\""), "{answer:?}");
    later(&server, 3).await;
    assert!(sent_to(&mail, "@").is_empty());
}

/// Attacks: PE64.
#[tokio::test]
async fn a_password_is_recovered_by_mail_at_the_address_that_is_known_when_it_is_sent() {
    let (server, mail) = both().await;
    let asked = Form::new().with("account", "ada");
    server.browser().post("/recover", &asked).await;
    set(
        &server,
        "ada",
        &[("email", json!(NEW)), ("email_verified", json!(true))],
    )
    .await;
    later(&server, 3).await;
    assert!(mail.mails().is_empty(), "nobody reads the old one");
    server.browser().post("/recover", &asked).await;
    later(&server, 3).await;
    let mut ada = server.browser();
    let page = ada.open(&link(&sent_to(&mail, NEW)[0])).await;
    let password = "seven small boats at noon";
    let form = Form::new()
        .with("link", &page.hidden("link"))
        .with("password", password)
        .with("again", password);
    let answer = ada.post("/link", &form).await;
    assert_eq!(answer.to_string(), "303 /account");
    later(&server, 3).await;
    assert_eq!(sent_to(&mail, NEW).len(), 2, "told of the change");
}

#[tokio::test]
async fn who_asks_too_often_keeps_the_form_and_is_told_how_long_to_wait() {
    let (server, _) = both().await;
    let mut ada = server.browser();
    let page = ada.at_address("ada").await;
    let another = "ada@third.example";
    for _ in 0..3 {
        assert_eq!(ada.change_address(&page, NEW).await.to_string(), PAGE);
    }
    // No more mails go to one address within an hour, and the page does not say that one is on its way.
    let answer = ada.change_address(&page, NEW).await;
    waits(&answer, NEW, "3600");
    assert_eq!(ada.change_address(&page, another).await.to_string(), PAGE);
    let answer = ada.change_address(&page, another).await;
    waits(&answer, another, "60");
    server.advance(61);
    assert_eq!(ada.change_address(&page, another).await.to_string(), PAGE);
}

/// Asserts that no link was sent to the address, which stands in the form again.
fn waits(answer: &Answer, address: &str, seconds: &str) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.header("retry-after"), seconds);
    let typed = format!("value=\"{address}\"");
    assert!(answer.body.contains(&typed), "{answer:?}");
    assert!(!answer.body.contains("on its way"), "{answer:?}");
}
