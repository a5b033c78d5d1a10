//! What a user changes of how they sign in, on the account page, and what that is proved by.

use safeconduct_server::settings::SecondFactor;
use safeconduct_testing_passkey::Device;

use crate::account;
use crate::second_factor::{
    ASKED, App, CODES, SET_UP_APP, between, enrolled, events, recovery_codes, start,
};
use crate::support::{Answer, Browser, Form, ISSUER, TestServer};

const SECURITY: &str = "200 page “How you sign in – Safeconduct”";
const ENROL_AGAIN: &str = "400 page “Error: Set up an authenticator app – Safeconduct”";
const AGAIN: &str = "200 page “Confirm it’s you – Safeconduct”";
const AUTHENTICATOR: &str = "/account/security/authenticator";
const REMOVE: &str = "/account/security/authenticator/remove";
const CODES_FORM: &str = "/account/security/recovery-codes";
const SESSIONS: &str = "Where you are signed in – Safeconduct";
const NO_CODE: &str = "400 page “Error: Enter your code – Safeconduct”";

/// Attacks: PE38.
#[tokio::test]
async fn a_recovery_code_signs_in_and_changes_nothing_of_the_account() {
    let (server, app) = enrolled().await;
    server.sign_in_with_code("ada", &app).await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.recovery_code_typed(&page, &app.recovery_codes[0]).await;
    assert!(ada.follow(answer).await.has_code());

    let page = ada.open("/account/sessions").await;
    assert_eq!(page.title(), SESSIONS, "it is enough to look");
    let form = account::form(&page, &[]);
    let answer = ada.post("/account/sessions/end-others", &form).await;
    let asked = ada.follow(answer).await;
    assert_eq!(asked.to_string(), ASKED);
    assert!(!asked.body.contains("recovery-code"), "{asked:?}");
    let refused = ada
        .recovery_code_typed(&asked, &app.recovery_codes[1])
        .await;
    assert_eq!(refused.to_string(), NO_CODE);
    assert_eq!(events(&server, "recovery-code-used").await, 1);
    assert_eq!(server.sessions("ada").await.len(), 3);

    server.advance(90);
    let answer = ada.code_typed(&asked, &app.code(&server)).await;
    let page = ada.follow(answer).await;
    assert_eq!(page.title(), SESSIONS);
    assert!(page.body.contains("Nothing has changed yet"), "{page:?}");
    let form = account::form(&page, &[]);
    ada.post("/account/sessions/end-others", &form).await;
    assert_eq!(server.sessions("ada").await.len(), 1);
}

impl Browser<'_> {
    async fn security(&mut self) -> Answer {
        let page = self.open("/account/security").await;
        assert_eq!(page.to_string(), SECURITY);
        page
    }

    /// Types the code on the account page that sets an app up; the answer to the form itself.
    async fn confirm_here(&mut self, page: &Answer, code: &str) -> Answer {
        let form = Form::new()
            .with("csrf", &page.hidden("csrf"))
            .with("enrolment", &page.hidden("enrolment"))
            .with("code", code);
        self.post(AUTHENTICATOR, &form).await
    }
}

async fn recovery_codes_left(server: &TestServer) -> u64 {
    let user = server.user("ada").await;
    let app = server.server().store().otp(&user).await.unwrap();
    app.map_or(0, |app| app.recovery_codes)
}

#[tokio::test]
async fn an_authenticator_app_is_added_and_taken_away_on_the_account_page() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.decline("ada").await;
    let page = ada.security().await;
    assert!(page.body.contains("id=\"add-authenticator\""), "{page:?}");
    let page = ada.open(AUTHENTICATOR).await;
    assert_eq!(page.to_string(), SET_UP_APP);
    let app = App::scanned(&page);
    let before = ada.session();
    let wrong = ada.confirm_here(&page, &app.wrong_code(&server)).await;
    assert_eq!(wrong.to_string(), ENROL_AGAIN);
    let done = ada.confirm_here(&page, &app.code(&server)).await;
    assert_eq!(done.to_string(), CODES);
    assert_eq!(recovery_codes(&done).len(), 10);
    assert_ne!(ada.session(), before);
    let on = between(&done.body, "id=\"recovery-codes-saved\" href=\"", "\"");
    let page = ada.open(on).await;
    assert_eq!(page.to_string(), SECURITY);
    assert!(page.body.contains("10 recovery codes are left"), "{page:?}");
    // There is one: none is set up beside it.
    assert_eq!(ada.open(AUTHENTICATOR).await.to_string(), SECURITY);

    let form = account::form(&page, &[]);
    let answer = ada.post(REMOVE, &form).await;
    let page = ada.follow(answer).await;
    assert!(page.body.contains("id=\"add-authenticator\""), "{page:?}");
    assert_eq!(events(&server, "second-factor-removed").await, 1);
    let again = ada.post(REMOVE, &form).await;
    assert_eq!(ada.follow(again).await.to_string(), SECURITY);
    assert!(server.sign_in("ada").await.session() != ada.session());
}

#[tokio::test]
async fn what_is_demanded_is_not_taken_away() {
    let (server, app) = enrolled().await;
    let mut ada = server.sign_in_with_code("ada", &app).await;
    let page = ada.security().await;
    assert!(
        !page.body.contains("id=\"remove-authenticator\""),
        "{page:?}"
    );
    assert!(
        page.body.contains("id=\"authenticator-demanded\""),
        "{page:?}"
    );
    let form = account::form(&page, &[]);
    let answer = ada.post(REMOVE, &form).await;
    assert_eq!(ada.follow(answer).await.to_string(), SECURITY);
    assert_eq!(events(&server, "second-factor-removed").await, 0);
}

#[tokio::test]
async fn what_a_passkey_stands_in_for_is_taken_away() {
    let (server, app) = enrolled().await;
    let mut ada = server.sign_in_with_code("ada", &app).await;
    let device = Device::manager(ISSUER);
    let (passkey, added) = ada.add_passkey(&device).await;
    assert_eq!(added.to_string(), "303 /account/passkeys");
    ada.prove_again(&device, &passkey).await;
    let page = ada.security().await;
    assert!(
        page.body.contains("id=\"remove-authenticator\""),
        "{page:?}"
    );
    ada.post(REMOVE, &account::form(&page, &[])).await;
    assert_eq!(events(&server, "second-factor-removed").await, 1);

    // The other way round it stays.
    let list = ada.open("/account/passkeys").await;
    let form = account::form(&list, &[("passkey", &passkey.name())]);
    let refused = ada.post("/account/passkeys/remove", &form).await;
    assert_eq!(refused.to_string(), "400 page “Passkeys – Safeconduct”");
    assert_eq!(events(&server, "passkey-removed").await, 0);
}

/// Attacks: PE37.
#[tokio::test]
async fn a_new_set_of_recovery_codes_kills_the_old_one() {
    let (server, app) = enrolled().await;
    let mut ada = server.sign_in_with_code("ada", &app).await;
    let page = ada.security().await;
    let made = ada.post(CODES_FORM, &account::form(&page, &[])).await;
    assert_eq!(made.to_string(), CODES);
    let codes = recovery_codes(&made);
    assert_eq!(codes.len(), 10);
    let mut elsewhere = server.browser();
    let page = elsewhere.asked_for_code().await;
    let old = elsewhere.recovery_code_typed(&page, &app.recovery_codes[0]);
    assert_eq!(old.await.status, 400);
    for code in &codes[..7] {
        let mut elsewhere = server.browser();
        let page = elsewhere.asked_for_code().await;
        let answer = elsewhere.recovery_code_typed(&page, code).await;
        assert!(elsewhere.follow(answer).await.has_code());
    }
    let page = ada.security().await;
    assert!(page.body.contains("id=\"few-recovery-codes\""), "{page:?}");
    assert!(page.body.contains("3 recovery codes are left"), "{page:?}");
}

/// Attacks: PE70.
#[tokio::test]
async fn each_change_wants_a_form_of_this_session_and_a_fresh_proof() {
    let (server, app) = enrolled().await;
    let mut ada = server.sign_in_with_code("ada", &app).await;
    let page = ada.security().await;
    let right = account::form(&page, &[]);
    server.advance(60);
    let mut elsewhere = server.sign_in_with_code("ada", &app).await;
    let theirs = account::form(&elsewhere.security().await, &[]);
    let sites = [("sec-fetch-site", "cross-site")];
    for path in [REMOVE, CODES_FORM, AUTHENTICATOR] {
        let answer = ada.post_from(path, &right, &sites).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        for stale in [theirs.clone(), right.clone().without("csrf")] {
            let answer = ada.post(path, &stale).await;
            assert_eq!(ada.follow(answer).await.to_string(), SECURITY, "{path}");
        }
    }
    server.advance(301);
    for path in [REMOVE, CODES_FORM, AUTHENTICATOR] {
        let answer = ada.post(path, &right).await;
        assert_eq!(ada.follow(answer).await.to_string(), AGAIN, "{path}");
    }
    assert_eq!(ada.open(AUTHENTICATOR).await.to_string(), AGAIN);
    assert_eq!(events(&server, "recovery-codes-made").await, 0);
    assert_eq!(events(&server, "second-factor-removed").await, 0);
    assert_eq!(recovery_codes_left(&server).await, 10);
}

#[tokio::test]
async fn an_enrolment_of_another_session_is_none_here() {
    let server = start(SecondFactor::Offered).await;
    let mut ada = server.decline("ada").await;
    let mut bob = server.decline("bob").await;
    let theirs = bob.open(AUTHENTICATOR).await;
    let page = ada.open(AUTHENTICATOR).await;
    let form = Form::new()
        .with("csrf", &page.hidden("csrf"))
        .with("enrolment", &theirs.hidden("enrolment"))
        .with("code", &App::scanned(&theirs).code(&server));
    assert_eq!(
        ada.post(AUTHENTICATOR, &form).await.to_string(),
        ENROL_AGAIN
    );
    assert_eq!(events(&server, "second-factor-added").await, 0);
}

#[tokio::test]
async fn where_apps_are_switched_off_none_is_added() {
    let server = TestServer::start().await;
    let mut ada = server.sign_in("ada").await;
    let page = ada.security().await;
    assert!(!page.body.contains("id=\"add-authenticator\""), "{page:?}");
    assert_eq!(ada.open(AUTHENTICATOR).await.to_string(), SECURITY);
}
