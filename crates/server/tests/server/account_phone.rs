//! The page of the telephone number: changed behind a fresh proof, in one form, and verified by nobody.

use safeconduct_protocol::{claims::PersonClaims, ids::UserId};
use serde_json::{Value, json};

use crate::account::form;
use crate::support::{Answer, Browser, TestServer};

const PAGE: &str = "/account/phone";
const TITLE: &str = "Phone number – Safeconduct";

impl TestServer {
    async fn claims_of(&self, user: &UserId) -> PersonClaims {
        let known = self.store().user(user).await.unwrap();
        known.unwrap().claims
    }
}

async fn enter(browser: &mut Browser<'_>, page: &Answer, number: &str) -> Answer {
    let form = form(page, &[("phone_number", number)]);
    browser.post(PAGE, &form).await
}

/// Attacks: PE70.
#[tokio::test]
async fn a_number_is_kept_in_one_form_and_apps_are_told_that_nobody_verified_it() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let user = server.user("ada").await;
    let known = server.store().user(&user).await.unwrap().unwrap();
    let mut claims = known.claims;
    for (claim, value) in [
        ("phone_number", json!("+15550100")),
        ("phone_number_verified", json!(true)),
    ] {
        claims.set(claim, value).unwrap();
    }
    let store = server.store();
    let set = store.update_claims(&user, known.updated_at, &claims, None, server.now());
    assert!(set.await.unwrap());

    let page = ada.open(PAGE).await;
    assert_eq!(page.title(), TITLE);
    let number = |claims: &PersonClaims| {
        let of = |claim| claims.claim(claim).cloned().unwrap_or(Value::Null);
        (of("phone_number"), of("phone_number_verified"))
    };
    let same = enter(&mut ada, &page, "+1 555 0100").await;
    assert_eq!(same.to_string(), "303 /account");
    assert_eq!(
        number(&server.claims_of(&user).await),
        (json!("+15550100"), json!(true)),
        "what was made sure of stays where nothing changes"
    );
    let answer = enter(&mut ada, &page, "+44 (0)20 7946-0000").await;
    assert_eq!(answer.to_string(), "303 /account");
    assert_eq!(
        number(&server.claims_of(&user).await),
        (json!("+442079460000"), json!(false))
    );
    for unfit in ["020 7946 0000", "+44 FLOWERS", &"+4".repeat(5_000)] {
        let answer = enter(&mut ada, &page, unfit).await;
        assert_eq!(answer.status, 400, "{unfit:.20}");
        assert!(!answer.body.contains(&"+4".repeat(33)), "it is cut");
    }
    let answer = enter(&mut ada, &page, " ").await;
    assert_eq!(answer.to_string(), "303 /account");
    let none = (Value::Null, Value::Null);
    assert_eq!(number(&server.claims_of(&user).await), none);
    assert_eq!(
        server
            .store()
            .events(None, 1000)
            .await
            .unwrap()
            .iter()
            .filter(|event| event.kind == "claims-updated")
            .count(),
        3
    );
}

/// Attacks: PE70.
#[tokio::test]
async fn a_number_is_changed_by_who_has_just_proved_who_they_are_and_by_no_other_site() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let user = server.user("ada").await;
    let before = server.claims_of(&user).await;
    let page = ada.open(PAGE).await;
    let wanted = form(&page, &[("phone_number", "+442079460000")]);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let answer = ada.post_from(PAGE, &wanted, &elsewhere).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    ada.post(PAGE, &wanted.clone().without("csrf")).await;
    server.advance(301);
    let asked = ada.open(PAGE).await;
    assert_ne!(asked.title(), TITLE);
    ada.post(PAGE, &wanted).await;
    assert_eq!(server.claims_of(&user).await, before);
}
