//! What a user is offered after a sign-in with a password alone: once, and never in the way of anything else.

use safeconduct_server::settings::SecondFactor;

use crate::second_factor::{App, CODES, SET_UP_APP, between, recovery_codes, start};
use crate::support::{Answer, Ask, Browser, Form, TestServer};

const OFFER: &str = "200 page “Make your account safer – Safeconduct”";

impl Browser<'_> {
    async fn answer_offer(&mut self, page: &Answer, decision: &str) -> Answer {
        assert_eq!(page.to_string(), OFFER);
        let form = Form::new()
            .with("pending", &page.hidden("pending"))
            .with("decision", decision);
        let answer = self.post("/login/offer", &form).await;
        self.follow(answer).await
    }
}

impl TestServer {
    /// A browser in which `user` is signed in, and has said *Not now* to what was offered.
    pub(crate) async fn decline(&self, user: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let page = browser.authorize(&Ask::of("portal")).await;
        let page = browser.sign_in(&page, user).await;
        assert!(browser.answer_offer(&page, "not-now").await.has_code());
        browser
    }
}

#[tokio::test]
async fn who_says_not_now_is_not_asked_again_in_any_browser() {
    let server = start(SecondFactor::Offered).await;
    let ask = Ask::of("portal");
    let mut ada = server.browser();
    let page = ada.authorize(&ask).await;
    let page = ada.sign_in(&page, "ada").await;
    for nonsense in ["", "passkey", "never"] {
        let page = ada.answer_offer(&page, nonsense).await;
        assert_eq!(page.to_string(), OFFER, "{nonsense}: the rule decides");
    }
    assert!(
        ada.authorize(&ask).await.has_code(),
        "who is signed in is not held up"
    );
    assert!(ada.answer_offer(&page, "not-now").await.has_code());
    assert!(server.sign_in("ada").await.authorize(&ask).await.has_code());
    let mut bob = server.browser();
    let page = bob.authorize(&ask).await;
    assert_eq!(bob.sign_in(&page, "bob").await.to_string(), OFFER);
}

#[tokio::test]
async fn an_app_is_set_up_by_an_offer_and_the_way_goes_on() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.browser();
    let page = ada.authorize(&Ask::of("portal")).await;
    let page = ada.sign_in(&page, "ada").await;
    let page = ada.answer_offer(&page, "otp").await;
    assert_eq!(page.to_string(), SET_UP_APP);
    assert!(page.body.contains("id=\"offer-not-now\""), "{page:?}");
    let app = App::scanned(&page);
    let done = ada.confirm(&page, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    assert_eq!(recovery_codes(&done).len(), 10);
    let on = between(&done.body, "id=\"recovery-codes-saved\" href=\"", "\"");
    assert!(ada.open(on).await.has_code());
}

#[tokio::test]
async fn nothing_is_offered_on_the_way_to_the_account_pages_nor_where_all_is_off() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.browser();
    let page = ada.open("/account").await;
    let page = ada.sign_in(&page, "ada").await;
    assert_eq!(page.title(), "Your account – Safeconduct");
    let server = start(SecondFactor::Off).await;
    server.sign_in("ada").await;
}
